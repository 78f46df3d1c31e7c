#ifndef BRAMBLE_TESTS_SIMULATION_PLAY_H
#define BRAMBLE_TESTS_SIMULATION_PLAY_H

#include <stdbool.h>

#include "base/bytes.h"
#include "tests/simulation/plan.h"

/* One plan, performed by all daemons, the GroupWise simulator and the devices in this process, on a manual clock; then their histories go
 * through the rules of `bramble check`. */
struct played {
	struct buf failures;         /* a line each; empty: all was as it must be. The caller frees it */
	uint64_t digest;             /* of the histories: the same for the same plan and build */
	uint64_t lines;              /* of histories */
	uint64_t virtual_ms;
	unsigned steps;
	bool bad_plan;               /* a line of it cannot be understood: nothing is said about the pipeline */
};

/* show: what happens, on standard output. keep: a folder for the histories, which stays; NULL: none. */
void play(const struct plan *plan, bool show, const char *keep, struct played *out);

#endif
