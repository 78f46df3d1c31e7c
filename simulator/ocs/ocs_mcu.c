/* The IM MCU of a conference: sessions with its members, and what one of them says told to the others. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/log.h"
#include "simulator/ocs/ocs_state.h"

#define SAID_MAX_BYTES 65536            /* so that what goes to a hundred people of one web server fits its link; ours */

/* --- a session ---------------------------------------------------------------------------------------------------------------------- */

static void accept(struct request *r, const struct meeting *c)
{
	struct sip_message *m = answer_new(r, 200);
	struct buf sdp = { 0 };

	sip_add(m, "Contact", "<%s>;isfocus", c->chat);
	sip_add(m, "Supported", "ms-sender");
	/* Nobody dials it: messages go the way of the INVITE. */
	sip_im_sdp_write("127.0.0.1", 5061, false, &sdp);
	sip_body(m, SIP_TYPE_SDP, buf_bytes(&sdp));
	buf_free(&sdp);
	answer_send(r, &m);
}

static void on_invite(struct request *r, const struct meeting *c)
{
	struct member *m = member_of(c, r->user);

	if (!m || m->endpoint != r->endpoint) {
		answer_because(r, 403, 0, "one joins the focus first");
	} else if (m->chats) {
		answer_because(r, 403, 0, "the user chats in the conference");
	} else if (!sip_im_sdp_is_im(buf_bytes(&r->message->body))) {
		answer(r, 488);
	} else {
		r->tag = fresh(r->server, "");
		sip_dialog_from_request(&m->chat, r->message, r->tag);
		m->chats = true;
		accept(r, c);
		member_tell(m);
	}
}

static void on_bye(struct request *r, struct member *m)
{
	answer(r, 200);
	sip_dialog_clear(&m->chat);
	m->chats = false;
	member_tell(m);
}

/* --- what is said ---------------------------------------------------------------------------------------------------------------------- */

/* The same body to all the others; who said it is named beside it, because From is the MCU. Source: code (SIPE) reads it there. */
static void pass_on(const struct request *r, const struct member *from)
{
	const char *type = sip_get(r->message, "Content-Type", 0);
	struct member *m;

	DL_FOREACH(from->meeting->members, m) {
		struct sip_message *copy;

		if (m == from || !m->chats)
			continue;
		copy = sip_dialog_request(&m->chat, r->message->method);
		add_via(m->endpoint->link, copy, fresh(r->server, "z9hG4bK"));
		sip_add(copy, "Contact", "<%s>;isfocus", from->meeting->chat);
		sip_add(copy, "Ms-Sender", "<%s>", r->user->address);
		if (type)
			sip_body(copy, type, buf_bytes(&r->message->body));
		link_send_event(m->endpoint->link, m->endpoint->user, &copy);
	}
}

void on_mcu(struct request *r, struct meeting *c)
{
	const char *method = r->message->method;
	struct member *m = member_of(c, r->user);

	if (!r->message->to.tag) {
		if (strcmp(method, "INVITE") == 0)
			on_invite(r, c);
		else
			answer(r, 481);
	} else if (!m || m->endpoint != r->endpoint || !m->chats || !sip_dialog_has(&m->chat, r->message)) {
		answer(r, 481);
	} else if (strcmp(method, "BYE") == 0) {
		on_bye(r, m);
	} else if (strcmp(method, "INVITE") == 0) {
		accept(r, c);
	} else if (strcmp(method, "MESSAGE") != 0 && strcmp(method, "INFO") != 0) {
		answer(r, 405);
	} else if (r->message->body.len > SAID_MAX_BYTES) {
		answer(r, 413);
	} else {
		if (strcmp(method, "MESSAGE") == 0) {
			r->server->messages_total++;
			if (r->message->body.len)
				endpoint_record(m->endpoint, "server.accepted", r->message->body.len);
		}
		answer(r, 200);
		pass_on(r, m);
	}
}

/* Who does not know the conversation any more has left it. */
bool on_mcu_answer(struct ocs_server *server, const struct sip_message *m)
{
	struct meeting *c = sip_conference_part_of(m->from.uri, NULL) == SIP_CONFERENCE_CHAT ? meeting_find(server, m->from.uri) : NULL;
	struct user *user = c ? user_find(server, m->to.address) : NULL;
	struct member *member = user ? member_of(c, user) : NULL;

	if (!c)
		return false;
	if (!member || !member->chats || strcmp(member->chat.call_id, m->call_id) != 0 || strcmp(member->chat.local_tag, m->from.tag ? m->from.tag : "") != 0)
		return true;
	if (m->status / 100 == 2 && strcmp(m->cseq_method, "MESSAGE") == 0)
		endpoint_record(member->endpoint, "server.delivered", 0);
	else if (m->status == 408 || m->status == 480 || m->status == 481)
		member_end(member, true);
	return true;
}

/* --- both parts ------------------------------------------------------------------------------------------------------------------------ */

bool on_conference(struct request *r)
{
	const char *method = r->message->method;
	enum sip_conference_part part = sip_conference_part_of(r->message->uri, NULL);
	struct meeting *c;

	if ((part != SIP_FOCUS && part != SIP_CONFERENCE_CHAT) || strcmp(method, "SUBSCRIBE") == 0 || strcmp(method, "SERVICE") == 0)
		return false;
	/* A join is answered at once: there is nothing to acknowledge or to cancel. */
	if (strcmp(method, "ACK") == 0)
		return true;
	c = strcmp(method, "CANCEL") == 0 ? NULL : meeting_find(r->server, r->message->uri);
	if (strcmp(method, "OPTIONS") == 0)
		answer(r, c ? 200 : 404);
	else if (!c && (r->message->to.tag || strcmp(method, "CANCEL") == 0))
		answer(r, 481);
	else if (!c)
		answer_because(r, 404, 0, "there is no such conference");
	else if (part == SIP_FOCUS)
		on_focus(r, c);
	else
		on_mcu(r, c);
	return true;
}
