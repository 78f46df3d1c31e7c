#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "simulator/fault.h"
#include "simulator/scenario/scenario_play.h"

/* What a scenario does: one function per element that is neither an assertion nor made of other steps. */

static bool is(const struct scenario_node *node, const char *attribute, const char *value)
{
	const char *text = scenario_text(node, attribute);

	return text && strcmp(text, value) == 0;
}

/* --- devices ------------------------------------------------------------------------------------------------------------ */

/* Runs act for each device that is named, and lets all processes become quiet after each, so that the order of the file is the order
 * in which the service hears of them. */
typedef int act_fn(struct scenario_player *player, const struct scenario_node *node, struct error *err);

static int each_device(struct scenario_play *play, const struct scenario_node *node, act_fn *act, bool together, struct error *err)
{
	struct scenario_player *p = NULL;
	unsigned count = 0;
	int status;

	while ((p = scenario_next_player(play, scenario_text(node, "device"), p))) {
		if (act(p, node, err)) {
			error_prefix(err, "%s: ", p->role->id);
			return EXIT_REFUSED;
		}
		status = together ? EXIT_DONE : scenario_settle(play, err);
		if (status != EXIT_DONE)
			return status;
		count++;
	}
	if (!count) {
		error_set(err, "no device is called %s", scenario_text(node, "device"));
		return EXIT_CONFIG;
	}
	return EXIT_DONE;
}

static int act_login(struct scenario_player *p, const struct scenario_node *node, struct error *err)
{
	const char *user = scenario_text(node, "user"), *password = scenario_text(node, "password");
	char *usual = user ? memory_printf("%s-secret", user) : memory_str(p->role->password);
	int rc = device_login(p->device, bytes_str(user ? user : p->role->user), bytes_str(password ? password : usual), err);

	memory_wipe_str(&usual);
	return rc;
}

static int step_login(struct scenario_play *play, const struct scenario_node *node, struct error *err)
{
	return each_device(play, node, act_login, is(node, "together", "yes"), err);
}

static int act_logout(struct scenario_player *p, const struct scenario_node *node, struct error *err)
{
	(void)node;
	return device_logout(p->device, err);
}

static int step_logout(struct scenario_play *play, const struct scenario_node *node, struct error *err)
{
	return each_device(play, node, act_logout, false, err);
}

static int act_presence(struct scenario_player *p, const struct scenario_node *node, struct error *err)
{
	static const enum im_presence known[] = { IM_AVAILABLE, IM_BUSY, IM_AWAY, IM_IDLE, IM_OFFLINE };
	uint64_t which = scenario_number(node, "is", 0);

	return device_presence(p->device, known[which], bytes_str(scenario_text(node, "text")), err);
}

static int step_presence(struct scenario_play *play, const struct scenario_node *node, struct error *err)
{
	return each_device(play, node, act_presence, false, err);
}

static int act_coverage(struct scenario_player *p, const struct scenario_node *node, struct error *err)
{
	(void)err;
	device_coverage(p->device, is(node, "is", "back"));
	return 0;
}

static int step_coverage(struct scenario_play *play, const struct scenario_node *node, struct error *err)
{
	return each_device(play, node, act_coverage, false, err);
}

static int act_silent(struct scenario_player *p, const struct scenario_node *node, struct error *err)
{
	(void)err;
	device_silent(p->device, is(node, "is", "on"));
	return 0;
}

static int step_silent(struct scenario_play *play, const struct scenario_node *node, struct error *err)
{
	return each_device(play, node, act_silent, true, err);
}

/* Each is settled, so that the outbox of the device never fills up. */
static int step_send(struct scenario_play *play, const struct scenario_node *node, struct error *err)
{
	uint64_t count = scenario_number(node, "count", 1);
	struct scenario_player *p = NULL;
	int status = EXIT_DONE;

	while (status == EXIT_DONE && (p = scenario_next_player(play, scenario_text(node, "device"), p))) {
		for (uint64_t i = 1; i <= count && status == EXIT_DONE; i++) {
			char *text = scenario_has(node, "count") ? memory_printf("%s %ju", scenario_text(node, "text"), (uintmax_t)i)
				: memory_str(scenario_text(node, "text"));
			uint32_t sequence;

			if (device_send(p->device, bytes_str(scenario_text(node, "to")), bytes_str(text), &sequence, err)) {
				error_prefix(err, "%s: ", p->role->id);
				status = EXIT_REFUSED;
			} else {
				status = scenario_settle(play, err);
			}
			free(text);
		}
	}
	return status;
}

/* --- the administrator ---------------------------------------------------------------------------------------------------- */

static int step_limits(struct scenario_play *play, const struct scenario_node *node, struct error *err)
{
	static const char *const attributes[] = { "max", "idle-timeout", "inactivity-timeout", "capacity", "evict", NULL };
	char *options[5];
	const char *words[8] = { "limits", "set" };
	size_t count = 2;
	int status;

	for (size_t i = 0; attributes[i]; i++) {
		options[i] = scenario_has(node, attributes[i]) ? memory_printf("--%s=%s", attributes[i], scenario_text(node, attributes[i])) : NULL;
		if (options[i])
			words[count++] = options[i];
	}
	status = scenario_lab_tool(play->lab, words, NULL, err);
	for (size_t i = 0; attributes[i]; i++)
		free(options[i]);
	return status;
}

static int permit(struct scenario_play *play, const struct scenario_node *node, const char *yes, struct error *err)
{
	const char *const words[] = { "user", "permit", scenario_text(node, "user"), yes, NULL };

	return scenario_lab_tool(play->lab, words, NULL, err);
}

static int step_permit(struct scenario_play *play, const struct scenario_node *node, struct error *err)
{
	return permit(play, node, "yes", err);
}

static int step_forbid(struct scenario_play *play, const struct scenario_node *node, struct error *err)
{
	return permit(play, node, "no", err);
}

static int step_end_session(struct scenario_play *play, const struct scenario_node *node, struct error *err)
{
	struct scenario_player *p = NULL;
	int status = EXIT_DONE;

	while (status == EXIT_DONE && (p = scenario_next_player(play, scenario_text(node, "device"), p))) {
		char *session = memory_printf("%u", device_session(p->device));
		const char *const words[] = { "session", "logout", session, NULL };

		if (device_session(p->device)) {
			status = scenario_lab_tool(play->lab, words, NULL, err);
		} else {
			error_set(err, "%s has no session", p->role->id);
			status = EXIT_REFUSED;
		}
		free(session);
		if (status == EXIT_DONE)
			status = scenario_settle(play, err);
	}
	return status;
}

static int step_switch(struct scenario_play *play, const struct scenario_node *node, struct error *err)
{
	const char *const words[] = { "failover", "switch", scenario_text(node, "to"), NULL };

	return scenario_lab_tool(play->lab, words, NULL, err);
}

static int step_claim(struct scenario_play *play, const struct scenario_node *node, struct error *err)
{
	const char *const words[] = { "failover", "claim", "--dispatcher", scenario_text(node, "process"), NULL };

	return scenario_lab_tool(play->lab, words, NULL, err);
}

/* --- the pipeline ----------------------------------------------------------------------------------------------------------- */

enum { ADVANCE_MS = 600000 };

static int step_advance(struct scenario_play *play, const struct scenario_node *node, struct error *err)
{
	uint64_t to_ms = clocks_now_ms(play->clocks) + scenario_number(node, "by", 0);

	if (scenario_has(node, "to")) {
		if (scenario_mark_ms(play, scenario_text(node, "since"), &to_ms, err))
			return EXIT_CONFIG;
		to_ms += scenario_number(node, "to", 0);
		if (to_ms < clocks_now_ms(play->clocks)) {
			error_set(err, "this moment is over: the clock never goes back");
			return EXIT_REFUSED;
		}
	}
	/* In parts, so that a signal ends a long one. */
	do {
		uint64_t next_ms = clocks_now_ms(play->clocks) + ADVANCE_MS;

		if (clocks_advance(play->clocks, next_ms < to_ms ? next_ms : to_ms, err))
			return clocks_were_late(play->clocks) ? EXIT_TIMEOUT : EXIT_REFUSED;
	} while (clocks_now_ms(play->clocks) < to_ms && !*play->stopped);
	return EXIT_DONE;
}

/* The process of the lab that a step means. */
static const char *process_named(const struct scenario_play *play, const char *name)
{
	return strcmp(name, "im-server") == 0 ? scenario_lab_backend(play->lab) : name;
}

/* signal: NULL for the verb's own. */
static int of_process(struct scenario_play *play, const struct scenario_node *node, const char *verb, const char *signal, struct error *err)
{
	json_t *params = json_pack("{s:s}", "name", process_named(play, scenario_text(node, "process")));
	json_t *answer;
	int status;

	if (signal)
		json_object_set_new(params, "signal", json_string(signal));
	answer = scenario_lab_ask(play->lab, "lab", verb, params, &status, err);
	json_decref(answer);
	return answer ? EXIT_DONE : status;
}

static int step_kill(struct scenario_play *play, const struct scenario_node *node, struct error *err)
{
	return of_process(play, node, "process.kill", NULL, err);
}

static int step_stop(struct scenario_play *play, const struct scenario_node *node, struct error *err)
{
	return of_process(play, node, "process.stop", NULL, err);
}

static int step_continue(struct scenario_play *play, const struct scenario_node *node, struct error *err)
{
	return of_process(play, node, "process.continue", NULL, err);
}

static int step_start(struct scenario_play *play, const struct scenario_node *node, struct error *err)
{
	return of_process(play, node, "process.start", NULL, err);
}

/* What it says when it ends is heard before it is back. */
static int step_restart(struct scenario_play *play, const struct scenario_node *node, struct error *err)
{
	int status = of_process(play, node, "process.kill", "TERM", err);

	if (status == EXIT_DONE)
		status = scenario_settle(play, err);
	return status == EXIT_DONE ? of_process(play, node, "process.start", NULL, err) : status;
}

static int ask_server(struct scenario_play *play, const char *name, const char *verb, json_t *params, struct error *err)
{
	int status;
	json_t *answer = scenario_lab_ask(play->lab, process_named(play, name), verb, params, &status, err);

	json_decref(answer);
	return answer ? EXIT_DONE : status;
}

/* ACTION[=VALUE],user=NAME,on=KIND,nth=N,count=N,after=TIME,for=TIME: the words of docs/faults.md. */
static void fault_word(const struct scenario_node *node, struct buf *word)
{
	static const char *const parts[] = { "user", "on", "nth", "count", "after", "for", NULL };

	buf_text(word, scenario_text(node, "action"));
	if (scenario_has(node, "value"))
		buf_printf(word, "=%s", scenario_text(node, "value"));
	for (size_t i = 0; parts[i]; i++) {
		if (scenario_has(node, parts[i]))
			buf_printf(word, ",%s=%s", parts[i], scenario_text(node, parts[i]));
	}
}

static bool is_at_devices(const struct scenario_node *node)
{
	return strcmp(scenario_text(node, "at"), "device") == 0;
}

/* A word for each device that is named, or one for all, which then counts what all of them say. */
static int fault_devices(struct scenario_play *play, const struct scenario_node *node, const char *word, struct error *err)
{
	uint64_t now_ms = loop_now_ms(play->loop);
	struct scenario_player *p = NULL;
	int rc = 0;

	if (!scenario_has(node, "device"))
		return faults_add(play->players.faults, word, now_ms, err) ? EXIT_REFUSED : EXIT_DONE;
	while (rc == 0 && (p = scenario_next_player(play, scenario_text(node, "device"), p))) {
		char *of_one = memory_printf("%s,pin=%s", word, pin_text(p->role->pin));

		rc = faults_add(play->players.faults, of_one, now_ms, err);
		free(of_one);
	}
	return rc ? EXIT_REFUSED : EXIT_DONE;
}

static int step_fault(struct scenario_play *play, const struct scenario_node *node, struct error *err)
{
	struct buf word = { 0 };
	int status;

	fault_word(node, &word);
	play->has_real_faults = play->has_real_faults || strcmp(scenario_text(node, "action"), "split") == 0;
	if (is_at_devices(node))
		status = fault_devices(play, node, buf_cstr(&word), err);
	else
		status = ask_server(play, scenario_text(node, "at"), "fault", json_pack("{s:s}", "word", buf_cstr(&word)), err);
	buf_free(&word);
	return status;
}

static int step_clear_faults(struct scenario_play *play, const struct scenario_node *node, struct error *err)
{
	if (!is_at_devices(node))
		return ask_server(play, scenario_text(node, "at"), "fault.clear", NULL, err);
	faults_clear(play->players.faults);
	return EXIT_DONE;
}

static int step_kick(struct scenario_play *play, const struct scenario_node *node, struct error *err)
{
	const char *how = scenario_text(node, "how"), *backend = scenario_lab_backend(play->lab);
	json_t *params = json_pack("{s:s}", "user", scenario_text(node, "user"));

	/* How a session ends is a word of GroupWise: CWA forgets it. */
	if (strcmp(backend, "groupwise") == 0) {
		json_object_set_new(params, "how", json_string(how));
	} else if (strcmp(how, "close") != 0) {
		json_decref(params);
		error_set(err, "how=\"%s\" is for groupwise alone, and this lab is for %s", how, backend);
		return EXIT_REFUSED;
	}
	return ask_server(play, "im-server", "kick", params, err);
}

/* --- order ------------------------------------------------------------------------------------------------------------------ */

static int step_note(struct scenario_play *play, const struct scenario_node *node, struct error *err)
{
	(void)play;
	(void)node;
	(void)err;
	return EXIT_DONE;
}

static int step_mark(struct scenario_play *play, const struct scenario_node *node, struct error *err)
{
	(void)err;
	scenario_mark_set(play, scenario_text(node, "name"));
	return EXIT_DONE;
}

static struct scenario_group *group_of(struct scenario_play *play, const char *name)
{
	for (size_t i = 0; i < play->group_count; i++) {
		if (strcmp(play->groups[i].name, name) == 0)
			return &play->groups[i];
	}
	play->groups = memory_resize(play->groups, (play->group_count + 1) * sizeof *play->groups);
	play->groups[play->group_count] = (struct scenario_group){ memory_str(name), memory_new(play->players.count + 1) };
	return &play->groups[play->group_count++];
}

/* Each of those left is taken with the same chance: as many lots as are wanted, in the file's order. */
static int step_choose(struct scenario_play *play, const struct scenario_node *node, struct error *err)
{
	uint64_t wanted = scenario_number(node, "count", 1), left = 0;
	bool *has = memory_new(play->players.count + 1);
	struct scenario_player *p = NULL;
	struct scenario_group *group;

	while ((p = scenario_next_player(play, scenario_text(node, "device"), p)))
		left++;
	if (left < wanted) {
		error_set(err, "%ju devices are wanted, and %s are %ju", (uintmax_t)wanted, scenario_text(node, "device"), (uintmax_t)left);
		free(has);
		return EXIT_REFUSED;
	}
	for (p = NULL; (p = scenario_next_player(play, scenario_text(node, "device"), p)); left--) {
		if (scenario_lot(play, left) >= wanted)
			continue;
		has[p - play->players.list] = true;
		wanted--;
	}
	group = group_of(play, scenario_text(node, "group"));
	free(group->has);
	group->has = has;
	for (p = NULL; (p = scenario_next_player(play, group->name, p));)
		play->players.told(play->players.told_ctx, p->role->id);
	return EXIT_DONE;
}

scenario_step_fn *const scenario_steps[SCENARIO_WORDS] = {
	[WORD_LOGIN] = step_login,
	[WORD_LOGOUT] = step_logout,
	[WORD_SEND] = step_send,
	[WORD_PRESENCE] = step_presence,
	[WORD_COVERAGE] = step_coverage,
	[WORD_SILENT] = step_silent,
	[WORD_LIMITS] = step_limits,
	[WORD_PERMIT] = step_permit,
	[WORD_FORBID] = step_forbid,
	[WORD_END_SESSION] = step_end_session,
	[WORD_SWITCH] = step_switch,
	[WORD_CLAIM] = step_claim,
	[WORD_ADVANCE] = step_advance,
	[WORD_KILL] = step_kill,
	[WORD_STOP] = step_stop,
	[WORD_CONTINUE] = step_continue,
	[WORD_START] = step_start,
	[WORD_RESTART] = step_restart,
	[WORD_FAULT] = step_fault,
	[WORD_CLEAR_FAULTS] = step_clear_faults,
	[WORD_KICK] = step_kick,
	[WORD_NOTE] = step_note,
	[WORD_MARK] = step_mark,
	[WORD_CHOOSE] = step_choose,
};
