#include "collab/groupwise_link.h"

#include <stdlib.h>

#include <openssl/crypto.h>
#include <utlist.h>

#include "base/memory.h"

struct pending {
	struct pending *prev, *next;       /* in the order of their deadlines, which is that of sending */
	uint32_t transaction;
	uint64_t due_us;
	groupwise_done *done;
	void *arg;
};

struct groupwise_link {
	struct groupwise_link_callbacks callbacks;
	void *ctx;
	struct connection *connection;
	struct loop_timer *deadline;
	struct gw_scan scan;
	struct pending *pending;
	size_t pending_count;
	uint32_t next_transaction;
};

/* Shared by all links, because they hold something only inside a call: thousands of sessions would keep as many of each. */
static struct gw_tree answer_fields;
static struct buf out;

static void up(void *ctx)
{
	struct groupwise_link *link = ctx;

	link->callbacks.up(link->ctx);
}

static ssize_t split(void *ctx, struct bytes in, struct error *err)
{
	struct groupwise_link *link = ctx;

	return gw_stream_split(&link->scan, in, err);
}

static void over(struct groupwise_link *link, enum connection_end end, const char *why)
{
	loop_timer_cancel(link->deadline);
	link->callbacks.closed(link->ctx, end, why);
}

static void set_deadline(struct groupwise_link *link)
{
	uint64_t now_us = loop_real_us();

	if (!link->pending)
		loop_timer_cancel(link->deadline);
	else
		loop_timer_set(link->deadline, link->pending->due_us > now_us ? (link->pending->due_us - now_us) / 1000 + 1 : 0);
}

static void deadline_passed(void *arg)
{
	struct groupwise_link *link = arg;

	if (link->pending && link->pending->due_us <= loop_real_us())
		over(link, CONNECTION_TOO_SLOW, "it did not answer a request in time");
	else
		set_deadline(link);
}

static void got_answer(struct groupwise_link *link, struct bytes raw)
{
	struct gw_answer answer;
	struct pending *p;
	struct error err;

	if (gw_answer_decode(raw, &answer_fields, &answer, &err) != 0) {
		over(link, CONNECTION_MALFORMED, err.text);
		return;
	}
	/* Servers answer in order, so one without an id belongs to the oldest request. */
	DL_FOREACH(link->pending, p) {
		if (!answer.has_transaction || p->transaction == answer.transaction)
			break;
	}
	if (!p) {
		over(link, CONNECTION_MALFORMED, "an answer to a request that was not sent");
		return;
	}
	DL_DELETE(link->pending, p);
	link->pending_count--;
	set_deadline(link);
	p->done(link->ctx, p->arg, &answer, &answer_fields.root);
	free(p);
	gw_tree_clear(&answer_fields);
}

static void message(void *ctx, struct bytes raw)
{
	struct groupwise_link *link = ctx;
	struct gw_event event;
	struct error err;

	if (gw_is_answer(raw))
		got_answer(link, raw);
	else if (gw_event_decode(raw, &event, &err) != 0)
		over(link, CONNECTION_MALFORMED, err.text);
	else
		link->callbacks.event(link->ctx, &event);
}

static void closed(void *ctx, enum connection_end end, const char *why)
{
	over(ctx, end, why);
}

static const struct connection_callbacks connection_callbacks = {
	.up = up, .split = split, .message = message, .closed = closed,
};

struct groupwise_link *groupwise_link_new(struct loop *loop, const char *address, struct tls *tls,
	const struct groupwise_link_callbacks *callbacks, void *ctx)
{
	const struct connection_limits limits = { .max_message = GW_ANSWER_HEADER_MAX + GW_ANSWER_MAX };
	struct groupwise_link *link = memory_new(sizeof *link);

	link->callbacks = *callbacks;
	link->ctx = ctx;
	link->next_transaction = 1;
	link->deadline = loop_timer_new_real(loop, deadline_passed, link);
	link->connection = connection_dial(loop, address, tls, NULL, &limits, &connection_callbacks, link);
	return link;
}

static void end_link(struct groupwise_link **link, const struct gw_answer *answer)
{
	static const struct gw_field nothing;
	struct groupwise_link *l = *link;
	struct pending *p, *next;

	if (!l)
		return;
	*link = NULL;
	connection_free(&l->connection);
	loop_timer_free(&l->deadline);
	DL_FOREACH_SAFE(l->pending, p, next) {
		p->done(l->ctx, p->arg, answer, answer ? &nothing : NULL);
		free(p);
	}
	free(l);
}

void groupwise_link_free(struct groupwise_link **link)
{
	end_link(link, NULL);
}

void groupwise_link_abandon(struct groupwise_link **link, uint32_t code)
{
	end_link(link, &(struct gw_answer){ .has_code = true, .code = code });
}

void groupwise_link_own(struct groupwise_link *link, const struct groupwise_link_callbacks *callbacks, void *ctx)
{
	link->callbacks = *callbacks;
	link->ctx = ctx;
}

void groupwise_link_pause(struct groupwise_link *link, bool pause)
{
	if (pause)
		connection_pause(link->connection);
	else
		connection_resume(link->connection);
}

bool groupwise_link_is_busy(const struct groupwise_link *link)
{
	return link->pending;
}

bool groupwise_link_request(struct groupwise_link *link, const char *command, const char *host, const struct gw_tree *fields,
	groupwise_done *done, void *arg)
{
	struct pending *p;

	if (link->pending_count >= GROUPWISE_PENDING_MAX)
		return false;
	p = memory_new(sizeof *p);
	p->transaction = link->next_transaction++;
	p->due_us = loop_real_us() + GROUPWISE_ANSWER_MS * 1000ULL;
	p->done = done;
	p->arg = arg;
	DL_APPEND(link->pending, p);
	link->pending_count++;
	if (p == link->pending)
		set_deadline(link);
	gw_request_encode(command, host, fields, p->transaction, &out);
	connection_send(link->connection, buf_bytes(&out));
	/* It may hold a password, or what somebody said: nothing of it stays. */
	OPENSSL_cleanse(out.data, out.len);
	buf_clear(&out);
	return true;
}

const struct connection *groupwise_link_connection(const struct groupwise_link *link)
{
	return link->connection;
}
