#ifndef BRAMBLE_TESTS_SUPPORT_DISPATCHER_SCENE_H
#define BRAMBLE_TESTS_SUPPORT_DISPATCHER_SCENE_H

#include "base/io/connection.h"
#include "db/config.h"
#include "dispatcher/dispatcher.h"
#include "protocol/channel.h"
#include "protocol/link.h"
#include "protocol/srp.h"

/* A Dispatcher with a real database, between routers, services and devices that say exactly what a script gives them, all on one
 * loop with a clock moved by hand. Whatever is awaited fails the cmocka test after five seconds. */

#define ALICE 0x2100000Au
#define BOB 0x2100000Bu
#define NOBODY 0x21000FFFu
#define SRP_ID "T00000001"

/* One side of a connection: what came, in order. */
struct raw {
	const char *name;
	struct connection *c;
	struct buf frames[128];
	unsigned came, taken;
	bool is_up, is_closed;
	bool keeps_marks;                /* which are answered by themselves else, and not among the frames */
};

struct scene {
	struct loop *loop;
	struct db *db;
	char folder[64];
	struct dispatcher_settings set;
	struct dispatcher *dispatcher;
	struct channel *channel;         /* of the devices */
	struct listener *routers[2];
	struct raw router[2];            /* the Dispatcher's connection to each */
	unsigned dials[2];
	uint8_t srp_key[SRP_KEY_SIZE];
	struct channel_peer alice, bob;
};

struct scene *scene_new(void);                   /* database with server, alice (AES), bob (3DES alone); nothing runs yet */
void scene_start(struct scene *s, unsigned routers);       /* the Dispatcher, and scripted routers that listen */
struct raw *scene_ready(struct scene *s, uint32_t pin, uint32_t pin2);   /* with one router, these PINs and a service "im" */
void scene_stop(struct scene *s);                /* ends the Dispatcher; the database stays */
void scene_free(struct scene **s);
int scene_begin(void **state);                   /* for cmocka: *state is a new scene, and gone at the end */
int scene_finish(void **state);

#define scene_await(s, condition) \
	do { \
		uint64_t await_until = loop_real_us() + 5000000; \
		while (!(condition)) { \
			if (loop_real_us() > await_until) \
				fail_msg("line %d: did not come true: %s", __LINE__, #condition); \
			loop_round((s)->loop, 20); \
		} \
	} while (0)
void scene_settle(struct scene *s);              /* until nothing happens any more */
uint64_t scene_count(struct scene *s, const char *name);   /* a counter of the Dispatcher */
uint64_t scene_number(struct scene *s, const char *name);  /* another number of its status */

/* The handshake of a router that knows the key; then it tells that these PINs are covered (0 ends them). */
void router_accept(struct scene *s, unsigned router, uint32_t pin, uint32_t pin2);
void router_covers(struct scene *s, unsigned router, uint32_t pin, bool available);
void router_brings(struct scene *s, unsigned router, uint32_t pin, struct bytes gme);
void router_says(struct scene *s, unsigned router, uint32_t tag, enum srp_status status);

struct raw *service_dial(struct scene *s, const char *name);
struct raw *service_registers(struct scene *s, const char *instance);    /* and takes the list of coverage */
void service_sends(struct raw *service, uint32_t pin, uint32_t transaction, struct bytes clear);
void raw_free(struct raw **raw);
void raw_forget(struct raw *raw);                /* what came so far */

void raw_say(struct raw *raw, const struct wire_msg *msg, const void *in);
void raw_say_hex(struct raw *raw, const char *hex);
/* The next frame must be this message; decoded. It borrows from the raw. */
void raw_expect(struct scene *s, struct raw *raw, const struct wire_msg *msg, void *out);
void raw_expect_closed(struct scene *s, struct raw *raw);
void raw_expect_nothing(struct scene *s, struct raw *raw);

/* What the service hears next. */
void expect_status(struct scene *s, struct raw *service, uint32_t transaction, enum srp_status status);
void expect_coverage(struct scene *s, struct raw *service, uint32_t pin, uint32_t available);
void expect_up(struct scene *s, struct raw *service, uint32_t pin, const char *clear);
struct bytes noise(size_t len);                  /* does not shrink; at most 20000, the same each time */

/* The device's side. */
void device_start(struct channel_peer *peer, uint32_t pin, uint32_t serial, unsigned suites);
struct sealed { struct buf envelopes[GME_FRAGMENTS_MAX]; unsigned count; uint32_t id; };
void device_seals(struct scene *s, struct channel_peer *peer, uint32_t pin, const char *content_id, unsigned flags,
	struct bytes clear, struct sealed *out);
void device_sends(struct scene *s, struct channel_peer *peer, uint32_t pin, struct bytes clear);    /* sealed, BBIM, by router 0 */
void sealed_free(struct sealed *sealed);
/* Opens what a SEND holds. */
enum channel_result device_opens(struct scene *s, struct channel_peer *peer, const struct srp_send *send,
	struct channel_opened *opened);
/* The next SEND at router 0 must be an error envelope of this code; returns its text's number. */
unsigned long expect_gme_error(struct scene *s, uint32_t pin, enum gme_error_code code);
void expect_receipt(struct scene *s, uint32_t pin, uint32_t message_id);

#endif
