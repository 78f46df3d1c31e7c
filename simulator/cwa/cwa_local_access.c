/* Who has somebody on the list, and who may see how much. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "simulator/cwa/cwa_local_state.h"

static const struct outcome good = { .code = 0 };

static bool has_acknowledged(const struct person *p, const struct person *other)
{
	for (size_t i = 0; i < p->acknowledged_count; i++)
		if (p->acknowledged[i] == other)
			return true;
	return false;
}

/* Everybody who has the person on the list. */
void local_tell_subscribers(const struct local *local, const struct endpoint *e)
{
	struct home_subscriber *list = memory_new((local->world->user_count + 1) * sizeof *list);
	size_t count = 0;

	for (size_t i = 0; i < local->world->user_count; i++) {
		const struct person *other = &local->persons[i];

		if (local_contact(other, e->person->uri))
			list[count++] = (struct home_subscriber){ .uri = other->uri, .name = other->seed->name, .network = "sameEnterprise",
				.acknowledged = has_acknowledged(e->person, other) };
	}
	front_subscribers(e->session, list, count);
	free(list);
}

void local_acknowledge(void *ctx, struct session *s, const char *rid, const char *uri)
{
	struct endpoint *e = session_home(s);
	struct person *p = e->person, *other = local_person(ctx, uri);

	if (!other || !local_contact(other, p->uri)) {
		local_fail(s, rid, CWA_INVALID_OPERATION, "there is no such subscriber");
		return;
	}
	if (!has_acknowledged(p, other)) {
		p->acknowledged = array_grow(p->acknowledged, p->acknowledged_count, sizeof *p->acknowledged);
		p->acknowledged[p->acknowledged_count++] = other;
	}
	home_done(s, rid, &good);
}

void local_tell_containers(const struct endpoint *e)
{
	const struct person *p = e->person;
	struct home_container list[HOME_CONTAINERS];
	struct home_member *members = memory_new((p->member_count + 1) * sizeof *members);
	size_t used = 0;

	for (size_t c = 0; c < HOME_CONTAINERS; c++) {
		list[c] = (struct home_container){ .id = home_containers[c], .members = members + used };
		for (size_t i = 0; i < p->member_count; i++) {
			if (p->members[i].container != home_containers[c])
				continue;
			members[used++] = (struct home_member){ .type = p->members[i].type, .value = p->members[i].value };
			list[c].member_count++;
		}
	}
	front_containers(e->session, list, HOME_CONTAINERS);
	free(members);
}

void local_drop_member(struct person *p, size_t at)
{
	free(p->members[at].type);
	free(p->members[at].value);
	array_drop(p->members, &p->member_count, sizeof *p->members, at);
}

/* Somebody is in one container at most: adding takes him out of the others. */
static bool forget_member(struct person *p, uint32_t container, bool everywhere, const struct home_member *member)
{
	bool found = false;

	for (size_t i = p->member_count; i-- > 0;)
		if ((everywhere || p->members[i].container == container) && strcmp(p->members[i].type, member->type) == 0 &&
		    strcmp(p->members[i].value, member->value) == 0) {
			local_drop_member(p, i);
			found = true;
		}
	return found;
}

void local_change_member(void *ctx, struct session *s, const char *rid, uint32_t container, bool add,
	const struct home_member *member)
{
	struct endpoint *e = session_home(s);
	struct person *p = e->person;

	(void)ctx;
	if (add && p->member_count == MEMBERS_MAX) {
		local_fail(s, rid, CWA_INVALID_OPERATION, "too many members");
		return;
	}
	if (!forget_member(p, container, add, member) && !add) {
		local_fail(s, rid, CWA_INVALID_OPERATION, "there is no such member");
		return;
	}
	if (add) {
		p->members = array_grow(p->members, p->member_count, sizeof *p->members);
		p->members[p->member_count++] = (struct container_member){ .container = container, .type = memory_str(member->type),
			.value = memory_str(member->value) };
	}
	for (const struct endpoint *each = p->endpoints; each; each = each->next)
		if (each->on)
			local_tell_containers(each);
	local_changed(p);
	home_done(s, rid, &good);
}
