#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "collab/cwa_channel_private.h"

static const struct cwa_sign_in_callbacks sign_in_callbacks;

uint64_t cwa_channel_now(const struct cwa_channel *c)
{
	return loop_now_ms(c->server.loop);
}

uint32_t cwa_back_off_ms(unsigned trouble, uint64_t until_ms, uint64_t now_ms)
{
	uint32_t wait_ms = trouble > 5 ? CWA_WAIT_MAX_MS : 1000u << trouble;
	uint64_t left_ms = until_ms > now_ms ? until_ms - now_ms : 0;

	return wait_ms < left_ms ? wait_ms : (uint32_t)left_ms;
}

/* --- the end -------------------------------------------------------------------------------------------------------------------------- */

/* Nothing is under way and nothing is waited for. */
static void stop(struct cwa_channel *c)
{
	cwa_sign_in_free(&c->sign_in);
	http_line_cancel(c->commands);
	http_line_cancel(c->events);
	loop_timer_cancel(c->ready);
	loop_timer_cancel(c->begin_again);
	loop_timer_cancel(c->command_again);
	loop_timer_cancel(c->outcomes);
	loop_timer_cancel(c->next_events);
	loop_timer_cancel(c->breather);
	loop_timer_cancel(c->leaving);
}

static void tell_end(void *arg)
{
	struct cwa_channel *c = arg;
	const struct cwa_refusal why = c->why;

	if (why.code == IM_OK)
		c->callbacks.finished(c->ctx);
	else
		c->callbacks.over(c->ctx, &why);
}

void cwa_channel_over(struct cwa_channel *c, struct cwa_refusal why)
{
	bool leaving = c->phase == CWA_LEAVING;

	if (c->phase == CWA_OVER)
		return;
	c->phase = CWA_OVER;
	stop(c);
	/* Who leaves only wants to hear that it is over. */
	c->why = leaving ? (struct cwa_refusal){ .code = IM_OK } : why;
	loop_defer(c->server.loop, &c->end);
}

/* --- a session -------------------------------------------------------------------------------------------------------------------------- */

/* What goes wrong on the way to the first session is the login's answer; a session that was there is tried to be had back for as long as it
 * lives without an answer. */
static void begin_trouble(struct cwa_channel *c, struct cwa_refusal why, bool may_pass)
{
	uint32_t wait_ms = cwa_back_off_ms(++c->begin_trouble, c->answered_ms + c->session_ms, cwa_channel_now(c));

	if (!c->was_open || !may_pass || c->phase == CWA_LEAVING || !wait_ms) {
		cwa_channel_over(c, why);
		return;
	}
	log_info("cwa session not had user=%s again_in_ms=%u error=%s", log_str(c->credentials.user), wait_ms, log_str(why.text));
	loop_timer_set(c->begin_again, wait_ms);
}

static void tell_session(struct cwa_channel *c, const char *outcome)
{
	char text[96];

	snprintf(text, sizeof text, "outcome=%s profile=%s sid=%.32s", outcome, c->server.format == CWA_JSON ? "lcs2005" : "ocs2007",
		c->sid ? log_str(c->sid) : "");
	c->callbacks.step(c->ctx, "cwa.session", text);
}

/* Children of requestAccepted; an older form has attributes. */
static const char *told(const struct cwa_node *status, const char *name)
{
	const char *text = cwa_is(status, "initiateSessionAccepted") ? cwa_attribute(status, name) : cwa_child_text(status, name);

	return text ? text : "";
}

static bool is_sid(const char *text)
{
	uint64_t number;

	return cwa_number(text, INT64_MAX, &number) && number > 0;
}

static void session_is_there(struct cwa_channel *c, const struct cwa_node *status)
{
	bool first = !c->was_open;
	uint64_t wait_ms;

	free(c->sid);
	c->sid = memory_str(told(status, "sid"));
	if (*told(status, "uri")) {
		free(c->uri);
		c->uri = memory_str(told(status, "uri"));
	}
	c->wait_ms = cwa_number(told(status, "pollWaitTime"), CWA_WAIT_MAX_MS, &wait_ms) ? (uint32_t)wait_ms : 3000;
	c->phase = CWA_OPEN;
	c->was_open = true;
	c->is_ready = false;
	c->ack = c->seen = 0;
	c->begin_trouble = c->command_trouble = c->event_trouble = 0;
	c->answered_ms = cwa_channel_now(c);
	tell_session(c, "begun");
	c->callbacks.begun(c->ctx, c->uri ? c->uri : "", first);
	cwa_events_ask(c);
	cwa_commands_go_on(c);
}

static void session_refused(struct cwa_channel *c, const struct cwa_node *status)
{
	const struct cwa_node *error = cwa_is(status, "error") ? status : cwa_child(status, "error");
	struct cwa_refusal refusal = cwa_refusal(error, CWA_ASKED_SESSION);

	tell_session(c, "refused");
	begin_trouble(c, refusal, refusal.code == IM_FAILED_CAPACITY || refusal.code == IM_UNREACHABLE);
}

static void initiated(void *ctx, const struct http_answer *answer)
{
	struct cwa_channel *c = ctx;
	struct cwa_tree tree = { 0 };
	struct error err = { "" };
	const struct cwa_node *status = NULL;

	cwa_server_ticket(answer, &c->ticket);
	if (answer->outcome != HTTP_ANSWERED) {
		begin_trouble(c, cwa_refusal_of(IM_UNREACHABLE, "%s", answer->why), true);
		return;
	}
	if (answer->status == 401) {
		cwa_channel_sign_in_again(c);
		return;
	}
	if (answer->status != 200) {
		begin_trouble(c, cwa_refusal_of(answer->status >= 500 ? IM_UNREACHABLE : IM_BACKEND_REFUSED, "HTTP status %u", answer->status),
			answer->status >= 500);
		return;
	}
	if (cwa_server_read(answer, &tree, &err) == 0)
		status = cwa_status_of(tree.root, c->begin_rid);
	if (status && (cwa_is(status, "requestAccepted") || cwa_is(status, "initiateSessionAccepted")) && is_sid(told(status, "sid")))
		session_is_there(c, status);
	else if (status && !cwa_is(status, "requestAccepted") && !cwa_is(status, "requestSucceeded"))
		session_refused(c, status);
	else
		begin_trouble(c, cwa_refusal_of(IM_BACKEND_REFUSED, "it answered initiateSession without a session%s%s",
			*err.text ? ": " : "", err.text), false);
	cwa_tree_free(&tree);
}

static void initiate(struct cwa_channel *c)
{
	struct cwa_tree tree = { 0 };
	struct cwa_node *root = cwa_root(&tree, &cwa_requests), *method = cwa_add(&tree, root, "initiateSession");

	c->phase = CWA_BEGINNING;
	c->begin_rid = ++c->next_rid;
	cwa_set(&tree, root, "sid", "0");
	cwa_set_number(&tree, method, "rid", c->begin_rid);
	cwa_add_text(&tree, method, "localeId", "1033");
	cwa_add_text(&tree, method, "securityMode", "private");
	cwa_add_number(&tree, method, "userStateAvailability", c->availability(c->ctx));
	/* A device in a pocket is no idle machine: what others see is what the person says. Source: ours. */
	cwa_set(&tree, cwa_add(&tree, method, "options"), "autoPublishMachineState", "false");
	if (c->sign_in_data && *c->sign_in_data)
		cwa_add_text(&tree, method, "signInData", c->sign_in_data);
	cwa_server_post(&c->server, c->commands, CWA_PATH_COMMAND, root, c->ticket,
		(struct http_ask){ .total_ms = CWA_COMMAND_MS, .own_connection = true, .max_requests = 1 },
		initiated, c);
	cwa_tree_free(&tree);
}

/* What was asked in the session that is no more gets its answer: most of it has lost its meaning with it. */
static void leave_session(struct cwa_channel *c)
{
	http_line_cancel(c->events);
	loop_timer_cancel(c->next_events);
	loop_timer_cancel(c->breather);
	loop_timer_cancel(c->ready);
	c->phase = CWA_BEGINNING;
	cwa_commands_gone(c);
}

/* Once, and once more when that has lasted. */
static bool may_again(const struct cwa_channel *c, uint64_t *last_ms)
{
	uint64_t now_ms = cwa_channel_now(c);

	if (*last_ms && now_ms - *last_ms < CWA_AGAIN_MS)
		return false;
	*last_ms = now_ms;
	return true;
}

void cwa_channel_begin_again(struct cwa_channel *c, const char *why)
{
	if (c->phase == CWA_LEAVING || !may_again(c, &c->begun_again_ms)) {
		cwa_channel_over(c, cwa_refusal_of(IM_BACKEND_REFUSED, "%s", why));
		return;
	}
	log_info("cwa session begun again user=%s sid=%s reason=%s", log_str(c->credentials.user), log_str(c->sid), log_str(why));
	leave_session(c);
	if (c->phase == CWA_BEGINNING)
		initiate(c);
}

void cwa_channel_is_ready(void *channel)
{
	struct cwa_channel *c = channel;

	loop_timer_cancel(c->ready);
	c->is_ready = true;
	c->callbacks.ready(c->ctx);
}

/* --- signing in ------------------------------------------------------------------------------------------------------------------------- */

static void sign_in(struct cwa_channel *c)
{
	c->phase = CWA_SIGNING_IN;
	c->sign_in = cwa_sign_in_new(&c->server, &c->credentials, &sign_in_callbacks, c);
}

static void sign_in_step(void *ctx, const char *text)
{
	struct cwa_channel *c = ctx;

	c->callbacks.step(c->ctx, "cwa.sign-in", text);
}

static void signed_in(void *ctx, const struct cwa_signed_in *result)
{
	struct cwa_channel *c = ctx;

	if (result->refusal.code != IM_OK) {
		cwa_sign_in_free(&c->sign_in);
		begin_trouble(c, result->refusal, result->refusal.code == IM_UNREACHABLE);
		return;
	}
	memory_wipe_str(&c->ticket);
	free(c->sign_in_data);
	free(c->uri);
	c->ticket = memory_str(result->ticket);
	c->sign_in_data = memory_str(result->sign_in_data);
	c->uri = memory_str(result->uri);
	c->callbacks.connected(c->ctx, result);
	cwa_sign_in_free(&c->sign_in);
	initiate(c);
}

static const struct cwa_sign_in_callbacks sign_in_callbacks = { .step = sign_in_step, .done = signed_in };

/* The ticket has expired, or the server has forgotten it; whether it still knows the session, it says when it is asked. */
void cwa_channel_sign_in_again(struct cwa_channel *c)
{
	if (c->phase == CWA_LEAVING || !may_again(c, &c->signed_in_again_ms)) {
		cwa_channel_over(c, cwa_refusal_of(IM_BACKEND_REFUSED, "the IM server does not accept its own ticket"));
		return;
	}
	log_info("cwa sign-in again user=%s", log_str(c->credentials.user));
	leave_session(c);
	memory_wipe_str(&c->ticket);
	if (c->phase == CWA_BEGINNING)
		sign_in(c);
}

static void resume(void *arg)
{
	struct cwa_channel *c = arg;

	if (c->ticket)
		initiate(c);
	else
		sign_in(c);
}

/* --- leaving ------------------------------------------------------------------------------------------------------------------------------ */

static void has_left(void *arg)
{
	cwa_channel_over(arg, (struct cwa_refusal){ .code = IM_OK });
}

static void terminated(void *ctx, void *arg, const struct cwa_reply *reply)
{
	(void)ctx;
	(void)reply;
	has_left(arg);
}

void cwa_channel_finish(struct cwa_channel *c)
{
	enum cwa_phase was = c->phase;
	struct cwa_command *command;

	if (was == CWA_LEAVING)
		return;
	if (was == CWA_OVER) {
		c->why.code = IM_OK;
		return;
	}
	http_line_cancel(c->events);
	loop_timer_cancel(c->next_events);
	loop_timer_cancel(c->breather);
	loop_timer_cancel(c->ready);
	command = was == CWA_OPEN ? cwa_command_new("terminateSession") : NULL;
	if (command && cwa_channel_send(c, &command, false, terminated, c)) {
		c->phase = CWA_LEAVING;
		loop_timer_set(c->leaving, CWA_LEAVE_MS);
	} else {
		c->phase = CWA_LEAVING;
		has_left(c);
	}
}

/* --- life ---------------------------------------------------------------------------------------------------------------------------------- */

static void go_on(void *arg)
{
	cwa_commands_go_on(arg);
}

struct cwa_channel *cwa_channel_new(const struct cwa_server *server, struct bytes user, struct bytes password,
	cwa_availability_fn *availability, const struct cwa_channel_callbacks *callbacks, void *ctx)
{
	struct cwa_channel *c = memory_new(sizeof *c);
	struct loop *loop = server->loop;

	c->server = *server;
	c->server.base = memory_str(server->base);
	c->server.domain = memory_str(server->domain);
	c->server.host = memory_str(server->host);
	cwa_credentials_set(&c->credentials, user, password);
	c->availability = availability;
	c->callbacks = *callbacks;
	c->ctx = ctx;
	c->session_ms = CWA_SESSION_MS;
	c->commands = http_line_new(server->http);
	c->events = http_line_new(server->http);
	c->ready = loop_timer_new(loop, cwa_channel_is_ready, c);
	c->begin_again = loop_timer_new(loop, resume, c);
	c->command_again = loop_timer_new(loop, go_on, c);
	c->outcomes = loop_timer_new(loop, cwa_outcomes_due, c);
	c->next_events = loop_timer_new(loop, cwa_events_ask, c);
	c->breather = loop_timer_new_real(loop, cwa_events_ask, c);
	c->leaving = loop_timer_new_real(loop, has_left, c);
	c->end = (struct loop_task){ .fn = tell_end, .arg = c };
	sign_in(c);
	return c;
}

void cwa_channel_active(struct cwa_channel *c)
{
	c->active = true;
}

void cwa_channel_free(struct cwa_channel **channel)
{
	struct cwa_channel *c = *channel;

	if (!c)
		return;
	*channel = NULL;
	stop(c);
	loop_drop(c->server.loop, &c->end);
	cwa_commands_free(c);
	cwa_credentials_free(&c->credentials);
	memory_wipe_str(&c->ticket);
	http_line_free(&c->commands);
	http_line_free(&c->events);
	loop_timer_free(&c->ready);
	loop_timer_free(&c->begin_again);
	loop_timer_free(&c->command_again);
	loop_timer_free(&c->outcomes);
	loop_timer_free(&c->next_events);
	loop_timer_free(&c->breather);
	loop_timer_free(&c->leaving);
	free(c->sign_in_data);
	free(c->uri);
	free(c->sid);
	free(c->server.base);
	free(c->server.domain);
	free(c->server.host);
	free(c);
}
