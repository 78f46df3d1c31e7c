#ifndef BRAMBLE_PROTOCOL_PROXY_H
#define BRAMBLE_PROTOCOL_PROXY_H

#include <sys/types.h>

#include "base/bytes.h"
#include "base/error.h"

/* The header that a TCP proxy (HAProxy's `send-proxy-v2`) writes before the first byte of the connection it passes on: who is at
 * its other end. Version 2, the binary one, alone. Source: document (The PROXY protocol, versions 1 and 2, of HAProxy). */

#define PROXY_HEADER_MAX 1024    /* bytes; real ones have 28 to some 200. Ours: the format allows 65551 */
#define PROXY_PEER_MAX 64

struct proxy_header {
	bool is_local;                  /* the proxy speaks for itself, such as to see whether we are alive */
	char peer[PROXY_PEER_MAX];      /* "192.0.2.7:40312", "[2001:db8::7]:40312"; "" when is_local */
};

/* Length of the header that in begins with; 0 when more must come; -1 with a sentence when it is none. */
ssize_t proxy_split(struct bytes in, struct error *err);

/* A whole header, as proxy_split delimits it. 0, or -1 with a sentence: another version, command or kind of address. Type-length
 * values that follow the addresses are passed over. */
int proxy_decode(struct bytes header, struct proxy_header *out, struct error *err);

#endif
