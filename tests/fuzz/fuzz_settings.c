#include <stddef.h>
#include <stdlib.h>

#include "base/settings.h"

struct sample {
	char *listen, *path, *name;
	uint64_t count, duration, size;
	bool on;
	int choice;
};

static const char *const choices[] = { "one", "two", NULL };
#define AT(member) .offset = offsetof(struct sample, member)
static const struct setting table[] = {
	{ .key = "listen", .type = SETTING_ADDRESS, AT(listen), .fallback = "127.0.0.1:3101", .help = "a" },
	{ .key = "path", .type = SETTING_PATH, AT(path), .fallback = "run", .common = true, .help = "b" },
	{ .key = "name", .type = SETTING_TEXT, AT(name), .help = "c" },
	{ .key = "count", .type = SETTING_NUMBER, AT(count), .fallback = "3", .min = 1, .max = 20, .help = "d" },
	{ .key = "duration", .type = SETTING_DURATION, AT(duration), .fallback = "60s", .help = "e" },
	{ .key = "size", .type = SETTING_SIZE, AT(size), .fallback = "128K", .help = "f" },
	{ .key = "on", .type = SETTING_SWITCH, AT(on), .fallback = "no", .help = "g" },
	{ .key = "choice", .type = SETTING_CHOICE, AT(choice), .choices = choices, .fallback = "one", .help = "h" },
	{ .key = NULL },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A file that is accepted prints as one that is accepted and prints the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf first = { 0 }, second = { 0 };
	struct sample s;
	struct error err;

	if (settings_load_text(table, &s, "router", bytes_of(data, size), "f", "/d", NULL, &err) != 0)
		return 0;
	settings_print(table, &s, "router", &first);
	settings_free(table, &s);
	if (settings_load_text(table, &s, "router", buf_bytes(&first), "f", "/d", NULL, &err) != 0)
		abort();
	settings_print(table, &s, "router", &second);
	settings_free(table, &s);
	if (!bytes_equal(buf_bytes(&first), buf_bytes(&second)))
		abort();
	buf_free(&first);
	buf_free(&second);
	return 0;
}
