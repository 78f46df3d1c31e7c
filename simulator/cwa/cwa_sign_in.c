/* Who somebody is: forms, the ticket, and names as people write them. */
#include <string.h>
#include <strings.h>

#include "base/base64.h"
#include "base/log.h"
#include "simulator/cwa/cwa_state.h"

/* --- names ------------------------------------------------------------------------------------------------------------------------ */

static struct user *user_by_id(struct cwa_server *server, struct bytes id)
{
	const struct world_user *seed = memchr(id.data ? (const char *)id.data : "", '=', id.len) ? NULL : world_find(server->world, id);

	return seed ? &server->users[seed - server->world->users] : NULL;
}

static bool same(struct bytes a, const char *b)
{
	return a.len == strlen(b) && strncasecmp((const char *)a.data, b, a.len) == 0;
}

struct user *user_of_login(struct cwa_server *server, const char *login)
{
	struct bytes name = cwa_trim(bytes_str(login));
	const uint8_t *mark;

	if (name.len > 4 && strncasecmp((const char *)name.data, "sip:", 4) == 0)
		name = bytes_slice(name, 4, name.len);
	if (!name.len)
		return NULL;
	mark = memchr(name.data, '\\', name.len);
	if (mark) {
		struct bytes domain = bytes_slice(name, 0, (size_t)(mark - name.data));

		if (domain.len && !same(domain, server->world->netbios) && !same(domain, server->world->domain))
			return NULL;
		return user_by_id(server, bytes_slice(name, domain.len + 1, name.len));
	}
	mark = memchr(name.data, '@', name.len);
	if (mark) {
		struct bytes id = bytes_slice(name, 0, (size_t)(mark - name.data));
		struct bytes domain = bytes_slice(name, id.len + 1, name.len);

		return same(domain, server->world->domain) || same(domain, server->world->netbios) ? user_by_id(server, id) : NULL;
	}
	return user_by_id(server, name);
}

/* --- tickets ------------------------------------------------------------------------------------------------------------------------- */

static void new_ticket(struct call *call, const struct user *user)
{
	struct cwa_server *server = call->server;
	uint64_t now = loop_now_ms(server->loop);
	struct cwa_ticket ticket = { .issued_ms = now, .expires_ms = now + server->settings.ticket_ms };
	uint8_t nonce[CWA_TICKET_NONCE];
	struct buf text = { 0 };

	bytes_copy_str(bytes_str(user->seed->id), ticket.user, sizeof ticket.user);
	random_pool_take(&server->random, nonce, sizeof nonce);
	cwa_ticket_make(server->key, nonce, &ticket, &text);
	bytes_copy_str(buf_bytes(&text), call->ticket, sizeof call->ticket);
	call->ticket_expires_ms = ticket.expires_ms;
	buf_wipe(&text);
}

struct user *ticket_user(struct call *call)
{
	const char *text = http_request_header(call->request, "CWA-Ticket");
	uint64_t now = loop_now_ms(call->server->loop);
	struct cwa_ticket ticket;
	char from_cookie[CWA_TICKET_TEXT_MAX + 1] = "";
	struct buf cookie = { 0 };
	struct user *user;

	if (!text && call->server->settings.native && native_ticket(call, &cookie) &&
	    bytes_copy_str(buf_bytes(&cookie), from_cookie, sizeof from_cookie))
		text = from_cookie;
	buf_wipe(&cookie);
	if (!text || cwa_ticket_check(call->server->key, bytes_str(text), now, &ticket) != CWA_TICKET_GOOD)
		return NULL;
	user = user_by_id(call->server, bytes_str(ticket.user));
	if (!user)
		return NULL;
	call->ticket_expires_ms = ticket.expires_ms;
	if (now - ticket.issued_ms >= call->server->settings.renew_ms)
		new_ticket(call, user);
	else
		bytes_copy_str(bytes_str(text), call->ticket, sizeof call->ticket);
	return user;
}

/* --- sign-in --------------------------------------------------------------------------------------------------------------------------- */

/* The numbers of the directory that the client hands back unread: base64 of tel: URIs. Format: ours. */
static void sign_in_data(const struct user *user, struct cwa_tree *tree, struct cwa_node *node)
{
	struct buf phones = { 0 }, text = { 0 };

	if (user->seed->phone)
		buf_printf(&phones, "tel:%s", user->seed->phone);
	base64_encode(buf_bytes(&phones), &text);
	cwa_add_text(tree, node, "signInData", buf_cstr(&text));
	buf_free(&phones);
	buf_free(&text);
}

void signed_in(struct call *call, struct user *user, const char *how)
{
	struct cwa_node *status;

	log_info("signed in user=%s by=%s peer=%s", user->seed->id, how, http_request_peer(call->request));
	user->sign_ins++;
	call->server->sign_ins_total++;
	new_ticket(call, user);
	if (native_sign_in_asked(call)) {
		native_signed_in(call, user);
		return;
	}
	cwa_tree_free(&call->out);
	answer_begin(call);
	cwa_set(&call->out, call->root, "requestProcessed", "1");
	cwa_set(&call->out, call->root, "unexpectedElement", "0");
	status = cwa_add(&call->out, call->root, "requestSucceeded");
	cwa_add_text(&call->out, status, "uri", user->uri);
	sign_in_data(user, &call->out, status);
	call_send_envelope(call, 200);
}

static void refuse_forms(struct call *call, struct user *user, const struct cwa_node *logon, uint32_t code, const char *detail)
{
	const struct outcome outcome = { .code = code, .detail = detail };

	log_info("sign-in refused user=%s by=forms peer=%s code=%u", log_str(cwa_child_text(logon, "user")), http_request_peer(call->request), code);
	if (user)
		user->refused++;
	call->server->refused_total++;
	answer_begin(call);
	cwa_set(&call->out, call->root, "requestProcessed", "1");
	cwa_set(&call->out, call->root, "unexpectedElement", "0");
	answer_status(call, "requestFailed", NULL, &outcome);
	call_send_envelope(call, 200);
}

/* The length of a password is not told by the time this takes; who exists is: the world is no secret. */
static bool password_is(const struct user *user, const char *password)
{
	return bytes_equal_secret(bytes_str(user->seed->password), bytes_str(password));
}

static void check_forms(struct call *call, const struct cwa_node *logon)
{
	struct user *user = user_of_login(call->server, cwa_child_text(logon, "user"));

	call->fault = faults_next(call->server->faults, loop_now_ms(call->server->loop), user ? user->seed->id : "", "logon");
	if (call->fault.action == FAULT_REFUSE && call->fault.value < 1000)
		call_send_error(call, call->fault.value, CWA_INTERNAL, "told to");
	else if (call->fault.action == FAULT_REFUSE)
		refuse_forms(call, user, logon, call->fault.value, "told to");
	else if (!user || !password_is(user, cwa_child_text(logon, "password")))
		refuse_forms(call, user, logon, CWA_INVALID_REQUEST, "user name or password is wrong");
	else
		signed_in(call, user, "forms");
}

void serve_forms(struct call *call)
{
	struct bytes body = http_request_body(call->request);
	struct cwa_tree in = { 0 };
	struct error err = { "" };
	const struct cwa_node *logon;

	if (cwa_sniff(body, &call->format) < 0 || cwa_decode(call->format, body, &in, &err) < 0)
		call_send_error(call, 400, CWA_INVALID_FORMAT, *err.text ? err.text : "neither XML nor JSON");
	else if (in.root->element != &cwa_requests || !(logon = cwa_child(in.root, "logon")))
		call_send_error(call, 200, CWA_INVALID_REQUEST, "logon is expected");
	else
		check_forms(call, logon);
	cwa_tree_free(&in);
}
