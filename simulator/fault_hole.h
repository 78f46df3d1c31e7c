#ifndef BRAMBLE_SIMULATOR_FAULT_HOLE_H
#define BRAMBLE_SIMULATOR_FAULT_HOLE_H

#include "base/io/loop.h"
#include "simulator/fault.h"

/* The fault half-open on one link: while the hole is open its owner sends nothing and reads nothing. over() is called when the fault's
 * time is over or the faults are cleared, with the hole closed by then; the owner cuts the link. */
struct fault_hole;
struct fault_hole *fault_hole_new(struct loop *loop, struct faults *faults, loop_fn *over, void *arg);
void fault_hole_free(struct fault_hole **hole);                 /* NULL inside is fine */
void fault_hole_open(struct fault_hole *hole, struct fault fault);
void fault_hole_close(struct fault_hole *hole);                 /* the link has ended otherwise: over() is not called */
bool fault_hole_is_open(const struct fault_hole *hole);         /* false for NULL */

#endif
