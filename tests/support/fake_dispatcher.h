#ifndef BRAMBLE_TESTS_SUPPORT_FAKE_DISPATCHER_H
#define BRAMBLE_TESTS_SUPPORT_FAKE_DISPATCHER_H

#include "base/io/connection.h"
#include "protocol/im.h"
#include "protocol/link.h"

/* The dispatcher's end of port 3200, played by a test: it takes registrations, hands up what "devices" say, and answers what is
 * sent down by the coverage it was told. */
struct fake_dispatcher {
	struct loop *loop;
	struct listener *listener;
	struct connection *service;      /* the registered Collaboration Service; NULL: none */
	unsigned registrations;
	uint32_t next_transaction;
	bool silent;                     /* answers no DOWN at all */
	struct fake_pin { uint32_t pin; bool available; } pins[16];
	size_t pin_count;
	struct fake_down {
		uint32_t pin, tag, status;
		struct bytes clear;          /* owned */
		bool taken;                  /* by fake_dispatcher_take */
	} downs[1024];
	size_t down_count;
	/* What a member of the pool says. */
	struct fake_pool {
		uint32_t features, wants, health, number, role;
		unsigned healths, roles, moved;      /* how often */
		struct link_moved_device devices[LINK_MOVED_MAX];
		size_t device_count;
	} pool;
	struct buf out;
};

void fake_dispatcher_start(struct fake_dispatcher *d, struct loop *loop);
void fake_dispatcher_stop(struct fake_dispatcher *d);
const char *fake_dispatcher_address(const struct fake_dispatcher *d);
void fake_dispatcher_drop_service(struct fake_dispatcher *d);       /* closes the link; the listener stays */

void fake_dispatcher_coverage(struct fake_dispatcher *d, uint32_t pin, bool available);
/* Hands up one IM message of a device. Returns its transaction. */
uint32_t fake_dispatcher_up(struct fake_dispatcher *d, uint32_t pin, const struct wire_msg *msg, uint32_t sequence, const void *in);

/* Any other message of the link. */
void fake_dispatcher_say(struct fake_dispatcher *d, const struct wire_msg *msg, const void *in);

/* The first delivered message of a type for a PIN that no test has taken yet; decoded into out. false: none. */
bool fake_dispatcher_take(struct fake_dispatcher *d, uint32_t pin, const struct wire_msg *msg, uint32_t *sequence, void *out);
/* How many of a type went to a PIN and were delivered, taken or not. */
size_t fake_dispatcher_delivered(const struct fake_dispatcher *d, uint32_t pin, enum im_type type);

#endif
