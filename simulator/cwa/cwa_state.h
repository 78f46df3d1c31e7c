#ifndef BRAMBLE_SIMULATOR_CWA_CWA_STATE_H
#define BRAMBLE_SIMULATOR_CWA_CWA_STATE_H

/* What the files of the simulated web server share; nobody else includes it. */

#include <uthash.h>

#include "base/io/http_server.h"
#include "base/io/worker.h"
#include "protocol/cwa/codec.h"
#include "protocol/cwa/codes.h"
#include "protocol/cwa/ticket.h"
#include "protocol/random.h"
#include "simulator/cwa/cwa_home.h"
#include "simulator/cwa/cwa_server.h"
#include "simulator/fault.h"

/* Bounds of what one client can make us keep. Source: ours. */
#define SESSIONS_OF_USER 16
#define EVENTS_MAX 1000                 /* not fetched yet; one more ends the session with CWA_INTERNAL */
#define EVENTS_OF_ANSWER 200
#define FIRST_BATCH_MS 20000             /* without --hold: a request for events waits for the first batch to be whole */
#define CONFERENCES_OF_SESSION 100
#define METHODS_OF_REQUEST 100
#define URIS_MAX 300                    /* of one method */
#define CONTENT_MAX 8000                /* bytes of a message */
#define TEXT_MAX 256                    /* names, subjects, formats */
#define RID_MAX 64
#define NATIVE_KEY 36
#define POLL_WAIT_MAX_MS 15000
#define MACHINE_IDLE_MS 300000
#define CLOSE_LINGER_MS 2000

struct user {
	const struct world_user *seed;
	char *uri;                              /* "sip:ana@corp.test": the key of the index */
	UT_hash_handle hh;
	struct session *sessions;
	unsigned session_count;
	uint64_t sign_ins, refused;
};

struct event {
	struct event *next;
	uint64_t eid;
	struct cwa_tree tree;                   /* its root is a cwaEvents with this one item */
};

struct conference {
	struct session *session;
	struct conference *prev, *next;
	uint64_t id;
	struct leg *leg;                        /* NULL while it is being made */
	char *rid;                              /* of the initiateImSession that invites one person, until there is an outcome */
	const void *invitation;                 /* of one that waits for an answer here */
	struct loop_timer *accept;
	bool connected, escalating;
	size_t longest;                         /* bytes of the longest text that the client said in it */
	bool has_first_text;                    /* it was begun with a text */
	const char *composing;                  /* of the last composingState that was sent; a literal */
};

struct session {
	struct cwa_server *server;
	struct user *user;
	struct session *prev, *next;            /* of the user */
	uint64_t sid;
	UT_hash_handle hh;
	enum cwa_format format;
	bool native;                            /* of a script for the 2005 release */
	char key[NATIVE_KEY + 1];               /* its session's number */
	bool signed_on, ready, ending, auto_machine, machine_idle;     /* ready: all of the first batch of events is there */
	char *rid;                              /* of initiateSession */
	struct call *parked;                    /* the request that is answered once the home has signed it on */
	void *home;

	struct event *events, **events_end;
	size_t event_count;
	uint64_t counter;                       /* eid of the last event */
	struct loop_task wake;
	struct http_request *poll;              /* a held request for events */
	uint64_t poll_ack;
	struct fault poll_fault;
	struct loop_timer *hold;

	struct loop_timer *watch;               /* idleness, and the end of the ticket */
	uint64_t seen_ms, active_ms, ticket_expires_ms;
	struct conference *conferences;
	unsigned conference_count;
	uint64_t last_conference;        /* the highest number of a conversation so far */
	uint64_t window_ms;
	unsigned in_window;
};

/* One request on its way through us. */
struct call {
	struct cwa_server *server;
	struct http_request *request;
	struct user *user;                      /* whom the ticket belongs to */
	struct session *session;                /* NULL: none yet */
	struct session *begins;                 /* the one that initiateSession made */
	enum cwa_format format;
	bool native;                            /* answer as scripts for the 2005 release want it */
	struct fault fault;                     /* what befalls the answer */
	struct cwa_tree out;
	struct cwa_node *root;
	unsigned processed, unexpected;
	char ticket[CWA_TICKET_TEXT_MAX + 1];   /* for the answer; "": none */
	uint64_t ticket_expires_ms;
};

/* An answer that a fault makes late. */
struct late {
	struct late *prev, *next;
	struct cwa_server *server;
	struct http_request *request;
	struct loop_timer *timer;
	unsigned status;
	const char *content_type;
	struct buf body;
};

struct cwa_server {
	struct loop *loop;
	const struct world *world;
	struct cwa_server_settings settings;
	struct http_server *http;
	struct worker *worker;
	struct iwa *iwa;                        /* NULL: no Integrated Windows Authentication */
	struct home *home;
	struct faults *faults;
	struct user *users;                     /* as many as the world has, in its order */
	struct user *by_uri;                    /* index */
	struct session *sessions;               /* index by sid */
	struct late *late;
	struct random_pool random;
	uint8_t key[CWA_TICKET_KEY];
	uint64_t next_sid;
	uint64_t wall_start_ms, clock_start_ms;
	uint32_t load;                          /* pollWaitTime times this */
	uint64_t requests_total, sign_ins_total, refused_total, sessions_total, messages_total;
};

/* --- answers (cwa_answer.c) ------------------------------------------------------------------------------------------------------ */

/* status, text and all: befallen by the call's fault; the request is ended. */
void call_send(struct call *call, unsigned status, const char *content_type, struct bytes body);
/* The envelope in call->out. */
void call_send_envelope(struct call *call, unsigned status);
/* An envelope with a single error; frees call->out. */
void call_send_error(struct call *call, unsigned status, uint32_t code, const char *detail);
void late_free_all(struct cwa_server *server);

struct cwa_node *answer_begin(struct call *call);
void answer_error(struct cwa_tree *tree, struct cwa_node *parent, const struct outcome *outcome);
/* The counts, once all methods have run; then the answer leaves. */
void answer_finish(struct call *call);
/* One status element for the method at hand. */
void answer_status(struct call *call, const char *element, const char *rid, const struct outcome *outcome);

/* --- sign-in (cwa_sign_in.c, cwa_iwa.c) ------------------------------------------------------------------------------------------- */

void serve_forms(struct call *call);
void serve_iwa(struct call *call);
/* Good: the ticket is on the call. */
void signed_in(struct call *call, struct user *user, const char *how);
/* The user of a ticket; NULL when it is missing, wrong or expired. Renews it on the call when it is time. */
struct user *ticket_user(struct call *call);
/* "CORP\ana", "ana@corp.test" or "ana"; NULL if that is nobody of this world. */
struct user *user_of_login(struct cwa_server *server, const char *login);

struct iwa *iwa_new(struct cwa_server *server, struct error *err);
void iwa_free(struct iwa **iwa);

/* --- sessions (cwa_sessions.c) ---------------------------------------------------------------------------------------------------- */

struct session *cwa_session_new(struct cwa_server *server, struct user *user, enum cwa_format format, const char *rid);
/* Leaves conversations, tells the home, forgets it. code: what a held request is told. */
void cwa_session_end(struct session *s, uint32_t code, const char *why);
struct session *session_find(const struct cwa_server *server, uint64_t sid);
void cwa_session_seen(struct session *s);
/* A line of the history about it: what was said has so many bytes. */
void cwa_session_record(const struct session *s, const char *event, uint64_t bytes);
/* A request of it with this ticket: it lasts as long as the newest. */
void session_ticket(struct session *s, const struct call *call);
/* The person did something there. */
void session_active(struct session *s);
uint32_t session_poll_wait_ms(const struct session *s);
/* false: too many methods within a second. */
bool session_may(struct session *s);
/* A new event with that item, to be filled and given to session_post. */
struct event *event_new(const char *name, struct cwa_node **item);
void session_post(struct session *s, struct event *event);

void serve_poll(struct call *call);

/* --- methods (cwa_commands.c, cwa_conference.c, cwa_front.c) ------------------------------------------------------------------------ */

void serve_commands(struct call *call, struct bytes body);
bool command_is_known(const char *name);
void run_conference(struct call *call, const struct cwa_node *node, const char *rid);
const char *conference_method(const struct cwa_node *node);      /* the name of its child; "" if there is none */
struct conference *conference_new(struct session *s, uint64_t id);      /* id 0: the next free one. NULL: too many, or taken */
struct conference *conference_find(const struct session *s, uint64_t id);
/* Forgets it; the home has done so or is told by the caller. */
void conference_free(struct conference *c);

/* Runs them all and answers. The tree stays the caller's. */
void run_methods(struct call *call, const struct cwa_tree *in);
/* false, logged and counted: the user or the server has as many sessions as there may be. */
bool session_room(struct call *call, const struct user *user);

/* --- scripts for the 2005 release (cwa_native.c) -------------------------------------------------------------------------------------- */

bool native_sign_in_asked(const struct call *call);
/* The ticket is on the call: it becomes a cookie, and a session begins. */
void native_signed_in(struct call *call, struct user *user);
/* The ticket of the cookie that the query names. */
bool native_ticket(const struct call *call, struct buf *out);
/* The session that the query names; NULL if there is none. Marks the call as native when it names one. */
struct session *native_session(struct call *call);
void serve_native_command(struct call *call);
void serve_native_sign_out(struct call *call);

/* uris of a method, in one form, at most URIS_MAX of them. -1: too many. Give it back by uris_free. */
struct uris {
	char **items;
	size_t count;
};
int uris_of(const struct cwa_node *list, struct uris *out);
void uris_free(struct uris *uris);

#endif
