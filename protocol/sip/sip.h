#ifndef BRAMBLE_PROTOCOL_SIP_SIP_H
#define BRAMBLE_PROTOCOL_SIP_SIP_H

#include <sys/types.h>

#include "base/bytes.h"
#include "base/error.h"

/* One SIP message of a Live or Office Communications Server or of a client of it, both directions.
 *
 * A message is its start line, its headers in their order with values untouched, and a body. So what is passed on is what came: an
 * unknown header or parameter is never lost. libosip2's parser says whether it is SIP at all and takes the structured headers apart.
 *
 * Source: document - RFC 3261; Microsoft's extensions (epid, GRUU, ms-...) as docs/protocol/ocs.md says. The bounds are ours. */
#define SIP_HEAD_MAX 16384          /* start line and headers */
#define SIP_HEADERS_MAX 96
#define SIP_BODY_MAX 262144
#define SIP_MESSAGE_MAX (SIP_HEAD_MAX + SIP_BODY_MAX)

struct sip_header {
	char *name;                 /* as it came; the one-letter forms are written out */
	char *value;                /* folded lines are joined */
};

/* From, To and the first Contact, taken apart. */
struct sip_party {
	char *uri;                  /* without header parameters: "sip:ana@corp.test;opaque=user:epid:...;gruu"; NULL: there is none */
	char *address;              /* "sip:ana@corp.test", lower case, nothing behind the host */
	char *tag, *epid;           /* NULL: none */
	char *instance;             /* Contact: +sip.instance, without quotes; NULL: none */
	char *expires;              /* Contact: its own; NULL: none */
};

struct sip_message {
	char *method, *uri;         /* a request's; NULL in an answer */
	int status;                 /* an answer's; 0 in a request */
	char *reason;
	struct sip_header *headers;
	size_t header_count;
	struct buf body;
	/* Filled by sip_decode, not by the builders below: */
	char *address;              /* of a request's URI, as in struct sip_party */
	struct sip_party from, to, contact;
	char *call_id;
	uint32_t cseq;
	char *cseq_method;
};

/* A run's first message: its length, 0 if more must come, -1 with a sentence. Empty lines between messages, and the lone ones that
 * keep a connection alive, are handed out as a message of their own: sip_is_keep_alive. Content-Length must be there. */
ssize_t sip_split(struct bytes in, struct error *err);
bool sip_is_keep_alive(struct bytes raw);

/* One whole message. NULL with a sentence. Tolerant in letter case, folding and order; From, To, Call-ID, CSeq and, in requests,
 * Via must be there, each well formed, and CSeq must name the request's method. */
struct sip_message *sip_decode(struct bytes raw, struct error *err);
/* Content-Length is written by it and is not among the headers. */
void sip_encode(const struct sip_message *message, struct buf *out);
void sip_free(struct sip_message **message);
/* Everything, the taken-apart fields included. */
struct sip_message *sip_copy(const struct sip_message *message);

/* --- building ------------------------------------------------------------------------------------------------------------------ */

struct sip_message *sip_request(const char *method, const char *uri);
/* Via, From, To, Call-ID, CSeq and Record-Route of the request go over; to_tag is added where To has none (NULL: never).
 * reason NULL: the usual one. */
struct sip_message *sip_answer(const struct sip_message *request, int status, const char *reason, const char *to_tag);
const char *sip_reason(int status);
void sip_add(struct sip_message *message, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
void sip_add_first(struct sip_message *message, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Takes all headers of this name away. */
void sip_remove(struct sip_message *message, const char *name);
void sip_body(struct sip_message *message, const char *content_type, struct bytes body);

/* --- reading ------------------------------------------------------------------------------------------------------------------- */

/* The n-th value of a header, counted from 0; NULL if there are fewer. */
const char *sip_get(const struct sip_message *message, const char *name, size_t n);
/* A word of a comma list, in any of the headers of that name. */
bool sip_lists(const struct sip_message *message, const char *name, const char *word);
/* A header that is a number such as Expires or Max-Forwards; fallback when missing or no number. */
uint32_t sip_number(const struct sip_message *message, const char *name, uint32_t fallback);
/* The media type, up to a parameter, is this one. */
bool sip_is_type(const struct sip_message *message, const char *content_type);
/* "sip:ana@corp.test" of any URI: lower case, without parameters. NULL when it is no SIP URI. The caller frees it. */
char *sip_address(const char *uri);
/* A parameter of a header's value or of a URI (`x;name=value`), without quotes; NULL if missing. The caller frees it. */
char *sip_param(const char *value, const char *name);

/* --- Via and Route, as a proxy changes them -------------------------------------------------------------------------------------- */

/* The branch of the topmost Via; NULL: it has none, as in SIPE's INVITEs. The caller frees it. */
char *sip_branch(const struct sip_message *message);
void sip_pop_via(struct sip_message *message);
/* The first value of Route: NULL if there is none. The caller frees it. */
char *sip_first_route(const struct sip_message *message);
void sip_pop_route(struct sip_message *message);
/* What a request and its answers have in common at one hop: the branch, else Call-ID and CSeq; a CANCEL has that of its INVITE.
 * The caller frees it. */
char *sip_transaction(const struct sip_message *message);

#endif
