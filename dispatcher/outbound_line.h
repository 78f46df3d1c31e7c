#ifndef BRAMBLE_DISPATCHER_OUTBOUND_LINE_H
#define BRAMBLE_DISPATCHER_OUTBOUND_LINE_H

#include <uthash.h>
#include <utlist.h>

#include "dispatcher/outbound.h"

/* Inside of outbound: what is kept per PIN, and how a message goes from one list of its line to the next.
 *
 *   queue -> (sealed) -> sending -> (not taken) -> queue
 *
 * Its service hears of a message once, when it leaves these lists.
 *
 * outbound.c moves envelopes, outbound_line.c messages. */
struct line;

struct message {
	struct message *prev, *next;           /* in one list of its line */
	struct line *line;
	uint64_t order, service;
	uint32_t transaction, message_id, serial;
	unsigned fragments, delivered, outstanding, reseals;
	bool is_failed, is_reseal_wanted;
	char content_id[65];
	size_t len;
	uint8_t clear[];
};

/* One envelope. */
struct item {
	struct item *prev, *next;              /* in its line, or among all outstanding ones by age */
	struct line *line;
	struct message *message;               /* NULL: a notice */
	uint32_t tag;
	unsigned router;
	uint64_t sent_ms;
	UT_hash_handle hh;                     /* outstanding ones, by tag */
	size_t len;
	uint8_t gme[];
};

/* All that is under way to one PIN. */
struct line {
	uint32_t pin;
	struct message *queue;                 /* not sealed yet */
	struct message *sending;               /* sealed, without outcome */
	struct item *notices, *ready;          /* envelopes for which the window has no room yet */
	struct item *under_way[SRP_WINDOW];    /* the outstanding ones, oldest first */
	unsigned waiting, notice_count, outstanding;
	bool owes_word;                        /* something went back although the PIN is covered: say so when there is room again */
	bool owes_late;                        /* the same after a moment, unless the PIN turns out not to be covered */
	UT_hash_handle hh;
};

struct outbound {
	struct loop *loop;
	struct channel *channel;
	struct device_keys *keys;
	struct coverage *coverage;
	struct trail *trail;
	struct outbound_settings settings;
	struct outbound_callbacks callbacks;
	void *ctx;
	struct line *lines;
	struct item *by_tag;
	struct item *outstanding;              /* oldest first */
	size_t outstanding_count, waiting, waiting_bytes;
	uint64_t order;
	uint32_t tag;
	struct loop_timer *deadline, *retry;
	struct outbound_counts counts;
};

struct line *outbound_line_find(const struct outbound *o, uint32_t pin);
struct line *outbound_line_get(struct outbound *o, uint32_t pin);
void outbound_line_tidy(struct outbound *o, struct line *line);       /* drops it if nothing is in it */
struct item *outbound_item_new(struct line *line, struct message *message, struct bytes gme);

void outbound_put_waiting(struct outbound *o, struct message *message);
void outbound_drop_waiting(struct outbound *o, struct message *message);
void outbound_drop_unsent(struct message *message);
bool outbound_has_unsent(const struct message *message);
/* Among those that are under way; ids count up per key, so the key's serial is part of the name. */
struct message *outbound_find_sealed(struct line *line, uint32_t message_id, uint32_t serial);

/* Not sealed, and not going to be: tells the outcome and frees it. */
void outbound_waiting_failed(struct outbound *o, struct message *message, enum srp_status status, const char *text);
/* Sealed, and not all of it was delivered: tells the outcome, unless it is to be sealed again; it is freed when its last envelope has come back. */
void outbound_sending_failed(struct outbound *o, struct message *message, enum srp_status status, const char *text);
/* No envelope of it is with the network any more: it was delivered, has failed, or is to be sealed again. */
void outbound_settled(struct outbound *o, struct message *message);
void outbound_note(struct outbound *o, const char *event, const struct message *message, const char *text);

#endif
