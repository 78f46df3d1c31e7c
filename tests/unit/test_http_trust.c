/* Whom an HTTP client trusts: by a file, by a fingerprint, or nobody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/pem.h>

#include "tests/support/http_bench.h"

static void a_certificate_that_the_trust_file_has_is_accepted(void **state)
{
	struct http_bench *b = *state;
	struct http_bench_heard h = { 0 };
	struct http_ask any;

	http_bench_start_tls(b, "localhost 127.0.0.1", &(struct tls_settings){ .trust_any = true });
	tls_free(&b->tls);
	http_client_free(&b->client);
	b->tls = tls_new(&(struct tls_settings){ .ca_file = b->certificate }, NULL);
	b->client = http_client_new(b->loop, b->tls);
	any = http_bench_to(b, "/");
	for (unsigned i = 0; i < 2; i++) {
		any.own_connection = true;
		h.count = 0;
		http_bench_hear(b, &h, &any);
		assert_string_equal(h.why, "");
		assert_int_equal(h.status, 200);
		assert_string_equal(h.tls_version, "TLSv1.3");
	}
	http_line_free(&h.line);
}

static void a_certificate_with_another_name_or_that_nobody_trusts_gets_nothing(void **state)
{
	struct http_bench *b = *state;
	struct http_bench_heard h = { 0 };
	struct http_ask any;
	char other[64], other_key[64];

	http_bench_start_tls(b, "elsewhere.test", &(struct tls_settings){ .trust_any = true });
	snprintf(other, sizeof other, "%s/b.crt", b->folder);
	snprintf(other_key, sizeof other_key, "%s/b.key", b->folder);
	assert_int_equal(tls_make_self_signed(other, other_key, "127.0.0.1", false, NULL), 0);
	for (unsigned i = 0; i < 2; i++) {
		tls_free(&b->tls);
		http_client_free(&b->client);
		b->tls = tls_new(&(struct tls_settings){ .ca_file = i ? other : b->certificate }, NULL);
		b->client = http_client_new(b->loop, b->tls);
		any = http_bench_to(b, "/");
		h.count = 0;
		http_bench_hear(b, &h, &any);
		assert_int_equal(h.outcome, HTTP_TLS_FAILED);
		http_line_free(&h.line);
	}
	assert_int_equal(b->served, 0);
	unlink(other);
	unlink(other_key);
}

static void a_pinned_certificate_is_accepted_whatever_its_name_and_no_other(void **state)
{
	struct http_bench *b = *state;
	struct http_bench_heard h = { 0 };
	struct http_ask any;
	unsigned char digest[32];
	char pin[65];
	unsigned len = 0;
	FILE *in;
	X509 *certificate;

	http_bench_start_tls(b, "elsewhere.test", &(struct tls_settings){ .trust_any = true });
	in = fopen(b->certificate, "r");
	certificate = PEM_read_X509(in, NULL, NULL, NULL);
	fclose(in);
	assert_int_equal(X509_digest(certificate, EVP_sha256(), digest, &len), 1);
	X509_free(certificate);
	for (unsigned i = 0; i < len; i++)
		snprintf(pin + (size_t)2 * i, 3, "%02x", digest[i]);
	for (unsigned good = 2; good-- > 0;) {
		tls_free(&b->tls);
		http_client_free(&b->client);
		b->tls = tls_new(&(struct tls_settings){ .pin_sha256 = pin }, NULL);
		b->client = http_client_new(b->loop, b->tls);
		any = http_bench_to(b, "/");
		h.count = 0;
		http_bench_hear(b, &h, &any);
		assert_int_equal(h.outcome, good ? HTTP_ANSWERED : HTTP_TLS_FAILED);
		http_line_free(&h.line);
		pin[0] = pin[0] == '0' ? '1' : '0';
	}
	assert_int_equal(b->served, 1);
}

static void without_trust_nothing_is_asked_over_tls(void **state)
{
	struct http_bench *b = *state;
	struct http_bench_heard h = { 0 };
	struct http_ask any;

	http_bench_start_tls(b, "127.0.0.1", &(struct tls_settings){ .trust_any = true });
	http_client_free(&b->client);
	b->client = http_client_new(b->loop, NULL);
	any = http_bench_to(b, "/");
	http_bench_hear(b, &h, &any);
	assert_int_equal(h.outcome, HTTP_TLS_FAILED);
	assert_string_equal(h.why, "it is not set whom to trust");
	http_line_free(&h.line);
}

#define T(test) cmocka_unit_test_setup_teardown(test, http_bench_set_up, http_bench_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_certificate_that_the_trust_file_has_is_accepted),
		T(a_certificate_with_another_name_or_that_nobody_trusts_gets_nothing),
		T(a_pinned_certificate_is_accepted_whatever_its_name_and_no_other),
		T(without_trust_nothing_is_asked_over_tls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
