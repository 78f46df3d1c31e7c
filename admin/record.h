#ifndef BRAMBLE_ADMIN_RECORD_H
#define BRAMBLE_ADMIN_RECORD_H

#include "base/bytes.h"
#include "base/error.h"

/* What was done in a lab and what came of it, made from the histories that its processes wrote (docs/history.md), as a scenario that
 * `bramble-sim run` plays (docs/scenarios.md). Steps are what people, the administrator and the lab's own commands did; assertions are what
 * devices were told. Pure: goes by the histories alone. All of it is ours. */
struct record;

/* Of the last lab whose own history (lab-PID.jsonl) is among them, from its start to its end, or to where the histories end. paths: files, and
 * folders whose *.jsonl are taken. NULL with a sentence. */
struct record *record_read(const char *const *paths, struct error *err);
void record_free(struct record **record);

/* The scenario as XML, called by this name. -1 with a sentence when it is more than a scenario holds. */
int record_write(struct record *record, const char *name, struct buf *out, struct error *err);

const char *record_backend(const struct record *record);        /* "groupwise", "cwa": what it is to be played on */
const char *record_profile(const struct record *record);        /* "": as `bramble-sim run` chooses */
size_t record_steps(const struct record *record);
size_t record_outcomes(const struct record *record);

/* What happened and has no word in a scenario, each kind once with how often it did: "typing". fn is called for each. */
typedef void record_left_fn(void *ctx, uint64_t count, const char *what);
void record_left(const struct record *record, record_left_fn *fn, void *ctx);

#endif
