/* Files of `load --histogram`: what is refused says why; what is accepted is written and read back as the same, can be added to
 * itself, judged, drawn and printed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "simulator/load/load_svg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct load_bounds bounds = { .max_p99_us = 1000, .min_rate = 1000, .max_refused = 1 };

static void write_and_read(const struct load_result *r)
{
	json_t *one = load_result_json(r, &bounds, true), *two;
	struct load_result back;
	struct error err;

	if (load_result_read(one, &back, &err))
		bug("what was written cannot be read: %s", err.text);
	two = load_result_json(&back, &bounds, true);
	if (!json_equal(one, two))
		bug("read back as something else");
	json_decref(one);
	json_decref(two);
	load_result_free(&back);
}

static void show(const struct load_result *r)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	struct buf svg = { 0 };

	load_svg(r, &svg);
	if (out) {
		load_result_print(r, &bounds, out);
		fclose(out);
	}
	free(text);
	buf_free(&svg);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *root = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
	struct load_result r, all;
	struct error err = { "" };

	if (!root)
		return 0;
	if (load_result_read(root, &r, &err)) {
		if (!err.text[0])
			bug("refused without a sentence");
	} else {
		write_and_read(&r);
		load_result_init(&all);
		load_result_merge(&all, &r);
		load_result_merge(&all, &r);
		if (load_result_adds_up(&all) != load_result_adds_up(&r))
			bug("twice the same adds up otherwise");
		show(&all);
		load_result_free(&all);
	}
	load_result_free(&r);
	json_decref(root);
	return 0;
}
