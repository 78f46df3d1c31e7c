#include "tests/support/collab_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/io/tls.h"
#include "base/log.h"
#include "base/memory.h"

int bench_setup(void **state)
{
	static const char *const users[] = { "alice", "bob", "carol", "dave" };
	struct collab_bench *b = memory_new(sizeof *b);
	struct error err = { "" };
	void *database;

	log_set_level(getenv("BENCH_LOG") ? LOG_DEBUG : LOG_ERROR);
	database_setup(&database);
	b->database = database;
	b->loop = b->database->loop;
	loop_clock_manual(b->loop, 1000000);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(user_with_device(b->database, users[i], ALICE + (uint32_t)i, true), DB_OK);
	snprintf(b->certificate, sizeof b->certificate, "%s/groupwise.crt", b->database->folder);
	snprintf(b->key, sizeof b->key, "%s/groupwise.key", b->database->folder);
	if (tls_make_self_signed(b->certificate, b->key, "localhost 127.0.0.1", false, &err) != 0)
		fail_msg("%s", err.text);
	fake_dispatcher_start(&b->dispatcher, b->loop);
	fake_groupwise_start(&b->groupwise, b->loop, b->certificate, b->key);
	for (uint32_t pin = ALICE; pin <= DAVE; pin++)
		fake_dispatcher_coverage(&b->dispatcher, pin, true);
	b->settings = (struct collab_settings){
		.dispatcher = memory_str(fake_dispatcher_address(&b->dispatcher)), .environment = memory_str("groupwise"),
		.instance = memory_str("collab-1"), .trust = COLLAB_TRUST_CA, .trust_ca = memory_str(b->certificate),
		.protocol_version = 2, .status_interval_ms = 60000, .database_poll_ms = 60000, .lease_ms = 30000,
		.ping_interval_ms = 60000, .ping_misses = 3, .requests = 2048, .logins = 512,
	};
	b->trail = trail_new(1000);
	*state = b;
	return 0;
}

int bench_teardown(void **state)
{
	struct collab_bench *b = *state;
	void *database = b->database;

	bench_stop(b);
	fake_dispatcher_stop(&b->dispatcher);
	fake_groupwise_stop(&b->groupwise);
	trail_free(&b->trail);
	free(b->settings.dispatcher);
	free(b->settings.environment);
	free(b->settings.instance);
	free(b->settings.trust_ca);
	database_teardown(&database);
	free(b);
	return 0;
}

void bench_limit(struct collab_bench *b, struct bench_limits limits)
{
	struct db_environment row = { .name = "groupwise", .host = "127.0.0.1", .port = (uint16_t)fake_groupwise_port(&b->groupwise),
		.max_sessions = limits.max, .idle_timeout_ms = limits.idle_ms, .inactivity_timeout_ms = limits.inactivity_ms,
		.transport_capacity = limits.capacity ? limits.capacity : DB_CAPACITY_GROUPWISE };
	struct heard_status heard = { 0 };

	db_environment_set(b->database->db, &row, DB_ENV_HOST | DB_ENV_PORT | DB_ENV_MAX_SESSIONS | DB_ENV_IDLE_TIMEOUT |
		DB_ENV_INACTIVITY_TIMEOUT | DB_ENV_TRANSPORT_CAPACITY, hear_status, &heard);
	db_wait(b->database->db);
	assert_int_equal(heard.status, DB_OK);
}

struct collab *bench_try(struct collab_bench *b, int *status, struct error *err)
{
	b->db = database_open(b->database, DB_EXISTING, err);
	if (!b->db)
		return NULL;
	b->collab = collab_new(b->loop, &b->settings, b->db, b->trail, status, err);
	return b->collab;
}

void bench_start(struct collab_bench *b, struct bench_limits limits)
{
	struct error err = { "" };
	int status = 0;
	unsigned before = b->dispatcher.registrations;

	bench_limit(b, limits);
	if (!bench_try(b, &status, &err))
		fail_msg("%s", err.text);
	loop_clock_advance(b->loop, loop_now_ms(b->loop));
	bench_until(b, b->dispatcher.registrations > before);
}

void bench_stop(struct collab_bench *b)
{
	collab_free(&b->collab);
	if (b->db)
		db_close(&b->db);
}

void bench_settle(struct collab_bench *b)
{
	uint64_t give_up_us = loop_real_us() + 10000000;

	for (unsigned quiet = 0; quiet < 3;) {
		if (loop_real_us() > give_up_us)
			fail_msg("the loop does not come to rest");
		if (b->db)
			db_wait(b->db);
		quiet = loop_round(b->loop, 5) ? 0 : quiet + 1;
	}
}

void bench_advance(struct collab_bench *b, uint64_t ms)
{
	uint64_t to_ms = loop_now_ms(b->loop) + ms;

	while (loop_next_due_ms(b->loop) <= to_ms) {
		loop_clock_advance(b->loop, loop_next_due_ms(b->loop));
		bench_settle(b);
	}
	loop_clock_advance(b->loop, to_ms);
	bench_settle(b);
}

uint64_t bench_number(struct collab_bench *b, const char *group, const char *key)
{
	json_t *status = json_object();
	uint64_t number;

	collab_status(b->collab, status);
	number = (uint64_t)json_integer_value(json_object_get(json_object_get(status, group), key));
	json_decref(status);
	return number;
}

int64_t bench_live_seats(const struct collab_bench *b)
{
	return database_exec(b->database, "SELECT count(*) FROM emu_IMSession");
}

/* --- devices ------------------------------------------------------------------------------------------------------------- */

void bench_send_login(struct collab_bench *b, uint32_t pin, const char *user, uint32_t sequence)
{
	char password[96];

	snprintf(password, sizeof password, "%s-secret", user);
	fake_dispatcher_up(&b->dispatcher, pin, &im_login_msg, sequence,
		&(struct im_login){ .user = bytes_str(user), .password = bytes_str(password) });
}

static uint32_t next_login(void)
{
	static uint32_t sequence = 70;

	return ++sequence;
}

uint32_t bench_login(struct collab_bench *b, uint32_t pin, const char *user)
{
	uint32_t sequence = next_login(), got = 0;
	struct im_login_ok ok = { 0 };
	struct im_contacts contacts;

	bench_send_login(b, pin, user, sequence);
	bench_expect(b, pin, &im_login_ok_msg, &got, &ok);
	assert_int_equal(got, sequence);
	assert_int_not_equal(ok.session, 0);
	bench_expect(b, pin, &im_contacts_msg, &got, &contacts);
	assert_int_equal(got, 1);
	assert_int_equal(contacts.session, ok.session);
	return ok.session;
}

struct im_login_fail bench_login_fails(struct collab_bench *b, uint32_t pin, const char *user)
{
	uint32_t sequence = next_login(), got = 0;
	struct im_login_fail fail = { 0 };

	bench_send_login(b, pin, user, sequence);
	bench_expect(b, pin, &im_login_fail_msg, &got, &fail);
	assert_int_equal(got, sequence);
	return fail;
}

void bench_status(struct collab_bench *b, uint32_t pin, uint32_t session, uint32_t sequence)
{
	fake_dispatcher_up(&b->dispatcher, pin, &im_status_msg, sequence, &(struct im_session){ .session = session });
	bench_settle(b);
}

void bench_message(struct collab_bench *b, uint32_t pin, uint32_t session, uint32_t sequence, const char *to, const char *text)
{
	fake_dispatcher_up(&b->dispatcher, pin, &im_message_msg, sequence,
		&(struct im_message){ .session = session, .to = bytes_str(to), .text = bytes_str(text) });
}

void bench_expect(struct collab_bench *b, uint32_t pin, const struct wire_msg *msg, uint32_t *sequence, void *out)
{
	uint64_t give_up_us = loop_real_us() + 10000000;

	while (!fake_dispatcher_take(&b->dispatcher, pin, msg, sequence, out)) {
		if (loop_real_us() > give_up_us)
			fail_msg("device %s waited in vain for %s", pin_text(pin), msg->name);
		loop_round(b->loop, 10);
	}
}

uint32_t bench_forced_logout(struct collab_bench *b, uint32_t pin, uint32_t session)
{
	struct im_forced_logout logout = { 0 };

	bench_expect(b, pin, &im_forced_logout_msg, NULL, &logout);
	assert_int_equal(logout.session, session);
	return logout.reason;
}

uint32_t bench_ack(struct collab_bench *b, uint32_t pin, uint32_t sequence)
{
	struct im_ack ack = { 0 };

	bench_expect(b, pin, &im_ack_msg, NULL, &ack);
	assert_int_equal(ack.sequence, sequence);
	return ack.code;
}

void bench_expect_said(struct collab_bench *b, uint32_t pin, const char *from, const char *text, uint32_t *sequence)
{
	struct im_message_event event;

	bench_expect(b, pin, &im_message_event_msg, sequence, &event);
	assert_true(bytes_is(event.from, from));
	assert_true(bytes_is(event.text, text));
}
