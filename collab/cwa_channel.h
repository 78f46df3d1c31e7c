#ifndef BRAMBLE_COLLAB_CWA_CHANNEL_H
#define BRAMBLE_COLLAB_CWA_CHANNEL_H

#include "collab/cwa_refusal.h"
#include "collab/cwa_server.h"
#include "collab/cwa_sign_in.h"

/* One session on a CWA server: signed in, then commands by POST, one at a time and in order, and events by GET on a connection that is
 * kept. It gets over what a session survives: a lost answer, a busy server, an expired ticket, a session that the server has forgotten.
 * All its waiting is on the loop's clock.
 *
 * Source: document for the two channels, acknowledging, pollWaitTime and sessionTimeout; that a request for events that was held is made
 * again at once, and what is done about each error: ours (docs/cwa.md). */
struct cwa_channel;

/* What became of a command. */
struct cwa_reply {
	struct cwa_refusal refusal;              /* code IM_OK: done, or at least accepted */
	bool session_gone;                       /* it was not done: the session it was meant for is no more, a new one follows or none */
	uint64_t conference;                     /* the confId of what began a conversation; 0: none was named */
};
/* Called once for each command, never inside cwa_channel_send. Not called when the channel is freed: drop is, for what arg holds. */
typedef void cwa_replied_fn(void *ctx, void *arg, const struct cwa_reply *reply);

/* A command being written: method is its element, in tree. */
struct cwa_command;
struct cwa_command *cwa_command_new(const char *method);
/* The same for what is said in a conversation: a conference element with that child, which is returned. number: the confId. */
struct cwa_command *cwa_command_in(uint64_t conference, const char *method);
struct cwa_tree *cwa_command_tree(struct cwa_command *command);
struct cwa_node *cwa_command_method(struct cwa_command *command);

struct cwa_channel_callbacks {
	/* Connected and signed in, or again. */
	void (*connected)(void *ctx, const struct cwa_signed_in *how);
	/* A step towards a session, for trails: event "cwa.sign-in" or "cwa.session". */
	void (*step)(void *ctx, const char *event, const char *text);
	/* A session has begun; its whole state follows as events, then ready. Not the first: what the last one knew is over. */
	void (*begun)(void *ctx, const char *uri, bool first);
	void (*ready)(void *ctx);
	void (*event)(void *ctx, const struct cwa_node *event);
	/* It has come to nothing, or to an end. Nothing is called any more; the channel may be freed inside. */
	void (*over)(void *ctx, const struct cwa_refusal *why);
	/* After cwa_channel_finish. The channel may be freed inside. */
	void (*finished)(void *ctx);
};

/* What a session begins with: the availability that is to be shown (enum cwa_availability). */
typedef uint32_t cwa_availability_fn(void *ctx);

/* Signs in, then begins a session. Answers later, never inside. server is copied. */
struct cwa_channel *cwa_channel_new(const struct cwa_server *server, struct bytes user, struct bytes password,
	cwa_availability_fn *availability, const struct cwa_channel_callbacks *callbacks, void *ctx);

/* wants_outcome: replied is called when the server says how it ended, not when it has only accepted. replied may be NULL. The command is
 * the channel's from here on. false, and nothing is called: too many wait, or the channel is at its end. */
bool cwa_channel_send(struct cwa_channel *channel, struct cwa_command **command, bool wants_outcome, cwa_replied_fn *replied, void *arg);

/* The rid of the command that was given last: an event may name it. */
uint64_t cwa_channel_last_rid(const struct cwa_channel *channel);

/* The person did something: the next request for events says so. */
void cwa_channel_active(struct cwa_channel *channel);

/* Says what waits to be said, then terminateSession; at most 2 s of real time until finished. */
void cwa_channel_finish(struct cwa_channel *channel);
void cwa_channel_free(struct cwa_channel **channel);      /* ends at once, calls nothing; NULL inside is fine */

#endif
