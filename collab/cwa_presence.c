#include "collab/cwa_presence.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "protocol/cwa/category.h"
#include "protocol/cwa/codes.h"

enum {
	AGAIN_MS = 300000,               /* Source: document */
	WATCHED_AT_ONCE = 100,           /* people in one subscription. Source: ours */
};

#define USER_STATE_INSTANCE 0x20000000u      /* Source: code (another client of the server behind) */
#define NOTE_INSTANCE 0

struct cwa_presence {
	struct communicator *m;
	uint32_t value;                  /* enum im_presence */
	bool is_set;                     /* the user has said so, and not only signed in */
	char *text;
	char *own_name;
	struct loop_timer *again;
};

/* --- numbers ------------------------------------------------------------------------------------------------------------------------------ */

uint32_t cwa_presence_shown(uint64_t availability)
{
	switch (cwa_availability_of(availability)) {
	case CWA_ONLINE:
		return IM_AVAILABLE;
	case CWA_IDLE:
		return IM_IDLE;
	case CWA_BUSY:
	case CWA_BUSY_IDLE:
	case CWA_DO_NOT_DISTURB:
		return IM_BUSY;
	case CWA_BE_RIGHT_BACK:
	case CWA_AWAY:
		return IM_AWAY;
	default:
		return IM_OFFLINE;
	}
}

uint32_t cwa_presence_published(uint32_t presence)
{
	switch (presence) {
	case IM_BUSY:
		return CWA_BUSY;
	case IM_AWAY:
		return CWA_AWAY;
	case IM_IDLE:
		return CWA_IDLE;
	case IM_OFFLINE:
		return CWA_OFFLINE;
	default:
		return CWA_ONLINE;
	}
}

/* --- publishing --------------------------------------------------------------------------------------------------------------------------- */

static void add_category(struct cwa_command *command, const char *name, uint32_t instance, const char *xml)
{
	struct cwa_tree *tree = cwa_command_tree(command);
	struct cwa_node *category = cwa_add(tree, cwa_command_method(command), "cwaCategory");

	cwa_set(tree, category, "name", name);
	cwa_set_number(tree, category, "instanceMask", instance);
	cwa_set_text(tree, category, xml);
}

static struct cwa_command *publication(const struct cwa_presence *p)
{
	struct cwa_state state = { .type = "userState", .manual = p->is_set, .availability = cwa_presence_published(p->value) };
	struct cwa_command *command = cwa_command_new("publishSelfPresence");
	struct buf xml = { 0 };

	cwa_state_encode(&state, &xml);
	add_category(command, "state", USER_STATE_INSTANCE, buf_cstr(&xml));
	/* A note that was left there in another client stays, until the user says something here. */
	if (p->is_set) {
		buf_clear(&xml);
		cwa_note_encode(p->text, &xml);
		add_category(command, "note", NOTE_INSTANCE, buf_cstr(&xml));
	}
	buf_free(&xml);
	return command;
}

static void publish_again(void *arg)
{
	struct cwa_presence *p = arg;
	struct cwa_command *command = publication(p);

	communicator_tell(p->m, &command);
	loop_timer_set(p->again, AGAIN_MS);
}

void cwa_presence_set(struct cwa_presence *p, uint32_t ref, uint32_t value, struct bytes text)
{
	struct cwa_command *command;

	p->value = value;
	p->is_set = true;
	free(p->text);
	p->text = communicator_text(text, CWA_NOTE_MAX);
	command = publication(p);
	communicator_command(p->m, &command, ref);
	loop_timer_set(p->again, AGAIN_MS);
}

uint32_t cwa_presence_availability(const struct cwa_presence *p)
{
	return cwa_presence_published(p->value);
}

void cwa_presence_begun(struct cwa_presence *p)
{
	for (struct cwa_person *person = p->m->people.first; person; person = person->next)
		person->is_watched = false;
	if (p->is_set)
		publish_again(p);
	else
		loop_timer_set(p->again, AGAIN_MS);
}

void cwa_presence_watch(struct cwa_presence *p)
{
	struct cwa_command *command = NULL;
	struct cwa_node *uris = NULL;
	unsigned count = 0;

	for (struct cwa_person *person = p->m->people.first; person; person = person->next) {
		if (!person->is_contact || person->subscribed || person->is_watched)
			continue;
		if (!command) {
			command = cwa_command_new("subscribePresence");
			uris = cwa_add(cwa_command_tree(command), cwa_command_method(command), "uris");
		}
		cwa_add_text(cwa_command_tree(command), uris, "uri", person->uri);
		person->is_watched = true;
		if (++count % WATCHED_AT_ONCE == 0)
			communicator_tell(p->m, &command);
	}
	if (command)
		communicator_tell(p->m, &command);
}

/* --- what comes ------------------------------------------------------------------------------------------------------------------------------ */

static void take_text(char **into, int decoded, struct buf *text, size_t max)
{
	if (decoded == 0) {
		free(*into);
		*into = communicator_text(buf_bytes(text), max);
	}
	buf_free(text);
}

static void read_category(const struct cwa_node *category, struct cwa_seen *seen)
{
	const char *name = cwa_attribute(category, "name");
	struct cwa_state state;
	struct buf text = { 0 };

	if (strcmp(name, "state") == 0) {
		if (!*category->text)
			seen->presence = IM_UNKNOWN;
		else if (cwa_state_decode(category->text, &state, NULL) == 0)
			seen->presence = cwa_presence_shown(state.availability);
	} else if (strcmp(name, "note") == 0) {
		take_text(&seen->text, *category->text ? cwa_note_decode(category->text, &text, NULL) : 0, &text, IM_STATUS_TEXT_MAX);
	} else if (strcmp(name, "contactCard") == 0 && *category->text) {
		take_text(&seen->called, cwa_card_decode(category->text, &text, NULL), &text, IM_NAME_MAX);
	}
}

void cwa_presence_read(const struct cwa_node *user, struct cwa_seen *seen)
{
	for (const struct cwa_node *category = cwa_child(user, "cwaCategory"); category; category = cwa_next(category))
		read_category(category, seen);
}

/* Whoever is found by a search, and is nobody's contact, is not kept. */
static void read_user(struct cwa_presence *presence, const struct cwa_node *user)
{
	struct communicator *m = presence->m;
	struct cwa_person *p = cwa_people_known(&m->people, cwa_attribute(user, "uri"));
	struct cwa_seen seen = { 0 };
	bool changed;

	if (!p)
		return;
	seen.presence = p->presence;
	cwa_presence_read(user, &seen);
	changed = seen.presence != p->presence || (seen.text && strcmp(seen.text, p->text) != 0);
	p->is_seen = true;
	p->presence = seen.presence;
	if (seen.text)
		cwa_people_set(&p->text, seen.text);
	if (seen.called && *seen.called)
		cwa_person_called(p, seen.called);
	if (m->online && changed && p->is_contact)
		m->events.presence(m->ctx, bytes_str(p->user), p->presence, bytes_str(p->text));
	free(seen.text);
	free(seen.called);
}

void cwa_presence_users(struct cwa_presence *presence, const struct cwa_node *event)
{
	for (const struct cwa_node *user = cwa_child(event, "user"); user; user = cwa_next(user))
		read_user(presence, user);
}

void cwa_presence_self(struct cwa_presence *presence, const struct cwa_node *event)
{
	struct buf name = { 0 };

	for (const struct cwa_node *category = cwa_child(event, "cwaCategory"); category; category = cwa_next(category)) {
		if (strcmp(cwa_attribute(category, "name"), "contactCard") != 0 || !*category->text)
			continue;
		buf_clear(&name);
		if (cwa_card_decode(category->text, &name, NULL) == 0) {
			free(presence->own_name);
			presence->own_name = communicator_text(buf_bytes(&name), IM_NAME_MAX);
		}
	}
	buf_free(&name);
}

const char *cwa_presence_own_name(const struct cwa_presence *presence)
{
	return presence->own_name;
}

/* --- life ------------------------------------------------------------------------------------------------------------------------------------- */

struct cwa_presence *cwa_presence_new(struct communicator *m)
{
	struct cwa_presence *p = memory_new(sizeof *p);

	*p = (struct cwa_presence){ .m = m, .value = IM_AVAILABLE, .text = memory_str(""), .own_name = memory_str("") };
	p->again = loop_timer_new(m->loop, publish_again, p);
	return p;
}

void cwa_presence_free(struct cwa_presence **presence)
{
	struct cwa_presence *p = *presence;

	if (!p)
		return;
	*presence = NULL;
	loop_timer_free(&p->again);
	free(p->text);
	free(p->own_name);
	free(p);
}
