#include "simulator/fault_hole.h"

#include <stdlib.h>

#include "base/memory.h"

struct fault_hole {
	struct faults *faults;
	struct fault_listener listener;
	struct loop_timer *timer;
	loop_fn *over;
	void *arg;
	bool is_open;
};

static void over(void *arg)
{
	struct fault_hole *hole = arg;

	fault_hole_close(hole);
	hole->over(hole->arg);
}

struct fault_hole *fault_hole_new(struct loop *loop, struct faults *faults, loop_fn *fn, void *arg)
{
	struct fault_hole *hole = memory_new(sizeof *hole);

	*hole = (struct fault_hole){ .faults = faults, .over = fn, .arg = arg };
	hole->listener = (struct fault_listener){ .cleared = over, .arg = hole };
	hole->timer = loop_timer_new(loop, over, hole);
	return hole;
}

void fault_hole_free(struct fault_hole **pointer)
{
	struct fault_hole *hole = *pointer;

	if (!hole)
		return;
	fault_hole_close(hole);
	loop_timer_free(&hole->timer);
	free(hole);
	*pointer = NULL;
}

void fault_hole_open(struct fault_hole *hole, struct fault fault)
{
	hole->is_open = true;
	faults_listen(hole->faults, &hole->listener);
	if (fault.until_ms != UINT64_MAX)
		loop_timer_set_at(hole->timer, fault.until_ms);
}

void fault_hole_close(struct fault_hole *hole)
{
	hole->is_open = false;
	faults_unlisten(&hole->listener);
	loop_timer_cancel(hole->timer);
}

bool fault_hole_is_open(const struct fault_hole *hole)
{
	return hole && hole->is_open;
}
