/* Two processes admit on the same file at the same time: the maximum holds at every moment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "collab/limits.h"
#include "protocol/im.h"
#include "tests/support/database.h"

enum { PROCESSES = 2, USERS = 4, WANTED = 150, ROUNDS_MAX = 100000, FIRST_PIN = 0x21000000 };

struct seat_holder {
	struct db *db;
	struct seat_owner owner;
	uint64_t session;
	uint32_t pin;
	char user[16];
	unsigned admitted, busy, waiting;
	bool wrong;
};

static void ended(void *ctx, enum db_status status)
{
	struct seat_holder *h = ctx;

	h->waiting = 0;
	if (status == DB_OK)
		h->session = 0;
	else
		h->wrong = h->wrong || status != DB_UNAVAILABLE;
}

static void answered(void *ctx, enum db_status status, const struct seat_answer *answer)
{
	struct seat_holder *h = ctx;

	h->waiting = 0;
	/* On a busy machine the other one may hold the lock for longer than a verb waits: then there is no seat, that is all. */
	h->wrong = h->wrong || (status != DB_OK && status != DB_UNAVAILABLE);
	if (status != DB_OK)
		return;
	if (answer->decision.outcome == SEAT_ADMITTED) {
		h->session = answer->session;
		h->admitted++;
	} else {
		h->wrong = h->wrong || answer->decision.outcome != SEAT_SERVER_BUSY;
		h->busy++;
	}
}

static void ask_for_seat(struct seat_holder *h)
{
	struct seat_request request = { .environment = "groupwise", .owner = h->owner, .pin = h->pin, .im_user = h->user,
		.login_id = "race", .now_ms = 1, .decide = limits_decide };

	if (h->session)
		return;
	h->waiting = 1;
	db_session_admit(h->db, &request, answered, h);
}

static void give_seat_back(struct seat_holder *h)
{
	if (!h->session)
		return;
	h->waiting = 1;
	db_session_end(h->db, h->owner, h->session, IM_REASON_LOGOUT, 1, ended, h);
}

static void hear_owner(void *ctx, enum db_status status, struct seat_owner owner)
{
	if (status == DB_OK)
		*(struct seat_owner *)ctx = owner;
}

/* All its users ask at once, those who got a seat give it back, until it has had enough of them. The exit status: 0 if so. */
static int run_process(const struct database *d, unsigned number, int ready, int go)
{
	struct seat_holder holders[USERS] = { { 0 } };
	struct loop *loop = loop_new();
	struct error err = { "" };
	struct db *db = db_open(loop, d->file, d->key_file, DB_EXISTING, false, &err);
	struct seat_owner owner = { 0 };
	unsigned admitted = 0;
	bool wrong = false;
	char instance[16], byte;

	if (!db) {
		fprintf(stderr, "%s\n", err.text);
		return write(ready, "x", 1) == 1 ? 2 : 5;
	}
	snprintf(instance, sizeof instance, "collab%u", number);
	if (write(ready, "r", 1) != 1 || read(go, &byte, 1) != 0)   /* its end says go */
		return 5;
	for (unsigned tries = 0; tries < 10 && !owner.id; tries++) {
		db_owner_start(db, "groupwise", instance, 0, 1000000, hear_owner, &owner);
		db_wait(db);
	}
	for (unsigned i = 0; i < USERS; i++) {
		struct seat_holder *h = &holders[i];

		h->db = db;
		h->owner = owner;
		h->pin = FIRST_PIN + number * USERS + i;
		snprintf(h->user, sizeof h->user, "user%u", number * USERS + i);
	}
	for (unsigned round = 0; round < ROUNDS_MAX && admitted < WANTED; round++) {
		for (unsigned i = 0; i < USERS; i++)
			ask_for_seat(&holders[i]);
		db_wait(db);
		admitted = 0;
		for (unsigned i = 0; i < USERS; i++) {
			admitted += holders[i].admitted;
			give_seat_back(&holders[i]);
		}
		db_wait(db);
	}
	for (unsigned i = 0; i < USERS; i++)
		wrong = wrong || holders[i].wrong || holders[i].waiting;
	if (wrong)
		fprintf(stderr, "process %u: %s\n", number, db_last_error(db));
	db_close(&db);
	loop_free(&loop);
	return wrong ? 3 : admitted >= WANTED ? 0 : 4;
}

static void race(struct database *d, unsigned max)
{
	pid_t children[PROCESSES];
	int ready[2], go[2];
	char byte;

	for (unsigned i = 0; i < PROCESSES * USERS; i++) {
		char name[16];

		snprintf(name, sizeof name, "user%u", i);
		assert_int_equal(user_with_device(d, name, FIRST_PIN + i, true), DB_OK);
	}
	set_limits(d, max, 600000, 0);
	/* The database itself watches: every insert notes how many there are then. */
	database_exec(d, "CREATE TABLE test_peak (live INTEGER, owner INTEGER)");
	database_exec(d, "CREATE TRIGGER test_count AFTER INSERT ON emu_IMSession BEGIN INSERT INTO test_peak "
		"SELECT count(*), new.ServiceStateId FROM emu_IMSession; END");
	db_close(&d->db);
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(go), 0);
	for (unsigned i = 0; i < PROCESSES; i++) {
		children[i] = fork();
		assert_true(children[i] >= 0);
		if (children[i] == 0) {
			close(go[1]);
			_exit(run_process(d, i, ready[1], go[0]));
		}
	}
	for (unsigned i = 0; i < PROCESSES; i++)
		assert_true(read(ready[0], &byte, 1) == 1 && byte == 'r');
	close(go[1]);
	close(go[0]);
	for (unsigned i = 0; i < PROCESSES; i++) {
		int status = -1;

		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
	assert_int_equal(database_exec(d, "SELECT max(live) FROM test_peak"), max);
	assert_int_equal(database_exec(d, "SELECT count(DISTINCT owner) FROM test_peak"), PROCESSES);
	/* They did take turns, and not one after the other had ended. */
	assert_true(database_exec(d, "SELECT count(*) FROM (SELECT owner <> lag(owner) OVER (ORDER BY rowid) AS turn FROM test_peak) "
		"WHERE turn") >= 2);
	close(ready[0]);
	close(ready[1]);
}

static void with_a_maximum_of_one(void **state)
{
	race(*state, 1);
}

static void with_a_maximum_of_two(void **state)
{
	race(*state, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(with_a_maximum_of_one, database_setup, database_teardown),
		cmocka_unit_test_setup_teardown(with_a_maximum_of_two, database_setup, database_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
