#include "tests/simulation/play.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "tests/simulation/judge.h"
#include "tests/support/pipeline.h"

enum { ARGUMENTS = 3 };
#define REAL_START_US 1000000000u

struct run {
	struct pipeline *pipeline;
	struct pipeline_options options;
	struct played *out;
	bool liveness, show;
	char *arguments[ARGUMENTS];
	unsigned count;
};

/* --- arguments ----------------------------------------------------------------------------------------------------------- */

static int whom(const struct run *r, unsigned argument, struct error *err)
{
	for (int who = 0; who < (int)r->options.phones; who++)
		if (strcmp(r->arguments[argument], phone_user(who)) == 0)
			return who;
	return error_set(err, "there is no %s here", r->arguments[argument]);
}

static int number(const struct run *r, unsigned argument, uint64_t max, uint64_t *out, struct error *err)
{
	char *end;

	*out = strtoull(r->arguments[argument], &end, 10);
	if (*end || end == r->arguments[argument] || *out > max)
		return error_set(err, "%s is no number up to %" PRIu64, r->arguments[argument], max);
	return 0;
}

/* --- words: 0, or -1 with a sentence when the line is wrong. What cannot be done now is not done, as when a person tries it. -------------- */

static int on_login(struct run *r, struct error *err)
{
	int who = whom(r, 0, err);
	char password[32];

	if (who < 0)
		return -1;
	snprintf(password, sizeof password, "%s%s", phone_user(who), r->count > 1 ? "-wrong" : "-secret");
	device_login(r->pipeline->phones[who].device, bytes_str(phone_user(who)), bytes_str(password), NULL);
	return 0;
}

static int on_logout(struct run *r, struct error *err)
{
	int who = whom(r, 0, err);

	if (who >= 0)
		device_logout(r->pipeline->phones[who].device, NULL);
	return who < 0 ? -1 : 0;
}

static int on_send(struct run *r, struct error *err)
{
	int who = whom(r, 0, err);

	if (who < 0 || whom(r, 1, err) < 0)
		return -1;
	device_send(r->pipeline->phones[who].device, bytes_str(r->arguments[1]), bytes_str(r->arguments[2]), NULL, NULL);
	return 0;
}

/* The newest room of his that he has not just been asked into, or the oldest that he has. NULL: none. */
static const struct device_room *room_of(const struct device *device, bool invited)
{
	const struct device_room *found = NULL;

	for (const struct device_room *room = device_rooms(device)->first; room; room = room->next)
		if ((room->state == DEVICE_ROOM_INVITED) == invited && !(invited && found))
			found = room;
	return found;
}

static int on_room(struct run *r, struct error *err)
{
	int who = whom(r, 0, err);
	struct bytes user = bytes_str(r->arguments[1]);
	uint32_t room;

	if (who < 0 || whom(r, 1, err) < 0)
		return -1;
	device_room_open(r->pipeline->phones[who].device, &user, 1, &room, NULL);
	return 0;
}

static int on_invite(struct run *r, struct error *err)
{
	int who = whom(r, 0, err);
	const struct device_room *room;

	if (who < 0 || whom(r, 1, err) < 0)
		return -1;
	room = room_of(r->pipeline->phones[who].device, false);
	if (room)
		device_room_invite(r->pipeline->phones[who].device, room->number, bytes_str(r->arguments[1]), bytes_str(""), NULL);
	return 0;
}

static int on_answer(struct run *r, struct error *err)
{
	bool accept = strcmp(r->arguments[1], "yes") == 0;
	int who = whom(r, 0, err);
	const struct device_room *room;

	if (who < 0)
		return -1;
	if (!accept && strcmp(r->arguments[1], "no") != 0)
		return error_set(err, "%s is neither yes nor no", r->arguments[1]);
	room = room_of(r->pipeline->phones[who].device, true);
	if (room)
		device_room_answer(r->pipeline->phones[who].device, room->number, accept, NULL);
	return 0;
}

static int on_say(struct run *r, struct error *err)
{
	int who = whom(r, 0, err);
	const struct device_room *room = who < 0 ? NULL : room_of(r->pipeline->phones[who].device, false);

	if (room)
		device_room_say(r->pipeline->phones[who].device, room->number, bytes_str(r->arguments[1]), NULL);
	return who < 0 ? -1 : 0;
}

static int on_leave(struct run *r, struct error *err)
{
	int who = whom(r, 0, err);
	const struct device_room *room = who < 0 ? NULL : room_of(r->pipeline->phones[who].device, false);

	if (room)
		device_room_leave(r->pipeline->phones[who].device, room->number, NULL);
	return who < 0 ? -1 : 0;
}

static int on_status(struct run *r, struct error *err)
{
	static const enum im_presence presences[] = { IM_AVAILABLE, IM_BUSY, IM_AWAY };
	int who = whom(r, 0, err);

	if (who < 0)
		return -1;
	for (size_t i = 0; i < sizeof presences / sizeof *presences; i++) {
		if (strcmp(r->arguments[1], im_presence_name(presences[i])) != 0)
			continue;
		device_presence(r->pipeline->phones[who].device, presences[i], bytes_str(""), NULL);
		return 0;
	}
	return error_set(err, "%s is no presence", r->arguments[1]);
}

static int on_or_off(const struct run *r, bool *on, struct error *err)
{
	*on = strcmp(r->arguments[1], "on") == 0;
	return *on || strcmp(r->arguments[1], "off") == 0 ? 0 : error_set(err, "%s is neither on nor off", r->arguments[1]);
}

static int on_coverage(struct run *r, struct error *err)
{
	int who = whom(r, 0, err);
	bool on;

	if (who < 0 || on_or_off(r, &on, err) != 0)
		return -1;
	device_coverage(r->pipeline->phones[who].device, on);
	return 0;
}

static int on_silent(struct run *r, struct error *err)
{
	int who = whom(r, 0, err);
	bool on;

	if (who < 0 || on_or_off(r, &on, err) != 0)
		return -1;
	device_silent(r->pipeline->phones[who].device, on);
	return 0;
}

static int on_limits(struct run *r, struct error *err)
{
	uint64_t max, idle_ms, capacity;

	if (number(r, 0, DB_SESSIONS_MAX, &max, err) != 0 || number(r, 1, 86400000, &idle_ms, err) != 0 ||
	    number(r, 2, DB_SESSIONS_MAX, &capacity, err) != 0)
		return -1;
	pipeline_limits(r->pipeline, (uint32_t)max, idle_ms, (uint32_t)capacity);
	return 0;
}

static int on_inactivity(struct run *r, struct error *err)
{
	uint64_t timeout_ms;

	if (number(r, 0, 86400000, &timeout_ms, err) != 0)
		return -1;
	pipeline_inactivity(r->pipeline, timeout_ms);
	return 0;
}

static int on_pass(struct run *r, struct error *err)
{
	uint64_t ms;

	if (number(r, 0, 604800000, &ms, err) != 0)
		return -1;
	pipeline_pass(r->pipeline, ms);
	return 0;
}

static int on_fault(struct run *r, struct error *err)
{
	return faults_add(r->pipeline->faults, r->arguments[0], r->pipeline->now_ms, err);
}

static int on_server_fault(struct run *r, struct error *err)
{
	struct faults *faults = pipeline_im_faults(r->pipeline);

	return faults ? faults_add(faults, r->arguments[0], r->pipeline->now_ms, err) : 0;
}

static int on_clear(struct run *r, struct error *err)
{
	(void)err;
	pipeline_clear_faults(r->pipeline);
	return 0;
}

static int part_of(const struct run *r, struct error *err)
{
	for (int part = 0; part < PART_DEVICE; part++)
		if (pipeline_has(r->pipeline, (enum pipeline_part)part) && strcmp(r->arguments[0], pipeline_part_name((enum pipeline_part)part)) == 0)
			return part;
	return error_set(err, "%s is no part of the pipeline that stops and starts", r->arguments[0]);
}

static int on_link_fault(struct run *r, struct error *err)
{
	int part = part_of(r, err);

	return part < 0 ? -1 : pipeline_link_fault(r->pipeline, (enum pipeline_part)part, r->arguments[1], err);
}

static int on_stop(struct run *r, struct error *err)
{
	int part = part_of(r, err);

	if (part >= 0)
		pipeline_stop(r->pipeline, (enum pipeline_part)part);
	return part < 0 ? -1 : 0;
}

static int on_kill(struct run *r, struct error *err)
{
	int part = part_of(r, err);
	bool unsent = r->count > 2 && strcmp(r->arguments[2], "unsent") == 0;
	uint64_t lines = 0;

	if (part < 0 || (r->count > 1 && number(r, 1, 1000000, &lines, err) != 0))
		return -1;
	if (r->count > 2 && !unsent)
		return error_set(err, "%s is not unsent", r->arguments[2]);
	if (lines)
		pipeline_order_death(r->pipeline, (enum pipeline_part)part, lines, unsent);
	else
		pipeline_kill(r->pipeline, (enum pipeline_part)part);
	return 0;
}

static int on_start(struct run *r, struct error *err)
{
	int part = part_of(r, err);

	if (part >= 0 && !pipeline_is_up(r->pipeline, (enum pipeline_part)part))
		pipeline_start(r->pipeline, (enum pipeline_part)part);
	return part < 0 ? -1 : 0;
}

/* A line in the history of a device that is not true: so that it can be tested that the judge looks. */
static int on_lie(struct run *r, struct error *err)
{
	const struct device *device = r->pipeline->phones[ALICE].device;
	struct trail_entry entry = { .event = "event.shown", .pin = device_own_pin(device), .numbers = { { "session", device_session(device) },
		{ "sequence", 1 } } };

	(void)err;
	trail_record(r->pipeline->trails[PART_DEVICE], &entry);
	return 0;
}

/* Before there is a pipeline. */
static int on_mode(struct run *r, struct error *err)
{
	r->liveness = strcmp(r->arguments[0], "liveness") == 0;
	return r->liveness || strcmp(r->arguments[0], "safety") == 0 ? 0 : error_set(err, "%s is no mode", r->arguments[0]);
}

static int on_phones(struct run *r, struct error *err)
{
	uint64_t phones;

	if (number(r, 0, PHONES_MAX, &phones, err) != 0)
		return -1;
	r->options.phones = (unsigned)phones;
	return phones < 2 ? error_set(err, "at least two phones") : 0;
}

static int on_system(struct run *r, struct error *err)
{
	r->options.ocs = strcmp(r->arguments[0], "ocs") == 0;
	r->options.system = r->options.ocs || strcmp(r->arguments[0], "cwa") == 0 ? DB_CWA : DB_GROUPWISE;
	return r->options.system == DB_CWA || strcmp(r->arguments[0], "groupwise") == 0 ? 0 : error_set(err, "%s is no IM system", r->arguments[0]);
}

static int on_relays(struct run *r, struct error *err)
{
	(void)err;
	r->options.relays = true;
	return 0;
}

static const struct word {
	const char *name;
	unsigned least, most;        /* arguments; the last has the rest of the line */
	bool world;                  /* before everything */
	int (*perform)(struct run *r, struct error *err);
} words[] = {
	{ "mode", 1, 1, true, on_mode }, { "phones", 1, 1, true, on_phones }, { "relays", 0, 0, true, on_relays }, { "system", 1, 1, true, on_system },
	{ "login", 1, 2, false, on_login }, { "logout", 1, 1, false, on_logout }, { "send", 3, 3, false, on_send },
	{ "room", 2, 2, false, on_room }, { "invite", 2, 2, false, on_invite }, { "answer", 2, 2, false, on_answer }, { "say", 2, 2, false, on_say },
	{ "leave", 1, 1, false, on_leave }, { "status", 2, 2, false, on_status }, { "coverage", 2, 2, false, on_coverage }, { "silent", 2, 2, false, on_silent },
	{ "limits", 3, 3, false, on_limits }, { "inactivity", 1, 1, false, on_inactivity }, { "pass", 1, 1, false, on_pass },
	{ "fault", 1, 1, false, on_fault }, { "server-fault", 1, 1, false, on_server_fault },
	{ "link-fault", 2, 2, false, on_link_fault }, { "clear", 0, 0, false, on_clear },
	{ "stop", 1, 1, false, on_stop }, { "kill", 1, 3, false, on_kill }, { "start", 1, 1, false, on_start }, { "lie", 0, 0, false, on_lie },
};

/* --- lines --------------------------------------------------------------------------------------------------------------- */

static const struct word *split(struct run *r, char *line, struct error *err)
{
	const struct word *word = NULL;
	char *rest = NULL, *name = strtok_r(line, " ", &rest);

	for (size_t i = 0; name && i < sizeof words / sizeof *words; i++)
		if (strcmp(words[i].name, name) == 0)
			word = &words[i];
	if (!word) {
		error_set(err, "%s is no word of a plan", name ? name : "an empty line");
		return NULL;
	}
	for (r->count = 0; r->count < word->most && rest && *rest; r->count++)
		r->arguments[r->count] = r->count + 1 == word->most ? rest : strtok_r(NULL, " ", &rest);
	if (r->count < word->least) {
		error_set(err, "%s takes %u arguments", word->name, word->least);
		return NULL;
	}
	return word;
}

/* "+ " before a step: what follows happens at the same instant. */
static int perform(struct run *r, const char *line, bool world, struct error *err)
{
	bool at_once = strncmp(line, "+ ", 2) == 0;
	char copy[256];
	const struct word *word;

	snprintf(copy, sizeof copy, "%s", at_once ? line + 2 : line);
	word = split(r, copy, err);
	if (!word)
		return -1;
	if (word->world != world)
		return 0;
	if (word->perform(r, err) != 0)
		return -1;
	if (world)
		return 0;
	r->out->steps++;
	if (!at_once)
		pipeline_settle(r->pipeline);
	return 0;
}

static int perform_all(struct run *r, const struct plan *plan, bool world)
{
	struct error err;

	for (size_t i = 0; i < plan->count; i++) {
		if (r->show && !world)
			printf("%10" PRIu64 "  %s\n", r->pipeline->now_ms, plan->lines[i]);
		if (perform(r, plan->lines[i], world, &err) == 0)
			continue;
		buf_printf(&r->out->failures, "the plan's line %zu, \"%s\": %s\n", i + 1, plan->lines[i], err.text);
		return -1;
	}
	return 0;
}

static void show_phones(struct run *r)
{
	for (int who = 0; who < (int)r->options.phones; who++)
		printf("--- %s was told\n%s", phone_user(who), buf_cstr(&r->pipeline->phones[who].all));
}

void play(const struct plan *plan, bool show, const char *keep, struct played *out)
{
	struct run r = { .out = out, .show = show, .options = { .phones = 2, .host = "127.0.0.1", .histories = true, .keep = keep, .poll = "60s" } };
	uint64_t began_ms;

	*out = (struct played){ 0 };
	out->bad_plan = perform_all(&r, plan, true) != 0;
	if (out->bad_plan)
		return;
	loop_real_stand(REAL_START_US);
	r.pipeline = pipeline_new(&r.options);
	if (!show)
		log_set_level(LOG_NOTHING);
	began_ms = r.pipeline->now_ms;
	out->bad_plan = perform_all(&r, plan, false) != 0;
	if (!out->bad_plan && r.liveness)
		judge_liveness(r.pipeline, &out->failures);
	out->virtual_ms = r.pipeline->now_ms - began_ms;
	if (show)
		show_phones(&r);
	pipeline_stop_all(r.pipeline);
	judge_histories(r.pipeline, out);
	pipeline_free(&r.pipeline);
}
