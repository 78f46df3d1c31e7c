#include "admin/check_ends.h"

#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>

#include "base/memory.h"

/* A relay's connection, by both ends as who was dialled and as who dialled knows them. */
struct check_ends { char far[CHECK_ENDS_SIZE], near[CHECK_ENDS_SIZE]; UT_hash_handle hh; };

const char *check_ends(const struct check_entry *entry, const char *client, const char *server, char into[CHECK_ENDS_SIZE])
{
	char from[60], to[60];

	snprintf(into, CHECK_ENDS_SIZE, "%s %s", check_value(entry, client, from, sizeof from), check_value(entry, server, to, sizeof to));
	return into;
}

void check_ends_relayed(struct check_ends **ends, const struct check_entry *entry)
{
	char far[CHECK_ENDS_SIZE];
	struct check_ends *relayed;

	check_ends(entry, "as", "to", far);
	HASH_FIND_STR(*ends, far, relayed);
	if (!relayed) {
		relayed = memory_new(sizeof *relayed);
		snprintf(relayed->far, sizeof relayed->far, "%s", far);
		HASH_ADD_STR(*ends, far, relayed);
	}
	check_ends(entry, "from", "at", relayed->near);
}

const char *check_ends_dialled(const struct check_ends *ends, const struct check_entry *entry, char into[CHECK_ENDS_SIZE])
{
	const struct check_ends *relayed;

	check_ends(entry, "peer", "local", into);
	HASH_FIND_STR(ends, into, relayed);
	return relayed ? relayed->near : into;
}

void check_ends_free(struct check_ends **ends)
{
	struct check_ends *relayed, *next;

	HASH_ITER(hh, *ends, relayed, next) {
		HASH_DEL(*ends, relayed);
		free(relayed);
	}
}
