#ifndef BRAMBLE_SIMULATOR_FAULT_H
#define BRAMBLE_SIMULATOR_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/control.h"
#include "base/error.h"
#include "base/io/loop.h"

/* Misbehaviour on demand, in the same words for every simulated system, on the command line and over the control socket:
 *
 *   ACTION[=VALUE][,user=NAME][,on=KIND][,nth=N][,count=N]
 *
 *   delay=MS      leaves so late; what comes after it to the same peer waits behind it
 *   drop          never leaves
 *   garble[=N]    N bytes of it are changed [1], at places that are the same each time
 *   split[=N]     leaves in pieces of N bytes [1], each in a write of its own
 *   refuse=CODE   a request is answered with this code and not carried out
 *   half-close    leaves, and then we say that nothing more will come
 *   close         instead of it the connection is closed without a word
 *
 * user: only what is for this user. on: only what answers this kind of request, or "event" for what is said unasked, or "all";
 * left out: answers of every kind. nth: every N-th time [1]. count: so many times [until cleared].
 * Format: ours; docs/faults.md. */
enum fault_action {
	FAULT_NONE, FAULT_DELAY, FAULT_DROP, FAULT_GARBLE, FAULT_SPLIT, FAULT_REFUSE, FAULT_HALF_CLOSE, FAULT_CLOSE
};

#define FAULTS_MAX 256
#define FAULT_EVENT "event"

struct fault {
	enum fault_action action;
	uint32_t value;
};

/* What a simulated system knows; it says which names and codes are good. */
struct fault_terms {
	bool (*is_user)(void *ctx, const char *name);
	bool (*is_kind)(void *ctx, const char *name);
	int (*parse_code)(const char *text, uint32_t *out);
	const char *code_help;          /* "a result code in hex such as D123" */
	void *ctx;
};

/* The faults that are set. */
struct faults;
struct faults *faults_new(const struct fault_terms *terms);
void faults_free(struct faults **faults);
/* -1 with a sentence that says what is accepted. */
int faults_add(struct faults *faults, const char *word, struct error *err);
void faults_clear(struct faults *faults);
/* What befalls the next thing of this kind for this user: the first fault that is due counts down, the others only count
 * that it came. FAULT_NONE mostly. */
struct fault faults_next(struct faults *faults, const char *user, const char *kind);

/* fault, fault.list, fault.clear; ctx is the struct faults. */
extern const struct control_verb fault_verbs[];

/* Where one peer's messages pass on their way out. */
struct fault_outlet;
typedef void fault_send_fn(void *arg, struct bytes message);    /* one write */
struct fault_outlet *fault_outlet_new(struct loop *loop, fault_send_fn *send, void *arg);
void fault_outlet_free(struct fault_outlet **outlet);           /* what still waits is lost; NULL inside is fine */
/* delay, drop, garble and split are done here; the other actions are the caller's, and the message leaves as it is. */
void fault_outlet_send(struct fault_outlet *outlet, struct fault fault, struct bytes message);

#endif
