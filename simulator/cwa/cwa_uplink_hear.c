/* What comes in conversations: requests in their dialogs, and who they are from. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/memory.h"
#include "simulator/cwa/cwa_uplink_talk.h"

/* The dialogs that a leg may have. */
enum place { PLACE_NONE, PLACE_TWO, PLACE_INVITATION, PLACE_FOCUS, PLACE_CHAT };

static enum place place_of(const struct leg *leg, const struct sip_message *m)
{
	if (leg->two && sip_dialog_has(&leg->dialog, m))
		return PLACE_TWO;
	if (leg->guest && sip_dialog_has(&leg->invited_by, m))
		return PLACE_INVITATION;
	if (leg->room && leg->room->in_focus && sip_dialog_has(&leg->room->focus, m))
		return PLACE_FOCUS;
	if (leg->room && leg->room->chats && sip_dialog_has(&leg->room->chat, m))
		return PLACE_CHAT;
	return PLACE_NONE;
}

static struct leg *leg_at(const struct endpoint *e, const struct sip_message *m, enum place *place)
{
	struct leg *leg;

	*place = PLACE_NONE;
	DL_FOREACH(e->legs, leg) {
		*place = place_of(leg, m);
		if (*place != PLACE_NONE)
			break;
	}
	return leg;
}

/* In a conference From is the MCU: who said it stands beside it. The caller frees it. */
static char *sender_of(const struct leg *leg, const struct sip_message *m, enum place place)
{
	const char *named = place == PLACE_CHAT ? sip_get(m, "Ms-Sender", 0) : NULL, *start = named ? strchr(named, '<') : NULL;
	char *inside = start ? bytes_dup(bytes_of(start + 1, strcspn(start + 1, ">;"))) : named ? memory_str(named) : NULL;
	char *sender = inside ? uplink_uri(inside) : NULL;

	free(inside);
	return sender ? sender : memory_str(leg->peer);
}

static void on_message(struct leg *leg, enum place place, const struct sip_message *m)
{
	struct uplink *u = leg->endpoint->uplink;
	struct buf format = { 0 };
	struct home_message message;
	char *text, *sender;

	if (!sip_is_type(m, "text/plain") || m->body.len > TEXT_MAX_BYTES) {
		uplink_answer(u, m, m->body.len > TEXT_MAX_BYTES ? 413 : 415);
		return;
	}
	uplink_answer(u, m, 200);
	sip_im_type_read(sip_get(m, "Content-Type", 0), &format);
	text = talk_clean(buf_bytes(&m->body));
	sender = sender_of(leg, m, place);
	message = (struct home_message){ buf_cstr(&format), text };
	front_message(leg->conference, sender, &message);
	buf_free(&format);
	free(sender);
	free(text);
}

static void on_info(struct leg *leg, enum place place, const struct sip_message *m)
{
	struct sip_keyboard keyboard;
	char *sender;

	/* A system message: web clients have no event for it. */
	if (!sip_is_type(m, SIP_TYPE_KEYBOARD)) {
		uplink_answer(leg->endpoint->uplink, m, 200);
		return;
	}
	if (xml_form_read(buf_bytes(&m->body), &sip_keyboard_form, &keyboard, NULL) < 0) {
		uplink_answer(leg->endpoint->uplink, m, 415);
		return;
	}
	uplink_answer(leg->endpoint->uplink, m, 200);
	sender = sender_of(leg, m, place);
	front_composing(leg->conference, sender, strcmp(keyboard.status->status, "type") == 0);
	free(sender);
	xml_form_clear(&sip_keyboard_form, &keyboard);
}

/* The other one of two has gone. When both are on their way into a conference, it goes on there. */
static void on_peer_gone(struct leg *leg)
{
	leg->two = false;
	sip_dialog_clear(&leg->dialog);
	if (leg->room && (leg->room->origin != ROOM_MADE || leg->many))
		return;
	if (leg->conference)
		front_participant(leg->conference, leg->peer, "", "attendee", false);
	leg_end(leg);
}

static void on_bye(struct leg *leg, enum place place, const struct sip_message *m)
{
	uplink_answer(leg->endpoint->uplink, m, 200);
	switch (place) {
	case PLACE_TWO:
		on_peer_gone(leg);
		break;
	case PLACE_INVITATION:
		leg->guest = false;
		sip_dialog_clear(&leg->invited_by);
		break;
	case PLACE_FOCUS:
		room_over(leg->room);
		break;
	case PLACE_CHAT:
		room_on_chat_over(leg->room);
		break;
	case PLACE_NONE:
		break;
	}
}

/* Offers the same again, as clients do that want to know whether we are still there. */
static void on_reinvite(struct leg *leg, enum place place, const struct sip_message *m)
{
	struct uplink *u = leg->endpoint->uplink;
	struct sip_message *answer = sip_answer(m, 200, NULL, NULL);

	endpoint_add_contact(leg->endpoint, answer);
	if (place == PLACE_TWO || place == PLACE_CHAT)
		talk_add_sdp(u, answer);
	uplink_send(u, &answer);
}

static const struct {
	const char *method;
	bool in_session;                        /* only where something is said */
	void (*run)(struct leg *leg, enum place place, const struct sip_message *m);
} methods[] = {
	{ "MESSAGE", true, on_message },
	{ "INFO", true, on_info },
	{ "BYE", false, on_bye },
	{ "INVITE", false, on_reinvite },
};

static void on_inside(struct endpoint *e, const struct sip_message *m)
{
	enum place place;
	struct leg *leg = leg_at(e, m, &place);
	size_t i = 0;

	while (i < sizeof methods / sizeof methods[0] && strcmp(methods[i].method, m->method) != 0)
		i++;
	if (i < sizeof methods / sizeof methods[0] && (!leg || !leg->conference))
		uplink_answer(e->uplink, m, 481);
	else if (i == sizeof methods / sizeof methods[0] || (methods[i].in_session && place != PLACE_TWO && place != PLACE_CHAT))
		uplink_answer(e->uplink, m, 405);
	else
		methods[i].run(leg, place, m);
}

static void on_cancel(struct endpoint *e, const struct sip_message *m)
{
	struct leg *leg;

	DL_FOREACH(e->legs, leg)
		if (leg->state == LEG_ASKED && strcmp(leg->invite->call_id, m->call_id) == 0)
			break;
	if (leg)
		call_on_cancel(e, leg, m);
	else
		uplink_answer(e->uplink, m, 481);
}

void talk_on_request(struct uplink *u, const struct sip_message *m)
{
	struct endpoint *e = endpoint_of(u, m);

	if (strcmp(m->method, "ACK") == 0)
		return;
	if (strcmp(m->method, "OPTIONS") == 0)
		uplink_answer(u, m, 200);
	else if (!e)
		uplink_answer(u, m, m->to.tag ? 481 : 404);
	else if (strcmp(m->method, "CANCEL") == 0)
		on_cancel(e, m);
	else if (!m->to.tag && strcmp(m->method, "INVITE") == 0)
		call_on_invite(e, m);
	else
		on_inside(e, m);
}

bool talk_on_notification(struct endpoint *e, const struct sip_message *m)
{
	struct leg *leg;

	DL_FOREACH(e->legs, leg) {
		if (!leg->room || !leg->room->watches || !sip_dialog_has(&leg->room->watch, m))
			continue;
		room_on_notification(leg->room, m);
		return true;
	}
	return false;
}
