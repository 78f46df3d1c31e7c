#ifndef BRAMBLE_ADMIN_CHECK_ENDS_H
#define BRAMBLE_ADMIN_CHECK_ENDS_H

#include "admin/check_entry.h"

/* A connection by both of its ends, as who dialled it knows them: a port alone is lent to several connections at a time, to others. What a relay
 * passes on, the other end knows by two other addresses; the relay's lines tell which. Source: ours; docs/history.md. */
enum { CHECK_ENDS_SIZE = 128 };

struct check_ends;

/* By what the line calls the client's end and the server's: as who dialled knows them. */
const char *check_ends(const struct check_entry *entry, const char *client, const char *server, char into[CHECK_ENDS_SIZE]);

/* Takes a relay.link in; *ends: NULL at first, and freed by check_ends_free. */
void check_ends_relayed(struct check_ends **ends, const struct check_entry *entry);
/* Of a connection that is told by who was dialled (peer, local). Good until the next relay.link. */
const char *check_ends_dialled(const struct check_ends *ends, const struct check_entry *entry, char into[CHECK_ENDS_SIZE]);
void check_ends_free(struct check_ends **ends);

#endif
