/* Containers and who is in them, and who has the user on the list. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "simulator/cwa/cwa_uplink_state.h"

void access_forget(struct endpoint *e)
{
	xml_form_clear(&sip_set_members_form, &e->containers);
	xml_form_clear(&sip_set_subscribers_form, &e->subscribers);
}

/* --- containers ---------------------------------------------------------------------------------------------------------------------- */

static struct sip_container_members *container_find(const struct endpoint *e, uint32_t id)
{
	for (size_t i = 0; i < e->containers.count; i++)
		if (e->containers.items[i].id == id)
			return &e->containers.items[i];
	return NULL;
}

static void tell_containers(const struct endpoint *e)
{
	struct home_container list[HOME_CONTAINERS];
	struct home_member *members;
	char **uris;
	size_t used = 0, all = 0;

	for (size_t i = 0; i < e->containers.count; i++)
		all += e->containers.items[i].count;
	members = memory_new((all + 1) * sizeof *members);
	uris = memory_new((all + 1) * sizeof *uris);
	for (size_t c = 0; c < HOME_CONTAINERS; c++) {
		const struct sip_container_members *from = container_find(e, home_containers[c]);

		list[c] = (struct home_container){ .id = home_containers[c], .members = members + used, .member_count = from ? from->count : 0 };
		for (size_t i = 0; from && i < from->count; i++, used++) {
			const struct sip_member *m = &from->members[i];

			uris[used] = strcmp(m->type, "user") == 0 ? uplink_uri(m->value) : NULL;
			members[used] = (struct home_member){ .type = m->type, .value = uris[used] ? uris[used] : m->value ? m->value : "" };
		}
	}
	front_containers(e->session, list, HOME_CONTAINERS);
	while (used)
		free(uris[--used]);
	free(uris);
	free(members);
}

/* Takes the members over, container by container. */
void access_take_containers(struct endpoint *e, struct sip_containers *told)
{
	for (size_t i = 0; i < told->count; i++) {
		struct sip_container_members *into = container_find(e, told->items[i].id), swap;

		if (!into) {
			e->containers.items = memory_resize(e->containers.items, (e->containers.count + 1) * sizeof *e->containers.items);
			into = &e->containers.items[e->containers.count++];
			*into = (struct sip_container_members){ .id = told->items[i].id };
		}
		swap = *into;
		*into = told->items[i];
		told->items[i] = swap;
	}
	if (e->step == STEP_READY)
		tell_containers(e);
}

struct member_change {
	uint32_t container;
	bool add;
	char *type, *value;
};

static void member_change_free(void *what)
{
	struct member_change *c = what;

	free(c->type);
	free(c->value);
	free(c);
}

/* As it stands there: users without "sip:". */
static const char *plain(const char *value)
{
	return strncasecmp(value, "sip:", 4) == 0 ? value + 4 : value;
}

static bool has_member(const struct sip_container_members *container, const char *type, const char *value)
{
	for (size_t i = 0; container && i < container->count; i++)
		if (strcmp(container->members[i].type, type) == 0 &&
		    strcasecmp(plain(container->members[i].value ? container->members[i].value : ""), value) == 0)
			return true;
	return false;
}

/* Somebody is in one container at most: adding takes him out of the others. */
static void write_member(struct endpoint *e, const void *what, struct buf *out)
{
	static char add[] = "add", removes[] = "remove";
	const struct member_change *c = what;
	struct sip_member first = { .action = c->add ? add : removes, .type = c->type, .value = c->value };
	struct sip_member gone = { .action = removes, .type = c->type, .value = c->value };
	struct sip_container_members *items = memory_new((e->containers.count + 1) * sizeof *items);
	const struct sip_container_members *known = container_find(e, c->container);
	struct sip_containers body = { items, 1 };

	items[0] = (struct sip_container_members){ .id = c->container, .version = known ? known->version : 0, .members = &first, .count = 1 };
	for (size_t i = 0; c->add && i < e->containers.count; i++) {
		const struct sip_container_members *other = &e->containers.items[i];

		if (other->id != c->container && has_member(other, c->type, c->value))
			items[body.count++] = (struct sip_container_members){ .id = other->id, .version = other->version, .members = &gone, .count = 1 };
	}
	xml_form_write(&sip_set_members_form, &body, out);
	free(items);
}

static const struct job_kind member_kind = { .content_type = SIP_TYPE_MEMBERS, .news = SUBSCRIBED_SELF, .write = write_member,
	.free = member_change_free };

void uplink_change_member(void *ctx, struct session *s, const char *rid, uint32_t container, bool add, const struct home_member *member)
{
	struct endpoint *e = session_home(s);
	const char *value = plain(member->value);
	struct member_change *c;

	(void)ctx;
	if (!add && !has_member(container_find(e, container), member->type, value)) {
		home_done(s, rid, &(struct outcome){ .code = CWA_INVALID_OPERATION, .detail = "there is no such member" });
		return;
	}
	c = memory_new(sizeof *c);
	*c = (struct member_change){ .container = container, .add = add, .type = memory_str(member->type),
		.value = *value ? memory_str(value) : NULL };
	job_add(e, &member_kind, c, rid, false);
}

/* --- subscribers --------------------------------------------------------------------------------------------------------------------------- */

static struct sip_subscriber *subscriber_find(const struct endpoint *e, const char *user)
{
	for (size_t i = 0; i < e->subscribers.count; i++)
		if (strcasecmp(plain(e->subscribers.items[i].user), plain(user)) == 0)
			return &e->subscribers.items[i];
	return NULL;
}

static void tell_subscribers(const struct endpoint *e)
{
	size_t count = e->subscribers.count, used = 0;
	struct home_subscriber *list = memory_new((count + 1) * sizeof *list);
	char **uris = memory_new((count + 1) * sizeof *uris);

	for (size_t i = 0; i < count; i++) {
		const struct sip_subscriber *from = &e->subscribers.items[i];

		uris[used] = uplink_uri(from->user);
		if (!uris[used])
			continue;
		list[used] = (struct home_subscriber){ .uri = uris[used], .name = from->display_name ? from->display_name : "",
			.network = from->type ? from->type : "sameEnterprise", .acknowledged = from->acknowledged };
		used++;
	}
	front_subscribers(e->session, list, used);
	while (used)
		free(uris[--used]);
	free(uris);
	free(list);
}

void access_take_subscribers(struct endpoint *e, struct sip_subscribers *told)
{
	for (size_t i = 0; i < told->count; i++) {
		struct sip_subscriber *into = subscriber_find(e, told->items[i].user), swap;

		if (!into) {
			e->subscribers.items = memory_resize(e->subscribers.items, (e->subscribers.count + 1) * sizeof *e->subscribers.items);
			into = &e->subscribers.items[e->subscribers.count++];
			*into = (struct sip_subscriber){ 0 };
		}
		swap = *into;
		*into = told->items[i];
		told->items[i] = swap;
	}
	if (e->step == STEP_READY)
		tell_subscribers(e);
}

void access_tell(struct endpoint *e)
{
	tell_containers(e);
	tell_subscribers(e);
}

static void write_acknowledged(struct endpoint *e, const void *what, struct buf *out)
{
	char *user = memory_str(what);
	struct sip_subscriber one = { .user = user, .acknowledged = true };
	struct sip_subscribers body = { &one, 1 };

	(void)e;
	xml_form_write(&sip_set_subscribers_form, &body, out);
	free(user);
}

static const struct job_kind acknowledge_kind = { .content_type = SIP_TYPE_SUBSCRIBERS, .news = SUBSCRIBED_SELF,
	.write = write_acknowledged, .free = free };

void uplink_acknowledge(void *ctx, struct session *s, const char *rid, const char *uri)
{
	struct endpoint *e = session_home(s);

	(void)ctx;
	if (!subscriber_find(e, uri))
		home_done(s, rid, &(struct outcome){ .code = CWA_INVALID_OPERATION, .detail = "there is no such subscriber" });
	else
		job_add(e, &acknowledge_kind, memory_str(plain(uri)), rid, false);
}
