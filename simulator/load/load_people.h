#ifndef BRAMBLE_SIMULATOR_LOAD_PEOPLE_H
#define BRAMBLE_SIMULATOR_LOAD_PEOPLE_H

#include "simulator/load/load.h"

/* The devices of a load with their users, from a folder of key files. */
struct load_people {
	struct load_person *list;
	size_t count;
};

/* Which ones. file NULL: the first-th and on of those that `bramble lab up --users N` makes: user0001 with the password
 * user0001-secret has the PIN 22000001, and so on. Else the file's lines PIN USER PASSWORD, from the first-th on (its mode must be
 * 0600: it holds passwords). */
struct load_people_choice {
	const char *folder;      /* of the key files, PIN.json */
	const char *file;
	size_t first, count;     /* first from 1 */
};
/* -1 with a sentence that names the file. */
int load_people_read(const struct load_people_choice *choice, struct load_people *out, struct error *err);
void load_people_free(struct load_people *people);

/* For load_settings.store: writes the key file of ctx, a struct load_person, without waiting for the disk. */
int load_person_store(void *ctx, const struct device_identity *identity, struct error *err);

#endif
