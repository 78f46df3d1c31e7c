#ifndef BRAMBLE_ADMIN_CHECK_DATABASE_H
#define BRAMBLE_ADMIN_CHECK_DATABASE_H

#include "admin/check_rules.h"
#include "admin/store.h"
#include "db/seats.h"

/* The sessions that the database has now and had last. 0, or the exit status with the sentence printed. Freed by the other. */
int check_database_read(struct check_database *into, struct store *store);
/* Rows that were read otherwise; zeroed is one without rows. */
void check_database_add(struct check_database *into, const struct seat_row *rows, size_t count, bool live);
void check_database_free(struct check_database *database);
/* Rule database, after all lines: against what the seats rule has found. */
void check_database_judge(struct check *check);

#endif
