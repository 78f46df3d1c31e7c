#include "simulator/load/load_output.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/settings.h"
#include "simulator/load/load_plan.h"
#include "simulator/load/load_svg.h"

void load_output_init(struct load_output *output)
{
	*output = (struct load_output){ .bounds.max_refused = UINT64_MAX };
}

static int parse_count(const char *text, uint64_t *out, struct error *err)
{
	if (!*text || strspn(text, "0123456789") != strlen(text) || strlen(text) > 15)
		return error_set(err, "--max-refused: it is a number, not %s", log_str(text));
	*out = strtoull(text, NULL, 10);
	return 0;
}

int load_output_option(struct load_output *output, int option, const char *value, struct error *err)
{
	switch (option) {
	case LOAD_OPTION_JSON:
		output->json = true;
		return 1;
	case LOAD_OPTION_SVG:
		output->svg = value;
		return 1;
	case LOAD_OPTION_HISTOGRAM:
		output->histogram = value;
		return 1;
	case LOAD_OPTION_MAX_P99:
		if (duration_parse(value, &output->bounds.max_p99_us, err))
			return error_prefix(err, "--max-p99: ");
		output->bounds.max_p99_us *= 1000;
		return 1;
	case LOAD_OPTION_MIN_RATE:
		return load_rate_parse(value, &output->bounds.min_rate, err) ? error_prefix(err, "--min-rate: ") : 1;
	case LOAD_OPTION_MAX_REFUSED:
		return parse_count(value, &output->bounds.max_refused, err) ? -1 : 1;
	default:
		return 0;
	}
}

void load_output_help(FILE *out)
{
	fprintf(out,
		"  --max-p99 TIME        fails when the 99th percentile is over it: of messages that arrive, else of logging in again, else of logins\n"
		"  --min-rate RATE       fails when fewer a second of the same end well\n"
		"  --max-refused N       fails when more are refused\n"
		"  --json                the result as one JSON object\n"
		"  --svg FILE            a picture of it\n"
		"  --histogram FILE      the result with all its buckets, for `load merge`\n");
}

static int cannot_write(const char *path)
{
	fprintf(stderr, "bramble-sim load: %s cannot be written: %s\n", path, strerror(errno));
	return EXIT_CONFIG;
}

static int write_svg(const struct load_result *r, const char *path)
{
	FILE *file = fopen(path, "w");
	struct buf text = { 0 };
	bool good;

	load_svg(r, &text);
	good = file && fwrite(text.data, 1, text.len, file) == text.len;
	good = file && fclose(file) == 0 && good;
	buf_free(&text);
	return good ? EXIT_DONE : cannot_write(path);
}

static int write_json(json_t *object, const char *path)
{
	int rc = path ? json_dump_file(object, path, JSON_COMPACT) : json_dumpf(object, stdout, JSON_INDENT(2));

	if (!path)
		putchar('\n');
	json_decref(object);
	return rc == 0 ? EXIT_DONE : cannot_write(path ? path : "standard output");
}

int load_output_write(const struct load_output *output, const struct load_result *r)
{
	int status = EXIT_DONE;

	if (output->json)
		status = write_json(load_result_json(r, &output->bounds, false), NULL);
	else
		load_result_print(r, &output->bounds, stdout);
	if (output->svg && status == EXIT_DONE)
		status = write_svg(r, output->svg);
	if (output->histogram && status == EXIT_DONE)
		status = write_json(load_result_json(r, &output->bounds, true), output->histogram);
	if (status == EXIT_DONE && (!load_result_is_whole(r) || r->stopped || load_result_judge(r, &output->bounds, NULL, 0)))
		status = EXIT_REFUSED;
	return status;
}

/* --- merge ------------------------------------------------------------------------------------------------------------------ */

static void merge_usage(FILE *out)
{
	fprintf(out,
		"usage: bramble-sim load merge [OPTIONS] FILE...\n\n"
		"Adds the results of load processes that ran at the same time, from the files of their --histogram, and prints one.\n\n");
	load_output_help(out);
	fprintf(out, "  -h, --help            this text\n\n"
		"exit status: 0 done, 1 something was lost, or a threshold failed, 2 usage, 3 a file cannot be read or written\n");
}

static int merge_file(const char *path, struct load_result *all)
{
	struct load_result one = { .closed = false };
	json_error_t wrong;
	json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &wrong);
	struct error err;
	int status = EXIT_CONFIG;

	if (!root)
		fprintf(stderr, "bramble-sim load: %s: line %d: %s\n", path, wrong.line, wrong.text);
	else if (load_result_read(root, &one, &err))
		fprintf(stderr, "bramble-sim load: %s: %s\n", path, err.text);
	else if (all->process_count + one.process_count > LOAD_PROCESSES_MAX)
		fprintf(stderr, "bramble-sim load: %s: with it there are more than %d processes\n", path, LOAD_PROCESSES_MAX);
	else
		status = EXIT_DONE;
	if (status == EXIT_DONE)
		load_result_merge(all, &one);
	load_result_free(&one);
	json_decref(root);
	return status;
}

int load_merge(int argc, char **argv)
{
	static const struct option known[] = { LOAD_OUTPUT_OPTIONS, { "help", no_argument, NULL, 'h' }, { 0 } };
	struct load_output output;
	struct load_result all;
	struct error err;
	int status = EXIT_DONE, c;

	load_output_init(&output);
	while ((c = getopt_long(argc, argv, "h", known, NULL)) != -1) {
		if (c == 'h') {
			merge_usage(stdout);
			return EXIT_DONE;
		}
		if (c == '?')
			return EXIT_USAGE;      /* getopt has said why */
		if (load_output_option(&output, c, optarg, &err) < 0) {
			fprintf(stderr, "bramble-sim load merge: %s\n", err.text);
			return EXIT_USAGE;
		}
	}
	if (optind == argc) {
		fprintf(stderr, "bramble-sim load merge: a file of --histogram is needed\n");
		return EXIT_USAGE;
	}
	load_result_init(&all);
	for (int i = optind; i < argc && status == EXIT_DONE; i++)
		status = merge_file(argv[i], &all);
	if (status == EXIT_DONE)
		status = load_output_write(&output, &all);
	load_result_free(&all);
	return status;
}
