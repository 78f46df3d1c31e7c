#ifndef BRAMBLE_PROTOCOL_SIP_PRESENCE_H
#define BRAMBLE_PROTOCOL_SIP_PRESENCE_H

#include "protocol/sip/xml_form.h"

/* The bodies of enhanced presence (Office Communications Server 2007): categories published, subscribed to and told; containers and
 * who is in them; subscribers. Read and written by xml_form.h with the forms below.
 * Source: document - MS-PRES; what SIPE sends and needs; certainty per element in docs/protocol/ocs.md. */

#define SIP_TYPE_CATEGORIES "application/msrtc-event-categories+xml"
#define SIP_TYPE_ROAMING_SELF "application/vnd-microsoft-roaming-self+xml"
#define SIP_TYPE_PROVISIONING "application/vnd-microsoft-roaming-provisioning-v2+xml"
#define SIP_TYPE_BATCH "application/msrtc-adrl-categorylist+xml"
#define SIP_TYPE_PUBLISH "application/msrtc-category-publish+xml"
#define SIP_TYPE_SUBSCRIBERS "application/msrtc-presence-setsubscriber+xml"
#define SIP_TYPE_MEMBERS "application/msrtc-setcontainermembers+xml"
#define SIP_TYPE_FAULT "application/msrtc-fault+xml"

/* Availability numbers; what lies between two of them is the idle form of the lower one. Source: code (SIPE). */
enum sip_availability {
	SIP_ONLINE = 3500, SIP_IDLE = 5000, SIP_BUSY = 6500, SIP_BUSY_IDLE = 7500, SIP_DO_NOT_DISTURB = 9500, SIP_BE_RIGHT_BACK = 12500,
	SIP_AWAY = 15500, SIP_OFFLINE = 18500
};

/* Containers that every user has. Source: code (SIPE). */
enum sip_container { SIP_CONTAINER_OF_NOTES = 200, SIP_CONTAINER_PUBLIC = 100, SIP_CONTAINER_TEAM = 300, SIP_CONTAINER_PERSONAL = 400,
	SIP_CONTAINER_BLOCKED = 32000 };

/* One item of presence: of somebody else (instance and publish time) or one's own (container, version, expiry too). */
struct sip_category {
	char *name;                     /* "state", "note", "contactCard", ... */
	uint32_t instance;
	char *publish_time;             /* "2010-05-04T09:12:00.000"; NULL: not told */
	uint32_t container, version;
	char *expire_type;              /* "static", "endpoint", "user", "time"; NULL: not told */
	char *content;                  /* XML; NULL: nothing is published */
};

struct sip_categories {
	char *uri;                      /* whose: "sip:ben@corp.test" */
	struct sip_category *items;
	size_t count;
};
extern const struct xml_form sip_categories_form;           /* as others see them */

struct sip_publication {
	char *category;
	uint32_t instance, container, version, expires;
	char *expire_type;
	char *content;                  /* NULL: it is taken back */
};
struct sip_publications {
	char *uri;
	struct sip_publication *items;
	size_t count;
};
struct sip_publish {
	struct sip_publications *publications;
};
extern const struct xml_form sip_publish_form;

/* Why a publication or a change of containers was not accepted: what the version really is. */
struct sip_fault_operation {
	uint32_t index, version;        /* index: counted from 0; SIPE numbers its publications so */
};
struct sip_fault_details {
	struct sip_fault_operation *operations;
	size_t count;
};
struct sip_fault {
	char *code;
	struct sip_fault_details *details;
};
#define SIP_FAULT_WRONG_DELTA "Client.BadCall.WrongDelta"
extern const struct xml_form sip_fault_form;

struct sip_member {
	char *action;                   /* "add" or "remove"; NULL where members are told */
	char *type;                     /* "user", "domain", "sameEnterprise", "federated", "publicCloud", "everyone" */
	char *value;                    /* of user and domain; NULL otherwise */
};
struct sip_container_members {
	uint32_t id, version;
	struct sip_member *members;
	size_t count;
};
struct sip_containers {
	struct sip_container_members *items;
	size_t count;
};
extern const struct xml_form sip_set_members_form;          /* struct sip_containers */

struct sip_subscriber {
	char *user;                     /* without "sip:" */
	char *display_name;             /* NULL in setSubscribers */
	bool acknowledged;
	char *type;                     /* "sameEnterprise"; NULL in setSubscribers */
};
struct sip_subscribers {
	struct sip_subscriber *items;
	size_t count;
};
extern const struct xml_form sip_set_subscribers_form;      /* struct sip_subscribers */

/* What a user is told of himself. */
struct sip_roaming_data {
	struct sip_categories *categories;
	struct sip_containers *containers;
	struct sip_subscribers *subscribers;
};
extern const struct xml_form sip_roaming_data_form;

/* What of himself a user wants to be told. */
struct sip_roaming_type {
	char *type;                     /* "categories", "containers", "subscribers" */
};
struct sip_roaming_list {
	struct sip_roaming_type *items;
	size_t count;
};
extern const struct xml_form sip_roaming_list_form;

/* A batched subscription. */
struct sip_empty {
	char unused;
};
struct sip_resource {
	char *uri;
	struct sip_empty *context;      /* NULL: not there; else he was just made a contact, and is to be told of it */
};
struct sip_resources {
	struct sip_resource *items;
	size_t count;
};
extern const struct xml_field sip_resources_fields[];        /* for the elements of other names that are such a list */
struct sip_name {
	char *name;
};
struct sip_names {
	struct sip_name *items;
	size_t count;
};
struct sip_batch_action {
	char *name;                     /* "subscribe" or "unsubscribe" */
	char *id;
	struct sip_resources *resources;
	struct sip_names *categories;
};
struct sip_batch {
	char *uri, *name;
	struct sip_batch_action *actions;
	size_t count;
};
extern const struct xml_form sip_batch_form;

/* What a server tells of itself. */
struct sip_provision_group {
	char *name;
	char *focus_factory;            /* where the user makes conferences; NULL: nowhere */
};
struct sip_provision {
	struct sip_provision_group *items;
	size_t count;
};
extern const struct xml_form sip_provision_form;

/* <state ...><availability>N</availability></state>; type is "aggregateState", "userState" or "machineState". */
void sip_state_write(const char *type, bool manual, uint32_t availability, struct buf *out);
/* The availability in a category's content; -1 when there is none. */
int sip_state_read(const char *content, uint32_t *availability);
/* <note><body type="personal">text</body></note>. */
void sip_note_write(const char *text, struct buf *out);
/* The text in a category's content: NULL when there is none. The caller frees it. */
char *sip_note_read(const char *content);
/* <contactCard>: the name, and the address when not NULL. */
void sip_card_write(const char *display_name, const char *email, struct buf *out);

#endif
