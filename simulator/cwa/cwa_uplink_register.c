/* Endpoints: REGISTER, what follows it until a client has everything, and how it comes back after the link was lost. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/trail.h"
#include "simulator/cwa/cwa_uplink_state.h"

/* --- requests of an endpoint ------------------------------------------------------------------------------------------------------- */

char *uplink_uri(const char *text)
{
	struct buf out = { 0 };
	char *uri = text && cwa_uri(text, &out) == 0 ? bytes_dup(buf_bytes(&out)) : NULL;

	buf_free(&out);
	return uri;
}

char *endpoint_tag(struct endpoint *e)
{
	return memory_printf("%s.%s", e->epid, uplink_fresh(e->uplink));
}

void endpoint_add_contact(const struct endpoint *e, struct sip_message *m)
{
	sip_add(m, "Contact", "<%s>", e->gruu ? e->gruu : e->contact);
}

struct sip_message *endpoint_request(struct endpoint *e, const char *method, const char *uri)
{
	struct sip_message *m = sip_request(method, uri);
	char *tag = endpoint_tag(e);

	sip_add(m, "From", "\"%s\" <%s>;tag=%s;epid=%s", e->name, e->address, tag, e->epid);
	sip_add(m, "To", "<%s>", uri);
	sip_add(m, "Call-ID", "%s", uplink_fresh(e->uplink));
	sip_add(m, "CSeq", "1 %s", method);
	sip_add(m, "Max-Forwards", "70");
	free(tag);
	return m;
}

struct endpoint *endpoint_of(const struct uplink *u, const struct sip_message *request)
{
	char *named = request->to.tag ? NULL : sip_param(request->uri, "ms-opaque");
	const char *epid = request->to.tag ? request->to.tag : named ? named : "";
	struct endpoint *e = NULL;

	if (strlen(epid) >= EPID)
		HASH_FIND(hh, u->endpoints, epid, EPID, e);
	free(named);
	return e;
}

/* --- REGISTER ------------------------------------------------------------------------------------------------------------------------ */

static struct sip_message *register_request(struct endpoint *e)
{
	struct uplink *u = e->uplink;
	char *uri = memory_printf("sip:%s", u->world->domain), *tag = endpoint_tag(e);
	struct sip_message *m = sip_request("REGISTER", uri);

	sip_add(m, "From", "<%s>;tag=%s;epid=%s", e->address, tag, e->epid);
	sip_add(m, "To", "<%s>", e->address);
	sip_add(m, "Call-ID", "%s", e->call_id);
	sip_add(m, "CSeq", "%u REGISTER", ++e->cseq);
	sip_add(m, "Max-Forwards", "70");
	sip_add(m, "Contact", "<%s>;methods=\"INVITE, MESSAGE, INFO, OPTIONS, BYE, CANCEL, NOTIFY, ACK, BENOTIFY\";proxy=replace;"
		"+sip.instance=\"<urn:uuid:%.8s-%.4s-4000-8000-%s>\"", e->contact, e->epid, e->epid + 8, e->epid);
	sip_add(m, "Supported", "gruu-10, adhoclist, msrtc-event-categories");
	sip_add(m, "Event", "registration");
	sip_add(m, "Allow-Events", "presence");
	free(uri);
	free(tag);
	return m;
}

static void register_it(void *arg);

/* First registrations alone: what became of a login. */
static void note(const struct endpoint *e, const char *event, const char *key, const char *value, const char *tls)
{
	struct trail_entry entry = { .event = event };

	trail_text(&entry, "user=%s %s=%s%s%s", session_user(e->session)->id, key, log_str(value), tls ? " tls=" : "", tls ? tls : "");
	trail_note(e->uplink->settings.trail, &entry);
}

/* Which registration is which session's, for the history. */
static void note_registration(const struct endpoint *e)
{
	struct trail_entry entry = { .event = "uplink.registered" };

	if (!trail_is_heard(e->uplink->settings.trail))
		return;
	trail_text(&entry, "sid=%ju epid=%s", (uintmax_t)session_number(e->session), e->epid);
	trail_record(e->uplink->settings.trail, &entry);
}

/* The client is told, and the session is no more after this: nor is the endpoint. */
static void refuse(struct endpoint *e, const struct outcome *outcome)
{
	struct uplink *u = e->uplink;
	char answer[128];

	u->refused++;
	snprintf(answer, sizeof answer, "%u %s", outcome->sip_code ? outcome->sip_code : outcome->code,
		outcome->sip_text ? outcome->sip_text : cwa_code_name(outcome->code));
	note(e, "uplink.refused", "answer", answer, NULL);
	log_info("uplink refused user=%s code=%u sip=%u: %s", session_user(e->session)->id, outcome->code, outcome->sip_code,
		log_str(outcome->detail));
	if (e->accepted)
		home_ended(e->session, outcome);
	else
		home_signed_on(e->session, outcome);
}

static void on_registered(void *arg, const struct sip_message *answer, const struct outcome *outcome)
{
	struct endpoint *e = arg;
	uint32_t seconds;

	/* A link that was lost says so to everybody at once: endpoints_link_lost. */
	if (outcome->code == CWA_CONNECTION_FAILED || outcome->code == CWA_TLS_FAILED)
		return;
	if (outcome->code) {
		refuse(e, outcome);
		return;
	}
	seconds = sip_number(answer, "Expires", 7200);
	loop_timer_set(e->refresh, 1000ull * (seconds > 2 * EARLY_S ? seconds - EARLY_S : seconds / 2 + 1));
	free(e->gruu);
	e->gruu = sip_get(answer, "Contact", 0) ? sip_param(sip_get(answer, "Contact", 0), "gruu") : NULL;
	if (e->step != STEP_REGISTER)
		return;
	e->uplink->registers++;
	e->lost = false;
	log_info("uplink registered user=%s epid=%s expires=%u", session_user(e->session)->id, e->epid, seconds);
	if (!e->accepted) {
		note(e, "uplink.accepted", "answer", "200 OK", NULL);
		note_registration(e);
		e->accepted = true;
		home_signed_on(e->session, outcome);
	}
	endpoint_next(e);
}

static void register_it(void *arg)
{
	struct endpoint *e = arg;
	struct sip_message *m = register_request(e);

	if (e->uplink->state != UPLINK_UP) {
		sip_free(&m);
		return;
	}
	if (!e->accepted)
		note(e, "uplink.register", "peer", connection_peer(e->uplink->connection), connection_tls_version(e->uplink->connection));
	uplink_ask(e->uplink, e, &m, on_registered, e, NULL);
}

/* --- the steps ------------------------------------------------------------------------------------------------------------------------- */

void endpoint_next(struct endpoint *e)
{
	if (e->step == STEP_READY)
		return;
	e->step++;
	switch (e->step) {
	case STEP_CONTACTS:
		e->list_due = true;
		subscribe(e, SUBSCRIBED_CONTACTS, (struct bytes){ 0 });
		break;
	case STEP_SELF:
		subscribe(e, SUBSCRIBED_SELF, (struct bytes){ 0 });
		break;
	case STEP_PUBLISH:
		self_publish_first(e);
		break;
	case STEP_PRESENCE:
		if (!presence_ask(e))
			endpoint_next(e);
		break;
	case STEP_PROVISIONING:
		/* Its answer comes behind the news of all the contacts. */
		subscribe(e, SUBSCRIBED_PROVISIONING, (struct bytes){ 0 });
		break;
	case STEP_READY:
		access_tell(e);
		if (!e->greeted)
			home_ready(e->session, &(struct outcome){ .code = 0 });
		e->greeted = true;
		(void)presence_ask(e);
		break;
	case STEP_REGISTER:
		break;
	}
}

void endpoint_failed(struct endpoint *e, const struct outcome *outcome)
{
	if (outcome->code == CWA_CONNECTION_FAILED || outcome->code == CWA_TLS_FAILED || e->step == STEP_READY)
		return;
	log_info("uplink step failed user=%s step=%d code=%u sip=%u", session_user(e->session)->id, e->step, outcome->code, outcome->sip_code);
	e->step = STEP_READY;
	if (!e->greeted)
		home_ready(e->session, outcome);
	else
		home_done(e->session, NULL, outcome);
	e->greeted = true;
}

/* --- signing on and off ------------------------------------------------------------------------------------------------------------------ */

static void on_begin(void *arg)
{
	struct endpoint *e = arg;
	const struct outcome outcome = uplink_lost(e->uplink);

	if (e->uplink->state == UPLINK_DOWN)
		refuse(e, &outcome);
	else
		register_it(e);
}

/* As it stands between quotes. */
static char *quoted(const char *name)
{
	struct buf out = { 0 };
	char *text;

	for (const char *c = name; *c; c++) {
		if (*c == '"' || *c == '\\')
			buf_u8(&out, '\\');
		buf_u8(&out, (uint8_t)*c);
	}
	text = bytes_dup(buf_bytes(&out));
	buf_free(&out);
	return text;
}

void uplink_sign_on(void *ctx, struct session *s, uint32_t availability)
{
	struct uplink *u = ctx;
	struct endpoint *e = memory_new(sizeof *e);
	uint8_t random[EPID / 2];

	random_pool_take(&u->random, random, sizeof random);
	*e = (struct endpoint){ .uplink = u, .session = s, .availability = availability };
	for (size_t i = 0; i < sizeof random; i++)
		snprintf(e->epid + 2 * i, 3, "%02x", random[i]);
	e->address = memory_str(session_uri(s));
	e->name = quoted(session_user(s)->name);
	e->contact = memory_printf("sip:%s;transport=%s;ms-opaque=%s", u->settings.name, uplink_transport(u), e->epid);
	e->call_id = memory_str(uplink_fresh(u));
	e->refresh = loop_timer_new(u->loop, register_it, e);
	e->begin = (struct loop_task){ .fn = on_begin, .arg = e };
	HASH_ADD(hh, u->endpoints, epid, EPID, e);
	session_set_home(s, e);
	loop_defer(u->loop, &e->begin);
}

void uplink_sign_off(void *ctx, struct session *s)
{
	struct uplink *u = ctx;
	struct endpoint *e = session_home(s);
	struct sip_message *m;

	session_set_home(s, NULL);
	loop_drop(u->loop, &e->begin);
	if (u->state == UPLINK_UP && e->step > STEP_REGISTER) {
		subscriptions_end(e);
		m = register_request(e);
		sip_add(m, "Expires", "0");
		uplink_ask(u, NULL, &m, NULL, NULL, NULL);
	}
	subscriptions_forget(e);
	jobs_forget(e);
	talk_forget(e);
	/* What is left: those that are nobody's but the endpoint's. */
	asked_forget_all(e);
	contacts_forget(e);
	presence_forget(e);
	self_forget(e);
	access_forget(e);
	HASH_DEL(u->endpoints, e);
	loop_timer_free(&e->refresh);
	free(e->address);
	free(e->name);
	free(e->contact);
	free(e->gruu);
	free(e->call_id);
	free(e);
}

/* --- the link ------------------------------------------------------------------------------------------------------------------------------- */

void endpoints_link_up(struct uplink *u)
{
	struct endpoint *e, *next;

	HASH_ITER(hh, u->endpoints, e, next)
		if (e->step == STEP_REGISTER && !e->begin.queued)
			register_it(e);
}

/* Who has not been accepted yet gets his failure. The others keep their sessions, and come back with it. */
void endpoints_link_lost(struct uplink *u)
{
	const struct outcome outcome = uplink_lost(u);
	struct endpoint *e, *next;

	HASH_ITER(hh, u->endpoints, e, next) {
		if (!e->accepted) {
			refuse(e, &outcome);
			continue;
		}
		loop_timer_cancel(e->refresh);
		e->step = STEP_REGISTER;
		jobs_fail(e, &outcome);
		talk_lost(e);
		subscriptions_forget(e);
		presence_lost(e);
		if (!e->greeted)
			home_ready(e->session, &outcome);
		else if (!e->lost)
			home_done(e->session, NULL, &outcome);
		e->greeted = e->lost = true;
	}
}
