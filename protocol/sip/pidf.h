#ifndef BRAMBLE_PROTOCOL_SIP_PIDF_H
#define BRAMBLE_PROTOCOL_SIP_PIDF_H

#include "protocol/sip/presence.h"

/* The bodies of presence as Live Communications Server 2005 has it: one document for all there is to say of a user, subscriptions to
 * lists of users, and the parts in which the documents of several of them come. Read and written by xml_form.h with the forms below.
 * Source: document - MS-SIP 2.2.1, 3.2, 3.3 and its appendix A; code - SIPE; certainty per element in docs/protocol/ocs.md. */

#define SIP_TYPE_PIDF "text/xml+msrtc.pidf"             /* struct sip_presentity */
#define SIP_TYPE_PLAIN_PIDF "application/pidf+xml"      /* RFC 3863: struct sip_pidf */
#define SIP_TYPE_ADHOC_LIST "application/adrl+xml"      /* struct sip_adhoc_list */
#define SIP_TYPE_RESOURCE_LIST "application/rlmi+xml"   /* struct sip_resource_list, the first of several parts */
#define SIP_TYPE_PROVISIONING_V1 "application/vnd-microsoft-roaming-provisioning+xml"

#define SIP_USER_INFO_MAX 1024                          /* bytes of what stands in userInfo (document) */
#define SIP_DEVICE_OTHERS_MAX 8192                      /* bytes of a device's other elements (ours) */
#define SIP_AGGREGATE_MAX 999

/* Whether a user can be reached, and how likely he wants to be: hundreds are classes, the higher the more. Source: document. */
enum sip_reach { SIP_REACH_NONE = 0, SIP_REACH_MAYBE = 100, SIP_REACH_DEVICE = 200, SIP_REACH_NEAR = 300 };
enum sip_activity { SIP_ACTIVITY_UNKNOWN = 0, SIP_ACTIVITY_AWAY = 100, SIP_ACTIVITY_LUNCH = 150, SIP_ACTIVITY_IDLE = 200,
	SIP_ACTIVITY_BACK_SOON = 300, SIP_ACTIVITY_ACTIVE = 400, SIP_ACTIVITY_TALKING = 500, SIP_ACTIVITY_BUSY = 600,
	SIP_ACTIVITY_AWAY_AGAIN = 700, SIP_ACTIVITY_ACTIVE_AGAIN = 800 };

/* <availability> or <activity>. */
struct sip_aggregate {
	uint32_t aggregate;             /* enum sip_reach or enum sip_activity; at most 999 */
	char *description;              /* "online"; what the server aggregates has "" */
	char *epid;                     /* of the device that has it; NULL: not told */
	char *note;                     /* activity alone; NULL: none */
};
struct sip_display_name {
	char *name;
};
struct sip_email {
	char *address;
};
struct sip_phone_number {
	char *label, *number;
};

/* What a user says of himself on whatever device. Any XML may stand in it; what clients are known to put there has a member. */
struct sip_user_state {
	uint32_t availability;          /* enum sip_availability, as in the newer dialect */
	char *since;                    /* "2010-05-04T09:12:00Z"; NULL: not told */
	char *valid_with, *device_id;   /* "any-device"; NULL: not told */
	char *set;                      /* "manual"; NULL: not told */
	char *nil;                      /* "true": there is none; NULL: not told */
	char *type;                     /* "userState" */
	char *activity;                 /* its text: "do-not-disturb" */
};
struct sip_user_states {
	struct sip_user_state *items;
	size_t count;
};
struct sip_user_info {
	char *note;                     /* NULL: none */
	struct sip_user_states *states; /* NULL: none */
	char *others;                   /* XML; NULL: nothing else */
};

/* What one device published, as watchers get it. */
struct sip_device {
	char *epid;
	uint32_t age_s;                 /* since it was published */
	struct sip_aggregate *availability, *activity;
	char *others;                   /* XML; NULL: nothing else */
};
extern const struct xml_form sip_device_form;
struct sip_devices {
	struct sip_device *items;
	size_t count;
};

/* A presence document: of one device when it is published, of a user when it is told. */
struct sip_presentity {
	char *uri;                      /* without "sip:" when it is told, with it when it is published */
	struct sip_aggregate *availability, *activity;
	struct sip_display_name *display_name;      /* these three are told alone; NULL: not told */
	struct sip_email *email;
	struct sip_phone_number *phone;
	struct sip_user_info *user_info;            /* NULL: not there */
	struct sip_devices *devices;                /* told alone; NULL: none */
	char *others;                   /* XML; published alone: what goes to watchers as part of the device. NULL: nothing else */
};
extern const struct xml_form sip_presentity_form;           /* as it is told */

/* SOAP commands; they stand in struct sip_soap_body of roster.h. */
struct sip_set_presence {
	struct sip_presentity *presentity;
};
struct sip_asked_presentity {
	char *uri;
};
struct sip_get_presence {
	struct sip_asked_presentity *presentity;
};
extern const struct xml_form sip_set_presence_form, sip_get_presence_form;

/* The least a presence document says, for clients of the standard alone. */
struct sip_pidf_activities {
	char *activity;                 /* "busy", "away"; NULL: neither. Where it stands: code (SIPE) */
};
struct sip_pidf_status {
	char *basic;                    /* "open" or "closed" */
	struct sip_pidf_activities *activities;
};
struct sip_pidf_tuple {
	char *id;
	struct sip_pidf_status *status;
};
struct sip_pidf {
	char *entity;                   /* "sip:ben@corp.test" */
	struct sip_pidf_tuple *tuple;
	char *note;                     /* NULL: none */
};
extern const struct xml_form sip_pidf_form;

/* --- lists ------------------------------------------------------------------------------------------------------------------------ */

/* A subscription to several users: one of the three is there. */
struct sip_adhoc_list {
	char *uri, *name;
	struct sip_resources *create, *add, *remove;
};
extern const struct xml_form sip_adhoc_list_form;

struct sip_instance {
	char *id;                       /* "0" */
	char *state;                    /* "active" */
	char *cid;                      /* Content-ID of the part with the document */
};
struct sip_listed {
	char *uri;
	struct sip_instance *instance;
};
struct sip_resource_list {
	char *uri;                      /* whose subscription it is */
	uint32_t version;               /* from 0, one more each time */
	bool full;                      /* everybody of the subscription is in it */
	struct sip_listed *items;
	size_t count;
};
extern const struct xml_form sip_resource_list_form;

/* --- provisioning ------------------------------------------------------------------------------------------------------------------ */

struct sip_provisioned_line {
	char *uri, *server;
};
struct sip_provisioned_user {
	char *uri;
	struct sip_provisioned_line *line;          /* his telephone; NULL: none */
};
struct sip_provision_v1 {
	struct sip_provisioned_user *user;
};
extern const struct xml_form sip_provision_v1_form;

/* --- numbers of both dialects ------------------------------------------------------------------------------------------------------- */

/* Availability (enum sip_availability) of somebody by the numbers of the older dialect, and those numbers by it.
 * Source: document for the classes; code (SIPE) and inferred for what corresponds to what. */
uint32_t sip_availability_of(uint32_t reach, uint32_t activity);
void sip_availability_split(uint32_t availability, uint32_t *reach, uint32_t *activity);
/* "online", "busy", "do-not-disturb", ...: the word that goes with the number in a user's state. Source: code (SIPE). */
const char *sip_availability_word(uint32_t availability);

#endif
