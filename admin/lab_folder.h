#ifndef BRAMBLE_ADMIN_LAB_FOLDER_H
#define BRAMBLE_ADMIN_LAB_FOLDER_H

#include "admin/lab.h"
#include "admin/place.h"

/* What a folder that is made is made for. */
struct lab_fresh {
	enum lab_backend backend;
	const char *profile;        /* of CWA */
	const char *database;       /* NULL: bramble.db in the folder */
	unsigned port_offset;
	unsigned users;             /* so many more than the four */
};

/* Makes what is missing in a lab's folder: settings, keys, database with users and devices, world, certificate.
 * A folder that was made before is left as it is; if it has fewer than so many users more, that is refused. */
int lab_folder_make(const char *dir, const struct lab_fresh *fresh, int *status, struct error *err);

/* Sets where sessions are opened: the port of the environment in the database, unless its host is somewhere else. */
int lab_folder_point(const struct place *place, unsigned port, int *status, struct error *err);

/* What the simulators keep between two starts within one life of the lab is forgotten: the next life begins with world.xml. */
int lab_folder_forget(const char *dir, struct error *err);

#endif
