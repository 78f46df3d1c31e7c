#ifndef BRAMBLE_PROTOCOL_SIP_CONFERENCE_H
#define BRAMBLE_PROTOCOL_SIP_CONFERENCE_H

#include "protocol/sip/xml_form.h"

/* Conversations of more than two: the names of their parts, the commands to the focus (Centralized Conference Control Protocol), what the
 * focus tells of a conference, and the invitation into one.
 * Source: document - MS-CONFBAS, MS-CONFIM, RFC 4575; code - SIPE; certainty per element in docs/protocol/ocs.md. */

#define SIP_TYPE_CCCP "application/cccp+xml"
#define SIP_TYPE_CONFERENCE_INFO "application/conference-info+xml"
#define SIP_TYPE_CONF_INVITE "application/ms-conf-invite+xml"
#define SIP_CONFERENCE_PEOPLE_MAX 100       /* in one conference; ours */
#define SIP_CONFERENCE_ID_MIN 8             /* letters and digits. Source: document - MS-CONFPRO */
#define SIP_CONFERENCE_ID_MAX 32

/* --- URIs: "sip:ana@corp.test;gruu;opaque=app:conf:focus:id:0A1B2C3D" -------------------------------------------------------------- */

enum sip_conference_part { SIP_NO_CONFERENCE, SIP_FOCUS_FACTORY, SIP_FOCUS, SIP_CONFERENCE_CHAT };

/* organizer: "sip:ana@corp.test"; id is not looked at for the factory, of which each user has one. The caller frees it. */
char *sip_conference_uri(const char *organizer, enum sip_conference_part part, const char *id);
/* What the URI names; id (may be NULL): of a conference's part the caller's to free, else NULL. */
enum sip_conference_part sip_conference_part_of(const char *uri, char **id);
bool sip_conference_id_is_good(const char *id);

/* --- what the focus tells ------------------------------------------------------------------------------------------------------------- */

struct sip_conf_uri {
	char *uri, *display_text;
	char *purpose;                  /* "chat": that of the IM MCU */
};
struct sip_conf_uris {
	struct sip_conf_uri *items;
	size_t count;
};
struct sip_conf_text {
	char *text;
};
struct sip_conf_description {
	char *subject;
	struct sip_conf_uris *uris;
	struct sip_conf_text *id, *expiry, *admission;
};

struct sip_conf_role {
	char *text;                     /* "presenter" or "attendee" */
};
struct sip_conf_roles {
	struct sip_conf_role *items;
	size_t count;
};
struct sip_conf_endpoint {
	char *entity;
	char *session_type;             /* "focus" or "chat" */
	char *status;                   /* "connected" */
	char *joining_method;           /* "dialed-in" or "dialed-out" */
};
struct sip_conf_user {
	char *entity;                   /* "sip:ana@corp.test" */
	char *state;                    /* "full" or "deleted"; NULL: full */
	char *display_text;
	struct sip_conf_roles *roles;
	struct sip_conf_endpoint *endpoints;
	size_t endpoint_count;
};
struct sip_conf_users {
	char *state;                    /* "partial": only those who have changed */
	struct sip_conf_user *items;
	size_t count;
};

struct sip_conf_medium {
	char *label;
	char *type;                     /* "chat" */
};
struct sip_conf_media {
	struct sip_conf_medium *items;
	size_t count;
};
struct sip_conf_entity_state {
	char *locked;                   /* "true", "false"; NULL: not told */
	struct sip_conf_media *media;
};
struct sip_conf_entity_view {
	char *entity;
	struct sip_conf_entity_state *state;
};
struct sip_conf_view {
	struct sip_conf_entity_view *items;
	size_t count;
};

struct sip_conference_info {
	char *entity;                   /* the focus */
	char *state;                    /* "full" or "partial" */
	uint32_t version;
	struct sip_conf_description *description;
	struct sip_conf_users *users;
	struct sip_conf_view *view;
};
extern const struct xml_form sip_conference_info_form;

/* --- commands ----------------------------------------------------------------------------------------------------------------------------- */

struct sip_conference_keys {
	char *conference;               /* the focus */
};
struct sip_user_keys {
	char *conference, *user;
};
struct sip_mcu_types {
	struct sip_conf_text *items;
	size_t count;
};

/* The reason of a refusal stands in its command's element. */
struct sip_add_conference {
	char *reason;
	struct sip_conference_info *info;
};
struct sip_delete_conference {
	char *reason;
	struct sip_conference_keys *keys;
};
struct sip_add_user {
	char *reason;
	struct sip_conference_keys *keys;
	struct sip_conf_user *user;
};
struct sip_delete_user {
	char *reason;
	struct sip_user_keys *keys;
};
struct sip_modify_roles {
	char *reason;
	struct sip_user_keys *keys;
	struct sip_conf_roles *roles;
};
struct sip_modify_lock {
	char *reason;
	struct sip_conference_keys *keys;
	bool locked;
};
struct sip_capabilities {
	struct sip_mcu_types *types;
};

/* One of the commands is there. */
struct sip_cccp {
	char *version, *to, *from;
	char *id;                       /* of the request, in its answer too */
	char *code;                     /* an answer's: "success", "failure", "pending" */
	struct sip_add_conference *add_conference;
	struct sip_delete_conference *delete_conference;
	struct sip_add_user *add_user;
	struct sip_delete_user *delete_user;
	struct sip_modify_roles *modify_roles;
	struct sip_modify_lock *modify_lock;
	struct sip_capabilities *capabilities;
};
extern const struct xml_form sip_cccp_request_form, sip_cccp_response_form;

/* --- the invitation -------------------------------------------------------------------------------------------------------------------------- */

struct sip_conf_im {
	bool available;
};
struct sip_conf_invite {
	char *version;                  /* "2.0" */
	char *focus, *subject;
	struct sip_conf_im *im;
};
extern const struct xml_form sip_conf_invite_form;

#endif
