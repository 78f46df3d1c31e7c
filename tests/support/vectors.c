#include "tests/support/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct checking {
	vectors_recode_fn *recode;
	struct buf dump, encoded;
	unsigned line;
	const char *name;
	bool prefix_ok, text;
	bool sparse;
};

/* A copy of exactly the right size, so that the address sanitizer sees a read past the end. */
static int recode_copy(struct checking *c, struct bytes raw, struct error *err)
{
	uint8_t *copy = malloc(raw.len ? raw.len : 1);
	int status;

	assert_non_null(copy);
	memcpy(copy, raw.data, raw.len);
	buf_clear(&c->dump);
	buf_clear(&c->encoded);
	err->text[0] = '\0';
	status = c->recode(bytes_of(copy, raw.len), &c->dump, &c->encoded, err);
	free(copy);
	if (status && !err->text[0])
		fail_msg("%s line %u: refused without a sentence", c->name, c->line);
	return status;
}

static void check_whole(struct checking *c, struct bytes raw, const char *text)
{
	struct error err;

	if (recode_copy(c, raw, &err))
		fail_msg("%s line %u: refused: %s", c->name, c->line, err.text);
	assert_string_equal(buf_cstr(&c->dump), text);
	if (!bytes_equal(buf_bytes(&c->encoded), raw))
		fail_msg("%s line %u: %s: encoded to other bytes", c->name, c->line, text);
}

static void refused_or_itself(struct checking *c, struct bytes raw, const char *what, size_t at)
{
	struct error err;

	if (recode_copy(c, raw, &err) == 0 && !c->text && !bytes_equal(buf_bytes(&c->encoded), raw))
		fail_msg("%s line %u: %s at %zu: taken, and encoded to other bytes", c->name, c->line, what, at);
}

static void check_damage(struct checking *c, struct buf *raw)
{
	struct error err;

	for (size_t len = 0; len < raw->len; len++) {
		struct bytes cut = bytes_slice(buf_bytes(raw), 0, len);

		if (c->prefix_ok)
			refused_or_itself(c, cut, "cut", len);
		else if (recode_copy(c, cut, &err) == 0)
			fail_msg("%s line %u: taken although cut at %zu", c->name, c->line, len);
	}
	for (size_t at = 0; at < raw->len; at++) {
		uint8_t was = raw->data[at];

		for (unsigned change = 1; change < 256; change += c->sparse ? 51 : 1) {
			raw->data[at] = (uint8_t)(was ^ change);
			refused_or_itself(c, buf_bytes(raw), "a byte changed", at);
		}
		raw->data[at] = was;
	}
	buf_u8(raw, 0);
	if (recode_copy(c, buf_bytes(raw), &err) == 0)
		fail_msg("%s line %u: taken with a byte more", c->name, c->line);
}

static size_t check_file(struct checking c)
{
	struct buf raw = { 0 };
	char path[256];
	char *text = NULL;
	size_t size = 0;
	FILE *file;

	snprintf(path, sizeof path, "tests/vectors/%s.txt", c.name);
	file = fopen(path, "r");
	if (!file)
		fail_msg("%s: cannot be read; tests run from the top folder", path);
	while (getline(&text, &size, file) > 0) {
		char *tab = strchr(text, '\t');

		c.line++;
		assert_non_null(tab);
		tab[strcspn(tab, "\n")] = '\0';
		buf_clear(&raw);
		assert_int_equal(hex_decode(bytes_of(text, (size_t)(tab - text)), &raw), 0);
		check_whole(&c, buf_bytes(&raw), tab + 1);
		check_damage(&c, &raw);
	}
	fclose(file);
	free(text);
	buf_free(&raw);
	buf_free(&c.dump);
	buf_free(&c.encoded);
	assert_true(c.line > 0);
	return c.line;
}

size_t vectors_check(const char *name, vectors_recode_fn *recode, bool prefix_ok)
{
	return check_file((struct checking){ .recode = recode, .name = name, .prefix_ok = prefix_ok });
}

size_t vectors_check_text(const char *name, vectors_recode_fn *recode)
{
	return check_file((struct checking){ .recode = recode, .name = name, .text = true });
}

size_t vectors_check_slow(const char *name, vectors_recode_fn *recode)
{
	return check_file((struct checking){ .name = name, .recode = recode, .text = true, .sparse = true });
}
