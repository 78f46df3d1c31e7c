#ifndef BRAMBLE_SIMULATOR_LOAD_OUTPUT_H
#define BRAMBLE_SIMULATOR_LOAD_OUTPUT_H

#include "simulator/load/load_result.h"

/* What `load` and `load merge` do with a result. */
struct load_output {
	const char *svg, *histogram;     /* files, NULL: none */
	bool json;
	struct load_bounds bounds;
};

/* The options that both know, for getopt_long; and what is wrong with one of them. */
#define LOAD_OUTPUT_OPTIONS \
	{ "json", no_argument, NULL, LOAD_OPTION_JSON }, { "svg", required_argument, NULL, LOAD_OPTION_SVG }, \
	{ "histogram", required_argument, NULL, LOAD_OPTION_HISTOGRAM }, { "max-p99", required_argument, NULL, LOAD_OPTION_MAX_P99 }, \
	{ "min-rate", required_argument, NULL, LOAD_OPTION_MIN_RATE }, { "max-refused", required_argument, NULL, LOAD_OPTION_MAX_REFUSED }
enum { LOAD_OPTION_JSON = 1000, LOAD_OPTION_SVG, LOAD_OPTION_HISTOGRAM, LOAD_OPTION_MAX_P99, LOAD_OPTION_MIN_RATE, LOAD_OPTION_MAX_REFUSED };
void load_output_init(struct load_output *output);
/* 1: taken; 0: not one of them; -1 with a sentence that names it. */
int load_output_option(struct load_output *output, int option, const char *value, struct error *err);
void load_output_help(FILE *out);

/* Prints, writes the files, and says how it ends: an enum exit_status. */
int load_output_write(const struct load_output *output, const struct load_result *r);

/* `load merge`: argv[0] is "merge". */
int load_merge(int argc, char **argv);

#endif
