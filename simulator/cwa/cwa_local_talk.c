/* Conversations between users who live here: of two, and of more after one of them has invited a third. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/log.h"
#include "base/memory.h"
#include "simulator/cwa/cwa_local_state.h"

#define ANSWER_MS 60000                 /* an invitation that nobody answers has failed then; ours */

enum leg_state { LEG_CALLING, LEG_ASKED, LEG_IN };

struct leg {
	struct talk *talk;
	struct leg *prev, *next;
	struct conference *conference;
	struct person *person;
	enum leg_state state;
	bool presenter;
	struct loop_timer *answer;
};

struct talk {
	struct local *local;
	struct talk *prev, *next;
	struct leg *legs;
	char *uri;                      /* of the focus, once there is a third */
	char *subject;
	bool many, escalating, locked;
	uint32_t last_message;
	struct person **members;        /* who has been in it, and may come back by its uri */
	size_t member_count;
};

static const struct outcome good = { .code = 0 };

/* --- talks and legs ------------------------------------------------------------------------------------------------------------------ */

static struct talk *talk_new(struct local *local, const char *subject)
{
	struct talk *t = memory_new(sizeof *t);

	*t = (struct talk){ .local = local, .subject = memory_str(subject) };
	t->uri = memory_printf("sip:focus-%u@%s", ++local->next_talk, local->world->domain);
	DL_APPEND(local->talks, t);
	return t;
}

static void talk_free(struct talk *t)
{
	DL_DELETE(t->local->talks, t);
	free(t->uri);
	free(t->subject);
	free(t->members);
	free(t);
}

static bool was_in(const struct talk *t, const struct person *p)
{
	for (size_t i = 0; i < t->member_count; i++)
		if (t->members[i] == p)
			return true;
	return false;
}

static void remember(struct talk *t, struct person *p)
{
	if (was_in(t, p))
		return;
	t->members = array_grow(t->members, t->member_count, sizeof *t->members);
	t->members[t->member_count++] = p;
}

static void leg_free(struct leg *leg)
{
	DL_DELETE(leg->talk->legs, leg);
	loop_timer_free(&leg->answer);
	free(leg);
}

static void leg_end(struct leg *leg)
{
	front_ended(leg->conference);
	leg_free(leg);
}

static unsigned count_of(const struct talk *t, enum leg_state state)
{
	const struct leg *leg;
	unsigned count = 0;

	DL_FOREACH(t->legs, leg)
		count += leg->state == state;
	return count;
}

static struct leg *leg_of(const struct talk *t, const struct person *p, enum leg_state state)
{
	struct leg *leg;

	DL_FOREACH(t->legs, leg)
		if (leg->person == p && leg->state == state)
			break;
	return leg;
}

static const char *role_of(const struct leg *leg)
{
	return leg->presenter ? "presenter" : "attendee";
}

static void tell_all(const struct talk *t, enum home_escalation escalation)
{
	struct leg *leg;

	DL_FOREACH(t->legs, leg)
		if (leg->state == LEG_IN)
			front_escalation(leg->conference, escalation);
}

/* To everybody in it but the one himself. */
static void tell_participant(const struct talk *t, const struct leg *about, bool joined)
{
	struct leg *leg;

	DL_FOREACH(t->legs, leg)
		if (leg->state == LEG_IN && leg != about)
			front_participant(leg->conference, about->person->uri, about->person->seed->name, role_of(about), joined);
}

/* --- who is asked -------------------------------------------------------------------------------------------------------------------- */

static struct outcome sip_failure(unsigned code, const char *text)
{
	return (struct outcome){ .code = CWA_OCS_FAILURE, .detail = "", .sip_code = code, .sip_text = text };
}

/* Nobody answers, or the person does not want to: the invitation has failed for that person. */
static void invitation_failed(struct talk *t, struct person *p, const struct outcome *outcome)
{
	struct leg *leg, *next;

	while ((leg = leg_of(t, p, LEG_ASKED)))
		leg_end(leg);
	DL_FOREACH(t->legs, leg)
		if (leg->state == LEG_CALLING || (leg->state == LEG_IN && leg->presenter))
			front_invite_failed(leg->conference, p->uri, outcome);
	if (count_of(t, LEG_ASKED))
		return;
	if (t->escalating) {
		t->escalating = false;
		tell_all(t, HOME_PEER);
	}
	if (count_of(t, LEG_IN))
		return;
	DL_FOREACH_SAFE(t->legs, leg, next)
		leg_end(leg);
	talk_free(t);
}

static void on_no_answer(void *arg)
{
	struct leg *leg = arg;
	const struct outcome outcome = sip_failure(408, "Request Timeout");

	invitation_failed(leg->talk, leg->person, &outcome);
}

static struct leg *leg_new(struct talk *t, struct conference *c, struct person *p, enum leg_state state)
{
	struct leg *leg = memory_new(sizeof *leg);

	*leg = (struct leg){ .talk = t, .conference = c, .person = p, .state = state };
	leg->answer = loop_timer_new(t->local->loop, on_no_answer, leg);
	DL_APPEND(t->legs, leg);
	return leg;
}

/* Asks all clients of a person. 0, or the reason why nobody is asked. */
static int ask(struct talk *t, struct person *from, const char *uri, const struct home_message *message, struct outcome *why)
{
	struct person *p = local_person(t->local, uri);
	struct leg *leg;
	bool asked = false;

	if (!p)
		*why = sip_failure(404, "Not Found");
	else if (p == from)
		*why = sip_failure(482, "Loop Detected");
	else if (!local_is_on(p) || local_blocks(p, from))
		*why = sip_failure(480, "Temporarily Unavailable");
	else if (leg_of(t, p, LEG_IN) || leg_of(t, p, LEG_ASKED) || t->member_count == PARTICIPANTS_MAX)
		*why = sip_failure(486, "Busy Here");
	if (why->code)
		return -1;
	for (struct endpoint *e = p->endpoints; e; e = e->next) {
		if (!e->on)
			continue;
		leg = leg_new(t, NULL, p, LEG_ASKED);
		leg->conference = front_invited(e->session, leg, t, from->uri, from->seed->name, t->subject, message,
			t->many || t->escalating ? HOME_ESCALATED : HOME_INVITING);
		if (!leg->conference) {
			leg_free(leg);
			continue;
		}
		loop_timer_set(leg->answer, ANSWER_MS);
		asked = true;
	}
	if (!asked)
		*why = sip_failure(486, "Busy Here");
	return asked ? 0 : -1;
}

/* --- joining ------------------------------------------------------------------------------------------------------------------------- */

/* The newcomer learns who is there, the others that he has come. */
static void introduce(struct talk *t, struct leg *newcomer)
{
	struct leg *leg;

	front_conf_uri(newcomer->conference, t->uri);
	front_escalation(newcomer->conference, HOME_ESCALATED);
	front_role(newcomer->conference, role_of(newcomer));
	front_connected(newcomer->conference);
	DL_FOREACH(t->legs, leg)
		if (leg->state == LEG_IN && leg != newcomer)
			front_participant(newcomer->conference, leg->person->uri, leg->person->seed->name, role_of(leg), true);
	tell_participant(t, newcomer, true);
	if (t->locked)
		front_locked(newcomer->conference, true);
}

/* Two become many: those who were there learn what it is from now on. */
static void become_many(struct talk *t, const struct leg *newcomer)
{
	struct leg *leg, *other;

	t->many = true;
	t->escalating = false;
	DL_FOREACH(t->legs, leg) {
		if (leg->state != LEG_IN || leg == newcomer)
			continue;
		front_conf_uri(leg->conference, t->uri);
		front_escalation(leg->conference, HOME_ESCALATED);
		front_role(leg->conference, role_of(leg));
		DL_FOREACH(t->legs, other)
			if (other->state == LEG_IN && other != leg && other != newcomer)
				front_participant(leg->conference, other->person->uri, other->person->seed->name, role_of(other), true);
	}
}

void local_accept(void *ctx, struct leg *leg)
{
	struct talk *t = leg->talk;
	struct leg *other, *next;

	(void)ctx;
	leg->state = LEG_IN;
	loop_timer_cancel(leg->answer);
	remember(t, leg->person);
	DL_FOREACH_SAFE(t->legs, other, next)
		if (other->state == LEG_ASKED && other->person == leg->person)
			leg_end(other);
	DL_FOREACH(t->legs, other) {
		if (other->state != LEG_CALLING)
			continue;
		other->state = LEG_IN;
		if (!t->many && !t->escalating)
			front_escalation(other->conference, HOME_PEER);
		front_connected(other->conference);
	}
	if (t->escalating)
		become_many(t, leg);
	if (t->many) {
		introduce(t, leg);
		return;
	}
	front_escalation(leg->conference, HOME_PEER);
	front_connected(leg->conference);
}

/* --- inviting ------------------------------------------------------------------------------------------------------------------------ */

static struct talk *talk_by_uri(const struct local *local, const char *uri)
{
	struct talk *t;

	DL_FOREACH(local->talks, t)
		if (t->many && strcmp(t->uri, uri) == 0)
			break;
	return t;
}

/* Who has been in it comes back by its uri. */
static struct leg *rejoin(struct talk *t, struct conference *c, struct person *p)
{
	const struct outcome forbidden = sip_failure(403, "Forbidden");
	struct leg *leg;

	if (t->locked || !was_in(t, p) || leg_of(t, p, LEG_IN)) {
		front_invite_failed(c, t->uri, &forbidden);
		return NULL;
	}
	leg = leg_new(t, c, p, LEG_IN);
	introduce(t, leg);
	return leg;
}

static struct person *person_behind(struct local *local, const char *uri)
{
	struct person *p = local_person(local, uri);

	if (!p)
		bug("a session of %s, who is nobody", uri);
	return p;
}

struct leg *local_invite(void *ctx, struct conference *c, const char *const *uris, size_t count, const char *subject,
	const struct home_message *message)
{
	struct local *local = ctx;
	struct person *from = person_behind(local, conference_uri(c));
	struct talk *t = count == 1 ? talk_by_uri(local, uris[0]) : NULL;
	struct leg *leg;
	size_t asked = 0;

	if (t)
		return rejoin(t, c, from);
	t = talk_new(local, subject);
	t->escalating = count > 1;
	leg = leg_new(t, c, from, LEG_CALLING);
	leg->presenter = true;
	remember(t, from);
	for (size_t i = 0; i < count; i++) {
		struct outcome why = { .code = 0 };

		if (ask(t, from, uris[i], message, &why) == 0)
			asked++;
		else
			front_invite_failed(c, uris[i], &why);
	}
	if (asked)
		return leg;
	leg_free(leg);
	talk_free(t);
	return NULL;
}

static void fail(const struct leg *leg, const char *rid, const char *detail)
{
	home_done(conference_session(leg->conference), rid, &(struct outcome){ .code = CWA_INVALID_OPERATION, .detail = detail });
}

static void succeed(const struct leg *leg, const char *rid)
{
	home_done(conference_session(leg->conference), rid, &good);
}

/* While a third is being asked nothing is passed between the two. Source: document. */
void local_invite_more(void *ctx, struct leg *leg, const char *rid, const char *const *uris, size_t count)
{
	const struct home_message nothing = { .format = "text/plain", .content = "" };
	struct talk *t = leg->talk;
	bool first = !t->many && !t->escalating;
	size_t asked = 0;

	(void)ctx;
	if (t->locked && !leg->presenter) {
		fail(leg, rid, "the conference is locked");
		return;
	}
	if (first) {
		struct leg *other;

		DL_FOREACH(t->legs, other)
			other->presenter = other == leg;
		t->escalating = true;
		tell_all(t, HOME_ESCALATING);
	}
	for (size_t i = 0; i < count; i++) {
		struct outcome why = { .code = 0 };

		if (ask(t, leg->person, uris[i], &nothing, &why) == 0)
			asked++;
		else
			front_invite_failed(leg->conference, uris[i], &why);
	}
	if (asked) {
		succeed(leg, rid);
		return;
	}
	if (first) {
		t->escalating = false;
		tell_all(t, HOME_PEER);
	}
	fail(leg, rid, "nobody could be invited");
}

/* --- leaving ------------------------------------------------------------------------------------------------------------------------- */

static void end_everybody(struct talk *t)
{
	struct leg *leg, *next;

	DL_FOREACH_SAFE(t->legs, leg, next)
		leg_end(leg);
	talk_free(t);
}

/* One of those in it has gone, and his leg with him. */
static void one_less(struct talk *t, const struct person *gone, bool was_presenter)
{
	struct leg *leg;

	DL_FOREACH(t->legs, leg)
		if (leg->state == LEG_IN)
			front_participant(leg->conference, gone->uri, gone->seed->name, was_presenter ? "presenter" : "attendee", false);
	if (!t->many || !count_of(t, LEG_IN))
		end_everybody(t);
}

void local_leave(void *ctx, struct leg *leg, bool declines)
{
	const struct outcome outcome = declines ? sip_failure(603, "Decline") : sip_failure(480, "Temporarily Unavailable");
	struct talk *t = leg->talk;
	struct person *p = leg->person;
	enum leg_state state = leg->state;
	bool presenter = leg->presenter;

	(void)ctx;
	leg_free(leg);
	if (state == LEG_IN)
		one_less(t, p, presenter);
	else if (state == LEG_CALLING)
		end_everybody(t);
	else if (declines || !leg_of(t, p, LEG_ASKED))
		invitation_failed(t, p, &outcome);
}

/* --- what is said -------------------------------------------------------------------------------------------------------------------- */

void local_say(void *ctx, struct leg *leg, const char *rid, const struct home_message *message)
{
	const struct outcome alone = sip_failure(480, "Temporarily Unavailable");
	struct talk *t = leg->talk;
	struct leg *other;
	unsigned heard = 0;

	(void)ctx;
	DL_FOREACH(t->legs, other) {
		if (other->state != LEG_IN || other == leg)
			continue;
		front_message(other->conference, leg->person->uri, message);
		heard++;
	}
	front_sent(leg->conference, rid, ++t->last_message, heard ? &good : &alone);
}

void local_composing(void *ctx, struct leg *leg, bool composing)
{
	struct leg *other;

	(void)ctx;
	DL_FOREACH(leg->talk->legs, other)
		if (other->state == LEG_IN && other != leg)
			front_composing(other->conference, leg->person->uri, composing);
}

/* There is nobody to tell: web clients have no event for it. Source: document, by what it leaves out. */
void local_info(void *ctx, struct leg *leg, const char *rid, const struct home_message *message)
{
	(void)ctx;
	log_info("system message user=%s type=%s bytes=%zu", leg->person->seed->id, log_str(message->format), strlen(message->content));
	succeed(leg, rid);
}

/* --- a presenter's rights ------------------------------------------------------------------------------------------------------------ */

static struct leg *target_of(const struct leg *leg, const char *rid, const char *uri)
{
	const struct person *p = local_person(leg->talk->local, uri);
	struct leg *target = p ? leg_of(leg->talk, p, LEG_IN) : NULL;

	if (!leg->talk->many || !leg->presenter)
		fail(leg, rid, "only a presenter of a conference may do so");
	else if (!target || target == leg)
		fail(leg, rid, "there is no such other participant");
	else
		return target;
	return NULL;
}

void local_eject(void *ctx, struct leg *leg, const char *rid, const char *uri)
{
	struct leg *target = target_of(leg, rid, uri);
	struct talk *t = leg->talk;
	struct person *p;
	bool presenter;

	(void)ctx;
	if (!target)
		return;
	p = target->person;
	presenter = target->presenter;
	leg_end(target);
	for (size_t i = 0; i < t->member_count; i++)
		if (t->members[i] == p)
			array_drop(t->members, &t->member_count, sizeof *t->members, i);
	succeed(leg, rid);
	one_less(t, p, presenter);
}

void local_promote(void *ctx, struct leg *leg, const char *rid, const char *uri)
{
	struct leg *target = target_of(leg, rid, uri);

	(void)ctx;
	if (!target)
		return;
	target->presenter = true;
	front_role(target->conference, role_of(target));
	tell_participant(leg->talk, target, true);
	succeed(leg, rid);
}

void local_lock(void *ctx, struct leg *leg, const char *rid, bool locked)
{
	struct leg *other;

	(void)ctx;
	if (!leg->talk->many || !leg->presenter) {
		fail(leg, rid, "only a presenter of a conference may do so");
		return;
	}
	leg->talk->locked = locked;
	DL_FOREACH(leg->talk->legs, other)
		if (other->state == LEG_IN)
			front_locked(other->conference, locked);
	succeed(leg, rid);
}
