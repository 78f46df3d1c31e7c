/* The focus of a conference and the factory that makes one: SERVICE, INVITE, INFO and BYE with commands to it. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "simulator/ocs/ocs_state.h"

#define SUBJECT_MAX_BYTES 256

static char success[] = "success", failure[] = "failure", cccp_version[] = "1";

/* --- answers ------------------------------------------------------------------------------------------------------------------------ */

/* The command stands in it as it came, with a reason or with what is to be told. */
static void respond(struct request *r, struct sip_message *m, const struct sip_cccp *asked, bool good)
{
	struct sip_cccp response = *asked;
	struct buf body = { 0 };

	response.version = cccp_version;
	response.to = asked->from;
	response.from = asked->to;
	response.code = good ? success : failure;
	xml_form_write(&sip_cccp_response_form, &response, &body);
	sip_body(m, SIP_TYPE_CCCP, buf_bytes(&body));
	buf_free(&body);
	answer_send(r, &m);
}

/* reason is where the command keeps it. */
static void refuse(struct request *r, struct sip_cccp *asked, char **reason, const char *why)
{
	log_info("conference command refused user=%s reason=%s", r->user->seed->id, why);
	free(*reason);
	*reason = memory_str(why);
	respond(r, answer_new(r, 200), asked, false);
}

static bool read_command(struct request *r, struct sip_cccp *asked)
{
	struct error err = { "" };

	if (!sip_is_type(r->message, SIP_TYPE_CCCP)) {
		answer_because(r, 415, 0, "what is said to a focus is " SIP_TYPE_CCCP);
		return false;
	}
	if (xml_form_read(buf_bytes(&r->message->body), &sip_cccp_request_form, asked, &err) < 0) {
		answer_unreadable(r, &err);
		return false;
	}
	return true;
}

/* --- the factory ---------------------------------------------------------------------------------------------------------------------- */

static void add_conference(struct request *r, struct sip_cccp *asked)
{
	struct sip_add_conference *add = asked->add_conference;
	const struct sip_conf_description *about = add->info ? add->info->description : NULL;
	const char *id = about && about->id && about->id->text ? about->id->text : "";
	const char *subject = about && about->subject ? about->subject : "";
	char *uri = sip_conference_uri(r->user->address, SIP_FOCUS, id);
	struct meeting *c = meeting_find(r->server, uri);

	free(uri);
	if (!sip_conference_id_is_good(id)) {
		refuse(r, asked, &add->reason, "invalidConferenceId");
	} else if (c) {
		refuse(r, asked, &add->reason, "conferenceExistsAlready");
	} else if (strlen(subject) > SUBJECT_MAX_BYTES) {
		refuse(r, asked, &add->reason, "subjectTooLong");
	} else if (HASH_COUNT(r->server->meetings) >= CONFERENCES_MAX || meetings_of(r->user) >= CONFERENCES_OF_USER) {
		refuse(r, asked, &add->reason, "maxConferencesExceeded");
	} else {
		c = meeting_new(r->server, r->user, id, subject);
		free(add->info->entity);
		add->info->entity = memory_str(c->focus);
		respond(r, answer_new(r, 200), asked, true);
	}
}

static void tell_capabilities(struct request *r, struct sip_cccp *asked)
{
	static char chat[] = "chat";
	struct sip_conf_text type = { chat };
	struct sip_mcu_types types = { &type, 1 }, *came = asked->capabilities->types;

	asked->capabilities->types = &types;
	respond(r, answer_new(r, 200), asked, true);
	asked->capabilities->types = came;
}

/* Of one who has never joined it too: he made it. */
static void delete_conference(struct request *r, struct sip_cccp *asked, bool may, struct meeting *c)
{
	if (!c || !may) {
		refuse(r, asked, &asked->delete_conference->reason, c ? "unauthorized" : "conferenceDoesntExist");
		return;
	}
	log_info("conference end id=%s reason=deleted by=%s", c->id, r->user->seed->id);
	respond(r, answer_new(r, 200), asked, true);
	meeting_end(c);
}

void on_focus_factory(struct request *r)
{
	struct sip_cccp asked;
	struct meeting *c;

	if (r->server->settings.lcs2005 || sip_conference_part_of(r->message->uri, NULL) != SIP_FOCUS_FACTORY) {
		answer_because(r, 404, 0, "there is no focus factory");
		return;
	}
	if (user_find(r->server, r->message->uri) != r->user) {
		answer_because(r, 403, 0, "everybody has a focus factory of his own");
		return;
	}
	if (!read_command(r, &asked))
		return;
	if (asked.add_conference) {
		add_conference(r, &asked);
	} else if (asked.capabilities) {
		tell_capabilities(r, &asked);
	} else if (asked.delete_conference) {
		c = asked.delete_conference->keys ? meeting_find(r->server, asked.delete_conference->keys->conference) : NULL;
		delete_conference(r, &asked, c && c->organizer == r->user, c);
	} else {
		answer_because(r, 400, 0, "there is no such command of a focus factory");
	}
	xml_form_clear(&sip_cccp_request_form, &asked);
}

/* --- joining --------------------------------------------------------------------------------------------------------------------------- */

static void add_focus_contact(const struct meeting *c, struct sip_message *m)
{
	sip_add(m, "Contact", "<%s>;isfocus", c->focus);
	sip_add(m, "Allow", "INVITE, BYE, ACK, INFO");
	sip_add(m, "Allow-Events", "conference");
}

static void join(struct request *r, struct meeting *c)
{
	struct sip_cccp asked;
	struct sip_conf_user *user;
	struct sip_conf_role *role;
	struct sip_message *m;

	if (!read_command(r, &asked))
		return;
	user = asked.add_user ? asked.add_user->user : NULL;
	if (!user || user_find(r->server, user->entity) != r->user) {
		answer_because(r, 400, 0, "one joins with addUser of oneself");
	} else if (member_of(c, r->user)) {
		answer_because(r, 403, 0, "the user is in the conference");
	} else if (meeting_is_ejected(c, r->user)) {
		answer_because(r, 403, 0, "the user was taken out of the conference");
	} else if (c->locked) {
		answer_because(r, 403, 0, "the conference is locked");
	} else if (c->member_count >= SIP_CONFERENCE_PEOPLE_MAX) {
		answer_because(r, 486, 0, "the conference is full");
	} else {
		r->tag = fresh(r->server, "");
		(void)member_new(c, r, user->endpoint_count ? user->endpoints[0].entity : r->endpoint->epid);
		/* The role that he gets: that he asked for counts for nothing. Source: document that it may differ; who gets which: ours. */
		role = user->roles && user->roles->count ? &user->roles->items[0] : NULL;
		if (role) {
			free(role->text);
			role->text = memory_str(c->organizer == r->user ? "presenter" : "attendee");
		}
		m = answer_new(r, 200);
		add_focus_contact(c, m);
		respond(r, m, &asked, true);
		member_tell(member_of(c, r->user));
	}
	xml_form_clear(&sip_cccp_request_form, &asked);
}

/* --- commands ----------------------------------------------------------------------------------------------------------------------------- */

/* The other member that a presenter's command is about; NULL: refused. */
static struct member *target_of(struct request *r, struct sip_cccp *asked, const struct member *by, const struct sip_user_keys *keys, char **reason)
{
	const struct user *user = keys ? user_find(r->server, keys->user) : NULL;
	struct member *target = user ? member_of(by->meeting, user) : NULL;

	if (by->presenter && target)
		return target;
	refuse(r, asked, reason, by->presenter ? "userDoesntExist" : "unauthorized");
	return NULL;
}

static void delete_user(struct request *r, struct sip_cccp *asked, struct member *by)
{
	struct member *target = target_of(r, asked, by, asked->delete_user->keys, &asked->delete_user->reason);

	if (!target)
		return;
	respond(r, answer_new(r, 200), asked, true);
	if (target == by)
		member_end(by, true);
	else
		meeting_eject(target);
}

static void modify_roles(struct request *r, struct sip_cccp *asked, const struct member *by)
{
	const struct sip_conf_roles *roles = asked->modify_roles->roles;
	const char *role = roles && roles->count && roles->items[0].text ? roles->items[0].text : "";
	struct member *target = target_of(r, asked, by, asked->modify_roles->keys, &asked->modify_roles->reason);

	if (!target)
		return;
	if (strcmp(role, "presenter") != 0 && strcmp(role, "attendee") != 0) {
		refuse(r, asked, &asked->modify_roles->reason, "invalidRole");
		return;
	}
	respond(r, answer_new(r, 200), asked, true);
	target->presenter = strcmp(role, "presenter") == 0;
	member_tell(target);
}

static void modify_lock(struct request *r, struct sip_cccp *asked, const struct member *by)
{
	if (!by->presenter) {
		refuse(r, asked, &asked->modify_lock->reason, "unauthorized");
		return;
	}
	respond(r, answer_new(r, 200), asked, true);
	by->meeting->locked = asked->modify_lock->locked;
	meeting_tell_lock(by->meeting);
}

static void command(struct request *r, struct member *m)
{
	struct sip_cccp asked;

	if (!read_command(r, &asked))
		return;
	if (asked.delete_user)
		delete_user(r, &asked, m);
	else if (asked.modify_roles)
		modify_roles(r, &asked, m);
	else if (asked.modify_lock)
		modify_lock(r, &asked, m);
	else if (asked.delete_conference)
		delete_conference(r, &asked, m->presenter, m->meeting);
	else if (asked.add_user)
		refuse(r, &asked, &asked.add_user->reason, "notSupported");
	else
		answer_because(r, 400, 0, "there is no such command of a focus");
	xml_form_clear(&sip_cccp_request_form, &asked);
}

static void join_again(struct request *r, const struct meeting *c)
{
	struct sip_message *m = answer_new(r, 200);

	add_focus_contact(c, m);
	answer_send(r, &m);
}

void on_focus(struct request *r, struct meeting *c)
{
	const char *method = r->message->method;
	struct member *m = member_of(c, r->user);

	if (!r->message->to.tag) {
		if (strcmp(method, "INVITE") == 0)
			join(r, c);
		else
			answer(r, 481);
		return;
	}
	if (!m || m->endpoint != r->endpoint || !sip_dialog_has(&m->focus, r->message)) {
		answer(r, 481);
	} else if (strcmp(method, "INFO") == 0) {
		command(r, m);
	} else if (strcmp(method, "BYE") == 0) {
		answer(r, 200);
		member_end(m, false);
	} else if (strcmp(method, "INVITE") == 0) {
		join_again(r, c);
	} else {
		answer(r, 405);
	}
}
