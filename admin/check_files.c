#include "admin/check_files.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/io/history.h"
#include "base/log.h"
#include "base/memory.h"

enum { FILES_MAX = 4096, READ_SIZE = 262144 };

struct file {
	char *path;
	const char *name;
	FILE *in;
	struct buf buf;             /* read and not given out, from at on */
	size_t at;
	bool at_end;
	uint64_t line;
	struct check_process *process;
	struct check_entry entry;   /* the next one, when has */
	bool has;
};

struct check_files {
	struct file *list;
	size_t count;
	struct file *given;         /* whose entry the caller has */
	struct check_process *processes;
	uint64_t lines;
};

/* --- one file ---------------------------------------------------------------------------------------------------------------- */

static int wrong(const struct file *file, struct error *err, const char *why)
{
	struct error first = *err;

	return error_set(err, "%s:%llu: %s", file->path, (unsigned long long)file->line, why ? why : first.text);
}

/* The next line without its newline: 1; 0 at the end, also before an unfinished line: of a process that was killed while it wrote, or could not
 * write on. */
static int next_line(struct file *file, struct bytes *line, struct error *err)
{
	for (;;) {
		const uint8_t *from = file->buf.data + file->at, *end;
		size_t left = file->buf.len - file->at, got;

		end = left ? memchr(from, '\n', left) : NULL;
		file->line += end || left > CHECK_LINE_MAX;
		if ((end ? (size_t)(end - from) : left) > CHECK_LINE_MAX) {
			error_set(err, "the line is longer than %d bytes", CHECK_LINE_MAX);
			return wrong(file, err, NULL);
		}
		if (end) {
			*line = bytes_of(from, (size_t)(end - from));
			file->at += line->len + 1;
			return 1;
		}
		if (file->at_end)
			return 0;
		buf_consume(&file->buf, file->at);
		file->at = 0;
		got = fread(buf_extend(&file->buf, READ_SIZE), 1, READ_SIZE, file->in);
		file->buf.len -= READ_SIZE - got;
		file->at_end = got == 0;
		if (ferror(file->in)) {
			error_set(err, "%s cannot be read: %s", file->path, strerror(errno));
			return -1;
		}
	}
}

static int begin(struct check_files *files, struct file *file, struct error *err)
{
	const struct check_entry *entry = &file->entry;
	struct check_process *process;

	if (check_number(entry, "version") != HISTORY_VERSION) {
		error_set(err, "a history of version %llu; this program reads version %d", (unsigned long long)check_number(entry, "version"),
			HISTORY_VERSION);
		return wrong(file, err, NULL);
	}
	process = memory_new(sizeof *process);
	process->next = files->processes;
	process->file = file->name;
	snprintf(process->name, sizeof process->name, "%s", entry->process_name);
	process->pid = entry->pid;
	process->manual = check_number(entry, "manual") != 0;
	check_value(entry, "boot", process->boot, sizeof process->boot);
	files->processes = process;
	file->process = process;
	return 0;
}

/* What is missing or out of order in the middle is no history: nothing could be said from it. */
static int follow(const struct file *file, struct error *err)
{
	struct check_process *process = file->process;
	const struct check_entry *entry = &file->entry;

	if (!process)
		return wrong(file, err, "a history begins with history.begin");
	if (strcmp(process->name, entry->process_name) != 0 || process->pid != entry->pid)
		return wrong(file, err, "another process than the line that began it");
	if (entry->seq != process->lines + 1) {
		error_set(err, "seq %llu follows %llu: lines are missing, or doubled", (unsigned long long)entry->seq,
			(unsigned long long)process->lines);
		return wrong(file, err, NULL);
	}
	if (process->ended || process->full)
		return wrong(file, err, "a line after the last one of its process");
	if (entry->at_us < process->last_us)
		return wrong(file, err, "its time is before that of the line above");
	return 0;
}

static int read_entry(struct check_files *files, struct file *file, struct error *err)
{
	struct bytes line = { 0 };
	int rc = next_line(file, &line, err);

	if (rc == 0 && file->process && file->buf.len > file->at)
		file->process->full = true;       /* what it did afterwards is not in it */
	if (rc <= 0)
		return rc;
	if (check_entry_decode(line, &file->entry, err) != 0)
		return wrong(file, err, NULL);
	file->has = true;
	if (file->entry.event == EVENT_HISTORY_BEGIN && begin(files, file, err) != 0)
		return -1;
	if (follow(file, err) != 0)
		return -1;
	file->process->lines++;
	file->process->ended = file->entry.event == EVENT_HISTORY_END;
	file->process->full = file->entry.event == EVENT_HISTORY_FULL;
	file->process->last_us = file->entry.at_us;
	file->process->last_clock_ms = file->entry.clock_ms;
	file->entry.process = file->process;
	file->entry.line = file->line;
	return 1;
}

/* --- all ----------------------------------------------------------------------------------------------------------------------- */

static int add_file(struct check_files *files, const char *path, struct error *err)
{
	struct file *file;
	const char *slash = strrchr(path, '/');

	if (files->count == FILES_MAX)
		return error_set(err, "more than %d files", FILES_MAX);
	file = &files->list[files->count];
	*file = (struct file){ .in = fopen(path, "r") };
	if (!file->in)
		return error_set(err, "%s cannot be read: %s", path, strerror(errno));
	file->path = memory_str(path);
	file->name = file->path + (slash ? slash - path + 1 : 0);
	files->count++;
	return 0;
}

static int add_folder(struct check_files *files, const char *path, struct error *err)
{
	char *pattern = memory_printf("%s/*" HISTORY_SUFFIX, path);
	glob_t found = { 0 };
	int rc = 0;

	if (glob(pattern, 0, NULL, &found) != 0 || found.gl_pathc == 0)
		rc = error_set(err, "the folder %s has no history: no file *" HISTORY_SUFFIX, path);
	for (size_t i = 0; rc == 0 && i < found.gl_pathc; i++)
		rc = add_file(files, found.gl_pathv[i], err);
	globfree(&found);
	free(pattern);
	return rc;
}

struct check_files *check_files_open(const char *const *paths, struct error *err)
{
	struct check_files *files = memory_new(sizeof *files);
	int rc = 0;

	files->list = memory_new(FILES_MAX * sizeof *files->list);
	for (; *paths && rc == 0; paths++) {
		struct stat about;

		if (stat(*paths, &about) == 0 && S_ISDIR(about.st_mode))
			rc = add_folder(files, *paths, err);
		else
			rc = add_file(files, *paths, err);
	}
	for (size_t i = 0; rc == 0 && i < files->count; i++)
		rc = read_entry(files, &files->list[i], err) < 0 ? -1 : 0;
	if (rc != 0)
		check_files_free(&files);
	return files;
}

void check_files_free(struct check_files **at)
{
	struct check_files *files = *at;

	if (!files)
		return;
	for (size_t i = 0; i < files->count; i++) {
		if (files->list[i].has)
			check_entry_free(&files->list[i].entry);
		buf_free(&files->list[i].buf);
		fclose(files->list[i].in);
		free(files->list[i].path);
	}
	while (files->processes) {
		struct check_process *process = files->processes;

		files->processes = process->next;
		free(process);
	}
	free(files->list);
	free(files);
	*at = NULL;
}

/* A process that begins again in the same file has ended the life before. */
static int step(struct check_files *files, struct file *file, struct error *err)
{
	struct check_process *before = file->process;
	int rc;

	check_entry_free(&file->entry);
	file->has = false;
	rc = read_entry(files, file, err);
	if (rc == 0 || (rc > 0 && file->process != before))
		before->over = true;
	return rc;
}

int check_files_next(struct check_files *files, const struct check_entry **entry, struct error *err)
{
	struct file *first = NULL;

	if (files->given && step(files, files->given, err) < 0)
		return -1;
	files->given = NULL;
	for (size_t i = 0; i < files->count; i++) {
		struct file *file = &files->list[i];

		if (file->has && (!first || file->entry.at_us < first->entry.at_us))
			first = file;
	}
	if (!first)
		return 0;
	files->given = first;
	files->lines++;
	*entry = &first->entry;
	return 1;
}

const struct check_process *check_files_processes(const struct check_files *files)
{
	return files->processes;
}

uint64_t check_files_lines(const struct check_files *files)
{
	return files->lines;
}

size_t check_files_count(const struct check_files *files)
{
	return files->count;
}
