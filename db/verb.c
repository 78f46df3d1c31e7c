#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "db/core.h"

void *verb_new(size_t size, enum verb_kind kind, void (*work)(struct core *core, struct verb *verb),
	void (*answer)(struct verb *verb), void *ctx)
{
	struct arena arena = { 0 };
	struct verb *verb = arena_new(&arena, size);

	verb->arena = arena;
	verb->kind = kind;
	verb->work = work;
	verb->answer = answer;
	verb->ctx = ctx;
	return verb;
}

void verb_refuse(struct verb *verb, enum db_status status, const char *format, ...)
{
	va_list args;

	if (verb->status != DB_OK)
		return;
	verb->status = status;
	va_start(args, format);
	vsnprintf(verb->error.text, sizeof verb->error.text, format, args);
	va_end(args);
}

void status_answer(struct verb *verb)
{
	struct status_verb *v = (struct status_verb *)(void *)verb;

	if (v->done)
		v->done(verb->ctx, verb->status);
}

/* The bytes that follow a first byte of UTF-8, and the smallest code point that needs so many; -1: not a first byte. */
static int following(uint8_t first, uint32_t *smallest)
{
	static const struct { uint8_t mask, bits; uint32_t smallest; } forms[] = {
		{ 0x80, 0x00, 0 }, { 0xe0, 0xc0, 0x80 }, { 0xf0, 0xe0, 0x800 }, { 0xf8, 0xf0, 0x10000 },
	};

	for (int more = 0; more < 4; more++) {
		if ((first & forms[more].mask) == forms[more].bits) {
			*smallest = forms[more].smallest;
			return more;
		}
	}
	return -1;
}

/* What lands in a table must be printable by every tool. */
bool verb_is_text(const char *text)
{
	const uint8_t *at = (const uint8_t *)text;

	while (*at) {
		uint32_t smallest = 0;
		int more = following(*at, &smallest);
		uint32_t point = more > 0 ? *at & (0x3fu >> more) : *at;

		if (more < 0)
			return false;
		for (at++; more > 0; more--, at++) {
			if ((*at & 0xc0) != 0x80)
				return false;
			point = point << 6 | (*at & 0x3fu);
		}
		if (point < smallest || point < 0x20 || point == 0x7f || (point >= 0xd800 && point < 0xe000) || point > 0x10ffff)
			return false;
	}
	return true;
}

const char *verb_text(struct verb *verb, const char *what, const char *text, size_t max)
{
	size_t len = text ? strlen(text) : 0;

	if (len == 0)
		verb_refuse(verb, DB_INVALID, "the %s is missing", what);
	else if (len > max)
		verb_refuse(verb, DB_INVALID, "the %s is %zu bytes long: at most %zu", what, len, max);
	else if (!verb_is_text(text))
		verb_refuse(verb, DB_INVALID, "the %s is not UTF-8 text without control characters", what);
	else
		return arena_str(&verb->arena, text);
	return "";
}
