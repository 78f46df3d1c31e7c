#include "tests/support/clear_pair.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"

int clear_pair_set_up(void **state)
{
	struct clear_pair *f = calloc(1, sizeof(*f));

	log_set_level(LOG_ERROR);
	f->pair.loop = loop_new();
	f->raw = -1;
	snprintf(f->path, sizeof f->path, "/tmp/bramble-test-%d.sock", (int)getpid());
	snprintf(f->address, sizeof f->address, "unix:%s", f->path);
	*state = f;
	return 0;
}

int clear_pair_tear_down(void **state)
{
	struct clear_pair *f = *state;

	pair_close(&f->pair);
	if (f->raw >= 0)
		close(f->raw);
	loop_free(&f->pair.loop);
	unlink(f->path);
	free(f);
	return 0;
}

void clear_pair_listen(struct clear_pair *f, const struct connection_limits *limits)
{
	pair_listen(&f->pair, "127.0.0.1:0", NULL, limits);
}

void clear_pair_connect_raw(struct clear_pair *f)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)listener_port(f->pair.listener)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	unsigned before = f->pair.accepted;

	if (f->raw >= 0)
		close(f->raw);
	f->raw = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(f->raw, (struct sockaddr *)&to, sizeof to), 0);
	RUN_UNTIL(f->pair.loop, f->pair.accepted == before + 1);
}

void clear_pair_write_raw(struct clear_pair *f, const void *data, size_t len)
{
	assert_int_equal(write(f->raw, data, len), len);
}

void clear_pair_talk(struct clear_pair *f)
{
	struct pair *p = &f->pair;

	pair_dial(p, NULL, NULL, NULL);
	assert_int_equal(p->client.ups + p->client.ends, 0);
	peer_say(&p->client, "early");
	RUN_UNTIL(p->loop, p->client.ups == 1 && p->server.ups == 1);
	p->server.echo = true;
	peer_say(&p->client, "one");
	peer_say(&p->client, "");
	peer_say(&p->client, "two");
	RUN_UNTIL(p->loop, p->client.messages >= 3);
	assert_string_equal(buf_cstr(&p->server.said), "early|one||two|");
	assert_false(connection_is_tls(p->client.connection));
	assert_string_equal(connection_tls_version(p->client.connection), "");
	assert_int_equal(connection_bytes_out(p->client.connection), 2 * 4 + 11);
	assert_int_equal(connection_bytes_in(p->server.connection), 2 * 4 + 11);
	assert_int_equal(connection_queued(p->client.connection), 0);
}
