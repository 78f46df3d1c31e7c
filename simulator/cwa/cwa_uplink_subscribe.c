/* Subscriptions of endpoints: asked for, refreshed, ended, and the news they bring. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/log.h"
#include "base/memory.h"
#include "simulator/cwa/cwa_uplink_state.h"

struct subscription {
	struct endpoint *endpoint;
	struct subscription *prev, *next;
	enum subscription_kind kind;
	bool there;                             /* it was accepted: the dialog is */
	struct sip_dialog dialog;
	struct asked *asked;                    /* the request at hand */
	char *rid;                              /* of a query */
	void (*done)(struct endpoint *e);       /* of the request at hand */
	struct loop_timer *refresh;
};

static int nothing(struct endpoint *e, struct bytes body)
{
	(void)e;
	(void)body;
	return 0;
}

static int take_presence(struct endpoint *e, struct bytes body)
{
	return presence_take(e, body, false);
}

static int take_query(struct endpoint *e, struct bytes body)
{
	return presence_take(e, body, true);
}

static const struct {
	const char *event;
	bool once;                              /* Expires: 0 */
	bool must_tell;                         /* its answer has the first news */
	const char *body_type;                  /* of the request's body */
	int (*take)(struct endpoint *e, struct bytes body);
} kinds[SUBSCRIPTION_KINDS] = {
	[SUBSCRIBED_CONTACTS] = { "vnd-microsoft-roaming-contacts", false, true, NULL, contacts_take },
	[SUBSCRIBED_SELF] = { "vnd-microsoft-roaming-self", false, true, SIP_TYPE_ROAMING_SELF, self_take },
	[SUBSCRIBED_PRESENCE] = { "presence", false, false, SIP_TYPE_BATCH, take_presence },
	[SUBSCRIBED_PROVISIONING] = { "vnd-microsoft-provisioning-v2", true, false, NULL, nothing },
	[SUBSCRIBED_QUERY] = { "presence", true, false, SIP_TYPE_BATCH, take_query },
};

static void subscription_free(struct subscription *s)
{
	DL_DELETE(s->endpoint->subscriptions, s);
	asked_forget(&s->asked);
	sip_dialog_clear(&s->dialog);
	loop_timer_free(&s->refresh);
	free(s->rid);
	free(s);
}

static struct subscription *find(const struct endpoint *e, enum subscription_kind kind)
{
	struct subscription *s;

	DL_FOREACH(e->subscriptions, s)
		if (s->kind == kind)
			break;
	return s;
}

bool subscription_is_none(const struct endpoint *e, enum subscription_kind kind)
{
	return !find(e, kind);
}

bool subscription_is_there(const struct endpoint *e, enum subscription_kind kind)
{
	const struct subscription *s = find(e, kind);

	return s && s->there && !s->done;
}

/* --- the request ------------------------------------------------------------------------------------------------------------------- */

static void add_rest(const struct endpoint *e, struct sip_message *m, enum subscription_kind kind, struct bytes body, uint32_t seconds)
{
	sip_add(m, "Event", "%s", kinds[kind].event);
	sip_add(m, "Expires", "%u", seconds);
	sip_add(m, "Supported", "ms-benotify");
	sip_add(m, "Supported", "ms-piggyback-first-notify");
	sip_add(m, "Proxy-Require", "ms-benotify");
	endpoint_add_contact(e, m);
	if (strcmp(kinds[kind].event, "presence") == 0) {
		sip_add(m, "Require", "adhoclist, categoryList");
		sip_add(m, "Supported", "eventlist");
	}
	sip_add(m, "Accept", "%s", kind == SUBSCRIBED_CONTACTS ? SIP_TYPE_CONTACTS : kind == SUBSCRIBED_SELF ? SIP_TYPE_ROAMING_SELF :
		kind == SUBSCRIBED_PROVISIONING ? SIP_TYPE_PROVISIONING : SIP_TYPE_CATEGORIES);
	if (body.len)
		sip_body(m, kinds[kind].body_type, body);
}

static const struct outcome unreadable = { .code = CWA_OCS_INVALID, .detail = "the news of the Communications Server cannot be read" };

static int take(struct subscription *s, const struct sip_message *m)
{
	int rc = m->body.len ? kinds[s->kind].take(s->endpoint, buf_bytes(&m->body)) : kinds[s->kind].must_tell && !s->there ? -1 : 0;

	if (rc < 0)
		log_warning("uplink unreadable news user=%s event=%s", session_user(s->endpoint->session)->id, kinds[s->kind].event);
	return rc;
}

static void on_refresh(void *arg);

static void go_on_living(struct subscription *s, const struct sip_message *m)
{
	uint32_t seconds = sip_number(m, "Expires", SUBSCRIBE_S);

	/* Of a query the news of all but the first user come behind the answer. */
	if (kinds[s->kind].once)
		loop_timer_set(s->refresh, ANSWER_MS);
	else
		loop_timer_set(s->refresh, 1000ull * (seconds > 2 * EARLY_S ? seconds - EARLY_S : seconds / 2 + 1));
}

static void on_first(void *arg, const struct sip_message *m, const struct outcome *outcome)
{
	struct subscription *s = arg;
	struct endpoint *e = s->endpoint;
	enum subscription_kind kind = s->kind;
	int rc;

	s->asked = NULL;
	if (!m || outcome->code) {
		if (s->rid)
			home_done(e->session, s->rid, outcome);
		subscription_free(s);
		if (kind != SUBSCRIBED_QUERY)
			endpoint_failed(e, outcome);
		return;
	}
	sip_dialog_from_answer(&s->dialog, m);
	go_on_living(s, m);
	rc = take(s, m);
	s->there = true;
	if (kind == SUBSCRIBED_QUERY)
		home_done(e->session, s->rid, rc < 0 ? &unreadable : outcome);
	else if (rc < 0)
		endpoint_failed(e, &unreadable);
	else
		endpoint_next(e);
	if (kind == SUBSCRIBED_PRESENCE)
		(void)presence_ask(e);
}

static struct subscription *subscription_new(struct endpoint *e, enum subscription_kind kind)
{
	struct subscription *s = memory_new(sizeof *s);

	*s = (struct subscription){ .endpoint = e, .kind = kind };
	s->refresh = loop_timer_new(e->uplink->loop, on_refresh, s);
	DL_APPEND(e->subscriptions, s);
	return s;
}

static void ask_first(struct subscription *s, struct bytes body)
{
	struct endpoint *e = s->endpoint;
	const struct outcome lost = uplink_lost(e->uplink);
	struct sip_message *m;

	if (e->uplink->state != UPLINK_UP) {
		on_first(s, NULL, &lost);
		return;
	}
	m = endpoint_request(e, "SUBSCRIBE", e->address);
	add_rest(e, m, s->kind, body, kinds[s->kind].once ? 0 : SUBSCRIBE_S);
	s->asked = uplink_ask(e->uplink, e, &m, on_first, s, NULL);
}

void subscribe(struct endpoint *e, enum subscription_kind kind, struct bytes body)
{
	ask_first(subscription_new(e, kind), body);
}

void subscribe_once(struct endpoint *e, struct bytes body, const char *rid)
{
	struct subscription *s = subscription_new(e, SUBSCRIBED_QUERY);

	s->rid = memory_str(rid);
	ask_first(s, body);
}

/* --- in its dialog --------------------------------------------------------------------------------------------------------------------- */

/* The other server has forgotten it: everything from the beginning. */
static void begin_again(struct endpoint *e)
{
	subscriptions_end(e);
	subscriptions_forget(e);
	presence_lost(e);
	e->step = STEP_REGISTER;
	endpoint_next(e);
}

static void on_again(void *arg, const struct sip_message *m, const struct outcome *outcome)
{
	struct subscription *s = arg;
	struct endpoint *e = s->endpoint;
	void (*done)(struct endpoint *e) = s->done;

	s->asked = NULL;
	s->done = NULL;
	if (outcome->sip_code == 481) {
		begin_again(e);
	} else if (!outcome->code) {
		go_on_living(s, m);
		(void)take(s, m);
	}
	if (done)
		done(e);
}

static void no_more(struct endpoint *e)
{
	(void)e;
}

void subscription_again(struct endpoint *e, enum subscription_kind kind, struct bytes body, void (*done)(struct endpoint *e))
{
	struct subscription *s = find(e, kind);
	struct sip_message *m;

	if (!s || !s->there || s->done || e->uplink->state != UPLINK_UP) {
		if (done)
			done(e);
		return;
	}
	s->done = done ? done : no_more;
	m = sip_dialog_request(&s->dialog, "SUBSCRIBE");
	add_rest(e, m, kind, body, SUBSCRIBE_S);
	s->asked = uplink_ask(e->uplink, e, &m, on_again, s, NULL);
}

static void on_refresh(void *arg)
{
	struct subscription *s = arg;

	if (kinds[s->kind].once)
		subscription_free(s);
	else
		subscription_again(s->endpoint, s->kind, (struct bytes){ 0 }, NULL);
}

/* --- the end ----------------------------------------------------------------------------------------------------------------------------- */

void subscriptions_forget(struct endpoint *e)
{
	while (e->subscriptions)
		subscription_free(e->subscriptions);
}

void subscriptions_end(struct endpoint *e)
{
	struct subscription *s;

	DL_FOREACH(e->subscriptions, s) {
		struct sip_message *m;

		if (!s->there || kinds[s->kind].once)
			continue;
		m = sip_dialog_request(&s->dialog, "SUBSCRIBE");
		add_rest(e, m, s->kind, (struct bytes){ 0 }, 0);
		uplink_ask(e->uplink, NULL, &m, NULL, NULL, NULL);
	}
}

/* --- news -------------------------------------------------------------------------------------------------------------------------------- */

void on_notification(struct uplink *u, const struct sip_message *m)
{
	struct endpoint *e = endpoint_of(u, m);
	struct subscription *s = NULL;
	bool known;

	if (e)
		DL_FOREACH(e->subscriptions, s)
			if (s->there && sip_dialog_has(&s->dialog, m))
				break;
	known = s || (e && talk_on_notification(e, m));
	/* Nobody waits for the answer to a BENOTIFY. */
	if (strcmp(m->method, "NOTIFY") == 0)
		uplink_answer(u, m, known ? 200 : 481);
	if (s)
		(void)take(s, m);
}
