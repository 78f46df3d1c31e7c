#include "collab/groupwise_refresh.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "collab/groupwise_lists.h"
#include "collab/groupwise_privacy.h"
#include "collab/groupwise_rooms.h"
#include "collab/groupwise_talk.h"
#include "protocol/groupwise/tags.h"

enum stage {
	RESTING,
	DIALLING,
	LOGGING_IN,
	IN_DOUBT,                    /* logged in: does the session's own connection still stand? */
	LEAVING,
};

struct refresh {
	struct messenger *m;
	struct groupwise_login *login;
	struct refresh_callbacks callbacks;
	void *ctx;
	uint64_t period_ms;
	struct loop_timer *timer;
	struct loop_task hang_up;    /* not at once: most calls come from inside the link */
	struct groupwise_link *link; /* the second connection */
	enum stage stage;
	bool started, wanted;
	bool idle;                   /* no more is asked */
	bool stopped;                /* the session ends */
	bool several;                /* the server has let the user have two sessions */
	bool lost;                   /* the session's own connection is over */
	enum im_logout_reason reason;
	char *why;
	struct privacy *fresh;       /* what was read, until everybody on it is known */
	unsigned changes_before;
	unsigned failures;
	uint64_t begun_ms, not_before_ms;
};

static void hang_up(void *arg)
{
	struct refresh *r = arg;

	loop_drop(r->m->loop, &r->hang_up);
	groupwise_link_free(&r->link);
}

/* --- when --------------------------------------------------------------------------------------------------------------- */

static void plan(struct refresh *r)
{
	uint64_t now_ms = loop_now_ms(r->m->loop), at_ms;

	if (r->stopped || r->idle || !r->started || r->stage != RESTING || r->fresh || (!r->wanted && !r->period_ms)) {
		loop_timer_cancel(r->timer);
		return;
	}
	at_ms = r->wanted ? r->not_before_ms : r->begun_ms + r->period_ms;
	loop_timer_set(r->timer, at_ms > now_ms ? at_ms - now_ms : 0);
}

static bool is_in_the_way(const struct refresh *r)
{
	const struct messenger *m = r->m;

	if (lists_is_changing(m->lists) || privacy_is_changing(m->privacy))
		return true;
	return !r->several && (rooms_count(m->rooms) || groupwise_link_is_busy(m->link));
}

static const struct groupwise_link_callbacks link_callbacks;

static void due(void *arg)
{
	struct refresh *r = arg;

	r->wanted = true;
	if (is_in_the_way(r)) {
		loop_timer_set(r->timer, REFRESH_APART_MS);
		return;
	}
	hang_up(r);
	r->wanted = false;
	r->begun_ms = loop_now_ms(r->m->loop);
	r->not_before_ms = r->begun_ms + REFRESH_APART_MS;
	r->stage = DIALLING;
	r->link = groupwise_link_new(r->m->loop, r->login->host_line, r->login->tls, &link_callbacks, r);
}

void refresh_start(struct refresh *r)
{
	r->started = true;
	r->begun_ms = loop_now_ms(r->m->loop);
	plan(r);
}

void refresh_want(struct refresh *r)
{
	r->wanted = true;
	plan(r);
}

void refresh_stop(struct refresh *r)
{
	r->stopped = true;
	r->stage = RESTING;
	loop_timer_cancel(r->timer);
	groupwise_login_wipe(r->login);
	if (r->link)
		loop_defer(r->m->loop, &r->hang_up);
}

static void ask_no_more(struct refresh *r)
{
	r->idle = true;
	loop_timer_cancel(r->timer);
	groupwise_login_wipe(r->login);
}

static void rest(struct refresh *r)
{
	r->stage = RESTING;
	loop_defer(r->m->loop, &r->hang_up);
	plan(r);
}

static void failed(struct refresh *r, const char *why, bool for_good)
{
	uint64_t pause_ms = REFRESH_APART_MS << (r->failures < 9 ? ++r->failures : 9);

	rest(r);
	if (r->lost) {
		char lost[256];

		snprintf(lost, sizeof lost, "%s", r->why);
		r->callbacks.lost(r->ctx, r->reason, lost);
		return;
	}
	if (pause_ms > REFRESH_AGAIN_MAX_MS)
		pause_ms = REFRESH_AGAIN_MAX_MS;
	log_warning("groupwise contact list not read again user=%s reason=%s again=%s", log_str(r->login->user), log_str(why),
		for_good ? "never" : "later");
	if (for_good) {
		ask_no_more(r);
		return;
	}
	r->wanted = true;
	r->not_before_ms = loop_now_ms(r->m->loop) + pause_ms;
	plan(r);
}

/* --- what is read ------------------------------------------------------------------------------------------------------- */

/* What the device has asked for meanwhile may be in the answer or not: it is read once more. Not so where the session's connection
 * was over: then nothing of that has been done. */
static bool is_stale(const struct refresh *r)
{
	if (r->lost || r->idle)
		return false;
	return r->m->changes != r->changes_before || lists_is_changing(r->m->lists) || privacy_is_changing(r->m->privacy);
}

static void everybody_known(void *arg, bool over)
{
	struct refresh *r = arg;

	if (over || r->stopped || is_stale(r)) {
		privacy_free(&r->fresh);
		r->wanted = true;
	}
	if (over || r->stopped)
		return;
	lists_show(r->m->lists, true);
	if (r->fresh)
		privacy_renew(r->m->privacy, &r->fresh);
	log_debug("groupwise contact list read again user=%s", log_str(r->login->user));
	plan(r);
}

static void read_answer(struct refresh *r, const struct gw_field *fields)
{
	if (is_stale(r)) {
		r->wanted = true;
		return;
	}
	lists_renew(r->m->lists, gw_find(fields, GW_TAG_CONTACT_LIST));
	r->fresh = privacy_new(r->m, fields);
}

/* --- the second connection ---------------------------------------------------------------------------------------------- */

static void move(struct refresh *r)
{
	struct groupwise_link *link = r->link;

	log_info("groupwise session goes on on another connection user=%s reason=the server lets a user have one", log_str(r->login->user));
	r->link = NULL;
	r->stage = RESTING;
	r->lost = false;
	ask_no_more(r);
	r->callbacks.moved(r->ctx, link);
}

static void left(void *ctx, void *arg, const struct gw_answer *answer, const struct gw_field *fields)
{
	struct refresh *r = ctx;

	(void)arg;
	(void)fields;
	if (answer && r->stage == LEAVING)
		rest(r);
}

static void leave(struct refresh *r)
{
	r->stage = LEAVING;
	gw_tree_clear(&r->m->fields);
	if (!groupwise_link_request(r->link, "logout", NULL, &r->m->fields, left, NULL))
		rest(r);
}

/* On the session's own connection. */
static void still_there(void *ctx, void *arg, const struct gw_answer *answer, const struct gw_field *fields)
{
	struct refresh *r = arg;

	(void)ctx;
	(void)fields;
	if (!answer || r->stage != IN_DOUBT)
		return;
	if (!groupwise_accepted(answer)) {
		move(r);
		return;
	}
	r->several = true;
	groupwise_link_pause(r->link, false);
	leave(r);
}

static void ask_whether_still_there(struct refresh *r)
{
	/* What it is told before that is clear is for the session, if it is going to be its connection. */
	r->stage = IN_DOUBT;
	groupwise_link_pause(r->link, true);
	gw_tree_clear(&r->m->fields);
	if (groupwise_link_request(r->m->link, "ping", NULL, &r->m->fields, still_there, r))
		return;
	groupwise_link_pause(r->link, false);
	leave(r);
}

static void login_answered(void *ctx, void *arg, const struct gw_answer *answer, const struct gw_field *fields)
{
	struct refresh *r = ctx;
	struct refusal refusal;

	(void)arg;
	if (!answer || r->stage != LOGGING_IN)
		return;
	refusal = groupwise_refusal(answer, REFUSAL_OF_LOGIN);
	if (refusal.code != IM_OK) {
		failed(r, refusal.text, refusal.code == IM_BAD_CREDENTIALS);
		return;
	}
	r->failures = 0;
	read_answer(r, fields);
	if (r->stopped) {
		privacy_free(&r->fresh);
		return;
	}
	if (r->lost)
		move(r);
	else if (r->several)
		leave(r);
	else
		ask_whether_still_there(r);
	if (r->fresh)
		messenger_know_everybody(r->m, r->fresh, everybody_known, r);
}

static void up(void *ctx)
{
	struct refresh *r = ctx;

	if (r->stage != DIALLING)
		return;
	r->stage = LOGGING_IN;
	r->changes_before = r->m->changes;
	groupwise_login_send(r->login, r->link, &r->m->fields, login_answered, NULL);
}

/* The session hears all the rest itself. Who changes his status right after the answer is told to both, in whatever order: this
 * connection's word is the one that comes after its answer. */
static void event(void *ctx, const struct gw_event *e)
{
	struct refresh *r = ctx;

	if (r->stage == RESTING)
		return;
	if (e->type == GW_EVENT_CONTACT_ADDED)
		r->wanted = true;
	else if (e->type == GW_EVENT_STATUS)
		talk_event(r->m->talk, e);
}

static void closed(void *ctx, enum connection_end end, const char *why)
{
	struct refresh *r = ctx;

	(void)end;
	if (r->stage == DIALLING || r->stage == LOGGING_IN)
		failed(r, why, false);
	else if (r->stage != RESTING)
		rest(r);
}

static const struct groupwise_link_callbacks link_callbacks = { .up = up, .event = event, .closed = closed };

bool refresh_takes_loss(struct refresh *r, enum im_logout_reason reason, const char *why)
{
	if (r->several || (r->stage != LOGGING_IN && r->stage != IN_DOUBT))
		return false;
	if (r->stage == IN_DOUBT) {
		move(r);
	} else if (!r->lost) {
		r->lost = true;
		r->reason = reason;
		r->why = memory_str(why);
	}
	return true;
}

/* --- its life ----------------------------------------------------------------------------------------------------------- */

struct refresh *refresh_new(struct messenger *m, struct groupwise_login *login, uint64_t period_ms,
	const struct refresh_callbacks *callbacks, void *ctx)
{
	struct refresh *r = memory_new(sizeof *r);

	r->m = m;
	r->login = login;
	r->period_ms = period_ms;
	r->callbacks = *callbacks;
	r->ctx = ctx;
	r->timer = loop_timer_new(m->loop, due, r);
	r->hang_up = (struct loop_task){ .fn = hang_up, .arg = r };
	return r;
}

void refresh_free(struct refresh **refresh)
{
	struct refresh *r = *refresh;

	if (!r)
		return;
	*refresh = NULL;
	r->stage = RESTING;
	hang_up(r);
	loop_timer_free(&r->timer);
	privacy_free(&r->fresh);
	free(r->why);
	free(r);
}
