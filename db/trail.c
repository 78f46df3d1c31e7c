#include "db/trail.h"

#include <string.h>

#include "db/core.h"

struct append_verb {
	struct status_verb status;
	struct db_trail_entry *entries;
	size_t count;
};

static struct db_value number_or_null(uint64_t value)
{
	return value ? number((int64_t)value) : null();
}

static void append_work(struct core *core, struct verb *verb)
{
	struct append_verb *v = (struct append_verb *)(void *)verb;

	for (size_t i = 0; i < v->count; i++) {
		const struct db_trail_entry *e = &v->entries[i];
		struct sql_pin pin = sql_pin(e->pin);

		sql_run(core, SQL_TRAIL_ADD, number((int64_t)e->wall_ms), text(e->process), text(e->event), text(e->pin ? pin.text : NULL),
			number_or_null(e->transaction), number_or_null(e->session), text(e->text));
	}
	sql_run(core, SQL_TRAIL_PRUNE, number(DB_TRAIL_KEEP));
}

/* An event must not be lost for its text: what is not printable is replaced, what is too long is cut. */
static const char *trail_copy(struct verb *verb, const char *given, size_t max)
{
	size_t len = given ? strnlen(given, max) : 0;
	char *copy = arena_bytes(&verb->arena, bytes_of(given, len));

	while (len && ((unsigned char)copy[len - 1] & 0xc0) == 0x80)
		len--;   /* ends with a whole character, or without the one that was cut */
	if (len && (unsigned char)copy[len - 1] >= 0x80)
		len--;
	if (given && strlen(given) > max)
		copy[len] = '\0';
	if (verb_is_text(copy))
		return copy;
	for (char *at = copy; *at; at++) {
		if ((unsigned char)*at < 0x20 || (unsigned char)*at >= 0x7f)
			*at = '?';
	}
	return copy;
}

void db_trail_append(struct db *db, const struct db_trail_entry *entries, size_t count, db_status_done *done, void *ctx)
{
	struct append_verb *v = VERB_NEW(struct append_verb, VERB_SHARED, append_work, status_answer, ctx);
	struct verb *verb = &v->status.verb;

	v->status.done = done;
	v->count = count;
	v->entries = arena_new(&verb->arena, count * sizeof *v->entries);
	for (size_t i = 0; i < count; i++) {
		v->entries[i] = entries[i];
		v->entries[i].process = trail_copy(verb, entries[i].process, 64);
		v->entries[i].event = trail_copy(verb, entries[i].event, 64);
		v->entries[i].text = trail_copy(verb, entries[i].text, DB_TRAIL_TEXT_MAX);
	}
	verb_give(db, verb);
}

struct trail_verb {
	struct verb verb;
	db_trail_done *done;
	uint64_t after_id;
	uint32_t pin, max;
	struct db_trail_entry *entries;
	size_t count;
};

static void list_work(struct core *core, struct verb *verb)
{
	struct trail_verb *v = (struct trail_verb *)(void *)verb;
	struct arena *arena = &verb->arena;
	struct sql_pin pin = sql_pin(v->pin);
	struct db_value of_pin = text(v->pin ? pin.text : NULL);
	bool last = v->after_id > INT64_MAX;
	enum statement which = last ? SQL_TRAIL_LAST : SQL_TRAIL_AFTER;
	bool row = last ? sql_row(core, which, of_pin, number(v->max))
		: sql_row(core, which, number((int64_t)v->after_id), of_pin, number(v->max));

	for (; row; row = sql_next(core, which)) {
		v->entries = arena_grow(arena, v->entries, v->count, sizeof *v->entries);
		v->entries[v->count++] = (struct db_trail_entry){
			.id = (uint64_t)sql_number(core, which, 0), .wall_ms = (uint64_t)sql_number(core, which, 1),
			.process = sql_text(core, which, 2, arena), .event = sql_text(core, which, 3, arena),
			.pin = sql_pin_parse(sql_text(core, which, 4, arena)), .transaction = (uint32_t)sql_number(core, which, 5),
			.session = (uint32_t)sql_number(core, which, 6), .text = sql_text(core, which, 7, arena),
		};
	}
}

static void list_answer(struct verb *verb)
{
	struct trail_verb *v = (struct trail_verb *)(void *)verb;

	v->done(verb->ctx, verb->status, verb->status == DB_OK ? v->entries : NULL, verb->status == DB_OK ? v->count : 0);
}

void db_trail_list(struct db *db, uint64_t after_id, uint32_t pin, uint32_t max, db_trail_done *done, void *ctx)
{
	struct trail_verb *v = VERB_NEW(struct trail_verb, VERB_READ, list_work, list_answer, ctx);

	v->done = done;
	v->after_id = after_id;
	v->pin = pin;
	v->max = max;
	verb_give(db, &v->verb);
}
