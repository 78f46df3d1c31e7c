/* Who may see and reach whom. */
#include <stdlib.h>

#include "base/log.h"
#include "simulator/groupwise/gw_state.h"

/* Everybody whom the change affects is told at once. */
static void set_default(struct person *person, bool blocks)
{
	if (person->blocks_by_default == blocks)
		return;
	person->blocks_by_default = blocks;
	for (size_t i = 0; i < person->watchers.count; i++) {
		const struct person *watcher = person->watchers.items[i];
		/* Blocked by the one default if he is denied, by the other unless he is allowed: on one list alone nothing changes. */
		bool allowed = people_has(&person->allowed, watcher), denied = people_has(&person->denied, watcher);

		if (allowed != denied)
			continue;
		person_announce_to(person, watcher);
	}
}

static void change_list(struct person *person, struct people *list, struct person *other, bool add)
{
	bool before = person_blocks(person, other);

	if (add)
		gw_people_add(list, other);
	else
		people_remove(list, other);
	if (person_blocks(person, other) != before && people_has(&person->watchers, other))
		person_announce_to(person, other);
}

static uint32_t createblock(struct call *call)
{
	struct person *person = call->session->person, *other;
	const struct gw_field *deny = gw_find(call->in, GW_TAG_DENY_ITEM), *allow = gw_find(call->in, GW_TAG_ALLOW_ITEM);
	struct people *list = deny ? &person->denied : &person->allowed;

	if (!deny && !allow)
		return GW_PROTOCOL_ERROR;
	other = person_find(call->session->server, (deny ? deny : allow)->text);
	if (!other)
		return GW_USER_NOT_FOUND;
	if (other == person)
		return GW_USER_NOT_ALLOWED;
	if (list->count == BLOCKS_MAX)
		return GW_TOO_MANY_CONTACTS;
	gw_add_text(call->out, NULL, deny ? GW_TAG_DENY_LIST : GW_TAG_ALLOW_LIST, other->dn);
	call_answer(call, GW_OK);
	change_list(person, list, other, true);
	call_changed(call);
	return GW_OK;
}

/* One request may take several names off the lists and set the default. Checked before any is changed. */
static uint32_t updateblocks(struct call *call)
{
	struct person *person = call->session->person;
	struct gw_server *server = call->session->server;
	bool changed = false;

	for (int change = 0; change < 2; change++) {
		for (const struct gw_field *f = call->in->first; f; f = f->next) {
			bool deny = bytes_is(f->tag, GW_TAG_DENY_LIST);
			uint32_t value;

			if (bytes_is(f->tag, GW_TAG_BLOCKING)) {
				if (!gw_number(f, &value) || value > 1)
					return GW_PROTOCOL_ERROR;
				if (change)
					set_default(person, value == 1);
				changed = true;
			} else if ((deny || bytes_is(f->tag, GW_TAG_ALLOW_LIST)) && f->method == GW_DELETE) {
				struct person *other = person_find(server, f->text);

				if (!other)
					return GW_USER_NOT_FOUND;
				if (change)
					change_list(person, deny ? &person->denied : &person->allowed, other, false);
				changed = true;
			} else if (!bytes_is(f->tag, GW_TAG_TRANSACTION)) {
				return GW_PROTOCOL_ERROR;
			}
		}
	}
	if (changed)
		call_changed(call);
	return GW_OK;
}

const struct command privacy_commands[] = {
	{ "createblock", false, LOCKS_PRIVACY, createblock },
	{ "updateblocks", false, LOCKS_PRIVACY, updateblocks },
	{ NULL, false, NULL, NULL },
};
