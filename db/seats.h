#ifndef BRAMBLE_DB_SEATS_H
#define BRAMBLE_DB_SEATS_H

#include "db/db.h"

/* Seats: a session is a row, inserted in the transaction that decided to admit it. There is no separate counter; the rows are
 * counted once per transaction, and logins that arrive together share one. */

enum seat_evict { SEAT_EVICT_ALL, SEAT_EVICT_ONE };       /* every matching session, or only as many as needed (setting) */

/* What the transaction read before it decided, and the arithmetic that a refusal carries. */
struct seat_census {
	uint32_t max_sessions;           /* 0: not set */
	uint64_t idle_timeout_ms;        /* 0: not set */
	uint64_t inactivity_timeout_ms;  /* 0: off */
	uint32_t transport_capacity;
	enum seat_evict evict;
	bool groupwise;                  /* else CWA and its kind: "Failed" without a number */
	uint32_t live;                   /* seats taken, without those this login replaces */
	uint32_t evictable;              /* of these: out of coverage or silent, as their owners marked them */
	bool permitted;                  /* the user may use the collaboration client */
};

enum seat_outcome { SEAT_ADMITTED, SEAT_SERVER_BUSY, SEAT_CAPACITY, SEAT_NOT_PERMITTED };
const char *seat_outcome_name(enum seat_outcome outcome);

struct seat_decision {
	enum seat_outcome outcome;
	uint32_t evict;                  /* how many evictable sessions end, oldest mark first, whatever the outcome */
};

/* The rule itself is the caller's (collab/limits): a pure function, called on the database's thread. */
typedef struct seat_decision seat_decide_fn(const struct seat_census *census);

/* This Collaboration Service as an owner of seats. */
struct seat_owner { uint64_t id; uint32_t epoch; };

/* Registers the instance for an environment: a new epoch; seats that its earlier life left behind end with reason "owner-lost".
 * lease_ms: how long its seats stay valid without a renewal: every admission first ends those whose owner's lease ran out.
 * Times are the loop's. DB_NOT_FOUND: no such environment. */
typedef void db_owner_done(void *ctx, enum db_status status, struct seat_owner owner);
void db_owner_start(struct db *db, const char *environment, const char *instance, uint64_t now_ms, uint64_t lease_ms,
	db_owner_done *done, void *ctx);
/* Renews; DB_CONFLICT when a newer epoch has taken over: the caller must end all its sessions. */
typedef void db_status_done(void *ctx, enum db_status status);
void db_owner_renew(struct db *db, struct seat_owner owner, uint64_t now_ms, uint64_t lease_ms, db_status_done *done, void *ctx);

struct seat_request {
	const char *environment;
	struct seat_owner owner;
	uint32_t pin;
	const char *im_user;
	const char *login_id;            /* ties log, trail and history together */
	uint64_t now_ms;
	seat_decide_fn *decide;
};

struct seat_ended {
	uint64_t session;
	uint64_t owner;                  /* the owner closes its IM connection */
	int reason;                      /* enum im_logout_reason */
};

/* Why a seat ended, as history names it: the protocol's names ("evicted-coverage") for its numbers, and one of the database's
 * own for seats whose owner is gone. */
enum { SEAT_REASON_REFUSED = 12, SEAT_REASON_OWNER_LOST = 256 };
const char *seat_reason_name(int reason);

struct seat_answer {
	struct seat_census census;       /* as read, before the eviction */
	struct seat_decision decision;
	uint64_t session;                /* when admitted; fits 32 bits, never 0, never used again */
	uint64_t decided_us;             /* loop_real_us() inside the transaction: earlier for what is committed earlier, on one host */
	const struct seat_ended *ended;  /* evicted and replaced sessions; lives until done returns */
	size_t ended_count;
	/* When admitted: ended sessions, of this login or of earlier ones and of whichever service, whose connections to the IM
	 * server are not closed yet and must be before this one's opens, for there would be more than the limits allow (or two of
	 * one user). Lives until done returns. */
	const uint64_t *closing;
	size_t closing_count;
};

/* Decides one login: reads, calls decide, ends what is evicted, inserts the seat, all in one transaction that logins of the
 * same moment share. im_user and pin identify what a login replaces: any live session of either in the environment. A refused
 * login replaces nothing: the older session goes on.
 * DB_NOT_FOUND: no such environment. DB_CONFLICT: a newer epoch has taken over, as in db_owner_renew.
 * DB_UNAVAILABLE: no seat was given. Texts of the request are copied. */
typedef void db_admit_done(void *ctx, enum db_status status, const struct seat_answer *answer);
void db_session_admit(struct db *db, const struct seat_request *request, db_admit_done *done, void *ctx);

/* connecting -> active, with the name the IM server gave. */
void db_session_activate(struct db *db, struct seat_owner owner, uint64_t session, db_status_done *done, void *ctx);
/* Marks a session evictable (reason IM_REASON_EVICTED_COVERAGE or _SILENT) or takes the mark back (0). DB_CONFLICT: the seat is
 * gone. A mark that is set again keeps its first time. */
void db_session_mark(struct db *db, struct seat_owner owner, uint64_t session, int reason, uint64_t now_ms, db_status_done *done,
	void *ctx);
/* Ends a session: its seat is free when done says DB_OK (also if it was free already), and history keeps the reason.
 * closing: its connection to the IM server is not closed yet; db_session_closed follows when it is. */
void db_session_end(struct db *db, struct seat_owner owner, uint64_t session, int reason, bool closing, db_status_done *done,
	void *ctx);
/* The same for a session of another owner, which is dead as far as the caller knows: its seat is free at once, and its connection
 * counts as not closed until that owner says so or nobody shall wait for it. Should it live after all, it learns of the end as of an
 * eviction (db_session_ends). */
void db_session_lost(struct db *db, uint64_t owner, uint64_t session, int reason, db_status_done *done, void *ctx);
/* The connection of a session that has ended is closed, or nobody shall wait for that any longer. Those that an admission has ended
 * count as not closed until their owner says this. */
void db_session_closed(struct db *db, uint64_t session, db_status_done *done, void *ctx);
/* The ended sessions of an environment whose connections are not closed; the list lives until done returns. */
typedef void db_closing_done(void *ctx, enum db_status status, const uint64_t *sessions, size_t count);
void db_session_closing(struct db *db, const char *environment, db_closing_done *done, void *ctx);

/* All live sessions, or (history) the last ended ones, newest first. Rows live until done returns. The live ones are those of
 * every owner: an owner that misses one of its own here has lost it to another's eviction. */
struct seat_row {
	uint64_t session, owner;
	uint32_t pin;
	const char *user, *environment, *instance, *state, *reason, *login_id;
	uint64_t started_wall_ms, ended_wall_ms;
	int mark;                        /* enum im_logout_reason, 0: none */
	const char *ended_by;            /* login_id of the login it made way for, by eviction or replacement; else "" */
	uint64_t ended_as;               /* db_session_ends: counts up with each end */
};
#define DB_HISTORY_KEEP 20000            /* ended sessions that are remembered */
typedef void db_sessions_done(void *ctx, enum db_status status, const struct seat_row *rows, size_t count);
void db_session_list(struct db *db, bool history, uint32_t max, db_sessions_done *done, void *ctx);
/* The ends of an owner's sessions, whoever ended them, oldest first, from the one after ended_as on; only session, reason, ended_by
 * and ended_as are filled. */
void db_session_ends(struct db *db, struct seat_owner owner, uint64_t after, uint32_t max, db_sessions_done *done, void *ctx);

#endif
