#ifndef BRAMBLE_SIMULATOR_SCENARIO_CAST_H
#define BRAMBLE_SIMULATOR_SCENARIO_CAST_H

#include "simulator/scenario/scenario_file.h"

/* Who plays: the <device> and <devices> of a scenario, one role per device, in the file's order. Users of a lab and their PINs are
 * known: alice to dave have 2100000A to 2100000D, user0001 and up have 22000001 and up, and a password is the user and "-secret". */
#define SCENARIO_CAST_MAX 9999

struct scenario_role {
	char id[48];
	char *user, *password;
	uint32_t pin;
	uint64_t status_interval_ms;      /* 0: as the service says */
	bool keeps_password;
	unsigned line;
};

struct scenario_cast {
	struct scenario_role *roles;
	size_t count;
	uint64_t users;                   /* user0001 and up that the lab must have */
};

/* -1 with a sentence: an id or PIN twice, a user whose PIN nobody knows. To be freed in both cases. */
int scenario_cast_make(const struct scenario *scenario, struct scenario_cast *cast, struct error *err);
void scenario_cast_free(struct scenario_cast *cast);

/* What no table can say: devices, groups and marks that steps name are there, attributes fit together. -1 with a sentence. */
int scenario_check(const struct scenario *scenario, const struct scenario_cast *cast, struct error *err);

#endif
