/* TLS: who is trusted, what is refused and in which words, tickets, made certificates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cmocka.h>

#include "tests/support/tls_scene.h"

static void fingerprint(const char *certificate, char *hex)
{
	FILE *in = fopen(tls_scene_file(certificate), "r");
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
		struct tls_scene *f;
		void *one;

		tls_scene_set_up(&one);
		f = one;
		f->server = tls_scene_server(rows[i].server, NULL, false);
		f->client = tls_scene_tls(&(struct tls_settings){ .ca_file = rows[i].ca ? tls_scene_file(rows[i].ca) : NULL,
			.pin_sha256 = rows[i].pin ? pin : NULL, .trust_any = rows[i].any });
		tls_scene_meet(f, rows[i].server_name);
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
		tls_scene_tear_down(&one);
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
		struct tls_scene *f;
		void *one;

		tls_scene_set_up(&one);
		f = one;
		f->server = tls_scene_server("server", "ca.crt", true);
		f->client = tls_scene_tls(&(struct tls_settings){ .ca_file = tls_scene_file("ca.crt"), .only_tls13 = true,
			.certificate_file = rows[i].client ? tls_scene_file_of(rows[i].client, ".crt") : NULL,
			.key_file = rows[i].client ? tls_scene_file_of(rows[i].client, ".key") : NULL });
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
		tls_scene_tear_down(&one);
	}
}

static void clear_text_is_refused(void **state)
{
	struct tls_scene *f = *state;

	f->server = tls_scene_server("server", NULL, false);
	pair_listen(&f->pair, "127.0.0.1:0", f->server, NULL);
	pair_dial(&f->pair, NULL, NULL, NULL);
	peer_say(&f->pair.client, "user=alice password=secret");
	RUN_UNTIL(f->pair.loop, f->pair.server.ends && f->pair.client.ends);
	assert_int_equal(f->pair.server.end, CONNECTION_TLS_FAILED);
	assert_int_equal(f->pair.server.ups + f->pair.server.messages, 0);
}

static uint64_t bytes_until_up(struct tls_scene *f, const char *server_name)
{
	unsigned before = f->pair.client.messages;
	uint64_t bytes;

	f->pair.server.echo = true;
	tls_scene_meet(f, server_name);
	bytes = connection_bytes_in(f->pair.client.connection);
	/* The ticket comes after the handshake. */
	RUN_UNTIL(f->pair.loop, f->pair.client.messages > before);
	return bytes;
}

static void a_client_comes_back_with_its_ticket(void **state)
{
	struct tls_scene *f = *state;
	uint64_t full;

	f->server = tls_scene_server("server", "ca.crt", false);
	f->client = tls_scene_tls(&(struct tls_settings){ .ca_file = tls_scene_file("ca.crt"), .session_tickets = true,
		.certificate_file = tls_scene_file("client.crt"), .key_file = tls_scene_file("client.key") });
	full = bytes_until_up(f, "im.corp.test");
	/* A resumed handshake carries no certificates. */
	assert_true(bytes_until_up(f, "im.corp.test") < full / 2);
	assert_true(bytes_until_up(f, "im.corp.test") < full / 2);
	/* Under another name it is another server. */
	assert_true(bytes_until_up(f, "127.0.0.1") > full / 2);
	assert_true(bytes_until_up(f, "127.0.0.1") < full / 2);
	tls_free(&f->client);
	f->client = tls_scene_tls(&(struct tls_settings){ .ca_file = tls_scene_file("ca.crt"),
		.certificate_file = tls_scene_file("client.crt"), .key_file = tls_scene_file("client.key") });
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
		{ { .server = true, .certificate_file = tls_scene_file("server.crt") }, "server.crt" },
		{ { .server = true, .certificate_file = "/nonexistent", .key_file = tls_scene_file("server.key") }, "/nonexistent" },
		{ { .server = true, .certificate_file = tls_scene_file("server.key"), .key_file = tls_scene_file("server.key") },
		  "server.key" },
		{ { .server = true, .certificate_file = tls_scene_file("server.crt"), .key_file = tls_scene_file("client.key") },
		  "client.key" },
		{ { .ca_file = "/nonexistent" }, "/nonexistent" },
		{ { .ca_file = tls_scene_file("server.key") }, "server.key" },
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

		assert_int_equal(stat(tls_scene_file(keys[i]), &is), 0);
		assert_int_equal(is.st_mode & 0777, 0600);
	}
	/* Also when a file with other rights is there already. */
	assert_int_equal(chmod(tls_scene_file("lone.key"), 0644), 0);
	assert_int_equal(tls_make_self_signed(tls_scene_file("lone.crt"), tls_scene_file("lone.key"), "localhost 127.0.0.1 ::1", true,
		&err), 0);
	assert_int_equal(stat(tls_scene_file("lone.key"), &is), 0);
	assert_int_equal(is.st_mode & 0777, 0600);
	in = fopen(tls_scene_file("lone.crt"), "r");
	x = PEM_read_X509(in, NULL, NULL, NULL);
	fclose(in);
	assert_int_equal(X509_check_host(x, "localhost", 0, 0, NULL), 1);
	assert_int_equal(X509_check_ip_asc(x, "127.0.0.1", 0), 1);
	assert_int_equal(X509_check_ip_asc(x, "::1", 0), 1);
	assert_int_equal(X509_check_ip_asc(x, "10.0.0.1", 0), 0);
	assert_int_equal(EVP_PKEY_get_base_id(X509_get0_pubkey(x)), EVP_PKEY_RSA);
	X509_free(x);
	assert_int_equal(tls_make_self_signed(tls_scene_file("x.crt"), tls_scene_file("x.key"), "  ", false, &err), -1);
	assert_non_null(strstr(err.text, "at least one name"));
	assert_int_equal(tls_make_self_signed("/nonexistent/x.crt", "/nonexistent/x.key", "a", false, &err), -1);
	assert_non_null(strstr(err.text, "/nonexistent/x.key"));
	assert_int_equal(tls_make_signed(tls_scene_file("ca.crt"), tls_scene_file("other-ca.key"), tls_scene_file("x.crt"),
		tls_scene_file("x.key"), "a", &err), -1);
	assert_non_null(strstr(err.text, "does not belong"));
	assert_int_equal(tls_make_signed("/nonexistent", tls_scene_file("ca.key"), tls_scene_file("x.crt"), tls_scene_file("x.key"), "a",
		&err), -1);
	assert_non_null(strstr(err.text, "/nonexistent"));
}

/* Puts the end of a certificate into the past and signs it again. */
static int make_old(void **state)
{
	FILE *in;
	FILE *out;
	X509 *x;
	EVP_PKEY *key;

	if (tls_scene_make_certificates(state) != 0)
		return -1;
	in = fopen(tls_scene_file("old.crt"), "r");
	x = PEM_read_X509(in, NULL, NULL, NULL);
	fclose(in);
	in = fopen(tls_scene_file("old.key"), "r");
	key = PEM_read_PrivateKey(in, NULL, NULL, NULL);
	fclose(in);
	X509_gmtime_adj(X509_getm_notAfter(x), -3600);
	if (X509_sign(x, key, EVP_sha256()) <= 0)
		return -1;
	out = fopen(tls_scene_file("old.crt"), "w");
	PEM_write_X509(out, x);
	fclose(out);
	X509_free(x);
	EVP_PKEY_free(key);
	return 0;
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, tls_scene_set_up, tls_scene_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whom_a_client_trusts),
		cmocka_unit_test(whom_a_server_trusts),
		ROW(clear_text_is_refused),
		ROW(a_client_comes_back_with_its_ticket),
		cmocka_unit_test(settings_that_cannot_be_used_are_refused),
		cmocka_unit_test(made_certificates_say_what_they_should),
	};

	return cmocka_run_group_tests(tests, make_old, tls_scene_remove_certificates);
}
