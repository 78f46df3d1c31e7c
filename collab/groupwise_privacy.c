#include "collab/groupwise_privacy.h"

#include <stdlib.h>

#include <utlist.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "protocol/groupwise/codes.h"
#include "protocol/groupwise/names.h"
#include "protocol/groupwise/tags.h"

struct entry {
	struct entry *prev, *next;
	char *dn;
	bool denied;
};

struct privacy {
	struct messenger *m;
	bool denies;                 /* by default */
	bool locked;                 /* by the administrator */
	struct entry *entries;
	size_t count;
	struct blocking *changes;    /* the first is being made */
	unsigned change_count;
};

/* --- the lists ------------------------------------------------------------------------------------------------------------ */

static struct entry *find(const struct privacy *p, struct bytes dn, bool denied)
{
	struct entry *e;

	DL_FOREACH(p->entries, e) {
		if (e->denied == denied && gw_dn_same(bytes_str(e->dn), dn))
			break;
	}
	return e;
}

static void add(struct privacy *p, struct bytes dn, bool denied)
{
	struct entry *e;

	if (!dn.len || find(p, dn, denied))
		return;
	if (p->count >= PRIVACY_ENTRIES_MAX || dn.len > PEOPLE_DN_MAX) {
		log_warning("privacy entry left out dn=%s entries=%zu", log_value(dn), p->count);
		return;
	}
	e = memory_new(sizeof *e);
	e->dn = people_text(dn, PEOPLE_DN_MAX);
	e->denied = denied;
	DL_APPEND(p->entries, e);
	p->count++;
}

static void drop(struct privacy *p, struct entry *e)
{
	DL_DELETE(p->entries, e);
	p->count--;
	free(e->dn);
	free(e);
}

/* One name as a field, or a list of them. */
static void read_list(struct privacy *p, const struct gw_field *login, const char *tag, bool denied)
{
	for (const struct gw_field *f = gw_find(login, tag); f; f = gw_find_next(f)) {
		for (const struct gw_field *v = gw_values(f); v; v = gw_is_array(f) ? v->next : NULL)
			add(p, v->text, denied);
	}
}

static bool is_locked(const struct gw_field *login)
{
	for (const struct gw_field *f = gw_find(login, GW_TAG_LOCKED_LIST); f; f = gw_find_next(f)) {
		for (const struct gw_field *v = gw_values(f); v; v = gw_is_array(f) ? v->next : NULL) {
			if (bytes_is(v->text, GW_TAG_BLOCKING))
				return true;
		}
	}
	return false;
}

struct privacy *privacy_new(struct messenger *m, const struct gw_field *login)
{
	struct privacy *p = memory_new(sizeof *p);
	uint32_t denies = 0;

	p->m = m;
	gw_number(gw_find(login, GW_TAG_BLOCKING), &denies);
	p->denies = denies;
	p->locked = is_locked(login);
	read_list(p, login, GW_TAG_DENY_LIST, true);
	read_list(p, login, GW_TAG_ALLOW_LIST, false);
	return p;
}

size_t privacy_count(const struct privacy *p)
{
	return p->count;
}

void privacy_people(const struct privacy *p, struct bytes *dns)
{
	const struct entry *e;

	DL_FOREACH(p->entries, e)
		*dns++ = bytes_str(e->dn);
}

size_t privacy_blocks(const struct privacy *p, size_t from, struct im_block *out, size_t max)
{
	size_t at = 0, count = 0;
	const struct entry *e;

	if (p->denies && at++ >= from && count < max)
		out[count++] = (struct im_block){ .blocked = 1 };
	DL_FOREACH(p->entries, e) {
		const struct person *person = people_by_dn(&p->m->people, bytes_str(e->dn));

		if (at++ >= from && count < max)
			out[count++] = (struct im_block){ .user = person ? bytes_str(person->user) : utf8_cut(gw_dn_leaf(bytes_str(e->dn)),
				IM_USER_MAX), .blocked = e->denied };
	}
	return count;
}

/* --- changes -------------------------------------------------------------------------------------------------------------- */

enum step { NO_STEP, SET_DEFAULT = 1, DENY = 2, ALLOW = 4, DENY_NO_MORE = 8, ALLOW_NO_MORE = 16 };

struct blocking {
	struct blocking *prev, *next;
	struct privacy *privacy;
	uint32_t ref;
	char *user;                  /* "": the default */
	bool blocked;
	const struct person *person;
	enum step step;              /* the request that is on its way */
	unsigned taken;
};

static void free_blocking(struct blocking *b)
{
	DL_DELETE(b->privacy->changes, b);
	b->privacy->change_count--;
	free(b->user);
	free(b);
}

void privacy_free(struct privacy **privacy)
{
	struct privacy *p = *privacy;

	if (!p)
		return;
	while (p->changes)
		free_blocking(p->changes);
	while (p->entries)
		drop(p, p->entries);
	free(p);
	*privacy = NULL;
}

static void begin(struct blocking *b);

static void finish(struct blocking *b, uint32_t code, const char *text)
{
	struct privacy *p = b->privacy;
	struct messenger *m = p->m;
	struct im_block event = { .user = bytes_str(b->person ? b->person->user : ""), .blocked = b->blocked };
	uint32_t ref = b->ref;
	bool changed = code == IM_OK && b->taken;

	free_blocking(b);
	if (changed)
		m->events.block(m->ctx, &event);
	m->events.done(m->ctx, ref, code, text);
	if (p->changes)
		begin(p->changes);
}

static void note_done(struct blocking *b)
{
	struct privacy *p = b->privacy;
	struct bytes dn = bytes_str(b->person ? b->person->dn : "");
	struct entry *e = b->step == DENY_NO_MORE || b->step == ALLOW_NO_MORE ? find(p, dn, b->step == DENY_NO_MORE) : NULL;

	if (b->step == SET_DEFAULT)
		p->denies = b->blocked;
	else if (b->step == DENY || b->step == ALLOW)
		add(p, dn, b->step == DENY);
	else if (e)
		drop(p, e);
}

static void go_on(struct blocking *b);

static void step_answered(void *ctx, void *arg, const struct gw_answer *answer, const struct gw_field *fields)
{
	struct blocking *b = arg;
	struct refusal refusal;

	(void)ctx;
	(void)fields;
	if (!answer)
		return;                      /* it goes with the lists */
	refusal = groupwise_refusal(answer, REFUSAL_OF_CHANGE);
	if (refusal.code != IM_OK) {
		finish(b, refusal.code, refusal.text);
		return;
	}
	note_done(b);
	go_on(b);
}

/* One field says it all. */
static void take_step(struct blocking *b, enum step step, const char *command, const char *tag, enum gw_method method, const char *value)
{
	struct messenger *m = b->privacy->m;

	b->step = step;
	b->taken |= step;
	gw_tree_clear(&m->fields);
	gw_add_str(&m->fields, NULL, tag, value)->method = (uint8_t)method;
	if (!groupwise_link_request(m->link, command, NULL, &m->fields, step_answered, b))
		finish(b, IM_BACKEND_REFUSED, MESSENGER_FULL);
}

/* Blocked means: denied where the default allows, and on no list of those allowed. */
static enum step missing_step(const struct blocking *b)
{
	const struct privacy *p = b->privacy;
	struct bytes dn = bytes_str(b->person ? b->person->dn : "");

	if (!b->person)
		return p->denies == b->blocked ? NO_STEP : SET_DEFAULT;
	if (find(p, dn, !b->blocked))
		return b->blocked ? ALLOW_NO_MORE : DENY_NO_MORE;
	if (p->denies != b->blocked && !find(p, dn, b->blocked))
		return b->blocked ? DENY : ALLOW;
	return NO_STEP;
}

/* Takes the next step that is missing, or finishes. */
static void go_on(struct blocking *b)
{
	enum step step = missing_step(b);
	const char *dn = b->person ? b->person->dn : "";

	/* No step is taken twice, whatever became of it in our copy. */
	switch (b->taken & step ? NO_STEP : step) {
	case SET_DEFAULT:
		take_step(b, step, "updateblocks", GW_TAG_BLOCKING, GW_UPDATE, b->blocked ? "1" : "0");
		return;
	case DENY:
		take_step(b, step, "createblock", GW_TAG_DENY_ITEM, GW_ADD, dn);
		return;
	case ALLOW:
		take_step(b, step, "createblock", GW_TAG_ALLOW_ITEM, GW_ADD, dn);
		return;
	case DENY_NO_MORE:
		take_step(b, step, "updateblocks", GW_TAG_DENY_LIST, GW_DELETE, dn);
		return;
	case ALLOW_NO_MORE:
		take_step(b, step, "updateblocks", GW_TAG_ALLOW_LIST, GW_DELETE, dn);
		return;
	default:
		finish(b, IM_OK, "");
	}
}

static void person_found(void *arg, struct person *person, const struct refusal *refusal)
{
	struct blocking *b = arg;

	if (!refusal)
		return;                      /* it goes with the lists */
	b->person = person;
	if (person)
		go_on(b);
	else
		finish(b, IM_BACKEND_REFUSED, refusal->text);
}

static void begin(struct blocking *b)
{
	if (b->user[0])
		messenger_find(b->privacy->m, bytes_str(b->user), person_found, b);
	else
		go_on(b);
}

/* --- what was changed elsewhere ------------------------------------------------------------------------------------------- */

static void tell(struct privacy *p, const char *dn, bool blocked)
{
	const struct person *person = people_by_dn(&p->m->people, bytes_str(dn));
	struct bytes user = person ? bytes_str(person->user) : utf8_cut(gw_dn_leaf(bytes_str(dn)), IM_USER_MAX);

	p->m->events.block(p->m->ctx, &(struct im_block){ .user = user, .blocked = blocked });
}

void privacy_renew(struct privacy *p, struct privacy **fresh)
{
	struct privacy *old = *fresh;
	const struct entry *e;
	struct entry *entries = p->entries;
	size_t count = p->count;
	bool denied = p->denies;

	p->entries = old->entries;
	p->count = old->count;
	p->denies = old->denies;
	p->locked = old->locked;
	old->entries = entries;
	old->count = count;
	if (p->denies != denied)
		tell(p, "", p->denies);
	/* Who is on no list any more is as the default has it. */
	DL_FOREACH(old->entries, e) {
		if (!find(p, bytes_str(e->dn), true) && !find(p, bytes_str(e->dn), false))
			tell(p, e->dn, p->denies);
	}
	DL_FOREACH(p->entries, e) {
		if (!find(old, bytes_str(e->dn), e->denied))
			tell(p, e->dn, e->denied);
	}
	privacy_free(fresh);
}

bool privacy_is_changing(const struct privacy *p)
{
	return p->changes;
}

void privacy_block(struct privacy *p, uint32_t ref, const struct im_block *message)
{
	struct blocking *b;

	if (p->locked || p->change_count >= PRIVACY_CHANGES_MAX) {
		struct refusal refusal = groupwise_refusal(&(struct gw_answer){ .has_code = true, .code = GW_LOCKED_BY_ADMIN },
			REFUSAL_OF_CHANGE);

		p->m->events.done(p->m->ctx, ref, IM_BACKEND_REFUSED, p->locked ? refusal.text : MESSENGER_FULL);
		return;
	}
	p->m->changes++;
	b = memory_new(sizeof *b);
	b->privacy = p;
	b->ref = ref;
	b->user = people_text(message->user, IM_USER_MAX);
	b->blocked = message->blocked;
	DL_APPEND(p->changes, b);
	p->change_count++;
	if (p->changes == b)
		begin(b);
}
