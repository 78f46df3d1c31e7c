#ifndef BRAMBLE_SIMULATOR_LIFE_H
#define BRAMBLE_SIMULATOR_LIFE_H

#include "base/io/history.h"
#include "simulator/control.h"

/* How a simulated server lives: it is told its faults, serves its control socket, says that it is ready, runs until SIGTERM, SIGINT or
 * the verb shutdown, and ends once its last connection is gone. */
struct sim_served {
	void *server;
	struct faults *faults;
	const struct sim_fault_words *words;            /* set at once */
	const char *control;                            /* path of the control socket; NULL: none */
	const struct control_verb *verbs;               /* of the server; ctx is the server */
	struct trail *trail;                            /* for the verb trail; NULL: none is kept */
	struct trail *records;                          /* what its history hears; NULL: trail's entries, if there is one */
	struct history_settings history;
	history_count_fn *count;                        /* what it holds, for marks of the history; ctx is the server. NULL: nothing */
	const char *shutdown_help;
	void (*shutdown)(void *server, loop_fn *done, void *arg);
};

/* The loop on which all of it lives; descriptors are raised. manual: its clock stands at clock_ms. */
struct loop *sim_life_loop(bool manual, uint64_t clock_ms);
/* Returns when it is over; ready: what the log says, behind "ready ". Ends the process when a word or the socket is no good. */
void sim_life_run(struct loop *loop, const struct sim_served *served, const char *ready);

#endif
