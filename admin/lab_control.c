#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "admin/lab_private.h"
#include "base/io/control_client.h"
#include "base/io/control_server.h"
#include "base/io/loop.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/nearest.h"

/* A lab's life. One child more or less on request; a child that ends without being told to ends the lab. */

enum { READY_MS = 10000, ASK_MS = 2000 };

struct life;

struct child {
	struct life *life;
	size_t which;
	struct loop_watch *end;             /* on its pidfd */
	struct loop_timer *deadline;        /* until it must be ready */
	struct control_request *killing;    /* to be answered when it has ended */
	struct control_request *starting;   /* or when it is ready */
	bool off;                           /* it is meant not to run */
	bool stopped;
	bool was_ahead;                     /* of the machine's clock, by so much: the others' clocks had stood once */
	uint64_t ahead_ms;
};

struct life {
	struct lab *lab;
	struct loop *loop;
	struct control_server *control;
	struct loop_watch *signals, *notify;
	struct lab_history *history;
	struct child children[LAB_ROLES];
	struct error why;
	bool died;
};

static struct lab_process *process_of(const struct child *child)
{
	return &child->life->lab->processes[child->which];
}

static void note(const struct child *child, const char *event)
{
	lab_history_note(child->life->history, event, process_of(child)->name);
}

static const char *state_of(const struct child *child)
{
	return child->off ? "off" : child->stopped ? "stopped" : child->starting ? "starting" : "running";
}

static json_t *child_json(const struct child *child)
{
	return json_pack("{s:s, s:i, s:s}", "name", process_of(child)->name, "pid", (int)process_of(child)->pid, "state", state_of(child));
}

static void answer(struct child *child, struct control_request **request)
{
	struct control_request *answered = *request;

	*request = NULL;        /* what is told is the state after it */
	if (answered)
		control_done(&answered, child_json(child));
}

/* --- ends --------------------------------------------------------------------------------------------------------------- */

static void note_state(struct life *life)
{
	struct error err = { "" };

	if (lab_write_state(life->lab, &err) != 0)
		log_warning("%s", err.text);
}

static void give_up(struct child *child, const char *why)
{
	loop_timer_cancel(child->deadline);
	if (child->starting)
		control_refuse(&child->starting, EXIT_REFUSED, "%s", why);
}

static void child_ended(void *arg, int ready)
{
	struct child *child = arg;
	struct lab_process *process = process_of(child);
	struct error why = { "" };
	int status;

	(void)ready;
	if (!lab_process_ended(process))
		return;
	loop_watch_free(&child->end);
	lab_process_why(process, &status, &why);
	if (child->off) {
		log_info("%s is off", process_of(child)->name);
		answer(child, &child->killing);
		note_state(child->life);
	} else if (child->starting) {
		child->off = true;
		give_up(child, why.text);
		note_state(child->life);
	} else {
		child->life->why = why;
		child->life->died = true;
		loop_stop(child->life->loop);
	}
}

static void watch_child(struct child *child)
{
	child->end = loop_watch_new(child->life->loop, process_of(child)->pidfd, child_ended, child);
	loop_watch_want(child->end, LOOP_READ);
}

/* --- ready --------------------------------------------------------------------------------------------------------------- */

static void take_ready(void *arg, int ready)
{
	struct life *life = arg;

	(void)ready;
	lab_notify_take(&life->lab->notify, life->lab->processes, life->lab->count);
	for (size_t i = 0; i < life->lab->count; i++) {
		struct child *child = &life->children[i];
		struct error err;
		json_t *told;
		int status;

		if (!child->starting || !life->lab->processes[i].is_ready)
			continue;
		loop_timer_cancel(child->deadline);
		if (child->was_ahead) {
			told = control_ask(life->lab->sockets[i], "clock.run", json_pack("{s:I}", "real_ms",
				(json_int_t)(loop_real_us() / 1000)), ASK_MS, &status, &err);
			json_decref(told);
		}
		log_info("%s runs again pid=%d", life->lab->processes[i].name, life->lab->processes[i].pid);
		answer(child, &child->starting);
		note_state(life);
	}
}

static void not_ready(void *arg)
{
	struct child *child = arg;
	struct error why;

	error_set(&why, "%s was not ready within %d s; its log is %s", process_of(child)->name, READY_MS / 1000, process_of(child)->log);
	child->off = true;
	kill(process_of(child)->pid, SIGKILL);
	give_up(child, why.text);
}

/* What the clocks of the others show, as an option for one that joins them: empty when they run as the machine's does. */
static void others_clock(struct child *child, char *option, size_t size)
{
	const struct lab *lab = child->life->lab;

	option[0] = '\0';
	child->was_ahead = false;
	for (size_t i = 0; i < lab->count; i++) {
		struct error err;
		json_int_t now_ms, real_ms;
		json_t *clock;
		int status;

		if (i == child->which || child->life->children[i].off || child->life->children[i].stopped)
			continue;
		clock = control_ask(lab->sockets[i], "clock.show", NULL, ASK_MS, &status, &err);
		if (!clock)
			continue;
		now_ms = json_integer_value(json_object_get(clock, "now_ms"));
		real_ms = json_integer_value(json_object_get(clock, "real_ms"));
		child->was_ahead = !json_is_true(json_object_get(clock, "manual")) && now_ms != real_ms;
		if (child->was_ahead)
			now_ms += (json_int_t)(loop_real_us() / 1000) - real_ms;
		if (child->was_ahead || json_is_true(json_object_get(clock, "manual")))
			snprintf(option, size, "--clock=manual:%lld", (long long)now_ms);
		json_decref(clock);
		return;
	}
}

/* --- verbs --------------------------------------------------------------------------------------------------------------- */

static struct child *child_param(struct life *life, struct control_request **request)
{
	const char *name = control_text(control_params(*request), "name", "");
	const char *names[LAB_ROLES + 1] = { NULL };
	struct buf all = { 0 };
	char hint[64];

	for (size_t i = 0; i < life->lab->count; i++) {
		names[i] = life->lab->processes[i].name;
		if (strcmp(name, life->lab->processes[i].name) == 0)
			return &life->children[i];
	}
	for (size_t i = 0; names[i]; i++)
		buf_printf(&all, "%s%s", i == 0 ? "" : names[i + 1] ? ", " : " and ", names[i]);
	control_refuse(request, EXIT_USAGE, "the lab has no process %s%s; it has %s", log_str(name), did_you_mean(name, names, hint, sizeof hint),
		buf_cstr(&all));
	buf_free(&all);
	return NULL;
}

/* false: refused already. */
static bool must_run(const struct child *child, struct control_request **request)
{
	if (!child->off && !child->starting)
		return true;
	control_refuse(request, EXIT_REFUSED, "%s is %s", process_of(child)->name, state_of(child));
	return false;
}

static void verb_list(void *ctx, struct control_request *request)
{
	struct life *life = ctx;
	json_t *list = json_array();

	for (size_t i = 0; i < life->lab->count; i++)
		json_array_append_new(list, child_json(&life->children[i]));
	control_done(&request, json_pack("{s:o}", "processes", list));
}

static void verb_kill(void *ctx, struct control_request *request)
{
	const char *name = control_text(control_params(request), "signal", "KILL");
	struct child *child = child_param(ctx, &request);

	if (!child || !must_run(child, &request))
		return;
	if (strcmp(name, "KILL") != 0 && strcmp(name, "TERM") != 0) {
		control_refuse(&request, EXIT_USAGE, "signal is KILL or TERM, not %s", log_str(name));
		return;
	}
	note(child, *name == 'K' ? "lab.kill" : "lab.end");
	child->off = true;
	child->killing = request;
	kill(process_of(child)->pid, *name == 'K' ? SIGKILL : SIGTERM);
	if (child->stopped)
		kill(process_of(child)->pid, SIGCONT);
	child->stopped = false;
}

/* It may end: a test has told it where to die. */
static void verb_ends(void *ctx, struct control_request *request)
{
	struct child *child = child_param(ctx, &request);

	if (!child || !must_run(child, &request))
		return;
	child->off = true;
	child->killing = request;
}

static void verb_stop(void *ctx, struct control_request *request)
{
	struct child *child = child_param(ctx, &request);
	siginfo_t info;

	if (!child || !must_run(child, &request))
		return;
	if (!child->stopped) {
		note(child, "lab.stop");
		kill(process_of(child)->pid, SIGSTOP);
		waitid(P_PID, (id_t)process_of(child)->pid, &info, WSTOPPED | WEXITED | WNOWAIT);
		child->stopped = true;
	}
	control_done(&request, child_json(child));
}

static void verb_continue(void *ctx, struct control_request *request)
{
	struct child *child = child_param(ctx, &request);

	if (!child || !must_run(child, &request))
		return;
	note(child, "lab.continue");
	kill(process_of(child)->pid, SIGCONT);
	child->stopped = false;
	control_done(&request, child_json(child));
}

static void verb_start(void *ctx, struct control_request *request)
{
	struct child *child = child_param(ctx, &request);
	struct error err = { "" };
	char clock[64];

	if (!child)
		return;
	if (!child->off || process_of(child)->pid) {
		control_refuse(&request, EXIT_REFUSED, "%s is %s", process_of(child)->name, child->off ? "ending" : state_of(child));
		return;
	}
	note(child, "lab.start");
	others_clock(child, clock, sizeof clock);
	if (lab_child_start(child->life->lab, child->which, clock[0] ? clock : NULL, &err) != 0) {
		control_refuse(&request, EXIT_REFUSED, "%s", err.text);
		return;
	}
	child->off = false;
	child->starting = request;
	watch_child(child);
	loop_timer_set(child->deadline, READY_MS);
}

static const struct control_param name_params[] = {
	{ "name", CONTROL_TEXT, true, "router, dispatcher, collab, or a simulated server of the lab" },
	{ NULL, CONTROL_TEXT, false, NULL },
};

static const struct control_param kill_params[] = {
	{ "name", CONTROL_TEXT, true, "router, dispatcher, collab, or a simulated server of the lab" },
	{ "signal", CONTROL_TEXT, false, "KILL or TERM [KILL]" },
	{ NULL, CONTROL_TEXT, false, NULL },
};

static const struct control_verb lab_verbs[] = {
	{ "process.list", "the lab's processes and their states", NULL, verb_list },
	{ "process.kill", "ends one; answered when it is gone; the lab goes on", kill_params, verb_kill },
	{ "process.ends", "lets one end by itself; answered when it is gone; the lab goes on", name_params, verb_ends },
	{ "process.stop", "stops one (SIGSTOP)", name_params, verb_stop },
	{ "process.continue", "lets a stopped one go on", name_params, verb_continue },
	{ "process.start", "starts one that is off; answered when it is ready", name_params, verb_start },
	{ NULL, NULL, NULL, NULL },
};

/* --- life ---------------------------------------------------------------------------------------------------------------- */

static void signal_came(void *arg, int ready)
{
	struct life *life = arg;
	struct signalfd_siginfo info;

	(void)ready;
	if (read(life->lab->signals, &info, sizeof info) > 0)
		loop_stop(life->loop);
}

static void begin(struct life *life)
{
	char *path = memory_printf("%s/lab.sock", life->lab->place.run_dir);
	struct error err = { "" };

	life->loop = loop_new();
	life->control = control_server_new(life->loop, path, &err);
	if (life->control)
		control_server_add(life->control, lab_verbs, life);
	else
		log_warning("the lab's processes cannot be steered: %s", err.text);
	free(path);
	life->history = lab_history_new(life->lab, life->loop, &err);
	if (!life->history)
		log_warning("what is done to the lab's processes is in no history: %s", err.text);
	life->signals = loop_watch_new(life->loop, life->lab->signals, signal_came, life);
	loop_watch_want(life->signals, LOOP_READ);
	life->notify = loop_watch_new(life->loop, life->lab->notify.fd, take_ready, life);
	loop_watch_want(life->notify, LOOP_READ);
	for (size_t i = 0; i < life->lab->count; i++) {
		struct child *child = &life->children[i];

		child->life = life;
		child->which = i;
		child->deadline = loop_timer_new_real(life->loop, not_ready, child);
		watch_child(child);
	}
}

static void end(struct life *life)
{
	for (size_t i = 0; i < life->lab->count; i++) {
		struct child *child = &life->children[i];

		if (child->killing)
			control_refuse(&child->killing, EXIT_REFUSED, "the lab ends");
		give_up(child, "the lab ends");
		loop_watch_free(&child->end);
		loop_timer_free(&child->deadline);
	}
	loop_watch_free(&life->signals);
	loop_watch_free(&life->notify);
	control_server_free(&life->control);
	lab_history_free(&life->history);
	loop_free(&life->loop);
}

int lab_live(struct lab *lab)
{
	struct life life = { .lab = lab };

	begin(&life);
	loop_run(life.loop);
	end(&life);
	if (life.died)
		log_error("the lab ends: %s", life.why.text);
	return life.died ? EXIT_REFUSED : EXIT_DONE;
}
