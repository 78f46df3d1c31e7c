#include "base/memory.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#ifdef BRAMBLE_DEATHS
bool (*memory_is_short)(void);
#define IS_SHORT() (memory_is_short && memory_is_short())
#else
#define IS_SHORT() false
#endif

void memory_exhausted(size_t size)
{
	fatal(EXIT_INTERNAL, "out of memory: %zu bytes wanted", size);
}

void *memory_new(size_t size)
{
	void *memory = IS_SHORT() ? NULL : calloc(1, size ? size : 1);

	if (!memory)
		memory_exhausted(size);
	return memory;
}

void *memory_take(size_t size)
{
	void *memory = IS_SHORT() ? NULL : malloc(size ? size : 1);

	if (!memory)
		memory_exhausted(size);
	return memory;
}

void *memory_several(size_t count, size_t size)
{
	size_t all;

	if (__builtin_mul_overflow(count, size, &all))
		memory_exhausted(SIZE_MAX);
	return memory_new(all);
}

static void *take_for_openssl(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return memory_take(size);
}

static void free_for_openssl(void *memory, const char *file, int line)
{
	(void)file;
	(void)line;
	free(memory);
}

/* As its own one does, for size 0 it frees. */
static void *resize_for_openssl(void *old, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	if (size)
		return memory_resize(old, size);
	free(old);
	return NULL;
}

void memory_of_libraries(void)
{
	json_set_alloc_funcs(memory_take, free);
	if (!CRYPTO_set_mem_functions(take_for_openssl, resize_for_openssl, free_for_openssl))
		bug("OpenSSL has taken memory already");
}

void *memory_resize(void *old, size_t size)
{
	void *memory = IS_SHORT() ? NULL : realloc(old, size ? size : 1);

	if (!memory)
		memory_exhausted(size);
	return memory;
}

char *memory_str(const char *text)
{
	size_t size = text ? strlen(text) + 1 : 0;

	return text ? memcpy(memory_new(size), text, size) : NULL;
}

char *memory_printf(const char *format, ...)
{
	char *text = NULL;
	va_list args;
	int len;

	va_start(args, format);
	len = vasprintf(&text, format, args);
	va_end(args);
	if (len < 0)
		memory_exhausted(0);
	return text;
}

void memory_wipe_str(char **text)
{
	if (*text)
		OPENSSL_cleanse(*text, strlen(*text));
	free(*text);
	*text = NULL;
}
