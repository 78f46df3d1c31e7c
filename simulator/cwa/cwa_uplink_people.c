/* Who is in a conference: what the focus tells, and what the client is told of it. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "simulator/cwa/cwa_uplink_talk.h"

/* --- what the focus tells -------------------------------------------------------------------------------------------------------------- */

struct room_person *room_person(const struct room *room, const char *uri)
{
	for (size_t i = 0; i < room->people_count; i++)
		if (strcmp(room->people[i].uri, uri) == 0)
			return &room->people[i];
	return NULL;
}

static bool is_self(const struct room *room, const struct room_person *p)
{
	return strcmp(p->uri, room->leg->endpoint->address) == 0;
}

size_t room_others(const struct room *room)
{
	size_t count = 0;

	for (size_t i = 0; i < room->people_count; i++)
		count += room->people[i].in && !is_self(room, &room->people[i]);
	return count;
}

void room_people_forget(struct room *room)
{
	for (size_t i = 0; i < room->people_count; i++) {
		free(room->people[i].uri);
		free(room->people[i].name);
	}
	free(room->people);
	room->people = NULL;
	room->people_count = 0;
}

/* NULL: there are as many as there may be. */
static struct room_person *person_new(struct room *room, const char *uri)
{
	struct room_person *p;

	if (room->people_count == SIP_CONFERENCE_PEOPLE_MAX)
		return NULL;
	room->people = memory_resize(room->people, (room->people_count + 1) * sizeof(*room->people));
	p = &room->people[room->people_count++];
	*p = (struct room_person){ .uri = memory_str(uri), .name = memory_str(uri + strlen("sip:")) };
	return p;
}

static bool chats(const struct sip_conf_user *user)
{
	for (size_t i = 0; i < user->endpoint_count; i++) {
		const struct sip_conf_endpoint *e = &user->endpoints[i];

		if (e->session_type && strcmp(e->session_type, "chat") == 0 && e->status && strcmp(e->status, "connected") == 0)
			return true;
	}
	return false;
}

static void take_user(struct room *room, const struct sip_conf_user *user)
{
	bool is_deleted = user->state && strcmp(user->state, "deleted") == 0;
	char *uri = uplink_uri(user->entity);
	struct room_person *p = uri ? room_person(room, uri) : NULL;

	if (uri && !p && !is_deleted)
		p = person_new(room, uri);
	free(uri);
	if (!p)
		return;
	p->in = !is_deleted && chats(user);
	if (is_deleted)
		return;
	p->presenter = user->roles && user->roles->count && user->roles->items[0].text && strcmp(user->roles->items[0].text, "presenter") == 0;
	if (user->display_text && *user->display_text) {
		free(p->name);
		p->name = talk_clean(bytes_str(user->display_text));
	}
	if (is_self(room, p))
		room->presenter = p->presenter;
}

static void take_description(struct room *room, const struct sip_conf_description *about)
{
	for (size_t i = 0; about->uris && i < about->uris->count && !room->chat_uri; i++)
		if (about->uris->items[i].purpose && strcmp(about->uris->items[i].purpose, "chat") == 0 &&
		    sip_conference_part_of(about->uris->items[i].uri, NULL) == SIP_CONFERENCE_CHAT)
			room->chat_uri = memory_str(about->uris->items[i].uri);
}

static void take_view(struct room *room, const struct sip_conf_view *view)
{
	for (size_t i = 0; i < view->count; i++)
		if (view->items[i].state && view->items[i].state->locked)
			room->locked = strcmp(view->items[i].state->locked, "true") == 0;
}

int room_take(struct room *room, struct bytes body)
{
	struct sip_conference_info info;
	bool whole;

	if (xml_form_read(body, &sip_conference_info_form, &info, NULL) < 0)
		return -1;
	if (!info.entity || strcasecmp(info.entity, room->uri) != 0) {
		xml_form_clear(&sip_conference_info_form, &info);
		return -1;
	}
	/* As the focus writes it: what a client says of it may be in other letters. */
	free(room->uri);
	room->uri = memory_str(info.entity);
	whole = info.users && !(info.state && strcmp(info.state, "partial") == 0) && !(info.users->state && strcmp(info.users->state, "partial") == 0);
	for (size_t i = 0; whole && i < room->people_count; i++)
		room->people[i].in = false;
	for (size_t i = 0; info.users && i < info.users->count; i++)
		take_user(room, &info.users->items[i]);
	if (info.description)
		take_description(room, info.description);
	if (info.view)
		take_view(room, info.view);
	xml_form_clear(&sip_conference_info_form, &info);
	return 0;
}

/* --- what the client is told -------------------------------------------------------------------------------------------------------------- */

static const char *role_of(bool presenter)
{
	return presenter ? "presenter" : "attendee";
}

static void tell_person(const struct room *room, struct room_person *p)
{
	if (is_self(room, p) || (p->in == p->told && (!p->in || p->presenter == p->told_presenter)))
		return;
	front_participant(room->leg->conference, p->uri, p->name, role_of(p->in ? p->presenter : p->told_presenter), p->in);
	p->told = p->in;
	p->told_presenter = p->presenter;
}

void room_tell(struct room *room)
{
	struct conference *c = room->leg->conference;

	if (room->presenter != room->told_presenter)
		front_role(c, role_of(room->presenter));
	room->told_presenter = room->presenter;
	for (size_t i = 0; i < room->people_count; i++)
		tell_person(room, &room->people[i]);
	if (room->locked != room->told_locked)
		front_locked(c, room->locked);
	room->told_locked = room->locked;
	/* Who has gone need not be remembered. */
	for (size_t i = room->people_count; i-- > 0;) {
		if (room->people[i].in || is_self(room, &room->people[i]))
			continue;
		free(room->people[i].uri);
		free(room->people[i].name);
		room->people[i] = room->people[--room->people_count];
	}
}

void room_introduce(struct room *room)
{
	struct leg *leg = room->leg;
	struct conference *c = leg->conference;
	bool waits = leg->state == LEG_JOINING;

	leg->many = true;
	if (leg->state == LEG_CALLING)
		front_connected(c);
	leg->state = LEG_IN;
	front_conf_uri(c, room->uri);
	front_escalation(c, HOME_ESCALATED);
	front_role(c, role_of(room->presenter));
	room->told_presenter = room->presenter;
	if (waits)
		front_connected(c);
	room_tell(room);
}
