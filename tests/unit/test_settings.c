#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/settings.h"

struct sample {
	char *listen, *identities, *database, *name, *password;
	uint64_t misses, ping, most;
	bool verbose;
	int crypto;
};

static const char *const cryptos[] = { "documented", "hardened", NULL };

#define AT(member) .offset = offsetof(struct sample, member)
static const struct setting table[] = {
	{ .key = "listen", .type = SETTING_ADDRESS, AT(listen), .fallback = "127.0.0.1:3101", .help = "where" },
	{ .key = "identities", .type = SETTING_PATH, AT(identities), .fallback = "srp.keys", .help = "file" },
	{ .key = "database", .type = SETTING_PATH, AT(database), .common = true, .help = "database" },
	{ .key = "name", .type = SETTING_TEXT, AT(name), .common = true, .help = "name" },
	{ .key = "password", .type = SETTING_TEXT, AT(password), .secret = true, .help = "secret" },
	{ .key = "ping_misses", .type = SETTING_NUMBER, AT(misses), .fallback = "3", .min = 1, .max = 20, .help = "how many" },
	{ .key = "ping_interval", .type = SETTING_DURATION, AT(ping), .fallback = "60s", .min = 1000, .max = 3600000,
	  .help = "how often" },
	{ .key = "most", .type = SETTING_SIZE, AT(most), .fallback = "128K", .help = "bytes" },
	{ .key = "verbose", .type = SETTING_SWITCH, AT(verbose), .fallback = "no", .help = "talk" },
	{ .key = "crypto", .type = SETTING_CHOICE, AT(crypto), .choices = cryptos, .fallback = "documented", .help = "suites" },
	{ .key = NULL },
};

static int load_bytes(struct bytes text, struct sample *s, const char *const *overrides, struct error *err)
{
	err->text[0] = '\0';
	return settings_load_text(table, s, "router", text, "bramble.ini", "/lab", overrides, err);
}

static int load(const char *text, struct sample *s, struct error *err)
{
	return load_bytes(bytes_str(text), s, NULL, err);
}

/* --- what is refused, and the words that the sentence must hold ---------------------------------------------------------- */

struct refusal { const char *name, *text, *words[5]; };

static const struct refusal refusals[] = {
	{ "an unknown key is named with its line and the nearest key", "[router]\n\nping_intervall = 5s\n",
	  { "bramble.ini:3", "ping_intervall", "did you mean ping_interval?" } },
	{ "a key unlike any other gets no suggestion", "[router]\nzzzzzzzzzz = 5s\n", { "bramble.ini:2", "zzzzzzzzzz" } },
	{ "an unknown section is named with the nearest one", "[ruoter]\n", { "bramble.ini:1", "ruoter", "did you mean router?" } },
	{ "a word is no number", "[router]\nping_misses = many\n", { ":2", "ping_misses", "many", "a number from 1 to 20" } },
	{ "a number below its range", "[router]\nping_misses = 0\n", { ":2", "ping_misses = 0", "from 1 to 20" } },
	{ "a number above its range", "[router]\nping_misses = 21\n", { ":2", "from 1 to 20" } },
	{ "a number that overflows 64 bits", "[router]\nping_misses = 18446744073709551617\n", { ":2", "from 1 to 20" } },
	{ "a negative number", "[router]\nping_misses = -3\n", { ":2", "-3", "from 1 to 20" } },
	{ "a duration without a known unit", "[router]\nping_interval = 5 parsecs\n", { ":2", "5 parsecs", "31m", "from 1s to 1h" } },
	{ "a duration whose unit overflows", "[router]\nping_interval = 18446744073709551615d\n", { ":2", "duration" } },
	{ "a size with a wrong letter", "[router]\nmost = 5X\n", { ":2", "5X", "128K" } },
	{ "a switch is yes or no", "[router]\nverbose = maybe\n", { ":2", "maybe", "yes or no" } },
	{ "a choice names its words", "[router]\ncrypto = strong\n", { ":2", "strong", "documented or hardened" } },
	{ "an address needs a port", "[router]\nlisten = localhost\n", { ":2", "localhost", "HOST:PORT" } },
	{ "a port over 65535", "[router]\nlisten = 127.0.0.1:65536\n", { ":2", "65536", "HOST:PORT" } },
	{ "a key twice in a section", "[router]\nmost = 1\nmost = 2\n", { ":3", "most", "line 2" } },
	{ "a key twice in the same section opened twice", "[router]\nmost = 1\n[collab]\n[router]\nmost = 2\n", { ":5", "line 2" } },
	{ "a key twice in [common]", "[common]\nname = a\nname = b\n", { ":3", "name", "line 2" } },
	{ "a key of one program in [common]", "[common]\nping_misses = 4\n", { ":2", "ping_misses", "belongs in [router]" } },
	{ "an unknown key in [common]", "[common]\ndatabas = x\n", { ":2", "databas", "did you mean database?" } },
	{ "a key before the first section", "most = 4\n", { ":1", "before the first [section]" } },
	{ "a line without an equals sign", "[router]\nmost\n", { ":2", "most", "key = value" } },
	{ "a section that is not closed", "[router\n", { ":1", "[name]" } },
	{ "a bad line in another program's section", "[collab]\nnonsense\n", { ":2", "nonsense" } },
};

static void refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
		const struct refusal *row = &refusals[i];
		struct sample s;
		struct error err;

		if (load(row->text, &s, &err) != -1)
			fail_msg("%s: was accepted", row->name);
		for (size_t w = 0; w < 5 && row->words[w]; w++) {
			if (!strstr(err.text, row->words[w]))
				fail_msg("%s: \"%s\" does not say \"%s\"", row->name, err.text, row->words[w]);
		}
	}
}

static void a_nul_byte_is_refused_by_line_and_column(void **state)
{
	static const char text[] = "[router]\nname = a\0b\n";
	struct sample s;
	struct error err;

	(void)state;
	assert_int_equal(load_bytes(bytes_of(text, sizeof text - 1), &s, NULL, &err), -1);
	assert_non_null(strstr(err.text, "bramble.ini:2"));
	assert_non_null(strstr(err.text, "\\x00"));
	assert_non_null(strstr(err.text, "column 9"));
}

static void a_secret_is_not_in_the_refusal(void **state)
{
	const char *const overrides[] = { "router.password=hunter\x01two", NULL };
	struct sample s;
	struct error err;

	(void)state;
	assert_int_equal(load("[router]\npasword = hunter2\n", &s, &err), -1);
	assert_null(strstr(err.text, "hunter2"));
	assert_int_equal(load_bytes(bytes_str(""), &s, overrides, &err), -1);
	assert_null(strstr(err.text, "hunter"));
}

/* --- what is read -------------------------------------------------------------------------------------------------------- */

static void defaults_hold_without_a_file(void **state)
{
	struct sample s;
	struct error err;

	(void)state;
	assert_int_equal(load("", &s, &err), 0);
	assert_string_equal(s.listen, "127.0.0.1:3101");
	assert_string_equal(s.identities, "/lab/srp.keys");
	assert_null(s.database);
	assert_null(s.password);
	assert_int_equal(s.misses, 3);
	assert_int_equal(s.ping, 60000);
	assert_int_equal(s.most, 131072);
	assert_false(s.verbose);
	assert_int_equal(s.crypto, 0);
	settings_free(table, &s);
}

static void every_type_is_read(void **state)
{
	struct sample s;
	struct error err;

	(void)state;
	assert_int_equal(load("# a comment\n; another\n[router]\n  listen = [::1]:0\nidentities=/etc/keys\nname = \" two words \"\n"
		"ping_misses = 20\nping_interval=31m\nmost = 8M\nverbose = On\ncrypto = HARDENED\npassword = a=b#c;d\n", &s, &err), 0);
	assert_string_equal(s.listen, "[::1]:0");
	assert_string_equal(s.identities, "/etc/keys");
	assert_string_equal(s.name, " two words ");
	assert_int_equal(s.misses, 20);
	assert_int_equal(s.ping, 1860000);
	assert_int_equal(s.most, 8 << 20);
	assert_true(s.verbose);
	assert_int_equal(s.crypto, 1);
	assert_string_equal(s.password, "a=b#c;d");
	settings_free(table, &s);
}

static void common_is_weaker_than_the_section_wherever_it_stands(void **state)
{
	struct sample s;
	struct error err;

	(void)state;
	assert_int_equal(load("[router]\nname = own\n[common]\nname = shared\ndatabase = bramble.db\ninstall_key = k\n", &s, &err), 0);
	assert_string_equal(s.name, "own");
	assert_string_equal(s.database, "/lab/bramble.db");
	settings_free(table, &s);
}

static void a_database_url_keeps_its_scheme(void **state)
{
	struct sample s;
	struct error err;

	(void)state;
	assert_int_equal(load("[common]\ndatabase = sqlite:b.db\nname = x\n", &s, &err), 0);
	assert_string_equal(s.database, "sqlite:/lab/b.db");
	settings_free(table, &s);
	assert_int_equal(load("[common]\ndatabase = postgresql://host/bramble\n", &s, &err), 0);
	assert_string_equal(s.database, "postgresql://host/bramble");
	settings_free(table, &s);
}

static void other_sections_are_left_to_their_programs(void **state)
{
	struct sample s;
	struct error err;

	(void)state;
	assert_int_equal(load("[collab]\nenvironment = x\n[dispatcher]\nmost = nonsense\n", &s, &err), 0);
	assert_int_equal(s.most, 131072);
	settings_free(table, &s);
}

static void an_empty_value_means_not_set(void **state)
{
	struct sample s;
	struct error err;

	(void)state;
	assert_int_equal(load("[router]\nlisten =\nidentities = \"\"\n", &s, &err), 0);
	assert_null(s.listen);
	assert_null(s.identities);
	settings_free(table, &s);
}

static void crlf_and_a_byte_order_mark_are_no_content(void **state)
{
	struct sample s;
	struct error err;

	(void)state;
	assert_int_equal(load("\xef\xbb\xbf[router]\r\nname = x\r\n\r\nmost = 7\r\n", &s, &err), 0);
	assert_string_equal(s.name, "x");
	assert_int_equal(s.most, 7);
	settings_free(table, &s);
}

static void a_long_line_is_read_whole_and_a_too_long_one_refused(void **state)
{
	struct buf text = { 0 };
	struct sample s;
	struct error err;

	(void)state;
	buf_text(&text, "[router]\nname = ");
	memset(buf_extend(&text, 60000), 'x', 60000);
	assert_int_equal(load_bytes(buf_bytes(&text), &s, NULL, &err), 0);
	assert_int_equal(strlen(s.name), 60000);
	settings_free(table, &s);
	memset(buf_extend(&text, 10000), 'x', 10000);
	assert_int_equal(load_bytes(buf_bytes(&text), &s, NULL, &err), -1);
	assert_non_null(strstr(err.text, "bramble.ini:2"));
	assert_non_null(strstr(err.text, "65536"));
	buf_free(&text);
}

static void overrides_are_the_strongest_and_the_last_one_wins(void **state)
{
	const char *const overrides[] = { "router.most=1", "common.name=c", "router.most=2K", "common.install_key=x", NULL };
	struct sample s;
	struct error err;

	(void)state;
	assert_int_equal(load_bytes(bytes_str("[router]\nmost = 5\nname = own\n"), &s, overrides, &err), 0);
	assert_int_equal(s.most, 2048);
	assert_string_equal(s.name, "c");
	settings_free(table, &s);
}

static void bad_overrides_are_named(void **state)
{
	static const struct { const char *override, *words; } rows[] = {
		{ "router.mosst=1", "did you mean most?" }, { "router.most=x", "-o [router] most = x" },
		{ "collab.most=1", "reads [router] and [common]" }, { "most=1", "section.key=value" },
		{ "router.most", "section.key=value" }, { "common.most=1", "belongs in [router]" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *const overrides[] = { rows[i].override, NULL };
		struct sample s;
		struct error err;

		assert_int_equal(load_bytes(bytes_str(""), &s, overrides, &err), -1);
		if (!strstr(err.text, rows[i].words))
			fail_msg("%s: \"%s\" does not say \"%s\"", rows[i].override, err.text, rows[i].words);
	}
}

static void an_url_is_printed_without_its_password(void **state)
{
	static const struct { const char *url, *shown; } rows[] = {
		{ "postgresql://bes:open@db/x", "postgresql://bes:***@db/x" }, { "postgresql://bes@db:5432/x", "postgresql://bes@db:5432/x" },
		{ "postgresql://bes:o/p:e@n@db/x", "postgresql://bes:***@db/x" },
		{ "postgresql://db/x?password=open&sslmode=require", "postgresql://db/x?password=***&sslmode=require" },
		{ "postgresql://bes:a@db/x?sslpassword=b&sslmode=c&password=d", "postgresql://bes:***@db/x?sslpassword=***&sslmode=c&password=***" },
		{ "/var/lib/a:b@c.db", "/var/lib/a:b@c.db" }, { "sqlite:/var/x.db", "sqlite:/var/x.db" },
	};
	static const struct setting one[] = { { .key = "database", .type = SETTING_PATH, .help = "x" }, { .key = NULL } };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct { char *database; } s = { memory_str(rows[i].url) };
		struct buf text = { 0 }, expected = { 0 };

		settings_print(one, &s, "common", &text);
		buf_printf(&expected, "\ndatabase = %s\n", rows[i].shown);
		if (!strstr(buf_cstr(&text), buf_cstr(&expected)))
			fail_msg("%s is not in %s", buf_cstr(&expected), buf_cstr(&text));
		buf_free(&text);
		buf_free(&expected);
		free(s.database);
	}
}

static void what_is_printed_reads_back_and_hides_secrets(void **state)
{
	struct sample s, again;
	struct buf text = { 0 }, second = { 0 };
	struct error err;

	(void)state;
	assert_int_equal(load("[router]\nname = \" a \"\nping_interval = 90s\nmost=3K\npassword=hunter2\ncrypto=hardened\n", &s, &err), 0);
	settings_print(table, &s, "router", &text);
	assert_null(strstr(buf_cstr(&text), "hunter2"));
	assert_non_null(strstr(buf_cstr(&text), "ping_interval = 90s\n"));
	free(s.password);
	s.password = NULL;
	buf_clear(&text);
	settings_print(table, &s, "router", &text);
	assert_int_equal(load(buf_cstr(&text), &again, &err), 0);
	settings_print(table, &again, "router", &second);
	assert_string_equal(buf_cstr(&text), buf_cstr(&second));
	buf_free(&text);
	buf_free(&second);
	settings_free(table, &s);
	settings_free(table, &again);
}

static void a_file_gives_its_folder_to_relative_paths(void **state)
{
	char name[] = "/tmp/bramble-settings-XXXXXX";
	static const char text[] = "[router]\nidentities = keys/x\n";
	int fd = mkstemp(name);
	struct sample s;
	struct error err;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
	close(fd);
	assert_int_equal(settings_load(table, &s, "router", name, NULL, &err), 0);
	assert_string_equal(s.identities, "/tmp/keys/x");
	settings_free(table, &s);
	/* A tool looks only for what it needs: the file's other keys are not its business. */
	assert_int_equal(settings_peek(table + 1, &s, "router", name, &err), 0);
	assert_string_equal(s.identities, "/tmp/keys/x");
	settings_free(table + 1, &s);
	assert_int_equal(settings_load(table + 2, &s, "router", name, NULL, &err), -1);
	assert_int_equal(settings_peek(table + 2, &s, "router", name, &err), 0);
	settings_free(table + 2, &s);
	unlink(name);
	assert_int_equal(settings_load(table, &s, "router", name, NULL, &err), -1);
	assert_non_null(strstr(err.text, name));
	assert_int_equal(settings_load(table, &s, "router", "/tmp", NULL, &err), -1);
	assert_non_null(strstr(err.text, "/tmp"));
}

static void durations_go_both_ways(void **state)
{
	static const struct { const char *text; uint64_t ms; } rows[] = {
		{ "0", 0 }, { "250ms", 250 }, { "90s", 90000 }, { "31m", 1860000 }, { "4h", 14400000 }, { "2d", 172800000 },
	};
	uint64_t ms;
	struct error err;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(duration_parse(rows[i].text, &ms, &err), 0);
		assert_int_equal(ms, rows[i].ms);
		assert_string_equal(duration_text(rows[i].ms), rows[i].text);
	}
	assert_int_equal(duration_parse("1500", &ms, &err), 0);
	assert_int_equal(ms, 1500);
	assert_int_equal(duration_parse("", &ms, &err), -1);
	assert_int_equal(duration_parse("31 m", &ms, &err), -1);
	assert_non_null(strstr(err.text, "31m"));
}

static void the_nearest_name_is_near(void **state)
{
	static const char *const names[] = { "status", "session", "device", NULL };

	(void)state;
	assert_string_equal(nearest_name("sesion", names), "session");
	assert_string_equal(nearest_name("STAUTS", names), "status");
	assert_null(nearest_name("banana", names));
	assert_null(nearest_name("", names));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses),
		cmocka_unit_test(a_nul_byte_is_refused_by_line_and_column),
		cmocka_unit_test(a_secret_is_not_in_the_refusal),
		cmocka_unit_test(defaults_hold_without_a_file),
		cmocka_unit_test(every_type_is_read),
		cmocka_unit_test(common_is_weaker_than_the_section_wherever_it_stands),
		cmocka_unit_test(a_database_url_keeps_its_scheme),
		cmocka_unit_test(other_sections_are_left_to_their_programs),
		cmocka_unit_test(an_empty_value_means_not_set),
		cmocka_unit_test(crlf_and_a_byte_order_mark_are_no_content),
		cmocka_unit_test(a_long_line_is_read_whole_and_a_too_long_one_refused),
		cmocka_unit_test(overrides_are_the_strongest_and_the_last_one_wins),
		cmocka_unit_test(bad_overrides_are_named),
		cmocka_unit_test(what_is_printed_reads_back_and_hides_secrets),
		cmocka_unit_test(an_url_is_printed_without_its_password),
		cmocka_unit_test(a_file_gives_its_folder_to_relative_paths),
		cmocka_unit_test(durations_go_both_ways),
		cmocka_unit_test(the_nearest_name_is_near),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
