/* A login at a GroupWise server that ends before it has begun. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "collab/groupwise_client.h"

struct login {
	struct backend *backend;
	struct login *other;
	int server;                  /* the far end of its connection */
	unsigned connected, ended, failed;
};

static void on_connected(void *ctx, const char *peer, const char *local, const char *tls_version)
{
	struct login *login = ctx;

	(void)peer;
	(void)local;
	(void)tls_version;
	login->connected++;
	groupwise_backend.finish(login->other->backend);
}

static void on_failed(void *ctx, uint32_t code, const char *why)
{
	struct login *login = ctx;

	(void)code;
	(void)why;
	login->failed++;
}

static void on_ended(void *ctx)
{
	struct login *login = ctx;

	login->ended++;
}

/* The first of two whose connections come up in the same round ends the other: that does not log in, and does not say that it stands. */
static void who_is_told_to_finish_before_the_connection_stands_does_not_log_in(void **state)
{
	static const struct backend_events events = { .connected = on_connected, .login_failed = on_failed, .ended = on_ended };
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t length = sizeof at;
	struct login logins[2] = { { 0 }, { 0 } };
	struct backend_target target;
	struct loop *loop = loop_new();
	struct login *first, *second;
	char byte;

	(void)state;
	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(listener, 2), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &length), 0);
	target = (struct backend_target){ .loop = loop, .host = "127.0.0.1", .port = ntohs(at.sin_port), .protocol_version = 2 };
	/* Both are connected before the loop looks at either. */
	for (int i = 0; i < 2; i++) {
		logins[i].other = &logins[!i];
		logins[i].backend = groupwise_backend.open(&target, bytes_str("alice"), bytes_str("alice-secret"), &events, &logins[i]);
	}
	loop_round(loop, 0);
	for (int i = 0; i < 2; i++) {
		struct pollfd comes = { .fd = listener, .events = POLLIN };

		assert_int_equal(poll(&comes, 1, 10000), 1);
		logins[i].server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	}
	for (int i = 0; i < 1000 && logins[0].connected + logins[1].connected == 0; i++)
		loop_round(loop, 10);
	first = &logins[!logins[0].connected];
	second = first->other;
	for (int i = 0; i < 1000 && !second->ended; i++)
		loop_round(loop, 10);
	assert_int_equal(first->connected, 1);
	assert_int_equal(second->connected, 0);
	assert_int_equal(second->ended, 1);
	assert_int_equal(first->failed + second->failed, 0);
	for (int i = 0; i < 2; i++)
		groupwise_backend.free(&logins[i].backend);
	/* One login has arrived, and from the other connection nothing but its end. */
	assert_int_equal((recv(logins[0].server, &byte, 1, 0) > 0) + (recv(logins[1].server, &byte, 1, 0) > 0), 1);
	close(logins[0].server);
	close(logins[1].server);
	close(listener);
	loop_free(&loop);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_told_to_finish_before_the_connection_stands_does_not_log_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
