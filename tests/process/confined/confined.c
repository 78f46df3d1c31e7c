/* Enters a daemon's confinement and asks itself, by SIGUSR2, to try what is forbidden (tests/process/forbidden.c, preloaded). Built as the
 * programs are without a sanitizer, which keeps some of what is given up. Arguments: the rights as a number, and a folder to write in. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/confine.h"

int main(int argc, char **argv)
{
	struct confine *policy = confine_new();
	struct confined confined;
	struct error err;

	if (argc != 3)
		return 2;
	confine_write(policy, argv[2]);
	if (confine_enter(policy, (unsigned)atoi(argv[1]), CONFINE_REQUIRED, &confined, &err) != 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	confine_free(&policy);
	raise(SIGUSR2);
	return 0;
}
