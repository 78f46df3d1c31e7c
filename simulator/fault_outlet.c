/* Messages on their way out: late, changed, in pieces, twice, before their turn, or not at all. */
#include "simulator/fault_outlet.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/log.h"
#include "base/memory.h"

/* Pieces leave a millisecond apart, so that the other side can see each of them; so many of them do, and more leave as fast as the
 * loop turns: a long message in small pieces must not take longer than the peer's patience. */
#define PACED_PIECES 256

struct waiting {
	struct waiting *prev, *next;
	uint64_t due_ms;
	struct fault fault;
	struct buf message;
	size_t at;                      /* what has left of it, in pieces */
	bool held;                      /* reordered: nothing has followed it yet */
};

struct fault_outlet {
	struct loop *loop;
	struct loop_timer *timer;       /* the loop's clock: the first one is due */
	struct loop_timer *piece;       /* the real clock: the next piece of the first one */
	fault_send_fn *send;
	void *arg;
	struct waiting *first;
	size_t bytes;
	unsigned clears;                /* who sends several things sees whether it may go on */
	bool running;
};

static void waiting_free(struct fault_outlet *outlet, struct waiting *w)
{
	outlet->bytes -= w->message.len;
	buf_free(&w->message);
	free(w);
}

/* --- leaving -------------------------------------------------------------------------------------------------------------------- */

/* Places that a run can repeat: one byte in each of as many equal parts; drawn ones are one bit each. */
static void send_garbled(struct fault_outlet *outlet, struct fault fault, struct bytes message)
{
	uint32_t count = fault.value;
	uint8_t *copy = memory_new(message.len + 1);

	memcpy(copy, message.data, message.len);
	for (size_t i = 0; i < count && i < message.len; i++)
		if (fault.place)
			copy[((size_t)(fault.place >> 4) + i * 7919) % message.len] ^= (uint8_t)(1u << (fault.place / 2 + i) % 8);
		else
			copy[(2 * i + 1) * message.len / (2 * (count < message.len ? count : message.len))] ^= 0x55;
	outlet->send(outlet->arg, bytes_of(copy, message.len));
	free(copy);
}

static void leave_whole(struct fault_outlet *outlet, struct fault fault, struct bytes message)
{
	uint32_t more = fault.action == FAULT_DUPLICATE ? fault.value : 0;
	unsigned clears = outlet->clears;

	if (fault.action == FAULT_GARBLE && message.len) {
		send_garbled(outlet, fault, message);
		return;
	}
	outlet->send(outlet->arg, message);
	for (; more && clears == outlet->clears; more--)
		outlet->send(outlet->arg, message);
}

/* true: that was the last of it. */
static bool leave(struct fault_outlet *outlet, struct waiting *w)
{
	struct bytes message = buf_bytes(&w->message);
	size_t at = w->at;

	if (w->fault.action != FAULT_SPLIT) {
		leave_whole(outlet, w->fault, message);
		return true;
	}
	w->at += w->fault.value;
	outlet->send(outlet->arg, bytes_slice(message, at, w->fault.value));
	return w->at >= message.len;
}

static void run(struct fault_outlet *outlet)
{
	struct waiting *w;

	if (outlet->running || loop_timer_is_set(outlet->piece))
		return;
	outlet->running = true;
	while ((w = outlet->first) && w->due_ms <= loop_now_ms(outlet->loop)) {
		unsigned clears = outlet->clears;
		size_t value = w->fault.value;

		DL_DELETE(outlet->first, w);
		if (leave(outlet, w) || clears != outlet->clears) {
			waiting_free(outlet, w);
			continue;
		}
		DL_PREPEND(outlet->first, w);
		loop_timer_set(outlet->piece, w->message.len / value < PACED_PIECES ? 1 : 0);
		break;
	}
	outlet->running = false;
	if (outlet->first && !loop_timer_is_set(outlet->piece))
		loop_timer_set_at(outlet->timer, outlet->first->due_ms);
	else
		loop_timer_cancel(outlet->timer);
}

static void on_due(void *arg)
{
	run(arg);
}

/* --- waiting -------------------------------------------------------------------------------------------------------------------- */

/* passes: it is no partner of a reordered message. */
static void wait_in_line(struct fault_outlet *outlet, struct fault fault, struct bytes message, bool passes)
{
	struct waiting *last = outlet->first ? outlet->first->prev : NULL, *w;
	uint64_t now_ms = loop_now_ms(outlet->loop);

	if (message.len > FAULT_OUTLET_MAX - outlet->bytes) {
		log_warning("fault message lost bytes=%zu: %zu bytes wait already", message.len, outlet->bytes);
		return;
	}
	w = memory_new(sizeof *w);
	*w = (struct waiting){ .fault = fault };
	buf_append(&w->message, message);
	outlet->bytes += message.len;
	if (fault.action == FAULT_DELAY)
		w->due_ms = now_ms + fault.value;
	if (last && last->held) {
		DL_PREPEND_ELEM(outlet->first, last, w);
		if (!passes) {
			last->held = false;
			last->due_ms = 0;
		}
	} else {
		w->held = fault.action == FAULT_REORDER;
		if (w->held)
			w->due_ms = now_ms + FAULT_REORDER_MS;
		DL_APPEND(outlet->first, w);
	}
	run(outlet);
}

void fault_outlet_send(struct fault_outlet *outlet, struct fault fault, struct bytes message)
{
	bool waits = fault.action == FAULT_DELAY || fault.action == FAULT_REORDER || fault.action == FAULT_SPLIT;

	if (fault.action == FAULT_DROP)
		return;
	if (outlet->first || waits)
		wait_in_line(outlet, fault, message, false);
	else
		leave_whole(outlet, fault, message);
}

void fault_outlet_pass(struct fault_outlet *outlet, struct bytes message)
{
	if (outlet->first)
		wait_in_line(outlet, (struct fault){ .action = FAULT_NONE }, message, true);
	else
		outlet->send(outlet->arg, message);
}

bool fault_outlet_is_empty(const struct fault_outlet *outlet)
{
	return !outlet->first;
}

/* --- life ----------------------------------------------------------------------------------------------------------------------- */

struct fault_outlet *fault_outlet_new(struct loop *loop, fault_send_fn *send, void *arg)
{
	struct fault_outlet *outlet = memory_new(sizeof *outlet);

	*outlet = (struct fault_outlet){ .loop = loop, .send = send, .arg = arg };
	outlet->timer = loop_timer_new(loop, on_due, outlet);
	outlet->piece = loop_timer_new_real(loop, on_due, outlet);
	return outlet;
}

void fault_outlet_clear(struct fault_outlet *outlet)
{
	struct waiting *w;

	outlet->clears++;
	while ((w = outlet->first)) {
		DL_DELETE(outlet->first, w);
		waiting_free(outlet, w);
	}
	loop_timer_cancel(outlet->timer);
	loop_timer_cancel(outlet->piece);
}

void fault_outlet_finish(struct fault_outlet *outlet)
{
	struct waiting *w;

	loop_timer_cancel(outlet->timer);
	loop_timer_cancel(outlet->piece);
	while ((w = outlet->first)) {
		DL_DELETE(outlet->first, w);
		while (!leave(outlet, w))
			;
		waiting_free(outlet, w);
	}
}

void fault_outlet_free(struct fault_outlet **pointer)
{
	struct fault_outlet *outlet = *pointer;

	if (!outlet)
		return;
	fault_outlet_clear(outlet);
	loop_timer_free(&outlet->timer);
	loop_timer_free(&outlet->piece);
	free(outlet);
	*pointer = NULL;
}
