#include "router/identities.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <uthash.h>

#include "base/log.h"
#include "base/memory.h"

/* A line is at most an identifier, a key, and what people put between and after them. */
#define FILE_MAX ((size_t)IDENTITIES_MAX * 128)

struct entry {
	struct identity identity;
	size_t line;
	UT_hash_handle hh;
};

struct identities {
	struct entry *by_id;
	struct entry **in_order;
	size_t count;
};

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The next word of the line, which moves past it; empty at the end. */
static struct bytes next_word(struct bytes *line)
{
	size_t from = 0, to;

	while (from < line->len && is_blank(line->data[from]))
		from++;
	for (to = from; to < line->len && !is_blank(line->data[to]);)
		to++;
	struct bytes word = bytes_slice(*line, from, to - from);
	*line = bytes_slice(*line, to, line->len - to);
	return word;
}

static struct entry *find_entry(const struct identities *identities, struct bytes id)
{
	struct entry *entry = NULL;

	if (id.len > 0)
		HASH_FIND(hh, identities->by_id, id.data, id.len, entry);
	return entry;
}

static int parse_line(struct identities *identities, const char *name, size_t number, struct bytes line, struct error *err)
{
	struct bytes id = next_word(&line), key = next_word(&line), rest = next_word(&line);

	if (id.len == 0 || id.data[0] == '#')
		return 0;
	if (!srp_id_valid(id))
		return error_set(err, "%s line %zu: %s is no SRP identifier: 1 to %d of A-Z, a-z, 0-9, '-' and '_'", name, number,
			log_value(id), SRP_ID_MAX);
	if (rest.len > 0)
		return error_set(err, "%s line %zu: more than SRPID and key for %s", name, number, log_value(id));

	const struct entry *same = find_entry(identities, id);
	if (same)
		return error_set(err, "%s line %zu: %s stands in line %zu already", name, number, log_value(id), same->line);
	if (identities->count == IDENTITIES_MAX)
		return error_set(err, "%s line %zu: more than %d identifiers", name, number, IDENTITIES_MAX);

	struct buf raw = { 0 };
	if (key.len != (size_t)SRP_KEY_SIZE * 2 || hex_decode(key, &raw) != 0) {
		buf_wipe(&raw);
		return error_set(err, "%s line %zu: the key of %s is not %d hex digits", name, number, log_value(id),
			SRP_KEY_SIZE * 2);
	}
	struct entry *entry = memory_new(sizeof *entry);
	entry->line = number;
	bytes_copy_str(id, entry->identity.id, sizeof entry->identity.id);
	memcpy(entry->identity.key, raw.data, SRP_KEY_SIZE);
	buf_wipe(&raw);
	HASH_ADD_KEYPTR(hh, identities->by_id, entry->identity.id, id.len, entry);
	identities->in_order = memory_resize(identities->in_order, (identities->count + 1) * sizeof(struct entry *));
	identities->in_order[identities->count++] = entry;
	return 0;
}

struct identities *identities_parse(const char *name, struct bytes text, struct error *err)
{
	struct identities *identities = memory_new(sizeof *identities);
	size_t at = 0;

	for (size_t number = 1; at < text.len; number++) {
		const uint8_t *from = text.data + at, *newline = memchr(from, '\n', text.len - at);
		size_t len = newline ? (size_t)(newline - from) : text.len - at;
		if (parse_line(identities, name, number, bytes_of(from, len), err) != 0) {
			identities_free(&identities);
			return NULL;
		}
		at += len + 1;
	}
	return identities;
}

/* Reads what is open; the permissions are those of the very file that is read. */
static int read_private(int fd, const char *path, struct buf *text, struct error *err)
{
	struct stat status;

	if (fstat(fd, &status) != 0)
		return error_set(err, "cannot look at the SRP identities %s: %s", path, strerror(errno));
	if (!S_ISREG(status.st_mode))
		return error_set(err, "the SRP identities %s are not an ordinary file", path);
	if (status.st_mode & (S_IRWXG | S_IRWXO))
		return error_set(err, "the SRP identities %s hold keys, but group or others may use the file (mode %04o): "
			"chmod 600 it", path, (unsigned)status.st_mode & 07777U);
	if ((uintmax_t)status.st_size > FILE_MAX)
		return error_set(err, "the SRP identities %s are over %zu bytes", path, (size_t)FILE_MAX);
	buf_reserve(text, (size_t)status.st_size + 4097);    /* at once: growing would leave copies of keys behind */
	for (;;) {
		buf_reserve(text, 4096);
		ssize_t got = read(fd, text->data + text->len, 4096);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_set(err, "cannot read the SRP identities %s: %s", path, strerror(errno));
		if (got == 0)
			return 0;
		text->len += (size_t)got;
		if (text->len > FILE_MAX)
			return error_set(err, "the SRP identities %s are over %zu bytes", path, (size_t)FILE_MAX);
	}
}

struct identities *identities_load(const char *path, struct error *err)
{
	return identities_read(open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), path, err);
}

struct identities *identities_read(int fd, const char *path, struct error *err)
{
	struct identities *identities = NULL;
	struct buf text = { 0 };

	if (fd < 0) {
		error_set(err, "cannot open the SRP identities %s: %s (lines of SRPID and %d hex digits, mode 0600)", path,
			strerror(errno), SRP_KEY_SIZE * 2);
		return NULL;
	}
	if (read_private(fd, path, &text, err) == 0)
		identities = identities_parse(path, buf_bytes(&text), err);
	buf_wipe(&text);
	close(fd);
	return identities;
}

void identities_free(struct identities **identities)
{
	struct identities *gone = *identities;

	if (!gone)
		return;
	*identities = NULL;
	HASH_CLEAR(hh, gone->by_id);
	for (size_t i = 0; i < gone->count; i++) {
		OPENSSL_cleanse(gone->in_order[i], sizeof *gone->in_order[i]);
		free(gone->in_order[i]);
	}
	free(gone->in_order);
	free(gone);
}

const struct identity *identities_find(const struct identities *identities, struct bytes id)
{
	const struct entry *entry = find_entry(identities, id);

	return entry ? &entry->identity : NULL;
}

size_t identities_count(const struct identities *identities)
{
	return identities->count;
}

const struct identity *identities_at(const struct identities *identities, size_t index)
{
	return index < identities->count ? &identities->in_order[index]->identity : NULL;
}
