#include <string.h>

#include "simulator/load/load_result.h"

#define FORMAT "bramble-load"
#define FORMAT_VERSION 1

static const double percents[] = { 50, 90, 99, 99.9 };
static const char *const percent_names[] = { "p50_us", "p90_us", "p99_us", "p999_us" };

/* The plain numbers, one row each: writer and reader go by the same table. */
#define NUMBER(member, in, name) { name, in, offsetof(struct load_result, member) }
static const struct number { const char *name, *in; size_t offset; } numbers[] = {
	NUMBER(began_wall_ms, NULL, "began_wall_ms"),
	NUMBER(login_us, NULL, "login_us"),
	NUMBER(counted_us, NULL, "counted_us"),
	NUMBER(logins.planned, "logins", "planned"),
	NUMBER(logins.ok, "logins", "ok"),
	NUMBER(logins.refused, "logins", "refused"),
	NUMBER(logins.timed_out, "logins", "timed_out"),
	NUMBER(logins.not_begun, "logins", "not_begun"),
	NUMBER(again.planned, "again", "planned"),
	NUMBER(again.ok, "again", "ok"),
	NUMBER(again.refused, "again", "refused"),
	NUMBER(again.timed_out, "again", "timed_out"),
	NUMBER(again.not_begun, "again", "not_begun"),
	NUMBER(messages.planned, "messages", "planned"),
	NUMBER(messages.sent, "messages", "sent"),
	NUMBER(messages.not_sent, "messages", "not_sent"),
	NUMBER(messages.answered, "messages", "answered"),
	NUMBER(messages.refused, "messages", "refused"),
	NUMBER(messages.lost, "messages", "lost"),
	NUMBER(messages.timed_out, "messages", "timed_out"),
	NUMBER(warm_up, NULL, "warm_up"),
	NUMBER(warm_up_refused, NULL, "warm_up_refused"),
	NUMBER(warm_up_bad, NULL, "warm_up_bad"),
	NUMBER(wrong_texts, NULL, "wrong_texts"),
	NUMBER(unexpected, NULL, "unexpected"),
	NUMBER(sessions_lost, NULL, "sessions_lost"),
	NUMBER(links_lost, NULL, "links_lost"),
	NUMBER(links_refused, NULL, "links_refused"),
	NUMBER(resent, NULL, "resent"),
	NUMBER(heartbeats, NULL, "heartbeats"),
};
static const struct reasons { const char *in; size_t offset; } all_reasons[] = {
	{ "logins", offsetof(struct load_result, logins.reasons) },
	{ "again", offsetof(struct load_result, again.reasons) },
	{ "messages", offsetof(struct load_result, messages.reasons) },
	{ "losses", offsetof(struct load_result, losses) },
};
#define SECOND(member) { #member, NULL, offsetof(struct load_second, member) }
static const struct number second_numbers[] = { SECOND(logins), SECOND(sent), SECOND(arrived), SECOND(refused), SECOND(online),
	SECOND(p50_us), SECOND(p99_us), SECOND(max_us) };
#define PROCESS(member) { #member, NULL, offsetof(struct load_process, member) }
static const struct number process_numbers[] = { PROCESS(devices), PROCESS(cpu_permille), PROCESS(late_p99_us), PROCESS(rss_kib) };
#define COUNT(list) (sizeof(list) / sizeof *(list))

/* --- writing ---------------------------------------------------------------------------------------------------------------- */

static json_t *object_in(json_t *root, const char *name)
{
	json_t *found = name ? json_object_get(root, name) : root;

	if (!found) {
		found = json_object();
		json_object_set_new(root, name, found);
	}
	return found;
}

static uint64_t number_at(const void *from, size_t offset)
{
	uint64_t value;

	memcpy(&value, (const char *)from + offset, sizeof value);
	return value;
}

static void write_numbers(json_t *into, const struct number *list, size_t count, const void *from)
{
	for (size_t i = 0; i < count; i++)
		json_object_set_new(object_in(into, list[i].in), list[i].name, json_integer((json_int_t)number_at(from, list[i].offset)));
}

static json_t *write_list(const struct number *list, size_t count, const void *from, size_t items, size_t item_size)
{
	json_t *out = json_array();

	for (size_t i = 0; i < items; i++) {
		json_t *item = json_object();

		write_numbers(item, list, count, (const char *)from + i * item_size);
		json_array_append_new(out, item);
	}
	return out;
}

static json_t *write_reasons(const struct load_reasons *reasons)
{
	json_t *out = json_array();

	for (size_t i = 0; i < reasons->count; i++)
		json_array_append_new(out, json_pack("{s:I, s:s, s:I}", "code", (json_int_t)reasons->list[i].code, "reason",
			reasons->list[i].text, "count", (json_int_t)reasons->list[i].count));
	return out;
}

static json_t *write_histogram(const struct load_histogram *h, bool with_buckets)
{
	json_t *out = json_object(), *buckets;
	uint64_t upper, count;
	size_t place = 0;

	json_object_set_new(out, "count", json_integer((json_int_t)load_histogram_count(h)));
	for (size_t i = 0; i < COUNT(percents); i++)
		json_object_set_new(out, percent_names[i], json_integer((json_int_t)load_histogram_at(h, percents[i])));
	json_object_set_new(out, "max_us", json_integer((json_int_t)load_histogram_max(h)));
	json_object_set_new(out, "mean_us", json_integer((json_int_t)load_histogram_mean(h)));
	if (!with_buckets)
		return out;
	json_object_set_new(out, "sum_us", json_integer((json_int_t)load_histogram_sum(h)));
	buckets = json_array();
	while (load_histogram_next(h, &place, &upper, &count))
		json_array_append_new(buckets, json_pack("[I, I]", (json_int_t)upper, (json_int_t)count));
	json_object_set_new(out, "buckets", buckets);
	return out;
}

static void write_verdicts(json_t *out, const struct load_result *r, const struct load_bounds *bounds)
{
	struct error verdicts[4], why;
	size_t failed = load_result_judge(r, bounds, verdicts, COUNT(verdicts));
	json_t *list = json_array();

	for (size_t i = 0; i < failed; i++)
		json_array_append_new(list, json_string(verdicts[i].text));
	json_object_set_new(out, "failed", list);
	json_object_set_new(out, "adds_up", json_boolean(load_result_adds_up(r)));
	json_object_set_new(out, "whole", json_boolean(load_result_is_whole(r)));
	json_object_set_new(out, "bottleneck", load_result_bottleneck(r, &why) ? json_string(why.text) : json_null());
	json_object_set_new(object_in(out, "logins"), "per_second", json_real((double)load_result_login_rate(r) / 1000));
	json_object_set_new(object_in(out, "again"), "per_second", json_real((double)load_result_again_rate(r) / 1000));
	json_object_set_new(object_in(out, "messages"), "per_second", json_real((double)load_result_message_rate(r) / 1000));
}

json_t *load_result_json(const struct load_result *r, const struct load_bounds *bounds, bool with_buckets)
{
	json_t *out = json_pack("{s:s, s:i, s:b, s:b}", "format", FORMAT, "version", FORMAT_VERSION, "closed", r->closed, "stopped", r->stopped);
	json_t *latency = json_object();

	write_numbers(out, numbers, COUNT(numbers), r);
	for (size_t i = 0; i < COUNT(all_reasons); i++)
		json_object_set_new(object_in(out, all_reasons[i].in), "reasons",
			write_reasons((const struct load_reasons *)(const void *)((const char *)r + all_reasons[i].offset)));
	for (int i = 0; i < LOAD_LATENCIES; i++)
		json_object_set_new(latency, load_latency_name(i), write_histogram(r->latency[i], with_buckets));
	json_object_set_new(out, "latency", latency);
	json_object_set_new(out, "seconds", write_list(second_numbers, COUNT(second_numbers), r->seconds, r->second_count, sizeof *r->seconds));
	json_object_set_new(out, "processes",
		write_list(process_numbers, COUNT(process_numbers), r->processes, r->process_count, sizeof *r->processes));
	write_verdicts(out, r, bounds);
	return out;
}

/* --- reading ---------------------------------------------------------------------------------------------------------------- */

#define NUMBER_MAX (INT64_C(1) << 53)      /* so that sums over many files stay far from 64 bits */

static int read_number(const json_t *object, const char *in, const char *name, uint64_t *out, struct error *err)
{
	const json_t *value = json_object_get(object, name);
	json_int_t number = json_integer_value(value);

	if (!json_is_integer(value) || number < 0 || number > NUMBER_MAX)
		return error_set(err, "\"%s%s%s\" is missing or is no number from 0 to 2^53", in ? in : "", in ? "." : "", name);
	*out = (uint64_t)number;
	return 0;
}

static int read_numbers(const json_t *object, const char *in, const struct number *list, size_t count, void *into, struct error *err)
{
	for (size_t i = 0; i < count; i++) {
		const json_t *from = list[i].in ? json_object_get(object, list[i].in) : object;
		uint64_t value;

		if (read_number(from, list[i].in ? list[i].in : in, list[i].name, &value, err))
			return -1;
		memcpy((char *)into + list[i].offset, &value, sizeof value);
	}
	return 0;
}

static int read_reasons(const json_t *root, const char *in, struct load_reasons *out, struct error *err)
{
	const json_t *list = json_object_get(json_object_get(root, in), "reasons"), *row;
	size_t i;

	if (!json_is_array(list) || json_array_size(list) > LOAD_REASONS)
		return error_set(err, "\"%s.reasons\" is missing or has more than %d entries", in, LOAD_REASONS);
	json_array_foreach(list, i, row) {
		const char *text = json_string_value(json_object_get(row, "reason"));
		uint64_t code, count;

		if (read_number(row, in, "code", &code, err) || read_number(row, in, "count", &count, err))
			return -1;
		if (!text || code > UINT32_MAX)
			return error_set(err, "\"%s.reasons\": entry %zu has no reason, or a code over 4294967295", in, i + 1);
		load_reasons_note(out, (uint32_t)code, text, count);
	}
	return 0;
}

static int read_histogram(const json_t *root, const char *name, struct load_histogram *h, struct error *err)
{
	const json_t *from = json_object_get(json_object_get(root, "latency"), name), *row;
	const json_t *buckets = json_object_get(from, "buckets");
	uint64_t max, sum;
	size_t i;

	if (!json_is_array(buckets))
		return error_set(err, "\"latency.%s.buckets\" is missing: only a file of --histogram can be merged, not one of --json", name);
	if (read_number(from, name, "max_us", &max, err) || read_number(from, name, "sum_us", &sum, err))
		return -1;
	json_array_foreach(buckets, i, row) {
		json_int_t upper = json_integer_value(json_array_get(row, 0)), count = json_integer_value(json_array_get(row, 1));

		if (json_array_size(row) != 2 || upper < 0 || count <= 0 || count > NUMBER_MAX ||
		    load_histogram_put(h, (uint64_t)upper, (uint64_t)count))
			return error_set(err, "\"latency.%s.buckets\": entry %zu is no bucket with its count", name, i + 1);
	}
	if (load_histogram_settle(h, max, sum))
		return error_set(err, "\"latency.%s\": maximum and sum do not belong to the buckets", name);
	return 0;
}

static int read_seconds(const json_t *root, struct load_result *r, struct error *err)
{
	const json_t *list = json_object_get(root, "seconds"), *row;
	size_t i;

	if (!json_is_array(list) || json_array_size(list) > LOAD_SECONDS_MAX)
		return error_set(err, "\"seconds\" is missing or has more than %d entries", LOAD_SECONDS_MAX);
	json_array_foreach(list, i, row) {
		if (read_numbers(row, "seconds", second_numbers, COUNT(second_numbers), load_result_second(r), err))
			return -1;
	}
	return 0;
}

static int read_processes(const json_t *root, struct load_result *r, struct error *err)
{
	const json_t *list = json_object_get(root, "processes"), *row;
	size_t i;

	if (json_array_size(list) == 0 || json_array_size(list) > LOAD_PROCESSES_MAX)
		return error_set(err, "\"processes\" is missing or has not 1 to %d entries", LOAD_PROCESSES_MAX);
	json_array_foreach(list, i, row) {
		struct load_process process;

		if (read_numbers(row, "processes", process_numbers, COUNT(process_numbers), &process, err))
			return -1;
		load_result_process(r, &process);
	}
	return 0;
}

int load_result_read(const json_t *from, struct load_result *r, struct error *err)
{
	const char *format = json_string_value(json_object_get(from, "format"));

	load_result_init(r);
	if (!format || strcmp(format, FORMAT) != 0 || json_integer_value(json_object_get(from, "version")) != FORMAT_VERSION)
		return error_set(err, "it is not what `bramble-sim load --histogram` writes (\"format\":\"" FORMAT "\", \"version\":%d)", FORMAT_VERSION);
	r->closed = json_is_true(json_object_get(from, "closed"));
	r->stopped = json_is_true(json_object_get(from, "stopped"));
	if (read_numbers(from, NULL, numbers, COUNT(numbers), r, err))
		return -1;
	for (size_t i = 0; i < COUNT(all_reasons); i++) {
		if (read_reasons(from, all_reasons[i].in, (struct load_reasons *)(void *)((char *)r + all_reasons[i].offset), err))
			return -1;
	}
	for (int i = 0; i < LOAD_LATENCIES; i++) {
		if (read_histogram(from, load_latency_name(i), r->latency[i], err))
			return -1;
	}
	return read_seconds(from, r, err) || read_processes(from, r, err) ? -1 : 0;
}
