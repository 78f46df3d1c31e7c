#ifndef BRAMBLE_ADMIN_TABLE_H
#define BRAMBLE_ADMIN_TABLE_H

#include <jansson.h>
#include <stdbool.h>

/* What a list command prints: an array of objects, as JSON or as columns for people. */
struct table_column {
	const char *key;        /* of the objects */
	const char *title;
};

/* Columns end with a NULL key. A missing or null value prints as "-". */
void table_print(const json_t *rows, const struct table_column *columns);

/* One object or array, indented, with a newline. */
void table_json(const json_t *value);

#endif
