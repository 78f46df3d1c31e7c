#ifndef BRAMBLE_ADMIN_LAB_PLAN_H
#define BRAMBLE_ADMIN_LAB_PLAN_H

#include "admin/lab.h"
#include "admin/place.h"

/* Where a lab will listen: what its settings file says, with the port offset and -o applied. */
struct lab_plan {
	char *listen[LAB_ROLES];    /* NULL: it listens nowhere, or the lab has none */
	uint16_t ports[LAB_ROLES];
	bool moved;                 /* the daemons must be told, because the file says something else */
};

/* Refuses overrides that no daemon reads, and those that the other commands could not know of. */
int lab_check_overrides(const struct lab_options *options, struct error *err);

/* The last override of a "section.key": 1 and its value, or 0. */
int lab_overridden(const struct lab_options *options, const char *key, const char **value);

/* Every port with the offset is a port. */
int lab_plan_check_offset(enum lab_backend backend, unsigned offset, struct error *err);

int lab_plan_make(struct lab_plan *plan, const struct lab_options *options, const struct place *place, enum lab_backend backend,
	struct error *err);
void lab_plan_free(struct lab_plan *plan);

/* Asked before anything starts, because a taken port is the likeliest fault; it is said by the setting's name. */
int lab_plan_check_ports(const struct lab_plan *plan, enum lab_backend backend, struct error *err);

#endif
