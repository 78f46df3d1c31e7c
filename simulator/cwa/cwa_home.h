#ifndef BRAMBLE_SIMULATOR_CWA_CWA_HOME_H
#define BRAMBLE_SIMULATOR_CWA_CWA_HOME_H

#include <jansson.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/io/loop.h"
#include "simulator/world.h"

/* Where users live. The web server in front keeps HTTP, tickets, sessions and event queues; who is signed on, who is on whose list, what
 * others see and where conversations go is the home's. One home is the server itself (cwa_local.h).
 *
 * Every verb may be answered later: by home_done or by the call that is named with it. Texts are borrowed for the call. */
struct session;         /* one signed-on client of a user, as the web server knows it: an endpoint of the home */
struct conference;      /* the web server's end of a conversation */
struct leg;             /* the home's end of it */

/* code 0: good; else an enum cwa_code. sip_code 0: there was no SIP answer. */
struct outcome {
	uint32_t code;
	const char *detail;
	unsigned sip_code;
	const char *sip_text;
};

enum home_change { HOME_ADDED, HOME_UPDATED, HOME_DELETED };

/* subscribed: its presence is told to all sessions of the user. groups: ids with single spaces between them. */
struct home_contact {
	const char *uri, *name;
	bool subscribed, tag;
	const char *groups;
	enum home_change change;
};

struct home_group {
	uint32_t id;
	const char *name, *external_uri;
	enum home_change change;
};

struct home_contacts {
	bool full;
	uint32_t number;                /* counts the changes of this list */
	const struct home_group *groups;
	size_t group_count;
	const struct home_contact *contacts;
	size_t contact_count;
};

struct home_category {
	const char *name;
	uint32_t instance;
	uint64_t published_s;           /* Unix time */
	const char *xml;                /* NULL: empty, or not for this watcher */
};

struct home_presence {
	const char *uri, *network;      /* "sameEnterprise", "federated" */
	const struct home_category *categories;
	size_t category_count;
};

struct home_subscriber {
	const char *uri, *name, *network;
	bool acknowledged;
};

struct home_member {
	const char *type, *value;
};

struct home_container {
	uint32_t id;
	const struct home_member *members;
	size_t member_count;
};

/* Of all that are not empty at least one is met, or each. Source: document; that a name's beginning is enough: ours. */
struct home_search {
	const char *first, *last, *display;
	const char *alias;              /* with an '@' an address, else a name. Source: document */
	bool all;
};

struct home_found {
	const char *uri, *name, *title, *phone, *mail;
};

struct home_message {
	const char *format, *content;
};

/* "invitingPeer", "peer", "escalating", "escalated" */
enum home_escalation { HOME_INVITING, HOME_PEER, HOME_ESCALATING, HOME_ESCALATED };

struct home {
	const char *says;               /* for the log at start */
	void *ctx;
	void (*free)(void *ctx);
	json_t *(*census)(void *ctx);   /* what there is to say of it, a new reference; may be NULL */
	/* -> home_signed_on, and when that was good, after what there is to tell of lists and presence, home_ready. Never from inside. */
	void (*sign_on)(void *ctx, struct session *s, uint32_t availability);
	void (*sign_off)(void *ctx, struct session *s);                                 /* never answered; the session goes */
	void (*activity)(void *ctx, struct session *s, bool active);                    /* of the person at this client */

	void (*change_contact)(void *ctx, struct session *s, const char *rid, const struct home_contact *contact);
	void (*change_group)(void *ctx, struct session *s, const char *rid, const struct home_group *group);
	void (*acknowledge)(void *ctx, struct session *s, const char *rid, const char *uri);
	void (*change_member)(void *ctx, struct session *s, const char *rid, uint32_t container, bool add, const struct home_member *member);

	/* All or nothing; home_check_category finds each of them good. */
	void (*publish)(void *ctx, struct session *s, const char *rid, const struct home_category *categories, size_t count);
	void (*query)(void *ctx, struct session *s, const char *rid, const char *const *uris, size_t count, bool subscribe);
	void (*search)(void *ctx, struct session *s, const char *rid, const struct home_search *search);       /* -> front_found, or home_done */

	/* NULL: it failed, and front_invite_failed was called for everybody. */
	struct leg *(*invite)(void *ctx, struct conference *c, const char *const *uris, size_t count, const char *subject,
		const struct home_message *message);
	void (*accept)(void *ctx, struct leg *leg);
	/* The conference is forgotten by the caller. declines: the person has said so, and not only this client gone. */
	void (*leave)(void *ctx, struct leg *leg, bool declines);
	void (*say)(void *ctx, struct leg *leg, const char *rid, const struct home_message *message);   /* -> front_sent */
	void (*composing)(void *ctx, struct leg *leg, bool composing);
	/* A system message, its format a MIME type -> home_done. */
	void (*info)(void *ctx, struct leg *leg, const char *rid, const struct home_message *message);
	void (*invite_more)(void *ctx, struct leg *leg, const char *rid, const char *const *uris, size_t count);
	void (*eject)(void *ctx, struct leg *leg, const char *rid, const char *uri);
	void (*promote)(void *ctx, struct leg *leg, const char *rid, const char *uri);
	void (*lock)(void *ctx, struct leg *leg, const char *rid, bool locked);
};

/* --- what the home tells the web server (cwa_front.c) ---------------------------------------------------------------------------- */

/* Only now the client is answered that its session is accepted; when it was not good, the session is gone after this. */
void home_signed_on(struct session *s, const struct outcome *outcome);
void home_ready(struct session *s, const struct outcome *outcome);      /* the outcome of initiateSession */
void home_done(struct session *s, const char *rid, const struct outcome *outcome);      /* rid NULL: of no method */
void home_ended(struct session *s, const struct outcome *outcome);      /* the home has lost it: it is gone after this */

void front_contacts(struct session *s, const struct home_contacts *contacts);
void front_presence(struct session *s, const struct home_presence *users, size_t count);
void front_self(struct session *s, const struct home_category *categories, size_t count);
void front_subscribers(struct session *s, const struct home_subscriber *subscribers, size_t count);
#define HOME_FOUND_MAX 20               /* more are not told */
void front_found(struct session *s, const char *rid, const struct home_found *users, size_t count, bool more);
void front_containers(struct session *s, const struct home_container *containers, size_t count);

/* invitation is the same for all endpoints that were asked for one person. NULL: the session has too many conversations. */
struct conference *front_invited(struct session *s, struct leg *leg, const void *invitation, const char *inviter, const char *name,
	const char *subject, const struct home_message *message, enum home_escalation escalation);
void front_invite_failed(struct conference *c, const char *uri, const struct outcome *outcome);
void front_escalation(struct conference *c, enum home_escalation escalation);
void front_connected(struct conference *c);
void front_message(struct conference *c, const char *sender, const struct home_message *message);
void front_sent(struct conference *c, const char *rid, uint32_t id, const struct outcome *outcome);
void front_composing(struct conference *c, const char *sender, bool composing);
void front_role(struct conference *c, const char *role);
void front_participant(struct conference *c, const char *uri, const char *name, const char *role, bool joined);
void front_conf_uri(struct conference *c, const char *uri);
void front_locked(struct conference *c, bool locked);
void front_ended(struct conference *c);                 /* and is gone after this */

/* --- what every home accepts (cwa_home.c) ------------------------------------------------------------------------------------------ */

#define HOME_USER_INSTANCE 0x20000000u
#define HOME_MACHINE_INSTANCE 0x30000000u
int home_check_category(const struct home_category *category, struct error *err);       /* of a publication; -1 with a sentence */
bool home_is_machine_state(const struct home_category *state);          /* the machine's rather than the person's */
#define HOME_CONTAINERS 7
extern const uint32_t home_containers[HOME_CONTAINERS];                 /* that everybody has. Source: document */
bool home_check_member(uint32_t container, const struct home_member *member);

/* What the home may know of a session. */
const char *session_uri(const struct session *s);
const struct world_user *session_user(const struct session *s);
uint64_t session_number(const struct session *s);       /* its sid */
void *session_home(const struct session *s);            /* what the home has set; NULL at first */
void session_set_home(struct session *s, void *data);
const char *conference_uri(const struct conference *c);         /* of its session's user */
struct session *conference_session(const struct conference *c);
bool session_publishes_machine(const struct session *s);        /* autoPublishMachineState */

#endif
