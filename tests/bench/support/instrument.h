#ifndef BRAMBLE_TESTS_BENCH_INSTRUMENT_H
#define BRAMBLE_TESTS_BENCH_INSTRUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "simulator/load/load_histogram.h"

/* A measuring program that tests/bench/run.py holds in its hand: it says `{"ready": true}` on standard output once its sessions stand, then
 * reads words from standard input and answers each with one line of JSON.
 *
 *   round MS          works for so long, as fast as it can, and counts   {"count": N, "us": N, "cpu": {"router": NS, ...}}
 *   round MS PER_S    so many a second by plan, if it can do that        the same and "p50_us": N, "p99_us": N, from the planned times
 *   quit              ends it, as the end of input does
 *
 * cpu is what the kernel charged to each of the processes that are measured between the instants at which counting began and ended
 * (/proc/PID/task/N/schedstat: threads that ended in between are not in it; the processes here keep theirs). The measuring program's own is
 * never among them. */
#define INSTRUMENT_PROCESSES 8

struct instrument {
	struct { char name[24]; pid_t pid; uint64_t from_ns, ns; } processes[INSTRUMENT_PROCESSES];
	size_t count;
	uint64_t from_us, us;
	struct load_histogram *latency;      /* of a program that can work by plan; else NULL */
	unsigned per_s;                      /* the round's plan; 0: as fast as it can */
};

/* "router=123,collab=124" added to what is measured; false when it is no such list. */
bool instrument_add(struct instrument *in, const char *list);
void instrument_add_pid(struct instrument *in, const char *name, pid_t pid);
/* The two instants. */
void instrument_begin(struct instrument *in);
void instrument_end(struct instrument *in);

/* Until `quit`: round works for ms, calls begin and end inside, and returns the count; idle is called again and again while nothing is asked
 * (NULL: it just waits), and waits some ms itself. */
void instrument_serve(struct instrument *in, uint64_t (*round)(void *ctx, unsigned ms), void (*idle)(void *ctx), void *ctx);

uint64_t instrument_now_us(void);
uint64_t instrument_cpu_ns(pid_t pid);

/* Ends the program with a sentence: what is refused or lost is no result. */
void instrument_die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
