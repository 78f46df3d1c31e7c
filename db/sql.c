#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "db/core.h"

struct sql_pin sql_pin(uint32_t pin)
{
	struct sql_pin out;

	snprintf(out.text, sizeof out.text, "%08X", pin);
	return out;
}

uint32_t sql_pin_parse(const char *text)
{
	uint32_t pin = 0;

	if (!text || strlen(text) != 8)
		return 0;
	for (const char *at = text; *at; at++) {
		static const char digits[] = "0123456789ABCDEF";
		const char *digit = strchr(digits, *at);

		if (!digit)
			return 0;
		pin = pin << 4 | (uint32_t)(digit - digits);
	}
	return pin;
}

static void failed(struct core *core, enum driver_result result, enum statement which)
{
	core->failed = result;
	if (result == DRIVER_FAILED || result == DRIVER_BUSY)
		error_set(&core->error, "%s", core->driver_ops->error(core->driver));
	else
		error_set(&core->error, "%s (%s)", core->driver_ops->error(core->driver), db_statements[which].name);
}

void sql_fail(struct core *core, const char *format, ...)
{
	va_list args;

	if (core->failed != DRIVER_DONE)
		return;
	core->failed = DRIVER_FAILED;
	va_start(args, format);
	vsnprintf(core->error.text, sizeof core->error.text, format, args);
	va_end(args);
}

bool sql_next(struct core *core, enum statement which)
{
	enum driver_result result;

	if (core->failed != DRIVER_DONE)
		return false;
	result = core->driver_ops->step(core->driver, which);
	if (result == DRIVER_ROW)
		return true;
	if (result != DRIVER_DONE)
		failed(core, result, which);
	return false;
}

bool sql_row_values(struct core *core, enum statement which, const struct db_value *values, size_t count)
{
	enum driver_result result;

	if (core->failed != DRIVER_DONE)
		return false;
	result = core->driver_ops->start(core->driver, which, values, count);
	if (result != DRIVER_DONE) {
		failed(core, result, which);
		return false;
	}
	return sql_next(core, which);
}

bool sql_run_values(struct core *core, enum statement which, const struct db_value *values, size_t count)
{
	if (sql_row_values(core, which, values, count)) {
		while (sql_next(core, which))
			continue;
	}
	return core->failed == DRIVER_DONE;
}

uint64_t sql_changed(struct core *core)
{
	return core->failed == DRIVER_DONE ? core->driver_ops->changed(core->driver) : 0;
}

int64_t sql_number(struct core *core, enum statement which, int column)
{
	return core->driver_ops->number(core->driver, which, column);
}

struct bytes sql_bytes(struct core *core, enum statement which, int column)
{
	return core->driver_ops->bytes(core->driver, which, column);
}

const char *sql_text(struct core *core, enum statement which, int column, struct arena *into)
{
	if (core->driver_ops->is_null(core->driver, which, column))
		return NULL;
	return arena_bytes(into, sql_bytes(core, which, column));
}
