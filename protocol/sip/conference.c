#include "protocol/sip/conference.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "protocol/sip/sip.h"

#define INFO_NS "urn:ietf:params:xml:ns:conference-info"
#define EXTENSION_NS "http://schemas.microsoft.com/rtc/2005/08/confinfoextensions"
#define CCCP_NS "urn:ietf:params:xml:ns:cccp"

/* --- URIs ------------------------------------------------------------------------------------------------------------------------- */

static const struct {
	enum sip_conference_part part;
	const char *opaque;
	bool with_id;
} parts[] = {
	{ SIP_FOCUS_FACTORY, "app:conf:focusfactory", false },
	{ SIP_FOCUS, "app:conf:focus:id:", true },
	{ SIP_CONFERENCE_CHAT, "app:conf:chat:id:", true },
};
#define PARTS (sizeof parts / sizeof parts[0])

char *sip_conference_uri(const char *organizer, enum sip_conference_part part, const char *id)
{
	for (size_t i = 0; i < PARTS; i++)
		if (parts[i].part == part)
			return memory_printf("%s;gruu;opaque=%s%s", organizer, parts[i].opaque, parts[i].with_id ? id : "");
	return NULL;
}

bool sip_conference_id_is_good(const char *id)
{
	size_t len = strspn(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

	return !id[len] && len >= SIP_CONFERENCE_ID_MIN && len <= SIP_CONFERENCE_ID_MAX;
}

enum sip_conference_part sip_conference_part_of(const char *uri, char **id)
{
	char *opaque = uri ? sip_param(uri, "opaque") : NULL;
	enum sip_conference_part part = SIP_NO_CONFERENCE;

	if (id)
		*id = NULL;
	for (size_t i = 0; opaque && i < PARTS; i++) {
		size_t len = strlen(parts[i].opaque);

		if (strncasecmp(opaque, parts[i].opaque, len) != 0 || (parts[i].with_id ? !sip_conference_id_is_good(opaque + len) : opaque[len] != '\0'))
			continue;
		part = parts[i].part;
		if (id && parts[i].with_id)
			*id = memory_str(opaque + len);
	}
	free(opaque);
	return part;
}

/* --- what the focus tells --------------------------------------------------------------------------------------------------------- */

static const struct xml_field text_fields[] = {
	XML_TEXT_ROW(struct sip_conf_text, text),
	{ 0 },
};
static const struct xml_form id_form = { "conference-id", EXTENSION_NS, sizeof(struct sip_conf_text), text_fields };
static const struct xml_form expiry_form = { "expiry-time", EXTENSION_NS, sizeof(struct sip_conf_text), text_fields };
static const struct xml_form admission_form = { "admission-policy", EXTENSION_NS, sizeof(struct sip_conf_text), text_fields };

static const struct xml_field uri_fields[] = {
	XML_CHILD_ROW(struct sip_conf_uri, uri, "uri", XML_STRING, XML_REQUIRED),
	XML_CHILD_ROW(struct sip_conf_uri, display_text, "display-text", XML_STRING, XML_OPTIONAL),
	XML_CHILD_ROW(struct sip_conf_uri, purpose, "purpose", XML_STRING, XML_OPTIONAL),
	{ 0 },
};
static const struct xml_form uri_form = { "entry", NULL, sizeof(struct sip_conf_uri), uri_fields };
static const struct xml_field uris_fields[] = {
	XML_MANY_ROW(struct sip_conf_uris, items, count, uri_form, 16),
	{ 0 },
};
static const struct xml_form uris_form = { "conf-uris", NULL, sizeof(struct sip_conf_uris), uris_fields };
static const struct xml_field description_fields[] = {
	XML_CHILD_ROW(struct sip_conf_description, subject, "subject", XML_STRING, XML_OPTIONAL),
	XML_ONE_ROW(struct sip_conf_description, uris, uris_form, XML_OPTIONAL),
	XML_ONE_ROW(struct sip_conf_description, id, id_form, XML_OPTIONAL),
	XML_ONE_ROW(struct sip_conf_description, expiry, expiry_form, XML_OPTIONAL),
	XML_ONE_ROW(struct sip_conf_description, admission, admission_form, XML_OPTIONAL),
	{ 0 },
};
static const struct xml_form description_form = { "conference-description", NULL, sizeof(struct sip_conf_description), description_fields };

static const struct xml_field role_fields[] = {
	XML_TEXT_ROW(struct sip_conf_role, text),
	{ 0 },
};
static const struct xml_form role_form = { "entry", NULL, sizeof(struct sip_conf_role), role_fields };
static const struct xml_field roles_fields[] = {
	XML_MANY_ROW(struct sip_conf_roles, items, count, role_form, 8),
	{ 0 },
};
static const struct xml_form roles_form = { "roles", NULL, sizeof(struct sip_conf_roles), roles_fields };
static const struct xml_field endpoint_fields[] = {
	XML_ATTR_ROW(struct sip_conf_endpoint, entity, "entity", XML_STRING, XML_ALWAYS),
	XML_ATTR_ROW(struct sip_conf_endpoint, session_type, "msci:session-type", XML_STRING, XML_OPTIONAL),
	XML_CHILD_ROW(struct sip_conf_endpoint, status, "status", XML_STRING, XML_OPTIONAL),
	XML_CHILD_ROW(struct sip_conf_endpoint, joining_method, "joining-method", XML_STRING, XML_OPTIONAL),
	{ 0 },
};
static const struct xml_form endpoint_form = { "endpoint", NULL, sizeof(struct sip_conf_endpoint), endpoint_fields };
static const struct xml_field user_fields[] = {
	XML_ATTR_ROW(struct sip_conf_user, entity, "entity", XML_STRING, XML_REQUIRED),
	XML_ATTR_ROW(struct sip_conf_user, state, "state", XML_STRING, XML_OPTIONAL),
	XML_CHILD_ROW(struct sip_conf_user, display_text, "display-text", XML_STRING, XML_OPTIONAL),
	XML_ONE_ROW(struct sip_conf_user, roles, roles_form, XML_OPTIONAL),
	XML_MANY_ROW(struct sip_conf_user, endpoints, endpoint_count, endpoint_form, 32),
	{ 0 },
};
static const struct xml_form user_form = { "user", INFO_NS, sizeof(struct sip_conf_user), user_fields };
static const struct xml_field users_fields[] = {
	XML_ATTR_ROW(struct sip_conf_users, state, "state", XML_STRING, XML_OPTIONAL),
	XML_MANY_ROW(struct sip_conf_users, items, count, user_form, SIP_CONFERENCE_PEOPLE_MAX),
	{ 0 },
};
static const struct xml_form users_form = { "users", NULL, sizeof(struct sip_conf_users), users_fields };

static const struct xml_field medium_fields[] = {
	XML_ATTR_ROW(struct sip_conf_medium, label, "label", XML_STRING, XML_OPTIONAL),
	XML_CHILD_ROW(struct sip_conf_medium, type, "type", XML_STRING, XML_OPTIONAL),
	{ 0 },
};
static const struct xml_form medium_form = { "entry", INFO_NS, sizeof(struct sip_conf_medium), medium_fields };
static const struct xml_field media_fields[] = {
	XML_MANY_ROW(struct sip_conf_media, items, count, medium_form, 16),
	{ 0 },
};
static const struct xml_form media_form = { "media", NULL, sizeof(struct sip_conf_media), media_fields };
static const struct xml_field entity_state_fields[] = {
	XML_CHILD_ROW(struct sip_conf_entity_state, locked, "locked", XML_STRING, XML_OPTIONAL),
	XML_ONE_ROW(struct sip_conf_entity_state, media, media_form, XML_OPTIONAL),
	{ 0 },
};
static const struct xml_form entity_state_form = { "entity-state", NULL, sizeof(struct sip_conf_entity_state), entity_state_fields };
static const struct xml_field entity_view_fields[] = {
	XML_ATTR_ROW(struct sip_conf_entity_view, entity, "entity", XML_STRING, XML_ALWAYS),
	XML_ONE_ROW(struct sip_conf_entity_view, state, entity_state_form, XML_OPTIONAL),
	{ 0 },
};
static const struct xml_form entity_view_form = { "entity-view", NULL, sizeof(struct sip_conf_entity_view), entity_view_fields };
static const struct xml_field view_fields[] = {
	XML_MANY_ROW(struct sip_conf_view, items, count, entity_view_form, 16),
	{ 0 },
};
static const struct xml_form view_form = { "conference-view", EXTENSION_NS, sizeof(struct sip_conf_view), view_fields };

static const struct xml_field info_fields[] = {
	XML_ATTR_ROW(struct sip_conference_info, entity, "entity", XML_STRING, XML_ALWAYS),
	XML_ATTR_ROW(struct sip_conference_info, state, "state", XML_STRING, XML_OPTIONAL),
	XML_ATTR_ROW(struct sip_conference_info, version, "version", XML_NUMBER, XML_OPTIONAL),
	XML_ONE_ROW(struct sip_conference_info, description, description_form, XML_OPTIONAL),
	XML_ONE_ROW(struct sip_conference_info, users, users_form, XML_OPTIONAL),
	XML_ONE_ROW(struct sip_conference_info, view, view_form, XML_OPTIONAL),
	{ 0 },
};
const struct xml_form sip_conference_info_form = { "conference-info", INFO_NS, sizeof(struct sip_conference_info), info_fields };

/* --- commands --------------------------------------------------------------------------------------------------------------------- */

#define REASON(type) XML_ATTR_ROW(type, reason, "reason", XML_STRING, XML_OPTIONAL)

static const struct xml_field conference_keys_fields[] = {
	XML_ATTR_ROW(struct sip_conference_keys, conference, "confEntity", XML_STRING, XML_REQUIRED),
	{ 0 },
};
static const struct xml_form conference_keys_form = { "conferenceKeys", NULL, sizeof(struct sip_conference_keys), conference_keys_fields };
static const struct xml_field user_keys_fields[] = {
	XML_ATTR_ROW(struct sip_user_keys, conference, "confEntity", XML_STRING, XML_REQUIRED),
	XML_ATTR_ROW(struct sip_user_keys, user, "userEntity", XML_STRING, XML_REQUIRED),
	{ 0 },
};
static const struct xml_form user_keys_form = { "userKeys", NULL, sizeof(struct sip_user_keys), user_keys_fields };

static const struct xml_field add_conference_fields[] = {
	REASON(struct sip_add_conference),
	XML_ONE_ROW(struct sip_add_conference, info, sip_conference_info_form, XML_OPTIONAL),
	{ 0 },
};
static const struct xml_form add_conference_form = { "addConference", NULL, sizeof(struct sip_add_conference), add_conference_fields };
static const struct xml_field delete_conference_fields[] = {
	REASON(struct sip_delete_conference),
	XML_ONE_ROW(struct sip_delete_conference, keys, conference_keys_form, XML_OPTIONAL),
	{ 0 },
};
static const struct xml_form delete_conference_form = { "deleteConference", NULL, sizeof(struct sip_delete_conference),
	delete_conference_fields };
static const struct xml_field add_user_fields[] = {
	REASON(struct sip_add_user),
	XML_ONE_ROW(struct sip_add_user, keys, conference_keys_form, XML_OPTIONAL),
	XML_ONE_ROW(struct sip_add_user, user, user_form, XML_OPTIONAL),
	{ 0 },
};
static const struct xml_form add_user_form = { "addUser", NULL, sizeof(struct sip_add_user), add_user_fields };
static const struct xml_field delete_user_fields[] = {
	REASON(struct sip_delete_user),
	XML_ONE_ROW(struct sip_delete_user, keys, user_keys_form, XML_OPTIONAL),
	{ 0 },
};
static const struct xml_form delete_user_form = { "deleteUser", NULL, sizeof(struct sip_delete_user), delete_user_fields };
static const struct xml_form user_roles_form = { "user-roles", INFO_NS, sizeof(struct sip_conf_roles), roles_fields };
static const struct xml_field modify_roles_fields[] = {
	REASON(struct sip_modify_roles),
	XML_ONE_ROW(struct sip_modify_roles, keys, user_keys_form, XML_OPTIONAL),
	XML_ONE_ROW(struct sip_modify_roles, roles, user_roles_form, XML_OPTIONAL),
	{ 0 },
};
static const struct xml_form modify_roles_form = { "modifyUserRoles", NULL, sizeof(struct sip_modify_roles), modify_roles_fields };
static const struct xml_field modify_lock_fields[] = {
	REASON(struct sip_modify_lock),
	XML_ONE_ROW(struct sip_modify_lock, keys, conference_keys_form, XML_OPTIONAL),
	XML_CHILD_ROW(struct sip_modify_lock, locked, "locked", XML_FLAG, XML_ALWAYS),
	{ 0 },
};
static const struct xml_form modify_lock_form = { "modifyConferenceLock", NULL, sizeof(struct sip_modify_lock), modify_lock_fields };
static const struct xml_form mcu_type_form = { "mcuType", NULL, sizeof(struct sip_conf_text), text_fields };
static const struct xml_field mcu_types_fields[] = {
	XML_MANY_ROW(struct sip_mcu_types, items, count, mcu_type_form, 16),
	{ 0 },
};
static const struct xml_form mcu_types_form = { "mcu-types", NULL, sizeof(struct sip_mcu_types), mcu_types_fields };
static const struct xml_field capabilities_fields[] = {
	XML_ONE_ROW(struct sip_capabilities, types, mcu_types_form, XML_OPTIONAL),
	{ 0 },
};
static const struct xml_form capabilities_form = { "getConferencingCapabilities", NULL, sizeof(struct sip_capabilities), capabilities_fields };

static const struct xml_field cccp_fields[] = {
	XML_ATTR_ROW(struct sip_cccp, version, "C3PVersion", XML_STRING, XML_OPTIONAL),
	XML_ATTR_ROW(struct sip_cccp, to, "to", XML_STRING, XML_OPTIONAL),
	XML_ATTR_ROW(struct sip_cccp, from, "from", XML_STRING, XML_OPTIONAL),
	XML_ATTR_ROW(struct sip_cccp, id, "requestId", XML_STRING, XML_ALWAYS),
	XML_ATTR_ROW(struct sip_cccp, code, "code", XML_STRING, XML_OPTIONAL),
	XML_ONE_ROW(struct sip_cccp, add_conference, add_conference_form, XML_OPTIONAL),
	XML_ONE_ROW(struct sip_cccp, delete_conference, delete_conference_form, XML_OPTIONAL),
	XML_ONE_ROW(struct sip_cccp, add_user, add_user_form, XML_OPTIONAL),
	XML_ONE_ROW(struct sip_cccp, delete_user, delete_user_form, XML_OPTIONAL),
	XML_ONE_ROW(struct sip_cccp, modify_roles, modify_roles_form, XML_OPTIONAL),
	XML_ONE_ROW(struct sip_cccp, modify_lock, modify_lock_form, XML_OPTIONAL),
	XML_ONE_ROW(struct sip_cccp, capabilities, capabilities_form, XML_OPTIONAL),
	{ 0 },
};
const struct xml_form sip_cccp_request_form = { "request", CCCP_NS, sizeof(struct sip_cccp), cccp_fields };
const struct xml_form sip_cccp_response_form = { "response", CCCP_NS, sizeof(struct sip_cccp), cccp_fields };

/* --- the invitation --------------------------------------------------------------------------------------------------------------- */

static const struct xml_field im_fields[] = {
	XML_ATTR_ROW(struct sip_conf_im, available, "available", XML_FLAG, XML_ALWAYS),
	{ 0 },
};
static const struct xml_form im_form = { "im", NULL, sizeof(struct sip_conf_im), im_fields };
static const struct xml_field invite_fields[] = {
	XML_ATTR_ROW(struct sip_conf_invite, version, "version", XML_STRING, XML_OPTIONAL),
	XML_CHILD_ROW(struct sip_conf_invite, focus, "focus-uri", XML_STRING, XML_REQUIRED),
	XML_CHILD_ROW(struct sip_conf_invite, subject, "subject", XML_STRING, XML_ALWAYS),
	XML_ONE_ROW(struct sip_conf_invite, im, im_form, XML_OPTIONAL),
	{ 0 },
};
const struct xml_form sip_conf_invite_form = { "Conferencing", NULL, sizeof(struct sip_conf_invite), invite_fields };
