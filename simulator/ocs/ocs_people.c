/* The people of the simulated Communications Server. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "simulator/ocs/ocs_state.h"

static char *lower(char *text)
{
	for (char *c = text; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c + 'a' - 'A');
	return text;
}

void users_make(struct ocs_server *server)
{
	const struct world *world = server->world;

	server->users = memory_new((world->user_count + 1) * sizeof *server->users);
	for (size_t i = 0; i < world->user_count; i++) {
		struct user *user = &server->users[i];

		user->server = server;
		user->seed = &world->users[i];
		user->kept.id = user->seed->id;
		user->address = lower(memory_printf("sip:%s@%s", user->seed->id, world->domain));
		user->availability = SIP_OFFLINE;
		user->state_version = 1;
		user->expiry = loop_timer_new(server->loop, presence_expire, user);
		HASH_ADD_KEYPTR(hh, server->by_address, user->address, strlen(user->address), user);
	}
	for (size_t i = 0; i < world->user_count; i++) {
		contacts_make(&server->users[i]);
		acl_make(&server->users[i]);
	}
}

void users_free(struct ocs_server *server)
{
	keep_free(&server->keep);
	HASH_CLEAR(hh, server->by_address);
	for (size_t i = 0; server->users && i < server->world->user_count; i++) {
		struct user *user = &server->users[i];
		struct sip_categories items = { 0 };
		struct sip_acl acl = { .aces = memory_new(sizeof *acl.aces) };

		xml_form_clear(&sip_contact_list_form, &user->contacts);
		xml_form_clear(&sip_set_members_form, &user->containers);
		xml_form_clear(&sip_set_subscribers_form, &user->subscribers);
		for (size_t p = 0; p < user->publication_count; p++) {
			items = (struct sip_categories){ .items = memory_new(sizeof *items.items), .count = 1 };
			items.items[0] = user->publications[p].item;
			xml_form_clear(&sip_categories_form, &items);
		}
		*acl.aces = user->aces;
		xml_form_clear(&sip_acl_form, &acl);
		free(user->info_others);
		free(user->publications);
		free(user->watchers);
		free(user->address);
		loop_timer_free(&user->expiry);
	}
	free(server->users);
	server->users = NULL;
}

struct user *user_find(struct ocs_server *server, const char *uri)
{
	char *named = uri && strncasecmp(uri, "sip:", 4) != 0 ? memory_printf("sip:%s", uri) : NULL;
	char *address = uri ? sip_address(named ? named : uri) : NULL;
	struct user *user = NULL;

	if (address)
		HASH_FIND_STR(server->by_address, address, user);
	free(address);
	free(named);
	return user;
}

const char *user_plain(const struct user *user)
{
	return user->address + strlen("sip:");
}
