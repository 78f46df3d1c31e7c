#ifndef BRAMBLE_ROUTER_IDENTITIES_H
#define BRAMBLE_ROUTER_IDENTITIES_H

#include "base/bytes.h"
#include "base/error.h"
#include "protocol/srp.h"

/* The SRP identifiers that the Router knows, with their authentication keys: a file of the Router's own, so that no other
 * process (and no database) is needed to let a service in. One `SRPID HEXKEY` per line; empty lines and lines that start
 * with # are skipped. The file must not be readable by group or others.
 * Source: document [WIKI-SRP][STO-A 73] for an identifier with one key; the file, and keys of 40 hex digits, are ours. */
struct identities;

#define IDENTITIES_MAX 10000

struct identity {
	char id[SRP_ID_MAX + 1];
	uint8_t key[SRP_KEY_SIZE];
};

/* NULL with a sentence that names file and line, never a key. */
struct identities *identities_load(const char *path, struct error *err);
/* The same of what was opened already, which is closed; fd -1: it could not be, errno says why. */
struct identities *identities_read(int fd, const char *path, struct error *err);
/* Zeroes the keys. */
void identities_free(struct identities **identities);

/* The text of such a file, for tests and identities_load; name stands in the sentences. */
struct identities *identities_parse(const char *name, struct bytes text, struct error *err);

/* NULL when it is unknown. Lives as long as the identities. */
const struct identity *identities_find(const struct identities *identities, struct bytes id);
size_t identities_count(const struct identities *identities);
/* In the order of the file. */
const struct identity *identities_at(const struct identities *identities, size_t index);

#endif
