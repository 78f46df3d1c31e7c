#ifndef BRAMBLE_COLLAB_BACKEND_H
#define BRAMBLE_COLLAB_BACKEND_H

#include "base/io/loop.h"
#include "protocol/im.h"

struct tls;
struct cwa_kerberos;
struct http_client;

/* The seam between a session and the IM server that it lives on: one backend is one user's login on one server. There are two kinds,
 * GroupWise Messenger (groupwise_client.h) and Communicator Web Access (cwa_client.h). Everything is answered later, never inside a call. */
struct backend;

struct backend_target {
	struct loop *loop;
	const char *host;          /* of the environment's row; copied */
	uint16_t port;
	/* GroupWise */
	struct tls *tls;           /* shared by all backends; lives as long as they do */
	uint32_t protocol_version; /* what a GroupWise login calls itself */
	uint64_t refresh_ms;       /* how often to look for changes made elsewhere; 0: only when the server says so */
	/* Communicator Web Access */
	struct http_client *http;  /* as tls */
	struct cwa_kerberos *kerberos;       /* as tls; NULL: not used */
	bool clear;                /* HTTP */
	bool json;                 /* profile lcs2005, else ocs2007 */
	const char *domain;        /* put before a user ID without one; "" for none; copied */
};

/* What the backend tells its session. Inside any of them the session may call finish, and after lost or login_failed free.
 * The session member of what is told is the session's to fill in; texts live until the call returns. */
struct backend_events {
	/* The connection stands and its certificate was checked; the login is on its way. Again when the session goes on on another. */
	void (*connected)(void *ctx, const char *peer, const char *local, const char *tls_version);
	/* Something on the way to the login that a trail tells: its event's name and text. */
	void (*step)(void *ctx, const char *event, const char *text);
	/* forget_password: the server does not let clients keep it. */
	void (*logged_in)(void *ctx, struct bytes display_name, bool forget_password);
	/* It will not come to a login: IM_BAD_CREDENTIALS, IM_UNREACHABLE, IM_BACKEND_REFUSED. why is for the log. */
	void (*login_failed)(void *ctx, uint32_t code, const char *why);
	void (*presence)(void *ctx, struct bytes user, uint32_t presence, struct bytes text);
	void (*message)(void *ctx, struct im_message_event *message);
	/* Not kept for a device that is away. */
	void (*typing)(void *ctx, struct im_typing *typing);
	void (*room_event)(void *ctx, struct im_room_event *event);
	void (*room_message)(void *ctx, struct im_room_message_event *message);
	/* The list changed; after one's own change, too. */
	void (*contact)(void *ctx, struct im_contact_event *event);
	void (*block)(void *ctx, struct im_block *block);
	/* Who was found by the search of result->sequence, maybe in several calls; before its outcome. */
	void (*found)(void *ctx, struct im_search_result *result);
	/* The outcome of what was asked with this ref (enum im_code). Said a second time, with IM_NOT_DELIVERED, when the
	 * server took a message and then could not deliver it. */
	void (*done)(void *ctx, uint32_t ref, uint32_t code, const char *text);
	/* The login is over without our wish: IM_REASON_SERVER_LOST or IM_REASON_ELSEWHERE. */
	void (*lost)(void *ctx, enum im_logout_reason reason, const char *why);
	/* After finish: the connection is closed; free may be called. */
	void (*ended)(void *ctx);
};

struct backend_type {
	const char *name;
	/* Connects and logs in. The password is kept as long as the backend may need it again, then wiped. */
	struct backend *(*open)(const struct backend_target *target, struct bytes user, struct bytes password,
		const struct backend_events *events, void *ctx);
	/* The contact list after the login, with what is known of each contact now: fills at most max from the from-th on and
	 * returns how many. The texts live until the next call into the backend. */
	size_t (*contacts)(struct backend *b, size_t from, struct im_contact *out, size_t max);
	void (*send)(struct backend *b, uint32_t ref, struct bytes to, struct bytes text);
	void (*set_presence)(struct backend *b, uint32_t ref, uint32_t presence, struct bytes text);
	void (*typing)(struct backend *b, const struct im_typing *typing);      /* has no outcome */
	void (*room_open)(struct backend *b, uint32_t ref, const struct im_room_open *open);
	void (*room_invite)(struct backend *b, uint32_t ref, const struct im_room_invite *invite);
	void (*room_leave)(struct backend *b, uint32_t ref, const struct im_room_leave *leave);
	void (*room_answer)(struct backend *b, uint32_t ref, const struct im_room_answer *answer);
	void (*room_say)(struct backend *b, uint32_t ref, const struct im_room_message *message);
	void (*contact_change)(struct backend *b, uint32_t ref, const struct im_contact_change *change);
	/* Whom the user has blocked or allowed, after the login: as contacts. */
	size_t (*blocks)(struct backend *b, size_t from, struct im_block *out, size_t max);
	void (*block)(struct backend *b, uint32_t ref, const struct im_block *block);
	void (*search)(struct backend *b, uint32_t ref, const struct im_search *search);
	/* Logs out and closes; at most 2 s of real time until ended is called. */
	void (*finish)(struct backend *b);
	void (*free)(struct backend **b);      /* closes at once, calls nothing */
};

#endif
