#ifndef BRAMBLE_SIMULATOR_RELAY_RELAY_LINKS_H
#define BRAMBLE_SIMULATOR_RELAY_RELAY_LINKS_H

#include "base/io/control_server.h"
#include "base/io/loop.h"
#include "base/trail.h"
#include "simulator/fault.h"

/* Takes connections, dials the other side for each, and passes bytes on, both ways, in units that faults befall. It understands nothing of
 * what it passes: what is not a unit of its kind is passed as it came, until the connection ends.
 *
 * A fault's kind is the direction, "up" from who dialled or "down" to him; link= is the number of the connection, counted from 1. */
struct relay;

enum relay_unit {
	RELAY_CHUNK,    /* what one reading brought */
	RELAY_FRAME,    /* a frame of SRP and of the Dispatcher's link */
	RELAY_RECORD,   /* a record of TLS */
};
extern const char *const relay_unit_names[];    /* in the order of the enum; NULL at the end */

#define RELAY_KEPT_MAX 16777216    /* bytes of units that are kept for the verb replay, in each direction; older ones go */

struct relay_settings {
	const char *listen, *to;
	enum relay_unit unit;
	struct trail *records;          /* hears of links and what befell them; NULL: nobody does */
	uint32_t seed;                  /* 0: none, and garbled places are the same each time */
};

/* NULL with a sentence. The strings must live as long. */
struct relay *relay_new(struct loop *loop, const struct relay_settings *settings, struct error *err);
void relay_free(struct relay **relay);
const char *relay_address(const struct relay *relay);
struct faults *relay_faults(struct relay *relay);
void relay_shutdown(void *relay, loop_fn *done, void *arg);    /* at once: who speaks over it finds out */

extern const struct control_verb relay_verbs[];                 /* census, replay; ctx is the relay */

#endif
