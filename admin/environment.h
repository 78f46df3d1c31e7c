#ifndef BRAMBLE_ADMIN_ENVIRONMENT_H
#define BRAMBLE_ADMIN_ENVIRONMENT_H

#include "admin/store.h"

/* What an IM environment is and may hold, as options: shared by `environment` and `limits`. */
struct environment_options {
	const char *type, *host, *port, *transport;
	const char *max, *idle, *inactivity, *capacity, *evict;
};

/* Reads what was given into the struct and the mask of db_environment_field; "unset" takes a limit away. 0, or EXIT_USAGE. */
int environment_read(const struct environment_options *given, struct db_environment *out, unsigned *fields);

/* One environment as an object; unset limits are null. */
json_t *environment_json(const struct db_environment *environment);

#endif
