#ifndef BRAMBLE_ADMIN_RECORD_PRIVATE_H
#define BRAMBLE_ADMIN_RECORD_PRIVATE_H

#include <stdbool.h>
#include <uthash.h>

#include "admin/check_files.h"
#include "admin/record.h"

/* What the files of a record share; nobody else includes it.
 *   record.c          which lines are the lab's, and what is kept of them
 *   record_people.c   what devices did and were told
 *   record_admin.c    what the administrator and the lab's commands did
 *   record_order.c    the order in which it is played
 *   record_write.c    as XML */

enum record_kind {
	RECORD_STEP,
	RECORD_OUTCOME,         /* an assertion */
	RECORD_END, RECORD_START,   /* steps: a process was ended in good order, and started; together they are a restart */
	RECORD_OFF,             /* a step: a device was switched off with its session open */
};

/* Something that was said from one device to another, until it is shown. */
struct record_said {
	struct record_said *prev, *next;
	char from[64], to[64];          /* as record_user has them */
	uint32_t pin, session, sequence;
	uint64_t at_us;
	unsigned number;                /* what stands for its text */
	bool is_taken;                  /* by its service; in this order they reach the IM server */
	bool is_stale;                  /* the session that it was said to is over */
	uint32_t to_session, to_sequence;      /* what the service made of it for the other device; 0: nothing yet */
	char told_from[192];            /* who said it, as that device is told */
};

/* A step or an assertion. */
struct record_item {
	enum record_kind kind;
	uint64_t at_us;                 /* its place in the order */
	uint64_t ms;                    /* when, on the lab's clock; 0: at any time */
	size_t number;                  /* they are numbered as they are found */
	struct record_device *device;   /* whose; NULL: nobody's */
	struct buf words;               /* the element as it stands in XML, without its brackets */
	char process[32];               /* of RECORD_END and RECORD_START */
	uint64_t said_us;               /* of an assertion on a message: when it was said, and by which device */
	uint32_t said_pin;
	bool is_late;                   /* a timer brought it about: it may come up to a second later another time */
	bool runs;                      /* the lab's clock ran by itself */
	bool may_lag;                   /* a fault was set that delays */
	bool of_all;                    /* a fault of all devices of one process */
	bool is_left;                   /* not played after all */
};

struct record_device {
	uint32_t pin;
	char user[32];                  /* whose it is in a fresh lab, also its id; "": a fresh lab does not have it */
	uint64_t status_interval_ms;    /* 0: what the service says */
	bool keeps_password, has_begun; /* a login has begun */
	bool is_used;                   /* a step or an assertion names it */
	bool is_left;                   /* nothing more of it is recorded */
	bool is_on, is_out, is_silent;  /* is_out: out of coverage */
	uint32_t session;               /* 0: none */
	char session_user[64];          /* as record_user has it */
	struct record_item *login;      /* the one under way, NULL: none, or it began by itself */
	bool is_logging_in, by_itself;
	uint32_t transaction;           /* of the login under way */
	char login_user[64];
	uint64_t presence, presence_bytes;     /* what its user said last about himself */
	UT_hash_handle hh;
};

/* A process that devices live in. */
struct record_crowd {
	const struct check_process *process;
	struct record_device *only;     /* NULL: it has several */
	bool has_faults;
	UT_hash_handle hh;
};

struct record_tally { char *what; uint64_t count; UT_hash_handle hh; };
struct record_person { char name[64]; bool is_forbidden; uint64_t kicked_us; UT_hash_handle hh; };

struct record_limits { uint64_t max, idle_ms, inactivity_ms, capacity, evict_one; };

struct record {
	/* The lab. */
	char backend[16], profile[16];
	unsigned services, dispatchers;
	uint64_t began_us, ended_us;    /* UINT64_MAX: it has not ended */
	struct buf settings;            /* <set> elements */
	/* Where the reading is. */
	uint64_t ms, at_us;             /* the lab's clock at the last line, and its real time */
	bool stands;                    /* that clock is moved by hand */
	bool has_faults;                /* one was set somewhere */
	struct record_limits limits;
	bool has_limits;
	unsigned said_count;
	struct record_said *said, *heard;      /* heard: what the service heard last from the IM server, until it has made an event of it */
	struct record_device *devices;
	struct record_crowd *crowds;
	struct record_person *people;
	struct record_tally *tallies;
	struct record_item **items;
	size_t item_count, item_room;
};

/* A new item at this moment, its element begun: `send device="alice"` with a device. NULL: of a device that is left out. */
struct record_item *record_add(struct record *r, enum record_kind kind, struct record_device *device, const char *element);
/* One more attribute. item NULL: does nothing. */
void record_attribute(struct record_item *item, const char *name, const char *value);
/* Happened, and has no word. */
void record_leave(struct record *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A user's ID without case and domain, so that both ends of a message call him the same. */
const char *record_user(const char *id, char *into, size_t size);
struct record_device *record_device(struct record *r, uint32_t pin);
struct record_person *record_person(struct record *r, const char *name);

/* Take a line; false: it is not theirs. */
bool record_people(struct record *r, const struct check_entry *e);
bool record_admin(struct record *r, const struct check_entry *e);
/* The transaction of a login decided: limits and permission are as it read them. */
void record_limits(struct record *r, const struct record_limits *now, struct record_item *before);

/* Puts the items in the order in which they are played, and makes of several what has one word. */
void record_order(struct record *r);

#endif
