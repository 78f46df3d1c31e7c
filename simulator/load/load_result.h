#ifndef BRAMBLE_SIMULATOR_LOAD_RESULT_H
#define BRAMBLE_SIMULATOR_LOAD_RESULT_H

#include <jansson.h>
#include <stdio.h>

#include "base/error.h"
#include "simulator/load/load_histogram.h"

/* What a load has measured: how often what came out of it, how long it took, and how the process itself bore it. The results of
 * several processes that ran at the same time are added to one. */

/* Why something was refused: an enum im_code of the service (0: it never came so far) and what it means. */
#define LOAD_REASONS 16
#define LOAD_REASON_TEXT 96
struct load_reasons {
	struct load_reason { uint32_t code; char text[LOAD_REASON_TEXT]; uint64_t count; } list[LOAD_REASONS];    /* more go into the last */
	size_t count;
};
void load_reasons_note(struct load_reasons *reasons, uint32_t code, const char *text, uint64_t count);

/* planned = ok + refused + timed_out + not_begun */
struct load_logins {
	uint64_t planned, ok, refused, timed_out, not_begun;
	struct load_reasons reasons;
};

/* planned = sent + not_sent; sent = answered + refused + lost + timed_out. Answered is: acknowledged, and arrived as it was sent. */
struct load_messages {
	uint64_t planned, sent, not_sent, answered, refused;
	uint64_t lost;             /* acknowledged, and never arrived */
	uint64_t timed_out;        /* not acknowledged */
	struct load_reasons reasons;
};

enum load_latency {
	LOAD_LINK,             /* dialled -> PIN registered */
	LOAD_LOGIN,            /* planned -> LOGIN_OK, of the first logins */
	LOAD_LOGOUT,           /* planned -> logged out; of those that log out and in again */
	LOAD_AGAIN,            /* planned -> logged out and in again */
	LOAD_ACKNOWLEDGED,     /* planned -> the sender has the IM server's answer */
	LOAD_ARRIVED,          /* planned -> the partner has the message */
	LOAD_REFUSED,          /* planned -> the sender is told why not */
	LOAD_LATE,             /* planned -> given to the device: the generator's own part in all of these */
	LOAD_LATENCIES,
};
const char *load_latency_name(enum load_latency which);      /* "acknowledged" */

/* What happened in one second of the run. p50 ... of what arrived or, when nothing is said, of logins; 0 when there was none. */
struct load_second { uint64_t logins, sent, arrived, refused, online, p50_us, p99_us, max_us; };
#define LOAD_SECONDS_MAX 100000

/* How one process bore it. */
struct load_process {
	uint64_t devices;
	uint64_t cpu_permille;       /* of one core, the highest of the phases that are measured */
	uint64_t late_p99_us;
	uint64_t rss_kib;            /* when all were logged in, or after the traffic, if that is more */
};
#define LOAD_PROCESSES_MAX 256
#define LOAD_LATE_US 10000         /* more at the 99th percentile, */
#define LOAD_CPU_PERMILLE 900      /* or more of a core: then it was the bottleneck itself. Source: ours */

struct load_result {
	bool closed;                 /* the loop; else by plan */
	uint64_t began_wall_ms;
	uint64_t login_us, counted_us;      /* how long the first logins took; what the tables of messages and of again are about */
	struct load_logins logins, again;   /* the first ones; logging out and in again */
	struct load_messages messages;
	uint64_t warm_up;            /* messages and logins that were not counted; */
	uint64_t warm_up_refused, warm_up_bad;      /* of these; bad: lost, or without an answer */
	uint64_t wrong_texts, unexpected;   /* arrived: not as it was sent; a second time, or what nobody had sent */
	uint64_t sessions_lost, links_lost, links_refused;
	uint64_t resent, heartbeats;
	struct load_reasons losses;         /* of sessions */
	bool stopped;                /* by a signal, before its time */
	struct load_histogram *latency[LOAD_LATENCIES];
	struct load_second *seconds;
	size_t second_count;
	struct load_process *processes;
	size_t process_count;
};

void load_result_init(struct load_result *r);
void load_result_free(struct load_result *r);
struct load_second *load_result_second(struct load_result *r);      /* one more, zeroed; NULL: there are LOAD_SECONDS_MAX */
void load_result_process(struct load_result *r, const struct load_process *process);

/* Adds another process's result that ran beside it. A second's percentiles are those of the worst process. */
void load_result_merge(struct load_result *into, const struct load_result *from);

bool load_result_adds_up(const struct load_result *r);
/* Nothing was lost, timed out, wrong or unexpected, and no session or link was. */
bool load_result_is_whole(const struct load_result *r);
/* The sentence that says how the generator was the bottleneck itself; false: it was not. */
bool load_result_bottleneck(const struct load_result *r, struct error *why);
/* Thousandths a second, over the time it was counted. */
uint64_t load_result_login_rate(const struct load_result *r);
uint64_t load_result_message_rate(const struct load_result *r);
uint64_t load_result_again_rate(const struct load_result *r);

/* What was asked of a run: thresholds, each off when it has this value. */
struct load_bounds {
	uint64_t max_p99_us;         /* 0: of messages that arrive, else of logging in again, else of logins */
	uint64_t min_rate;           /* 0: in a thousand seconds, of the same */
	uint64_t max_refused;        /* UINT64_MAX */
};
/* How many of them fail, each with a sentence in out (cut when it is full). */
size_t load_result_judge(const struct load_result *r, const struct load_bounds *bounds, struct error *out, size_t room);

/* load_result_json.c. with_buckets: so that load_result_read can read it. The caller gives the object back. */
json_t *load_result_json(const struct load_result *r, const struct load_bounds *bounds, bool with_buckets);
/* r is initialised by it, also when it fails: -1 with a sentence. */
int load_result_read(const json_t *from, struct load_result *r, struct error *err);

/* load_table.c */
void load_result_print(const struct load_result *r, const struct load_bounds *bounds, FILE *out);
/* "812 us", "4.31 ms", "2.50 s". One of 8 static buffers. */
const char *load_time_text(uint64_t us);

#endif
