#include "collab/cwa_contacts.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "collab/cwa_changes.h"

/* ASK: as the person calls himself, for a contact that is to have no other name. */
enum step { MAKE_ALL = 1, MAKE_FOLDER = 2, ASK = 4, ADD = 8, UPDATE = 16, DELETE = 32 };

struct contact_change {
	struct cwa_change change;
	uint32_t action;                 /* enum im_contact_action */
	char *uri, *name, *folder;
};

static struct contact_change *of(struct cwa_change *change)
{
	return (struct contact_change *)change;
}

static const struct contact_change *of_const(const struct cwa_change *change)
{
	return (const struct contact_change *)change;
}

static void free_change(struct cwa_change *change)
{
	struct contact_change *c = of(change);

	free(c->uri);
	free(c->name);
	free(c->folder);
	free(c);
}

/* --- what is missing ------------------------------------------------------------------------------------------------------------------------ */

static const struct cwa_group *group_named(const struct communicator *m, const char *name)
{
	return cwa_people_folder(&m->people, bytes_str(name));
}

static bool is_in(const struct cwa_person *p, const struct cwa_group *group)
{
	const char *at = p->groups;

	while (*at) {
		if (strtoull(at, NULL, 10) == group->id)
			return true;
		at += strcspn(at, " ");
		at += *at == ' ';
	}
	return false;
}

static unsigned missing_folder(const struct contact_change *c)
{
	return *c->folder && !group_named(c->change.m, c->folder) ? MAKE_FOLDER : 0;
}

static bool is_over(const struct cwa_change *change, unsigned step)
{
	return change->taken & step && (change->step != step || change->answered);
}

/* The contact, and what there is to see of it: then the device is told at once. */
static unsigned missing_of_add(const struct contact_change *c, const struct cwa_person *p, struct cwa_refusal *refusal)
{
	const struct cwa_group *folder = *c->folder ? group_named(c->change.m, c->folder) : NULL;

	if (c->change.taken & (ADD | UPDATE))
		return p->is_contact && (!*c->folder || (folder && is_in(p, folder))) && p->is_seen ? 0 : c->change.step;
	if (p->is_contact && (!*c->folder || (folder && is_in(p, folder)))) {
		*refusal = cwa_refusal_of(IM_BACKEND_REFUSED, "the contact is in that folder already");
		return 0;
	}
	if (!group_named(c->change.m, CWA_GROUP_ALL))
		return MAKE_ALL;
	if (missing_folder(c))
		return MAKE_FOLDER;
	if (p->is_contact)
		return UPDATE;
	return *c->name || *p->called || is_over(&c->change, ASK) ? ADD : ASK;
}

static unsigned missing_of_move(const struct contact_change *c, const struct cwa_person *p)
{
	const struct cwa_group *folder = group_named(c->change.m, c->folder);

	if (*c->folder && !folder)
		return MAKE_FOLDER;
	return strcmp(p->folder, *c->folder ? folder->name : "") == 0 ? 0 : UPDATE;
}

static unsigned missing(struct cwa_change *change, struct cwa_refusal *refusal)
{
	const struct contact_change *c = of(change);
	struct cwa_person *p = cwa_people_uri(&change->m->people, c->uri);

	if (!p || (c->action != IM_CONTACT_ADD && !p->is_contact)) {
		if (!(change->taken & DELETE))
			*refusal = cwa_refusal_of(IM_BACKEND_REFUSED, p ? "no such contact" : "too many people are known");
		return 0;
	}
	switch (c->action) {
	case IM_CONTACT_ADD:
		return missing_of_add(c, p, refusal);
	case IM_CONTACT_RENAME:
		return strcmp(p->listed_as, c->name) == 0 ? 0 : UPDATE;
	case IM_CONTACT_MOVE:
		return missing_of_move(c, p);
	default:
		return DELETE;
	}
}

/* --- commands --------------------------------------------------------------------------------------------------------------------------------- */

static void add_id(struct buf *ids, const struct cwa_group *group)
{
	buf_printf(ids, "%s%ju", ids->len ? " " : "", (uintmax_t)group->id);
}

/* Only groups that there are: a server refuses a contact in another. */
static void list_groups(const struct contact_change *c, const struct cwa_person *p, struct buf *out)
{
	const struct cwa_people *people = &c->change.m->people;
	const struct cwa_group *all = group_named(c->change.m, CWA_GROUP_ALL);
	const struct cwa_group *folder = *c->folder ? group_named(c->change.m, c->folder) : NULL;

	if (c->action == IM_CONTACT_MOVE || !p->is_contact) {
		if (all)
			add_id(out, all);
	} else {
		for (size_t i = 0; i < people->group_count; i++)
			if (is_in(p, &people->groups[i]))
				add_id(out, &people->groups[i]);
	}
	if (folder && folder != all && c->action != IM_CONTACT_RENAME)
		add_id(out, folder);
}

static void write_contact(struct cwa_command *command, const struct contact_change *c)
{
	struct cwa_tree *tree = cwa_command_tree(command);
	struct cwa_node *node = cwa_add(tree, cwa_command_method(command), "contact");
	struct cwa_person *p = cwa_people_uri(&c->change.m->people, c->uri);
	struct buf groups = { 0 };
	bool is_new = !p->is_contact;

	list_groups(c, p, &groups);
	cwa_set(tree, node, "uri", c->uri);
	cwa_set(tree, node, "name", *c->name ? c->name : is_new ? p->name : p->listed_as);
	cwa_set(tree, node, "subscribed", is_new || p->subscribed ? "true" : "false");
	cwa_set(tree, node, "tag", !is_new && p->tag ? "true" : "false");
	cwa_set(tree, node, "groups", buf_cstr(&groups));
	if (is_new)
		p->is_seen = false;
	buf_free(&groups);
}

static struct cwa_command *group_command(const char *name)
{
	struct cwa_command *command = cwa_command_new("addGroup");
	struct cwa_tree *tree = cwa_command_tree(command);

	cwa_set(tree, cwa_add(tree, cwa_command_method(command), "group"), "name", name);
	return command;
}

static struct cwa_command *command_of(const struct cwa_change *change, unsigned step)
{
	const struct contact_change *c = of_const(change);
	struct cwa_command *command;

	switch (step) {
	case MAKE_ALL:
		return group_command(CWA_GROUP_ALL);
	case MAKE_FOLDER:
		return group_command(c->folder);
	case ASK:
		command = cwa_command_new("queryPresence");
		cwa_add_text(cwa_command_tree(command), cwa_add(cwa_command_tree(command), cwa_command_method(command), "uris"), "uri", c->uri);
		return command;
	case DELETE:
		command = cwa_command_new("deleteContact");
		cwa_add_text(cwa_command_tree(command), cwa_command_method(command), "uri", c->uri);
		return command;
	default:
		command = cwa_command_new(step == ADD ? "addContact" : "updateContact");
		write_contact(command, c);
		return command;
	}
}

static const struct cwa_change_kind kind = { .missing = missing, .command = command_of, .last_steps = ADD | UPDATE | DELETE,
	.needless_steps = ASK, .free = free_change };

/* --- what the device says ----------------------------------------------------------------------------------------------------------------------- */

static const char *fault_of(const struct im_contact_change *message, const char *uri)
{
	if (message->action < IM_CONTACT_ADD || message->action > IM_CONTACT_REMOVE)
		return "no such change";
	if (!uri)
		return "that is nobody's user ID or address";
	if (message->action == IM_CONTACT_RENAME && !message->name.len)
		return "a contact needs a name";
	if ((message->action == IM_CONTACT_ADD || message->action == IM_CONTACT_MOVE) && bytes_is(message->folder, CWA_GROUP_ALL))
		return "the folder ~ is the IM server's own";
	return NULL;
}

void cwa_contacts_change(struct communicator *m, uint32_t ref, const struct im_contact_change *message)
{
	char *uri = cwa_people_uri_of(&m->people, message->user);
	const char *fault = fault_of(message, uri);
	struct contact_change *c;

	if (fault) {
		m->events.done(m->ctx, ref, IM_BACKEND_REFUSED, fault);
		free(uri);
		return;
	}
	c = memory_new(sizeof *c);
	*c = (struct contact_change){ .change = { .kind = &kind, .ref = ref }, .action = message->action, .uri = uri,
		.name = communicator_text(message->name, IM_NAME_MAX), .folder = communicator_text(message->folder, IM_NAME_MAX) };
	cwa_changes_add(m->changes, &c->change);
}
