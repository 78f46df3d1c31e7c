#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/control.h"

struct row { const char *name, *line, *words; };

static void calls_are_read_strictly(void **state)
{
	static const struct row rows[] = {
		{ "whole", "{\"verb\":\"session.list\",\"id\":7,\"params\":{\"limit\":10}}\n", NULL },
		{ "without params", "{\"verb\":\"status\",\"id\":0}", NULL },
		{ "no JSON", "status", "not a JSON object" },
		{ "an array", "[1]", "not a JSON object" },
		{ "empty", "", "not a JSON object" },
		{ "two objects", "{\"verb\":\"a\",\"id\":1}{}", "not a JSON object" },
		{ "duplicate key", "{\"verb\":\"a\",\"id\":1,\"id\":2}", "not a JSON object" },
		{ "no UTF-8", "{\"verb\":\"\xff\",\"id\":1}", "not a JSON object" },
		{ "unknown key", "{\"verb\":\"a\",\"id\":1,\"parms\":{}}", "did you mean params?" },
		{ "no verb", "{\"id\":1}", "verb is missing" },
		{ "empty verb", "{\"verb\":\"\",\"id\":1}", "verb is missing" },
		{ "verb too long", "{\"verb\":\"0123456789012345678901234567890123456789012345678901234567890123\",\"id\":1}",
		  "1 to 63 bytes" },
		{ "no id", "{\"verb\":\"a\"}", "id is missing" },
		{ "negative id", "{\"verb\":\"a\",\"id\":-1}", "id is missing" },
		{ "id of 2^64", "{\"verb\":\"a\",\"id\":18446744073709551616}", "not a JSON object" },
		{ "params of the wrong kind", "{\"verb\":\"a\",\"id\":1,\"params\":[]}", "params is not an object" },
		{ "17 deep", "{\"verb\":\"a\",\"id\":1,\"params\":{\"x\":[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]}}", "deeper than 16" },
		{ "brackets in a text are not depth",
		  "{\"verb\":\"a\",\"id\":1,\"params\":{\"x\":\"[[[[[[[[[[[[[[[[[[[\\\"[[[\"}}", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct control_call call;
		struct error err = { "" };
		int rc = control_call_decode(bytes_str(rows[i].line), &call, &err);

		if (rc != (rows[i].words ? -1 : 0))
			fail_msg("%s: returned %d: %s", rows[i].name, rc, err.text);
		if (rows[i].words && !strstr(err.text, rows[i].words))
			fail_msg("%s: \"%s\" does not say \"%s\"", rows[i].name, err.text, rows[i].words);
		control_call_free(&call);
	}
}

static void answers_are_read_strictly(void **state)
{
	static const struct row rows[] = {
		{ "result", "{\"id\":7,\"ok\":true,\"result\":{\"a\":1}}", NULL },
		{ "refusal", "{\"id\":7,\"ok\":false,\"error\":\"no\",\"status\":1}", NULL },
		{ "no ok", "{\"id\":7,\"result\":1}", "ok is missing" },
		{ "ok without result", "{\"id\":7,\"ok\":true}", "has a result" },
		{ "ok with error", "{\"id\":7,\"ok\":true,\"result\":1,\"error\":\"x\"}", "nothing else" },
		{ "refusal with result", "{\"id\":7,\"ok\":false,\"error\":\"x\",\"status\":1,\"result\":1}", "has an error" },
		{ "status out of range", "{\"id\":7,\"ok\":false,\"error\":\"x\",\"status\":0}", "status from 1 to 255" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct control_answer answer;
		struct error err = { "" };
		int rc = control_answer_decode(bytes_str(rows[i].line), &answer, &err);

		if (rc != (rows[i].words ? -1 : 0))
			fail_msg("%s: returned %d: %s", rows[i].name, rc, err.text);
		if (rows[i].words && !strstr(err.text, rows[i].words))
			fail_msg("%s: \"%s\" does not say \"%s\"", rows[i].name, err.text, rows[i].words);
		control_answer_free(&answer);
	}
}

static void an_input_is_never_quoted_when_it_is_no_json(void **state)
{
	struct control_call call;
	struct error err = { "" };

	(void)state;
	assert_int_equal(control_call_decode(bytes_str("{\"password\":\"hunter2\""), &call, &err), -1);
	assert_null(strstr(err.text, "hunter2"));
}

static void what_is_written_is_read_back(void **state)
{
	struct control_call call = { .verb = "limits.set", .id = 9 }, call2;
	struct control_answer answer = { .id = 9, .status = 4, .error = "not \"there\"" }, answer2;
	struct buf out = { 0 };

	(void)state;
	call.params = json_pack("{s:i}", "max", 2);
	control_call_encode(&call, &out);
	assert_string_equal(buf_cstr(&out), "{\"verb\":\"limits.set\",\"id\":9,\"params\":{\"max\":2}}\n");
	assert_int_equal(control_call_decode(buf_bytes(&out), &call2, NULL), 0);
	assert_true(json_equal(call.params, call2.params));
	control_call_free(&call);
	control_call_free(&call2);
	buf_clear(&out);
	control_answer_encode(&answer, &out);
	assert_int_equal(control_answer_decode(buf_bytes(&out), &answer2, NULL), 0);
	assert_string_equal(answer2.error, answer.error);
	assert_int_equal(answer2.status, 4);
	buf_clear(&out);
	snprintf(answer.error, sizeof answer.error, "bytes \xff\xfe");
	control_answer_encode(&answer, &out);
	assert_non_null(strstr(buf_cstr(&out), "bytes ??"));
	buf_free(&out);
}

static const struct control_param params[] = {
	{ "user", CONTROL_TEXT, true, "whose" },
	{ "max", CONTROL_NUMBER, false, "how many" },
	{ "history", CONTROL_SWITCH, false, "ended ones" },
	{ NULL, CONTROL_TEXT, false, NULL },
};
static const struct control_verb verb = { .name = "x.y", .params = params };

static void params_are_checked_by_the_table(void **state)
{
	static const struct row rows[] = {
		{ "all", "{\"user\":\"a\",\"max\":0,\"history\":true}", NULL },
		{ "missing", "{}", "x.y needs user: whose" },
		{ "unknown", "{\"user\":\"a\",\"histroy\":true}", "did you mean history?" },
		{ "text", "{\"user\":1}", "user is a text" },
		{ "number", "{\"user\":\"a\",\"max\":-1}", "max is a whole number" },
		{ "no real number", "{\"user\":\"a\",\"max\":1.5}", "max is a whole number" },
		{ "switch", "{\"user\":\"a\",\"history\":1}", "history is true or false" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		json_t *given = json_loads(rows[i].line, 0, NULL);
		struct error err = { "" };
		int rc = control_check(&verb, given, &err);

		if (rc != (rows[i].words ? -1 : 0) || (rows[i].words && !strstr(err.text, rows[i].words)))
			fail_msg("%s: %d \"%s\"", rows[i].name, rc, err.text);
		json_decref(given);
	}
}

static void values_or_their_fallbacks(void **state)
{
	json_t *given = json_loads("{\"user\":\"a\",\"max\":5,\"history\":true}", 0, NULL);

	(void)state;
	assert_string_equal(control_text(given, "user", "b"), "a");
	assert_string_equal(control_text(given, "none", "b"), "b");
	assert_int_equal(control_number(given, "max", 1), 5);
	assert_int_equal(control_number(given, "none", 1), 1);
	assert_true(control_switch(given, "history", false));
	assert_true(control_switch(given, "none", true));
	json_decref(given);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_are_read_strictly),
		cmocka_unit_test(answers_are_read_strictly),
		cmocka_unit_test(an_input_is_never_quoted_when_it_is_no_json),
		cmocka_unit_test(what_is_written_is_read_back),
		cmocka_unit_test(params_are_checked_by_the_table),
		cmocka_unit_test(values_or_their_fallbacks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
