/* Four processes admit, end, mark and replace on the same file at the same time, lose their leases and start anew: at no commit are
 * there more seats than the limits allow, and none is lost. Triggers in the database watch every change, so nothing is sampled.
 *
 * SEAT_ATTEMPTS in the environment: logins per process and maximum [2000]; SEAT_PROGRESS: says how far it is (`make soak`). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "collab/limits.h"
#include "protocol/im.h"
#include "tests/support/database.h"

enum {
	PROCESSES = 4, HOLDERS = 40, PEOPLE = PROCESSES * HOLDERS, FIRST_PIN = 0x21000000, LEASE_MS = 500,
	CAPACITY = 90,           /* where no maximum binds */
	SHORT = 150,             /* attempts where a fault was built in */
	CHANGES = 10,            /* of limits there must have been at least, */
	PATIENCE = 50,           /* unless there were so many times the attempts */
};

/* What one process has seen; in memory that all share. */
struct report {
	unsigned attempts, granted, busy, capacity, not_permitted, replaced, evicted, lost, unavailable, restarts, fenced;
	bool wrong, running;
	uint64_t held[HOLDERS];  /* in the end: what it believes to hold */
};

struct scene {
	unsigned max, attempts;
	atomic_uint *changes;    /* how often the limits were changed to a maximum; NULL: they stay as they are */
	seat_decide_fn *decide;
	bool loses_releases;     /* a fault: some seats are never given back */
};

struct player;
struct holder {
	struct player *player;
	uint64_t session;
	bool waiting;
};

struct player {
	struct db *db;
	struct loop *loop;
	struct report *report;
	const struct scene *scene;
	struct seat_owner owner;
	unsigned number, random;
	char instance[16];
	struct holder holders[HOLDERS];
};

static unsigned any(struct player *p, unsigned below)
{
	p->random = p->random * 1103515245u + 12345u;
	return (p->random >> 8) % below;
}

static void complain(struct player *p, const char *what, enum db_status status)
{
	fprintf(stderr, "process %u: %s: %s (%s)\n", p->number, what, db_status_text(status), db_last_error(p->db));
	p->report->wrong = true;
}

/* --- one process ------------------------------------------------------------------------------------------------------------ */

static void closed(void *ctx, enum db_status status)
{
	struct player *p = ctx;

	if (status == DB_UNAVAILABLE)
		p->report->unavailable++;
	else if (status != DB_OK)
		complain(p, "closed", status);
}

static void ended(void *ctx, enum db_status status)
{
	struct holder *h = ctx;

	h->waiting = false;
	if (status == DB_OK)
		h->session = 0;
	else if (status == DB_UNAVAILABLE)
		h->player->report->unavailable++;
	else
		complain(h->player, "end", status);
}

static void marked(void *ctx, enum db_status status)
{
	struct holder *h = ctx;

	h->waiting = false;
	if (status == DB_CONFLICT) {
		h->session = 0;
		h->player->report->lost++;
	} else if (status == DB_UNAVAILABLE) {
		h->player->report->unavailable++;
	} else if (status != DB_OK) {
		complain(h->player, "mark", status);
	}
}

static void count_outcome(struct report *r, enum seat_outcome outcome)
{
	switch (outcome) {
	case SEAT_ADMITTED:
		r->granted++;
		break;
	case SEAT_SERVER_BUSY:
		r->busy++;
		break;
	case SEAT_CAPACITY:
		r->capacity++;
		break;
	case SEAT_NOT_PERMITTED:
		r->not_permitted++;
	}
}

static void answered(void *ctx, enum db_status status, const struct seat_answer *answer)
{
	struct holder *h = ctx;
	struct player *p = h->player;
	struct report *r = p->report;

	h->waiting = false;
	/* On a busy machine another may hold the lock for longer than a verb waits; a lease may have run out unnoticed. */
	if (status == DB_UNAVAILABLE)
		r->unavailable++;
	else if (status != DB_OK && status != DB_CONFLICT)
		complain(p, "login", status);
	if (status != DB_OK)
		return;
	count_outcome(r, answer->decision.outcome);
	/* A login on top of its own session replaces that; one that took another's device may leave it. */
	if (answer->decision.outcome == SEAT_ADMITTED) {
		if (h->session)
			db_session_end(p->db, p->owner, h->session, IM_REASON_LOGOUT, false, closed, p);
		h->session = answer->session;
	}
	for (size_t i = 0; i < answer->ended_count; i++) {
		r->replaced += answer->ended[i].reason == IM_REASON_REPLACED;
		r->evicted += answer->ended[i].reason != IM_REASON_REPLACED;
		db_session_closed(p->db, answer->ended[i].session, closed, p);
	}
}

/* Mostly its own user and device, sometimes somebody else's: then it replaces a session, or two, wherever they are. */
static void ask_for_seat(struct player *p, struct holder *h)
{
	unsigned own = p->number * HOLDERS + (unsigned)(h - p->holders);
	unsigned pin = any(p, 10) ? own : any(p, PEOPLE), user = any(p, 10) ? own : any(p, PEOPLE);
	char name[16];
	struct seat_request request = { .environment = "groupwise", .owner = p->owner, .pin = FIRST_PIN + pin, .im_user = name,
		.login_id = "race", .now_ms = loop_now_ms(p->loop), .decide = p->scene->decide };

	snprintf(name, sizeof name, any(p, 2) ? "user%u" : "User%u", user);
	p->report->attempts++;
	h->waiting = true;
	db_session_admit(p->db, &request, answered, h);
}

static void something(struct player *p, struct holder *h)
{
	enum { LOGIN = 3 };
	uint64_t now_ms = loop_now_ms(p->loop);

	if (h->waiting)
		return;
	switch (h->session ? any(p, 6) : LOGIN) {
	case 0:
		h->waiting = true;
		db_session_mark(p->db, p->owner, h->session, any(p, 2) ? IM_REASON_EVICTED_SILENT : IM_REASON_EVICTED_COVERAGE, now_ms,
			marked, h);
		return;
	case 1:
		h->waiting = true;
		db_session_mark(p->db, p->owner, h->session, 0, now_ms, marked, h);
		return;
	case 2:
		if (p->scene->loses_releases) {
			h->session = 0;
			return;
		}
		h->waiting = true;
		db_session_end(p->db, p->owner, h->session, IM_REASON_LOGOUT, false, ended, h);
		return;
	default:
		ask_for_seat(p, h);
	}
}

static void hear_owner(void *ctx, enum db_status status, struct seat_owner owner)
{
	struct player *p = ctx;

	if (status == DB_OK)
		p->owner = owner;
	else if (status != DB_UNAVAILABLE)
		complain(p, "start", status);
}

/* A new life: what the last one held is gone. */
static void start_owner(struct player *p)
{
	p->owner = (struct seat_owner){ 0 };
	for (unsigned tries = 0; tries < 10 && !p->owner.id; tries++) {
		db_owner_start(p->db, "groupwise", p->instance, loop_now_ms(p->loop), LEASE_MS, hear_owner, p);
		db_wait(p->db);
	}
	p->report->wrong = p->report->wrong || !p->owner.id;
	for (unsigned i = 0; i < HOLDERS; i++)
		p->holders[i].session = 0;
}

static void renewed(void *ctx, enum db_status status)
{
	struct player *p = ctx;

	if (status == DB_CONFLICT)
		p->report->fenced++;
	else if (status != DB_OK && status != DB_UNAVAILABLE)
		complain(p, "renewal", status);
}

static void one_round(struct player *p, unsigned round)
{
	unsigned fenced = p->report->fenced;

	if (p->scene->loses_releases)
		/* Their lease would give them back. */;
	else if (any(p, 40) == 0)
		usleep((LEASE_MS + 50) * 1000);      /* as if it had been stopped */
	else if ((round + p->number * 10) % 40 == 39) {
		p->report->restarts++;
		start_owner(p);
	}
	if (round % 4 == 0) {
		db_owner_renew(p->db, p->owner, loop_now_ms(p->loop), LEASE_MS, renewed, p);
		db_wait(p->db);
		if (p->report->fenced != fenced)
			start_owner(p);
	}
	for (unsigned n = 10 + any(p, HOLDERS); n > 0; n--)
		something(p, &p->holders[any(p, HOLDERS)]);
	db_wait(p->db);
}

/* Whoever changes the limits must get his turn, too: beside four who log in all the time he may wait for it. */
static bool goes_on(const struct scene *scene, const struct report *report)
{
	bool has_changed = !scene->changes || *scene->changes >= CHANGES || report->attempts / PATIENCE >= scene->attempts;

	return !report->wrong && (report->attempts < scene->attempts || !has_changed);
}

static int run_process(const struct database *d, const struct scene *scene, struct report *report, unsigned number, int go)
{
	struct player p = { .report = report, .scene = scene, .number = number, .random = 77 + number, .loop = loop_new() };
	struct error err = { "" };
	char byte;

	p.db = db_open(p.loop, d->file, d->key_file, DB_EXISTING, false, &err);
	if (!p.db) {
		fprintf(stderr, "%s\n", err.text);
		return 5;
	}
	snprintf(p.instance, sizeof p.instance, "collab%u", number);
	for (unsigned i = 0; i < HOLDERS; i++)
		p.holders[i].player = &p;
	if (read(go, &byte, 1) != 0)         /* its end says go */
		return 5;
	start_owner(&p);
	for (unsigned round = 0; goes_on(scene, report); round++)
		one_round(&p, round);
	for (unsigned i = 0; i < HOLDERS; i++) {
		/* Where releases get lost, one is in any case: the others may have been taken over by the next login of their user. */
		report->held[i] = scene->loses_releases && i % 2 ? 0 : p.holders[i].session;
		report->wrong = report->wrong || p.holders[i].waiting;
	}
	db_close(&p.db);
	loop_free(&p.loop);
	return report->wrong ? 3 : 0;
}

/* --- all of them, and what is right in the end --------------------------------------------------------------------------------- */

static void people(struct database *d)
{
	crowd(d, FIRST_PIN, PEOPLE);
	database_exec(d, "INSERT INTO emu_IMPermission SELECT Id FROM UserConfig WHERE Id % 10 <> 0");
}

/* The same as below. That a plain UPDATE of the limits cannot come between the count and the commit is the driver's lock. */
static void watch_from_inside_postgres(struct database *d)
{
	database_exec(d, "CREATE FUNCTION test_taken() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE n bigint; BEGIN "
		"SELECT count(*) INTO n FROM emu_IMSession; UPDATE test_seats SET granted = granted + 1, most = greatest(most, n), "
		"over = over + (SELECT ((MaxSessions > 0 AND n > MaxSessions) OR n > TransportCapacity)::int FROM emu_IMServiceConfig), "
		"ownerless = ownerless + (NOT EXISTS (SELECT 1 FROM emu_ServiceState WHERE Id = new.ServiceStateId AND "
		"Epoch = new.OwnerEpoch))::int; RETURN NULL; END $$");
	database_exec(d, "CREATE FUNCTION test_freed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE test_seats SET "
		"released = released + 1; RETURN NULL; END $$");
	database_exec(d, "CREATE FUNCTION test_kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE test_seats SET "
		"kept = kept + 1; RETURN NULL; END $$");
	database_exec(d, "CREATE TRIGGER test_taken AFTER INSERT ON emu_IMSession FOR EACH ROW EXECUTE FUNCTION test_taken()");
	database_exec(d, "CREATE TRIGGER test_freed AFTER DELETE ON emu_IMSession FOR EACH ROW EXECUTE FUNCTION test_freed()");
	database_exec(d, "CREATE TRIGGER test_kept AFTER INSERT ON emu_IMSessionHistory FOR EACH ROW EXECUTE FUNCTION test_kept()");
}

/* Every new seat is counted against the limits of that moment, which no other process can change before the commit; every end,
 * and every row of history, is counted too. */
static void watch_from_inside(struct database *d)
{
	database_exec(d, "CREATE TABLE test_seats (granted INTEGER, released INTEGER, kept INTEGER, most INTEGER, over INTEGER, "
		"ownerless INTEGER)");
	database_exec(d, "INSERT INTO test_seats VALUES (0, 0, 0, 0, 0, 0)");
	database_exec(d, "CREATE UNIQUE INDEX test_once ON emu_IMSessionHistory (SessionId)");
	if (d->postgres) {
		watch_from_inside_postgres(d);
		return;
	}
	database_exec(d, "CREATE TRIGGER test_taken AFTER INSERT ON emu_IMSession BEGIN UPDATE test_seats SET granted = granted + 1, "
		"most = max(most, (SELECT count(*) FROM emu_IMSession)), "
		"over = over + (SELECT (MaxSessions > 0 AND n > MaxSessions) OR n > TransportCapacity FROM emu_IMServiceConfig, "
		"(SELECT count(*) AS n FROM emu_IMSession)), "
		"ownerless = ownerless + NOT EXISTS (SELECT 1 FROM emu_ServiceState WHERE Id = new.ServiceStateId AND Epoch = new.OwnerEpoch); "
		"END");
	database_exec(d, "CREATE TRIGGER test_freed AFTER DELETE ON emu_IMSession BEGIN UPDATE test_seats SET released = released + 1; END");
	database_exec(d, "CREATE TRIGGER test_kept AFTER INSERT ON emu_IMSessionHistory BEGIN UPDATE test_seats SET kept = kept + 1; END");
}

static unsigned sum(const struct report *reports, size_t member)
{
	unsigned total = 0;

	for (unsigned i = 0; i < PROCESSES; i++)
		total += *(const unsigned *)(const void *)((const char *)&reports[i] + member);
	return total;
}
#define SUM(member) sum(reports, offsetof(struct report, member))

static bool is_held(const struct report *reports, uint64_t session)
{
	for (unsigned i = 0; i < PROCESSES * HOLDERS; i++) {
		if (reports[i / HOLDERS].held[i % HOLDERS] == session)
			return true;
	}
	return false;
}

/* NULL, or what is wrong. */
static const char *verdict(struct database *d, const struct report *reports)
{
	uint64_t last = 0;

	for (unsigned i = 0; i < PROCESSES; i++) {
		if (reports[i].wrong)
			return "a process met what may not happen";
	}
	if (database_exec(d, "SELECT over FROM test_seats"))
		return "more seats than the limits allow";
	if (database_exec(d, "SELECT ownerless FROM test_seats") || database_exec(d, "SELECT count(*) FROM emu_IMSession s WHERE NOT EXISTS "
		"(SELECT 1 FROM emu_ServiceState o WHERE o.Id = s.ServiceStateId AND o.Epoch = s.OwnerEpoch)"))
		return "a seat without an owner";
	if (database_exec(d, "SELECT granted FROM test_seats") != SUM(granted))
		return "seats were given that nobody was told of, or the reverse";
	if (database_exec(d, "SELECT granted - released - (SELECT count(*) FROM emu_IMSession) FROM test_seats"))
		return "granted - released is not what lives";
	if (database_exec(d, "SELECT released - kept FROM test_seats"))
		return "not one row of history per ended session";
	while ((last = (uint64_t)database_exec(d, last ? "SELECT coalesce(min(Id), 0) FROM emu_IMSession WHERE Id > (SELECT at FROM test_at)"
		: "SELECT coalesce(min(Id), 0) FROM emu_IMSession"))) {
		char at[128];

		if (!is_held(reports, last))
			return "a seat that nobody holds any more";
		snprintf(at, sizeof at, "INSERT INTO test_at VALUES (1, %llu) ON CONFLICT (one) DO UPDATE SET at = excluded.at",
			(unsigned long long)last);
		database_exec(d, at);
	}
	return NULL;
}

/* Meanwhile: limits by plain SQL, and how far it is. */
static void meanwhile(struct database *d, const struct scene *scene, const struct report *reports)
{
	static unsigned turn;
	char sql[128];

	turn++;
	if (scene->changes) {
		unsigned max = turn * 7 % 40;

		snprintf(sql, sizeof sql, "UPDATE emu_IMServiceConfig SET MaxSessions = %u, Evict = '%s', IdleTimeoutMs = %u",
			max, turn % 3 ? "all" : "one", turn % 5 ? 600000 : 0);
		*scene->changes += database_try(d, sql) && max;     /* or not, when the others are too busy */
	}
	if (getenv("SEAT_PROGRESS") && turn % 100 == 0)
		fprintf(stderr, "seats: maximum %u: %u of %u logins\n", scene->max, SUM(attempts), PROCESSES * scene->attempts);
}

static const char *race(struct database *d, const struct scene *scene, struct report **out)
{
	struct report *reports = mmap(NULL, PROCESSES * sizeof *reports, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t children[PROCESSES];
	unsigned left = PROCESSES;
	int go[2];

	assert_true(reports != MAP_FAILED);
	people(d);
	set_limits(d, scene->max, 600000, scene->max ? 5120 : CAPACITY);
	watch_from_inside(d);
	database_exec(d, "CREATE TABLE test_at (one INTEGER PRIMARY KEY, at INTEGER)");
	db_close(&d->db);
	assert_int_equal(pipe(go), 0);
	for (unsigned i = 0; i < PROCESSES; i++) {
		children[i] = fork();
		assert_true(children[i] >= 0);
		if (children[i] == 0) {
			close(go[1]);
			_exit(run_process(d, scene, &reports[i], i, go[0]));
		}
	}
	close(go[1]);
	close(go[0]);
	while (left) {
		int status = -1;
		pid_t child = waitpid(-1, &status, WNOHANG);

		if (child > 0) {
			left--;
			if (!WIFEXITED(status))
				fail_msg("a process ended by signal %d", WTERMSIG(status));
			continue;
		}
		meanwhile(d, scene, reports);
		usleep(20000);
	}
	for (unsigned i = 0; i < PROCESSES; i++)
		assert_in_range(reports[i].attempts, reports[i].wrong ? 0 : scene->attempts, UINT32_MAX);
	*out = reports;
	return verdict(d, reports);
}

static unsigned attempts(void)
{
	const char *text = getenv("SEAT_ATTEMPTS");

	return text ? (unsigned)strtoul(text, NULL, 10) : 2000;
}

/* What a race of a fixed maximum must have met, so that it has proven something. */
static void good_race(void **state, struct scene scene, unsigned most)
{
	struct database *d = *state;
	struct report *reports;
	const char *wrong;

	scene.attempts = scene.changes ? attempts() / 4 : attempts();
	scene.decide = limits_decide;
	wrong = race(d, &scene, &reports);
	print_message("maximum %u: %u logins, %u granted, %u busy, %u at capacity, %u not permitted, %u replaced, %u evicted, %u lost, "
		"%u unavailable, %u restarts, %u fenced, most %d\n", scene.max, SUM(attempts), SUM(granted), SUM(busy), SUM(capacity),
		SUM(not_permitted), SUM(replaced), SUM(evicted), SUM(lost), SUM(unavailable), SUM(restarts), SUM(fenced),
		(int)database_exec(d, "SELECT most FROM test_seats"));
	if (wrong)
		fail_msg("%s", wrong);
	/* How near a large limit is come to is a matter of luck, on a busy machine. */
	assert_true(database_exec(d, "SELECT most FROM test_seats") >= (most > 2 ? most / 2 : most));
	assert_true(SUM(granted) && (scene.changes ? *scene.changes >= CHANGES : SUM(replaced) && SUM(restarts)));
	assert_true(most > 2 || SUM(busy));
	/* Whoever holds nothing is not missed while he sleeps. */
	assert_true(most <= 2 || (SUM(fenced) && SUM(not_permitted)));
	munmap(reports, PROCESSES * sizeof *reports);
}

static void with_a_maximum_of_one(void **state)
{
	good_race(state, (struct scene){ .max = 1 }, 1);
}

static void with_a_maximum_of_two(void **state)
{
	good_race(state, (struct scene){ .max = 2 }, 2);
}

static void with_a_maximum_of_a_hundred(void **state)
{
	good_race(state, (struct scene){ .max = 100 }, 100);
}

static void without_a_maximum_the_capacity_binds(void **state)
{
	good_race(state, (struct scene){ .max = 0 }, CAPACITY);
}

static void with_limits_that_change_all_the_time(void **state)
{
	atomic_uint *changes = mmap(NULL, sizeof *changes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(changes != MAP_FAILED);
	good_race(state, (struct scene){ .max = 3, .changes = changes }, 0);
	munmap(changes, sizeof *changes);
}

/* --- and it would be seen ---------------------------------------------------------------------------------------------------- */

static struct seat_decision grant_always(const struct seat_census *census)
{
	(void)census;
	return (struct seat_decision){ .outcome = SEAT_ADMITTED };
}

static void a_rule_that_grants_always_is_found_out(void **state)
{
	struct report *reports;
	const char *wrong = race(*state, &(struct scene){ .max = 2, .attempts = SHORT, .decide = grant_always }, &reports);

	assert_non_null(wrong);
	assert_string_equal(wrong, "more seats than the limits allow");
	munmap(reports, PROCESSES * sizeof *reports);
}

static void a_seat_that_is_never_given_back_is_found_out(void **state)
{
	struct report *reports;
	const char *wrong = race(*state, &(struct scene){ .max = 100, .attempts = SHORT, .decide = limits_decide, .loses_releases = true },
		&reports);

	assert_non_null(wrong);
	assert_string_equal(wrong, "a seat that nobody holds any more");
	munmap(reports, PROCESSES * sizeof *reports);
}

#define T(test) cmocka_unit_test_setup_teardown(test, database_setup, database_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(with_a_maximum_of_one),
		T(with_a_maximum_of_two),
		T(with_a_maximum_of_a_hundred),
		T(without_a_maximum_the_capacity_binds),
		T(with_limits_that_change_all_the_time),
		T(a_rule_that_grants_always_is_found_out),
		T(a_seat_that_is_never_given_back_is_found_out),
	};

	/* In memory where there is such a folder: it is not the disk's speed that is asked for. */
	if (access("/dev/shm", W_OK) == 0)
		setenv("DATABASE_FOLDER", "/dev/shm", 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
