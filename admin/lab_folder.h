#ifndef BRAMBLE_ADMIN_LAB_FOLDER_H
#define BRAMBLE_ADMIN_LAB_FOLDER_H

#include "admin/lab.h"
#include "admin/place.h"

/* Makes what is missing in a lab's folder: settings, keys, database with users and devices, world, certificate.
 * A folder that was made before is left as it is. */
int lab_folder_make(const char *dir, const struct lab_ports *fresh_ports, int *status, struct error *err);

/* Sets where sessions are opened: the port of the environment in the database, unless its host is somewhere else. */
int lab_folder_point(const struct place *place, unsigned port, int *status, struct error *err);

#endif
