/* What users changed, kept over a restart (simulator/keep.h): one file a user, DIR/ocs/ID.xml, made of the documents that the protocol
 * has for it anyway.
 *
 *   <ocsUser format="bramble-ocs-user" version="1" user="alice" nextGroup="3"><contactList deltaNum="4">...</contactList>
 *     <roamingData><categories uri="sip:alice@corp.test">...</categories><containers>...</containers><subscribers>...</subscribers></roamingData>
 *     <ACLlist deltaNum="1">...</ACLlist><userInfo>...</userInfo></ocsUser>
 *
 * Of what he published there is what stays without an endpoint (static). Format: ours; docs/protocol/ocs.md describes it. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "simulator/ocs/ocs_state.h"

#define FORMAT "bramble-ocs-user"
#define VERSION 1

struct info {
	char *others;
};
struct file {
	char *format, *user;
	uint32_t version, next_group;
	struct sip_contact_list *contacts;
	struct sip_roaming_data *roaming;
	struct sip_acl *acl;
	struct info *info;
};

static const struct xml_field info_fields[] = {
	XML_INNER_ROW(struct info, others),
	{ 0 },
};
static const struct xml_form info_form = { "userInfo", NULL, sizeof(struct info), info_fields };
static const struct xml_field file_fields[] = {
	XML_ATTR_ROW(struct file, format, "format", XML_STRING, XML_ALWAYS),
	XML_ATTR_ROW(struct file, version, "version", XML_NUMBER, XML_ALWAYS),
	XML_ATTR_ROW(struct file, user, "user", XML_STRING, XML_REQUIRED),
	XML_ATTR_ROW(struct file, next_group, "nextGroup", XML_NUMBER, XML_REQUIRED),
	XML_ONE_ROW(struct file, contacts, sip_contact_list_form, XML_REQUIRED),
	XML_ONE_ROW(struct file, roaming, sip_roaming_data_form, XML_REQUIRED),
	XML_ONE_ROW(struct file, acl, sip_acl_form, XML_REQUIRED),
	XML_ONE_ROW(struct file, info, info_form, XML_OPTIONAL),
	{ 0 },
};
static const struct xml_form file_form = { "ocsUser", NULL, sizeof(struct file), file_fields };

/* --- writing ---------------------------------------------------------------------------------------------------------------- */

/* Borrows; the caller frees the array. */
static struct sip_categories static_items(const struct user *user)
{
	struct sip_categories list = { .uri = user->address, .items = memory_new((user->publication_count + 1) * sizeof *list.items) };

	for (size_t i = 0; i < user->publication_count; i++) {
		const struct sip_category *c = &user->publications[i].item;

		if (c->expire_type && strcmp(c->expire_type, "static") == 0)
			list.items[list.count++] = *c;
	}
	return list;
}

static void store_text(const struct user *user, struct buf *out)
{
	struct sip_contact_list contacts = user->contacts;
	struct sip_categories categories = static_items(user);
	struct sip_containers containers = user->containers;
	struct sip_subscribers subscribers = user->subscribers;
	struct sip_roaming_data roaming = { &categories, &containers, &subscribers };
	struct sip_aces aces = user->aces;
	struct sip_acl acl = { user->acl_delta, &aces };
	struct info info = { user->info_others };
	struct file file = { .format = FORMAT, .user = user->seed->id, .version = VERSION, .next_group = user->next_group,
		.contacts = &contacts, .roaming = &roaming, .acl = &acl, .info = user->info_others ? &info : NULL };

	xml_form_write(&file_form, &file, out);
	free(categories.items);
}

static void write_kept(struct kept *kept, struct buf *out)
{
	store_text((const struct user *)((const char *)kept - offsetof(struct user, kept)), out);
}

void user_changed(struct user *user)
{
	keep_changed(user->server->keep, &user->kept);
}

/* --- reading ----------------------------------------------------------------------------------------------------------------- */

static int take(struct user *user, struct file *file, struct error *err)
{
	const struct sip_roaming_data *roaming = file->roaming;

	if (!file->format || strcmp(file->format, FORMAT) != 0)
		return error_set(err, "it does not say that its format is " FORMAT);
	if (file->version != VERSION)
		return error_set(err, "it has version %u; this program reads version %d", file->version, VERSION);
	if (strcmp(file->user, user->seed->id) != 0)
		return error_set(err, "its name says another user than %s", log_str(file->user));
	if (contacts_restore(user, file->contacts, file->next_group, err) < 0 || acl_restore(user, file->acl, err) < 0 ||
	    access_restore(user, roaming->containers, roaming->subscribers, err) < 0 || presence_restore(user, roaming->categories, err) < 0)
		return -1;
	free(user->info_others);
	user->info_others = NULL;
	if (file->info && file->info->others) {
		if (strlen(file->info->others) > SIP_USER_INFO_MAX)
			return error_set(err, "userInfo has more than %d bytes", SIP_USER_INFO_MAX);
		user->info_others = file->info->others;
		file->info->others = NULL;
	}
	return 0;
}

static int from_text(struct user *user, struct bytes text, const char *name, struct error *err)
{
	struct file file;
	int rc = xml_form_read_long(text, KEEP_FILE_MAX, &file_form, &file, err);

	if (rc == 0) {
		rc = take(user, &file, err);
		xml_form_clear(&file_form, &file);
	}
	return rc < 0 ? error_prefix(err, "%s is damaged: ", name) : 0;
}

static struct user *user_of(struct ocs_server *server, const char *id)
{
	return &server->users[world_find(server->world, bytes_str(id)) - server->world->users];
}

int ocs_server_restore(struct ocs_server *server, const char *user, struct bytes text, const char *name, struct error *err)
{
	return from_text(user_of(server, user), text, name, err);
}

void ocs_server_stored(struct ocs_server *server, const char *user, struct buf *out)
{
	store_text(user_of(server, user), out);
}

int ocs_server_keep(struct ocs_server *server, const char *folder, struct error *err)
{
	struct keep *keep = keep_new(server->loop, folder, "ocs", "xml", write_kept, err);
	int rc = keep ? 0 : -1;

	for (size_t i = 0; rc == 0 && i < server->world->user_count; i++) {
		char *path = keep_path(keep, server->users[i].seed->id);
		struct buf text = { 0 };

		rc = keep_read(path, &text, err);
		if (rc > 0)
			rc = from_text(&server->users[i], buf_bytes(&text), path, err);
		buf_free(&text);
		free(path);
	}
	/* Not before: what is taken is no change. */
	server->keep = keep;
	return rc;
}
