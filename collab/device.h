#ifndef BRAMBLE_COLLAB_DEVICE_H
#define BRAMBLE_COLLAB_DEVICE_H

#include "collab/session.h"
#include "protocol/link.h"

/* What devices say: one handler per message, and what is done when no session fits. */

/* A device's message as a dispatcher hands it up. way: which one. */
void device_message(struct collab *collab, unsigned way, const struct link_up *up);
/* One that waited for its session's mark to be taken back. */
void device_message_again(struct session *session, uint32_t transaction, struct bytes clear);

#endif
