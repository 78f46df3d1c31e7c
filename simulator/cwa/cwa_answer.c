/* Answers on their way out: the envelope, the ticket, and what a fault does to them. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/memory.h"
#include "protocol/cwa/native.h"
#include "simulator/cwa/cwa_state.h"

static void late_free(struct late *late)
{
	DL_DELETE(late->server->late, late);
	loop_timer_free(&late->timer);
	buf_wipe(&late->body);
	free(late);
}

void late_free_all(struct cwa_server *server)
{
	while (server->late) {
		http_drop(&server->late->request);
		late_free(server->late);
	}
}

static void on_late(void *arg)
{
	struct late *late = arg;

	http_reply(&late->request, late->status, late->content_type, buf_bytes(&late->body));
	late_free(late);
}

static void send_late(struct call *call, unsigned status, const char *content_type, struct bytes body)
{
	struct late *late = memory_new(sizeof *late);

	*late = (struct late){ .server = call->server, .request = call->request, .status = status, .content_type = content_type };
	buf_append(&late->body, body);
	late->timer = loop_timer_new(call->server->loop, on_late, late);
	loop_timer_set(late->timer, call->fault.value);
	DL_APPEND(call->server->late, late);
	call->request = NULL;
}

/* At places that are the same each time. */
static void garble(uint32_t count, struct bytes body, struct buf *out)
{
	buf_append(out, body);
	for (size_t i = 0; i < count && i < body.len; i++)
		out->data[(2 * i + 1) * body.len / (2 * (count < body.len ? count : body.len))] ^= 0x55;
}

/* Which of his sessions it is about is not always known. */
static void record_fault(const struct user *user)
{
	for (const struct session *s = user->sessions; s; s = s->next)
		cwa_session_record(s, "server.fault", 0);
}

void call_send(struct call *call, unsigned status, const char *content_type, struct bytes body)
{
	struct buf changed = { 0 };

	if (call->fault.action != FAULT_NONE && call->user)
		record_fault(call->user);
	if (call->fault.action == FAULT_CLOSE) {
		http_abort(&call->request);
		return;
	}
	if (call->fault.action == FAULT_DROP) {
		http_drop(&call->request);
		return;
	}
	if (*call->ticket && !call->native)
		http_reply_header(call->request, "CWA-Ticket", call->ticket);
	http_reply_header(call->request, "Cache-Control", "no-cache");
	if (call->fault.action == FAULT_DELAY) {
		send_late(call, status, content_type, body);
		return;
	}
	if (call->fault.action == FAULT_GARBLE) {
		garble(call->fault.value, body, &changed);
		body = buf_bytes(&changed);
	}
	if (call->fault.action == FAULT_SPLIT)
		http_reply_split(call->request, call->fault.value);
	if (call->fault.action == FAULT_HALF_CLOSE)
		http_reply_last(call->request);
	http_reply(&call->request, status, content_type, body);
	buf_wipe(&changed);
}

void call_send_envelope(struct call *call, unsigned status)
{
	struct buf body = { 0 };

	if (call->native)
		cwa_native_encode(call->root, &body);
	else
		cwa_encode(call->format, call->root, &body);
	call_send(call, status, call->native ? "text/html; charset=utf-8" : cwa_content_type(call->format), buf_bytes(&body));
	buf_free(&body);
	cwa_tree_free(&call->out);
}

struct cwa_node *answer_begin(struct call *call)
{
	call->root = cwa_root(&call->out, &cwa_responses);
	return call->root;
}

void answer_error(struct cwa_tree *tree, struct cwa_node *parent, const struct outcome *outcome)
{
	struct cwa_node *error = cwa_add(tree, parent, "error");

	cwa_set_number(tree, error, "code", outcome->code);
	cwa_set(tree, error, "subCode", "0");
	cwa_set(tree, error, "reason", cwa_code_name(outcome->code));
	cwa_set(tree, error, "detail", outcome->detail ? outcome->detail : "");
	if (outcome->sip_code) {
		struct cwa_node *sip = cwa_add(tree, error, "sipResponse");

		cwa_set_number(tree, sip, "code", outcome->sip_code);
		cwa_set(tree, sip, "reason", outcome->sip_text);
		cwa_set(tree, sip, "warning", "");
		cwa_set(tree, sip, "description", outcome->sip_text);
	}
}

void answer_status(struct call *call, const char *element, const char *rid, const struct outcome *outcome)
{
	struct cwa_node *status = cwa_add(&call->out, call->root, element);

	cwa_set(&call->out, status, "rid", rid);
	if (outcome)
		answer_error(&call->out, status, outcome);
}

void call_send_error(struct call *call, unsigned status, uint32_t code, const char *detail)
{
	const struct outcome outcome = { .code = code, .detail = detail };

	cwa_tree_free(&call->out);
	answer_begin(call);
	cwa_set(&call->out, call->root, "requestProcessed", "0");
	cwa_set(&call->out, call->root, "unexpectedElement", "0");
	answer_error(&call->out, call->root, &outcome);
	call_send_envelope(call, status);
}

void answer_finish(struct call *call)
{
	cwa_set_number(&call->out, call->root, "requestProcessed", call->processed);
	cwa_set_number(&call->out, call->root, "unexpectedElement", call->unexpected);
	if (call->fault.action == FAULT_REFUSE)
		call_send_error(call, call->fault.value, CWA_INTERNAL, "told to");
	else
		call_send_envelope(call, 200);
}
