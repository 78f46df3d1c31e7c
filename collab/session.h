#ifndef BRAMBLE_COLLAB_SESSION_H
#define BRAMBLE_COLLAB_SESSION_H

#include <uthash.h>

#include "collab/backend.h"
#include "protocol/replay.h"

/* One IM session: the cache of connectivity information that ties a device to its connection to the IM server, and holds what the
 * device needs to go on with it after its link was lost. Source: document - BlackBerry Enterprise Server Feature and Technical
 * Overview, IM login, last step; the states are ours. */
struct collab;
struct login;

enum session_state {
	SESSION_CONNECTING,          /* seat taken; the IM server has not accepted yet */
	SESSION_ACTIVE,
	SESSION_OUT_OF_COVERAGE,     /* events wait for the device */
	SESSION_EVICTED, SESSION_EXPIRED, SESSION_CLOSED, SESSION_LOST,      /* over */
};

enum session_event {
	SESSION_LOGGED_IN,           /* the IM server accepted */
	SESSION_COVERAGE_GONE, SESSION_COVERAGE_BACK,
	SESSION_EVICT,               /* the maximum is reached, and this session is out of coverage or silent */
	SESSION_EXPIRE,              /* inactivity timeout */
	SESSION_CLOSE,               /* logout by the device or the administrator, replaced, the service ends */
	SESSION_SERVER_LOST,         /* the IM server, or the login on it, is gone */
	SESSION_EVENTS,
};

const char *session_state_name(enum session_state state);
const char *session_event_name(enum session_event event);
/* The state table: where an event leads, or -1 where it is not accepted. */
int session_next_state(enum session_state state, enum session_event event);
bool session_state_is_over(enum session_state state);

#define SESSION_ACKS 64              /* as many as the duplicate window is wide */
#define SESSION_BLOCKS_MAX 64        /* entries of the privacy lists that are told after the login */
#define SESSION_EARLY_MAX 100        /* events between the IM server's acceptance and LOGIN_OK */

/* Whether the database has this session marked as one that may be evicted. */
struct session_mark {
	int stored;                  /* enum im_logout_reason as the database has it; 0: none */
	int wanted;
	bool busy;                   /* a change is on its way */
	bool unsettled;              /* the database was away when the mark was to be taken back: traffic does not wait for it */
	struct held_message *held;   /* traffic that waits until the mark is taken back */
	unsigned held_count;
};

struct session {
	UT_hash_handle by_id, by_pin;
	struct collab *collab;
	uint32_t id, pin;
	unsigned way;                /* which dispatcher its device was last heard by */
	char *user;
	char login_id[32];           /* ties log, trail and history together: "2100000A-17" */
	uint32_t transaction;        /* the login's */
	enum session_state state;
	struct login *login;         /* until LOGIN_OK or LOGIN_FAIL */
	struct backend *backend;
	unsigned holds;              /* completions that will come back to this struct */
	uint64_t started_ms;
	uint64_t seen_ms;            /* last client traffic of any kind */
	uint64_t active_ms;          /* last action of the user */
	struct loop_timer *silence, *inactivity;
	struct session_mark mark;
	struct replay_window received;
	uint32_t next_sequence;
	struct { uint32_t sequence, code; bool answered; } acks[SESSION_ACKS];
	unsigned requests;           /* those that are not answered yet */
	struct buf early;            /* u32 length, message: kept until LOGIN_OK is on its way */
	unsigned early_count;
	uint64_t messages_in, messages_out;
	uint64_t dropped;            /* events that the device never gets, because too many waited for it */
	uint64_t dropped_told;       /* of these: already in the trail */
	bool dropping;               /* since the device was last there */
};

/* A new one in state CONNECTING, in the table. */
struct session *session_new(struct collab *collab, uint32_t id, uint32_t pin, const char *user, const char *login_id,
	uint32_t transaction);

/* The IM server accepted and the database knows: ACTIVE, or OUT_OF_COVERAGE if the device is gone by now. */
void session_start(struct session *session);

/* Sends one message to the device with the session's next sequence number; it is kept until it was delivered. */
void session_tell(struct session *session, const struct wire_msg *msg, const void *in);
/* Only worth something at this moment: not kept for a device that is away. */
void session_tell_now(struct session *session, const struct wire_msg *msg, const void *in);
/* The device's message of that sequence number is to be answered. false: too many of all devices' are. */
bool session_request(struct session *session, uint32_t sequence);
/* Answers it. */
void session_acknowledge(struct session *session, uint32_t sequence, uint32_t code, const char *text);

/* An entry of the process's trail about it: "session.mark", "session.coverage". */
void session_note(struct session *session, const char *event, const char *what);

/* Client traffic came; action: the user did something, which counts for the inactivity timeout. */
void session_seen(struct session *session, bool action);
void session_coverage(struct session *session, bool available);
/* An event for the device was dropped: counted, and told in the trail when the first is and again, with the count, when the
 * device is back. */
void session_dropped(struct session *session);
/* The limits were read again: both timers follow at once. */
void session_limits_changed(struct session *session);

/* Ends it: the device is told (FORCED_LOGOUT, or LOGIN_FAIL while connecting; nothing for IM_REASON_LOGOUT), the connection to the IM
 * server is closed. release: give the seat back (false: the database has ended it already). When the connection is
 * closed, the database and the logins that wait for that hear it. why: for log and trails; of a session that made way for another
 * login, that one's login_id. */
void session_end(struct session *session, enum im_logout_reason reason, const char *why, bool release);

/* Keeps the struct for a completion that will come back to it; false from the second: it was the last, and the session is over. */
void session_hold(struct session *session);
bool session_release(struct session *session);
bool session_is_over(const struct session *session);

extern const struct backend_events session_backend_events;      /* ctx: the session */

#endif
