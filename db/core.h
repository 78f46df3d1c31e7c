#ifndef BRAMBLE_DB_CORE_H
#define BRAMBLE_DB_CORE_H

#include "db/arena.h"
#include "db/db.h"
#include "db/driver.h"
#include "db/secret.h"
#include "db/statements.h"

/* Inside db/ only: what the database's thread works with, how verbs reach it, and how they speak SQL. */

struct seat_list {
	struct seat_taken { uint64_t session, owner; uint32_t epoch; } *items;
	size_t count;
};

/* Owned by the database's thread while a batch runs there. */
struct core {
	const struct driver_ops *driver_ops;
	struct driver *driver;           /* NULL while the file is gone */
	char *where;                     /* as the driver opens it: may hold a password */
	char *place;                     /* as sentences call it */
	struct secret_box *secrets;      /* NULL: opened without an install key */
	enum driver_result failed;       /* not DRIVER_DONE: this transaction cannot go on; later statements do nothing */
	struct error error;              /* why */
	struct seat_batch *seats;        /* what the seat verbs have counted in this transaction */
	struct seat_list taken;          /* seats that this transaction gives */
	struct seat_list doubtful;       /* seats of commits of which nobody knows: nobody was told of them, and they are to be ended */
	uint64_t clock_ahead_ms;         /* what leases are written in, before the loop's clock; see core_lease_ms */
	bool clock_was_manual;
	uint64_t commits, retries, failures;
};

/* How a verb is worked: reads and shared writes that wait together share one transaction; an alone one is undone by itself
 * when its status is not DB_OK; a plain one runs outside any transaction. */
enum verb_kind { VERB_READ, VERB_SHARED, VERB_ALONE, VERB_PLAIN };

/* One call of a verb; the verb's own struct begins with it and lies in its arena. */
struct verb {
	struct verb *next;
	struct arena arena;
	enum verb_kind kind;
	bool secret;                     /* the arena holds keys: wiped */
	bool refused;                    /* before it was given: it is only answered */
	bool manual_clock;               /* the loop's stood, or was moved by hand, when it was given */
	enum db_status status;
	struct error error;              /* in words, when status is not DB_OK */
	uint64_t deadline_us;            /* a locked database is tried until then */
	void (*work)(struct core *core, struct verb *verb);
	void (*answer)(struct verb *verb);   /* on the loop; calls the caller's completion */
	void *ctx;
};

#define VERB_NEW(type, kind_, work_, answer_, ctx_) ((type *)verb_new(sizeof(type), kind_, work_, answer_, ctx_))
void *verb_new(size_t size, enum verb_kind kind, void (*work)(struct core *core, struct verb *verb),
	void (*answer)(struct verb *verb), void *ctx);
/* Gives the verb to the database; it is freed after its answer. */
void verb_give(struct db *db, struct verb *verb);
/* Sets the verb's status with a sentence. Before verb_give: it is then answered without reaching the database. */
void verb_refuse(struct verb *verb, enum db_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Verbs whose completion only hears a status: done is called with it. */
struct status_verb {
	struct verb verb;
	void (*done)(void *ctx, enum db_status status);
};
void status_answer(struct verb *verb);

/* Texts given to a verb: copied into its arena. A missing, empty, too long or non-UTF-8 one refuses the verb. */
const char *verb_text(struct verb *verb, const char *what, const char *text, size_t max);
bool verb_is_text(const char *text);       /* strict UTF-8 without control characters */

/* --- SQL -----------------------------------------------------------------------------------------------------------------
 * After a failure all of these do nothing and say "no row": a verb reads straight on, and the batch is rolled back. */

static inline struct db_value number(int64_t value)
{
	return (struct db_value){ .kind = DB_VALUE_NUMBER, .number = value };
}
static inline struct db_value text(const char *value)     /* NULL is NULL */
{
	return (struct db_value){ .kind = value ? DB_VALUE_TEXT : DB_VALUE_NULL, .bytes = bytes_str(value) };
}
static inline struct db_value blob(struct bytes value)
{
	return (struct db_value){ .kind = DB_VALUE_BLOB, .bytes = value };
}
static inline struct db_value null(void)
{
	return (struct db_value){ .kind = DB_VALUE_NULL };
}

/* A PIN as the tables keep it. */
struct sql_pin { char text[9]; };
struct sql_pin sql_pin(uint32_t pin);
uint32_t sql_pin_parse(const char *text);      /* 0: NULL or not a PIN */

/* Runs a statement to its end; false if the transaction has failed. */
bool sql_run_values(struct core *core, enum statement which, const struct db_value *values, size_t count);
/* Starts a statement and steps to its first row; false: no row, or failed. */
bool sql_row_values(struct core *core, enum statement which, const struct db_value *values, size_t count);
bool sql_next(struct core *core, enum statement which);
#define sql_run(core, which, ...) sql_run_values(core, which, (const struct db_value[]){ __VA_ARGS__ }, \
	sizeof((const struct db_value[]){ __VA_ARGS__ }) / sizeof(struct db_value))
#define sql_row(core, which, ...) sql_row_values(core, which, (const struct db_value[]){ __VA_ARGS__ }, \
	sizeof((const struct db_value[]){ __VA_ARGS__ }) / sizeof(struct db_value))
uint64_t sql_changed(struct core *core);

int64_t sql_number(struct core *core, enum statement which, int column);
struct bytes sql_bytes(struct core *core, enum statement which, int column);    /* until the next step */
const char *sql_text(struct core *core, enum statement which, int column, struct arena *into);   /* a copy; NULL is NULL */
/* Ends the transaction with a sentence of our own: what the database holds cannot be worked with. */
void sql_fail(struct core *core, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* db/schema.c: applies what is missing; a newer one is refused. */
int schema_bring_up(const struct driver_ops *ops, struct driver *driver, const char *where, struct error *err);

/* db/seat_batch.c: forgets what was counted; before each transaction. */
void seat_batch_clear(struct core *core);
/* The transaction was committed (DRIVER_DONE), was not, or nobody knows (DRIVER_UNKNOWN). */
void seats_settled(struct core *core, enum driver_result commit);
/* First thing in a transaction that writes: ends the seats that may have been given although nobody was told. */
void seats_end_doubtful(struct core *core);
void seats_forget(struct core *core);

/* now_ms of the loop as leases and marks are written: in the clock of the server where there is one, since its services may be on
 * several hosts. A clock that is moved by hand has moved away from the server's: from then on the difference stays what it was last (0 if
 * it stood from the start), so that services whose clocks are moved as one agree. */
uint64_t core_lease_ms(struct core *core, const struct verb *verb, uint64_t now_ms);

#endif
