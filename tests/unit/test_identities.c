/* The file of SRP identifiers and keys: what is accepted, and what is said about everything else. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "router/identities.h"

#define KEY "000102030405060708090a0b0c0d0e0f10111213"
#define KEY2 "FFFEFDFCFBFAF9F8F7F6F5F4F3F2F1F0EFEEEDEC"

static const struct row {
	const char *sentence, *text;
	size_t count;
	const char *says;     /* NULL: accepted */
} rows[] = {
	{ "an empty file knows nobody", "", 0, NULL },
	{ "one identifier and its key", "T00000001 " KEY "\n", 1, NULL },
	{ "the last line may lack its newline", "T00000001 " KEY, 1, NULL },
	{ "comments, empty lines, tabs and carriage returns are no matter",
		"# keys\n\n \t\r\nT00000001\t" KEY " \r\n  S2 " KEY2 "\n", 2, NULL },
	{ "a key in capital digits", "S2 " KEY2 "\n", 1, NULL },
	{ "an identifier without key", "T00000001\n", 0, "file line 1: the key of T00000001 is not 40 hex digits" },
	{ "a key that is too short", "T1 0011\n", 0, "file line 1: the key of T1 is not 40 hex digits" },
	{ "a key that is too long", "T1 " KEY "00\n", 0, "file line 1: the key of T1 is not 40 hex digits" },
	{ "a key that is not hex", "# x\nT1 000102030405060708090a0b0c0d0e0f1011121x\n", 0, "file line 2: the key of T1" },
	{ "a third word", "T1 " KEY " x\n", 0, "file line 1: more than SRPID and key for T1" },
	{ "a bad identifier", "T/1 " KEY "\n", 0, "file line 1: T/1 is no SRP identifier" },
	{ "an identifier of 33 bytes", "A23456789012345678901234567890123 " KEY "\n", 0, "is no SRP identifier" },
	{ "an identifier of 32 bytes", "A2345678901234567890123456789012 " KEY "\n", 1, NULL },
	{ "the same identifier twice", "T1 " KEY "\nT2 " KEY "\nT1 " KEY2 "\n", 0, "file line 3: T1 stands in line 1 already" },
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct row *row = &rows[i];
		struct error err = { "" };
		struct identities *identities = identities_parse("file", bytes_str(row->text), &err);

		if (!identities != (row->says != NULL) || (row->says && !strstr(err.text, row->says)))
			fail_msg("%s: %s", row->sentence, err.text);
		if (strstr(err.text, "0001020304") || strstr(err.text, "0011"))
			fail_msg("%s: the key is in the sentence", row->sentence);
		if (identities && identities_count(identities) != row->count)
			fail_msg("%s: %zu", row->sentence, identities_count(identities));
		identities_free(&identities);
	}
}

static void test_find(void **state)
{
	struct identities *identities = identities_parse("file", bytes_str("T1 " KEY "\nT2 " KEY2 "\n"), NULL);
	static const uint8_t first[] = { 0, 1, 2 }, second[] = { 0xff, 0xfe, 0xfd };

	(void)state;
	assert_non_null(identities);
	assert_memory_equal(identities_find(identities, bytes_str("T1"))->key, first, 3);
	assert_memory_equal(identities_find(identities, bytes_str("T2"))->key, second, 3);
	assert_int_equal(identities_find(identities, bytes_str("T1"))->key[19], 0x13);
	assert_null(identities_find(identities, bytes_str("T")));
	assert_null(identities_find(identities, bytes_str("t1")));
	assert_null(identities_find(identities, bytes_str("")));
	assert_string_equal(identities_at(identities, 1)->id, "T2");
	assert_null(identities_at(identities, 2));
	identities_free(&identities);
	assert_null(identities);
}

static void test_permissions(void **state)
{
	static const struct { mode_t mode; bool accepted; } modes[] = {
		{ 0600, true }, { 0400, true }, { 0640, false }, { 0604, false }, { 0620, false }, { 0602, false }, { 0644, false },
	};
	char path[] = "/tmp/bramble-identities-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "T1 " KEY "\n", 3 + 40 + 1), 44);
	close(fd);
	for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
		struct error err = { "" };
		assert_int_equal(chmod(path, modes[i].mode), 0);
		struct identities *identities = identities_load(path, &err);
		if ((identities != NULL) != modes[i].accepted || (!identities && !strstr(err.text, "chmod 600")))
			fail_msg("mode %04o: %s", (unsigned)modes[i].mode, err.text);
		identities_free(&identities);
	}
	unlink(path);
}

static void test_what_is_no_file_is_named(void **state)
{
	struct error err = { "" };

	(void)state;
	assert_null(identities_load("/no/such/srp.keys", &err));
	assert_non_null(strstr(err.text, "/no/such/srp.keys"));
	assert_null(identities_load("/tmp", &err));
	assert_non_null(strstr(err.text, "/tmp are not an ordinary file"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_permissions),
		cmocka_unit_test(test_what_is_no_file_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
