/* What others see of a person, and who is told of it. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "protocol/cwa/category.h"
#include "simulator/cwa/cwa_local_state.h"

#define CATEGORIES 5

/* What the person has set; else the state of the client where most goes on. Source: ours. */
static uint32_t aggregate(const struct person *p)
{
	uint32_t least = CWA_OFFLINE;

	if (!local_is_on(p))
		return CWA_OFFLINE;
	if (p->user_state)
		return p->user_state;
	for (const struct endpoint *e = p->endpoints; e; e = e->next)
		if (e->on && e->machine < least)
			least = e->machine;
	return least;
}

/* The five that are sent to everybody, in the order of recorded traffic. Texts live until the bufs are freed. */
struct shown {
	struct home_category categories[CATEGORIES];
	struct buf card, note, state;
};

static void show(const struct person *p, bool blocked, struct shown *out)
{
	const struct cwa_state state = { .type = "aggregateState", .availability = blocked ? CWA_OFFLINE : aggregate(p) };

	*out = (struct shown){ .categories = { { .name = "calendarData" }, { .name = "contactCard" }, { .name = "note" }, { .name = "state" },
		{ .name = "services" } } };
	cwa_card_encode(p->seed->name, p->seed->mail, &out->card);
	cwa_state_encode(&state, &out->state);
	out->categories[1].xml = p->passed[PASSED_CARD] && !blocked ? p->passed[PASSED_CARD] : buf_cstr(&out->card);
	out->categories[1].published_s = p->passed_s[PASSED_CARD];
	out->categories[3] = (struct home_category){ .name = "state", .instance = 1, .published_s = p->state_s, .xml = buf_cstr(&out->state) };
	if (blocked)
		return;
	out->categories[0].xml = p->passed[PASSED_CALENDAR];
	out->categories[0].published_s = p->passed_s[PASSED_CALENDAR];
	out->categories[4].xml = p->passed[PASSED_SERVICES];
	out->categories[4].published_s = p->passed_s[PASSED_SERVICES];
	if (p->note && *p->note) {
		cwa_note_encode(p->note, &out->note);
		out->categories[2].xml = buf_cstr(&out->note);
		out->categories[2].published_s = p->note_s;
	}
}

static void shown_free(struct shown *shown)
{
	buf_free(&shown->card);
	buf_free(&shown->note);
	buf_free(&shown->state);
}

void local_show(const struct endpoint *to, struct person *const *persons, size_t count)
{
	struct shown *shown = memory_new((count + 1) * sizeof *shown);
	struct home_presence *list = memory_new((count + 1) * sizeof *list);

	for (size_t i = 0; i < count; i++) {
		show(persons[i], local_blocks(persons[i], to->person), &shown[i]);
		list[i] = (struct home_presence){ .uri = persons[i]->uri, .network = "sameEnterprise", .categories = shown[i].categories,
			.category_count = CATEGORIES };
	}
	front_presence(to->session, list, count);
	for (size_t i = 0; i < count; i++)
		shown_free(&shown[i]);
	free(shown);
	free(list);
}

void local_show_self(const struct endpoint *to)
{
	struct shown shown;

	show(to->person, false, &shown);
	front_self(to->session, shown.categories, CATEGORIES);
	shown_free(&shown);
}

void local_changed(struct person *p)
{
	for (size_t i = 0; i < p->watcher_count; i++)
		local_show(p->watchers[i], &p, 1);
	for (const struct endpoint *e = p->endpoints; e; e = e->next)
		if (e->on)
			local_show_self(e);
}

/* --- watching ------------------------------------------------------------------------------------------------------------------------ */

static size_t watched_at(const struct endpoint *e, const struct person *p)
{
	size_t i = 0;

	while (i < e->watched_count && e->watched[i] != p)
		i++;
	return i;
}

void endpoint_watch(struct endpoint *e, struct person *p)
{
	if (watched_at(e, p) < e->watched_count || e->watched_count == WATCHED_MAX)
		return;
	e->watched = array_grow(e->watched, e->watched_count, sizeof *e->watched);
	e->watched[e->watched_count++] = p;
	p->watchers = array_grow(p->watchers, p->watcher_count, sizeof *p->watchers);
	p->watchers[p->watcher_count++] = e;
}

void endpoint_unwatch(struct endpoint *e, const struct person *person)
{
	size_t at = watched_at(e, person), i = 0;
	struct person *p;

	if (at == e->watched_count)
		return;
	p = e->watched[at];
	array_drop(e->watched, &e->watched_count, sizeof *e->watched, at);
	while (i < p->watcher_count && p->watchers[i] != e)
		i++;
	if (i < p->watcher_count)
		array_drop(p->watchers, &p->watcher_count, sizeof *p->watchers, i);
}

void endpoint_watch_contacts(struct endpoint *e)
{
	const struct person *p = e->person;

	for (size_t i = 0; i < p->contact_count; i++)
		if (p->contacts[i].subscribed && p->contacts[i].person)
			endpoint_watch(e, p->contacts[i].person);
	if (e->watched_count)
		local_show(e, e->watched, e->watched_count);
}

/* Who is nobody of this world is shown with nothing, so that the others are not lost with him. */
void local_query(void *ctx, struct session *s, const char *rid, const char *const *uris, size_t count, bool subscribe)
{
	static const struct home_category nothing[CATEGORIES] = { { .name = "calendarData" }, { .name = "contactCard" }, { .name = "note" },
		{ .name = "state" }, { .name = "services" } };
	struct endpoint *e = session_home(s);

	for (size_t i = 0; i < count; i++) {
		struct person *p = local_person(ctx, uris[i]);
		const struct home_presence unknown = { .uri = uris[i], .network = "federated", .categories = nothing, .category_count = CATEGORIES };

		if (p && subscribe)
			endpoint_watch(e, p);
		if (p)
			local_show(e, &p, 1);
		else
			front_presence(s, &unknown, 1);
	}
	home_done(s, rid, &(struct outcome){ .code = 0 });
}

/* --- publishing ---------------------------------------------------------------------------------------------------------------------- */

void local_activity(void *ctx, struct session *s, bool active)
{
	struct local *local = ctx;
	struct endpoint *e = session_home(s);

	if (!session_publishes_machine(s))
		return;
	e->machine = active ? CWA_ONLINE : CWA_IDLE;
	e->person->state_s = local->wall_s(local->wall_arg);
	local_changed(e->person);
}

static int passed_of(const char *name)
{
	static const char *const names[PASSED] = { [PASSED_CALENDAR] = "calendarData", [PASSED_CARD] = "contactCard",
		[PASSED_SERVICES] = "services" };

	for (int i = 0; i < PASSED; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return -1;
}

static void take_state(struct endpoint *e, const struct home_category *c, uint64_t now_s)
{
	struct cwa_state state;
	struct error err;

	if (cwa_state_decode(c->xml, &state, &err) < 0)
		return;
	if (home_is_machine_state(c))
		e->machine = state.availability;
	else if (c->instance == HOME_USER_INSTANCE || strcmp(state.type, "userState") == 0)
		e->person->user_state = state.manual || state.availability >= CWA_BUSY ? state.availability : 0;
	e->person->state_s = now_s;
}

static void take_note(struct person *p, const struct home_category *c, uint64_t now_s)
{
	struct buf note = { 0 };

	if (*c->xml)
		(void)cwa_note_decode(c->xml, &note, NULL);
	free(p->note);
	p->note = bytes_dup(buf_bytes(&note));
	p->note_s = now_s;
	buf_free(&note);
}

void local_publish(void *ctx, struct session *s, const char *rid, const struct home_category *categories, size_t count)
{
	struct local *local = ctx;
	struct endpoint *e = session_home(s);
	uint64_t now_s = local->wall_s(local->wall_arg);

	for (size_t i = 0; i < count; i++) {
		int passed = passed_of(categories[i].name);

		if (strcmp(categories[i].name, "state") == 0) {
			take_state(e, &categories[i], now_s);
		} else if (passed < 0) {
			take_note(e->person, &categories[i], now_s);
		} else {
			free(e->person->passed[passed]);
			e->person->passed[passed] = *categories[i].xml ? memory_str(categories[i].xml) : NULL;
			e->person->passed_s[passed] = now_s;
		}
	}
	home_done(s, rid, &(struct outcome){ .code = 0 });
	local_changed(e->person);
}
