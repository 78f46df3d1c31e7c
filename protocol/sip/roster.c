#include "protocol/sip/roster.h"

#include <stddef.h>

#define SOAP_NS "http://schemas.microsoft.com/winrtc/2002/11/sip"

/* Contacts and groups look the same under three names each. */
static const struct xml_field group_fields[] = {
	XML_ATTR_ROW(struct sip_group, id, "id", XML_NUMBER, XML_REQUIRED),
	XML_ATTR_ROW(struct sip_group, name, "name", XML_STRING, XML_ALWAYS),
	XML_ATTR_ROW(struct sip_group, external_uri, "externalURI", XML_STRING, XML_ALWAYS),
	{ 0 },
};
static const struct xml_form group_form = { "group", NULL, sizeof(struct sip_group), group_fields };
static const struct xml_form added_group_form = { "addedGroup", NULL, sizeof(struct sip_group), group_fields };
static const struct xml_form modified_group_form = { "modifiedGroup", NULL, sizeof(struct sip_group), group_fields };

static const struct xml_field contact_fields[] = {
	XML_ATTR_ROW(struct sip_contact, uri, "uri", XML_STRING, XML_REQUIRED),
	XML_ATTR_ROW(struct sip_contact, name, "name", XML_STRING, XML_ALWAYS),
	XML_ATTR_ROW(struct sip_contact, groups, "groups", XML_STRING, XML_ALWAYS),
	XML_ATTR_ROW(struct sip_contact, subscribed, "subscribed", XML_FLAG, XML_ALWAYS),
	XML_ATTR_ROW(struct sip_contact, external_uri, "externalURI", XML_STRING, XML_ALWAYS),
	XML_ATTR_ROW(struct sip_contact, tag, "tag", XML_STRING, XML_OPTIONAL),
	{ 0 },
};
static const struct xml_form contact_form = { "contact", NULL, sizeof(struct sip_contact), contact_fields };
static const struct xml_form added_contact_form = { "addedContact", NULL, sizeof(struct sip_contact), contact_fields };
static const struct xml_form modified_contact_form = { "modifiedContact", NULL, sizeof(struct sip_contact), contact_fields };

static const struct xml_field contact_list_fields[] = {
	XML_ATTR_ROW(struct sip_contact_list, delta, "deltaNum", XML_NUMBER, XML_REQUIRED),
	XML_MANY_ROW(struct sip_contact_list, groups, group_count, group_form, SIP_GROUPS_MAX),
	XML_MANY_ROW(struct sip_contact_list, contacts, contact_count, contact_form, SIP_CONTACTS_MAX),
	{ 0 },
};
const struct xml_form sip_contact_list_form = { "contactList", NULL, sizeof(struct sip_contact_list), contact_list_fields };

static const struct xml_field gone_group_fields[] = {
	XML_ATTR_ROW(struct sip_gone_group, id, "id", XML_NUMBER, XML_REQUIRED),
	{ 0 },
};
static const struct xml_form gone_group_form = { "deletedGroup", NULL, sizeof(struct sip_gone_group), gone_group_fields };
static const struct xml_field gone_contact_fields[] = {
	XML_ATTR_ROW(struct sip_gone_contact, uri, "uri", XML_STRING, XML_REQUIRED),
	{ 0 },
};
static const struct xml_form gone_contact_form = { "deletedContact", NULL, sizeof(struct sip_gone_contact), gone_contact_fields };

static const struct xml_field contact_delta_fields[] = {
	XML_ATTR_ROW(struct sip_contact_delta, delta, "deltaNum", XML_NUMBER, XML_REQUIRED),
	XML_ATTR_ROW(struct sip_contact_delta, previous, "prevDeltaNum", XML_NUMBER, XML_ALWAYS),
	XML_MANY_ROW(struct sip_contact_delta, added_groups, added_group_count, added_group_form, SIP_GROUPS_MAX),
	XML_MANY_ROW(struct sip_contact_delta, modified_groups, modified_group_count, modified_group_form, SIP_GROUPS_MAX),
	XML_MANY_ROW(struct sip_contact_delta, deleted_groups, deleted_group_count, gone_group_form, SIP_GROUPS_MAX),
	XML_MANY_ROW(struct sip_contact_delta, added, added_count, added_contact_form, SIP_CONTACTS_MAX),
	XML_MANY_ROW(struct sip_contact_delta, modified, modified_count, modified_contact_form, SIP_CONTACTS_MAX),
	XML_MANY_ROW(struct sip_contact_delta, deleted, deleted_count, gone_contact_form, SIP_CONTACTS_MAX),
	{ 0 },
};
const struct xml_form sip_contact_delta_form = { "contactDelta", NULL, sizeof(struct sip_contact_delta), contact_delta_fields };

/* --- SOAP ------------------------------------------------------------------------------------------------------------------------- */

static const struct xml_field set_contact_fields[] = {
	XML_CHILD_ROW(struct sip_set_contact, display_name, "displayName", XML_STRING, XML_ALWAYS),
	XML_CHILD_ROW(struct sip_set_contact, groups, "groups", XML_STRING, XML_ALWAYS),
	XML_CHILD_ROW(struct sip_set_contact, subscribed, "subscribed", XML_FLAG, XML_ALWAYS),
	XML_CHILD_ROW(struct sip_set_contact, uri, "URI", XML_STRING, XML_REQUIRED),
	XML_CHILD_ROW(struct sip_set_contact, external_uri, "externalURI", XML_STRING, XML_ALWAYS),
	XML_CHILD_ROW(struct sip_set_contact, tag, "tag", XML_STRING, XML_OPTIONAL),
	XML_CHILD_ROW(struct sip_set_contact, delta, "deltaNum", XML_NUMBER, XML_REQUIRED),
	{ 0 },
};
static const struct xml_form set_contact_form = { "setContact", SOAP_NS, sizeof(struct sip_set_contact), set_contact_fields };
static const struct xml_field delete_contact_fields[] = {
	XML_CHILD_ROW(struct sip_delete_contact, uri, "URI", XML_STRING, XML_REQUIRED),
	XML_CHILD_ROW(struct sip_delete_contact, delta, "deltaNum", XML_NUMBER, XML_REQUIRED),
	{ 0 },
};
static const struct xml_form delete_contact_form = { "deleteContact", SOAP_NS, sizeof(struct sip_delete_contact),
	delete_contact_fields };
static const struct xml_field add_group_fields[] = {
	XML_CHILD_ROW(struct sip_add_group, name, "name", XML_STRING, XML_OPTIONAL),
	XML_CHILD_ROW(struct sip_add_group, external_uri, "externalURI", XML_STRING, XML_OPTIONAL),
	XML_CHILD_ROW(struct sip_add_group, delta, "deltaNum", XML_NUMBER, XML_OPTIONAL),
	XML_CHILD_ROW(struct sip_add_group, id, "groupID", XML_NUMBER, XML_OPTIONAL),
	{ 0 },
};
static const struct xml_form add_group_form = { "addGroup", SOAP_NS, sizeof(struct sip_add_group), add_group_fields };
static const struct xml_field modify_group_fields[] = {
	XML_CHILD_ROW(struct sip_modify_group, id, "groupID", XML_NUMBER, XML_REQUIRED),
	XML_CHILD_ROW(struct sip_modify_group, name, "name", XML_STRING, XML_REQUIRED),
	XML_CHILD_ROW(struct sip_modify_group, external_uri, "externalURI", XML_STRING, XML_ALWAYS),
	XML_CHILD_ROW(struct sip_modify_group, delta, "deltaNum", XML_NUMBER, XML_REQUIRED),
	{ 0 },
};
static const struct xml_form modify_group_form = { "modifyGroup", SOAP_NS, sizeof(struct sip_modify_group), modify_group_fields };
static const struct xml_field delete_group_fields[] = {
	XML_CHILD_ROW(struct sip_delete_group, id, "groupID", XML_NUMBER, XML_REQUIRED),
	XML_CHILD_ROW(struct sip_delete_group, delta, "deltaNum", XML_NUMBER, XML_REQUIRED),
	{ 0 },
};
static const struct xml_form delete_group_form = { "deleteGroup", SOAP_NS, sizeof(struct sip_delete_group), delete_group_fields };
static const struct xml_field search_fields[] = {
	XML_CHILD_ROW(struct sip_search, max_results, "maxResults", XML_NUMBER, XML_OPTIONAL),
	XML_CHILD_ROW(struct sip_search, more_available, "moreAvailable", XML_FLAG, XML_OPTIONAL),
	{ 0 },
};
static const struct xml_form search_form = { "directorySearch", SOAP_NS, sizeof(struct sip_search), search_fields };
#define ROW(member, named) XML_ATTR_ROW(struct sip_search_row, member, named, XML_STRING, XML_OPTIONAL)
static const struct xml_field row_fields[] = {
	ROW(attrib, "attrib"), ROW(value, "value"), ROW(uri, "uri"), ROW(display_name, "displayName"), ROW(title, "title"),
	ROW(office, "office"), ROW(phone, "phone"), ROW(company, "company"), ROW(city, "city"), ROW(state, "state"),
	ROW(country, "country"), ROW(email, "email"),
	{ 0 },
};
static const struct xml_form row_form = { "row", NULL, sizeof(struct sip_search_row), row_fields };
static const struct xml_field array_fields[] = {
	XML_ATTR_ROW(struct sip_search_array, id, "id", XML_STRING, XML_OPTIONAL),
	XML_MANY_ROW(struct sip_search_array, rows, count, row_form, 1000),
	{ 0 },
};
static const struct xml_form array_form = { "Array", SOAP_NS, sizeof(struct sip_search_array), array_fields };

static const struct xml_field body_fields[] = {
	XML_ONE_ROW(struct sip_soap_body, set_contact, set_contact_form, XML_OPTIONAL),
	XML_ONE_ROW(struct sip_soap_body, delete_contact, delete_contact_form, XML_OPTIONAL),
	XML_ONE_ROW(struct sip_soap_body, add_group, add_group_form, XML_OPTIONAL),
	XML_ONE_ROW(struct sip_soap_body, modify_group, modify_group_form, XML_OPTIONAL),
	XML_ONE_ROW(struct sip_soap_body, delete_group, delete_group_form, XML_OPTIONAL),
	XML_ONE_ROW(struct sip_soap_body, set_ace, sip_set_ace_form, XML_OPTIONAL),
	XML_ONE_ROW(struct sip_soap_body, set_presence, sip_set_presence_form, XML_OPTIONAL),
	XML_ONE_ROW(struct sip_soap_body, get_presence, sip_get_presence_form, XML_OPTIONAL),
	XML_ONE_ROW(struct sip_soap_body, search, search_form, XML_OPTIONAL),
	XML_ONE_ROW(struct sip_soap_body, array, array_form, XML_OPTIONAL),
	{ 0 },
};
static const struct xml_form body_form = { "Body", NULL, sizeof(struct sip_soap_body), body_fields };
static const struct xml_field soap_fields[] = {
	XML_ONE_ROW(struct sip_soap, body, body_form, XML_REQUIRED),
	{ 0 },
};
const struct xml_form sip_soap_form = { "Envelope", "http://schemas.xmlsoap.org/soap/envelope/", sizeof(struct sip_soap), soap_fields };
