#include "collab/courier.h"

#include <stdlib.h>
#include <string.h>

#include <uthash.h>
#include <utlist.h>

#include "base/log.h"
#include "base/memory.h"
#include "protocol/srp.h"

struct parcel {
	struct parcel *prev, *next;
	struct recipient *to;
	UT_hash_handle hh;         /* by tag, while it is in flight */
	uint32_t tag;
	uint32_t session;
	int flags;
	bool in_flight;
	bool forgotten;            /* its session is over: not sent again */
	size_t len;
	uint8_t clear[];
};

struct recipient {
	UT_hash_handle hh;
	uint32_t pin;
	unsigned way;
	bool available;
	bool listed;               /* named since the dispatcher started its list over */
	bool bounced;              /* something came back: wait until nothing is in flight, so that the order holds */
	struct parcel *queue;
	size_t waiting, in_flight, bytes;
	struct recipient *prev, *next;   /* absent ones with something waiting, longest absent first */
	bool absent;
};

struct way {
	struct courier *courier;
	struct loop_timer *grace;
	bool link_up;
};

struct courier {
	struct loop *loop;
	struct courier_callbacks callbacks;
	void *ctx;
	struct recipient *recipients;
	struct parcel *flying;
	struct recipient *absent;
	size_t absent_count;
	struct way ways[COURIER_WAYS];
	uint32_t next_tag;
	struct courier_counts counts;
};

static void grace_over(void *arg);

struct courier *courier_new(struct loop *loop, const struct courier_callbacks *callbacks, void *ctx)
{
	struct courier *c = memory_new(sizeof *c);

	c->loop = loop;
	c->callbacks = *callbacks;
	c->ctx = ctx;
	c->next_tag = 1;
	for (size_t i = 0; i < COURIER_WAYS; i++) {
		c->ways[i].courier = c;
		c->ways[i].grace = loop_timer_new(loop, grace_over, &c->ways[i]);
	}
	return c;
}

static struct recipient *find(const struct courier *c, uint32_t pin)
{
	struct recipient *r;

	HASH_FIND(hh, c->recipients, &pin, sizeof pin, r);
	return r;
}

static struct recipient *find_or_add(struct courier *c, uint32_t pin)
{
	struct recipient *r = find(c, pin);

	if (!r) {
		r = memory_new(sizeof *r);
		r->pin = pin;
		HASH_ADD(hh, c->recipients, pin, sizeof r->pin, r);
	}
	return r;
}

static void land(struct courier *c, struct parcel *p)
{
	if (!p->in_flight)
		return;
	HASH_DELETE(hh, c->flying, p);
	p->in_flight = false;
	p->to->in_flight--;
}

static void tell_fate(const struct courier *c, const struct parcel *p, enum courier_fate fate)
{
	if (c->callbacks.fate)
		c->callbacks.fate(c->ctx, p->to->pin, p->session, bytes_of(p->clear, p->len), fate);
}

static void discard(struct courier *c, struct parcel *p, enum courier_fate fate)
{
	struct recipient *r = p->to;

	tell_fate(c, p, fate);

	land(c, p);
	DL_DELETE(r->queue, p);
	r->waiting--;
	r->bytes -= p->len;
	c->counts.waiting--;
	free(p);
}

/* What is not sent again: worth nothing later, or its session is over. */
static enum courier_fate lost_as(const struct parcel *p)
{
	return p->flags & COURIER_NOW ? COURIER_DROPPED : COURIER_FORGOTTEN;
}

static void empty(struct courier *c, struct recipient *r, enum courier_fate fate)
{
	while (r->queue)
		discard(c, r->queue, fate);
}

static void count_dropped(struct courier *c, const struct parcel *p)
{
	c->counts.dropped++;
	if (p->session)
		c->callbacks.dropped(c->ctx, p->to->pin, p->session);
}

static void set_absent(struct courier *c, struct recipient *r, bool absent)
{
	if (absent == r->absent)
		return;
	r->absent = absent;
	if (absent) {
		DL_APPEND(c->absent, r);
		c->absent_count++;
	} else {
		DL_DELETE(c->absent, r);
		c->absent_count--;
	}
}

/* Keeps a recipient only while there is something to know about it, and bounds how many absent ones are kept. */
static void tidy(struct courier *c, struct recipient *r)
{
	set_absent(c, r, !r->available && r->queue);
	if (!r->available && !r->queue) {
		HASH_DELETE(hh, c->recipients, r);
		free(r);
	}
	if (c->absent_count > COURIER_ABSENT) {
		struct recipient *oldest = c->absent;
		const struct parcel *p;

		log_warning("courier gave up pin=%s waiting=%zu reason=too-many-absent", pin_text(oldest->pin), oldest->waiting);
		DL_FOREACH(oldest->queue, p)
			count_dropped(c, p);
		empty(c, oldest, COURIER_DROPPED);
		tidy(c, oldest);
	}
}

void courier_free(struct courier **courier)
{
	struct courier *c = *courier;
	struct recipient *r, *next;

	if (!c)
		return;
	HASH_ITER(hh, c->recipients, r, next) {
		empty(c, r, COURIER_FORGOTTEN);
		HASH_DELETE(hh, c->recipients, r);
		free(r);
	}
	for (size_t i = 0; i < COURIER_WAYS; i++)
		loop_timer_free(&c->ways[i].grace);
	free(c);
	*courier = NULL;
}

static uint32_t take_tag(struct courier *c)
{
	struct parcel *taken;
	uint32_t tag;

	do {
		tag = c->next_tag++;
		HASH_FIND(hh, c->flying, &tag, sizeof tag, taken);
	} while (tag == 0 || taken);
	return tag;
}

/* Sends what may be sent. Sending is queueing on the link, so nothing comes back from inside. */
static void pump(struct courier *c, struct recipient *r)
{
	struct parcel *p;

	if (!c->ways[r->way].link_up || !r->available || (r->bounced && r->in_flight))
		return;
	r->bounced = false;
	DL_FOREACH(r->queue, p) {
		if (r->in_flight >= COURIER_IN_FLIGHT)
			return;
		if (p->in_flight)
			continue;
		if (c->callbacks.is_full(c->ctx, r->way))
			return;
		p->in_flight = true;
		p->tag = take_tag(c);
		r->in_flight++;
		HASH_ADD(hh, c->flying, tag, sizeof p->tag, p);
		c->counts.sent++;
		c->callbacks.send(c->ctx, r->way, r->pin, p->tag, bytes_of(p->clear, p->len));
	}
}

/* The callback may send more; the recipient is looked up again afterwards. */
static void set_available(struct courier *c, uint32_t pin, bool available)
{
	struct recipient *r = available ? find_or_add(c, pin) : find(c, pin);
	bool changed = r && r->available != available;

	if (changed) {
		r->available = available;
		c->counts.in_coverage += available ? 1 : -1;
		tidy(c, r);
		c->callbacks.coverage(c->ctx, pin, available);
		r = find(c, pin);
	}
	if (r && available)
		pump(c, r);
}

/* What is in flight will not be answered any more: it goes again. */
static void call_back(struct courier *c, struct recipient *r)
{
	struct parcel *p, *after;

	DL_FOREACH_SAFE(r->queue, p, after) {
		land(c, p);
		if (p->forgotten)
			discard(c, p, lost_as(p));
	}
	r->bounced = false;
}

/* The device is reached by this way from now on. */
static void goes_by(struct courier *c, uint32_t pin, unsigned way)
{
	struct recipient *r = find(c, pin);

	if (r && r->way != way)
		call_back(c, r);
	if (!r && way)
		r = find_or_add(c, pin);
	if (r)
		r->way = way;
}

void courier_link(struct courier *c, unsigned way, bool up)
{
	struct recipient *r, *next;

	c->ways[way].link_up = up;
	loop_timer_cancel(c->ways[way].grace);
	HASH_ITER(hh, c->recipients, r, next) {
		if (r->way != way)
			continue;
		if (!up)
			call_back(c, r);
		pump(c, r);
		tidy(c, r);
	}
}

void courier_drained(struct courier *c)
{
	struct recipient *r, *next;

	HASH_ITER(hh, c->recipients, r, next)
		pump(c, r);
}

void courier_coverage(struct courier *c, unsigned way, uint32_t pin, bool available)
{
	struct recipient *r, *next;

	if (pin == 0) {
		HASH_ITER(hh, c->recipients, r, next)
			r->listed = r->listed && r->way != way;
		loop_timer_set(c->ways[way].grace, COURIER_GRACE_MS);
		return;
	}
	r = find(c, pin);
	/* One dispatcher does not see it any more, another one does. */
	if (!available && r && r->available && r->way != way)
		return;
	if (available)
		goes_by(c, pin, way);
	set_available(c, pin, available);
	r = find(c, pin);
	if (r)
		r->listed = available;
}

static void grace_over(void *arg)
{
	const struct way *way = arg;
	struct courier *c = way->courier;
	size_t count = 0, total = HASH_COUNT(c->recipients);
	uint32_t *lost = memory_new((total + 1) * sizeof *lost);
	struct recipient *r, *next;

	/* Gathered first: the callbacks may add and remove recipients. */
	HASH_ITER(hh, c->recipients, r, next) {
		if (r->available && !r->listed && &c->ways[r->way] == way)
			lost[count++] = r->pin;
	}
	for (size_t i = 0; i < count; i++)
		set_available(c, lost[i], false);
	free(lost);
}

void courier_seen(struct courier *c, unsigned way, uint32_t pin)
{
	struct recipient *r;

	goes_by(c, pin, way);
	set_available(c, pin, true);
	r = find(c, pin);
	if (r)
		r->listed = true;
}

void courier_status(struct courier *c, uint32_t tag, uint32_t status)
{
	struct parcel *p;
	struct recipient *r;
	uint32_t pin;

	HASH_FIND(hh, c->flying, &tag, sizeof tag, p);
	if (!p)
		return;
	r = p->to;
	pin = r->pin;
	switch (status) {
	case SRP_QUEUED:
		return;
	case SRP_DELIVERED:
		c->counts.delivered++;
		discard(c, p, COURIER_DELIVERED);
		pump(c, r);
		tidy(c, r);
		return;
	case SRP_UNAVAILABLE:
	case SRP_EXPIRED:
	case SRP_REFUSED:
		/* Refused is an unregistered PIN: it may register again, like one that is out of coverage. */
		c->counts.returned++;
		r->bounced = true;
		land(c, p);
		if (p->forgotten)
			discard(c, p, lost_as(p));
		set_available(c, pin, false);
		return;
	default:
		c->counts.refused++;
		log_warning("courier dropped pin=%s status=%s bytes=%zu", pin_text(pin), srp_status_text(status), p->len);
		discard(c, p, COURIER_REFUSED);
		pump(c, r);
		tidy(c, r);
	}
}

bool courier_available(const struct courier *c, uint32_t pin)
{
	const struct recipient *r = find(c, pin);

	return r && r->available;
}

/* What may go from a full queue, in the order in which it is tried. */
enum dispensable { SOFT_ONES, ALL_BUT_KEPT, ANYTHING };

static bool may_go(const struct parcel *p, enum dispensable which)
{
	return which == ANYTHING || (which == SOFT_ONES ? (p->flags & COURIER_SOFT) != 0 : !(p->flags & COURIER_KEEP));
}

/* The oldest of them go, until there is room. */
static bool drop_oldest(struct courier *c, struct recipient *r, size_t bytes, enum dispensable which)
{
	struct parcel *p, *next;

	DL_FOREACH_SAFE(r->queue, p, next) {
		if (r->waiting < COURIER_QUEUE && r->bytes + bytes <= COURIER_BYTES)
			return true;
		if (!may_go(p, which))
			continue;
		count_dropped(c, p);
		log_warning("courier dropped pin=%s session=%u waiting=%zu reason=queue-full", pin_text(r->pin), p->session, r->waiting);
		discard(c, p, COURIER_DROPPED);
	}
	return r->waiting < COURIER_QUEUE && r->bytes + bytes <= COURIER_BYTES;
}

/* A device that logs in again and again and takes no answer must not fill the memory with them. */
static void make_room(struct courier *c, struct recipient *r, size_t bytes)
{
	if (!drop_oldest(c, r, bytes, SOFT_ONES) && !drop_oldest(c, r, bytes, ALL_BUT_KEPT))
		drop_oldest(c, r, bytes, ANYTHING);
}

/* Would a message go to the device within this call? */
static bool goes_at_once(const struct courier *c, uint32_t pin)
{
	const struct recipient *r = find(c, pin);

	return r && r->available && c->ways[r->way].link_up && !r->bounced && r->waiting == r->in_flight && r->in_flight < COURIER_IN_FLIGHT &&
		!c->callbacks.is_full(c->ctx, r->way);
}

void courier_send(struct courier *c, uint32_t pin, uint32_t session, int flags, struct bytes clear)
{
	struct recipient *r;
	struct parcel *p;

	if ((flags & COURIER_NOW) && !goes_at_once(c, pin))
		return;
	r = find_or_add(c, pin);
	make_room(c, r, clear.len);
	p = memory_new(sizeof *p + clear.len);
	p->to = r;
	p->session = session;
	p->flags = flags;
	p->len = clear.len;
	memcpy(p->clear, clear.data, clear.len);
	DL_APPEND(r->queue, p);
	r->waiting++;
	r->bytes += clear.len;
	c->counts.waiting++;
	tell_fate(c, p, COURIER_QUEUED);
	pump(c, r);
	/* On its way, and gone if it comes back. */
	if (flags & COURIER_NOW)
		p->forgotten = true;
	tidy(c, r);
}

void courier_forget(struct courier *c, uint32_t pin, uint32_t session)
{
	struct recipient *r = find(c, pin);
	struct parcel *p, *next;

	if (!r)
		return;
	DL_FOREACH_SAFE(r->queue, p, next) {
		if (p->session != session || (p->flags & COURIER_LAST_WORD))
			continue;
		/* What is in flight stays until the dispatcher answers for it: the place it takes there is not free yet. */
		if (p->in_flight)
			p->forgotten = true;
		else
			discard(c, p, COURIER_FORGOTTEN);
	}
	tidy(c, r);
}

bool courier_has(const struct courier *c, uint32_t pin, uint32_t session)
{
	const struct recipient *r = find(c, pin);
	const struct parcel *p;

	if (!r)
		return false;
	DL_FOREACH(r->queue, p) {
		if (p->session == session && !p->forgotten)
			return true;
	}
	return false;
}

size_t courier_waiting(const struct courier *c, uint32_t pin)
{
	const struct recipient *r = find(c, pin);

	return r ? r->waiting : 0;
}

void courier_count(const struct courier *c, struct courier_counts *out)
{
	*out = c->counts;
}
