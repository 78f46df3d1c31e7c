#ifndef BRAMBLE_COLLAB_CWA_CONVERSATIONS_H
#define BRAMBLE_COLLAB_CWA_CONVERSATIONS_H

#include "collab/cwa_communicator.h"

/* Conversations as the server has them, by their numbers. Each belongs to one who hears what happens in it: to the talk with one person
 * (cwa_talk.h) or to a room (cwa_rooms.h). Invitations of others go to the one or the other by what the conversation is.
 * Source: document (states, escalationMode, confUri); layouts that no page shows: ours (docs/protocol/cwa.md). */
struct cwa_conversations;

enum {
	CWA_CONVERSATIONS_MAX = 200,
	CWA_HEARD_MAX = 100,                 /* happenings kept of one that is nobody's yet */
};

/* escalationMode. While it is ESCALATING nothing can be said. */
enum cwa_mode { CWA_INVITING_PEER, CWA_PEER, CWA_ESCALATING, CWA_ESCALATED };

enum cwa_happening_kind {
	CWA_CONNECTED,
	CWA_OVER,                            /* ended; it is gone after this */
	CWA_LOST,                            /* the same, because its session was */
	CWA_INVITE_FAILED,                   /* of uri, by refusal */
	CWA_MODE_CHANGED,
	CWA_PARTICIPANT,                     /* uri, called name, has come (on) or gone */
	CWA_MESSAGE,                         /* of uri */
	CWA_COMPOSING,                       /* uri does (on), or has stopped */
};

/* Texts are "" when they are not there, and live until the call returns. */
struct cwa_happening {
	enum cwa_happening_kind kind;
	const char *uri, *name, *text;
	bool on;
	struct cwa_refusal refusal;
};

struct cwa_conversation;
/* May leave the conversation, or give it to another owner. */
typedef void cwa_happened_fn(void *owner, struct cwa_conversation *conversation, const struct cwa_happening *happening);

struct cwa_conversation {
	struct cwa_conversation *prev, *next;
	struct cwa_conversations *all;
	uint64_t id;
	bool connected;
	enum cwa_mode mode;
	char *focus;                         /* where a member who has dropped out comes back; "" when it is none of several */
	cwa_happened_fn *happened;           /* NULL: it is nobody's yet */
	void *owner;
	struct cwa_heard *heard;             /* meanwhile */
	unsigned heard_count;
};

struct cwa_conversations *cwa_conversations_new(struct communicator *m);
void cwa_conversations_free(struct cwa_conversations **all);

/* The event conference. */
void cwa_conversations_event(struct cwa_conversations *all, const struct cwa_node *event);
/* Another session has begun: all are lost. */
void cwa_conversations_lost(struct cwa_conversations *all);

/* Begins one by inviting these, with a text that may be empty. begun is called once, unless all is freed before: with the conversation, for
 * which an owner is to be named there, or with NULL and the reply. false: too many requests wait, and nothing is called. */
typedef void cwa_begun_fn(struct communicator *m, void *arg, struct cwa_conversation *conversation, const struct cwa_reply *reply);
bool cwa_conversations_begin(struct cwa_conversations *all, const char *const *uris, size_t count, const char *text, cwa_begun_fn *begun,
	void *arg);

/* Whose it is from now on; what has happened meanwhile is told inside. */
void cwa_conversation_own(struct cwa_conversation *conversation, cwa_happened_fn *happened, void *owner);

bool cwa_conversation_say(const struct cwa_conversation *conversation, const char *text, cwa_replied_fn *replied, void *arg);
void cwa_conversation_composing(const struct cwa_conversation *conversation, bool on);
bool cwa_conversation_accept(const struct cwa_conversation *conversation, cwa_replied_fn *replied, void *arg);
bool cwa_conversation_invite(const struct cwa_conversation *conversation, const char *uri, cwa_replied_fn *replied, void *arg);
/* Ends one's own part in it; nothing is told any more. replied may be NULL. */
bool cwa_conversation_leave(struct cwa_conversation **conversation, cwa_replied_fn *replied, void *arg);

#endif
