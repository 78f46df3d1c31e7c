#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "simulator/groupwise/gw_state.h"

bool people_has(const struct people *people, const struct person *person)
{
	for (size_t i = 0; i < people->count; i++)
		if (people->items[i] == person)
			return true;
	return false;
}

void gw_people_append(struct people *people, struct person *person)
{
	if ((people->count & (people->count - 1)) == 0)
		people->items = memory_resize(people->items, (people->count ? people->count * 2 : 1) * sizeof *people->items);
	people->items[people->count++] = person;
}

void gw_people_add(struct people *people, struct person *person)
{
	if (!people_has(people, person))
		gw_people_append(people, person);
}

void people_remove(struct people *people, const struct person *person)
{
	for (size_t i = 0; i < people->count; i++)
		if (people->items[i] == person) {
			people->items[i] = people->items[--people->count];
			return;
		}
}

/* --- making them of the world ---------------------------------------------------------------------------------------------- */

static char *lower_dotted(struct bytes dn)
{
	struct buf dotted = { 0 };
	char *copy;

	gw_dn_dotted(dn, &dotted);
	copy = bytes_dup(buf_bytes(&dotted));
	buf_free(&dotted);
	for (char *c = copy; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c + 'a' - 'A');
	return copy;
}

static void make_list(struct gw_server *server, struct person *person)
{
	const struct world_user *seed = person->seed;

	person->next_id = 1;
	for (size_t i = 0; i < seed->folder_count; i++)
		roster_add_folder(person, person->next_id++, bytes_str(seed->folders[i].name));
	for (size_t i = 0; i < seed->contact_count; i++) {
		const struct world_contact *from = &seed->contacts[i];
		struct person *other = &server->persons[from->user - server->world->users];

		roster_add_contact(person, person->next_id++, from->folder ? person->folders[from->folder - 1].id : 0, other,
			bytes_str(from->name ? from->name : from->user->name));
	}
}

void persons_make(struct gw_server *server)
{
	server->persons = memory_new(server->world->user_count * sizeof *server->persons);
	for (size_t i = 0; i < server->world->user_count; i++) {
		struct person *person = &server->persons[i], *same;

		person->seed = &server->world->users[i];
		person->kept.id = person->seed->id;
		person->dn = bytes_str(person->seed->dn);
		person->dotted = lower_dotted(person->dn);
		person->status = GW_OFFLINE;
		policies_make(server->world, person->seed, &person->policies);
		/* Two DNs may look the same dotted; the first one wins, both are found by their DN. */
		HASH_FIND_STR(server->by_dotted, person->dotted, same);
		if (!same)
			HASH_ADD_KEYPTR(hh, server->by_dotted, person->dotted, strlen(person->dotted), person);
	}
	for (size_t i = 0; i < server->world->user_count; i++)
		make_list(server, &server->persons[i]);
}

void persons_free(struct gw_server *server)
{
	HASH_CLEAR(hh, server->by_dotted);
	for (size_t i = 0; i < server->world->user_count; i++) {
		struct person *person = &server->persons[i];

		for (size_t f = 0; f < person->folder_count; f++)
			free(person->folders[f].name);
		for (size_t c = 0; c < person->contact_count; c++)
			free(person->contacts[c].name);
		free(person->folders);
		free(person->contacts);
		free(person->watchers.items);
		free(person->allowed.items);
		free(person->denied.items);
		free(person->dotted);
		free(person->status_text);
		free(person->auto_reply);
	}
	free(server->persons);
}

struct person *person_find(struct gw_server *server, struct bytes name)
{
	const struct world_user *user = world_find(server->world, name);
	struct person *person = NULL;
	char *key;

	if (user)
		return &server->persons[user - server->world->users];
	key = bytes_dup(name);
	for (char *c = key; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c + 'a' - 'A');
	HASH_FIND_STR(server->by_dotted, key, person);
	free(key);
	return person;
}

/* --- who sees what ------------------------------------------------------------------------------------------------------------ */

bool person_blocks(const struct person *person, const struct person *other)
{
	if (person == other)
		return false;
	return person->blocks_by_default ? !people_has(&person->allowed, other) : people_has(&person->denied, other);
}

uint32_t person_visible(const struct person *person, const struct person *asker, const char **text)
{
	*text = "";
	if (!person->slots || person->status == GW_OFFLINE || person_blocks(person, asker))
		return GW_OFFLINE;
	if (person->status_text)
		*text = person->status_text;
	return person->status;
}

unsigned person_session_count(const struct person *person)
{
	return (unsigned)__builtin_popcount(person->slots);
}

void person_event(const struct person *person, uint32_t slots, const struct gw_event *event)
{
	for (unsigned i = 0; i < SESSIONS_OF_USER; i++)
		if (person->sessions[i] && (slots & 1u << i))
			session_event(person->sessions[i], event);
}

void person_announce_to(const struct person *person, const struct person *watcher)
{
	const char *text;
	uint32_t status;

	if (!watcher->slots)
		return;
	status = person_visible(person, watcher, &text);
	person_event(watcher, watcher->slots, &(struct gw_event){ .type = GW_EVENT_STATUS, .source = person->dn,
		.status = (uint16_t)status, .text = bytes_str(text) });
}

void person_announce(const struct person *person)
{
	for (size_t i = 0; i < person->watchers.count; i++)
		person_announce_to(person, person->watchers.items[i]);
}

/* --- how they are shown --------------------------------------------------------------------------------------------------------- */

void person_names(const struct gw_server *server, const struct person *person, struct gw_tree *tree, struct gw_field *into)
{
	/* Real servers send it only where users log in by another attribute than CN; clients then show its value as the id. */
	if (server->settings.auth_attribute)
		gw_add_str(tree, into, GW_TAG_AUTH_ATTRIBUTE, person->seed->id);
	gw_add_text(tree, into, GW_TAG_CN, gw_dn_leaf(person->dn));
	gw_add_str(tree, into, GW_TAG_SURNAME, person->seed->surname);
	gw_add_str(tree, into, GW_TAG_FULL_NAME, person->seed->name);
	gw_add_str(tree, into, GW_TAG_GIVEN_NAME, person->seed->given);
}

void person_info(const struct person *person, struct gw_tree *tree, struct gw_field *into)
{
	struct gw_field *info = gw_add_array(tree, into, GW_TAG_INFO_ARRAY);

	gw_add_str(tree, info, GW_TAG_EMAIL, person->seed->mail);
	if (person->seed->phone)
		gw_add_str(tree, info, "telephoneNumber", person->seed->phone);
	if (person->seed->department)
		gw_add_str(tree, info, "OU", person->seed->department);
	if (person->seed->title)
		gw_add_str(tree, info, "Title", person->seed->title);
}

void person_details(const struct gw_server *server, const struct person *person, const struct person *asker,
	struct gw_tree *tree, struct gw_field *into)
{
	const char *text;
	uint32_t status = person_visible(person, asker, &text);

	person_names(server, person, tree, into);
	gw_add_decimal(tree, into, GW_TAG_ARCHIVE, person->policies.values[POLICY_ARCHIVE]);
	person_info(person, tree, into);
	gw_add_text(tree, into, GW_TAG_DN, person->dn);
	gw_add_decimal(tree, into, GW_TAG_STATUS, status);
	gw_add_str(tree, into, GW_TAG_MESSAGE_BODY, text);
}
