#ifndef BRAMBLE_TESTS_SIMULATION_PLAN_H
#define BRAMBLE_TESTS_SIMULATION_PLAN_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

/* What happens in one simulated run, as lines of words that people read, write and shorten; play.c has the words. The first lines say what
 * the world is like (mode, phones), the others are steps. */
struct plan {
	char **lines;
	size_t count;
};

/* Safety: nothing forbidden happens, whatever the faults; the run ends among them. Liveness: then the faults stop, and everything must
 * become quiet and work again. */
enum plan_mode { PLAN_BY_SEED, PLAN_SAFETY, PLAN_LIVENESS };

/* Draws workload, limits, timeouts and faults: the same for the same seed. By seed: even ones are safety, odd ones liveness. */
void plan_draw(struct plan *plan, uint64_t seed, enum plan_mode mode);
/* Empty lines and those that begin with # are left out. -1 with a sentence. */
int plan_read(struct plan *plan, const char *file, struct error *err);
void plan_write(const struct plan *plan, FILE *to);
/* Without the lines from..from+count-1: for shortening what fails. */
void plan_without(const struct plan *plan, size_t from, size_t count, struct plan *out);
void plan_free(struct plan *plan);

#endif
