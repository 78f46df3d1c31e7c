#include "collab/admission.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/io/history.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "collab/limits.h"
#include "collab/parts.h"
#include "collab/penalty.h"
#include "collab/standing.h"
#include "protocol/srp.h"

struct login {
	struct login *prev, *next;
	struct collab *collab;
	unsigned way;
	uint32_t pin, transaction, sequence;
	char *user;
	char login_id[32];
	struct buf password;          /* until the backend has it */
	struct session *session;      /* once admitted */
	char *display_name;           /* once the IM server has accepted */
	bool wants_id;                /* the device understands the login's name in the answer */
	bool wants_policy;            /* and what the server does not allow */
	bool forget_password;
	uint64_t *closing;            /* sessions that are over, whose connections must be closed first */
	size_t closing_count;
	uint64_t wait_until_us;       /* real */
	bool is_tried;                /* counts as a guess until it is known */
	enum penalty_end outcome;
	bool in_database;             /* a completion will come back */
	bool over;                    /* answered meanwhile: only kept for that completion */
	uint64_t started_us;
};

struct admission {
	struct collab *collab;
	struct login *logins;
	size_t count;
	size_t waiting;               /* of these: until connections are closed */
	struct loop_timer *look;      /* on the real clock: at the connections of other services */
	bool looking;
};

static void look(void *arg);

struct admission *admission_new(struct collab *collab)
{
	struct admission *a = memory_new(sizeof *a);

	a->collab = collab;
	a->look = loop_timer_new_real(collab->loop, look, a);
	return a;
}

/* Others close their connections in real time: a clock that is moved by hand stands until they have. */
static void count_waiting(struct admission *a, int by)
{
	a->waiting += (size_t)by;
	loop_awaits(a->collab->loop, by);
}

static void free_login(struct login *login)
{
	struct admission *a = login->collab->admission;

	DL_DELETE(a->logins, login);
	a->count--;
	if (login->closing_count)
		count_waiting(a, -1);
	free(login->closing);
	buf_wipe(&login->password);
	free(login->user);
	free(login->display_name);
	free(login);
}

void admission_free(struct admission **admission)
{
	struct admission *a = *admission;

	if (!a)
		return;
	if (a->logins)
		bug("admission freed with %zu logins under way", a->count);
	loop_timer_free(&a->look);
	free(a);
	*admission = NULL;
}

size_t admission_count(const struct admission *admission)
{
	return admission->count;
}

size_t admission_of_way(const struct admission *admission, unsigned way)
{
	const struct login *login;
	size_t count = 0;

	DL_FOREACH(admission->logins, login)
		count += !login->over && login->way == way;
	return count;
}

/* --- answers ----------------------------------------------------------------------------------------------------------- */

static void note_answer(struct login *login, uint32_t code, const char *text, const char *why)
{
	struct collab *c = login->collab;
	struct trail_entry entry = { .event = "answer", .pin = login->pin, .transaction = login->transaction,
		.numbers = { { "code", code }, { "session", login->session ? login->session->id : 0 },
		{ "took_us", loop_real_us() - login->started_us } } };

	trail_text(&entry, "status=%s login=%s why=%s user=%s", log_str(text), login->login_id, log_str(why), log_str(login->user));
	collab_note(c, &entry, login->session ? login->session->id : 0, true);
}

/* What the answer calls the login, so that who holds the device can ask `bramble trace show` about it. */
static struct bytes told_id(const struct login *login)
{
	return login->wants_id ? bytes_str(login->login_id) : (struct bytes){ 0 };
}

/* Consumes the login, or leaves it for the completion that is still to come. */
static void done(struct login *login)
{
	struct collab *c = login->collab;

	login->over = true;
	login->session = NULL;
	if (login->is_tried)
		penalties_end(c->penalties, login->pin, login->user, login->outcome, loop_now_ms(c->loop));
	login->is_tried = false;
	standing_progress(c);
	buf_wipe(&login->password);
	if (!login->in_database)
		free_login(login);
}

static void refuse(struct login *login, uint32_t code, const char *why)
{
	struct collab *c = login->collab;
	const char *text = im_code_status_text(code);
	struct im_login_fail fail = { .code = code, .status_text = bytes_str(text), .login_id = told_id(login) };

	c->counts.refused++;
	login->outcome = code == IM_BAD_CREDENTIALS ? PENALTY_WRONG : PENALTY_UNDECIDED;
	log_info("login refused device=%s user=%s login=%s code=%u status=%s reason=%s", pin_text(login->pin), log_str(login->user),
		login->login_id, code, log_str(text), log_str(why));
	note_answer(login, code, text, why);
	courier_send(c->courier, login->pin, 0, COURIER_KEEP | COURIER_LAST_WORD,
		collab_encode(c, &im_login_fail_msg, login->sequence, &fail));
	done(login);
}

/* --- the steps ---------------------------------------------------------------------------------------------------------- */

static void connect_backend(struct login *login)
{
	struct collab *c = login->collab;
	const struct db_environment *environment = environment_now(c->environment);
	const struct backend_target target = { .loop = c->loop, .host = environment->host, .port = environment->port, .tls = c->im_tls,
		.protocol_version = (uint32_t)c->settings->protocol_version, .refresh_ms = c->settings->list_refresh_ms,
		.http = c->http, .kerberos = c->kerberos, .clear = bytes_is(bytes_str(environment->transport), "http"),
		.json = c->settings->cwa_profile == COLLAB_CWA_LCS2005, .domain = c->settings->cwa_domain };

	login->session->backend = c->backend_type->open(&target, bytes_str(login->user), buf_bytes(&login->password),
		&session_backend_events, login->session);
	buf_wipe(&login->password);
}

static void note_census(struct login *login, const struct seat_answer *answer, const char *arithmetic)
{
	const struct seat_census *census = &answer->census;
	struct trail_entry entry = { .event = "admit", .pin = login->pin, .transaction = login->transaction, .numbers = {
		{ "max", census->max_sessions }, { "live", census->live }, { "evictable", census->evictable },
		{ "evicted", answer->ended_count }, { "capacity", census->transport_capacity }, { "session", answer->session } } };

	trail_text(&entry, "outcome=%s login=%s permitted=%s arithmetic=%s user=%s", seat_outcome_name(answer->decision.outcome),
		login->login_id, census->permitted ? "yes" : "no", log_str(arithmetic), log_str(login->user));
	collab_store(login->collab, &entry, (uint32_t)answer->session);
	history_number(&entry, "idle_ms", census->idle_timeout_ms);
	history_number(&entry, "evict_one", census->evict == SEAT_EVICT_ONE);
	history_number(&entry, "groupwise", census->groupwise);
	history_number(&entry, "decided_us", answer->decided_us);
	trail_note(login->collab->trail, &entry);
}

/* --- connections that must be closed first --------------------------------------------------------------------------------- */

static void await_closing(struct login *login, const struct seat_answer *answer)
{
	struct admission *a = login->collab->admission;

	if (!answer->closing_count)
		return;
	login->closing = memory_new(answer->closing_count * sizeof *login->closing);
	memcpy(login->closing, answer->closing, answer->closing_count * sizeof *login->closing);
	login->closing_count = answer->closing_count;
	login->wait_until_us = loop_real_us() + (ADMISSION_CLOSING_MS + login->collab->settings->database_poll_ms) * 1000;
	count_waiting(a, 1);
	if (!loop_timer_is_set(a->look))
		loop_timer_set(a->look, ADMISSION_LOOK_MS);
}

static bool is_in(uint64_t session, const uint64_t *sessions, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (sessions[i] == session)
			return true;
	}
	return false;
}

static void no_longer_waits(struct login *login)
{
	free(login->closing);
	login->closing = NULL;
	login->closing_count = 0;
	count_waiting(login->collab->admission, -1);
	/* Without a session it is only just being admitted, and connects by itself. */
	if (!login->over && login->session)
		connect_backend(login);
}

/* Of those that the login waits for stay the ones in the list, or (closed) all but this one. */
static void forget_closed(struct login *login, uint64_t closed, const uint64_t *remaining, size_t count)
{
	size_t kept = 0;

	if (!login->closing_count)
		return;
	for (size_t i = 0; i < login->closing_count; i++) {
		uint64_t session = login->closing[i];

		if (closed ? session != closed : is_in(session, remaining, count))
			login->closing[kept++] = session;
	}
	if (kept)
		login->closing_count = kept;
	else
		no_longer_waits(login);
}

void admission_closed(struct admission *a, uint32_t session)
{
	struct login *login, *next;

	owner_closed(a->collab->owner, session);
	if (!a->waiting)
		return;
	DL_FOREACH_SAFE(a->logins, login, next)
		forget_closed(login, session, NULL, 0);
}

/* Their owner is stopped, or cannot reach the database. Nobody shall wait for those again. */
static void give_up_waiting(struct login *login)
{
	struct collab *c = login->collab;

	for (size_t i = 0; i < login->closing_count; i++) {
		log_warning("connection of an ended session not known to be closed session=%llu login=%s: the login goes on",
			(unsigned long long)login->closing[i], login->login_id);
		owner_closed(c->owner, login->closing[i]);
	}
	no_longer_waits(login);
}

static void looked(void *ctx, enum db_status status, const uint64_t *sessions, size_t count)
{
	struct admission *a = ctx;
	struct login *login, *next;

	a->looking = false;
	DL_FOREACH_SAFE(a->logins, login, next) {
		if (status == DB_OK)
			forget_closed(login, 0, sessions, count);
		if (login->closing_count && loop_real_us() >= login->wait_until_us)
			give_up_waiting(login);
	}
	if (a->waiting)
		loop_timer_set(a->look, ADMISSION_LOOK_MS);
}

static void look(void *arg)
{
	struct admission *a = arg;

	if (a->looking || !a->waiting)
		return;
	a->looking = true;
	db_session_closing(a->collab->db, environment_now(a->collab->environment)->name, looked, a);
}

/* Sessions that the transaction has ended. Ours end here and now; those of other services are ended by their owners. */
static void end_others(struct login *login, const struct seat_answer *answer)
{
	struct collab *c = login->collab;

	for (size_t i = 0; i < answer->ended_count; i++) {
		const struct seat_ended *ended = &answer->ended[i];
		struct trail_entry entry = { .event = "seat.ended", .pin = login->pin, .transaction = login->transaction, .numbers = {
			{ "session", ended->session }, { "reason", (uint64_t)ended->reason }, { "owner", ended->owner },
			{ "decided_us", answer->decided_us } } };
		struct session *s = ended->owner == owner_seat(c->owner).id ? session_table_find(&c->sessions, (uint32_t)ended->session)
			: NULL;

		trail_text(&entry, "by=%s", login->login_id);
		trail_record(c->trail, &entry);
		if (s)
			session_end(s, (enum im_logout_reason)ended->reason, login->login_id, false);
	}
}

static uint32_t code_of(const struct seat_answer *answer)
{
	switch (answer->decision.outcome) {
	case SEAT_SERVER_BUSY:
		return IM_SERVER_BUSY;
	case SEAT_CAPACITY:
		return answer->census.groupwise ? IM_FAILED_300 : IM_FAILED_CAPACITY;
	case SEAT_NOT_PERMITTED:
		return IM_NOT_PERMITTED;
	case SEAT_ADMITTED:
		break;
	}
	return IM_OK;
}

static void admitted(void *ctx, enum db_status status, const struct seat_answer *answer)
{
	struct login *login = ctx;
	struct collab *c = login->collab;
	struct buf arithmetic = { 0 };
	bool accepted;

	login->in_database = false;
	if (status != DB_OK) {
		struct error err;

		error_set(&err, "%s", status == DB_CONFLICT ? "another instance has taken over" : db_last_error(c->db));
		refuse(login, IM_NO_DATABASE, err.text);
		return;
	}
	accepted = answer->decision.outcome == SEAT_ADMITTED;
	limits_explain(&answer->census, &answer->decision, &arithmetic);
	log_info("login %s device=%s user=%s login=%s session=%llu %s", accepted ? "admitted" : "not admitted", pin_text(login->pin),
		log_str(login->user), login->login_id, (unsigned long long)answer->session, buf_cstr(&arithmetic));
	note_census(login, answer, buf_cstr(&arithmetic));
	if (accepted)
		await_closing(login, answer);
	end_others(login, answer);
	if (accepted && (c->stopping || c->fenced)) {
		collab_record(c, "seat.release", login->pin, (uint32_t)answer->session, 0, NULL, 0);
		owner_release(c->owner, answer->session, IM_REASON_SHUTDOWN, false);
		refuse(login, IM_NO_DATABASE, "the service ends");
	} else if (!accepted) {
		refuse(login, code_of(answer), buf_cstr(&arithmetic));
	} else {
		c->counts.admitted++;
		login->session = session_new(c, (uint32_t)answer->session, login->pin, login->user, login->login_id, login->transaction);
		login->session->login = login;
		login->session->way = login->way;
		if (!login->closing_count)
			connect_backend(login);
	}
	buf_free(&arithmetic);
}

static bool is_under_way(const struct admission *a, uint32_t pin, uint32_t sequence, const struct im_login *message)
{
	const struct login *login;

	DL_FOREACH(a->logins, login) {
		if (!login->over && login->pin == pin && login->sequence == sequence && bytes_is(message->user, login->user))
			return true;
	}
	return false;
}

/* false: it was too early, and is answered as a wrong password is, so that nobody learns more by asking again. */
static bool may_try(struct login *login)
{
	struct collab *c = login->collab;
	uint64_t wait_ms = penalties_try(c->penalties, login->pin, login->user, loop_now_ms(c->loop));
	char why[96];

	login->is_tried = wait_ms == 0;
	if (login->is_tried)
		return true;
	c->counts.penalties++;
	snprintf(why, sizeof why, "too many wrong passwords: the next one is looked at in %llu ms", (unsigned long long)wait_ms);
	refuse(login, IM_BAD_CREDENTIALS, why);
	return false;
}

void admission_login(struct admission *a, unsigned way, uint32_t pin, uint32_t transaction, uint32_t sequence, const struct im_login *message)
{
	struct collab *c = a->collab;
	struct trail_entry entry = { .event = "login", .pin = pin, .transaction = transaction };
	struct seat_request request;
	struct login *login;

	c->counts.logins++;
	if (is_under_way(a, pin, sequence, message)) {
		c->counts.duplicates++;
		return;
	}
	login = memory_new(sizeof *login);
	login->collab = c;
	login->way = way;
	login->pin = pin;
	login->transaction = transaction;
	login->sequence = sequence;
	login->user = bytes_dup(message->user);
	login->wants_id = message->capabilities & IM_CAPABLE_LOGIN_ID;
	login->wants_policy = login->wants_id && message->capabilities & IM_CAPABLE_POLICY;
	login->started_us = loop_real_us();
	snprintf(login->login_id, sizeof login->login_id, "%s-%u", pin_text(pin), transaction);
	DL_APPEND(a->logins, login);
	a->count++;
	trail_text(&entry, "user=%s login=%s", log_str(login->user), login->login_id);
	collab_note(c, &entry, 0, false);
	if (strlen(login->user) != message->user.len || !login->user[0] || message->password.len == 0) {
		refuse(login, IM_BAD_CREDENTIALS, "user ID or password is missing or holds a NUL");
		return;
	}
	if (c->fenced || c->stopping) {
		refuse(login, IM_NO_DATABASE, c->fenced ? "another instance has taken over" : "the service ends");
		return;
	}
	if (a->count > c->settings->logins) {
		refuse(login, IM_OVERLOADED, "too many logins are under way");
		return;
	}
	if (!standing_takes_logins(c, way)) {
		refuse(login, IM_NO_DATABASE, "this service of the pool is not the active one");
		return;
	}
	if (!may_try(login))
		return;
	buf_append(&login->password, message->password);
	request = (struct seat_request){ .environment = environment_now(c->environment)->name, .owner = owner_seat(c->owner), .pin = pin,
		.im_user = login->user, .login_id = login->login_id, .now_ms = loop_now_ms(c->loop), .decide = limits_decide };
	login->in_database = true;
	db_session_admit(c->db, &request, admitted, login);
}

static void recorded(void *ctx, enum db_status status)
{
	struct login *login = ctx;
	struct collab *c = login->collab;
	struct session *s = login->session;
	struct im_login_ok ok;

	login->in_database = false;
	if (login->over) {
		free_login(login);
		return;
	}
	if (status != DB_OK) {
		/* session_end refuses the login. */
		session_end(s, status == DB_UNAVAILABLE ? IM_REASON_REFUSED : IM_REASON_REPLACED, status == DB_UNAVAILABLE ?
			"the database did not record the login" : "its seat was given to another login", status == DB_UNAVAILABLE);
		return;
	}
	ok = (struct im_login_ok){ .session = s->id, .display_name = bytes_str(login->display_name),
		.status_interval_s = (uint32_t)(c->settings->status_interval_ms / 1000), .login_id = told_id(login),
		.forget_password = login->wants_policy && login->forget_password };
	c->counts.answered++;
	login->outcome = PENALTY_RIGHT;
	log_info("login done device=%s user=%s session=%u login=%s took_ms=%llu", pin_text(login->pin), log_str(login->user), s->id,
		login->login_id, (unsigned long long)((loop_real_us() - login->started_us) / 1000));
	note_answer(login, IM_OK, im_code_status_text(IM_OK), "");
	courier_send(c->courier, login->pin, s->id, COURIER_KEEP, collab_encode(c, &im_login_ok_msg, login->sequence, &ok));
	done(login);
	session_start(s);
}

void admission_logged_in(struct login *login, struct bytes display_name, bool forget_password)
{
	struct collab *c = login->collab;
	struct session *s = login->session;
	struct trail_entry entry = { .event = "backend.login", .pin = login->pin, .transaction = login->transaction,
		.numbers = { { "session", s->id }, { "took_us", loop_real_us() - login->started_us } } };

	standing_im_server(c, true);
	login->forget_password = forget_password;
	login->display_name = bytes_dup(utf8_cut(display_name, IM_NAME_MAX));
	trail_text(&entry, "user=%s login=%s name=%s", log_str(login->user), login->login_id, log_str(login->display_name));
	collab_note(c, &entry, s->id, false);
	login->in_database = true;
	db_session_activate(c->db, owner_seat(c->owner), s->id, recorded, login);
}

void admission_login_failed(struct login *login, uint32_t code, const char *why)
{
	struct session *s = login->session;

	standing_im_server(login->collab, code != IM_UNREACHABLE);
	s->login = NULL;
	refuse(login, code, why);
	session_end(s, code == IM_UNREACHABLE ? IM_REASON_SERVER_LOST : IM_REASON_REFUSED, why, true);
}

void admission_abandoned(struct login *login, enum im_logout_reason reason, const char *why)
{
	switch (reason) {
	case IM_REASON_SERVER_LOST:
	case IM_REASON_ELSEWHERE:
		refuse(login, IM_UNREACHABLE, why);
		break;
	case IM_REASON_REFUSED:
		refuse(login, IM_NO_DATABASE, why);
		break;
	default:
		refuse(login, IM_NO_SESSION, why);
	}
}
