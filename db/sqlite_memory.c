#include "db/sqlite_memory.h"

#include <malloc.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"

/* It never asks for nothing, and for no more than an int holds. */
static void *take(int size)
{
	return memory_take((size_t)size);
}

static void *resize(void *old, int size)
{
	return memory_resize(old, (size_t)size);
}

static int size_of(void *memory)
{
	return (int)malloc_usable_size(memory);
}

static int rounded(int size)
{
	return (size + 7) & ~7;
}

static int start(void *data)
{
	(void)data;
	return SQLITE_OK;
}

static void stop(void *data)
{
	(void)data;
}

void sqlite_memory(void)
{
	static const sqlite3_mem_methods methods = {
		.xMalloc = take, .xFree = free, .xRealloc = resize, .xSize = size_of, .xRoundup = rounded, .xInit = start, .xShutdown = stop,
	};
	static bool is_done;

	if (is_done)
		return;
	is_done = true;
	if (sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) != SQLITE_OK)
		bug("SQLite has taken memory already");
}
