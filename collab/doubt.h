#ifndef BRAMBLE_COLLAB_DOUBT_H
#define BRAMBLE_COLLAB_DOUBT_H

#include "protocol/link.h"

/* What devices say while the service does not know whether its seats are still its own (owner_in_doubt): a process that was stopped
 * for longer than its lease finds it in its sockets when it goes on. It waits, in order, until the database has answered; what is
 * for the devices waits in the courier meanwhile. Source: ours (design: a zombie is fenced). */
struct collab;
struct doubt;

enum { DOUBT_MAX = 4096 };      /* messages; devices send those beyond it again, since nothing was acknowledged */

struct doubt *doubt_new(struct collab *collab);
void doubt_free(struct doubt **doubt);
/* True: kept (copied) or dropped, and not to be acted on now. */
bool doubt_takes(struct doubt *doubt, unsigned way, const struct link_up *up);
/* The database has answered, whatever it was: all that waits is handled now. */
void doubt_is_over(struct doubt *doubt);

#endif
