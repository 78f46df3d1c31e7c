#ifndef BRAMBLE_PROTOCOL_SIP_ACL_H
#define BRAMBLE_PROTOCOL_SIP_ACL_H

#include "protocol/sip/xml_form.h"

/* Who may see and reach a user, as Live Communications Server 2005 has it: a list of entries, the SOAP command that sets one, and the
 * watchers about whom the user has not said anything yet.
 * Source: document - MS-SIP 2.2.3, 3.7.5.1 and its appendix C; code - SIPE; certainty per element in docs/protocol/ocs.md. */

#define SIP_TYPE_ACL "application/vnd-microsoft-roaming-acls+xml"
#define SIP_TYPE_PENDING "text/xml+msrtc.wpending"
#define SIP_ACES_MAX 1000

struct sip_ace {
	char *type;                     /* "USER", "DOMAIN" or "ALL" */
	char *mask;                     /* "sip:ben@corp.test" or "corp.test"; "": of ALL */
	char *rights;                   /* two letters: to see presence (A, D, P or B), to begin a conversation (A or D) */
};
struct sip_aces {
	struct sip_ace *items;
	size_t count;
};
struct sip_acl {
	uint32_t delta;                 /* never 0 */
	struct sip_aces *aces;
};
extern const struct xml_form sip_acl_form;

struct sip_set_ace {
	char *type, *mask, *rights;     /* as above; mask may be NULL */
	uint32_t delta;                 /* of the list as the user knows it */
};
extern const struct xml_form sip_set_ace_form;

/* One of (A|P|D|B)(A|D). Source: document. */
bool sip_rights_are_good(const char *rights);

struct sip_watcher {
	char *uri;                      /* with "sip:" */
	char *display_name;             /* NULL: not told */
};
struct sip_watchers {
	struct sip_watcher *items;
	size_t count;
};
extern const struct xml_form sip_watchers_form;

#endif
