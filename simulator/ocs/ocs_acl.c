/* The older dialect's list of access entries. It says the same as the container of the blocked: who is put there by one dialect is found
 * there by the other. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/memory.h"
#include "simulator/ocs/ocs_state.h"

static struct sip_ace *find(const struct user *user, const char *type, const char *mask)
{
	for (size_t i = 0; i < user->aces.count; i++)
		if (strcmp(user->aces.items[i].type, type) == 0 && strcasecmp(user->aces.items[i].mask, mask) == 0)
			return &user->aces.items[i];
	return NULL;
}

static bool is_blocking(const char *rights)
{
	return rights[0] == 'B' || rights[0] == 'D';
}

/* false: there are too many. */
static bool set(struct user *user, const char *type, const char *mask, const char *rights)
{
	struct sip_ace *ace = find(user, type, mask);

	if (!ace) {
		if (user->aces.count == SIP_ACES_MAX)
			return false;
		user->aces.items = memory_resize(user->aces.items, (user->aces.count + 1) * sizeof *user->aces.items);
		ace = &user->aces.items[user->aces.count++];
		*ace = (struct sip_ace){ .type = memory_str(type), .mask = memory_str(mask) };
	}
	free(ace->rights);
	ace->rights = memory_str(rights);
	user->acl_delta++;
	user_changed(user);
	return true;
}

/* Everybody may see and reach him. Source: ours, that the list begins so; that such an entry exists: code. */
void acl_make(struct user *user)
{
	set(user, "ALL", "", "AA");
}

int acl_restore(struct user *user, struct sip_acl *list, struct error *err)
{
	struct sip_acl old = { .aces = memory_new(sizeof *old.aces) };

	*old.aces = user->aces;
	xml_form_clear(&sip_acl_form, &old);
	user->aces = (struct sip_aces){ 0 };
	for (size_t i = 0; list->aces && i < list->aces->count; i++) {
		const struct sip_ace *ace = &list->aces->items[i];
		bool known = strcmp(ace->type, "USER") == 0 || strcmp(ace->type, "DOMAIN") == 0 || strcmp(ace->type, "ALL") == 0;

		if (!known || !ace->mask || !ace->rights || !sip_rights_are_good(ace->rights) || find(user, ace->type, ace->mask))
			return error_set(err, "the access entry %s %s", log_str(ace->type), log_str(ace->mask ? ace->mask : ""));
		set(user, ace->type, ace->mask, ace->rights);
	}
	if (!find(user, "ALL", "") || !list->delta)
		return error_set(err, "deltaNum of the access list is above 0, and there is an entry for ALL");
	user->acl_delta = list->delta;
	return 0;
}

void acl_write(const struct user *user, struct buf *out)
{
	struct sip_aces aces = user->aces;
	struct sip_acl acl = { user->acl_delta, &aces };

	xml_form_write(&sip_acl_form, &acl, out);
}

/* Changes come as the whole list: what a partial one looks like nothing public says. */
static void tell(struct user *user)
{
	struct buf body = { 0 };

	acl_write(user, &body);
	user_notify(user, EVENT_ACL, SIP_TYPE_ACL, buf_bytes(&body));
	buf_free(&body);
	acl_tell_pending(user);
}

const struct sip_ace *acl_entry(const struct user *user, const struct user *other)
{
	const struct sip_ace *ace = find(user, "USER", other->address);
	const char *domain = strchr(user_plain(other), '@');

	if (!ace && domain)
		ace = find(user, "DOMAIN", domain + 1);
	return ace ? ace : find(user, "ALL", "");
}

/* --- both dialects ------------------------------------------------------------------------------------------------------------------- */

void acl_follow(struct user *user, const struct sip_member *member, bool blocked)
{
	const char *type = strcmp(member->type, "user") == 0 ? "USER" : strcmp(member->type, "domain") == 0 ? "DOMAIN" : "ALL";
	const char *value = member->value && strcmp(type, "ALL") != 0 ? member->value : "";
	char *mask = strcmp(type, "USER") == 0 && strncasecmp(value, "sip:", 4) != 0 ? memory_printf("sip:%s", value) : memory_str(value);
	const struct sip_ace *ace = find(user, type, mask);

	if (blocked != (ace && is_blocking(ace->rights))) {
		set(user, type, mask, blocked ? "BD" : "AA");
		tell(user);
	}
	free(mask);
}

/* --- watchers that wait ----------------------------------------------------------------------------------------------------------------- */

static bool is_pending(const struct user *user, const struct sip_subscriber *s)
{
	const struct user *watcher = user_find(user->server, s->user);

	return watcher && !s->acknowledged && !contacts_have(user, watcher) && strcmp(acl_entry(user, watcher)->type, "USER") != 0;
}

void acl_write_pending(const struct user *user, struct buf *out)
{
	struct sip_watchers list = { .items = memory_new((user->subscribers.count + 1) * sizeof *list.items) };

	for (size_t i = 0; i < user->subscribers.count; i++) {
		const struct sip_subscriber *s = &user->subscribers.items[i];

		if (is_pending(user, s))
			list.items[list.count++] = (struct sip_watcher){ memory_printf("sip:%s", s->user), memory_str(s->display_name) };
	}
	xml_form_write(&sip_watchers_form, &list, out);
	xml_form_clear(&sip_watchers_form, &list);
}

void acl_tell_pending(struct user *user)
{
	struct buf body = { 0 };

	acl_write_pending(user, &body);
	user_notify(user, EVENT_PENDING, SIP_TYPE_PENDING, buf_bytes(&body));
	buf_free(&body);
}

/* --- SERVICE: setACE --------------------------------------------------------------------------------------------------------------------- */

/* NULL: it may be set. */
static const char *what_is_wrong(const struct request *r, const struct sip_set_ace *asked)
{
	const char *mask = asked->mask ? asked->mask : "";

	if (!sip_rights_are_good(asked->rights))
		return "rights are one of A, P, D, B and one of A, D";
	if (strcmp(asked->type, "USER") == 0)
		return user_find(r->server, mask) ? NULL : "mask names no user of this server";
	if (strcmp(asked->type, "DOMAIN") == 0)
		return *mask && strlen(mask) <= 255 ? NULL : "mask of a DOMAIN is its name";
	return strcmp(asked->type, "ALL") == 0 ? NULL : "type is USER, DOMAIN or ALL";
}

void on_set_ace(struct request *r, const struct sip_set_ace *asked)
{
	struct user *user = r->user, *other;
	const char *wrong = what_is_wrong(r, asked), *mask = asked->mask ? asked->mask : "";
	struct sip_member member = { .type = "everyone" };

	if (wrong) {
		answer_because(r, 400, 0, wrong);
		return;
	}
	if (asked->delta != user->acl_delta) {
		answer_because(r, 409, 0, "deltaNum is not that of the list");
		return;
	}
	if (strcmp(asked->type, "USER") == 0) {
		other = user_find(r->server, mask);
		mask = other->address;
		member = (struct sip_member){ .type = "user", .value = other->address + strlen("sip:") };
	} else if (strcmp(asked->type, "DOMAIN") == 0) {
		member = (struct sip_member){ .type = "domain", .value = asked->mask };
	} else {
		mask = "";
	}
	if (!set(user, asked->type, mask, asked->rights)) {
		answer_because(r, 403, 0, "too many access entries");
		return;
	}
	answer(r, 200);
	tell(user);
	access_set_blocked(user, &member, is_blocking(asked->rights));
}
