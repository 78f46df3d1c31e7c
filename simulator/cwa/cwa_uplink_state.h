#ifndef BRAMBLE_SIMULATOR_CWA_CWA_UPLINK_STATE_H
#define BRAMBLE_SIMULATOR_CWA_CWA_UPLINK_STATE_H

/* What the files of the home on a Communications Server share; nobody else includes it. */

#include <uthash.h>

#include "base/io/connection.h"
#include "base/io/redial.h"
#include "protocol/cwa/codes.h"
#include "protocol/random.h"
#include "protocol/sip/dialog.h"
#include "protocol/sip/im.h"
#include "protocol/sip/presence.h"
#include "protocol/sip/roster.h"
#include "protocol/sip/sip.h"
#include "simulator/cwa/cwa_uplink.h"

/* Bounds of what a client or the other server can make us keep, and how long; all ours but the timers of RFC 3261. */
#define ANSWER_MS 32000                 /* timers B and F */
#define RINGING_MS 190000               /* the Communications Server gives up after 180 s (timer C) */
#define SUBSCRIBE_S 28800
#define EARLY_S 30                      /* registrations and subscriptions are refreshed so long before their end */
#define WATCHED_MAX 1000                /* people whose presence one client is told */
#define LEGS_MAX 200                    /* conversations of one client, with invitations */
#define JOBS_MAX 200                    /* changes of one client that wait for those before them */
#define TEXT_MAX_BYTES 8000             /* of a message that comes */

/* --- the link (cwa_uplink_link.c) ------------------------------------------------------------------------------------------------ */

enum uplink_state { UPLINK_CONNECTING, UPLINK_UP, UPLINK_DOWN };

struct uplink {
	struct home home;
	struct loop *loop;
	const struct world *world;
	struct cwa_uplink_settings settings;
	char *says;

	struct connection *connection;          /* NULL: down */
	struct redial *redial;
	enum uplink_state state;
	uint32_t lost_code;                     /* CWA_CONNECTION_FAILED or CWA_TLS_FAILED: why it is down */
	char *lost_why;
	uint64_t heard;                         /* messages that have come over this connection */
	struct asked *probe;                    /* asks whether anybody is still there */
	struct asked *asked;                    /* index by branch */

	struct endpoint *endpoints;             /* index by epid */
	struct invitation *invitations;         /* index by Call-ID */
	struct random_pool random;
	struct buf scratch;
	uint32_t next;
	uint64_t connects, registers, refused;
};

/* A request of ours whose answer is awaited. */
struct asked;
/* Called once. answer NULL: there was none, or the link is lost; outcome says which. outcome->code 0: a 2xx. */
typedef void answered_fn(void *arg, const struct sip_message *answer, const struct outcome *outcome);

void uplink_dial(void *uplink);
/* Closes it and forgets what is awaited, without a call. */
void uplink_hang_up(struct uplink *u);
/* Takes the message over. */
void uplink_send(struct uplink *u, struct sip_message **message);
/* Sends it with a Via of its own. When the link is down done is called before this returns, and NULL comes back. e: whose it is: it is
 * forgotten with it; may be NULL. free_arg: gives arg back when the request is over or forgotten; may be NULL. */
struct asked *uplink_ask(struct uplink *u, struct endpoint *e, struct sip_message **message, answered_fn *done, void *arg,
	void (*free_arg)(void *arg));
/* Of an INVITE: it is not wanted any more. Its final answer still comes. */
void asked_cancel(struct asked *asked);
/* ringing is called when an answer has come that is more than "trying" and not the last. NULL is fine. */
void asked_on_ringing(struct asked *asked, void (*ringing)(void *arg));
void asked_forget(struct asked **asked);         /* without a call; NULL inside is fine */
void asked_forget_all(const struct endpoint *e);
size_t cwa_uplink_waiting(const struct uplink *u);          /* requests whose answer is awaited */
/* Sends an answer to a request that came: a status, and more if need be. */
void uplink_answer(struct uplink *u, const struct sip_message *request, int status);
/* Why nothing can be asked while the link is down. */
struct outcome uplink_lost(const struct uplink *u);
/* Text that was not used before, of hex digits: one of 8 static ones. */
const char *uplink_fresh(struct uplink *u);
const char *uplink_transport(const struct uplink *u);

/* --- endpoints (cwa_uplink_register.c) ------------------------------------------------------------------------------------------------ */

/* What is asked for one after the other once the Communications Server has accepted the registration. */
enum endpoint_step { STEP_REGISTER, STEP_CONTACTS, STEP_SELF, STEP_PUBLISH, STEP_PRESENCE, STEP_PROVISIONING, STEP_READY };

#define EPID 12

struct endpoint {
	struct uplink *uplink;
	struct session *session;
	UT_hash_handle hh;
	char epid[EPID + 1];                    /* the key */
	char *name;                             /* of the person, as SIP quotes it */
	char *address, *contact, *gruu;         /* "sip:alice@corp.test"; by which we are reached here; NULL: not told one */
	char *call_id;                          /* of all its REGISTERs */
	uint32_t cseq;
	enum endpoint_step step;
	bool accepted;                          /* the client knows that it is signed on */
	bool greeted;                           /* home_ready was said */
	bool lost;                              /* the client has been told that the link is lost */
	uint32_t availability;
	struct loop_timer *refresh;
	struct loop_task begin;

	struct subscription *subscriptions;
	struct job *jobs;
	bool job_runs;

	struct sip_contact_list contacts;
	bool list_due;                          /* the next list is told although its number is not new */
	struct sip_categories own;
	struct published *published;            /* the client's own, for when the other server has forgotten them */
	size_t published_count;
	struct sip_containers containers;
	struct sip_subscribers subscribers;
	struct watched *watched;                /* index by URI */

	struct leg *legs;
	unsigned leg_count;
};

void uplink_sign_on(void *ctx, struct session *s, uint32_t availability);
void uplink_sign_off(void *ctx, struct session *s);
/* All of them, when the link has come up or is lost. */
void endpoints_link_up(struct uplink *u);
void endpoints_link_lost(struct uplink *u);
/* The step at hand is done: the next one; or it has failed. */
void endpoint_next(struct endpoint *e);
void endpoint_failed(struct endpoint *e, const struct outcome *outcome);
/* By our tag in To, or the Request-URI that we gave; NULL: nobody of us. */
struct endpoint *endpoint_of(const struct uplink *u, const struct sip_message *request);
/* A request of it outside of any dialog: From, To, Call-ID, CSeq, Max-Forwards and Contact are in it. to NULL: to the URI. */
struct sip_message *endpoint_request(struct endpoint *e, const char *method, const char *uri);
void endpoint_add_contact(const struct endpoint *e, struct sip_message *m);
/* Tag of ours by which endpoint_of finds it again; the caller frees it. */
char *endpoint_tag(struct endpoint *e);
/* "sip:ana@corp.test" of whatever the other server calls it; NULL: it is none. The caller frees it. */
char *uplink_uri(const char *text);

/* --- subscriptions (cwa_uplink_subscribe.c) --------------------------------------------------------------------------------------------- */

enum subscription_kind { SUBSCRIBED_CONTACTS, SUBSCRIBED_SELF, SUBSCRIBED_PRESENCE, SUBSCRIBED_PROVISIONING, SUBSCRIBED_QUERY,
	SUBSCRIPTION_KINDS };

/* One more of that kind. body: what is asked for; empty: nothing. The endpoint's step goes on with it but for queries. */
void subscribe(struct endpoint *e, enum subscription_kind kind, struct bytes body);
/* A query. Its news come as those of the kind; rid: what is told of it. */
void subscribe_once(struct endpoint *e, struct bytes body, const char *rid);
/* The endpoint's subscription of that kind once more, with a body or none; done (may be NULL) when that was answered, well or not. */
void subscription_again(struct endpoint *e, enum subscription_kind kind, struct bytes body, void (*done)(struct endpoint *e));
/* There is none, not even on its way; it is there, and no request is on its way. */
bool subscription_is_none(const struct endpoint *e, enum subscription_kind kind);
bool subscription_is_there(const struct endpoint *e, enum subscription_kind kind);
void subscriptions_forget(struct endpoint *e);          /* without a word */
void subscriptions_end(struct endpoint *e);             /* the server is told */
/* NOTIFY or BENOTIFY. */
void on_notification(struct uplink *u, const struct sip_message *request);

/* --- changes (cwa_uplink_jobs.c) ------------------------------------------------------------------------------------------------------------- */

/* A SERVICE that names the version of what it changes: one after the other, and once again with news when the version was wrong. */
struct job_kind {
	const char *content_type;
	enum subscription_kind news;            /* where the version is told */
	void (*write)(struct endpoint *e, const void *what, struct buf *out);   /* with the version known now */
	void (*answered)(struct endpoint *e, const struct sip_message *answer);         /* of a 2xx; may be NULL */
	void (*free)(void *what);
};
/* Takes `what` over. rid NULL: the client is not told. step: the endpoint's step is over with it. */
void job_add(struct endpoint *e, const struct job_kind *kind, void *what, const char *rid, bool step);
void jobs_fail(struct endpoint *e, const struct outcome *outcome);      /* all of them */
void jobs_forget(struct endpoint *e);

/* --- contacts (cwa_uplink_contacts.c) ---------------------------------------------------------------------------------------------------------- */

/* The whole list, or a change of it. -1: it cannot be read. */
int contacts_take(struct endpoint *e, struct bytes body);
void contacts_forget(struct endpoint *e);
void uplink_change_contact(void *ctx, struct session *s, const char *rid, const struct home_contact *contact);
void uplink_change_group(void *ctx, struct session *s, const char *rid, const struct home_group *group);

/* --- presence of others (cwa_uplink_presence.c) -------------------------------------------------------------------------------------------------- */

int presence_take(struct endpoint *e, struct bytes body, bool query);
/* A contact whose presence is wanted, or not any more; is_new: it has just been made a contact. */
void presence_of_contact(struct endpoint *e, const char *uri, bool wanted, bool is_new);
/* Asks for those who were not asked for yet. true: something was sent. */
bool presence_ask(struct endpoint *e);
void presence_lost(struct endpoint *e);         /* all must be asked for again */
void presence_forget(struct endpoint *e);
void uplink_query(void *ctx, struct session *s, const char *rid, const char *const *uris, size_t count, bool subscribe);
/* The five that are told to clients, from what the other server told. Texts borrow from items; state is what is written into. */
#define SHOWN 5
void presence_shown(const struct sip_category *items, size_t count, struct home_category *out, struct buf *state);

/* --- one's own (cwa_uplink_self.c) ------------------------------------------------------------------------------------------------------------------ */

int self_take(struct endpoint *e, struct bytes body);
void self_forget(struct endpoint *e);
void self_publish_first(struct endpoint *e);
void uplink_publish(void *ctx, struct session *s, const char *rid, const struct home_category *categories, size_t count);
void uplink_activity(void *ctx, struct session *s, bool active);

/* --- who sees how much (cwa_uplink_access.c) ---------------------------------------------------------------------------------------------------------- */

/* What has come of them, and what the client is told. */
void access_take_containers(struct endpoint *e, struct sip_containers *containers);
void access_take_subscribers(struct endpoint *e, struct sip_subscribers *subscribers);
void access_tell(struct endpoint *e);           /* both, as they are */
void access_forget(struct endpoint *e);
void uplink_acknowledge(void *ctx, struct session *s, const char *rid, const char *uri);
void uplink_change_member(void *ctx, struct session *s, const char *rid, uint32_t container, bool add, const struct home_member *member);

/* --- conversations (cwa_uplink_talk.c, cwa_uplink_hear.c and those of cwa_uplink_talk.h) -------------------------------------------------------------------------------------------------------------------- */

/* INVITE, ACK, CANCEL, MESSAGE, INFO, BYE, OPTIONS */
void talk_on_request(struct uplink *u, const struct sip_message *request);
/* NOTIFY or BENOTIFY of no subscription of the endpoint's own; false: of no conversation either. */
bool talk_on_notification(struct endpoint *e, const struct sip_message *request);
void talk_lost(struct endpoint *e);             /* the link is: all end */
void talk_forget(struct endpoint *e);
struct leg *uplink_invite(void *ctx, struct conference *c, const char *const *uris, size_t count, const char *subject,
	const struct home_message *message);
void uplink_accept(void *ctx, struct leg *leg);
void uplink_leave(void *ctx, struct leg *leg, bool declines);
void uplink_say(void *ctx, struct leg *leg, const char *rid, const struct home_message *message);
void uplink_composing(void *ctx, struct leg *leg, bool composing);
void uplink_info(void *ctx, struct leg *leg, const char *rid, const struct home_message *message);
void uplink_invite_more(void *ctx, struct leg *leg, const char *rid, const char *const *uris, size_t count);
void uplink_eject(void *ctx, struct leg *leg, const char *rid, const char *uri);
void uplink_promote(void *ctx, struct leg *leg, const char *rid, const char *uri);
void uplink_lock(void *ctx, struct leg *leg, const char *rid, bool locked);

/* --- search (cwa_uplink_search.c) ---------------------------------------------------------------------------------------------------------------------------- */

void uplink_search(void *ctx, struct session *s, const char *rid, const struct home_search *search);

#endif
