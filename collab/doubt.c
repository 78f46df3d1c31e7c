#include "collab/doubt.h"

#include <stdlib.h>

#include <utlist.h>

#include "base/log.h"
#include "base/memory.h"
#include "collab/device.h"
#include "collab/parts.h"

struct kept {
	struct kept *prev, *next;
	unsigned way;
	uint32_t pin, transaction;
	struct buf clear;          /* a login's holds a password */
};

struct doubt {
	struct collab *collab;
	struct kept *kept;
	unsigned count;
};

struct doubt *doubt_new(struct collab *collab)
{
	struct doubt *d = memory_new(sizeof *d);

	d->collab = collab;
	return d;
}

static void drop(struct kept *k)
{
	buf_wipe(&k->clear);
	free(k);
}

void doubt_free(struct doubt **doubt)
{
	struct doubt *d = *doubt;
	struct kept *k, *next;

	if (!d)
		return;
	DL_FOREACH_SAFE(d->kept, k, next)
		drop(k);
	free(d);
	*doubt = NULL;
}

bool doubt_takes(struct doubt *d, unsigned way, const struct link_up *up)
{
	struct kept *k;

	if (!owner_in_doubt(d->collab->owner))
		return false;
	if (d->count == 0)
		log_warning("lease ran out unrenewed instance=%s: messages wait until the database has answered",
			log_str(d->collab->settings->instance));
	if (d->count >= DOUBT_MAX)
		return true;
	k = memory_new(sizeof *k);
	k->way = way;
	k->pin = up->pin;
	k->transaction = up->transaction;
	buf_append(&k->clear, up->clear);
	DL_APPEND(d->kept, k);
	d->count++;
	return true;
}

void doubt_is_over(struct doubt *d)
{
	struct kept *all = d->kept, *k, *next;

	d->kept = NULL;
	d->count = 0;
	DL_FOREACH_SAFE(all, k, next) {
		device_message(d->collab, k->way, &(struct link_up){ .pin = k->pin, .transaction = k->transaction,
			.clear = buf_bytes(&k->clear) });
		drop(k);
	}
}
