/* Commands: one POST at a time, in the order they were given. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/log.h"
#include "base/memory.h"
#include "collab/cwa_channel_private.h"
#include "protocol/cwa/codes.h"

/* --- a command ------------------------------------------------------------------------------------------------------------------- */

struct cwa_command *cwa_command_new(const char *method)
{
	struct cwa_command *command = memory_new(sizeof *command);

	command->item = command->method = cwa_add(&command->tree, cwa_root(&command->tree, &cwa_requests), method);
	return command;
}

struct cwa_command *cwa_command_in(uint64_t conference, const char *method)
{
	struct cwa_command *command = cwa_command_new("conference");

	cwa_set_number(&command->tree, command->item, "confId", conference);
	command->method = cwa_add(&command->tree, command->item, method);
	return command;
}

struct cwa_tree *cwa_command_tree(struct cwa_command *command)
{
	return &command->tree;
}

struct cwa_node *cwa_command_method(struct cwa_command *command)
{
	return command->method;
}

static void command_free(struct cwa_command *command)
{
	cwa_tree_free(&command->tree);
	free(command);
}

/* What a refusal means goes by what was asked, not by the kind of event or answer that it comes in: a requestFailed may be any of them. */
static enum cwa_asked asked_by(const struct cwa_command *command)
{
	return cwa_is(command->item, "conference") ? CWA_ASKED_DELIVERY : CWA_ASKED_CHANGE;
}

/* --- what becomes of it ----------------------------------------------------------------------------------------------------------- */

/* It is in no list any more. */
static void reply_to(struct cwa_channel *c, struct cwa_command *command, const struct cwa_reply *reply)
{
	c->command_count--;
	if (reply->refusal.code != IM_OK)
		log_debug("cwa command refused user=%s method=%s reason=%s", log_str(c->credentials.user), command->method->element->name,
			log_str(reply->refusal.text));
	if (command->replied)
		command->replied(c->ctx, command->arg, reply);
	command_free(command);
}

static struct cwa_command *take_first(struct cwa_channel *c)
{
	struct cwa_command *command = c->waiting;

	DL_DELETE(c->waiting, command);
	return command;
}

static void first_is_done(struct cwa_channel *c, const struct cwa_reply *reply)
{
	c->command_trouble = 0;
	reply_to(c, take_first(c), reply);
}

static void first_has_failed(struct cwa_channel *c, struct cwa_refusal refusal)
{
	first_is_done(c, &(struct cwa_reply){ .refusal = refusal });
}

void cwa_commands_gone(struct cwa_channel *c)
{
	const struct cwa_reply gone = { .refusal = cwa_refusal_of(IM_UNREACHABLE, "the session on the IM server is no more"),
		.session_gone = true };
	struct cwa_command *waiting = c->waiting, *accepted = c->accepted, *command, *next;

	http_line_cancel(c->commands);
	loop_timer_cancel(c->command_again);
	/* Those that are given meanwhile are for the next session. */
	c->waiting = c->accepted = NULL;
	DL_FOREACH_SAFE(accepted, command, next)
		reply_to(c, command, &gone);
	DL_FOREACH_SAFE(waiting, command, next)
		reply_to(c, command, &gone);
}

void cwa_commands_free(struct cwa_channel *c)
{
	struct cwa_command *command, *next;

	DL_FOREACH_SAFE(c->accepted, command, next)
		command_free(command);
	DL_FOREACH_SAFE(c->waiting, command, next)
		command_free(command);
	c->waiting = c->accepted = NULL;
}

/* --- outcomes that come as events ---------------------------------------------------------------------------------------------------- */

static void await_outcome(struct cwa_channel *c, struct cwa_command *command)
{
	command->accepted_ms = cwa_channel_now(c);
	DL_APPEND(c->accepted, command);
	if (!loop_timer_is_set(c->outcomes))
		loop_timer_set(c->outcomes, CWA_OUTCOME_MS);
}

/* Whoever accepted and then says nothing has probably done it. */
void cwa_outcomes_due(void *channel)
{
	struct cwa_channel *c = channel;
	const struct cwa_reply silent = { .session_gone = false };
	uint64_t now_ms = cwa_channel_now(c);

	while (c->accepted && now_ms - c->accepted->accepted_ms >= CWA_OUTCOME_MS) {
		struct cwa_command *command = c->accepted;

		DL_DELETE(c->accepted, command);
		reply_to(c, command, &silent);
	}
	if (c->accepted)
		loop_timer_set(c->outcomes, CWA_OUTCOME_MS - (now_ms - c->accepted->accepted_ms));
}

/* The part of an event that names a command, and whether that has failed. */
static const struct cwa_node *outcome_of(const struct cwa_node *event, bool *failed)
{
	const struct cwa_node *part = event;

	if (cwa_is(event, "conference")) {
		part = cwa_child(event, "messageIdReceived");
		if (!part)
			part = cwa_child(event, "messageSendFailed");
		if (!part)
			part = cwa_child(event, "initiateImSessionAccepted");
	} else if (!cwa_is(event, "searchResult") && !cwa_is(event, "requestSucceeded") && !cwa_is(event, "requestFailed") && !cwa_is(event, "requestInvalid")) {
		return NULL;
	}
	*failed = part && (cwa_is(part, "messageSendFailed") || cwa_is(part, "requestFailed") || cwa_is(part, "requestInvalid"));
	return part;
}

static uint64_t conference_of(const struct cwa_node *node)
{
	uint64_t number;

	return cwa_number(cwa_attribute(node, "confId"), INT64_MAX, &number) ? number : 0;
}

/* The one that was sent with this rid and has no outcome yet, or NULL. */
static struct cwa_command *command_of(const struct cwa_channel *c, uint64_t rid)
{
	struct cwa_command *command;

	DL_FOREACH(c->accepted, command)
		if (command->rid == rid)
			return command;
	return c->waiting && c->waiting->rid == rid && http_line_is_busy(c->commands) ? c->waiting : NULL;
}

void cwa_commands_outcome(struct cwa_channel *c, const struct cwa_node *event)
{
	bool failed = false;
	const struct cwa_node *part = outcome_of(event, &failed);
	struct cwa_reply reply = { .session_gone = false };
	struct cwa_command *command;
	uint64_t rid;

	if (!part || !cwa_number(cwa_attribute(part, "rid"), INT64_MAX, &rid))
		return;
	command = command_of(c, rid);
	if (!command)
		return;
	if (cwa_is(part, "initiateImSessionAccepted"))
		reply.conference = conference_of(part);
	if (failed)
		reply.refusal = cwa_refusal(cwa_child(part, "error"), asked_by(command));
	if (command == c->waiting) {
		if (!reply.conference)
			reply.conference = command->outcome.conference;
		command->has_outcome = true;
		command->outcome = reply;
		return;
	}
	DL_DELETE(c->accepted, command);
	reply_to(c, command, &reply);
}

/* --- answers ------------------------------------------------------------------------------------------------------------------------ */

const struct cwa_node *cwa_status_of(const struct cwa_node *root, uint64_t rid)
{
	const struct cwa_node *status;
	uint64_t number;

	if (root->element != &cwa_responses)
		return NULL;
	for (status = root->first; status; status = status->next) {
		if (status->element == &cwa_unknown)
			continue;
		if (cwa_is(status, "error") || (cwa_number(cwa_attribute(status, "rid"), INT64_MAX, &number) && number == rid))
			break;
	}
	return status;
}

static void try_again_later(struct cwa_channel *c, const char *why)
{
	uint32_t wait_ms = cwa_back_off_ms(++c->command_trouble, c->waiting->given_ms + CWA_COMMAND_MS, cwa_channel_now(c));

	if (!wait_ms)
		first_has_failed(c, cwa_refusal_of(IM_UNREACHABLE, "%s", why));
	loop_timer_set(c->command_again, wait_ms);
}

static void accept(struct cwa_channel *c, const struct cwa_node *status)
{
	struct cwa_command *command = c->waiting;
	struct cwa_reply reply = { .session_gone = false };

	if (command->wants_outcome && cwa_is(status, "requestAccepted") && !command->has_outcome) {
		c->command_trouble = 0;
		await_outcome(c, take_first(c));
		return;
	}
	if (command->has_outcome)
		reply = command->outcome;
	/* What it began with may have been taken, and that have been told, before the answer with the number has come. */
	if (cwa_is(status, "initiateImSessionAccepted"))
		reply.conference = conference_of(status);
	first_is_done(c, &reply);
}

static void refuse(struct cwa_channel *c, const struct cwa_node *status)
{
	const struct cwa_node *error = cwa_is(status, "error") ? status : cwa_child(status, "error");
	struct cwa_reply reply = { .session_gone = false };

	reply.refusal = cwa_refusal(error, asked_by(c->waiting));
	if (reply.refusal.number == CWA_SESSION_NOT_FOUND && c->phase == CWA_OPEN)
		cwa_channel_begin_again(c, "the IM server does not know the session");
	else if (reply.refusal.number == CWA_THROTTLED && c->phase == CWA_OPEN)
		try_again_later(c, reply.refusal.text);
	else
		first_is_done(c, &reply);
}

static void read_answer(struct cwa_channel *c, const struct http_answer *answer)
{
	struct cwa_tree tree = { 0 };
	struct error err = { "" };
	const struct cwa_node *status = NULL;

	if (cwa_server_read(answer, &tree, &err) == 0)
		status = cwa_status_of(tree.root, c->waiting->rid);
	if (!status)
		first_has_failed(c, cwa_refusal_of(IM_BACKEND_REFUSED, "the IM server's answer cannot be used: %s",
			*err.text ? err.text : "it does not speak of the request"));
	else if (cwa_is(status, "requestFailed") || cwa_is(status, "requestInvalid") || cwa_is(status, "error"))
		refuse(c, status);
	else
		accept(c, status);
	cwa_tree_free(&tree);
}

/* Whether the request may have arrived decides whether it may be sent again. */
static void command_answered(void *ctx, const struct http_answer *answer)
{
	struct cwa_channel *c = ctx;

	cwa_server_ticket(answer, &c->ticket);
	switch (answer->outcome) {
	case HTTP_NOT_RESOLVED:
	case HTTP_NOT_CONNECTED:
	case HTTP_TLS_FAILED:
		try_again_later(c, answer->why);
		return;
	case HTTP_ANSWERED:
		break;
	default:
		first_has_failed(c, cwa_refusal_of(IM_UNREACHABLE, "%s", answer->why));
		cwa_commands_go_on(c);
		return;
	}
	if (answer->status == 401) {
		cwa_channel_sign_in_again(c);
		return;
	}
	if (answer->status == 503) {
		try_again_later(c, "the IM server is busy (HTTP status 503)");
		return;
	}
	if (answer->status != 200)
		first_has_failed(c, cwa_refusal_of(IM_BACKEND_REFUSED, "HTTP status %u", answer->status));
	else
		read_answer(c, answer);
	cwa_commands_go_on(c);
}

/* --- sending ------------------------------------------------------------------------------------------------------------------------- */

void cwa_commands_go_on(struct cwa_channel *c)
{
	struct cwa_command *command = c->waiting;

	if (!command || (c->phase != CWA_OPEN && c->phase != CWA_LEAVING) || http_line_is_busy(c->commands) ||
	    loop_timer_is_set(c->command_again))
		return;
	cwa_set(&command->tree, command->tree.root, "sid", c->sid);
	cwa_server_post(&c->server, c->commands, CWA_PATH_COMMAND, command->tree.root, c->ticket,
		(struct http_ask){ .total_ms = CWA_COMMAND_MS, .max_body = CWA_ANSWER_MAX, .own_connection = true, .max_requests = 1 },
		command_answered, c);
}

bool cwa_channel_send(struct cwa_channel *c, struct cwa_command **command, bool wants_outcome, cwa_replied_fn *replied, void *arg)
{
	struct cwa_command *given = *command;

	*command = NULL;
	if (c->command_count >= CWA_COMMANDS_MAX || c->phase == CWA_OVER || c->phase == CWA_LEAVING) {
		command_free(given);
		return false;
	}
	given->rid = ++c->next_rid;
	cwa_set_number(&given->tree, given->item, "rid", given->rid);
	given->wants_outcome = wants_outcome;
	given->replied = replied;
	given->arg = arg;
	given->given_ms = cwa_channel_now(c);
	DL_APPEND(c->waiting, given);
	c->command_count++;
	cwa_commands_go_on(c);
	return true;
}

uint64_t cwa_channel_last_rid(const struct cwa_channel *c)
{
	return c->next_rid;
}
