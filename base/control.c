#include "base/control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/nearest.h"

enum { MAX_DEPTH = 16 };

json_t *control_json_text(const char *text)
{
	json_t *out = json_string(text);
	char *copy;

	if (out)
		return out;
	copy = memory_str(text);
	for (char *at = copy; *at; at++) {
		if ((unsigned char)*at >= 0x80)
			*at = '?';
	}
	out = json_string(copy);
	free(copy);
	return out;
}

/* The library's own bound on nesting is 2048, which costs stack; ours is looked at before it parses. */
static bool is_too_deep(struct bytes line)
{
	bool in_text = false;
	int depth = 0;

	for (size_t i = 0; i < line.len; i++) {
		uint8_t c = line.data[i];

		if (in_text && c == '\\')
			i++;
		else if (c == '"')
			in_text = !in_text;
		else if (!in_text && (c == '{' || c == '['))
			depth++;
		else if (!in_text && (c == '}' || c == ']'))
			depth--;
		if (depth > MAX_DEPTH)
			return true;
	}
	return false;
}

/* One object whose keys all stand in the list. */
static json_t *object_decode(struct bytes line, const char *const *keys, struct error *err)
{
	json_error_t wrong;
	json_t *root, *value;
	const char *key;
	char hint[128];

	if (line.len > CONTROL_MAX_LINE) {
		error_set(err, "the line is %zu bytes long; at most %d are read", line.len, CONTROL_MAX_LINE);
		return NULL;
	}
	if (is_too_deep(line)) {
		error_set(err, "the JSON is nested deeper than %d", MAX_DEPTH);
		return NULL;
	}
	root = json_loadb((const char *)line.data, line.len, JSON_REJECT_DUPLICATES, &wrong);
	if (!root) {
		/* Without the library's sentence: it quotes the input, which may hold a secret. */
		error_set(err, "not a JSON object: it goes wrong at byte %d", wrong.position);
		return NULL;
	}
	if (!json_is_object(root)) {
		error_set(err, "not a JSON object");
		goto bad;
	}
	json_object_foreach(root, key, value) {
		const char *const *known = keys;

		while (*known && strcmp(*known, key) != 0)
			known++;
		if (!*known) {
			error_set(err, "unknown key %s%s", log_str(key), did_you_mean(key, keys, hint, sizeof hint));
			goto bad;
		}
	}
	return root;
bad:
	json_decref(root);
	return NULL;
}

static int id_decode(const json_t *root, uint64_t *id, struct error *err)
{
	const json_t *value = json_object_get(root, "id");

	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return error_set(err, "id is missing or not a whole number from 0");
	*id = (uint64_t)json_integer_value(value);
	return 0;
}

int control_call_decode(struct bytes line, struct control_call *out, struct error *err)
{
	static const char *const keys[] = { "verb", "id", "params", NULL };
	json_t *root = object_decode(line, keys, err);
	const char *verb;
	json_t *params;
	int rc = -1;

	memset(out, 0, sizeof *out);
	if (!root)
		return -1;
	verb = json_string_value(json_object_get(root, "verb"));
	params = json_object_get(root, "params");
	if (!verb || !*verb || strlen(verb) >= sizeof out->verb)
		error_set(err, "verb is missing or not a text of 1 to %zu bytes", sizeof out->verb - 1);
	else if (params && !json_is_object(params))
		error_set(err, "params is not an object");
	else
		rc = id_decode(root, &out->id, err);
	if (rc == 0) {
		snprintf(out->verb, sizeof out->verb, "%s", verb);
		out->params = params ? json_incref(params) : json_object();
	}
	json_decref(root);
	return rc;
}

int control_answer_decode(struct bytes line, struct control_answer *out, struct error *err)
{
	static const char *const keys[] = { "id", "ok", "result", "error", "status", NULL };
	json_t *root = object_decode(line, keys, err);
	json_t *ok, *result, *status;
	const char *text;
	int rc = -1;

	memset(out, 0, sizeof *out);
	if (!root)
		return -1;
	ok = json_object_get(root, "ok");
	result = json_object_get(root, "result");
	status = json_object_get(root, "status");
	text = json_string_value(json_object_get(root, "error"));
	if (!json_is_boolean(ok))
		error_set(err, "ok is missing or not true or false");
	else if (json_is_true(ok) && (!result || status || json_object_get(root, "error")))
		error_set(err, "an answer that is ok has a result and nothing else");
	else if (json_is_false(ok) && (result || !text || strlen(text) >= sizeof out->error || !json_is_integer(status) ||
	         json_integer_value(status) < 1 || json_integer_value(status) > 255))
		error_set(err, "an answer that is not ok has an error of at most %zu bytes and a status from 1 to 255",
			sizeof out->error - 1);
	else
		rc = id_decode(root, &out->id, err);
	if (rc == 0) {
		out->ok = json_is_true(ok);
		out->result = out->ok ? json_incref(result) : NULL;
		out->status = out->ok ? 0 : (int)json_integer_value(status);
		snprintf(out->error, sizeof out->error, "%s", out->ok ? "" : text);
	}
	json_decref(root);
	return rc;
}

/* Takes the object over. */
static void line_encode(json_t *root, struct buf *out)
{
	char *text = json_dumps(root, JSON_COMPACT);

	if (!text)
		bug("a control line that JSON cannot say");
	buf_text(out, text);
	buf_text(out, "\n");
	free(text);
	json_decref(root);
}

void control_call_encode(const struct control_call *call, struct buf *out)
{
	json_t *root = json_object();

	json_object_set_new(root, "verb", control_json_text(call->verb));
	json_object_set_new(root, "id", json_integer((json_int_t)call->id));
	if (call->params)
		json_object_set(root, "params", call->params);
	line_encode(root, out);
}

void control_answer_encode(const struct control_answer *answer, struct buf *out)
{
	json_t *root = json_object();

	json_object_set_new(root, "id", json_integer((json_int_t)answer->id));
	json_object_set_new(root, "ok", json_boolean(answer->ok));
	if (answer->ok) {
		json_object_set_new(root, "result", answer->result ? json_incref(answer->result) : json_null());
	} else {
		json_object_set_new(root, "error", control_json_text(answer->error));
		json_object_set_new(root, "status", json_integer(answer->status));
	}
	line_encode(root, out);
}

static void dump_json(const char *name, const json_t *value, struct buf *out)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

	buf_printf(out, " %s=%s", name, text ? text : "?");
	free(text);
}

void control_dump(struct bytes line, struct buf *out)
{
	struct control_call call;
	struct control_answer answer;
	struct error err, other;

	if (control_call_decode(line, &call, &err) == 0) {
		buf_printf(out, "call %s id=%llu", log_str(call.verb), (unsigned long long)call.id);
		for (void *at = json_object_iter(call.params); at; at = json_object_iter_next(call.params, at))
			dump_json(log_str(json_object_iter_key(at)), json_object_iter_value(at), out);
		control_call_free(&call);
	} else if (control_answer_decode(line, &answer, &other) == 0) {
		buf_printf(out, "answer id=%llu %s", (unsigned long long)answer.id, answer.ok ? "ok" : "refused");
		if (answer.ok)
			dump_json("result", answer.result, out);
		else
			buf_printf(out, " status=%d error=%s", answer.status, log_str(answer.error));
		control_answer_free(&answer);
	} else {
		buf_printf(out, "no call: %s; no answer: %s", err.text, other.text);
	}
}

void control_call_free(struct control_call *call)
{
	json_decref(call->params);
	call->params = NULL;
}

void control_answer_free(struct control_answer *answer)
{
	json_decref(answer->result);
	answer->result = NULL;
}

static const struct control_param *find_param(const struct control_param *params, const char *name)
{
	for (; params && params->name; params++) {
		if (strcmp(params->name, name) == 0)
			return params;
	}
	return NULL;
}

static int unknown_param(const struct control_verb *verb, const char *name, struct error *err)
{
	const char **names;
	size_t count = 0;
	char hint[128];

	while (verb->params && verb->params[count].name)
		count++;
	names = memory_new((count + 1) * sizeof *names);
	for (size_t i = 0; i < count; i++)
		names[i] = verb->params[i].name;
	error_set(err, "%s has no parameter %s%s", verb->name, log_str(name), did_you_mean(name, names, hint, sizeof hint));
	free(names);
	return -1;
}

int control_check(const struct control_verb *verb, const json_t *params, struct error *err)
{
	const char *name;
	json_t *value;

	/* The library iterates through a pointer that is not const; nothing is changed. */
	json_object_foreach((json_t *)(uintptr_t)params, name, value) {
		const struct control_param *p = find_param(verb->params, name);

		if (!p)
			return unknown_param(verb, name, err);
		if (p->type == CONTROL_TEXT && !json_is_string(value))
			return error_set(err, "%s: %s is a text", verb->name, name);
		if (p->type == CONTROL_NUMBER && (!json_is_integer(value) || json_integer_value(value) < 0))
			return error_set(err, "%s: %s is a whole number from 0", verb->name, name);
		if (p->type == CONTROL_SWITCH && !json_is_boolean(value))
			return error_set(err, "%s: %s is true or false", verb->name, name);
	}
	for (const struct control_param *p = verb->params; p && p->name; p++) {
		if (p->required && !json_object_get(params, p->name))
			return error_set(err, "%s needs %s: %s", verb->name, p->name, p->help);
	}
	return 0;
}

const char *control_text(const json_t *params, const char *name, const char *fallback)
{
	const char *text = json_string_value(json_object_get(params, name));

	return text ? text : fallback;
}

uint64_t control_number(const json_t *params, const char *name, uint64_t fallback)
{
	const json_t *value = json_object_get(params, name);

	return json_is_integer(value) ? (uint64_t)json_integer_value(value) : fallback;
}

bool control_switch(const json_t *params, const char *name, bool fallback)
{
	const json_t *value = json_object_get(params, name);

	return json_is_boolean(value) ? json_is_true(value) : fallback;
}
