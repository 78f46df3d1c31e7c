#ifndef BRAMBLE_PROTOCOL_SIP_ROSTER_H
#define BRAMBLE_PROTOCOL_SIP_ROSTER_H

#include "protocol/sip/acl.h"
#include "protocol/sip/pidf.h"

/* Contacts and groups as the server keeps them for its users: the whole list, changes of it, and the SOAP commands: those that change it
 * or search the directory, and those of acl.h and pidf.h. Every change raises deltaNum; a command names the one it knows.
 * Source: document - MS-SIP; code - SIPE; docs/protocol/ocs.md. */

#define SIP_TYPE_CONTACTS "application/vnd-microsoft-roaming-contacts+xml"
#define SIP_TYPE_SOAP "application/SOAP+xml"
#define SIP_CONTACTS_MAX 1000
#define SIP_GROUPS_MAX 64

struct sip_group {
	uint32_t id;
	char *name;                     /* "~": that of contacts without a group */
	char *external_uri;
};
struct sip_contact {
	char *uri;                      /* without "sip:" */
	char *name;                     /* "": the contact's own is shown */
	char *groups;                   /* ids with a space between them, and none behind (SIPE would make a group of it) */
	bool subscribed;
	char *external_uri;
	char *tag;                      /* "true": a client is to alert its user when he comes; NULL: not said. Ours */
};
struct sip_contact_list {
	uint32_t delta;
	struct sip_group *groups;
	size_t group_count;
	struct sip_contact *contacts;
	size_t contact_count;
};
extern const struct xml_form sip_contact_list_form;

struct sip_gone_group {
	uint32_t id;
};
struct sip_gone_contact {
	char *uri;
};
struct sip_contact_delta {
	uint32_t delta, previous;
	struct sip_group *added_groups, *modified_groups;
	size_t added_group_count, modified_group_count;
	struct sip_gone_group *deleted_groups;
	size_t deleted_group_count;
	struct sip_contact *added, *modified;
	size_t added_count, modified_count;
	struct sip_gone_contact *deleted;
	size_t deleted_count;
};
extern const struct xml_form sip_contact_delta_form;

/* --- SOAP ------------------------------------------------------------------------------------------------------------------------- */

struct sip_set_contact {
	char *display_name, *groups;
	bool subscribed;
	char *uri, *external_uri;
	uint32_t delta;
	char *tag;                      /* NULL: stays as it is */
};
struct sip_delete_contact {
	char *uri;
	uint32_t delta;
};
struct sip_add_group {
	char *name, *external_uri;      /* request */
	uint32_t delta;
	uint32_t id;                    /* answer */
};
struct sip_modify_group {
	uint32_t id;
	char *name, *external_uri;
	uint32_t delta;
};
struct sip_delete_group {
	uint32_t id, delta;
};
struct sip_search {
	uint32_t max_results;           /* request */
	bool more_available;            /* answer */
};
struct sip_search_row {
	char *attrib, *value;           /* request: "displayName", "givenName", "givenEmail", "sn", "mail", ... */
	char *uri, *display_name, *title, *office, *phone, *company, *city, *state, *country, *email;   /* answer */
};
struct sip_search_array {
	char *id;                       /* "searchArray" */
	struct sip_search_row *rows;
	size_t count;
};

/* One of the members is there; for a search, search and array. */
struct sip_soap_body {
	struct sip_set_contact *set_contact;
	struct sip_delete_contact *delete_contact;
	struct sip_add_group *add_group;
	struct sip_modify_group *modify_group;
	struct sip_delete_group *delete_group;
	struct sip_set_ace *set_ace;
	struct sip_set_presence *set_presence;
	struct sip_get_presence *get_presence;
	struct sip_search *search;
	struct sip_search_array *array;
};
struct sip_soap {
	struct sip_soap_body *body;
};
extern const struct xml_form sip_soap_form;

#endif
