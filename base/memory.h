#ifndef BRAMBLE_BASE_MEMORY_H
#define BRAMBLE_BASE_MEMORY_H

#include <stddef.h>

/* Memory that is there, or the process ends: no caller checks for NULL. Give it back with free(). */
void *memory_new(size_t size) __attribute__((malloc, returns_nonnull));          /* zeroed */
void *memory_resize(void *old, size_t size) __attribute__((returns_nonnull));    /* new bytes are not zeroed */
char *memory_str(const char *text) __attribute__((malloc));                      /* NULL gives NULL */
char *memory_printf(const char *format, ...) __attribute__((malloc, format(printf, 1, 2)));

/* Frees a string that was a secret: zeroes it first and clears the pointer. */
void memory_wipe_str(char **text);

/* Ends the process: there was no memory for so many bytes. */
void memory_exhausted(size_t size) __attribute__((noreturn));

#endif
