#include "router/service_peer.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <uthash.h>

#include "base/log.h"
#include "base/memory.h"
#include "protocol/backlog.h"
#include "router/device_peer.h"
#include "router/forward.h"

#define SEED_SIZE 16                        /* random bytes that a challenge begins with. Source: ours, after the FX talk */
#define CHALLENGE_SIZE (SEED_SIZE + 4)      /* ours: the seed and the time */
#define SERVICE_CHALLENGE_MAX 128
#define QUEUED_MAX 4194304                  /* bytes that wait for a service that does not read, however few envelopes. Source: ours */

enum state { CLAIM, CHALLENGE, PROOF, UP, STATES };
#define IN(state) (1U << (state))
#define IN_ANY (IN(STATES) - 1U)

static const char *const state_names[STATES] = {
	[CLAIM] = "claim", [CHALLENGE] = "challenge", [PROOF] = "proof", [UP] = "up",
};

struct service_peer {
	struct peer *peer;
	struct router *router;
	enum state state;
	char id[SRP_ID_MAX + 1];
	uint8_t challenge[CHALLENGE_SIZE];      /* ours, that it has to prove itself with */
	uint32_t serial;
	bool is_paused;                         /* it said PAUSE */
	struct backlog backlog;                 /* envelopes */
	bool is_overloaded;                     /* since a message was refused, until hardly any wait */
	uint64_t up_since_ms;
	UT_hash_handle hh;                      /* while up */
};

struct service_peer *service_find(const struct router *router, struct bytes srp_id)
{
	struct service_peer *service = NULL;

	if (srp_id.len > 0)
		HASH_FIND(hh, router->services, srp_id.data, srp_id.len, service);
	return service;
}

struct service_peer *service_next(const struct router *router, struct service_peer *after)
{
	return after ? after->hh.next : router->services;
}

struct peer *service_peer_of(const struct service_peer *service)
{
	return service->peer;
}

const char *service_id(const struct service_peer *service)
{
	return service->id;
}

uint32_t service_serial(const struct service_peer *service)
{
	return service->serial;
}

unsigned service_count(const struct router *router)
{
	return HASH_COUNT(router->services);
}

void service_coverage(struct service_peer *service, uint32_t pin, bool available)
{
	struct srp_coverage coverage = { .pin = pin, .available = available };

	peer_send(service->peer, &srp_coverage_msg, &coverage);
}

void service_status(struct service_peer *service, uint32_t tag, enum srp_status status, const char *text)
{
	struct srp_status_msg answer = { .tag = tag, .status = status, .text = bytes_str(text) };

	peer_send(service->peer, &srp_status_msg_msg, &answer);
}

bool service_is_paused(const struct service_peer *service)
{
	return service->is_paused;
}

static void note(const struct service_peer *service, const char *event, const char *text)
{
	struct trail_entry entry = { .event = event };

	trail_text(&entry, "srp=%s peer=%s why=%s", service->id, peer_address(service->peer), log_str(text));
	trail_note(service->router->trail, &entry);
}

static void set_overloaded(struct service_peer *service, bool is_overloaded)
{
	if (service->is_overloaded == is_overloaded)
		return;
	service->is_overloaded = is_overloaded;
	log_warning("service %s srp=%s backlog=%u refused=%llu", is_overloaded ? "overloaded" : "keeps up again", service->id,
		backlog_size(&service->backlog), (unsigned long long)service->router->counts.overloaded);
	note(service, is_overloaded ? "service.overloaded" : "service.relieved", "what waits for it");
}

static bool keeps_up(const struct service_peer *service)
{
	const struct router_settings *set = service->router->set;
	uint32_t size = backlog_size(&service->backlog);

	return size < SERVICE_FEW || (size < set->backlog && backlog_age_us(&service->backlog, loop_real_us()) < set->backlog_age_ms * 1000);
}

bool service_takes(struct service_peer *service, bool is_message)
{
	bool takes = peer_queued(service->peer) <= QUEUED_MAX && (!is_message || keeps_up(service));

	if (!takes)
		set_overloaded(service, true);
	return takes;
}

void service_receive(struct service_peer *service, const struct srp_receive *receive)
{
	peer_send(service->peer, &srp_receive_msg, receive);
	if (backlog_add(&service->backlog))
		peer_send(service->peer, &srp_ping_msg, &(struct srp_ping){ .nonce = backlog_mark(&service->backlog, loop_real_us()) });
}

/* Of a mark, or of the keep-alive, for which it is enough that anything was heard. */
static void on_pong(struct service_peer *service, struct bytes frame)
{
	struct srp_ping pong;

	if (peer_decode(service->peer, &srp_pong_msg, frame, &pong) == 0 && backlog_answer(&service->backlog, pong.nonce) &&
	    backlog_size(&service->backlog) < SERVICE_MARK_EVERY)
		set_overloaded(service, false);
}

static void send_connect(struct service_peer *service, struct bytes value)
{
	struct srp_connect connect = { .value = value };

	peer_send(service->peer, &srp_connect_msg, &connect);
}

/* Known, and not deactivated: else refused, and NULL. Asked at each step, because both may change meanwhile. */
static const struct identity *check_identity(struct service_peer *service)
{
	const struct router *router = service->router;
	const struct identity *identity = identities_find(router->identities, bytes_str(service->id));

	if (!identity)
		peer_refuse(service->peer, SRP_UNKNOWN_ID, "the SRP identifier %s is not known here", service->id);
	else if (deactivation_is(router->deactivation, service->id)) {
		peer_refuse(service->peer, SRP_DEACTIVATED, "%s was deactivated after too many connections; enable it to connect again",
			service->id);
		return NULL;
	}
	return identity;
}

static void on_claim(struct service_peer *service, struct bytes frame)
{
	uint32_t now_s = (uint32_t)(loop_wall_ms() / 1000);
	struct srp_connect claim;

	if (peer_decode(service->peer, &srp_connect_msg, frame, &claim) != 0)
		return;
	if (!srp_id_valid(claim.value)) {
		peer_refuse(service->peer, SRP_UNKNOWN_ID, "%s is no SRP identifier", log_value(claim.value));
		return;
	}
	bytes_copy_str(claim.value, service->id, sizeof service->id);
	peer_name(service->peer, "srp=%s", service->id);
	if (!check_identity(service))
		return;
	if (RAND_bytes(service->challenge, SEED_SIZE) != 1)
		fatal(EXIT_INTERNAL, "no random bytes are to be had from the crypto library");
	for (int i = 0; i < 4; i++)
		service->challenge[SEED_SIZE + i] = (uint8_t)(now_s >> (24 - 8 * i));
	service->state = CHALLENGE;
	send_connect(service, bytes_of(service->challenge, sizeof service->challenge));
}

static void on_challenge(struct service_peer *service, struct bytes frame)
{
	const struct identity *identity;
	struct srp_connect challenge;
	uint8_t proof[20];

	if (peer_decode(service->peer, &srp_connect_msg, frame, &challenge) != 0)
		return;
	/* Both sides prove themselves with the same key over whatever they are given, so one that knows no key could hand
	 * our own challenge back to us on a second connection and use our answer on the first. Ours are always 20 bytes
	 * long; a service's is its seed and its name, and must not be. */
	if (challenge.value.len <= SEED_SIZE || challenge.value.len > SERVICE_CHALLENGE_MAX || challenge.value.len == CHALLENGE_SIZE) {
		peer_refuse(service->peer, SRP_PROTOCOL_ERROR, "a challenge of %zu bytes: %d to %d are taken, and not %d",
			challenge.value.len, SEED_SIZE + 1, SERVICE_CHALLENGE_MAX, CHALLENGE_SIZE);
		return;
	}
	identity = check_identity(service);
	if (!identity)
		return;
	srp_proof(identity->key, challenge.value, proof);
	service->state = PROOF;
	send_connect(service, bytes_of(proof, sizeof proof));
}

static void tell_available(void *ctx, const struct pin *pin)
{
	if (pin_is_available(pin))
		service_coverage(ctx, pin_number(pin), true);
}

static void come_up(struct service_peer *service)
{
	struct router *router = service->router;
	struct srp_return accepted = { .code = SRP_OK, .text = bytes_str(srp_result_text(SRP_OK)) };

	service->state = UP;
	service->serial = ++router->last_serial;
	service->up_since_ms = loop_now_ms(router->loop);
	HASH_ADD_KEYPTR(hh, router->services, service->id, strlen(service->id), service);
	peer_proven(service->peer);
	log_info("service up srp=%s peer=%s", service->id, peer_address(service->peer));
	note(service, "service.up", "proved");
	peer_send(service->peer, &srp_return_msg, &accepted);
	service_coverage(service, 0, false);
	pins_each(router->pins, bytes_str(service->id), tell_available, service);
}

/* Order of the checks: known, not deactivated, proof; only then is an older connection superseded. */
static void on_proof(struct service_peer *service, struct bytes frame)
{
	struct router *router = service->router;
	const struct identity *identity;
	struct srp_connect answer;
	uint8_t proof[20];

	if (peer_decode(service->peer, &srp_connect_msg, frame, &answer) != 0)
		return;
	identity = check_identity(service);
	if (!identity)
		return;
	srp_proof(identity->key, bytes_of(service->challenge, sizeof service->challenge), proof);
	bool is_proved = bytes_equal_secret(answer.value, bytes_of(proof, sizeof proof));
	OPENSSL_cleanse(proof, sizeof proof);
	if (!is_proved) {
		peer_refuse(service->peer, SRP_BAD_PROOF, "the proof does not fit the key of %s", service->id);
		return;
	}
	struct service_peer *older = service_find(router, bytes_str(service->id));
	if (older && peer_is_modest(service->peer)) {
		peer_refuse(service->peer, SRP_SUPERSEDED, "%s is connected from %s", service->id, peer_address(older->peer));
		return;
	}
	if (older) {
		router->counts.superseded++;
		peer_disconnect(older->peer, SRP_SUPERSEDED, "%s connected again from %s", service->id,
			peer_address(service->peer));
		if (!check_identity(service))     /* the older one's end may have been one too many */
			return;
	}
	come_up(service);
}

static void on_send(struct service_peer *service, struct bytes frame)
{
	struct srp_send send;

	if (peer_decode(service->peer, &srp_send_msg, frame, &send) == 0)
		forward_down(service->router, service, &send);
}

static void on_pause(struct service_peer *service, struct bytes frame)
{
	struct srp_session session;

	if (peer_decode(service->peer, &srp_pause_msg, frame, &session) == 0)
		service->is_paused = true;
}

static void on_resume(struct service_peer *service, struct bytes frame)
{
	struct srp_session session;

	if (peer_decode(service->peer, &srp_resume_msg, frame, &session) != 0)
		return;
	service->is_paused = false;
	device_peers_release(service->router, service->id);
}

/* What is accepted when. PING, INFO and DISCONNECT are always, and PONG in other states; they are common to all peers. */
static const struct step {
	uint8_t opcode;
	unsigned states;
	void (*run)(struct service_peer *service, struct bytes frame);
} steps[] = {
	{ SRP_SEND, IN(UP), on_send },
	{ SRP_CONNECT, IN(CLAIM), on_claim },
	{ SRP_CONNECT, IN(CHALLENGE), on_challenge },
	{ SRP_CONNECT, IN(PROOF), on_proof },
	{ SRP_PAUSE, IN(UP), on_pause },
	{ SRP_RESUME, IN(UP), on_resume },
	{ SRP_PONG, IN(UP), on_pong },
};

static void on_frame(void *as, struct bytes frame)
{
	struct service_peer *service = as;
	uint8_t opcode = frame_opcode(frame);

	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
		if (steps[i].opcode == opcode && steps[i].states & IN(service->state)) {
			steps[i].run(service, frame);
			return;
		}
	if (peer_common_frame(service->peer, frame))
		return;
	const struct wire_msg *msg = wire_find(srp_messages, opcode);
	peer_refuse(service->peer, SRP_PROTOCOL_ERROR, "%s (opcode 0x%02x) has no place in the state %s of a service",
		msg ? msg->name : "a frame of unknown kind", opcode, state_names[service->state]);
}

static void on_ended(void *as, const char *why)
{
	struct service_peer *service = as;
	struct router *router = service->router;

	if (service->state == UP) {
		uint64_t now_ms = loop_now_ms(router->loop);
		HASH_DEL(router->services, service);
		pins_drop_service(router->pins, service->serial);
		device_peers_release(router, service->id);
		log_info("service down srp=%s peer=%s after=%s why=%s", service->id, peer_address(service->peer),
			duration_text(now_ms - service->up_since_ms), log_str(why));
		note(service, "service.down", why);
		if (!router->is_ending &&
			deactivation_dropped(router->deactivation, service->id, service->up_since_ms, now_ms)) {
			log_error("deactivated srp=%s: connected and dropped %u times within %s; `srp.enable` lets it in again",
				service->id, (unsigned)router->set->deactivate_connects,
				duration_text(router->set->deactivate_window_ms));
			note(service, "service.deactivated", "too many connections");
			router_store_state(router);
		}
	}
	OPENSSL_cleanse(service->challenge, sizeof service->challenge);
	free(service);
}

static const struct peer_role service_role = {
	.name = "service", .max_frame = FRAME_MAX, .frame = on_frame, .ended = on_ended,
};

void service_peer_start(struct peer *peer, struct bytes frame)
{
	struct service_peer *service = memory_new(sizeof *service);

	service->peer = peer;
	service->router = peer_router(peer);
	backlog_start(&service->backlog, SERVICE_MARK_EVERY);
	peer_become(peer, &service_role, service);
	on_frame(service, frame);
}
