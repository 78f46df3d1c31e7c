#ifndef BRAMBLE_DB_POSTGRES_LINK_H
#define BRAMBLE_DB_POSTGRES_LINK_H

#include <libpq-fe.h>

#include "db/driver.h"

/* Inside db/ only: one connection to a PostgreSQL server. libpq's calls that may wait for ever (PQexec, PQconnectdb, PQcancel) are not
 * used: everything is sent, and its answer awaited until a deadline (real microseconds). A connection that failed, or was waited for in
 * vain, is closed at once; the server ends what it still did there within a second (client_connection_check_interval). */

enum {
	POSTGRES_STATEMENT_MS = 2000,    /* the server ends a statement after that */
	POSTGRES_ANSWER_MS = 2500,       /* and is not believed to answer any more after that */
	POSTGRES_TRANSACTION_MS = 5000,  /* one that takes longer is given up */
	POSTGRES_IDLE_MS = 1000,         /* the server ends one whose program says nothing for so long: others wait for its lock */
	POSTGRES_LOCK_MS = 1500,         /* for a row that somebody else has changed and not committed */
};

struct postgres_link {
	PGconn *conn;                    /* NULL: there is none (any more) */
	char *place;                     /* for sentences: never a password */
	char server[40];                 /* when the server was started: tells it from another one, and from its next life */
	struct error error;
};

/* How sentences call what a URL names: user, host, port and database, without password and parameters. NULL with a sentence (which has
 * nothing of the URL) when it is none. The caller frees it. */
char *postgres_place(const char *url, struct error *err);

/* The files that libpq will read: what the URL, the environment and libpq's own habits name. */
void postgres_files(const char *url, struct confine *confine);

/* -1 with a sentence. Until then the link is empty or closed. */
int postgres_link_open(struct postgres_link *link, const char *url, struct error *err);
void postgres_link_close(struct postgres_link *link);      /* its place stays */

/* Looks, without waiting, if the server has closed the connection. */
bool postgres_link_is_lost(struct postgres_link *link);

/* One or more statements without parameters. The result of the last one, or of the first that failed; NULL: the connection is gone. The
 * caller clears it. */
PGresult *postgres_link_ask(struct postgres_link *link, const char *sql, uint64_t deadline_us);
/* The same for what was sent by one of libpq's PQsend functions. sent: what that returned. */
PGresult *postgres_link_result(struct postgres_link *link, int sent, uint64_t deadline_us);
/* Waits until PQgetResult would not block; false: the connection is gone. */
bool postgres_link_await(struct postgres_link *link, uint64_t deadline_us);

/* What a result is, with the sentence in link->error when it is a failure. NULL: the connection is gone. */
enum driver_result postgres_link_verdict(struct postgres_link *link, const PGresult *result);

#endif
