#include "simulator/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"

struct keep {
	struct loop *loop;
	char *folder;
	const char *suffix;
	keep_write_fn *write;
	struct loop_task task;
	struct kept *changed;
};

char *keep_path(const struct keep *keep, const char *id)
{
	return memory_printf("%s/%s.%s", keep->folder, id, keep->suffix);
}

static void write_one(const struct keep *keep, struct kept *user)
{
	char *path = keep_path(keep, user->id), *beside = memory_printf("%s.new", path);
	int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct buf text = { 0 };
	bool written;

	keep->write(user, &text);
	written = fd >= 0 && write(fd, text.data, text.len) == (ssize_t)text.len;
	if (fd >= 0 && close(fd) < 0)
		written = false;
	if (!written || rename(beside, path) < 0)
		log_error("state of user=%s cannot be written to %s: %s", user->id, log_str(path), strerror(errno));
	buf_free(&text);
	free(beside);
	free(path);
}

static void write_changed(void *arg)
{
	struct keep *keep = arg;

	while (keep->changed) {
		struct kept *user = keep->changed;

		keep->changed = user->next;
		user->changed = false;
		write_one(keep, user);
	}
}

void keep_changed(struct keep *keep, struct kept *user)
{
	if (!keep || user->changed)
		return;
	user->changed = true;
	user->next = keep->changed;
	keep->changed = user;
	loop_defer(keep->loop, &keep->task);
}

struct keep *keep_new(struct loop *loop, const char *folder, const char *system, const char *suffix, keep_write_fn *write,
	struct error *err)
{
	struct keep *keep = memory_new(sizeof *keep);

	keep->loop = loop;
	keep->folder = memory_printf("%s/%s", folder, system);
	keep->suffix = suffix;
	keep->write = write;
	keep->task = (struct loop_task){ .fn = write_changed, .arg = keep };
	if (mkdir(keep->folder, 0700) < 0 && errno != EEXIST) {
		error_set(err, "%s cannot be made: %s", keep->folder, strerror(errno));
		keep_free(&keep);
	}
	return keep;
}

void keep_free(struct keep **pointer)
{
	struct keep *keep = *pointer;

	if (!keep)
		return;
	loop_drop(keep->loop, &keep->task);
	write_changed(keep);
	free(keep->folder);
	free(keep);
	*pointer = NULL;
}

int keep_read(const char *path, struct buf *out, struct error *err)
{
	struct stat st;
	size_t got = 0;
	FILE *file;

	if (stat(path, &st) < 0)
		return errno == ENOENT ? 0 : error_set(err, "%s cannot be read: %s", path, strerror(errno));
	if (st.st_size > KEEP_FILE_MAX)
		return error_set(err, "%s has %jd bytes; at most %d are read", path, (intmax_t)st.st_size, KEEP_FILE_MAX);
	file = fopen(path, "re");
	if (file) {
		got = fread(buf_extend(out, (size_t)st.st_size), 1, (size_t)st.st_size, file);
		fclose(file);
	}
	if (!file || got != (size_t)st.st_size)
		return error_set(err, "%s cannot be read: %s", path, strerror(errno));
	return 1;
}
