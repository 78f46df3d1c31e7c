#include "base/io/clock_verbs.h"

#include <stdlib.h>
#include <string.h>

#include "base/io/control_server.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/settings.h"

int clock_option_parse(const char *text, uint64_t *start_ms, struct error *err)
{
	struct error why;

	/* The same for all processes of a lab: leases and due times are compared between them. */
	*start_ms = CLOCK_START_MS;
	if (strcmp(text, "manual") == 0)
		return 0;
	if (strncmp(text, "manual:", 7) != 0 || duration_parse(text + 7, start_ms, &why) != 0)
		return error_set(err, "--clock is manual or manual:MS, not %s", log_str(text));
	return 0;
}

static json_t *clock_json(const struct loop *loop)
{
	uint64_t due = loop_next_due_ms(loop);
	struct loop_work work = loop_work(loop);

	return json_pack("{s:b, s:I, s:o, s:I, s:I, s:I}", "manual", loop_clock_is_manual(loop), "now_ms",
		(json_int_t)loop_now_ms(loop), "next_due_ms", due == UINT64_MAX ? json_null() : json_integer((json_int_t)due),
		"real_ms", (json_int_t)(loop_real_us() / 1000), "work", (json_int_t)work.done, "balance", (json_int_t)work.balance);
}

static void verb_show(void *ctx, struct control_request *request)
{
	control_done(&request, clock_json(ctx));
}

/* A request that is answered when there is nothing left to do. */
struct pending {
	struct loop_task task;
	struct loop *loop;
	struct control_request *request;
};

static void answer_idle(void *arg)
{
	struct pending *pending = arg;

	control_done(&pending->request, clock_json(pending->loop));
	free(pending);
}

static void answer_when_idle(struct loop *loop, struct control_request *request)
{
	struct pending *pending = memory_new(sizeof *pending);

	pending->loop = loop;
	pending->request = request;
	pending->task = (struct loop_task){ .fn = answer_idle, .arg = pending };
	loop_when_idle(loop, &pending->task);
}

static void verb_settle(void *ctx, struct control_request *request)
{
	if (control_switch(control_params(request), "look", false))
		loop_look(ctx);
	answer_when_idle(ctx, request);
}

static void verb_advance(void *ctx, struct control_request *request)
{
	struct loop *loop = ctx;
	uint64_t to_ms = control_number(control_params(request), "to_ms", 0);

	if (!loop_clock_is_manual(loop)) {
		control_refuse(&request, EXIT_REFUSED, "the clock runs by itself; start with --clock=manual, or freeze it, to move it");
		return;
	}
	if (to_ms < loop_now_ms(loop)) {
		control_refuse(&request, EXIT_REFUSED, "the clock stands at %llu ms and never goes back to %llu ms",
			(unsigned long long)loop_now_ms(loop), (unsigned long long)to_ms);
		return;
	}
	if (control_switch(control_params(request), "hold", false)) {
		loop_clock_reach(loop, to_ms);
		control_done(&request, clock_json(loop));
		return;
	}
	loop_clock_advance(loop, to_ms);
	answer_when_idle(loop, request);
}

static void verb_freeze(void *ctx, struct control_request *request)
{
	loop_clock_freeze(ctx);
	answer_when_idle(ctx, request);
}

static void verb_run(void *ctx, struct control_request *request)
{
	loop_clock_run(ctx, control_number(control_params(request), "real_ms", loop_real_us() / 1000));
	control_done(&request, clock_json(ctx));
}

static const struct control_param advance_params[] = {
	{ "to_ms", CONTROL_NUMBER, true, "the clock's new value in milliseconds" },
	{ "hold", CONTROL_SWITCH, false, "only that, and at most to the first timer: none rings until the next advance" },
	{ NULL, CONTROL_TEXT, false, NULL },
};

static const struct control_param settle_params[] = {
	{ "look", CONTROL_SWITCH, false, "look first at what is otherwise looked at every so often, such as the database" },
	{ NULL, CONTROL_TEXT, false, NULL },
};

static const struct control_param run_params[] = {
	{ "real_ms", CONTROL_NUMBER, false, "the moment on the machine's monotonic clock that what the clock shows belongs to [now]" },
	{ NULL, CONTROL_TEXT, false, NULL },
};

const struct control_verb clock_verbs[] = {
	{ "clock.show", "the clock, when the next timer is due, and what was done", NULL, verb_show },
	{ "clock.advance", "moves a manual clock, timer by timer; answered when nothing is left to do", advance_params, verb_advance },
	{ "clock.settle", "answered when nothing is left to do", settle_params, verb_settle },
	{ "clock.freeze", "a running clock stands still from here on", NULL, verb_freeze },
	{ "clock.run", "a manual clock runs by itself again", run_params, verb_run },
	{ NULL, NULL, NULL, NULL },
};
