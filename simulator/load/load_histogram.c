#include "simulator/load/load_histogram.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum {
	EXACT = 2048,                  /* values below it have a bucket each */
	HALF = EXACT / 2,              /* buckets of each doubling after that */
	DOUBLINGS = 21,                /* 2048 << 21 is more than an hour */
	BUCKETS = EXACT + DOUBLINGS * HALF,
};

#define COUNT_MAX (UINT64_C(1) << 53)      /* so that hundreds of them can be added */

struct load_histogram {
	uint64_t total, max, sum;
	uint64_t counts[BUCKETS];
};

struct load_histogram *load_histogram_new(void)
{
	return memory_new(sizeof(struct load_histogram));
}

void load_histogram_free(struct load_histogram **h)
{
	free(*h);
	*h = NULL;
}

void load_histogram_clear(struct load_histogram *h)
{
	memset(h, 0, sizeof *h);
}

static size_t bucket_of(uint64_t us)
{
	unsigned doubling;

	if (us < EXACT)
		return (size_t)us;
	doubling = 63u - (unsigned)__builtin_clzll(us) - 10;      /* 2048 to 4095: 1 */
	return EXACT + (size_t)(doubling - 1) * HALF + (size_t)((us >> doubling) - HALF);
}

static uint64_t upper_end(size_t bucket)
{
	size_t doubling = bucket < EXACT ? 0 : (bucket - EXACT) / HALF + 1;

	if (!doubling)
		return bucket;
	return ((uint64_t)((bucket - EXACT) % HALF + HALF + 1) << doubling) - 1;
}

void load_histogram_note(struct load_histogram *h, uint64_t us)
{
	if (us > LOAD_HISTOGRAM_MAX_US)
		us = LOAD_HISTOGRAM_MAX_US;
	h->counts[bucket_of(us)]++;
	h->total++;
	h->sum += us;
	if (us > h->max)
		h->max = us;
}

void load_histogram_add(struct load_histogram *into, const struct load_histogram *from)
{
	for (size_t i = 0; i < BUCKETS; i++)
		into->counts[i] += from->counts[i];
	into->total += from->total;
	into->sum += from->sum;
	if (from->max > into->max)
		into->max = from->max;
}

uint64_t load_histogram_count(const struct load_histogram *h)
{
	return h->total;
}

uint64_t load_histogram_max(const struct load_histogram *h)
{
	return h->max;
}

uint64_t load_histogram_sum(const struct load_histogram *h)
{
	return h->sum;
}

uint64_t load_histogram_mean(const struct load_histogram *h)
{
	return h->total ? h->sum / h->total : 0;
}

uint64_t load_histogram_at(const struct load_histogram *h, double percent)
{
	/* A little less, so that 99.9 % of 1000 is 999 and not, by rounding, 1000. */
	double wanted = ceil(percent / 100 * (double)h->total - 1e-6);
	uint64_t rank = wanted < 1 ? 1 : (uint64_t)wanted, below = 0;

	for (size_t i = 0; i < BUCKETS && h->total; i++) {
		below += h->counts[i];
		if (below >= rank)
			return upper_end(i) < h->max ? upper_end(i) : h->max;
	}
	return h->max;
}

bool load_histogram_next(const struct load_histogram *h, size_t *place, uint64_t *upper, uint64_t *count)
{
	while (*place < BUCKETS && !h->counts[*place])
		++*place;
	if (*place == BUCKETS)
		return false;
	*upper = upper_end(*place);
	*count = h->counts[(*place)++];
	return true;
}

int load_histogram_put(struct load_histogram *h, uint64_t upper, uint64_t count)
{
	size_t bucket;

	if (upper >= (uint64_t)EXACT << DOUBLINGS || count > COUNT_MAX - h->total)
		return -1;
	bucket = bucket_of(upper);
	if (upper_end(bucket) != upper)
		return -1;
	h->counts[bucket] += count;
	h->total += count;
	return 0;
}

int load_histogram_settle(struct load_histogram *h, uint64_t max, uint64_t sum)
{
	size_t highest = BUCKETS;

	while (highest > 0 && !h->counts[highest - 1])
		highest--;
	if (highest ? max > LOAD_HISTOGRAM_MAX_US || bucket_of(max) != highest - 1 || sum / h->total > max : max || sum)
		return -1;
	h->max = max;
	h->sum = sum;
	return 0;
}
