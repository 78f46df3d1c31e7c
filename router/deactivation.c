#include "router/deactivation.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <uthash.h>

#include "base/log.h"
#include "base/memory.h"

#define FIRST_LINE "# bramble router state 1: deactivated SRP identifiers"

struct record {
	char id[SRP_ID_MAX + 1];
	bool is_deactivated;
	unsigned dropped;       /* of made[] in use */
	uint64_t *made;         /* when the dropped connections were made: the latest ones, at most `connects` */
	UT_hash_handle hh;
};

struct deactivation {
	unsigned connects;
	uint64_t window_ms;
	struct record *records;
};

struct deactivation *deactivation_new(unsigned connects, uint64_t window_ms)
{
	struct deactivation *deactivation = memory_new(sizeof *deactivation);

	if (connects == 0)
		bug("deactivation after 0 connections");
	deactivation->connects = connects;
	deactivation->window_ms = window_ms;
	return deactivation;
}

static void forget(struct deactivation *deactivation, struct record *record)
{
	HASH_DEL(deactivation->records, record);
	free(record->made);
	free(record);
}

void deactivation_free(struct deactivation **deactivation)
{
	struct deactivation *gone = *deactivation;
	struct record *record, *next;

	if (!gone)
		return;
	*deactivation = NULL;
	record = gone->records;
	HASH_CLEAR(hh, gone->records);
	for (; record; record = next) {
		next = record->hh.next;
		free(record->made);
		free(record);
	}
	free(gone);
}

static struct record *find(const struct deactivation *deactivation, const char *id)
{
	struct record *record;

	HASH_FIND_STR(deactivation->records, id, record);
	return record;
}

static struct record *find_or_add(struct deactivation *deactivation, const char *id)
{
	struct record *record = find(deactivation, id);

	if (record)
		return record;
	record = memory_new(sizeof *record);
	if (!bytes_copy_str(bytes_str(id), record->id, sizeof record->id))
		bug("an SRP identifier of %zu bytes", strlen(id));
	record->made = memory_new(deactivation->connects * sizeof *record->made);
	HASH_ADD_STR(deactivation->records, id, record);
	return record;
}

/* Both ends of a connection lie in the last window_ms: one that is exactly that old is out. */
static bool counts(const struct deactivation *deactivation, uint64_t made_ms, uint64_t now_ms)
{
	return now_ms - made_ms < deactivation->window_ms;
}

bool deactivation_dropped(struct deactivation *deactivation, const char *id, uint64_t connected_ms, uint64_t now_ms)
{
	struct record *record = find_or_add(deactivation, id);
	unsigned kept = 0;

	if (record->is_deactivated)
		return false;
	for (unsigned i = 0; i < record->dropped; i++)
		if (counts(deactivation, record->made[i], now_ms))
			record->made[kept++] = record->made[i];
	if (counts(deactivation, connected_ms, now_ms))
		record->made[kept++] = connected_ms;     /* there is room: connects of them would have deactivated before */
	record->dropped = kept;
	if (kept < deactivation->connects) {
		if (kept == 0)
			forget(deactivation, record);
		return false;
	}
	record->is_deactivated = true;
	record->dropped = 0;
	return true;
}

bool deactivation_is(const struct deactivation *deactivation, const char *id)
{
	const struct record *record = find(deactivation, id);

	return record && record->is_deactivated;
}

bool deactivation_enable(struct deactivation *deactivation, const char *id)
{
	struct record *record = find(deactivation, id);
	bool was = record && record->is_deactivated;

	if (record)
		forget(deactivation, record);
	return was;
}

void deactivation_put(struct deactivation *deactivation, const char *id)
{
	struct record *record = find_or_add(deactivation, id);

	record->is_deactivated = true;
	record->dropped = 0;
}

static int by_name(const void *a, const void *b)
{
	const char *const *left = a, *const *right = b;

	return strcmp(*left, *right);
}

void deactivation_list(const struct deactivation *deactivation, struct buf *out)
{
	const char **ids = memory_new((HASH_COUNT(deactivation->records) + 1) * sizeof *ids);
	const struct record *record;
	size_t count = 0;

	for (record = deactivation->records; record; record = record->hh.next)
		if (record->is_deactivated)
			ids[count++] = record->id;
	qsort(ids, count, sizeof *ids, by_name);
	for (size_t i = 0; i < count; i++)
		buf_printf(out, "%s\n", ids[i]);
	free(ids);
}

static int read_lines(struct deactivation *deactivation, FILE *file, const char *path, struct error *err)
{
	char line[128];

	if (!fgets(line, sizeof line, file) || strcmp(line, FIRST_LINE "\n") != 0)
		return error_set(err, "%s is no state of this router: its first line should be `%s`", path, FIRST_LINE);
	for (unsigned number = 2; fgets(line, sizeof line, file); number++) {
		size_t len = strcspn(line, "\n");
		if (line[len] != '\n' || !srp_id_valid(bytes_of(line, len)))
			return error_set(err, "%s line %u: %s is no SRP identifier", path, number, log_value(bytes_of(line, len)));
		line[len] = '\0';
		deactivation_put(deactivation, line);
	}
	if (ferror(file))
		return error_set(err, "cannot read the router's state %s: %s", path, strerror(errno));
	return 0;
}

int deactivation_read(struct deactivation *deactivation, const char *path, struct error *err)
{
	FILE *file = fopen(path, "re");

	if (!file && errno == ENOENT)
		return 0;
	if (!file)
		return error_set(err, "cannot open the router's state %s: %s", path, strerror(errno));
	int result = read_lines(deactivation, file, path, err);
	fclose(file);
	return result;
}

static int write_all(int fd, struct bytes text)
{
	for (size_t at = 0; at < text.len;) {
		ssize_t put = write(fd, text.data + at, text.len - at);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -1;
		at += (size_t)put;
	}
	return fsync(fd);
}

/* A rename is durable only when its folder is. */
static int sync_folder(const char *path)
{
	char *copy = memory_str(path);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC), result = -1;

	if (fd >= 0) {
		result = fsync(fd);
		close(fd);
	}
	free(copy);
	return result;
}

void deactivation_text(const struct deactivation *deactivation, struct buf *out)
{
	buf_text(out, FIRST_LINE "\n");
	deactivation_list(deactivation, out);
}

int deactivation_store(const char *path, struct bytes text, struct error *err)
{
	char *beside = memory_printf("%s.new", path);
	int result = -1, fd;

	fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		goto out;
	result = write_all(fd, text);
	if (close(fd) != 0)
		result = -1;
	if (result == 0)
		result = rename(beside, path);
	if (result == 0)
		result = sync_folder(path);
out:
	if (result != 0)
		error_set(err, "cannot write the router's state %s: %s", path, strerror(errno));
	free(beside);
	return result != 0 ? -1 : 0;
}

int deactivation_write(const struct deactivation *deactivation, const char *path, struct error *err)
{
	struct buf text = { 0 };
	int result;

	deactivation_text(deactivation, &text);
	result = deactivation_store(path, buf_bytes(&text), err);
	buf_free(&text);
	return result;
}
