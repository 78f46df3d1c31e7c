#include "collab/collab.h"

#include <stdlib.h>

#include "base/io/http_client.h"
#include "base/io/tls.h"
#include "base/log.h"
#include "base/memory.h"
#include "collab/cwa_client.h"
#include "collab/cwa_kerberos.h"
#include "collab/device.h"
#include "collab/doubt.h"
#include "collab/groupwise_client.h"
#include "collab/parts.h"
#include "collab/penalty.h"
#include "collab/standing.h"
#include "db/trail.h"
#include "protocol/srp.h"

enum { STOP_MS = 3000, ENDS_LOOKED_AT = 256 };

/* --- what the parts share --------------------------------------------------------------------------------------------- */

struct bytes collab_encode(struct collab *c, const struct wire_msg *msg, uint32_t sequence, const void *in)
{
	buf_clear(&c->scratch);
	im_encode(msg, sequence, in, &c->scratch);
	return buf_bytes(&c->scratch);
}

static void stored(void *ctx, enum db_status status)
{
	(void)ctx;
	if (status != DB_OK)
		log_debug("event not stored status=%s", db_status_text(status));
}

void collab_note(struct collab *c, const struct trail_entry *entry, uint32_t session, bool store)
{
	trail_note(c->trail, entry);
	if (store)
		collab_store(c, entry, session);
}

void collab_store(struct collab *c, const struct trail_entry *entry, uint32_t session)
{
	struct buf text = { 0 };
	struct db_trail_entry row;

	for (size_t i = 0; i < sizeof entry->numbers / sizeof *entry->numbers && entry->numbers[i].name; i++)
		buf_printf(&text, "%s=%llu ", entry->numbers[i].name, (unsigned long long)entry->numbers[i].value);
	buf_text(&text, entry->text);
	row = (struct db_trail_entry){ .wall_ms = loop_wall_ms(), .process = "collab", .event = entry->event, .pin = entry->pin,
		.transaction = entry->transaction, .session = session, .text = buf_cstr(&text) };
	db_trail_append(c->db, &row, 1, stored, NULL);
	buf_free(&text);
}

void collab_record(struct collab *c, const char *event, uint32_t pin, uint32_t session, uint32_t sequence, const char *name, uint64_t value)
{
	if (trail_is_heard(c->trail))
		trail_record(c->trail, &(struct trail_entry){ .event = event, .pin = pin, .numbers = { { "session", session },
			{ "sequence", sequence }, { name, value } } });
}

/* --- the dispatcher's side -------------------------------------------------------------------------------------------- */

static void link_changed(void *ctx, bool up)
{
	const struct collab_way *w = ctx;

	courier_link(w->collab->courier, w->number, up);
}

static bool is_login(struct bytes clear)
{
	enum im_type type;
	uint32_t sequence;
	struct error err;

	return im_peek(clear, &type, &sequence, &err) == 0 && type == IM_LOGIN;
}

static void link_message(void *ctx, const struct link_up *up)
{
	const struct collab_way *w = ctx;

	if (standing_is_draining(w->collab, w->number) && !is_login(up->clear))
		return;
	if (!doubt_takes(w->collab->doubt, w->number, up))
		device_message(w->collab, w->number, up);
}

static void link_status(void *ctx, uint32_t tag, uint32_t status)
{
	const struct collab_way *w = ctx;

	courier_status(w->collab->courier, tag, status);
}

static void link_coverage(void *ctx, uint32_t pin, bool available)
{
	const struct collab_way *w = ctx;

	courier_coverage(w->collab->courier, w->number, pin, available);
}

static void link_drained(void *ctx)
{
	const struct collab_way *w = ctx;

	courier_drained(w->collab->courier);
}

static void link_introduce(void *ctx, struct link_register *registration)
{
	const struct collab_way *w = ctx;

	standing_introduce(w->collab, w->number, registration);
}

static void link_promote(void *ctx, const struct link_promote *promote)
{
	const struct collab_way *w = ctx;

	standing_promote(w->collab, w->number, promote);
}

static void link_demote(void *ctx, const struct link_demote *demote)
{
	const struct collab_way *w = ctx;

	standing_demote(w->collab, w->number, demote);
}

static void link_moved(void *ctx, const struct link_moved *moved)
{
	const struct collab_way *w = ctx;

	standing_moved(w->collab, w->number, moved);
}

static const struct dispatcher_link_callbacks link_callbacks = {
	.drained = link_drained, .introduce = link_introduce, .promote = link_promote, .demote = link_demote, .moved = link_moved,
	.changed = link_changed, .message = link_message, .status = link_status, .coverage = link_coverage,
};

static void courier_out(void *ctx, unsigned way, uint32_t pin, uint32_t tag, struct bytes clear)
{
	struct collab *c = ctx;

	dispatcher_link_send(c->links[way], pin, tag, clear);
}

static bool way_is_full(void *ctx, unsigned way)
{
	const struct collab *c = ctx;

	return owner_in_doubt(c->owner) || dispatcher_link_is_full(c->links[way]);
}

static void coverage_changed(void *ctx, uint32_t pin, bool available)
{
	struct collab *c = ctx;
	struct session *s = session_table_of_pin(&c->sessions, pin);

	if (s)
		session_coverage(s, available);
}

static void event_dropped(void *ctx, uint32_t pin, uint32_t session)
{
	struct collab *c = ctx;
	struct session *s = session_table_find(&c->sessions, session);

	if (s && s->pin == pin)
		session_dropped(s);
}

static void event_fate(void *ctx, uint32_t pin, uint32_t session, struct bytes clear, enum courier_fate fate)
{
	static const char *const events[COURIER_FATES] = { [COURIER_QUEUED] = "event.queued", [COURIER_DELIVERED] = "event.delivered",
		[COURIER_DROPPED] = "event.dropped", [COURIER_REFUSED] = "event.refused", [COURIER_FORGOTTEN] = "event.forgotten" };
	struct collab *c = ctx;
	enum im_type type;
	uint32_t sequence;

	if (trail_is_heard(c->trail) && im_peek(clear, &type, &sequence, NULL) == 0)
		collab_record(c, events[fate], pin, session, sequence, "type", type);
}

static const struct courier_callbacks courier_callbacks = { .fate = event_fate, .send = courier_out, .is_full = way_is_full, .coverage = coverage_changed,
	.dropped = event_dropped };

/* --- the database's side ---------------------------------------------------------------------------------------------- */

static void follow_limits(struct session *s, void *arg)
{
	(void)arg;
	session_limits_changed(s);
}

static void record_limits(struct collab *c)
{
	const struct db_environment *now = environment_now(c->environment);
	struct trail_entry entry = { .event = "limits", .numbers = { { "max", now->max_sessions }, { "idle_ms", now->idle_timeout_ms },
		{ "inactivity_ms", now->inactivity_timeout_ms }, { "capacity", now->transport_capacity },
		{ "evict_one", now->evict == SEAT_EVICT_ONE } } };

	trail_text(&entry, "environment=%s", log_str(now->name));
	trail_record(c->trail, &entry);
}

static void record_owner(struct collab *c, const char *event)
{
	struct seat_owner seat = owner_seat(c->owner);
	struct trail_entry entry = { .event = event, .numbers = { { "owner", seat.id }, { "epoch", seat.epoch },
		{ "lease_ms", c->settings->lease_ms } } };

	trail_text(&entry, "instance=%s environment=%s", log_str(c->settings->instance), log_str(c->settings->environment));
	trail_record(c->trail, &entry);
}

static void seat_free(void *ctx, uint64_t session)
{
	collab_record(ctx, "seat.free", 0, (uint32_t)session, 0, NULL, 0);
}

static void limits_changed(void *ctx)
{
	struct collab *c = ctx;

	record_limits(c);
	session_table_each(&c->sessions, follow_limits, NULL);
}

static enum im_logout_reason reason_of(const char *name)
{
	for (uint32_t reason = IM_REASON_LOGOUT; reason <= IM_REASON_SERVICE_LOST; reason++) {
		if (bytes_is(bytes_str(name), im_reason_name(reason)))
			return (enum im_logout_reason)reason;
	}
	return IM_REASON_SHUTDOWN;        /* the owner lost its place */
}

static void others_changed(void *ctx);

/* Another service's login, or a tool, may have ended sessions of ours: the ends since the last look tell. */
static void got_ends(void *ctx, enum db_status status, const struct seat_row *rows, size_t count)
{
	struct collab *c = ctx;

	c->looking = false;
	for (size_t i = 0; status == DB_OK && i < count; i++) {
		struct session *s = session_table_find(&c->sessions, (uint32_t)rows[i].session);      /* ids fit */

		c->ends_seen = rows[i].ended_as;
		if (s)
			session_end(s, reason_of(rows[i].reason), *rows[i].ended_by ? rows[i].ended_by : "it was ended in the database",
				false);
	}
	if (c->look_again || (status == DB_OK && count == ENDS_LOOKED_AT))
		others_changed(c);
}

static void others_changed(void *ctx)
{
	struct collab *c = ctx;

	c->look_again = c->looking;
	if (c->looking)
		return;
	c->looking = true;
	db_session_ends(c->db, owner_seat(c->owner), c->ends_seen, ENDS_LOOKED_AT, got_ends, c);
}

static void end_fenced(struct session *s, void *arg)
{
	(void)arg;
	session_end(s, IM_REASON_SHUTDOWN, "another instance has taken over", false);
}

static void fenced(void *ctx)
{
	struct collab *c = ctx;

	c->fenced = true;
	record_owner(c, "owner.fenced");
	session_table_each(&c->sessions, end_fenced, NULL);
	/* Logins among it get their answer: that somebody else has taken over. */
	doubt_is_over(c->doubt);
	courier_drained(c->courier);
	loop_stop(c->loop);
}

static void sure_again(void *ctx)
{
	struct collab *c = ctx;

	log_info("lease renewed instance=%s: its seats are still its own", log_str(c->settings->instance));
	doubt_is_over(c->doubt);
	courier_drained(c->courier);
}

bool collab_is_fenced(const struct collab *collab)
{
	return collab->fenced;
}

/* --- beginning and end ------------------------------------------------------------------------------------------------ */

static int make_im_tls(struct collab *c, struct error *err)
{
	const struct collab_settings *set = c->settings;
	const struct tls_settings tls = {
		.ca_file = set->trust == COLLAB_TRUST_CA ? set->trust_ca : NULL,
		.pin_sha256 = set->trust == COLLAB_TRUST_PIN ? set->trust_pin : NULL,
		.trust_any = set->trust == COLLAB_TRUST_NONE,
		.session_tickets = true,
	};

	if (collab_settings_check_trust(set, err) != 0)
		return -1;
	if (set->trust == COLLAB_TRUST_NONE)
		log_warning("collab.trust = none: passwords go to whoever answers at the IM server's address");
	c->im_tls = tls_new(&tls, err);
	return c->im_tls ? 0 : -1;
}

static int make_dispatcher_tls(struct collab *c, struct error *err)
{
	const struct collab_settings *set = c->settings;
	const struct tls_settings tls = { .certificate_file = set->tls_certificate, .key_file = set->tls_key, .ca_file = set->tls_ca,
		.only_tls13 = true };

	if (!set->tls_certificate && !set->tls_key && !set->tls_ca)
		return 0;
	c->dispatcher_tls = tls_new(&tls, err);
	return c->dispatcher_tls ? 0 : -1;
}

static bool is_transport(const struct db_environment *environment, const char *name)
{
	return bytes_is(bytes_str(environment->transport), name);
}

/* How the environment's IM server is spoken to, and what that takes. */
static int use_groupwise(struct collab *c, const struct db_environment *environment, struct error *err)
{
	if (!is_transport(environment, "tls"))
		return error_set(err, "environment %s has transport %s; with GroupWise it is always tls", environment->name,
			environment->transport);
	c->backend_type = &groupwise_backend;
	return make_im_tls(c, err);
}

static int use_cwa(struct collab *c, const struct db_environment *environment, struct error *err)
{
	if (!is_transport(environment, "https") && !is_transport(environment, "http"))
		return error_set(err, "environment %s has transport %s; with Communicator Web Access it is https or http", environment->name,
			environment->transport);
	if (is_transport(environment, "http"))
		log_warning("environment %s has transport http: passwords may go to the IM server in clear", log_str(environment->name));
	else if (make_im_tls(c, err) != 0)
		return -1;
	c->http = http_client_new(c->loop, c->im_tls);
	if (c->settings->cwa_realm && *c->settings->cwa_realm)
		c->kerberos = cwa_kerberos_new(c->loop, c->settings->cwa_realm);
	c->backend_type = &cwa_backend;
	return 0;
}

static int use_backend(struct collab *c, struct error *err)
{
	const struct db_environment *environment = environment_now(c->environment);

	return (environment->type == DB_CWA ? use_cwa : use_groupwise)(c, environment, err);
}

/* Gives back what there is; nothing of it is at work yet or any more. */
static void free_parts(struct collab **collab)
{
	struct collab *c = *collab;

	for (unsigned way = 0; way < COLLAB_DISPATCHERS_MAX; way++)
		dispatcher_link_free(&c->links[way]);
	standing_free(&c->standing);
	doubt_free(&c->doubt);
	admission_free(&c->admission);
	penalties_free(&c->penalties);
	owner_free(&c->owner);
	environment_free(&c->environment);
	courier_free(&c->courier);
	cwa_kerberos_free(&c->kerberos);
	http_client_free(&c->http);
	tls_free(&c->im_tls);
	tls_free(&c->dispatcher_tls);
	buf_wipe(&c->scratch);
	free(c);
	*collab = NULL;
}

/* Checked before. */
static void dial_dispatchers(struct collab *c)
{
	char *addresses[COLLAB_DISPATCHERS_MAX];
	struct error err;
	int count = collab_settings_dispatchers(c->settings, addresses, &err);

	c->standing = standing_new(c);
	for (int i = 0; i < count; i++) {
		c->ways[i] = (struct collab_way){ .collab = c, .number = (unsigned)i };
		c->links[i] = dispatcher_link_new(c->loop, &(struct dispatcher_link_settings){
			.address = addresses[i], .instance = c->settings->instance, .tls = c->dispatcher_tls,
			.ping_interval_ms = c->settings->ping_interval_ms, .ping_misses = (unsigned)c->settings->ping_misses,
		}, &link_callbacks, &c->ways[i]);
		c->way_count++;
		free(addresses[i]);
	}
}

struct collab *collab_new(struct loop *loop, const struct collab_settings *set, struct db *db, struct trail *trail, int *status,
	struct error *err)
{
	struct collab *c = memory_new(sizeof *c);

	c->loop = loop;
	c->settings = set;
	c->db = db;
	c->trail = trail;
	c->courier = courier_new(loop, &courier_callbacks, c);
	c->penalties = penalties_new((unsigned)set->penalty_after, set->penalty_longest_ms);
	c->admission = admission_new(c);
	c->doubt = doubt_new(c);
	*status = EXIT_CONFIG;
	if (collab_settings_check(set, err) != 0)
		goto fail;
	if (make_dispatcher_tls(c, err) != 0)
		goto fail;
	c->environment = environment_new(db, set->environment, (uint32_t)set->database_poll_ms, limits_changed, c, status, err);
	if (!c->environment || use_backend(c, err) != 0)
		goto fail;
	*status = EXIT_DATABASE;
	c->owner = owner_new(loop, db, set->environment, set->instance, set->lease_ms, fenced, c, err);
	if (!c->owner)
		goto fail;
	owner_on_sure(c->owner, sure_again);
	owner_on_free(c->owner, seat_free);
	record_owner(c, "owner.start");
	record_limits(c);
	environment_on_change(c->environment, others_changed);
	dial_dispatchers(c);
	return c;
fail:
	free_parts(&c);
	return NULL;
}

static void end_for_stop(struct session *s, void *arg)
{
	struct collab *c = arg;

	session_end(s, IM_REASON_SHUTDOWN, "the service ends", !c->fenced);
}

static bool is_written(const struct collab *c)
{
	for (unsigned way = 0; way < c->way_count; way++) {
		if (dispatcher_link_is_up(c->links[way]) && dispatcher_link_queued(c->links[way]))
			return false;
	}
	return true;
}

static bool is_quiet(const struct collab *c)
{
	struct courier_counts counts;

	courier_count(c->courier, &counts);
	return c->sessions.closing == 0 && owner_releasing(c->owner) == 0 && admission_count(c->admission) == 0 &&
		(counts.waiting == 0 || is_written(c));
}

/* A member of a pool says that it goes, so that another one is active at once. */
static void leave(struct collab *c)
{
	uint64_t until_us = loop_real_us() + STOP_MS * 1000ULL;

	if (c->settings->role == COLLAB_ALONE)
		return;
	for (unsigned way = 0; way < c->way_count; way++)
		dispatcher_link_leave(c->links[way]);
	while (!is_written(c) && loop_real_us() < until_us)
		loop_round(c->loop, 20);
}

void collab_free(struct collab **collab)
{
	struct collab *c = *collab;
	uint64_t until_us;

	if (!c)
		return;
	c->stopping = true;
	session_table_each(&c->sessions, end_for_stop, c);
	until_us = loop_real_us() + STOP_MS * 1000ULL;
	/* A backend ends in time by itself, however long the loop takes to get round to it. */
	while (!is_quiet(c) && (c->sessions.closing || loop_real_us() < until_us))
		loop_round(c->loop, 20);
	leave(c);
	db_wait(c->db);
	free_parts(collab);
}
