#ifndef BRAMBLE_ADMIN_LAB_ROLES_H
#define BRAMBLE_ADMIN_LAB_ROLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Which IM system stands behind the Collaboration Service of a lab. */
enum lab_backend { LAB_BACKEND_GROUPWISE, LAB_BACKEND_CWA, LAB_BACKENDS };
const char *lab_backend_name(enum lab_backend backend);         /* "groupwise", "cwa" */
int lab_backend_parse(const char *name, enum lab_backend *out, struct error *err);

/* What a process of a lab is, in the order they are started: what is dialled before what dials it. */
enum lab_role { LAB_GROUPWISE, LAB_OCS, LAB_CWA, LAB_ROUTER, LAB_DISPATCHER, LAB_DISPATCHER_2, LAB_COLLAB, LAB_COLLAB_2, LAB_ROLES };

struct lab_role_about {
	const char *name;          /* of its section, its log, its control socket and of `bramble-sim NAME` */
	uint16_t port;             /* the usual one; 443 of CWA needs a privilege, so 10,000 more; 0: it listens nowhere */
	bool is_simulator;
	const char *second_of;     /* another process of this program, whose section it reads before its own; only when asked for */
	const char *what;          /* for people */
};
extern const struct lab_role_about lab_roles[LAB_ROLES];

/* The server that sessions are opened on. */
enum lab_role lab_backend_server(enum lab_backend backend);
/* The simulators of the other back ends do not run, and second processes of a kind only when asked for. */
bool lab_backend_has(enum lab_backend backend, enum lab_role role);

/* A setting in the section of a simulator that becomes one of its options. */
struct lab_sim_setting {
	enum lab_role role;
	const char *key, *option;
	size_t at;                 /* a char * of struct place; NULL there: the option is not given */
};
extern const struct lab_sim_setting lab_sim_settings[];         /* ends with a NULL key */

#endif
