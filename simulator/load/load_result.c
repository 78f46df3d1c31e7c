#include "simulator/load/load_result.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

const char *load_latency_name(enum load_latency which)
{
	static const char *const names[LOAD_LATENCIES] = { "link", "login", "logout", "again", "acknowledged", "arrived", "refused", "late" };

	return names[which];
}

void load_reasons_note(struct load_reasons *reasons, uint32_t code, const char *text, uint64_t count)
{
	struct load_reason *at = NULL;

	for (size_t i = 0; i < reasons->count && !at; i++) {
		if (reasons->list[i].code == code && strncmp(reasons->list[i].text, text, LOAD_REASON_TEXT - 1) == 0)
			at = &reasons->list[i];
	}
	if (!at && reasons->count < LOAD_REASONS) {
		at = &reasons->list[reasons->count++];
		*at = (struct load_reason){ .code = code };
		strncpy(at->text, text, LOAD_REASON_TEXT - 1);
	} else if (!at) {
		at = &reasons->list[LOAD_REASONS - 1];
		*at = (struct load_reason){ .text = "other reasons", .count = at->count };
	}
	at->count += count;
}

void load_result_init(struct load_result *r)
{
	*r = (struct load_result){ .closed = false };
	for (int i = 0; i < LOAD_LATENCIES; i++)
		r->latency[i] = load_histogram_new();
}

void load_result_free(struct load_result *r)
{
	for (int i = 0; i < LOAD_LATENCIES; i++)
		load_histogram_free(&r->latency[i]);
	free(r->seconds);
	free(r->processes);
	*r = (struct load_result){ .closed = false };
}

struct load_second *load_result_second(struct load_result *r)
{
	if (r->second_count == LOAD_SECONDS_MAX)
		return NULL;
	if (r->second_count % 64 == 0)
		r->seconds = memory_resize(r->seconds, (r->second_count + 64) * sizeof *r->seconds);
	r->seconds[r->second_count] = (struct load_second){ .logins = 0 };
	return &r->seconds[r->second_count++];
}

void load_result_process(struct load_result *r, const struct load_process *process)
{
	r->processes = memory_resize(r->processes, (r->process_count + 1) * sizeof *r->processes);
	r->processes[r->process_count++] = *process;
}

/* --- several processes ---------------------------------------------------------------------------------------------------- */

static void raise_to(uint64_t *value, uint64_t other)
{
	if (other > *value)
		*value = other;
}

static void merge_reasons(struct load_reasons *into, const struct load_reasons *from)
{
	for (size_t i = 0; i < from->count; i++)
		load_reasons_note(into, from->list[i].code, from->list[i].text, from->list[i].count);
}

static void merge_logins(struct load_logins *into, const struct load_logins *from)
{
	into->planned += from->planned;
	into->ok += from->ok;
	into->refused += from->refused;
	into->timed_out += from->timed_out;
	into->not_begun += from->not_begun;
	merge_reasons(&into->reasons, &from->reasons);
}

static void merge_messages(struct load_messages *into, const struct load_messages *from)
{
	into->planned += from->planned;
	into->sent += from->sent;
	into->not_sent += from->not_sent;
	into->answered += from->answered;
	into->refused += from->refused;
	into->lost += from->lost;
	into->timed_out += from->timed_out;
	merge_reasons(&into->reasons, &from->reasons);
}

static void merge_second(struct load_second *into, const struct load_second *from)
{
	into->logins += from->logins;
	into->sent += from->sent;
	into->arrived += from->arrived;
	into->refused += from->refused;
	into->online += from->online;
	raise_to(&into->p50_us, from->p50_us);
	raise_to(&into->p99_us, from->p99_us);
	raise_to(&into->max_us, from->max_us);
}

/* By the time of day, to the second. */
static void merge_seconds(struct load_result *into, const struct load_result *from)
{
	uint64_t began = into->began_wall_ms && into->began_wall_ms < from->began_wall_ms ? into->began_wall_ms : from->began_wall_ms;
	size_t mine = into->began_wall_ms ? (size_t)((into->began_wall_ms - began + 500) / 1000) : 0;
	size_t others = (size_t)((from->began_wall_ms - began + 500) / 1000);
	struct load_result all = { .seconds = NULL };

	for (size_t i = 0; i < mine + into->second_count || i < others + from->second_count; i++) {
		struct load_second *second = load_result_second(&all);

		if (!second)
			break;
		if (i >= mine && i - mine < into->second_count)
			merge_second(second, &into->seconds[i - mine]);
		if (i >= others && i - others < from->second_count)
			merge_second(second, &from->seconds[i - others]);
	}
	free(into->seconds);
	into->seconds = all.seconds;
	into->second_count = all.second_count;
	into->began_wall_ms = began;
}

void load_result_merge(struct load_result *into, const struct load_result *from)
{
	merge_seconds(into, from);
	into->closed |= from->closed;
	into->stopped |= from->stopped;
	raise_to(&into->login_us, from->login_us);
	raise_to(&into->counted_us, from->counted_us);
	merge_logins(&into->logins, &from->logins);
	merge_logins(&into->again, &from->again);
	merge_messages(&into->messages, &from->messages);
	merge_reasons(&into->losses, &from->losses);
	into->warm_up += from->warm_up;
	into->warm_up_refused += from->warm_up_refused;
	into->warm_up_bad += from->warm_up_bad;
	into->wrong_texts += from->wrong_texts;
	into->unexpected += from->unexpected;
	into->sessions_lost += from->sessions_lost;
	into->links_lost += from->links_lost;
	into->links_refused += from->links_refused;
	into->resent += from->resent;
	into->heartbeats += from->heartbeats;
	for (int i = 0; i < LOAD_LATENCIES; i++)
		load_histogram_add(into->latency[i], from->latency[i]);
	for (size_t i = 0; i < from->process_count; i++)
		load_result_process(into, &from->processes[i]);
}

/* --- what it comes to ------------------------------------------------------------------------------------------------------ */

static uint64_t sum_of(const struct load_reasons *reasons)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < reasons->count; i++)
		sum += reasons->list[i].count;
	return sum;
}

static bool logins_add_up(const struct load_logins *l)
{
	return l->planned == l->ok + l->refused + l->timed_out + l->not_begun && l->refused == sum_of(&l->reasons);
}

bool load_result_adds_up(const struct load_result *r)
{
	const struct load_messages *m = &r->messages;

	return logins_add_up(&r->logins) && logins_add_up(&r->again) && m->planned == m->sent + m->not_sent &&
		m->sent == m->answered + m->refused + m->lost + m->timed_out && m->refused == sum_of(&m->reasons) &&
		r->sessions_lost == sum_of(&r->losses);
}

bool load_result_is_whole(const struct load_result *r)
{
	return load_result_adds_up(r) && !r->messages.lost && !r->messages.timed_out && !r->logins.timed_out && !r->again.timed_out &&
		!r->warm_up_bad && !r->wrong_texts && !r->unexpected && !r->sessions_lost && !r->links_lost;
}

bool load_result_bottleneck(const struct load_result *r, struct error *why)
{
	for (size_t i = 0; i < r->process_count; i++) {
		const struct load_process *p = &r->processes[i];
		unsigned long long percent = p->cpu_permille / 10;
		bool is_busy = p->cpu_permille > LOAD_CPU_PERMILLE;

		if (p->late_p99_us > LOAD_LATE_US)
			error_set(why, "the generator was the bottleneck: one in a hundred was sent %s or more after its time, %s (%llu %% of a core used)",
				load_time_text(p->late_p99_us), is_busy ? "for want of CPU" : "because it was not let run or had to wait", percent);
		else if (is_busy)
			error_set(why, "the generator was the bottleneck: it used %llu %% of a core", percent);
		else
			continue;
		return true;
	}
	return false;
}

static uint64_t rate_of(uint64_t count, uint64_t us)
{
	return us ? (uint64_t)((unsigned __int128)count * 1000000000u / us) : 0;
}

uint64_t load_result_login_rate(const struct load_result *r)
{
	return rate_of(r->logins.ok, r->login_us);
}

uint64_t load_result_message_rate(const struct load_result *r)
{
	return rate_of(r->messages.answered, r->counted_us);
}

uint64_t load_result_again_rate(const struct load_result *r)
{
	return rate_of(r->again.ok, r->counted_us);
}

/* What the thresholds are about. */
static enum load_latency subject(const struct load_result *r, uint64_t *rate)
{
	if (r->messages.planned) {
		*rate = load_result_message_rate(r);
		return LOAD_ARRIVED;
	}
	if (r->again.planned) {
		*rate = load_result_again_rate(r);
		return LOAD_AGAIN;
	}
	*rate = load_result_login_rate(r);
	return LOAD_LOGIN;
}

size_t load_result_judge(const struct load_result *r, const struct load_bounds *bounds, struct error *out, size_t room)
{
	uint64_t rate, refused = r->logins.refused + r->again.refused + r->messages.refused;
	enum load_latency which = subject(r, &rate);
	uint64_t p99 = load_histogram_at(r->latency[which], 99);
	size_t failed = 0;

	if (bounds->max_p99_us && (p99 > bounds->max_p99_us || !load_histogram_count(r->latency[which])) && failed++ < room)
		error_set(&out[failed - 1], load_histogram_count(r->latency[which]) ? "the 99th percentile of \"%s\" is %s, over %s" :
			"nothing was measured of \"%s\": %s, not %s", load_latency_name(which), load_time_text(p99),
			load_time_text(bounds->max_p99_us));
	if (rate < bounds->min_rate && failed++ < room)
		error_set(&out[failed - 1], "the rate was %.1f/s, under %.1f/s", (double)rate / 1000, (double)bounds->min_rate / 1000);
	if (refused > bounds->max_refused && failed++ < room)
		error_set(&out[failed - 1], "%llu were refused, more than %llu", (unsigned long long)refused,
			(unsigned long long)bounds->max_refused);
	return failed;
}
