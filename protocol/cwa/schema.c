#include "protocol/cwa/schema.h"

#include <stddef.h>

/* --- how rows are written ---------------------------------------------------------------------------------------------------- */

#define ATTRIBUTES(...) (const struct cwa_attribute[]){ __VA_ARGS__, { NULL, false } }
#define MAY(name) { name, false }
#define MUST(name) { name, true }
#define CHILDREN(...) (const struct cwa_child[]){ __VA_ARGS__, { NULL, false, false } }
#define ONE(element) { &(element), false, false }
#define NEEDED(element) { &(element), true, false }
#define MANY(element) { &(element), false, true }
#define SOME(element) { &(element), true, true }

#define ELEMENT(variable, ...) static const struct cwa_element variable = { __VA_ARGS__ }
#define EMPTY(variable, xml_name) ELEMENT(variable, .name = (xml_name), .content = CWA_EMPTY)
#define TEXT(variable, xml_name) ELEMENT(variable, .name = (xml_name), .content = CWA_TEXT)
#define RAW(variable, xml_name) ELEMENT(variable, .name = (xml_name), .content = CWA_RAW_TEXT)
#define METHOD(variable, xml_name, ...) \
	ELEMENT(variable, .name = (xml_name), .content = CWA_CHILDREN, .attributes = ATTRIBUTES(MUST("rid")), .children = CHILDREN(__VA_ARGS__))
#define EVENT(variable, xml_name, kind, attributes_, ...) \
	ELEMENT(variable, .name = (xml_name), .content = (kind), .attributes = (attributes_), .children = CHILDREN(__VA_ARGS__))

/* --- what several share -------------------------------------------------------------------------------------------------------- */

TEXT(uri, "uri");
ELEMENT(uris, .name = "uris", .content = CWA_LIST, .children = CHILDREN(SOME(uri)));
TEXT(format, "format");
RAW(content, "content");
ELEMENT(message, .name = "message", .content = CWA_CHILDREN, .children = CHILDREN(ONE(format), NEEDED(content)));
TEXT(subject, "subject");
TEXT(sign_in_data, "signInData");

ELEMENT(contact, .name = "contact", .content = CWA_EMPTY, .attributes = ATTRIBUTES(MUST("uri"), MUST("name"), MAY("subscribed"), MUST("tag"),
	MAY("groups"), MAY("action")));
ELEMENT(group, .name = "group", .content = CWA_EMPTY, .attributes = ATTRIBUTES(MAY("id"), MAY("name"), MAY("externalUri"), MAY("action")));
ELEMENT(category, .name = "cwaCategory", .content = CWA_FOREIGN, .attributes = ATTRIBUTES(MUST("name"), MAY("instance"), MAY("instanceMask"),
	MAY("version"), MAY("publishTime"), MAY("effectiveAt"), MAY("expires")));

ELEMENT(sip_response, .name = "sipResponse", .content = CWA_EMPTY, .attributes = ATTRIBUTES(MAY("code"), MAY("reason"), MAY("warning"),
	MAY("description")));
TEXT(stack_trace, "stackTrace");
ELEMENT(error, .name = "error", .content = CWA_CHILDREN, .attributes = ATTRIBUTES(MUST("code"), MAY("subCode"), MAY("reason"), MAY("detail"),
	MAY("warning"), MAY("description")), .children = CHILDREN(ONE(sip_response), ONE(stack_trace)));

EVENT(succeeded, "requestSucceeded", CWA_CHILDREN, ATTRIBUTES(MAY("rid"), MAY("eid")), ONE(uri), ONE(sign_in_data));
EVENT(failed, "requestFailed", CWA_CHILDREN, ATTRIBUTES(MAY("rid"), MAY("eid")), ONE(error));
EVENT(invalid, "requestInvalid", CWA_CHILDREN, ATTRIBUTES(MAY("rid"), MAY("eid")), ONE(error));
ELEMENT(im_accepted, .name = "initiateImSessionAccepted", .content = CWA_EMPTY, .attributes = ATTRIBUTES(MAY("rid"), MAY("confId")));

/* --- requests -------------------------------------------------------------------------------------------------------------------- */

TEXT(logon_user, "user");
ELEMENT(password, .name = "password", .content = CWA_RAW_TEXT, .secret = true);
ELEMENT(logon, .name = "logon", .content = CWA_CHILDREN, .attributes = ATTRIBUTES(MAY("rid")),
	.children = CHILDREN(ONE(logon_user), ONE(password), ONE(uri)));

TEXT(locale, "localeId");
TEXT(security_mode, "securityMode");
TEXT(availability, "userStateAvailability");
ELEMENT(options, .name = "options", .content = CWA_EMPTY, .attributes = ATTRIBUTES(MAY("autoPublishMachineState"), MAY("debug")));
EMPTY(event_filter, "categoryEventFilter");
METHOD(initiate_session, "initiateSession", MANY(locale), ONE(security_mode), ONE(availability), ONE(options), ONE(event_filter),
	ONE(sign_in_data));
ELEMENT(terminate_session, .name = "terminateSession", .content = CWA_EMPTY, .attributes = ATTRIBUTES(MUST("rid")));

METHOD(add_contact, "addContact", SOME(contact));
METHOD(update_contact, "updateContact", SOME(contact));
METHOD(delete_contact, "deleteContact", NEEDED(uri));
METHOD(add_group, "addGroup", SOME(group));
METHOD(update_group, "updateGroup", SOME(group));
METHOD(delete_group, "deleteGroup", SOME(group));
METHOD(acknowledge, "acknowledgeSubscriber", ONE(uri), ONE(uris));

ELEMENT(add_member, .name = "addMember", .content = CWA_EMPTY, .attributes = ATTRIBUTES(MUST("type"), MAY("value")));
ELEMENT(delete_member, .name = "deleteMember", .content = CWA_EMPTY, .attributes = ATTRIBUTES(MUST("type"), MAY("value")));
/* Another name for it: read, never sent. */
ELEMENT(remove_member, .name = "removeMember", .content = CWA_EMPTY, .attributes = ATTRIBUTES(MUST("type"), MAY("value")));
ELEMENT(changed_container, .name = "container", .content = CWA_CHILDREN, .attributes = ATTRIBUTES(MUST("id")),
	.children = CHILDREN(MANY(add_member), MANY(delete_member), MANY(remove_member)));
METHOD(update_container, "updateContainer", SOME(changed_container));

METHOD(publish, "publishSelfPresence", SOME(category));
ELEMENT(raw_category, .name = "rawCategory", .content = CWA_FOREIGN, .attributes = ATTRIBUTES(MUST("Name"), MAY("nameSpace"), MAY("instanceMask"),
	MAY("Version"), MAY("Container"), MAY("publishTime"), MAY("endpointId"), MAY("expireType"), MAY("Expires")));
METHOD(publish_raw, "publishRawCategories", SOME(raw_category));
METHOD(query_presence, "queryPresence", NEEDED(uris));
METHOD(subscribe_presence, "subscribePresence", NEEDED(uris));

TEXT(first_name, "firstName");
TEXT(last_name, "lastName");
TEXT(display_name, "displayName");
TEXT(email_alias, "emailAlias");
TEXT(function, "function");
METHOD(search, "search", ONE(first_name), ONE(last_name), ONE(display_name), ONE(email_alias), ONE(function));

ELEMENT(initiate_im, .name = "initiateImSession", .content = CWA_CHILDREN,
	.children = CHILDREN(NEEDED(uris), ONE(message), ONE(subject), ONE(format)));
EMPTY(accept_im, "acceptImSession");
EMPTY(terminate_im, "terminateImSession");
ELEMENT(send_message, .name = "sendMessage", .content = CWA_CHILDREN, .children = CHILDREN(ONE(format), NEEDED(content)));
TEXT(notify_composing, "notifyComposing");
ELEMENT(invite_participants, .name = "inviteParticipants", .content = CWA_CHILDREN, .children = CHILDREN(NEEDED(uris)));
TEXT(eject_participant, "ejectParticipant");
TEXT(promote_participant, "promoteParticipant");
TEXT(lock, "lock");
TEXT(content_type, "contentType");
ELEMENT(send_info, .name = "sendInfo", .content = CWA_CHILDREN, .children = CHILDREN(ONE(content_type), NEEDED(content)));
ELEMENT(conference_request, .name = "conference", .content = CWA_CHILDREN, .attributes = ATTRIBUTES(MUST("rid"), MUST("confId")),
	.children = CHILDREN(ONE(initiate_im), ONE(accept_im), ONE(terminate_im), ONE(send_message), ONE(notify_composing),
		ONE(invite_participants), ONE(eject_participant), ONE(promote_participant), ONE(lock), ONE(send_info)));

const struct cwa_element cwa_requests = { .name = "cwaRequests", .content = CWA_ITEMS, .attributes = ATTRIBUTES(MAY("sid")),
	.children = CHILDREN(MANY(logon), MANY(initiate_session), MANY(terminate_session), MANY(add_contact), MANY(update_contact),
		MANY(delete_contact), MANY(add_group), MANY(update_group), MANY(delete_group), MANY(acknowledge), MANY(update_container),
		MANY(publish), MANY(publish_raw), MANY(query_presence), MANY(subscribe_presence), MANY(search), MANY(conference_request)) };

/* --- responses ------------------------------------------------------------------------------------------------------------------- */

TEXT(sid, "sid");
TEXT(poll_wait_time, "pollWaitTime");
ELEMENT(accepted, .name = "requestAccepted", .content = CWA_CHILDREN, .attributes = ATTRIBUTES(MAY("rid")),
	.children = CHILDREN(ONE(sid), ONE(uri), ONE(poll_wait_time)));
/* An older form of the answer to initiateSession, which some pages show: read, never sent. */
ELEMENT(session_accepted, .name = "initiateSessionAccepted", .content = CWA_EMPTY,
	.attributes = ATTRIBUTES(MAY("rid"), MAY("sid"), MAY("uri"), MAY("pollWaitTime")));

const struct cwa_element cwa_responses = { .name = "cwaResponses", .content = CWA_ITEMS,
	.attributes = ATTRIBUTES(MAY("requestProcessed"), MAY("unexpectedElement")),
	.children = CHILDREN(MANY(accepted), MANY(succeeded), MANY(failed), MANY(invalid), MANY(im_accepted), MANY(session_accepted),
		MANY(error)) };

/* --- events ---------------------------------------------------------------------------------------------------------------------- */

EVENT(contact_group, "contactGroup", CWA_CHILDREN, ATTRIBUTES(MUST("eid"), MAY("fullList"), MAY("deltaNum")), MANY(group), MANY(contact));
EVENT(self_presence, "selfPresence", CWA_CHILDREN, ATTRIBUTES(MUST("eid")), MANY(category));
ELEMENT(presence_user, .name = "user", .content = CWA_CHILDREN, .attributes = ATTRIBUTES(MUST("uri"), MAY("sourceNetwork")),
	.children = CHILDREN(MANY(category)));
EVENT(user_presence, "userPresence", CWA_CHILDREN, ATTRIBUTES(MUST("eid")), MANY(presence_user));
ELEMENT(subscriber, .name = "subscriber", .content = CWA_EMPTY, .attributes = ATTRIBUTES(MUST("uri"), MAY("displayName"), MAY("sourceNetwork"),
	MAY("acknowledged")));
EVENT(subscribers, "subscribers", CWA_CHILDREN, ATTRIBUTES(MUST("eid")), MANY(subscriber));
ELEMENT(member, .name = "member", .content = CWA_EMPTY, .attributes = ATTRIBUTES(MUST("type"), MAY("value")));
ELEMENT(container, .name = "container", .content = CWA_CHILDREN, .attributes = ATTRIBUTES(MUST("id")), .children = CHILDREN(MANY(member)));
EVENT(containers, "containers", CWA_CHILDREN, ATTRIBUTES(MUST("eid")), MANY(container));
ELEMENT(found_user, .name = "user", .content = CWA_EMPTY, .attributes = ATTRIBUTES(MUST("uri"), MAY("displayName"), MAY("title"), MAY("office"),
	MAY("phone"), MAY("homePhone"), MAY("cellPhone"), MAY("otherPhone"), MAY("company"), MAY("city"), MAY("state"), MAY("country"),
	MAY("email")));
EVENT(search_result, "searchResult", CWA_CHILDREN, ATTRIBUTES(MUST("eid"), MAY("rid"), MAY("returned"), MAY("moreAvailable")), MANY(found_user));

TEXT(enable_appear_offline, "enableAppearOffline");
ELEMENT(search_defaults, .name = "search", .content = CWA_EMPTY, .attributes = ATTRIBUTES(MAY("defaultFunction"), MAY("defaultFields")));
ELEMENT(composing_timers, .name = "imComposingTimers", .content = CWA_EMPTY, .attributes = ATTRIBUTES(MAY("refreshInterval"), MAY("timeout")));
TEXT(logoff_url, "customAuthLogoffUrl");
TEXT(user_notice, "userNotice");
EVENT(configuration, "configuration", CWA_CHILDREN, ATTRIBUTES(MUST("eid")), ONE(search_defaults), ONE(enable_appear_offline),
	ONE(composing_timers), ONE(logoff_url), ONE(user_notice));

TEXT(conf_uri, "confUri");
ELEMENT(inviter, .name = "inviter", .content = CWA_EMPTY, .attributes = ATTRIBUTES(MUST("uri"), MAY("name"), MAY("sourceNetwork")));
TEXT(role, "role");
TEXT(escalation_mode, "escalationMode");
ELEMENT(im_received, .name = "imSessionReceived", .content = CWA_CHILDREN, .children = CHILDREN(NEEDED(inviter), ONE(role),
	ONE(escalation_mode), ONE(subject), ONE(message)));
TEXT(im_state, "imSessionState");
ELEMENT(message_received, .name = "messageReceived", .content = CWA_CHILDREN, .attributes = ATTRIBUTES(MAY("sender")),
	.children = CHILDREN(ONE(message)));
ELEMENT(message_id, .name = "messageIdReceived", .content = CWA_EMPTY, .attributes = ATTRIBUTES(MAY("rid"), MAY("messageId")));
ELEMENT(message_failed, .name = "messageSendFailed", .content = CWA_CHILDREN, .attributes = ATTRIBUTES(MAY("rid"), MAY("messageId")),
	.children = CHILDREN(ONE(error)));
ELEMENT(composing_state, .name = "composingState", .content = CWA_TEXT, .attributes = ATTRIBUTES(MAY("sender")));
ELEMENT(invite_failed, .name = "inviteFailed", .content = CWA_CHILDREN, .attributes = ATTRIBUTES(MAY("uri")), .children = CHILDREN(ONE(error)));
TEXT(locked, "locked");
ELEMENT(participant, .name = "participant", .content = CWA_EMPTY, .attributes = ATTRIBUTES(MUST("uri"), MAY("name"), MAY("role"),
	MAY("archiving")));
TEXT(participant_removed, "participantRemoved");
EVENT(conference, "conference", CWA_CHILDREN, ATTRIBUTES(MUST("eid"), MUST("confId")), ONE(conf_uri), ONE(im_received), ONE(im_state),
	ONE(message_received), ONE(message_id), ONE(message_failed), ONE(composing_state), ONE(im_accepted), ONE(invite_failed), ONE(locked),
	ONE(escalation_mode), ONE(role), MANY(participant), ONE(participant_removed), ONE(enable_appear_offline));

const struct cwa_element cwa_events = { .name = "cwaEvents", .content = CWA_ITEMS,
	.attributes = ATTRIBUTES(MAY("sid"), MUST("ackId"), MAY("pollWaitTime"), MAY("sessionTimeout")),
	.children = CHILDREN(MANY(succeeded), MANY(failed), MANY(invalid), MANY(contact_group), MANY(self_presence), MANY(user_presence),
		MANY(subscribers), MANY(containers), MANY(search_result), MANY(configuration), MANY(conference)) };

const struct cwa_element cwa_unknown = { .name = "", .content = CWA_EMPTY, .attributes = ATTRIBUTES(MAY("rid"), MAY("name")) };

/* --- the page ---------------------------------------------------------------------------------------------------------------------- */

/* "?" may be missing, "..." may be many. */
static void name_children(const struct cwa_element *element, struct buf *out)
{
	const char *comma = "";

	for (const struct cwa_child *c = element->children; c && c->element; c++, comma = ", ")
		buf_printf(out, "%s%s%s%s", comma, c->element->name, c->required ? "" : "?", c->many ? "..." : "");
}

static void name_attributes(const struct cwa_element *element, struct buf *out)
{
	const char *comma = "";

	for (const struct cwa_attribute *a = element->attributes; a && a->name; a++, comma = ", ")
		buf_printf(out, "%s%s%s", comma, a->name, a->required ? "" : "?");
}

static void row(const struct cwa_element *element, unsigned depth, struct buf *out)
{
	static const char *const contents[] = { [CWA_EMPTY] = "", [CWA_TEXT] = "text", [CWA_RAW_TEXT] = "text, white space counts",
		[CWA_FOREIGN] = "XML of other namespaces", [CWA_CHILDREN] = "", [CWA_LIST] = "", [CWA_ITEMS] = "" };

	buf_text(out, "| ");
	for (unsigned i = 0; i < depth; i++)
		buf_text(out, "· ");
	buf_printf(out, "`%s` | ", element->name);
	name_attributes(element, out);
	buf_printf(out, " | %s", contents[element->content]);
	name_children(element, out);
	buf_text(out, " |\n");
	for (const struct cwa_child *c = element->children; c && c->element; c++)
		if (c->element->children || c->element->attributes)
			row(c->element, depth + 1, out);
}

void cwa_document(const struct cwa_element *envelope, struct buf *out)
{
	buf_text(out, "| element | attributes | content |\n| --- | --- | --- |\n");
	buf_printf(out, "| `%s` | ", envelope->name);
	name_attributes(envelope, out);
	buf_text(out, " | any of those below, in any order |\n");
	for (const struct cwa_child *c = envelope->children; c && c->element; c++)
		row(c->element, 1, out);
}
