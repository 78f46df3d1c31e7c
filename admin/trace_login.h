#ifndef BRAMBLE_ADMIN_TRACE_LOGIN_H
#define BRAMBLE_ADMIN_TRACE_LOGIN_H

#include <stdbool.h>

#include "admin/trace_source.h"

/* One login as a source knows it: which entries are its own. For the files that tell it as steps; nobody else includes this.
 *   trace_login.c     finds the entries
 *   trace_steps.c     the numbered steps of the vendor's flow
 *   trace_backend.c   of these the fifth: at the IM server
 *   trace_outcome.c   what became of the session */

enum { TRACE_VALUE_MAX = 200, TRACE_DETAIL_MAX = 320 };
struct trace_value { char text[TRACE_VALUE_MAX]; };

struct trace_login {
	const struct trace_source *source;
	char id[32];
	const char *pin;
	json_int_t transaction;
	/* Of the trails; NULL: not there (any more). */
	const json_t *up, *opened, *login, *admit, *connect, *backend, *answer, *sealed, *delivered;
	bool is_admit_stored, is_answer_stored;        /* these two are the database's */
	json_int_t from_us;                            /* when it began; 0: not known */
	const json_t *row;                             /* its session, live or ended */
	bool is_live;
	json_t *steps, *evicted, *events, *notes;
};

/* Of an entry of a trail, a row of the database's event trail, or a line of a device: "" and 0 when it is not there. */
const char *trace_text(const json_t *object, const char *name);
json_int_t trace_member(const json_t *object, const char *name);
/* The value of key= in its words. */
const char *trace_word(const json_t *entry, const char *key, struct trace_value *into);
/* A row of the database has its numbers in the text, before all else. */
long long trace_number(const json_t *entry, const char *key);

/* Fills in which entries are those of l->pin and l->transaction. */
void trace_login_find(struct trace_login *l);
bool trace_is_of(const struct trace_login *l, const json_t *entry, const char *event);
const json_t *trace_last_stored(const struct trace_login *l, const char *event);
/* Where the service itself noted that it ended the session; NULL: another service's session, or forgotten. */
const json_t *trace_end_of(const struct trace_login *l, json_int_t session, bool *is_stored);

/* Where a step is known from. */
struct trace_origin { const char *process; const json_t *entry; bool is_stored, is_device; };
json_t *trace_happening(const char *what, struct trace_origin from, const char *detail);
struct trace_origin trace_of(enum trace_process process, const json_t *entry);
struct trace_origin trace_stored_or(const json_t *entry, bool is_stored);        /* of collab */
void trace_step(struct trace_login *l, int number_of_step, const char *what, struct trace_origin from, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

void trace_steps_backend(struct trace_login *l);
void trace_note_gaps(struct trace_login *l);
json_t *trace_session(struct trace_login *l);

#endif
