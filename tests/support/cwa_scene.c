#include "tests/support/cwa_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/memory.h"

/* --- the server ------------------------------------------------------------------------------------------------------------------- */

void cwa_scene_reply(struct http_request **request, unsigned status, const char *body)
{
	http_reply(request, status, "text/xml; charset=utf-8", bytes_str(body));
}

static void serve_command(struct cwa_scene *s, struct http_request *request, const struct cwa_scene_plan *plan)
{
	struct cwa_tree tree = { 0 };
	struct buf body = { 0 };
	const char *name, *rid;

	assert_int_equal(cwa_decode(CWA_XML, http_request_body(request), &tree, NULL), 0);
	assert_non_null(tree.root->first);
	name = cwa_is(tree.root->first, "conference") ? tree.root->first->first->element->name : tree.root->first->element->name;
	rid = cwa_attribute(tree.root->first, "rid");
	buf_printf(&s->commands, "%s ", name);
	if (plan) {
		const char *at = plan->body ? strstr(plan->body, "RID") : NULL;

		if (at)
			buf_printf(&body, "%.*s%s%s", (int)(at - plan->body), plan->body, rid, at + 3);
		else
			buf_text(&body, plan->body ? plan->body : "");
	} else if (strcmp(name, "initiateSession") == 0) {
		buf_printf(&body, "<cwaResponses><requestAccepted rid=\"%s\"><sid>%u</sid><uri>sip:alice@corp.test</uri><pollWaitTime>3000</pollWaitTime>"
			"</requestAccepted></cwaResponses>", rid, ++s->sid);
	} else {
		buf_printf(&body, "<cwaResponses><requestAccepted rid=\"%s\"/></cwaResponses>", rid);
	}
	cwa_scene_reply(&request, plan ? plan->status : 200, buf_cstr(&body));
	buf_free(&body);
	cwa_tree_free(&tree);
}

static void keep_query(struct http_request *request, const char *name, char *into, size_t size)
{
	struct buf text = { 0 };

	http_request_query(request, name, &text);
	snprintf(into, size, "%s", buf_cstr(&text));
	buf_free(&text);
}

static void poll_gone(void *arg)
{
	struct cwa_scene *s = arg;

	http_drop(&s->poll);
}

static void serve_events(struct cwa_scene *s, struct http_request *request, const struct cwa_scene_plan *plan)
{
	const char *ticket = http_request_header(request, "CWA-Ticket");

	keep_query(request, "AckID", s->last_ack, sizeof s->last_ack);
	keep_query(request, "Sid", s->last_sid, sizeof s->last_sid);
	keep_query(request, "UA", s->last_ua, sizeof s->last_ua);
	snprintf(s->ticket, sizeof s->ticket, "%s", ticket ? ticket : "");
	assert_null(s->poll);
	if (plan) {
		cwa_scene_reply(&request, plan->status, plan->body ? plan->body : "");
		return;
	}
	s->poll = request;
	http_request_on_gone(request, poll_gone, s);
}

void cwa_scene_serve(void *ctx, struct http_request *request)
{
	struct cwa_scene *s = ctx;
	const char *path = http_request_path(request);
	enum cwa_scene_asked kind = strstr(path, "/iwa/") ? CWA_ASKED_IWA : strstr(path, "/forms/") ? CWA_ASKED_FORMS :
		strstr(path, "Main") ? CWA_ASKED_COMMAND : CWA_ASKED_EVENTS;
	const struct cwa_scene_plan *plan = s->plan[kind].times ? &s->plan[kind] : NULL;
	char ticket[32];

	s->asked[kind]++;
	if (plan)
		s->plan[kind].times--;
	if (plan && plan->status == 1) {
		http_abort(&request);
	} else if (plan && plan->status == 2) {
		s->command = request;
	} else if (kind == CWA_ASKED_COMMAND) {
		serve_command(s, request, plan);
	} else if (kind == CWA_ASKED_EVENTS) {
		serve_events(s, request, plan);
	} else if (plan) {
		cwa_scene_reply(&request, plan->status, plan->body ? plan->body : "");
	} else if (kind == CWA_ASKED_IWA) {
		cwa_scene_reply(&request, 404, "");
	} else {
		snprintf(ticket, sizeof ticket, "ticket-%u", ++s->tickets);
		http_reply_header(request, "CWA-Ticket", ticket);
		cwa_scene_reply(&request, 200, "<cwaResponses><requestSucceeded><uri>sip:alice@corp.test</uri><signInData>x</signInData></requestSucceeded></cwaResponses>");
	}
}

/* --- what the channel says ------------------------------------------------------------------------------------------------------------ */

static void connected(void *ctx, const struct cwa_signed_in *how)
{
	struct cwa_scene *s = ctx;

	buf_printf(&s->told, "connected-%s ", how->by);
}

static void step(void *ctx, const char *event, const char *text)
{
	(void)ctx;
	(void)event;
	assert_null(strstr(text, "secret"));
}

static void begun(void *ctx, const char *uri, bool first)
{
	struct cwa_scene *s = ctx;

	buf_printf(&s->told, "%s-%s ", first ? "begun" : "begun-again", uri);
}

static void ready(void *ctx)
{
	struct cwa_scene *s = ctx;

	buf_text(&s->told, "ready ");
}

static void event(void *ctx, const struct cwa_node *node)
{
	struct cwa_scene *s = ctx;

	buf_printf(&s->told, "%s-%s ", node->element->name, cwa_attribute(node, "eid"));
}

static void over(void *ctx, const struct cwa_refusal *why)
{
	struct cwa_scene *s = ctx;

	s->over_code = why->code;
	snprintf(s->why, sizeof s->why, "%s", why->text);
	cwa_channel_free(&s->channel);
}

static void finished(void *ctx)
{
	struct cwa_scene *s = ctx;

	buf_text(&s->told, "finished ");
	cwa_channel_free(&s->channel);
}

static const struct cwa_channel_callbacks callbacks = { .connected = connected, .step = step, .begun = begun, .ready = ready, .event = event,
	.over = over, .finished = finished };

static uint32_t online(void *ctx)
{
	(void)ctx;
	return CWA_ONLINE;
}

static void done(void *ctx, void *arg, const struct cwa_reply *reply_of)
{
	struct cwa_scene *s = ctx;

	(void)arg;
	s->done++;
	s->done_code = reply_of->refusal.code;
	s->done_gone = reply_of->session_gone;
	s->done_conference = reply_of->conference;
}

/* --- the scene --------------------------------------------------------------------------------------------------------------------------- */

int cwa_scene_set_up(void **state)
{
	struct cwa_scene *s = memory_new(sizeof *s);
	struct error err = { "" };

	log_set_level(getenv("BENCH_LOG") ? LOG_DEBUG : LOG_ERROR);
	s->loop = loop_new();
	loop_clock_manual(s->loop, 1000000);
	s->server = http_server_new(s->loop, &(struct http_server_settings){ .listen = "127.0.0.1:0" }, cwa_scene_serve, s, &err);
	if (!s->server)
		fail_msg("%s", err.text);
	snprintf(s->address, sizeof s->address, "%s", http_server_address(s->server));
	s->client = http_client_new(s->loop, NULL);
	s->sid = 40;
	*state = s;
	return 0;
}

int cwa_scene_tear_down(void **state)
{
	struct cwa_scene *s = *state;

	cwa_channel_free(&s->channel);
	http_client_free(&s->client);
	http_server_free(&s->server);
	if (s->poll)
		http_drop(&s->poll);
	if (s->command)
		http_drop(&s->command);
	loop_free(&s->loop);
	buf_free(&s->commands);
	buf_free(&s->told);
	free(s);
	return 0;
}

void cwa_scene_sign_in(struct cwa_scene *s)
{
	char base[80];

	snprintf(base, sizeof base, "http://%s", s->address);
	s->channel = cwa_channel_new(&(struct cwa_server){ .loop = s->loop, .http = s->client, .base = base, .format = CWA_XML, .domain = (char[]){ "CORP" } },
		bytes_str("alice"), bytes_str("alice-secret"), online, &callbacks, s);
}

void cwa_scene_settle(struct cwa_scene *s)
{
	for (unsigned quiet = 0; quiet < 4;)
		quiet = loop_round(s->loop, 5) ? 0 : quiet + 1;
}

void cwa_scene_pass(struct cwa_scene *s, uint64_t ms)
{
	loop_clock_advance(s->loop, loop_now_ms(s->loop) + ms);
	cwa_scene_settle(s);
}

void cwa_scene_clear(struct cwa_scene *s)
{
	buf_clear(&s->told);
	buf_clear(&s->commands);
	memset(s->asked, 0, sizeof s->asked);
}

void cwa_scene_begin(struct cwa_scene *s)
{
	cwa_scene_sign_in(s);
	RUN_UNTIL(s->loop, s->poll);
	cwa_scene_settle(s);
	cwa_scene_clear(s);
}

void cwa_scene_answer_events(struct cwa_scene *s, const char *body)
{
	RUN_UNTIL(s->loop, s->poll);
	http_request_on_gone(s->poll, NULL, NULL);
	cwa_scene_reply(&s->poll, 200, body);
	cwa_scene_settle(s);
}

bool cwa_scene_send(struct cwa_scene *s, const char *method, bool wants_outcome)
{
	struct cwa_command *command = cwa_command_in(3, method);

	return cwa_channel_send(s->channel, &command, wants_outcome, done, NULL);
}

const char *cwa_scene_told(struct cwa_scene *s)
{
	return buf_cstr(&s->told);
}
