/* What devices did, and what they were told. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "admin/lab.h"
#include "admin/record_private.h"
#include "base/memory.h"
#include "protocol/im.h"

enum { SOON_US = 5000000, SOON_MS = 1000 };     /* real, and on the lab's clock: a login that waited no longer was under way with others */

static void yes_or(struct record_item *item, const char *name, bool is, const char *yes, const char *no)
{
	record_attribute(item, name, is ? yes : no);
}

/* --- the device ----------------------------------------------------------------------------------------------------------------- */

static void note_crowd(struct record *r, const struct check_entry *e, struct record_device *d)
{
	struct record_crowd *crowd;

	HASH_FIND_PTR(r->crowds, &e->process, crowd);
	if (crowd) {
		crowd->only = NULL;
		return;
	}
	crowd = memory_new(sizeof *crowd);
	crowd->process = e->process;
	crowd->only = d;
	HASH_ADD_PTR(r->crowds, process, crowd);
}

/* One that comes back from having been off knows nothing of its session, which a device of a scenario always does. */
static void take_on(struct record *r, struct record_device *d, const struct check_entry *e)
{
	note_crowd(r, e, d);
	d->is_on = true;
	if (!d->status_interval_ms)
		d->status_interval_ms = check_number(e, "status_interval_ms");
	if (d->session || d->is_logging_in) {
		if (!d->is_left)
			record_leave(r, "devices that were switched on again while their session lived: what they did from there on");
		d->is_left = true;
		return;
	}
	if (d->is_out)
		yes_or(record_add(r, RECORD_STEP, d, "coverage"), "is", true, "back", "lost");
	if (d->is_silent)
		yes_or(record_add(r, RECORD_STEP, d, "silent"), "is", false, "on", "off");
	d->is_out = d->is_silent = false;
}

static void take_off(struct record *r, struct record_device *d, const struct check_entry *e)
{
	(void)e;
	d->is_on = false;
	if (d->session && !d->is_out)
		yes_or(record_add(r, RECORD_OFF, d, "coverage"), "is", false, "back", "lost");
	d->is_out = d->is_out || d->session;
}

static void take_coverage(struct record *r, struct record_device *d, const struct check_entry *e)
{
	bool is_out = !check_number(e, "on");

	if (is_out != d->is_out)
		yes_or(record_add(r, RECORD_STEP, d, "coverage"), "is", !is_out, "back", "lost");
	d->is_out = is_out;
}

static void take_silent(struct record *r, struct record_device *d, const struct check_entry *e)
{
	bool is_silent = check_number(e, "on");

	if (is_silent != d->is_silent)
		yes_or(record_add(r, RECORD_STEP, d, "silent"), "is", is_silent, "on", "off");
	d->is_silent = is_silent;
}

/* A device of a scenario keeps passwords from its beginning, or never. */
static void take_remember(struct record *r, struct record_device *d, const struct check_entry *e)
{
	bool keeps = check_number(e, "on");

	if (d->has_begun && keeps != d->keeps_password)
		record_leave(r, "passwords that a device was told to keep, or not to keep any more, after its first login");
	else
		d->keeps_password = keeps;
}

/* --- logins ---------------------------------------------------------------------------------------------------------------------- */

static void take_login(struct record *r, struct record_device *d, const struct check_entry *e)
{
	char user[192], name[64];

	d->is_on = d->is_logging_in = d->has_begun = true;
	d->by_itself = check_number(e, "by_itself");
	d->login = NULL;
	d->transaction = 0;
	check_value(e, "user", user, sizeof user);
	record_user(user, d->login_user, sizeof d->login_user);
	if (d->by_itself)
		return;
	d->login = record_add(r, RECORD_STEP, d, "login");
	if (strcmp(d->user, record_user(user, name, sizeof name)) != 0)
		record_attribute(d->login, "user", user);
}

static void take_sent(struct record *r, struct record_device *d, const struct check_entry *e)
{
	(void)r;
	d->transaction = e->transaction;
}

static bool is_in_fresh_lab(const char *user)
{
	char digits[8];

	for (const struct lab_user *known = lab_users; known->name; known++) {
		if (strcmp(known->name, user) == 0)
			return true;
	}
	return sscanf(user, "user%4[0-9]", digits) == 1 && strlen(user) == 8;
}

static void take_told(struct record *r, struct record_device *d, const struct check_entry *e)
{
	uint64_t code = check_number(e, "code");
	struct record_item *told;
	char number[24];

	d->session = (uint32_t)check_number(e, "session");
	if (d->session)
		snprintf(d->session_user, sizeof d->session_user, "%s", d->login_user);
	if (d->session && !is_in_fresh_lab(d->login_user)) {
		record_leave(r, "devices on which somebody logged in whom a fresh lab does not have");
		d->is_left = true;
	}
	/* A right password is known by convention, and a wrong one was not kept. */
	if (code == IM_BAD_CREDENTIALS)
		record_attribute(d->login, "password", "not the right one");
	told = record_add(r, RECORD_OUTCOME, d, "expect-login");
	yes_or(told, "result", d->session, "accepted", "refused");
	if (!d->session) {
		snprintf(number, sizeof number, "%llu", (unsigned long long)code);
		record_attribute(told, "code", number);
	}
	if (told)
		told->is_late = d->by_itself;
	if (d->session && !d->by_itself) {
		d->presence = IM_AVAILABLE;
		d->presence_bytes = 0;
	}
	d->is_logging_in = false;
	d->login = NULL;
}

/* The service's line: what a device did that writes no history is known by nothing else. */
static void take_unseen(struct record *r, struct record_device *d, const struct check_entry *e)
{
	(void)e;
	if (!d->is_on)
		record_leave(r, "logins of devices that write no history: started without --lab and without --history");
}

static void take_dropped(struct record *r, struct record_device *d, const struct check_entry *e)
{
	(void)e;
	record_add(r, RECORD_STEP, d, "logout");
}

static void take_asked(struct record *r, struct record_device *d, const struct check_entry *e)
{
	yes_or(record_add(r, RECORD_OUTCOME, d, "expect-asked"), "by-itself", check_number(e, "by_itself"), "yes", "no");
}

static void take_over(struct record *r, struct record_device *d, const struct check_entry *e)
{
	struct record_item *over;
	struct record_said *said;
	char reason[64];

	check_value(e, "reason", reason, sizeof reason);
	if (strcmp(reason, "again") != 0) {
		over = record_add(r, RECORD_OUTCOME, d, "expect-logout");
		record_attribute(over, "reason", reason);
		if (over)
			over->is_late = strcmp(reason, im_reason_name(IM_REASON_INACTIVE)) == 0;
	}
	DL_FOREACH(r->said, said)
		said->is_stale = said->is_stale || strcmp(said->to, d->session_user) == 0;
	d->session = 0;
}

/* Logins that came together are played in the order in which it was decided about them. */
static void take_admit(struct record *r, struct record_device *d, const struct check_entry *e)
{
	const struct record_limits now = { .max = check_number(e, "max"), .idle_ms = check_number(e, "idle_ms"),
		.capacity = check_number(e, "capacity"), .evict_one = check_number(e, "evict_one"), .inactivity_ms = r->limits.inactivity_ms };
	uint64_t decided_us = check_number(e, "decided_us");
	struct record_item *login = d->transaction == e->transaction ? d->login : NULL, *last;
	struct record_person *owner = record_person(r, d->user);
	char permitted[8];
	bool is_forbidden = strcmp(check_value(e, "permitted", permitted, sizeof permitted), "no") == 0;

	last = r->item_count ? r->items[r->item_count - 1] : NULL;
	while (last && last != login && last->device != d)
		last = last->number ? r->items[last->number - 1] : NULL;
	if (login && last == login && decided_us > login->at_us && decided_us < login->at_us + SOON_US &&
	    r->ms < login->ms + SOON_MS) {
		login->at_us = decided_us;
		login->ms = r->ms;
	}
	if (login)
		login->is_late = check_number(e, "evicted") != 0;
	record_limits(r, &now, login);
	if (is_forbidden != owner->is_forbidden && *d->user) {
		struct record_item *item = record_add(r, RECORD_STEP, NULL, is_forbidden ? "forbid" : "permit");

		record_attribute(item, "user", d->user);
		if (login)
			item->at_us = login->at_us - 1;
		owner->is_forbidden = is_forbidden;
	}
}

/* --- messages -------------------------------------------------------------------------------------------------------------------- */

static void number_text(struct record_item *item, const struct record_said *said)
{
	char text[32];

	snprintf(text, sizeof text, "message %u", said->number);
	record_attribute(item, "text", text);
}

static void say(struct record *r, struct record_device *d, const struct check_entry *e)
{
	struct record_said *said = memory_new(sizeof *said);
	struct record_item *item = record_add(r, RECORD_STEP, d, "send");
	char to[192];

	check_value(e, "to", to, sizeof to);
	*said = (struct record_said){ .pin = d->pin, .session = d->session, .sequence = (uint32_t)check_number(e, "sequence"), .at_us = e->at_us,
		.number = ++r->said_count };
	snprintf(said->from, sizeof said->from, "%s", d->session_user);
	record_user(to, said->to, sizeof said->to);
	DL_APPEND(r->said, said);
	record_attribute(item, "to", to);
	number_text(item, said);
}

static void take_presence(struct record *r, struct record_device *d, const struct check_entry *e)
{
	uint64_t presence = check_number(e, "presence"), bytes = check_number(e, "bytes");
	struct record_item *item;

	/* After a login by itself the device says again what its user had said before. */
	if (d->by_itself && check_number(e, "sequence") == 1 && (d->presence != IM_AVAILABLE || d->presence_bytes))
		return;
	d->presence = presence;
	d->presence_bytes = bytes;
	item = record_add(r, RECORD_STEP, d, "presence");
	record_attribute(item, "is", im_presence_name((uint32_t)presence));
	if (bytes)
		record_attribute(item, "text", "status");
}

static const char *type_name(uint64_t type)
{
	const struct wire_msg *msg = type <= UINT8_MAX ? wire_find(im_messages, (uint8_t)type) : NULL;

	return msg ? msg->name : "unknown";
}

static void take_said(struct record *r, struct record_device *d, const struct check_entry *e)
{
	uint64_t type = check_number(e, "type");

	if (type == IM_MESSAGE)
		say(r, d, e);
	else if (type == IM_PRESENCE_SET)
		take_presence(r, d, e);
	else if (type == IM_LOGOUT)
		record_add(r, RECORD_STEP, d, "logout");
	else
		record_leave(r, "%s: what a user did, for which no step has a word", type_name(type));
}

static void take_once(struct record *r, struct record_device *d, const struct check_entry *e)
{
	uint64_t type = check_number(e, "type");

	(void)d;
	if (type != IM_STATUS && type != IM_LOGOUT)
		record_leave(r, "%s: what a user did, for which no step has a word", type_name(type));
}

static void forget_said(struct record *r, struct record_said *said)
{
	if (r->heard == said)
		r->heard = NULL;
	DL_DELETE(r->said, said);
	free(said);
}

/* The IM server did not take it, or could not deliver it, or the network has not passed it on. */
static void take_acked(struct record *r, struct record_device *d, const struct check_entry *e)
{
	uint64_t session = check_number(e, "session"), sequence = check_number(e, "sequence");
	struct record_said *said, *next;

	if (check_number(e, "code") == IM_OK)
		return;
	DL_FOREACH_SAFE(r->said, said, next) {
		if (said->pin == d->pin && said->session == session && said->sequence == sequence)
			forget_said(r, said);
	}
}

static void take_taken(struct record *r, struct record_device *d, const struct check_entry *e)
{
	uint64_t session = check_number(e, "session"), sequence = check_number(e, "sequence");
	struct record_said *said;

	DL_FOREACH(r->said, said) {
		if (said->pin == d->pin && said->session == session && said->sequence == sequence && !said->is_taken)
			break;
	}
	if (!said)
		return;
	said->is_taken = true;
	DL_DELETE(r->said, said);
	DL_APPEND(r->said, said);
}

/* Between two people the IM server keeps the order; what was said to a session that is over may have been lost with it. */
static void take_heard(struct record *r, struct record_device *d, const struct check_entry *e)
{
	const char *to = d->is_logging_in ? d->login_user : d->session_user;
	struct record_said *said, *best = NULL;
	char told_from[192], from[64];

	r->heard = NULL;
	if (check_number(e, "kind") != IM_KIND_MESSAGE || !*check_value(e, "from", told_from, sizeof told_from))
		return;
	record_user(told_from, from, sizeof from);
	DL_FOREACH(r->said, said) {
		if (said->to_session || !said->is_taken || strcmp(said->from, from) != 0 || strcmp(said->to, to) != 0)
			continue;
		if (!best || (best->is_stale && !said->is_stale))
			best = said;
	}
	if (!best)
		return;
	snprintf(best->told_from, sizeof best->told_from, "%s", told_from);
	best->to_session = (uint32_t)check_number(e, "session");
	r->heard = best;
}

static void take_queued(struct record *r, struct record_device *d, const struct check_entry *e)
{
	(void)d;
	if (!r->heard || check_number(e, "type") != IM_MESSAGE_EVENT || check_number(e, "session") != r->heard->to_session)
		return;
	r->heard->to_sequence = (uint32_t)check_number(e, "sequence");
	r->heard = NULL;
}

static struct record_said *said_as(const struct record *r, const struct check_entry *e)
{
	uint64_t session = check_number(e, "session"), sequence = check_number(e, "sequence");
	struct record_said *said;

	DL_FOREACH(r->said, said) {
		if (said->to_sequence == sequence && said->to_session == session && sequence)
			return said;
	}
	return NULL;
}

static void take_dropped_event(struct record *r, struct record_device *d, const struct check_entry *e)
{
	struct record_said *said = said_as(r, e);

	(void)d;
	if (said)
		forget_said(r, said);
}

static void show(struct record *r, struct record_device *d, const struct check_entry *e)
{
	struct record_said *said = said_as(r, e);
	struct record_item *item;

	if (!said) {
		record_leave(r, "messages shown that no device of this lab had sent");
		return;
	}
	item = record_add(r, RECORD_OUTCOME, d, "expect-message");
	record_attribute(item, "from", said->told_from);
	number_text(item, said);
	if (item) {
		item->said_us = said->at_us;
		item->said_pin = said->pin;
	}
	forget_said(r, said);
}

static void take_shown(struct record *r, struct record_device *d, const struct check_entry *e)
{
	uint64_t type = check_number(e, "type");

	if (type == IM_MESSAGE_EVENT)
		show(r, d, e);
	else if (type != IM_ACK && type != IM_FORCED_LOGOUT)
		record_leave(r, "%s: what devices were shown, for which no assertion has a word", type_name(type));
}

/* --- all ---------------------------------------------------------------------------------------------------------------------------- */

typedef void take_fn(struct record *r, struct record_device *d, const struct check_entry *e);

bool record_people(struct record *r, const struct check_entry *e)
{
	static const struct { const char *event; take_fn *take; } table[] = {
		{ "device.on", take_on }, { "device.off", take_off }, { "device.coverage", take_coverage }, { "device.silent", take_silent },
		{ "device.remember", take_remember }, { "login.began", take_login }, { "login.sent", take_sent }, { "login.told", take_told },
		{ "login.dropped", take_dropped }, { "login.asked", take_asked }, { "session.over", take_over }, { "login", take_unseen },
		{ "admit", take_admit },
		{ "im.said", take_said }, { "im.once", take_once }, { "im.taken", take_taken }, { "im.acked", take_acked },
		{ "im.acked.again", take_acked }, { "im.refused", take_acked }, { "im.heard", take_heard }, { "event.queued", take_queued },
		{ "event.dropped", take_dropped_event }, { "event.shown", take_shown },
	};

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		if (strcmp(table[i].event, e->name) == 0) {
			table[i].take(r, record_device(r, e->pin), e);
			return true;
		}
	}
	return false;
}
