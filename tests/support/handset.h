#ifndef BRAMBLE_TESTS_SUPPORT_HANDSET_H
#define BRAMBLE_TESTS_SUPPORT_HANDSET_H

#include "base/io/connection.h"
#include "simulator/device/device.h"

/* The simulated device against a router, dispatcher and service in one, scripted by the test, on a manual clock. */
#define HANDSET_PIN 0x2100000Au
#define HANDSET_SESSION 5u

struct handset {
	struct loop *loop;
	struct listener *listener;
	struct connection *peer;          /* the device, as the router sees it */
	struct channel *channel;
	struct device_identity mine, its; /* the same keys, counted at each end */
	struct device *device;
	uint64_t now_ms;
	unsigned links;                   /* how often the HANDSET_PIN was registered */
	bool deny;                        /* answer REGISTER with a refusal */
	bool store_fails;
	struct buf heard;                 /* what the device said: one dump per line */
	uint32_t heard_id;                /* message id of the last */
	struct buf heard_envelope;        /* and its envelope, as it came */
	struct gme_address device_address, service_address;
	struct buf told;                  /* the device's events: one line each */
};

int handset_set_up(void **state);
int handset_tear_down(void **state);

/* Runs rounds until the text is among what was heard or told; takes it out of there, with all before it. */
void handset_await(struct handset *b, struct buf *where, const char *text);
void handset_never(struct handset *b, struct buf *where, const char *text);
void handset_settle(struct handset *b);       /* everything that is under way has arrived */
void handset_pass_ms(struct handset *b, uint64_t ms);
void handset_await_links(struct handset *b, unsigned links);

/* What a call of the device must have come to. */
void handset_ok(int status, const struct error *err);
void handset_refused(int status, const struct error *err, const char *want);

/* The service's side. */
void handset_frame_out(struct handset *b, const struct wire_msg *msg, const void *in);
void handset_say(struct handset *b, const struct wire_msg *msg, uint32_t sequence, const void *in);
void handset_return_error(struct handset *b, uint32_t message_id, enum gme_error_code code, const char *text);
void handset_receipt(struct handset *b, uint32_t message_id);
/* An answer of somebody on the way. seen: the envelope that it names; key: what he says to be the device's, or NULL; code 0: a receipt. */
void handset_forge(struct handset *b, uint32_t message_id, struct bytes seen, const struct packet_key *key, enum gme_error_code code,
	const char *text);
void handset_acknowledge(struct handset *b, uint32_t own_sequence, uint32_t sequence, uint32_t code);
void handset_cut_link(struct handset *b);

/* The user's. */
uint32_t handset_login_sequence(struct handset *b);      /* the first LOGIN has arrived */
void handset_type_login(struct handset *b);
void handset_log_in(struct handset *b);
void handset_type_message(struct handset *b, const char *text);

#endif
