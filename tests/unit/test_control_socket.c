#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/io/control_client.h"
#include "base/io/control_server.h"
#include "base/log.h"
#include "base/memory.h"

/* A server on a loop of this thread; callers are plain sockets, or control_ask in a thread of its own. */
struct fixture {
	struct loop *loop;
	struct control_server *server;
	char folder[64], path[96];
	struct control_request *kept[100];
	size_t kept_count;
};

static void verb_echo(void *ctx, struct control_request *request)
{
	json_t *copy = json_deep_copy(control_params(request));

	(void)ctx;
	control_done(&request, copy);
	assert_null(request);
}

static void verb_no(void *ctx, struct control_request *request)
{
	(void)ctx;
	control_refuse(&request, EXIT_DATABASE, "not %s", "today");
}

static void verb_keep(void *ctx, struct control_request *request)
{
	struct fixture *f = ctx;

	f->kept[f->kept_count++] = request;
}

static void verb_large(void *ctx, struct control_request *request)
{
	char *text = memory_new(CONTROL_MAX_LINE + 1);

	(void)ctx;
	memset(text, 'x', CONTROL_MAX_LINE);
	control_done(&request, json_string(text));
	free(text);
}

static const struct control_param echo_params[] = {
	{ "text", CONTROL_TEXT, true, "what comes back" },
	{ NULL, CONTROL_TEXT, false, NULL },
};
static const struct control_verb verbs[] = {
	{ "echo", "comes back", echo_params, verb_echo }, { "no", "never", NULL, verb_no }, { "keep", "later", NULL, verb_keep },
	{ "large", "too much", NULL, verb_large }, { NULL, NULL, NULL, NULL },
};

static int set_up(void **state)
{
	struct fixture *f = memory_new(sizeof *f);
	struct error err;

	snprintf(f->folder, sizeof f->folder, "/tmp/bramble-control-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	snprintf(f->path, sizeof f->path, "%s/x.sock", f->folder);
	f->loop = loop_new();
	f->server = control_server_new(f->loop, f->path, &err);
	assert_non_null(f->server);
	control_server_add(f->server, verbs, f);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	control_server_free(&f->server);
	for (size_t i = 0; i < f->kept_count; i++) {
		if (f->kept[i])
			control_done(&f->kept[i], json_null());
	}
	loop_free(&f->loop);
	assert_int_equal(rmdir(f->folder), 0);
	free(f);
	return 0;
}

static int dial(const struct fixture *f)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof address.sun_path, "%s", f->path);
	assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Runs the loop until the caller has a whole line (or the end: then the empty text). */
static const char *hear(struct fixture *f, int fd)
{
	static char line[8192];
	size_t len = 0;

	for (int rounds = 0; rounds < 1000; rounds++) {
		ssize_t got = recv(fd, line + len, 1, MSG_DONTWAIT);

		if (got == 0)
			break;
		if (got < 0) {
			loop_round(f->loop, 10);
			continue;
		}
		if (line[len++] == '\n') {
			line[len] = '\0';
			return line;
		}
	}
	line[0] = '\0';
	return line;
}

static void a_request_is_answered_by_one_line(void **state)
{
	struct fixture *f = *state;
	int fd = dial(f);

	say(fd, "{\"verb\":\"echo\",\"id\":7,\"params\":{\"text\":\"hi\"}}\n");
	assert_string_equal(hear(f, fd), "{\"id\":7,\"ok\":true,\"result\":{\"text\":\"hi\"}}\n");
	say(fd, "{\"verb\":\"no\",\"id\":8}\n");
	assert_string_equal(hear(f, fd), "{\"id\":8,\"ok\":false,\"error\":\"not today\",\"status\":5}\n");
	close(fd);
}

static void a_request_in_pieces_and_two_in_one(void **state)
{
	struct fixture *f = *state;
	int fd = dial(f);

	say(fd, "{\"verb\":\"no\",");
	loop_round(f->loop, 20);
	say(fd, "\"id\":1}\n{\"verb\":\"no\",\"id\":2}\n");
	assert_non_null(strstr(hear(f, fd), "\"id\":1"));
	assert_non_null(strstr(hear(f, fd), "\"id\":2"));
	close(fd);
}

static void what_is_wrong_is_named_and_the_next_line_is_read(void **state)
{
	static const struct { const char *line, *words; } rows[] = {
		{ "nonsense\n", "not a JSON object" },
		{ "{\"verb\":\"ehco\",\"id\":3}\n", "did you mean echo?" },
		{ "{\"verb\":\"echo\",\"id\":4}\n", "needs text" },
		{ "{\"verb\":\"echo\",\"id\":5,\"params\":{\"text\":1}}\n", "is a text" },
		{ "{\"verb\":\"echo\",\"id\":6,\"params\":{\"text\":\"a\",\"txet\":\"b\"}}\n", "did you mean text?" },
		{ "{\"verb\":\"large\",\"id\":9}\n", "ask for less" },
	};
	struct fixture *f = *state;
	int fd = dial(f);

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *heard;

		say(fd, rows[i].line);
		heard = hear(f, fd);
		if (!strstr(heard, "\"ok\":false") || !strstr(heard, rows[i].words))
			fail_msg("%s: \"%s\" does not say \"%s\"", rows[i].line, heard, rows[i].words);
	}
	close(fd);
}

static void answers_may_come_later_and_in_another_order(void **state)
{
	struct fixture *f = *state;
	int fd = dial(f);

	say(fd, "{\"verb\":\"keep\",\"id\":1}\n{\"verb\":\"keep\",\"id\":2}\n");
	while (f->kept_count < 2)
		loop_round(f->loop, 20);
	control_done(&f->kept[1], json_true());
	control_done(&f->kept[0], json_false());
	assert_string_equal(hear(f, fd), "{\"id\":2,\"ok\":true,\"result\":true}\n");
	assert_string_equal(hear(f, fd), "{\"id\":1,\"ok\":true,\"result\":false}\n");
	close(fd);
}

static void a_caller_that_has_gone_is_no_error(void **state)
{
	struct fixture *f = *state;
	int fd = dial(f);

	say(fd, "{\"verb\":\"keep\",\"id\":1}\n");
	while (f->kept_count < 1)
		loop_round(f->loop, 20);
	close(fd);
	for (int i = 0; i < 5; i++)
		loop_round(f->loop, 5);
	control_done(&f->kept[0], json_true());
	assert_null(f->kept[0]);
}

static void one_caller_may_not_leave_more_than_64_requests_open(void **state)
{
	struct fixture *f = *state;
	int fd = dial(f);

	for (int i = 0; i < 65; i++)
		say(fd, "{\"verb\":\"keep\",\"id\":1}\n");
	assert_non_null(strstr(hear(f, fd), "64 requests"));
	assert_int_equal(f->kept_count, 64);
	close(fd);
}

static void the_socket_is_private_and_goes_with_the_server(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	control_server_free(&f->server);
	assert_int_equal(stat(f->path, &st), -1);
	control_server_free(&f->server);
}

static void a_second_server_on_a_living_socket_is_refused(void **state)
{
	struct fixture *f = *state;
	struct error err;

	assert_null(control_server_new(f->loop, f->path, &err));
	assert_non_null(strstr(err.text, f->path));
	assert_non_null(strstr(err.text, "already"));
}

static void a_path_too_long_is_refused_with_both_lengths(void **state)
{
	struct fixture *f = *state;
	char path[200];
	struct error err;

	memset(path, 'p', sizeof path - 1);
	path[sizeof path - 1] = '\0';
	assert_null(control_server_new(f->loop, path, &err));
	assert_non_null(strstr(err.text, "199"));
	assert_non_null(strstr(err.text, "107"));
}

/* --- the blocking client ------------------------------------------------------------------------------------------------- */

struct asking {
	struct fixture *f;
	const char *verb;
	json_t *params, *result;
	int status;
	struct error err;
	unsigned timeout_ms;
	bool done;
};

static void *ask(void *arg)
{
	struct asking *a = arg;

	a->result = control_ask(a->f->path, a->verb, a->params, a->timeout_ms, &a->status, &a->err);
	__atomic_store_n(&a->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static void ask_and_serve(struct asking *a)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, ask, a), 0);
	while (!__atomic_load_n(&a->done, __ATOMIC_ACQUIRE))
		loop_round(a->f->loop, 10);
	pthread_join(thread, NULL);
}

static void the_client_gets_the_result_or_the_sentence(void **state)
{
	struct asking good = { .f = *state, .verb = "echo", .params = json_pack("{s:s}", "text", "hi"), .timeout_ms = 5000 };
	struct asking bad = { .f = *state, .verb = "no", .timeout_ms = 5000 };

	ask_and_serve(&good);
	assert_non_null(good.result);
	assert_int_equal(good.status, 0);
	assert_string_equal(json_string_value(json_object_get(good.result, "text")), "hi");
	json_decref(good.result);
	ask_and_serve(&bad);
	assert_null(bad.result);
	assert_int_equal(bad.status, EXIT_DATABASE);
	assert_string_equal(bad.err.text, "not today");
}

static void no_answer_in_time_is_a_timeout(void **state)
{
	struct asking late = { .f = *state, .verb = "keep", .timeout_ms = 50 };

	ask_and_serve(&late);
	assert_null(late.result);
	assert_int_equal(late.status, EXIT_TIMEOUT);
	assert_non_null(strstr(late.err.text, "no answer to keep within 50 ms"));
}

static void nobody_there_is_a_refusal(void **state)
{
	struct fixture *f = *state;
	struct error err;
	int status;

	control_server_free(&f->server);
	assert_null(control_ask(f->path, "status", NULL, 1000, &status, &err));
	assert_int_equal(status, EXIT_REFUSED);
	assert_non_null(strstr(err.text, f->path));
}

int main(void)
{
#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WITH_SERVER(a_request_is_answered_by_one_line),
		WITH_SERVER(a_request_in_pieces_and_two_in_one),
		WITH_SERVER(what_is_wrong_is_named_and_the_next_line_is_read),
		WITH_SERVER(answers_may_come_later_and_in_another_order),
		WITH_SERVER(a_caller_that_has_gone_is_no_error),
		WITH_SERVER(one_caller_may_not_leave_more_than_64_requests_open),
		WITH_SERVER(the_socket_is_private_and_goes_with_the_server),
		WITH_SERVER(a_second_server_on_a_living_socket_is_refused),
		WITH_SERVER(a_path_too_long_is_refused_with_both_lengths),
		WITH_SERVER(the_client_gets_the_result_or_the_sentence),
		WITH_SERVER(no_answer_in_time_is_a_timeout),
		WITH_SERVER(nobody_there_is_a_refusal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
