/* Scenario files: the reader's sentences, and that it and the RELAX NG schema say the same of every file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <glob.h>
#include <libxml/parser.h>
#include <libxml/relaxng.h>

#include "simulator/scenario/scenario_cast.h"
#include "simulator/scenario/scenario_schema.h"

#define SCHEMA "simulator/scenarios/scenario.rng"

static const char head[] = "<scenario name=\"x\" about=\"x\" source=\"ours\">\n<device id=\"alice\"/>\n<devices id=\"d\" count=\"3\"/>\n<steps>\n";
static const char tail[] = "</steps></scenario>";

static void quiet(void *ctx, const char *format, ...)
{
	(void)ctx;
	(void)format;
}

/* --- the schema ----------------------------------------------------------------------------------------------------------- */

static xmlRelaxNGPtr load_schema(struct buf *text)
{
	xmlRelaxNGParserCtxtPtr parser;
	xmlRelaxNGPtr schema;

	scenario_schema_print(text);
	parser = xmlRelaxNGNewMemParserCtxt((const char *)text->data, (int)text->len);
	schema = xmlRelaxNGParse(parser);
	xmlRelaxNGFreeParserCtxt(parser);
	assert_non_null(schema);
	return schema;
}

static bool schema_takes(xmlRelaxNGPtr schema, const char *xml)
{
	xmlDocPtr doc = xmlReadMemory(xml, (int)strlen(xml), "x", NULL, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	xmlRelaxNGValidCtxtPtr valid = xmlRelaxNGNewValidCtxt(schema);
	bool good;

	xmlRelaxNGSetValidErrors(valid, quiet, quiet, NULL);
	good = doc && xmlRelaxNGValidateDoc(valid, doc) == 0;
	xmlRelaxNGFreeValidCtxt(valid);
	xmlFreeDoc(doc);
	return good;
}

static bool reader_takes(const char *xml, struct error *err)
{
	struct scenario *scenario = scenario_parse(bytes_str(xml), "x.xml", err);
	bool good = scenario != NULL;

	scenario_free(&scenario);
	return good;
}

static char *read_text(const char *path)
{
	char *text = calloc(1, 1 << 20);
	FILE *file = fopen(path, "r");

	assert_non_null(text);
	if (!file)
		fail_msg("%s cannot be read; tests run from the top folder", path);
	assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
	fclose(file);
	return text;
}

static void the_schema_that_ships_is_what_the_tables_say(void **state)
{
	struct buf text = { 0 };
	char *shipped;

	(void)state;
	scenario_schema_print(&text);
	if (getenv("BRAMBLE_WRITE_PAGES")) {
		FILE *file = fopen(SCHEMA, "w");

		assert_non_null(file);
		fwrite(text.data, 1, text.len, file);
		fclose(file);
	}
	shipped = read_text(SCHEMA);
	if (strcmp(shipped, buf_cstr(&text)) != 0)
		fail_msg(SCHEMA " is not what the tables say; make docs writes it anew");
	free(shipped);
	buf_free(&text);
}

static void every_scenario_that_ships_is_taken_by_reader_and_schema(void **state)
{
	struct buf text = { 0 };
	xmlRelaxNGPtr schema = load_schema(&text);
	glob_t found;

	(void)state;
	assert_int_equal(glob("simulator/scenarios/*.xml", 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		char *xml = read_text(found.gl_pathv[i]);
		struct scenario_cast cast;
		struct scenario *scenario;
		struct error err;

		if (!schema_takes(schema, xml))
			fail_msg("%s is not taken by the schema", found.gl_pathv[i]);
		scenario = scenario_load(found.gl_pathv[i], &err);
		if (!scenario || scenario_cast_make(scenario, &cast, &err) || scenario_check(scenario, &cast, &err)) {
			fail_msg("%s", err.text);
			break;
		}
		scenario_cast_free(&cast);
		scenario_free(&scenario);
		free(xml);
	}
	globfree(&found);
	xmlRelaxNGFree(schema);
	buf_free(&text);
}

/* --- what is refused -------------------------------------------------------------------------------------------------------- */

static const struct { const char *steps, *want; } bad_steps[] = {
	{ "<advance tiem=\"1s\"/>", "x.xml:5: attribute tiem is not one of <advance>" },
	{ "<login/>", "x.xml:5: <login> needs the attribute device" },
	{ "<expect-event device=\"alice\" event=\"evictt\" count=\"0\"/>", "event of <expect-event> cannot be evictt: it is one of admit, answer, evict, session.end and events.dropped" },
	{ "<expect-end device=\"alice\" reason=\"evicted\"/>", "reason of <expect-end> cannot be evicted" },
	{ "<logni device=\"alice\"/>", "<logni> may not stand in <steps>; did you mean login?" },
	{ "<steps/>", "<steps> may not stand here in <steps>" },
	{ "<login device=\"alice\">text</login>", "<login> holds text; values stand in attributes" },
	{ "<login device=\"alice\"><logout device=\"alice\"/></login>", "<logout> may not stand here in <login>" },
	{ "<repeat times=\"2\"/>", "<repeat> lacks what must stand in it" },
	{ "<repeat times=\"0\"><note text=\"x\"/></repeat>", "times of <repeat> cannot be 0: it is a number from 1 to 1000000" },
	{ "<advance by=\"10\"/>", "by of <advance> cannot be 10: it is a time such as 250ms, 90s, 31m, 4h or 2d" },
	{ "<advance by=\"\"/>", "by of <advance> cannot be \"\"" },
	{ "<advance by=\"-1s\"/>", "cannot be -1s: it is a time" },
	{ "<limits max=\"none\"/>", "max of <limits> cannot be none: it is a number from 1 to 2147483647, or unset" },
	{ "<limits idle-timeout=\"10\"/>", "or unset" },
	{ "<limits capacity=\"unset\"/>", "capacity of <limits> cannot be unset" },
	{ "<coverage device=\"alice\" is=\"gone\"/>", "is of <coverage> cannot be gone: it is one of lost and back" },
	{ "<login device=\"a,b\"/>", "names or patterns with '*'" },
	{ "<login device=\"alice  d1\"/>", "names or patterns with '*'" },
	{ "<mark name=\"1st\"/>", "a letter and at most 31 letters" },
	{ "<kill process=\"sendmail\"/>", "router, dispatcher, dispatcher-2, collab, collab-2, im-server and ocs" },
	{ "<on backend=\"sametime\"><note text=\"x\"/></on>", "groupwise and cwa" },
	{ "<expect-count of=\"sheep\" is=\"1\"/>", "of of <expect-count> cannot be sheep: it is one of live, active" },
	{ "<note text=\"\"/>", "text of <note> cannot be \"\": it is 1 to 256 characters" },
	{ "<expect-login device=\"alice\" result=\"maybe\"/>", "accepted and refused" },
	{ "<x:login xmlns:x=\"urn:x\" device=\"alice\"/>", "may not stand" },
};

static void what_is_misspelt_or_misplaced_is_refused_by_reader_and_schema(void **state)
{
	struct buf text = { 0 };
	xmlRelaxNGPtr schema = load_schema(&text);

	(void)state;
	for (size_t i = 0; i < sizeof bad_steps / sizeof bad_steps[0]; i++) {
		char xml[2048];
		struct error err = { "" };

		snprintf(xml, sizeof xml, "%s%s%s", head, bad_steps[i].steps, tail);
		if (reader_takes(xml, &err))
			fail_msg("the reader takes %s", bad_steps[i].steps);
		if (!strstr(err.text, bad_steps[i].want))
			fail_msg("%s: \"%s\", not \"%s\"", bad_steps[i].steps, err.text, bad_steps[i].want);
		if (schema_takes(schema, xml))
			fail_msg("the schema takes %s", bad_steps[i].steps);
	}
	xmlRelaxNGFree(schema);
	buf_free(&text);
}

static const struct { const char *xml, *want; } bad_files[] = {
	{ "", "x.xml:1: " },
	{ "<scenario", "x.xml:1: " },
	{ "<world/>", "x.xml:1: the file must be one <scenario>" },
	{ "<scenario name=\"x\" about=\"x\" source=\"ours\"/>", "<scenario> lacks what must stand in it, one of: steps" },
	{ "<scenario name=\"x\" about=\"x\" source=\"heard\"><steps><note text=\"x\"/></steps></scenario>", "document, inferred and ours" },
	{ "<scenario name=\"x\" about=\"x\" source=\"ours\"><steps/></scenario>", "<steps> lacks what must stand in it" },
	{ "<scenario name=\"x\" about=\"x\" source=\"ours\"><steps><note text=\"x\"/></steps><lab/></scenario>", "<lab> may not stand here in <scenario>" },
	{ "<scenario name=\"x\" about=\"x\" source=\"ours\"><lab/><lab/><steps><note text=\"x\"/></steps></scenario>", "<lab> may not stand here" },
	{ "<scenario name=\"x\" about=\"x\" source=\"ours\"><lab><set key=\"poll\" value=\"1\"/></lab><steps><note text=\"x\"/></steps></scenario>",
	  "key of <set> cannot be poll: it is section.key" },
	{ "<scenario name=\"x\" about=\"x\" source=\"ours\"><device id=\"a\" pin=\"2100\"/><steps><note text=\"x\"/></steps></scenario>", "8 hex digits" },
	{ "<scenario name=\"x\" about=\"x\" source=\"ours\"><devices id=\"d\" count=\"0\"/><steps><note text=\"x\"/></steps></scenario>",
	  "a number from 1 to 9999" },
};

static void a_file_that_is_no_scenario_is_refused_by_reader_and_schema(void **state)
{
	struct buf text = { 0 };
	xmlRelaxNGPtr schema = load_schema(&text);

	(void)state;
	for (size_t i = 0; i < sizeof bad_files / sizeof bad_files[0]; i++) {
		struct error err = { "" };

		if (reader_takes(bad_files[i].xml, &err))
			fail_msg("the reader takes %s", bad_files[i].xml);
		if (!strstr(err.text, bad_files[i].want))
			fail_msg("%s: \"%s\", not \"%s\"", bad_files[i].xml, err.text, bad_files[i].want);
		if (schema_takes(schema, bad_files[i].xml))
			fail_msg("the schema takes %s", bad_files[i].xml);
	}
	xmlRelaxNGFree(schema);
	buf_free(&text);
}

static void a_doctype_and_too_deep_a_nesting_are_refused(void **state)
{
	struct buf deep = { 0 };
	struct error err = { "" };

	(void)state;
	assert_false(reader_takes("<!DOCTYPE scenario><scenario name=\"x\" about=\"x\" source=\"ours\"><steps><note text=\"x\"/></steps></scenario>",
		&err));
	assert_string_equal(err.text, "x.xml: a DOCTYPE is not accepted");
	buf_text(&deep, head);
	for (int i = 0; i < 20; i++)
		buf_text(&deep, "<any>");
	buf_text(&deep, "<note text=\"x\"/>");
	for (int i = 0; i < 20; i++)
		buf_text(&deep, "</any>");
	buf_text(&deep, tail);
	assert_false(reader_takes(buf_cstr(&deep), &err));
	assert_non_null(strstr(err.text, "elements stand more than 16 deep in each other"));
	buf_free(&deep);
}

/* --- what only the whole file can tell ---------------------------------------------------------------------------------------- */

static const struct { const char *steps, *want; } bad_names[] = {
	{ "<login device=\"alcie\"/>", "x.xml:5: alcie is no device of this scenario; did you mean alice?" },
	{ "<login device=\"alice e*\"/>", "e* is no device of this scenario" },
	{ "<advance by=\"1s\" to=\"2s\"/>", "<advance> needs by or to, one of the two" },
	{ "<advance/>", "<advance> needs by or to, one of the two" },
	{ "<mark name=\"begun\"/><advance to=\"1s\" since=\"begin\"/>", "there is no mark begin before this; did you mean begun?" },
	{ "<expect-login device=\"alice\" result=\"accepted\" within=\"1s\"/>", "has within or since, which go with after only" },
	{ "<expect-count of=\"live\"/>", "<expect-count> needs is, at-least or at-most" },
	{ "<expect-count of=\"live\" is=\"1\" device=\"alice\"/>", "goes with counts of devices only" },
	{ "<limits/>", "<limits> changes nothing" },
	{ "<choose group=\"alice\" device=\"d*\"/>", "alice is a device; a group needs a name of its own" },
	{ "<fault at=\"im-server\" device=\"alice\" action=\"drop\"/>", "goes with at=\"device\" only" },
};

static void names_that_nobody_has_and_attributes_that_do_not_fit_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad_names / sizeof bad_names[0]; i++) {
		char xml[2048];
		struct error err = { "" };
		struct scenario_cast cast;
		struct scenario *scenario;

		snprintf(xml, sizeof xml, "%s%s%s", head, bad_names[i].steps, tail);
		scenario = scenario_parse(bytes_str(xml), "x.xml", &err);
		assert_non_null(scenario);
		assert_int_equal(scenario_cast_make(scenario, &cast, &err), 0);
		assert_int_equal(scenario_check(scenario, &cast, &err), -1);
		if (!strstr(err.text, bad_names[i].want))
			fail_msg("%s: \"%s\", not \"%s\"", bad_names[i].steps, err.text, bad_names[i].want);
		scenario_cast_free(&cast);
		scenario_free(&scenario);
	}
}

static void a_template_makes_devices_of_users_that_follow_each_other(void **state)
{
	static const char xml[] = "<scenario name=\"x\" about=\"x\" source=\"ours\"><devices id=\"d\" count=\"2\"/><device id=\"alice\"/>"
		"<devices id=\"e\" count=\"1\" status-interval=\"1h\"/><steps><note text=\"x\"/></steps></scenario>";
	struct scenario_cast cast;
	struct error err;
	struct scenario *scenario = scenario_parse(bytes_str(xml), "x.xml", &err);

	(void)state;
	assert_non_null(scenario);
	assert_int_equal(scenario_cast_make(scenario, &cast, &err), 0);
	assert_int_equal(cast.count, 4);
	assert_int_equal(cast.users, 3);
	assert_string_equal(cast.roles[1].id, "d2");
	assert_string_equal(cast.roles[1].user, "user0002");
	assert_string_equal(cast.roles[1].password, "user0002-secret");
	assert_int_equal(cast.roles[1].pin, 0x22000002);
	assert_int_equal(cast.roles[2].pin, 0x2100000A);
	assert_string_equal(cast.roles[3].user, "user0003");
	assert_int_equal(cast.roles[3].status_interval_ms, 3600000);
	scenario_cast_free(&cast);
	scenario_free(&scenario);
}

static void two_devices_of_one_id_or_pin_are_refused(void **state)
{
	static const struct { const char *devices, *want; } rows[] = {
		{ "<device id=\"alice\"/>\n<device id=\"alice\"/>", "x.xml:2: a second device with the id alice; the first is in line 1" },
		{ "<device id=\"alice\"/>\n<device id=\"a\" user=\"alice\"/>", "a second device with the PIN 2100000A; the first is in line 1" },
		{ "<device id=\"d1\" user=\"bob\"/><devices id=\"d\" count=\"2\"/>", "a second device with the id d1" },
		{ "<device id=\"zoe\"/>", "the PIN of the user zoe is not known" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char xml[1024];
		struct scenario_cast cast;
		struct scenario *scenario;
		struct error err;

		snprintf(xml, sizeof xml, "<scenario name=\"x\" about=\"x\" source=\"ours\">%s<steps><note text=\"x\"/></steps></scenario>",
			rows[i].devices);
		scenario = scenario_parse(bytes_str(xml), "x.xml", &err);
		assert_non_null(scenario);
		assert_int_equal(scenario_cast_make(scenario, &cast, &err), -1);
		if (!strstr(err.text, rows[i].want))
			fail_msg("\"%s\", not \"%s\"", err.text, rows[i].want);
		scenario_cast_free(&cast);
		scenario_free(&scenario);
	}
}

static void steps_are_told_in_words_without_passwords(void **state)
{
	char xml[1024];
	struct buf words = { 0 };
	struct scenario *scenario;
	const struct scenario_node *node;
	struct error err;

	(void)state;
	snprintf(xml, sizeof xml, "%s%s%s", head, "<login device=\"d* alice\" password=\"hush\"/><limits max=\"2\" idle-timeout=\"10m\"/>"
		"<advance by=\"31m\"/>", tail);
	scenario = scenario_parse(bytes_str(xml), "x.xml", &err);
	assert_non_null(scenario);
	for (node = scenario_child(scenario->root, WORD_STEPS)->first; node; node = node->next) {
		scenario_words(node, &words);
		buf_u8(&words, '\n');
	}
	assert_string_equal(buf_cstr(&words), "login d* alice password=...\nlimits max=2 idle-timeout=10m\nadvance 31m\n");
	buf_free(&words);
	scenario_free(&scenario);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_schema_that_ships_is_what_the_tables_say),
		cmocka_unit_test(every_scenario_that_ships_is_taken_by_reader_and_schema),
		cmocka_unit_test(what_is_misspelt_or_misplaced_is_refused_by_reader_and_schema),
		cmocka_unit_test(a_file_that_is_no_scenario_is_refused_by_reader_and_schema),
		cmocka_unit_test(a_doctype_and_too_deep_a_nesting_are_refused),
		cmocka_unit_test(names_that_nobody_has_and_attributes_that_do_not_fit_are_refused),
		cmocka_unit_test(a_template_makes_devices_of_users_that_follow_each_other),
		cmocka_unit_test(two_devices_of_one_id_or_pin_are_refused),
		cmocka_unit_test(steps_are_told_in_words_without_passwords),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
