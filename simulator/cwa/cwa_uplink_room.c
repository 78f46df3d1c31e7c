/* A place in a conference: into the focus, told of its people, into the chat; and out again. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "simulator/cwa/cwa_uplink_talk.h"

/* --- life ----------------------------------------------------------------------------------------------------------------------------- */

static void on_refresh(void *arg);

struct room *room_new(struct leg *leg, enum room_origin origin, const char *uri)
{
	struct room *room = memory_new(sizeof *room);

	*room = (struct room){ .leg = leg, .origin = origin, .uri = memory_str(uri), .subject = memory_str("") };
	room->refresh = loop_timer_new(leg->endpoint->uplink->loop, on_refresh, room);
	leg->room = room;
	return room;
}

void room_forget(struct room *room)
{
	if (!room)
		return;
	room->leg->room = NULL;
	if (room->step)
		room->step->room = NULL;
	guests_forget(room);
	room_people_forget(room);
	loop_timer_free(&room->refresh);
	sip_dialog_clear(&room->focus);
	sip_dialog_clear(&room->watch);
	sip_dialog_clear(&room->chat);
	free(room->uri);
	free(room->chat_uri);
	free(room->subject);
	free(room);
}

/* --- requests --------------------------------------------------------------------------------------------------------------------------- */

struct awaited {
	struct step step;
	void (*done)(struct step *step, const struct sip_message *answer, const struct outcome *outcome);
};

static void on_step(void *arg, const struct sip_message *answer, const struct outcome *outcome)
{
	struct awaited *a = arg;
	struct step step = a->step;

	/* done may end the room: this one knows of it no more. */
	a->step.room = NULL;
	if (step.room)
		step.room->step = NULL;
	a->done(&step, answer, outcome);
}

static void step_free(void *arg)
{
	struct awaited *a = arg;

	if (a->step.room && a->step.room->step == &a->step)
		a->step.room->step = NULL;
	free(a);
}

void room_ask(struct room *room, struct sip_message **m, void (*done)(struct step *step, const struct sip_message *answer,
	const struct outcome *outcome))
{
	struct awaited *a = memory_new(sizeof *a);

	*a = (struct awaited){ { room->leg->endpoint->uplink, room }, done };
	room->step = &a->step;
	/* Of no endpoint: who has left meanwhile still hangs up. */
	(void)uplink_ask(a->step.uplink, NULL, m, on_step, a, step_free);
}

void room_add_command(const struct room *room, struct sip_message *m, const char *to, struct sip_cccp *command)
{
	static char version[] = "1";
	struct endpoint *e = room->leg->endpoint;
	char *to_copy = memory_str(to), *id = memory_printf("%u", ++e->uplink->next);
	struct buf body = { 0 };

	command->version = version;
	command->to = to_copy;
	command->from = e->address;
	command->id = id;
	endpoint_add_contact(e, m);
	xml_form_write(&sip_cccp_request_form, command, &body);
	sip_body(m, SIP_TYPE_CCCP, buf_bytes(&body));
	buf_free(&body);
	free(to_copy);
	free(id);
}

static const char *reason_of(const struct sip_cccp *c)
{
	const char *reasons[] = { c->add_conference ? c->add_conference->reason : NULL, c->add_user ? c->add_user->reason : NULL,
		c->delete_conference ? c->delete_conference->reason : NULL, c->delete_user ? c->delete_user->reason : NULL,
		c->modify_roles ? c->modify_roles->reason : NULL, c->modify_lock ? c->modify_lock->reason : NULL };

	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
		if (reasons[i])
			return reasons[i];
	return "the focus has refused it";
}

struct outcome room_outcome(const struct sip_message *answer, const struct outcome *outcome, char **detail)
{
	struct sip_cccp response;

	*detail = NULL;
	if (outcome->code)
		return *outcome;
	if (xml_form_read(buf_bytes(&answer->body), &sip_cccp_response_form, &response, NULL) < 0)
		return (struct outcome){ .code = CWA_OCS_INVALID, .detail = "the focus's answer cannot be read" };
	if (!response.code || strcmp(response.code, "failure") == 0)
		*detail = memory_str(reason_of(&response));
	xml_form_clear(&sip_cccp_response_form, &response);
	return *detail ? (struct outcome){ .code = CWA_INVALID_OPERATION, .detail = *detail } : (struct outcome){ .code = 0 };
}

/* --- in ---------------------------------------------------------------------------------------------------------------------------------- */

static void on_chat(struct step *step, const struct sip_message *answer, const struct outcome *outcome)
{
	struct room *room = step->room;
	struct sip_dialog late;

	if (room && outcome->code) {
		room_failed(room, outcome);
	} else if (room) {
		sip_dialog_from_answer(&room->chat, answer);
		room->chats = true;
		talk_acknowledge(step->uplink, &room->chat);
		room_is_in(room);
	} else if (!outcome->code) {
		sip_dialog_from_answer(&late, answer);
		talk_acknowledge(step->uplink, &late);
		talk_bye(step->uplink, &late);
		sip_dialog_clear(&late);
	}
}

static void go_on_watching(struct room *room, const struct sip_message *answer)
{
	uint32_t seconds = sip_number(answer, "Expires", SUBSCRIBE_S);

	loop_timer_set(room->refresh, 1000ull * (seconds > 2 * EARLY_S ? seconds - EARLY_S : seconds / 2 + 1));
}

static void on_watched(struct step *step, const struct sip_message *answer, const struct outcome *outcome)
{
	static const struct outcome unreadable = { .code = CWA_OCS_INVALID, .detail = "what the focus tells cannot be read" };
	struct room *room = step->room;
	struct sip_message *m;

	if (!room)
		return;
	if (outcome->code) {
		room_failed(room, outcome);
		return;
	}
	sip_dialog_from_answer(&room->watch, answer);
	room->watches = true;
	go_on_watching(room, answer);
	if (room_take(room, buf_bytes(&answer->body)) < 0 || !room->chat_uri) {
		room_failed(room, &unreadable);
		return;
	}
	m = endpoint_request(room->leg->endpoint, "INVITE", room->chat_uri);
	endpoint_add_contact(room->leg->endpoint, m);
	sip_add(m, "Supported", "ms-sender");
	talk_add_sdp(step->uplink, m);
	room_ask(room, &m, on_chat);
}

static void add_watch(const struct room *room, struct sip_message *m, uint32_t seconds)
{
	sip_add(m, "Event", "conference");
	sip_add(m, "Accept", "%s", SIP_TYPE_CONFERENCE_INFO);
	sip_add(m, "Expires", "%u", seconds);
	sip_add(m, "Supported", "ms-benotify");
	sip_add(m, "Supported", "ms-piggyback-first-notify");
	sip_add(m, "Proxy-Require", "ms-benotify");
	endpoint_add_contact(room->leg->endpoint, m);
}

static void on_focus(struct step *step, const struct sip_message *answer, const struct outcome *outcome)
{
	struct room *room = step->room;
	struct sip_dialog late;
	struct sip_message *m;

	if (room && outcome->code) {
		room_failed(room, outcome);
	} else if (room) {
		sip_dialog_from_answer(&room->focus, answer);
		room->in_focus = true;
		talk_acknowledge(step->uplink, &room->focus);
		m = endpoint_request(room->leg->endpoint, "SUBSCRIBE", room->uri);
		add_watch(room, m, SUBSCRIBE_S);
		room_ask(room, &m, on_watched);
	} else if (!outcome->code) {
		sip_dialog_from_answer(&late, answer);
		talk_acknowledge(step->uplink, &late);
		talk_bye(step->uplink, &late);
		sip_dialog_clear(&late);
	}
}

void room_join(struct room *room)
{
	static char attendee[] = "attendee";
	struct endpoint *e = room->leg->endpoint;
	struct sip_conf_role role = { attendee };
	struct sip_conf_roles roles = { &role, 1 };
	struct sip_conf_endpoint endpoint = { .entity = memory_printf("{%s}", e->epid) };
	struct sip_conf_user user = { .entity = e->address, .roles = &roles, .endpoints = &endpoint, .endpoint_count = 1 };
	struct sip_conference_keys keys = { room->uri };
	struct sip_add_user add = { .keys = &keys, .user = &user };
	struct sip_cccp command = { .add_user = &add };
	struct sip_message *m = endpoint_request(e, "INVITE", room->uri);

	sip_add(m, "Supported", "ms-sender");
	room_add_command(room, m, room->uri, &command);
	free(endpoint.entity);
	room_ask(room, &m, on_focus);
}

/* --- while one is there ------------------------------------------------------------------------------------------------------------------ */

static void on_watched_again(struct step *step, const struct sip_message *answer, const struct outcome *outcome)
{
	if (!step->room)
		return;
	if (outcome->code) {
		room_failed(step->room, outcome);
		return;
	}
	go_on_watching(step->room, answer);
	if (answer->body.len && room_take(step->room, buf_bytes(&answer->body)) == 0)
		room_people_changed(step->room);
}

static void on_refresh(void *arg)
{
	static const struct outcome late = { .code = CWA_OCS_FAILURE, .detail = "", .sip_code = 408, .sip_text = "Request Timeout" };
	struct room *room = arg;
	struct sip_message *m;

	if (!room->chats || room->leg->endpoint->uplink->state != UPLINK_UP) {
		room_failed(room, &late);
		return;
	}
	m = sip_dialog_request(&room->watch, "SUBSCRIBE");
	add_watch(room, m, SUBSCRIBE_S);
	room_ask(room, &m, on_watched_again);
}

void room_on_notification(struct room *room, const struct sip_message *m)
{
	if (!m->body.len)
		return;
	if (room_take(room, buf_bytes(&m->body)) < 0)
		log_warning("uplink unreadable news user=%s event=conference", session_user(room->leg->endpoint->session)->id);
	else
		room_people_changed(room);
}

/* --- out ---------------------------------------------------------------------------------------------------------------------------------- */

/* At the factory, which knows us whether we have come in or not. */
static void delete_it(struct room *room)
{
	struct endpoint *e = room->leg->endpoint;
	char *factory = sip_conference_uri(e->address, SIP_FOCUS_FACTORY, NULL);
	struct sip_conference_keys keys = { room->uri };
	struct sip_delete_conference delete = { .keys = &keys };
	struct sip_cccp command = { .delete_conference = &delete };
	struct sip_message *m = endpoint_request(e, "SERVICE", factory);

	room_add_command(room, m, factory, &command);
	free(factory);
	(void)uplink_ask(e->uplink, NULL, &m, NULL, NULL, NULL);
}

void room_leave(struct room *room)
{
	struct uplink *u = room->leg->endpoint->uplink;
	struct sip_message *m;

	if (room->watches) {
		m = sip_dialog_request(&room->watch, "SUBSCRIBE");
		add_watch(room, m, 0);
		(void)uplink_ask(u, NULL, &m, NULL, NULL, NULL);
	}
	if (room->chats)
		talk_bye(u, &room->chat);
	if (room->in_focus)
		talk_bye(u, &room->focus);
	if (room->made && !room->leg->many)
		delete_it(room);
	room_forget(room);
}

/* Of what has not become a conversation of several the two go on. */
void room_over(struct room *room)
{
	struct leg *leg = room->leg;

	room->in_focus = room->watches = room->chats = false;
	if (leg->two && !leg->many) {
		room_forget(room);
		front_escalation(leg->conference, HOME_PEER);
	} else {
		leg_end(leg);
	}
}

void room_on_chat_over(struct room *room)
{
	/* The focus says itself why: with it one leaves. */
	room->chats = false;
	sip_dialog_clear(&room->chat);
}
