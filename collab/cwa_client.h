#ifndef BRAMBLE_COLLAB_CWA_CLIENT_H
#define BRAMBLE_COLLAB_CWA_CLIENT_H

#include "collab/backend.h"

/* Communicator Web Access, from the client's side: what the device does by POST, what the server says by GET, each session with one
 * request for events under way and its commands one after another.
 * Source: document - BlackBerry Enterprise Server Feature and Technical Overview, IM login with Live Communications Server and with Office
 * Communications Server; the bytes: docs/protocol/cwa.md. */
extern const struct backend_type cwa_backend;

#endif
