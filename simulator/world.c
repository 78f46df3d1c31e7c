#include "simulator/world.h"

#include <libxml/tree.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uthash.h>

#include "base/log.h"
#include "base/memory.h"
#include "simulator/xml_file.h"

struct world_index {
	char *key;                          /* id or DN in lower case: a DN has an '=', an id never */
	size_t user;                        /* into world.users */
	UT_hash_handle hh;
};

/* --- what may stand where ------------------------------------------------------------------------------------------------- */

enum element { WORLD, USER, FOLDER, CONTACT, STATUS, POLICY, ELEMENTS };

struct attribute {
	const char *name;
	size_t offset;                      /* of the char * in the element's struct */
	bool required;
};

/* The one description of the file: the reader and its sentences both come from it. */
static const struct {
	const char *name;
	const char *children;               /* for the sentence; NULL: none */
	unsigned allowed;                   /* mask of enum element */
	struct attribute attributes[12];
} elements[ELEMENTS] = {
	[WORLD] = { "world", "user, status and policy", 1 << USER | 1 << STATUS | 1 << POLICY, {
		{ "domain", offsetof(struct world, domain), false }, { "netbios", offsetof(struct world, netbios), false } } },
	[USER] = { "user", "folder, contact, status and policy", 1 << FOLDER | 1 << CONTACT | 1 << STATUS | 1 << POLICY, {
		{ "id", offsetof(struct world_user, id), true }, { "password", offsetof(struct world_user, password), true },
		{ "name", offsetof(struct world_user, name), true }, { "given", offsetof(struct world_user, given), false },
		{ "surname", offsetof(struct world_user, surname), false }, { "dn", offsetof(struct world_user, dn), false },
		{ "mail", offsetof(struct world_user, mail), false }, { "title", offsetof(struct world_user, title), false },
		{ "department", offsetof(struct world_user, department), false },
		{ "phone", offsetof(struct world_user, phone), false } } },
	[FOLDER] = { "folder", "contact", 1 << CONTACT, { { "name", offsetof(struct world_folder, name), true } } },
	[CONTACT] = { "contact", NULL, 0, {
		{ "user", offsetof(struct world_contact, user_id), true }, { "name", offsetof(struct world_contact, name), false } } },
	[STATUS] = { "status", NULL, 0, {
		{ "name", offsetof(struct world_status, name), true }, { "base", offsetof(struct world_status, base), true },
		{ "reply", offsetof(struct world_status, reply), false } } },
	[POLICY] = { "policy", NULL, 0, {
		{ "name", offsetof(struct world_policy, name), true }, { "value", offsetof(struct world_policy, value), true } } },
};

struct reading {
	struct world *world;
	const char *file;
	struct error *err;
};

static int wrong(struct reading *r, long line, const char *format, ...) __attribute__((format(printf, 3, 4)));

static int wrong(struct reading *r, long line, const char *format, ...)
{
	char text[400];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	return error_set(r->err, "%s:%ld: %s", r->file, line, text);
}

static const char *attribute_list(enum element e)
{
	static char text[200];
	size_t len = 0;

	text[0] = '\0';
	for (const struct attribute *a = elements[e].attributes; a->name; a++)
		len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", len ? ", " : "", a->name);
	return text;
}

static const char *text_of(const xmlChar *text)
{
	return (const char *)text;
}

static int read_attribute(struct reading *r, const xmlNode *node, enum element e, const xmlAttr *given, void *into)
{
	long line = xmlGetLineNo(node);

	for (const struct attribute *a = elements[e].attributes; a->name; a++) {
		xmlChar *value;
		int rc = 0;

		if (given->ns || strcmp(text_of(given->name), a->name) != 0)
			continue;
		value = xmlNodeListGetString(node->doc, given->children, 1);
		if (!value || !*value || strlen(text_of(value)) > WORLD_TEXT_MAX)
			rc = wrong(r, line, "%s of <%s> must have 1 to %d bytes, not %zu", a->name, elements[e].name, WORLD_TEXT_MAX,
				value ? strlen(text_of(value)) : 0);
		else
			*(char **)(void *)((char *)into + a->offset) = memory_str(text_of(value));
		xmlFree(value);
		return rc;
	}
	return wrong(r, line, "<%s> has no attribute %s; it may have %s", elements[e].name, log_str(text_of(given->name)),
		attribute_list(e));
}

static int read_attributes(struct reading *r, const xmlNode *node, enum element e, void *into)
{
	for (const xmlAttr *given = node->properties; given; given = given->next)
		if (read_attribute(r, node, e, given, into) < 0)
			return -1;
	for (const struct attribute *a = elements[e].attributes; a->name; a++)
		if (a->required && !*(char **)(void *)((char *)into + a->offset))
			return wrong(r, xmlGetLineNo(node), "<%s> needs the attribute %s", elements[e].name, a->name);
	return 0;
}

/* The kind of a child element; -1 with a sentence. Comments, processing instructions and white space give ELEMENTS. */
static int kind_of(struct reading *r, const xmlNode *node, enum element parent)
{
	long line = xmlGetLineNo(node);

	if (node->type == XML_COMMENT_NODE || node->type == XML_PI_NODE || xmlIsBlankNode(node))
		return ELEMENTS;
	if (node->type == XML_ELEMENT_NODE && !node->ns)
		for (int e = 0; e < ELEMENTS; e++)
			if (strcmp(text_of(node->name), elements[e].name) == 0 && (elements[parent].allowed & 1u << e))
				return e;
	if (node->type == XML_ELEMENT_NODE)
		return wrong(r, line, "<%s> may not stand in <%s>; allowed there: %s", log_str(text_of(node->name)), elements[parent].name,
			elements[parent].children ? elements[parent].children : "nothing");
	return wrong(r, line, "<%s> holds text; its values stand in attributes", elements[parent].name);
}

/* --- reading ------------------------------------------------------------------------------------------------------------------ */

/* Grows an array by one zeroed item at a time; capacities are powers of two. */
static void *grow(void *array, size_t *count, size_t size)
{
	size_t at = (*count)++;

	if ((at & (at - 1)) == 0)
		array = memory_resize(array, (at ? at * 2 : 1) * size);
	memset((char *)array + at * size, 0, size);
	return array;
}

/* An element that holds nothing but its attributes. */
static int read_leaf(struct reading *r, const xmlNode *node, enum element e, void *into)
{
	if (read_attributes(r, node, e, into) < 0)
		return -1;
	for (const xmlNode *child = node->children; child; child = child->next)
		if (kind_of(r, child, e) < 0)
			return -1;
	return 0;
}

static int read_rule(struct reading *r, const xmlNode *node, enum element e, struct world_rules *rules)
{
	unsigned line = (unsigned)xmlGetLineNo(node);

	if (e == STATUS) {
		rules->statuses = grow(rules->statuses, &rules->status_count, sizeof *rules->statuses);
		rules->statuses[rules->status_count - 1].line = line;
		return read_leaf(r, node, e, &rules->statuses[rules->status_count - 1]);
	}
	rules->policies = grow(rules->policies, &rules->policy_count, sizeof *rules->policies);
	rules->policies[rules->policy_count - 1].line = line;
	return read_leaf(r, node, e, &rules->policies[rules->policy_count - 1]);
}

static int read_contact(struct reading *r, const xmlNode *node, struct world_user *user, size_t folder)
{
	struct world_contact *contact;

	user->contacts = grow(user->contacts, &user->contact_count, sizeof *user->contacts);
	contact = &user->contacts[user->contact_count - 1];
	contact->folder = folder;
	contact->line = (unsigned)xmlGetLineNo(node);
	return read_leaf(r, node, CONTACT, contact);
}

static int read_folder(struct reading *r, const xmlNode *node, struct world_user *user)
{
	struct world_folder *folder;

	user->folders = grow(user->folders, &user->folder_count, sizeof *user->folders);
	folder = &user->folders[user->folder_count - 1];
	if (read_attributes(r, node, FOLDER, folder) < 0)
		return -1;
	for (size_t i = 0; i + 1 < user->folder_count; i++)
		if (strcmp(user->folders[i].name, folder->name) == 0)
			return wrong(r, xmlGetLineNo(node), "user %s has two folders %s", user->id, log_str(folder->name));
	for (const xmlNode *child = node->children; child; child = child->next) {
		int kind = kind_of(r, child, FOLDER);

		if (kind < 0 || (kind == CONTACT && read_contact(r, child, user, user->folder_count) < 0))
			return -1;
	}
	return 0;
}

static int check_id(struct reading *r, long line, const char *id)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

	if (strlen(id) > 64 || strspn(id, allowed) != strlen(id))
		return wrong(r, line, "id %s is not accepted: 1 to 64 letters, digits, '_' and '-'", log_str(id));
	return 0;
}

static char *lower(struct bytes text)
{
	char *copy = bytes_dup(text);

	for (char *c = copy; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c + 'a' - 'A');
	return copy;
}

static const struct world_index *find(const struct world *world, struct bytes id)
{
	char *key = lower(id);
	struct world_index *entry;

	HASH_FIND_STR(world->index, key, entry);
	free(key);
	return entry;
}

static void index_add(struct world *world, const char *name)
{
	struct world_index *entry = memory_new(sizeof *entry);

	entry->key = lower(bytes_str(name));
	entry->user = world->user_count - 1;
	HASH_ADD_KEYPTR(hh, world->index, entry->key, strlen(entry->key), entry);
}

/* What the file leaves out, from what it says. */
static void fill_in(const struct world *world, struct world_user *user)
{
	const char *space = strrchr(user->name, ' ');

	if (!user->surname)
		user->surname = memory_str(space ? space + 1 : user->name);
	if (!user->given)
		user->given = space ? bytes_dup(bytes_of(user->name, (size_t)(space - user->name))) : memory_str(user->name);
	if (!user->dn)
		user->dn = memory_printf("CN=%s,OU=people,O=%.*s", user->id, (int)strcspn(world->domain, "."), world->domain);
	if (!user->mail)
		user->mail = memory_printf("%s@%s", user->id, world->domain);
}

static int read_user(struct reading *r, const xmlNode *node)
{
	struct world *world = r->world;
	struct world_user *user;
	long line = xmlGetLineNo(node);

	world->users = grow(world->users, &world->user_count, sizeof *world->users);
	user = &world->users[world->user_count - 1];
	user->line = (unsigned)line;
	if (read_attributes(r, node, USER, user) < 0 || check_id(r, line, user->id) < 0)
		return -1;
	if (find(world, bytes_str(user->id)))
		return wrong(r, line, "a second user %s; the first is in line %u", user->id,
			world->users[find(world, bytes_str(user->id))->user].line);
	if (user->dn && (!strchr(user->dn, '=') || user->dn[0] == '='))
		return wrong(r, line, "dn %s is not accepted: TYPE=VALUE parts with commas between them", log_str(user->dn));
	fill_in(world, user);
	if (find(world, bytes_str(user->dn)))
		return wrong(r, line, "a second user with the dn %s; the first is in line %u", log_str(user->dn),
			world->users[find(world, bytes_str(user->dn))->user].line);
	index_add(world, user->id);
	index_add(world, user->dn);
	for (const xmlNode *child = node->children; child; child = child->next) {
		int kind = kind_of(r, child, USER);

		if (kind < 0 || (kind == FOLDER && read_folder(r, child, user) < 0) ||
		    (kind == CONTACT && read_contact(r, child, user, 0) < 0) ||
		    ((kind == STATUS || kind == POLICY) && read_rule(r, child, (enum element)kind, &user->rules) < 0))
			return -1;
	}
	return 0;
}

/* Contacts may name users that come later in the file, so they are looked up at the end. */
static int resolve_contacts(struct reading *r)
{
	struct world *world = r->world;

	for (size_t u = 0; u < world->user_count; u++) {
		struct world_user *user = &world->users[u];

		for (size_t i = 0; i < user->contact_count; i++) {
			struct world_contact *contact = &user->contacts[i];

			contact->user = world_find(world, bytes_str(contact->user_id));
			if (!contact->user)
				return wrong(r, contact->line, "contact %s is no user of this world", log_str(contact->user_id));
			if (contact->user == user)
				return wrong(r, contact->line, "user %s is a contact of itself", user->id);
			for (size_t j = 0; j < i; j++)
				if (user->contacts[j].user == contact->user && user->contacts[j].folder == contact->folder)
					return wrong(r, contact->line, "contact %s stands twice in the same folder", contact->user->id);
		}
	}
	return 0;
}

static int read_world(struct reading *r, const xmlNode *root)
{
	struct world *world = r->world;

	if (!root || root->ns || strcmp(text_of(root->name), elements[WORLD].name) != 0)
		return wrong(r, root ? xmlGetLineNo(root) : 1, "the file must be one <world>");
	if (read_attributes(r, root, WORLD, world) < 0)
		return -1;
	if (!world->domain)
		world->domain = memory_str("corp.test");
	if (!world->netbios)
		world->netbios = memory_str("CORP");
	for (const xmlNode *child = root->children; child; child = child->next) {
		int kind = kind_of(r, child, WORLD);

		if (kind < 0 || (kind == USER && read_user(r, child) < 0) ||
		    ((kind == STATUS || kind == POLICY) && read_rule(r, child, (enum element)kind, &world->rules) < 0))
			return -1;
	}
	return resolve_contacts(r);
}

struct world *world_parse(struct bytes xml, const char *name, struct error *err)
{
	struct reading r = { .file = name, .err = err };
	xmlDocPtr doc = xml_file_parse(xml, name, WORLD_FILE_MAX, err);

	if (!doc)
		return NULL;
	r.world = memory_new(sizeof *r.world);
	if (read_world(&r, xmlDocGetRootElement(doc)) < 0)
		world_free(&r.world);
	xmlFreeDoc(doc);
	return r.world;
}

struct world *world_load(const char *file, struct error *err)
{
	struct world *world = NULL;
	struct buf content = { 0 };

	if (xml_file_read(file, WORLD_FILE_MAX, &content, err) == 0)
		world = world_parse(buf_bytes(&content), file, err);
	buf_wipe(&content);
	return world;
}

static void rules_free(struct world_rules *rules)
{
	for (size_t i = 0; i < rules->status_count; i++) {
		free(rules->statuses[i].name);
		free(rules->statuses[i].base);
		free(rules->statuses[i].reply);
	}
	for (size_t i = 0; i < rules->policy_count; i++) {
		free(rules->policies[i].name);
		free(rules->policies[i].value);
	}
	free(rules->statuses);
	free(rules->policies);
}

static void user_free(struct world_user *user)
{
	for (size_t i = 0; i < user->folder_count; i++)
		free(user->folders[i].name);
	for (size_t i = 0; i < user->contact_count; i++) {
		free(user->contacts[i].user_id);
		free(user->contacts[i].name);
	}
	free(user->folders);
	free(user->contacts);
	rules_free(&user->rules);
	memory_wipe_str(&user->password);
	for (const struct attribute *a = elements[USER].attributes; a->name; a++)
		free(*(char **)(void *)((char *)user + a->offset));
}

void world_free(struct world **world)
{
	struct world *w = *world;
	struct world_index *entry, *next;

	if (!w)
		return;
	HASH_ITER(hh, w->index, entry, next) {
		HASH_DEL(w->index, entry);
		free(entry->key);
		free(entry);
	}
	for (size_t i = 0; i < w->user_count; i++)
		user_free(&w->users[i]);
	rules_free(&w->rules);
	free(w->users);
	free(w->domain);
	free(w->netbios);
	free(w);
	*world = NULL;
}

const struct world_user *world_find(const struct world *world, struct bytes name)
{
	const struct world_index *entry = find(world, name);

	return entry ? &world->users[entry->user] : NULL;
}
