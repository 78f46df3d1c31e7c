#include "router/peer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/io/address.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/reader.h"
#include "protocol/proxy.h"

#define LINGER_MS 1000       /* for the last words to leave */
#define TEXT_MAX 256         /* of RETURN and DISCONNECT */

struct peer {
	struct router *router;
	struct connection *connection;
	const struct peer_role *role;      /* NULL until the first frame, and after the end */
	void *as;
	peer_first_fn *first;
	unsigned may_be;
	bool is_proven, is_ending, is_held, is_full, said_info, is_modest;
	enum { COMES_ITSELF, PROXY_OPENS, PROXY_ALONE, BEHIND_PROXY } way;
	char *behind;                      /* the address that the proxy gave */
	char *malformed;                   /* why the bytes that came are no frame */
	unsigned pings;                    /* unanswered */
	uint32_t nonce;
	uint64_t heard_ms, ping_round;
	struct loop_timer *keep_alive;     /* once proven; on the loop's clock */
	struct loop_timer *deadline;       /* until proven; on the real one */
	struct peer *prev, *next;          /* among all */
	struct peer *uprev, *unext;        /* among the unproven */
	char name[48];
};

struct router *peer_router(const struct peer *peer)
{
	return peer->router;
}

unsigned peer_may_be(const struct peer *peer)
{
	return peer->may_be;
}

const char *peer_address(const struct peer *peer)
{
	return peer->behind ? peer->behind : connection_peer(peer->connection);
}

void peer_name(struct peer *peer, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(peer->name, sizeof peer->name, format, args);
	va_end(args);
}

static void forget_unproven(struct peer *peer)
{
	struct router *router = peer->router;

	if (!peer->deadline)
		return;
	DL_DELETE2(router->unproven, peer, uprev, unext);
	router->unproven_count--;
	loop_timer_free(&peer->deadline);
}

static void peer_free(struct peer *peer)
{
	forget_unproven(peer);
	DL_DELETE(peer->router->peers, peer);
	loop_timer_free(&peer->keep_alive);
	connection_free(&peer->connection);
	free(peer->malformed);
	free(peer->behind);
	free(peer);
}

/* Tells the role, once. */
static void end_role(struct peer *peer, const char *why)
{
	const struct peer_role *role = peer->role;

	peer->role = NULL;
	if (role)
		role->ended(peer->as, why);
	peer->as = NULL;
}

/* From here on nothing is heard any more; the words already queued leave, then the connection closes. */
static void finish(struct peer *peer, const char *why)
{
	peer->is_ending = true;
	forget_unproven(peer);
	loop_timer_free(&peer->keep_alive);
	end_role(peer, why);
	if (peer->is_held || peer->is_full)
		connection_resume(peer->connection);     /* so that its end is noticed */
	connection_finish(peer->connection, LINGER_MS);
}

static void say(struct peer *peer, const struct wire_msg *msg, uint32_t code, const char *format, va_list args)
{
	char why[TEXT_MAX];

	vsnprintf(why, sizeof why, format, args);
	log_warning("%s %s peer=%s reason=%s why=%s", msg == &srp_return_msg ? "refused" : "disconnected", peer->name,
		peer_address(peer), log_str(srp_result_text(code)), log_str(why));
	struct srp_return answer = { .code = code, .text = bytes_str(why) };
	struct srp_disconnect goodbye = { .reason = code, .text = bytes_str(why) };
	peer_send(peer, msg, msg == &srp_return_msg ? (const void *)&answer : (const void *)&goodbye);
	finish(peer, why);
}

void peer_refuse(struct peer *peer, enum srp_result code, const char *format, ...)
{
	va_list args;

	if (peer->is_ending)
		return;
	if (code == SRP_PROTOCOL_ERROR)
		peer->router->counts.invalid++;
	else
		peer->router->counts.refused++;
	va_start(args, format);
	say(peer, &srp_return_msg, code, format, args);
	va_end(args);
}

void peer_disconnect(struct peer *peer, enum srp_result reason, const char *format, ...)
{
	va_list args;

	if (peer->is_ending)
		return;
	va_start(args, format);
	say(peer, &srp_disconnect_msg, reason, format, args);
	va_end(args);
}

void peer_send(struct peer *peer, const struct wire_msg *msg, const void *in)
{
	struct buf *frame = &peer->router->frame;

	if (peer->is_ending)
		return;
	buf_clear(frame);
	frame_encode(msg, in, frame);
	connection_send(peer->connection, buf_bytes(frame));
	if (!peer->is_full && connection_is_full(peer->connection)) {
		/* Whoever does not read what we say is not asked further. */
		peer->is_full = true;
		if (!peer->is_held)
			connection_pause(peer->connection);
	}
}

size_t peer_queued(const struct peer *peer)
{
	return connection_queued(peer->connection);
}

void peer_hold(struct peer *peer, bool hold)
{
	bool was = peer->is_held || peer->is_full;

	if (peer->is_ending)
		return;
	peer->is_held = hold;
	if (was == (peer->is_held || peer->is_full))
		return;
	if (was)
		connection_resume(peer->connection);
	else
		connection_pause(peer->connection);
}

int peer_decode(struct peer *peer, const struct wire_msg *msg, struct bytes frame, void *out)
{
	struct error err;

	if (frame_decode(msg, frame, out, &err) == 0)
		return 0;
	peer_refuse(peer, SRP_PROTOCOL_ERROR, "%s", err.text);
	return -1;
}

/* A PING counts as unanswered only if the loop had a round to hear the answer in: a manual clock that is moved by an hour at
 * once does not cut every link. */
static void ask_again(void *arg)
{
	struct peer *peer = arg;
	struct router *router = peer->router;
	uint64_t now_ms = loop_now_ms(router->loop), due_ms = peer->heard_ms + router->set->ping_interval_ms;

	if (peer->pings == 0 && now_ms < due_ms) {
		loop_timer_set_at(peer->keep_alive, due_ms);
		return;
	}
	bool heard_nothing_yet = peer->pings > 0 && (peer->ping_round == router->rounds || peer->is_held || peer->is_full);
	if (!heard_nothing_yet) {
		if (peer->pings == router->set->ping_misses) {
			peer_disconnect(peer, SRP_PROTOCOL_ERROR, "no answer to %u pings", peer->pings);
			return;
		}
		struct srp_ping ping = { .nonce = ++peer->nonce };
		peer->pings++;
		peer->ping_round = router->rounds;
		loop_defer(router->loop, &router->round);
		peer_send(peer, &srp_ping_msg, &ping);
	}
	loop_timer_set(peer->keep_alive, router->set->ping_interval_ms);
}

static void give_up(void *arg)
{
	struct peer *peer = arg;

	peer_refuse(peer, SRP_PROTOCOL_ERROR, peer->role ? "the opening sequence was not finished within %s" :
		"no first frame within %s", duration_text(peer->router->set->handshake_timeout_ms));
}

/* The length that the header claims, before the rest has come. */
static int check_length(const struct peer *peer, struct bytes in, struct error *err)
{
	struct reader r = reader_of(in);
	size_t max = peer->is_proven ? peer->role->max_frame : PEER_UNPROVEN_FRAME;

	reader_bytes(&r, 2);
	size_t length = reader_u32(&r);
	if (reader_ok(&r) && length > max)
		return error_set(err, "frame: length %zu, at most %zu are taken here", length, max);
	return 0;
}

/* The first message of all, and then the first frame. */
static ssize_t split_any(const struct peer *peer, struct bytes in, struct error *why)
{
	if (peer->way == PROXY_OPENS)
		return proxy_split(in, why);
	ssize_t len = frame_split(NULL, in, why);
	return len >= 0 && check_length(peer, in, why) != 0 ? -1 : len;
}

/* What is no frame is taken off as if it were a message: so its sender is told why before the connection closes. */
static ssize_t split(void *ctx, struct bytes in, struct error *err)
{
	struct peer *peer = ctx;
	struct error why;

	(void)err;
	if (!peer->is_ending && !peer->malformed) {
		ssize_t len = split_any(peer, in, &why);
		if (len >= 0)
			return len;
		peer->malformed = memory_str(why.text);
	}
	return in.len < PEER_UNPROVEN_FRAME ? (ssize_t)in.len : PEER_UNPROVEN_FRAME;
}

/* From here on the peer is who stands behind the proxy. */
static void proxied(struct peer *peer, struct bytes header)
{
	struct proxy_header said;
	struct error err;

	if (proxy_decode(header, &said, &err) != 0) {
		peer_refuse(peer, SRP_PROTOCOL_ERROR, "%s", err.text);
		return;
	}
	peer->way = said.is_local ? PROXY_ALONE : BEHIND_PROXY;
	if (!said.is_local)
		peer->behind = memory_str(said.peer);
}

static void message(void *ctx, struct bytes frame)
{
	struct peer *peer = ctx;

	if (peer->is_ending)
		return;
	peer->heard_ms = loop_now_ms(peer->router->loop);
	peer->pings = 0;
	if (peer->malformed)
		peer_refuse(peer, SRP_PROTOCOL_ERROR, "%s", peer->malformed);
	else if (peer->way == PROXY_OPENS)
		proxied(peer, frame);
	else if (peer->role)
		peer->role->frame(peer->as, frame);
	else
		peer->first(peer, frame);
}

/* A proxy that looks whether we are alive comes every few seconds and says nothing. */
static enum log_level end_level(const struct peer *peer, enum connection_end end)
{
	if (end != CONNECTION_PEER_CLOSED && end != CONNECTION_FAILED)
		return LOG_WARNING;
	return peer->way == PROXY_OPENS || peer->way == PROXY_ALONE ? LOG_DEBUG : LOG_INFO;
}

static void closed(void *ctx, enum connection_end end, const char *why)
{
	struct peer *peer = ctx;

	if (!peer->is_ending) {
		enum log_level level = end_level(peer, end);
		if (level == LOG_WARNING)
			peer->router->counts.invalid++;
		log_line(level, "closed %s peer=%s reason=%s why=%s", peer->name, peer_address(peer), connection_end_name(end),
			log_str(why));
		peer->is_ending = true;
		end_role(peer, why);
	}
	peer_free(peer);
}

static void drained(void *ctx)
{
	struct peer *peer = ctx;

	if (peer->is_ending || !peer->is_full)
		return;
	peer->is_full = false;
	if (!peer->is_held)
		connection_resume(peer->connection);
}

static const struct connection_callbacks callbacks = { .split = split, .message = message, .closed = closed, .drained = drained };

static bool comes_from_proxy(const struct router *router, struct connection *connection)
{
	const char *proxies = router->set->proxies;
	struct error err;

	return proxies && *proxies && address_in_networks(connection_peer(connection), proxies, &err) > 0;
}

void peer_accept(struct router *router, struct connection *connection, unsigned may_be, peer_first_fn *first)
{
	struct peer *peer = memory_new(sizeof *peer);

	*peer = (struct peer){ .router = router, .connection = connection, .may_be = may_be, .first = first, .name = "as=nobody" };
	if ((may_be & PEER_MAY_BE_DEVICE) && comes_from_proxy(router, connection))
		peer->way = PROXY_OPENS;
	peer->heard_ms = loop_now_ms(router->loop);
	peer->deadline = loop_timer_new_real(router->loop, give_up, peer);
	loop_timer_set(peer->deadline, router->set->handshake_timeout_ms);
	DL_APPEND(router->peers, peer);
	DL_APPEND2(router->unproven, peer, uprev, unext);
	router->unproven_count++;
	connection_own(connection, &callbacks, peer);
	/* The newest may be the one that means it: a flood of silent ones does not keep it out until they time out. */
	if (router->unproven_count > router->set->max_unproven)
		peer_refuse(router->unproven, SRP_NOT_PERMITTED, "too many peers that have not proved themselves");
}

void peer_become(struct peer *peer, const struct peer_role *role, void *as)
{
	peer->role = role;
	peer->as = as;
	peer_name(peer, "as=%s", role->name);
}

void peer_proven(struct peer *peer)
{
	forget_unproven(peer);
	peer->is_proven = true;
	peer->keep_alive = loop_timer_new(peer->router->loop, ask_again, peer);
	loop_timer_set(peer->keep_alive, peer->router->set->ping_interval_ms);
}

bool peer_is_modest(const struct peer *peer)
{
	return peer->is_modest;
}

static void say_info(struct peer *peer)
{
	static const char *const entries[] = { "name=bramble-router", ("version=" BRAMBLE_VERSION), "features=coverage", SRP_IF_FREE };
	struct srp_info info = { .count = sizeof entries / sizeof entries[0] + 1 };
	char max_frame[32];

	for (size_t i = 0; i + 1 < info.count; i++)
		info.entries[i].entry = bytes_str(entries[i]);
	snprintf(max_frame, sizeof max_frame, "maxFrame=%d", FRAME_MAX);
	info.entries[info.count - 1].entry = bytes_str(max_frame);
	peer->said_info = true;
	peer_send(peer, &srp_info_msg, &info);
}

bool peer_common_frame(struct peer *peer, struct bytes frame)
{
	struct srp_disconnect goodbye;
	struct srp_ping ping;
	struct srp_empty none;
	struct srp_info info;

	switch (frame_opcode(frame)) {
	case SRP_PING:
		if (peer_decode(peer, &srp_ping_msg, frame, &ping) == 0)
			peer_send(peer, &srp_pong_msg, &ping);
		return true;
	case SRP_PONG:
		peer_decode(peer, &srp_pong_msg, frame, &ping);
		return true;
	case SRP_INFO:
		/* Its own packet only after the other side's. Source: document [STO-A 90]. */
		if (peer_decode(peer, &srp_info_msg, frame, &info) != 0)
			return true;
		for (size_t i = 0; i < info.count; i++)
			peer->is_modest = peer->is_modest || bytes_is(info.entries[i].entry, SRP_IF_FREE);
		if (!peer->said_info)
			say_info(peer);
		return true;
	case SRP_INFO_REQUEST:
		if (peer_decode(peer, &srp_info_request_msg, frame, &none) == 0)
			say_info(peer);
		return true;
	case SRP_DISCONNECT:
		if (peer_decode(peer, &srp_disconnect_msg, frame, &goodbye) != 0)
			return true;
		log_info("goodbye %s peer=%s reason=%s why=%s", peer->name, peer_address(peer),
			log_str(srp_result_text(goodbye.reason)), log_value(goodbye.text));
		finish(peer, "it said goodbye");
		return true;
	default:
		return false;
	}
}

void peers_say_goodbye(struct router *router)
{
	struct peer *next;

	for (struct peer *peer = router->peers; peer; peer = next) {
		next = peer->next;
		peer_disconnect(peer, SRP_SHUTTING_DOWN, "%s", srp_result_text(SRP_SHUTTING_DOWN));
	}
}

void peers_free(struct router *router)
{
	struct peer *next;

	for (struct peer *peer = router->peers; peer; peer = next) {
		next = peer->next;
		end_role(peer, "the router ends");
		peer_free(peer);
	}
}
