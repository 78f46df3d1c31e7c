/* The wire of public scripts for the 2005 release: a cookie in the place of the ticket, its name in the place of the session's number. */
#include <string.h>

#include "base/log.h"
#include "protocol/cwa/native.h"
#include "simulator/cwa/cwa_state.h"

bool native_sign_in_asked(const struct call *call)
{
	struct buf value = { 0 };
	bool asked = call->server->settings.native && strcmp(http_request_method(call->request), "GET") == 0 &&
		http_request_query(call->request, "signinas", &value);

	buf_free(&value);
	return asked;
}

/* A GUID, which scripts cut off as the first 36 characters of the cookie. */
static void make_key(struct cwa_server *server, char out[NATIVE_KEY + 1])
{
	uint8_t raw[16];
	struct buf hex = { 0 };

	random_pool_take(&server->random, raw, sizeof raw);
	for (size_t i = 0; i < sizeof raw; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			buf_u8(&hex, '-');
		buf_hex(&hex, bytes_of(raw + i, 1));
	}
	bytes_copy_str(buf_bytes(&hex), out, NATIVE_KEY + 1);
	buf_free(&hex);
}

void native_signed_in(struct call *call, struct user *user)
{
	struct cwa_server *server = call->server;
	struct buf cookie = { 0 };
	struct session *s;

	call->native = true;
	if (!session_room(call, user)) {
		call_send_error(call, 200, CWA_THROTTLED, "there are too many sessions");
		return;
	}
	s = cwa_session_new(server, user, CWA_XML, "0");
	s->native = true;
	make_key(server, s->key);
	session_ticket(s, call);
	log_info("session begins user=%s sid=%ju profile=lcs2005-native", user->seed->id, (uintmax_t)s->sid);
	server->home->sign_on(server->home->ctx, s, CWA_ONLINE);
	buf_printf(&cookie, "%s=%s; path=/cwa; HttpOnly", s->key, call->ticket);
	http_reply_header(call->request, "Set-Cookie", buf_cstr(&cookie));
	call_send(call, 200, "text/html; charset=utf-8", bytes_str("<html><body>Signed in.</body></html>\n"));
	buf_wipe(&cookie);
}

bool native_ticket(const struct call *call, struct buf *out)
{
	const char *cookie = http_request_header(call->request, "Cookie");
	struct buf key = { 0 };
	const char *at;
	bool found = false;

	if (cookie && http_request_query(call->request, "ck", &key) && key.len == NATIVE_KEY && (at = strstr(cookie, buf_cstr(&key))) &&
	    at[NATIVE_KEY] == '=') {
		at += NATIVE_KEY + 1;
		buf_append(out, bytes_of(at, strcspn(at, "; ")));
		found = true;
	}
	buf_free(&key);
	return found;
}

struct session *native_session(struct call *call)
{
	struct buf key = { 0 };
	struct session *s = NULL;

	if (http_request_query(call->request, "ck", &key)) {
		call->native = true;
		for (s = call->user->sessions; s; s = s->next)
			if (s->native && bytes_is(buf_bytes(&key), s->key))
				break;
	}
	buf_free(&key);
	return s;
}

void serve_native_command(struct call *call)
{
	struct cwa_tree in = { 0 };
	struct buf command = { 0 };
	struct error err = { "" };

	call->session = native_session(call);
	if (!call->session || !call->session->signed_on)
		call_send_error(call, 200, CWA_SESSION_NOT_FOUND, "no such session");
	else if (!http_form_value(http_request_body(call->request), "cmdPkg", &command) ||
		 cwa_native_command(buf_bytes(&command), &in, &err) < 0)
		call_send_error(call, 200, CWA_INVALID_REQUEST, *err.text ? err.text : "cmdPkg is expected");
	else
		run_methods(call, &in);
	buf_wipe(&command);
	cwa_tree_free(&in);
}

void serve_native_sign_out(struct call *call)
{
	struct session *s;

	call->user = ticket_user(call);
	s = call->user ? native_session(call) : NULL;
	if (s)
		cwa_session_end(s, CWA_SESSION_NOT_FOUND, "signed out");
	call_send(call, s ? 200 : 401, "text/html; charset=utf-8", bytes_str("<html><body>Signed out.</body></html>\n"));
}
