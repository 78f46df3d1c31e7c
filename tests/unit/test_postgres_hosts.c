/* Which addresses a PostgreSQL URL comes to, in which order, and how long each may take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io/loop.h"
#include "base/memory.h"
#include "db/postgres_hosts.h"

/* The system's, for this program: one.test has one address, two.test two, others have none. */
int getaddrinfo(const char *restrict host, const char *restrict port, const struct addrinfo *restrict hints, struct addrinfo **restrict found)
{
	unsigned count = strcmp(host, "two.test") == 0 ? 2 : strcmp(host, "one.test") == 0 ? 1 : 0;
	struct addrinfo **end = found;

	(void)hints;
	*found = NULL;
	for (unsigned i = 0; i < count; i++) {
		struct addrinfo *one = memory_new(sizeof *one);
		struct sockaddr_in *at = memory_new(sizeof *at);

		at->sin_family = AF_INET;
		at->sin_port = htons((uint16_t)strtoul(port, NULL, 10));
		at->sin_addr.s_addr = htonl(0xc0000201 + i);         /* 192.0.2.1, 192.0.2.2 */
		*one = (struct addrinfo){ .ai_family = AF_INET, .ai_addr = (struct sockaddr *)at, .ai_addrlen = sizeof *at };
		*end = one;
		end = &one->ai_next;
	}
	return count ? 0 : EAI_NONAME;
}

void freeaddrinfo(struct addrinfo *found)
{
	while (found) {
		struct addrinfo *next = found->ai_next;

		free(found->ai_addr);
		free(found);
		found = next;
	}
}

struct tries {
	char text[300];
	enum postgres_tried answer;      /* to all of them */
	int64_t connect_ms, all_ms;      /* of the first */
};

static enum postgres_tried note(void *arg, const struct postgres_target *target, uint64_t connect_us, uint64_t deadline_us)
{
	struct tries *t = arg;
	size_t len = strlen(t->text);

	if (!len) {
		t->connect_ms = (int64_t)(connect_us - loop_real_us()) / 1000;
		t->all_ms = (int64_t)(deadline_us - loop_real_us()) / 1000;
	}
	snprintf(t->text + len, sizeof t->text - len, "%s%s=%s:%s", len ? " " : "", target->host ? target->host : "?", target->hostaddr ?
		target->hostaddr : "", target->port ? target->port : "?");
	return t->answer;
}

static struct tries try(const char *url, enum postgres_tried answer, int want, struct error *err)
{
	struct tries t = { .answer = answer };

	*err = (struct error){ "" };
	assert_int_equal(postgres_hosts_try(url, "PLACE", note, &t, err), want);
	return t;
}

static void every_address_of_every_host_is_tried_in_turn(void **state)
{
	static const struct { const char *url, *tried; } rows[] = {
		{ "postgresql://u@one.test/d", "one.test=192.0.2.1:5432" },
		{ "postgresql://u@two.test:5433/d", "two.test=192.0.2.1:5433 two.test=192.0.2.2:5433" },
		{ "postgresql://u@two.test,one.test/d", "two.test=192.0.2.1:5432 two.test=192.0.2.2:5432 one.test=192.0.2.1:5432" },
		{ "postgresql://u@two.test:1,one.test:2/d", "two.test=192.0.2.1:1 two.test=192.0.2.2:1 one.test=192.0.2.1:2" },
		{ "postgresql://u@none.test,one.test/d", "one.test=192.0.2.1:5432" },
		/* A socket has no name, and an address that is given is not looked up. */
		{ "postgresql://u@/d?host=/run/a,/run/b", "/run/a=:5432 /run/b=:5432" },
		{ "postgresql://u@none.test/d?hostaddr=192.0.2.9", "?=:?" },
		{ "postgresql://u@/d", "?=:?" },
		/* Two ports for three hosts: libpq says what is wrong. */
		{ "postgresql://u@/d?host=one.test,one.test,one.test&port=1,2", "?=:?" },
		{ "postgresql://u@/d?service=there", "one.test=192.0.2.1:5434" },
	};
	char folder[] = "/tmp/bramble-hosts-XXXXXX", file[64];
	FILE *services;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(file, sizeof file, "%s/services", folder);
	services = fopen(file, "w");
	assert_non_null(services);
	fputs("[there]\nhost=one.test\nport=5434\n", services);
	fclose(services);
	setenv("PGSERVICEFILE", file, 1);
	unsetenv("PGHOST");
	unsetenv("PGHOSTADDR");
	unsetenv("PGPORT");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct error err;

		assert_string_equal(try(rows[i].url, POSTGRES_NEXT, -1, &err).text, rows[i].tried);
	}
	unlink(file);
	rmdir(folder);
}

static void the_first_that_is_open_or_refuses_is_the_last_that_is_tried(void **state)
{
	struct error err;

	(void)state;
	assert_string_equal(try("postgresql://u@two.test,one.test/d", POSTGRES_OPEN, 0, &err).text, "two.test=192.0.2.1:5432");
	assert_string_equal(try("postgresql://u@two.test,one.test/d", POSTGRES_REFUSED, -1, &err).text, "two.test=192.0.2.1:5432");
}

static void an_address_that_is_silent_leaves_time_for_the_next(void **state)
{
	struct error err;
	struct tries t = try("postgresql://u@two.test/d", POSTGRES_OPEN, 0, &err);

	(void)state;
	assert_in_range(t.connect_ms, 1, POSTGRES_HOST_MS / 2);
	assert_in_range(t.all_ms, t.connect_ms + 1, POSTGRES_HOST_MS);
	t = try("postgresql://u@one.test/d", POSTGRES_OPEN, 0, &err);
	assert_in_range(t.connect_ms, t.all_ms - 100, t.all_ms);
}

static void a_name_without_an_address_is_said(void **state)
{
	char url[400];
	struct error err;

	(void)state;
	try("postgresql://u@none.test/d", POSTGRES_NEXT, -1, &err);
	assert_string_equal(err.text, "the configuration database PLACE cannot be reached: the name none.test has no address: Name or service not known");
	snprintf(url, sizeof url, "postgresql://u@%0300d/d", 7);
	try(url, POSTGRES_NEXT, -1, &err);
	assert_non_null(strstr(err.text, "too long"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_address_of_every_host_is_tried_in_turn),
		cmocka_unit_test(the_first_that_is_open_or_refuses_is_the_last_that_is_tried),
		cmocka_unit_test(an_address_that_is_silent_leaves_time_for_the_next),
		cmocka_unit_test(a_name_without_an_address_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
