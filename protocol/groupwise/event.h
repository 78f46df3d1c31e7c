#ifndef BRAMBLE_PROTOCOL_GROUPWISE_EVENT_H
#define BRAMBLE_PROTOCOL_GROUPWISE_EVENT_H

#include "protocol/groupwise/request.h"

/* Events: what the server sends unasked. u32 type, source DN, then by type: u16 status, conference id, u32 flags, text;
 * little-endian, no end mark. Source: capture (made and read by libpurple 2.14.12), code for the rest; see the table in event.c. */
enum gw_event_type {
	GW_EVENT_INVALID_RECIPIENT = 101, GW_EVENT_UNDELIVERABLE, GW_EVENT_STATUS, GW_EVENT_CONTACT_ADDED,
	GW_EVENT_CONFERENCE_CLOSED, GW_EVENT_JOINED, GW_EVENT_LEFT, GW_EVENT_MESSAGE, GW_EVENT_FILE,
	GW_EVENT_TYPING = 112, GW_EVENT_TYPING_STOPPED, GW_EVENT_ELSEWHERE, GW_EVENT_SERVER_DOWN,
	GW_EVENT_INVITATION = 117, GW_EVENT_OTHER_INVITED, GW_EVENT_REJECTED,
	GW_EVENT_AUTO_REPLY = 121, GW_EVENT_BROADCAST, GW_EVENT_SYSTEM_BROADCAST,
};

/* What an event of a type carries, in this order on the wire. */
enum { GW_EVENT_HAS_STATUS = 1, GW_EVENT_HAS_CONFERENCE = 2, GW_EVENT_HAS_FLAGS = 4, GW_EVENT_HAS_TEXT = 8 };

#define GW_EVENT_SOURCE_MAX 32767       /* bytes without the NUL, as the next two */
#define GW_EVENT_CONFERENCE_MAX 999
#define GW_EVENT_TEXT_MAX 131071
#define GW_EVENT_MAX (GW_EVENT_SOURCE_MAX + GW_EVENT_CONFERENCE_MAX + GW_EVENT_TEXT_MAX + 32)

struct gw_event {
	uint32_t type;
	struct bytes source;            /* DN of whom it is about; of a 118 the invited */
	uint16_t status;
	struct bytes conference;
	uint32_t flags;
	struct bytes text;              /* RTF in 108, plain in all others */
};

/* What the type carries, or -1 for types whose layout is not known. */
int gw_event_carries(uint32_t type);
/* "message"; NULL for unknown types. */
const char *gw_event_name(uint32_t type);
/* The lowest protocol version whose clients survive this type; UINT32_MAX if it must never be sent. */
uint32_t gw_event_min_build(uint32_t type);

/* Appends one event. A type that is not known, or texts over the bounds, are bug(): callers cut what comes from outside. */
void gw_event_encode(const struct gw_event *event, struct buf *out);
/* Borrows from raw. -1 with a sentence that names what is wrong where; trailing bytes are refused. */
int gw_event_decode(struct bytes raw, struct gw_event *out, struct error *err);
/* As gw_stream_split, events alone. */
ssize_t gw_event_split(struct bytes in, struct error *err);

void gw_event_dump(struct bytes raw, struct buf *out);

#endif
