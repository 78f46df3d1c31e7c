#ifndef BRAMBLE_SIMULATOR_OCS_OCS_STATE_H
#define BRAMBLE_SIMULATOR_OCS_OCS_STATE_H

/* What the files of the simulated Communications Server share; nobody else includes it. */

#include <uthash.h>

#include "base/io/connection.h"
#include "base/io/loop.h"
#include "protocol/sip/conference.h"
#include "protocol/sip/dialog.h"
#include "protocol/sip/im.h"
#include "protocol/sip/multipart.h"
#include "protocol/sip/presence.h"
#include "protocol/sip/roster.h"
#include "protocol/sip/sip.h"
#include "simulator/fault.h"
#include "simulator/fault_hole.h"
#include "simulator/fault_outlet.h"
#include "simulator/keep.h"
#include "simulator/ocs/ocs_server.h"

/* Bounds of what one peer can make us keep, and how long; all ours. */
#define ENDPOINTS_OF_USER 8
#define SUBSCRIPTIONS_OF_ENDPOINT 64
#define WATCHED_MAX 1000                /* users in one subscription */
#define PUBLICATIONS_OF_USER 64
#define CONTAINERS_OF_USER 50
#define SUBSCRIBERS_OF_USER 1000
#define PARTS_BYTES 131072              /* of the documents in one notification of several users; the rest follows in the next one */
#define CALLS_OF_USER 500               /* conversations one is part of */
#define CONFERENCES_MAX 1000            /* of more than two, of all users */
#define CONFERENCES_OF_USER 100         /* that one has made */
#define UNJOINED_MS 60000               /* a conference that nobody has joined is forgotten then */
#define FORKS_MAX 10000                 /* requests passed on whose answer is awaited */
#define REGISTER_MAX_S 7200
#define SUBSCRIBE_MAX_S 28800
#define KEEP_ALIVE_S 300                /* told to clients; a client link silent for twice that is closed */
#define ANSWER_MS 32000                 /* timers B and F of RFC 3261 */
#define RINGING_MS 180000               /* timer C */
#define LOGIN_DEADLINE_MS 60000         /* a client link must bring a user on line within it */

/* --- links (ocs_links.c) ---------------------------------------------------------------------------------------------------- */

enum link_kind { LINK_CLIENT, LINK_SERVER, LINK_REFUSED };

struct link {
	struct ocs_server *server;
	struct connection *connection;
	struct link *prev, *next;
	enum link_kind kind;
	const char *trusted;                    /* a server's name in the list */
	const char *refusal;                    /* why everything is answered 403 */
	bool ending;
	bool keeps_alive;                       /* promised to send something every KEEP_ALIVE_S */
	unsigned endpoint_count;
	struct loop_timer *timer;
	struct fault_outlet *outlet;
	struct fault_hole *hole;                /* NULL until a fault makes the link half-open */
};

/* A request that came, while it is handled. */
struct request {
	struct ocs_server *server;
	struct link *link;
	struct sip_message *message;
	struct user *user;                      /* whom From names; NULL: nobody of this world */
	struct endpoint *endpoint;              /* his, on this link; NULL: he is not signed on here */
	struct fault fault;                     /* what befalls the answer */
	const char *tag;                        /* of To in the answer; NULL: a fresh one */
};

/* Takes the message over; adds nothing. */
void link_send(struct link *link, struct sip_message **message, struct fault fault);
/* A request of ours or one that is passed on: what faults call an event for this user. */
void link_send_event(struct link *link, const struct user *user, struct sip_message **message);
void link_end(struct link *link, const char *why);
/* Starts the wait for a link's next sign of life anew. */
void link_rearm(struct link *link);

/* Answers: with nothing but a status, with a diagnosis (0: without a number of Microsoft's), or step by step. */
void answer(struct request *r, int status);
void answer_because(struct request *r, int status, unsigned id, const char *why);
struct sip_message *answer_new(const struct request *r, int status);
void answer_send(struct request *r, struct sip_message **message);
/* A tag or branch that was not used before; one of 8 static texts. */
const char *fresh(struct ocs_server *server, const char *prefix);
void add_via(const struct link *link, struct sip_message *message, const char *branch);
const char *link_transport(const struct link *link);
/* "<sip:pool.corp.test:5061;transport=tls>" by which this server is reached on the link. */
void add_contact(const struct link *link, struct sip_message *message);

/* --- people (ocs_people.c) ---------------------------------------------------------------------------------------------------- */

struct publication {
	struct sip_category item;
	struct endpoint *endpoint;              /* whose end takes it with it; NULL: none */
	uint64_t expires_at_ms;                 /* 0: never */
};

struct user {
	struct ocs_server *server;
	const struct world_user *seed;
	char *address;                          /* "sip:alice@corp.test", lower case: the key */
	UT_hash_handle hh;
	struct endpoint *endpoints;             /* at most ENDPOINTS_OF_USER */
	unsigned endpoint_count, call_count;

	struct sip_contact_list contacts;
	uint32_t next_group;

	struct publication *publications;
	size_t publication_count;
	uint32_t availability;                  /* as others were last told */
	uint32_t state_version;
	struct loop_timer *expiry;              /* of the publication that ends first */
	struct sip_containers containers;
	struct sip_subscribers subscribers;
	struct sip_aces aces;
	uint32_t acl_delta;
	char *info_others;                      /* XML of his userInfo that nobody here understands; NULL: none */
	struct subscription **watchers;         /* presence subscriptions that have him in them, each once */
	size_t watcher_count;

	uint64_t registers, refused;
	struct kept kept;
};

void users_make(struct ocs_server *server);
void users_free(struct ocs_server *server);
/* By any SIP URI, with parameters or not, with "sip:" or not (SIPE leaves it out); NULL: nobody of this world. */
struct user *user_find(struct ocs_server *server, const char *uri);
/* The address without "sip:". */
const char *user_plain(const struct user *user);

/* Something of him changed that is kept over a restart. */
void user_changed(struct user *user);

/* --- endpoints (ocs_register.c) -------------------------------------------------------------------------------------------------- */

struct endpoint {
	struct user *user;
	struct link *link;
	struct endpoint *next;
	char *epid, *instance;                  /* either may be NULL, not both */
	char *gruu, *opaque;
	char *contact;                          /* the URI by which it wants to be reached */
	struct sip_device *device;              /* what it published by the older dialect; NULL: nothing */
	uint64_t device_at_ms;
	struct loop_timer *timer;               /* the registration's end */
	struct subscription *subscriptions;
	unsigned subscription_count;
};

void on_register(struct request *r);
struct endpoint *endpoint_on(const struct user *user, const struct link *link, const char *epid);
void endpoint_end(struct endpoint *endpoint, const char *why);
/* A line of the history about it: what was said has so many bytes. endpoint NULL: it is gone, and nothing is written. */
void endpoint_record(const struct endpoint *endpoint, const char *event, uint64_t bytes);
/* All of one link. */
void endpoints_of_link_end(struct link *link, const char *why);

/* --- subscriptions (ocs_subscribe.c) ----------------------------------------------------------------------------------------------- */

enum event_kind { EVENT_CONTACTS, EVENT_SELF, EVENT_PROVISIONING, EVENT_PROVISIONING_V1, EVENT_ACL, EVENT_PENDING, EVENT_PRESENCE,
	EVENT_CONFERENCE, EVENT_KINDS };

/* In what form presence is told: categories, the older dialect's document of everything, or the standard's. */
enum presence_form { FORM_CATEGORIES, FORM_DOCUMENT, FORM_PLAIN };

struct subscription {
	struct endpoint *endpoint;
	enum event_kind kind;
	struct subscription *next;
	struct sip_dialog dialog;
	bool benotify;                          /* BENOTIFY rather than NOTIFY, and no answer */
	uint32_t extended_by_s;                 /* what each notification makes of its end; 0: nothing */
	bool condemned;                         /* ended by its subscriber in the request at hand */
	uint64_t until_ms;
	struct loop_timer *timer;
	char *unanswered;                       /* the NOTIFY whose answer is awaited: its CSeq as text; NULL: none */
	struct loop_timer *answer_timer;
	struct sip_roaming_list wants;          /* EVENT_SELF */
	enum presence_form form;                /* EVENT_PRESENCE */
	bool listed;                            /* documents of several users come in parts */
	uint32_t list_version;                  /* of what was told last, of a conference too */
	struct meeting *meeting;          /* EVENT_CONFERENCE */
	struct sip_names categories;
	struct user **watched;
	size_t watched_count;
};

void on_subscribe(struct request *r);
/* The answer to a NOTIFY. */
void on_notify_answer(struct ocs_server *server, const struct sip_message *message);
void subscription_free(struct subscription *subscription);
/* Tells a subscriber something of that kind of body. */
void subscription_notify(struct subscription *subscription, const char *content_type, struct bytes body);
/* The same to all subscriptions of one kind that a user's endpoints hold. */
void user_notify(struct user *user, enum event_kind kind, const char *content_type, struct bytes body);
bool self_wants(const struct subscription *subscription, const char *what);

/* --- what is published (ocs_presence.c) ---------------------------------------------------------------------------------------------- */

#define AGGREGATE_CONTAINER 2

void on_publish(struct request *r);
/* His end of an endpoint (NULL: one was added): items that went with it, and what others see now. */
void presence_endpoint_changed(struct user *user, const struct endpoint *gone);
void presence_expire(void *user);

/* What the server publishes for him because he said it in the older dialect. */
struct presence_item {
	const char *category;                   /* a constant */
	uint32_t instance, container;
	char *content;                          /* taken over; NULL takes back what is there */
};
/* Publishes them (the same content again is no change) and tells everybody what has changed, the device included; false when they are
 * too many: then of the device alone. */
bool presence_set(struct user *user, struct presence_item *items, size_t count);
int presence_restore(struct user *user, struct sip_categories *list, struct error *err);
/* The availability that he chose himself: 0: none. */
uint32_t presence_chosen(const struct user *user, char **since);
/* "2010-05-04T09:12:00.000": now. The caller frees it. */
char *presence_time(void);

/* --- what is told of it (ocs_watch.c) -------------------------------------------------------------------------------------------------- */

/* What the watcher sees of the user: all that the subscription asks for, or one category (only). changes: he was told before, so what he
 * does not see any more is told, too. */
void watch_write(const struct user *user, const struct subscription *watcher, const char *only, bool changes, struct buf *out);
/* What the user is told of himself: what the subscription wants. */
void watch_write_self(const struct user *user, const struct subscription *subscription, struct buf *out);
/* Tells his watchers of a category that has changed; by the older dialect's documents; of everything. */
void watch_tell(struct user *user, const char *category);
void watch_tell_documents(struct user *user);
void watch_tell_all(struct user *user);
void watch_tell_self(struct user *user, struct sip_roaming_data data);
/* All his items of the named categories (names NULL: of all): clients replace what they know of a category by what is told of it. The
 * caller clears it by sip_categories_form. */
struct sip_categories watch_own_items(const struct user *user, const char *const *names, size_t name_count);

/* --- who may see him (ocs_access.c) ----------------------------------------------------------------------------------------------------- */

void on_set_subscribers(struct request *r);
void on_set_members(struct request *r);
/* Which of the user's containers the other one looks into: one that names him goes before one for all. */
uint32_t access_container(const struct user *user, const struct user *other);
/* The other one sees him off line: he is blocked, or not yet allowed. */
bool access_hides(const struct user *user, const struct user *other);
bool access_blocks(const struct user *user, const struct user *other);
int access_restore(struct user *user, struct sip_containers *containers, struct sip_subscribers *subscribers, struct error *err);
/* The watcher has made the user a contact. */
void access_add_subscriber(struct user *user, const struct user *watcher);
/* Puts a member into the container of the blocked, or takes it out, and tells what changes by that. */
void access_set_blocked(struct user *user, struct sip_member *member, bool blocked);
/* The watcher asks for his presence by the older dialect, which does not say whether he is new. */
void access_watched(struct user *user, const struct user *watcher);

/* --- the older dialect's list of access entries (ocs_acl.c) ----------------------------------------------------------------------------- */

void acl_make(struct user *user);
void on_set_ace(struct request *r, const struct sip_set_ace *asked);
void acl_write(const struct user *user, struct buf *out);
/* The entry that decides about the other one: his own before his domain's before that for all. Never NULL. */
const struct sip_ace *acl_entry(const struct user *user, const struct user *other);
/* The members of his containers changed: what the list says of this one now. */
void acl_follow(struct user *user, const struct sip_member *member, bool blocked);
int acl_restore(struct user *user, struct sip_acl *list, struct error *err);
/* Watchers of whom he has not said anything yet; they are told to him. */
void acl_write_pending(const struct user *user, struct buf *out);
void acl_tell_pending(struct user *user);

/* --- the older dialect's documents (ocs_document.c) -------------------------------------------------------------------------------------- */

void document_write(const struct user *user, const struct user *watcher, struct buf *out);
void document_write_plain(const struct user *user, const struct user *watcher, struct buf *out);
#define CONTENT_TYPE_MAX 160
/* Documents of those whom it watches from the n-th on, as many as one notification takes: the next n. */
size_t document_write_list(struct subscription *subscription, size_t n, char content_type[CONTENT_TYPE_MAX], struct buf *out);
void on_set_presence(struct request *r, const struct sip_set_presence *asked);
void on_get_presence(struct request *r, const struct sip_get_presence *asked);
/* What an endpoint published goes with it. */
void document_endpoint_gone(struct endpoint *endpoint);

/* --- contacts and search (ocs_contacts.c, ocs_search.c) ------------------------------------------------------------------------------ */

void contacts_make(struct user *user);
void contacts_write(const struct user *user, struct buf *out);
/* Takes what was kept in place of what the seed says. -1 with a sentence: that cannot be. */
int contacts_restore(struct user *user, struct sip_contact_list *list, uint32_t next_group, struct error *err);
bool contacts_have(const struct user *user, const struct user *other);
void on_soap(struct request *r);
void on_search(struct request *r, const struct sip_soap_body *body);
void on_service(struct request *r);
/* 400 to a body that was refused with that sentence. */
void answer_unreadable(struct request *r, const struct error *err);

/* --- what is passed on (ocs_proxy.c) -------------------------------------------------------------------------------------------------- */

struct branch {
	struct fork *fork;
	char *id;                               /* of our Via: the key */
	UT_hash_handle hh;
	struct endpoint *endpoint;              /* NULL: gone */
	int status;                             /* of its final answer; 0: none yet */
	struct sip_message *sent;
};

struct fork {
	struct ocs_server *server;
	char *key;                              /* sip_transaction of what came in */
	UT_hash_handle hh;
	struct link *origin;                    /* NULL: gone */
	struct endpoint *sender;                /* NULL: gone */
	struct sip_message *request;            /* as it came */
	struct fault fault;
	struct branch *branches[ENDPOINTS_OF_USER];
	size_t count;
	bool cancelled, answered;
	struct sip_message *best;               /* the best refusal so far, for the way back */
	struct loop_timer *timer;
};

/* A conversation that was accepted: where its requests go. */
struct call {
	char *id;                               /* Call-ID and both tags: the key */
	UT_hash_handle hh;
	struct endpoint *ends[2];               /* who asked, who accepted */
	char *tags[2];
};

void on_proxied(struct request *r);
void on_ack(struct request *r);
void on_cancel(struct request *r);
void on_proxied_answer(struct link *link, struct sip_message *message);
void proxy_endpoint_gone(struct endpoint *endpoint);
void proxy_link_gone(struct link *link);
void proxy_free(struct ocs_server *server);

/* --- conversations of more than two (ocs_meeting.c, ocs_focus.c, ocs_mcu.c) ---------------------------------------------------------- */

/* One who has joined the focus, with one of his endpoints. */
struct member {
	struct meeting *meeting;
	struct member *prev, *next;
	struct endpoint *endpoint;
	char *entity;                           /* his endpoint's name for itself in the conference */
	bool presenter;
	struct sip_dialog focus, chat;          /* the latter with the IM MCU, when he chats */
	bool chats;
};

struct meeting {
	struct ocs_server *server;
	char *key;                              /* the focus in lower case */
	UT_hash_handle hh;
	struct user *organizer;
	char *id, *focus, *chat, *subject;      /* URIs */
	bool locked;
	struct member *members;                 /* at most SIP_CONFERENCE_PEOPLE_MAX */
	size_t member_count;
	struct user **ejected;
	size_t ejected_count;
	struct loop_timer *unjoined;
};

/* By the URI of its focus or of its chat; NULL: there is none. */
struct meeting *meeting_find(const struct ocs_server *server, const char *uri);
struct meeting *meeting_new(struct ocs_server *server, struct user *organizer, const char *id, const char *subject);
/* Everybody in it is told, and it is no more. */
void meeting_end(struct meeting *c);
unsigned meetings_of(const struct user *user);
struct member *member_of(const struct meeting *c, const struct user *user);
struct member *member_new(struct meeting *c, struct request *r, const char *entity);
/* hang_up: he is told. The others are; with the last one the conference ends. */
void member_end(struct member *m, bool hang_up);
/* He has changed: everybody who watches is told. */
void member_tell(const struct member *m);
void meeting_tell_lock(const struct meeting *c);
bool meeting_is_ejected(const struct meeting *c, const struct user *user);
void meeting_eject(struct member *m);
/* Somebody in a conference invites a user into it: he may come although he was ejected. */
void meeting_pardon(const struct request *r, struct user *to);
void meeting_write(const struct subscription *s, struct buf *out);
void meetings_endpoint_gone(const struct endpoint *endpoint);
void meetings_free(struct ocs_server *server);

/* A request to a focus or an IM MCU; false: it is to neither. */
bool on_conference(struct request *r);
/* SERVICE to a focus factory. */
void on_focus_factory(struct request *r);
void on_focus(struct request *r, struct meeting *c);
void on_mcu(struct request *r, struct meeting *c);
/* The answer to a request of an IM MCU; false: it is of something else. */
bool on_mcu_answer(struct ocs_server *server, const struct sip_message *message);

/* --- the server ------------------------------------------------------------------------------------------------------------------------ */

struct ocs_server {
	struct loop *loop;
	const struct world *world;
	struct ocs_server_settings settings;
	char *name;
	struct listener *listener, *tcp_listener;
	char *address, *tcp_address;
	struct user *users;                     /* as many as the world has, in its order */
	struct user *by_address;
	struct link *links;
	uint64_t link_count, links_total, registers_total, refused_total, messages_total, notifications_total;
	struct fork *forks;
	struct branch *branches;
	struct call *calls;
	struct meeting *meetings;
	uint64_t conferences_total;
	struct faults *faults;
	struct keep *keep;                      /* NULL: nothing is kept */
	struct buf scratch;
	uint32_t salt, next;
	loop_fn *shutdown_done;
	void *shutdown_arg;
	bool shutting_down;
};

#endif
