/* Whom the Collaboration Service hands passwords to: the three values of collab.trust, each against a real TLS handshake. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/pem.h>

#include "collab/settings.h"
#include "tests/support/collab_bench.h"

static char *fingerprint(const char *certificate)
{
	FILE *in = fopen(certificate, "r");
	X509 *x = PEM_read_X509(in, NULL, NULL, NULL);
	unsigned char digest[32];
	char *hex = calloc(65, 1);
	unsigned len = 0;

	fclose(in);
	assert_int_equal(X509_digest(x, EVP_sha256(), digest, &len), 1);
	X509_free(x);
	for (unsigned i = 0; i < len; i++)
		sprintf(hex + (size_t)2 * i, "%02x", digest[i]);
	return hex;
}

static void trust(struct collab_bench *b, int how, char *pin)
{
	free(b->settings.trust_ca);
	b->settings.trust_ca = NULL;
	b->settings.trust = how;
	b->settings.trust_pin = pin;
	bench_start(b, (struct bench_limits){ 0 });
}

static void the_pinned_certificate_is_trusted(void **state)
{
	struct collab_bench *b = *state;
	char *pin = fingerprint(b->certificate);

	trust(b, COLLAB_TRUST_PIN, pin);
	bench_login(b, ALICE, "alice");
	free(pin);
}

static void another_one_than_the_pinned_gets_no_password(void **state)
{
	struct collab_bench *b = *state;
	char *pin = fingerprint(b->certificate);

	pin[0] = pin[0] == '0' ? '1' : '0';
	trust(b, COLLAB_TRUST_PIN, pin);
	assert_int_equal(bench_login_fails(b, ALICE, "alice").code, IM_UNREACHABLE);
	assert_int_equal(b->groupwise.logins, 0);
	free(pin);
}

static void none_trusts_everybody(void **state)
{
	struct collab_bench *b = *state;

	trust(b, COLLAB_TRUST_NONE, NULL);
	bench_login(b, ALICE, "alice");
}

#define T(test) cmocka_unit_test_setup_teardown(test, bench_setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_pinned_certificate_is_trusted),
		T(another_one_than_the_pinned_gets_no_password),
		T(none_trusts_everybody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
