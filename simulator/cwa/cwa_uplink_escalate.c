/* A conference is made when one is to be of more than two: of a conversation of two, or from the beginning. Whom we invite into one. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/log.h"
#include "base/memory.h"
#include "simulator/cwa/cwa_uplink_talk.h"

#define SEND_OFF_MS 32000               /* who has accepted and does not come by then does not come; ours */

static const struct outcome late = { .code = CWA_OCS_FAILURE, .detail = "", .sip_code = 408, .sip_text = "Request Timeout" };
static const struct outcome busy = { .code = CWA_OCS_FAILURE, .detail = "", .sip_code = 486, .sip_text = "Busy Here" };
static const struct outcome oneself = { .code = CWA_OCS_FAILURE, .detail = "", .sip_code = 482, .sip_text = "Loop Detected" };
static const struct outcome nobody = { .code = CWA_OCS_FAILURE, .detail = "", .sip_code = 404, .sip_text = "Not Found" };

/* One method of the client, by which several may be invited: it succeeds with the first that rings. */
struct summons {
	char *rid;                              /* NULL: it has its outcome */
	unsigned guests;
};

struct guest {
	struct room *room;
	struct guest *prev, *next;
	char *uri;
	struct summons *summons;                /* NULL: of no method */
	bool peer;                              /* the other one of the conversation of two, who is to follow */
	struct asked *asked;                    /* the INVITE; NULL: not yet, or it has its answer */
	struct ring *ring;
	struct loop_timer *due;                 /* of one who has accepted */
};

/* An INVITE whose answer is awaited. It may come when the guest is nobody's any more. */
struct ring {
	struct uplink *uplink;
	struct guest *guest;                    /* NULL */
};

/* --- guests --------------------------------------------------------------------------------------------------------------------------- */

static void summons_release(struct summons *s)
{
	if (!s || --s->guests)
		return;
	free(s->rid);
	free(s);
}

static void guest_free(struct guest *g)
{
	DL_DELETE(g->room->guests, g);
	if (g->ring)
		g->ring->guest = NULL;
	summons_release(g->summons);
	loop_timer_free(&g->due);
	free(g->uri);
	free(g);
}

/* The method's outcome, unless it has had it. */
static void summons_done(struct summons *s, const struct leg *leg, const struct outcome *outcome)
{
	if (!s || !s->rid)
		return;
	home_done(conference_session(leg->conference), s->rid, outcome);
	free(s->rid);
	s->rid = NULL;
}

static const struct outcome good = { .code = 0 };
static const struct outcome none = { .code = CWA_INVALID_OPERATION, .detail = "nobody could be invited" };

/* An invitation that is under way is taken back; its answer still comes. */
void guests_forget(struct room *room)
{
	while (room->guests) {
		struct guest *g = room->guests;

		if (room->leg->conference)
			summons_done(g->summons, room->leg, &none);
		if (g->asked && room->leg->endpoint->uplink->state == UPLINK_UP)
			asked_cancel(g->asked);
		guest_free(g);
	}
}

static struct guest *guest_find(const struct room *room, const char *uri)
{
	struct guest *g;

	DL_FOREACH(room->guests, g)
		if (strcmp(g->uri, uri) == 0)
			break;
	return g;
}

/* Nobody has come, and nobody is awaited. */
static void look_whether_alone(struct room *room);

static void guest_failed(struct guest *g, const struct outcome *outcome)
{
	const struct leg *leg = g->room->leg;

	front_invite_failed(leg->conference, g->uri, outcome);
	if (g->summons && g->summons->guests == 1)
		summons_done(g->summons, leg, &none);
	guest_free(g);
}

static void on_late(void *arg)
{
	struct guest *g = arg;
	struct room *room = g->room;

	if (g->peer) {
		room_failed(room, &late);
		return;
	}
	guest_failed(g, &late);
	look_whether_alone(room);
}

static void ring_free(void *arg)
{
	struct ring *ring = arg;

	if (ring->guest) {
		ring->guest->ring = NULL;
		ring->guest->asked = NULL;
	}
	free(ring);
}

static void on_answer(void *arg, const struct sip_message *answer, const struct outcome *outcome)
{
	struct ring *ring = arg;
	struct guest *g = ring->guest;
	struct sip_dialog dialog;

	/* It was the way to hand over the conference's name: there is nothing more to say in it. */
	if (!outcome->code) {
		sip_dialog_from_answer(&dialog, answer);
		talk_acknowledge(ring->uplink, &dialog);
		talk_bye(ring->uplink, &dialog);
		sip_dialog_clear(&dialog);
	}
	if (!g)
		return;
	ring->guest = NULL;
	g->ring = NULL;
	g->asked = NULL;
	if (!outcome->code) {
		summons_done(g->summons, g->room->leg, &good);
		loop_timer_set(g->due, SEND_OFF_MS);
	} else if (g->peer) {
		room_failed(g->room, outcome);
	} else {
		struct room *room = g->room;

		guest_failed(g, outcome);
		look_whether_alone(room);
	}
}

static void on_ringing(void *arg)
{
	struct ring *ring = arg;

	if (ring->guest)
		summons_done(ring->guest->summons, ring->guest->room->leg, &good);
}

static void invite(struct guest *g)
{
	struct leg *leg = g->room->leg;
	struct endpoint *e = leg->endpoint;
	struct sip_message *m;
	struct sip_conf_im im = { true };
	static char version[] = "2.0";
	struct sip_conf_invite body = { version, g->room->uri, g->room->subject, &im };
	struct buf text = { 0 }, type = { 0 };

	/* All that is lost with the link is ended at once. */
	if (e->uplink->state != UPLINK_UP)
		return;
	m = endpoint_request(e, "INVITE", g->uri);
	endpoint_add_contact(e, m);
	sip_add(m, "Supported", "ms-sender");
	sip_add(m, "Ms-Conversation-ID", "%s", leg->conversation);
	if (leg->state == LEG_CALLING && *leg->first_text) {
		sip_im_type_write(leg->format, &type);
		sip_im_add_first_text(m, buf_cstr(&type), bytes_str(leg->first_text));
		buf_free(&type);
	}
	xml_form_write(&sip_conf_invite_form, &body, &text);
	sip_body(m, SIP_TYPE_CONF_INVITE, buf_bytes(&text));
	buf_free(&text);
	g->ring = memory_new(sizeof *g->ring);
	*g->ring = (struct ring){ e->uplink, g };
	/* Of no endpoint: who has left meanwhile takes it back. */
	g->asked = uplink_ask(e->uplink, NULL, &m, on_answer, g->ring, ring_free);
	asked_on_ringing(g->asked, on_ringing);
}

static void invite_all(struct room *room)
{
	struct guest *g;

	room->inviting = true;
	DL_FOREACH(room->guests, g)
		if (!g->peer && !g->asked && !loop_timer_is_set(g->due))
			invite(g);
}

static struct guest *guest_new(struct room *room, const char *uri, struct summons *summons)
{
	struct guest *g = memory_new(sizeof *g);

	*g = (struct guest){ .room = room, .uri = memory_str(uri), .summons = summons };
	g->due = loop_timer_new(room->leg->endpoint->uplink->loop, on_late, g);
	if (summons)
		summons->guests++;
	DL_APPEND(room->guests, g);
	return g;
}

/* NULL: one who may be asked. */
static const struct outcome *why_not(const struct room *room, const char *uri)
{
	const struct room_person *p = room_person(room, uri);
	const struct leg *leg = room->leg;
	char *address = uplink_uri(uri);

	free(address);
	if (!address)
		return &nobody;
	if (strcmp(uri, leg->endpoint->address) == 0)
		return &oneself;
	if ((p && p->in) || guest_find(room, uri) || (leg->two && strcmp(uri, leg->peer) == 0) || room_others(room) + 1 >= SIP_CONFERENCE_PEOPLE_MAX)
		return &busy;
	return NULL;
}

/* How many are to be asked. The others have their outcome. */
static size_t add_guests(struct room *room, const char *const *uris, size_t count, struct summons *summons)
{
	size_t added = 0;

	for (size_t i = 0; i < count; i++) {
		const struct outcome *why = why_not(room, uris[i]);

		if (why)
			front_invite_failed(room->leg->conference, uris[i], why);
		else
			(void)guest_new(room, uris[i], summons);
		added += !why;
	}
	return added;
}

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

static void look_whether_alone(struct room *room)
{
	if (room->origin == ROOM_MADE && !room->leg->many && !room->guests)
		give_up(room);
}

void room_failed(struct room *room, const struct outcome *outcome)
{
	struct leg *leg = room->leg;
	struct guest *g, *next;

	if (room->origin == ROOM_BY_URI && !leg->many)
		front_invite_failed(leg->conference, room->uri, outcome);
	DL_FOREACH_SAFE(room->guests, g, next) {
		/* The client has not asked for the peer, and is told of those whose answer still comes by the end. */
		if (!g->peer && !g->asked)
			guest_failed(g, outcome);
	}
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

/* Who has come is awaited no more. */
static void welcome(struct room *room)
{
	struct guest *g, *next;

	DL_FOREACH_SAFE(room->guests, g, next) {
		const struct room_person *p = room_person(room, g->uri);

		if (!p || !p->in || g->asked)
			continue;
		if (!g->peer)
			guest_free(g);
		else
			loop_timer_cancel(g->due);
	}
}

static bool peer_follows(const struct room *room)
{
	const struct room_person *p = room_person(room, room->leg->peer);

	return p && p->in;
}

void room_people_changed(struct room *room)
{
	struct leg *leg = room->leg;
	struct guest *peer;

	if (!room->chats)
		return;
	welcome(room);
	if (leg->many) {
		room_tell(room);
		return;
	}
	if (room->origin == ROOM_MADE && leg->two && !room->inviting && peer_follows(room)) {
		peer = guest_find(room, leg->peer);
		if (peer && !peer->asked)
			guest_free(peer);
		invite_all(room);
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
	struct leg *leg = room->leg;
	struct guest *peer;

	switch (room->origin) {
	case ROOM_MADE:
		if (!leg->two) {
			invite_all(room);
			break;
		}
		peer = guest_new(room, leg->peer, NULL);
		peer->peer = true;
		invite(peer);
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
	if (!result.code)
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
	if (add_guests(room, uris, count, NULL)) {
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
	struct summons *summons;
	bool first = !leg->room;
	size_t added;

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
	summons = memory_new(sizeof *summons);
	*summons = (struct summons){ .rid = memory_str(rid), .guests = 1 };
	added = add_guests(leg->room, uris, count, summons);
	summons_release(summons);
	if (!added) {
		if (first)
			room_forget(leg->room);
		refuse(leg, rid, "nobody could be invited");
	} else if (first) {
		front_escalation(leg->conference, HOME_ESCALATING);
		make(leg->room);
	} else if (leg->room->inviting || leg->many) {
		invite_all(leg->room);
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
