#include "tests/support/fake_groupwise.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <utlist.h>

#include "base/io/tls.h"
#include "base/memory.h"
#include "protocol/groupwise/codes.h"
#include "protocol/groupwise/names.h"
#include "protocol/groupwise/rtf.h"
#include "protocol/groupwise/tags.h"
#include "tests/support/fake_groupwise_private.h"

void fake_groupwise_answer(struct fake_client *client, uint32_t code, struct bytes transaction, bool with_fields)
{
	struct fake_groupwise *g = client->server;
	struct error err = { "" };

	buf_clear(&g->out);
	if (gw_answer_encode(with_fields ? &g->answer : NULL, code, transaction, 0, &g->out, &err) != 0)
		fail_msg("%s", err.text);
	connection_send(client->connection, buf_bytes(&g->out));
}

void fake_groupwise_add_details(struct fake_groupwise *g, struct gw_field *into, const char *user, const char *status)
{
	char dn[128], name[128];

	snprintf(dn, sizeof dn, "CN=%s,O=test", user);
	snprintf(name, sizeof name, "%s Example", user);
	gw_add_str(&g->answer, into, GW_TAG_CN, user);
	gw_add_str(&g->answer, into, GW_TAG_FULL_NAME, name);
	gw_add_str(&g->answer, into, GW_TAG_DN, dn);
	gw_add_str(&g->answer, into, GW_TAG_STATUS, status);
	gw_add_str(&g->answer, into, GW_TAG_MESSAGE_BODY, "");
}

static void add_contact(struct fake_groupwise *g, struct gw_field *list, const char *id, const struct fake_entry *entry)
{
	struct gw_field *contact = gw_add_array(&g->answer, list, GW_TAG_CONTACT);
	char dn[128];

	snprintf(dn, sizeof dn, "CN=%s,O=test", entry->user);
	gw_add_str(&g->answer, contact, GW_TAG_OBJECT_ID, id);
	gw_add_str(&g->answer, contact, GW_TAG_PARENT_ID, entry->folder);
	gw_add_str(&g->answer, contact, GW_TAG_SEQUENCE, "0");
	gw_add_str(&g->answer, contact, GW_TAG_DISPLAY_NAME, entry->name);
	gw_add_str(&g->answer, contact, GW_TAG_DN, dn);
	if (!g->without_details)
		fake_groupwise_add_details(g, gw_add_array(&g->answer, contact, GW_TAG_USER_DETAILS), entry->user, entry->status);
}

static void add_folder(struct fake_groupwise *g, struct gw_field *list, const char *id, const char *name)
{
	struct gw_field *folder = gw_add_array(&g->answer, list, GW_TAG_FOLDER);

	gw_add_str(&g->answer, folder, GW_TAG_OBJECT_ID, id);
	gw_add_str(&g->answer, folder, GW_TAG_PARENT_ID, "0");
	gw_add_str(&g->answer, folder, GW_TAG_DISPLAY_NAME, name);
}

static void add_list(struct fake_groupwise *g)
{
	static const struct fake_entry usual[] = { { "bob", "bob", "1", "2" }, { "carol", "carol", "1", "4" } };
	static const char *const ids[] = { "2", "3", "4", "6" };
	const struct fake_entry *entries = g->list[0].user ? g->list : usual;
	struct gw_field *list = gw_add_array(&g->answer, NULL, GW_TAG_CONTACT_LIST);

	add_folder(g, list, "1", "Team");
	if (g->list[0].user)
		add_folder(g, list, "5", "Friends");
	for (size_t i = 0; i < (g->list[0].user ? 4 : 2); i++) {
		if (entries[i].user)
			add_contact(g, list, ids[i], &entries[i]);
	}
}

static void forget(struct fake_client *client);

static void end_others(struct fake_client *client, const char *dn)
{
	struct fake_client *other, *next;

	DL_FOREACH_SAFE(client->server->clients, other, next) {
		if (other == client || strcmp(other->user, client->user) != 0)
			continue;
		buf_clear(&client->server->out);
		gw_event_encode(&(struct gw_event){ .type = GW_EVENT_ELSEWHERE, .source = bytes_str(dn) }, &client->server->out);
		connection_send(other->connection, buf_bytes(&client->server->out));
		other->user[0] = '\0';
		connection_finish(other->connection, 1000);
	}
}

/* One name as a field of its own, several as a multi-value, as real servers do. */
static void add_privacy_list(struct fake_groupwise *g, const char *tag, const char *const *users)
{
	struct gw_field *parent = NULL;
	char dn[128];

	if (users[0] && users[1]) {
		parent = gw_add_array(&g->answer, NULL, tag);
		parent->type = GW_TYPE_MULTI;
	}
	for (; *users; users++) {
		snprintf(dn, sizeof dn, "CN=%s,O=test", *users);
		gw_add_str(&g->answer, parent, tag, dn);
	}
}

static void do_login(struct fake_client *client, const struct gw_request *request)
{
	struct fake_groupwise *g = client->server;
	struct bytes user = gw_text(&g->request.root, GW_TAG_USERID), password = gw_text(&g->request.root, GW_TAG_CREDENTIALS);
	char expected[96], dn[128];

	assert_true(gw_number(gw_find(&g->request.root, GW_TAG_BUILD), &g->last_build));
	g->logins++;
	g->swallow = false;
	assert_true(bytes_copy_str(user, client->user, sizeof client->user));
	snprintf(expected, sizeof expected, "%s-secret", client->user);
	if (g->login_code || !bytes_is(password, expected)) {
		g->rejected++;
		client->user[0] = '\0';
		fake_groupwise_answer(client, g->login_code ? g->login_code : GW_BAD_CREDENTIALS, request->transaction, false);
		return;
	}
	snprintf(dn, sizeof dn, "CN=%s,O=test", client->user);
	if (g->drop_login) {
		g->drop_login = false;
		forget(client);
		return;
	}
	if (g->one_session)
		end_others(client, dn);
	gw_tree_clear(&g->answer);
	gw_add_str(&g->answer, NULL, GW_TAG_CN, client->user);
	gw_add_str(&g->answer, NULL, GW_TAG_FULL_NAME, client->user);
	gw_add_str(&g->answer, NULL, GW_TAG_QUERY, g->no_query ? "0" : "1");
	gw_add_str(&g->answer, NULL, GW_TAG_PASSWORD_REMEMBER, g->no_remember ? "0" : "1");
	gw_add_str(&g->answer, NULL, GW_TAG_BLOCKING, g->denies ? "1" : "0");
	add_privacy_list(g, GW_TAG_ALLOW_LIST, g->allowed);
	add_privacy_list(g, GW_TAG_DENY_LIST, g->denied);
	if (g->locked)
		gw_add_str(&g->answer, NULL, GW_TAG_LOCKED_LIST, GW_TAG_BLOCKING);
	add_list(g);
	gw_add_str(&g->answer, NULL, GW_TAG_DN, dn);
	gw_add_number(&g->answer, NULL, GW_TAG_KEEPALIVE, GW_TYPE_UDWORD, 10);
	fake_groupwise_answer(client, GW_OK, request->transaction, true);
}

static void do_logout(struct fake_client *client, const struct gw_request *request)
{
	client->server->logouts++;
	client->user[0] = '\0';
	fake_groupwise_answer(client, GW_OK, request->transaction, false);
	connection_finish(client->connection, 1000);
}

static void do_ping(struct fake_client *client, const struct gw_request *request)
{
	client->server->pings++;
	fake_groupwise_answer(client, GW_OK, request->transaction, false);
}

static void do_setstatus(struct fake_client *client, const struct gw_request *request)
{
	struct fake_groupwise *g = client->server;

	assert_true(bytes_copy_str(gw_text(&g->request.root, GW_TAG_STATUS), g->last_status, sizeof g->last_status));
	fake_groupwise_answer(client, GW_OK, request->transaction, false);
}

static void do_getdetails(struct fake_client *client, const struct gw_request *request)
{
	struct fake_groupwise *g = client->server;
	const struct gw_field *who = gw_find(&g->request.root, GW_TAG_USERID);
	unsigned found = 0;
	char user[64];

	g->details++;
	if (!who)
		who = gw_find(&g->request.root, GW_TAG_DN);
	gw_tree_clear(&g->answer);
	for (; who; who = gw_find_next(who)) {
		assert_true(bytes_copy_str(gw_dn_is_typed(who->text) ? gw_dn_leaf(who->text) : who->text, user, sizeof user));
		if (strcmp(user, "nobody") == 0)
			continue;
		fake_groupwise_add_details(g, gw_add_array(&g->answer, NULL, GW_TAG_RESULTS), user, "2");
		found++;
	}
	fake_groupwise_answer(client, found ? GW_OK : GW_USER_NOT_FOUND, request->transaction, found);
}

static void do_getstatus(struct fake_client *client, const struct gw_request *request)
{
	struct fake_groupwise *g = client->server;

	gw_tree_clear(&g->answer);
	gw_add_str(&g->answer, NULL, GW_TAG_STATUS, "3");
	fake_groupwise_answer(client, GW_OK, request->transaction, true);
}

static void do_createconf(struct fake_client *client, const struct gw_request *request)
{
	struct fake_groupwise *g = client->server;
	const struct gw_field *dn = gw_find(&g->request.root, GW_TAG_DN);
	char id[64];

	/* One who makes a room is alone in it. */
	g->last_conference_had = !dn ? 0 : gw_find_next(dn) ? 2 : 1;
	snprintf(id, sizeof id, "[%08X-00000000-00000001-0001-0000]", ++g->conferences);
	gw_tree_clear(&g->answer);
	gw_add_str(&g->answer, gw_add_array(&g->answer, NULL, GW_TAG_CONVERSATION), GW_TAG_OBJECT_ID, id);
	fake_groupwise_answer(client, GW_OK, request->transaction, true);
}

static void do_sendmessage(struct fake_client *client, const struct gw_request *request)
{
	struct fake_groupwise *g = client->server;
	const struct gw_field *message = gw_find(&g->request.root, GW_TAG_MESSAGE);
	struct bytes to = gw_text(&g->request.root, GW_TAG_DN);
	struct bytes conference = gw_text(gw_find(&g->request.root, GW_TAG_CONVERSATION), GW_TAG_OBJECT_ID);
	uint32_t code = g->send_code;
	struct gw_event gone;
	struct buf text = { 0 };
	char dn[128];

	g->send_code = 0;
	if (g->swallow)
		return;
	assert_true(bytes_copy_str(conference, g->last_conference, sizeof g->last_conference));
	assert_true(bytes_copy_str(to, dn, sizeof dn));
	assert_true(bytes_copy_str(gw_dn_leaf(to), g->last_to, sizeof g->last_to));
	assert_true(bytes_copy_str(bytes_slice(gw_text(message, GW_TAG_MESSAGE_TEXT), 0, 255), g->last_text, sizeof g->last_text));
	/* Both ways of saying it must say the same. */
	gw_rtf_text(gw_text(message, GW_TAG_MESSAGE_BODY), (struct bytes){ 0 }, &text);
	assert_true(bytes_equal(buf_bytes(&text), gw_text(message, GW_TAG_MESSAGE_TEXT)));
	buf_append(&g->all_text, buf_bytes(&text));
	buf_free(&text);
	if (gw_text(message, GW_TAG_MESSAGE_BODY).len > g->largest_body)
		g->largest_body = gw_text(message, GW_TAG_MESSAGE_BODY).len;
	g->messages += code == GW_OK;
	gone = (struct gw_event){ .type = GW_EVENT_UNDELIVERABLE, .source = bytes_str(dn), .conference = bytes_str(g->last_conference) };
	if (g->nobody_home_first)
		fake_groupwise_event(g, client->user, &gone);
	fake_groupwise_answer(client, code, request->transaction, false);
	if (g->nobody_home)
		fake_groupwise_event(g, client->user, &gone);
}

static void do_sendtyping(struct fake_client *client, const struct gw_request *request)
{
	struct fake_groupwise *g = client->server;
	const struct gw_field *conversation = gw_find(&g->request.root, GW_TAG_CONVERSATION);
	struct buf text = { 0 };

	buf_append(&text, gw_text(conversation, GW_TAG_TYPE));
	buf_u8(&text, ' ');
	buf_append(&text, gw_text(conversation, GW_TAG_OBJECT_ID));
	assert_true(bytes_copy_str(buf_bytes(&text), g->last_typing, sizeof g->last_typing));
	buf_free(&text);
	g->typing++;
	fake_groupwise_answer(client, GW_OK, request->transaction, false);
}

static const struct { const char *command; void (*run)(struct fake_client *client, const struct gw_request *request); } commands[] = {
	{ "login", do_login }, { "logout", do_logout }, { "ping", do_ping }, { "setstatus", do_setstatus },
	{ "getdetails", do_getdetails }, { "createconf", do_createconf }, { "sendmessage", do_sendmessage },
	{ "sendtyping", do_sendtyping }, { "getstatus", do_getstatus },
};

static void message(void *ctx, struct bytes raw)
{
	struct fake_client *client = ctx;
	struct fake_groupwise *g = client->server;
	struct gw_request request;
	struct error err = { "" };

	if (gw_request_decode(raw, &g->request, &request, &err) != 0)
		fail_msg("%s", err.text);
	if (g->mute)
		return;
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		if (bytes_is(request.command, commands[i].command)) {
			commands[i].run(client, &request);
			return;
		}
	}
	if (!fake_groupwise_write_down(client, &request))
		fail_msg("the client sent %.*s", (int)request.command.len, (const char *)request.command.data);
}

static ssize_t split(void *ctx, struct bytes in, struct error *err)
{
	struct fake_client *client = ctx;

	return gw_request_split(&client->scan, in, err);
}

static void forget(struct fake_client *client)
{
	client->server->open--;
	DL_DELETE(client->server->clients, client);
	connection_free(&client->connection);
	free(client);
}

static void closed(void *ctx, enum connection_end end, const char *why)
{
	(void)end;
	(void)why;
	forget(ctx);
}

static const struct connection_callbacks callbacks = { .split = split, .message = message, .closed = closed };

static void accepted(void *ctx, struct connection *c)
{
	struct fake_groupwise *g = ctx;
	struct fake_client *client = memory_new(sizeof *client);

	client->server = g;
	client->connection = c;
	DL_APPEND(g->clients, client);
	g->accepted++;
	g->open++;
	if (g->open > g->most_open)
		g->most_open = g->open;
	connection_own(c, &callbacks, client);
}

void fake_groupwise_start(struct fake_groupwise *g, struct loop *loop, const char *certificate, const char *key)
{
	const struct tls_settings tls = { .server = true, .certificate_file = certificate, .key_file = key };
	const struct connection_limits limits = { .max_message = GW_REQUEST_HEADER_MAX + GW_REQUEST_MAX };
	struct error err = { "" };

	memset(g, 0, sizeof *g);
	g->loop = loop;
	g->tls = tls_new(&tls, &err);
	if (g->tls)
		g->listener = listener_new(loop, "127.0.0.1:0", g->tls, &limits, 0, accepted, g, &err);
	if (!g->listener)
		fail_msg("%s", err.text);
}

void fake_groupwise_stop(struct fake_groupwise *g)
{
	while (g->clients)
		forget(g->clients);
	listener_free(&g->listener);
	tls_free(&g->tls);
	gw_tree_free(&g->request);
	gw_tree_free(&g->answer);
	buf_free(&g->out);
	buf_free(&g->all_text);
}

int fake_groupwise_port(const struct fake_groupwise *g)
{
	return listener_port(g->listener);
}

struct fake_client *fake_groupwise_client(struct fake_groupwise *g, const char *user)
{
	struct fake_client *client;

	DL_FOREACH(g->clients, client) {
		if (strcmp(client->user, user) == 0)
			break;
	}
	return client;
}

void fake_groupwise_raw(struct fake_groupwise *g, const char *user, struct bytes raw)
{
	struct fake_client *client = fake_groupwise_client(g, user);

	assert_non_null(client);
	connection_send(client->connection, raw);
}

void fake_groupwise_event(struct fake_groupwise *g, const char *user, const struct gw_event *event)
{
	struct buf raw = { 0 };

	gw_event_encode(event, &raw);
	fake_groupwise_raw(g, user, buf_bytes(&raw));
	buf_free(&raw);
}

void fake_groupwise_say(struct fake_groupwise *g, const char *user, const char *from_dn, const char *conference, const char *text)
{
	struct buf rtf = { 0 };

	gw_rtf_write(bytes_str(text), &rtf);
	fake_groupwise_event(g, user, &(struct gw_event){ .type = GW_EVENT_MESSAGE, .source = bytes_str(from_dn),
		.conference = bytes_str(conference), .text = buf_bytes(&rtf) });
	buf_free(&rtf);
}

void fake_groupwise_drop(struct fake_groupwise *g, const char *user)
{
	struct fake_client *client = fake_groupwise_client(g, user);

	assert_non_null(client);
	forget(client);
}
