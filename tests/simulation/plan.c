#include "tests/simulation/plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/memory.h"
#include "tests/support/pipeline.h"

/* --- lines --------------------------------------------------------------------------------------------------------------- */

static void add(struct plan *plan, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct plan *plan, const char *format, ...)
{
	va_list args;
	char line[256];

	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	plan->lines = memory_resize(plan->lines, (plan->count + 1) * sizeof *plan->lines);
	plan->lines[plan->count++] = memory_str(line);
}

int plan_read(struct plan *plan, const char *file, struct error *err)
{
	FILE *from = fopen(file, "r");
	char line[256];

	*plan = (struct plan){ 0 };
	if (!from)
		return error_set(err, "the plan %s cannot be read: %s", file, strerror(errno));
	while (fgets(line, sizeof line, from)) {
		line[strcspn(line, "\n")] = '\0';
		if (*line && *line != '#')
			add(plan, "%s", line);
	}
	fclose(from);
	return 0;
}

void plan_write(const struct plan *plan, FILE *to)
{
	for (size_t i = 0; i < plan->count; i++)
		fprintf(to, "%s\n", plan->lines[i]);
}

void plan_without(const struct plan *plan, size_t from, size_t count, struct plan *out)
{
	*out = (struct plan){ 0 };
	for (size_t i = 0; i < plan->count; i++)
		if (i < from || i >= from + count)
			add(out, "%s", plan->lines[i]);
}

void plan_free(struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		free(plan->lines[i]);
	free(plan->lines);
	*plan = (struct plan){ 0 };
}

/* --- drawing ------------------------------------------------------------------------------------------------------------- */

struct draw {
	struct plan *plan;
	uint64_t state;
	unsigned phones, said;
	bool relays, rooms, cwa, ocs;
	uint64_t idle_ms;            /* the idle timeout now */
	bool up[PARTS];
};

/* SplitMix64. Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators". */
static uint64_t next(struct draw *d)
{
	uint64_t z = d->state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static uint64_t below(struct draw *d, uint64_t count)
{
	return next(d) % count;
}

static bool chance(struct draw *d, unsigned percent)
{
	return below(d, 100) < percent;
}

#define ONE_OF(d, list) ((list)[below((d), sizeof (list) / sizeof *(list))])

static const char *anybody(struct draw *d)
{
	return phone_user((int)below(d, d->phones));
}

static void draw_limits(struct draw *d)
{
	static const uint64_t idles_ms[] = { 0, 60000, 300000, 600000, 1500000 };
	unsigned max = chance(d, 25) ? 0 : 1 + (unsigned)below(d, d->phones), capacity = 1 + (unsigned)below(d, d->phones + 2);

	d->idle_ms = ONE_OF(d, idles_ms);
	if (max && chance(d, 80))
		capacity = 5120;
	add(d->plan, "limits %u %" PRIu64 " %u", max, d->idle_ms, capacity);
}

static void draw_inactivity(struct draw *d)
{
	static const uint64_t timeouts_ms[] = { 0, 1860000, 3600000 };

	add(d->plan, "inactivity %" PRIu64, ONE_OF(d, timeouts_ms));
}

/* Often to the edge of a timeout, or a moment before it. While the Router is away all dial it each second, and hardly anything else happens: that
 * is long enough when it is seldom long. */
static void draw_pass(struct draw *d)
{
	bool any_length = d->up[PART_ROUTER] || chance(d, 15);

	switch (any_length ? below(d, 6) : 5) {
	case 0:
		add(d->plan, "pass %" PRIu64, 1 + below(d, 50));
		break;
	case 1:
		add(d->plan, "pass %" PRIu64, d->idle_ms ? d->idle_ms - below(d, 2) : 1000);
		break;
	case 2:
		add(d->plan, "pass %u", 30000 - (unsigned)below(d, 2));
		break;
	case 3:
		add(d->plan, "pass %" PRIu64, 60000 + below(d, 600000));
		break;
	default:
		add(d->plan, "pass %" PRIu64, 100 + below(d, 20000));
	}
}

static void draw_login(struct draw *d, const char *how)
{
	add(d->plan, "%slogin %s%s", how, anybody(d), chance(d, 5) ? " wrong" : "");
}

static void draw_message(struct draw *d, const char *how)
{
	add(d->plan, "%ssend %s %s m%u", how, anybody(d), anybody(d), ++d->said);
}

/* Who is asked into a room mostly comes. */
static void draw_room(struct draw *d)
{
	const char *invited = anybody(d);

	switch (below(d, 6)) {
	case 0:
		add(d->plan, "room %s %s", anybody(d), invited);
		break;
	case 1:
		add(d->plan, "invite %s %s", anybody(d), invited);
		break;
	case 2:
		add(d->plan, "answer %s %s", invited, chance(d, 80) ? "yes" : "no");
		return;
	case 3:
		add(d->plan, "leave %s", invited);
		return;
	default:
		add(d->plan, "say %s m%u", invited, ++d->said);
		return;
	}
	if (chance(d, 70))
		add(d->plan, "answer %s yes", invited);
}

/* Several things at the same instant. */
static void draw_burst(struct draw *d)
{
	unsigned count = 2 + (unsigned)below(d, 4);

	for (unsigned i = 0; i < count; i++) {
		const char *how = i + 1 < count ? "+ " : "";

		if (chance(d, 50))
			draw_login(d, how);
		else
			draw_message(d, how);
	}
}

static void draw_device(struct draw *d)
{
	static const char *const presences[] = { "available", "busy", "away" };

	switch (below(d, 6)) {
	case 0:
		add(d->plan, "logout %s", anybody(d));
		break;
	case 1:
		add(d->plan, "status %s %s", anybody(d), ONE_OF(d, presences));
		break;
	case 2:
		add(d->plan, "silent %s %s", anybody(d), chance(d, 60) ? "on" : "off");
		break;
	default:
		add(d->plan, "coverage %s %s", anybody(d), chance(d, 50) ? "off" : "on");
	}
}

/* In the common words of faults, without those that take real time. */
static void draw_device_fault(struct draw *d)
{
	static const char *const kinds[] = { "login", "message", "status", "arriving", "receipt", "link", "all" };
	static const char *const words[] = { "drop", "duplicate", "duplicate=3", "reorder", "garble", "garble=5", "close" };
	struct buf word = { 0 };
	bool half_open = chance(d, 15);

	if (half_open)
		buf_printf(&word, "half-open,for=%us", 1 + (unsigned)below(d, 300));
	else if (chance(d, 25))
		buf_printf(&word, "delay=%u", 1 + (unsigned)below(d, 70000));
	else
		buf_text(&word, ONE_OF(d, words));
	if (!half_open && chance(d, 70))
		buf_printf(&word, ",on=%s", ONE_OF(d, kinds));
	if (chance(d, 30))
		buf_printf(&word, ",pin=%08X", PIPELINE_FIRST_PIN + (unsigned)below(d, d->phones));
	if (chance(d, 30))
		buf_printf(&word, ",nth=%u", 2 + (unsigned)below(d, 3));
	if (!half_open)
		buf_printf(&word, ",count=%u", 1 + (unsigned)below(d, 6));
	add(d->plan, "fault %s", buf_cstr(&word));
	buf_free(&word);
}

static void draw_server_fault(struct draw *d)
{
	static const char *const requests[] = { "login", "sendmessage", "createconf", "setstatus", "getdetails" };
	static const char *const words[] = { "drop", "close", "refuse=D123", "refuse=D111", "half-close" };
	static const char *const web_requests[] = { "logon", "initiateSession", "initiateImSession", "sendMessage", "publishSelfPresence", "poll" };
	static const char *const web_words[] = { "drop", "close", "refuse=18101", "refuse=503", "half-close", "garble" };
	const char *kind = d->cwa ? ONE_OF(d, web_requests) : ONE_OF(d, requests);
	char action[32];

	snprintf(action, sizeof action, "%s", d->cwa ? ONE_OF(d, web_words) : ONE_OF(d, words));
	if (chance(d, 30)) {
		snprintf(action, sizeof action, "delay=%u", 1 + (unsigned)below(d, 40000));
		kind = !d->cwa && chance(d, 50) ? "event" : kind;
	}
	add(d->plan, "server-fault %s,on=%s,count=%u", action, kind, 1 + (unsigned)below(d, 3));
}

/* What happens to a stream between two parts: late, in pieces, cut or gone; of TLS also changed, which cuts it. */
static void draw_link_fault(struct draw *d)
{
	static const enum pipeline_part dialled[] = { PART_IM, PART_ROUTER, PART_DISPATCHER, PART_OCS };
	static const char *const words[] = { "close", "split", "split=7", "half-close" };
	enum pipeline_part part = dialled[below(d, d->ocs ? 4 : 3)];
	bool half_open = chance(d, 20);
	struct buf word = { 0 };

	if (half_open)
		buf_printf(&word, "half-open,for=%us", 1 + (unsigned)below(d, 300));
	else if (chance(d, 35))
		buf_printf(&word, "delay=%u", 1 + (unsigned)below(d, chance(d, 50) ? 500 : 40000));
	else if ((part == PART_IM || part == PART_OCS) && chance(d, 20))
		buf_text(&word, "garble");
	else
		buf_text(&word, ONE_OF(d, words));
	if (chance(d, 60))
		buf_printf(&word, ",on=%s", chance(d, 50) ? "up" : "down");
	if (chance(d, 50))
		buf_printf(&word, ",nth=%u", 2 + (unsigned)below(d, 8));
	if (!half_open)
		buf_printf(&word, ",count=%u", 1 + (unsigned)below(d, 4));
	add(d->plan, "link-fault %s %s", pipeline_part_name(part), buf_cstr(&word));
	buf_free(&word);
}

/* At once, or in the middle of what comes next. */
static void draw_death(struct draw *d, enum pipeline_part part)
{
	static const unsigned most_lines[] = { 4, 10, 30, 100 };

	if (chance(d, 15))
		add(d->plan, "kill %s", pipeline_part_name(part));
	else
		add(d->plan, "kill %s %" PRIu64 "%s", pipeline_part_name(part), 1 + below(d, ONE_OF(d, most_lines)), chance(d, 40) ? " unsent" : "");
}

static void draw_restart(struct draw *d)
{
	enum pipeline_part part = (enum pipeline_part)below(d, d->ocs ? PART_DEVICE : PART_OCS);

	d->up[part] = !d->up[part];
	if (d->up[part])
		add(d->plan, "start %s", pipeline_part_name(part));
	else if (chance(d, 30))
		add(d->plan, "stop %s", pipeline_part_name(part));
	else
		draw_death(d, part);
}

/* What is down does not stay so for long. */
static void draw_returns(struct draw *d)
{
	for (int part = 0; part < PART_DEVICE; part++) {
		if (d->up[part] || !chance(d, 15))
			continue;
		d->up[part] = true;
		add(d->plan, "start %s", pipeline_part_name((enum pipeline_part)part));
	}
}

static void draw_step(struct draw *d)
{
	unsigned of_100 = (unsigned)below(d, 100);

	if (of_100 < 24)
		draw_login(d, "");
	else if (of_100 < 34 && d->rooms)
		draw_room(d);
	else if (of_100 < 42)
		draw_message(d, "");
	else if (of_100 < 62)
		draw_pass(d);
	else if (of_100 < 70)
		draw_burst(d);
	else if (of_100 < 75)
		draw_device(d);
	else if (of_100 < 82 && d->relays)
		draw_link_fault(d);
	else if (of_100 < 86)
		draw_device_fault(d);
	else if (of_100 < 89)
		draw_server_fault(d);
	else if (of_100 < 92)
		draw_limits(d);
	else if (of_100 < 93)
		draw_inactivity(d);
	else if (of_100 < 94)
		add(d->plan, "clear");
	else
		draw_restart(d);
}

void plan_draw(struct plan *plan, uint64_t seed, enum plan_mode mode)
{
	struct draw d = { .plan = plan, .state = seed, .up = { true, true, true, true, true } };
	unsigned steps = 10 + (unsigned)below(&d, 30);

	*plan = (struct plan){ 0 };
	d.phones = 2 + (unsigned)below(&d, PHONES_MAX - 1);
	if (mode == PLAN_BY_SEED)
		mode = seed % 2 ? PLAN_LIVENESS : PLAN_SAFETY;
	add(plan, "mode %s", mode == PLAN_LIVENESS ? "liveness" : "safety");
	add(plan, "phones %u", d.phones);
	d.relays = chance(&d, 50);
	d.rooms = chance(&d, 40);
	d.cwa = chance(&d, 25);
	d.ocs = d.cwa && chance(&d, 40);
	if (d.cwa)
		add(plan, "system %s", d.ocs ? "ocs" : "cwa");
	if (d.relays)
		add(plan, "relays");
	draw_limits(&d);
	if (chance(&d, 20))
		draw_inactivity(&d);
	while (steps--) {
		draw_step(&d);
		draw_returns(&d);
	}
	/* What is down in the middle of the faults comes back, in any order, in half of the runs. */
	for (int part = 0; part < PART_DEVICE; part++)
		if (!d.up[part] && chance(&d, 50))
			add(plan, "start %s", pipeline_part_name((enum pipeline_part)part));
}
