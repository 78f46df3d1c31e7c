#ifndef BRAMBLE_PROTOCOL_SIP_IM_H
#define BRAMBLE_PROTOCOL_SIP_IM_H

#include "protocol/sip/sip.h"
#include "protocol/sip/xml_form.h"

/* What instant messages need beside plain SIP: the offer of an IM session in SDP, the first text that may ride in the INVITE, and the
 * composing state in INFO. Source: code and seen with SIPE; docs/protocol/ocs.md. */

#define SIP_TYPE_SDP "application/sdp"
#define SIP_TYPE_KEYBOARD "application/xml"

/* An offer or its answer, the same form; lcs2005 names the medium as Live Communications Server 2005 does. host is an IPv4 address. */
void sip_im_sdp_write(const char *host, uint16_t port, bool lcs2005, struct buf *out);
/* The offer is one of instant messages, by either name. */
bool sip_im_sdp_is_im(struct bytes sdp);

/* Ms-Text-Format: the INVITE's first text. text is UTF-8; false when there is none or it is damaged. */
bool sip_im_first_text(const struct sip_message *invite, struct buf *text);
/* type: as sip_im_type_write writes it, with the text's format. */
void sip_im_add_first_text(struct sip_message *invite, const char *type, struct bytes text);

/* Content-Type of a text, and its format: how it is shown, as a line "X-MMS-IM-Format: ..." in UTF-16 and Base64, without padding.
 * What is no such line is written as plain text; where there is none, or it is damaged, "text/plain" is read. Source: code (SIPE). */
void sip_im_type_write(const char *format, struct buf *type);
void sip_im_type_read(const char *type, struct buf *format);

/* <KeyboardActivity><status status="type"/></KeyboardActivity> */
struct sip_keyboard_status {
	char *status;                   /* "type" or "idle" */
};
struct sip_keyboard {
	struct sip_keyboard_status *status;
};
extern const struct xml_form sip_keyboard_form;

#endif
