/* TLS: who is trusted, what is refused and in which words, one record or more per message, tickets, made certificates. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cmocka.h>

#include "base/io/tls.h"
#include "base/log.h"
#include "tests/support/peers.h"

/* Made once: an installation's CA with a server's and a client's certificate, another CA, a lone certificate, an old one. */
static char folder[64];

static const char *file(const char *name)
{
	static char paths[8][128];
	static unsigned next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof paths[0], "%s/%s", folder, name);
	return path;
}

static const char *with(const char *name, const char *suffix)
{
	char both[64];

	snprintf(both, sizeof both, "%s%s", name, suffix);
	return file(both);
}

static int make_signed(const char *ca, const char *name, const char *names, struct error *err)
{
	return tls_make_signed(with(ca, ".crt"), with(ca, ".key"), with(name, ".crt"), with(name, ".key"), names, err);
}

static int make_certificates(void **state)
{
	struct error err = { "" };

	(void)state;
	log_set_level(LOG_ERROR);
	snprintf(folder, sizeof folder, "/tmp/bramble-tls-XXXXXX");
	if (!mkdtemp(folder) ||
	    tls_make_ca(file("ca.crt"), file("ca.key"), &err) != 0 ||
	    make_signed("ca", "server", "im.corp.test 127.0.0.1", &err) != 0 ||
	    make_signed("ca", "client", "collab.corp.test", &err) != 0 ||
	    tls_make_ca(file("other-ca.crt"), file("other-ca.key"), &err) != 0 ||
	    make_signed("other-ca", "other", "collab.corp.test", &err) != 0 ||
	    tls_make_self_signed(file("lone.crt"), file("lone.key"), "localhost 127.0.0.1 ::1", true, &err) != 0 ||
	    tls_make_self_signed(file("old.crt"), file("old.key"), "localhost 127.0.0.1", false, &err) != 0) {
		fprintf(stderr, "%s\n", err.text);
		return -1;
	}
	return 0;
}

static int remove_certificates(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	return system(command);
}

struct fixture {
	struct pair pair;
	struct tls *server;
	struct tls *client;
};

static int begin(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->pair.loop = loop_new();
	*state = f;
	return 0;
}

static int end(void **state)
{
	struct fixture *f = *state;

	pair_close(&f->pair);
	tls_free(&f->server);
	tls_free(&f->client);
	loop_free(&f->pair.loop);
	free(f);
	return 0;
}

static struct tls *made(const struct tls_settings *settings)
{
	struct error err = { "" };
	struct tls *tls = tls_new(settings, &err);

	if (!tls)
		fail_msg("%s", err.text);
	return tls;
}

static struct tls *server_of(const char *name, const char *ca, bool only_tls13)
{
	return made(&(struct tls_settings){ .server = true, .certificate_file = with(name, ".crt"), .key_file = with(name, ".key"),
		.ca_file = ca ? file(ca) : NULL, .only_tls13 = only_tls13 });
}

static void meet(struct fixture *f, const char *server_name)
{
	struct pair *p = &f->pair;

	p->client.ups = p->client.ends = p->server.ups = p->server.ends = 0;
	connection_free(&p->client.connection);
	if (!p->listener)
		pair_listen(p, "127.0.0.1:0", f->server, NULL);
	pair_dial(p, f->client, server_name, NULL);
	peer_say(&p->client, "early");
	RUN_UNTIL(p->loop, (p->client.ups && p->server.ups) || p->client.ends);
}

static void fingerprint(const char *certificate, char *hex)
{
	FILE *in = fopen(file(certificate), "r");
	X509 *x = PEM_read_X509(in, NULL, NULL, NULL);
	unsigned char digest[32];
	unsigned len = 0;

	fclose(in);
	assert_int_equal(X509_digest(x, EVP_sha256(), digest, &len), 1);
	X509_free(x);
	for (unsigned i = 0; i < len; i++)
		sprintf(hex + 2 * i, "%02X", digest[i]);
}

static void whom_a_client_trusts(void **state)
{
	static const char pinned[] = "pin";
	static const struct {
		const char *name;
		const char *server;
		const char *ca;
		const char *pin;
		bool any;
		const char *server_name;
		const char *refused;      /* NULL: accepted */
	} rows[] = {
		{ "signed by our CA, name matches", "server", "ca.crt", NULL, false, "im.corp.test", NULL },
		{ "signed by our CA, address matches", "server", "ca.crt", NULL, false, "127.0.0.1", NULL },
		{ "the address of the dial is the name", "server", "ca.crt", NULL, false, NULL, NULL },
		{ "another name", "server", "ca.crt", NULL, false, "other.corp.test", "hostname mismatch" },
		{ "another address", "server", "ca.crt", NULL, false, "127.0.0.2", "IP address mismatch" },
		{ "a CA that we do not know", "other", "ca.crt", NULL, false, "collab.corp.test", "certificate" },
		{ "self-signed, not trusted", "lone", "ca.crt", NULL, false, "localhost", "self-signed" },
		{ "self-signed and known", "lone", "lone.crt", NULL, false, "localhost", NULL },
		{ "pinned, whatever the name", "lone", NULL, pinned, false, "any.test", NULL },
		{ "another one than the pinned", "server", NULL, pinned, false, "im.corp.test", "fingerprint" },
		{ "pinned and not signed by the CA", "lone", "ca.crt", pinned, false, "localhost", "self-signed" },
		{ "trusted blindly", "lone", NULL, NULL, true, "any.test", NULL },
		{ "out of date", "old", "old.crt", NULL, false, "localhost", "expired" },
	};
	char pin[65];

	(void)state;
	fingerprint("lone.crt", pin);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct fixture *f;
		void *one;

		begin(&one);
		f = one;
		f->server = server_of(rows[i].server, NULL, false);
		f->client = made(&(struct tls_settings){ .ca_file = rows[i].ca ? file(rows[i].ca) : NULL,
			.pin_sha256 = rows[i].pin ? pin : NULL, .trust_any = rows[i].any });
		meet(f, rows[i].server_name);
		if (!rows[i].refused && !f->pair.client.ups)
			fail_msg("%s: %s", rows[i].name, f->pair.client.why);
		if (rows[i].refused && (f->pair.client.ups || f->pair.client.end != CONNECTION_TLS_FAILED ||
				!strstr(f->pair.client.why, rows[i].refused)))
			fail_msg("%s: ups=%u %s", rows[i].name, f->pair.client.ups, f->pair.client.why);
		if (rows[i].refused) {
			/* The server hears why as well, and never saw a message. */
			RUN_UNTIL(f->pair.loop, f->pair.server.ends);
			assert_int_equal(f->pair.server.end, CONNECTION_TLS_FAILED);
			assert_int_equal(f->pair.server.ups + f->pair.server.messages, 0);
		} else {
			RUN_UNTIL(f->pair.loop, f->pair.server.messages == 1);
			assert_true(connection_is_tls(f->pair.client.connection));
			assert_string_equal(connection_tls_version(f->pair.client.connection), "TLSv1.3");
		}
		end(&one);
	}
}

static void whom_a_server_trusts(void **state)
{
	static const struct {
		const char *name;
		const char *client;       /* certificate; NULL: none */
		bool good;
	} rows[] = {
		{ "signed by the same CA", "client", true },
		{ "no certificate", NULL, false },
		{ "signed by another CA", "other", false },
		{ "self-signed", "lone", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct fixture *f;
		void *one;

		begin(&one);
		f = one;
		f->server = server_of("server", "ca.crt", true);
		f->client = made(&(struct tls_settings){ .ca_file = file("ca.crt"), .only_tls13 = true,
			.certificate_file = rows[i].client ? with(rows[i].client, ".crt") : NULL,
			.key_file = rows[i].client ? with(rows[i].client, ".key") : NULL });
		pair_listen(&f->pair, "127.0.0.1:0", f->server, NULL);
		pair_dial(&f->pair, f->client, "im.corp.test", NULL);
		peer_say(&f->pair.client, "secret");
		RUN_UNTIL(f->pair.loop, f->pair.server.messages || (f->pair.client.ends && f->pair.server.ends));
		if (rows[i].good != (f->pair.server.messages == 1))
			fail_msg("%s: %s / %s", rows[i].name, f->pair.client.why, f->pair.server.why);
		if (!rows[i].good) {
			assert_int_equal(f->pair.server.end, CONNECTION_TLS_FAILED);
			assert_int_equal(f->pair.server.ups, 0);
			/* In TLS 1.3 a client learns it only after it thought that all was well. */
			assert_true(f->pair.client.end == CONNECTION_TLS_FAILED || f->pair.client.end == CONNECTION_FAILED);
		}
		end(&one);
	}
}

static void clear_text_is_refused(void **state)
{
	struct fixture *f = *state;

	f->server = server_of("server", NULL, false);
	pair_listen(&f->pair, "127.0.0.1:0", f->server, NULL);
	pair_dial(&f->pair, NULL, NULL, NULL);
	peer_say(&f->pair.client, "user=alice password=secret");
	RUN_UNTIL(f->pair.loop, f->pair.server.ends && f->pair.client.ends);
	assert_int_equal(f->pair.server.end, CONNECTION_TLS_FAILED);
	assert_int_equal(f->pair.server.ups + f->pair.server.messages, 0);
}

static void who_does_not_shake_hands_is_too_slow(void **state)
{
	struct fixture *f = *state;
	const struct connection_limits limits = { .connect_ms = 30 };

	f->server = server_of("server", NULL, false);
	pair_listen(&f->pair, "127.0.0.1:0", f->server, &limits);
	pair_dial(&f->pair, NULL, NULL, NULL);
	RUN_UNTIL(f->pair.loop, f->pair.server.ends);
	assert_int_equal(f->pair.server.end, CONNECTION_TOO_SLOW);
	assert_non_null(strstr(f->pair.server.why, "handshake"));
}

static void an_end_during_the_handshake_is_told_as_one(void **state)
{
	struct fixture *f = *state;

	f->client = made(&(struct tls_settings){ .trust_any = true });
	pair_listen(&f->pair, "127.0.0.1:0", NULL, NULL);
	f->pair.server.free_in_up = true;
	pair_dial(&f->pair, f->client, NULL, NULL);
	RUN_UNTIL(f->pair.loop, f->pair.client.ends);
	assert_true(f->pair.client.end == CONNECTION_TLS_FAILED || f->pair.client.end == CONNECTION_FAILED);
}

static void a_peer_without_goodbye_has_closed(void **state)
{
	struct fixture *f = *state;

	f->server = server_of("server", NULL, false);
	f->client = made(&(struct tls_settings){ .ca_file = file("ca.crt") });
	f->pair.server.echo = true;
	meet(f, NULL);
	/* Everything was read, the server's tickets too: a close with something unread would be a reset. */
	RUN_UNTIL(f->pair.loop, f->pair.client.messages == 1);
	connection_free(&f->pair.client.connection);
	RUN_UNTIL(f->pair.loop, f->pair.server.ends);
	assert_int_equal(f->pair.server.end, CONNECTION_PEER_CLOSED);
}

static void finishing_says_goodbye(void **state)
{
	struct fixture *f = *state;

	f->server = server_of("server", NULL, false);
	f->client = made(&(struct tls_settings){ .ca_file = file("ca.crt") });
	pair_listen(&f->pair, "127.0.0.1:0", f->server, NULL);
	pair_dial(&f->pair, f->client, NULL, NULL);
	peer_say(&f->pair.client, "all");
	peer_say(&f->pair.client, "of it");
	connection_finish(f->pair.client.connection, 5000);
	RUN_UNTIL(f->pair.loop, f->pair.server.ends && f->pair.client.ends);
	assert_string_equal(buf_cstr(&f->pair.server.said), "all|of it|");
	assert_int_equal(f->pair.server.end, CONNECTION_PEER_CLOSED);
	assert_int_equal(f->pair.client.end, CONNECTION_PEER_CLOSED);
}

/* A relay that sees what is on the wire between client and server. */
struct wire {
	struct loop *loop;
	int listening;
	int left;
	int right;
	size_t piece;                /* forwards at most so many bytes at once */
	struct buf seen;             /* from left to right */
};

static void set_up_wire(struct wire *wire, struct fixture *f, char *address, size_t size)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;

	wire->loop = f->pair.loop;
	wire->left = wire->right = -1;
	wire->listening = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(wire->listening, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(wire->listening, 1), 0);
	getsockname(wire->listening, (struct sockaddr *)&at, &len);
	snprintf(address, size, "127.0.0.1:%u", ntohs(at.sin_port));
	wire->right = socket(AF_INET, SOCK_STREAM, 0);
	at.sin_port = htons((uint16_t)listener_port(f->pair.listener));
	assert_int_equal(connect(wire->right, (struct sockaddr *)&at, sizeof at), 0);
}

static bool forward(struct wire *wire, int from, int to, struct buf *seen)
{
	char data[65536];
	ssize_t len = recv(from, data, wire->piece < sizeof data ? wire->piece : sizeof data, MSG_DONTWAIT);

	if (len <= 0)
		return false;
	assert_int_equal(send(to, data, (size_t)len, MSG_NOSIGNAL), len);
	if (seen)
		buf_append(seen, bytes_of(data, (size_t)len));
	return true;
}

static void run_wire(struct wire *wire)
{
	loop_round(wire->loop, 1);
	if (wire->left < 0) {
		wire->left = accept(wire->listening, NULL, NULL);
		return;
	}
	forward(wire, wire->left, wire->right, &wire->seen);
	forward(wire, wire->right, wire->left, NULL);
}

static void take_down_wire(struct wire *wire)
{
	close(wire->listening);
	close(wire->left);
	close(wire->right);
	buf_free(&wire->seen);
}

static void each_message_has_records_of_its_own(void **state)
{
	struct fixture *f = *state;
	struct wire wire = { .piece = 65536 };
	struct buf large = { 0 };
	static const size_t lengths[] = { 2 + 3 + 17, 2 + 17, 2 + 5 + 17, 16384 + 17, 20002 - 16384 + 17, 2 + 4 + 17 };
	char address[64];
	size_t at = 0;

	f->server = server_of("server", NULL, false);
	f->client = made(&(struct tls_settings){ .ca_file = file("ca.crt") });
	pair_listen(&f->pair, "127.0.0.1:0", f->server, NULL);
	set_up_wire(&wire, f, address, sizeof address);
	f->pair.client.connection = connection_dial(f->pair.loop, address, f->client, NULL, NULL, &peer_callbacks,
		&f->pair.client);
	while (!f->pair.client.ups || !f->pair.server.ups)
		run_wire(&wire);
	buf_clear(&wire.seen);
	/* All in one round, so all leave in one send: still none is joined with another. */
	peer_say(&f->pair.client, "one");
	peer_say(&f->pair.client, "");
	peer_say(&f->pair.client, "three");
	buf_u16(&large, 20000);
	memset(buf_extend(&large, 20000), 'x', 20000);
	connection_send(f->pair.client.connection, buf_bytes(&large));
	peer_say(&f->pair.client, "last");
	while (f->pair.server.messages < 5)
		run_wire(&wire);
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		assert_true(at + 5 <= wire.seen.len);
		assert_int_equal(wire.seen.data[at], 23);
		assert_int_equal(wire.seen.data[at + 3] << 8 | wire.seen.data[at + 4], lengths[i]);
		at += 5 + lengths[i];
	}
	assert_int_equal(at, wire.seen.len);
	buf_free(&large);
	take_down_wire(&wire);
}

static void records_may_come_in_any_pieces(void **state)
{
	struct fixture *f = *state;
	struct wire wire = { .piece = 1 };
	char address[64];

	f->server = server_of("server", "ca.crt", true);
	f->client = made(&(struct tls_settings){ .ca_file = file("ca.crt"), .certificate_file = file("client.crt"),
		.key_file = file("client.key") });
	pair_listen(&f->pair, "127.0.0.1:0", f->server, NULL);
	set_up_wire(&wire, f, address, sizeof address);
	f->pair.client.connection = connection_dial(f->pair.loop, address, f->client, NULL, NULL, &peer_callbacks,
		&f->pair.client);
	peer_say(&f->pair.client, "one");
	peer_say(&f->pair.client, "");
	peer_say(&f->pair.client, "three");
	f->pair.server.echo = true;
	for (unsigned i = 0; f->pair.client.messages < 3 && i < 30000; i++)
		run_wire(&wire);
	assert_string_equal(buf_cstr(&f->pair.server.said), "one||three|");
	assert_string_equal(buf_cstr(&f->pair.client.said), "one||three|");
	take_down_wire(&wire);
}

static void large_and_many_messages_arrive_whole(void **state)
{
	struct fixture *f = *state;
	struct buf message = { 0 };
	enum { LEN = 60000, COUNT = 30 };

	f->server = server_of("server", NULL, false);
	f->client = made(&(struct tls_settings){ .ca_file = file("ca.crt") });
	meet(f, NULL);
	RUN_UNTIL(f->pair.loop, f->pair.server.messages == 1);
	f->pair.server.echo = true;
	buf_u16(&message, LEN);
	for (size_t i = 0; i < LEN; i++)
		buf_u8(&message, (uint8_t)('a' + i % 23));
	for (unsigned i = 0; i < COUNT; i++) {
		connection_send(f->pair.client.connection, buf_bytes(&message));
		peer_say(&f->pair.client, "small");
	}
	f->pair.server.pause_after = 7;
	while (f->pair.client.messages < 2 * COUNT) {
		loop_round(f->pair.loop, 10);
		connection_resume(f->pair.server.connection);
	}
	assert_int_equal(f->pair.client.said.len, COUNT * (LEN + 1 + 6));
	for (unsigned i = 0; i < COUNT; i++)
		assert_memory_equal(f->pair.client.said.data + i * (LEN + 7), message.data + 2, LEN);
	buf_free(&message);
}

static void it_may_be_freed_in_every_callback(void **state)
{
	struct fixture *f = *state;

	f->server = server_of("server", NULL, false);
	f->client = made(&(struct tls_settings){ .ca_file = file("ca.crt") });
	pair_listen(&f->pair, "127.0.0.1:0", f->server, NULL);
	f->pair.client.free_in_up = true;
	pair_dial(&f->pair, f->client, NULL, NULL);
	RUN_UNTIL(f->pair.loop, f->pair.client.ups);
	assert_null(f->pair.client.connection);
	f->pair.client.free_in_up = false;
	f->pair.server.free_in_message = true;
	pair_dial(&f->pair, f->client, NULL, NULL);
	peer_say(&f->pair.client, "a");
	peer_say(&f->pair.client, "b");
	RUN_UNTIL(f->pair.loop, f->pair.client.ends);
	assert_int_equal(f->pair.server.messages, 1);
	f->pair.client.free_in_closed = true;
	connection_free(&f->pair.client.connection);
	f->pair.client.ends = 0;
	pair_dial(&f->pair, f->client, "wrong.test", NULL);
	RUN_UNTIL(f->pair.loop, f->pair.client.ends);
	assert_null(f->pair.client.connection);
}

static uint64_t bytes_until_up(struct fixture *f, const char *server_name)
{
	unsigned before = f->pair.client.messages;
	uint64_t bytes;

	f->pair.server.echo = true;
	meet(f, server_name);
	bytes = connection_bytes_in(f->pair.client.connection);
	/* The ticket comes after the handshake. */
	RUN_UNTIL(f->pair.loop, f->pair.client.messages > before);
	return bytes;
}

static void a_client_comes_back_with_its_ticket(void **state)
{
	struct fixture *f = *state;
	uint64_t full;

	f->server = server_of("server", "ca.crt", false);
	f->client = made(&(struct tls_settings){ .ca_file = file("ca.crt"), .session_tickets = true,
		.certificate_file = file("client.crt"), .key_file = file("client.key") });
	full = bytes_until_up(f, "im.corp.test");
	/* A resumed handshake carries no certificates. */
	assert_true(bytes_until_up(f, "im.corp.test") < full / 2);
	assert_true(bytes_until_up(f, "im.corp.test") < full / 2);
	/* Under another name it is another server. */
	assert_true(bytes_until_up(f, "127.0.0.1") > full / 2);
	assert_true(bytes_until_up(f, "127.0.0.1") < full / 2);
	tls_free(&f->client);
	f->client = made(&(struct tls_settings){ .ca_file = file("ca.crt"), .certificate_file = file("client.crt"),
		.key_file = file("client.key") });
	assert_true(bytes_until_up(f, "im.corp.test") > full / 2);
	assert_true(bytes_until_up(f, "im.corp.test") > full / 2);
}

static void settings_that_cannot_be_used_are_refused(void **state)
{
	const struct {
		struct tls_settings settings;
		const char *why;
	} rows[] = {
		{ { .server = true }, "certificate file and its key" },
		{ { .server = true, .certificate_file = file("server.crt") }, "server.crt" },
		{ { .server = true, .certificate_file = "/nonexistent", .key_file = file("server.key") }, "/nonexistent" },
		{ { .server = true, .certificate_file = file("server.key"), .key_file = file("server.key") }, "server.key" },
		{ { .server = true, .certificate_file = file("server.crt"), .key_file = file("client.key") }, "client.key" },
		{ { .ca_file = "/nonexistent" }, "/nonexistent" },
		{ { .ca_file = file("server.key") }, "server.key" },
		{ { .pin_sha256 = "abcd" }, "64 hex digits" },
		{ { 0 }, "whom to trust" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct error err = { "" };

		assert_null(tls_new(&rows[i].settings, &err));
		if (!strstr(err.text, rows[i].why))
			fail_msg("%zu: %s", i, err.text);
	}
}

static void made_certificates_say_what_they_should(void **state)
{
	struct error err = { "" };
	struct stat is;
	X509 *x;
	FILE *in;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		static const char *const keys[] = { "ca.key", "server.key", "lone.key", "client.key" };

		assert_int_equal(stat(file(keys[i]), &is), 0);
		assert_int_equal(is.st_mode & 0777, 0600);
	}
	/* Also when a file with other rights is there already. */
	assert_int_equal(chmod(file("lone.key"), 0644), 0);
	assert_int_equal(tls_make_self_signed(file("lone.crt"), file("lone.key"), "localhost 127.0.0.1 ::1", true, &err), 0);
	assert_int_equal(stat(file("lone.key"), &is), 0);
	assert_int_equal(is.st_mode & 0777, 0600);
	in = fopen(file("lone.crt"), "r");
	x = PEM_read_X509(in, NULL, NULL, NULL);
	fclose(in);
	assert_int_equal(X509_check_host(x, "localhost", 0, 0, NULL), 1);
	assert_int_equal(X509_check_ip_asc(x, "127.0.0.1", 0), 1);
	assert_int_equal(X509_check_ip_asc(x, "::1", 0), 1);
	assert_int_equal(X509_check_ip_asc(x, "10.0.0.1", 0), 0);
	assert_int_equal(EVP_PKEY_get_base_id(X509_get0_pubkey(x)), EVP_PKEY_RSA);
	X509_free(x);
	assert_int_equal(tls_make_self_signed(file("x.crt"), file("x.key"), "  ", false, &err), -1);
	assert_non_null(strstr(err.text, "at least one name"));
	assert_int_equal(tls_make_self_signed("/nonexistent/x.crt", "/nonexistent/x.key", "a", false, &err), -1);
	assert_non_null(strstr(err.text, "/nonexistent/x.key"));
	assert_int_equal(tls_make_signed(file("ca.crt"), file("other-ca.key"), file("x.crt"), file("x.key"), "a", &err), -1);
	assert_non_null(strstr(err.text, "does not belong"));
	assert_int_equal(tls_make_signed("/nonexistent", file("ca.key"), file("x.crt"), file("x.key"), "a", &err), -1);
	assert_non_null(strstr(err.text, "/nonexistent"));
}

/* Puts the end of a certificate into the past and signs it again. */
static int make_old(void **state)
{
	FILE *in;
	FILE *out;
	X509 *x;
	EVP_PKEY *key;

	if (make_certificates(state) != 0)
		return -1;
	in = fopen(file("old.crt"), "r");
	x = PEM_read_X509(in, NULL, NULL, NULL);
	fclose(in);
	in = fopen(file("old.key"), "r");
	key = PEM_read_PrivateKey(in, NULL, NULL, NULL);
	fclose(in);
	X509_gmtime_adj(X509_getm_notAfter(x), -3600);
	if (X509_sign(x, key, EVP_sha256()) <= 0)
		return -1;
	out = fopen(file("old.crt"), "w");
	PEM_write_X509(out, x);
	fclose(out);
	X509_free(x);
	EVP_PKEY_free(key);
	return 0;
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whom_a_client_trusts),
		cmocka_unit_test(whom_a_server_trusts),
		ROW(clear_text_is_refused),
		ROW(who_does_not_shake_hands_is_too_slow),
		ROW(an_end_during_the_handshake_is_told_as_one),
		ROW(a_peer_without_goodbye_has_closed),
		ROW(finishing_says_goodbye),
		ROW(each_message_has_records_of_its_own),
		ROW(records_may_come_in_any_pieces),
		ROW(large_and_many_messages_arrive_whole),
		ROW(it_may_be_freed_in_every_callback),
		ROW(a_client_comes_back_with_its_ticket),
		cmocka_unit_test(settings_that_cannot_be_used_are_refused),
		cmocka_unit_test(made_certificates_say_what_they_should),
	};

	return cmocka_run_group_tests(tests, make_old, remove_certificates);
}
