/* What users changed, kept over a restart (simulator/keep.h): one file a user, DIR/groupwise/ID.json.
 *
 *   {"format": "bramble-groupwise-user", "version": 1, "user": "alice", "next_id": 4,
 *    "folders": [{"id": 1, "name": "Friends"}], "contacts": [{"id": 2, "folder": 1, "user": "bob", "name": "Bob"}],
 *    "blocking": false, "allowed": ["carol"], "denied": [], "last_login": 1700000000,
 *    "status": {"number": 4, "text": "lunch", "auto_reply": ""}}
 *
 * "status" is there while its user is signed on. Format: ours; docs/messenger.md describes it. */
#include <jansson.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/control.h"
#include "base/log.h"
#include "base/memory.h"
#include "simulator/groupwise/gw_state.h"

#define FORMAT "bramble-groupwise-user"
#define VERSION 1
#define ITEMS_MAX 100000        /* contacts and folders of one user: a bound of the file, not of what clients may add */

/* --- writing ---------------------------------------------------------------------------------------------------------------- */

static json_t *names_of(const struct people *people)
{
	json_t *names = json_array();

	for (size_t i = 0; i < people->count; i++)
		json_array_append_new(names, json_string(people->items[i]->seed->id));
	return names;
}

static json_t *to_json(const struct person *person)
{
	json_t *folders = json_array(), *contacts = json_array(), *root;

	for (size_t i = 0; i < person->folder_count; i++)
		json_array_append_new(folders, json_pack("{s:I, s:o}", "id", (json_int_t)person->folders[i].id, "name",
			control_json_text(person->folders[i].name)));
	for (size_t i = 0; i < person->contact_count; i++) {
		const struct list_contact *c = &person->contacts[i];

		json_array_append_new(contacts, json_pack("{s:I, s:I, s:s, s:o}", "id", (json_int_t)c->id, "folder",
			(json_int_t)c->folder, "user", c->person->seed->id, "name", control_json_text(c->name)));
	}
	root = json_pack("{s:s, s:i, s:s, s:I, s:o, s:o, s:b, s:o, s:o, s:I}", "format", FORMAT, "version", VERSION, "user",
		person->seed->id, "next_id", (json_int_t)person->next_id, "folders", folders, "contacts", contacts, "blocking",
		(int)person->blocks_by_default, "allowed", names_of(&person->allowed), "denied", names_of(&person->denied),
		"last_login", (json_int_t)person->last_login_s);
	if (person->announced || person->restored)
		json_object_set_new(root, "status", json_pack("{s:I, s:o, s:o}", "number", (json_int_t)person->status, "text",
			control_json_text(person->status_text ? person->status_text : ""), "auto_reply",
			control_json_text(person->auto_reply ? person->auto_reply : "")));
	return root;
}

static int append(const char *text, size_t len, void *out)
{
	buf_append(out, bytes_of(text, len));
	return 0;
}

static void store_text(const struct person *person, struct buf *out)
{
	json_t *root = to_json(person);

	json_dump_callback(root, append, out, JSON_COMPACT);
	json_decref(root);
}

static void write_kept(struct kept *kept, struct buf *out)
{
	store_text((const struct person *)((const char *)kept - offsetof(struct person, kept)), out);
}

void person_changed(struct gw_server *server, struct person *person)
{
	keep_changed(server->keep, &person->kept);
}

/* --- reading ----------------------------------------------------------------------------------------------------------------- */

struct reading {
	struct gw_server *server;
	struct person *person;
	const char *path;
	struct error *err;
};

static int damaged(struct reading *r, const char *what, const char *value)
{
	return error_set(r->err, "%s is damaged: %s %s", r->path, what, log_str(value));
}

/* Ids stay below 2^31, names within what a client could have set or world.xml could have said. */
static bool id_is_good(json_int_t id)
{
	return id > 0 && id < INT32_MAX;
}

static bool name_is_good(const char *name)
{
	return *name && strlen(name) <= NAME_MAX_BYTES;
}

static int read_folders(struct reading *r, const json_t *folders)
{
	for (size_t i = 0; i < json_array_size(folders); i++) {
		json_t *item = json_array_get(folders, i);
		json_error_t why;
		json_int_t id;
		const char *name;

		if (json_unpack_ex(item, &why, JSON_STRICT, "{s:I, s:s}", "id", &id, "name", &name) < 0)
			return damaged(r, "a folder:", why.text);
		if (!id_is_good(id) || !name_is_good(name) || roster_folder(r->person, (uint32_t)id))
			return damaged(r, "the id or the name of folder", name);
		roster_add_folder(r->person, (uint32_t)id, bytes_str(name));
	}
	return 0;
}

static int read_contacts(struct reading *r, const json_t *contacts)
{
	for (size_t i = 0; i < json_array_size(contacts); i++) {
		json_t *item = json_array_get(contacts, i);
		json_error_t why;
		json_int_t id, folder;
		const char *user, *name;
		struct person *other;

		if (json_unpack_ex(item, &why, JSON_STRICT, "{s:I, s:I, s:s, s:s}", "id", &id, "folder", &folder, "user", &user,
			"name", &name) < 0)
			return damaged(r, "a contact:", why.text);
		if (!id_is_good(id) || !name_is_good(name) || roster_folder(r->person, (uint32_t)id) ||
		    roster_contact(r->person, (uint32_t)id))
			return damaged(r, "the id or the name of contact", user);
		if (folder && (!id_is_good(folder) || !roster_folder(r->person, (uint32_t)folder)))
			return damaged(r, "there is no such folder for contact", user);
		other = person_find(r->server, bytes_str(user));
		if (!other || other == r->person) {
			log_warning("state of user=%s: contact %s is left out, world.xml has no such other user", r->person->seed->id,
				log_str(user));
			continue;
		}
		roster_add_contact(r->person, (uint32_t)id, (uint32_t)folder, other, bytes_str(name));
	}
	return 0;
}

static int read_people(struct reading *r, const json_t *names, struct people *into)
{
	for (size_t i = 0; i < json_array_size(names); i++) {
		const char *name = json_string_value(json_array_get(names, i));
		struct person *other = name ? person_find(r->server, bytes_str(name)) : NULL;

		if (!name)
			return damaged(r, "a name of a privacy list", "is no text");
		if (!other)
			log_warning("state of user=%s: %s is left out of privacy, world.xml has no such user", r->person->seed->id,
				log_str(name));
		else
			gw_people_add(into, other);
	}
	return 0;
}

static int read_status(struct reading *r, json_t *status)
{
	struct person *person = r->person;
	json_error_t why;
	json_int_t number;
	const char *text, *auto_reply;

	if (!status)
		return 0;
	if (json_unpack_ex(status, &why, JSON_STRICT, "{s:I, s:s, s:s}", "number", &number, "text", &text, "auto_reply",
		&auto_reply) < 0)
		return damaged(r, "status:", why.text);
	if (number < GW_OFFLINE || number > GW_IDLE || strlen(text) > STATUS_TEXT_MAX || strlen(auto_reply) > STATUS_TEXT_MAX)
		return damaged(r, "the number or a text of the status of", person->seed->id);
	person->status = (uint32_t)number;
	free(person->status_text);
	free(person->auto_reply);
	person->status_text = *text ? memory_str(text) : NULL;
	person->auto_reply = *auto_reply ? memory_str(auto_reply) : NULL;
	person->restored = true;
	return 0;
}

/* The list of the seed goes; the ids of what was deleted are not given again. */
static int from_json(struct reading *r, json_t *root)
{
	struct person *person = r->person;
	json_t *folders, *contacts, *allowed, *denied, *status = NULL;
	const char *format, *user;
	json_int_t next_id, last_login;
	json_error_t why;
	int version, blocking;

	if (json_unpack_ex(root, &why, 0, "{s:s, s:i}", "format", &format, "version", &version) < 0 || strcmp(format, FORMAT) != 0)
		return damaged(r, "it does not say that its format is", FORMAT);
	if (version != VERSION)
		return error_set(r->err, "%s has version %d; this program reads version %d", r->path, version, VERSION);
	if (json_unpack_ex(root, &why, JSON_STRICT, "{s:s, s:i, s:s, s:I, s:o, s:o, s:b, s:o, s:o, s:I, s?o}", "format", &format,
		"version", &version, "user", &user, "next_id", &next_id, "folders", &folders, "contacts", &contacts, "blocking", &blocking,
		"allowed", &allowed, "denied", &denied, "last_login", &last_login, "status", &status) < 0)
		return damaged(r, "its fields:", why.text);
	if (strcmp(user, person->seed->id) != 0)
		return damaged(r, "its name says another user than", user);
	if (!json_is_array(folders) || !json_is_array(contacts) || !json_is_array(allowed) || !json_is_array(denied) ||
	    json_array_size(folders) + json_array_size(contacts) > ITEMS_MAX || !id_is_good(next_id) || last_login < 0)
		return damaged(r, "a list, next_id or last_login of", user);
	roster_clear(person);
	person->allowed.count = person->denied.count = 0;
	person->restored = false;
	person->blocks_by_default = blocking;
	person->last_login_s = (uint64_t)last_login;
	person->next_id = (uint32_t)next_id;
	if (read_folders(r, folders) < 0 || read_contacts(r, contacts) < 0 || read_people(r, allowed, &person->allowed) < 0 ||
	    read_people(r, denied, &person->denied) < 0 || read_status(r, status) < 0)
		return -1;
	for (size_t i = 0; i < person->folder_count; i++)
		if (person->folders[i].id >= person->next_id)
			return damaged(r, "next_id is not above the id of folder", person->folders[i].name);
	for (size_t i = 0; i < person->contact_count; i++)
		if (person->contacts[i].id >= person->next_id)
			return damaged(r, "next_id is not above the id of contact", person->contacts[i].person->seed->id);
	return 0;
}

static int from_text(struct reading *r, struct bytes text)
{
	json_error_t why;
	json_t *root = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &why);
	int rc;

	if (!root)
		return error_set(r->err, "%s is damaged: line %d: %s", r->path, why.line, why.text);
	rc = from_json(r, root);
	json_decref(root);
	return rc;
}

static int read_person(struct reading *r)
{
	struct buf text = { 0 };
	int rc = keep_read(r->path, &text, r->err);

	if (rc > 0)
		rc = from_text(r, buf_bytes(&text));
	buf_free(&text);
	return rc;
}

int gw_server_restore(struct gw_server *server, const char *user, struct bytes text, const char *name, struct error *err)
{
	struct reading r = { .server = server, .person = person_find(server, bytes_str(user)), .path = name, .err = err };

	return from_text(&r, text);
}

void gw_server_stored(struct gw_server *server, const char *user, struct buf *out)
{
	store_text(person_find(server, bytes_str(user)), out);
}

int gw_server_keep(struct gw_server *server, const char *folder, struct error *err)
{
	server->keep = keep_new(server->loop, folder, "groupwise", "json", write_kept, err);
	if (!server->keep)
		return -1;
	for (size_t i = 0; i < server->world->user_count; i++) {
		char *path = keep_path(server->keep, server->persons[i].seed->id);
		struct reading r = { .server = server, .person = &server->persons[i], .path = path, .err = err };
		int rc = read_person(&r);

		free(path);
		if (rc < 0)
			return -1;
	}
	return 0;
}
