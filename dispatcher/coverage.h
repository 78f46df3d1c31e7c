#ifndef BRAMBLE_DISPATCHER_COVERAGE_H
#define BRAMBLE_DISPATCHER_COVERAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which devices are in coverage, and through which Router: a PIN is covered if any Router says so, and its messages go to the
 * Router that saw it last. Rule: ours (routers share nothing). */
struct coverage;

#define COVERAGE_ROUTERS_MAX 32

struct coverage *coverage_new(void);
void coverage_free(struct coverage **coverage);

/* One Router's word about one PIN. true if this changed whether the PIN is covered at all. */
bool coverage_set(struct coverage *coverage, uint32_t pin, unsigned router, bool available);
bool coverage_has(const struct coverage *coverage, uint32_t pin);
/* The Router to send through; -1 if the PIN is not covered. */
int coverage_router(const struct coverage *coverage, uint32_t pin);

/* A Router knows nothing any more; fn is called for each PIN that is not covered now. */
typedef void coverage_fn(void *ctx, uint32_t pin);
void coverage_forget_router(struct coverage *coverage, unsigned router, coverage_fn *fn, void *ctx);
void coverage_each(const struct coverage *coverage, coverage_fn *fn, void *ctx);    /* covered ones */
size_t coverage_count(const struct coverage *coverage);

#endif
