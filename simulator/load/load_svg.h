#ifndef BRAMBLE_SIMULATOR_LOAD_SVG_H
#define BRAMBLE_SIMULATOR_LOAD_SVG_H

#include "base/bytes.h"
#include "simulator/load/load_result.h"

/* A picture of a result: times by percentile, and second by second how much there was and how long it took. Readable on light and on
 * dark ground (it goes by what the reader prefers), no script, nothing fetched. */
void load_svg(const struct load_result *r, struct buf *out);

#endif
