#include "tests/simulation/judge.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "admin/check_database.h"
#include "admin/check_rules.h"

/* Longer than every deadline, lease and delay of dialling again that may still have to run out once the faults have stopped. */
#define HEALING_MS 900000u
/* Until events were fetched from a web server that makes its clients pause. */
#define EVENTS_MS 10000u
/* Until connections have ended that such a client keeps for its next request. */
#define KEPT_MS 200000u

/* --- liveness ------------------------------------------------------------------------------------------------------------ */

static void heal(struct pipeline *p)
{
	pipeline_clear_faults(p);
	for (int part = 0; part < PART_DEVICE; part++) {
		pipeline_order_death(p, (enum pipeline_part)part, 0, false);
		if (pipeline_has(p, (enum pipeline_part)part) && !pipeline_is_up(p, (enum pipeline_part)part))
			pipeline_start(p, (enum pipeline_part)part);
	}
	for (int who = 0; who < (int)p->options.phones; who++) {
		device_coverage(p->phones[who].device, true);
		device_silent(p->phones[who].device, false);
	}
	pipeline_pass(p, HEALING_MS);
}

static unsigned online(const struct pipeline *p)
{
	unsigned count = 0;

	for (int who = 0; who < (int)p->options.phones; who++)
		count += device_state(p->phones[who].device) == DEVICE_ONLINE;
	return count;
}

static void must_be_quiet(struct pipeline *p, struct buf *failures)
{
	if (!pipeline_is_linked(p))
		buf_text(failures, "liveness: the service or the router is not linked to the dispatcher\n");
	for (int who = 0; who < (int)p->options.phones; who++) {
		const struct device *device = p->phones[who].device;
		enum device_state state = device_state(device);

		if (!device_is_linked(device))
			buf_printf(failures, "liveness: the device of %s is not linked\n", phone_user(who));
		if (state != DEVICE_ONLINE && state != DEVICE_LOGGED_OUT)
			buf_printf(failures, "liveness: the device of %s is still %s\n", phone_user(who), device_state_name(state));
		if (!device_is_settled(device) || device_unacknowledged(device))
			buf_printf(failures, "liveness: the device of %s still waits for answers (%zu unacknowledged)\n", phone_user(who),
				device_unacknowledged(device));
	}
	/* More: of a device that could not say that it logs out, and gave it up. Its next login takes the place of that. */
	if (pipeline_seats(p) < online(p))
		buf_printf(failures, "liveness: %" PRId64 " seats, and %u devices have a session\n", pipeline_seats(p), online(p));
}

static void log_in(struct pipeline *p, int who)
{
	char password[32];

	snprintf(password, sizeof password, "%s-secret", phone_user(who));
	device_login(p->phones[who].device, bytes_str(phone_user(who)), bytes_str(password), NULL);
	pipeline_settle(p);
}

static void log_everybody_out(struct pipeline *p, struct buf *failures)
{
	for (int who = 0; who < (int)p->options.phones; who++) {
		device_logout(p->phones[who].device, NULL);
		pipeline_settle(p);
	}
	pipeline_pass(p, 1000);
	if (pipeline_seats(p) != 0 || online(p) != 0)
		buf_printf(failures, "liveness: after all have logged out %" PRId64 " seats, and %u devices have a session\n", pipeline_seats(p), online(p));
}

/* What the device was told meanwhile has the text; it is all taken away. */
static void must_be_told(struct pipeline *p, int who, const char *text, struct buf *failures)
{
	struct buf *told = &p->phones[who].told;

	pipeline_pass(p, p->options.system == DB_CWA ? EVENTS_MS : 0);
	if (!strstr(buf_cstr(told), text))
		buf_printf(failures, "liveness: %s was not told \"%.*s\" but: %s\n", phone_user(who), (int)strcspn(text, "\n"), text, buf_cstr(told));
	buf_clear(told);
}

static void must_work(struct pipeline *p, struct buf *failures)
{
	pipeline_limits(p, 1, 0, DB_SESSIONS_MAX);
	for (int who = 0; who < (int)p->options.phones; who++)
		buf_clear(&p->phones[who].told);
	log_in(p, ALICE);
	must_be_told(p, ALICE, "login-ok\n", failures);
	log_in(p, BOB);
	must_be_told(p, BOB, "login-failed 100 Server Busy\n", failures);
	pipeline_limits(p, 0, 0, DB_SESSIONS_MAX);
	log_in(p, BOB);
	must_be_told(p, BOB, "login-ok\n", failures);
	device_send(p->phones[ALICE].device, bytes_str("bob"), bytes_str("to bob"), NULL, NULL);
	must_be_told(p, BOB, "message alice: to bob\n", failures);
	must_be_told(p, ALICE, "ack 0\n", failures);
	device_send(p->phones[BOB].device, bytes_str("alice"), bytes_str("to alice"), NULL, NULL);
	must_be_told(p, ALICE, "message bob: to alice\n", failures);
	must_be_told(p, BOB, "ack 0\n", failures);
}

static void mark_all(struct pipeline *p, const char *name)
{
	if (p->options.system == DB_CWA)
		pipeline_pass(p, KEPT_MS);
	for (int part = 0; part < PARTS; part++)
		if (p->histories[part])
			history_mark(p->histories[part], name);
}

void judge_liveness(struct pipeline *p, struct buf *failures)
{
	heal(p);
	must_be_quiet(p, failures);
	pipeline_inactivity(p, 0);
	pipeline_limits(p, 0, 0, DB_SESSIONS_MAX);
	for (int who = 0; who < (int)p->options.phones; who++)
		log_in(p, who);
	log_everybody_out(p, failures);
	/* What is kept for the next time is there from the first time on. */
	if (p->options.system == DB_CWA) {
		must_work(p, failures);
		log_everybody_out(p, failures);
	}
	mark_all(p, "base");
	must_work(p, failures);
	log_everybody_out(p, failures);
	mark_all(p, "rest");
}

/* --- histories ----------------------------------------------------------------------------------------------------------- */

static void got_rows(void *ctx, enum db_status status, const struct seat_row *rows, size_t count)
{
	if (status == DB_OK)
		check_database_add(ctx, rows, count, true);
}

static void got_ended_rows(void *ctx, enum db_status status, const struct seat_row *rows, size_t count)
{
	if (status == DB_OK)
		check_database_add(ctx, rows, count, false);
}

static uint64_t add_text(uint64_t hash, const char *text)
{
	/* FNV-1a. */
	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * 0x100000001b3u;
	return (hash ^ 0xff) * 0x100000001b3u;
}

/* What of a line is the same whenever the same happens: who, when by the loop's clock, what, and to whom. Not the numbers of the machine
 * (real times, memory, ports) nor what is drawn (login ids). */
static uint64_t digest_line(const struct check_entry *e)
{
	static const char *const numbers[] = { "session", "code", "sequence", "reason", "live", "evictable", "max", "outcome" };
	static const char *const texts[] = { "user", "outcome", "reason", "code", "type" };
	char text[128];
	uint64_t hash = add_text(0xcbf29ce484222325u, e->process_name);

	hash = add_text(hash, e->name);
	snprintf(text, sizeof text, "%" PRIu64 " %08X", e->clock_ms, e->pin);
	hash = add_text(hash, text);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		snprintf(text, sizeof text, "%" PRIu64, check_number(e, numbers[i]));
		hash = add_text(hash, text);
	}
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		hash = add_text(hash, check_value(e, texts[i], text, sizeof text));
	return hash;
}

/* The sum: what happens at the same instant may be written in any order. */
static void digest(const char *const *paths, struct played *out)
{
	struct error err;
	struct check_files *files = check_files_open(paths, &err);
	const struct check_entry *entry;

	while (files && check_files_next(files, &entry, &err) > 0) {
		out->digest += digest_line(entry);
		out->lines++;
	}
	check_files_free(&files);
}

/* The report's violations, a line each. */
static void tell_violations(const struct check_report *report, const struct check_files *files, struct buf *failures)
{
	json_t *all = check_report_json(report, files), *rule, *violation;
	size_t i, k;

	json_array_foreach(json_object_get(all, "rules"), i, rule) {
		json_array_foreach(json_object_get(rule, "violations"), k, violation) {
			char *text = json_dumps(violation, JSON_COMPACT | JSON_ENCODE_ANY);

			buf_printf(failures, "the rule %s is violated: %s\n", json_string_value(json_object_get(rule, "rule")), text);
			free(text);
		}
	}
	json_decref(all);
}

void judge_histories(struct pipeline *p, struct played *out)
{
	char folder[96];
	const char *const paths[] = { pipeline_histories(p, folder, sizeof folder), NULL };
	struct check_database database = { 0 };
	struct check_report *report;
	struct check_files *files;
	struct error err;

	db_session_list(p->database->db, false, UINT32_MAX, got_rows, &database);
	db_session_list(p->database->db, true, DB_HISTORY_KEEP, got_ended_rows, &database);
	db_wait(p->database->db);
	report = check_histories(paths, &database, &files, &err);
	if (!report) {
		buf_printf(&out->failures, "%s\n", err.text);
	} else {
		if (check_report_violations(report))
			tell_violations(report, files, &out->failures);
		check_report_free(&report);
		check_files_free(&files);
	}
	check_database_free(&database);
	digest(paths, out);
}
