#include "simulator/life.h"

#include <signal.h>

#include "base/io/daemon.h"
#include "base/io/trail_verbs.h"
#include "base/log.h"

struct life {
	struct loop *loop;
	const struct sim_served *served;
};

static void on_end(void *arg)
{
	struct life *life = arg;

	loop_stop(life->loop);
}

static void on_signal(void *arg)
{
	struct life *life = arg;

	log_info("ending");
	life->served->shutdown(life->served->server, on_end, life);
}

static void verb_shutdown(void *ctx, struct control_request *request)
{
	control_done(&request, json_object());
	on_signal(ctx);
}

struct loop *sim_life_loop(bool manual, uint64_t clock_ms)
{
	struct loop *loop;

	daemon_raise_descriptors();
	loop = loop_new();
	if (manual)
		loop_clock_manual(loop, clock_ms);
	return loop;
}

void sim_life_run(struct loop *loop, const struct sim_served *served, const char *ready)
{
	struct life life = { loop, served };
	const struct control_verb verbs[] = {
		{ "shutdown", served->shutdown_help, NULL, verb_shutdown },
		{ NULL, NULL, NULL, NULL },
	};
	struct sim_control *control = NULL;
	struct trail *own = trail_new(0), *records = served->records ? served->records : served->trail ? served->trail : own;
	struct history *history;
	struct error err = { "" };

	history = history_open(loop, records, &served->history, &err);
	if (!history)
		fatal(EXIT_CONFIG, "%s", err.text);
	faults_record(served->faults, records);
	if (sim_fault_words_set(served->words, served->faults, loop_now_ms(loop), &err) < 0)
		fatal(EXIT_USAGE, "%s", err.text);
	if (served->count)
		history_count(history, served->count, served->server);
	if (served->control) {
		control = sim_control_new(loop, served->control, served->faults, &err);
		if (!control)
			fatal(EXIT_BIND, "%s", err.text);
		sim_control_add(control, served->verbs, served->server);
		sim_control_add(control, verbs, &life);
		if (served->trail)
			sim_control_add(control, trail_verbs, served->trail);
		sim_control_add(control, history_verbs, history);
	}
	loop_signal(loop, SIGTERM, on_signal, &life);
	loop_signal(loop, SIGINT, on_signal, &life);
	log_info("ready %s", ready);
	daemon_notify_ready();
	loop_run(loop);
	sim_control_free(&control);
	history_free(&history);
	faults_record(served->faults, NULL);
	trail_free(&own);
}
