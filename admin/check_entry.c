#include "admin/check_entry.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/trail.h"
#include "protocol/srp.h"

static const char *const event_names[CHECK_EVENT_COUNT] = {
#define X(id, name) [EVENT_##id] = name,
	CHECK_EVENTS(X)
#undef X
};

static enum check_event event_of(const char *name)
{
	for (int i = EVENT_OTHER + 1; i < CHECK_EVENT_COUNT; i++) {
		if (event_names[i][0] == name[0] && strcmp(event_names[i], name) == 0)
			return (enum check_event)i;
	}
	return EVENT_OTHER;
}

static int take_numbers(const json_t *numbers, struct check_entry *out, struct error *err)
{
	const char *key;
	json_t *value;
	size_t count = 0;

	if (!json_is_object(numbers))
		return error_set(err, "numbers is no object");
	json_object_foreach((json_t *)(uintptr_t)numbers, key, value) {
		if (!json_is_integer(value))
			return error_set(err, "the number %s is none", log_str(key));
		if (count == CHECK_NUMBERS)
			return error_set(err, "more than %d numbers", CHECK_NUMBERS);
		out->numbers[count].name = key;
		out->numbers[count++].value = (uint64_t)json_integer_value(value);
	}
	return 0;
}

static int take_number(const json_t *value, const char *key, uint64_t *into, struct error *err)
{
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return error_set(err, "%s is no number from 0 up", key);
	*into = (uint64_t)json_integer_value(value);
	return 0;
}

static int take_text(const json_t *value, const char *key, const char **into, struct error *err)
{
	if (!json_is_string(value))
		return error_set(err, "%s is no text", key);
	*into = json_string_value(value);
	return 0;
}

static int take_key(const char *key, const json_t *value, struct check_entry *out, struct error *err)
{
	uint64_t number = 0;
	const char *text = "";

	if (strcmp(key, "seq") == 0)
		return take_number(value, key, &out->seq, err);
	if (strcmp(key, "at_us") == 0)
		return take_number(value, key, &out->at_us, err);
	if (strcmp(key, "clock_ms") == 0)
		return take_number(value, key, &out->clock_ms, err);
	if (strcmp(key, "pid") == 0)
		return take_number(value, key, &out->pid, err);
	if (strcmp(key, "process") == 0)
		return take_text(value, key, &out->process_name, err);
	if (strcmp(key, "event") == 0)
		return take_text(value, key, &out->name, err);
	if (strcmp(key, "text") == 0)
		return take_text(value, key, &out->text, err);
	if (strcmp(key, "numbers") == 0)
		return take_numbers(value, out, err);
	if (strcmp(key, "transaction") == 0) {
		if (take_number(value, key, &number, err) != 0)
			return -1;
		if (number > UINT32_MAX)
			return error_set(err, "transaction has more than 32 bits");
		out->transaction = (uint32_t)number;
		return 0;
	}
	if (strcmp(key, "pin") == 0) {
		if (take_text(value, key, &text, err) != 0)
			return -1;
		return pin_parse(bytes_str(text), &out->pin) == 0 ? 0 : error_set(err, "pin is not 8 hex digits");
	}
	return error_set(err, "%s is no key of a line", log_str(key));
}

int check_entry_decode(struct bytes line, struct check_entry *out, struct error *err)
{
	json_error_t why;
	const char *key;
	json_t *value;

	*out = (struct check_entry){ .json = json_loadb((const char *)line.data, line.len, JSON_REJECT_DUPLICATES, &why) };
	if (!out->json)
		return error_set(err, "it is no JSON: %s", why.text);
	if (!json_is_object(out->json)) {
		error_set(err, "it is no JSON object");
		goto fail;
	}
	json_object_foreach(out->json, key, value) {
		if (take_key(key, value, out, err) != 0)
			goto fail;
	}
	if (!out->name || !out->text || !out->process_name || !out->seq || !json_object_get(out->json, "at_us") ||
	    !json_object_get(out->json, "clock_ms") || !json_object_get(out->json, "pid") || !json_object_get(out->json, "numbers")) {
		error_set(err, "one of process, pid, seq, at_us, clock_ms, event, numbers and text is missing");
		goto fail;
	}
	out->event = event_of(out->name);
	return 0;
fail:
	check_entry_free(out);
	return -1;
}

void check_entry_free(struct check_entry *entry)
{
	json_decref(entry->json);
	*entry = (struct check_entry){ 0 };
}

uint64_t check_number(const struct check_entry *entry, const char *name)
{
	for (size_t i = 0; i < CHECK_NUMBERS && entry->numbers[i].name; i++) {
		if (strcmp(entry->numbers[i].name, name) == 0)
			return entry->numbers[i].value;
	}
	return 0;
}

const char *check_value(const struct check_entry *entry, const char *key, char *into, size_t size)
{
	return trail_value(entry->text, key, into, size);
}
