#ifndef BRAMBLE_SIMULATOR_DEVICE_LINK_H
#define BRAMBLE_SIMULATOR_DEVICE_LINK_H

#include "base/io/loop.h"
#include "protocol/device_keys.h"

/* A device's wireless link: dials the Router, registers the PIN, seals and opens messages, counts their ids, and dials again
 * when the link is lost. What it carries is the IM client's business (device.h).
 * Source: document - PAT-COV, DOC-MSGKEY for what a device does; framing of this link is ours. */
struct device_link;

/* What a message was sealed as: by this the other end's answers are told from others. Zeroed: not on its way. */
struct device_sealed {
	uint32_t message_id, serial;      /* its number, and that of the key that counts it */
	uint8_t digest[GME_DIGEST];       /* of its first envelope */
};

/* A receipt or an error, decoded; lives until the callback returns. */
struct device_answer {
	const struct gme *gme;
	struct channel_key *proof;        /* the key by which it is proved; NULL: anybody could have made it */
};
/* Whether it is an answer to that message: proved by the key under which that was sealed, or, since not all who answer have the key, at
 * least by somebody who saw its first envelope. */
bool device_sealed_is_answered(const struct device_sealed *sealed, const struct device_answer *answer);

struct device_link_callbacks {
	void (*up)(void *ctx);                       /* the PIN is registered */
	void (*down)(void *ctx, const char *why);    /* it was up, and is not any more */
	void (*refused)(void *ctx, const char *why); /* the Router did not take the PIN, or could not be reached */
	/* A whole message was opened; clear lives until this returns. */
	void (*opened)(void *ctx, struct bytes clear, uint32_t message_id, const struct channel_sizes *sizes);
	void (*answered)(void *ctx, const struct device_answer *answer);    /* whatever it is to, and whoever made it */
	void (*drained)(void *ctx);                  /* sending is possible again after it was not */
};

struct device_link_settings {
	const char *router;               /* HOST:PORT */
	const char *source;               /* the local IP address to dial from; NULL: any */
	struct channel *channel;          /* shared by all devices of a process */
	struct device_identity *identity; /* the caller's; counted up here */
	/* Stores the identity's ceilings; -1 with a sentence. NULL: they live in memory only. */
	int (*store)(void *ctx, const struct device_identity *identity, struct error *err);
	void *store_ctx;
	struct trail *records;            /* hears of each message that was opened; NULL: nobody does */
	struct faults *faults;            /* device_faults_new's, shared by all devices of a process and outliving them; NULL: none */
};

/* Starts without coverage. */
struct device_link *device_link_new(struct loop *loop, const struct device_link_settings *settings,
	const struct device_link_callbacks *callbacks, void *ctx);
void device_link_free(struct device_link **link);

/* In coverage it dials, and dials again; out of it the link is cut without a goodbye, as radio does. */
void device_link_coverage(struct device_link *link, bool on);
bool device_link_has_coverage(const struct device_link *link);
bool device_link_is_up(const struct device_link *link);
bool device_link_can_send(const struct device_link *link);     /* up, and neither paused nor full */
const char *device_link_peer(const struct device_link *link);  /* "127.0.0.1:3101", or "" */

/* Seals one message for content id BBIM and sends it. -1 with a sentence: no link, no key, too large, ceilings not stored. */
int device_link_send(struct device_link *link, struct bytes clear, bool want_receipt, struct device_sealed *sealed,
	struct channel_sizes *sizes, struct error *err);

/* A proved "resume at": the counter of its key goes on above the ids that are used up at the other end. false: it asks for too much, or is
 * no number. */
bool device_link_resume(const struct device_answer *answer, uint32_t *last_id);

#endif
