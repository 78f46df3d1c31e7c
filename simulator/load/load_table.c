#include <inttypes.h>

#include "simulator/load/load_result.h"

const char *load_time_text(uint64_t us)
{
	static char texts[8][24];
	static unsigned next;
	char *text = texts[next++ % 8];

	if (us < 1000)
		snprintf(text, sizeof texts[0], "%" PRIu64 " us", us);
	else if (us < 1000000)
		snprintf(text, sizeof texts[0], us < 10000 ? "%.2f ms" : us < 100000 ? "%.1f ms" : "%.0f ms", (double)us / 1000);
	else
		snprintf(text, sizeof texts[0], "%.2f s", (double)us / 1000000);
	return text;
}

static double per_second(uint64_t rate)
{
	return (double)rate / 1000;
}

static void print_reasons(const struct load_reasons *reasons, FILE *out)
{
	for (size_t i = 0; i < reasons->count; i++) {
		fprintf(out, "  %10" PRIu64 "  of these: ", reasons->list[i].count);
		if (reasons->list[i].code)
			fprintf(out, "%" PRIu32 " ", reasons->list[i].code);
		fprintf(out, "%s\n", reasons->list[i].text);
	}
}

static void print_count(uint64_t count, const char *what, FILE *out)
{
	if (count)
		fprintf(out, "  %10" PRIu64 "  %s\n", count, what);
}

static void print_logins(const struct load_logins *l, const char *name, uint64_t rate, FILE *out)
{
	if (!l->planned)
		return;
	fprintf(out, "%s\n  %10" PRIu64 "  planned\n  %10" PRIu64 "  logged in, %.1f/s\n", name, l->planned, l->ok, per_second(rate));
	print_count(l->refused, "refused", out);
	print_reasons(&l->reasons, out);
	print_count(l->timed_out, "without an answer in time", out);
	print_count(l->not_begun, "not begun", out);
}

static void print_messages(const struct load_result *r, FILE *out)
{
	const struct load_messages *m = &r->messages;

	if (!m->planned)
		return;
	fprintf(out, "messages\n  %10" PRIu64 "  %s\n", m->planned, r->closed ? "sent" : "planned");
	if (!r->closed)
		print_count(m->sent, "sent", out);
	fprintf(out, "  %10" PRIu64 "  acknowledged and arrived as they were sent, %.1f/s\n", m->answered,
		per_second(load_result_message_rate(r)));
	print_count(m->refused, "refused", out);
	print_reasons(&m->reasons, out);
	print_count(m->lost, "LOST: acknowledged, and never arrived", out);
	print_count(m->timed_out, "not acknowledged in time", out);
	print_count(m->not_sent, "not sent: no device could take them", out);
}

static void print_latencies(const struct load_result *r, FILE *out)
{
	static const char *const meanings[LOAD_LATENCIES] = { "dialled, registered", "planned, logged in", "planned, logged out",
		"... and in again", "planned, acknowledged", "planned, at the partner", "planned, refused", "planned, really sent" };
	static const char *const of_closed[LOAD_LATENCIES] = { [LOAD_ACKNOWLEDGED] = "sent, acknowledged", [LOAD_ARRIVED] = "sent, at the partner",
		[LOAD_REFUSED] = "sent, refused" };

	fprintf(out, "\n%-24s %9s %9s %9s %9s %9s %9s %9s\n", "time", "count", "p50", "p90", "p99", "p99.9", "max", "mean");
	for (int i = 0; i < LOAD_LATENCIES; i++) {
		const struct load_histogram *h = r->latency[i];

		if (!load_histogram_count(h))
			continue;
		fprintf(out, "%-24s %9" PRIu64 " %9s %9s %9s %9s %9s %9s\n", r->closed && of_closed[i] ? of_closed[i] : meanings[i], load_histogram_count(h),
			load_time_text(load_histogram_at(h, 50)), load_time_text(load_histogram_at(h, 90)),
			load_time_text(load_histogram_at(h, 99)), load_time_text(load_histogram_at(h, 99.9)),
			load_time_text(load_histogram_max(h)), load_time_text(load_histogram_mean(h)));
	}
}

static void print_rest(const struct load_result *r, FILE *out)
{
	fputc('\n', out);
	for (size_t i = 0; i < r->process_count; i++) {
		const struct load_process *p = &r->processes[i];

		fprintf(out, "generator: %" PRIu64 " devices, %" PRIu64 ".%" PRIu64 " %% of a core, %.1f MB", p->devices, p->cpu_permille / 10,
			p->cpu_permille % 10, (double)p->rss_kib / 1024);
		if (load_histogram_count(r->latency[LOAD_LATE]))
			fprintf(out, ", 99 %% sent within %s of the plan", load_time_text(p->late_p99_us));
		fputc('\n', out);
	}
	fprintf(out, "%" PRIu64 " heartbeats, %" PRIu64 " sent again, %" PRIu64 " in the warm-up (not counted", r->heartbeats, r->resent,
		r->warm_up);
	if (r->warm_up_refused)
		fprintf(out, "; %" PRIu64 " of them refused", r->warm_up_refused);
	fputs(")\n", out);
	if (r->links_refused)
		fprintf(out, "%" PRIu64 " times a link could not be made, and was dialled again\n", r->links_refused);
}

void load_result_print(const struct load_result *r, const struct load_bounds *bounds, FILE *out)
{
	struct error verdicts[4], bottleneck;
	size_t failed = load_result_judge(r, bounds, verdicts, sizeof verdicts / sizeof *verdicts);

	print_logins(&r->logins, "logins", load_result_login_rate(r), out);
	print_logins(&r->again, "logging out and in again", load_result_again_rate(r), out);
	print_messages(r, out);
	print_latencies(r, out);
	print_rest(r, out);
	if (r->sessions_lost || r->links_lost)
		fprintf(out, "LOST: %" PRIu64 " sessions, %" PRIu64 " links\n", r->sessions_lost, r->links_lost);
	print_reasons(&r->losses, out);
	if (r->wrong_texts || r->unexpected)
		fprintf(out, "WRONG: %" PRIu64 " texts that are not what was sent, %" PRIu64 " messages that came twice or from nowhere\n",
			r->wrong_texts, r->unexpected);
	if (r->warm_up_bad)
		fprintf(out, "BAD WARM-UP: %" PRIu64 " lost, or without an answer\n", r->warm_up_bad);
	if (!load_result_adds_up(r))
		fprintf(out, "DOES NOT ADD UP: a fault of this program\n");
	if (load_result_bottleneck(r, &bottleneck))
		fprintf(out, "%s\n", bottleneck.text);
	if (r->stopped)
		fprintf(out, "stopped before its time\n");
	for (size_t i = 0; i < failed; i++)
		fprintf(out, "FAILED: %s\n", verdicts[i].text);
}
