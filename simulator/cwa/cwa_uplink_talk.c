/* Conversations: those of two and those of more, and what is said in them by our clients. */
#include "simulator/cwa/cwa_uplink_talk.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/io/address.h"
#include "base/memory.h"
#include "base/utf8.h"

/* --- life ------------------------------------------------------------------------------------------------------------------------------ */

struct leg *leg_new(struct endpoint *e, struct conference *c, const char *peer, enum leg_state state)
{
	struct leg *leg = memory_new(sizeof *leg);

	*leg = (struct leg){ .endpoint = e, .conference = c, .peer = memory_str(peer), .state = state };
	leg->conversation = memory_str(uplink_fresh(e->uplink));
	DL_APPEND(e->legs, leg);
	e->leg_count++;
	return leg;
}

void invitation_release(struct leg *leg)
{
	struct invitation *invitation = leg->invitation;

	leg->invitation = NULL;
	if (!invitation || --invitation->legs)
		return;
	HASH_DEL(invitation->uplink->invitations, invitation);
	free(invitation->call_id);
	free(invitation);
}

void invitation_take(struct leg *leg, const char *call_id)
{
	struct uplink *u = leg->endpoint->uplink;
	struct invitation *invitation;

	HASH_FIND_STR(u->invitations, call_id, invitation);
	if (!invitation) {
		invitation = memory_new(sizeof *invitation);
		*invitation = (struct invitation){ .call_id = memory_str(call_id), .uplink = u };
		HASH_ADD_KEYPTR(hh, u->invitations, invitation->call_id, strlen(invitation->call_id), invitation);
	}
	invitation->legs++;
	leg->invitation = invitation;
}

void leg_free(struct leg *leg)
{
	struct said *said, *next;

	DL_DELETE(leg->endpoint->legs, leg);
	leg->endpoint->leg_count--;
	room_forget(leg->room);
	asked_forget(&leg->asked);
	DL_FOREACH_SAFE(leg->said, said, next)
		said->leg = NULL;
	invitation_release(leg);
	sip_dialog_clear(&leg->dialog);
	sip_dialog_clear(&leg->invited_by);
	sip_free(&leg->invite);
	free(leg->first_text);
	free(leg->format);
	free(leg->tag);
	free(leg->focus);
	free(leg->conversation);
	free(leg->peer);
	free(leg);
}

void leg_hang_up(struct leg *leg)
{
	struct uplink *u = leg->endpoint->uplink;

	if (leg->room)
		room_leave(leg->room);
	if (leg->guest)
		talk_bye(u, &leg->invited_by);
	if (leg->two)
		talk_bye(u, &leg->dialog);
	leg->guest = leg->two = false;
}

void leg_end(struct leg *leg)
{
	leg_hang_up(leg);
	if (leg->conference)
		front_ended(leg->conference);
	leg_free(leg);
}

void talk_lost(struct endpoint *e)
{
	while (e->legs)
		leg_end(e->legs);
}

void talk_forget(struct endpoint *e)
{
	while (e->legs)
		leg_free(e->legs);
}

/* --- requests ---------------------------------------------------------------------------------------------------------------------------- */

char *talk_clean(struct bytes text)
{
	struct buf out = { 0 };
	char *copy;

	utf8_repair_for_xml(text, &out);
	copy = bytes_dup(buf_bytes(&out));
	buf_free(&out);
	return copy;
}

void talk_add_sdp(const struct uplink *u, struct sip_message *m)
{
	const char *local = u->connection ? connection_local(u->connection) : "";
	struct address address;
	struct buf sdp = { 0 };

	/* Nobody dials it: messages go the way of the INVITE. */
	if (address_parse(local, &address, NULL) < 0 || strchr(address.host, ':'))
		snprintf(address.host, sizeof address.host, "127.0.0.1");
	sip_im_sdp_write(address.host, 5061, false, &sdp);
	sip_body(m, SIP_TYPE_SDP, buf_bytes(&sdp));
	buf_free(&sdp);
}

void talk_bye(struct uplink *u, struct sip_dialog *dialog)
{
	struct sip_message *m = sip_dialog_request(dialog, "BYE");

	/* It must not go with the endpoint. */
	(void)uplink_ask(u, NULL, &m, NULL, NULL, NULL);
}

void talk_acknowledge(struct uplink *u, struct sip_dialog *dialog)
{
	struct sip_message *m = sip_dialog_request(dialog, "ACK");

	sip_add_first(m, "Via", "SIP/2.0/%s %s;branch=z9hG4bK%s", u->settings.tls ? "TLS" : "TCP", u->settings.name, uplink_fresh(u));
	uplink_send(u, &m);
}

void talk_dialog_from_invite(const struct leg *leg, struct sip_dialog *dialog, const struct sip_message *invite, const char *tag)
{
	char *local;

	sip_dialog_from_request(dialog, invite, tag);
	/* The other server finds out by it which client of the user speaks. */
	if (strstr(dialog->local, ";epid="))
		return;
	local = memory_printf("%s;epid=%s", dialog->local, leg->endpoint->epid);
	free(dialog->local);
	dialog->local = local;
}

struct awaited {
	struct said said;
	void (*done)(struct leg *leg, const char *rid, const struct sip_message *answer, const struct outcome *outcome);
};

static void said_free(void *arg)
{
	struct awaited *a = arg;

	if (a->said.leg)
		DL_DELETE(a->said.leg->said, &a->said);
	free(a->said.rid);
	free(a);
}

static void on_answered(void *arg, const struct sip_message *answer, const struct outcome *outcome)
{
	struct awaited *a = arg;

	if (a->said.leg && a->said.leg->conference)
		a->done(a->said.leg, a->said.rid, answer, outcome);
}

void talk_ask(struct leg *leg, struct sip_message **m, const char *rid,
	void (*done)(struct leg *leg, const char *rid, const struct sip_message *answer, const struct outcome *outcome))
{
	struct awaited *a = memory_new(sizeof *a);

	*a = (struct awaited){ { .leg = leg, .rid = memory_str(rid) }, done };
	DL_APPEND(leg->said, &a->said);
	(void)uplink_ask(leg->endpoint->uplink, leg->endpoint, m, on_answered, a, said_free);
}

/* --- what the client says ------------------------------------------------------------------------------------------------------------------ */

static void on_said(struct leg *leg, const char *rid, const struct sip_message *answer, const struct outcome *outcome)
{
	(void)answer;
	if (rid)
		front_sent(leg->conference, rid, ++leg->last_message, outcome);
	/* The other end knows nothing of the conversation any more. */
	if (outcome->sip_code == 481)
		leg_end(leg);
}

void talk_say(struct leg *leg, struct sip_dialog *dialog, const char *rid, const char *format, const char *content)
{
	struct sip_message *m = sip_dialog_request(dialog, "MESSAGE");
	struct buf type = { 0 };

	endpoint_add_contact(leg->endpoint, m);
	sip_im_type_write(format, &type);
	sip_body(m, buf_cstr(&type), bytes_str(content));
	buf_free(&type);
	talk_ask(leg, &m, rid, on_said);
}

/* Where it is said; NULL: nobody would hear it. */
static struct sip_dialog *session_of(struct leg *leg)
{
	if (!leg->many)
		return leg->two ? &leg->dialog : NULL;
	return leg->room->chats && room_others(leg->room) ? &leg->room->chat : NULL;
}

static const struct outcome alone = { .code = CWA_OCS_FAILURE, .detail = "", .sip_code = 480, .sip_text = "Temporarily Unavailable" };

void uplink_say(void *ctx, struct leg *leg, const char *rid, const struct home_message *message)
{
	struct sip_dialog *dialog = session_of(leg);

	(void)ctx;
	if (dialog)
		talk_say(leg, dialog, rid, message->format, message->content);
	else
		front_sent(leg->conference, rid, ++leg->last_message, &alone);
}

static void on_informed(struct leg *leg, const char *rid, const struct sip_message *answer, const struct outcome *outcome)
{
	(void)answer;
	home_done(conference_session(leg->conference), rid, outcome);
	if (outcome->sip_code == 481)
		leg_end(leg);
}

void uplink_info(void *ctx, struct leg *leg, const char *rid, const struct home_message *message)
{
	struct sip_dialog *dialog = session_of(leg);
	struct sip_message *m;

	(void)ctx;
	if (!dialog) {
		home_done(conference_session(leg->conference), rid, &alone);
		return;
	}
	m = sip_dialog_request(dialog, "INFO");
	endpoint_add_contact(leg->endpoint, m);
	sip_body(m, message->format, bytes_str(message->content));
	talk_ask(leg, &m, rid, on_informed);
}

void uplink_composing(void *ctx, struct leg *leg, bool composing)
{
	static char type[] = "type", idle[] = "idle";
	struct sip_keyboard_status status = { composing ? type : idle };
	struct sip_keyboard keyboard = { &status };
	struct sip_dialog *dialog = session_of(leg);
	struct sip_message *m;
	struct buf body = { 0 };

	(void)ctx;
	if (!dialog)
		return;
	m = sip_dialog_request(dialog, "INFO");
	endpoint_add_contact(leg->endpoint, m);
	xml_form_write(&sip_keyboard_form, &keyboard, &body);
	sip_body(m, SIP_TYPE_KEYBOARD, buf_bytes(&body));
	buf_free(&body);
	(void)uplink_ask(leg->endpoint->uplink, leg->endpoint, &m, NULL, NULL, NULL);
}

struct leg *uplink_invite(void *ctx, struct conference *c, const char *const *uris, size_t count, const char *subject,
	const struct home_message *message)
{
	static const struct outcome oneself = { .code = CWA_OCS_FAILURE, .detail = "", .sip_code = 482, .sip_text = "Loop Detected" };
	static const struct outcome many = { .code = CWA_THROTTLED, .detail = "too many conversations" };
	static const struct outcome nobody = { .code = CWA_OCS_FAILURE, .detail = "", .sip_code = 404, .sip_text = "Not Found" };
	struct endpoint *e = session_home(conference_session(c));
	const struct uplink *u = ctx;
	const struct outcome lost = uplink_lost(u), *why = NULL;
	char *uri = count ? uplink_uri(uris[0]) : NULL;

	/* An INVITE cannot be written with what is no address. */
	if (u->state != UPLINK_UP)
		why = &lost;
	else if (e->leg_count >= LEGS_MAX)
		why = &many;
	else if (count == 1 && !uri)
		why = &nobody;
	else if (count == 1 && strcmp(uris[0], e->address) == 0)
		why = &oneself;
	free(uri);
	if (!why && count == 1 && sip_conference_part_of(uris[0], NULL) == SIP_FOCUS)
		return room_come_back(e, c, uris[0]);
	if (!why && count == 1)
		return call_begin(e, c, uris[0], subject, message);
	if (!why)
		return room_begin(e, c, uris, count, subject, message);
	for (size_t i = 0; i < count; i++)
		front_invite_failed(c, uris[i], why);
	return NULL;
}

void uplink_leave(void *ctx, struct leg *leg, bool declines)
{
	(void)ctx;
	leg->conference = NULL;
	if (leg->state == LEG_LEAVING)
		return;
	/* Whoever accepts all the same is hung up on. */
	if (leg->asked) {
		leg->state = LEG_LEAVING;
		asked_cancel(leg->asked);
		return;
	}
	if (leg->state == LEG_ASKED)
		call_reply(leg, declines ? 603 : 480);
	leg_hang_up(leg);
	leg_free(leg);
}
