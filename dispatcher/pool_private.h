#ifndef BRAMBLE_DISPATCHER_POOL_PRIVATE_H
#define BRAMBLE_DISPATCHER_POOL_PRIVATE_H

#include "dispatcher/pool.h"
#include "dispatcher/pool_decide.h"

/* Inside of the pool: pool.c has members and switches, pool_hand.c what the administrator sees and does. */
#define POOL_MEMBERS_MAX 64           /* of a pool; as many as may be linked */

enum pool_member_state { POOL_STANDBY, POOL_PROMOTING, POOL_ACTIVE, POOL_DEMOTING };
extern const char *const pool_member_states[];

/* An instance. It outlives its link by the dead time: who is back within that has lost nothing. */
struct pool_member {
	struct pool_member *next;
	char instance[65];
	uint64_t service;            /* its link; 0: none */
	uint64_t heard_ms;
	uint32_t health;
	enum pool_member_state state;
	bool wants, has_left, is_excluded;
	bool is_unsure;              /* it was asked to demote after all, and is still the active one: nobody could take over */
};

struct pool {
	struct pool *next;
	struct pools *all;
	char content_id[65];
	struct pool_member *members;      /* in the order in which they came first */
	struct loop_timer *timer;
	uint64_t begun_ms;
	/* The switch under way: who takes over, and from whom. */
	struct pool_member *to, *from;
	bool is_lost;                /* the one before is dead */
	uint32_t number;
	uint64_t until_ms;
	/* Who has logged its devices out in the last switch, until the active one is known to have their list (MOVED): either link may break in
	 * between, and then it is asked again. That it has the list is known from the answer to one more PROMOTE after it. */
	struct pool_member *handing;
	bool is_handed;              /* that PROMOTE was sent */
	unsigned unanswered;         /* PROMOTEs to the one that is (to be) active, on its present link */
};

struct pools {
	struct loop *loop;
	struct pool_settings settings;
	struct service_listener *services;
	struct pool_callbacks callbacks;
	void *ctx;
	uint64_t begun_ms;
	uint32_t last_number;
	struct pool *pools;
};

struct pool *pool_for(struct pools *all, const char *content_id, bool add);
struct pool_member *pool_member_named(const struct pool *pool, const char *instance);     /* NULL: none; so for all of these */
struct pool_member *pool_active(const struct pool *pool);
struct pool_member *pool_best_standby(const struct pool *pool, struct pool_candidate *best);
struct link_service *pool_link(const struct pool *pool, const struct pool_member *member);
bool pool_is_dead(const struct pool *pool, const struct pool_member *member);
/* A switch begins. from: NULL when nobody was active; is_lost: it is dead. */
void pool_begin(struct pool *pool, struct pool_member *to, struct pool_member *from, bool is_lost, const char *why);
void pool_plan(struct pool *pool);          /* sets the timer to what is due next */

#endif
