#ifndef BRAMBLE_BASE_CONFINE_H
#define BRAMBLE_BASE_CONFINE_H

#include <stdbool.h>

#include "base/error.h"

/* A process gives up what it will not need any more, for good: the kernel refuses it from then on, whatever runs in the process.
 *
 * What is left is said by a list of paths (Landlock) and by rights, which choose the system calls (seccomp). Nobody may run a program, make
 * another process, look into one or send it a signal, whatever the rights; memory that can be written cannot be run. What was
 * open before stays open. What is refused is refused with EPERM (system calls) or EACCES (paths).
 *
 * Both bind the calling thread and those that it starts: enter before there are others. Built with a sanitizer, the process keeps what the
 * search for leaks at its end takes (ptrace of itself, reading /proc and its own program).
 * Source: ours */
struct confine;

enum confine_right {
	CONFINE_FILES = 1,      /* files of the paths below may be opened, made and removed, libraries loaded; else no file at all */
	CONFINE_SOCKETS = 2,    /* sockets may be made, to dial and to listen; else only those that are open or accepted are used */
};

enum confine_how { CONFINE_NO, CONFINE_YES, CONFINE_REQUIRED };
extern const char *const confine_choices[];    /* in the order of the enum, NULL at the end */

/* What came into force. */
struct confined {
	bool seccomp;
	int landlock;           /* the kernel's version of it; 0: not */
};

struct confine *confine_new(void);
void confine_free(struct confine **confine);

/* A file, or a folder with all that is in it. NULL, "" and what does not exist are left out. */
void confine_read(struct confine *confine, const char *path);
void confine_write(struct confine *confine, const char *path);
/* The folder that a file lies in: the file may be replaced by another of its name, or not be there yet. */
void confine_read_beside(struct confine *confine, const char *file);
void confine_write_beside(struct confine *confine, const char *file);
/* What libraries read by themselves: configuration of the machine in /etc, libraries, time zones, name service. */
void confine_read_system(struct confine *confine);

/* Gives up the rest. CONFINE_YES: as much of it as the kernel knows; CONFINE_REQUIRED: all of it, or -1 with a sentence. CONFINE_NO does
 * nothing. -1 as well when the kernel knows a part and still did not take it. */
int confine_enter(struct confine *confine, unsigned rights, enum confine_how how, struct confined *out, struct error *err);

#endif
