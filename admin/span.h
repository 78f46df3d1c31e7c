#ifndef BRAMBLE_ADMIN_SPAN_H
#define BRAMBLE_ADMIN_SPAN_H

#include <stddef.h>
#include <stdint.h>

/* A length of time for people, to the precision that its size deserves: "0.25 s", "59 s", "9m59s", "3h05m", "2d03h". Written into
 * text, which is returned. */
const char *span_text(uint64_t ms, char *text, size_t size);

#endif
