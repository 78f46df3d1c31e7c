/* Whom we invite into a conference: each by an INVITE of his own that hands over its name. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

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

static struct guest *find(const struct room *room, const char *uri)
{
	struct guest *g;

	DL_FOREACH(room->guests, g)
		if (strcmp(g->uri, uri) == 0)
			break;
	return g;
}

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
	room_look_whether_alone(room);
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
		/* He may be there already. */
		room_people_changed(g->room);
	} else if (g->peer) {
		room_failed(g->room, outcome);
	} else {
		struct room *room = g->room;

		guest_failed(g, outcome);
		room_look_whether_alone(room);
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

void guests_invite(struct room *room)
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
	if ((p && p->in) || find(room, uri) || (leg->two && strcmp(uri, leg->peer) == 0) || room_others(room) + 1 >= SIP_CONFERENCE_PEOPLE_MAX)
		return &busy;
	return NULL;
}

size_t guests_add(struct room *room, const char *const *uris, size_t count, const char *rid)
{
	struct summons *summons = memory_new(sizeof *summons);
	size_t added = 0;

	*summons = (struct summons){ .rid = memory_str(rid), .guests = 1 };
	for (size_t i = 0; i < count; i++) {
		const struct outcome *why = why_not(room, uris[i]);

		if (why)
			front_invite_failed(room->leg->conference, uris[i], why);
		else
			(void)guest_new(room, uris[i], summons);
		added += !why;
	}
	summons_release(summons);
	return added;
}

void guests_take_along(struct room *room)
{
	struct guest *peer = guest_new(room, room->leg->peer, NULL);

	peer->peer = true;
	invite(peer);
}

bool guests_welcome(struct room *room)
{
	bool followed = false;
	struct guest *g, *next;

	DL_FOREACH_SAFE(room->guests, g, next) {
		const struct room_person *p = room_person(room, g->uri);

		if (!p || !p->in || g->asked)
			continue;
		followed = followed || g->peer;
		guest_free(g);
	}
	return followed;
}

void guests_fail(struct room *room, const struct outcome *outcome)
{
	struct guest *g, *next;

	/* The client has not asked for the peer, and is told of those whose answer still comes by the end. */
	DL_FOREACH_SAFE(room->guests, g, next)
		if (!g->peer && !g->asked)
			guest_failed(g, outcome);
}
