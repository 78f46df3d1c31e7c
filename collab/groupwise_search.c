#include "collab/groupwise_search.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <utlist.h>

#include "base/log.h"
#include "base/memory.h"
#include "protocol/groupwise/names.h"
#include "protocol/groupwise/tags.h"

enum { PARTS_MAX = 2 };

/* NM_A_SZ_STATUS of getresults. Source: code (both free clients). */
enum result_status { PENDING, RUNNING, DONE, TIMED_OUT, CANCELLED, FAILED };

struct found {
	char *dn, *user, *name, *text;
	uint32_t presence;
};

/* All terms of one search at the server must match, so a name of whatever kind takes two. */
struct part {
	struct search *search;
	uint32_t handle;
	bool done;
};

struct search {
	struct search *prev, *next;
	struct lookups *lookups;
	uint32_t ref;
	struct part parts[PARTS_MAX];
	unsigned part_count, open;           /* open: answers that are to come */
	unsigned polls;
	struct refusal refusal;
	struct loop_timer *timer;
	struct found found[SEARCH_FOUND_MAX];
	size_t found_count;
};

struct lookups {
	struct messenger *m;
	bool forbidden;
	struct search *list;
	unsigned count;
	uint32_t next_handle;
};

struct lookups *lookups_new(struct messenger *m, const struct gw_field *login)
{
	struct lookups *s = memory_new(sizeof *s);
	uint32_t may = 1;

	s->m = m;
	gw_number(gw_find(login, GW_TAG_QUERY), &may);
	s->forbidden = !may;
	/* A server may remember the handles of a session before; the free clients take the time as well. */
	s->next_handle = (uint32_t)(loop_now_ms(m->loop) / 1000);
	return s;
}

static void free_search(struct search *s)
{
	DL_DELETE(s->lookups->list, s);
	s->lookups->count--;
	loop_timer_free(&s->timer);
	for (size_t i = 0; i < s->found_count; i++) {
		free(s->found[i].dn);
		free(s->found[i].user);
		free(s->found[i].name);
		free(s->found[i].text);
	}
	free(s);
}

void lookups_free(struct lookups **lookups)
{
	if (!*lookups)
		return;
	while ((*lookups)->list)
		free_search((*lookups)->list);
	free(*lookups);
	*lookups = NULL;
}

/* --- results -------------------------------------------------------------------------------------------------------------- */

static bool is_user_taken(const struct search *s, const char *user)
{
	for (size_t i = 0; i < s->found_count; i++) {
		if (strcasecmp(s->found[i].user, user) == 0)
			return true;
	}
	return false;
}

static void add_found(struct search *s, const struct gw_field *contact)
{
	const struct people *people = &s->lookups->m->people;
	const struct gw_field *inner = gw_find(contact, GW_TAG_USER_DETAILS), *details = inner ? inner : contact;
	struct bytes dn = gw_text(details, GW_TAG_DN), name = gw_text(details, GW_TAG_FULL_NAME);
	struct found *f = &s->found[s->found_count];
	struct buf dotted = { 0 };

	if (!dn.len || dn.len > PEOPLE_DN_MAX || gw_dn_same(dn, bytes_str(s->lookups->m->own_dn)))
		return;
	for (size_t i = 0; i < s->found_count; i++) {
		if (gw_dn_same(bytes_str(s->found[i].dn), dn))
			return;
	}
	f->user = people_user_of(people, details, dn);
	if (is_user_taken(s, f->user)) {
		free(f->user);
		gw_dn_dotted(dn, &dotted);
		f->user = people_text(buf_bytes(&dotted), IM_USER_MAX);
		buf_free(&dotted);
	}
	f->dn = bytes_dup(dn);
	f->name = people_text(name.len ? name : bytes_str(f->user), IM_NAME_MAX);
	f->text = people_text(gw_text(details, GW_TAG_MESSAGE_BODY), IM_STATUS_TEXT_MAX);
	if (!gw_number(gw_find(details, GW_TAG_STATUS), &f->presence) || f->presence > IM_IDLE)
		f->presence = IM_UNKNOWN;
	s->found_count++;
}

static void tell_found(const struct search *s)
{
	struct messenger *m = s->lookups->m;
	struct im_search_result result = { .sequence = s->ref };
	size_t at = 0;

	do {
		for (result.count = 0; result.count < IM_CONTACTS_MAX && at < s->found_count; at++) {
			const struct found *f = &s->found[at];

			result.contacts[result.count++] = (struct im_contact){ .user = bytes_str(f->user), .name = bytes_str(f->name),
				.presence = f->presence, .text = bytes_str(f->text) };
		}
		result.more = at < s->found_count;
		m->events.found(m->ctx, &result);
	} while (result.more);
}

static void finish(struct search *s)
{
	struct messenger *m = s->lookups->m;
	struct refusal refusal = s->refusal;
	uint32_t ref = s->ref;

	if (refusal.code == IM_OK)
		tell_found(s);
	free_search(s);
	m->events.done(m->ctx, ref, refusal.code, refusal.text);
}

static void fail(struct search *s, const char *why)
{
	if (s->refusal.code != IM_OK)
		return;
	s->refusal.code = IM_BACKEND_REFUSED;
	snprintf(s->refusal.text, sizeof s->refusal.text, "%s", why);
}

/* --- asking --------------------------------------------------------------------------------------------------------------- */

/* The last of a round of answers has come. */
static void round_over(struct search *s)
{
	bool all_done = true;

	for (unsigned i = 0; i < s->part_count; i++)
		all_done &= s->parts[i].done;
	if (s->refusal.code == IM_OK && !all_done && s->polls >= SEARCH_POLLS)
		fail(s, "the IM server's search takes too long");
	if (s->refusal.code != IM_OK || all_done)
		finish(s);
	else
		loop_timer_set(s->timer, s->polls ? SEARCH_AGAIN_MS : SEARCH_FIRST_MS);
}

static void answer_over(struct search *s)
{
	if (--s->open == 0)
		round_over(s);
}

static void note_results(struct part *part, const struct gw_field *fields)
{
	const struct gw_field *results = gw_find(fields, GW_TAG_RESULTS);
	uint32_t status = DONE;

	gw_number(gw_find(fields, GW_TAG_STATUS), &status);
	switch (status) {
	case PENDING:
	case RUNNING:
		return;
	case DONE:
		part->done = true;
		for (const struct gw_field *f = gw_find(results, GW_TAG_CONTACT); f; f = gw_find_next(f)) {
			if (part->search->found_count < SEARCH_FOUND_MAX)
				add_found(part->search, f);
		}
		return;
	case TIMED_OUT:
		fail(part->search, "the IM server's search timed out");
		return;
	case CANCELLED:
		fail(part->search, "the IM server's search was cancelled");
		return;
	default:
		fail(part->search, "the IM server's search failed");
	}
}

static void results_answered(void *ctx, void *arg, const struct gw_answer *answer, const struct gw_field *fields)
{
	struct part *part = arg;
	struct refusal refusal;

	(void)ctx;
	if (!answer)
		return;                      /* it goes with the lookups */
	refusal = groupwise_refusal(answer, REFUSAL_OF_CHANGE);
	if (refusal.code != IM_OK)
		part->search->refusal = refusal;
	else
		note_results(part, fields);
	answer_over(part->search);
}

static void made(void *ctx, void *arg, const struct gw_answer *answer, const struct gw_field *fields)
{
	struct part *part = arg;
	struct refusal refusal;

	(void)ctx;
	(void)fields;
	if (!answer)
		return;
	refusal = groupwise_refusal(answer, REFUSAL_OF_CHANGE);
	if (refusal.code != IM_OK)
		part->search->refusal = refusal;
	answer_over(part->search);
}

static void request(struct part *part, const char *command, groupwise_done *done)
{
	struct messenger *m = part->search->lookups->m;

	part->search->open++;
	if (groupwise_link_request(m->link, command, NULL, &m->fields, done, part))
		return;
	fail(part->search, MESSENGER_FULL);
	answer_over(part->search);
}

static void poll_due(void *arg)
{
	struct search *s = arg;
	struct gw_tree *fields = &s->lookups->m->fields;

	s->polls++;
	s->open = 1;                         /* not over before all are asked */
	for (unsigned i = 0; i < s->part_count; i++) {
		if (s->parts[i].done)
			continue;
		gw_tree_clear(fields);
		gw_add_decimal(fields, NULL, GW_TAG_OBJECT_ID, s->parts[i].handle);
		request(&s->parts[i], "getresults", results_answered);
	}
	answer_over(s);
}

/* --- beginning one -------------------------------------------------------------------------------------------------------- */

struct term { const char *tag; struct bytes text; };

/* terms: one or two, ended by a NULL tag. */
static void make_part(struct search *s, const struct term *terms)
{
	struct part *part = &s->parts[s->part_count++];
	struct gw_tree *fields = &s->lookups->m->fields;

	part->search = s;
	part->handle = s->lookups->next_handle++;
	gw_tree_clear(fields);
	gw_add_decimal(fields, NULL, GW_TAG_OBJECT_ID, part->handle);
	for (; terms->tag; terms++)
		gw_add_text(fields, NULL, terms->tag, terms->text)->method = GW_CONTAINS;
	request(part, "createsearch", made);
}

/* "Ann Lee" is a given name and a surname; "Ann" may be either. */
static void make_name_parts(struct search *s, struct bytes text)
{
	const uint8_t *space = memchr(text.data, ' ', text.len);
	size_t at = space ? (size_t)(space - text.data) : 0;

	if (at && at + 1 < text.len) {
		make_part(s, (struct term[]){ { GW_TAG_GIVEN_NAME, bytes_slice(text, 0, at) },
			{ GW_TAG_SURNAME, bytes_slice(text, at + 1, text.len) }, { NULL, text } });
		return;
	}
	make_part(s, (struct term[]){ { GW_TAG_GIVEN_NAME, text }, { NULL, text } });
	make_part(s, (struct term[]){ { GW_TAG_SURNAME, text }, { NULL, text } });
}

void lookups_begin(struct lookups *all, uint32_t ref, const struct im_search *message)
{
	static const char *const tags[] = {
		[IM_SEARCH_GIVEN_NAME] = GW_TAG_GIVEN_NAME, [IM_SEARCH_SURNAME] = GW_TAG_SURNAME, [IM_SEARCH_USER_ID] = GW_TAG_USERID,
		[IM_SEARCH_TITLE] = GW_TAG_TITLE, [IM_SEARCH_DEPARTMENT] = GW_TAG_DEPARTMENT,
	};
	const char *why = NULL;
	struct search *s;

	if (message->field < IM_SEARCH_ANY_NAME || message->field > IM_SEARCH_DEPARTMENT || !message->text.len)
		why = "nothing to look for";
	else if (all->forbidden)
		why = "the IM server's policy forbids searching";
	else if (all->count >= SEARCHES_MAX)
		why = "too many searches at once";
	if (why) {
		all->m->events.done(all->m->ctx, ref, IM_BACKEND_REFUSED, why);
		return;
	}
	s = memory_new(sizeof *s);
	s->lookups = all;
	s->ref = ref;
	s->timer = loop_timer_new(all->m->loop, poll_due, s);
	DL_APPEND(all->list, s);
	all->count++;
	s->open = 1;
	if (message->field == IM_SEARCH_ANY_NAME)
		make_name_parts(s, message->text);
	else
		make_part(s, (struct term[]){ { tags[message->field], message->text }, { NULL, message->text } });
	answer_over(s);
}
