#ifndef BRAMBLE_SIMULATOR_DEVICE_LINK_PRIVATE_H
#define BRAMBLE_SIMULATOR_DEVICE_LINK_PRIVATE_H

#include "base/bytes.h"
#include "protocol/srp.h"
#include "simulator/device/device_link.h"

/* What device_link.c (the connection and its frames) and device_envelopes.c (what they carry) know of each other. */

struct device_link {
	struct loop *loop;
	struct device_link_settings settings;
	struct device_link_callbacks callbacks;
	void *ctx;
	char name[9];                     /* the PIN, for logs */
	struct connection *connection;
	struct redial *redial;
	struct loop_timer *watchdog;
	struct buf frame;                 /* what is sent, kept between messages */
	struct device_fate *fate;         /* NULL: no faults here */
	struct buf fragments;             /* the frames of one message, for its fate */
	bool gathers;                     /* them */
	uint32_t next_tag;
	unsigned silent_ticks;
	bool coverage, registered, paused, starved;
};

/* An envelope leaves, or is gathered with the other fragments of its message; what became of one that came. */
void device_link_say(struct device_link *link, struct bytes envelope);
void device_link_say_status(struct device_link *link, uint32_t tag, enum srp_status status);

/* An envelope has come. */
void device_link_take(struct device_link *link, const struct srp_data *data);
/* Seals a message; its fragments are said. -1 with a sentence. */
int device_link_seal(struct device_link *link, const struct channel_envelope *to, struct bytes clear, struct device_sealed *sealed,
	struct channel_sizes *sizes, struct error *err);

#endif
