#ifndef BRAMBLE_SIMULATOR_LOAD_ALARM_H
#define BRAMBLE_SIMULATOR_LOAD_ALARM_H

#include "base/io/loop.h"

/* Rings at a real time in microseconds: the loop's timers count milliseconds, and at a thousand messages a second that is one whole
 * place in the plan. */
struct load_alarm;

struct load_alarm *load_alarm_new(struct loop *loop, loop_fn *fn, void *arg);
void load_alarm_free(struct load_alarm **alarm);
/* Replaces what was set; a time that has passed rings in the next round. UINT64_MAX: never. Time as loop_real_us(). */
void load_alarm_set(struct load_alarm *alarm, uint64_t at_us);

#endif
