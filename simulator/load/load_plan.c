#include "simulator/load/load_plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

struct load_plan load_plan_make(uint64_t start_us, uint64_t rate, uint64_t for_ms)
{
	struct load_plan plan = { .start_us = start_us, .rate = rate };

	/* The last one begins before the time is over. */
	if (rate && for_ms)
		plan.count = (rate * for_ms + 999999) / 1000000;
	return plan;
}

uint64_t load_plan_at_us(const struct load_plan *plan, uint64_t i)
{
	return plan->start_us + (uint64_t)((unsigned __int128)i * 1000000000u / plan->rate);
}

uint64_t load_plan_next_us(const struct load_plan *plan)
{
	return plan->next < plan->count ? load_plan_at_us(plan, plan->next) : UINT64_MAX;
}

bool load_plan_is_due(const struct load_plan *plan, uint64_t now_us)
{
	return load_plan_next_us(plan) <= now_us;
}

int load_rate_parse(const char *text, uint64_t *rate, struct error *err)
{
	size_t whole = strspn(text, "0123456789"), digits = 0;
	const char *end = text + whole;
	uint64_t value = whole && whole <= 7 ? strtoull(text, NULL, 10) * 1000 : 0;

	if (*end == '.') {
		static const uint64_t place[] = { 100, 10, 1 };

		for (end++; digits < 3 && *end >= '0' && *end <= '9'; end++)
			value += (uint64_t)(*end - '0') * place[digits++];
		whole = digits ? whole : 0;
	}
	if (strcmp(end, "/s") == 0)
		end += 2;
	if (!whole || *end || value == 0 || value > LOAD_RATE_MAX)
		return error_set(err, "%s is no rate: accepted are 0.001 to 1000000 a second, as in 250, 0.5 or 40/s", log_str(text));
	*rate = value;
	return 0;
}
