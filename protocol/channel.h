#ifndef BRAMBLE_PROTOCOL_CHANNEL_H
#define BRAMBLE_PROTOCOL_CHANNEL_H

#include "protocol/gme_answer.h"
#include "protocol/gme.h"
#include "protocol/pack.h"
#include "protocol/packet.h"
#include "protocol/replay.h"

/* The way of a message, and the only code that knows the order of its layers:
 *
 *   seal: message -> deflate -> slices of 2 KB -> encrypt each under its own message key -> envelopes
 *   open: envelope -> decrypt -> slices together -> inflate -> message
 *
 * Device simulator, dispatcher, decoder and tests share it. */

/* What a process needs once. */
struct channel;
struct channel *channel_new(void);
void channel_free(struct channel **channel);

/* One transport key with its counters, and its state. Source: document [STO-B 21] for the three states. */
enum channel_key_state { CHANNEL_KEY_NONE, CHANNEL_KEY_PENDING, CHANNEL_KEY_CURRENT, CHANNEL_KEY_PREVIOUS };
struct channel_key {
	struct packet_key key;
	enum channel_key_state state;
	uint32_t serial;
	struct replay_window receive;
	struct replay_counter send;
};

#define CHANNEL_KEYS 3

/* The other end of a channel: its keys and the message that is coming in pieces. Zeroed is a valid peer without keys. */
struct channel_peer {
	struct channel_key keys[CHANNEL_KEYS];
	unsigned suites;                 /* what this side allows (mask); a packet under another suite is refused */
	struct {                         /* reassembly: one message at a time per peer */
		uint32_t message_id;
		uint32_t serial;
		uint16_t count, have;
		bool deflated;
		uint32_t clear_len;
		uint64_t present;        /* bit per fragment */
		size_t sealed;           /* bytes of the envelopes so far */
		struct buf slices[GME_FRAGMENTS_MAX];
	} *parts;
};
void channel_peer_free(struct channel_peer *peer);       /* wipes the keys */
struct channel_key *channel_peer_key(struct channel_peer *peer, enum channel_key_state state);   /* or NULL */

/* What a message weighed on its way, for traces. */
struct channel_sizes { size_t clear, packed, sealed; unsigned fragments; enum packet_suite suite; };

struct channel_envelope {
	struct gme_address source, destination;
	const char *content_id;
	unsigned flags;                  /* GME_RECEIPT_WANTED */
};

/* Seals one message under the current key and hands each finished envelope to emit. Takes one message id.
 * CHANNEL_COMMIT_FIRST when the counter's ceiling must be stored first; CHANNEL_NO_KEY; CHANNEL_TOO_LARGE. */
enum channel_result {
	CHANNEL_OK,               /* seal: done. open: *out is a whole message */
	CHANNEL_PART,             /* open: a fragment was kept, more must come */
	CHANNEL_DUPLICATE,        /* open: seen before; answer its receipt again and do nothing else */
	CHANNEL_RESUME,           /* open: answer GME_RESUME_AT with resume_at */
	CHANNEL_COMMIT_FIRST,     /* store the wanted ceiling, then call again with the same message */
	CHANNEL_NO_KEY,           /* open: unknown key id; seal: no current key */
	CHANNEL_BAD,              /* open: cannot be opened; one answer for every reason */
	CHANNEL_TOO_LARGE,
};
const char *channel_result_text(enum channel_result result);

enum channel_result channel_seal(struct channel *channel, struct channel_peer *peer, const struct channel_envelope *to,
	struct bytes clear, void (*emit)(void *ctx, struct bytes envelope), void *ctx, uint32_t *message_id,
	struct channel_sizes *sizes);

struct channel_opened {
	struct bytes clear;              /* lives until the channel's next call */
	struct channel_sizes sizes;
	struct channel_key *key;         /* the one it came under */
	bool key_promoted;               /* it was the pending one and is now current: the caller stores that */
	uint32_t resume_at;
	bool is_part;                    /* with CHANNEL_DUPLICATE: a fragment of a message that is not whole yet, so that no
	                                  * receipt is due */
};

/* Opens one decoded envelope of kind message. Accepts the message id only when the whole message was opened.
 * Fragments come in any order, of one message at a time: a fragment of another message discards what was unfinished, which
 * is at most GME_FRAGMENTS_MAX slices. A packet opens under the current, the previous or the pending key; how old the
 * previous one may be is the caller's business. Nothing of a message is believed, and no memory kept, before its packet
 * opened. out->key is set for CHANNEL_OK, _PART, _DUPLICATE, _RESUME and _COMMIT_FIRST. */
enum channel_result channel_open(struct channel *channel, struct channel_peer *peer, const struct gme *envelope,
	struct channel_opened *out);

/* The key that a message names, to prove an answer to it; NULL: none of the peer's. */
const struct packet_key *channel_answer_key(struct channel_peer *peer, const struct gme *message);
/* The key by which the peer has proved its receipt or error; NULL: anybody could have made it. */
struct channel_key *channel_proof(struct channel_peer *peer, const struct gme *answer);

#endif
