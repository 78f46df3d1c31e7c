#include "admin/demo_trace.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/io/control_client.h"
#include "base/memory.h"

enum { ROUTER, DISPATCHER, COLLAB, PROCESSES };
enum { ASK_MS = 5000 };
static const char *const process_names[PROCESSES] = { "router", "dispatcher", "collab" };

struct demo_trace {
	const struct lab *lab;
	json_int_t after[PROCESSES];
	json_t *entries[PROCESSES];
	json_int_t start_us;
};

static json_t *ask_trail(const struct demo_trace *trace, int process, struct error *err)
{
	int status;
	json_t *params = json_pack("{s:I, s:i}", "after", trace->after[process], "max", 8000);
	json_t *answer = control_ask(lab_socket(trace->lab, process_names[process]), "trail", params, ASK_MS, &status, err);

	if (!answer)
		error_prefix(err, "%s: ", process_names[process]);
	return answer;
}

struct demo_trace *demo_trace_begin(const struct lab *lab, struct error *err)
{
	struct demo_trace *trace = memory_new(sizeof *trace);

	trace->lab = lab;
	for (int i = 0; i < PROCESSES; i++) {
		json_t *answer = ask_trail(trace, i, err);

		if (!answer) {
			demo_trace_free(&trace);
			return NULL;
		}
		trace->after[i] = json_integer_value(json_object_get(answer, "last"));
		json_decref(answer);
	}
	return trace;
}

void demo_trace_free(struct demo_trace **trace)
{
	if (!*trace)
		return;
	for (int i = 0; i < PROCESSES; i++)
		json_decref((*trace)->entries[i]);
	free(*trace);
	*trace = NULL;
}

/* --- entries ------------------------------------------------------------------------------------------------------------ */

static json_int_t number(const json_t *entry, const char *name)
{
	return json_integer_value(json_object_get(json_object_get(entry, "numbers"), name));
}

static json_int_t member(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

static const char *text(const json_t *object, const char *name)
{
	const char *value = json_string_value(json_object_get(object, name));

	return value ? value : "";
}

/* The value of key=value in an entry's text: up to the next space, or to the closing quote. */
static const char *word(const json_t *entry, const char *key, char *into, size_t size)
{
	const char *all = text(entry, "text");
	size_t len = strlen(key);

	into[0] = '\0';
	for (const char *at = all; (at = strstr(at, key)); at += len) {
		const char *value = at + len + 1;

		if ((at != all && at[-1] != ' ') || at[len] != '=')
			continue;
		len = *value == '"' ? strcspn(++value, "\"") : strcspn(value, " ");
		snprintf(into, size, "%.*s", (int)len, value);
		break;
	}
	return into;
}

/* The first entry of an event; pin "" and transaction 0 match all. */
static const json_t *find(const struct demo_trace *trace, int process, const char *event, const char *pin, json_int_t transaction)
{
	size_t i;
	const json_t *entry;

	json_array_foreach(trace->entries[process], i, entry) {
		if (strcmp(text(entry, "event"), event) == 0 && (!*pin || strcmp(text(entry, "pin"), pin) == 0) &&
		    (!transaction || member(entry, "transaction") == transaction))
			return entry;
	}
	return NULL;
}

/* --- lines -------------------------------------------------------------------------------------------------------------- */

/* "  2.  +0.53 ms  what the flow says       what happened" */
static void line(const struct demo_trace *trace, int step, const char *what, json_int_t at_us, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

static void line(const struct demo_trace *trace, int step, const char *what, json_int_t at_us, const char *format, ...)
{
	char number_text[8] = "", happened[256], when[16] = "";
	va_list args;

	va_start(args, format);
	vsnprintf(happened, sizeof happened, format, args);
	va_end(args);
	if (step)
		snprintf(number_text, sizeof number_text, "%d.", step);
	if (at_us)
		snprintf(when, sizeof when, "%.2f", (double)(at_us - trace->start_us) / 1000);
	printf("  %-3s%6s  %-41s %s\n", number_text, when, what, happened);
}

static void print_evictions(const struct demo_trace *trace)
{
	char user[64], reason[64];
	size_t i;
	const json_t *entry;

	json_array_foreach(trace->entries[COLLAB], i, entry) {
		if (strcmp(text(entry, "event"), "evict") == 0)
			line(trace, 0, "a session that may be logged out is", member(entry, "at_us"), "session %lld of %s from %s: %s",
				(long long)number(entry, "session"), word(entry, "user", user, sizeof user), text(entry, "pin"),
				word(entry, "reason", reason, sizeof reason));
	}
}

static void print_decision(const struct demo_trace *trace, const json_t *admit)
{
	char arithmetic[256], permitted[8], outcome[32];

	line(trace, 4, "the limits in the Configuration Database", member(admit, "at_us"), "%s",
		word(admit, "arithmetic", arithmetic, sizeof arithmetic));
	print_evictions(trace);
	if (strcmp(word(admit, "outcome", outcome, sizeof outcome), "admitted") == 0 || strcmp(outcome, "not-permitted") == 0)
		line(trace, 0, "permission to use the client", 0, "%s", word(admit, "permitted", permitted, sizeof permitted));
}

static void print_backend(const struct demo_trace *trace, const json_t *connect, const json_t *login)
{
	char peer[80], local[80], tls[16], name[80];

	if (!connect) {
		line(trace, 5, "a connection of its own to GroupWise", 0, "not reached");
		return;
	}
	line(trace, 5, "a connection of its own to GroupWise", member(connect, "at_us"), "%s -> %s, %s",
		word(connect, "local", local, sizeof local), word(connect, "peer", peer, sizeof peer), word(connect, "tls", tls, sizeof tls));
	if (login)
		line(trace, 0, "GroupWise Messenger accepts the login", member(login, "at_us"), "%s",
			word(login, "name", name, sizeof name));
	else
		line(trace, 0, "GroupWise Messenger accepts the login", 0, "no");
}

static void print_answer(const struct demo_trace *trace, const json_t *note, const json_t *answer)
{
	bool accepted = strcmp(text(answer, "event"), "login-ok") == 0;
	long long code = (long long)number(note, "code");

	if (accepted)
		line(trace, 6, "the acceptance goes back", member(note, "at_us"), "session %lld; the service keeps how it is connected",
			(long long)number(note, "session"));
	else
		line(trace, 6, "the refusal goes back", member(note, "at_us"), "code %lld", code);
	line(trace, 0, "compressed and encrypted for the device", 0, "%lld -> %lld -> %lld bytes, %s", (long long)member(answer, "clear"),
		(long long)member(answer, "packed"), (long long)member(answer, "sealed"), text(answer, "suite"));
	line(trace, 0, "the device shows", member(answer, "at_us"), "%s",
		accepted ? text(answer, "display_name") : text(answer, "status_text"));
}

int demo_trace_print(struct demo_trace *trace, const json_t *sent, const json_t *answer, struct error *err)
{
	const char *pin = text(sent, "pin");
	json_int_t transaction = member(sent, "transaction");
	const json_t *up, *opened, *login, *admit, *note;

	trace->start_us = member(sent, "at_us");
	for (int i = 0; i < PROCESSES; i++) {
		json_t *told = ask_trail(trace, i, err);

		if (!told)
			return -1;
		json_decref(trace->entries[i]);
		trace->entries[i] = json_incref(json_object_get(told, "entries"));
		json_decref(told);
	}
	up = find(trace, ROUTER, "up", pin, transaction);
	opened = find(trace, DISPATCHER, "opened", pin, transaction);
	login = find(trace, COLLAB, "login", pin, transaction);
	admit = find(trace, COLLAB, "admit", pin, transaction);
	note = find(trace, COLLAB, "answer", pin, transaction);
	if (!up || !opened || !login || !admit || !note)
		return error_set(err, "the login of %s with message id %lld left no entry \"%s\" in the trail of the %s", pin,
			(long long)transaction, !up ? "up" : !opened ? "opened" : !login ? "login" : !admit ? "admit" : "answer",
			!up ? "router" : !opened ? "dispatcher" : "collab");

	printf("  step  ms\n");
	line(trace, 1, "the user logs in on the device", 0, "user ID and password, %lld bytes", (long long)member(sent, "clear"));
	line(trace, 2, "compressed, encrypted, sent to the Router", 0, "%lld -> %lld -> %lld bytes, %s, to %s",
		(long long)member(sent, "clear"), (long long)member(sent, "packed"), (long long)member(sent, "sealed"),
		text(sent, "suite"), text(sent, "peer"));
	line(trace, 0, "the Router forwards it to the Dispatcher", member(up, "at_us"), "%lld bytes on port %u, unread",
		(long long)number(up, "bytes"), lab_ports(trace->lab)->router);
	line(trace, 3, "decrypted, decompressed, passed on", member(opened, "at_us"), "%lld -> %lld -> %lld bytes, on port %u",
		(long long)number(opened, "sealed"), (long long)number(opened, "packed"), (long long)number(opened, "clear"),
		lab_ports(trace->lab)->dispatcher);
	line(trace, 0, "the Collaboration Service has it", member(login, "at_us"), "message id %lld", (long long)transaction);
	print_decision(trace, admit);
	print_backend(trace, find(trace, COLLAB, "backend.connect", pin, transaction),
		find(trace, COLLAB, "backend.login", pin, transaction));
	print_answer(trace, note, answer);
	return 0;
}
