#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/memory.h"
#include "simulator/load/load_private.h"

#define AT_ONCE 64
#define TIMEOUT_MS 30000
#define TEXT_SIZE 256
#define RETRY_US 1000          /* what no device could take is tried again after it */
#define ROUND_MS 100           /* at most so long until a deadline is noticed */

const char *load_phase_name(enum load_phase phase)
{
	static const char *const names[] = { "linking", "logging in", "warming up", "counting", "waiting for the last", "logging out", "over" };

	return names[phase];
}

/* --- the process itself ---------------------------------------------------------------------------------------------------- */

static uint64_t cpu_us(void)
{
	struct rusage used;

	getrusage(RUSAGE_SELF, &used);
	return (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000 + (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

static uint64_t rss_kib(void)
{
	unsigned long size, resident = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	if (file && fscanf(file, "%lu %lu", &size, &resident) != 2)      /* NOLINT(cert-err34-c): the kernel's own numbers */
		resident = 0;
	if (file)
		fclose(file);
	return resident * (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
}

static void measure_cpu(struct load *load)
{
	load->cpu_us = cpu_us();
	load->cpu_from_us = loop_real_us();
}

static void note_memory(struct load *load)
{
	uint64_t now = rss_kib();

	if (now > load->result.processes[0].rss_kib)
		load->result.processes[0].rss_kib = now;
}

/* A phase of less than a second says nothing. */
static void note_cpu(struct load *load)
{
	uint64_t took_us = loop_real_us() - load->cpu_from_us;
	uint64_t permille = took_us >= 1000000 ? (cpu_us() - load->cpu_us) * 1000 / took_us : 0;
	struct load_process *process = &load->result.processes[0];

	if (permille > process->cpu_permille)
		process->cpu_permille = permille;
	process->late_p99_us = load_histogram_at(load->result.latency[LOAD_LATE], 99);
}

/* The clock is read for each: what is due at once may take longer than a look at the plan. */
void load_late(struct load *load, uint64_t planned_us)
{
	load_histogram_note(load->result.latency[LOAD_LATE], loop_real_us() - planned_us);
}

/* --- seconds ---------------------------------------------------------------------------------------------------------------- */

static void end_second(struct load *load)
{
	const struct load_histogram *h = load_histogram_count(load->now_arrived) ? load->now_arrived : load->now_logins;
	struct load_second *second = load_result_second(&load->result);

	load->now.online = load->online;
	load->now.p50_us = load_histogram_at(h, 50);
	load->now.p99_us = load_histogram_at(h, 99);
	load->now.max_us = load_histogram_max(h);
	if (second)
		*second = load->now;
	load->now = (struct load_second){ .logins = 0 };
	load_histogram_clear(load->now_arrived);
	load_histogram_clear(load->now_logins);
}

static void tick(void *arg)
{
	struct load *load = arg;

	end_second(load);
	load->next_tick_ms += 1000;
	loop_timer_set_at(load->ticker, load->next_tick_ms);
	if (load->settings.second)
		load->settings.second(load->settings.ctx, load);
}

/* --- what is due ------------------------------------------------------------------------------------------------------------- */

static void on_event(void *ctx, const struct device_event *e);

static void dial_next(struct load *load)
{
	static const struct device_callbacks callbacks = { .event = on_event };
	struct load_unit *unit = &load->units[load->begun];
	const struct load_settings *s = &load->settings;
	const struct device_settings settings = {
		.router = s->router, .source = s->source_count ? s->sources[load->begun % s->source_count] : NULL,
		.identity = &unit->person->identity, .channel = load->channel, .login_timeout_ms = s->timeout_ms,
		.status_interval_ms = s->status_interval_ms, .store = s->store, .store_ctx = unit->person,
	};

	load->begun++;
	unit->dialled_us = loop_real_us();
	unit->device = device_new(load->loop, &settings, &callbacks, unit);
}

static bool is_traffic(const struct load *load)
{
	return load->phase == LOAD_WARMING_UP || load->phase == LOAD_COUNTING;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void pump(void *arg)
{
	struct load *load = arg;
	uint64_t now_us = loop_real_us(), next_us = UINT64_MAX;

	switch (load->phase) {
	case LOAD_LINKING:
		while (load->begun < load->count && load->begun < load->linked + load->settings.at_once)
			dial_next(load);
		break;
	case LOAD_LOGGING_IN:
		load_logins_pump(load, now_us);
		next_us = load_plan_next_us(&load->logins);
		break;
	case LOAD_WARMING_UP:
	case LOAD_COUNTING:
		load_messages_pump(load, now_us);
		load_cycles_pump(load, now_us);
		next_us = earlier(load->held_messages ? now_us + RETRY_US : load_plan_next_us(&load->messages),
			load->held_cycles ? now_us + RETRY_US : load_plan_next_us(&load->cycles));
		break;
	case LOAD_LOGGING_OUT:
		load_logouts_pump(load);
		break;
	case LOAD_SETTLING:
	case LOAD_OVER:
		break;
	}
	load_alarm_set(load->alarm, next_us);
}

/* --- what devices tell --------------------------------------------------------------------------------------------------------- */

static void link_up(struct load_unit *unit, const struct device_event *e)
{
	struct load *load = unit->load;

	if (unit->dialled_us)
		load_histogram_note(load->result.latency[LOAD_LINK], e->at_us - unit->dialled_us);
	unit->dialled_us = 0;
	unit->linked = true;
	load->linked++;
	load->last_progress_us = e->at_us;
}

static void link_down(struct load_unit *unit)
{
	unit->linked = false;
	unit->load->linked--;
	unit->load->result.links_lost++;
}

static void on_event(void *ctx, const struct device_event *e)
{
	struct load_unit *unit = ctx;
	struct load *load = unit->load;

	switch (e->type) {
	case DEVICE_EVENT_LINK_UP:
		link_up(unit, e);
		break;
	case DEVICE_EVENT_LINK_DOWN:
		link_down(unit);
		break;
	case DEVICE_EVENT_LINK_REFUSED:
		load->result.links_refused++;
		return;
	case DEVICE_EVENT_ACK:
		load_messages_ack(unit, e);
		break;
	case DEVICE_EVENT_MESSAGE:
		load_messages_arrived(unit, e);
		break;
	case DEVICE_EVENT_STATUS_SENT:
		load->result.heartbeats++;
		return;
	default:
		load_logins_event(unit, e);
		break;
	}
	if (!is_traffic(load) || load->held_messages || load->held_cycles)
		loop_defer(load->loop, &load->pump);
}

/* --- phases ------------------------------------------------------------------------------------------------------------------ */

typedef bool is_done(const struct load *load);

/* Runs until it is done, or the time has come (until_us), or nothing has moved for so long (quiet_ms; 0: no matter), or that many
 * stops were told. */
static bool run(struct load *load, is_done *done, uint64_t until_us, uint64_t quiet_ms, unsigned stops)
{
	if (quiet_ms)
		load->last_progress_us = loop_real_us();
	while (!done(load) && load->stops < stops) {
		uint64_t now_us = loop_real_us();

		if (quiet_ms)
			until_us = load->last_progress_us + quiet_ms * 1000;
		if (now_us >= until_us)
			return false;
		loop_round(load->loop, until_us - now_us > ROUND_MS * 1000 ? ROUND_MS : (int)((until_us - now_us) / 1000 + 1));
	}
	return done(load);
}

static void enter(struct load *load, enum load_phase phase)
{
	load->phase = phase;
	load->begun = 0;
	pump(load);
}

static bool all_linked(const struct load *load)
{
	return load->linked == load->count;
}

int load_link(struct load *load, struct error *err)
{
	enter(load, LOAD_LINKING);
	if (run(load, all_linked, 0, load->settings.timeout_ms, 1))
		return 0;
	if (load->stops)
		return error_set(err, "stopped when %zu of %zu devices had a link", load->linked, load->count);
	return error_set(err, "%zu of %zu devices have a link to %s, and none more came for %llu s", load->linked, load->count,
		load->settings.router, (unsigned long long)load->settings.timeout_ms / 1000);
}

static bool all_answered(const struct load *load)
{
	return load->begun == load->count && load->going == 0;
}

static bool none_going(const struct load *load)
{
	return load->going == 0;
}

void load_log_in(struct load *load)
{
	uint64_t start_us = loop_real_us();

	load->last_progress_us = start_us;
	load->result.began_wall_ms = loop_wall_ms();
	load->next_tick_ms = start_us / 1000 + 1000;
	loop_timer_set_at(load->ticker, load->next_tick_ms);
	load->logins = (struct load_plan){ .start_us = start_us, .rate = load->settings.login_rate,
		.count = load->settings.login_rate ? load->count : 0 };
	measure_cpu(load);
	enter(load, LOAD_LOGGING_IN);
	/* A plan may leave long pauses; each login has a deadline of its own. */
	run(load, all_answered, UINT64_MAX, 0, 1);
	run(load, none_going, UINT64_MAX, 0, 2);
	load->result.login_us = load->last_progress_us - start_us;
	note_cpu(load);
	load_logins_settle(load);
	note_memory(load);
}

static bool never(const struct load *load)
{
	(void)load;
	return false;
}

static bool all_ended(const struct load *load)
{
	return load->letters == 0 && load->going == 0;
}

static void begin_traffic(struct load *load, uint64_t start_us)
{
	const struct load_settings *s = &load->settings;
	uint64_t all_ms = s->warm_up_ms + s->for_ms;

	load->counted_from_us = start_us + s->warm_up_ms * 1000;
	if (load->stops)
		return;
	load->messages = load_plan_make(start_us, s->in_flight || load->talkers < 2 ? 0 : s->message_rate, all_ms);
	load->cycles = load_plan_make(start_us, s->in_flight || load->talkers == load->count ? 0 : s->login_rate, all_ms);
	enter(load, LOAD_WARMING_UP);
	for (size_t i = 0; i < load->count && s->in_flight; i++) {
		if (i < load->talkers)
			load_messages_fill(&load->units[i]);
		else if (load->units[i].state == LOAD_IN)
			load_cycle_begin(&load->units[i], loop_real_us());
	}
}

static void count_resent(struct load *load)
{
	load->result.resent = 0;
	for (size_t i = 0; i < load->count; i++) {
		struct device_counts counts;

		device_count(load->units[i].device, &counts);
		load->result.resent += counts.resent;
	}
}

static void tell_counting(struct load *load, bool on)
{
	if (load->settings.counting)
		load->settings.counting(load->settings.ctx, on);
}

/* What a rate is over. A server that falls behind the plan has all answered in the end, so that the time until then counts; not if it
 * is but the usual way of the last ones. A closed loop has sent its last ones at the end: their time belongs to it. */
static uint64_t counted_time(const struct load *load, uint64_t from_us, uint64_t until_us)
{
	uint64_t planned_us = until_us > from_us ? until_us - from_us : 0;
	uint64_t last_us = load->last_progress_us > from_us ? load->last_progress_us - from_us : 0;

	if (load->settings.in_flight && last_us)
		return last_us;
	return last_us > planned_us + planned_us / 50 ? last_us : planned_us;
}

void load_traffic(struct load *load)
{
	uint64_t start_us = loop_real_us(), until_us;

	load->last_progress_us = start_us;
	begin_traffic(load, start_us);
	run(load, never, load->counted_from_us, 0, 1);
	measure_cpu(load);
	tell_counting(load, true);
	load->phase = LOAD_COUNTING;
	run(load, never, load->counted_from_us + load->settings.for_ms * 1000, 0, 1);
	pump(load);            /* the last ones of the plan may be due in this very moment */
	tell_counting(load, false);
	note_cpu(load);
	until_us = load->stops ? loop_real_us() : load->counted_from_us + load->settings.for_ms * 1000;
	load->result.stopped = load->stops > 0;
	if (load->stops) {
		load->messages.count = load->messages.next;
		load->cycles.count = load->cycles.next;
	}
	enter(load, LOAD_SETTLING);
	run(load, all_ended, loop_real_us() + load->settings.timeout_ms * 1000, 0, 2);
	load->result.counted_us = counted_time(load, load->counted_from_us, until_us);
	note_memory(load);
	load_messages_settle(load);
	load_cycles_settle(load);
	count_resent(load);
}

void load_set_times(struct load *load, uint64_t warm_up_ms, uint64_t for_ms)
{
	load->settings.warm_up_ms = warm_up_ms;
	load->settings.for_ms = for_ms;
}

void load_log_out(struct load *load)
{
	if (load->stops < 2) {
		enter(load, LOAD_LOGGING_OUT);
		run(load, all_answered, 0, load->settings.timeout_ms, 2);
	}
	load->phase = LOAD_OVER;
	end_second(load);
	loop_timer_cancel(load->ticker);
}

/* --- life ---------------------------------------------------------------------------------------------------------------------- */

static void take_settings(struct load *load, const struct load_settings *settings)
{
	struct load_settings *s = &load->settings;

	*s = *settings;
	if (!s->at_once)
		s->at_once = AT_ONCE;
	if (!s->timeout_ms)
		s->timeout_ms = TIMEOUT_MS;
	if (!s->min_size)
		s->min_size = TEXT_SIZE;
	if (!s->max_size)
		s->max_size = s->min_size;
	if (s->in_flight > LOAD_IN_FLIGHT_MAX)
		s->in_flight = LOAD_IN_FLIGHT_MAX;
}

struct load *load_new(struct loop *loop, const struct load_settings *settings, struct load_person *people, size_t count)
{
	struct load *load = memory_new(sizeof *load);

	load->loop = loop;
	take_settings(load, settings);
	load->count = count;
	load->talkers = count - settings->churners;
	load->channel = channel_new();
	load->texts = load_texts_new(settings->seed, load->settings.min_size, load->settings.max_size);
	load->units = memory_new(count * sizeof *load->units);
	for (size_t i = 0; i < count; i++)
		load->units[i] = (struct load_unit){ .load = load, .person = &people[i], .index = (uint32_t)i };
	load_result_init(&load->result);
	load->result.closed = settings->in_flight != 0;
	load_result_process(&load->result, &(struct load_process){ .devices = count });
	load->now_arrived = load_histogram_new();
	load->now_logins = load_histogram_new();
	load->ticker = loop_timer_new_real(loop, tick, load);
	load->alarm = load_alarm_new(loop, pump, load);
	load->pump = (struct loop_task){ .fn = pump, .arg = load };
	return load;
}

void load_free(struct load **load)
{
	struct load *l = *load;

	if (!l)
		return;
	for (size_t i = 0; i < l->count; i++) {
		load_messages_drop(&l->units[i]);
		device_free(&l->units[i].device);
	}
	loop_drop(l->loop, &l->pump);
	loop_timer_free(&l->ticker);
	load_alarm_free(&l->alarm);
	load_histogram_free(&l->now_arrived);
	load_histogram_free(&l->now_logins);
	load_result_free(&l->result);
	load_texts_free(&l->texts);
	channel_free(&l->channel);
	free(l->units);
	free(l);
	*load = NULL;
}

void load_stop(struct load *load)
{
	load->stops++;
	load->result.stopped = true;
}

const struct load_result *load_result_of(const struct load *load)
{
	return &load->result;
}

enum load_phase load_phase_of(const struct load *load)
{
	return load->phase;
}

struct load_done load_done_so_far(const struct load *load)
{
	return load->done;
}

size_t load_online(const struct load *load)
{
	return load->online;
}

size_t load_linked(const struct load *load)
{
	return load->linked;
}
