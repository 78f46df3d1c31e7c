#ifndef BRAMBLE_ADMIN_LAB_PROCESS_H
#define BRAMBLE_ADMIN_LAB_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* One child of the lab: a program of ours that says when it is ready, and that ends when its parent does. */
struct lab_process {
	const char *name;           /* "router": names its log and, with .sock, its control socket */
	pid_t pid;                  /* 0: not started, or gone */
	int pidfd;
	bool is_ready;
	int status;                 /* as waitpid gives it, once it is gone */
	long log_start;             /* where this life's lines begin in its log */
	char log[4200];
};

/* Where children say that they are ready: an abstract datagram socket, so that nothing is left behind. */
struct lab_notify {
	int fd;
	char address[128];          /* "@00012", for NOTIFY_SOCKET */
};
int lab_notify_open(struct lab_notify *notify, struct error *err);
void lab_notify_close(struct lab_notify *notify);

/* The folder of the running program: the others are beside it. */
int lab_programs(char *folder, size_t size, struct error *err);

/* Starts argv[0] (a path) with its output going to process->log. */
int lab_process_start(struct lab_process *process, const char *const *argv, const struct lab_notify *notify, struct error *err);

/* Takes one "ready" off the socket, if there is one, and marks the process it came from. */
void lab_notify_take(const struct lab_notify *notify, struct lab_process *processes, size_t count);

/* Has it ended? Then pid is 0 and status is set. */
bool lab_process_ended(struct lab_process *process);

/* "router ended with exit status 4: ..." with the last line of its log; status is the one that fits for us. */
void lab_process_why(const struct lab_process *process, int *status, struct error *err);

/* Ends all, the last one first: SIGTERM, and SIGKILL for those that are there when grace_ms (for all together) are over.
 * Returns when all are gone. */
void lab_processes_end(struct lab_process *processes, size_t count, unsigned grace_ms);

#endif
