#ifndef BRAMBLE_COLLAB_CWA_CHANGES_H
#define BRAMBLE_COLLAB_CWA_CHANGES_H

#include "collab/cwa_communicator.h"

/* Changes that the device asks for of what the server keeps for its user (contacts, access levels), one after another. Each takes steps,
 * which are commands. Whether a step has come true is told by events, which may stand before or after the command's outcome.
 * Source: document (outcomes come as events); what is done when they do not come: ours. */
struct cwa_changes;
struct cwa_change;

enum {
	CWA_CHANGES_MAX = 32,            /* waiting */
	CWA_CHANGE_EVENT_MS = 3000,      /* after a good outcome, for the event that belongs to it */
};

struct cwa_change_kind {
	/* The first step that has not come true; 0: all is done, or refused when *refusal says so. */
	unsigned (*missing)(struct cwa_change *change, struct cwa_refusal *refusal);
	struct cwa_command *(*command)(const struct cwa_change *change, unsigned step);
	unsigned last_steps;             /* with these a change is done also when the event does not come */
	unsigned needless_steps;         /* without these it goes on also when they are refused */
	void (*free)(struct cwa_change *change);
};

/* The first member of the change of its owner, who fills kind and ref and leaves the rest zero. */
struct cwa_change {
	struct cwa_change *prev, *next;
	struct communicator *m;
	const struct cwa_change_kind *kind;
	uint32_t ref;
	uint32_t serial;                 /* of the step */
	unsigned step;                   /* the one that is under way, a bit; 0: none yet */
	unsigned taken;
	bool answered;                   /* the outcome of the step was good, or does not matter; the event has not come */
	bool waited;                     /* and it is waited for no longer */
};

struct cwa_changes *cwa_changes_new(struct communicator *m);
void cwa_changes_free(struct cwa_changes **changes);

/* Takes the change over; it has one outcome, which may come inside. */
void cwa_changes_add(struct cwa_changes *changes, struct cwa_change *change);
/* Events have come: what has come true? */
void cwa_changes_look(struct cwa_changes *changes);

#endif
