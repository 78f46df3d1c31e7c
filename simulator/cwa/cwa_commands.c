/* The command channel: methods other than those of a conversation. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/memory.h"
#include "simulator/cwa/cwa_state.h"

static const struct outcome no_session = { .code = CWA_SESSION_NOT_FOUND, .detail = "no such session" };

static void accepted(struct call *call, const char *rid)
{
	answer_status(call, "requestAccepted", rid, NULL);
}

static void refused(struct call *call, const char *rid, uint32_t code, const char *detail)
{
	const struct outcome outcome = { .code = code, .detail = detail };

	answer_status(call, "requestFailed", rid, &outcome);
}

static void invalid(struct call *call, const char *rid, const char *detail)
{
	const struct outcome outcome = { .code = CWA_INVALID_REQUEST, .detail = detail };

	answer_status(call, "requestInvalid", rid, &outcome);
}

/* --- URIs -------------------------------------------------------------------------------------------------------------------------- */

int uris_of(const struct cwa_node *list, struct uris *out)
{
	*out = (struct uris){ 0 };
	for (const struct cwa_node *uri = list ? list->first : NULL; uri; uri = uri->next) {
		struct buf text = { 0 };

		if (out->count == URIS_MAX)
			return -1;
		/* What is no URI goes on as it is: it is nobody's, and must not make the others fail. */
		if (cwa_uri(uri->text, &text) < 0)
			buf_text(&text, uri->text);
		if ((out->count & (out->count - 1)) == 0)
			out->items = memory_resize(out->items, (out->count ? out->count * 2 : 1) * sizeof *out->items);
		out->items[out->count++] = bytes_dup(buf_bytes(&text));
		buf_free(&text);
	}
	return 0;
}

void uris_free(struct uris *uris)
{
	for (size_t i = 0; i < uris->count; i++)
		free(uris->items[i]);
	free(uris->items);
	*uris = (struct uris){ 0 };
}

/* --- sessions ------------------------------------------------------------------------------------------------------------------------ */

bool session_room(struct call *call, const struct user *user)
{
	struct cwa_server *server = call->server;

	if (user->session_count < SESSIONS_OF_USER &&
	    (!server->settings.capacity || HASH_COUNT(server->sessions) < server->settings.capacity))
		return true;
	server->refused_total++;
	log_info("session refused user=%s reason=full live=%u max=%u", user->seed->id, HASH_COUNT(server->sessions), server->settings.capacity);
	return false;
}

static void initiate_session(struct call *call, const struct cwa_node *node, const char *rid)
{
	struct cwa_server *server = call->server;
	const struct cwa_node *options = cwa_child(node, "options");
	uint64_t availability = CWA_ONLINE;
	struct session *s;

	if (*cwa_child_text(node, "userStateAvailability") &&
	    (!cwa_number(cwa_child_text(node, "userStateAvailability"), 1000000, &availability) || availability < CWA_ONLINE)) {
		invalid(call, rid, "userStateAvailability is no state");
		return;
	}
	if (call->begins) {
		refused(call, rid, CWA_INVALID_OPERATION, "one session at a time");
		return;
	}
	if (!session_room(call, call->user)) {
		refused(call, rid, CWA_THROTTLED, "there are too many sessions");
		return;
	}
	s = cwa_session_new(server, call->user, call->format, rid);
	s->auto_machine = options && cwa_true(cwa_attribute(options, "autoPublishMachineState"));
	session_ticket(s, call);
	call->begins = s;
	log_info("session begins user=%s sid=%ju profile=%s", call->user->seed->id, (uintmax_t)s->sid, s->format == CWA_JSON ? "lcs2005" : "ocs2007");
	server->home->sign_on(server->home->ctx, s, (uint32_t)availability);
}

static void terminate_session(struct call *call, const struct cwa_node *node, const char *rid)
{
	(void)node;
	accepted(call, rid);
	cwa_session_end(call->session, CWA_SESSION_NOT_FOUND, "terminated");
	call->session = NULL;
}

/* --- contacts and groups ------------------------------------------------------------------------------------------------------------- */

/* Ids with single spaces between them, or -1. Real clients split at each space. Source: code. */
static int group_list(const char *text, struct buf *out)
{
	struct bytes rest = cwa_trim(bytes_str(text));

	for (size_t i = 0; i < rest.len; i++) {
		if (rest.data[i] == ' ' && out->data[out->len - 1] == ' ')
			continue;
		if (rest.data[i] != ' ' && (rest.data[i] < '0' || rest.data[i] > '9'))
			return -1;
		buf_u8(out, rest.data[i]);
	}
	return 0;
}

static void change_contact(struct call *call, const struct cwa_node *node, const char *rid, enum home_change change)
{
	const struct cwa_node *given = cwa_child(node, "contact");
	struct home *home = call->server->home;
	struct buf uri = { 0 }, groups = { 0 };
	const char *group_text = cwa_attribute(given, "groups"), *subscribed = cwa_attribute(given, "subscribed");
	struct home_contact contact = { .name = cwa_attribute(given, "name"), .subscribed = !subscribed || cwa_true(subscribed),
		.tag = cwa_true(cwa_attribute(given, "tag")), .change = change };

	if (cwa_uri(cwa_attribute(given, "uri"), &uri) < 0 || strlen(contact.name) > TEXT_MAX ||
	    group_list(group_text ? group_text : "", &groups) < 0) {
		refused(call, rid, CWA_INVALID_REQUEST, "the contact's uri, name or groups are not accepted");
	} else {
		contact.uri = buf_cstr(&uri);
		contact.groups = buf_cstr(&groups);
		accepted(call, rid);
		home->change_contact(home->ctx, call->session, rid, &contact);
	}
	buf_free(&uri);
	buf_free(&groups);
}

static void add_contact(struct call *call, const struct cwa_node *node, const char *rid)
{
	change_contact(call, node, rid, HOME_ADDED);
}

static void update_contact(struct call *call, const struct cwa_node *node, const char *rid)
{
	change_contact(call, node, rid, HOME_UPDATED);
}

static void delete_contact(struct call *call, const struct cwa_node *node, const char *rid)
{
	struct home *home = call->server->home;
	struct home_contact contact = { .name = "", .groups = "", .change = HOME_DELETED };
	struct buf uri = { 0 };

	if (cwa_uri(cwa_child_text(node, "uri"), &uri) < 0) {
		refused(call, rid, CWA_INVALID_REQUEST, "the uri is none");
	} else {
		contact.uri = buf_cstr(&uri);
		accepted(call, rid);
		home->change_contact(home->ctx, call->session, rid, &contact);
	}
	buf_free(&uri);
}

static void change_group(struct call *call, const struct cwa_node *node, const char *rid, enum home_change change)
{
	const struct cwa_node *given = cwa_child(node, "group");
	const char *name = cwa_attribute(given, "name"), *external = cwa_attribute(given, "externalUri");
	struct home *home = call->server->home;
	uint64_t id = 0;
	struct home_group group = { .name = name ? name : "", .external_uri = external ? external : "", .change = change };

	if (change != HOME_ADDED && !cwa_number(cwa_attribute(given, "id"), UINT32_MAX, &id)) {
		refused(call, rid, CWA_INVALID_REQUEST, "the group's id is no number");
	} else if (strlen(group.name) > TEXT_MAX || strlen(group.external_uri) > TEXT_MAX || (change != HOME_DELETED && !*group.name)) {
		refused(call, rid, CWA_INVALID_REQUEST, "the group's name or externalUri is not accepted");
	} else {
		group.id = (uint32_t)id;
		accepted(call, rid);
		home->change_group(home->ctx, call->session, rid, &group);
	}
}

static void add_group(struct call *call, const struct cwa_node *node, const char *rid)
{
	change_group(call, node, rid, HOME_ADDED);
}

static void update_group(struct call *call, const struct cwa_node *node, const char *rid)
{
	change_group(call, node, rid, HOME_UPDATED);
}

static void delete_group(struct call *call, const struct cwa_node *node, const char *rid)
{
	change_group(call, node, rid, HOME_DELETED);
}

static void acknowledge_subscriber(struct call *call, const struct cwa_node *node, const char *rid)
{
	const struct cwa_node *list = cwa_child(node, "uris");
	const char *text = list && list->first ? list->first->text : cwa_child_text(node, "uri");
	struct home *home = call->server->home;
	struct buf uri = { 0 };

	if (cwa_uri(text, &uri) < 0) {
		invalid(call, rid, "acknowledgeSubscriber needs a uri");
	} else {
		accepted(call, rid);
		home->acknowledge(home->ctx, call->session, rid, buf_cstr(&uri));
	}
	buf_free(&uri);
}

static void update_container(struct call *call, const struct cwa_node *node, const char *rid)
{
	const struct cwa_node *container = cwa_child(node, "container"), *given;
	struct home *home = call->server->home;
	struct home_member member;
	struct buf uri = { 0 };
	uint64_t id;
	bool add;

	given = cwa_child(container, "addMember");
	add = given != NULL;
	if (!given)
		given = cwa_child(container, "deleteMember") ? cwa_child(container, "deleteMember") : cwa_child(container, "removeMember");
	if (!cwa_number(cwa_attribute(container, "id"), UINT32_MAX, &id) || !given) {
		invalid(call, rid, "a container needs an id that is a number, and a member to add or to delete");
		return;
	}
	member.type = cwa_attribute(given, "type");
	member.value = cwa_attribute(given, "value") ? cwa_attribute(given, "value") : "";
	/* As SIP has it. */
	if (strcmp(member.type, "uri") == 0)
		member.type = "user";
	if (strcmp(member.type, "user") == 0) {
		(void)cwa_uri(member.value, &uri);
		member.value = buf_cstr(&uri);
	}
	accepted(call, rid);
	if (!home_check_member((uint32_t)id, &member))
		home_done(call->session, rid, &(struct outcome){ .code = CWA_INVALID_OPERATION,
			.detail = "there is no such container, or no such type of member" });
	else
		home->change_member(home->ctx, call->session, rid, (uint32_t)id, add, &member);
	buf_free(&uri);
}

/* --- presence -------------------------------------------------------------------------------------------------------------------------- */

#define CATEGORIES_MAX 20

static void publish(struct call *call, const struct cwa_node *node, const char *rid, const char *element, const char *name_of)
{
	struct home_category categories[CATEGORIES_MAX];
	struct home *home = call->server->home;
	struct error err = { "" };
	size_t count = 0;

	for (const struct cwa_node *c = cwa_child(node, element); c; c = cwa_next(c)) {
		uint64_t instance = 0;

		if (count == CATEGORIES_MAX) {
			refused(call, rid, CWA_INVALID_REQUEST, "more than 20 categories");
			return;
		}
		(void)cwa_number(cwa_attribute(c, "instanceMask"), UINT32_MAX, &instance);
		categories[count++] = (struct home_category){ .name = cwa_attribute(c, name_of), .instance = (uint32_t)instance, .xml = c->text };
	}
	accepted(call, rid);
	for (size_t i = 0; i < count; i++) {
		if (home_check_category(&categories[i], &err) < 0) {
			home_done(call->session, rid, &(struct outcome){ .code = CWA_INVALID_OPERATION, .detail = err.text });
			return;
		}
	}
	home->publish(home->ctx, call->session, rid, categories, count);
}

static void publish_self(struct call *call, const struct cwa_node *node, const char *rid)
{
	publish(call, node, rid, "cwaCategory", "name");
}

static void publish_raw(struct call *call, const struct cwa_node *node, const char *rid)
{
	publish(call, node, rid, "rawCategory", "Name");
}

static void presence_of(struct call *call, const struct cwa_node *node, const char *rid, bool subscribe)
{
	struct home *home = call->server->home;
	struct uris uris;

	if (uris_of(cwa_child(node, "uris"), &uris) < 0) {
		refused(call, rid, CWA_INVALID_REQUEST, "more than 300 uris");
	} else {
		accepted(call, rid);
		home->query(home->ctx, call->session, rid, (const char *const *)uris.items, uris.count, subscribe);
	}
	uris_free(&uris);
}

static void query_presence(struct call *call, const struct cwa_node *node, const char *rid)
{
	presence_of(call, node, rid, false);
}

static void subscribe_presence(struct call *call, const struct cwa_node *node, const char *rid)
{
	presence_of(call, node, rid, true);
}

/* --- search ---------------------------------------------------------------------------------------------------------------------------- */

static void search(struct call *call, const struct cwa_node *node, const char *rid)
{
	const char *function = cwa_child_text(node, "function");
	struct home *home = call->server->home;
	const struct home_search wanted = { .first = cwa_child_text(node, "firstName"), .last = cwa_child_text(node, "lastName"),
		.display = cwa_child_text(node, "displayName"), .alias = cwa_child_text(node, "emailAlias"),
		.all = strcasecmp(function, "and") == 0 };

	if (*function && !wanted.all && strcasecmp(function, "or") != 0) {
		invalid(call, rid, "function is and or or");
	} else if (strlen(wanted.first) > TEXT_MAX || strlen(wanted.last) > TEXT_MAX || strlen(wanted.display) > TEXT_MAX ||
		   strlen(wanted.alias) > TEXT_MAX) {
		invalid(call, rid, "what is searched for has at most 256 bytes");
	} else {
		accepted(call, rid);
		home->search(home->ctx, call->session, rid, &wanted);
	}
}

/* --- dispatch ---------------------------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	bool before_session;
	void (*run)(struct call *call, const struct cwa_node *node, const char *rid);
} methods[] = {
	{ "initiateSession", true, initiate_session },
	{ "terminateSession", false, terminate_session },
	{ "addContact", false, add_contact },
	{ "updateContact", false, update_contact },
	{ "deleteContact", false, delete_contact },
	{ "addGroup", false, add_group },
	{ "updateGroup", false, update_group },
	{ "deleteGroup", false, delete_group },
	{ "acknowledgeSubscriber", false, acknowledge_subscriber },
	{ "updateContainer", false, update_container },
	{ "publishSelfPresence", false, publish_self },
	{ "publishRawCategories", false, publish_raw },
	{ "queryPresence", false, query_presence },
	{ "subscribePresence", false, subscribe_presence },
	{ "search", false, search },
	{ "conference", false, run_conference },
};

bool command_is_known(const char *name)
{
	const struct cwa_child *conference = cwa_schema_child(&cwa_requests, bytes_str("conference"));

	for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
		if (strcmp(methods[i].name, name) == 0)
			return true;
	return cwa_schema_child(conference->element, bytes_str(name)) != NULL;
}

/* What faults call it: the child, for methods of a conversation. */
static const char *kind_of(const struct cwa_node *node)
{
	const char *inner = cwa_is(node, "conference") ? conference_method(node) : "";

	return *inner ? inner : node->element->name;
}

/* true: the fault refuses it, and that has been answered. */
static bool befallen(struct call *call, const struct cwa_node *node, const char *rid)
{
	struct fault fault = faults_next(call->server->faults, loop_now_ms(call->server->loop), call->user->seed->id, kind_of(node));

	if (fault.action == FAULT_REFUSE && fault.value >= 1000) {
		refused(call, rid, fault.value, "told to");
		return true;
	}
	if (call->fault.action == FAULT_NONE)
		call->fault = fault;
	return fault.action == FAULT_REFUSE;
}

/* A client that left the sid out means the only session of its ticket. Source: document (a sample does so). */
static struct session *session_of(const struct call *call, const char *sid)
{
	struct session *s;
	uint64_t number;

	if (!sid)
		s = call->user->session_count == 1 ? call->user->sessions : NULL;
	else
		s = cwa_number(sid, INT64_MAX, &number) ? session_find(call->server, number) : NULL;
	return s && s->user == call->user && s->signed_on ? s : NULL;
}

static void run_one(struct call *call, const struct cwa_node *node)
{
	const char *rid = node->element == &cwa_unknown || node->element->attributes ? cwa_attribute(node, "rid") : NULL;
	struct error err = { "" };
	size_t i = 0;

	if (rid && strlen(rid) > RID_MAX) {
		invalid(call, NULL, "rid is longer than 64 bytes");
		return;
	}
	while (i < sizeof methods / sizeof methods[0] && !cwa_is(node, methods[i].name))
		i++;
	if (i == sizeof methods / sizeof methods[0]) {
		invalid(call, rid, cwa_is(node, "logon") ? "logon belongs to a sign-in handler" : "there is no such method");
		return;
	}
	if (!methods[i].before_session && !call->session) {
		answer_status(call, "requestFailed", rid, &no_session);
		return;
	}
	if (cwa_check(node, &err) < 0) {
		/* What a contact lacks is a failure, not an invalid request. Source: document. */
		if (cwa_is(node, "addContact") && rid && cwa_child(node, "contact"))
			refused(call, rid, CWA_INVALID_REQUEST, err.text);
		else
			invalid(call, rid, err.text);
		return;
	}
	if (call->session && !session_may(call->session)) {
		refused(call, rid, CWA_THROTTLED, "too many methods within a second");
		return;
	}
	if (befallen(call, node, rid))
		return;
	call->processed++;
	methods[i].run(call, node, rid);
}

void run_methods(struct call *call, const struct cwa_tree *in)
{
	unsigned count = 0;

	answer_begin(call);
	if (call->session)
		session_ticket(call->session, call);
	for (const struct cwa_node *node = in->root->first; node; node = node->next) {
		if (++count > METHODS_OF_REQUEST) {
			refused(call, NULL, CWA_THROTTLED, "more than 100 methods at once");
			break;
		}
		run_one(call, node);
	}
	call->unexpected = in->unexpected;
	if (call->begins) {
		call->begins->parked = memory_new(sizeof *call);
		*call->begins->parked = *call;
	} else {
		answer_finish(call);
	}
}

void serve_commands(struct call *call, struct bytes body)
{
	struct cwa_tree in = { 0 };
	struct error err = { "" };

	if (cwa_sniff(body, &call->format) < 0 || cwa_decode(call->format, body, &in, &err) < 0) {
		log_info("request refused user=%s: %s", call->user->seed->id, err.text);
		call_send_error(call, 400, CWA_INVALID_FORMAT, *err.text ? err.text : "neither XML nor JSON");
		cwa_tree_free(&in);
		return;
	}
	if (in.root->element != &cwa_requests || !in.root->first) {
		call_send_error(call, 200, CWA_INVALID_REQUEST, "cwaRequests with at least one method is expected");
		cwa_tree_free(&in);
		return;
	}
	call->session = session_of(call, cwa_attribute(in.root, "sid"));
	run_methods(call, &in);
	cwa_tree_free(&in);
}
