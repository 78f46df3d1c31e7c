/* Events: one GET at a time, with the number of the last event that was seen. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "collab/cwa_channel_private.h"
#include "protocol/cwa/codes.h"

/* --- what comes ---------------------------------------------------------------------------------------------------------------------- */

static uint64_t number_of(const struct cwa_node *root, const char *attribute, uint64_t fallback)
{
	uint64_t number;

	return cwa_number(cwa_attribute(root, attribute), INT64_MAX, &number) ? number : fallback;
}

/* An event that was seen already comes again when the server has not heard so: it is not told twice. */
static void take_event(struct cwa_channel *c, const struct cwa_node *event)
{
	struct error err = { "" };
	uint64_t eid;

	if (event->element == &cwa_unknown || !cwa_number(cwa_attribute(event, "eid"), INT64_MAX, &eid) || eid <= c->seen)
		return;
	c->seen = eid;
	if (cwa_check(event, &err) != 0) {
		log_warning("cwa event not understood user=%s event=%s error=%s", log_str(c->credentials.user), event->element->name,
			log_str(err.text));
		return;
	}
	c->callbacks.event(c->ctx, event);
	cwa_commands_outcome(c, event);
	if (!c->is_ready && cwa_is(event, "requestSucceeded") && number_of(event, "rid", 0) == c->begin_rid)
		cwa_channel_is_ready(c);
	else if (!c->is_ready && cwa_is(event, "requestFailed") && number_of(event, "rid", 0) == c->begin_rid)
		cwa_channel_over(c, cwa_refusal(cwa_child(event, "error"), CWA_ASKED_SESSION));
	else if (!c->is_ready && cwa_is(event, "contactGroup") && !loop_timer_is_set(c->ready))
		loop_timer_set(c->ready, CWA_READY_MS);
}

static void take_events(struct cwa_channel *c, const struct cwa_node *root)
{
	uint64_t ack = number_of(root, "ackId", 0);
	uint64_t wait_ms = number_of(root, "pollWaitTime", c->wait_ms), session_s = number_of(root, "sessionTimeout", 0);

	c->wait_ms = wait_ms > CWA_WAIT_MAX_MS ? CWA_WAIT_MAX_MS : (uint32_t)wait_ms;
	/* What is left when it is said is less than all of it; the most that was ever left comes near. */
	if (session_s && session_s <= 86400 && session_s * 1000 > c->session_ms)
		c->session_ms = session_s * 1000;
	for (const struct cwa_node *event = root->first; event && c->phase == CWA_OPEN; event = event->next)
		take_event(c, event);
	/* Never back: a server that did so would have us go over the same events for ever. */
	if (ack > c->ack)
		c->ack = ack;
}

/* --- what does not come ---------------------------------------------------------------------------------------------------------------- */

static void ask_later(struct cwa_channel *c, uint32_t wait_ms)
{
	uint64_t now_us = loop_real_us(), left_ms;

	/* A clock that is moved by hand may pass seconds in no time: those are no haste. */
	if (now_us - c->burst_us >= 1000000 || cwa_channel_now(c) - c->burst_ms >= 1000) {
		c->burst_us = now_us;
		c->burst_ms = cwa_channel_now(c);
		c->burst = 0;
	}
	left_ms = 1000 - (now_us - c->burst_us) / 1000;
	/* A server that has us ask without a pause must not keep the loop from all the others; one that grants a pause is given it. */
	if (++c->burst > CWA_BURST && wait_ms < left_ms)
		loop_timer_set(c->breather, left_ms);
	else
		loop_timer_set(c->next_events, wait_ms);
}

/* The next attempt asks for the same events. The first follows at once when only the answer was lost. */
static void trouble(struct cwa_channel *c, bool at_once, const char *why)
{
	bool now = at_once && !c->event_trouble;
	uint32_t wait_ms = cwa_back_off_ms(c->event_trouble + !at_once, c->answered_ms + c->session_ms, cwa_channel_now(c));

	c->event_trouble++;
	if (!now && !wait_ms) {
		cwa_channel_over(c, cwa_refusal_of(IM_UNREACHABLE, "%s", why));
		return;
	}
	log_info("cwa events not had user=%s again_in_ms=%u error=%s", log_str(c->credentials.user), now ? 0 : wait_ms, log_str(why));
	ask_later(c, now ? 0 : wait_ms);
}

static void refused(struct cwa_channel *c, const struct cwa_node *root)
{
	const struct cwa_node *error = root->element == &cwa_responses ? cwa_child(root, "error") : NULL;
	const struct cwa_node *failed = root->element == &cwa_responses ? cwa_child(root, "requestFailed") : NULL;
	struct cwa_refusal refusal = cwa_refusal(!error && failed ? cwa_child(failed, "error") : error, CWA_ASKED_CHANGE);

	/* With 18400 a server ends a session for which too many events wait. */
	if (refusal.number == CWA_SESSION_NOT_FOUND || refusal.number == CWA_INTERNAL)
		cwa_channel_begin_again(c, refusal.text);
	else
		trouble(c, false, refusal.text);
}

/* Numbers that cannot be would leave the session deaf, and nobody the wiser. */
static int check_numbers(const struct cwa_channel *c, const struct cwa_node *root, struct error *err)
{
	const char *sid = cwa_attribute(root, "sid");
	uint64_t ack, eid;

	if (sid && strcmp(sid, c->sid) != 0)
		return error_set(err, "the events are another session's");
	if (!cwa_number(cwa_attribute(root, "ackId"), INT64_MAX, &ack))
		return error_set(err, "the events have no ackId that is a number");
	if (ack > c->ack + CWA_LEAP)
		return error_set(err, "the ackId goes up from %ju to %ju", (uintmax_t)c->ack, (uintmax_t)ack);
	for (const struct cwa_node *event = root->first; event; event = event->next)
		if (event->element != &cwa_unknown && (!cwa_number(cwa_attribute(event, "eid"), INT64_MAX, &eid) || eid > c->ack + CWA_LEAP))
			return error_set(err, "an event has no eid that can be");
	return 0;
}

static void read_answer(struct cwa_channel *c, const struct http_answer *answer)
{
	struct cwa_tree tree = { 0 };
	struct error err = { "" };

	if (cwa_server_read(answer, &tree, &err) != 0) {
		trouble(c, true, err.text);
	} else if (tree.root->element != &cwa_events) {
		refused(c, tree.root);
	} else if (check_numbers(c, tree.root, &err) != 0) {
		trouble(c, false, err.text);
	} else {
		c->event_trouble = 0;
		c->answered_ms = cwa_channel_now(c);
		take_events(c, tree.root);
		if (c->phase == CWA_OPEN)
			ask_later(c, answer->took_ms >= CWA_HELD_MS ? 0 : c->wait_ms);
	}
	cwa_tree_free(&tree);
}

static void events_answered(void *ctx, const struct http_answer *answer)
{
	struct cwa_channel *c = ctx;
	char why[32];

	cwa_server_ticket(answer, &c->ticket);
	if (answer->outcome != HTTP_ANSWERED) {
		trouble(c, answer->outcome == HTTP_BROKEN || answer->outcome == HTTP_TOO_LATE, answer->why);
	} else if (answer->status == 401) {
		cwa_channel_sign_in_again(c);
	} else if (answer->status != 200) {
		snprintf(why, sizeof why, "HTTP status %u", answer->status);
		trouble(c, false, why);
	} else {
		read_answer(c, answer);
	}
}

void cwa_events_ask(void *channel)
{
	struct cwa_channel *c = channel;
	char *url;

	if (c->phase != CWA_OPEN || http_line_is_busy(c->events))
		return;
	url = memory_printf("%s%s?Sid=%s&AckID=%ju&UA=%s", c->server.base, CWA_PATH_EVENTS, c->sid, (uintmax_t)c->ack,
		c->active ? "true" : "false");
	c->active = false;
	/* After trouble on a connection that was not kept: the others may have ended with it. */
	http_line_ask(c->events, &(struct http_ask){ .method = "GET", .url = url, .headers = { { CWA_TICKET_HEADER, c->ticket } },
		.own_connection = c->event_trouble > 0, .max_body = CWA_ANSWER_MAX, .total_ms = CWA_EVENTS_MS }, events_answered, c);
	free(url);
}
