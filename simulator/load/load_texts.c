#include "simulator/load/load_texts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { HEAD = 18 };      /* "0000002a:0000001f " */

struct load_texts {
	struct bytes bodies[LOAD_TEXTS];
	char *memory, *made;
};

/* splitmix64: small, and the same everywhere. */
static uint64_t draw(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* Words of letters as frequent as in English, with one space between them and none at the end. */
static void fill(char *out, size_t len, uint64_t *state)
{
	static const char letters[] = "eeeeeeeeeeeetttttttttaaaaaaaaooooooooiiiiiiinnnnnnnsssssshhhhhhrrrrrrddddllllcccuuummmwwffggyyppbbvkjxqz";
	size_t left = 0;

	for (size_t i = 0; i < len; i++) {
		bool is_space = left == 0 && i > 0 && i + 1 < len;

		if (left == 0)
			left = 2 + draw(state) % 8;
		else
			left--;
		out[i] = is_space ? ' ' : letters[draw(state) % (sizeof letters - 1)];
	}
}

struct load_texts *load_texts_new(uint64_t seed, size_t min_size, size_t max_size)
{
	struct load_texts *t = memory_new(sizeof *t);
	uint64_t state = seed;
	size_t at = 0;

	t->made = memory_new(max_size + 1);
	t->memory = memory_new(LOAD_TEXTS * max_size);
	for (size_t i = 0; i < LOAD_TEXTS; i++) {
		size_t len = min_size + draw(&state) % (max_size - min_size + 1) - HEAD;

		fill(t->memory + at, len, &state);
		t->bodies[i] = bytes_of(t->memory + at, len);
		at += len;
	}
	return t;
}

void load_texts_free(struct load_texts **texts)
{
	if (!*texts)
		return;
	free((*texts)->memory);
	free((*texts)->made);
	free(*texts);
	*texts = NULL;
}

struct bytes load_texts_make(struct load_texts *t, uint32_t sender, uint32_t number)
{
	struct bytes body = t->bodies[number % LOAD_TEXTS];

	snprintf(t->made, HEAD + 1, "%08x:%08x ", sender, number);
	memcpy(t->made + HEAD, body.data, body.len);
	return bytes_of(t->made, HEAD + body.len);
}

static bool read_hex(struct bytes text, size_t at, uint32_t *out)
{
	static const char digits[] = "0123456789abcdef";

	*out = 0;
	for (size_t i = at; i < at + 8; i++) {
		const char *digit = text.data[i] ? strchr(digits, text.data[i]) : NULL;

		if (!digit)
			return false;
		*out = *out << 4 | (uint32_t)(digit - digits);
	}
	return true;
}

bool load_texts_check(const struct load_texts *t, struct bytes text, uint32_t *sender, uint32_t *number)
{
	if (text.len < HEAD || text.data[8] != ':' || text.data[17] != ' ' || !read_hex(text, 0, sender) || !read_hex(text, 9, number))
		return false;
	return bytes_equal(bytes_slice(text, HEAD, text.len - HEAD), t->bodies[*number % LOAD_TEXTS]);
}
