#include "collab/cwa_search.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/memory.h"
#include "collab/cwa_presence.h"
#include "protocol/cwa/codes.h"

struct found {
	char *uri, *user, *name;
	struct cwa_seen seen;
	bool is_seen;
};

struct search {
	struct search *prev, *next;
	struct cwa_searches *searches;
	uint32_t ref, serial;
	uint64_t rid;                    /* of the command search */
	bool has_result, asked, more;    /* asked: for presence */
	struct found found[CWA_FOUND_MAX];
	size_t count;
};

struct cwa_searches {
	struct communicator *m;
	struct search *list;
	unsigned count;
	uint32_t last_serial;
};

static void free_search(struct search *s)
{
	DL_DELETE(s->searches->list, s);
	s->searches->count--;
	for (size_t i = 0; i < s->count; i++) {
		free(s->found[i].uri);
		free(s->found[i].user);
		free(s->found[i].name);
		free(s->found[i].seen.text);
		free(s->found[i].seen.called);
	}
	free(s);
}

static struct search *by_serial(const struct cwa_searches *all, void *arg)
{
	struct search *s;

	DL_FOREACH(all->list, s)
		if (s->serial == (uint32_t)(uintptr_t)arg)
			break;
	return s;
}

/* --- the end ---------------------------------------------------------------------------------------------------------------------------------- */

static void tell_found(const struct search *s)
{
	struct communicator *m = s->searches->m;
	struct im_search_result result = { .sequence = s->ref };
	size_t at = 0;

	do {
		for (result.count = 0; result.count < IM_CONTACTS_MAX && at < s->count; at++) {
			const struct found *f = &s->found[at];

			result.contacts[result.count++] = (struct im_contact){ .user = bytes_str(f->user), .name = bytes_str(f->name),
				.presence = f->seen.presence, .text = bytes_str(f->seen.text ? f->seen.text : "") };
		}
		result.more = at < s->count;
		m->events.found(m->ctx, &result);
	} while (result.more);
}

static void finish(struct search *s, const struct cwa_refusal *refusal)
{
	struct communicator *m = s->searches->m;
	const char *more = s->more ? "the IM server knows of more" : "";
	uint32_t ref = s->ref;

	if (refusal->code == IM_OK)
		tell_found(s);
	free_search(s);
	m->events.done(m->ctx, ref, refusal->code, refusal->code == IM_OK ? more : refusal->text);
}

/* --- presence ----------------------------------------------------------------------------------------------------------------------------------- */

static bool all_seen(const struct search *s)
{
	for (size_t i = 0; i < s->count; i++)
		if (!s->found[i].is_seen)
			return false;
	return true;
}

/* Whatever became of it: who was found is told. */
static void presence_replied(void *ctx, void *arg, const struct cwa_reply *reply)
{
	const struct communicator *m = ctx;
	struct search *s = by_serial(m->searches, arg);

	(void)reply;
	if (s)
		finish(s, &(struct cwa_refusal){ .code = IM_OK });
}

static void ask_presence(struct search *s)
{
	struct cwa_command *command = cwa_command_new("queryPresence");
	struct cwa_tree *tree = cwa_command_tree(command);
	struct cwa_node *uris = cwa_add(tree, cwa_command_method(command), "uris");

	for (size_t i = 0; i < s->count; i++)
		cwa_add_text(tree, uris, "uri", s->found[i].uri);
	s->asked = true;
	if (!cwa_channel_send(s->searches->m->channel, &command, true, presence_replied, (void *)(uintptr_t)s->serial))
		finish(s, &(struct cwa_refusal){ .code = IM_OK });
}

static void note_presence(struct search *s, const struct cwa_node *event)
{
	for (const struct cwa_node *user = cwa_child(event, "user"); user; user = cwa_next(user)) {
		struct buf uri = { 0 };

		(void)cwa_uri(cwa_attribute(user, "uri"), &uri);
		for (size_t i = 0; i < s->count; i++) {
			if (strcmp(s->found[i].uri, buf_cstr(&uri)) != 0)
				continue;
			s->found[i].is_seen = true;
			cwa_presence_read(user, &s->found[i].seen);
		}
		buf_free(&uri);
	}
	if (all_seen(s))
		finish(s, &(struct cwa_refusal){ .code = IM_OK });
}

/* --- what was found -------------------------------------------------------------------------------------------------------------------------------- */

static void add_found(struct search *s, const struct cwa_node *user)
{
	const struct cwa_people *people = &s->searches->m->people;
	const char *name = cwa_attribute(user, "displayName");
	struct found *f = &s->found[s->count];
	struct buf uri = { 0 };

	if (s->count < CWA_FOUND_MAX && cwa_uri(cwa_attribute(user, "uri"), &uri) == 0 && strcmp(buf_cstr(&uri), people->own_uri) != 0) {
		f->uri = bytes_dup(buf_bytes(&uri));
		f->user = cwa_people_user_of(people, f->uri);
		f->name = name && *name ? communicator_text(bytes_str(name), IM_NAME_MAX) : memory_str(f->user);
		s->count++;
	}
	buf_free(&uri);
}

static void note_result(struct search *s, const struct cwa_node *event)
{
	const struct cwa_node *user = cwa_child(event, "user");

	s->has_result = true;
	for (; user && s->count < CWA_FOUND_MAX; user = cwa_next(user))
		add_found(s, user);
	s->more = user || cwa_true(cwa_attribute(event, "moreAvailable"));
}

void cwa_search_event(struct cwa_searches *all, const struct cwa_node *event)
{
	struct search *s, *next;
	uint64_t rid;

	DL_FOREACH_SAFE(all->list, s, next) {
		if (cwa_is(event, "userPresence") && s->asked)
			note_presence(s, event);
		else if (cwa_is(event, "searchResult") && !s->has_result && cwa_number(cwa_attribute(event, "rid"), INT64_MAX, &rid) && rid == s->rid)
			note_result(s, event);
	}
}

static void search_replied(void *ctx, void *arg, const struct cwa_reply *reply)
{
	const struct communicator *m = ctx;
	struct search *s = by_serial(m->searches, arg);
	struct cwa_refusal refusal = reply->refusal;

	if (!s)
		return;
	if (refusal.code == IM_OK && !s->has_result)
		refusal = cwa_refusal_of(IM_BACKEND_REFUSED, "the IM server's search takes too long");
	if (refusal.code == IM_OK && s->count)
		ask_presence(s);
	else
		finish(s, &refusal);
}

/* --- beginning one ---------------------------------------------------------------------------------------------------------------------------------- */

/* "Ann Lee" is a first and a last name; "Ann" may be either. */
static void add_names(struct cwa_command *command, char *text)
{
	char *space = strchr(text, ' ');
	struct cwa_tree *tree = cwa_command_tree(command);
	struct cwa_node *method = cwa_command_method(command);
	bool both = space && space != text && space[1];

	if (both)
		*space = '\0';
	cwa_add_text(tree, method, "firstName", text);
	cwa_add_text(tree, method, "lastName", both ? space + 1 : text);
	if (!both)
		cwa_add_text(tree, method, "displayName", text);
	cwa_add_text(tree, method, "function", both ? "and" : "or");
}

static struct cwa_command *command_of(const struct im_search *message)
{
	static const char *const names[] = { [IM_SEARCH_GIVEN_NAME] = "firstName", [IM_SEARCH_SURNAME] = "lastName",
		[IM_SEARCH_USER_ID] = "emailAlias" };
	struct cwa_command *command = cwa_command_new("search");
	char *text = communicator_text(message->text, IM_NAME_MAX);

	if (message->field == IM_SEARCH_ANY_NAME)
		add_names(command, text);
	else
		cwa_add_text(cwa_command_tree(command), cwa_command_method(command), names[message->field], text);
	free(text);
	return command;
}

static const char *fault_of(const struct cwa_searches *all, const struct im_search *message)
{
	if (message->field < IM_SEARCH_ANY_NAME || message->field > IM_SEARCH_DEPARTMENT || !message->text.len)
		return "nothing to look for";
	if (message->field == IM_SEARCH_TITLE || message->field == IM_SEARCH_DEPARTMENT)
		return "Communicator Web Access finds people by name or user ID alone";
	return all->count >= CWA_SEARCHES_MAX ? "too many searches at once" : NULL;
}

void cwa_search_begin(struct cwa_searches *all, uint32_t ref, const struct im_search *message)
{
	const char *fault = fault_of(all, message);
	struct cwa_command *command;
	struct search *s;

	if (fault) {
		all->m->events.done(all->m->ctx, ref, IM_BACKEND_REFUSED, fault);
		return;
	}
	s = memory_new(sizeof *s);
	s->searches = all;
	s->ref = ref;
	s->serial = ++all->last_serial;
	DL_APPEND(all->list, s);
	all->count++;
	command = command_of(message);
	if (cwa_channel_send(all->m->channel, &command, true, search_replied, (void *)(uintptr_t)s->serial))
		s->rid = cwa_channel_last_rid(all->m->channel);
	else
		finish(s, &(struct cwa_refusal){ .code = IM_BACKEND_REFUSED, .text = COMMUNICATOR_FULL });
}

/* --- life --------------------------------------------------------------------------------------------------------------------------------------------- */

struct cwa_searches *cwa_searches_new(struct communicator *m)
{
	struct cwa_searches *all = memory_new(sizeof *all);

	all->m = m;
	return all;
}

void cwa_searches_free(struct cwa_searches **searches)
{
	if (!*searches)
		return;
	while ((*searches)->list)
		free_search((*searches)->list);
	free(*searches);
	*searches = NULL;
}
