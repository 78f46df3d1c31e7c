#ifndef BRAMBLE_SIMULATOR_DEVICE_PRIVATE_H
#define BRAMBLE_SIMULATOR_DEVICE_PRIVATE_H

#include "simulator/device/device.h"
#include "simulator/device/device_outbox.h"

/* What the files of one device share; nobody else includes it.
 *   device.c          life, login, the link, the table of states
 *   device_session.c  a session's life: status messages, what is sent again, logout
 *   device_inbox.c    what the service says
 *   device_answers.c  receipts and errors of what was sent
 *   device_talk.c     messages, presence, typing
 *   device_conversations.c   rooms: conversations of several people
 *   device_people.c   changes of the contact list, blocking, search
 *   device_habits.c   what it does by itself: away, the password, a new login
 *   device_records.c  what the history has of it */

struct device {
	struct loop *loop;
	struct device_settings settings;
	struct device_callbacks callbacks;
	void *ctx;
	char *router, *source;
	struct channel *own_channel;
	struct device_link *link;
	enum device_state state;
	struct buf login;               /* the LOGIN under way, encoded: wiped when it is answered */
	char *login_user;
	uint32_t login_sequence;
	struct device_sealed login_sealed;
	bool login_taken;               /* the service's receipt came: its answer will follow, also over another link */
	uint64_t login_us;
	uint32_t session, next_sequence;
	struct device_sealed once;      /* the last message that nobody acknowledges */
	struct replay_window received;  /* sequence numbers of the session's events */
	struct device_early *early;     /* device_inbox.c: what came before the answer to the login under way */
	unsigned early_count;
	struct device_outbox outbox;
	struct device_contacts contacts;
	struct device_rooms rooms;
	struct device_blocks blocks;
	uint32_t search;                /* sequence number of the one that waits for its result, or 0 */
	struct loop_timer *search_timer;
	uint64_t status_interval_ms;
	bool silent;
	/* Habits. What the user said last about himself, and whether the device has said idle since. */
	enum im_presence own_presence;
	char *own_text;
	bool idle, remember;
	uint32_t forced_session;        /* the session that was ended from outside last, until the next one or a logout; 0: none */
	bool again;                     /* a login by itself is planned or under way */
	uint64_t away_after_ms, again_patience_ms, session_since_ms;
	char *password_user;            /* NULL: no password is kept */
	struct buf password;
	struct loop_timer *away_timer, *again_timer;

	struct loop_timer *deadline;    /* of a login or logout */
	struct loop_timer *status_timer, *resend_timer;
	struct buf scratch;
	struct device_counts counts;
};

/* What the table of states reacts to. */
enum happening {
	ON_LOGIN,           /* the user wants in */
	ON_ACCEPTED,        /* LOGIN_OK; arg: struct device_accepted */
	ON_REFUSED,         /* LOGIN_FAIL, or the login cannot go on; arg: struct device_event to tell */
	ON_DEADLINE,
	ON_LINK_LOST,
	ON_LINK_BACK,
	ON_LOGOUT,          /* the user wants out */
	ON_LOGOUT_DONE,     /* the service acknowledged it */
	ON_FORCED,          /* FORCED_LOGOUT; arg: struct im_forced_logout */
};
struct device_accepted { const struct im_login_ok *ok; uint32_t message_id; const struct channel_sizes *sizes; };

void device_drop_early(struct device *d);

/* Looks the happening up for the present state; one that is not accepted there changes nothing. */
void device_happen(struct device *d, enum happening happening, const void *arg);
void device_tell(struct device *d, struct device_event event);

/* Lines of the history (docs/history.md); nothing when nobody writes one. This one is about the session, with one more number unless name
 * is NULL. */
void device_record(struct device *d, const char *event, uint32_t session, uint32_t sequence, const char *name, uint64_t value);
void device_record_event(struct device *d, const struct device_event *event);          /* what of it the history has */
void device_record_login(struct device *d);                                            /* the one that begins */
void device_record_said(struct device *d, uint32_t sequence, const struct wire_msg *msg, const void *message, struct bytes to);
void device_record_over(struct device *d, const char *reason);                         /* the session */

/* Entry functions of the table that live beside what they work on. */
void device_begin_session(struct device *d, const void *arg);
void device_resume_session(struct device *d, const void *arg);
void device_send_outbox(struct device *d, const void *arg);
void device_wait_for_logout(struct device *d, const void *arg);
void device_logged_out(struct device *d, const void *arg);
void device_forced_out(struct device *d, const void *arg);

int device_begin_login(struct device *d, struct bytes user, struct bytes password, struct error *err);
void device_send_login(struct device *d, const void *arg);
void device_forget_login(struct device *d);

/* -1 with a sentence when there is no session to do it in. */
int device_need_session(const struct device *d, const char *to_do, struct error *err);
int device_check_user(struct bytes user, struct error *err);
/* Puts a message into the outbox and sends it. to and room: whom it is about, for the events. */
int device_post(struct device *d, const struct wire_msg *msg, const void *message, struct bytes to, uint32_t room,
	uint32_t *sequence, struct error *err);
/* Sends a message that nobody acknowledges, under the next sequence number, if there is a link. */
int device_send_once(struct device *d, const struct wire_msg *msg, const void *message, struct device_event *sent);

void device_send_letter(struct device *d, struct device_letter *letter);
/* Its service was not there: it goes again after a second, then after two, and so on; what comes after it waits with it. */
void device_try_soon(struct device *d, struct device_letter *letter);
void device_turned_away(struct device *d, struct device_letter *letter);   /* it was not passed on, and is not sent again */
/* The service has said something: what waits for it goes. */
void device_service_is_there(struct device *d);
void device_resend_late(void *arg);     /* timers */
void device_status_due(void *arg);

/* A message from the service, as it came. */
struct device_incoming {
	uint32_t sequence, message_id;
	const struct channel_sizes *sizes;
};
typedef void device_take_fn(struct device *d, const void *message, const struct device_incoming *in);
device_take_fn device_take_message, device_take_presence, device_take_typing, device_take_room_event, device_take_room_message,
	device_take_contact, device_take_block, device_take_search_result;
/* What is said of an incoming message in every event that it makes. */
struct device_event device_event_of(enum device_event_type type, const struct device_incoming *in);

/* The service answered something that was done in a room. */
void device_room_answered(struct device *d, enum im_type type, uint32_t room, uint32_t code);

int device_post_presence(struct device *d, enum im_presence presence, struct bytes text, struct error *err);

/* Habits. */
void device_habits_new(struct device *d);
void device_habits_free(struct device *d);
void device_settle_habits(struct device *d);                          /* a session has begun */
void device_keep_presence(struct device *d, enum im_presence presence, struct bytes text);
void device_keep_password(struct device *d, struct bytes user, struct bytes password);
void device_forbid_password(struct device *d);                        /* the server does not let it be kept: this one is forgotten */
bool device_kept_password(const struct device *d, struct bytes user, struct bytes *password);
void device_again_after(struct device *d, uint32_t reason);           /* a session was ended from outside */
void device_again_asked(struct device *d);                            /* by the service that is active now */
void device_again_refused(struct device *d, uint32_t code);           /* a login has failed; 0: without an answer */
void device_again_linked(struct device *d);
bool device_again_stop(struct device *d);                             /* true: one was planned or under way */

void device_search_over(struct device *d);
void device_search_late(void *arg);     /* timer */

/* A receipt or an error of an envelope. */
void device_take_answer(void *ctx, const struct device_answer *answer);
/* One message from the service, opened. */
void device_take(struct device *d, struct bytes clear, uint32_t message_id, const struct channel_sizes *sizes);

#endif
