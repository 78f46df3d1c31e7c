#ifndef BRAMBLE_ROUTER_DEACTIVATION_H
#define BRAMBLE_ROUTER_DEACTIVATION_H

#include "base/bytes.h"
#include "base/error.h"
#include "protocol/srp.h"

/* Which SRP identifiers may not connect any more, and the rule that leads there: so many completed connections that were made and
 * dropped again within the window deactivate the identifier, until somebody enables it.
 * Source: document [STO-A 91][STO-B 72] - five times in one minute. What counts as a connection (one whose proof was
 * accepted), and that a superseded one counts as dropped, are ours.
 *
 * Times are arguments (milliseconds of the loop's clock). The file makes deactivations survive a restart; the connections
 * counted so far do not. */
struct deactivation;

/* connects: how many make it too many, at least 1. */
struct deactivation *deactivation_new(unsigned connects, uint64_t window_ms);
void deactivation_free(struct deactivation **deactivation);

/* A completed connection of the identifier, made at connected_ms, was dropped at now_ms. true if that was one too many:
 * the identifier is deactivated from now on. */
bool deactivation_dropped(struct deactivation *deactivation, const char *id, uint64_t connected_ms, uint64_t now_ms);
bool deactivation_is(const struct deactivation *deactivation, const char *id);
/* Also forgets the connections counted so far. false if it was not deactivated. */
bool deactivation_enable(struct deactivation *deactivation, const char *id);

/* Deactivates without counting, as the state file does. */
void deactivation_put(struct deactivation *deactivation, const char *id);
/* Appends the deactivated identifiers, one per line, sorted. */
void deactivation_list(const struct deactivation *deactivation, struct buf *out);

/* The state file: a first line that names the format, then one deactivated identifier per line. A file that does not exist
 * means that nothing was deactivated. -1 with a sentence that names file and line. */
int deactivation_read(struct deactivation *deactivation, const char *path, struct error *err);
/* Writes a new file beside it, puts it in its place and makes that durable: a crash leaves the old or the new one. */
int deactivation_write(const struct deactivation *deactivation, const char *path, struct error *err);
/* Its two halves: the text of the file, and how a text gets there (-1 with a sentence and errno). */
void deactivation_text(const struct deactivation *deactivation, struct buf *out);
int deactivation_store(const char *path, struct bytes text, struct error *err);

#endif
