#ifndef BRAMBLE_SIMULATOR_DEVICE_OUTBOX_H
#define BRAMBLE_SIMULATOR_DEVICE_OUTBOX_H

#include "protocol/im.h"
#include "simulator/device/device_link.h"

/* What a session has sent and the service has not acknowledged, oldest first. Sequence numbers go no further ahead of the oldest
 * than half of the receiver's window, so that nothing that is sent again can be taken for a duplicate because it is old. */
#define DEVICE_OUTBOX_MAX 32

struct device_letter {
	struct device_letter *next;
	uint32_t sequence;
	enum im_type type;
	struct device_sealed sealed;    /* its last sealing */
	uint64_t first_us;          /* real time of the first sealing */
	bool went_again;            /* sealed more than once: an error to one sealing says nothing of the others */
	uint64_t due_ms;            /* loop's time: not acknowledged by then, it goes again */
	char *to;
	uint32_t room;              /* its number, or 0 */
	struct buf raw;             /* the encoded message */
};

struct device_outbox {
	struct device_letter *first, **last;
	size_t count;
	uint64_t patience_ms;       /* until the next try after the service was not there; grows until it acknowledges something */
	uint64_t held_until_ms;     /* until then nothing goes, so that a conversation is not shuffled; 0: not held */
};

void device_outbox_init(struct device_outbox *outbox);
struct device_letter *device_outbox_add(struct device_outbox *outbox);
/* How far a message with this sequence number would be ahead of the oldest that is not acknowledged. */
uint32_t device_outbox_ahead(const struct device_outbox *outbox, uint32_t sequence);
struct device_letter *device_outbox_by_sequence(const struct device_outbox *outbox, uint32_t sequence);
struct device_letter *device_outbox_by_answer(const struct device_outbox *outbox, const struct device_answer *answer);
void device_outbox_remove(struct device_outbox *outbox, struct device_letter *letter);
void device_outbox_clear(struct device_outbox *outbox);

#endif
