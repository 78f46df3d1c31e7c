#include "protocol/sip/presence.h"

#include <stddef.h>
#include <stdlib.h>

#define SIP_NS "http://schemas.microsoft.com/2006/09/sip/"

static const struct xml_field category_fields[] = {
	XML_ATTR_ROW(struct sip_category, name, "name", XML_STRING, XML_REQUIRED),
	XML_ATTR_ROW(struct sip_category, instance, "instance", XML_NUMBER, XML_ALWAYS),
	XML_ATTR_ROW(struct sip_category, publish_time, "publishTime", XML_STRING, XML_OPTIONAL),
	XML_ATTR_ROW(struct sip_category, container, "container", XML_NUMBER, XML_OPTIONAL),
	XML_ATTR_ROW(struct sip_category, version, "version", XML_NUMBER, XML_OPTIONAL),
	XML_ATTR_ROW(struct sip_category, expire_type, "expireType", XML_STRING, XML_OPTIONAL),
	XML_INNER_ROW(struct sip_category, content),
	{ 0 },
};
static const struct xml_form category_form = { "category", NULL, sizeof(struct sip_category), category_fields };

static const struct xml_field categories_fields[] = {
	XML_ATTR_ROW(struct sip_categories, uri, "uri", XML_STRING, XML_REQUIRED),
	XML_MANY_ROW(struct sip_categories, items, count, category_form, 500),
	{ 0 },
};
const struct xml_form sip_categories_form = { "categories", SIP_NS "categories", sizeof(struct sip_categories), categories_fields };

static const struct xml_field publication_fields[] = {
	XML_ATTR_ROW(struct sip_publication, category, "categoryName", XML_STRING, XML_REQUIRED),
	XML_ATTR_ROW(struct sip_publication, instance, "instance", XML_NUMBER, XML_ALWAYS),
	XML_ATTR_ROW(struct sip_publication, container, "container", XML_NUMBER, XML_ALWAYS),
	XML_ATTR_ROW(struct sip_publication, version, "version", XML_NUMBER, XML_ALWAYS),
	XML_ATTR_ROW(struct sip_publication, expire_type, "expireType", XML_STRING, XML_OPTIONAL),
	XML_ATTR_ROW(struct sip_publication, expires, "expires", XML_NUMBER, XML_OPTIONAL),
	XML_INNER_ROW(struct sip_publication, content),
	{ 0 },
};
static const struct xml_form publication_form = { "publication", NULL, sizeof(struct sip_publication), publication_fields };
static const struct xml_field publications_fields[] = {
	XML_ATTR_ROW(struct sip_publications, uri, "uri", XML_STRING, XML_REQUIRED),
	XML_MANY_ROW(struct sip_publications, items, count, publication_form, 100),
	{ 0 },
};
static const struct xml_form publications_form = { "publications", NULL, sizeof(struct sip_publications), publications_fields };
static const struct xml_field publish_fields[] = {
	XML_ONE_ROW(struct sip_publish, publications, publications_form, XML_REQUIRED),
	{ 0 },
};
const struct xml_form sip_publish_form = { "publish", SIP_NS "rich-presence", sizeof(struct sip_publish), publish_fields };

static const struct xml_field operation_fields[] = {
	XML_ATTR_ROW(struct sip_fault_operation, index, "index", XML_NUMBER, XML_REQUIRED),
	XML_ATTR_ROW(struct sip_fault_operation, version, "curVersion", XML_NUMBER, XML_REQUIRED),
	{ 0 },
};
static const struct xml_form operation_form = { "operation", NULL, sizeof(struct sip_fault_operation), operation_fields };
static const struct xml_field details_fields[] = {
	XML_MANY_ROW(struct sip_fault_details, operations, count, operation_form, 100),
	{ 0 },
};
static const struct xml_form details_form = { "details", NULL, sizeof(struct sip_fault_details), details_fields };
static const struct xml_field fault_fields[] = {
	XML_CHILD_ROW(struct sip_fault, code, "Faultcode", XML_STRING, XML_REQUIRED),
	XML_ONE_ROW(struct sip_fault, details, details_form, XML_OPTIONAL),
	{ 0 },
};
const struct xml_form sip_fault_form = { "Fault", SIP_NS "fault", sizeof(struct sip_fault), fault_fields };

static const struct xml_field member_fields[] = {
	XML_ATTR_ROW(struct sip_member, action, "action", XML_STRING, XML_OPTIONAL),
	XML_ATTR_ROW(struct sip_member, type, "type", XML_STRING, XML_REQUIRED),
	XML_ATTR_ROW(struct sip_member, value, "value", XML_STRING, XML_OPTIONAL),
	{ 0 },
};
static const struct xml_form member_form = { "member", NULL, sizeof(struct sip_member), member_fields };
static const struct xml_field container_fields[] = {
	XML_ATTR_ROW(struct sip_container_members, id, "id", XML_NUMBER, XML_REQUIRED),
	XML_ATTR_ROW(struct sip_container_members, version, "version", XML_NUMBER, XML_ALWAYS),
	XML_MANY_ROW(struct sip_container_members, members, count, member_form, 1000),
	{ 0 },
};
static const struct xml_form container_form = { "container", NULL, sizeof(struct sip_container_members), container_fields };
static const struct xml_field containers_fields[] = {
	XML_MANY_ROW(struct sip_containers, items, count, container_form, 50),
	{ 0 },
};
static const struct xml_form containers_form = { "containers", SIP_NS "containers", sizeof(struct sip_containers), containers_fields };
const struct xml_form sip_set_members_form = { "setContainerMembers", SIP_NS "container-management", sizeof(struct sip_containers),
	containers_fields };

static const struct xml_field subscriber_fields[] = {
	XML_ATTR_ROW(struct sip_subscriber, user, "user", XML_STRING, XML_REQUIRED),
	XML_ATTR_ROW(struct sip_subscriber, display_name, "displayName", XML_STRING, XML_OPTIONAL),
	XML_ATTR_ROW(struct sip_subscriber, acknowledged, "acknowledged", XML_FLAG, XML_ALWAYS),
	XML_ATTR_ROW(struct sip_subscriber, type, "type", XML_STRING, XML_OPTIONAL),
	{ 0 },
};
static const struct xml_form subscriber_form = { "subscriber", NULL, sizeof(struct sip_subscriber), subscriber_fields };
static const struct xml_field subscribers_fields[] = {
	XML_MANY_ROW(struct sip_subscribers, items, count, subscriber_form, 1000),
	{ 0 },
};
static const struct xml_form subscribers_form = { "subscribers", SIP_NS "presence-subscribers", sizeof(struct sip_subscribers),
	subscribers_fields };
const struct xml_form sip_set_subscribers_form = { "setSubscribers", SIP_NS "presence-subscribers", sizeof(struct sip_subscribers),
	subscribers_fields };

static const struct xml_field roaming_data_fields[] = {
	XML_ONE_ROW(struct sip_roaming_data, categories, sip_categories_form, XML_OPTIONAL),
	XML_ONE_ROW(struct sip_roaming_data, containers, containers_form, XML_OPTIONAL),
	XML_ONE_ROW(struct sip_roaming_data, subscribers, subscribers_form, XML_OPTIONAL),
	{ 0 },
};
const struct xml_form sip_roaming_data_form = { "roamingData", SIP_NS "roaming-self", sizeof(struct sip_roaming_data),
	roaming_data_fields };

static const struct xml_field roaming_fields[] = {
	XML_ATTR_ROW(struct sip_roaming_type, type, "type", XML_STRING, XML_REQUIRED),
	{ 0 },
};
static const struct xml_form roaming_form = { "roaming", NULL, sizeof(struct sip_roaming_type), roaming_fields };
static const struct xml_field roaming_list_fields[] = {
	XML_MANY_ROW(struct sip_roaming_list, items, count, roaming_form, 20),
	{ 0 },
};
const struct xml_form sip_roaming_list_form = { "roamingList", SIP_NS "roaming-self", sizeof(struct sip_roaming_list),
	roaming_list_fields };

static const struct xml_field no_fields[] = { { 0 } };
static const struct xml_form context_form = { "context", NULL, sizeof(struct sip_empty), no_fields };
static const struct xml_field resource_fields[] = {
	XML_ATTR_ROW(struct sip_resource, uri, "uri", XML_STRING, XML_REQUIRED),
	XML_ONE_ROW(struct sip_resource, context, context_form, XML_OPTIONAL),
	{ 0 },
};
static const struct xml_form resource_form = { "resource", NULL, sizeof(struct sip_resource), resource_fields };
const struct xml_field sip_resources_fields[] = {
	XML_MANY_ROW(struct sip_resources, items, count, resource_form, 1000),
	{ 0 },
};
static const struct xml_form resources_form = { "adhocList", NULL, sizeof(struct sip_resources), sip_resources_fields };
static const struct xml_field name_fields[] = {
	XML_ATTR_ROW(struct sip_name, name, "name", XML_STRING, XML_REQUIRED),
	{ 0 },
};
static const struct xml_form name_form = { "category", NULL, sizeof(struct sip_name), name_fields };
static const struct xml_field names_fields[] = {
	XML_MANY_ROW(struct sip_names, items, count, name_form, 50),
	{ 0 },
};
static const struct xml_form names_form = { "categoryList", SIP_NS "categorylist", sizeof(struct sip_names), names_fields };
static const struct xml_field action_fields[] = {
	XML_ATTR_ROW(struct sip_batch_action, name, "name", XML_STRING, XML_REQUIRED),
	XML_ATTR_ROW(struct sip_batch_action, id, "id", XML_STRING, XML_OPTIONAL),
	XML_ONE_ROW(struct sip_batch_action, resources, resources_form, XML_OPTIONAL),
	XML_ONE_ROW(struct sip_batch_action, categories, names_form, XML_OPTIONAL),
	{ 0 },
};
static const struct xml_form action_form = { "action", NULL, sizeof(struct sip_batch_action), action_fields };
static const struct xml_field batch_fields[] = {
	XML_ATTR_ROW(struct sip_batch, uri, "uri", XML_STRING, XML_ALWAYS),
	XML_ATTR_ROW(struct sip_batch, name, "name", XML_STRING, XML_ALWAYS),
	XML_MANY_ROW(struct sip_batch, actions, count, action_form, 10),
	{ 0 },
};
const struct xml_form sip_batch_form = { "batchSub", "http://schemas.microsoft.com/2006/01/sip/batch-subscribe",
	sizeof(struct sip_batch), batch_fields };

static const struct xml_field provision_group_fields[] = {
	XML_ATTR_ROW(struct sip_provision_group, name, "name", XML_STRING, XML_REQUIRED),
	XML_CHILD_ROW(struct sip_provision_group, focus_factory, "focusFactoryUri", XML_STRING, XML_OPTIONAL),
	{ 0 },
};
static const struct xml_form provision_group_form = { "provisionGroup", NULL, sizeof(struct sip_provision_group),
	provision_group_fields };
static const struct xml_field provision_fields[] = {
	XML_MANY_ROW(struct sip_provision, items, count, provision_group_form, 20),
	{ 0 },
};
const struct xml_form sip_provision_form = { "provisionGroupList", SIP_NS "provisiongrouplist-notification",
	sizeof(struct sip_provision), provision_fields };

/* --- contents of categories ------------------------------------------------------------------------------------------------------- */

struct state {
	uint32_t availability;
};
static const struct xml_field state_fields[] = {
	XML_CHILD_ROW(struct state, availability, "availability", XML_NUMBER, XML_REQUIRED),
	{ 0 },
};
static const struct xml_form state_form = { "state", SIP_NS "state", sizeof(struct state), state_fields };

void sip_state_write(const char *type, bool manual, uint32_t availability, struct buf *out)
{
	/* xsi:type is what the form's table cannot say. */
	buf_printf(out, "<state xmlns=\"%s\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"%s\"%s>"
		"<availability>%u</availability></state>", state_form.ns, type, manual ? " manual=\"true\"" : "", availability);
}

int sip_state_read(const char *content, uint32_t *availability)
{
	struct state state;

	if (!content || xml_form_read(bytes_str(content), &state_form, &state, NULL) < 0)
		return -1;
	*availability = state.availability;
	return 0;
}

struct note {
	char *body;
};
static const struct xml_field note_fields[] = {
	XML_CHILD_ROW(struct note, body, "body", XML_STRING, XML_OPTIONAL),
	{ 0 },
};
static const struct xml_form note_form = { "note", SIP_NS "note", sizeof(struct note), note_fields };

void sip_note_write(const char *text, struct buf *out)
{
	/* The body's attributes are what the form's table cannot say. */
	buf_printf(out, "<note xmlns=\"%s\"><body type=\"personal\" uri=\"\">", note_form.ns);
	xml_escape(text, out);
	buf_text(out, "</body></note>");
}

char *sip_note_read(const char *content)
{
	struct note note;
	char *text = NULL;

	if (!content || xml_form_read(bytes_str(content), &note_form, &note, NULL) < 0)
		return NULL;
	if (note.body && *note.body) {
		text = note.body;
		note.body = NULL;
	}
	xml_form_clear(&note_form, &note);
	return text;
}

void sip_card_write(const char *display_name, const char *email, struct buf *out)
{
	buf_text(out, "<contactCard xmlns=\"" SIP_NS "contactcard\"><identity><name><displayName>");
	xml_escape(display_name, out);
	buf_text(out, "</displayName></name>");
	if (email) {
		buf_text(out, "<email>");
		xml_escape(email, out);
		buf_text(out, "</email>");
	}
	buf_text(out, "</identity></contactCard>");
}
