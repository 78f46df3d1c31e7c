#ifndef BRAMBLE_ADMIN_CHECK_SEATS_H
#define BRAMBLE_ADMIN_CHECK_SEATS_H

#include <uthash.h>

#include "admin/check_rules.h"

/* What check_seats.c gathers and check_seats_judge.c judges. All times are real microseconds; 0: it did not happen. */

/* A Collaboration Service: one life of its process. */
struct seat_service {
	const struct check_process *process;
	uint64_t started_us;
	char instance[64], environment[64];
	bool fenced;
	uint64_t sessions, connections;      /* now, by its history */
	UT_hash_handle hh;
};

/* A change of the mark: committed between the two times. */
struct seat_mark {
	uint64_t asked_us, done_us;
	uint64_t reason;                     /* 0: taken back */
	struct seat_mark *before;
};

struct seat {
	uint32_t session, pin;
	char user[64];                       /* cut, which is enough to compare */
	struct seat_service *service;
	struct check_place admitted, taken, over;
	uint64_t from_us;                    /* committed */
	uint64_t taken_us, taken_reason;     /* committed by another login */
	uint64_t released_us, freed_us;      /* its own service asked, and heard */
	struct seat_mark *marks;             /* newest first */
	bool connected;
	uint64_t sure_to_us, perhaps_to_us;  /* held for certain before the one, not any more after the other */
	UT_hash_handle hh;
};

/* Ended by another service's login before its own has heard that it was given: on a busy machine its line comes later. */
struct seat_early {
	uint32_t session;
	uint64_t taken_us, taken_reason;
	struct check_place taken;
	UT_hash_handle hh;
};

struct decision {
	struct check_place place;
	uint64_t us, max, live, capacity;
	uint32_t session, pin;               /* session 0: refused */
	char user[64];
};

struct check_seats {
	struct seat_service *services;
	struct seat *seats;
	struct seat_early *early;
	struct decision *decisions;
	size_t decision_count, decision_room;
};

struct seat *check_seat_find(const struct check *check, uint64_t session);
void check_seats_judge(struct check *check);

#endif
