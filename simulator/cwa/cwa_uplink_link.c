/* The link to the Communications Server: dialled again when it is lost, requests out and their answers, requests in. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "simulator/cwa/cwa_uplink_state.h"

struct asked {
	struct uplink *uplink;
	struct endpoint *endpoint;              /* NULL: nobody's */
	char *branch;                           /* the key */
	UT_hash_handle hh;
	struct sip_message *sent;
	uint64_t heard;                         /* how much had come when it was sent */
	bool provisional;                       /* something has come of it */
	bool cancel_due;
	struct loop_timer *timer;
	answered_fn *done;
	void *arg;
	void (*free_arg)(void *arg);
	void (*ringing)(void *arg);             /* NULL: nobody wants to know */
};

/* --- out ------------------------------------------------------------------------------------------------------------------------- */

const char *uplink_fresh(struct uplink *u)
{
	static char texts[8][24];
	static unsigned next;
	char *text = texts[next++ % 8];
	uint32_t salt;

	random_pool_take(&u->random, (uint8_t *)&salt, sizeof salt);
	snprintf(text, sizeof texts[0], "%08x%06x", salt, ++u->next & 0xffffff);
	return text;
}

const char *uplink_transport(const struct uplink *u)
{
	return u->settings.tls ? "tls" : "tcp";
}

struct outcome uplink_lost(const struct uplink *u)
{
	return (struct outcome){ .code = u->lost_code, .detail = u->lost_why ? u->lost_why : "" };
}

void uplink_send(struct uplink *u, struct sip_message **pointer)
{
	struct sip_message *m = *pointer;

	log_debug("uplink sent %s=%s", m->method ? "request" : "answer", m->method ? m->method : log_str(m->reason));
	if (u->connection) {
		buf_clear(&u->scratch);
		sip_encode(m, &u->scratch);
		connection_send(u->connection, buf_bytes(&u->scratch));
	}
	sip_free(pointer);
}

void uplink_answer(struct uplink *u, const struct sip_message *request, int status)
{
	struct sip_message *m = sip_answer(request, status, NULL, uplink_fresh(u));

	uplink_send(u, &m);
}

/* CANCEL, or the ACK of a refusal: for one hop, so with all that tells the transaction. */
static void send_same_hop(const struct asked *a, const char *method, const char *to)
{
	static const char *const taken[] = { "Via", "Route", "From", "Call-ID" };
	struct sip_message *m = sip_request(method, a->sent->uri);

	for (size_t t = 0; t < sizeof taken / sizeof taken[0]; t++)
		if (sip_get(a->sent, taken[t], 0))
			sip_add(m, taken[t], "%s", sip_get(a->sent, taken[t], 0));
	sip_add(m, "To", "%s", to ? to : sip_get(a->sent, "To", 0));
	sip_add(m, "CSeq", "%lu %s", strtoul(sip_get(a->sent, "CSeq", 0), NULL, 10), method);
	sip_add(m, "Max-Forwards", "70");
	uplink_send(a->uplink, &m);
}

/* --- what is awaited --------------------------------------------------------------------------------------------------------------- */

static void asked_free(struct asked *a)
{
	HASH_DEL(a->uplink->asked, a);
	if (a->uplink->probe == a)
		a->uplink->probe = NULL;
	if (a->free_arg)
		a->free_arg(a->arg);
	loop_timer_free(&a->timer);
	sip_free(&a->sent);
	free(a->branch);
	free(a);
}

static void finish(struct asked *a, const struct sip_message *answer, const struct outcome *outcome)
{
	answered_fn *done = a->done;
	void *arg = a->arg;
	void (*free_arg)(void *) = a->free_arg;

	/* done may end the endpoint, and with it what it asked: this one is out of reach by then. */
	a->free_arg = NULL;
	asked_free(a);
	if (done)
		done(arg, answer, outcome);
	if (free_arg)
		free_arg(arg);
}

static void lose(struct uplink *u, uint32_t code, const char *why);

static void on_probed(void *arg, const struct sip_message *answer, const struct outcome *outcome)
{
	(void)outcome;
	if (!answer)
		lose(arg, CWA_CONNECTION_FAILED, "the Communications Server does not answer any more");
}

/* Whatever the answer is: it is one. Nobody is signed on as the server itself, so mostly it is 403. */
static void probe(struct uplink *u)
{
	struct sip_message *m;
	char *uri;

	if (u->probe || u->state != UPLINK_UP)
		return;
	uri = memory_printf("sip:%s", u->settings.name);
	m = sip_request("OPTIONS", uri);
	sip_add(m, "From", "<%s>;tag=%s", uri, uplink_fresh(u));
	sip_add(m, "To", "<%s>", uri);
	sip_add(m, "Call-ID", "%s", uplink_fresh(u));
	sip_add(m, "CSeq", "1 OPTIONS");
	sip_add(m, "Max-Forwards", "70");
	free(uri);
	u->probe = uplink_ask(u, NULL, &m, on_probed, u, NULL);
}

/* One request without answer is that request's failure. Has nothing at all come meanwhile, the link itself is in doubt. */
static void on_no_answer(void *arg)
{
	static const struct outcome outcome = { .code = CWA_OCS_TIMEOUT, .detail = "the Communications Server did not answer in time" };
	struct asked *a = arg;
	struct uplink *u = a->uplink;
	bool silent = a->heard == u->heard && a != u->probe;

	log_info("uplink no answer method=%s", a->sent->method);
	if (silent)
		probe(u);
	finish(a, NULL, &outcome);
}

struct asked *uplink_ask(struct uplink *u, struct endpoint *e, struct sip_message **m, answered_fn *done, void *arg,
	void (*free_arg)(void *arg))
{
	struct asked *a;
	struct sip_message *copy;

	if (u->state != UPLINK_UP) {
		const struct outcome outcome = uplink_lost(u);

		sip_free(m);
		if (done)
			done(arg, NULL, &outcome);
		if (free_arg)
			free_arg(arg);
		return NULL;
	}
	a = memory_new(sizeof *a);
	*a = (struct asked){ .uplink = u, .endpoint = e, .sent = *m, .heard = u->heard, .done = done, .arg = arg, .free_arg = free_arg };
	*m = NULL;
	a->branch = memory_printf("z9hG4bK%s", uplink_fresh(u));
	sip_add_first(a->sent, "Via", "SIP/2.0/%s %s;branch=%s", u->settings.tls ? "TLS" : "TCP", u->settings.name, a->branch);
	a->timer = loop_timer_new(u->loop, on_no_answer, a);
	loop_timer_set(a->timer, ANSWER_MS);
	HASH_ADD_KEYPTR(hh, u->asked, a->branch, strlen(a->branch), a);
	copy = sip_copy(a->sent);
	uplink_send(u, &copy);
	return a;
}

/* Before anything has come of the INVITE, its CANCEL has to wait. Source: document - RFC 3261 section 9.1. */
void asked_cancel(struct asked *a)
{
	a->cancel_due = !a->provisional;
	if (a->provisional)
		send_same_hop(a, "CANCEL", NULL);
}

void asked_on_ringing(struct asked *a, void (*ringing)(void *arg))
{
	if (a)
		a->ringing = ringing;
}

size_t cwa_uplink_waiting(const struct uplink *u)
{
	return HASH_COUNT(u->asked);
}

void asked_forget(struct asked **pointer)
{
	if (*pointer)
		asked_free(*pointer);
	*pointer = NULL;
}

void asked_forget_all(const struct endpoint *e)
{
	struct asked *a, *next;

	HASH_ITER(hh, e->uplink->asked, a, next)
		if (a->endpoint == e)
			asked_free(a);
}

/* --- in ----------------------------------------------------------------------------------------------------------------------------- */

static void on_final(struct asked *a, const struct sip_message *m)
{
	char *why = sip_get(m, "ms-diagnostics", 0) ? sip_param(sip_get(m, "ms-diagnostics", 0), "reason") : NULL;
	struct outcome outcome = { .code = 0 };

	if (m->status >= 300)
		outcome = (struct outcome){ .code = CWA_OCS_FAILURE, .detail = why ? why : "", .sip_code = (unsigned)m->status,
			.sip_text = m->reason };
	if (m->status >= 300 && strcmp(a->sent->method, "INVITE") == 0)
		send_same_hop(a, "ACK", sip_get(m, "To", 0));
	finish(a, m, &outcome);
	free(why);
}

static void on_answer(struct uplink *u, const struct sip_message *m)
{
	char *branch = sip_branch(m);
	struct asked *a = NULL;

	if (branch)
		HASH_FIND_STR(u->asked, branch, a);
	free(branch);
	/* The branch of a CANCEL is that of its INVITE. */
	if (!a || strcmp(m->cseq_method, a->sent->method) != 0)
		return;
	if (m->status >= 200) {
		on_final(a, m);
		return;
	}
	a->provisional = true;
	if (strcmp(a->sent->method, "INVITE") == 0)
		loop_timer_set(a->timer, RINGING_MS);
	if (a->cancel_due)
		asked_cancel(a);
	if (a->ringing && m->status > 100)
		a->ringing(a->arg);
}

static void on_request(struct uplink *u, const struct sip_message *m)
{
	if (strcmp(m->method, "NOTIFY") == 0 || strcmp(m->method, "BENOTIFY") == 0)
		on_notification(u, m);
	else
		talk_on_request(u, m);
}

static void on_message(void *ctx, struct bytes raw)
{
	struct uplink *u = ctx;
	struct sip_message *m;
	struct error err = { "" };

	u->heard++;
	redial_good(u->redial);
	if (sip_is_keep_alive(raw))
		return;
	m = sip_decode(raw, &err);
	if (!m) {
		log_warning("uplink malformed message: %s", err.text);
		return;
	}
	log_debug("uplink came %s=%s from=%s call=%s cseq=%u", m->method ? "request" : "answer", m->method ? m->method : log_str(m->reason),
		log_str(m->from.address), log_str(m->call_id), m->cseq);
	if (m->method)
		on_request(u, m);
	else
		on_answer(u, m);
	sip_free(&m);
}

static ssize_t split(void *ctx, struct bytes in, struct error *err)
{
	(void)ctx;
	return sip_split(in, err);
}

/* --- life ----------------------------------------------------------------------------------------------------------------------------- */

static void fail_all(struct uplink *u)
{
	const struct outcome outcome = uplink_lost(u);

	while (u->asked)
		finish(u->asked, NULL, &outcome);
}

/* Everything that was said over it is void. */
static void lose(struct uplink *u, uint32_t code, const char *why)
{
	if (u->state == UPLINK_DOWN)
		return;
	log_warning("uplink lost next_hop=%s code=%u: %s", log_str(u->settings.next_hop), code, why);
	u->state = UPLINK_DOWN;
	u->lost_code = code;
	free(u->lost_why);
	u->lost_why = memory_str(why);
	connection_free(&u->connection);
	fail_all(u);
	endpoints_link_lost(u);
	redial_lost(u->redial);
}

static void on_up(void *ctx)
{
	struct uplink *u = ctx;

	log_info("uplink next_hop=%s peer=%s tls=%s", log_str(u->settings.next_hop), connection_peer(u->connection),
		*connection_tls_version(u->connection) ? connection_tls_version(u->connection) : "no");
	u->state = UPLINK_UP;
	redial_reached(u->redial);
	u->heard = 0;
	u->connects++;
	/* Who says nothing for a minute is hung up on, and there may be nobody to register for hours. */
	connection_send(u->connection, bytes_str("\r\n\r\n"));
	endpoints_link_up(u);
}

static void on_closed(void *ctx, enum connection_end how, const char *why)
{
	lose(ctx, how == CONNECTION_TLS_FAILED ? CWA_TLS_FAILED : CWA_CONNECTION_FAILED, why);
}

static const struct connection_callbacks callbacks = { .up = on_up, .split = split, .message = on_message, .closed = on_closed };

static const struct connection_limits limits = {
	.max_message = SIP_MESSAGE_MAX,
	.max_queued = 16 * 1024 * 1024,
};

void uplink_dial(void *arg)
{
	struct uplink *u = arg;

	u->state = UPLINK_CONNECTING;
	u->connection = connection_dial(u->loop, u->settings.next_hop, u->settings.tls, NULL, &limits, &callbacks, u);
}

void uplink_hang_up(struct uplink *u)
{
	while (u->asked)
		asked_free(u->asked);
	connection_free(&u->connection);
	redial_free(&u->redial);
}
