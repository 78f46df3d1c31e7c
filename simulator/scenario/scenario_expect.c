#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/settings.h"
#include "simulator/scenario/scenario_play.h"

/* What must hold: one function per assertion. EXIT_REFUSED with a sentence that says what is there instead. */

enum { ROWS_MAX = 100000 };

static int differs(const struct scenario_player *p, struct error *err, const char *format, ...) __attribute__((format(printf, 3, 4)));

static int differs(const struct scenario_player *p, struct error *err, const char *format, ...)
{
	char text[440];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	error_set(err, "%s: %s", p->role->id, text);
	return EXIT_REFUSED;
}

/* --- when ----------------------------------------------------------------------------------------------------------------- */

/* Never before since + after, at most within later. */
static int check_when(const struct scenario_play *play, const struct scenario_node *node, const struct scenario_player *p, uint64_t at_ms,
	struct error *err)
{
	uint64_t since_ms, after_ms = scenario_number(node, "after", 0), within_ms = scenario_number(node, "within", UINT64_MAX);

	if (!scenario_has(node, "after"))
		return EXIT_DONE;
	if (scenario_mark_ms(play, scenario_text(node, "since"), &since_ms, err))
		return EXIT_CONFIG;
	if (at_ms < since_ms)
		return differs(p, err, "it happened %s before the mark", duration_text(since_ms - at_ms));
	if (at_ms - since_ms < after_ms)
		return differs(p, err, "it happened after %s, which is too early: %s is wanted", duration_text(at_ms - since_ms), duration_text(after_ms));
	if (at_ms - since_ms - after_ms > within_ms)
		return differs(p, err, "it happened after %s, which is too late: %s and at most %s more are wanted", duration_text(at_ms - since_ms),
			duration_text(after_ms), duration_text(within_ms));
	return EXIT_DONE;
}

/* --- what devices were told ------------------------------------------------------------------------------------------------- */

/* What the device was told instead, for a sentence. */
static int nothing_heard(struct scenario_player *p, const char *wanted, struct error *err)
{
	const struct scenario_heard *other = scenario_unheard_any(p);
	struct buf words = { 0 };

	if (other) {
		buf_text(&words, "; instead: ");
		scenario_heard_words(other, &words);
	}
	differs(p, err, "it was told of no %s%s (it is %s)", wanted, buf_cstr(&words), device_state_name(device_state(p->device)));
	buf_free(&words);
	return EXIT_REFUSED;
}

static int unlike(const struct scenario_player *p, const struct scenario_heard *heard, struct error *err)
{
	struct buf words = { 0 };

	scenario_heard_words(heard, &words);
	differs(p, err, "%s", buf_cstr(&words));
	buf_free(&words);
	return EXIT_REFUSED;
}

typedef int look_fn(const struct scenario_play *play, const struct scenario_node *node, struct scenario_player *p, struct error *err);

static int each(struct scenario_play *play, const struct scenario_node *node, look_fn *look, struct error *err)
{
	struct scenario_player *p = NULL;
	unsigned count = 0;

	for (; (p = scenario_next_player(play, scenario_text(node, "device"), p)); count++) {
		int status = look(play, node, p, err);

		if (status != EXIT_DONE)
			return status;
	}
	if (!count)
		error_set(err, "no device is called %s", scenario_text(node, "device"));
	return count ? EXIT_DONE : EXIT_CONFIG;
}

static int look_login(const struct scenario_play *play, const struct scenario_node *node, struct scenario_player *p, struct error *err)
{
	struct scenario_heard *heard = scenario_unheard(p, HEARD_LOGIN);
	bool accepted = strcmp(scenario_text(node, "result"), "accepted") == 0;

	if (!heard)
		return nothing_heard(p, "login", err);
	heard->looked_at = true;
	if (heard->accepted != accepted || (scenario_has(node, "code") && heard->code != scenario_number(node, "code", 0)) ||
	    (scenario_has(node, "shows") && strcmp(heard->text, scenario_text(node, "shows")) != 0))
		return unlike(p, heard, err);
	return check_when(play, node, p, heard->at_ms, err);
}

static int expect_login(struct scenario_play *play, const struct scenario_node *node, struct error *err)
{
	return each(play, node, look_login, err);
}

static int look_logout(const struct scenario_play *play, const struct scenario_node *node, struct scenario_player *p, struct error *err)
{
	struct scenario_heard *heard = scenario_unheard(p, HEARD_LOGOUT);

	if (!heard)
		return nothing_heard(p, "logout", err);
	heard->looked_at = true;
	if (strcmp(heard->reason, scenario_text(node, "reason")) != 0)
		return unlike(p, heard, err);
	return check_when(play, node, p, heard->at_ms, err);
}

static int expect_logout(struct scenario_play *play, const struct scenario_node *node, struct error *err)
{
	return each(play, node, look_logout, err);
}

static int look_message(const struct scenario_play *play, const struct scenario_node *node, struct scenario_player *p, struct error *err)
{
	uint64_t first = scenario_number(node, "first", 1), count = scenario_number(node, "count", 1);
	int status = EXIT_DONE;

	for (uint64_t i = first; i < first + count && status == EXIT_DONE; i++) {
		struct scenario_heard *heard = scenario_unheard(p, HEARD_MESSAGE);
		char *text = scenario_has(node, "count") ? memory_printf("%s %ju", scenario_text(node, "text"), (uintmax_t)i)
			: memory_str(scenario_text(node, "text"));

		if (!heard) {
			char *wanted = memory_printf("message %s", log_str(text));

			status = nothing_heard(p, wanted, err);
			free(wanted);
		} else {
			heard->looked_at = true;
			if (strcmp(heard->text, text) != 0 || (scenario_has(node, "from") && strcmp(heard->who, scenario_text(node, "from")) != 0))
				status = unlike(p, heard, err);
			else
				status = check_when(play, node, p, heard->at_ms, err);
		}
		free(text);
	}
	return status;
}

static int expect_message(struct scenario_play *play, const struct scenario_node *node, struct error *err)
{
	return each(play, node, look_message, err);
}

static int look_nothing(const struct scenario_play *play, const struct scenario_node *node, struct scenario_player *p, struct error *err)
{
	const struct scenario_heard *heard = scenario_unheard_any(p);

	(void)play;
	(void)node;
	return heard ? unlike(p, heard, err) : EXIT_DONE;
}

static int expect_nothing(struct scenario_play *play, const struct scenario_node *node, struct error *err)
{
	return each(play, node, look_nothing, err);
}

static int look_device(const struct scenario_play *play, const struct scenario_node *node, struct scenario_player *p, struct error *err)
{
	const char *state = device_state_name(device_state(p->device));

	(void)play;
	if (strcmp(state, scenario_text(node, "state")) != 0)
		return differs(p, err, "it is %s", state);
	return EXIT_DONE;
}

static int expect_device(struct scenario_play *play, const struct scenario_node *node, struct error *err)
{
	return each(play, node, look_device, err);
}

/* --- asked of the tool ------------------------------------------------------------------------------------------------ */

/* The rows that the tool prints as JSON; NULL with a sentence and the exit status. */
static json_t *tool_rows(struct scenario_play *play, const char *const *words, int *status, struct error *err)
{
	struct buf text = { 0 };
	json_t *rows = NULL;

	*status = scenario_lab_tool(play->lab, words, &text, err);
	if (*status == EXIT_DONE) {
		rows = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
		if (!json_is_array(rows)) {
			json_decref(rows);
			rows = NULL;
			*status = EXIT_INTERNAL;
			error_set(err, "bramble %s %s --json printed no list", words[0], words[1]);
		}
	}
	buf_free(&text);
	return rows;
}

/* --- counts ------------------------------------------------------------------------------------------------------------------ */

static uint64_t count_of_devices(const struct scenario_play *play, const char *names, const char *of)
{
	struct scenario_player *p = NULL;
	uint64_t sum = 0;

	while ((p = scenario_next_player(play, names ? names : "*", p)))
		sum += scenario_player_count(p, of);
	return sum;
}

static int count_of_database(struct scenario_play *play, uint64_t *value, struct error *err)
{
	char most[16];
	const char *const words[] = { "session", "list", "--json", "--most", most, NULL };
	json_t *rows;
	int status;

	snprintf(most, sizeof most, "%d", ROWS_MAX);
	rows = tool_rows(play, words, &status, err);
	*value = json_array_size(rows);
	json_decref(rows);
	return status;
}

static int count_of_process(struct scenario_play *play, const struct scenario_count *count, const char *asked, uint64_t *value, struct error *err)
{
	static const struct { const char *process, *verb, *inside; } sources[] = {
		[COUNT_OF_SESSIONS] = { "collab", "status", "sessions" }, [COUNT_OF_COLLAB] = { "collab", "status", "counts" },
		[COUNT_OF_IM_SERVER] = { NULL, "census", NULL },
	};
	const char *process = !sources[count->source].process ? scenario_lab_backend(play->lab) : asked ? asked : sources[count->source].process;
	const char *inside = sources[count->source].inside;
	int status;
	json_t *answer = scenario_lab_ask(play->lab, process, sources[count->source].verb, NULL, &status, err);
	const json_t *number;

	if (!answer)
		return status;
	number = json_object_get(inside ? json_object_get(answer, inside) : answer, count->member);
	status = json_is_integer(number) ? EXIT_DONE : EXIT_INTERNAL;
	if (status == EXIT_DONE)
		*value = (uint64_t)json_integer_value(number);
	else
		error_set(err, "the answer of %s has no %s", process, count->member);
	json_decref(answer);
	return status;
}

static int expect_count(struct scenario_play *play, const struct scenario_node *node, struct error *err)
{
	const struct scenario_count *count = scenario_count_find(scenario_text(node, "of"));
	uint64_t value = 0;
	int status = EXIT_DONE;

	if (count->source == COUNT_OF_DEVICES)
		value = count_of_devices(play, scenario_text(node, "device"), count->member);
	else if (count->source == COUNT_OF_DATABASE)
		status = count_of_database(play, &value, err);
	else
		status = count_of_process(play, count, scenario_text(node, "process"), &value, err);

	if (status != EXIT_DONE)
		return status;
	if ((scenario_has(node, "is") && value != scenario_number(node, "is", 0)) || value < scenario_number(node, "at-least", 0) ||
	    value > scenario_number(node, "at-most", UINT64_MAX)) {
		error_set(err, "%s is %" PRIu64, count->name, value);
		return EXIT_REFUSED;
	}
	return EXIT_DONE;
}

/* --- what the database remembers --------------------------------------------------------------------------------------------- */

static const char *member(const json_t *row, const char *name)
{
	const char *text = json_string_value(json_object_get(row, name));

	return text ? text : "";
}

static int look_event(struct scenario_play *play, const struct scenario_node *node, const struct scenario_player *p, struct error *err)
{
	char pin[16], most[16];
	const char *const words[] = { "session", "events", "--json", "--most", most, "--pin", pin, NULL };
	const char *wanted = scenario_text(node, "text"), *last = "";
	uint64_t found = 0;
	json_t *rows, *row;
	size_t i;
	int status;

	snprintf(pin, sizeof pin, "%s", pin_text(p->role->pin));
	snprintf(most, sizeof most, "%d", ROWS_MAX);
	rows = tool_rows(play, words, &status, err);
	if (!rows)
		return status;
	json_array_foreach(rows, i, row) {
		if (strcmp(member(row, "event"), scenario_text(node, "event")) != 0)
			continue;
		last = member(row, "text");
		found += !wanted || strstr(last, wanted) != NULL;
	}
	if (scenario_has(node, "count") ? found != scenario_number(node, "count", 0) : found == 0)
		status = *last ? differs(p, err, "%" PRIu64 " such events; the last %s says %s", found, scenario_text(node, "event"), log_str(last))
			: differs(p, err, "no %s at all", scenario_text(node, "event"));
	json_decref(rows);
	return status;
}

static int expect_event(struct scenario_play *play, const struct scenario_node *node, struct error *err)
{
	struct scenario_player *p = NULL;
	int status = EXIT_DONE;

	while (status == EXIT_DONE && (p = scenario_next_player(play, scenario_text(node, "device"), p)))
		status = look_event(play, node, p, err);
	return status;
}

static int look_end(const struct scenario_play *play, const struct scenario_node *node, struct scenario_player *p, struct error *err)
{
	json_t *row;
	size_t i;

	json_array_foreach(play->history, i, row) {      /* the newest first */
		if (strcmp(member(row, "pin"), pin_text(p->role->pin)) != 0)
			continue;
		if (strcmp(member(row, "reason"), scenario_text(node, "reason")) == 0)
			return EXIT_DONE;
		return differs(p, err, "its last session ended by %s", member(row, "reason"));
	}
	return differs(p, err, "no session of it has ended");
}

static int expect_end(struct scenario_play *play, const struct scenario_node *node, struct error *err)
{
	char most[16];
	const char *const words[] = { "session", "list", "--history", "--json", "--most", most, NULL };
	int status;

	snprintf(most, sizeof most, "%d", ROWS_MAX);
	play->history = tool_rows(play, words, &status, err);
	return play->history ? each(play, node, look_end, err) : status;
}

/* --- active and standby services ---------------------------------------------------------------------------------------------- */

static int look_asked(const struct scenario_play *play, const struct scenario_node *node, struct scenario_player *p, struct error *err)
{
	struct scenario_heard *heard = scenario_unheard(p, HEARD_ASKED);

	if (!heard)
		return nothing_heard(p, "being asked to log in", err);
	heard->looked_at = true;
	if (scenario_has(node, "by-itself") && heard->accepted != (strcmp(scenario_text(node, "by-itself"), "yes") == 0))
		return unlike(p, heard, err);
	return check_when(play, node, p, heard->at_ms, err);
}

static int expect_asked(struct scenario_play *play, const struct scenario_node *node, struct error *err)
{
	return each(play, node, look_asked, err);
}

static bool is_step(const struct scenario_node *node, const json_t *row)
{
	const char *event = strchr(member(row, "event"), '.');

	return event && strcmp(event + 1, scenario_text(node, "event")) == 0 &&
		(!scenario_has(node, "step") || json_integer_value(json_object_get(row, "step")) == (json_int_t)scenario_number(node, "step", 0)) &&
		(!scenario_has(node, "instance") || strcmp(member(row, "instance"), scenario_text(node, "instance")) == 0) &&
		(!scenario_has(node, "sessions") ||
		json_integer_value(json_object_get(row, "sessions")) == (json_int_t)scenario_number(node, "sessions", 0)) &&
		(!scenario_has(node, "why") || strstr(member(row, "why"), scenario_text(node, "why")));
}

static int expect_step(struct scenario_play *play, const struct scenario_node *node, struct error *err)
{
	static const char *const words[] = { "trace", "failover", "--json", NULL };
	struct buf seen = { 0 };
	int status;
	json_t *rows = tool_rows(play, words, &status, err);

	if (!rows)
		return status;
	for (size_t i = play->steps_seen; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);

		if (is_step(node, row)) {
			play->steps_seen = i + 1;
			json_decref(rows);
			buf_free(&seen);
			return EXIT_DONE;
		}
		buf_printf(&seen, "%s%s of %s", seen.len ? ", " : "", member(row, "event"), member(row, "instance"));
	}
	error_set(err, "there is no such step; those after the last one that was looked at: %s", seen.len ? buf_cstr(&seen) : "none");
	json_decref(rows);
	buf_free(&seen);
	return EXIT_REFUSED;
}

static int expect_active(struct scenario_play *play, const struct scenario_node *node, struct error *err)
{
	const char *at = scenario_text(node, "at"), *wanted = scenario_text(node, "is"), *active;
	int status;
	json_t *answer = scenario_lab_ask(play->lab, at ? at : "dispatcher", "failover", NULL, &status, err);

	if (!answer)
		return status;
	active = member(json_array_get(json_object_get(answer, "pools"), 0), "active");
	if (strcmp(active, strcmp(wanted, "none") == 0 ? "" : wanted) != 0) {
		error_set(err, "%s is active", *active ? active : "none");
		status = EXIT_REFUSED;
	}
	json_decref(answer);
	return status;
}

scenario_step_fn *const scenario_expectations[SCENARIO_WORDS] = {
	[WORD_EXPECT_LOGIN] = expect_login,
	[WORD_EXPECT_LOGOUT] = expect_logout,
	[WORD_EXPECT_MESSAGE] = expect_message,
	[WORD_EXPECT_NOTHING] = expect_nothing,
	[WORD_EXPECT_DEVICE] = expect_device,
	[WORD_EXPECT_COUNT] = expect_count,
	[WORD_EXPECT_EVENT] = expect_event,
	[WORD_EXPECT_END] = expect_end,
	[WORD_EXPECT_ASKED] = expect_asked,
	[WORD_EXPECT_STEP] = expect_step,
	[WORD_EXPECT_ACTIVE] = expect_active,
};
