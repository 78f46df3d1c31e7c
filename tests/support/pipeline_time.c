#include <time.h>

#include "base/io/simulated.h"
#include "tests/support/pipeline_private.h"

/* Rounds and time: each part has its loop, as each process has, and all their clocks are moved as one. */

/* The way of a message, there and back; then the network's, and the administrator's. */
enum { LOOPS = PIPELINE_LOOPS };
enum { TRIES = 10, FIRST_PAUSE_NS = 50000 };

static struct loop *loop_of(const struct pipeline *p, int at)
{
	static const enum pipeline_part way[PARTS] = { PART_DEVICE, PART_ROUTER, PART_DISPATCHER, PART_COLLAB, PART_IM, PART_OCS, PART_RELAY };

	return at < PARTS ? p->loops[way[at]] : p->loop;
}

/* Nothing becomes ready but by what somebody does: a loop that had nothing to do is left alone until somebody has done something. */
static bool turn_all(struct pipeline *p)
{
	bool any = false;

	p->is_way_back = !p->is_way_back;
	for (int i = 0; i < LOOPS; i++) {
		int at = p->is_way_back ? LOOPS - 1 - i : i;
		struct loop *loop = loop_of(p, at);

		if (!loop || loop_is_turning(loop) || p->idle_since[at] == p->done)
			continue;
		if (loop_round(loop, 0)) {
			any = true;
			p->done++;
		} else {
			p->idle_since[at] = p->done;
		}
	}
	return any;
}

/* What was done meanwhile, by whom or by time passing, is not known. */
bool pipeline_round(void *pipeline)
{
	struct pipeline *p = pipeline;

	p->done++;
	return turn_all(p);
}

static uint64_t balance(const struct pipeline *p)
{
	uint64_t sum = 0;

	for (int i = 0; i < LOOPS; i++)
		sum += loop_of(p, i) ? loop_work(loop_of(p, i)).balance : 0;
	return sum;
}

static bool is_dialling(const struct pipeline *p)
{
	for (int i = 0; i < LOOPS; i++)
		if (loop_of(p, i) && loop_dials(loop_of(p, i)))
			return true;
	return false;
}

/* What is sent and not received is on its way, or was sent to somebody who does not read (a connection that a fault has made deaf). On its way it
 * is until the kernel gets round to it, which on a busy machine is some milliseconds; what has not come by then is known as unread until
 * more is sent or read. No time passes on a clock that stands. */
static bool wait_for_kernel(struct pipeline *p, unsigned tries)
{
	const struct timespec pause = { .tv_nsec = FIRST_PAUSE_NS << tries };

	if (tries == TRIES) {
		p->unread = balance(p);
		return false;
	}
	nanosleep(&pause, NULL);
	p->done++;
	return true;
}

/* As docs/time.md has it for several processes: nobody does anything, and what was sent has been received. Where the real clock runs, two
 * milliseconds in which nobody does anything are quiet, too. */
void pipeline_settle(struct pipeline *p)
{
	unsigned tries = 0;

	p->done++;
	for (;;) {
		bool any = turn_all(p);

		pipeline_bury(p);
		if (any) {
			tries = 0;
			continue;
		}
		if (!p->splits && !is_dialling(p) && (balance(p) == 0 || balance(p) == p->unread))
			return;
		if (loop_real_stands() && !wait_for_kernel(p, tries++))
			return;
		if (!loop_real_stands() && !loop_round(p->loop, 1) && ++tries == 2)
			return;
	}
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* How far it is to the next timer: of the loops' clock, and of the real one if that stands as well and so passes with it. */
static uint64_t next_due_in_ms(const struct pipeline *p)
{
	uint64_t due_ms = UINT64_MAX, real_due_ms = UINT64_MAX, in_ms, real_ms;

	for (int i = 0; i < LOOPS; i++) {
		const struct loop *loop = loop_of(p, i);

		if (!loop)
			continue;
		due_ms = least(due_ms, loop_next_due_ms(loop));
		real_due_ms = least(real_due_ms, loop_next_real_due_ms(loop));
	}
	in_ms = due_ms <= p->now_ms ? 0 : due_ms - p->now_ms;
	if (!loop_real_stands())
		return in_ms;
	real_ms = loop_real_us() / 1000;
	return least(in_ms, real_due_ms <= real_ms ? 0 : real_due_ms - real_ms);
}

/* All are at a time before anything happens at it: what one of them then sends finds the others at the same time. */
static void step(struct pipeline *p, uint64_t ms)
{
	p->now_ms += ms;
	if (loop_real_stands())
		loop_real_pass(ms * 1000);
	for (int i = 0; i < LOOPS; i++)
		if (loop_of(p, i))
			loop_clock_reach(loop_of(p, i), p->now_ms);
	for (int i = 0; i < LOOPS; i++)
		if (loop_of(p, i))
			loop_clock_advance(loop_of(p, i), p->now_ms);
}

void pipeline_pass(struct pipeline *p, uint64_t ms)
{
	uint64_t until_ms = p->now_ms + ms, in_ms;

	pipeline_settle(p);
	while ((in_ms = next_due_in_ms(p)) <= until_ms - p->now_ms) {
		step(p, in_ms);
		pipeline_settle(p);
	}
	step(p, until_ms - p->now_ms);
}
