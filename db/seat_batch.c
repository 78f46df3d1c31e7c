#include "db/seat_batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"

void seat_batch_clear(struct core *core)
{
	while (core->seats) {
		struct seat_batch *next = core->seats->next;

		free(core->seats);
		core->seats = next;
	}
}

void seat_batch_adjust(struct core *core, int64_t environment_id, int live, int evictable)
{
	for (struct seat_batch *batch = core->seats; batch; batch = batch->next) {
		if (batch->id == environment_id) {
			batch->census.live += (uint32_t)live;
			batch->census.evictable += (uint32_t)evictable;
		}
	}
}

void seat_end(struct core *core, uint64_t session, int reason, const char *by, bool closing)
{
	if (closing)
		sql_run(core, SQL_CLOSING_ADD, number((int64_t)session));
	sql_run(core, SQL_SEAT_TO_HISTORY, number((int64_t)session), text(seat_reason_name(reason)), number((int64_t)loop_wall_ms()),
		text(by));
	sql_run(core, SQL_SEAT_REMOVE, number((int64_t)session));
	sql_run(core, SQL_HISTORY_PRUNE, number(DB_HISTORY_KEEP));
}

uint64_t seats_end_of_owner(struct core *core, uint64_t owner_id, int reason)
{
	uint64_t ended;

	/* Its process is gone, and its connections with it; those of one that only sleeps are out of anybody's reach. */
	sql_run(core, SQL_CLOSING_REMOVE_OWNER, number((int64_t)owner_id));
	sql_run(core, SQL_OWNER_TO_HISTORY, number((int64_t)owner_id), text(seat_reason_name(reason)), number((int64_t)loop_wall_ms()),
		text(""));
	sql_run(core, SQL_OWNER_SEATS_REMOVE, number((int64_t)owner_id));
	ended = sql_changed(core);
	sql_run(core, SQL_HISTORY_PRUNE, number(DB_HISTORY_KEEP));
	return ended;
}

/* --- seats of commits whose outcome is unknown ------------------------------------------------------------------------------- */

static void append(struct seat_list *list, const struct seat_taken *seat)
{
	list->items = memory_resize(list->items, (list->count + 1) * sizeof *list->items);
	list->items[list->count++] = *seat;
}

static void clear(struct seat_list *list)
{
	free(list->items);
	*list = (struct seat_list){ 0 };
}

void seat_taken(struct core *core, uint64_t session, struct seat_owner owner)
{
	append(&core->taken, &(struct seat_taken){ session, owner.id, owner.epoch });
}

void seats_settled(struct core *core, enum driver_result commit)
{
	if (commit == DRIVER_DONE)
		clear(&core->doubtful);
	for (size_t i = 0; commit == DRIVER_UNKNOWN && i < core->taken.count; i++)
		append(&core->doubtful, &core->taken.items[i]);
	clear(&core->taken);
}

void seats_end_doubtful(struct core *core)
{
	for (size_t i = 0; i < core->doubtful.count; i++) {
		const struct seat_taken *seat = &core->doubtful.items[i];

		if (sql_row(core, SQL_SEAT_OWNED, number((int64_t)seat->session), number((int64_t)seat->owner), number(seat->epoch)))
			seat_end(core, seat->session, SEAT_REASON_REFUSED, "", false);
		else
			sql_run(core, SQL_CLOSING_REMOVE, number((int64_t)seat->session));    /* another login has it, and waits */
	}
}

void seats_forget(struct core *core)
{
	clear(&core->taken);
	clear(&core->doubtful);
}

bool seat_owner_valid(struct core *core, struct seat_owner owner, int64_t environment_id)
{
	return sql_row(core, SQL_OWNER_EPOCH, number((int64_t)owner.id), number(owner.epoch), number(environment_id));
}

/* A dead process gives no seat back by itself. Its epoch goes up with it, so that one that was only asleep learns from its next
 * renewal that its seats are gone. */
static void end_expired_owners(struct core *core, int64_t environment_id, uint64_t owner_id, uint64_t now_ms)
{
	enum { AT_ONCE = 16 };
	uint64_t expired[AT_ONCE];
	size_t count;

	do {
		count = 0;
		if (sql_row(core, SQL_OWNERS_EXPIRED, number(environment_id), number((int64_t)now_ms), number((int64_t)owner_id))) {
			do
				expired[count++] = (uint64_t)sql_number(core, SQL_OWNERS_EXPIRED, 0);
			while (count < AT_ONCE && sql_next(core, SQL_OWNERS_EXPIRED));
		}
		for (size_t i = 0; i < count; i++) {
			seats_end_of_owner(core, expired[i], SEAT_REASON_OWNER_LOST);
			sql_run(core, SQL_OWNER_FENCE, number((int64_t)expired[i]));
		}
	} while (count == AT_ONCE && core->failed == DRIVER_DONE);
}

int64_t seat_environment_id(struct core *core, const char *environment)
{
	return sql_row(core, SQL_ENVIRONMENT_GET, text(environment)) ? sql_number(core, SQL_ENVIRONMENT_GET, 0) : 0;
}

/* Plain SQL may have written what it likes within the table's checks. */
static void read_limits(struct core *core, struct seat_batch *batch)
{
	struct seat_census *c = &batch->census;

	batch->id = sql_number(core, SQL_ENVIRONMENT_GET, 0);
	c->groupwise = bytes_is(sql_bytes(core, SQL_ENVIRONMENT_GET, 2), "groupwise");
	c->max_sessions = (uint32_t)sql_number(core, SQL_ENVIRONMENT_GET, 6);
	c->idle_timeout_ms = (uint64_t)sql_number(core, SQL_ENVIRONMENT_GET, 7);
	c->inactivity_timeout_ms = (uint64_t)sql_number(core, SQL_ENVIRONMENT_GET, 8);
	c->transport_capacity = (uint32_t)sql_number(core, SQL_ENVIRONMENT_GET, 9);
	c->evict = bytes_is(sql_bytes(core, SQL_ENVIRONMENT_GET, 10), "one") ? SEAT_EVICT_ONE : SEAT_EVICT_ALL;
}

static uint32_t count_of(struct core *core, enum statement which, int64_t environment_id)
{
	return sql_row(core, which, number(environment_id)) ? (uint32_t)sql_number(core, which, 0) : 0;
}

struct seat_batch *seat_batch_of(struct core *core, const char *environment, uint64_t owner_id, uint64_t now_ms)
{
	struct seat_batch *batch;

	for (batch = core->seats; batch; batch = batch->next) {
		if (strcasecmp(batch->name, environment) == 0)
			return batch;
	}
	if (!sql_row(core, SQL_ENVIRONMENT_GET, text(environment)))
		return NULL;
	batch = memory_new(sizeof *batch);
	snprintf(batch->name, sizeof batch->name, "%s", environment);
	batch->next = core->seats;
	core->seats = batch;
	read_limits(core, batch);
	end_expired_owners(core, batch->id, owner_id, now_ms);
	batch->census.live = count_of(core, SQL_SEATS_COUNT, batch->id);
	batch->census.evictable = count_of(core, SQL_SEATS_MARKED, batch->id);
	return core->failed == DRIVER_DONE ? batch : NULL;
}
