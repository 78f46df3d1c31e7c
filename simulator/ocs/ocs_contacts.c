/* Contact lists, and the SERVICE requests that change them. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/memory.h"
#include "simulator/ocs/ocs_state.h"

#define NAME_MAX_BYTES 256

/* --- the list ---------------------------------------------------------------------------------------------------------------------- */

static void group_append(struct user *user, uint32_t id, const char *name, const char *external_uri)
{
	struct sip_contact_list *list = &user->contacts;

	list->groups = memory_resize(list->groups, (list->group_count + 1) * sizeof *list->groups);
	list->groups[list->group_count++] = (struct sip_group){ id, memory_str(name), memory_str(external_uri ? external_uri : "") };
}

static struct sip_contact *contact_find(const struct user *user, const char *uri)
{
	if (strncasecmp(uri, "sip:", 4) == 0)
		uri += 4;
	for (size_t i = 0; i < user->contacts.contact_count; i++)
		if (strcasecmp(user->contacts.contacts[i].uri, uri) == 0)
			return &user->contacts.contacts[i];
	return NULL;
}

static struct sip_contact *contact_append(struct user *user, const char *uri)
{
	struct sip_contact_list *list = &user->contacts;
	size_t at = list->contact_count++;

	if ((at & (at - 1)) == 0)
		list->contacts = memory_resize(list->contacts, (at ? at * 2 : 1) * sizeof *list->contacts);
	list->contacts[at] = (struct sip_contact){ .uri = memory_str(uri), .name = memory_str(""), .groups = memory_str(""),
		.external_uri = memory_str("") };
	return &list->contacts[at];
}

/* From the seed: its folders are groups, and what is in none is in "~". */
void contacts_make(struct user *user)
{
	const struct world_user *seed = user->seed;

	user->contacts.delta = 1;
	group_append(user, 1, "~", NULL);
	for (size_t i = 0; i < seed->folder_count && i + 1 < SIP_GROUPS_MAX; i++)
		group_append(user, (uint32_t)i + 2, seed->folders[i].name, NULL);
	user->next_group = (uint32_t)seed->folder_count + 2;
	for (size_t i = 0; i < seed->contact_count && user->contacts.contact_count < SIP_CONTACTS_MAX; i++) {
		const struct world_contact *from = &seed->contacts[i];
		char *uri = memory_printf("%s@%s", from->user->id, user->server->world->domain), *groups;
		struct sip_contact *into = contact_find(user, uri);

		if (!into)
			into = contact_append(user, uri);
		free(uri);
		groups = memory_printf("%s%s%zu", into->groups, *into->groups ? " " : "", from->folder + 1);
		free(into->groups);
		into->groups = groups;
		into->subscribed = true;
		if (from->name) {
			free(into->name);
			into->name = memory_str(from->name);
		}
	}
}

bool contacts_have(const struct user *user, const struct user *other)
{
	return contact_find(user, user_plain(other)) != NULL;
}

void contacts_write(const struct user *user, struct buf *out)
{
	xml_form_write(&sip_contact_list_form, &user->contacts, out);
}

/* In changes "sip:" stands before the address: where it is missing SIPE takes it for another contact. Borrows but for the address. */
static struct sip_contact *told(const struct sip_contact *contact)
{
	struct sip_contact *copy = memory_new(sizeof *copy);

	*copy = *contact;
	copy->uri = memory_printf("sip:%s", contact->uri);
	return copy;
}

static void told_free(struct sip_contact *copy)
{
	free(copy->uri);
	free(copy);
}

/* Raises deltaNum and tells all endpoints. */
static void tell(struct user *user, struct sip_contact_delta *delta)
{
	struct buf body = { 0 };

	delta->previous = user->contacts.delta++;
	delta->delta = user->contacts.delta;
	user_changed(user);
	xml_form_write(&sip_contact_delta_form, delta, &body);
	user_notify(user, EVENT_CONTACTS, SIP_TYPE_CONTACTS, buf_bytes(&body));
	buf_free(&body);
}

static struct sip_group *group_find(const struct user *user, uint32_t id)
{
	for (size_t i = 0; i < user->contacts.group_count; i++)
		if (user->contacts.groups[i].id == id)
			return &user->contacts.groups[i];
	return NULL;
}

static bool in_group(const char *groups, uint32_t id)
{
	for (const char *at = groups; *at;) {
		char *end;
		unsigned long is = strtoul(at, &end, 10);

		if (end == at)
			return false;
		if (is == id)
			return true;
		at = end + strspn(end, " ");
	}
	return false;
}

/* Ids of groups that there are, each once, one space between; the first group when nothing is left. The caller frees it. */
static char *clean_groups(const struct user *user, const char *groups, uint32_t without)
{
	struct buf out = { 0 };
	char *text;

	for (size_t i = 0; i < user->contacts.group_count; i++) {
		uint32_t id = user->contacts.groups[i].id;

		if (id != without && in_group(groups, id))
			buf_printf(&out, "%s%u", out.len ? " " : "", id);
	}
	text = out.len ? bytes_dup(buf_bytes(&out)) : memory_str("1");
	buf_free(&out);
	return text;
}

/* --- from the file that keeps it ---------------------------------------------------------------------------------------------------------- */

static int restore_group(struct user *user, const struct sip_group *group, uint32_t next_group, struct error *err)
{
	for (size_t i = 0; i < user->contacts.group_count; i++)
		if (user->contacts.groups[i].id == group->id)
			return error_set(err, "two groups have the id %u", group->id);
	if (!group->id || group->id >= next_group || !group->name || !*group->name || strlen(group->name) > NAME_MAX_BYTES)
		return error_set(err, "the id or the name of group %u %s", group->id, log_str(group->name ? group->name : ""));
	group_append(user, group->id, group->name, group->external_uri);
	return 0;
}

static int restore_contact(struct user *user, const struct sip_contact *from, struct error *err)
{
	struct user *other = user_find(user->server, from->uri);
	struct sip_contact *into;

	if (!other) {
		log_warning("state of user=%s: contact %s is left out, world.xml has no such user", user->seed->id, log_str(from->uri));
		return 0;
	}
	if (contact_find(user, user_plain(other)))
		return error_set(err, "contact %s is there twice", log_str(from->uri));
	if (from->name && strlen(from->name) > NAME_MAX_BYTES)
		return error_set(err, "the name of contact %s has more than %d bytes", log_str(from->uri), NAME_MAX_BYTES);
	into = contact_append(user, user_plain(other));
	free(into->name);
	free(into->groups);
	free(into->external_uri);
	into->name = memory_str(from->name ? from->name : "");
	into->groups = clean_groups(user, from->groups ? from->groups : "", 0);
	into->external_uri = memory_str(from->external_uri ? from->external_uri : "");
	into->subscribed = from->subscribed;
	into->tag = from->tag && strcmp(from->tag, "true") == 0 ? memory_str(from->tag) : NULL;
	return 0;
}

int contacts_restore(struct user *user, struct sip_contact_list *list, uint32_t next_group, struct error *err)
{
	if (!list->delta || !list->group_count || list->groups[0].id != 1 || next_group >= INT32_MAX)
		return error_set(err, "deltaNum is above 0, nextGroup below 2147483647, and the first group has the id 1");
	xml_form_clear(&sip_contact_list_form, &user->contacts);
	user->contacts.delta = list->delta;
	user->next_group = next_group;
	for (size_t i = 0; i < list->group_count; i++)
		if (restore_group(user, &list->groups[i], next_group, err) < 0)
			return -1;
	for (size_t i = 0; i < list->contact_count; i++)
		if (restore_contact(user, &list->contacts[i], err) < 0)
			return -1;
	return 0;
}

/* Whoever does not speak of it leaves it. */
static void set_tag(struct sip_contact *contact, const char *tag)
{
	if (!tag)
		return;
	free(contact->tag);
	contact->tag = strcmp(tag, "true") == 0 ? memory_str(tag) : NULL;
}

/* --- commands: each gives the status of its answer and, when it was done, tells what changed ---------------------------------------- */

static int set_contact(struct user *user, const struct sip_set_contact *c)
{
	struct user *other = user_find(user->server, c->uri);
	struct sip_contact *contact = contact_find(user, c->uri), *changed;
	struct sip_contact_delta delta = { 0 };
	bool added = !contact;

	if (added && !other)
		return 404;
	if ((c->display_name && strlen(c->display_name) > NAME_MAX_BYTES) || (added && user->contacts.contact_count == SIP_CONTACTS_MAX))
		return 403;
	if (added)
		contact = contact_append(user, user_plain(other));
	free(contact->name);
	free(contact->groups);
	free(contact->external_uri);
	contact->name = memory_str(c->display_name ? c->display_name : "");
	contact->groups = clean_groups(user, c->groups ? c->groups : "", 0);
	contact->external_uri = memory_str(c->external_uri ? c->external_uri : "");
	contact->subscribed = c->subscribed;
	set_tag(contact, c->tag);
	changed = told(contact);
	if (added) {
		delta.added = changed;
		delta.added_count = 1;
	} else {
		delta.modified = changed;
		delta.modified_count = 1;
	}
	tell(user, &delta);
	told_free(changed);
	return 200;
}

static int delete_contact(struct user *user, const struct sip_delete_contact *c)
{
	struct sip_contact *contact = contact_find(user, c->uri);
	struct sip_gone_contact gone;
	struct sip_contact_delta delta = { .deleted = &gone, .deleted_count = 1 };
	size_t at;

	if (!contact)
		return 404;
	gone.uri = memory_printf("sip:%s", contact->uri);
	free(contact->uri);
	free(contact->name);
	free(contact->groups);
	free(contact->external_uri);
	free(contact->tag);
	at = (size_t)(contact - user->contacts.contacts);
	memmove(contact, contact + 1, (--user->contacts.contact_count - at) * sizeof *contact);
	tell(user, &delta);
	free(gone.uri);
	return 200;
}

static int add_group(struct user *user, struct sip_add_group *c)
{
	struct sip_contact_delta delta = { .added_group_count = 1 };

	if (!c->name || !*c->name || strlen(c->name) > NAME_MAX_BYTES)
		return 400;
	if (user->contacts.group_count == SIP_GROUPS_MAX)
		return 403;
	for (size_t i = 0; i < user->contacts.group_count; i++)
		if (strcmp(user->contacts.groups[i].name, c->name) == 0)
			return 409;
	c->id = user->next_group++;
	group_append(user, c->id, c->name, c->external_uri);
	delta.added_groups = &user->contacts.groups[user->contacts.group_count - 1];
	tell(user, &delta);
	return 200;
}

static int modify_group(struct user *user, const struct sip_modify_group *c)
{
	struct sip_group *group = group_find(user, c->id);
	struct sip_contact_delta delta = { .modified_groups = group, .modified_group_count = 1 };

	if (!group)
		return 404;
	if (!*c->name || strlen(c->name) > NAME_MAX_BYTES)
		return 400;
	free(group->name);
	free(group->external_uri);
	group->name = memory_str(c->name);
	group->external_uri = memory_str(c->external_uri ? c->external_uri : "");
	tell(user, &delta);
	return 200;
}

/* Two changes: first its contacts leave it. Source: code (SIPE says so of the real one). */
static int delete_group(struct user *user, const struct sip_delete_group *c)
{
	struct sip_contact_list *list = &user->contacts;
	struct sip_group *group = group_find(user, c->id);
	struct sip_contact_delta moved = { .modified = memory_new((list->contact_count + 1) * sizeof *moved.modified) };
	struct sip_gone_group gone = { c->id };
	struct sip_contact_delta delta = { .deleted_groups = &gone, .deleted_group_count = 1 };

	for (size_t i = 0; group && c->id != 1 && i < list->contact_count; i++) {
		char *groups;

		if (!in_group(list->contacts[i].groups, c->id))
			continue;
		groups = clean_groups(user, list->contacts[i].groups, c->id);
		free(list->contacts[i].groups);
		list->contacts[i].groups = groups;
		moved.modified[moved.modified_count] = list->contacts[i];
		moved.modified[moved.modified_count++].uri = memory_printf("sip:%s", list->contacts[i].uri);
	}
	if (moved.modified_count)
		tell(user, &moved);
	while (moved.modified_count)
		free(moved.modified[--moved.modified_count].uri);
	free(moved.modified);
	if (!group)
		return 404;
	if (c->id == 1)
		return 403;
	free(group->name);
	free(group->external_uri);
	memmove(group, group + 1, (--list->group_count - (size_t)(group - list->groups)) * sizeof *group);
	tell(user, &delta);
	return 200;
}

/* What the command knows must be the newest there is. */
static uint32_t delta_of(const struct sip_soap_body *body)
{
	if (body->set_contact)
		return body->set_contact->delta;
	if (body->delete_contact)
		return body->delete_contact->delta;
	if (body->add_group)
		return body->add_group->delta;
	if (body->modify_group)
		return body->modify_group->delta;
	return body->delete_group ? body->delete_group->delta : 0;
}

static int change(struct user *user, const struct sip_soap_body *body)
{
	if (body->set_contact)
		return set_contact(user, body->set_contact);
	if (body->delete_contact)
		return delete_contact(user, body->delete_contact);
	if (body->add_group)
		return add_group(user, body->add_group);
	if (body->modify_group)
		return modify_group(user, body->modify_group);
	return delete_group(user, body->delete_group);
}

/* The answer of addGroup tells the new group's number. Clients know a change by its delta; the answer may come after it. */
static void accept(struct request *r, const struct sip_soap_body *body)
{
	struct sip_message *m = answer_new(r, 200);
	struct sip_add_group added = { .id = body->add_group ? body->add_group->id : 0 };
	struct sip_soap_body answer_body = { .add_group = &added };
	struct sip_soap soap = { &answer_body };
	struct buf out = { 0 };

	if (body->add_group) {
		xml_form_write(&sip_soap_form, &soap, &out);
		sip_body(m, SIP_TYPE_SOAP, buf_bytes(&out));
		buf_free(&out);
	}
	answer_send(r, &m);
}

void on_soap(struct request *r)
{
	struct sip_soap soap;
	struct error err = { "" };
	const struct sip_soap_body *body;
	int status;

	if (xml_form_read(buf_bytes(&r->message->body), &sip_soap_form, &soap, &err) < 0) {
		answer_unreadable(r, &err);
		return;
	}
	body = soap.body;
	if (body->search) {
		on_search(r, body);
	} else if (body->set_presence) {
		on_set_presence(r, body->set_presence);
	} else if (body->get_presence) {
		on_get_presence(r, body->get_presence);
	} else if (body->set_ace) {
		on_set_ace(r, body->set_ace);
	} else if (!body->set_contact && !body->delete_contact && !body->add_group && !body->modify_group && !body->delete_group) {
		answer_because(r, 400, 0, "there is no such SOAP command here");
	} else if (delta_of(body) != r->user->contacts.delta) {
		answer_because(r, 409, 0, "deltaNum is not that of the list");
	} else {
		status = change(r->user, body);
		if (status == 200)
			accept(r, body);
		else
			answer(r, status);
	}
	xml_form_clear(&sip_soap_form, &soap);
}

/* --- SERVICE, by its body ---------------------------------------------------------------------------------------------------------------- */

void answer_unreadable(struct request *r, const struct error *err)
{
	log_info("body refused user=%s: %s", r->user->seed->id, err->text);
	answer_because(r, 400, 0, "the body cannot be read");
}

void on_service(struct request *r)
{
	static const struct {
		const char *type;
		void (*run)(struct request *r);
	} bodies[] = {
		{ SIP_TYPE_PUBLISH, on_publish }, { SIP_TYPE_SUBSCRIBERS, on_set_subscribers }, { SIP_TYPE_MEMBERS, on_set_members },
		{ SIP_TYPE_SOAP, on_soap }, { SIP_TYPE_CCCP, on_focus_factory },
	};

	for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
		if (!sip_is_type(r->message, bodies[i].type))
			continue;
		bodies[i].run(r);
		return;
	}
	answer_because(r, 415, 0, "a SERVICE has no such body here");
}
