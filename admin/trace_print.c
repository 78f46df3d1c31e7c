/* One login for people. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "admin/span.h"
#include "admin/trace_steps.h"

static const char *text(const json_t *object, const char *name)
{
	const char *value = json_string_value(json_object_get(object, name));

	return value ? value : "";
}

static json_int_t member(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

/* "  2.  +0.53  what the flow says       what happened" */
void trace_print_steps(const json_t *login)
{
	json_int_t from_us = member(login, "from_us"), before = 0;
	size_t i;
	const json_t *step;

	printf("  step  ms\n");
	json_array_foreach(json_object_get(login, "steps"), i, step) {
		char number[8] = "", when[24] = "";
		bool is_stored = strcmp(text(step, "from"), "database") == 0;

		if (member(step, "step") != before)
			snprintf(number, sizeof number, "%d.", (int)member(step, "step"));
		before = member(step, "step");
		/* The device's own line and its beginning are where the time is counted from. */
		if (from_us && member(step, "at_us") && (member(step, "at_us") != from_us || strcmp(text(step, "from"), "device") != 0))
			snprintf(when, sizeof when, "%.2f", (double)(member(step, "at_us") - from_us) / 1000);
		printf("  %-3s%6s  %-41s %s%s\n", number, when, text(step, "what"), text(step, "detail"), is_stored ? " (database)" : "");
	}
}

static void print_events(const json_t *login, const json_t *events)
{
	json_int_t from_us = member(login, "from_us"), from_ms = member(login, "virtual_ms");
	size_t i;
	const json_t *event;

	json_array_foreach(events, i, event) {
		char when[40] = "", span[32];
		const char *detail = text(event, "detail");

		if (from_ms && member(event, "virtual_ms") >= from_ms)
			snprintf(when, sizeof when, "+%s", span_text((uint64_t)(member(event, "virtual_ms") - from_ms), span, sizeof span));
		else if (from_us && member(event, "at_us") >= from_us)
			snprintf(when, sizeof when, "+%s", span_text((uint64_t)(member(event, "at_us") - from_us) / 1000, span, sizeof span));
		else if (*text(event, "time"))
			snprintf(when, sizeof when, "%.12s", text(event, "time") + strlen("2009-05-01T"));
		printf("  %12s  %s%s%s\n", when, text(event, "what"), *detail ? ": " : "", detail);
	}
}

static void print_session(const json_t *login)
{
	const json_t *session = json_object_get(login, "session");
	char lasted[48] = "", span[32];

	if (!json_is_object(session)) {
		printf("No session was made.\n");
		return;
	}
	if (json_is_true(json_object_get(session, "live"))) {
		printf("Session %lld on %s: %s%s%s\n", (long long)member(session, "session"), text(session, "instance"), text(session, "state"),
			*text(session, "evictable") ? ", may be logged out: " : "", text(session, "evictable"));
	} else {
		if (json_is_integer(json_object_get(session, "lasted_ms")))
			snprintf(lasted, sizeof lasted, " after %s", span_text((uint64_t)member(session, "lasted_ms"), span, sizeof span));
		printf("Session %lld on %s ended%s at %s: %s%s%s\n", (long long)member(session, "session"), text(session, "instance"), lasted,
			text(session, "ended"), text(session, "reason"), *text(session, "ended_by") ? ", by login " : "",
			text(session, "ended_by"));
	}
	print_events(login, json_object_get(session, "events"));
}

void trace_print(const json_t *login)
{
	const char *outcome = text(login, "outcome");
	size_t i;
	const json_t *note;

	printf("Login %s: %s from %s", text(login, "login_id"), *text(login, "user") ? text(login, "user") : "somebody", text(login, "pin"));
	if (*text(login, "time"))
		printf(" at %s", text(login, "time"));
	if (member(login, "virtual_ms"))
		printf(", virtual time %lld ms", (long long)member(login, "virtual_ms"));
	printf("\n");
	trace_print_steps(login);
	if (strcmp(outcome, "refused") == 0)
		printf("  => refused, the device shows \"%s\" (code %lld)\n", text(login, "status_text"), (long long)member(login, "code"));
	else
		printf("  => %s\n", strcmp(outcome, "under-way") == 0 ? "under way" : strcmp(outcome, "unknown") == 0 ? "how it went on is not known" : outcome);
	print_session(login);
	json_array_foreach(json_object_get(login, "notes"), i, note) {
		printf("%s%s\n", i ? "" : "\n", json_string_value(note));
	}
}
