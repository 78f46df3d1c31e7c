#ifndef BRAMBLE_SIMULATOR_SCENARIO_CLOCK_H
#define BRAMBLE_SIMULATOR_SCENARIO_CLOCK_H

#include "base/error.h"
#include "base/io/loop.h"

struct clocks;
struct clocks *clocks_new(struct loop *own);
int clocks_join(struct clocks *c, const char *run_dir, struct error *err);
uint64_t clocks_now_ms(const struct clocks *c);
bool clocks_are_manual(const struct clocks *c);
int clocks_settle(struct clocks *c, struct error *err);
int clocks_advance(struct clocks *c, uint64_t to_ms, struct error *err);
void clocks_free(struct clocks **c);

#endif
