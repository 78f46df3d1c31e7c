#ifndef BRAMBLE_SIMULATOR_LOAD_PLAN_H
#define BRAMBLE_SIMULATOR_LOAD_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* When something is to be done, at an even rate: the i-th at start + i / rate. The times are of the plan alone; however late one is
 * done, the next is not put off, and what is measured is measured from the planned time. So a server that stalls cannot slow down
 * the questions that would have shown it. Source: ours, after what is known as coordinated omission. */
struct load_plan {
	uint64_t start_us;          /* real time, loop_real_us() */
	uint64_t rate;              /* in a thousand seconds */
	uint64_t count;             /* how many are planned */
	uint64_t next;              /* the first that is not done yet */
};

#define LOAD_RATE_MAX 1000000000u     /* a million a second */

/* So many as fall into for_ms; at least one when for_ms is not 0. */
struct load_plan load_plan_make(uint64_t start_us, uint64_t rate, uint64_t for_ms);

uint64_t load_plan_at_us(const struct load_plan *plan, uint64_t i);
bool load_plan_is_due(const struct load_plan *plan, uint64_t now_us);
uint64_t load_plan_next_us(const struct load_plan *plan);      /* UINT64_MAX: nothing more is planned */

/* "250", "0.5", "12.5/s": into the number for a thousand seconds. -1 with a sentence. */
int load_rate_parse(const char *text, uint64_t *rate, struct error *err);

#endif
