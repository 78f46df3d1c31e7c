#include "dispatcher/coverage.h"

#include <stdlib.h>
#include <uthash.h>

#include "base/memory.h"

/* Only covered PINs have one. */
struct covered {
	uint32_t pin, routers;      /* mask */
	unsigned last;
	UT_hash_handle hh;
};

struct coverage {
	struct covered *pins;
};

struct coverage *coverage_new(void)
{
	return memory_new(sizeof(struct coverage));
}

static void drop(struct coverage *coverage, struct covered *covered)
{
	HASH_DEL(coverage->pins, covered);
	free(covered);
}

void coverage_free(struct coverage **coverage)
{
	struct covered *covered, *next;

	if (!*coverage)
		return;
	HASH_ITER(hh, (*coverage)->pins, covered, next)
		drop(*coverage, covered);
	free(*coverage);
	*coverage = NULL;
}

static struct covered *find(const struct coverage *coverage, uint32_t pin)
{
	struct covered *covered;

	HASH_FIND(hh, coverage->pins, &pin, sizeof pin, covered);
	return covered;
}

static bool lose(struct coverage *coverage, struct covered *covered, unsigned router)
{
	covered->routers &= ~(1u << router);
	if (covered->routers == 0) {
		drop(coverage, covered);
		return true;
	}
	if (covered->last == router)
		covered->last = (unsigned)__builtin_ctz(covered->routers);
	return false;
}

bool coverage_set(struct coverage *coverage, uint32_t pin, unsigned router, bool available)
{
	struct covered *covered = find(coverage, pin);
	bool is_new = !covered;

	if (!available)
		return covered && lose(coverage, covered, router);
	if (is_new) {
		covered = memory_new(sizeof *covered);
		covered->pin = pin;
		HASH_ADD(hh, coverage->pins, pin, sizeof covered->pin, covered);
	}
	covered->routers |= 1u << router;
	covered->last = router;
	return is_new;
}

bool coverage_has(const struct coverage *coverage, uint32_t pin)
{
	return find(coverage, pin) != NULL;
}

int coverage_router(const struct coverage *coverage, uint32_t pin)
{
	const struct covered *covered = find(coverage, pin);

	return covered ? (int)covered->last : -1;
}

void coverage_forget_router(struct coverage *coverage, unsigned router, coverage_fn *fn, void *ctx)
{
	struct covered *covered, *next;

	HASH_ITER(hh, coverage->pins, covered, next) {
		uint32_t pin = covered->pin;

		if (covered->routers & 1u << router && lose(coverage, covered, router))
			fn(ctx, pin);
	}
}

void coverage_each(const struct coverage *coverage, coverage_fn *fn, void *ctx)
{
	for (const struct covered *covered = coverage->pins; covered; covered = covered->hh.next)
		fn(ctx, covered->pin);
}

size_t coverage_count(const struct coverage *coverage)
{
	return HASH_COUNT(coverage->pins);
}
