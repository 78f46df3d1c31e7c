/* Requests from one user to another: found, sent to all his endpoints, the first to accept has it. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "simulator/ocs/ocs_state.h"

static const struct fault no_fault = { .action = FAULT_NONE };

/* --- conversations --------------------------------------------------------------------------------------------------------------- */

static char *call_key(const char *call_id, const char *tag, const char *other)
{
	bool swap = strcmp(tag, other) > 0;

	return memory_printf("%s %s %s", call_id, swap ? other : tag, swap ? tag : other);
}

static struct call *call_find(const struct ocs_server *server, const struct sip_message *m)
{
	char *key = call_key(m->call_id, m->from.tag ? m->from.tag : "", m->to.tag ? m->to.tag : "");
	struct call *call;

	HASH_FIND_STR(server->calls, key, call);
	free(key);
	return call;
}

static void call_end(struct ocs_server *server, struct call *call)
{
	HASH_DEL(server->calls, call);
	for (int i = 0; i < 2; i++) {
		call->ends[i]->user->call_count--;
		free(call->tags[i]);
	}
	free(call->id);
	free(call);
}

/* From the answer that accepted it. */
static void call_begin(const struct fork *fork, struct endpoint *accepted, const struct sip_message *m)
{
	struct ocs_server *server = fork->server;
	struct call *call;

	if (!fork->sender || call_find(server, m))
		return;
	call = memory_new(sizeof *call);
	call->id = call_key(m->call_id, m->from.tag ? m->from.tag : "", m->to.tag ? m->to.tag : "");
	call->ends[0] = fork->sender;
	call->ends[1] = accepted;
	call->tags[0] = memory_str(m->from.tag ? m->from.tag : "");
	call->tags[1] = memory_str(m->to.tag ? m->to.tag : "");
	for (int i = 0; i < 2; i++)
		call->ends[i]->user->call_count++;
	HASH_ADD_KEYPTR(hh, server->calls, call->id, strlen(call->id), call);
}

/* The other end, when the sender is one of the two; NULL otherwise. */
static struct endpoint *call_other(const struct call *call, const struct request *r)
{
	int from = strcmp(call->tags[0], r->message->from.tag ? r->message->from.tag : "") == 0 ? 0 : 1;

	return call->ends[from]->user == r->user && call->ends[from]->link == r->link ? call->ends[1 - from] : NULL;
}

/* --- requests that were passed on ------------------------------------------------------------------------------------------------------ */

static void fork_free(struct fork *fork)
{
	struct ocs_server *server = fork->server;

	HASH_DEL(server->forks, fork);
	for (size_t i = 0; i < fork->count; i++) {
		HASH_DEL(server->branches, fork->branches[i]);
		sip_free(&fork->branches[i]->sent);
		free(fork->branches[i]->id);
		free(fork->branches[i]);
	}
	loop_timer_free(&fork->timer);
	sip_free(&fork->request);
	sip_free(&fork->best);
	free(fork->key);
	free(fork);
}

static bool is_invite(const struct fork *fork)
{
	return strcmp(fork->request->method, "INVITE") == 0;
}

static void send_back(const struct fork *fork, struct sip_message **m, struct fault fault)
{
	if (fork->origin)
		link_send(fork->origin, m, fault);
	else
		sip_free(m);
}

static void answer_back(const struct fork *fork, int status)
{
	struct sip_message *m = sip_answer(fork->request, status, NULL, fresh(fork->server, ""));

	send_back(fork, &m, status < 200 ? no_fault : fork->fault);
}

/* CANCEL, or the ACK of a refusal, for one hop: everything that tells the transaction is that of the request as it was sent. */
static struct sip_message *same_hop(const struct branch *b, const char *method, const char *to)
{
	static const char *const taken[] = { "Via", "Route", "From", "Call-ID" };
	struct sip_message *m = sip_request(method, b->sent->uri);

	for (size_t t = 0; t < sizeof taken / sizeof taken[0]; t++)
		if (sip_get(b->sent, taken[t], 0))
			sip_add(m, taken[t], "%s", sip_get(b->sent, taken[t], 0));
	sip_add(m, "To", "%s", to ? to : sip_get(b->sent, "To", 0));
	sip_add(m, "CSeq", "%u %s", b->fork->request->cseq, method);
	sip_add(m, "Max-Forwards", "70");
	return m;
}

static void cancel_others(struct fork *fork)
{
	for (size_t i = 0; is_invite(fork) && i < fork->count; i++) {
		struct branch *b = fork->branches[i];
		struct sip_message *m;

		if (b->status || !b->endpoint)
			continue;
		m = same_hop(b, "CANCEL", NULL);
		link_send_event(b->endpoint->link, b->endpoint->user, &m);
	}
}

/* The best refusal: 6xx means everywhere, else the lowest. Source: document - RFC 3261 section 16.7. */
static bool is_better(int status, int than)
{
	if (!than)
		return true;
	if (status / 100 == 6 || than / 100 == 6)
		return status / 100 == 6 && than / 100 != 6;
	return status < than;
}

/* All have refused, or nothing more is awaited. */
static void fork_finish(struct fork *fork)
{
	if (!fork->answered && fork->cancelled)
		answer_back(fork, 487);
	else if (!fork->answered && fork->best)
		send_back(fork, &fork->best, fork->fault);
	else if (!fork->answered)
		answer_back(fork, 480);
	fork_free(fork);
}

static void fork_look(struct fork *fork)
{
	for (size_t i = 0; i < fork->count; i++)
		if (!fork->branches[i]->status)
			return;
	fork_finish(fork);
}

static void on_no_answer(void *arg)
{
	struct fork *fork = arg;

	log_info("no answer method=%s call=%s", fork->request->method, log_str(fork->request->call_id));
	if (!fork->answered) {
		cancel_others(fork);
		answer_back(fork, fork->cancelled ? 487 : 408);
	}
	fork_free(fork);
}

static struct sip_message *outgoing(const struct request *r, const struct endpoint *to, const char *branch, bool record_route)
{
	struct sip_message *m = sip_copy(r->message);
	uint32_t hops = sip_number(m, "Max-Forwards", 70);

	/* Whatever of our names for the endpoint it was asked by, the endpoint knows its own. */
	if (strcmp(m->address, to->user->address) == 0) {
		free(m->uri);
		m->uri = memory_str(to->contact);
	}
	sip_remove(m, "Max-Forwards");
	sip_add(m, "Max-Forwards", "%u", hops > 70 ? 69 : hops - 1);
	if (record_route)
		sip_add_first(m, "Record-Route", "<sip:%s;transport=%s;lr>", r->server->name, link_transport(to->link));
	add_via(to->link, m, branch);
	return m;
}

static struct fork *fork_new(struct request *r)
{
	struct fork *fork = memory_new(sizeof *fork);

	fork->server = r->server;
	fork->key = sip_transaction(r->message);
	fork->origin = r->link;
	fork->sender = r->endpoint;
	fork->request = sip_copy(r->message);
	fork->fault = r->fault;
	fork->timer = loop_timer_new(r->server->loop, on_no_answer, fork);
	loop_timer_set(fork->timer, ANSWER_MS);
	HASH_ADD_KEYPTR(hh, r->server->forks, fork->key, strlen(fork->key), fork);
	return fork;
}

static void branch_add(struct request *r, struct fork *fork, struct endpoint *to, bool record_route)
{
	struct branch *b = memory_new(sizeof *b);
	struct sip_message *m;

	b->fork = fork;
	b->id = memory_str(fresh(r->server, "z9hG4bK"));
	b->endpoint = to;
	b->sent = outgoing(r, to, b->id, record_route);
	HASH_ADD_KEYPTR(hh, r->server->branches, b->id, strlen(b->id), b);
	fork->branches[fork->count++] = b;
	m = sip_copy(b->sent);
	link_send_event(to->link, to->user, &m);
}

/* --- requests ---------------------------------------------------------------------------------------------------------------------------- */

/* In a conversation: to its other end. */
static void pass_inside(struct request *r)
{
	struct call *call = call_find(r->server, r->message);
	struct endpoint *to = call ? call_other(call, r) : NULL;

	if (!to) {
		answer(r, 481);
		return;
	}
	branch_add(r, fork_new(r), to, false);
	if (strcmp(r->message->method, "BYE") == 0)
		call_end(r->server, call);
}

/* The endpoints that are meant: one by its GRUU, or all. */
static bool is_meant(const struct request *r, const struct endpoint *e, const char *opaque)
{
	return e != r->endpoint && (!opaque || strcmp(opaque, e->opaque) == 0);
}

static void pass_outside(struct request *r)
{
	struct user *to = user_find(r->server, r->message->uri);
	char *opaque = sip_param(r->message->uri, "opaque");
	bool invites = strcmp(r->message->method, "INVITE") == 0;
	struct fork *fork;
	unsigned meant = 0;

	for (const struct endpoint *e = to ? to->endpoints : NULL; e; e = e->next)
		meant += is_meant(r, e, opaque);
	if (!to) {
		answer(r, 404);
	} else if (!meant || access_blocks(to, r->user)) {
		answer_because(r, 480, 0, "the user is not on line");
	} else if (invites && (to->call_count >= CALLS_OF_USER || r->user->call_count >= CALLS_OF_USER)) {
		answer_because(r, 486, 0, "too many conversations of one user");
	} else {
		if (invites) {
			struct sip_message *m = sip_answer(r->message, 100, NULL, NULL);

			link_send(r->link, &m, no_fault);
			meeting_pardon(r, to);
		}
		fork = fork_new(r);
		for (struct endpoint *e = to->endpoints; e; e = e->next)
			if (is_meant(r, e, opaque))
				branch_add(r, fork, e, invites);
	}
	free(opaque);
}

void on_proxied(struct request *r)
{
	char *key = sip_transaction(r->message);
	struct fork *known;

	HASH_FIND_STR(r->server->forks, key, known);
	free(key);
	if (known) {
		log_info("request repeated user=%s method=%s", r->user->seed->id, r->message->method);
		return;
	}
	if (HASH_COUNT(r->server->forks) >= FORKS_MAX) {
		answer_because(r, 503, 0, "too many requests wait for their answers");
		return;
	}
	if (strcmp(r->message->method, "MESSAGE") == 0)
		r->server->messages_total++;
	if (r->message->to.tag)
		pass_inside(r);
	else if (strcmp(r->message->method, "BYE") == 0 || strcmp(r->message->method, "INFO") == 0)
		answer(r, 481);
	else
		pass_outside(r);
}

/* That of a refusal ends at us. */
void on_ack(struct request *r)
{
	struct call *call = call_find(r->server, r->message);
	struct endpoint *to = call ? call_other(call, r) : NULL;
	struct sip_message *m;

	if (!to)
		return;
	m = outgoing(r, to, fresh(r->server, "z9hG4bK"), false);
	link_send_event(to->link, to->user, &m);
}

void on_cancel(struct request *r)
{
	char *key = sip_transaction(r->message);
	struct fork *fork;

	HASH_FIND_STR(r->server->forks, key, fork);
	free(key);
	if (!fork || fork->origin != r->link || !is_invite(fork)) {
		answer(r, 481);
		return;
	}
	answer(r, 200);
	if (fork->answered)
		return;
	fork->cancelled = true;
	cancel_others(fork);
	loop_timer_set(fork->timer, ANSWER_MS);
}

/* --- answers ------------------------------------------------------------------------------------------------------------------------------ */

static void acknowledge_refusal(const struct branch *b, const struct sip_message *m)
{
	struct sip_message *ack = same_hop(b, "ACK", sip_get(m, "To", 0));

	link_send_event(b->endpoint->link, b->endpoint->user, &ack);
}

/* Somebody else was faster, or the caller gave up: the one who accepted is told that it is over. Source: ours. */
static void hang_up(const struct branch *b, const struct sip_message *m)
{
	struct ocs_server *server = b->fork->server;
	struct sip_dialog dialog;

	sip_dialog_from_answer(&dialog, m);
	for (int i = 0; i < 2; i++) {
		struct sip_message *next = sip_dialog_request(&dialog, i ? "BYE" : "ACK");

		add_via(b->endpoint->link, next, fresh(server, "z9hG4bK"));
		link_send_event(b->endpoint->link, b->endpoint->user, &next);
	}
	sip_dialog_clear(&dialog);
}

/* What was said has arrived: a message, or the text that an invitation was sent with, where the other end says that it reads that. */
static void record_said(const struct fork *fork, const struct branch *b, const struct sip_message *answer)
{
	struct buf first = { 0 };
	size_t bytes = 0;

	if (strcmp(fork->request->method, "MESSAGE") == 0)
		bytes = fork->request->body.len;
	else if (is_invite(fork) && sip_im_first_text(fork->request, &first) && sip_lists(answer, "Supported", "ms-text-format"))
		bytes = first.len;
	buf_free(&first);
	if (!bytes)
		return;
	endpoint_record(fork->sender, "server.accepted", bytes);
	endpoint_record(b->endpoint, "server.delivered", bytes);
}

static void on_final(struct branch *b, struct sip_message *m)
{
	struct fork *fork = b->fork;
	struct sip_message *back;

	b->status = m->status;
	if (m->status >= 300) {
		if (is_invite(fork))
			acknowledge_refusal(b, m);
		if (is_better(m->status, fork->best ? fork->best->status : 0)) {
			sip_free(&fork->best);
			fork->best = sip_copy(m);
			sip_pop_via(fork->best);
		}
		/* Nobody else needs to be asked. */
		if (m->status >= 600)
			cancel_others(fork);
	} else if (fork->answered || (is_invite(fork) && (fork->cancelled || !fork->sender || !fork->origin))) {
		if (is_invite(fork))
			hang_up(b, m);
	} else {
		if (is_invite(fork))
			call_begin(fork, b->endpoint, m);
		record_said(fork, b, m);
		back = sip_copy(m);
		sip_pop_via(back);
		fork->answered = true;
		send_back(fork, &back, fork->fault);
		cancel_others(fork);
		loop_timer_set(fork->timer, ANSWER_MS);
	}
	fork_look(fork);
}

void on_proxied_answer(struct link *link, struct sip_message *m)
{
	struct ocs_server *server = link->server;
	char *id = sip_branch(m);
	struct branch *b = NULL;

	if (id)
		HASH_FIND_STR(server->branches, id, b);
	free(id);
	/* The branch of a CANCEL is that of its INVITE. */
	if (!b || !b->endpoint || b->endpoint->link != link || b->status || strcmp(m->cseq_method, b->fork->request->method) != 0 ||
	    m->cseq != b->fork->request->cseq)
		return;
	if (m->status >= 200) {
		on_final(b, m);
	} else if (m->status > 100 && !b->fork->answered) {
		struct sip_message *back = sip_copy(m);

		sip_pop_via(back);
		send_back(b->fork, &back, no_fault);
		if (is_invite(b->fork) && !b->fork->cancelled)
			loop_timer_set(b->fork->timer, RINGING_MS);
	}
}

/* --- ends ---------------------------------------------------------------------------------------------------------------------------------- */

void proxy_endpoint_gone(struct endpoint *e)
{
	struct ocs_server *server = e->user->server;
	struct call *call, *next_call;
	struct fork *fork, *next_fork;

	HASH_ITER(hh, server->calls, call, next_call) {
		if (call->ends[0] == e || call->ends[1] == e)
			call_end(server, call);
	}
	HASH_ITER(hh, server->forks, fork, next_fork) {
		bool concerned = false;

		if (fork->sender == e) {
			fork->sender = NULL;
			if (is_invite(fork) && !fork->answered) {
				fork->cancelled = true;
				cancel_others(fork);
			}
		}
		for (size_t i = 0; i < fork->count; i++) {
			if (fork->branches[i]->endpoint != e)
				continue;
			fork->branches[i]->endpoint = NULL;
			if (!fork->branches[i]->status)
				fork->branches[i]->status = 480;
			concerned = true;
		}
		if (concerned)
			fork_look(fork);
	}
}

void proxy_link_gone(struct link *link)
{
	struct fork *fork, *next;

	HASH_ITER(hh, link->server->forks, fork, next) {
		if (fork->origin == link)
			fork->origin = NULL;
	}
}

void proxy_free(struct ocs_server *server)
{
	struct call *call, *next_call;
	struct fork *fork, *next_fork;

	HASH_ITER(hh, server->calls, call, next_call)
		call_end(server, call);
	HASH_ITER(hh, server->forks, fork, next_fork)
		fork_free(fork);
}
