/* Conversations of more than two: conferences, who is in them, and what they are told of it. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/log.h"
#include "base/memory.h"
#include "simulator/ocs/ocs_state.h"

static char *lower(const char *text)
{
	char *copy = memory_str(text);

	for (char *c = copy; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c + 'a' - 'A');
	return copy;
}

/* --- life ------------------------------------------------------------------------------------------------------------------------- */

struct meeting *meeting_find(const struct ocs_server *server, const char *uri)
{
	char *address = uri ? sip_address(uri) : NULL, *id = NULL, *focus, *key;
	struct meeting *c = NULL;
	enum sip_conference_part part = address ? sip_conference_part_of(uri, &id) : SIP_NO_CONFERENCE;

	if (part == SIP_FOCUS || part == SIP_CONFERENCE_CHAT) {
		focus = sip_conference_uri(address, SIP_FOCUS, id);
		key = lower(focus);
		HASH_FIND_STR(server->meetings, key, c);
		free(key);
		free(focus);
	}
	free(id);
	free(address);
	return c;
}

static void on_unjoined(void *arg)
{
	struct meeting *c = arg;

	log_info("conference end id=%s reason=nobody-joined", c->id);
	meeting_end(c);
}

struct meeting *meeting_new(struct ocs_server *server, struct user *organizer, const char *id, const char *subject)
{
	struct meeting *c = memory_new(sizeof *c);

	*c = (struct meeting){ .server = server, .organizer = organizer, .id = memory_str(id), .subject = memory_str(subject) };
	c->focus = sip_conference_uri(organizer->address, SIP_FOCUS, id);
	c->chat = sip_conference_uri(organizer->address, SIP_CONFERENCE_CHAT, id);
	c->key = lower(c->focus);
	c->unjoined = loop_timer_new(server->loop, on_unjoined, c);
	loop_timer_set(c->unjoined, UNJOINED_MS);
	HASH_ADD_KEYPTR(hh, server->meetings, c->key, strlen(c->key), c);
	server->conferences_total++;
	log_info("conference id=%s organizer=%s", c->id, organizer->seed->id);
	return c;
}

static void meeting_free(struct meeting *c)
{
	HASH_DEL(c->server->meetings, c);
	loop_timer_free(&c->unjoined);
	free(c->key);
	free(c->id);
	free(c->focus);
	free(c->chat);
	free(c->subject);
	free(c->ejected);
	free(c);
}

unsigned meetings_of(const struct user *user)
{
	unsigned count = 0;

	for (const struct meeting *c = user->server->meetings; c; c = c->hh.next)
		count += c->organizer == user;
	return count;
}

struct member *member_of(const struct meeting *c, const struct user *user)
{
	struct member *m;

	DL_FOREACH(c->members, m)
		if (m->endpoint->user == user)
			break;
	return m;
}

struct member *member_new(struct meeting *c, struct request *r, const char *entity)
{
	struct member *m = memory_new(sizeof *m);

	*m = (struct member){ .meeting = c, .endpoint = r->endpoint, .entity = memory_str(entity), .presenter = c->organizer == r->user };
	sip_dialog_from_request(&m->focus, r->message, r->tag);
	DL_APPEND(c->members, m);
	c->member_count++;
	loop_timer_cancel(c->unjoined);
	log_info("conference id=%s joined=%s", c->id, r->user->seed->id);
	return m;
}

/* --- what is told --------------------------------------------------------------------------------------------------------------------- */

static char connected[] = "connected", dialed_in[] = "dialed-in", focus_type[] = "focus", chat_type[] = "chat", partial[] = "partial", full[] = "full",
	deleted[] = "deleted", presenter_role[] = "presenter", attendee_role[] = "attendee", yes[] = "true", no[] = "false";

/* Everything of a member that stands in a document, side by side. */
struct shown {
	struct sip_conf_role role;
	struct sip_conf_roles roles;
	struct sip_conf_endpoint endpoints[2];
};

static struct sip_conf_user show(const struct member *m, struct shown *shown)
{
	shown->role.text = m->presenter ? presenter_role : attendee_role;
	shown->roles = (struct sip_conf_roles){ &shown->role, 1 };
	shown->endpoints[0] = (struct sip_conf_endpoint){ m->entity, focus_type, connected, dialed_in };
	shown->endpoints[1] = (struct sip_conf_endpoint){ m->entity, chat_type, connected, dialed_in };
	return (struct sip_conf_user){ .entity = m->endpoint->user->address, .state = full, .display_text = m->endpoint->user->seed->name,
		.roles = &shown->roles, .endpoints = shown->endpoints, .endpoint_count = m->chats ? 2 : 1 };
}

/* Whether it is locked, where clients look for it. Source: code (SIPE): a view of the chat. */
static void write_with_lock(const struct meeting *c, struct sip_conference_info *info, struct buf *out)
{
	struct sip_conf_medium medium = { chat_type, chat_type };
	struct sip_conf_media media = { &medium, 1 };
	struct sip_conf_entity_state state = { c->locked ? yes : no, &media };
	struct sip_conf_entity_view entity = { c->chat, &state };
	struct sip_conf_view view = { &entity, 1 };

	info->view = &view;
	xml_form_write(&sip_conference_info_form, info, out);
	info->view = NULL;
}

/* The whole state. */
void meeting_write(const struct subscription *s, struct buf *out)
{
	const struct meeting *c = s->meeting;
	struct sip_conf_uri uri = { c->chat, NULL, chat_type };
	struct sip_conf_uris uris = { &uri, 1 };
	struct sip_conf_text id = { c->id };
	struct sip_conf_description description = { .subject = c->subject, .uris = &uris, .id = &id };
	struct sip_conf_user items[SIP_CONFERENCE_PEOPLE_MAX];
	struct shown *shown = memory_new(SIP_CONFERENCE_PEOPLE_MAX * sizeof *shown);
	struct sip_conf_users users = { full, items, 0 };
	struct sip_conference_info info = { c->focus, full, s->list_version, &description, &users, NULL };
	const struct member *m;

	DL_FOREACH(c->members, m) {
		items[users.count] = show(m, &shown[users.count]);
		users.count++;
	}
	write_with_lock(c, &info, out);
	free(shown);
}

static void tell(const struct meeting *c, struct sip_conference_info *info)
{
	const struct member *m;

	DL_FOREACH(c->members, m) {
		for (struct subscription *s = m->endpoint->subscriptions; s; s = s->next) {
			struct buf body = { 0 };

			if (s->meeting != c)
				continue;
			info->version = ++s->list_version;
			if (info->users)
				xml_form_write(&sip_conference_info_form, info, &body);
			else
				write_with_lock(c, info, &body);
			subscription_notify(s, SIP_TYPE_CONFERENCE_INFO, buf_bytes(&body));
			buf_free(&body);
		}
	}
}

static void tell_user(const struct meeting *c, struct sip_conf_user *user)
{
	struct sip_conf_users users = { partial, user, 1 };
	struct sip_conference_info info = { .entity = c->focus, .state = partial, .users = &users };

	tell(c, &info);
}

void member_tell(const struct member *m)
{
	struct shown shown;
	struct sip_conf_user user = show(m, &shown);

	tell_user(m->meeting, &user);
}

void meeting_tell_lock(const struct meeting *c)
{
	struct sip_conference_info info = { .entity = c->focus, .state = partial };

	tell(c, &info);
}

/* --- leaving -------------------------------------------------------------------------------------------------------------------------- */

static void hang_up(struct member *m, struct sip_dialog *dialog)
{
	struct sip_message *bye = sip_dialog_request(dialog, "BYE");

	add_via(m->endpoint->link, bye, fresh(m->meeting->server, "z9hG4bK"));
	link_send_event(m->endpoint->link, m->endpoint->user, &bye);
}

static void unwatch(const struct member *m)
{
	struct subscription *next;

	for (struct subscription *s = m->endpoint->subscriptions; s; s = next) {
		next = s->next;
		if (s->meeting == m->meeting)
			subscription_free(s);
	}
}

static void member_free(struct member *m, bool tell_him)
{
	DL_DELETE(m->meeting->members, m);
	m->meeting->member_count--;
	unwatch(m);
	if (tell_him && m->chats)
		hang_up(m, &m->chat);
	if (tell_him)
		hang_up(m, &m->focus);
	sip_dialog_clear(&m->focus);
	sip_dialog_clear(&m->chat);
	free(m->entity);
	free(m);
}

void member_end(struct member *m, bool tell_him)
{
	struct meeting *c = m->meeting;
	struct sip_conf_user gone = { .entity = m->endpoint->user->address, .state = deleted };

	log_info("conference id=%s left=%s", c->id, m->endpoint->user->seed->id);
	member_free(m, tell_him);
	if (c->members) {
		tell_user(c, &gone);
		return;
	}
	log_info("conference end id=%s reason=empty", c->id);
	meeting_free(c);
}

void meeting_end(struct meeting *c)
{
	while (c->members)
		member_free(c->members, true);
	meeting_free(c);
}

void meetings_endpoint_gone(const struct endpoint *e)
{
	struct meeting *c, *next;
	struct member *m;

	HASH_ITER(hh, e->user->server->meetings, c, next) {
		m = member_of(c, e->user);
		if (m && m->endpoint == e)
			member_end(m, false);
	}
}

void meetings_free(struct ocs_server *server)
{
	struct meeting *c, *next;

	HASH_ITER(hh, server->meetings, c, next)
		meeting_free(c);
}

/* --- who was thrown out -------------------------------------------------------------------------------------------------------------- */

static size_t ejected_at(const struct meeting *c, const struct user *user)
{
	size_t i = 0;

	while (i < c->ejected_count && c->ejected[i] != user)
		i++;
	return i;
}

bool meeting_is_ejected(const struct meeting *c, const struct user *user)
{
	return ejected_at(c, user) < c->ejected_count;
}

void meeting_eject(struct member *m)
{
	struct meeting *c = m->meeting;

	c->ejected = memory_resize(c->ejected, (c->ejected_count + 1) * sizeof(*c->ejected));
	c->ejected[c->ejected_count++] = m->endpoint->user;
	member_end(m, true);
}

void meeting_pardon(const struct request *r, struct user *to)
{
	struct sip_conf_invite invite;
	struct meeting *c;
	size_t at;

	if (!sip_is_type(r->message, SIP_TYPE_CONF_INVITE) ||
	    xml_form_read(buf_bytes(&r->message->body), &sip_conf_invite_form, &invite, NULL) < 0)
		return;
	c = meeting_find(r->server, invite.focus);
	at = c ? ejected_at(c, to) : 0;
	if (c && at < c->ejected_count && member_of(c, r->user))
		c->ejected[at] = c->ejected[--c->ejected_count];
	xml_form_clear(&sip_conf_invite_form, &invite);
}
