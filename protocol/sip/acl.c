#include "protocol/sip/acl.h"

#include <stddef.h>
#include <string.h>

static const struct xml_field ace_fields[] = {
	XML_ATTR_ROW(struct sip_ace, type, "type", XML_STRING, XML_REQUIRED),
	XML_ATTR_ROW(struct sip_ace, mask, "mask", XML_STRING, XML_ALWAYS),
	XML_ATTR_ROW(struct sip_ace, rights, "rights", XML_STRING, XML_OPTIONAL),
	{ 0 },
};
static const struct xml_form ace_form = { "ace", NULL, sizeof(struct sip_ace), ace_fields };
static const struct xml_field aces_fields[] = {
	XML_MANY_ROW(struct sip_aces, items, count, ace_form, SIP_ACES_MAX),
	{ 0 },
};
static const struct xml_form aces_form = { "userACL", NULL, sizeof(struct sip_aces), aces_fields };
static const struct xml_field acl_fields[] = {
	XML_ATTR_ROW(struct sip_acl, delta, "deltaNum", XML_NUMBER, XML_REQUIRED),
	XML_ONE_ROW(struct sip_acl, aces, aces_form, XML_OPTIONAL),
	{ 0 },
};
const struct xml_form sip_acl_form = { "ACLlist", NULL, sizeof(struct sip_acl), acl_fields };

static const struct xml_field set_ace_fields[] = {
	XML_CHILD_ROW(struct sip_set_ace, type, "type", XML_STRING, XML_REQUIRED),
	XML_CHILD_ROW(struct sip_set_ace, mask, "mask", XML_STRING, XML_OPTIONAL),
	XML_CHILD_ROW(struct sip_set_ace, rights, "rights", XML_STRING, XML_REQUIRED),
	XML_CHILD_ROW(struct sip_set_ace, delta, "deltaNum", XML_NUMBER, XML_REQUIRED),
	{ 0 },
};
const struct xml_form sip_set_ace_form = { "setACE", "http://schemas.microsoft.com/winrtc/2002/11/sip", sizeof(struct sip_set_ace),
	set_ace_fields };

bool sip_rights_are_good(const char *rights)
{
	return strlen(rights) == 2 && strchr("APDB", rights[0]) && strchr("AD", rights[1]);
}

static const struct xml_field watcher_fields[] = {
	XML_ATTR_ROW(struct sip_watcher, uri, "uri", XML_STRING, XML_REQUIRED),
	XML_ATTR_ROW(struct sip_watcher, display_name, "displayName", XML_STRING, XML_OPTIONAL),
	{ 0 },
};
static const struct xml_form watcher_form = { "watcher", NULL, sizeof(struct sip_watcher), watcher_fields };
static const struct xml_field watchers_fields[] = {
	XML_MANY_ROW(struct sip_watchers, items, count, watcher_form, 1000),
	{ 0 },
};
const struct xml_form sip_watchers_form = { "watchers", NULL, sizeof(struct sip_watchers), watchers_fields };
