#include "admin/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

static void value_text(const json_t *value, struct buf *out)
{
	switch (value ? json_typeof(value) : JSON_NULL) {
	case JSON_STRING: buf_text(out, json_string_value(value)); break;
	case JSON_INTEGER: buf_printf(out, "%lld", (long long)json_integer_value(value)); break;
	case JSON_REAL: buf_printf(out, "%g", json_real_value(value)); break;
	case JSON_TRUE: buf_text(out, "yes"); break;
	case JSON_FALSE: buf_text(out, "no"); break;
	case JSON_NULL: buf_text(out, "-"); break;
	case JSON_ARRAY:
		for (size_t i = 0; i < json_array_size(value); i++) {
			buf_text(out, i ? "," : "");
			value_text(json_array_get(value, i), out);
		}
		break;
	case JSON_OBJECT: buf_text(out, "{...}"); break;
	}
	if (out->len == 0)
		buf_text(out, "-");
}

/* Characters, not bytes: names may be in UTF-8. */
static size_t width(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += (*text & 0xc0) != 0x80;
	return count;
}

void table_print(const json_t *rows, const struct table_column *columns)
{
	struct buf cell = { 0 };
	size_t widths[32] = { 0 };
	size_t count = 0;

	for (; columns[count].key; count++)
		widths[count] = strlen(columns[count].title);
	for (size_t r = 0; r < json_array_size(rows); r++) {
		for (size_t c = 0; c < count; c++) {
			size_t w;

			buf_clear(&cell);
			value_text(json_object_get(json_array_get(rows, r), columns[c].key), &cell);
			w = width(buf_cstr(&cell));
			widths[c] = w > widths[c] ? w : widths[c];
		}
	}
	for (size_t c = 0; c < count; c++)
		printf("%s%*s", columns[c].title, c + 1 < count ? (int)(widths[c] - strlen(columns[c].title) + 2) : 0, "");
	printf("\n");
	for (size_t r = 0; r < json_array_size(rows); r++) {
		for (size_t c = 0; c < count; c++) {
			buf_clear(&cell);
			value_text(json_object_get(json_array_get(rows, r), columns[c].key), &cell);
			printf("%s%*s", buf_cstr(&cell), c + 1 < count ? (int)(widths[c] - width(buf_cstr(&cell)) + 2) : 0, "");
		}
		printf("\n");
	}
	buf_free(&cell);
}

void table_json(const json_t *value)
{
	char *text = json_dumps(value, JSON_INDENT(2));

	puts(text);
	free(text);
}
