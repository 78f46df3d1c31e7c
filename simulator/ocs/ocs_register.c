/* REGISTER: users come on line with an endpoint, and leave again. */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/io/history.h"
#include "base/log.h"
#include "base/memory.h"
#include "simulator/ocs/ocs_state.h"

static bool same(const char *a, const char *b)
{
	return a && b && strcasecmp(a, b) == 0;
}

/* The same device again: by its epid, or without one by its instance. Source: document - MS-SIPREGE. */
static struct endpoint *endpoint_find(const struct user *user, const char *epid, const char *instance)
{
	for (struct endpoint *e = user->endpoints; e; e = e->next)
		if (epid || e->epid ? same(e->epid, epid) : same(e->instance, instance))
			return e;
	return NULL;
}

struct endpoint *endpoint_on(const struct user *user, const struct link *link, const char *epid)
{
	struct endpoint *any = NULL;

	for (struct endpoint *e = user->endpoints; e; e = e->next) {
		if (e->link != link)
			continue;
		if (same(e->epid, epid))
			return e;
		any = e;
	}
	/* In a dialog clients may leave it out; who names another one is not on this link. */
	return epid && any && any->epid ? NULL : any;
}

/* The part of the GRUU that tells the endpoint: always the same for it, and 22 characters long. */
static char *opaque_of(const struct user *user, const char *epid, const char *instance)
{
	char *name = memory_printf("%s %s %s", user->address, epid ? epid : "", instance ? instance : "");
	uint8_t digest[EVP_MAX_MD_SIZE], text[40];
	unsigned len;

	if (EVP_Digest(name, strlen(name), digest, &len, EVP_sha256(), NULL) != 1)
		fatal(EXIT_INTERNAL, "no SHA-256");
	free(name);
	EVP_EncodeBlock(text, digest, 16);
	for (uint8_t *c = text; *c; c++)
		*c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
	return memory_printf("user:epid:%.22s", (char *)text);
}

static void on_expired(void *arg)
{
	endpoint_end(arg, "registration-expired");
}

static void endpoint_move(struct endpoint *e, struct link *link)
{
	if (e->link == link)
		return;
	while (e->subscriptions)
		subscription_free(e->subscriptions);
	proxy_endpoint_gone(e);
	meetings_endpoint_gone(e);
	e->link->endpoint_count--;
	link_rearm(e->link);
	e->link = link;
	link->endpoint_count++;
}

void endpoint_record(const struct endpoint *e, const char *event, uint64_t bytes)
{
	struct trail_entry entry = { .event = event, .numbers = { { "bytes", bytes } } };

	if (!e || !trail_is_heard(e->user->server->settings.records))
		return;
	trail_text(&entry, "epid=%s user=%s peer=%s by=%s", log_str(e->epid ? e->epid : ""), log_str(e->user->seed->id),
		connection_peer(e->link->connection), e->link->kind == LINK_SERVER ? "server" : "client");
	trail_record(e->user->server->settings.records, &entry);
}

void ocs_server_count(void *ctx, struct trail_entry *entry)
{
	const struct ocs_server *server = ctx;
	uint64_t registrations = 0;

	for (size_t i = 0; i < server->world->user_count; i++)
		registrations += server->users[i].endpoint_count;
	history_number(entry, "sessions", registrations);
}

static struct endpoint *endpoint_new(struct request *r)
{
	struct endpoint *e = memory_new(sizeof *e);
	const struct sip_message *m = r->message;

	e->user = r->user;
	e->link = r->link;
	e->epid = memory_str(m->from.epid);
	e->instance = memory_str(m->contact.instance);
	e->opaque = opaque_of(r->user, e->epid, e->instance);
	e->gruu = memory_printf("%s;opaque=%s;gruu", r->user->address, e->opaque);
	e->timer = loop_timer_new(r->server->loop, on_expired, e);
	e->next = r->user->endpoints;
	r->user->endpoints = e;
	r->user->endpoint_count++;
	r->link->endpoint_count++;
	return e;
}

void endpoint_end(struct endpoint *e, const char *why)
{
	struct user *user = e->user;
	struct endpoint **at = &user->endpoints;

	log_info("endpoint end user=%s epid=%s reason=%s", user->seed->id, e->epid ? log_str(e->epid) : "-", log_str(why));
	endpoint_record(e, "server.end", 0);
	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	user->endpoint_count--;
	e->link->endpoint_count--;
	link_rearm(e->link);
	while (e->subscriptions)
		subscription_free(e->subscriptions);
	proxy_endpoint_gone(e);
	meetings_endpoint_gone(e);
	presence_endpoint_changed(user, e);
	document_endpoint_gone(e);
	loop_timer_free(&e->timer);
	free(e->epid);
	free(e->instance);
	free(e->gruu);
	free(e->opaque);
	free(e->contact);
	free(e);
}

void endpoints_of_link_end(struct link *link, const char *why)
{
	struct ocs_server *server = link->server;

	for (size_t i = 0; link->endpoint_count && i < server->world->user_count; i++) {
		struct endpoint *next;

		for (struct endpoint *e = server->users[i].endpoints; e; e = next) {
			next = e->next;
			if (e->link == link)
				endpoint_end(e, why);
		}
	}
}

/* --- the request ---------------------------------------------------------------------------------------------------------------- */

static uint32_t expires_of(const struct sip_message *m)
{
	uint32_t seconds = sip_number(m, "Expires", REGISTER_MAX_S);

	if (m->contact.expires && *m->contact.expires && !m->contact.expires[strspn(m->contact.expires, "0123456789")])
		seconds = (uint32_t)strtoul(m->contact.expires, NULL, 10);
	return seconds > REGISTER_MAX_S ? REGISTER_MAX_S : seconds;
}

/* The refusals that the document gives numbers. false: answered. */
static bool check(struct request *r)
{
	const struct sip_message *m = r->message;
	const char *event = sip_get(m, "Event", 0);

	if (!r->user || strcmp(m->to.address, m->from.address) != 0) {
		answer_because(r, 404, 0, "there is no such user");
		return false;
	}
	if (!m->from.epid && !m->contact.instance) {
		answer_because(r, 400, 4010, "neither epid nor +sip.instance is there");
		return false;
	}
	if (event && strcasecmp(event, "registration") != 0) {
		answer_because(r, 489, 4055, "Event of a REGISTER is registration");
		return false;
	}
	if (sip_lists(m, "Supported", "msrtc-event-categories") && !sip_lists(m, "Supported", "gruu-10")) {
		answer_because(r, 421, 2057, "msrtc-event-categories needs gruu-10");
		return false;
	}
	return true;
}

static void accept(struct request *r, const struct endpoint *e, uint32_t seconds, bool added)
{
	struct sip_message *m = answer_new(r, 200);

	if (e && e->instance)
		sip_add(m, "Contact", "<%s>;expires=%u;+sip.instance=\"%s\";gruu=\"%s\"", e->contact, seconds, e->instance, e->gruu);
	else if (e)
		sip_add(m, "Contact", "<%s>;expires=%u;gruu=\"%s\"", e->contact, seconds, e->gruu);
	sip_add(m, "Expires", "%u", seconds);
	if (sip_get(r->message, "ms-keep-alive", 0))
		sip_add(m, "ms-keep-alive", "UAS; tcp=no; hop-hop=yes; end-end=no; timeout=%d", KEEP_ALIVE_S);
	sip_add(m, "Allow-Events", "vnd-microsoft-provisioning,vnd-microsoft-roaming-contacts,vnd-microsoft-roaming-ACL,presence,"
		"presence.wpending%s", r->server->settings.lcs2005 ? "" : ",vnd-microsoft-roaming-self,vnd-microsoft-provisioning-v2");
	sip_add(m, "Supported", "adhoclist");
	if (!r->server->settings.lcs2005)
		sip_add(m, "Supported", "msrtc-event-categories");
	sip_add(m, "presence-state", "register-action=\"%s\";primary-cluster-type=\"central\";is-connected-to-primary=\"yes\"",
		!e ? "removed" : added ? "added" : "refreshed");
	answer_send(r, &m);
}

void on_register(struct request *r)
{
	const struct sip_message *m = r->message;
	struct endpoint *e;
	uint32_t seconds;
	bool added;

	if (!check(r)) {
		r->server->refused_total++;
		if (r->user)
			r->user->refused++;
		return;
	}
	seconds = expires_of(m);
	e = endpoint_find(r->user, m->from.epid, m->contact.instance);
	added = !e;
	if (!seconds || !m->contact.uri) {
		accept(r, NULL, 0, false);
		if (e && !seconds)
			endpoint_end(e, "signed-off");
		return;
	}
	if (!e && r->user->endpoint_count == ENDPOINTS_OF_USER) {
		answer_because(r, 403, 0, "too many endpoints of this user are signed on");
		return;
	}
	if (!e)
		e = endpoint_new(r);
	endpoint_move(e, r->link);
	free(e->contact);
	e->contact = memory_str(m->contact.uri);
	loop_timer_set(e->timer, 1000ull * seconds);
	if (sip_get(m, "ms-keep-alive", 0))
		r->link->keeps_alive = true;
	link_rearm(r->link);
	r->user->registers += added;
	r->server->registers_total += added;
	log_info("%s user=%s peer=%s epid=%s expires=%u", added ? "registered" : "refreshed", r->user->seed->id,
		connection_peer(r->link->connection), e->epid ? log_str(e->epid) : "-", seconds);
	if (added)
		endpoint_record(e, "server.login", 0);
	accept(r, e, seconds, added);
	if (added)
		presence_endpoint_changed(r->user, NULL);
}
