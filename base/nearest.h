#ifndef BRAMBLE_BASE_NEAREST_H
#define BRAMBLE_BASE_NEAREST_H

#include <stddef.h>

/* The nearest of a NULL-terminated list by edits, or NULL if none is near: "did you mean ...". */
const char *nearest_name(const char *typed, const char *const *names);

/* "; did you mean x?" or the empty text, written into text, which is returned: the end of a sentence. */
const char *did_you_mean(const char *typed, const char *const *names, char *text, size_t size);

#endif
