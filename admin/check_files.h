#ifndef BRAMBLE_ADMIN_CHECK_FILES_H
#define BRAMBLE_ADMIN_CHECK_FILES_H

#include "admin/check_entry.h"

/* Histories of several processes as one, in the order of their real times. Each file is read once from front to back, a line at a time. */
struct check_files;

/* One life of a process: from a history.begin to what follows. They live as long as the files. */
struct check_process {
	struct check_process *next;
	const char *file;           /* its name without the folder */
	char name[64];
	uint64_t pid;
	char boot[64];
	bool manual;                /* its clock was moved by hand at the beginning */
	bool ended, full;           /* its last line says so; neither: killed, or its history is cut */
	bool over;                  /* all its lines have been given out */
	uint64_t last_us, last_clock_ms;
	uint64_t lines;
};

/* paths: files, and folders whose *.jsonl are taken. NULL with a sentence. */
struct check_files *check_files_open(const char *const *paths, struct error *err);
void check_files_free(struct check_files **files);

/* The next line of all: 1, with the entry, which lives until the next call; 0 at the end; -1 with a sentence that names file and line. */
int check_files_next(struct check_files *files, const struct check_entry **entry, struct error *err);

const struct check_process *check_files_processes(const struct check_files *files);     /* of those begun so far */
uint64_t check_files_lines(const struct check_files *files);
size_t check_files_count(const struct check_files *files);

#endif
