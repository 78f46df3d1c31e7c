#include "collab/cwa_sign_in.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "collab/cwa_kerberos.h"

enum { STEP_MS = 30000, STEP_REQUESTS = 3 };

enum step { KERBEROS, NTLM, FORMS, STEPS };

static const struct {
	const char *name, *path;
	enum http_auth auth;
} steps[STEPS] = {
	[KERBEROS] = { "kerberos", CWA_PATH_IWA, HTTP_AUTH_NONE },      /* its token is made before */
	[NTLM] = { "ntlm", CWA_PATH_IWA, HTTP_AUTH_NTLM },
	[FORMS] = { "forms", CWA_PATH_FORMS, HTTP_AUTH_NONE },
};

struct cwa_sign_in {
	const struct cwa_server *server;
	const struct cwa_credentials *credentials;
	struct cwa_sign_in_callbacks callbacks;
	void *ctx;
	struct http_line *line;
	struct cwa_kerberos_ask *token;      /* that is being made */
	struct loop_timer *too_late;         /* for it; real time, as the realm's servers are */
	enum step step;
	bool challenged;             /* a step was refused as one refuses a wrong password */
};

/* --- who ---------------------------------------------------------------------------------------------------------------------------- */

void cwa_credentials_set(struct cwa_credentials *credentials, struct bytes user, struct bytes password)
{
	credentials->user = bytes_dup(user);
	buf_append(&credentials->password, password);
}

void cwa_credentials_free(struct cwa_credentials *credentials)
{
	free(credentials->user);
	credentials->user = NULL;
	buf_wipe(&credentials->password);
}

/* DOMAIN\user, or user@domain as it was typed. */
static char *login_name(const struct cwa_sign_in *s)
{
	const char *user = s->credentials->user;

	if (!*s->server->domain || strpbrk(user, "\\@"))
		return memory_str(user);
	return memory_printf("%s\\%s", s->server->domain, user);
}

/* --- the steps ------------------------------------------------------------------------------------------------------------------------ */

static void step_answered(void *ctx, const struct http_answer *answer);

/* token: of Kerberos, in its step. */
static void ask(struct cwa_sign_in *s, enum step step, const char *token)
{
	struct http_ask what = { .auth = steps[step].auth, .own_connection = true, .max_requests = STEP_REQUESTS,
		.total_ms = STEP_MS };
	struct cwa_tree tree = { 0 };
	struct cwa_node *logon = cwa_add(&tree, cwa_root(&tree, &cwa_requests), "logon");
	char *name = login_name(s), *password = bytes_dup(buf_bytes(&s->credentials->password));
	char *negotiate = token ? memory_printf("Negotiate %s", token) : NULL;

	s->step = step;
	if (step == FORMS) {
		cwa_add_text(&tree, logon, "user", name);
		cwa_add_text(&tree, logon, "password", password);
	} else if (step == NTLM) {
		what.user = name;
		what.password = password;
	} else {
		what.headers[1] = (struct http_header){ "Authorization", negotiate };
	}
	cwa_server_post(s->server, s->line, steps[step].path, tree.root, NULL, what, step_answered, s);
	cwa_tree_free(&tree);
	memory_wipe_str(&password);
	memory_wipe_str(&negotiate);
	free(name);
}

static void no_token(struct cwa_sign_in *s, const char *why)
{
	log_info("cwa no kerberos user=%s reason=%s", log_str(s->credentials->user), log_str(why));
	s->callbacks.step(s->ctx, "by=kerberos outcome=no-ticket requests=0");
	ask(s, NTLM, NULL);
}

static void took_too_long(void *arg)
{
	struct cwa_sign_in *s = arg;

	cwa_kerberos_ask_free(&s->token);
	no_token(s, "the realm did not answer in time");
}

static void got_token(void *ctx, const char *token, const char *why)
{
	struct cwa_sign_in *s = ctx;

	loop_timer_cancel(s->too_late);
	if (token)
		ask(s, KERBEROS, token);
	else
		no_token(s, why);
	cwa_kerberos_ask_free(&s->token);
}

static void begin_kerberos(struct cwa_sign_in *s)
{
	s->step = KERBEROS;
	loop_timer_set(s->too_late, STEP_MS);
	s->token = cwa_kerberos_ask(s->server->kerberos, s->credentials->user, buf_bytes(&s->credentials->password), s->server->host, got_token, s);
}

static void tell_step(struct cwa_sign_in *s, const char *outcome, const struct http_answer *answer)
{
	char text[96];

	if (answer->outcome == HTTP_ANSWERED)
		snprintf(text, sizeof text, "by=%s outcome=%s status=%u requests=%u", steps[s->step].name, outcome, answer->status,
			answer->requests);
	else
		snprintf(text, sizeof text, "by=%s outcome=%s http=%s requests=%u", steps[s->step].name, outcome,
			http_outcome_name(answer->outcome), answer->requests);
	s->callbacks.step(s->ctx, text);
}

static void refuse(struct cwa_sign_in *s, const struct http_answer *answer, const struct cwa_refusal *refusal)
{
	const struct cwa_signed_in result = { .refusal = *refusal, .ticket = "", .uri = "", .sign_in_data = "", .by = steps[s->step].name,
		.peer = answer->peer, .local = answer->local, .tls_version = answer->tls_version };

	tell_step(s, refusal->code == IM_UNREACHABLE ? "unreachable" : "refused", answer);
	s->callbacks.done(s->ctx, &result);
}

static void accept(struct cwa_sign_in *s, const struct http_answer *answer, const char *ticket)
{
	struct cwa_signed_in result = { .ticket = ticket, .uri = "", .sign_in_data = "", .by = steps[s->step].name,
		.peer = answer->peer, .local = answer->local, .tls_version = answer->tls_version };
	struct cwa_tree tree = { 0 };
	const struct cwa_node *good = NULL;

	/* The ticket counts; what the body says more is welcome. */
	if (cwa_server_read(answer, &tree, NULL) == 0 && tree.root->element == &cwa_responses)
		good = cwa_child(tree.root, "requestSucceeded");
	if (good) {
		result.uri = cwa_child_text(good, "uri");
		result.sign_in_data = cwa_child_text(good, "signInData");
	}
	tell_step(s, "accepted", answer);
	s->callbacks.done(s->ctx, &result);
	cwa_tree_free(&tree);
}

/* What the last step's refusal says. */
static struct cwa_refusal last_word(const struct cwa_sign_in *s, const struct http_answer *answer)
{
	struct cwa_refusal refusal = cwa_refusal_of(IM_BACKEND_REFUSED, "HTTP status %u, and no ticket", answer->status);
	struct cwa_tree tree = { 0 };
	const struct cwa_node *failed = NULL;

	if (answer->status == 401 || answer->status == 403)
		refusal = cwa_refusal_of(IM_BAD_CREDENTIALS, "HTTP status %u", answer->status);
	else if (s->challenged && (answer->status == 404 || answer->status == 405))
		refusal = cwa_refusal_of(IM_BAD_CREDENTIALS, "no forms there (HTTP status %u), and refused before", answer->status);
	else if (answer->status == 200 && cwa_server_read(answer, &tree, NULL) == 0 && tree.root->element == &cwa_responses)
		failed = cwa_child(tree.root, "requestFailed");
	if (failed)
		refusal = cwa_refusal(cwa_child(failed, "error"), CWA_ASKED_SIGN_IN);
	cwa_tree_free(&tree);
	return refusal;
}

static bool is_refusal(unsigned status)
{
	return status == 200 || status == 401 || status == 403 || status == 404 || status == 405;
}

static void step_answered(void *ctx, const struct http_answer *answer)
{
	struct cwa_sign_in *s = ctx;
	bool answered = answer->outcome == HTTP_ANSWERED;
	struct cwa_refusal refusal;
	char *ticket = NULL;

	if (!answered && answer->outcome != HTTP_TOO_MANY) {
		refusal = cwa_refusal_of(IM_UNREACHABLE, "%s", answer->why);
		refuse(s, answer, &refusal);
		return;
	}
	if (answered && answer->status == 200)
		cwa_server_ticket(answer, &ticket);
	s->challenged |= !answered || answer->status == 401;
	if (ticket) {
		accept(s, answer, ticket);
		memory_wipe_str(&ticket);
	} else if (s->step != FORMS && (!answered || is_refusal(answer->status))) {
		tell_step(s, "refused", answer);
		ask(s, s->step + 1, NULL);
	} else {
		refusal = answered && answer->status < 500 ? last_word(s, answer) : answered ?
			cwa_refusal_of(IM_UNREACHABLE, "HTTP status %u", answer->status) : cwa_refusal_of(IM_BAD_CREDENTIALS, "%s", answer->why);
		refuse(s, answer, &refusal);
	}
}

/* --- life ------------------------------------------------------------------------------------------------------------------------------- */

struct cwa_sign_in *cwa_sign_in_new(const struct cwa_server *server, const struct cwa_credentials *credentials,
	const struct cwa_sign_in_callbacks *callbacks, void *ctx)
{
	struct cwa_sign_in *s = memory_new(sizeof *s);

	*s = (struct cwa_sign_in){ .server = server, .credentials = credentials, .callbacks = *callbacks, .ctx = ctx };
	s->line = http_line_new(server->http);
	s->too_late = loop_timer_new_real(server->loop, took_too_long, s);
	if (server->kerberos)
		begin_kerberos(s);
	else
		ask(s, NTLM, NULL);
	return s;
}

void cwa_sign_in_free(struct cwa_sign_in **sign_in)
{
	struct cwa_sign_in *s = *sign_in;

	if (!s)
		return;
	*sign_in = NULL;
	cwa_kerberos_ask_free(&s->token);
	loop_timer_free(&s->too_late);
	http_line_free(&s->line);
	free(s);
}
