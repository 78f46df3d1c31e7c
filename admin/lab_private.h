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
 *   lab_control.c    its life: the control socket, and what becomes of children that end */

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

/* lab.json: what tools and people may want to know while it runs. */
int lab_write_state(const struct lab *lab, struct error *err);

#endif
