/* Conversations of two: INVITE as caller and as called; and invitations into a conference, which come the same way. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/log.h"
#include "base/memory.h"
#include "simulator/cwa/cwa_uplink_talk.h"

/* --- as caller --------------------------------------------------------------------------------------------------------------------------------- */

static void on_accepted(struct leg *leg, const struct sip_message *answer)
{
	sip_dialog_from_answer(&leg->dialog, answer);
	talk_acknowledge(leg->endpoint->uplink, &leg->dialog);
	leg->two = true;
	if (leg->state == LEG_LEAVING) {
		leg_hang_up(leg);
		leg_free(leg);
		return;
	}
	leg->state = LEG_IN;
	front_escalation(leg->conference, HOME_PEER);
	front_connected(leg->conference);
	/* Source: code (SIPE): where it is not listed the first text has not been read. */
	if (*leg->first_text && !sip_lists(answer, "Supported", "ms-text-format"))
		talk_say(leg, &leg->dialog, NULL, leg->format, leg->first_text);
}

static void on_invited(void *arg, const struct sip_message *answer, const struct outcome *outcome)
{
	struct leg *leg = arg;

	leg->asked = NULL;
	if (!outcome->code) {
		on_accepted(leg, answer);
		return;
	}
	if (leg->conference)
		front_invite_failed(leg->conference, leg->peer, outcome);
	leg_end(leg);
}

struct leg *call_begin(struct endpoint *e, struct conference *c, const char *peer, const char *subject, const struct home_message *message)
{
	struct leg *leg = leg_new(e, c, peer, LEG_CALLING);
	struct sip_message *m = endpoint_request(e, "INVITE", peer);
	struct buf type = { 0 };

	leg->first_text = memory_str(message->content);
	leg->format = memory_str(message->format);
	endpoint_add_contact(e, m);
	sip_add(m, "Supported", "ms-sender");
	sip_add(m, "Ms-Conversation-ID", "%s", leg->conversation);
	if (*subject)
		sip_add(m, "Subject", "%s", subject);
	if (*message->content) {
		sip_im_type_write(message->format, &type);
		sip_im_add_first_text(m, buf_cstr(&type), bytes_str(message->content));
		buf_free(&type);
	}
	talk_add_sdp(e->uplink, m);
	leg->asked = uplink_ask(e->uplink, e, &m, on_invited, leg, NULL);
	return leg;
}

/* --- as called ------------------------------------------------------------------------------------------------------------------------------------ */

void call_reply(struct leg *leg, int status)
{
	struct uplink *u = leg->endpoint->uplink;
	struct sip_message *m = sip_answer(leg->invite, status, NULL, leg->tag);

	if (status < 300)
		endpoint_add_contact(leg->endpoint, m);
	if (status / 100 == 2 && !leg->focus) {
		sip_add(m, "Supported", "ms-sender, ms-text-format");
		talk_add_sdp(u, m);
	}
	uplink_send(u, &m);
}

/* "Ben Ode" <sip:ben@corp.test>: as he calls himself, else as he stands on the list, else his address. The caller frees it. */
static char *name_of(const struct endpoint *e, const struct sip_message *m)
{
	const char *from = sip_get(m, "From", 0);
	struct buf name = { 0 };
	char *text;

	if (*from == '"')
		for (const char *c = from + 1; *c && *c != '"'; c++)
			buf_u8(&name, (uint8_t)(*c == '\\' && c[1] ? *++c : *c));
	else
		buf_append(&name, bytes_of(from, strchr(from, '<') ? strcspn(from, "<") : 0));
	while (name.len && name.data[name.len - 1] == ' ')
		name.len--;
	for (size_t i = 0; !name.len && i < e->contacts.contact_count; i++)
		if (strcmp(e->contacts.contacts[i].uri, m->from.address) == 0 && e->contacts.contacts[i].name)
			buf_text(&name, e->contacts.contacts[i].name);
	if (!name.len)
		buf_text(&name, m->from.address + strlen("sip:"));
	text = talk_clean(buf_bytes(&name));
	buf_free(&name);
	return text;
}

/* The client is asked. focus NULL: into a conversation of two. */
static void invited(struct endpoint *e, const struct sip_message *m, const char *peer, const char *focus, const char *about)
{
	struct leg *leg = leg_new(e, NULL, peer, LEG_ASKED);
	const char *conversation = sip_get(m, "Ms-Conversation-ID", 0);
	char *name = name_of(e, m), *said, *subject = talk_clean(bytes_slice(bytes_str(about), 0, 256));
	struct buf text = { 0 }, format = { 0 };
	struct home_message message;

	if (conversation) {
		free(leg->conversation);
		leg->conversation = memory_str(conversation);
	}
	leg->invite = sip_copy(m);
	leg->tag = endpoint_tag(e);
	leg->focus = memory_str(focus);
	invitation_take(leg, m->call_id);
	(void)sip_im_first_text(m, &text);
	sip_im_type_read(sip_get(m, "Ms-Text-Format", 0), &format);
	said = talk_clean(bytes_slice(buf_bytes(&text), 0, TEXT_MAX_BYTES));
	message = (struct home_message){ buf_cstr(&format), said };
	leg->conference = front_invited(e->session, leg, leg->invitation, peer, name, subject, &message, focus ? HOME_ESCALATED : HOME_INVITING);
	call_reply(leg, leg->conference ? 180 : 486);
	if (!leg->conference)
		leg_free(leg);
	free(name);
	free(said);
	free(subject);
	buf_free(&text);
	buf_free(&format);
}

/* The conversation of two that an invitation into a conference goes on with; NULL: none. */
static struct leg *goes_on(const struct endpoint *e, const struct sip_message *m, const char *peer)
{
	const char *conversation = sip_get(m, "Ms-Conversation-ID", 0);
	struct leg *leg;

	DL_FOREACH(e->legs, leg)
		if (conversation && leg->two && leg->state == LEG_IN && !leg->room && strcmp(leg->conversation, conversation) == 0 && strcmp(leg->peer, peer) == 0)
			break;
	return leg;
}

static void on_conference_invite(struct endpoint *e, const struct sip_message *m, const char *peer)
{
	struct leg *two = goes_on(e, m, peer);
	struct sip_conf_invite body;

	if (xml_form_read(buf_bytes(&m->body), &sip_conf_invite_form, &body, NULL) < 0) {
		uplink_answer(e->uplink, m, 400);
		return;
	}
	if (sip_conference_part_of(body.focus, NULL) != SIP_FOCUS || (body.im && !body.im->available))
		uplink_answer(e->uplink, m, 488);
	else if (two)
		room_follow(two, m, body.focus);
	else
		invited(e, m, peer, body.focus, body.subject ? body.subject : "");
	xml_form_clear(&sip_conf_invite_form, &body);
}

void call_on_invite(struct endpoint *e, const struct sip_message *m)
{
	const char *subject = sip_get(m, "Subject", 0);
	char *peer = uplink_uri(m->from.address);
	bool of_many = sip_is_type(m, SIP_TYPE_CONF_INVITE);

	if (!e->accepted || !peer || e->leg_count >= LEGS_MAX)
		uplink_answer(e->uplink, m, !e->accepted ? 480 : !peer ? 400 : 486);
	else if (of_many)
		on_conference_invite(e, m, peer);
	else if (!sip_im_sdp_is_im(buf_bytes(&m->body)))
		uplink_answer(e->uplink, m, 488);
	else
		invited(e, m, peer, NULL, subject ? subject : "");
	free(peer);
}

/* The conference is told to the client once we are in it. */
static void accept_conference(struct leg *leg)
{
	talk_dialog_from_invite(leg, &leg->invited_by, leg->invite, leg->tag);
	leg->guest = true;
	leg->state = LEG_JOINING;
	sip_free(&leg->invite);
	room_join(room_new(leg, ROOM_INVITED, leg->focus));
}

void uplink_accept(void *ctx, struct leg *leg)
{
	(void)ctx;
	if (leg->state != LEG_ASKED)
		return;
	call_reply(leg, 200);
	if (leg->focus) {
		accept_conference(leg);
		return;
	}
	talk_dialog_from_invite(leg, &leg->dialog, leg->invite, leg->tag);
	leg->two = true;
	leg->state = LEG_IN;
	sip_free(&leg->invite);
	invitation_release(leg);
	front_escalation(leg->conference, HOME_PEER);
	front_connected(leg->conference);
}

/* Another client of the user was faster, or the caller gave up. */
void call_on_cancel(struct endpoint *e, struct leg *leg, const struct sip_message *m)
{
	uplink_answer(e->uplink, m, 200);
	call_reply(leg, 487);
	leg_end(leg);
}
