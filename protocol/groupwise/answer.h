#ifndef BRAMBLE_PROTOCOL_GROUPWISE_ANSWER_H
#define BRAMBLE_PROTOCOL_GROUPWISE_ANSWER_H

#include "protocol/groupwise/request.h"

/* Answers: an HTTP header without a length, then fields in little-endian binary up to a zero byte.
 * Source: capture (a real server's login answer; what libpurple accepts). */
#define GW_ANSWER_HEADER_MAX 8192
#define GW_ANSWER_MAX 4194304

struct gw_answer {
	unsigned http_status;         /* 200; 301 is a redirect and carries no code we could read */
	bool has_code, has_transaction;
	uint32_t code;                /* enum gw_code, or one we do not know */
	uint32_t transaction;
};

/* Both kinds of message that a server sends: answers begin with "HTTP", everything else is an event. */
bool gw_is_answer(struct bytes message);

/* For the client's connection_callbacks.split: length of the first answer or event, 0 if more must come, -1 with a sentence:
 * malformed, over a bound, or an event of an unknown type, whose length nobody knows. */
ssize_t gw_stream_split(struct gw_scan *scan, struct bytes in, struct error *err);

/* Appends one whole answer: the given fields, then result code and transaction id as decimal texts, in the order that stock
 * clients rely on. wall_ms: time of day for the Date line. fields NULL: none. The caller sends it with one connection_send.
 * -1 with a sentence, and out as it was, if a tag or text is longer than stock clients take. */
int gw_answer_encode(const struct gw_tree *fields, uint32_t code, struct bytes transaction, uint64_t wall_ms, struct buf *out,
	struct error *err);

/* Tolerant, for the client: any header lines, any order, code and id as text or number. The fields' tags and texts are
 * borrowed from raw. Trailing bytes are refused. */
int gw_answer_decode(struct bytes raw, struct gw_tree *fields, struct gw_answer *out, struct error *err);

void gw_answer_dump(struct bytes raw, struct buf *out);

/* "Thu, 01 Jan 2009 12:00:00 GMT" */
#define GW_DATE_MAX 40
void gw_date(uint64_t wall_ms, char out[GW_DATE_MAX]);

#endif
