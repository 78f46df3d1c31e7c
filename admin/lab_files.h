#ifndef BRAMBLE_ADMIN_LAB_FILES_H
#define BRAMBLE_ADMIN_LAB_FILES_H

#include "admin/lab_folder.h"
#include "base/bytes.h"

/* The text files and certificates of a lab's folder: bramble.ini, world.xml, srp.keys, *.crt and *.key. Those that are there stay. */
int lab_files_make(const char *dir, const struct lab_fresh *fresh, struct bytes srp_key, struct error *err);

#endif
