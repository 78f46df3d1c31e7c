#ifndef BRAMBLE_TESTS_SUPPORT_ROUTER_SCENE_H
#define BRAMBLE_TESTS_SUPPORT_ROUTER_SCENE_H

#include "base/io/connection.h"
#include "protocol/gme.h"
#include "protocol/srp.h"
#include "router/router.h"

/* The Router on one loop with a clock moved by hand, and raw peers that say exactly what a script gives them. It knows two services:
 * T00000001 and T00000002, each with its key. Whatever is awaited fails the cmocka test after five seconds. */

#define PIN_A 0x2100000aU
#define PIN_B 0x2100000bU

/* The keys of the two: the first is the reference's, and so is the challenge. */
#define SRP_PEER_KEY "000102030405060708090a0b0c0d0e0f10111213"
#define SRP_PEER_KEY2 "131211100f0e0d0c0b0a09080706050403020100"
#define SRP_PEER_CHALLENGE "b0b1b2b3b4b5b6b7b8b9babbbcbdbebf454d554245533031"

/* There is one at a time: who ends its router starts another. */
extern struct router_scene {
	struct loop *loop;
	struct router_settings set;
	struct router *router;
} router_scene;

int router_scene_make_folder(void **state);      /* for cmocka, around all tests: where the Router's files are */
int router_scene_remove_folder(void **state);
int router_scene_begin(void **state);            /* and around each: a Router that runs, with nothing stored */
int router_scene_finish(void **state);
void router_scene_write_identities(const char *text);      /* the whole file; the Router has not read it yet */
void router_scene_start(void);                   /* the Router anew, with the settings as they are now */
void router_scene_settle(void);                  /* until nothing happens any more: for showing that something did not come */
void router_scene_advance(uint64_t ms);
uint64_t router_scene_number(const char *key);   /* of the Router's status */

/* --- a raw peer --- */

#define SRP_PEER_FRAMES 512

struct srp_peer {
	struct connection *c;
	struct buf frames[SRP_PEER_FRAMES];      /* what came, in order */
	unsigned came, taken;
	bool is_closed;
	const char *name;
};

struct srp_peer *srp_peer_dial(const char *name);
struct srp_peer *srp_peer_dial_to(const char *name, const char *address);
void srp_peer_hang_up(struct srp_peer **raw);

void srp_peer_say(struct srp_peer *raw, const struct wire_msg *msg, const void *in);
void srp_peer_say_hex(struct srp_peer *raw, const char *hex);
/* It borrows from the peer; wanted is for the sentence when none comes. */
struct bytes srp_peer_next_frame(struct srp_peer *raw, const char *wanted);
/* The next frame, written as its dump: a '*' at the end stands for anything. */
void srp_peer_expect(struct srp_peer *raw, const char *format, ...) __attribute__((format(printf, 2, 3)));
void srp_peer_expect_closed(struct srp_peer *raw);         /* with no frame before it that was not taken */
void srp_peer_expect_nothing(struct srp_peer *raw);

void srp_peer_send_connect(struct srp_peer *raw, struct bytes value);
/* Claims, challenges, and answers the Router's challenge under the key; leaves the answer to that to the caller. */
void srp_peer_handshake(struct srp_peer *raw, const char *id, const char *key_hex);
void srp_peer_send_register(struct srp_peer *raw, uint32_t pin, const char *id);
/* Accepted; the service has also been told to forget all coverage: the list follows. */
struct srp_peer *service_up(const char *name, const char *id);
struct srp_peer *device_up(const char *name, uint32_t pin, const char *id);

/* An envelope from the PIN to the service, or down from the service to the PIN, appended. */
void srp_peer_envelope(bool up, uint32_t pin, const char *id, uint32_t message_id, struct buf *out);
void srp_peer_send_up(struct srp_peer *raw, uint32_t tag, uint32_t pin, const char *id);

#endif
