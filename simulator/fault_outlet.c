/* Messages on their way out: late, changed, in pieces, or not at all; never in another order. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "simulator/fault.h"

struct waiting {
	struct waiting *next;
	uint64_t due_ms;
	struct fault fault;
	struct buf message;
};

struct fault_outlet {
	struct loop *loop;
	struct loop_timer *timer;
	fault_send_fn *send;
	void *arg;
	struct waiting *first, **end;
};

/* Places that a run can repeat: one byte in each of as many equal parts. */
static void send_garbled(struct fault_outlet *outlet, uint32_t count, struct bytes message)
{
	uint8_t *copy = memory_new(message.len + 1);

	memcpy(copy, message.data, message.len);
	for (size_t i = 0; i < count && i < message.len; i++)
		copy[(2 * i + 1) * message.len / (2 * (count < message.len ? count : message.len))] ^= 0x55;
	outlet->send(outlet->arg, bytes_of(copy, message.len));
	free(copy);
}

static void leave(struct fault_outlet *outlet, struct fault fault, struct bytes message)
{
	if (fault.action == FAULT_GARBLE && message.len)
		send_garbled(outlet, fault.value, message);
	else if (fault.action == FAULT_SPLIT)
		for (size_t at = 0; at < message.len; at += fault.value)
			outlet->send(outlet->arg, bytes_slice(message, at, fault.value));
	else
		outlet->send(outlet->arg, message);
}

static void on_due(void *arg)
{
	struct fault_outlet *outlet = arg;

	while (outlet->first && outlet->first->due_ms <= loop_now_ms(outlet->loop)) {
		struct waiting *w = outlet->first;

		outlet->first = w->next;
		if (!outlet->first)
			outlet->end = &outlet->first;
		leave(outlet, w->fault, buf_bytes(&w->message));
		buf_free(&w->message);
		free(w);
	}
	if (outlet->first)
		loop_timer_set_at(outlet->timer, outlet->first->due_ms);
}

struct fault_outlet *fault_outlet_new(struct loop *loop, fault_send_fn *send, void *arg)
{
	struct fault_outlet *outlet = memory_new(sizeof *outlet);

	*outlet = (struct fault_outlet){ .loop = loop, .send = send, .arg = arg };
	outlet->end = &outlet->first;
	outlet->timer = loop_timer_new(loop, on_due, outlet);
	return outlet;
}

void fault_outlet_free(struct fault_outlet **pointer)
{
	struct fault_outlet *outlet = *pointer;

	if (!outlet)
		return;
	while (outlet->first) {
		struct waiting *w = outlet->first;

		outlet->first = w->next;
		buf_free(&w->message);
		free(w);
	}
	loop_timer_free(&outlet->timer);
	free(outlet);
	*pointer = NULL;
}

void fault_outlet_send(struct fault_outlet *outlet, struct fault fault, struct bytes message)
{
	struct waiting *w;

	if (fault.action == FAULT_DROP)
		return;
	if (fault.action != FAULT_DELAY && !outlet->first) {
		leave(outlet, fault, message);
		return;
	}
	w = memory_new(sizeof *w);
	w->fault = fault;
	w->due_ms = loop_now_ms(outlet->loop) + (fault.action == FAULT_DELAY ? fault.value : 0);
	buf_append(&w->message, message);
	*outlet->end = w;
	outlet->end = &w->next;
	if (outlet->first == w)
		loop_timer_set_at(outlet->timer, w->due_ms);
}
