/* Searching the directory: createsearch names the terms and a handle of the client's own, getresults asks by it. */
#include <stdlib.h>
#include <strings.h>

#include "base/memory.h"
#include "simulator/groupwise/gw_state.h"

#define SEARCHES_MAX 8          /* of one session; the oldest goes */
#define RESULTS_MAX 100
#define HANDLE_MAX 64

struct search {
	struct search *next;
	char *handle;
	struct people found;
};

static void search_free(struct search *search)
{
	free(search->handle);
	free(search->found.items);
	free(search);
}

void searches_free(struct session *s)
{
	while (s->searches) {
		struct search *search = s->searches;

		s->searches = search->next;
		search_free(search);
	}
}

static struct search **search_at(struct session *s, struct bytes handle)
{
	struct search **at = &s->searches;

	while (*at && !bytes_is(handle, (*at)->handle))
		at = &(*at)->next;
	return at;
}

/* --- terms ------------------------------------------------------------------------------------------------------------------------ */

/* What a user has for an attribute; NULL: it is not one to search by. */
static const char *attribute_of(const struct person *person, struct bytes tag)
{
	const struct world_user *u = person->seed;
	const struct { const char *tag, *value; } attributes[] = {
		{ GW_TAG_GIVEN_NAME, u->given }, { GW_TAG_SURNAME, u->surname }, { GW_TAG_FULL_NAME, u->name },
		{ GW_TAG_USERID, u->id }, { GW_TAG_CN, u->id }, { "Title", u->title }, { "OU", u->department },
		{ GW_TAG_EMAIL, u->mail }, { "telephoneNumber", u->phone },
	};

	for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++)
		if (bytes_is(tag, attributes[i].tag))
			return attributes[i].value ? attributes[i].value : "";
	return NULL;
}

static bool same_at(struct bytes value, size_t at, struct bytes part)
{
	return at <= value.len && part.len <= value.len - at &&
	       strncasecmp((const char *)value.data + at, (const char *)part.data, part.len) == 0;
}

static bool matches(const struct gw_field *term, struct bytes value)
{
	switch (term->method) {
	case GW_EQUAL:
		return value.len == term->text.len && same_at(value, 0, term->text);
	case GW_BEGINS:
		return same_at(value, 0, term->text);
	case GW_ENDS:
		return value.len >= term->text.len && same_at(value, value.len - term->text.len, term->text);
	default:
		for (size_t at = 0; at + term->text.len <= value.len; at++)
			if (same_at(value, at, term->text))
				return true;
		return false;
	}
}

static bool is_term(const struct gw_field *field)
{
	return !bytes_is(field->tag, GW_TAG_OBJECT_ID) && !bytes_is(field->tag, GW_TAG_TRANSACTION);
}

static uint32_t check_terms(const struct gw_server *server, const struct gw_field *in)
{
	unsigned terms = 0;

	for (const struct gw_field *f = in->first; f; f = f->next) {
		if (!is_term(f))
			continue;
		if (gw_is_array(f) || !f->text.len || (f->method != GW_EQUAL && f->method != GW_BEGINS && f->method != GW_ENDS &&
			f->method != GW_CONTAINS))
			return GW_PROTOCOL_ERROR;
		if (server->world->user_count && !attribute_of(&server->persons[0], f->tag))
			return GW_ATTRIBUTE_NOT_FOUND;
		terms++;
	}
	return terms ? GW_OK : GW_PROTOCOL_ERROR;
}

/* All terms must match. */
static bool is_found(const struct person *person, const struct gw_field *in)
{
	for (const struct gw_field *f = in->first; f; f = f->next)
		if (is_term(f) && !matches(f, bytes_str(attribute_of(person, f->tag))))
			return false;
	return true;
}

/* --- commands ---------------------------------------------------------------------------------------------------------------------- */

static uint32_t createsearch(struct call *call)
{
	struct session *s = call->session;
	struct gw_server *server = s->server;
	struct bytes handle = gw_text(call->in, GW_TAG_OBJECT_ID);
	struct search *search, **at;
	uint32_t code;
	unsigned count = 1;

	if (!s->person->policies.values[POLICY_QUERY])
		return GW_LOCKED_BY_ADMIN;
	if (!handle.len || handle.len > HANDLE_MAX)
		return GW_PROTOCOL_ERROR;
	code = check_terms(server, call->in);
	if (code)
		return code;
	at = search_at(s, handle);
	if (*at) {
		search = *at;
		*at = search->next;
		search_free(search);
	}
	search = memory_new(sizeof *search);
	search->handle = bytes_dup(handle);
	for (size_t i = 0; i < server->world->user_count && search->found.count < RESULTS_MAX; i++)
		if (is_found(&server->persons[i], call->in))
			gw_people_add(&search->found, &server->persons[i]);
	search->next = s->searches;
	s->searches = search;
	for (at = &s->searches; *at; at = &(*at)->next) {
		if (count++ <= SEARCHES_MAX)
			continue;
		search = *at;
		*at = search->next;
		search_free(search);
		break;
	}
	return GW_OK;
}

/* Ours is done at once; clients that ask again are told the same. */
static uint32_t getresults(struct call *call)
{
	const struct search *search = *search_at(call->session, gw_text(call->in, GW_TAG_OBJECT_ID));
	struct gw_field *results;

	if (!search)
		return GW_OBJECT_NOT_FOUND;
	gw_add_str(call->out, NULL, GW_TAG_STATUS, "2");
	results = gw_add_array(call->out, NULL, GW_TAG_RESULTS);        /* also when nobody was found */
	for (size_t i = 0; i < search->found.count; i++)
		person_details(call->session->server, search->found.items[i], call->session->person, call->out,
			gw_add_array(call->out, results, GW_TAG_CONTACT));
	return GW_OK;
}

const struct command search_commands[] = {
	{ "createsearch", false, NULL, createsearch },
	{ "getresults", false, NULL, getresults },
	{ NULL, false, NULL, NULL },
};
