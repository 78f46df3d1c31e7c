#include "base/trail.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/control.h"
#include "base/io/loop.h"
#include "base/memory.h"

struct trail {
	uint64_t last;
	const struct loop *clock;     /* NULL: none */
	trail_heard_fn *heard;
	void *heard_ctx;
	unsigned size;
	struct trail_entry entries[];
};

struct trail *trail_new(unsigned entries)
{
	struct trail *trail = memory_new(sizeof *trail + entries * sizeof trail->entries[0]);

	trail->size = entries;
	return trail;
}

void trail_free(struct trail **trail)
{
	free(*trail);
	*trail = NULL;
}

void trail_set_clock(struct trail *trail, const struct loop *loop)
{
	trail->clock = loop;
}

static void set_time(const struct trail *trail, struct trail_entry *entry)
{
	entry->at_us = loop_real_us();
	entry->virtual_ms = trail->clock && loop_clock_is_manual(trail->clock) ? loop_now_ms(trail->clock) : 0;
}

void trail_record(struct trail *trail, const struct trail_entry *entry)
{
	struct trail_entry heard;

	if (!trail_is_heard(trail))
		return;
	heard = *entry;
	set_time(trail, &heard);
	trail->heard(trail->heard_ctx, &heard);
}

void trail_note(struct trail *trail, const struct trail_entry *entry)
{
	struct trail_entry *place;

	if (!trail)
		return;
	if (!trail->size) {
		trail_record(trail, entry);
		return;
	}
	place = &trail->entries[trail->last % trail->size];
	*place = *entry;
	place->seq = ++trail->last;
	set_time(trail, place);
	if (trail->heard)
		trail->heard(trail->heard_ctx, place);
}

bool trail_is_heard(const struct trail *trail)
{
	return trail && trail->heard;
}

void trail_listen(struct trail *trail, trail_heard_fn *fn, void *ctx)
{
	trail->heard = fn;
	trail->heard_ctx = ctx;
}

void trail_text(struct trail_entry *entry, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(entry->text, sizeof entry->text, format, args);
	va_end(args);
}

const char *trail_value(const char *text, const char *key, char *into, size_t size)
{
	size_t key_len = strlen(key);

	into[0] = '\0';
	while (*text) {
		const char *name = text, *value;
		size_t name_len = strcspn(text, " ="), len;

		text += name_len;
		if (*text != '=') {
			text += *text != '\0';
			continue;
		}
		value = ++text;
		if (*value == '"') {
			len = strcspn(++value, "\"");
			text = value + len + (value[len] != '\0');
		} else {
			len = strcspn(value, " ");
			text = value + len;
		}
		if (name_len == key_len && memcmp(name, key, key_len) == 0) {
			snprintf(into, size, "%.*s", (int)len, value);
			break;
		}
	}
	return into;
}

uint64_t trail_last(const struct trail *trail)
{
	return trail ? trail->last : 0;
}

json_t *trail_entry_json(const struct trail_entry *entry)
{
	json_t *out = json_object();
	json_t *numbers = json_object();
	char pin[16];

	json_object_set_new(out, "seq", json_integer((json_int_t)entry->seq));
	json_object_set_new(out, "at_us", json_integer((json_int_t)entry->at_us));
	if (entry->virtual_ms)
		json_object_set_new(out, "virtual_ms", json_integer((json_int_t)entry->virtual_ms));
	json_object_set_new(out, "event", control_json_text(entry->event ? entry->event : ""));
	if (entry->pin) {
		snprintf(pin, sizeof pin, "%08X", entry->pin);
		json_object_set_new(out, "pin", json_string(pin));
	}
	if (entry->transaction)
		json_object_set_new(out, "transaction", json_integer(entry->transaction));
	for (size_t i = 0; i < sizeof entry->numbers / sizeof entry->numbers[0] && entry->numbers[i].name; i++)
		json_object_set_new(numbers, entry->numbers[i].name, json_integer((json_int_t)entry->numbers[i].value));
	json_object_set_new(out, "numbers", numbers);
	json_object_set_new(out, "text", control_json_text(entry->text));
	return out;
}

json_t *trail_json(const struct trail *trail, uint64_t after_seq, uint32_t pin, unsigned max)
{
	json_t *out = json_array();
	uint64_t first;

	if (!trail)
		return out;
	first = trail->last > trail->size ? trail->last - trail->size + 1 : 1;
	if (after_seq >= first)
		first = after_seq == UINT64_MAX ? after_seq : after_seq + 1;
	for (uint64_t seq = first; seq <= trail->last && json_array_size(out) < max; seq++) {
		const struct trail_entry *entry = &trail->entries[(seq - 1) % trail->size];

		if (!pin || entry->pin == pin)
			json_array_append_new(out, trail_entry_json(entry));
	}
	return out;
}
