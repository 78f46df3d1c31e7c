#ifndef BRAMBLE_TESTS_SIMULATION_JUDGE_H
#define BRAMBLE_TESTS_SIMULATION_JUDGE_H

#include "tests/simulation/play.h"
#include "tests/support/pipeline.h"

/* Liveness: heals everything, and adds to failures what does not become quiet and work again. */
void judge_liveness(struct pipeline *p, struct buf *failures);
/* Safety: the histories by the checker's rules, the database beside them; and their digest. All parts have been stopped. */
void judge_histories(struct pipeline *p, struct played *out);

#endif
