/* Login and what belongs to one's own session: ping, status, logout; and the details of others. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "simulator/groupwise/gw_state.h"

/* --- login ---------------------------------------------------------------------------------------------------------------------- */

static uint32_t check_login(struct gw_server *server, const struct gw_field *in, struct person **person)
{
	struct bytes user = gw_text(in, GW_TAG_USERID), password = gw_text(in, GW_TAG_CREDENTIALS);
	bool replaces;

	*person = user.len ? person_find(server, user) : NULL;
	if (!user.len || !password.len)
		return GW_NO_CREDENTIALS;
	if (!*person || !bytes_equal_secret(password, bytes_str((*person)->seed->password)))
		return GW_BAD_CREDENTIALS;
	replaces = (*person)->slots && !server->settings.several_sessions;
	if (server->settings.capacity && server->session_count >= server->settings.capacity && !replaces)
		return GW_SERVER_BUSY;
	if (!replaces && person_session_count(*person) == SESSIONS_OF_USER)
		return GW_SERVER_BUSY;          /* there is no code of its own for it */
	return GW_OK;
}

/* A list of one is the bare DN, of more a multi-value. Source: code. */
static void add_blocks(struct gw_tree *out, const char *tag, const struct people *people)
{
	struct gw_field *parent = NULL;

	if (people->count > 1) {
		parent = gw_add_array(out, NULL, tag);
		parent->type = GW_TYPE_MULTI;
	}
	for (size_t i = 0; i < people->count; i++)
		gw_add_text(out, parent, tag, people->items[i]->dn);
}

static void add_contact_list(struct gw_server *server, const struct person *person, struct gw_tree *out)
{
	struct gw_field *list = gw_add_array(out, NULL, GW_TAG_CONTACT_LIST);

	for (size_t i = 0; i < person->folder_count; i++) {
		const struct list_folder *folder = &person->folders[i];
		struct gw_field *item = gw_add_array(out, list, GW_TAG_FOLDER);

		gw_add_decimal(out, item, GW_TAG_OBJECT_ID, folder->id);
		gw_add_decimal(out, item, GW_TAG_PARENT_ID, 0);
		gw_add_str(out, item, GW_TAG_TYPE, "1");
		gw_add_decimal(out, item, GW_TAG_SEQUENCE, folder->sequence);
		gw_add_str(out, item, GW_TAG_DISPLAY_NAME, folder->name);
	}
	for (size_t i = 0; i < person->contact_count; i++) {
		const struct list_contact *contact = &person->contacts[i];
		struct gw_field *item = gw_add_array(out, list, GW_TAG_CONTACT);

		gw_add_decimal(out, item, GW_TAG_OBJECT_ID, contact->id);
		gw_add_decimal(out, item, GW_TAG_PARENT_ID, contact->folder);
		gw_add_decimal(out, item, GW_TAG_SEQUENCE, contact->sequence);
		gw_add_str(out, item, GW_TAG_DISPLAY_NAME, contact->name);
		gw_add_text(out, item, GW_TAG_DN, contact->person->dn);
		/* Always: the stock plugin does not show a contact without details. */
		person_details(server, contact->person, person, out, gw_add_array(out, item, GW_TAG_USER_DETAILS));
	}
}

/* No known client asks for a short answer, but there are tags that read like it. Source: inferred. */
static bool is_asked_for(const struct gw_field *in, const char *unless)
{
	uint32_t value;

	return !gw_number(gw_find(in, unless), &value) || !value;
}

static void add_login_answer(struct gw_server *server, const struct person *person, const struct gw_field *in,
	struct gw_tree *out)
{
	/* The first field must be no array: the stock plugin would take it for the user's own record. */
	policies_tell(&person->policies, out);
	person_names(server, person, out, NULL);
	gw_add_decimal(out, NULL, "nnmLastLogin", person->last_login_s);
	if (is_asked_for(in, "NM_A_B_NO_PRIVACY")) {
		gw_add_str(out, NULL, GW_TAG_BLOCKING, person->blocks_by_default ? "1" : "0");
		add_blocks(out, GW_TAG_ALLOW_LIST, &person->allowed);
		add_blocks(out, GW_TAG_DENY_LIST, &person->denied);
	}
	policies_tell_locked(&person->policies, out);
	gw_add_str(out, gw_add_array(out, NULL, "NM_A_FA_CLIENT_SETTINGS"), "Novell.AskToSave", "1");
	person_info(person, out, NULL);
	if (is_asked_for(in, "NM_A_B_NO_CONTACTS"))
		add_contact_list(server, person, out);
	if (is_asked_for(in, "NM_A_B_NO_CUSTOMS"))
		custom_statuses_tell(server->world, person->seed, out);
	gw_add_number(out, NULL, GW_TAG_BUILD, GW_TYPE_UDWORD, GW_BUILD_SERVER);
	gw_add_text(out, NULL, GW_TAG_DN, person->dn);
	gw_add_str(out, gw_add_array(out, NULL, "NM_A_FA_AU_SETTINGS"), "nnmClientDownload", "0");
	gw_add_number(out, NULL, GW_TAG_KEEPALIVE, GW_TYPE_UDWORD, server->settings.keepalive_minutes);
}

static uint32_t refuse_login(struct call *call, struct person *person, uint32_t code)
{
	struct session *s = call->session;

	s->server->refused_total++;
	if (person)
		person->refused++;
	log_info("login refused user=%s peer=%s code=%04X (%s)", log_value(gw_text(call->in, GW_TAG_USERID)),
		connection_peer(s->connection), code, gw_code_text(code));
	call_answer(call, code);
	if (++s->failures >= LOGIN_FAILURES_MAX)
		gw_session_end(s, 0, "too-many-refused-logins");
	return code;
}

static uint32_t login(struct call *call)
{
	struct session *s = call->session;
	struct gw_server *server = s->server;
	struct person *person;
	uint32_t code;

	if (s->person)
		return GW_NO_SESSION;           /* which also means "bad request" */
	code = check_login(server, call->in, &person);
	if (call->fault.action == FAULT_REFUSE)
		code = call->fault.value;
	if (code)
		return refuse_login(call, person, code);
	if (!gw_number(gw_find(call->in, GW_TAG_BUILD), &s->build))
		s->build = GW_BUILD_CLIENT;
	session_login(s, person);
	server->logins_total++;
	person->logins++;
	session_record(s, "server.login", 0);
	log_info("login user=%s peer=%s build=%u agent=%s tls=%s", person->seed->id, connection_peer(s->connection), s->build,
		log_value(gw_text(call->in, GW_TAG_USER_AGENT)), connection_tls_version(s->connection));
	add_login_answer(server, person, call->in, call->out);
	person->last_login_s = loop_wall_ms() / 1000;
	person_changed(server, person);
	return GW_OK;
}

static uint32_t logout(struct call *call)
{
	call_answer(call, GW_OK);
	gw_session_end(call->session, 0, "logout");
	return GW_OK;
}

static uint32_t ping(struct call *call)
{
	(void)call;
	return GW_OK;
}

/* --- status ----------------------------------------------------------------------------------------------------------------------- */

static void replace_text(char **text, struct bytes with)
{
	free(*text);
	*text = with.len ? bytes_dup(utf8_cut(with, STATUS_TEXT_MAX)) : NULL;
}

static uint32_t setstatus(struct call *call)
{
	struct person *person = call->session->person;
	uint32_t status;

	if (!gw_number(gw_find(call->in, GW_TAG_STATUS), &status) || status < GW_OFFLINE || status > GW_IDLE)
		return GW_PROTOCOL_ERROR;
	person->status = status;
	/* What the request leaves out is cleared. */
	replace_text(&person->status_text, gw_text(call->in, GW_TAG_STATUS_TEXT));
	replace_text(&person->auto_reply, gw_text(call->in, GW_TAG_MESSAGE_BODY));
	person->status_changes++;
	person->announced = true;
	person_changed(call->session->server, person);
	log_info("status user=%s status=%s", person->seed->id, gw_status_name(status));
	call_answer(call, GW_OK);
	person_announce(person);
	return GW_OK;
}

static uint32_t getstatus(struct call *call)
{
	const struct person *person = person_find(call->session->server, gw_text(call->in, GW_TAG_DN));
	const char *text;

	if (!person)
		return GW_USER_NOT_FOUND;
	gw_add_decimal(call->out, NULL, GW_TAG_STATUS, person_visible(person, call->session->person, &text));
	return GW_OK;
}

static uint32_t getdetails(struct call *call)
{
	static const char *const tags[] = { GW_TAG_USERID, GW_TAG_DN };
	unsigned found = 0;

	for (size_t t = 0; t < sizeof tags / sizeof tags[0]; t++) {
		for (const struct gw_field *f = gw_find(call->in, tags[t]); f; f = gw_find_next(f)) {
			const struct person *person = person_find(call->session->server, f->text);

			/* One answer must not grow without bound however often a request names the same user. */
			if (!person || found == DETAILS_MAX)
				continue;
			found++;
			person_details(call->session->server, person, call->session->person, call->out,
				gw_add_array(call->out, NULL, GW_TAG_RESULTS));
		}
	}
	return found ? GW_OK : GW_USER_NOT_FOUND;
}

static uint32_t no_rooms(struct call *call)
{
	(void)call;
	return GW_CHAT_OFF;
}

const struct command session_commands[] = {
	{ "login", true, NULL, login },
	{ "logout", false, NULL, logout },
	{ "ping", false, NULL, ping },
	{ "setstatus", false, NULL, setstatus },
	{ "getstatus", false, NULL, getstatus },
	{ "getdetails", false, NULL, getdetails },
	{ "joinchat", false, NULL, no_rooms },
	{ "chatsearch", false, NULL, no_rooms },
	{ "getchatsearchresults", false, NULL, no_rooms },
	{ "chatcounts", false, NULL, no_rooms },
	{ "chatproperties", false, NULL, no_rooms },
	{ NULL, false, NULL, NULL },
};
