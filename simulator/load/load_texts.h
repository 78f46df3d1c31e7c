#ifndef BRAMBLE_SIMULATOR_LOAD_TEXTS_H
#define BRAMBLE_SIMULATOR_LOAD_TEXTS_H

#include "base/bytes.h"

/* What load says: LOAD_TEXTS different texts of made-up words, the same for the same seed, each with a head that says who said it
 * and which one it is. One text over and over would make compression look twice as fast as it is. */
struct load_texts;

#define LOAD_TEXTS 1024
#define LOAD_TEXT_MIN 32
#define LOAD_TEXT_MAX 16384

/* Sizes are spread evenly from min_size to max_size bytes, head included; both from LOAD_TEXT_MIN to LOAD_TEXT_MAX. */
struct load_texts *load_texts_new(uint64_t seed, size_t min_size, size_t max_size);
void load_texts_free(struct load_texts **texts);

/* The text with this number, said by this sender. Lives until the next call. */
struct bytes load_texts_make(struct load_texts *texts, uint32_t sender, uint32_t number);
/* Reads the head and compares the rest. false: it is not what that sender said under that number, or has no head. */
bool load_texts_check(const struct load_texts *texts, struct bytes text, uint32_t *sender, uint32_t *number);

#endif
