#ifndef BRAMBLE_SIMULATOR_DEVICE_FAULTS_H
#define BRAMBLE_SIMULATOR_DEVICE_FAULTS_H

#include "base/io/loop.h"
#include "simulator/fault_outlet.h"

/* The common fault words (fault.h) on a device's wireless link. WHOM is the PIN; on= takes
 *
 *   login, status, ...   what the device says: the message's name in im.md, in any letter case
 *   arriving             messages of the service that come to the device
 *   receipt              receipts and errors of envelopes, both ways
 *   link                 frames that are no envelopes and leave: REGISTER, STATUS, PING, PONG
 *   all                  all of these
 *
 * Left out: what the device says. A message is one thing, whatever its fragments: they are all dropped, doubled or late together. The
 * sealed bytes are taken as they are, so that the other end sees what a bad network would have done. Format: ours. */

/* The faults of all devices of a process; free with faults_free. is_here says whether there is a device with this PIN, for words that
 * name one (NULL: any PIN is good). */
struct faults *device_faults_new(bool (*is_here)(void *ctx, const char *pin), void *ctx);

/* What happens on one device's link. */
struct device_fate;

struct device_fate_callbacks {
	fault_send_fn *send;                            /* frames leave for the Router */
	fault_send_fn *take;                            /* a frame of the Router is heard; may end the link */
	void (*deaf)(void *ctx);                        /* half-open: read nothing more of this connection */
	void (*cut)(void *ctx, const char *why);        /* end the link; never called inside send or take */
};

/* set may be NULL: then nothing ever befalls this link, and NULL comes back, which all of these take. set outlives it. */
struct device_fate *device_fate_new(struct loop *loop, struct faults *set, uint32_t pin, const struct device_fate_callbacks *callbacks,
	void *ctx);
void device_fate_free(struct device_fate **fate);

/* No fault is set and nothing waits: frames need not pass here. */
bool device_fate_is_idle(const struct device_fate *fate);
/* On its way out: a frame of this kind, as on= names it, or a message of the client in its frames. */
void device_fate_send(struct device_fate *fate, const char *kind, struct bytes frame);
void device_fate_say(struct device_fate *fate, struct bytes message, struct bytes frames);
/* On its way in: a DATA frame. */
void device_fate_take(struct device_fate *fate, struct bytes frame);
/* The link has ended: what waits is lost, and the next one starts anew. */
void device_fate_forget(struct device_fate *fate);

#define DEVICE_FAULT_ARRIVING "arriving"
#define DEVICE_FAULT_RECEIPT "receipt"
#define DEVICE_FAULT_LINK "link"

#endif
