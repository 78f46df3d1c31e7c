/* Conversations of two: INVITE, MESSAGE, INFO, BYE, as caller and as called. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/io/address.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "simulator/cwa/cwa_uplink_state.h"

enum leg_state { LEG_CALLING, LEG_LEAVING, LEG_ASKED, LEG_IN };

/* An invitation rings at all clients of a user: they know by it that it is the same one. */
struct invitation {
	char *call_id;                          /* the key */
	UT_hash_handle hh;
	struct uplink *uplink;
	unsigned legs;
};

struct leg {
	struct endpoint *endpoint;
	struct leg *prev, *next;
	struct conference *conference;          /* NULL: it has left */
	enum leg_state state;
	char *peer;                             /* "sip:ben@corp.test" */
	struct sip_dialog dialog;
	struct asked *asked;                    /* LEG_CALLING, LEG_LEAVING: the INVITE */
	char *first_text, *format;              /* of ours; said again when the INVITE could not carry it */
	struct sip_message *invite;             /* LEG_ASKED: theirs */
	char *tag;                              /* and ours in its answers */
	struct invitation *invitation;
	uint32_t last_message;
	struct said *said;
};

/* A message whose answer is awaited. */
struct said {
	struct leg *leg;                        /* NULL: the conversation is over */
	struct said *prev, *next;
	char *rid;                              /* NULL: the client did not ask for it */
};

/* --- life ------------------------------------------------------------------------------------------------------------------------------ */

static struct leg *leg_new(struct endpoint *e, struct conference *c, const char *peer, enum leg_state state)
{
	struct leg *leg = memory_new(sizeof *leg);

	*leg = (struct leg){ .endpoint = e, .conference = c, .peer = memory_str(peer), .state = state };
	DL_APPEND(e->legs, leg);
	e->leg_count++;
	return leg;
}

static void invitation_release(struct leg *leg)
{
	struct invitation *invitation = leg->invitation;

	leg->invitation = NULL;
	if (!invitation || --invitation->legs)
		return;
	HASH_DEL(invitation->uplink->invitations, invitation);
	free(invitation->call_id);
	free(invitation);
}

static void invitation_take(struct leg *leg, const char *call_id)
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

static void leg_free(struct leg *leg)
{
	struct said *said, *next;

	DL_DELETE(leg->endpoint->legs, leg);
	leg->endpoint->leg_count--;
	asked_forget(&leg->asked);
	DL_FOREACH_SAFE(leg->said, said, next)
		said->leg = NULL;
	invitation_release(leg);
	sip_dialog_clear(&leg->dialog);
	sip_free(&leg->invite);
	free(leg->first_text);
	free(leg->format);
	free(leg->tag);
	free(leg->peer);
	free(leg);
}

static void leg_end(struct leg *leg)
{
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

/* The one that a request inside a conversation, or a CANCEL, is about. */
static struct leg *leg_of(const struct endpoint *e, const struct sip_message *m)
{
	struct leg *leg;

	DL_FOREACH(e->legs, leg)
		if (leg->state == LEG_IN ? sip_dialog_has(&leg->dialog, m) : leg->state == LEG_ASKED && strcmp(leg->invite->call_id, m->call_id) == 0)
			break;
	return leg;
}

/* --- bodies ------------------------------------------------------------------------------------------------------------------------------ */

static char *clean(struct bytes text)
{
	struct buf out = { 0 };
	char *copy;

	utf8_repair_for_xml(text, &out);
	copy = bytes_dup(buf_bytes(&out));
	buf_free(&out);
	return copy;
}

static void add_sdp(const struct uplink *u, struct sip_message *m)
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

static void send_inside(struct leg *leg, struct sip_message **m, answered_fn *done, void *arg, void (*free_arg)(void *))
{
	(void)uplink_ask(leg->endpoint->uplink, leg->endpoint, m, done, arg, free_arg);
}

static void bye(struct leg *leg)
{
	struct sip_message *m = sip_dialog_request(&leg->dialog, "BYE");

	/* Its answer tells nothing, and must not go with the endpoint. */
	(void)uplink_ask(leg->endpoint->uplink, NULL, &m, NULL, NULL, NULL);
}

static void acknowledge(struct leg *leg)
{
	struct uplink *u = leg->endpoint->uplink;
	struct sip_message *m = sip_dialog_request(&leg->dialog, "ACK");

	sip_add_first(m, "Via", "SIP/2.0/%s %s;branch=z9hG4bK%s", u->settings.tls ? "TLS" : "TCP", u->settings.name, uplink_fresh(u));
	uplink_send(u, &m);
}

/* --- messages out --------------------------------------------------------------------------------------------------------------------------- */

static void said_free(void *arg)
{
	struct said *said = arg;

	if (said->leg)
		DL_DELETE(said->leg->said, said);
	free(said->rid);
	free(said);
}

static void on_said(void *arg, const struct sip_message *answer, const struct outcome *outcome)
{
	struct said *said = arg;
	struct leg *leg = said->leg;

	(void)answer;
	if (!leg || !leg->conference)
		return;
	if (said->rid)
		front_sent(leg->conference, said->rid, ++leg->last_message, outcome);
	/* The other end knows nothing of the conversation any more. */
	if (outcome->sip_code == 481)
		leg_end(leg);
}

static void say(struct leg *leg, const char *rid, const char *format, const char *content)
{
	struct said *said = memory_new(sizeof *said);
	struct sip_message *m = sip_dialog_request(&leg->dialog, "MESSAGE");
	struct buf type = { 0 };

	*said = (struct said){ .leg = leg, .rid = memory_str(rid) };
	DL_APPEND(leg->said, said);
	endpoint_add_contact(leg->endpoint, m);
	sip_im_type_write(format, &type);
	sip_body(m, buf_cstr(&type), bytes_str(content));
	buf_free(&type);
	send_inside(leg, &m, on_said, said, said_free);
}

void uplink_say(void *ctx, struct leg *leg, const char *rid, const struct home_message *message)
{
	(void)ctx;
	say(leg, rid, message->format, message->content);
}

void uplink_composing(void *ctx, struct leg *leg, bool composing)
{
	static char type[] = "type", idle[] = "idle";
	struct sip_keyboard_status status = { composing ? type : idle };
	struct sip_keyboard keyboard = { &status };
	struct sip_message *m = sip_dialog_request(&leg->dialog, "INFO");
	struct buf body = { 0 };

	(void)ctx;
	endpoint_add_contact(leg->endpoint, m);
	xml_form_write(&sip_keyboard_form, &keyboard, &body);
	sip_body(m, SIP_TYPE_KEYBOARD, buf_bytes(&body));
	buf_free(&body);
	send_inside(leg, &m, NULL, NULL, NULL);
}

/* --- as caller --------------------------------------------------------------------------------------------------------------------------------- */

static void on_accepted(struct leg *leg, const struct sip_message *answer)
{
	sip_dialog_from_answer(&leg->dialog, answer);
	acknowledge(leg);
	if (leg->state == LEG_LEAVING) {
		bye(leg);
		leg_free(leg);
		return;
	}
	leg->state = LEG_IN;
	front_escalation(leg->conference, HOME_PEER);
	front_connected(leg->conference);
	/* Source: code (SIPE): where it is not listed the first text has not been read. */
	if (*leg->first_text && !sip_lists(answer, "Supported", "ms-text-format"))
		say(leg, NULL, leg->format, leg->first_text);
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

/* NULL: refused, and that was said. */
static struct leg *call(struct endpoint *e, struct conference *c, const char *peer, const char *subject, const struct home_message *message)
{
	struct leg *leg = leg_new(e, c, peer, LEG_CALLING);
	struct sip_message *m = endpoint_request(e, "INVITE", peer);
	struct buf type = { 0 };

	leg->first_text = memory_str(message->content);
	leg->format = memory_str(message->format);
	endpoint_add_contact(e, m);
	sip_add(m, "Supported", "ms-sender");
	sip_add(m, "Ms-Conversation-ID", "%s", uplink_fresh(e->uplink));
	if (*subject)
		sip_add(m, "Subject", "%s", subject);
	if (*message->content) {
		sip_im_type_write(message->format, &type);
		sip_im_add_first_text(m, buf_cstr(&type), bytes_str(message->content));
		buf_free(&type);
	}
	add_sdp(e->uplink, m);
	leg->asked = uplink_ask(e->uplink, e, &m, on_invited, leg, NULL);
	return leg;
}

static const struct outcome no_conferences = { .code = CWA_INVALID_OPERATION,
	.detail = "the Communications Server has no conferences: a conversation is one of two" };

struct leg *uplink_invite(void *ctx, struct conference *c, const char *const *uris, size_t count, const char *subject,
	const struct home_message *message)
{
	static const struct outcome oneself = { .code = CWA_OCS_FAILURE, .detail = "", .sip_code = 482, .sip_text = "Loop Detected" };
	static const struct outcome many = { .code = CWA_THROTTLED, .detail = "too many conversations" };
	struct endpoint *e = session_home(conference_session(c));
	const struct uplink *u = ctx;
	const struct outcome lost = uplink_lost(u), *why = NULL;

	if (u->state != UPLINK_UP)
		why = &lost;
	else if (count != 1)
		why = &no_conferences;
	else if (strcmp(uris[0], e->address) == 0)
		why = &oneself;
	else if (e->leg_count >= LEGS_MAX)
		why = &many;
	/* An INVITE cannot be written with what is no address. */
	for (size_t i = 0; !why && i < count; i++) {
		static const struct outcome nobody = { .code = CWA_OCS_FAILURE, .detail = "", .sip_code = 404, .sip_text = "Not Found" };
		char *uri = uplink_uri(uris[i]);

		why = uri ? NULL : &nobody;
		free(uri);
	}
	if (!why)
		return call(e, c, uris[0], subject, message);
	for (size_t i = 0; i < count; i++)
		front_invite_failed(c, uris[i], why);
	return NULL;
}

/* --- as called ------------------------------------------------------------------------------------------------------------------------------------ */

static void answer_invite(struct leg *leg, int status)
{
	struct uplink *u = leg->endpoint->uplink;
	struct sip_message *m = sip_answer(leg->invite, status, NULL, leg->tag);

	if (status < 300)
		endpoint_add_contact(leg->endpoint, m);
	if (status / 100 == 2) {
		sip_add(m, "Supported", "ms-sender, ms-text-format");
		add_sdp(u, m);
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
	text = clean(buf_bytes(&name));
	buf_free(&name);
	return text;
}

static void on_invite(struct endpoint *e, const struct sip_message *m)
{
	const char *subject = sip_get(m, "Subject", 0);
	struct buf text = { 0 }, format = { 0 };
	char *peer = uplink_uri(m->from.address), *name, *said, *about;
	struct home_message message;
	struct leg *leg;

	if (!e->accepted || !peer || !sip_im_sdp_is_im(buf_bytes(&m->body)) || e->leg_count >= LEGS_MAX) {
		uplink_answer(e->uplink, m, !e->accepted ? 480 : !peer ? 400 : e->leg_count >= LEGS_MAX ? 486 : 488);
		free(peer);
		return;
	}
	leg = leg_new(e, NULL, peer, LEG_ASKED);
	leg->invite = sip_copy(m);
	leg->tag = endpoint_tag(e);
	invitation_take(leg, m->call_id);
	(void)sip_im_first_text(m, &text);
	sip_im_type_read(sip_get(m, "Ms-Text-Format", 0), &format);
	name = name_of(e, m);
	said = clean(bytes_slice(buf_bytes(&text), 0, TEXT_MAX_BYTES));
	about = clean(bytes_slice(bytes_str(subject), 0, 256));
	message = (struct home_message){ buf_cstr(&format), said };
	leg->conference = front_invited(e->session, leg, leg->invitation, peer, name, about, &message, HOME_INVITING);
	answer_invite(leg, leg->conference ? 180 : 486);
	if (!leg->conference)
		leg_free(leg);
	free(name);
	free(said);
	free(about);
	free(peer);
	buf_free(&text);
	buf_free(&format);
}

void uplink_accept(void *ctx, struct leg *leg)
{
	char *local;

	(void)ctx;
	if (leg->state != LEG_ASKED)
		return;
	answer_invite(leg, 200);
	sip_dialog_from_request(&leg->dialog, leg->invite, leg->tag);
	/* The other server finds out by it which client of the user speaks. */
	if (!strstr(leg->dialog.local, ";epid=")) {
		local = memory_printf("%s;epid=%s", leg->dialog.local, leg->endpoint->epid);
		free(leg->dialog.local);
		leg->dialog.local = local;
	}
	leg->state = LEG_IN;
	sip_free(&leg->invite);
	invitation_release(leg);
	front_escalation(leg->conference, HOME_PEER);
	front_connected(leg->conference);
}

/* Another client of the user was faster, or the caller gave up. */
static void on_cancel(struct endpoint *e, const struct sip_message *m)
{
	struct leg *leg = leg_of(e, m);

	if (!leg || leg->state != LEG_ASKED) {
		uplink_answer(e->uplink, m, 481);
		return;
	}
	uplink_answer(e->uplink, m, 200);
	answer_invite(leg, 487);
	leg_end(leg);
}

/* --- in a conversation ------------------------------------------------------------------------------------------------------------------------------ */

static void on_message(struct leg *leg, const struct sip_message *m)
{
	struct uplink *u = leg->endpoint->uplink;
	struct buf format = { 0 };
	struct home_message message;
	char *text;

	if (!sip_is_type(m, "text/plain") || m->body.len > TEXT_MAX_BYTES) {
		uplink_answer(u, m, m->body.len > TEXT_MAX_BYTES ? 413 : 415);
		return;
	}
	uplink_answer(u, m, 200);
	sip_im_type_read(sip_get(m, "Content-Type", 0), &format);
	text = clean(buf_bytes(&m->body));
	message = (struct home_message){ buf_cstr(&format), text };
	front_message(leg->conference, leg->peer, &message);
	buf_free(&format);
	free(text);
}

static void on_info(struct leg *leg, const struct sip_message *m)
{
	struct sip_keyboard keyboard;

	if (xml_form_read(buf_bytes(&m->body), &sip_keyboard_form, &keyboard, NULL) < 0) {
		uplink_answer(leg->endpoint->uplink, m, 415);
		return;
	}
	uplink_answer(leg->endpoint->uplink, m, 200);
	front_composing(leg->conference, leg->peer, strcmp(keyboard.status->status, "type") == 0);
	xml_form_clear(&sip_keyboard_form, &keyboard);
}

static void on_bye(struct leg *leg, const struct sip_message *m)
{
	uplink_answer(leg->endpoint->uplink, m, 200);
	leg_end(leg);
}

/* Offers the same again, as clients do that want to know whether we are still there. */
static void on_reinvite(struct leg *leg, const struct sip_message *m)
{
	struct uplink *u = leg->endpoint->uplink;
	struct sip_message *answer = sip_answer(m, 200, NULL, NULL);

	endpoint_add_contact(leg->endpoint, answer);
	add_sdp(u, answer);
	uplink_send(u, &answer);
}

static const struct {
	const char *method;
	void (*run)(struct leg *leg, const struct sip_message *m);
} methods[] = {
	{ "MESSAGE", on_message },
	{ "INFO", on_info },
	{ "BYE", on_bye },
	{ "INVITE", on_reinvite },
};

void talk_on_request(struct uplink *u, const struct sip_message *m)
{
	struct endpoint *e = endpoint_of(u, m);
	struct leg *leg = e && m->to.tag ? leg_of(e, m) : NULL;

	if (strcmp(m->method, "ACK") == 0)
		return;
	if (strcmp(m->method, "OPTIONS") == 0) {
		uplink_answer(u, m, 200);
	} else if (!e) {
		uplink_answer(u, m, m->to.tag ? 481 : 404);
	} else if (strcmp(m->method, "CANCEL") == 0) {
		on_cancel(e, m);
	} else if (!m->to.tag && strcmp(m->method, "INVITE") == 0) {
		on_invite(e, m);
	} else {
		for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
			if (strcmp(methods[i].method, m->method) != 0)
				continue;
			if (leg && leg->state == LEG_IN)
				methods[i].run(leg, m);
			else
				uplink_answer(u, m, 481);
			return;
		}
		uplink_answer(u, m, 405);
	}
}

/* --- leaving ------------------------------------------------------------------------------------------------------------------------------------------ */

void uplink_leave(void *ctx, struct leg *leg, bool declines)
{
	(void)ctx;
	leg->conference = NULL;
	switch (leg->state) {
	case LEG_CALLING:
		/* Whoever accepts all the same is hung up on. */
		leg->state = LEG_LEAVING;
		asked_cancel(leg->asked);
		return;
	case LEG_ASKED:
		answer_invite(leg, declines ? 603 : 480);
		break;
	case LEG_IN:
		bye(leg);
		break;
	case LEG_LEAVING:
		return;
	}
	leg_free(leg);
}

/* --- of more than two ------------------------------------------------------------------------------------------------------------------------------------ */

static void refuse(const struct leg *leg, const char *rid)
{
	home_done(conference_session(leg->conference), rid, &no_conferences);
}

void uplink_invite_more(void *ctx, struct leg *leg, const char *rid, const char *const *uris, size_t count)
{
	(void)ctx;
	for (size_t i = 0; i < count; i++)
		front_invite_failed(leg->conference, uris[i], &no_conferences);
	refuse(leg, rid);
}

void uplink_eject(void *ctx, struct leg *leg, const char *rid, const char *uri)
{
	(void)ctx;
	(void)uri;
	refuse(leg, rid);
}

void uplink_promote(void *ctx, struct leg *leg, const char *rid, const char *uri)
{
	(void)ctx;
	(void)uri;
	refuse(leg, rid);
}

void uplink_lock(void *ctx, struct leg *leg, const char *rid, bool locked)
{
	(void)ctx;
	(void)locked;
	refuse(leg, rid);
}
