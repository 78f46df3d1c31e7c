#ifndef BRAMBLE_BASE_MEMORY_H
#define BRAMBLE_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* Memory that is there, or the process ends: no caller checks for NULL. Give it back with free(). */
void *memory_new(size_t size) __attribute__((malloc, returns_nonnull));          /* zeroed */
void *memory_take(size_t size) __attribute__((malloc, returns_nonnull));         /* not zeroed */
void *memory_resize(void *old, size_t size) __attribute__((returns_nonnull));    /* new bytes are not zeroed */
void *memory_several(size_t count, size_t size) __attribute__((malloc, returns_nonnull));    /* zeroed */
char *memory_str(const char *text) __attribute__((malloc));                      /* NULL gives NULL */
char *memory_printf(const char *format, ...) __attribute__((malloc, format(printf, 1, 2)));

/* Frees a string that was a secret: zeroes it first and clears the pointer. */
void memory_wipe_str(char **text);

/* First of all in main: what the JSON library and OpenSSL want and do not get ends the process, too. Left to themselves they go on, and what
 * they did not do looks like half a text, or like a peer's fault. Other libraries are told where they are started. */
void memory_of_libraries(void);

#ifdef BRAMBLE_DEATHS
/* Of builds for tests: when it is set and says true, there is no memory for what is wanted just then. */
extern bool (*memory_is_short)(void);
#endif

/* Ends the process: there was no memory for so many bytes. */
void memory_exhausted(size_t size) __attribute__((noreturn));

#endif
