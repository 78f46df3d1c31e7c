#include "collab/groupwise_people.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "protocol/groupwise/names.h"
#include "protocol/groupwise/tags.h"

char *people_text(struct bytes text, size_t max)
{
	struct buf clean = { 0 };
	char *copy;

	utf8_repair(text, &clean);
	copy = bytes_dup(utf8_cut(buf_bytes(&clean), max));
	buf_free(&clean);
	return copy;
}

void people_set(char **into, struct bytes text, size_t max)
{
	if (*into && bytes_is(text, *into))
		return;
	free(*into);
	*into = people_text(text, max);
}

struct person *people_by_dn(const struct people *people, struct bytes dn)
{
	struct person *p;

	for (p = people->first; p; p = p->next) {
		if (gw_dn_same(bytes_str(p->dn), dn))
			break;
	}
	return p;
}

static struct person *by_user(const struct people *people, const char *user)
{
	struct person *p;

	for (p = people->first; p; p = p->next) {
		if (strcasecmp(p->user, user) == 0)
			break;
	}
	return p;
}

static struct person *by_dotted(const struct people *people, const char *name)
{
	struct buf dotted = { 0 };
	struct person *p;

	for (p = people->first; p; p = p->next) {
		buf_clear(&dotted);
		gw_dn_dotted(bytes_str(p->dn), &dotted);
		if (strcasecmp(buf_cstr(&dotted), name) == 0)
			break;
	}
	buf_free(&dotted);
	return p;
}

struct person *people_by_name(const struct people *people, struct bytes name)
{
	char text[PEOPLE_DN_MAX + 1];
	struct person *p;

	if (gw_dn_is_typed(name))
		return people_by_dn(people, name);
	if (!bytes_copy_str(name, text, sizeof text))
		return NULL;
	p = by_user(people, text);
	return p || !strchr(text, '.') ? p : by_dotted(people, text);
}

/* Source: code (clients show the attribute that users log in with, if the record has it); for others they show the dotted DN,
 * ours is shorter where it can be. */
static char *make_user(const struct people *people, const struct gw_field *details, struct bytes dn)
{
	struct bytes attribute = gw_text(details, GW_TAG_AUTH_ATTRIBUTE);
	char *user = people_text(attribute.len ? attribute : gw_dn_leaf(dn), IM_USER_MAX);

	if (by_user(people, user)) {
		struct buf dotted = { 0 };

		free(user);
		gw_dn_dotted(dn, &dotted);
		user = people_text(buf_bytes(&dotted), IM_USER_MAX);
		buf_free(&dotted);
	}
	return user;
}

char *people_user_of(const struct people *people, const struct gw_field *details, struct bytes dn)
{
	const struct person *known = people_by_dn(people, dn);

	return known ? memory_str(known->user) : make_user(people, details, dn);
}

struct person *people_add(struct people *people, const struct gw_field *details, struct bytes dn)
{
	struct bytes own_dn = gw_text(details, GW_TAG_DN);
	struct bytes name = gw_text(details, GW_TAG_FULL_NAME);
	struct person *p;
	uint32_t presence;
	char *user;

	if (own_dn.len)
		dn = own_dn;
	if (!dn.len || dn.len > PEOPLE_DN_MAX)
		return NULL;
	p = people_by_dn(people, dn);
	if (!p) {
		if (people->count >= PEOPLE_MAX)
			return NULL;
		p = memory_new(sizeof *p);
		p->dn = people_text(dn, PEOPLE_DN_MAX);
		p->user = make_user(people, details, dn);
		p->name = memory_str(p->user);
		p->full_name = memory_str(p->user);
		p->folder = memory_str("");
		p->text = memory_str("");
		if (people->last)
			people->last->next = p;
		else
			people->first = p;
		people->last = p;
		people->count++;
	}
	/* The attribute that people log in with may come later than the DN. */
	if (details && !p->is_detailed && gw_text(details, GW_TAG_AUTH_ATTRIBUTE).len) {
		p->user[0] = '\0';
		user = make_user(people, details, dn);
		free(p->user);
		p->user = user;
	}
	p->is_detailed |= details != NULL;
	if (name.len)
		people_set(&p->full_name, name, IM_NAME_MAX);
	/* A contact has the name that the list gives it. */
	if (!p->is_contact)
		people_set(&p->name, bytes_str(p->full_name), IM_NAME_MAX);
	if (gw_number(gw_find(details, GW_TAG_STATUS), &presence))
		person_set_presence(p, presence, gw_text(details, GW_TAG_MESSAGE_BODY));
	return p;
}

void person_set_presence(struct person *person, uint32_t presence, struct bytes text)
{
	person->presence = presence <= IM_IDLE ? presence : IM_UNKNOWN;
	people_set(&person->text, text, IM_STATUS_TEXT_MAX);
}

void people_free(struct people *people)
{
	struct person *p, *next;

	for (p = people->first; p; p = next) {
		next = p->next;
		free(p->dn);
		free(p->user);
		free(p->name);
		free(p->full_name);
		free(p->folder);
		free(p->text);
		free(p);
	}
	*people = (struct people){ 0 };
}
