#include "admin/trace_failover.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/session.h"
#include "admin/store.h"
#include "base/control.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/trail.h"
#include "db/trail.h"

/* In the order in which they happen in one switch. Source: document [DOC-FSBCS] for those with a number. */
static const struct happening { const char *event; int step; const char *what; } happenings[] = {
	{ "failover.dead", 0, "the active one is dead" },
	{ "failover.promote", 1, "the Dispatcher asks a standby one to promote" },
	{ "failover.refused", 0, "it did not" },
	{ "failover.active", 2, "it is the active one" },
	{ "failover.lost", 0, "the sessions of the dead one are lost" },
	{ "failover.demote", 3, "the Dispatcher asks the old one to demote" },
	{ "failover.drained", 4, "the old one has finished what it had received" },
	{ "failover.bes-checked", 5, "it looks whether a standby BES was promoted" },
	{ "failover.log-out", 6, "it logs out its open sessions" },
	{ "failover.demoted", 0, "it stands by" },
	{ "failover.log-in", 7, "the new one asks their devices to log in" },
	{ "srp.stepped-back", 0, "a newer Dispatcher has the SRP identity: the older one steps back" },
	{ "srp.claimed", 0, "the administrator has it take the SRP identity back" },
	{ "srp.free", 0, "the SRP identity is free again: it is taken" },
};
enum { HAPPENINGS = sizeof happenings / sizeof happenings[0] };

static int rank_of(const char *event)
{
	for (int i = 0; i < HAPPENINGS; i++) {
		if (strcmp(event, happenings[i].event) == 0)
			return i;
	}
	return -1;
}

static const char *member(const json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));

	return text ? text : "";
}

struct entry { const json_t *event; int life, rank; long number; size_t at; };

static void set(json_t *row, const struct entry *e, const char *key, bool is_number)
{
	char value[200];

	trail_value(member(e->event, "text"), key, value, sizeof value);
	json_object_set_new(row, key, !*value ? json_null() : is_number ? json_integer(strtoll(value, NULL, 10)) : control_json_text(value));
}

static json_t *row_of(const struct entry *e)
{
	static const char *const texts[] = { "instance", "other", "why", NULL }, *const numbers[] = { "switch", "sessions", "health", NULL };
	const struct happening *h = &happenings[e->rank];
	json_t *row = json_object();

	json_object_set(row, "time", json_object_get(e->event, "time"));
	json_object_set(row, "process", json_object_get(e->event, "process"));
	json_object_set_new(row, "event", json_string(h->event));
	json_object_set_new(row, "step", h->step ? json_integer(h->step) : json_null());
	json_object_set_new(row, "what", json_string(h->what));
	for (size_t i = 0; texts[i]; i++)
		set(row, e, texts[i], false);
	for (size_t i = 0; numbers[i]; i++)
		set(row, e, numbers[i], true);
	return row;
}

static int in_order(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->life != y->life)
		return x->life < y->life ? -1 : 1;
	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return x->at < y->at ? -1 : 1;
}

json_t *trace_failover(const json_t *events)
{
	struct entry *entries = memory_new((json_array_size(events) + 1) * sizeof *entries);
	json_t *rows = json_array(), *event;
	size_t count = 0, i;
	long promoted = 0;
	int life = 0;

	json_array_foreach(events, i, event) {
		struct entry e = { .event = event, .rank = rank_of(member(event, "event")), .at = i };
		char number[24];

		if (e.rank < 0)
			continue;
		e.number = strtol(trail_value(member(event, "text"), "switch", number, sizeof number), NULL, 10);
		/* A Dispatcher counts its switches from 1: where the numbers begin anew, another life of it begins. What is not part of a switch
		 * stands between them. */
		if ((strcmp(member(event, "event"), "failover.promote") == 0 && e.number <= promoted) || e.number == 0) {
			life++;
			promoted = 0;
		}
		if (strcmp(member(event, "event"), "failover.promote") == 0)
			promoted = e.number;
		e.life = life;
		entries[count++] = e;
		if (e.number == 0)
			life++;
	}
	qsort(entries, count, sizeof *entries, in_order);
	for (i = 0; i < count; i++)
		json_array_append_new(rows, row_of(&entries[i]));
	free(entries);
	return rows;
}

int trace_failover_command(int argc, char **argv)
{
	static const struct table_column columns[] = {
		{ "time", "TIME" }, { "switch", "SWITCH" }, { "step", "STEP" }, { "what", "WHAT" }, { "instance", "INSTANCE" }, { "other", "OTHER" },
		{ "sessions", "SESSIONS" }, { "why", "WHY" }, { NULL, NULL },
	};
	const struct command_usage usage = { .takes_place = true, .takes_json = true,
		.help = "Shows each switch of active and standby Collaboration Services that the database remembers, step by step as the vendor's page\n"
			"numbers them, and Dispatchers that stepped back for a newer one of their SRP identity." };
	struct command_common common;
	struct store store;
	json_t *rows;
	int status;

	command_parse(&usage, argc, argv, &common, NULL);
	status = store_open(&store, &common, DB_EXISTING);
	if (status == EXIT_DONE) {
		db_trail_list(store.db, UINT64_MAX, 0, DB_TRAIL_KEEP, store_take_events, &store);
		status = store_wait(&store, "the event trail");
	}
	if (status == EXIT_DONE) {
		rows = trace_failover(store.rows);
		if (common.json)
			table_json(rows);
		else
			table_print(rows, columns);
		json_decref(rows);
	}
	store_close(&store);
	return status;
}
