#ifndef BRAMBLE_DISPATCHER_OUTBOUND_H
#define BRAMBLE_DISPATCHER_OUTBOUND_H

#include "base/io/loop.h"
#include "base/trail.h"
#include "dispatcher/coverage.h"
#include "dispatcher/device_keys.h"
#include "protocol/srp.h"

/* Messages on their way to devices: at most SRP_WINDOW envelopes of a PIN are with the network at once, more wait in a bounded
 * queue, and each message ends with exactly one outcome for the service that sent it.
 * Source: document (WITPRO-06, DEV-MDS) for the five; queue bound and outcomes are ours. */
struct outbound;

struct outbound_settings {
	const char *srp_id;
	unsigned queue;               /* messages that wait per PIN */
	uint64_t delivery_ms;         /* until an envelope without any status counts as undelivered */
};

struct outbound_callbacks {
	bool (*can_send)(void *ctx, unsigned router);
	void (*send)(void *ctx, unsigned router, const struct srp_send *send);
	/* Messages went back although the PIN is covered, and there is room for them again. */
	void (*again)(void *ctx, uint32_t pin);
	/* How it ended: DELIVERED, UNAVAILABLE, REFUSED or INVALID. */
	void (*outcome)(void *ctx, uint64_t service, uint32_t pin, uint32_t transaction, enum srp_status status, const char *text);
};

struct outbound_counts { uint64_t sealed, envelopes, delivered, returned, refused, invalid, notices, dropped, resealed; };

struct outbound *outbound_new(struct loop *loop, struct channel *channel, struct device_keys *keys, struct coverage *coverage,
	struct trail *trail, const struct outbound_settings *settings, const struct outbound_callbacks *callbacks, void *ctx);
void outbound_free(struct outbound **outbound);

/* A message from a service. It is copied. The outcome may come inside the call. */
void outbound_message(struct outbound *outbound, uint64_t service, uint32_t pin, uint32_t transaction, const char *content_id,
	struct bytes clear);
/* A receipt or an error for the device: goes before messages, has no outcome, is dropped when the device is not covered. */
void outbound_notice(struct outbound *outbound, uint32_t pin, struct bytes gme);

/* What the Router says of an envelope. INVALID: it was changed on its way, or the device cannot take it; its message is sealed again under its
 * next id, three times at most, and given back after that. false: that tag is not outstanding there. */
bool outbound_status(struct outbound *outbound, unsigned router, const struct srp_status_msg *status);
/* The device cannot take this message id any more ("resume at"): the message is sealed again above it. key: the one by which the device proves
 * that it says so, and under which the message must have been sealed. false: it is not under way, or asks for too much. */
bool outbound_resume(struct outbound *outbound, uint32_t pin, struct channel_key *key, uint32_t message_id, uint32_t at);

void outbound_uncovered(struct outbound *outbound, uint32_t pin);        /* what waits for it goes back */
/* Another router has seen it since: what the one before was handed goes back at once, because that one may be out of reach and not know. */
void outbound_moved(struct outbound *outbound, uint32_t pin);
void outbound_router_lost(struct outbound *outbound, unsigned router);   /* what was handed to it goes back */
void outbound_continue(struct outbound *outbound, uint32_t pin);         /* its keys are there, or its ceiling is stored */
void outbound_continue_all(struct outbound *outbound);                   /* a router can be sent to again */

struct outbound_counts outbound_count(const struct outbound *outbound);
size_t outbound_outstanding(const struct outbound *outbound);
size_t outbound_waiting(const struct outbound *outbound);
size_t outbound_waiting_bytes(const struct outbound *outbound);

#endif
