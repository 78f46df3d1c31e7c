#ifndef BRAMBLE_COLLAB_STANDING_H
#define BRAMBLE_COLLAB_STANDING_H

#include <jansson.h>

#include "base/error.h"
#include "protocol/link.h"

/* What this service is to each of its Dispatchers: alone, or of a pool the active one or one that stands by. Does the service's part of
 * a switch, in the documented order: asked to demote, it finishes what it has received (4), looks whether a standby BES was promoted
 * (5) and logs out its sessions there (6); asked to promote, it asks the devices of the other one to log in (7).
 * Source: document [DOC-FSBCS] for the steps, [DOC-BCSHA] for the pool; messages and times are ours. docs/failover.md */
struct collab;
struct standing;

enum {
	STANDING_DRAIN_MS = 5000,      /* for what was received, on the loop's clock; then its sessions are logged out all the same */
};

struct standing *standing_new(struct collab *collab);
void standing_free(struct standing **standing);

/* What a Dispatcher says, by the number of the way to it. */
void standing_introduce(struct collab *collab, unsigned way, struct link_register *registration);
void standing_promote(struct collab *collab, unsigned way, const struct link_promote *promote);
void standing_demote(struct collab *collab, unsigned way, const struct link_demote *demote);
void standing_moved(struct collab *collab, unsigned way, const struct link_moved *moved);

/* Is a login from there for us? */
bool standing_takes_logins(const struct collab *collab, unsigned way);
/* It was asked to demote: what comes now comes too late to be acted on, and is not acknowledged. A login gets its answer. */
bool standing_is_draining(const struct collab *collab, unsigned way);
/* Something was answered, or has ended: what is drained looks whether it was the last. */
void standing_progress(struct collab *collab);
/* The IM server answered a connection, or did not, or dropped one: for the score. */
void standing_im_server(struct collab *collab, bool is_there);

unsigned standing_health(const struct collab *collab);
const char *standing_name(const struct collab *collab, unsigned way);     /* "alone", "standby", "active", "draining" */

#endif
