#include "collab/cwa_access.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "collab/cwa_changes.h"
#include "protocol/cwa/codes.h"

enum { SUBSCRIBERS_MAX = 256 };      /* that wait to be acknowledged; the rest the server will name again */

/* A person in a container. */
struct member {
	uint64_t container;
	char *uri, *user;
};

struct members {
	struct member *list;
	size_t count;
};

struct cwa_access {
	struct communicator *m;
	struct members members;
	char *subscribers[SUBSCRIBERS_MAX];
	size_t subscriber_count;
	bool acknowledging;              /* the first */
};

/* --- members -------------------------------------------------------------------------------------------------------------------------------- */

static const struct member *find(const struct members *members, uint64_t container, const char *uri)
{
	for (size_t i = 0; i < members->count; i++)
		if (members->list[i].container == container && strcmp(members->list[i].uri, uri) == 0)
			return &members->list[i];
	return NULL;
}

static void append(struct members *members, struct member member)
{
	if ((members->count & (members->count - 1)) == 0)
		members->list = memory_resize(members->list, (members->count ? members->count * 2 : 1) * sizeof *members->list);
	members->list[members->count++] = member;
}

static void add_member(struct cwa_access *a, struct members *members, uint64_t container, const struct cwa_node *node)
{
	const char *type = cwa_attribute(node, "type"), *value = cwa_attribute(node, "value");
	struct buf uri = { 0 };

	/* "user" is what SIP calls it. */
	if ((strcmp(type, "uri") == 0 || strcmp(type, "user") == 0) && value && cwa_uri(value, &uri) == 0 && !find(members, container, buf_cstr(&uri))) {
		if (members->count == CWA_MEMBERS_MAX) {
			log_warning("access member left out user=%s container=%ju", log_str(a->m->people.own_uri), (uintmax_t)container);
		} else {
			append(members, (struct member){ .container = container, .uri = bytes_dup(buf_bytes(&uri)),
				.user = cwa_people_user_of(&a->m->people, buf_cstr(&uri)) });
		}
	}
	buf_free(&uri);
}

static void free_members(struct members *members)
{
	for (size_t i = 0; i < members->count; i++) {
		free(members->list[i].uri);
		free(members->list[i].user);
	}
	free(members->list);
	*members = (struct members){ 0 };
}

/* Those blocked of the one who are not blocked in the other. */
static void tell_difference(const struct cwa_access *a, const struct members *of, const struct members *in, bool blocked)
{
	for (size_t i = 0; i < of->count; i++) {
		struct im_block event = { .user = bytes_str(of->list[i].user), .blocked = blocked };

		if (of->list[i].container == CWA_CONTAINER_BLOCKED && !find(in, CWA_CONTAINER_BLOCKED, of->list[i].uri))
			a->m->events.block(a->m->ctx, &event);
	}
}

static bool names(const struct cwa_node *event, uint64_t id)
{
	uint64_t its;

	for (const struct cwa_node *container = cwa_child(event, "container"); container; container = cwa_next(container))
		if (cwa_number(cwa_attribute(container, "id"), UINT32_MAX, &its) && its == id)
			return true;
	return false;
}

/* Those of the containers that the event does not speak of stay. */
static void keep_others(struct members *into, const struct members *old, const struct cwa_node *event)
{
	for (size_t i = 0; i < old->count; i++) {
		const struct member *m = &old->list[i];

		if (!names(event, m->container))
			append(into, (struct member){ .container = m->container, .uri = memory_str(m->uri), .user = memory_str(m->user) });
	}
}

/* The first event has all containers, a later one those that changed, each with all its members. Source: document. */
void cwa_access_read(struct cwa_access *a, const struct cwa_node *event)
{
	struct members old = a->members;
	uint64_t id;

	a->members = (struct members){ 0 };
	keep_others(&a->members, &old, event);
	for (const struct cwa_node *container = cwa_child(event, "container"); container; container = cwa_next(container)) {
		if (!cwa_number(cwa_attribute(container, "id"), UINT32_MAX, &id))
			continue;
		for (const struct cwa_node *node = cwa_child(container, "member"); node; node = cwa_next(node))
			add_member(a, &a->members, id, node);
	}
	if (a->m->online) {
		tell_difference(a, &old, &a->members, false);
		tell_difference(a, &a->members, &old, true);
	}
	free_members(&old);
}

size_t cwa_access_blocks(struct cwa_access *a, size_t from, struct im_block *out, size_t max)
{
	size_t at = 0, count = 0;

	for (size_t i = 0; i < a->members.count && count < max; i++)
		if (a->members.list[i].container == CWA_CONTAINER_BLOCKED && at++ >= from)
			out[count++] = (struct im_block){ .user = bytes_str(a->members.list[i].user), .blocked = 1 };
	return count;
}

/* --- changes ----------------------------------------------------------------------------------------------------------------------------------- */

/* Somebody is in one container: who is blocked leaves the level that he had. A step is a bit for each container. */
static const uint32_t levels[] = { 0, 1, 100, 200, 300, 400, CWA_CONTAINER_BLOCKED };

enum { LEVELS = sizeof levels / sizeof levels[0], BLOCK = 1 << LEVELS, LEAVE_ALL = BLOCK - 1 };

struct blocking {
	struct cwa_change change;
	bool blocked;
	char *uri;
};

static void free_blocking(struct cwa_change *change)
{
	struct blocking *b = (struct blocking *)change;

	free(b->uri);
	free(b);
}

static unsigned missing(struct cwa_change *change, struct cwa_refusal *refusal)
{
	const struct blocking *b = (const struct blocking *)change;
	const struct members *members = &change->m->access->members;
	bool is_blocked = find(members, CWA_CONTAINER_BLOCKED, b->uri);

	(void)refusal;
	if (is_blocked == b->blocked)
		return 0;
	if (!b->blocked)
		return 1u << (LEVELS - 1);
	for (unsigned i = 0; i < LEVELS - 1; i++)
		if (find(members, levels[i], b->uri))
			return 1u << i;
	return BLOCK;
}

static struct cwa_command *command_of(const struct cwa_change *change, unsigned step)
{
	const struct blocking *b = (const struct blocking *)change;
	struct cwa_command *command = cwa_command_new("updateContainer");
	struct cwa_tree *tree = cwa_command_tree(command);
	struct cwa_node *container = cwa_add(tree, cwa_command_method(command), "container"), *member;
	unsigned level = step == BLOCK ? LEVELS - 1 : 0;

	while (!(step & (1u << level)) && step != BLOCK)
		level++;
	cwa_set_number(tree, container, "id", levels[level]);
	member = cwa_add(tree, container, step == BLOCK ? "addMember" : "deleteMember");
	cwa_set(tree, member, "type", "uri");
	cwa_set(tree, member, "value", b->uri);
	return command;
}

static const struct cwa_change_kind kind = { .missing = missing, .command = command_of, .last_steps = BLOCK | 1u << (LEVELS - 1),
	.needless_steps = LEAVE_ALL & ~(1u << (LEVELS - 1)), .free = free_blocking };

void cwa_access_block(struct cwa_access *a, uint32_t ref, const struct im_block *message)
{
	char *uri = message->user.len ? cwa_people_uri_of(&a->m->people, message->user) : NULL;
	struct blocking *b;

	if (!uri) {
		/* Everybody else is allowed as it is. */
		if (!message->user.len && !message->blocked)
			a->m->events.done(a->m->ctx, ref, IM_OK, "");
		else
			a->m->events.done(a->m->ctx, ref, IM_BACKEND_REFUSED, message->user.len ? "that is nobody's user ID or address" :
				"Communicator Web Access has no rule for everybody else: block people one by one");
		return;
	}
	b = memory_new(sizeof *b);
	*b = (struct blocking){ .change = { .kind = &kind, .ref = ref }, .blocked = message->blocked, .uri = uri };
	cwa_changes_add(a->m->changes, &b->change);
}

/* --- subscribers -------------------------------------------------------------------------------------------------------------------------------- */

static void acknowledge_next(struct cwa_access *a);

static void drop_first(struct cwa_access *a)
{
	free(a->subscribers[0]);
	memmove(a->subscribers, a->subscribers + 1, --a->subscriber_count * sizeof a->subscribers[0]);
}

static void acknowledged(void *ctx, void *arg, const struct cwa_reply *reply)
{
	struct cwa_access *a = arg;

	(void)ctx;
	a->acknowledging = false;
	if (reply->session_gone || !a->subscriber_count)
		return;
	drop_first(a);
	acknowledge_next(a);
}

/* One at a time: they are not what the device waits for. */
static void acknowledge_next(struct cwa_access *a)
{
	struct cwa_command *command;

	if (a->acknowledging || !a->subscriber_count)
		return;
	command = cwa_command_new("acknowledgeSubscriber");
	cwa_add_text(cwa_command_tree(command), cwa_command_method(command), "uri", a->subscribers[0]);
	a->acknowledging = cwa_channel_send(a->m->channel, &command, false, acknowledged, a);
}

static bool waits(const struct cwa_access *a, const char *uri)
{
	for (size_t i = 0; i < a->subscriber_count; i++)
		if (strcmp(a->subscribers[i], uri) == 0)
			return true;
	return false;
}

void cwa_access_subscribers(struct cwa_access *a, const struct cwa_node *event)
{
	for (const struct cwa_node *node = cwa_child(event, "subscriber"); node; node = cwa_next(node)) {
		const char *uri = cwa_attribute(node, "uri");

		if (!cwa_true(cwa_attribute(node, "acknowledged")) && a->subscriber_count < SUBSCRIBERS_MAX && strlen(uri) <= CWA_URI_MAX + 4 &&
		    !waits(a, uri))
			a->subscribers[a->subscriber_count++] = memory_str(uri);
	}
	acknowledge_next(a);
}

/* --- life ------------------------------------------------------------------------------------------------------------------------------------------ */

void cwa_access_forget(struct cwa_access *a)
{
	while (a->subscriber_count)
		drop_first(a);
}

struct cwa_access *cwa_access_new(struct communicator *m)
{
	struct cwa_access *a = memory_new(sizeof *a);

	a->m = m;
	return a;
}

void cwa_access_free(struct cwa_access **access)
{
	struct cwa_access *a = *access;

	if (!a)
		return;
	*access = NULL;
	cwa_access_forget(a);
	free_members(&a->members);
	free(a);
}
