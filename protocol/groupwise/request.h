#ifndef BRAMBLE_PROTOCOL_GROUPWISE_REQUEST_H
#define BRAMBLE_PROTOCOL_GROUPWISE_REQUEST_H

#include <sys/types.h>

#include "protocol/groupwise/field.h"

/* Requests: "POST /COMMAND HTTP/1.0", header lines, an empty line, and one line of escaped fields.
 * Source: capture (libpurple 2.14.12); GET without a body: capture of real servers. */
#define GW_REQUEST_HEADER_MAX 8192
#define GW_REQUEST_MAX 524288

struct gw_request {
	struct bytes command;         /* "login"; borrowed from the raw bytes */
	bool is_get;
	struct bytes transaction;     /* as it came, to be repeated in the answer; "0" if there was none */
};

/* How far the first message of a stream was looked at, so that asking again with more bytes costs only the new ones.
 * All zero to begin with; it resets itself whenever a message was found. */
struct gw_scan {
	size_t at;
	size_t header;                /* bytes of the header, once its end was seen; 0 before */
	unsigned depth;
	uint32_t left[GW_DEPTH_MAX + 1];
	uint32_t fields;
};

/* For the server's connection_callbacks.split (wrap it: the scan belongs to the connection): length of the first request, 0 if
 * more must come, -1 with a sentence. */
ssize_t gw_request_split(struct gw_scan *scan, struct bytes in, struct error *err);

/* Appends one whole request; the transaction id becomes its last field. host: "im.example:8300" for the Host line, which only
 * login has (NULL: none). The fields' passwords are in there: wipe the buf when it held a login. */
void gw_request_encode(const char *command, const char *host, const struct gw_tree *fields, uint32_t transaction,
	struct buf *out);

/* Tolerant, for the server: pairs by name in any order after `tag`, upper or lower case hex, NUL bytes dropped, a broken
 * escape taken literally, UTF-8 repaired. -1 with a sentence for a wrong count of children, too deep, too many, an unknown
 * type or method; command and transaction are filled as far as they were understood, so that it can be answered with D130. */
int gw_request_decode(struct bytes raw, struct gw_tree *fields, struct gw_request *out, struct error *err);

/* Decodes and prints, passwords hidden; for people. */
void gw_request_dump(struct bytes raw, struct buf *out);

#endif
