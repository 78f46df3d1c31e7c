#ifndef BRAMBLE_DB_SEAT_BATCH_H
#define BRAMBLE_DB_SEAT_BATCH_H

#include "db/core.h"
#include "db/seats.h"

/* Inside db/ only: one environment as a transaction sees it. Counted once, then kept true by what the transaction does. */
struct seat_batch {
	struct seat_batch *next;
	char name[65];
	int64_t id;
	struct seat_census census;       /* live and evictable: of everybody */
};

/* The environment, read and counted at its first use in this transaction, after the seats of owners (but not of this one) whose
 * lease ran out at now_ms were ended. NULL: no such environment, or the transaction has failed. */
struct seat_batch *seat_batch_of(struct core *core, const char *environment, uint64_t owner_id, uint64_t now_ms);
int64_t seat_environment_id(struct core *core, const char *environment);    /* 0: none */
/* A change besides the admissions. */
void seat_batch_adjust(struct core *core, int64_t environment_id, int live, int evictable);

/* Moves a seat to history and frees it. by: the login it had to make way for, or "". closing: its connection to the IM server is not
 * closed yet. */
void seat_end(struct core *core, uint64_t session, int reason, const char *by, bool closing);
/* All of an owner's. Returns how many. */
uint64_t seats_end_of_owner(struct core *core, uint64_t owner_id, int reason);

/* A seat that this transaction gives; should nobody know if it was committed, it is ended again. */
void seat_taken(struct core *core, uint64_t session, struct seat_owner owner);

/* The owner is who it says, and not superseded. */
bool seat_owner_valid(struct core *core, struct seat_owner owner, int64_t environment_id);

#endif
