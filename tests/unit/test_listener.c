/* Listeners: when they rest, and where they cannot listen. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/clear_pair.h"

static void at_the_bound_accepting_rests(void **state)
{
	struct clear_pair *f = *state;
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int second;

	pair_listen_at_most(&f->pair, 1);
	clear_pair_connect_raw(f);
	to.sin_port = htons((uint16_t)listener_port(f->pair.listener));
	second = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(second, (struct sockaddr *)&to, sizeof to), 0);
	for (int i = 0; i < 5; i++)
		loop_round(f->pair.loop, 2);
	assert_int_equal(f->pair.accepted, 1);
	connection_free(&f->pair.server.connection);
	RUN_UNTIL(f->pair.loop, f->pair.accepted == 2);
	close(second);
}

static void without_descriptors_accepting_rests_and_goes_on(void **state)
{
	struct clear_pair *f = *state;
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct rlimit before;
	struct rlimit few;

	clear_pair_listen(f, NULL);
	to.sin_port = htons((uint16_t)listener_port(f->pair.listener));
	f->raw = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(f->raw, (struct sockaddr *)&to, sizeof to), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = (rlim_t)f->raw + 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	for (int i = 0; i < 5; i++)
		loop_round(f->pair.loop, 2);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(f->pair.accepted, 0);
	RUN_UNTIL(f->pair.loop, f->pair.accepted == 1);
}

static void a_listener_that_cannot_says_where_and_why(void **state)
{
	struct clear_pair *f = *state;
	struct error err = { "" };
	FILE *file;

	clear_pair_listen(f, NULL);
	assert_null(listener_new(f->pair.loop, listener_address(f->pair.listener), NULL, NULL, 0, NULL, NULL, &err));
	assert_non_null(strstr(err.text, listener_address(f->pair.listener)));
	assert_non_null(strstr(err.text, "in use"));
	assert_null(listener_new(f->pair.loop, "host.invalid:1", NULL, NULL, 0, NULL, NULL, &err));
	assert_non_null(strstr(err.text, "in numbers"));
	listener_free(&f->pair.listener);

	pair_listen(&f->pair, f->address, NULL, NULL);
	assert_null(listener_new(f->pair.loop, f->address, NULL, NULL, 0, NULL, NULL, &err));
	assert_non_null(strstr(err.text, "another process"));
	listener_free(&f->pair.listener);

	file = fopen(f->path, "w");
	assert_non_null(file);
	fclose(file);
	assert_null(listener_new(f->pair.loop, f->address, NULL, NULL, 0, NULL, NULL, &err));
	assert_non_null(strstr(err.text, "not a socket"));
}

static void a_stale_unix_socket_is_replaced(void **state)
{
	struct clear_pair *f = *state;
	struct sockaddr_un path = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(path.sun_path, sizeof path.sun_path, "%s", f->path);
	assert_int_equal(bind(fd, (struct sockaddr *)&path, sizeof path), 0);
	close(fd);
	pair_listen(&f->pair, f->address, NULL, NULL);
	clear_pair_talk(f);
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, clear_pair_set_up, clear_pair_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(at_the_bound_accepting_rests),
		ROW(without_descriptors_accepting_rests_and_goes_on),
		ROW(a_listener_that_cannot_says_where_and_why),
		ROW(a_stale_unix_socket_is_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
