#include "protocol/sip/pidf.h"

#include <stddef.h>

#define PRESENCE_NS "http://schemas.microsoft.com/2002/09/sip/presence"
#define SOAP_NS "http://schemas.microsoft.com/winrtc/2002/11/sip"

static const struct xml_field aggregate_fields[] = {
	XML_ATTR_ROW(struct sip_aggregate, aggregate, "aggregate", XML_NUMBER, XML_REQUIRED),
	XML_ATTR_ROW(struct sip_aggregate, description, "description", XML_STRING, XML_OPTIONAL),
	XML_ATTR_ROW(struct sip_aggregate, epid, "epid", XML_STRING, XML_OPTIONAL),
	XML_ATTR_ROW(struct sip_aggregate, note, "note", XML_STRING, XML_OPTIONAL),
	{ 0 },
};
static const struct xml_form availability_form = { "availability", NULL, sizeof(struct sip_aggregate), aggregate_fields };
static const struct xml_form activity_form = { "activity", NULL, sizeof(struct sip_aggregate), aggregate_fields };

static const struct xml_field display_name_fields[] = {
	XML_ATTR_ROW(struct sip_display_name, name, "displayName", XML_STRING, XML_ALWAYS),
	{ 0 },
};
static const struct xml_form display_name_form = { "displayName", NULL, sizeof(struct sip_display_name), display_name_fields };
static const struct xml_field email_fields[] = {
	XML_ATTR_ROW(struct sip_email, address, "email", XML_STRING, XML_ALWAYS),
	{ 0 },
};
static const struct xml_form email_form = { "email", NULL, sizeof(struct sip_email), email_fields };
static const struct xml_field phone_fields[] = {
	XML_ATTR_ROW(struct sip_phone_number, label, "label", XML_STRING, XML_ALWAYS),
	XML_ATTR_ROW(struct sip_phone_number, number, "number", XML_STRING, XML_ALWAYS),
	{ 0 },
};
static const struct xml_form phone_form = { "phoneNumber", NULL, sizeof(struct sip_phone_number), phone_fields };

static const struct xml_field user_state_fields[] = {
	XML_ATTR_ROW(struct sip_user_state, availability, "avail", XML_NUMBER, XML_OPTIONAL),
	XML_ATTR_ROW(struct sip_user_state, since, "since", XML_STRING, XML_OPTIONAL),
	XML_ATTR_ROW(struct sip_user_state, valid_with, "validWith", XML_STRING, XML_OPTIONAL),
	XML_ATTR_ROW(struct sip_user_state, device_id, "deviceId", XML_STRING, XML_OPTIONAL),
	XML_ATTR_ROW(struct sip_user_state, set, "set", XML_STRING, XML_OPTIONAL),
	XML_ATTR_ROW(struct sip_user_state, nil, "xsi:nil", XML_STRING, XML_OPTIONAL),
	XML_ATTR_ROW(struct sip_user_state, type, "xsi:type", XML_STRING, XML_OPTIONAL),
	XML_TEXT_ROW(struct sip_user_state, activity),
	{ 0 },
};
static const struct xml_form user_state_form = { "state", NULL, sizeof(struct sip_user_state), user_state_fields };
static const struct xml_field user_states_fields[] = {
	XML_MANY_ROW(struct sip_user_states, items, count, user_state_form, 20),
	{ 0 },
};
static const struct xml_form user_states_form = { "states", NULL, sizeof(struct sip_user_states), user_states_fields };
static const struct xml_field user_info_fields[] = {
	XML_CHILD_ROW(struct sip_user_info, note, "note", XML_STRING, XML_OPTIONAL),
	XML_ONE_ROW(struct sip_user_info, states, user_states_form, XML_OPTIONAL),
	XML_OTHERS_ROW(struct sip_user_info, others),
	{ 0 },
};
static const struct xml_form user_info_form = { "userInfo", PRESENCE_NS, sizeof(struct sip_user_info), user_info_fields };

static const struct xml_field device_fields[] = {
	XML_ATTR_ROW(struct sip_device, epid, "epid", XML_STRING, XML_OPTIONAL),
	XML_ATTR_ROW(struct sip_device, age_s, "ageOfPresence", XML_NUMBER, XML_ALWAYS),
	XML_ONE_ROW(struct sip_device, availability, availability_form, XML_REQUIRED),
	XML_ONE_ROW(struct sip_device, activity, activity_form, XML_REQUIRED),
	XML_OTHERS_ROW(struct sip_device, others),
	{ 0 },
};
const struct xml_form sip_device_form = { "devicePresence", NULL, sizeof(struct sip_device), device_fields };
static const struct xml_field devices_fields[] = {
	XML_MANY_ROW(struct sip_devices, items, count, sip_device_form, 50),
	{ 0 },
};
static const struct xml_form devices_form = { "devices", NULL, sizeof(struct sip_devices), devices_fields };

static const struct xml_field presentity_fields[] = {
	XML_ATTR_ROW(struct sip_presentity, uri, "uri", XML_STRING, XML_REQUIRED),
	XML_ONE_ROW(struct sip_presentity, availability, availability_form, XML_REQUIRED),
	XML_ONE_ROW(struct sip_presentity, activity, activity_form, XML_REQUIRED),
	XML_ONE_ROW(struct sip_presentity, display_name, display_name_form, XML_OPTIONAL),
	XML_ONE_ROW(struct sip_presentity, email, email_form, XML_OPTIONAL),
	XML_ONE_ROW(struct sip_presentity, phone, phone_form, XML_OPTIONAL),
	XML_ONE_ROW(struct sip_presentity, user_info, user_info_form, XML_OPTIONAL),
	XML_ONE_ROW(struct sip_presentity, devices, devices_form, XML_OPTIONAL),
	{ 0 },
};
const struct xml_form sip_presentity_form = { "presentity", PRESENCE_NS, sizeof(struct sip_presentity), presentity_fields };

/* <email> of a device is one of the others. */
static const struct xml_field published_fields[] = {
	XML_ATTR_ROW(struct sip_presentity, uri, "uri", XML_STRING, XML_REQUIRED),
	XML_ONE_ROW(struct sip_presentity, availability, availability_form, XML_REQUIRED),
	XML_ONE_ROW(struct sip_presentity, activity, activity_form, XML_REQUIRED),
	XML_ONE_ROW(struct sip_presentity, user_info, user_info_form, XML_OPTIONAL),
	XML_OTHERS_ROW(struct sip_presentity, others),
	{ 0 },
};
static const struct xml_form published_form = { "presentity", NULL, sizeof(struct sip_presentity), published_fields };
static const struct xml_field set_presence_fields[] = {
	XML_ONE_ROW(struct sip_set_presence, presentity, published_form, XML_REQUIRED),
	{ 0 },
};
const struct xml_form sip_set_presence_form = { "setPresence", SOAP_NS, sizeof(struct sip_set_presence), set_presence_fields };
static const struct xml_field asked_fields[] = {
	XML_ATTR_ROW(struct sip_asked_presentity, uri, "uri", XML_STRING, XML_REQUIRED),
	{ 0 },
};
static const struct xml_form asked_form = { "presentity", NULL, sizeof(struct sip_asked_presentity), asked_fields };
static const struct xml_field get_presence_fields[] = {
	XML_ONE_ROW(struct sip_get_presence, presentity, asked_form, XML_REQUIRED),
	{ 0 },
};
const struct xml_form sip_get_presence_form = { "getPresence", SOAP_NS, sizeof(struct sip_get_presence), get_presence_fields };

static const struct xml_field pidf_activities_fields[] = {
	XML_CHILD_ROW(struct sip_pidf_activities, activity, "activity", XML_STRING, XML_OPTIONAL),
	{ 0 },
};
static const struct xml_form pidf_activities_form = { "activities", "urn:ietf:params:xml:ns:pidf:status:rpid",
	sizeof(struct sip_pidf_activities), pidf_activities_fields };
static const struct xml_field pidf_status_fields[] = {
	XML_CHILD_ROW(struct sip_pidf_status, basic, "basic", XML_STRING, XML_REQUIRED),
	XML_ONE_ROW(struct sip_pidf_status, activities, pidf_activities_form, XML_OPTIONAL),
	{ 0 },
};
static const struct xml_form pidf_status_form = { "status", NULL, sizeof(struct sip_pidf_status), pidf_status_fields };
static const struct xml_field pidf_tuple_fields[] = {
	XML_ATTR_ROW(struct sip_pidf_tuple, id, "id", XML_STRING, XML_REQUIRED),
	XML_ONE_ROW(struct sip_pidf_tuple, status, pidf_status_form, XML_REQUIRED),
	{ 0 },
};
static const struct xml_form pidf_tuple_form = { "tuple", NULL, sizeof(struct sip_pidf_tuple), pidf_tuple_fields };
static const struct xml_field pidf_fields[] = {
	XML_ATTR_ROW(struct sip_pidf, entity, "entity", XML_STRING, XML_REQUIRED),
	XML_ONE_ROW(struct sip_pidf, tuple, pidf_tuple_form, XML_REQUIRED),
	XML_CHILD_ROW(struct sip_pidf, note, "note", XML_STRING, XML_OPTIONAL),
	{ 0 },
};
const struct xml_form sip_pidf_form = { "presence", "urn:ietf:params:xml:ns:pidf", sizeof(struct sip_pidf), pidf_fields };

/* --- lists ------------------------------------------------------------------------------------------------------------------------ */

static const struct xml_form create_form = { "create", "", sizeof(struct sip_resources), sip_resources_fields };
static const struct xml_form add_form = { "add", "", sizeof(struct sip_resources), sip_resources_fields };
static const struct xml_form delete_form = { "delete", "", sizeof(struct sip_resources), sip_resources_fields };
static const struct xml_field adhoc_list_fields[] = {
	XML_ATTR_ROW(struct sip_adhoc_list, uri, "uri", XML_STRING, XML_REQUIRED),
	XML_ATTR_ROW(struct sip_adhoc_list, name, "name", XML_STRING, XML_OPTIONAL),
	XML_ONE_ROW(struct sip_adhoc_list, create, create_form, XML_OPTIONAL),
	XML_ONE_ROW(struct sip_adhoc_list, add, add_form, XML_OPTIONAL),
	XML_ONE_ROW(struct sip_adhoc_list, remove, delete_form, XML_OPTIONAL),
	{ 0 },
};
const struct xml_form sip_adhoc_list_form = { "adhoclist", "urn:ietf:params:xml:ns:adrl", sizeof(struct sip_adhoc_list),
	adhoc_list_fields };

static const struct xml_field instance_fields[] = {
	XML_ATTR_ROW(struct sip_instance, id, "id", XML_STRING, XML_REQUIRED),
	XML_ATTR_ROW(struct sip_instance, state, "state", XML_STRING, XML_REQUIRED),
	XML_ATTR_ROW(struct sip_instance, cid, "cid", XML_STRING, XML_OPTIONAL),
	{ 0 },
};
static const struct xml_form instance_form = { "instance", NULL, sizeof(struct sip_instance), instance_fields };
static const struct xml_field listed_fields[] = {
	XML_ATTR_ROW(struct sip_listed, uri, "uri", XML_STRING, XML_REQUIRED),
	XML_ONE_ROW(struct sip_listed, instance, instance_form, XML_OPTIONAL),
	{ 0 },
};
static const struct xml_form listed_form = { "resource", NULL, sizeof(struct sip_listed), listed_fields };
static const struct xml_field resource_list_fields[] = {
	XML_ATTR_ROW(struct sip_resource_list, uri, "uri", XML_STRING, XML_REQUIRED),
	XML_ATTR_ROW(struct sip_resource_list, version, "version", XML_NUMBER, XML_ALWAYS),
	XML_ATTR_ROW(struct sip_resource_list, full, "fullState", XML_FLAG, XML_ALWAYS),
	XML_MANY_ROW(struct sip_resource_list, items, count, listed_form, 1000),
	{ 0 },
};
const struct xml_form sip_resource_list_form = { "list", "urn:ietf:params:xml:ns:rlmi", sizeof(struct sip_resource_list),
	resource_list_fields };

/* --- provisioning ------------------------------------------------------------------------------------------------------------------ */

static const struct xml_field line_fields[] = {
	XML_ATTR_ROW(struct sip_provisioned_line, uri, "uri", XML_STRING, XML_REQUIRED),
	XML_ATTR_ROW(struct sip_provisioned_line, server, "server", XML_STRING, XML_OPTIONAL),
	{ 0 },
};
static const struct xml_form line_form = { "line", NULL, sizeof(struct sip_provisioned_line), line_fields };
static const struct xml_field provisioned_user_fields[] = {
	XML_ATTR_ROW(struct sip_provisioned_user, uri, "uri", XML_STRING, XML_REQUIRED),
	XML_ONE_ROW(struct sip_provisioned_user, line, line_form, XML_OPTIONAL),
	{ 0 },
};
static const struct xml_form provisioned_user_form = { "user", NULL, sizeof(struct sip_provisioned_user), provisioned_user_fields };
static const struct xml_field provision_fields[] = {
	XML_ONE_ROW(struct sip_provision_v1, user, provisioned_user_form, XML_OPTIONAL),
	{ 0 },
};
const struct xml_form sip_provision_v1_form = { "provisioning", NULL, sizeof(struct sip_provision_v1), provision_fields };

/* --- numbers of both dialects ------------------------------------------------------------------------------------------------------- */

uint32_t sip_availability_of(uint32_t reach, uint32_t activity)
{
	if (reach < SIP_REACH_MAYBE)
		return SIP_OFFLINE;
	if (activity < SIP_ACTIVITY_IDLE)
		return SIP_AWAY;
	if (activity < SIP_ACTIVITY_BACK_SOON)
		return SIP_IDLE;
	if (activity < SIP_ACTIVITY_ACTIVE)
		return SIP_BE_RIGHT_BACK;
	if (activity < SIP_ACTIVITY_TALKING)
		return SIP_ONLINE;
	if (activity < SIP_ACTIVITY_AWAY_AGAIN)
		return SIP_BUSY;
	return activity < SIP_ACTIVITY_ACTIVE_AGAIN ? SIP_AWAY : SIP_ONLINE;
}

/* Where a class of availability begins. Source: code (SIPE). */
static const struct {
	uint32_t from, reach, activity;
	const char *word;
} classes[] = {
	{ 18000, SIP_REACH_NONE, SIP_ACTIVITY_UNKNOWN, "offline" },
	{ 15000, SIP_REACH_NEAR, SIP_ACTIVITY_AWAY, "away" },
	{ 12000, SIP_REACH_NEAR, SIP_ACTIVITY_BACK_SOON, "be-right-back" },
	{ 9000, SIP_REACH_NEAR, SIP_ACTIVITY_BUSY, "do-not-disturb" },
	{ 6000, SIP_REACH_NEAR, SIP_ACTIVITY_BUSY, "busy" },
	{ 4500, SIP_REACH_NEAR, SIP_ACTIVITY_IDLE, "idle" },
	{ 0, SIP_REACH_NEAR, SIP_ACTIVITY_ACTIVE, "online" },
};

static size_t class_of(uint32_t availability)
{
	size_t i = 0;

	while (availability < classes[i].from)
		i++;
	return i;
}

void sip_availability_split(uint32_t availability, uint32_t *reach, uint32_t *activity)
{
	*reach = classes[class_of(availability)].reach;
	*activity = classes[class_of(availability)].activity;
}

const char *sip_availability_word(uint32_t availability)
{
	return classes[class_of(availability)].word;
}
