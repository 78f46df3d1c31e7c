#ifndef BRAMBLE_ADMIN_LAB_PRIVATE_H
#define BRAMBLE_ADMIN_LAB_PRIVATE_H

#include <limits.h>
#include <signal.h>

#include "admin/lab.h"
#include "admin/lab_plan.h"
#include "admin/lab_process.h"
#include "admin/place.h"

/* What the files of one lab share; nobody else includes it.
 *   lab.c            one lab per folder, start and end
 *   lab_children.c   how each process is started, and when it is ready
 *   lab_control.c    its life: the control socket, and what becomes of children that end
 *   lab_history.c    what its history says */

struct lab {
	char dir[PATH_MAX];
	char programs[PATH_MAX];
	int lock;
	int signals;
	sigset_t old_mask;
	struct lab_notify notify;
	struct place place;
	struct lab_plan plan;
	struct lab_options options;
	enum lab_backend backend;
	uint64_t began_us;                              /* loop_real_us() before the first process was started */
	size_t count;                                   /* processes that this lab has, in the order they are started */
	struct lab_process processes[LAB_ROLES];
	enum lab_role roles[LAB_ROLES];                 /* of each */
	char sockets[LAB_ROLES][PATH_MAX];
};

/* clock: "--clock=manual:MS" for a process that joins others; NULL: as the lab was started. */
int lab_child_start(struct lab *lab, size_t which, const char *clock, struct error *err);
/* -1 when the start must be given up: it ended, a signal came, or the time is over. */
int lab_child_wait_ready(struct lab *lab, size_t which, int *status, struct error *err);
/* Ready means that a process listens; the pipeline is there when those that dial have been accepted. */
int lab_child_wait_linked(struct lab *lab, size_t which, int *status, struct error *err);

struct loop;

/* Where all processes of the lab write their histories, as an absolute path; NULL: nowhere. The caller frees it. */
char *lab_history_path(const struct lab *lab);
/* The same, where it is a folder, which has room for the files of those that join the lab; NULL: a file, or nowhere. */
char *lab_history_folder(const struct lab *lab);

/* The lab's own history (lab-PID.jsonl): how it was started, and what was done to its processes. Nothing when it has no folder for one.
 * NULL with a sentence. */
struct lab_history;
struct lab_history *lab_history_new(const struct lab *lab, struct loop *loop, struct error *err);
void lab_history_free(struct lab_history **history);
void lab_history_note(struct lab_history *history, const char *event, const char *process);     /* "lab.kill", "collab" */

/* lab.json: what tools and people may want to know while it runs. */
int lab_write_state(const struct lab *lab, struct error *err);

#endif
