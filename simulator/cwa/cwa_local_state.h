#ifndef BRAMBLE_SIMULATOR_CWA_CWA_LOCAL_STATE_H
#define BRAMBLE_SIMULATOR_CWA_CWA_LOCAL_STATE_H

/* What the files of the local home share; nobody else includes it. */

#include <uthash.h>

#include "protocol/cwa/codes.h"
#include "simulator/cwa/cwa_home.h"

/* Bounds of what a user can make us keep. Source: ours. */
#define CONTACTS_MAX 1000
#define GROUPS_MAX 200
#define MEMBERS_MAX 1000                /* of all containers of a user */
#define WATCHED_MAX 1000                /* by one client */
#define PARTICIPANTS_MAX 100

#define CONTAINER_BLOCKED 32000

struct person;

struct list_group {
	uint32_t id;
	char *name, *external_uri;
};

struct list_contact {
	char *uri;
	struct person *person;          /* NULL: nobody of this world */
	char *name;
	bool subscribed, tag;
	char *groups;
};

struct container_member {
	uint32_t container;
	char *type, *value;
};

/* One client of a person. */
struct endpoint {
	struct local *local;
	struct person *person;
	struct session *session;
	struct endpoint *prev, *next;
	struct loop_task signing_on;
	bool on;
	uint32_t machine;
	struct person **watched;
	size_t watched_count;
};

/* What is passed on as it is. */
enum passed { PASSED_CALENDAR, PASSED_CARD, PASSED_SERVICES, PASSED };

struct person {
	const struct world_user *seed;
	char *uri;
	UT_hash_handle hh;
	struct endpoint *endpoints;
	struct list_group *groups;
	size_t group_count;
	struct list_contact *contacts;
	size_t contact_count;
	uint32_t next_group, number;
	struct container_member *members;
	size_t member_count;
	struct person **acknowledged;
	size_t acknowledged_count;
	struct endpoint **watchers;
	size_t watcher_count;
	uint32_t user_state;            /* what the person has set; 0: nothing, the clients' own states count */
	char *note;
	char *passed[PASSED];
	uint64_t state_s, note_s, passed_s[PASSED];
};

struct local {
	struct home home;
	struct loop *loop;
	const struct world *world;
	uint64_t (*wall_s)(void *arg);
	void *wall_arg;
	struct person *persons;         /* as many as the world has, in its order */
	struct person *by_uri;
	struct talk *talks;
	uint32_t next_talk;
};

struct person *local_person(const struct local *local, const char *uri);        /* NULL: nobody of this world */
bool local_blocks(const struct person *person, const struct person *other);
bool local_is_on(const struct person *person);
void *array_grow(void *array, size_t count, size_t size);       /* room for one more; capacities are powers of two */
void array_drop(void *array, size_t *count, size_t size, size_t at);

struct list_contact *local_contact(const struct person *p, const char *uri);    /* on the person's list; NULL */
void local_fail(struct session *s, const char *rid, uint32_t code, const char *detail);

/* --- subscribers and containers (cwa_local_access.c) */
void local_acknowledge(void *ctx, struct session *s, const char *rid, const char *uri);
void local_change_member(void *ctx, struct session *s, const char *rid, uint32_t container, bool add, const struct home_member *member);
void local_tell_subscribers(const struct local *local, const struct endpoint *e);
void local_tell_containers(const struct endpoint *e);
void local_drop_member(struct person *p, size_t at);

/* --- presence (cwa_local_presence.c) */
void local_activity(void *ctx, struct session *s, bool active);
void local_publish(void *ctx, struct session *s, const char *rid, const struct home_category *categories, size_t count);
void local_query(void *ctx, struct session *s, const char *rid, const char *const *uris, size_t count, bool subscribe);
void local_changed(struct person *person);             /* tells watchers and the person's own clients */
void local_show(const struct endpoint *to, struct person *const *persons, size_t count);
void local_show_self(const struct endpoint *to);
void endpoint_watch(struct endpoint *e, struct person *person);
void endpoint_unwatch(struct endpoint *e, const struct person *person);
void endpoint_watch_contacts(struct endpoint *e);       /* and is shown them */

/* --- search (cwa_local_search.c) */
void local_search(void *ctx, struct session *s, const char *rid, const struct home_search *search);

/* --- conversations (cwa_local_talk.c) */
struct leg *local_invite(void *ctx, struct conference *c, const char *const *uris, size_t count, const char *subject,
	const struct home_message *message);
void local_accept(void *ctx, struct leg *leg);
void local_leave(void *ctx, struct leg *leg, bool declines);
void local_say(void *ctx, struct leg *leg, const char *rid, const struct home_message *message);
void local_composing(void *ctx, struct leg *leg, bool composing);
void local_info(void *ctx, struct leg *leg, const char *rid, const struct home_message *message);
void local_invite_more(void *ctx, struct leg *leg, const char *rid, const char *const *uris, size_t count);
void local_eject(void *ctx, struct leg *leg, const char *rid, const char *uri);
void local_promote(void *ctx, struct leg *leg, const char *rid, const char *uri);
void local_lock(void *ctx, struct leg *leg, const char *rid, bool locked);

#endif
