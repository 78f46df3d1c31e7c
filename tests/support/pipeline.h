#ifndef BRAMBLE_TESTS_SUPPORT_PIPELINE_H
#define BRAMBLE_TESTS_SUPPORT_PIPELINE_H

#include "collab/collab.h"
#include "dispatcher/dispatcher.h"
#include "router/router.h"
#include "simulator/device/device.h"
#include "simulator/groupwise/gw_server.h"
#include "tests/support/database.h"

struct tls;

/* The whole pipeline in one process: GroupWise server, configuration database, router, dispatcher, Collaboration Service and
 * devices on one loop with a manual clock, on real sockets of the loopback. */

/* One person with a device, and what happened to it: a line per event, "login-ok", "login-failed 100 Server Busy",
 * "message bob: hello", "forced-logout evicted-silent". */
struct phone {
	struct device *device;
	struct device_identity identity;
	const char *user;
	struct buf told;
	struct buf all;               /* the same, never taken away: for the report of a failed test */
};
enum { ALICE, BOB, CAROL, DAVE, PHONES };

struct pipeline {
	struct database *database;    /* with the loop; its handle is the administrator's */
	struct loop *loop;
	uint64_t now_ms;
	struct world *world;
	struct tls *tls;
	struct gw_server *groupwise;
	struct router_settings router_settings;
	struct dispatcher_settings dispatcher_settings;
	struct collab_settings collab_settings;
	struct router *router;
	struct db *dispatcher_db, *collab_db;
	struct dispatcher *dispatcher;
	struct collab *collab;
	struct trail *trail;          /* the Collaboration Service's */
	struct faults *faults;        /* of the devices' links */
	struct phone phones[PHONES];
};

/* cmocka fixtures: everything is up and linked, the devices are in coverage and logged out. Dave may not use the client. */
int pipeline_setup(void **state);
int pipeline_teardown(void **state);

void pipeline_limits(struct pipeline *p, uint32_t max, uint64_t idle_timeout_ms, uint32_t capacity);
void pipeline_inactivity(struct pipeline *p, uint64_t timeout_ms);

/* Lets everything that is under way arrive; the clock stands still. */
void pipeline_settle(struct pipeline *p);
/* Moves the clock by so much, from deadline to deadline, letting everything arrive in between: as `bramble clock advance`. */
void pipeline_pass(struct pipeline *p, uint64_t ms);

/* Waits, with the clock standing still, until this stands among what the device told; takes it and all before it away. */
void phone_await(struct pipeline *p, int who, const char *text);
/* Nothing of the kind is told, now that everything has arrived. */
void phone_never(struct pipeline *p, int who, const char *text);
void phone_login(struct pipeline *p, int who);         /* typed, not awaited */
void phone_online(struct pipeline *p, int who);        /* and it must succeed */
void phone_send(struct pipeline *p, int who, const char *to, const char *text);
/* How often that stands among all that the device ever told. */
unsigned phone_count(struct pipeline *p, int who, const char *text);

/* Sets a fault word of the devices' links. */
void pipeline_fault(struct pipeline *p, const char *word);

void pipeline_stop_dispatcher(struct pipeline *p);
void pipeline_start_dispatcher(struct pipeline *p);
/* How many sessions the database counts. */
int64_t pipeline_seats(struct pipeline *p);

#endif
