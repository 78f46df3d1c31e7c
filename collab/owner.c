#include "collab/owner.h"

#include <stdlib.h>

#include <uthash.h>
#include <utlist.h>

#include "base/log.h"
#include "base/memory.h"
#include "protocol/im.h"

enum { RENEWALS = 3 };        /* within a lease: two may be lost */

struct release {
	struct release *prev, *next;
	UT_hash_handle hh;         /* by session, as long as there is a reason */
	struct owner *owner;
	uint64_t session;
	int reason;                /* 0: the seat is free, only the connection is to be called closed */
	bool closing;
	bool closed;               /* meanwhile: to be said when the seat is free */
	bool asked;                /* a completion will come back */
};

struct owner {
	struct loop *loop;
	struct db *db;
	struct seat_owner seat;
	char *instance;
	uint64_t lease_ms;
	owner_fenced_fn *fenced;
	void *ctx;
	struct loop_timer *renew;
	struct loop_timer *retry;  /* on the real clock: the database's absence is real */
	struct release *releases, *ending;
	size_t release_count;
	enum db_status start_status;
	loop_fn *sure;
	owner_free_seat_fn *freed;
	uint64_t asked_ms;         /* the renewal that is under way, or was last answered */
	uint64_t sure_until_ms;
	bool renewing, ill, is_fenced, doubted;
};

static void renew(void *arg);
static void retry(void *arg);

static void started(void *ctx, enum db_status status, struct seat_owner seat)
{
	struct owner *o = ctx;

	o->start_status = status;
	o->seat = seat;
}

struct owner *owner_new(struct loop *loop, struct db *db, const char *environment, const char *instance, uint64_t lease_ms,
	owner_fenced_fn *fenced, void *ctx, struct error *err)
{
	struct owner *o = memory_new(sizeof *o);

	o->loop = loop;
	o->db = db;
	o->instance = memory_str(instance);
	o->lease_ms = lease_ms;
	o->fenced = fenced;
	o->ctx = ctx;
	o->renew = loop_timer_new(loop, renew, o);
	o->retry = loop_timer_new_real(loop, retry, o);
	o->asked_ms = loop_now_ms(loop);
	o->sure_until_ms = o->asked_ms + lease_ms;
	db_owner_start(db, environment, instance, loop_now_ms(loop), o->lease_ms, started, o);
	db_wait(db);
	if (o->start_status != DB_OK) {
		error_set(err, "Collaboration Service %s cannot take its place in environment %s: %s", instance, environment,
			db_last_error(db));
		owner_free(&o);
		return NULL;
	}
	loop_timer_set(o->renew, o->lease_ms / RENEWALS);
	return o;
}

void owner_free(struct owner **owner)
{
	struct owner *o = *owner;
	struct release *r, *next;

	if (!o)
		return;
	HASH_CLEAR(hh, o->ending);
	DL_FOREACH_SAFE(o->releases, r, next) {
		if (r->reason)
			log_error("seat not given back session=%llu reason=%s", (unsigned long long)r->session,
				im_reason_name((uint32_t)r->reason));
		free(r);
	}
	loop_timer_free(&o->renew);
	loop_timer_free(&o->retry);
	free(o->instance);
	free(o);
	*owner = NULL;
}

struct seat_owner owner_seat(const struct owner *owner)
{
	return owner->seat;
}

/* Says it once per illness, not once per try. */
static void say_health(struct owner *o, enum db_status status)
{
	bool ill = status == DB_UNAVAILABLE;

	if (ill && !o->ill)
		log_error("database unavailable error=%s: logins fail, live sessions go on", log_str(db_last_error(o->db)));
	else if (!ill && o->ill)
		log_info("database available again");
	o->ill = ill;
}

static void renewed(void *ctx, enum db_status status)
{
	struct owner *o = ctx;

	o->renewing = false;
	say_health(o, status);
	if (o->is_fenced)
		return;
	if (status != DB_CONFLICT) {
		o->sure_until_ms = o->asked_ms + o->lease_ms;
		if (o->doubted && !owner_in_doubt(o)) {
			o->doubted = false;
			o->sure(o->ctx);
		}
		return;
	}
	o->is_fenced = true;
	loop_timer_cancel(o->renew);
	log_error("fenced instance=%s epoch=%u: another instance of that name has taken over, or its lease ran out", log_str(o->instance), o->seat.epoch);
	o->fenced(o->ctx);
}

bool owner_in_doubt(struct owner *o)
{
	if (o->is_fenced || loop_now_ms(o->loop) < o->sure_until_ms)
		return false;
	o->doubted = true;
	renew(o);
	return true;
}

bool owner_is_ill(const struct owner *owner)
{
	return owner->ill;
}

void owner_on_sure(struct owner *owner, loop_fn *fn)
{
	owner->sure = fn;
}

void owner_on_free(struct owner *owner, owner_free_seat_fn *fn)
{
	owner->freed = fn;
}

static void renew(void *arg)
{
	struct owner *o = arg;

	loop_timer_set(o->renew, o->lease_ms / RENEWALS);
	if (o->renewing)
		return;
	o->renewing = true;
	o->asked_ms = loop_now_ms(o->loop);
	db_owner_renew(o->db, o->seat, o->asked_ms, o->lease_ms, renewed, o);
}

static void ask(struct release *r);

static void released(void *ctx, enum db_status status)
{
	struct release *r = ctx;
	struct owner *o = r->owner;

	r->asked = false;
	say_health(o, status);
	/* A seat that somebody newer owns is not ours to give back. */
	if (status == DB_UNAVAILABLE) {
		r->closing = r->closing && !r->closed;
		if (!loop_timer_is_set(o->retry))
			loop_timer_set(o->retry, OWNER_RETRY_MS);
		return;
	}
	if (r->reason) {
		HASH_DEL(o->ending, r);
		if (o->freed)
			o->freed(o->ctx, r->session);
	}
	if (r->closing && r->closed) {
		r->reason = 0;
		r->closing = false;
		ask(r);
		return;
	}
	DL_DELETE(o->releases, r);
	o->release_count--;
	free(r);
}

static void ask(struct release *r)
{
	struct owner *o = r->owner;

	if (r->asked)
		return;
	r->asked = true;
	if (r->reason)
		db_session_end(o->db, o->seat, r->session, r->reason, r->closing, released, r);
	else
		db_session_closed(o->db, r->session, released, r);
}

static void retry(void *arg)
{
	struct owner *o = arg;
	struct release *r, *next;

	DL_FOREACH_SAFE(o->releases, r, next)
		ask(r);
}

void owner_release(struct owner *o, uint64_t session, int reason, bool closing)
{
	struct release *r = memory_new(sizeof *r);

	r->owner = o;
	r->session = session;
	r->reason = reason;
	r->closing = closing;
	DL_APPEND(o->releases, r);
	o->release_count++;
	if (reason)
		HASH_ADD(hh, o->ending, session, sizeof r->session, r);
	ask(r);
}

void owner_closed(struct owner *o, uint64_t session)
{
	struct release *r;

	HASH_FIND(hh, o->ending, &session, sizeof session, r);
	if (!r) {
		owner_release(o, session, 0, false);
		return;
	}
	r->closed = true;
	r->closing = r->closing && r->asked;
}

size_t owner_releasing(const struct owner *owner)
{
	return owner->release_count;
}
