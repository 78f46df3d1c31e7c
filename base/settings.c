#include "base/settings.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/settings_value.h"

enum { MAX_FILE = 1 << 20, MAX_LINE = 1 << 16 };

/* A file serves several programs: a section or a [common] key that is not ours may be right all the same, but one that
 * nobody reads is a slip of the pen. */
static const char *const known_sections[] = { "common", "router", "dispatcher", "collab", "lab", "groupwise", "ocs", "cwa", NULL };
static const char *const shared_keys[] = { "run_dir", "log_level", "database", "install_key", "history", "history_limit", NULL };

static bool is_listed(const char *name, const char *const *names)
{
	for (; *names; names++) {
		if (strcmp(name, *names) == 0)
			return true;
	}
	return false;
}

static const struct setting *find(const struct setting *table, const char *key)
{
	for (; table->key; table++) {
		if (strcmp(table->key, key) == 0)
			return table;
	}
	return NULL;
}

struct reading {
	const struct setting *table;
	void *into;
	const char *section;      /* the program's own */
	const char *name;         /* of the file, for sentences */
	const char *folder;
	bool lenient;             /* keys that the table does not have are somebody else's */
	char here[64];            /* the section that the line stands in; empty before the first */
	unsigned line;
	unsigned *seen_own;       /* line of each row of the table in the own section, 0: not yet */
	unsigned *seen_common;
	char where[256];
};

static const char **table_keys(const struct setting *table)
{
	size_t count = 0;
	const char **keys;

	while (table[count].key)
		count++;
	keys = memory_new((count + 1) * sizeof *keys);
	for (size_t i = 0; i < count; i++)
		keys[i] = table[i].key;
	return keys;
}

static int unknown_key(const struct reading *r, const char *section, const char *key, struct error *err)
{
	const char **keys = table_keys(r->table);
	char hint[128];

	error_set(err, "%sunknown key %s in [%s]%s", r->where, log_str(key), section,
		did_you_mean(key, strcmp(section, "common") == 0 ? shared_keys : keys, hint, sizeof hint));
	free(keys);
	return -1;
}

static int take_section(struct reading *r, char *text, struct error *err)
{
	size_t len = strlen(text);
	char hint[128];

	if (len < 3 || text[len - 1] != ']' || len - 2 >= sizeof r->here)
		return error_set(err, "%sa section is written [name], not %s", r->where, log_str(text));
	text[len - 1] = '\0';
	snprintf(r->here, sizeof r->here, "%s", text + 1);
	if (strcmp(r->here, r->section) == 0 || is_listed(r->here, known_sections))
		return 0;
	return error_set(err, "%sunknown section [%s]%s", r->where, log_str(r->here),
		did_you_mean(r->here, known_sections, hint, sizeof hint));
}

/* Spaces at both ends go; so do quotes around the whole, which keep spaces that are meant. */
static char *trim(char *text)
{
	size_t len;

	while (*text == ' ' || *text == '\t')
		text++;
	len = strlen(text);
	while (len && (text[len - 1] == ' ' || text[len - 1] == '\t'))
		text[--len] = '\0';
	return text;
}

static char *unquote(char *text)
{
	size_t len = strlen(text);

	if (len < 2 || text[0] != '"' || text[len - 1] != '"')
		return text;
	text[len - 1] = '\0';
	return text + 1;
}

static int take_key(struct reading *r, const char *key, const char *value, bool common_pass, struct error *err)
{
	bool in_common = strcmp(r->here, "common") == 0;
	const struct setting *s = find(r->table, key);
	unsigned *seen;

	if (!in_common && strcmp(r->here, r->section) != 0)
		return 0;
	if (in_common && s && !s->common)
		return error_set(err, "%skey %s belongs in [%s], not in [common]", r->where, key, r->section);
	if (!s && (r->lenient || (in_common && is_listed(key, shared_keys))))
		return 0;
	if (!s)
		return unknown_key(r, r->here, key, err);
	if (in_common != common_pass)
		return 0;
	seen = (in_common ? r->seen_common : r->seen_own) + (s - r->table);
	if (*seen)
		return error_set(err, "%s[%s] %s is set already in line %u", r->where, r->here, key, *seen);
	*seen = r->line;
	return setting_set(s, value, r->folder, r->into, r->where, r->here, err);
}

static int take_line(struct reading *r, struct bytes line, bool common_pass, struct error *err)
{
	char *text, *at, *equals;
	int rc;

	snprintf(r->where, sizeof r->where, "%.200s:%u: ", r->name, r->line);
	if (line.len > MAX_LINE)
		return error_set(err, "%sthe line is %zu bytes long; at most %d are read", r->where, line.len, MAX_LINE);
	for (size_t i = 0; i < line.len; i++) {
		if ((line.data[i] < 0x20 && line.data[i] != '\t') || line.data[i] == 0x7f)
			return error_set(err, "%scontrol character \\x%02x at column %zu; a settings file is text", r->where,
				line.data[i], i + 1);
	}
	text = bytes_dup(line);
	at = trim(text);
	equals = strchr(at, '=');
	if (*at == '\0' || *at == '#' || *at == ';') {
		rc = 0;
	} else if (*at == '[') {
		rc = take_section(r, at, err);
	} else if (!equals) {
		rc = error_set(err, "%s%s is neither [section], key = value nor # comment", r->where, log_str(at));
	} else if (!r->here[0]) {
		rc = error_set(err, "%sa key before the first [section]", r->where);
	} else {
		*equals = '\0';
		rc = take_key(r, trim(at), unquote(trim(equals + 1)), common_pass, err);
	}
	/* The value may have been a secret. */
	memory_wipe_str(&text);
	return rc;
}

/* Twice over the text: what [common] says first, so that the own section wins wherever it stands. */
static int take_text(struct reading *r, struct bytes text, struct error *err)
{
	if (text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0)
		text = bytes_slice(text, 3, text.len);
	for (int pass = 0; pass < 2; pass++) {
		size_t from = 0;

		r->line = 0;
		r->here[0] = '\0';
		while (from < text.len) {
			const uint8_t *end = memchr(text.data + from, '\n', text.len - from);
			size_t len = end ? (size_t)(end - text.data) - from : text.len - from;
			struct bytes line = bytes_slice(text, from, len);

			r->line++;
			if (line.len && line.data[line.len - 1] == '\r')
				line.len--;
			if (take_line(r, line, pass == 0, err) != 0)
				return -1;
			from += len + 1;
		}
	}
	return 0;
}

/* "section.key=value". Relative paths in it are meant from where the command was typed. */
static int take_override(struct reading *r, const char *override, const char *cwd, struct error *err)
{
	char *text = memory_str(override);
	char *equals = strchr(text, '=');
	char *dot = strchr(text, '.');
	const struct setting *s;
	char hint[128];
	int rc = 0;

	if (!equals || !dot || dot > equals) {
		rc = error_set(err, "-o %s: write it as section.key=value", equals ? "..." : log_str(override));
		goto out;
	}
	*equals = *dot = '\0';
	snprintf(r->where, sizeof r->where, "-o ");
	if (strcmp(text, r->section) != 0 && strcmp(text, "common") != 0) {
		const char *const own[] = { r->section, "common", NULL };

		rc = error_set(err, "-o %s.%s: this program reads [%s] and [common]%s", log_str(text), log_str(dot + 1),
			r->section, did_you_mean(text, own, hint, sizeof hint));
		goto out;
	}
	for (const char *at = equals + 1; *at; at++) {
		if ((unsigned char)*at < 0x20 && *at != '\t') {
			rc = error_set(err, "-o %s.%s: control character in the value", text, log_str(dot + 1));
			goto out;
		}
	}
	s = find(r->table, dot + 1);
	if (!s && !(strcmp(text, "common") == 0 && is_listed(dot + 1, shared_keys)))
		rc = unknown_key(r, text, dot + 1, err);
	else if (s && strcmp(text, "common") == 0 && !s->common)
		rc = error_set(err, "-o common.%s: the key belongs in [%s]", s->key, r->section);
	else if (s)
		rc = setting_set(s, equals + 1, cwd, r->into, r->where, text, err);
out:
	memory_wipe_str(&text);
	return rc;
}

static int load(struct reading *r, struct bytes text, const char *const *overrides, struct error *err)
{
	char cwd[PATH_MAX];
	size_t rows = 0;
	int rc = 0;

	if (!getcwd(cwd, sizeof cwd))
		snprintf(cwd, sizeof cwd, ".");
	for (; r->table[rows].key; rows++)
		setting_reset(&r->table[rows], r->folder, r->section, r->into);
	r->seen_own = memory_new((rows + 1) * sizeof *r->seen_own);
	r->seen_common = memory_new((rows + 1) * sizeof *r->seen_common);
	if (take_text(r, text, err) != 0)
		rc = -1;
	for (; rc == 0 && overrides && *overrides; overrides++)
		rc = take_override(r, *overrides, cwd, err);
	free(r->seen_own);
	free(r->seen_common);
	if (rc != 0)
		settings_free(r->table, r->into);
	return rc;
}

int settings_load_text(const struct setting *table, void *into, const char *section, struct bytes text, const char *name,
	const char *folder, const char *const *overrides, struct error *err)
{
	struct reading r = { .table = table, .into = into, .section = section, .name = name, .folder = folder };

	return load(&r, text, overrides, err);
}

static int read_file(const char *file, struct buf *out, struct error *err)
{
	FILE *f = fopen(file, "rb");
	struct stat st;
	size_t got;
	int rc = 0;

	if (!f)
		return error_set(err, "settings file %s cannot be read: %s", file, strerror(errno));
	if (fstat(fileno(f), &st) == 0 && S_ISDIR(st.st_mode)) {
		rc = error_set(err, "settings file %s is a folder", file);
		goto out;
	}
	do {
		got = fread(buf_extend(out, 4096), 1, 4096, f);
		out->len -= 4096 - got;
	} while (got && out->len <= MAX_FILE);
	if (ferror(f))
		rc = error_set(err, "settings file %s cannot be read: %s", file, strerror(errno));
	else if (out->len > MAX_FILE)
		rc = error_set(err, "settings file %s is larger than %d bytes", file, MAX_FILE);
out:
	fclose(f);
	return rc;
}

static int load_file(struct reading *r, const char *file, const char *const *overrides, struct error *err)
{
	char folder[PATH_MAX], *slash;
	struct buf text = { 0 };
	int rc = -1;

	if (file && read_file(file, &text, err) != 0)
		goto out;
	/* Absolute, so that what -T prints can be read back from anywhere. */
	if (!file && !getcwd(folder, sizeof folder)) {
		error_set(err, "the current folder cannot be found: %s", strerror(errno));
		goto out;
	}
	if (file && !realpath(file, folder)) {
		error_set(err, "settings file %s cannot be found: %s", file, strerror(errno));
		goto out;
	}
	slash = file ? strrchr(folder, '/') : NULL;
	if (slash)
		slash[slash == folder] = '\0';
	r->folder = folder;
	r->name = file ? file : "defaults";
	rc = load(r, buf_bytes(&text), overrides, err);
	r->folder = NULL;
out:
	buf_wipe(&text);
	return rc;
}

int settings_load(const struct setting *table, void *into, const char *section, const char *file,
	const char *const *overrides, struct error *err)
{
	struct reading r = { .table = table, .into = into, .section = section };

	return load_file(&r, file, overrides, err);
}

int settings_peek(const struct setting *table, void *into, const char *section, const char *file, struct error *err)
{
	struct reading r = { .table = table, .into = into, .section = section, .lenient = true };

	return load_file(&r, file, NULL, err);
}
