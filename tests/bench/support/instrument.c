#include "tests/bench/support/instrument.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 256, ROUND_MAX_MS = 600000, ROUND_MAX_PER_S = 1000000, POLL_MS = 20 };

void instrument_die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("bench: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

uint64_t instrument_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t instrument_cpu_ns(pid_t pid)
{
	char path[320];
	uint64_t sum = 0;
	struct dirent *entry;
	DIR *tasks;

	snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	if (!tasks)
		instrument_die("process %d, which is measured, is gone", (int)pid);
	while ((entry = readdir(tasks))) {
		unsigned long long ns = 0;
		FILE *file;

		snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", (int)pid, entry->d_name);
		file = entry->d_name[0] != '.' ? fopen(path, "r") : NULL;
		if (!file)
			continue;
		if (fscanf(file, "%llu", &ns) == 1)      /* NOLINT(cert-err34-c): the kernel's own number */
			sum += ns;
		fclose(file);
	}
	closedir(tasks);
	return sum;
}

void instrument_add_pid(struct instrument *in, const char *name, pid_t pid)
{
	if (in->count == INSTRUMENT_PROCESSES)
		instrument_die("at most %d processes are measured", INSTRUMENT_PROCESSES);
	snprintf(in->processes[in->count].name, sizeof in->processes[0].name, "%s", name);
	in->processes[in->count++].pid = pid;
}

bool instrument_add(struct instrument *in, const char *list)
{
	char copy[LINE_MAX_BYTES], *rest = copy, *item;

	if (snprintf(copy, sizeof copy, "%s", list) >= (int)sizeof copy)
		return false;
	while ((item = strsep(&rest, ","))) {
		char *equals = strchr(item, '='), *end;
		long pid;

		if (!equals)
			return false;
		*equals = '\0';
		pid = strtol(equals + 1, &end, 10);
		if (pid <= 0 || *end)
			return false;
		instrument_add_pid(in, item, (pid_t)pid);
	}
	return true;
}

void instrument_begin(struct instrument *in)
{
	for (size_t i = 0; i < in->count; i++)
		in->processes[i].from_ns = instrument_cpu_ns(in->processes[i].pid);
	in->from_us = instrument_now_us();
}

void instrument_end(struct instrument *in)
{
	in->us = instrument_now_us() - in->from_us;
	for (size_t i = 0; i < in->count; i++)
		in->processes[i].ns = instrument_cpu_ns(in->processes[i].pid) - in->processes[i].from_ns;
}

static void answer(const struct instrument *in, uint64_t count)
{
	printf("{\"count\": %llu, \"us\": %llu, \"cpu\": {", (unsigned long long)count, (unsigned long long)in->us);
	for (size_t i = 0; i < in->count; i++)
		printf("%s\"%s\": %llu", i ? ", " : "", in->processes[i].name, (unsigned long long)in->processes[i].ns);
	printf("}");
	if (in->per_s)
		printf(", \"p50_us\": %llu, \"p99_us\": %llu", (unsigned long long)load_histogram_at(in->latency, 50),
			(unsigned long long)load_histogram_at(in->latency, 99));
	printf("}\n");
	fflush(stdout);
}

/* One line without its end; false at the end of input. Reads byte by byte: lines are few. */
static bool read_line(char line[LINE_MAX_BYTES], void (*idle)(void *ctx), void *ctx)
{
	size_t len = 0;

	for (;;) {
		struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
		int ready = poll(&in, 1, idle ? 0 : POLL_MS);
		char byte;
		ssize_t got;

		if (ready == 0 || (ready < 0 && errno == EINTR)) {
			if (idle)
				idle(ctx);
			continue;
		}
		got = read(STDIN_FILENO, &byte, 1);
		if (got <= 0)
			return false;
		if (byte == '\n') {
			line[len] = '\0';
			return true;
		}
		if (len + 1 < LINE_MAX_BYTES)
			line[len++] = byte;
	}
}

void instrument_serve(struct instrument *in, uint64_t (*round)(void *ctx, unsigned ms), void (*idle)(void *ctx), void *ctx)
{
	char line[LINE_MAX_BYTES];

	printf("{\"ready\": true}\n");
	fflush(stdout);
	while (read_line(line, idle, ctx) && strcmp(line, "quit") != 0) {
		char *end = line + 6;
		unsigned long ms = strncmp(line, "round ", 6) == 0 ? strtoul(end, &end, 10) : 0;
		unsigned long per_s = *end == ' ' && in->latency ? strtoul(end + 1, &end, 10) : 0;

		if (ms == 0 || ms > ROUND_MAX_MS || per_s > ROUND_MAX_PER_S || *end)
			instrument_die("neither `round MS`, nor `round MS PER_S` for what can work by plan, nor `quit`: %s", line);
		in->per_s = (unsigned)per_s;
		answer(in, round(ctx, (unsigned)ms));
	}
}
