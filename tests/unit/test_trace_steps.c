/* A login told from what processes and database remember of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "admin/trace_list.h"
#include "admin/trace_steps.h"

#define PIN "2100000A"
#define ADMITTED "outcome=admitted login=" PIN "-17 permitted=yes arithmetic=\"max=2 live=1 -> ADMITTED\" user=alice"
#define OK "status=OK login=" PIN "-17 why=\"\" user=alice"

static void add(json_t **list, const char *event, const char *pin, int transaction, int at_us, json_t *numbers, const char *text)
{
	if (!*list)
		*list = json_array();
	json_array_append_new(*list, json_pack("{s:s, s:s, s:i, s:i, s:o, s:s}", "event", event, "pin", pin, "transaction", transaction,
		"at_us", at_us, "numbers", numbers, "text", text));
}

/* One accepted login in all three trails, beginning at base_us. */
static void add_login(struct trace_source *s, int transaction, int base_us, int session)
{
	json_t **router = &s->trails[TRACE_ROUTER], **dispatcher = &s->trails[TRACE_DISPATCHER], **collab = &s->trails[TRACE_COLLAB];

	add(router, "up", PIN, transaction, base_us + 100, json_pack("{s:i}", "bytes", 180), "");
	add(dispatcher, "opened", PIN, transaction, base_us + 200, json_pack("{s:i, s:i, s:i}", "clear", 37, "packed", 31, "sealed", 180),
		"user=alice suite=aes256-cbc content=BBIM");
	add(collab, "login", PIN, transaction, base_us + 300, json_object(), "user=alice login=x");
	add(collab, "admit", PIN, transaction, base_us + 400, json_pack("{s:i}", "session", session), ADMITTED);
	add(collab, "backend.connect", PIN, transaction, base_us + 500, json_pack("{s:i}", "session", session), "peer=p local=l tls=TLSv1.3");
	add(collab, "backend.login", PIN, transaction, base_us + 600, json_pack("{s:i}", "session", session), "name=\"Alice A\"");
	add(collab, "answer", PIN, transaction, base_us + 700, json_pack("{s:i, s:i}", "code", 0, "session", session), OK);
	add(dispatcher, "sealed", PIN, 900 + transaction, base_us + 800, json_pack("{s:i, s:i, s:i}", "clear", 41, "packed", 38, "sealed", 180),
		"suite=aes256-cbc content=BBIM");
	add(dispatcher, "delivered", PIN, 900 + transaction, base_us + 900, json_object(), "");
}

static void add_history(struct trace_source *s, int session, const char *login_id, const char *reason, const char *by)
{
	if (!s->history)
		s->history = json_array();
	json_array_insert_new(s->history, 0, json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s}", "session", session, "login_id", login_id,
		"reason", reason, "ended_by", by, "user", "bob", "pin", "2100000B", "instance", "collab1"));
}

static const json_t *step_of(const json_t *login, const char *what)
{
	size_t i;
	const json_t *step;

	json_array_foreach(json_object_get(login, "steps"), i, step) {
		if (strcmp(json_string_value(json_object_get(step, "what")), what) == 0)
			return step;
	}
	return NULL;
}

static const char *detail(const json_t *login, const char *what)
{
	const char *text = json_string_value(json_object_get(step_of(login, what), "detail"));

	return text ? text : "(none)";
}

static json_int_t at(const json_t *login, const char *what)
{
	return json_integer_value(json_object_get(step_of(login, what), "at_us"));
}

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "-";
}

#define LIMITS "the limits in the Configuration Database"

static void ids(void **state)
{
	static const struct { const char *id; int want; } rows[] = {
		{ "2100000A-17", 0 }, { "2100000a-4294967295", 0 }, { "2100000A-0", -1 }, { "2100000A-4294967296", -1 }, { "2100000A", -1 },
		{ "2100000A-", -1 }, { "2100000A-1x", -1 }, { "210000A-1", -1 }, { "-1", -1 }, { "", -1 }, { "2100000A--1", -1 },
		{ "2100000A-99999999999999999999", -1 },
	};
	uint32_t pin, number;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(trace_id_parse(rows[i].id, &pin, &number), rows[i].want);
	assert_int_equal(trace_id_parse("2100000a-17", &pin, &number), 0);
	assert_int_equal(pin, 0x2100000a);
	assert_int_equal(number, 17);
}

static void an_accepted_login_has_all_its_steps(void **state)
{
	struct trace_source s = { 0 };
	json_t *login;

	(void)state;
	add_login(&s, 17, 1000, 5);
	add_history(&s, 5, PIN "-17", "logout", "");
	add(&s.trails[TRACE_COLLAB], "session.end", PIN, 17, 9000, json_pack("{s:i, s:i}", "session", 5, "lasted_ms", 1860000),
		"login=x reason=logout why=\"the device asked\" user=alice");
	login = trace_explain(&s, "2100000a-17");
	assert_string_equal(text(login, "login_id"), PIN "-17");
	assert_string_equal(text(login, "outcome"), "accepted");
	assert_string_equal(text(login, "user"), "alice");
	assert_string_equal(text(login, "arithmetic"), "max=2 live=1 -> ADMITTED");
	assert_string_equal(detail(login, "the user logs in on the device"), "user ID and password, 37 bytes");
	assert_string_equal(detail(login, "compressed, encrypted, sent to the Router"), "37 -> 31 -> 180 bytes, aes256-cbc");
	assert_string_equal(detail(login, LIMITS), "max=2 live=1 -> ADMITTED");
	assert_string_equal(detail(login, "permission to use the client"), "yes");
	assert_string_equal(detail(login, "GroupWise Messenger accepts the login"), "Alice A");
	assert_string_equal(detail(login, "the Router says that the device has it"), "message id 917");
	assert_string_equal(detail(login, "the device shows"), "logged in");
	assert_int_equal(json_array_size(json_object_get(login, "notes")), 0);
	assert_string_equal(text(json_object_get(login, "session"), "reason"), "logout");
	assert_int_equal(json_integer_value(json_object_get(json_object_get(login, "session"), "lasted_ms")), 1860000);
	assert_null(trace_missing(login));
	json_decref(login);
	trace_source_free(&s);
}

static void several_logins_of_one_device_are_told_apart(void **state)
{
	struct trace_source s = { 0 };
	json_t *login;

	(void)state;
	add_login(&s, 17, 1000, 5);
	add_login(&s, 18, 5000, 6);
	login = trace_explain(&s, PIN "-17");
	assert_int_equal(at(login, LIMITS), 1400);
	assert_int_equal(at(login, "compressed and encrypted for the device"), 1800);
	json_decref(login);
	login = trace_explain(&s, PIN "-18");
	assert_int_equal(at(login, LIMITS), 5400);
	assert_string_equal(detail(login, "the acceptance goes back"), "session 6; the service keeps how it is connected");
	json_decref(login);
	assert_null(trace_explain(&s, PIN "-19"));
	assert_null(trace_explain(&s, "2100000B-17"));
	trace_source_free(&s);
}

static void an_id_that_was_used_twice_is_the_last_login(void **state)
{
	struct trace_source s = { 0 };
	json_t *login;

	(void)state;
	add_login(&s, 17, 1000, 5);
	add_login(&s, 17, 5000, 6);
	login = trace_explain(&s, PIN "-17");
	assert_int_equal(at(login, "the Router forwards it to the Dispatcher"), 5100);
	assert_int_equal(at(login, "decrypted, decompressed, passed on"), 5200);
	assert_int_equal(at(login, LIMITS), 5400);
	assert_int_equal(at(login, "compressed and encrypted for the device"), 5800);
	json_decref(login);
	trace_source_free(&s);
}

static void what_made_way_is_named_with_its_reason(void **state)
{
	struct trace_source s = { 0 };
	json_t *login;

	(void)state;
	add_login(&s, 17, 1000, 5);
	add_history(&s, 3, "2100000B-1", "evicted-coverage", PIN "-17");
	add_history(&s, 4, "2100000C-1", "evicted-silent", "2100000D-17");
	add(&s.trails[TRACE_COLLAB], "evict", "2100000B", 1, 1450, json_pack("{s:i}", "session", 3), "reason=evicted-coverage why=" PIN "-17");
	login = trace_explain(&s, PIN "-17");
	assert_int_equal(json_array_size(json_object_get(login, "evicted")), 1);
	assert_string_equal(detail(login, "a session that may be logged out is"), "session 3 of bob from 2100000B: evicted-coverage");
	assert_int_equal(at(login, "a session that may be logged out is"), 1450);
	json_decref(login);
	trace_source_free(&s);
}

static void what_the_processes_forgot_is_the_databases(void **state)
{
	struct trace_source s = { 0 };
	json_t *login;

	(void)state;
	s.trails[TRACE_ROUTER] = json_array();
	s.trails[TRACE_COLLAB] = json_array();
	s.events = json_pack("[{s:s, s:s, s:i, s:s, s:s}, {s:s, s:s, s:i, s:s, s:s}]", "event", "admit", "pin", PIN, "transaction", 17, "time",
		"2009-05-01T12:00:00.250Z", "text", "max=2 live=2 session=0 outcome=server-busy login=x permitted=yes arithmetic=\"a -> BUSY\" user=\"al code=0\"",
		"event", "answer", "pin", PIN, "transaction", 17, "time", "2009-05-01T12:00:00.251Z", "text",
		"code=100 session=0 status=\"Server Busy\" login=x why=\"a -> BUSY\" user=\"al code=0\"");
	login = trace_explain(&s, PIN "-17");
	assert_string_equal(text(login, "outcome"), "refused");
	assert_string_equal(text(login, "user"), "al code=0");
	assert_int_equal(json_integer_value(json_object_get(login, "code")), 100);
	assert_string_equal(text(login, "status_text"), "Server Busy");
	assert_string_equal(text(step_of(login, LIMITS), "from"), "database");
	assert_string_equal(detail(login, "the refusal goes back"), "code 100");
	assert_string_equal(detail(login, "a connection of its own to GroupWise"), "not reached");
	assert_string_equal(detail(login, "decrypted, decompressed, passed on"), "not in its trail");
	assert_true(json_is_null(json_object_get(login, "session")));
	/* Router and service have forgotten, the Dispatcher does not answer, and the database helped out. */
	assert_int_equal(json_array_size(json_object_get(login, "notes")), 4);
	assert_non_null(strstr(json_string_value(json_array_get(json_object_get(login, "notes"), 1)), "Dispatcher of this place does not answer"));
	json_decref(login);
	trace_source_free(&s);
}

static void a_session_alone_is_told_as_far_as_it_is_known(void **state)
{
	struct trace_source s = { 0 };
	json_t *login;

	(void)state;
	add_history(&s, 3, "2100000B-1", "owner-lost", "");
	login = trace_explain(&s, "2100000B-1");
	assert_string_equal(text(login, "outcome"), "unknown");
	assert_string_equal(text(login, "user"), "bob");
	assert_string_equal(detail(login, LIMITS), "not known");
	assert_string_equal(text(json_object_get(login, "session"), "reason"), "owner-lost");
	json_decref(login);
	trace_source_free(&s);
}

static void add_event(struct trace_source *s, const char *event, const char *pin, int transaction, const char *words)
{
	if (!s->events)
		s->events = json_array();
	json_array_append_new(s->events, json_pack("{s:s, s:s, s:i, s:s, s:s}", "event", event, "pin", pin, "transaction", transaction, "time",
		"2009-05-01T12:00:00.250Z", "text", words));
}

static void lists_are_newest_first_and_joined_with_the_sessions(void **state)
{
	struct trace_source s = { 0 };
	json_t *rows;

	(void)state;
	add_event(&s, "admit", PIN, 17, "session=5 " ADMITTED);
	add_event(&s, "answer", PIN, 17, "code=0 session=5 " OK);
	add_event(&s, "evict", PIN, 17, "session=5 lasted_ms=7 reason=evicted-silent");
	add_event(&s, "admit", "2100000B", 1, "session=0 outcome=server-busy arithmetic=\"x -> SERVER BUSY\" user=Bob");
	add_event(&s, "answer", "2100000B", 1, "code=100 session=0 status=\"Server Busy\" user=Bob");
	add_event(&s, "admit", "2100000C", 1, "session=6 outcome=admitted arithmetic=\"y -> ADMITTED\" user=carol");
	add_history(&s, 5, PIN "-17", "evicted-silent", "2100000C-1");
	rows = trace_list(&s, NULL, 10);
	assert_int_equal(json_array_size(rows), 3);
	assert_string_equal(text(json_array_get(rows, 0), "login_id"), "2100000C-1");
	assert_string_equal(text(json_array_get(rows, 0), "outcome"), "under-way");
	assert_string_equal(text(json_array_get(rows, 1), "status_text"), "Server Busy");
	assert_string_equal(text(json_array_get(rows, 1), "arithmetic"), "x -> SERVER BUSY");
	assert_string_equal(text(json_array_get(rows, 1), "ended"), "-");
	assert_string_equal(text(json_array_get(rows, 2), "outcome"), "accepted");
	assert_string_equal(text(json_array_get(rows, 2), "ended"), "evicted-silent");
	json_decref(rows);
	rows = trace_list(&s, "bob", 10);
	assert_int_equal(json_array_size(rows), 1);
	json_decref(rows);
	rows = trace_list(&s, NULL, 2);
	assert_int_equal(json_array_size(rows), 2);
	assert_string_equal(text(json_array_get(rows, 1), "arithmetic"), "x -> SERVER BUSY");
	json_decref(rows);
	trace_source_free(&s);
}

static void the_nearest_is_of_the_same_device_if_there_is_one(void **state)
{
	static const struct { const char *typed, *want; } rows[] = {
		{ PIN "-20", PIN "-19" }, { PIN "-4000", PIN "-19" }, { PIN "-2", PIN "-17" }, { "2100000D-1", "2100000C-1" }, { "FFFFFFFF-77777", NULL },
	};
	struct trace_source s = { 0 };
	char near[48];

	(void)state;
	add_event(&s, "admit", PIN, 17, "");
	add_event(&s, "admit", PIN, 19, "");
	add_event(&s, "admit", "2100000C", 1, "");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *found = trace_nearest(&s, rows[i].typed, near, sizeof near);

		if (rows[i].want)
			assert_string_equal(found, rows[i].want);
		else
			assert_null(found);
	}
	trace_source_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids),
		cmocka_unit_test(an_accepted_login_has_all_its_steps),
		cmocka_unit_test(several_logins_of_one_device_are_told_apart),
		cmocka_unit_test(an_id_that_was_used_twice_is_the_last_login),
		cmocka_unit_test(what_made_way_is_named_with_its_reason),
		cmocka_unit_test(what_the_processes_forgot_is_the_databases),
		cmocka_unit_test(a_session_alone_is_told_as_far_as_it_is_known),
		cmocka_unit_test(lists_are_newest_first_and_joined_with_the_sessions),
		cmocka_unit_test(the_nearest_is_of_the_same_device_if_there_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
