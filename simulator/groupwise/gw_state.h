#ifndef BRAMBLE_SIMULATOR_GROUPWISE_GW_STATE_H
#define BRAMBLE_SIMULATOR_GROUPWISE_GW_STATE_H

/* What the files of the simulated Messenger server share; nobody else includes it. */

#include <uthash.h>

#include "base/io/connection.h"
#include "base/io/loop.h"
#include "protocol/groupwise/answer.h"
#include "protocol/groupwise/codes.h"
#include "protocol/groupwise/event.h"
#include "protocol/groupwise/names.h"
#include "protocol/groupwise/tags.h"
#include "simulator/fault_hole.h"
#include "simulator/fault_outlet.h"
#include "simulator/groupwise/gw_server.h"
#include "simulator/keep.h"

/* Bounds of what one client can make us keep. The two of the list are what a real server told its clients; the rest is ours. */
#define CONTACTS_MAX 150
#define FOLDERS_MAX 50
#define DETAILS_MAX 300                 /* users in one answer to getdetails */
#define NAME_MAX_BYTES 256
#define STATUS_TEXT_MAX 2000
#define BLOCKS_MAX 1000
#define CONFERENCES_OF_USER 500
#define SESSIONS_OF_USER 16             /* where a user may have several */
#define MEMBERS_MAX 100
#define LOGIN_FAILURES_MAX 5
#define LOGIN_DEADLINE_MS 60000

/* --- people (gw_people.c) -------------------------------------------------------------------------------------------------- */

struct people {
	struct person **items;
	size_t count;
};

struct list_folder {
	uint32_t id, sequence;
	char *name;
};

struct list_contact {
	uint32_t id, folder, sequence;          /* folder 0: the root */
	struct person *person;
	char *name;
};

enum policy {
	POLICY_FILE_TRANSFER, POLICY_QUERY, POLICY_ARCHIVE, POLICY_PASSWORD_REMEMBER, POLICY_BROADCAST, POLICY_PERSONAL_HISTORY,
	POLICY_PRINT_SAVE, POLICY_CHAT_SERVICE, POLICY_MAX_CONTACTS, POLICY_MAX_FOLDERS, POLICIES
};

struct policies {
	uint32_t values[POLICIES];
	const char *locked;                     /* names of attributes with spaces between them; NULL: none */
};

struct person {
	const struct world_user *seed;
	struct policies policies;
	struct bytes dn;
	char *dotted;                           /* lower case: the key of the index */
	UT_hash_handle hh;
	struct session *sessions[SESSIONS_OF_USER];     /* by slot */
	uint32_t slots;                         /* which of them are there, as bits; 0: not signed on */
	struct member *memberships;             /* conferences one of his clients knows of */
	unsigned membership_count;
	uint32_t status;                        /* enum gw_status, as the client set it */
	char *status_text, *auto_reply;
	unsigned status_changes;
	bool announced;                         /* others were told that he is there */
	bool restored;                          /* his status is the one he had when the server ended; until the next login */
	struct kept kept;

	struct list_folder *folders;
	size_t folder_count;
	struct list_contact *contacts;
	size_t contact_count;
	uint32_t next_id;
	struct people watchers;                 /* who has him on the list, each once */

	bool blocks_by_default;
	struct people allowed, denied;

	uint64_t logins, refused, last_login_s;
};

bool people_has(const struct people *people, const struct person *person);
void gw_people_add(struct people *people, struct person *person);       /* once */
void people_remove(struct people *people, const struct person *person);

void gw_people_append(struct people *people, struct person *person);    /* who is known not to be in it */

void persons_make(struct gw_server *server);
void persons_free(struct gw_server *server);
/* By id, DN or dotted DN, in any letter case. */
struct person *person_find(struct gw_server *server, struct bytes name);
bool person_blocks(const struct person *person, const struct person *other);
/* What `asker` may see; *text is the status text or "". */
uint32_t person_visible(const struct person *person, const struct person *asker, const char **text);
unsigned person_session_count(const struct person *person);
/* To those of his sessions whose bits are set. */
void person_event(const struct person *person, uint32_t slots, const struct gw_event *event);
/* Event 103 to one watcher, or to everybody who has him on the list. */
void person_announce_to(const struct person *person, const struct person *watcher);
void person_announce(const struct person *person);
/* CN ... NM_A_SZ_MESSAGE_BODY, as getdetails and the contact list have them. */
void person_details(const struct gw_server *server, const struct person *person, const struct person *asker,
	struct gw_tree *tree, struct gw_field *into);
void person_names(const struct gw_server *server, const struct person *person, struct gw_tree *tree, struct gw_field *into);
void person_info(const struct person *person, struct gw_tree *tree, struct gw_field *into);

/* --- what the administrator allows (gw_policy.c) ------------------------------------------------------------------------------ */

/* What must be in nnmLockedAttrList to lock privacy (code) and the contact list (ours). */
#define LOCKS_PRIVACY GW_TAG_BLOCKING
#define LOCKS_LIST "nnmContactList"

void policies_make(const struct world *world, const struct world_user *user, struct policies *out);
bool policies_lock(const struct policies *policies, const char *attribute);
/* The fields of the login answer. */
void policies_tell(const struct policies *policies, struct gw_tree *out);
void policies_tell_locked(const struct policies *policies, struct gw_tree *out);
void custom_statuses_tell(const struct world *world, const struct world_user *user, struct gw_tree *out);

/* --- the contact list (gw_roster.c) ------------------------------------------------------------------------------------------ */

struct list_folder *roster_folder(const struct person *person, uint32_t id);
struct list_contact *roster_contact(const struct person *person, uint32_t id);
/* They go to the end; names are copied. The pointer holds until the list changes again. */
struct list_folder *roster_add_folder(struct person *person, uint32_t id, struct bytes name);
struct list_contact *roster_add_contact(struct person *person, uint32_t id, uint32_t folder, struct person *other,
	struct bytes name);
void roster_drop_folder(struct person *person, struct list_folder *folder);     /* its contacts must be gone */
void roster_drop_contact(struct person *person, struct list_contact *contact);
void roster_clear(struct person *person);

/* --- what is kept over a restart (gw_store.c) --------------------------------------------------------------------------------- */

/* Writes it at the end of this round. */
void person_changed(struct gw_server *server, struct person *person);

/* --- sessions (gw_connections.c) ------------------------------------------------------------------------------------------- */

struct session {
	struct gw_server *server;
	struct connection *connection;
	struct session *prev, *next;
	struct gw_scan scan;
	struct loop_timer *timer;               /* until login, then between requests */
	struct person *person;                  /* NULL before login */
	unsigned slot;                          /* its place among the person's sessions */
	uint32_t build;
	unsigned failures;
	bool ending;                            /* what it still sends is not read */
	struct fault_outlet *outlet;
	struct fault_hole *hole;                /* NULL until a fault has made it half-open */
	struct search *searches;
};

/* One request being answered. */
struct call {
	struct session *session;
	const struct gw_field *in;
	struct bytes transaction;
	struct gw_tree *out;                    /* fields of the answer; sent only with code 0 */
	struct fault fault;                     /* what befalls the answer */
	bool answered;
};

struct command {
	const char *name;
	bool before_login;
	const char *lock;                       /* the attribute that locks it when the administrator has locked it; NULL: none */
	uint32_t (*run)(struct call *call);     /* the result code */
};
extern const struct command session_commands[], list_commands[], privacy_commands[], conference_commands[],
	search_commands[];

/* Answers now, for commands whose events must come after the answer; else the code that run returns is sent. */
void call_answer(struct call *call, uint32_t code);
/* The list or the privacy of the session's user is another now: it is kept, and his other sessions are told by event 104. */
void call_changed(struct call *call);
/* A line of the history about a connection. */
void session_record(const struct session *session, const char *event, uint64_t bytes);
void session_event(struct session *session, const struct gw_event *event);
/* Leaves conferences, tells the others, and closes once what is queued has gone out. event 0: none before it. */
void gw_session_end(struct session *session, uint32_t event, const char *why);
/* The session now belongs to the person; where a user has one, the older one ends with event 114. */
void session_login(struct session *session, struct person *person);

/* --- searches (gw_search.c) ------------------------------------------------------------------------------------------------- */

void searches_free(struct session *session);

/* --- conferences (gw_conferences.c) ----------------------------------------------------------------------------------------- */

struct conference {
	char id[GW_CONFERENCE_LEN + 1];
	char key[GW_CONFERENCE_PREFIX + 1];
	UT_hash_handle hh;
	struct member *members;
	unsigned member_count;
};

struct member {
	struct conference *conference;
	struct person *person;
	uint32_t in;                            /* his sessions whose clients know of the conference, as bits of their slots */
	bool invited;                           /* asked, has not answered */
	bool linked;                            /* among the person's memberships: invited, or in is not 0 */
	unsigned replied;                       /* status_changes + 1 of the auto-reply that was sent last */
	struct member *next, *next_of_person;
};

/* A session leaves them all; with the last session of a user the user leaves. */
void conferences_leave(struct session *session);
void conferences_free(struct gw_server *server);

/* --- the server ---------------------------------------------------------------------------------------------------------------- */

struct gw_server {
	struct loop *loop;
	const struct world *world;
	struct gw_server_settings settings;
	struct listener *listener;
	char *address;
	struct person *persons;                 /* as many as the world has users, in its order */
	struct person *by_dotted;               /* index */
	struct session *sessions;               /* all connections, logged in or not */
	uint64_t connection_count, session_count, sessions_most;
	uint64_t connections_total, logins_total, refused_total, messages_total;
	struct conference *conferences;         /* index by prefix */
	uint32_t conference_salt, conference_next;
	struct faults *faults;
	struct keep *keep;                      /* NULL: nothing is kept */
	struct gw_tree in, out;                 /* of the request at hand */
	struct buf scratch;
	loop_fn *shutdown_done;
	void *shutdown_arg;
	bool shutting_down;
};

#endif
