#ifndef BRAMBLE_TESTS_SUPPORT_PIPELINE_H
#define BRAMBLE_TESTS_SUPPORT_PIPELINE_H

#include "base/io/history.h"
#include "collab/collab.h"
#include "dispatcher/dispatcher.h"
#include "router/router.h"
#include "simulator/device/device.h"
#include "simulator/relay/relay_links.h"
#include "tests/support/database.h"

struct tls;
struct gw_server;
struct cwa_server;
struct ocs_server;

/* The whole pipeline in one process: IM server, configuration database, router, dispatcher, Collaboration Service and
 * devices, each on a loop of its own with a manual clock, on real sockets of the loopback. The database's work is done inside the calls. */

/* One person with a device, and what happened to it: a line per event, "login-ok", "login-failed 100 Server Busy",
 * "message bob: hello", "forced-logout evicted-silent". */
struct phone {
	struct device *device;
	struct device_identity identity;
	const char *user;
	struct buf told;
	struct buf all;               /* the same, never taken away: for the report of a failed test */
};
enum { ALICE, BOB, CAROL, DAVE, ERIN, FRANK, GRACE, HEIDI, PHONES_MAX };
#define PHONES_USUAL (DAVE + 1)
#define PIPELINE_FIRST_PIN 0x2100000Au

/* Each with a trail, and a history when the options say so. */
enum pipeline_part { PART_IM, PART_ROUTER, PART_DISPATCHER, PART_COLLAB, PART_OCS, PART_DEVICE, PART_RELAY, PARTS };

enum { PIPELINE_LOOPS = PARTS + 1 };

struct pipeline_options {
	unsigned phones;              /* up to PHONES_MAX; dave may not use the client */
	const char *host;             /* an address of the loopback; all listen there */
	enum db_environment_type system;
	bool ocs;                     /* behind a web server: its users live there */
	bool histories;               /* in the folder pipeline_histories */
	const char *keep;             /* that folder, which then stays; NULL: one that goes with the database's */
	bool relays;                  /* between the parts, before each that others dial: a network that can be bad */
	const char *poll;             /* how often the service looks at the database in real time, as a setting */
};

struct pipeline_way { struct relay *relay; char *to, *listen; };

struct pipeline {
	struct pipeline_options options;
	struct database *database;    /* its handle is the administrator's, and so is the loop */
	struct loop *loop;
	struct loop *loops[PARTS];    /* one for each life of a part; NULL while it is down */
	bool is_way_back;             /* of the rounds, in turns */
	uint64_t done, idle_since[PIPELINE_LOOPS];    /* rounds in which something was done; when a loop had nothing to do */
	uint64_t unread;              /* of loop_work's balance: sent to who does not read */
	uint64_t now_ms;
	struct world *world;
	struct tls *tls;
	struct trail *trails[PARTS];
	struct history *histories[PARTS];
	struct gw_server *groupwise;  /* NULL as long as it is down, or there is another IM server */
	struct cwa_server *cwa;
	struct ocs_server *ocs;
	struct tls *mutual_tls, *uplink_tls;
	char *im_address, *ocs_address, *ocs_way;
	struct router_settings router_settings;
	struct dispatcher_settings dispatcher_settings;
	struct collab_settings collab_settings;
	struct router *router;
	struct db *dispatcher_db, *collab_db;
	struct dispatcher *dispatcher;
	struct collab *collab;
	struct faults *faults;        /* of the devices' links */
	struct pipeline_way ways[PART_DEVICE];
	bool splits;                  /* a fault is among them whose pieces leave a moment of real time apart: settling takes as long */
	struct phone phones[PHONES_MAX];
};

/* Everything is up and linked, the devices are in coverage and logged out. Fails the test, or ends a program that is none. */
struct pipeline *pipeline_new(const struct pipeline_options *options);
void pipeline_free(struct pipeline **pipeline);
/* cmocka fixtures: the same, with the usual phones and TLS. */
int pipeline_setup(void **state);
int pipeline_teardown(void **state);

void pipeline_limits(struct pipeline *p, uint32_t max, uint64_t idle_timeout_ms, uint32_t capacity);
void pipeline_inactivity(struct pipeline *p, uint64_t timeout_ms);

/* Lets everything that is under way arrive; the clock stands still. */
void pipeline_settle(struct pipeline *p);
/* Moves the clock by so much, from deadline to deadline, letting everything arrive in between: as `bramble clock advance`. */
void pipeline_pass(struct pipeline *p, uint64_t ms);
/* The service is registered and the router linked: for AWAIT-like loops of callers. */
bool pipeline_is_linked(struct pipeline *p);

/* Waits, with the clock standing still, until this stands among what the device told; takes it and all before it away. */
void phone_await(struct pipeline *p, int who, const char *text);
/* Nothing of the kind is told, now that everything has arrived. */
void phone_never(struct pipeline *p, int who, const char *text);
const char *phone_user(int who);
void phone_login(struct pipeline *p, int who);         /* typed, not awaited */
void phone_online(struct pipeline *p, int who);        /* and it must succeed */
void phone_send(struct pipeline *p, int who, const char *to, const char *text);
/* How often that stands among all that the device ever told. */
unsigned phone_count(struct pipeline *p, int who, const char *text);

/* "groupwise" or "cwa": the name of the IM server's environment, and the process of its history. */
const char *pipeline_system(const struct pipeline *p);
/* Of the IM server; NULL while it is down. */
struct faults *pipeline_im_faults(const struct pipeline *p);
/* Sets a fault word of the devices' links. */
void pipeline_fault(struct pipeline *p, const char *word);
/* Of the links to a part that other parts dial: the word of a relay. -1 with a sentence, also when there is no relay. */
int pipeline_link_fault(struct pipeline *p, enum pipeline_part part, const char *word, struct error *err);
/* Of all links, and of the IM server. */
void pipeline_clear_faults(struct pipeline *p);

/* One that is started again listens where it did. Stopping is polite: what it says on its way out is said. Killing is not: what it has not sent,
 * stored or noted by then never was. Killing happens now, or when it is ordered: see history_die. */
void pipeline_kill(struct pipeline *p, enum pipeline_part part);
void pipeline_order_death(struct pipeline *p, enum pipeline_part part, uint64_t lines, bool unsent);
void pipeline_stop(struct pipeline *p, enum pipeline_part part);
void pipeline_start(struct pipeline *p, enum pipeline_part part);
bool pipeline_is_up(const struct pipeline *p, enum pipeline_part part);
bool pipeline_has(const struct pipeline *p, enum pipeline_part part);    /* up or down */
const char *pipeline_part_name(enum pipeline_part part);       /* "collab"; but for the IM server's also the process of its history */
/* All devices and parts, the devices first; only the database is left. */
void pipeline_stop_all(struct pipeline *p);
/* How many sessions the database counts. */
int64_t pipeline_seats(struct pipeline *p);
/* The folder of the histories. */
const char *pipeline_histories(const struct pipeline *p, char *into, size_t size);

#endif
