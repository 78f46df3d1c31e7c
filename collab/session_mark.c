#include "collab/session_mark.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "collab/device.h"
#include "collab/parts.h"

static void push(struct session *s);

void session_mark_free(struct session *s)
{
	struct held_message *m, *next;

	for (m = s->mark.held; m; m = next) {
		next = m->next;
		free(m);
	}
	s->mark.held = NULL;
	s->mark.held_count = 0;
}

/* In the order they came; one of them may end the session, and then the rest is dropped with it. */
static void let_go(struct session *s)
{
	struct held_message *m = s->mark.held, *next;

	s->mark.held = NULL;
	s->mark.held_count = 0;
	session_hold(s);
	for (; m; m = next) {
		next = m->next;
		if (!session_is_over(s))
			device_message_again(s, m->transaction, bytes_of(m->clear, m->len));
		free(m);
	}
	session_release(s);
}

static void settled(struct session *s, enum db_status status, int sent)
{
	struct session_mark *mark = &s->mark;

	mark->busy = false;
	if (!session_release(s))
		return;
	switch (status) {
	case DB_OK:
		mark->stored = sent;
		session_note(s, "session.mark", sent ? im_reason_name((uint32_t)sent) : "none");
		mark->unsettled = false;
		/* What came before the device was lost again has its right: the mark was taken back for it. */
		session_hold(s);
		if (sent == 0)
			let_go(s);
		if (session_release(s))
			push(s);
		return;
	case DB_UNAVAILABLE:
		/* Live sessions go on without the database. Whether the mark is there is open: it is asked for again in a while. */
		log_warning("session mark not stored session=%u mark=%s", s->id, sent ? im_reason_name((uint32_t)sent) : "none");
		loop_timer_set(s->silence, SESSION_MARK_RETRY_MS);
		mark->unsettled = true;
		if (mark->wanted == 0)
			let_go(s);
		return;
	default:
		log_info("session seat gone session=%u login=%s", s->id, s->login_id);
		session_end(s, mark->stored ? (enum im_logout_reason)mark->stored : IM_REASON_REPLACED,
			"its seat was given to another login", false);
	}
}

static void stored_coverage(void *ctx, enum db_status status)
{
	settled(ctx, status, IM_REASON_EVICTED_COVERAGE);
}

static void stored_silent(void *ctx, enum db_status status)
{
	settled(ctx, status, IM_REASON_EVICTED_SILENT);
}

static void stored_none(void *ctx, enum db_status status)
{
	settled(ctx, status, 0);
}

static void push(struct session *s)
{
	struct collab *c = s->collab;
	struct session_mark *mark = &s->mark;
	int want = mark->wanted;

	if (mark->busy || (want == mark->stored && !mark->unsettled))
		return;
	mark->busy = true;
	collab_record(c, "mark.asked", s->pin, s->id, 0, "reason", (uint64_t)want);
	session_hold(s);
	db_session_mark(c->db, owner_seat(c->owner), s->id, want, loop_now_ms(c->loop),
		want == 0 ? stored_none : want == IM_REASON_EVICTED_COVERAGE ? stored_coverage : stored_silent, s);
}

void session_mark_want(struct session *s, int reason)
{
	s->mark.wanted = reason;
	push(s);
}

bool session_mark_admits(struct session *s, uint32_t transaction, struct bytes clear)
{
	struct session_mark *mark = &s->mark;
	struct held_message *m, **end;

	mark->wanted = 0;
	if (!mark->unsettled && !mark->busy && mark->stored == 0)
		return true;
	if (mark->unsettled) {
		push(s);
		return true;
	}
	if (mark->held_count >= SESSION_HELD_MAX) {
		/* The device sends it again: nothing was acknowledged. */
		log_warning("message dropped session=%u held=%u reason=too-many-wait", s->id, mark->held_count);
		return false;
	}
	m = memory_new(sizeof *m + clear.len);
	m->transaction = transaction;
	m->len = clear.len;
	memcpy(m->clear, clear.data, clear.len);
	for (end = &mark->held; *end; end = &(*end)->next)
		;
	*end = m;
	mark->held_count++;
	push(s);
	return false;
}
