#ifndef BRAMBLE_COLLAB_GROUPWISE_CLIENT_H
#define BRAMBLE_COLLAB_GROUPWISE_CLIENT_H

#include "collab/backend.h"

/* GroupWise Messenger, from the client's side: one TLS connection per session, kept open and listened to for its whole life.
 * Source: document - BlackBerry Enterprise Server Feature and Technical Overview, IM login with GroupWise (a dedicated SSL connection
 * per session); the bytes: capture and code, see docs/protocol/groupwise.md. */
extern const struct backend_type groupwise_backend;

#endif
