#include "collab/owner.h"

#include <stdlib.h>

#include <utlist.h>

#include "base/log.h"
#include "base/memory.h"
#include "protocol/im.h"

struct release {
	struct release *prev, *next;
	struct owner *owner;
	uint64_t session;
	int reason;
	bool asked;                /* a completion will come back */
};

struct owner {
	struct loop *loop;
	struct db *db;
	struct seat_owner seat;
	char *instance;
	owner_fenced_fn *fenced;
	void *ctx;
	struct loop_timer *renew;
	struct loop_timer *retry;  /* on the real clock: the database's absence is real */
	struct release *releases;
	size_t release_count;
	enum db_status start_status;
	bool renewing, ill, is_fenced;
};

static void renew(void *arg);
static void retry(void *arg);

static void started(void *ctx, enum db_status status, struct seat_owner seat)
{
	struct owner *o = ctx;

	o->start_status = status;
	o->seat = seat;
}

struct owner *owner_new(struct loop *loop, struct db *db, const char *environment, const char *instance, owner_fenced_fn *fenced,
	void *ctx, struct error *err)
{
	struct owner *o = memory_new(sizeof *o);

	o->loop = loop;
	o->db = db;
	o->instance = memory_str(instance);
	o->fenced = fenced;
	o->ctx = ctx;
	o->renew = loop_timer_new(loop, renew, o);
	o->retry = loop_timer_new_real(loop, retry, o);
	db_owner_start(db, environment, instance, loop_now_ms(loop), OWNER_LEASE_MS, started, o);
	db_wait(db);
	if (o->start_status != DB_OK) {
		error_set(err, "Collaboration Service %s cannot take its place in environment %s: %s", instance, environment,
			db_last_error(db));
		owner_free(&o);
		return NULL;
	}
	loop_timer_set(o->renew, OWNER_RENEW_MS);
	return o;
}

void owner_free(struct owner **owner)
{
	struct owner *o = *owner;
	struct release *r, *next;

	if (!o)
		return;
	DL_FOREACH_SAFE(o->releases, r, next) {
		log_error("seat not given back session=%llu reason=%s", (unsigned long long)r->session, im_reason_name((uint32_t)r->reason));
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
	if (status != DB_CONFLICT || o->is_fenced)
		return;
	o->is_fenced = true;
	loop_timer_cancel(o->renew);
	log_error("fenced instance=%s epoch=%u: another instance of that name has taken over", log_str(o->instance), o->seat.epoch);
	o->fenced(o->ctx);
}

static void renew(void *arg)
{
	struct owner *o = arg;

	loop_timer_set(o->renew, OWNER_RENEW_MS);
	if (o->renewing)
		return;
	o->renewing = true;
	db_owner_renew(o->db, o->seat, loop_now_ms(o->loop), OWNER_LEASE_MS, renewed, o);
}

static void released(void *ctx, enum db_status status)
{
	struct release *r = ctx;
	struct owner *o = r->owner;

	r->asked = false;
	say_health(o, status);
	/* A seat that somebody newer owns is not ours to give back. */
	if (status == DB_UNAVAILABLE) {
		if (!loop_timer_is_set(o->retry))
			loop_timer_set(o->retry, OWNER_RETRY_MS);
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
	db_session_end(o->db, o->seat, r->session, r->reason, loop_now_ms(o->loop), released, r);
}

static void retry(void *arg)
{
	struct owner *o = arg;
	struct release *r, *next;

	DL_FOREACH_SAFE(o->releases, r, next)
		ask(r);
}

void owner_release(struct owner *o, uint64_t session, int reason)
{
	struct release *r = memory_new(sizeof *r);

	r->owner = o;
	r->session = session;
	r->reason = reason;
	DL_APPEND(o->releases, r);
	o->release_count++;
	ask(r);
}

size_t owner_releasing(const struct owner *owner)
{
	return owner->release_count;
}
