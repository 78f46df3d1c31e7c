#ifndef BRAMBLE_PROTOCOL_SIP_DIALOG_H
#define BRAMBLE_PROTOCOL_SIP_DIALOG_H

#include "protocol/sip/sip.h"

/* One end's view of a dialog: a subscription, or a conversation. Who holds it writes the requests of the dialog with it and finds out
 * which requests that come belong to it.
 * Source: document - RFC 3261 section 12. */
struct sip_dialog {
	char *call_id;
	char *local, *remote;               /* values of From and To of what we send, tags and epid in them */
	char *local_tag, *remote_tag;
	char *target;                       /* the Request-URI: the other end's Contact */
	char **routes;                      /* Route of what we send */
	size_t route_count;
	uint32_t local_cseq, remote_cseq;   /* the last ones; 0: none yet */
};

/* We were asked, and answer with this tag. */
void sip_dialog_from_request(struct sip_dialog *dialog, const struct sip_message *request, const char *local_tag);
/* We asked (request as we sent it, with From and CSeq), and this is the answer, which sip_decode read. */
void sip_dialog_from_answer(struct sip_dialog *dialog, const struct sip_message *answer);
void sip_dialog_clear(struct sip_dialog *dialog);

/* A request that came belongs to it: Call-ID and both tags. */
bool sip_dialog_has(const struct sip_dialog *dialog, const struct sip_message *request);

/* The next request: Route, From, To, Call-ID, CSeq and Max-Forwards are in it; Via is the caller's to add. An ACK has the CSeq of
 * the request before it. */
struct sip_message *sip_dialog_request(struct sip_dialog *dialog, const char *method);

#endif
