#include "collab/groupwise_people.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/memory.h"
#include "protocol/groupwise/names.h"
#include "protocol/groupwise/tags.h"

char *people_text(struct bytes text, size_t max)
{
	struct buf clean = { 0 };
	char *copy;

	gw_utf8_repair(text, &clean);
	copy = bytes_dup(gw_utf8_cut(buf_bytes(&clean), max));
	buf_free(&clean);
	return copy;
}

static void set(char **into, struct bytes text, size_t max)
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

struct person *people_add(struct people *people, const struct gw_field *details, struct bytes dn)
{
	struct bytes own_dn = gw_text(details, GW_TAG_DN);
	struct bytes name = gw_text(details, GW_TAG_FULL_NAME);
	struct person *p;
	uint32_t presence;

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
		p->folder = memory_str("");
		p->text = memory_str("");
		if (people->last)
			people->last->next = p;
		else
			people->first = p;
		people->last = p;
		people->count++;
	}
	p->is_detailed |= details != NULL;
	/* A contact has the name that the list gives it. */
	if (name.len && !p->is_contact)
		set(&p->name, name, IM_NAME_MAX);
	if (gw_number(gw_find(details, GW_TAG_STATUS), &presence))
		person_set_presence(p, presence, gw_text(details, GW_TAG_MESSAGE_BODY));
	return p;
}

void person_set_presence(struct person *person, uint32_t presence, struct bytes text)
{
	person->presence = presence <= IM_IDLE ? presence : IM_UNKNOWN;
	set(&person->text, text, IM_STATUS_TEXT_MAX);
}

static struct bytes folder_name(const struct gw_field *contact_list, struct bytes id)
{
	const struct gw_field *folder;

	for (folder = gw_find(contact_list, GW_TAG_FOLDER); folder; folder = gw_find_next(folder)) {
		if (bytes_equal(gw_text(folder, GW_TAG_OBJECT_ID), id))
			return gw_text(folder, GW_TAG_DISPLAY_NAME);
	}
	return (struct bytes){ 0 };
}

void people_add_contact_list(struct people *people, const struct gw_field *contact_list)
{
	const struct gw_field *contact;

	/* The same person may stand in several folders, as several contacts: the device gets the first. */
	for (contact = gw_find(contact_list, GW_TAG_CONTACT); contact; contact = gw_find_next(contact)) {
		struct bytes dn = gw_text(contact, GW_TAG_DN);
		struct bytes shown = gw_text(contact, GW_TAG_DISPLAY_NAME);
		struct person *p = people_add(people, gw_find(contact, GW_TAG_USER_DETAILS), dn);

		if (!p) {
			log_warning("contact left out dn=%s known=%zu", log_value(dn), people->count);
			continue;
		}
		if (p->is_contact)
			continue;
		p->is_contact = true;
		set(&p->folder, folder_name(contact_list, gw_text(contact, GW_TAG_PARENT_ID)), IM_NAME_MAX);
		if (shown.len)
			set(&p->name, shown, IM_NAME_MAX);
	}
}

void people_free(struct people *people)
{
	struct person *p, *next;

	for (p = people->first; p; p = next) {
		next = p->next;
		free(p->dn);
		free(p->user);
		free(p->name);
		free(p->folder);
		free(p->text);
		free(p);
	}
	*people = (struct people){ 0 };
}
