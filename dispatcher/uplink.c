#include "dispatcher/uplink.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "base/log.h"
#include "base/memory.h"

/* All ours. */
#define WAITING_HIGH 1024        /* envelopes that wait for the database: beyond, no more is taken in */
#define WAITING_LOW 256
#define TAKEN_MAX 8192           /* messages whose service has yet to say that it took them */

/* An envelope that waits for its device's keys or ceiling. */
struct job {
	struct job *prev, *next;
	size_t len;
	uint8_t gme[];
};

/* A receipt that goes out when the service says that it took the message. */
struct untaken {
	struct { uint32_t pin, transaction; } key;
	uint64_t service;
	struct buf receipt;
	UT_hash_handle hh;
};

struct uplink {
	struct channel *channel;
	struct device_keys *keys;
	struct outbound *outbound;
	struct service_listener *services;
	struct trail *trail;
	const char *srp_id;
	uplink_full_fn *full;
	void *ctx;
	bool is_full;
	size_t waiting;
	struct untaken *untaken;         /* oldest first */
	struct buf out;
	struct uplink_counts counts;
};

/* --- answers to the device ------------------------------------------------------------------------------------------------ */

/* What proves an answer to this envelope; NULL: its key is not here. */
static const struct packet_key *answer_key(struct uplink *u, uint32_t pin, const struct gme *gme)
{
	struct device *device = device_keys_find(u->keys, pin);

	return device ? channel_answer_key(&device->peer, gme) : NULL;
}

static void refuse(struct uplink *u, uint32_t pin, const struct gme *gme, enum gme_error_code code, const char *text,
	const char *why)
{
	struct trail_entry entry = { .event = "refused", .pin = pin, .transaction = gme->message_id };

	u->counts.refused[code]++;
	log_warning("message refused pin=%s id=%u error=%s why=%s", pin_text(pin), gme->message_id, gme_error_text(code),
		log_str(why));
	entry.numbers[0].name = "error";
	entry.numbers[0].value = code;
	trail_text(&entry, "why=%s", log_str(why));
	trail_note(u->trail, &entry);
	buf_clear(&u->out);
	gme_answer_error(gme, answer_key(u, pin, gme), code, text, &u->out);
	outbound_notice(u->outbound, pin, buf_bytes(&u->out));
}

static void send_receipt(struct uplink *u, uint32_t pin, struct bytes receipt)
{
	u->counts.receipts++;
	outbound_notice(u->outbound, pin, receipt);
}

static void untaken_free(struct uplink *u, struct untaken *untaken)
{
	HASH_DEL(u->untaken, untaken);
	buf_free(&untaken->receipt);
	free(untaken);
}

static struct untaken *untaken_find(struct uplink *u, uint32_t pin, uint32_t transaction)
{
	struct untaken probe = { .key = { pin, transaction } }, *found;

	HASH_FIND(hh, u->untaken, &probe.key, sizeof probe.key, found);
	return found;
}

static void await_taking(struct uplink *u, uint32_t pin, const struct gme *gme, uint64_t service)
{
	struct untaken *untaken = untaken_find(u, pin, gme->message_id);

	if (untaken)
		untaken_free(u, untaken);
	else if (HASH_COUNT(u->untaken) >= TAKEN_MAX)
		untaken_free(u, u->untaken);
	untaken = memory_new(sizeof *untaken);
	untaken->key.pin = pin;
	untaken->key.transaction = gme->message_id;
	untaken->service = service;
	gme_answer_receipt(gme, answer_key(u, pin, gme), &untaken->receipt);
	HASH_ADD(hh, u->untaken, key, sizeof untaken->key, untaken);
}

void uplink_status(struct uplink *u, uint64_t service, const struct link_status *status)
{
	struct untaken *untaken = untaken_find(u, status->pin, status->transaction);

	if (!untaken || untaken->service != service) {
		log_debug("status for nothing pin=%s transaction=%u", pin_text(status->pin), status->transaction);
		return;
	}
	if (status->status == SRP_DELIVERED)
		send_receipt(u, status->pin, buf_bytes(&untaken->receipt));
	else
		log_info("message not taken pin=%s id=%u status=%s text=%s", pin_text(status->pin), status->transaction,
			srp_status_text(status->status), log_value(status->text));
	untaken_free(u, untaken);
}

void uplink_service_gone(struct uplink *u, uint64_t service)
{
	struct untaken *untaken, *next;

	HASH_ITER(hh, u->untaken, untaken, next)
		if (untaken->service == service)
			untaken_free(u, untaken);
}

/* --- one message ------------------------------------------------------------------------------------------------------------ */

static void note_opened(struct uplink *u, const struct device *device, const struct gme *gme,
	const struct channel_opened *opened)
{
	struct trail_entry entry = {
		.event = "opened", .pin = device->pin, .transaction = gme->message_id,
		.numbers = { { "clear", opened->sizes.clear }, { "packed", opened->sizes.packed }, { "sealed", opened->sizes.sealed },
			{ "fragments", opened->sizes.fragments }, { "key", opened->key->serial } },
	};

	trail_text(&entry, "user=%s suite=%s content=%s", log_str(device->user), packet_suite_name(opened->sizes.suite),
		log_value(gme->content_ids));
	trail_note(u->trail, &entry);
	log_debug("opened pin=%s id=%u user=%s clear=%zu packed=%zu sealed=%zu suite=%s", pin_text(device->pin), gme->message_id,
		log_str(device->user), opened->sizes.clear, opened->sizes.packed, opened->sizes.sealed,
		packet_suite_name(opened->sizes.suite));
}

/* The service for one of the content ids, and which of them it was. */
static struct link_service *service_for(struct uplink *u, const struct gme *gme, uint64_t wanted)
{
	struct link_service *service = NULL, *each = NULL;

	while (!service && (each = link_service_next(u->services, each)))
		if (gme_has_content(gme, link_service_content_id(each)))
			service = link_service_pick(u->services, link_service_content_id(each), wanted);
	return service;
}

static void hand_over(struct uplink *u, struct device *device, const struct gme *gme, const struct channel_opened *opened,
	struct link_service *service)
{
	struct link_up up = {
		.pin = device->pin, .user = bytes_str(device->user), .transaction = gme->message_id,
		.flags = gme->flags & GME_RECEIPT_WANTED ? 1 : 0,
		.packed_len = (uint32_t)opened->sizes.packed, .sealed_len = (uint32_t)opened->sizes.sealed,
		.content_id = bytes_str(link_service_content_id(service)), .clear = opened->clear,
	};

	if (opened->clear.len > LINK_CLEAR_MAX) {
		refuse(u, device->pin, gme, GME_TOO_LARGE, "", "larger than the link to the service takes");
		return;
	}
	device->service = link_service_id(service);
	device->instance = link_service_instance_tag(service);
	if (up.flags)
		await_taking(u, device->pin, gme, device->service);
	link_service_hand_up(service, &up);
}

static void duplicate(struct uplink *u, uint32_t pin, const struct gme *gme, bool is_part)
{
	u->counts.duplicates++;
	trail_record(u->trail, &(struct trail_entry){ .event = "replayed", .pin = pin, .transaction = gme->message_id });
	/* Its receipt may have been lost on the way; one that is not due yet comes when the service has taken the message. */
	if (is_part || !(gme->flags & GME_RECEIPT_WANTED) || untaken_find(u, pin, gme->message_id))
		return;
	buf_clear(&u->out);
	gme_answer_receipt(gme, answer_key(u, pin, gme), &u->out);
	send_receipt(u, pin, buf_bytes(&u->out));
}

static bool content_is_known(const struct gme *gme)
{
	struct bytes ids = gme->content_ids;
	size_t start = 0;

	for (size_t i = 0; i <= ids.len; i++) {
		if (i < ids.len && ids.data[i] != ',')
			continue;
		if (content_id_known(bytes_slice(ids, start, i - start)))
			return true;
		start = i + 1;
	}
	return false;
}

/* Opens a message of a device whose keys are there. false: its ceiling must be stored or its keys be read first, then again. */
static bool process(struct uplink *u, struct device *device, const struct gme *gme)
{
	struct link_service *service = service_for(u, gme, device->service);
	struct channel_opened opened;
	enum channel_result result;
	char at[16];

	/* Asked first: without a service the message id must not be used up. */
	if (!service) {
		bool is_known = content_is_known(gme);

		refuse(u, device->pin, gme, is_known ? GME_NO_SERVICE : GME_UNKNOWN_CONTENT, "",
			is_known ? "the service is not connected" : "no service has this content id");
		return true;
	}
	if (device->state == DEVICE_UNKNOWN) {
		if (device_keys_reread(u->keys, device))
			return false;
		refuse(u, device->pin, gme, GME_UNKNOWN_KEY, "", "no user has this PIN");
		return true;
	}
	if (device->state == DEVICE_FAILED) {
		refuse(u, device->pin, gme, GME_NO_SERVICE, "", "the database is not available");
		return true;
	}
	result = channel_open(u->channel, &device->peer, gme, &opened);
	switch (result) {
	case CHANNEL_OK:
		u->counts.opened++;
		note_opened(u, device, gme, &opened);
		device_keys_settle(u->keys, device, opened.key, opened.key_promoted);
		hand_over(u, device, gme, &opened, service);
		break;
	case CHANNEL_PART:
		u->counts.parts++;
		break;
	case CHANNEL_DUPLICATE:
		duplicate(u, device->pin, gme, opened.is_part);
		break;
	case CHANNEL_RESUME:
		u->counts.resumed++;
		snprintf(at, sizeof at, "%u", opened.resume_at);
		refuse(u, device->pin, gme, GME_RESUME_AT, at, "message ids up to the stored ceiling are used up");
		break;
	case CHANNEL_COMMIT_FIRST:
		device_keys_commit(u->keys, device, opened.key, DB_KEY_RECEIVE, gme->message_id);
		return false;
	case CHANNEL_NO_KEY:
		if (device_keys_reread(u->keys, device))
			return false;
		refuse(u, device->pin, gme, GME_UNKNOWN_KEY, "", "unknown key id");
		break;
	case CHANNEL_TOO_LARGE:
		refuse(u, device->pin, gme, GME_TOO_LARGE, "", "claims more than the largest message");
		break;
	default:
		refuse(u, device->pin, gme, GME_BAD_FORMAT, "", "cannot be opened");
		break;
	}
	return true;
}

/* --- waiting ------------------------------------------------------------------------------------------------------------------ */

static void tell_full(struct uplink *u)
{
	bool is_full = u->is_full ? u->waiting > WAITING_LOW : u->waiting > WAITING_HIGH;

	if (is_full == u->is_full)
		return;
	u->is_full = is_full;
	u->full(u->ctx, is_full);
}

static void wait_for(struct uplink *u, struct device *device, const struct gme *gme)
{
	size_t len = gme->header.len + gme->payload.len;
	struct job *job = memory_new(sizeof *job + len), *jobs = device->waiting;

	job->len = len;
	memcpy(job->gme, gme->header.data, len);
	DL_APPEND(jobs, job);
	device->waiting = jobs;
	u->waiting++;
	tell_full(u);
}

void uplink_continue(struct uplink *u, struct device *device)
{
	struct job *jobs = device->waiting;

	while (jobs && !device_is_busy(device)) {
		struct job *job = jobs;
		struct gme gme;

		if (gme_decode(bytes_of(job->gme, job->len), &gme, NULL))
			bug("an envelope changed while it waited");
		if (!process(u, device, &gme))
			break;
		jobs = device->waiting;
		DL_DELETE(jobs, job);
		device->waiting = jobs;
		free(job);
		u->waiting--;
	}
	tell_full(u);
}

/* --- one envelope --------------------------------------------------------------------------------------------------------------- */

/* Why a device did not take a message. That it did not, the Router's STATUS says; but only what the device has proved moves the numbers. */
static void on_error(struct uplink *u, uint32_t pin, const struct gme *gme)
{
	struct device *device = device_keys_find(u->keys, pin);
	struct channel_key *key = device ? channel_proof(&device->peer, gme) : NULL;
	char text[16];
	unsigned long at;
	char *end;

	u->counts.errors_received++;
	if (key && gme->error_code == GME_RESUME_AT && bytes_copy_str(gme->error_text, text, sizeof text)) {
		at = strtoul(text, &end, 10);
		if (*text && !*end && at <= UINT32_MAX && outbound_resume(u->outbound, pin, key, gme->message_id, (uint32_t)at)) {
			log_info("message sealed again pin=%s id=%u resume_at=%lu", pin_text(pin), gme->message_id, at);
			return;
		}
	}
	log_warning("device refused a message pin=%s id=%u error=%s text=%s proved=%s", pin_text(pin), gme->message_id,
		gme_error_text(gme->error_code), log_value(gme->error_text), key ? "yes" : "no");
}

void uplink_receive(struct uplink *u, uint32_t pin, struct bytes raw)
{
	struct device *device;
	struct error err;
	struct gme gme;

	if (gme_decode(raw, &gme, &err)) {
		u->counts.refused[0]++;
		log_warning("envelope refused pin=%s why=%s", pin_text(pin), log_str(err.text));
		return;
	}
	if (!gme.source.is_pin || gme.source.pin != pin) {
		u->counts.refused[0]++;
		log_warning("envelope refused pin=%s why=\"its source is another address\"", pin_text(pin));
		return;
	}
	if (gme.kind == GME_ERROR) {
		on_error(u, pin, &gme);
		return;
	}
	if (gme.kind == GME_DELIVERED)
		return;      /* none is asked for: the network's word is what counts */
	if (!bytes_is(gme.destination.srp_id, u->srp_id)) {
		refuse(u, pin, &gme, GME_NOT_PERMITTED, "", "it is for another service");
		return;
	}
	device = device_keys_get(u->keys, pin);
	if (device->waiting || device_is_busy(device) || !process(u, device, &gme))
		wait_for(u, device, &gme);
}

/* --- life -------------------------------------------------------------------------------------------------------------------------- */

struct uplink *uplink_new(struct channel *channel, struct device_keys *keys, struct outbound *outbound,
	struct service_listener *services, struct trail *trail, const char *srp_id, uplink_full_fn *full, void *ctx)
{
	struct uplink *u = memory_new(sizeof *u);

	u->channel = channel;
	u->keys = keys;
	u->outbound = outbound;
	u->services = services;
	u->trail = trail;
	u->srp_id = srp_id;
	u->full = full;
	u->ctx = ctx;
	return u;
}

static void drop_waiting(struct device *device)
{
	struct job *jobs = device->waiting, *job, *next;

	DL_FOREACH_SAFE(jobs, job, next)
		free(job);
	device->waiting = NULL;
}

void uplink_free(struct uplink **u_at)
{
	struct uplink *u = *u_at;
	struct untaken *untaken, *next;

	if (!u)
		return;
	*u_at = NULL;
	for (struct device *device = device_keys_next(u->keys, NULL); device; device = device_keys_next(u->keys, device))
		drop_waiting(device);
	HASH_ITER(hh, u->untaken, untaken, next)
		untaken_free(u, untaken);
	buf_free(&u->out);
	free(u);
}

struct uplink_counts uplink_count(const struct uplink *u)
{
	return u->counts;
}

size_t uplink_waiting(const struct uplink *u)
{
	return u->waiting;
}
