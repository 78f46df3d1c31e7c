#ifndef BRAMBLE_SIMULATOR_LOAD_HISTOGRAM_H
#define BRAMBLE_SIMULATOR_LOAD_HISTOGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Durations in microseconds, counted in log-linear buckets: exact below 2048 us, and from there on 1024 buckets for each doubling, so
 * that a value is known to better than one part in a thousand (three significant digits) up to an hour. Counting costs the same
 * however many there are; the histograms of several processes are added without loss. Buckets as HdrHistogram's: code; sizes: ours. */
struct load_histogram;

#define LOAD_HISTOGRAM_MAX_US 3600000000u     /* longer ones count as this */

struct load_histogram *load_histogram_new(void);
void load_histogram_free(struct load_histogram **h);
void load_histogram_clear(struct load_histogram *h);

void load_histogram_note(struct load_histogram *h, uint64_t us);
void load_histogram_add(struct load_histogram *into, const struct load_histogram *from);

uint64_t load_histogram_count(const struct load_histogram *h);
uint64_t load_histogram_max(const struct load_histogram *h);      /* exact; 0 when empty */
uint64_t load_histogram_mean(const struct load_histogram *h);
/* The smallest value that at least percent of all do not exceed, as the upper end of its bucket and never above the maximum.
 * percent: over 0, up to 100. 0 when empty. */
uint64_t load_histogram_at(const struct load_histogram *h, double percent);

/* For files: the buckets that hold something, in order. *place starts at 0; false after the last. upper is the bucket's upper end. */
bool load_histogram_next(const struct load_histogram *h, size_t *place, uint64_t *upper, uint64_t *count);
/* Puts back what was read with load_histogram_next. -1: upper is no bucket's upper end, or there are more than 2^53 in all. */
int load_histogram_put(struct load_histogram *h, uint64_t upper, uint64_t count);
/* The exact maximum and sum of what was put back. -1: they do not fit the buckets. */
int load_histogram_settle(struct load_histogram *h, uint64_t max, uint64_t sum);
uint64_t load_histogram_sum(const struct load_histogram *h);

#endif
