/* What the administrator allows: policies and custom statuses of world.xml, for everybody and for one user on top of that. */
#include <string.h>

#include "base/log.h"
#include "simulator/groupwise/gw_state.h"

#define LIMIT_MAX 100000

/* In the order of the one published answer of a real server. What we do not do is forbidden unless world.xml says otherwise.
 * Source: capture for names and order. */
static const struct {
	const char *name;
	uint32_t usual, max;
} rows[POLICIES] = {
	[POLICY_FILE_TRANSFER] = { "nnmFileTransfer", 0, 1 },
	[POLICY_QUERY] = { "nnmQuery", 1, 1 },
	[POLICY_ARCHIVE] = { GW_TAG_ARCHIVE, 0, 1 },
	[POLICY_PASSWORD_REMEMBER] = { "nnmPasswordRemember", 1, 1 },
	[POLICY_BROADCAST] = { "nnmBroadcast", 0, 1 },
	[POLICY_PERSONAL_HISTORY] = { "nnmPersonalHistory", 1, 1 },
	[POLICY_PRINT_SAVE] = { "nnmPrintSave", 1, 1 },
	[POLICY_CHAT_SERVICE] = { "nnmChatService", 0, 1 },
	[POLICY_MAX_CONTACTS] = { "nnmMaxContacts", CONTACTS_MAX, LIMIT_MAX },
	[POLICY_MAX_FOLDERS] = { "nnmMaxFolders", FOLDERS_MAX, LIMIT_MAX },
};

static int apply(const struct world_policy *given, struct policies *into, struct error *err)
{
	uint32_t value;

	if (strcmp(given->name, GW_TAG_LOCKED) == 0) {
		into->locked = given->value;
		return 0;
	}
	for (int i = 0; i < POLICIES; i++) {
		if (strcmp(given->name, rows[i].name) != 0)
			continue;
		if (gw_decimal(bytes_str(given->value), &value) < 0 || value > rows[i].max)
			return error_set(err, "line %u: %s is 0 to %u, not %s", given->line, rows[i].name, rows[i].max, log_str(given->value));
		into->values[i] = value;
		return 0;
	}
	return error_set(err, "line %u: there is no policy %s; docs/world.md lists them", given->line, log_str(given->name));
}

static int apply_all(const struct world_rules *rules, struct policies *into, struct error *err)
{
	for (size_t i = 0; i < rules->policy_count; i++)
		if (apply(&rules->policies[i], into, err) < 0)
			return -1;
	return 0;
}

/* Everything a connected user may set. 0: none of them. */
static uint32_t base_status(const char *name)
{
	for (uint32_t status = GW_OFFLINE; status <= GW_IDLE; status++)
		if (strcmp(name, gw_status_name(status)) == 0)
			return status;
	return 0;
}

static int check_statuses(const struct world_rules *rules, struct error *err)
{
	for (size_t i = 0; i < rules->status_count; i++)
		if (!base_status(rules->statuses[i].base))
			return error_set(err, "line %u: the base of status %s is offline, available, busy, away or idle, not %s",
				rules->statuses[i].line, log_str(rules->statuses[i].name), log_str(rules->statuses[i].base));
	return 0;
}

int gw_world_check(const struct world *world, struct error *err)
{
	struct policies policies;

	if (check_statuses(&world->rules, err) < 0 || apply_all(&world->rules, &policies, err) < 0)
		return -1;
	for (size_t i = 0; i < world->user_count; i++)
		if (check_statuses(&world->users[i].rules, err) < 0 || apply_all(&world->users[i].rules, &policies, err) < 0)
			return -1;
	return 0;
}

void policies_make(const struct world *world, const struct world_user *user, struct policies *out)
{
	struct error err;

	out->locked = NULL;
	for (int i = 0; i < POLICIES; i++)
		out->values[i] = rows[i].usual;
	if (apply_all(&world->rules, out, &err) < 0 || apply_all(&user->rules, out, &err) < 0)
		bug("a world that was not checked: %s", err.text);
}

bool policies_lock(const struct policies *policies, const char *attribute)
{
	size_t len = strlen(attribute);

	for (const char *at = policies->locked; at && *at; at += strcspn(at, " ")) {
		at += strspn(at, " ");
		if (strncmp(at, attribute, len) == 0 && (at[len] == ' ' || !at[len]))
			return true;
	}
	return false;
}

void policies_tell(const struct policies *policies, struct gw_tree *out)
{
	for (int i = 0; i < POLICIES; i++)
		gw_add_decimal(out, NULL, rows[i].name, policies->values[i]);
}

/* A list of one is the bare name, of more a multi-value, as with the lists of privacy. */
void policies_tell_locked(const struct policies *policies, struct gw_tree *out)
{
	struct gw_field *parent = NULL;

	if (!policies->locked)
		return;
	if (strchr(policies->locked, ' ')) {
		parent = gw_add_array(out, NULL, GW_TAG_LOCKED);
		parent->type = GW_TYPE_MULTI;
	}
	for (const char *at = policies->locked; *at; at += strspn(at, " ")) {
		size_t len = strcspn(at, " ");

		if (len)
			gw_add_text(out, parent, GW_TAG_LOCKED, bytes_of(at, len));
		at += len;
	}
}

static void tell_statuses(const struct world_rules *rules, struct gw_tree *out, struct gw_field *into)
{
	for (size_t i = 0; i < rules->status_count; i++) {
		const struct world_status *status = &rules->statuses[i];
		struct gw_field *item = gw_add_array(out, into, GW_TAG_CUSTOM_STATUS);

		gw_add_decimal(out, item, GW_TAG_TYPE, base_status(status->base));
		gw_add_str(out, item, GW_TAG_DISPLAY_NAME, status->name);
		gw_add_str(out, item, GW_TAG_MESSAGE_BODY, status->reply ? status->reply : "");
	}
}

void custom_statuses_tell(const struct world *world, const struct world_user *user, struct gw_tree *out)
{
	struct gw_field *into = gw_add_array(out, NULL, GW_TAG_CUSTOM_STATUSES);

	tell_statuses(&world->rules, out, into);
	tell_statuses(&user->rules, out, into);
}
