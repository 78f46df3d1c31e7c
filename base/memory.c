#include "base/memory.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <stdarg.h>
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

void memory_of_libraries(void)
{
	json_set_alloc_funcs(memory_take, free);
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
