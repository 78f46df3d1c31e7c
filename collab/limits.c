#include "collab/limits.h"

#include "base/settings.h"

static uint32_t sessions_to_evict(const struct seat_census *census)
{
	uint32_t needed = census->live - census->max_sessions + 1;

	if (census->evict == SEAT_EVICT_ALL || needed > census->evictable)
		return census->evictable;
	return needed;
}

struct seat_decision limits_decide(const struct seat_census *census)
{
	struct seat_decision decision = { .outcome = SEAT_ADMITTED };
	uint32_t max = census->max_sessions;
	uint32_t live = census->live;

	if (max && live >= max && census->idle_timeout_ms) {
		decision.evict = sessions_to_evict(census);
		live -= decision.evict;
	}
	if (max && live >= max)
		decision.outcome = SEAT_SERVER_BUSY;
	else if (live >= census->transport_capacity)
		decision.outcome = SEAT_CAPACITY;
	else if (!census->permitted)
		decision.outcome = SEAT_NOT_PERMITTED;
	return decision;
}

static const char *outcome_words(const struct seat_census *census, enum seat_outcome outcome)
{
	switch (outcome) {
	case SEAT_ADMITTED:
		return "ADMITTED";
	case SEAT_SERVER_BUSY:
		return "SERVER BUSY";
	case SEAT_CAPACITY:
		return census->groupwise ? "FAILED (300)" : "FAILED";
	case SEAT_NOT_PERMITTED:
		return "NOT PERMITTED";
	}
	return "?";
}

void limits_explain(const struct seat_census *census, const struct seat_decision *decision, struct buf *out)
{
	bool reached = census->max_sessions && census->live >= census->max_sessions;

	if (census->max_sessions)
		buf_printf(out, "max=%u live=%u", census->max_sessions, census->live);
	else
		buf_printf(out, "max=unset live=%u", census->live);
	if (reached) {
		buf_printf(out, " evictable=%u idle_timeout=%s", census->evictable,
			census->idle_timeout_ms ? duration_text(census->idle_timeout_ms) : "unset");
	}
	if (decision->evict)
		buf_printf(out, " evicted=%u", decision->evict);
	if (!census->max_sessions || decision->outcome == SEAT_CAPACITY)
		buf_printf(out, " capacity=%u", census->transport_capacity);
	if (decision->outcome == SEAT_NOT_PERMITTED)
		buf_text(out, " permitted=no");
	buf_printf(out, " -> %s", outcome_words(census, decision->outcome));
}
