#include "admin/trace_login.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/control.h"

static void note(struct trace_login *l, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void note(struct trace_login *l, const char *format, ...)
{
	char sentence[TRACE_DETAIL_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(sentence, sizeof sentence, format, args);
	va_end(args);
	json_array_append_new(l->notes, control_json_text(sentence));
}

void trace_note_gaps(struct trace_login *l)
{
	static const char *const names[] = { "Router", "Dispatcher", "Collaboration Service" };
	const json_t *const known[] = { l->up, l->opened, l->login };

	for (int i = 0; i < TRACE_PROCESSES; i++) {
		if (!l->source->trails[i])
			note(l, "The %s of this place does not answer, so its trail cannot be read.", names[i]);
		else if (!known[i])
			note(l, "The %s's trail has nothing of it: it was started since, or has seen too much since, or it was another instance.",
				names[i]);
	}
	if (l->is_admit_stored || l->is_answer_stored)
		note(l, "The decision and the answer are as the database's event trail remembers them.");
}

static void add_event(struct trace_login *l, const json_t *entry, bool is_stored)
{
	static const struct { const char *event, *key, *value, *what; } names[] = {
		{ "session.coverage", "what", "gone", "its device leaves coverage" },
		{ "session.coverage", "what", "back", "its device is back in coverage" },
		{ "session.mark", "what", "none", "may not be logged out any more" },
		{ "session.mark", "what", NULL, "may be logged out when a place is needed" },
		{ "evict", "reason", NULL, "is logged out to make a place" },
		{ "session.end", "reason", NULL, "ends" },
	};
	struct trace_value value, why;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char detail[2 * TRACE_VALUE_MAX + 4];

		if (!trace_is_of(l, entry, names[i].event))
			continue;
		trace_word(entry, names[i].key, &value);
		if (names[i].value && strcmp(names[i].value, value.text) != 0)
			continue;
		trace_word(entry, "why", &why);
		snprintf(detail, sizeof detail, "%s%s%s", names[i].value ? "" : value.text, why.text[0] ? ": " : "", why.text);
		json_array_append_new(l->events, trace_happening(names[i].what, trace_stored_or(entry, is_stored), detail));
		return;
	}
}

json_t *trace_session(struct trace_login *l)
{
	json_t *out;
	json_int_t begun = l->login ? trace_member(l->login, "at_us") : 0;
	bool is_stored = false;
	const json_t *end, *entry;
	size_t i;

	if (!l->row) {
		json_decref(l->events);
		return json_null();
	}
	json_array_foreach(l->source->trails[TRACE_COLLAB], i, entry) {
		if (trace_member(entry, "at_us") >= begun)
			add_event(l, entry, false);
	}
	out = json_copy((json_t *)(uintptr_t)l->row);
	end = l->is_live ? NULL : trace_end_of(l, trace_member(l->row, "session"), &is_stored);
	if (end && is_stored)
		add_event(l, end, true);
	/* By the owner's clock, which a manual one moves. */
	if (end)
		json_object_set_new(out, "lasted_ms", json_integer(trace_number(end, "lasted_ms")));
	json_object_set_new(out, "live", json_boolean(l->is_live));
	json_object_set_new(out, "events", l->events);
	return out;
}
