#include "collab/probe.h"

#include <stdlib.h>

#include "base/io/address.h"
#include "base/io/connection.h"
#include "base/memory.h"

enum { ANSWER_MS = 4000 };

struct probe {
	struct loop *loop;
	void (*answered)(void *ctx, bool is_there);
	void *ctx;
	struct connection *connection;
};

struct probe *probe_new(struct loop *loop, void (*answered)(void *ctx, bool is_there), void *ctx)
{
	struct probe *p = memory_new(sizeof *p);

	p->loop = loop;
	p->answered = answered;
	p->ctx = ctx;
	return p;
}

void probe_free(struct probe **probe)
{
	if (!*probe)
		return;
	connection_free(&(*probe)->connection);
	free(*probe);
	*probe = NULL;
}

static void stands(void *ctx)
{
	struct probe *p = ctx;

	connection_free(&p->connection);
	p->answered(p->ctx, true);
}

static void closed(void *ctx, enum connection_end end, const char *why)
{
	struct probe *p = ctx;

	(void)end;
	(void)why;
	connection_free(&p->connection);
	p->answered(p->ctx, false);
}

/* The server says nothing that would be wanted. */
static ssize_t split(void *ctx, struct bytes in, struct error *err)
{
	(void)ctx;
	(void)err;
	return (ssize_t)in.len;
}

static void message(void *ctx, struct bytes bytes)
{
	(void)ctx;
	(void)bytes;
}

void probe_ask(struct probe *p, const char *host, uint16_t port)
{
	static const struct connection_callbacks callbacks = { .up = stands, .split = split, .message = message, .closed = closed };
	const struct connection_limits limits = { .connect_ms = ANSWER_MS };
	char *address;

	if (p->connection)
		return;
	address = address_text(host, port);
	p->connection = connection_dial(p->loop, address, NULL, NULL, &limits, &callbacks, p);
	free(address);
}
