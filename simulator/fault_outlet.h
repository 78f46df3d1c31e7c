#ifndef BRAMBLE_SIMULATOR_FAULT_OUTLET_H
#define BRAMBLE_SIMULATOR_FAULT_OUTLET_H

#include "base/bytes.h"
#include "base/io/loop.h"
#include "simulator/fault.h"

/* Where one peer's messages pass on their way out (or in), and some of them are late, changed, in pieces, twice, or never pass. */
struct fault_outlet;

#define FAULT_REORDER_MS 1000           /* of the loop's clock: then a reordered message leaves without a successor */
#define FAULT_OUTLET_MAX 16777216       /* bytes that wait; what comes on top of them is lost, and logged */

/* One write. It may call fault_outlet_clear, not fault_outlet_free. */
typedef void fault_send_fn(void *arg, struct bytes message);
struct fault_outlet *fault_outlet_new(struct loop *loop, fault_send_fn *send, void *arg);
void fault_outlet_free(struct fault_outlet **outlet);           /* what still waits is lost; NULL inside is fine */
void fault_outlet_clear(struct fault_outlet *outlet);           /* what waits is lost */
/* The peer is done: what waits leaves now, in order, delayed or not. */
void fault_outlet_finish(struct fault_outlet *outlet);

/* delay, drop, duplicate, reorder, garble and split are done here; the other actions are the caller's, and the message leaves as it is. */
void fault_outlet_send(struct fault_outlet *outlet, struct fault fault, struct bytes message);
/* What no reordered message changes places with: it waits for delayed ones only. */
void fault_outlet_pass(struct fault_outlet *outlet, struct bytes message);
bool fault_outlet_is_empty(const struct fault_outlet *outlet);

#endif
