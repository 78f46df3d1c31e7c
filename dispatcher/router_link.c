#include "dispatcher/router_link.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "base/io/connection.h"
#include "base/io/redial.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/settings.h"
#include "protocol/backlog.h"

/* Our challenge: 16 random bytes and the service string. Source: the FX talk as the documents quote it; the string is ours.
 * It must not be as long as the Router's own challenge (20 bytes), which refuses to answer those. */
#define SERVICE_STRING "BRAMBLE-DISPATCHER"
#define RANDOM_BYTES 16

struct router_link {
	struct loop *loop;
	unsigned router;
	char *address;
	char srp_id[SRP_ID_MAX + 1];
	uint8_t key[SRP_KEY_SIZE];
	uint64_t ping_interval_ms, standby_ms;
	unsigned ping_misses, unanswered;
	uint32_t nonce;
	struct router_link_callbacks callbacks;
	void *ctx;

	enum router_link_state state;
	struct connection *connection;
	struct redial *redial;
	struct loop_timer *ping, *ask;
	bool has_stepped_back, is_claiming, knows_if_free;
	bool is_told_to_pause, is_paused, was_blocked;
	uint8_t challenge[RANDOM_BYTES + sizeof SERVICE_STRING - 1];   /* ours */
	uint8_t router_challenge[64];
	size_t router_challenge_len;
	struct buf out;
	char why[256];
};

static const char *const state_names[] = { "closed", "claimed", "challenged", "proving", "up" };

const char *router_link_state_name(enum router_link_state state)
{
	return state_names[state];
}

static void put(struct router_link *link, const struct wire_msg *msg, const void *in)
{
	buf_clear(&link->out);
	frame_encode(msg, in, &link->out);
	connection_send(link->connection, buf_bytes(&link->out));
}

static void set_why(struct router_link *link, const char *why)
{
	snprintf(link->why, sizeof link->why, "%s", why);
}

/* The connection is over, or we end it: back to CLOSED, and dial again when it is time. */
static void lost(struct router_link *link, const char *why)
{
	bool was_up = link->state == ROUTER_UP;
	/* A router that is away is dialled each second: that is said once. */
	bool is_told = (link->has_stepped_back && !was_up) || (link->state == ROUTER_CLOSED && strcmp(link->why, why) == 0);

	set_why(link, why);
	if (!is_told)
		log_warning("router link lost router=%s state=%s why=%s", link->address, state_names[link->state], log_str(why));
	connection_free(&link->connection);
	loop_timer_cancel(link->ping);
	OPENSSL_cleanse(link->router_challenge, sizeof link->router_challenge);
	link->state = ROUTER_CLOSED;
	if (link->has_stepped_back)
		loop_timer_set(link->ask, link->standby_ms);
	else
		redial_lost(link->redial);
	if (was_up)
		link->callbacks.down(link->ctx, link->router);
}

/* By RETURN or DISCONNECT. */
static void superseded(struct router_link *link, const char *why)
{
	bool is_new = !link->has_stepped_back;

	link->has_stepped_back = true;
	link->is_claiming = false;
	lost(link, why);
	if (!is_new)
		return;
	log_warning("stepped back router=%s srp_id=%s: a newer connection has the identifier; asks every %s whether it is free", link->address,
		link->srp_id, duration_text(link->standby_ms));
	link->callbacks.stepped_back(link->ctx, link->router);
}

/* --- the handshake ------------------------------------------------------------------------------------------------------ */

static void send_connect(struct router_link *link, struct bytes value)
{
	put(link, &srp_connect_msg, &(struct srp_connect){ .value = value });
}

static void on_challenge(struct router_link *link, const void *message)
{
	const struct srp_connect *connect = message;

	if (connect->value.len < RANDOM_BYTES || connect->value.len > sizeof link->router_challenge) {
		lost(link, "the router's challenge is shorter than 16 or longer than 64 bytes");
		return;
	}
	memcpy(link->router_challenge, connect->value.data, connect->value.len);
	link->router_challenge_len = connect->value.len;
	if (RAND_bytes(link->challenge, RANDOM_BYTES) != 1)
		fatal(EXIT_INTERNAL, "OpenSSL has no random bytes");
	memcpy(link->challenge + RANDOM_BYTES, SERVICE_STRING, sizeof SERVICE_STRING - 1);
	link->state = ROUTER_CHALLENGED;
	send_connect(link, bytes_of(link->challenge, sizeof link->challenge));
}

/* Only a router that has proved itself gets our own proof. */
static void on_proof(struct router_link *link, const void *message)
{
	const struct srp_connect *connect = message;
	uint8_t proof[20];
	bool is_proved;

	srp_proof(link->key, bytes_of(link->challenge, sizeof link->challenge), proof);
	if (link->has_stepped_back && !link->knows_if_free) {
		lost(link, "the router cannot say whether the identifier is free, and would take it from who has it");
		return;
	}
	is_proved = bytes_equal_secret(connect->value, bytes_of(proof, sizeof proof));
	if (is_proved) {
		srp_proof(link->key, bytes_of(link->router_challenge, link->router_challenge_len), proof);
		link->state = ROUTER_PROVING;
		send_connect(link, bytes_of(proof, sizeof proof));
	}
	OPENSSL_cleanse(proof, sizeof proof);
	if (!is_proved) {
		log_error("router %s did not prove that it knows the SRP key of %s: another key here or there, or not our router",
			link->address, link->srp_id);
		lost(link, "the router did not prove that it knows the SRP key");
	}
}

static void on_return(struct router_link *link, const void *message)
{
	const struct srp_return *answer = message;
	char why[256];

	if (answer->code == SRP_OK && link->state != ROUTER_PROVING) {
		lost(link, "the router accepted what it had not asked a proof for");
		return;
	}
	if (answer->code == SRP_SUPERSEDED) {
		superseded(link, "the identifier is connected from elsewhere");
		return;
	}
	if (answer->code != SRP_OK) {
		snprintf(why, sizeof why, "refused: %s: %s", srp_result_text(answer->code), log_value(answer->text));
		log_error("router %s refuses the SRP identifier %s: %s: %s", link->address, link->srp_id,
			srp_result_text(answer->code), log_value(answer->text));
		lost(link, why);
		return;
	}
	link->state = ROUTER_UP;
	link->unanswered = 0;
	redial_good(link->redial);
	set_why(link, "");
	log_info("router link up router=%s srp_id=%s", link->address, link->srp_id);
	loop_timer_set(link->ping, link->ping_interval_ms);
	if (link->has_stepped_back || link->is_claiming) {
		link->callbacks.back(link->ctx, link->router, link->is_claiming);
		link->has_stepped_back = link->is_claiming = false;
	}
	link->callbacks.up(link->ctx, link->router);
}

/* --- what comes at any time ---------------------------------------------------------------------------------------------- */

static void on_info(struct router_link *link, const void *message)
{
	const struct srp_info *info = message;

	for (size_t i = 0; i < info->count; i++) {
		log_debug("router info router=%s %s", link->address, log_value(info->entries[i].entry));
		link->knows_if_free = link->knows_if_free || bytes_is(info->entries[i].entry, SRP_IF_FREE);
	}
}

static void send_info(struct router_link *link)
{
	char id[sizeof "srpId=" + SRP_ID_MAX + 1];
	struct srp_info info = { .count = 3 };

	snprintf(id, sizeof id, "srpId=%s", link->srp_id);
	info.entries[0].entry = bytes_str("version=bramble-" BRAMBLE_VERSION);
	info.entries[1].entry = bytes_str(id);
	info.entries[2].entry = bytes_str("maxFrame=131072");
	if (link->has_stepped_back)
		info.entries[info.count++].entry = bytes_str(SRP_IF_FREE);
	put(link, &srp_info_msg, &info);
}

static void on_info_request(struct router_link *link, const void *message)
{
	(void)message;
	send_info(link);
}

static void on_disconnect(struct router_link *link, const void *message)
{
	const struct srp_disconnect *disconnect = message;
	char why[256];

	snprintf(why, sizeof why, "disconnected by the router: %s: %s", srp_result_text(disconnect->reason),
		log_value(disconnect->text));
	if (disconnect->reason == SRP_SUPERSEDED && link->state == ROUTER_UP)
		superseded(link, why);
	else
		lost(link, why);
}

static void on_ping(struct router_link *link, const void *message)
{
	const struct srp_ping *ping = message;

	if (ping->nonce & BACKLOG_MARK && link->state == ROUTER_UP)
		link->callbacks.mark(link->ctx, link->router, ping->nonce);
	else
		put(link, &srp_pong_msg, ping);
}

static void on_pong(struct router_link *link, const void *message)
{
	const struct srp_ping *pong = message;

	if (pong->nonce == link->nonce)
		link->unanswered = 0;
}

static void ping_due(void *arg)
{
	struct router_link *link = arg;

	/* While nothing is read no answer can come; that is no fault of the router. */
	if (link->is_paused)
		link->unanswered = 0;
	if (link->unanswered >= link->ping_misses) {
		lost(link, "the router no longer answers pings");
		return;
	}
	link->unanswered++;
	put(link, &srp_ping_msg, &(struct srp_ping){ .nonce = ++link->nonce });
	loop_timer_set(link->ping, link->ping_interval_ms);
}

/* --- traffic ------------------------------------------------------------------------------------------------------------- */

static void on_receive(struct router_link *link, const void *message)
{
	link->callbacks.receive(link->ctx, link->router, message);
}

static void on_status(struct router_link *link, const void *message)
{
	link->callbacks.status(link->ctx, link->router, message);
}

static void on_coverage(struct router_link *link, const void *message)
{
	link->callbacks.coverage(link->ctx, link->router, message);
}

static void on_pause(struct router_link *link, const void *message)
{
	(void)message;
	link->is_told_to_pause = link->was_blocked = true;
}

static void tell_if_free(struct router_link *link)
{
	if (link->was_blocked && router_link_can_send(link)) {
		link->was_blocked = false;
		link->callbacks.can_send(link->ctx, link->router);
	}
}

static void on_resume(struct router_link *link, const void *message)
{
	(void)message;
	link->is_told_to_pause = false;
	tell_if_free(link);
}

/* The state machine: what is accepted where. Anything else is a protocol error, and the link is closed. */
#define IN(state) (1u << (state))
#define IN_ALL (IN(ROUTER_CLAIMED) | IN(ROUTER_CHALLENGED) | IN(ROUTER_PROVING) | IN(ROUTER_UP))

static const struct row {
	const struct wire_msg *msg;
	unsigned states;
	void (*run)(struct router_link *link, const void *message);
} table[] = {
	{ &srp_connect_msg, IN(ROUTER_CLAIMED), on_challenge },
	{ &srp_connect_msg, IN(ROUTER_CHALLENGED), on_proof },
	{ &srp_return_msg, IN(ROUTER_CLAIMED) | IN(ROUTER_CHALLENGED) | IN(ROUTER_PROVING), on_return },
	{ &srp_receive_msg, IN(ROUTER_UP), on_receive },
	{ &srp_status_msg_msg, IN(ROUTER_UP), on_status },
	{ &srp_coverage_msg, IN(ROUTER_UP), on_coverage },
	{ &srp_pause_msg, IN(ROUTER_UP), on_pause },
	{ &srp_resume_msg, IN(ROUTER_UP), on_resume },
	{ &srp_info_msg, IN_ALL, on_info },
	{ &srp_info_request_msg, IN_ALL, on_info_request },
	{ &srp_disconnect_msg, IN_ALL, on_disconnect },
	{ &srp_ping_msg, IN_ALL, on_ping },
	{ &srp_pong_msg, IN_ALL, on_pong },
};

/* Room for any message of the table, decoded. */
union decoded {
	struct srp_connect connect;
	struct srp_return returned;
	struct srp_receive receive;
	struct srp_status_msg status;
	struct srp_coverage coverage;
	struct srp_session session;
	struct srp_info info;
	struct srp_disconnect disconnect;
	struct srp_ping ping;
	struct srp_empty empty;
};

static void on_message(void *ctx, struct bytes frame)
{
	struct router_link *link = ctx;
	const struct wire_msg *msg = wire_find(srp_messages, frame_opcode(frame));
	union decoded decoded;
	struct error err;

	for (size_t i = 0; msg && i < sizeof table / sizeof table[0]; i++) {
		if (table[i].msg != msg || !(table[i].states & IN(link->state)))
			continue;
		if (frame_decode(msg, frame, &decoded, &err))
			lost(link, err.text);
		else
			table[i].run(link, &decoded);
		return;
	}
	error_set(&err, "%s (opcode %02x) is not accepted in state %s", msg ? msg->name : "an unknown message",
		frame_opcode(frame), state_names[link->state]);
	lost(link, err.text);
}

static void on_up(void *ctx)
{
	struct router_link *link = ctx;

	link->state = ROUTER_CLAIMED;
	redial_reached(link->redial);
	log_debug("router connected router=%s", link->address);
	/* The Router says nothing before it has heard something. Source: document [STO-A 90]. */
	send_info(link);
	send_connect(link, bytes_str(link->srp_id));
}

static void on_closed(void *ctx, enum connection_end end, const char *why)
{
	struct router_link *link = ctx;
	char text[256];

	snprintf(text, sizeof text, "%s: %s", connection_end_name(end), why);
	lost(link, text);
}

static void on_drained(void *ctx)
{
	tell_if_free(ctx);
}

static const struct connection_callbacks connection_calls = {
	.up = on_up, .split = frame_split, .message = on_message, .closed = on_closed, .drained = on_drained,
};

static void dial(void *arg)
{
	struct router_link *link = arg;

	link->unanswered = 0;
	link->knows_if_free = false;
	link->is_told_to_pause = link->was_blocked = false;
	link->connection = connection_dial(link->loop, link->address, NULL, NULL, NULL, &connection_calls, link);
	if (link->is_paused)
		connection_pause(link->connection);
}

struct router_link *router_link_new(struct loop *loop, unsigned router, const char *address,
	const struct router_link_settings *settings, const struct router_link_callbacks *callbacks, void *ctx)
{
	struct router_link *link = memory_new(sizeof *link);

	link->loop = loop;
	link->router = router;
	link->address = memory_str(address);
	snprintf(link->srp_id, sizeof link->srp_id, "%s", settings->srp_id);
	memcpy(link->key, settings->key, sizeof link->key);
	link->ping_interval_ms = settings->ping_interval_ms;
	link->ping_misses = settings->ping_misses;
	link->standby_ms = settings->standby_ms;
	link->callbacks = *callbacks;
	link->ctx = ctx;
	link->ping = loop_timer_new(loop, ping_due, link);
	link->ask = loop_timer_new(loop, dial, link);
	link->redial = redial_new(loop, settings->connects, REDIAL_SRP_WINDOW_MS, dial, link);
	redial_start(link->redial);
	return link;
}

void router_link_free(struct router_link **link_at)
{
	struct router_link *link = *link_at;

	if (!link)
		return;
	*link_at = NULL;
	connection_free(&link->connection);
	redial_free(&link->redial);
	loop_timer_free(&link->ping);
	loop_timer_free(&link->ask);
	buf_free(&link->out);
	free(link->address);
	OPENSSL_cleanse(link, sizeof *link);
	free(link);
}

bool router_link_has_stepped_back(const struct router_link *link)
{
	return link->has_stepped_back;
}

void router_link_claim(struct router_link *link)
{
	if (!link->has_stepped_back)
		return;
	link->has_stepped_back = false;
	link->is_claiming = true;
	loop_timer_cancel(link->ask);
	if (!link->connection)
		redial_start(link->redial);
}

const char *router_link_address(const struct router_link *link)
{
	return link->address;
}

enum router_link_state router_link_state(const struct router_link *link)
{
	return link->state;
}

const char *router_link_why(const struct router_link *link)
{
	return link->why;
}

bool router_link_can_send(const struct router_link *link)
{
	return link->state == ROUTER_UP && !link->is_told_to_pause && !connection_is_full(link->connection);
}

void router_link_send(struct router_link *link, const struct srp_send *send)
{
	put(link, &srp_send_msg, send);
	if (!router_link_can_send(link))
		link->was_blocked = true;
}

void router_link_answer_mark(struct router_link *link, uint32_t nonce)
{
	put(link, &srp_pong_msg, &(struct srp_ping){ .nonce = nonce });
}

void router_link_pause(struct router_link *link, bool pause)
{
	if (link->is_paused == pause)
		return;
	link->is_paused = pause;
	if (!link->connection)
		return;
	if (pause)
		connection_pause(link->connection);
	else
		connection_resume(link->connection);
}
