#ifndef BRAMBLE_DISPATCHER_UPLINK_H
#define BRAMBLE_DISPATCHER_UPLINK_H

#include "base/trail.h"
#include "dispatcher/device_keys.h"
#include "dispatcher/outbound.h"
#include "dispatcher/service_listener.h"

/* Messages from devices: checks the envelope, opens it under the device's keys, hands what it says to the service of its content
 * id, and answers the device: a receipt when the service took it, an error when it cannot be handed on.
 * Source: document [FTO5-SEND2] (a message that cannot be decrypted is ignored and an error goes to the device), [STO-A 20];
 * error codes are ours. */
struct uplink;

struct uplink_counts {
	uint64_t opened, parts, duplicates, refused[GME_RESUME_AT + 1];    /* refused: by gme_error_code; 0: no answer possible */
	uint64_t receipts, resumed, errors_received;
};

/* full: so many envelopes wait for the database that no more should come; or no longer so. */
typedef void uplink_full_fn(void *ctx, bool is_full);

struct uplink *uplink_new(struct channel *channel, struct device_keys *keys, struct outbound *outbound,
	struct service_listener *services, struct trail *trail, const char *srp_id, uplink_full_fn *full, void *ctx);
void uplink_free(struct uplink **uplink);

/* One envelope, as the Router handed it over. */
void uplink_receive(struct uplink *uplink, uint32_t pin, struct bytes gme);
/* The device's keys are there, or its ceiling is stored. */
void uplink_continue(struct uplink *uplink, struct device *device);
/* The service took a message that asked for an answer (or did not). */
void uplink_status(struct uplink *uplink, uint64_t service, const struct link_status *status);
void uplink_service_gone(struct uplink *uplink, uint64_t service);

struct uplink_counts uplink_count(const struct uplink *uplink);
size_t uplink_waiting(const struct uplink *uplink);

#endif
