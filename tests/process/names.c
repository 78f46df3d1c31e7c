/* Preloaded into the real programs by tests/process/test_postgres.py: a name server of the test's own. The file NAMES has a line for each name
 * under .test with its addresses; a name without any is one that the name server is silent about. Other names are the system's business. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int look_up(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **found);

static look_up *system_look_up(void)
{
	look_up *next;
	void *symbol = dlsym(RTLD_NEXT, "getaddrinfo");

	memcpy(&next, &symbol, sizeof next);
	return next;
}

/* The line of this name, without the name; NULL without one. */
static char *line_of(const char *host, char *text, size_t size)
{
	FILE *file = fopen(getenv("NAMES"), "re");
	size_t len = strlen(host);
	char *found = NULL;

	while (file && !found && fgets(text, (int)size, file)) {
		if (strncmp(text, host, len) == 0 && strchr(" \n", text[len]))
			found = text + len;
	}
	if (file)
		fclose(file);
	return found;
}

int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **found)
{
	char text[256], *line, *rest, *address;
	size_t len = host ? strlen(host) : 0;
	struct addrinfo **end = found;

	if (len < 5 || strcmp(host + len - 5, ".test") != 0)
		return system_look_up()(host, port, hints, found);
	line = line_of(host, text, sizeof text);
	if (!line)
		return EAI_NONAME;
	address = strtok_r(line, " \n", &rest);
	if (!address) {
		for (;;)
			pause();
	}
	for (; address; address = strtok_r(NULL, " \n", &rest)) {
		int wrong = system_look_up()(address, port, hints, end);

		if (wrong)
			return wrong;
		end = &(*end)->ai_next;
	}
	return 0;
}
