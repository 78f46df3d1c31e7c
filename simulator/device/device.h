#ifndef BRAMBLE_SIMULATOR_DEVICE_H
#define BRAMBLE_SIMULATOR_DEVICE_H

#include "protocol/im.h"
#include "simulator/device/device_blocks.h"
#include "simulator/device/device_contacts.h"
#include "simulator/device/device_faults.h"
#include "simulator/device/device_link.h"
#include "simulator/device/device_rooms.h"

/* A simulated BlackBerry with its IM client: log in, say things, show what comes, tell the service that it is still there, and go on
 * with the same session when its link was lost and is back.
 * Source: document - what the client does [FTO-7325][FTO5 32]; its messages, its states and the 60 seconds are ours. */
struct device;

enum device_state {
	DEVICE_LOGGED_OUT,
	DEVICE_LOGGING_IN,
	DEVICE_ONLINE,
	DEVICE_WAITING,          /* a session, and no link to use it */
	DEVICE_LOGGING_OUT,
};
const char *device_state_name(enum device_state state);     /* "logging-in" */

enum device_event_type {
	DEVICE_EVENT_LINK_UP,         /* peer */
	DEVICE_EVENT_LINK_DOWN,       /* text: why */
	DEVICE_EVENT_LINK_REFUSED,    /* text: why */
	DEVICE_EVENT_COVERAGE,        /* code: 1 in coverage, 0 out of it */
	DEVICE_EVENT_LOGIN_SENT,      /* user, transaction, sizes, peer */
	DEVICE_EVENT_LOGIN_OK,        /* session, name, login_id, transaction, elapsed_us, sizes of the answer; code: 1 the password may not be kept */
	DEVICE_EVENT_LOGIN_FAILED,    /* code (0: no answer of the service), text: what the screen shows, reason, login_id, elapsed_us */
	DEVICE_EVENT_SENT,            /* message, sequence, user: to whom (may be empty), room, transaction, sizes */
	DEVICE_EVENT_ACK,             /* message, sequence, code, user, room, text, elapsed_us since it was first sent */
	DEVICE_EVENT_MESSAGE,         /* user, name, text, sequence, what: kind */
	DEVICE_EVENT_PRESENCE,        /* user, code: presence, text */
	DEVICE_EVENT_CONTACTS,        /* contacts, as they came */
	DEVICE_EVENT_TYPING,          /* user, room (0: to the user alone), code: 1 began, 0 stopped */
	DEVICE_EVENT_ROOM_OPENING,    /* room: the user makes it; text: who is invited */
	DEVICE_EVENT_ROOM,            /* room, what: happening, user, name, text */
	DEVICE_EVENT_ROOM_MESSAGE,    /* room, user, name, text, sequence */
	DEVICE_EVENT_CONTACT,         /* contacts: the one that changed; what, code: action */
	DEVICE_EVENT_BLOCK,           /* user (empty: everybody else), code: 1 blocked, 0 allowed */
	DEVICE_EVENT_SEARCH_RESULT,   /* sequence of the search, contacts; reason when there was no answer */
	DEVICE_EVENT_IDLE,            /* code: 1 idle, because the device was not used; 0 back */
	DEVICE_EVENT_LOGIN_AGAIN,     /* user, code: in how many ms it logs in by itself */
	DEVICE_EVENT_WAITING,         /* session: the link is gone */
	DEVICE_EVENT_RESUMED,         /* session: the link is back */
	DEVICE_EVENT_STATUS_SENT,     /* session, sequence */
	DEVICE_EVENT_FORCED_LOGOUT,   /* session, code: reason, text */
	DEVICE_EVENT_PLEASE_LOGIN,    /* session: the one that is over; text; code: 1 the device does it by itself */
	DEVICE_EVENT_LOGGED_OUT,      /* session */
	DEVICE_EVENT_RETURNED,        /* transaction, code: enum gme_error_code, text */
	DEVICE_EVENT_COUNT,
};
const char *device_event_name(enum device_event_type type);   /* "login-sent" */

struct device_event {
	enum device_event_type type;
	uint64_t at_us;                /* loop_real_us() */
	uint32_t pin, session, sequence, transaction, code;
	uint32_t room;                 /* its number, or 0 */
	enum im_type message;          /* which message was sent or answered */
	const char *what;
	uint64_t elapsed_us;
	struct channel_sizes sizes;
	struct bytes user, name, text, login_id; /* borrowed until the call returns */
	const char *reason;
	const char *peer;
	const struct im_contact *contacts;
	size_t contact_count;
	bool more;                     /* contacts go on in the next event */
	bool quiet;                    /* nothing changed by it: a person need not see it */
};

struct device_settings {
	const char *router;                 /* HOST:PORT */
	const char *source;                 /* the local IP address to dial from; NULL: any */
	struct device_identity *identity;   /* the caller's, outlives the device */
	struct channel *channel;            /* may be shared by all devices of a process; NULL: one of its own */
	uint64_t login_timeout_ms;          /* 0: 60000 */
	uint64_t status_interval_ms;        /* 0: as LOGIN_OK says */
	uint64_t resend_ms;                 /* what was not acknowledged is sent again after it, 0: 30000 */
	int (*store)(void *ctx, const struct device_identity *identity, struct error *err);   /* as device_link's */
	void *store_ctx;
	struct trail *records;              /* hears what it sends and gets, for a history; may be shared. NULL: nobody does */
	/* device_faults_new's (device_faults.h), shared by all devices of a process and outliving them: what it holds befalls their links,
	 * also what is set later. NULL: none. */
	struct faults *faults;
};

struct device_callbacks {
	void (*event)(void *ctx, const struct device_event *event);    /* must not free the device */
};

/* Starts in coverage, so it dials at once. The strings are copied. */
struct device *device_new(struct loop *loop, const struct device_settings *settings, const struct device_callbacks *callbacks,
	void *ctx);
void device_free(struct device **device);

/* What a user can do. -1 with a sentence when it is not possible now. */
int device_login(struct device *d, struct bytes user, struct bytes password, struct error *err);
int device_send(struct device *d, struct bytes to, struct bytes text, uint32_t *sequence, struct error *err);
int device_presence(struct device *d, enum im_presence presence, struct bytes text, struct error *err);
int device_logout(struct device *d, struct error *err);
/* With a user: to that one alone, else in the room. Not kept when there is no link now. */
int device_typing(struct device *d, uint32_t room, struct bytes user, bool on, struct error *err);

/* Rooms go by the number that the device gave them, see device_rooms(). Makes one and invites all of them. */
int device_room_open(struct device *d, const struct bytes *users, size_t count, uint32_t *room, struct error *err);
int device_room_invite(struct device *d, uint32_t room, struct bytes user, struct bytes text, struct error *err);
int device_room_answer(struct device *d, uint32_t room, bool accept, struct error *err);
int device_room_leave(struct device *d, uint32_t room, struct error *err);
int device_room_say(struct device *d, uint32_t room, struct bytes text, struct error *err);
const struct device_rooms *device_rooms(const struct device *d);

/* Away by itself: IDLE when device_used() was not called for so long, and back when it is. 0: never, as at the start. */
void device_away_after(struct device *d, uint64_t away_after_ms);
void device_used(struct device *d);
/* Keeps the password of the next login in memory, for a login without one and for logging in again by itself when the session is lost
 * to the server or the service. Off at the start; off forgets it.
 * Source: document - password caching and automatic login; which reasons, and when, is ours. */
void device_remember(struct device *d, bool on);

void device_coverage(struct device *d, bool on);
void device_silent(struct device *d, bool on);       /* the link stays, status messages cease */

/* Changes are there when the service says so, by an event. */
int device_contact_change(struct device *d, enum im_contact_action action, struct bytes user, struct bytes name,
	struct bytes folder, struct error *err);
int device_block(struct device *d, struct bytes user, bool blocked, struct error *err);    /* no user: everybody else */
const struct device_blocks *device_blocks(const struct device *d);
/* One search at a time. The number that its events have. */
int device_search(struct device *d, enum im_search_field field, struct bytes text, uint32_t *sequence, struct error *err);

enum device_state device_state(const struct device *d);
uint32_t device_session(const struct device *d);     /* 0: none */
const char *device_login_name(const struct device *d);         /* NULL before the first login */
enum im_presence device_own_presence(const struct device *d);  /* as others see it */
const char *device_own_status(const struct device *d);
uint32_t device_own_pin(const struct device *d);
const struct device_contacts *device_contacts(const struct device *d);
bool device_is_linked(const struct device *d);
bool device_is_settled(const struct device *d);      /* waits for no answer */
size_t device_unacknowledged(const struct device *d);
const char *device_peer(const struct device *d);

struct device_counts { uint64_t messages_in, messages_out, resent, duplicates, status_sent, returned; };
void device_count(const struct device *d, struct device_counts *out);

#endif
