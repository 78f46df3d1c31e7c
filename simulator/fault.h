#ifndef BRAMBLE_SIMULATOR_FAULT_H
#define BRAMBLE_SIMULATOR_FAULT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"

/* Misbehaviour on demand, in the same words for every simulated system, on the command line and over the control socket:
 *
 *   ACTION[=VALUE][,WHOM=NAME][,on=KIND][,nth=N][,count=N][,chance=PERCENT][,after=TIME][,for=TIME]
 *
 *   delay=MS       leaves so late; what comes after it to the same peer waits behind it
 *   drop           never leaves
 *   duplicate[=N]  leaves N times more [1]
 *   reorder        changes places with the next one to the same peer
 *   garble[=N]     N bytes of it are changed [1], at places that are the same each time; with a seed one bit of each, anywhere
 *   split[=N]      leaves in pieces of N bytes [1], each in a write of its own
 *   refuse=CODE    a request is answered with this code and not carried out
 *   half-close     leaves, and then we say that nothing more will come
 *   close          instead of it the connection is closed without a word
 *   half-open      from it on nothing leaves and nothing is read, and the connection stays; when the fault is over it is cut
 *
 * WHOM is user or pin, by the system: only what is for this one. on: only what is of this kind, or "all"; left out: of every usual
 * kind (half-open: of any). nth: every N-th time [1]. count: so many times [until cleared]. chance: of those only so many
 * in a hundred, drawn [all]. after, for: counts and happens only from
 * so long after it was set, and for so long [at once, until cleared].
 *
 * This is the decision, without socket and clock: times are arguments, in milliseconds of any clock that does not go back.
 * fault_outlet.h and fault_hole.h carry it out. Format: ours; docs/faults.md. */
enum fault_action {
	FAULT_NONE, FAULT_DELAY, FAULT_DROP, FAULT_DUPLICATE, FAULT_REORDER, FAULT_GARBLE, FAULT_SPLIT, FAULT_REFUSE,
	FAULT_HALF_CLOSE, FAULT_CLOSE, FAULT_HALF_OPEN,
};
const char *fault_action_name(enum fault_action action);        /* "half-close" */

#define FAULTS_MAX 256
#define FAULT_EVENT "event"             /* what a server says unasked, as on= names it */

struct fault {
	enum fault_action action;
	uint32_t value;
	uint32_t place;                 /* of garble, with a seed: where; 0: the usual places */
	uint64_t until_ms;              /* when its time is over; UINT64_MAX: when it is cleared */
};

/* What a simulated system knows; it says which names, kinds and codes are good. */
struct fault_terms {
	const char *whom;                       /* "user" */
	const char *where;                      /* "in this world": there is no user x in this world */
	bool (*is_whom)(void *ctx, const char *name);
	bool (*is_kind)(void *ctx, const char *name);
	const char *const *special;             /* kinds that happen only when on= names them, and to half-open; ends with NULL */
	const char *kind_noun, *kind_help;      /* "request", "event and all": there is no request x; on= also takes event and all */
	/* Does the action make sense for this kind (NULL: left out)? -1 with a sentence; may be NULL. */
	int (*suits)(void *ctx, enum fault_action action, const char *kind, struct error *err);
	int (*parse_code)(const char *text, uint32_t *out);      /* of refuse= */
	const char *code_help;                  /* "a result code in hex such as D123" */
	void *ctx;
};

/* suits of a server: what it says unasked cannot be refused, and ends nothing. */
int fault_suits_server(void *ctx, enum fault_action action, const char *kind, struct error *err);

/* The faults that are set. */
struct faults;
struct trail;
struct faults *faults_new(const struct fault_terms *terms);
void faults_free(struct faults **faults);
/* What is drawn (chance=, the places of garble) is the same for the same seed and the same order of events. 0: places are not drawn. */
void faults_seed(struct faults *faults, uint32_t seed);
/* -1 with a sentence that says what is accepted. */
int faults_add(struct faults *faults, const char *word, uint64_t now_ms, struct error *err);
void faults_clear(struct faults *faults);
/* Its history hears of each word that is set from here on, and when all are cleared by request. */
void faults_record(struct faults *faults, struct trail *trail);
bool faults_any(const struct faults *faults);       /* false for NULL: the quick way past all this */
/* What befalls the next thing of this kind for this one: the first fault that is due counts down, the others only count that it came.
 * FAULT_NONE mostly. */
struct fault faults_next(struct faults *faults, uint64_t now_ms, const char *whom, const char *kind);

/* A list of word, seen, done, left (with count=), in_ms (until after= is over) and left_ms (with for=). A new reference. */
json_t *faults_json(const struct faults *faults, uint64_t now_ms);
void faults_text(const struct faults *faults, uint64_t now_ms, struct buf *out);       /* the same for people, a line each */

/* Who must know when faults are cleared: called once, and not listening any more by then. The owner keeps the struct. */
struct fault_listener {
	void (*cleared)(void *arg);
	void *arg;
	struct fault_listener *next, **at;      /* at: NULL when it does not listen */
};
void faults_listen(struct faults *faults, struct fault_listener *listener);
void faults_unlisten(struct fault_listener *listener);

#endif
