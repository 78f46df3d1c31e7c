/* Replays a corpus through a fuzz target without a fuzzing engine: `replay_program FOLDER`. Before that the same again and again, each time with
 * one allocation that fails: the process must end with its sentence, and not crash or go on. */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data = malloc(1 << 20);
	size_t size;

	if (!file || !data) {
		perror(path);
		exit(1);
	}
	size = fread(data, 1, 1 << 20, file);
	fclose(file);
	/* A copy of exactly the right size, so that the address sanitizer sees a read past the end. */
	data = realloc(data, size ? size : 1);
	if (!data)
		exit(1);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	return 0;
}

static unsigned long replay_all(int argc, char **argv)
{
	unsigned long count = 0;

	for (int i = 1; i < argc; i++) {
		DIR *dir = opendir(argv[i]);
		struct dirent *entry;
		char path[4096];

		if (!dir) {
			perror(argv[i]);
			exit(1);
		}
		while ((entry = readdir(dir))) {
			if (entry->d_name[0] == '.')
				continue;
			snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
			replay(path);
			count++;
		}
		closedir(dir);
	}
	return count;
}

/* --- one allocation that fails, of ours or of the libraries that take theirs from us ------------------------------------------- */

#ifdef BRAMBLE_DEATHS

enum { EACH_OF_THE_FIRST = 5, LATER_ONES = 6 };

static unsigned long *made;       /* allocations so far, known to the parent */
static unsigned long failing;     /* the how many-th fails; 0: none */

static bool is_short(void)
{
	return ++*made == failing;
}

/* In a process of its own; its status as waitpid has it. */
static int replay_failing(int argc, char **argv, unsigned long nth)
{
	pid_t child = fork();
	int status = 0;

	if (child == 0) {
		failing = nth;
		*made = 0;
		memory_is_short = is_short;
		replay_all(argc, argv);
		_exit(0);
	}
	waitpid(child, &status, 0);
	return status;
}

static void fail_one_by_one(int argc, char **argv)
{
	unsigned long all;

	made = mmap(NULL, sizeof *made, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (made == MAP_FAILED || replay_failing(argc, argv, 0) != 0)
		exit(1);
	all = *made;
	for (unsigned long n = 1, i = 0; n <= all; i++) {
		int status = replay_failing(argc, argv, n);

		if (!WIFEXITED(status) || WEXITSTATUS(status) != EXIT_INTERNAL) {
			fprintf(stderr, "allocation %lu of %lu failed, and the process ended with status %x\n", n, all, (unsigned)status);
			exit(1);
		}
		n += i < EACH_OF_THE_FIRST ? 1 : 1 + all / LATER_ONES;
	}
}

#else

static void fail_one_by_one(int argc, char **argv)
{
	(void)argc, (void)argv;
}

#endif

int main(int argc, char **argv)
{
	unsigned long count;

	memory_of_libraries();
	fail_one_by_one(argc, argv);
	count = replay_all(argc, argv);
	printf("replayed %lu inputs\n", count);
	return count ? 0 : 1;
}
