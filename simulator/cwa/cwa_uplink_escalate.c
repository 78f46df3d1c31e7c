/* A conference is made when one is to be of more than two: of a conversation of two, or from the beginning. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "simulator/cwa/cwa_uplink_talk.h"

/* --- how it goes on ---------------------------------------------------------------------------------------------------------------------- */

/* It is not going to be one of more than two: the two go on, or it is over. */
static void give_up(struct room *room)
{
	struct leg *leg = room->leg;

	if (leg->two && !leg->many) {
		room_leave(room);
		front_escalation(leg->conference, HOME_PEER);
	} else {
		leg_end(leg);
	}
}

void room_look_whether_alone(struct room *room)
{
	if (room->origin == ROOM_MADE && !room->leg->many && !room->guests)
		give_up(room);
}

void room_failed(struct room *room, const struct outcome *outcome)
{
	if (room->origin == ROOM_BY_URI && !room->leg->many)
		front_invite_failed(room->leg->conference, room->uri, outcome);
	guests_fail(room, outcome);
	give_up(room);
}

/* One other than the two who began it. */
static bool has_third(const struct room *room)
{
	for (size_t i = 0; i < room->people_count; i++)
		if (room->people[i].in && strcmp(room->people[i].uri, room->leg->endpoint->address) != 0 &&
		    !(room->leg->two && strcmp(room->people[i].uri, room->leg->peer) == 0))
			return true;
	return false;
}

void room_people_changed(struct room *room)
{
	struct leg *leg = room->leg;

	if (!room->chats)
		return;
	if (guests_welcome(room))
		guests_invite(room);
	if (leg->many) {
		room_tell(room);
		return;
	}
	if (!has_third(room))
		return;
	room_introduce(room);
	/* The other one has followed, and knows where it goes on. */
	if (room->origin == ROOM_MADE && leg->two) {
		talk_bye(leg->endpoint->uplink, &leg->dialog);
		leg->two = false;
	}
}

void room_is_in(struct room *room)
{
	switch (room->origin) {
	case ROOM_MADE:
		if (room->leg->two)
			guests_take_along(room);
		else
			guests_invite(room);
		break;
	case ROOM_BY_URI:
	case ROOM_INVITED:
		room_introduce(room);
		break;
	case ROOM_FOLLOWED:
		room_people_changed(room);
		break;
	}
}

/* --- made --------------------------------------------------------------------------------------------------------------------------------- */

static void on_made(struct step *step, const struct sip_message *answer, const struct outcome *outcome)
{
	static const struct outcome no_conferences = { .code = CWA_INVALID_OPERATION,
		.detail = "the Communications Server has no conferences: a conversation is one of two" };
	struct room *room = step->room;
	struct outcome result;
	char *detail;

	if (!room)
		return;
	result = room_outcome(answer, outcome, &detail);
	room->made = !result.code;
	if (room->made)
		room_join(room);
	else
		room_failed(room, result.sip_code == 404 || result.sip_code == 405 || result.sip_code == 415 ? &no_conferences : &result);
	free(detail);
}

/* Its name is ours to choose. Source: document - MS-CONFPRO. */
static void make(struct room *room)
{
	static char open[] = "openAuthenticated";
	struct endpoint *e = room->leg->endpoint;
	char *factory = sip_conference_uri(e->address, SIP_FOCUS_FACTORY, NULL), id[SIP_CONFERENCE_ID_MAX + 1];
	uint8_t random[SIP_CONFERENCE_ID_MAX / 2];
	struct sip_conf_text id_text = { id }, admission = { open };
	struct sip_conf_description about = { .subject = room->subject, .id = &id_text, .admission = &admission };
	struct sip_conference_info info = { .description = &about };
	struct sip_add_conference add = { .info = &info };
	struct sip_cccp command = { .add_conference = &add };
	struct sip_message *m = endpoint_request(e, "SERVICE", factory);

	random_pool_take(&e->uplink->random, random, sizeof random);
	for (size_t i = 0; i < sizeof random; i++)
		snprintf(id + 2 * i, 3, "%02x", random[i]);
	free(room->uri);
	room->uri = sip_conference_uri(e->address, SIP_FOCUS, id);
	room_add_command(room, m, factory, &command);
	free(factory);
	room_ask(room, &m, on_made);
}

struct leg *room_begin(struct endpoint *e, struct conference *c, const char *const *uris, size_t count, const char *subject,
	const struct home_message *message)
{
	struct leg *leg = leg_new(e, c, "", LEG_CALLING);
	struct room *room = room_new(leg, ROOM_MADE, NULL);

	leg->first_text = memory_str(message->content);
	leg->format = memory_str(message->format);
	free(room->subject);
	room->subject = memory_str(subject);
	if (guests_add(room, uris, count, NULL)) {
		make(room);
		return leg;
	}
	leg_free(leg);
	return NULL;
}

struct leg *room_come_back(struct endpoint *e, struct conference *c, const char *uri)
{
	struct leg *leg = leg_new(e, c, "", LEG_JOINING);

	room_join(room_new(leg, ROOM_BY_URI, uri));
	return leg;
}

void room_follow(struct leg *leg, const struct sip_message *invite, const char *focus)
{
	struct uplink *u = leg->endpoint->uplink;
	char *tag = endpoint_tag(leg->endpoint);
	struct sip_message *answer = sip_answer(invite, 200, NULL, tag);

	endpoint_add_contact(leg->endpoint, answer);
	uplink_send(u, &answer);
	talk_dialog_from_invite(leg, &leg->invited_by, invite, tag);
	leg->guest = true;
	free(tag);
	front_escalation(leg->conference, HOME_ESCALATING);
	room_join(room_new(leg, ROOM_FOLLOWED, focus));
}

/* --- the client's methods ----------------------------------------------------------------------------------------------------------------- */

static void refuse(const struct leg *leg, const char *rid, const char *detail)
{
	home_done(conference_session(leg->conference), rid, &(struct outcome){ .code = CWA_INVALID_OPERATION, .detail = detail });
}

/* While a third is being asked nothing is passed between the two. Source: document. */
void uplink_invite_more(void *ctx, struct leg *leg, const char *rid, const char *const *uris, size_t count)
{
	struct uplink *u = ctx;
	const struct outcome lost = uplink_lost(u);
	bool first = !leg->room;

	if (u->state != UPLINK_UP) {
		home_done(conference_session(leg->conference), rid, &lost);
		return;
	}
	if (leg->room && leg->room->locked) {
		refuse(leg, rid, "the conference is locked");
		return;
	}
	if (leg->room && !leg->many && leg->room->origin != ROOM_MADE) {
		refuse(leg, rid, "somebody is being invited");
		return;
	}
	if (first)
		(void)room_new(leg, ROOM_MADE, NULL);
	if (!guests_add(leg->room, uris, count, rid)) {
		if (first)
			room_forget(leg->room);
		refuse(leg, rid, "nobody could be invited");
	} else if (first) {
		front_escalation(leg->conference, HOME_ESCALATING);
		make(leg->room);
	} else if (leg->many || leg->room->inviting) {
		guests_invite(leg->room);
	}
}

static void on_ordered(struct leg *leg, const char *rid, const struct sip_message *answer, const struct outcome *outcome)
{
	char *detail;
	struct outcome result = room_outcome(answer, outcome, &detail);

	home_done(conference_session(leg->conference), rid, &result);
	free(detail);
}

static void order(struct leg *leg, const char *rid, struct sip_cccp *command)
{
	struct sip_message *m = sip_dialog_request(&leg->room->focus, "INFO");

	room_add_command(leg->room, m, leg->room->uri, command);
	talk_ask(leg, &m, rid, on_ordered);
}

/* false: refused. uri NULL: it is about nobody. */
static bool may_order(const struct leg *leg, const char *rid, const char *uri)
{
	const struct room_person *p = leg->room && uri ? room_person(leg->room, uri) : NULL;

	if (!leg->many || !leg->room->presenter)
		refuse(leg, rid, "only a presenter of a conference may do so");
	else if (uri && (!p || !p->in || strcmp(uri, leg->endpoint->address) == 0))
		refuse(leg, rid, "there is no such other participant");
	else
		return true;
	return false;
}

void uplink_eject(void *ctx, struct leg *leg, const char *rid, const char *uri)
{
	char *user = memory_str(uri);
	struct sip_user_keys keys = { leg->room ? leg->room->uri : NULL, user };
	struct sip_delete_user delete = { .keys = &keys };

	(void)ctx;
	if (may_order(leg, rid, uri))
		order(leg, rid, &(struct sip_cccp){ .delete_user = &delete });
	free(user);
}

void uplink_promote(void *ctx, struct leg *leg, const char *rid, const char *uri)
{
	static char presenter[] = "presenter";
	char *user = memory_str(uri);
	struct sip_user_keys keys = { leg->room ? leg->room->uri : NULL, user };
	struct sip_conf_role role = { presenter };
	struct sip_conf_roles roles = { &role, 1 };
	struct sip_modify_roles modify = { .keys = &keys, .roles = &roles };

	(void)ctx;
	if (may_order(leg, rid, uri))
		order(leg, rid, &(struct sip_cccp){ .modify_roles = &modify });
	free(user);
}

void uplink_lock(void *ctx, struct leg *leg, const char *rid, bool locked)
{
	struct sip_conference_keys keys = { leg->room ? leg->room->uri : NULL };
	struct sip_modify_lock modify = { .keys = &keys, .locked = locked };

	(void)ctx;
	if (may_order(leg, rid, NULL))
		order(leg, rid, &(struct sip_cccp){ .modify_lock = &modify });
}
