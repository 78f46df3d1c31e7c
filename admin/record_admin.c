/* What the administrator, the lab's own commands and the simulators' did. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/record_private.h"
#include "base/settings.h"

enum { KICKED_US = 10000000 };   /* real: an end so soon after somebody asked for it is that one */

/* --- limits ------------------------------------------------------------------------------------------------------------------------ */

static void limit(struct record_item *item, bool changed, const char *name, uint64_t value, bool is_time)
{
	char number[24];

	if (!changed)
		return;
	snprintf(number, sizeof number, "%llu", (unsigned long long)value);
	record_attribute(item, name, value == 0 ? "unset" : is_time ? duration_text(value) : number);
}

void record_limits(struct record *r, const struct record_limits *now, struct record_item *before)
{
	const struct record_limits *old = &r->limits;
	bool all = !r->has_limits;
	struct record_item *item;

	if (!all && now->max == old->max && now->idle_ms == old->idle_ms && now->inactivity_ms == old->inactivity_ms &&
	    now->capacity == old->capacity && now->evict_one == old->evict_one)
		return;
	item = record_add(r, RECORD_STEP, NULL, "limits");
	if (all)
		item->ms = 0;         /* as the lab found them: nothing is to be waited for */
	if (before) {
		item->at_us = before->at_us - 1;
		item->ms = before->ms;
	}
	limit(item, all || now->max != old->max, "max", now->max, false);
	limit(item, all || now->idle_ms != old->idle_ms, "idle-timeout", now->idle_ms, true);
	limit(item, all || now->inactivity_ms != old->inactivity_ms, "inactivity-timeout", now->inactivity_ms, true);
	limit(item, all || now->capacity != old->capacity, "capacity", now->capacity, false);
	if (all || now->evict_one != old->evict_one)
		record_attribute(item, "evict", now->evict_one ? "one" : "all");
	r->limits = *now;
	r->has_limits = true;
}

static void take_limits(struct record *r, const struct check_entry *e)
{
	record_limits(r, &(struct record_limits){ .max = check_number(e, "max"), .idle_ms = check_number(e, "idle_ms"),
		.inactivity_ms = check_number(e, "inactivity_ms"), .capacity = check_number(e, "capacity"),
		.evict_one = check_number(e, "evict_one") }, NULL);
}

/* --- ends of sessions ---------------------------------------------------------------------------------------------------------------- */

static void kick(struct record *r, const char *user, const char *how)
{
	struct record_item *item = record_add(r, RECORD_STEP, NULL, "kick");

	record_attribute(item, "user", user);
	record_attribute(item, "how", how);
}

static void take_kick(struct record *r, const struct check_entry *e)
{
	char user[192], how[32], name[64];

	check_value(e, "user", user, sizeof user);
	if (strcmp(e->process_name, r->backend) != 0) {
		record_leave(r, "users that the server behind the IM server signed off by request");
		return;
	}
	record_person(r, record_user(user, name, sizeof name))->kicked_us = e->at_us;
	kick(r, user, check_value(e, "how", how, sizeof how));
}

/* Who signs on from another place, where no device of the lab is, is known by what that did to the session. */
static void take_end(struct record *r, const struct check_entry *e)
{
	struct record_person *person;
	char reason[32], user[192], name[64];

	check_value(e, "reason", reason, sizeof reason);
	check_value(e, "user", user, sizeof user);
	if (strcmp(reason, "admin") == 0)
		record_add(r, RECORD_STEP, record_device(r, e->pin), "end-session");
	if (strcmp(reason, "elsewhere") != 0)
		return;
	person = record_person(r, record_user(user, name, sizeof name));
	if (person->kicked_us && e->at_us - person->kicked_us < KICKED_US)
		return;
	if (strcmp(r->backend, "groupwise") == 0)
		kick(r, user, "elsewhere");
	else
		record_leave(r, "users who signed on from another place");
}

/* --- fail-over ------------------------------------------------------------------------------------------------------------------------ */

static const char asked[] = "the administrator asked";

static bool was_asked_for(const struct check_entry *e)
{
	char why[64];

	return strcmp(check_value(e, "why", why, sizeof why), asked) == 0;
}

static void take_promote(struct record *r, const struct check_entry *e)
{
	char instance[64];

	if (was_asked_for(e))
		record_attribute(record_add(r, RECORD_STEP, NULL, "switch"), "to", check_value(e, "instance", instance, sizeof instance));
}

static void take_claimed(struct record *r, const struct check_entry *e)
{
	if (was_asked_for(e))
		record_attribute(record_add(r, RECORD_STEP, NULL, "claim"), "process", e->process_name);
}

/* --- processes ------------------------------------------------------------------------------------------------------------------------ */

static void process_step(struct record *r, const struct check_entry *e, enum record_kind kind, const char *element)
{
	struct record_item *item = record_add(r, kind, NULL, element);
	char name[32];

	check_value(e, "process", name, sizeof name);
	snprintf(item->process, sizeof item->process, "%s", strcmp(name, r->backend) == 0 ? "im-server" : name);
	record_attribute(item, "process", item->process);
}

static void take_process_kill(struct record *r, const struct check_entry *e)
{
	process_step(r, e, RECORD_STEP, "kill");
}

static void take_process_end(struct record *r, const struct check_entry *e)
{
	process_step(r, e, RECORD_END, "kill");
}

static void take_process_stop(struct record *r, const struct check_entry *e)
{
	process_step(r, e, RECORD_STEP, "stop");
}

static void take_process_continue(struct record *r, const struct check_entry *e)
{
	process_step(r, e, RECORD_STEP, "continue");
}

static void take_process_start(struct record *r, const struct check_entry *e)
{
	process_step(r, e, RECORD_START, "start");
}

/* --- faults --------------------------------------------------------------------------------------------------------------------------- */

/* "device" of a process of devices, the role of a server; NULL: a server that scenarios do not know. */
static const char *place_of(struct record *r, const struct check_entry *e, struct record_crowd **crowd)
{
	HASH_FIND_PTR(r->crowds, &e->process, *crowd);
	if (*crowd || strcmp(e->process_name, "device") == 0 || strcmp(e->process_name, "run") == 0)
		return "device";
	if (strcmp(e->process_name, r->backend) == 0)
		return "im-server";
	return strcmp(e->process_name, "ocs") == 0 ? "ocs" : NULL;
}

/* ACTION[=VALUE][,KEY=VALUE]...: each with a place of its own in a scenario. false: one has none. */
static bool fault_parts(struct record *r, struct record_item *item, char *word, bool *has_device)
{
	static const char *const known[] = { "user", "on", "nth", "count", "after", "for" };
	char *rest = word, *part = strsep(&rest, ","), *value = strchr(part, '=');

	if (value)
		*value++ = '\0';
	record_attribute(item, "action", part);
	if (value)
		record_attribute(item, "value", value);
	while ((part = strsep(&rest, ","))) {
		bool is_known = false;

		value = strchr(part, '=');
		if (!value)
			return false;
		*value++ = '\0';
		for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
			is_known = is_known || strcmp(known[i], part) == 0;
		if (strcmp(part, "pin") == 0) {
			struct record_device *d = record_device(r, (uint32_t)strtoul(value, NULL, 16));

			*has_device = is_known = true;
			if (d->is_left)
				return false;
			d->is_used = true;
			record_attribute(item, "device", d->user);
		} else if (is_known) {
			record_attribute(item, part, value);
		}
		if (!is_known)
			return false;
	}
	return true;
}

static void take_fault(struct record *r, const struct check_entry *e)
{
	struct record_crowd *crowd;
	const char *at = place_of(r, e, &crowd);
	struct record_item *item;
	bool has_device = false;
	char word[192];

	check_value(e, "word", word, sizeof word);
	item = at && *word ? record_add(r, RECORD_STEP, NULL, "fault") : NULL;
	record_attribute(item, "at", at ? at : "");
	if (!item || !fault_parts(r, item, word, &has_device)) {
		record_leave(r, "faults that no step has a word for");
		if (item)
			item->is_left = true;
		return;
	}
	r->has_faults = true;
	if (crowd)
		crowd->has_faults = true;
	if (has_device || strcmp(at, "device") != 0)
		return;
	if (!crowd || !crowd->only) {
		item->of_all = true;
	} else if (crowd->only->is_left) {
		item->is_left = true;
	} else {
		crowd->only->is_used = true;
		record_attribute(item, "device", crowd->only->user);
	}
}

/* A scenario clears those of all devices. */
static bool others_have_faults(const struct record *r, const struct record_crowd *crowd)
{
	for (const struct record_crowd *other = r->crowds; other; other = other->hh.next) {
		if (other != crowd && other->has_faults)
			return true;
	}
	return false;
}

static void take_clear(struct record *r, const struct check_entry *e)
{
	struct record_crowd *crowd;
	const char *at = place_of(r, e, &crowd);

	if (!at || (crowd && others_have_faults(r, crowd))) {
		record_leave(r, "times that faults were cleared where no step can");
		return;
	}
	if (crowd)
		crowd->has_faults = false;
	record_attribute(record_add(r, RECORD_STEP, NULL, "clear-faults"), "at", at);
}

/* --- all -------------------------------------------------------------------------------------------------------------------------------- */

static void take_capacity(struct record *r, const struct check_entry *e)
{
	(void)e;
	record_leave(r, "changes of how many sessions the IM server itself takes, or of the load that it tells");
}

static void take_broadcast(struct record *r, const struct check_entry *e)
{
	(void)e;
	record_leave(r, "broadcasts of the IM server");
}

typedef void take_fn(struct record *r, const struct check_entry *e);

bool record_admin(struct record *r, const struct check_entry *e)
{
	static const struct { const char *event; take_fn *take; } table[] = {
		{ "limits", take_limits }, { "session.end", take_end }, { "server.kick", take_kick }, { "failover.promote", take_promote },
		{ "srp.claimed", take_claimed }, { "lab.kill", take_process_kill }, { "lab.end", take_process_end },
		{ "lab.stop", take_process_stop }, { "lab.continue", take_process_continue }, { "lab.start", take_process_start },
		{ "fault.set", take_fault }, { "fault.clear", take_clear }, { "server.capacity", take_capacity },
		{ "server.broadcast", take_broadcast },
	};

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		if (strcmp(table[i].event, e->name) == 0) {
			table[i].take(r, e);
			return true;
		}
	}
	return false;
}
