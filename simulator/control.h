#ifndef BRAMBLE_SIMULATOR_CONTROL_H
#define BRAMBLE_SIMULATOR_CONTROL_H

#include "base/io/control_server.h"
#include "base/io/loop.h"
#include "simulator/fault.h"

/* What every simulated system takes on its command line and serves on its control socket in the same way: its faults and its clock. */

/* The options --fault, in their order; they are set when the system is there. */
struct sim_fault_words {
	const char *words[FAULTS_MAX];
	size_t count;
};
/* -1 with a sentence. The word is borrowed. */
int sim_fault_word(struct sim_fault_words *words, const char *word, struct error *err);
int sim_fault_words_set(const struct sim_fault_words *words, struct faults *faults, uint64_t now_ms, struct error *err);

/* A control socket with the clock verbs, fault, fault.list and fault.clear; add the system's own. */
struct sim_control;
/* NULL with a sentence. */
struct sim_control *sim_control_new(struct loop *loop, const char *path, struct faults *faults, struct error *err);
void sim_control_add(struct sim_control *control, const struct control_verb *verbs, void *ctx);
void sim_control_free(struct sim_control **control);    /* the socket is gone; NULL inside is fine */

#endif
