#ifndef BRAMBLE_BASE_IO_CLOCK_VERBS_H
#define BRAMBLE_BASE_IO_CLOCK_VERBS_H

#include "base/control.h"
#include "base/io/loop.h"

/* What a process offers to whoever moves the clocks of several processes as one (clocks.h): clock.show, clock.advance,
 * clock.settle, clock.freeze and clock.run. ctx is the struct loop. advance, settle and freeze are answered once the process is idle, with
 * what it has done and whether its links are balanced. */
extern const struct control_verb clock_verbs[];

/* Where a manual clock starts unless told: the same for all processes of a lab. */
#define CLOCK_START_MS 1000000

/* The value of an option --clock: "manual" or "manual:MS". 0, or -1 with a sentence. */
int clock_option_parse(const char *text, uint64_t *start_ms, struct error *err);

#endif
