#ifndef BRAMBLE_BASE_TRAIL_H
#define BRAMBLE_BASE_TRAIL_H

#include <jansson.h>

#include "base/bytes.h"

/* The last events of a process in a ring of fixed size: what happened to a message or a session at which step, so that one
 * login can be told from end to end by asking each process. Noting costs no allocation and no formatting. */
struct trail;
struct loop;

struct trail_entry {
	uint64_t seq;               /* set by trail_note: counts up from 1 */
	uint64_t at_us;             /* set by trail_note: loop_real_us() */
	uint64_t virtual_ms;        /* set by trail_note: a manual clock's time; 0: the clock runs by itself */
	const char *event;          /* a literal: "forward", "opened", "admit" */
	uint32_t pin;               /* 0: none */
	uint32_t transaction;       /* the envelope's message id; 0: none */
	struct {
		const char *name;   /* literals; the first NULL ends them */
		uint64_t value;
	} numbers[12];
	char text[256];             /* further "key=value key=value", may be empty */
};

struct trail *trail_new(unsigned entries);
void trail_free(struct trail **trail);
/* Entries carry this loop's time too, while its clock is manual. */
void trail_set_clock(struct trail *trail, const struct loop *loop);
void trail_note(struct trail *trail, const struct trail_entry *entry);     /* trail NULL: does nothing */
void trail_text(struct trail_entry *entry, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* For what happens too often for the ring: goes to who listens alone, and nowhere when nobody does (ask trail_is_heard before an entry
 * is made of it: that is some 500 bytes to fill). */
void trail_record(struct trail *trail, const struct trail_entry *entry);
/* Somebody listens (trail_listen): worth making entries for trail_record. trail NULL: no. */
bool trail_is_heard(const struct trail *trail);
/* fn gets every entry, noted or recorded, with its time; its seq is 0 when it is only recorded. One at a time; NULL: nobody. */
typedef void trail_heard_fn(void *ctx, const struct trail_entry *entry);
void trail_listen(struct trail *trail, trail_heard_fn *fn, void *ctx);
/* What the verb trail shows of one entry. The caller owns it. */
json_t *trail_entry_json(const struct trail_entry *entry);

/* The value of key=value in an entry's text as trail_text was given it, quotes of log_str taken off; a key inside a quoted value is none.
 * Written into `into` (cut to its size), which is returned: "" when there is none. Takes any bytes. */
const char *trail_value(const char *text, const char *key, char *into, size_t size);

/* The entries after seq, oldest first, at most max, of one pin (0: all): an array of objects. The caller owns it. */
json_t *trail_json(const struct trail *trail, uint64_t after_seq, uint32_t pin, unsigned max);
uint64_t trail_last(const struct trail *trail);

#endif
