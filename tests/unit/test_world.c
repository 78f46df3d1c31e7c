/* world.xml: what is read, and the sentence for what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "simulator/world.h"

static void a_world_is_read(void **state)
{
	const char *xml = "<?xml version='1.0'?>\n<!-- people -->\n<world domain='acme.example'>\n"
		"<user id='alice' password='a&amp;b' name='Alice van Adams' title='Boss'>\n"
		" <folder name='Fr\xc3\xa4unde'><contact user='BOB'/></folder><folder name='Empty'/>\n"
		" <contact user='carol' name='C.'/>\n</user>\n"
		"<user id='Bob' password='x' name='Bob' dn='CN=bob,O=other' mail='b@c'/><user id='carol' password='y' name='C D'/></world>\n";
	struct error err = { "" };
	struct world *world = world_parse(bytes_str(xml), "w.xml", &err);
	const struct world_user *alice, *bob;

	(void)state;
	assert_string_equal(err.text, "");
	assert_non_null(world);
	assert_int_equal(world->user_count, 3);
	assert_string_equal(world->netbios, "CORP");
	alice = world_find(world, bytes_str("ALICE"));
	bob = world_find(world, bytes_str("bob"));
	assert_non_null(alice);
	assert_non_null(bob);
	assert_null(world_find(world, bytes_str("dave")));
	assert_ptr_equal(world_find(world, bytes_str("cn=BOB,o=other")), bob);
	assert_string_equal(alice->password, "a&b");
	assert_string_equal(alice->given, "Alice van");
	assert_string_equal(alice->surname, "Adams");
	assert_string_equal(alice->dn, "CN=alice,OU=people,O=acme");
	assert_string_equal(alice->mail, "alice@acme.example");
	assert_int_equal(alice->folder_count, 2);
	assert_string_equal(alice->folders[0].name, "Fr\xc3\xa4unde");
	assert_int_equal(alice->contact_count, 2);
	assert_ptr_equal(alice->contacts[0].user, bob);
	assert_int_equal(alice->contacts[0].folder, 1);
	assert_int_equal(alice->contacts[1].folder, 0);
	assert_string_equal(alice->contacts[1].name, "C.");
	assert_string_equal(bob->dn, "CN=bob,O=other");
	assert_string_equal(bob->given, "Bob");
	world_free(&world);
	assert_null(world);
}

static void statuses_and_policies_are_read_for_all_and_for_one(void **state)
{
	struct error err = { "" };
	struct world *world = world_parse(bytes_str("<world><policy name='p' value='1'/><status name='Lunch' base='away' reply='later'/>\n"
		"<user id='a' password='p' name='A'>\n<status name='Talk' base='busy'/><policy name='p' value='2'/>"
		"<policy name='q' value='3'/></user></world>"), "w.xml", &err);

	(void)state;
	assert_string_equal(err.text, "");
	assert_int_equal(world->rules.status_count, 1);
	assert_string_equal(world->rules.statuses[0].name, "Lunch");
	assert_string_equal(world->rules.statuses[0].base, "away");
	assert_string_equal(world->rules.statuses[0].reply, "later");
	assert_int_equal(world->rules.policy_count, 1);
	assert_int_equal(world->users[0].rules.policy_count, 2);
	assert_string_equal(world->users[0].rules.policies[1].value, "3");
	assert_int_equal(world->users[0].rules.policies[1].line, 3);
	assert_null(world->users[0].rules.statuses[0].reply);
	world_free(&world);
}

#define A "<user id='a' password='p' name='A'/>"

static const struct { const char *name, *xml, *sentence; } rows[] = {
	{ "no XML", "hello", "w.xml:1: " },
	{ "empty", "", "w.xml:1: Document is empty" },
	{ "not closed", "<world>\n<user>\n</world>", "w.xml:3: " },
	{ "another root", "<people/>", "w.xml:1: the file must be one <world>" },
	{ "an unknown element", "<world>\n" A "\n<group/></world>", "w.xml:3: <group> may not stand in <world>; allowed there: user" },
	{ "a nested folder", "<world>" "<user id='a' password='p' name='A'><folder name='f'>\n<folder name='g'/></folder></user></world>",
	  "w.xml:2: <folder> may not stand in <folder>; allowed there: contact" },
	{ "a contact with content", "<world>" "<user id='a' password='p' name='A'><contact user='b'><x/></contact></user></world>",
	  "w.xml:1: <x> may not stand in <contact>; allowed there: nothing" },
	{ "a status with content", "<world><status name='a' base='b'><x/></status></world>",
	  "w.xml:1: <x> may not stand in <status>; allowed there: nothing" },
	{ "a policy without a value", "<world><policy name='a'/></world>", "w.xml:1: <policy> needs the attribute value" },
	{ "text", "<world>hello</world>", "w.xml:1: <world> holds text" },
	{ "an unknown attribute", "<world><user id='a' pasword='p' name='A'/></world>",
	  "w.xml:1: <user> has no attribute pasword; it may have id, password, name, given, surname, dn, mail, title, department, phone" },
	{ "a missing attribute", "<world><user id='a' name='A'/></world>", "w.xml:1: <user> needs the attribute password" },
	{ "an empty attribute", "<world><user id='' password='p' name='A'/></world>", "w.xml:1: id of <user> must have 1 to 256 bytes" },
	{ "an id with a dot", "<world><user id='a.b' password='p' name='A'/></world>", "w.xml:1: id a.b is not accepted" },
	{ "two of one id", "<world>" A "\n" "<user id='A' password='p' name='A'/></world>", "w.xml:2: a second user A; the first is in line 1" },
	{ "two folders of one name", "<world><user id='a' password='p' name='A'><folder name='f'/>\n<folder name='f'/></user></world>",
	  "w.xml:2: user a has two folders f" },
	{ "an unknown contact", "<world><user id='a' password='p' name='A'>\n<contact user='b'/></user></world>",
	  "w.xml:2: contact b is no user of this world" },
	{ "a contact of itself", "<world><user id='a' password='p' name='A'><contact user='a'/></user></world>", "a contact of itself" },
	{ "a contact twice", "<world>" A "<user id='b' password='p' name='B'><contact user='a'/><contact user='A'/></user></world>",
	  "contact a stands twice" },
	{ "a dn that is none", "<world><user id='a' password='p' name='A' dn='bob'/></world>", "dn bob is not accepted" },
	{ "two of one dn", "<world>" A "<user id='b' password='p' name='B' dn='cn=A,ou=people,o=corp'/></world>", "a second user with the dn" },
	{ "a DOCTYPE", "<!DOCTYPE world [<!ENTITY a 'b'>]><world/>", "w.xml: a DOCTYPE is not accepted" },
	{ "an external DOCTYPE", "<!DOCTYPE world SYSTEM 'file:///etc/passwd'><world/>", "w.xml: a DOCTYPE is not accepted" },
	{ "an entity", "<world>&x;</world>", "w.xml:1: " },
	{ "a namespace", "<w:world xmlns:w='x'/>", "must be one <world>" },
};

static void what_is_wrong_is_said_with_its_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct error err = { "" };
		struct world *world = world_parse(bytes_str(rows[i].xml), "w.xml", &err);

		if (world || !strstr(err.text, rows[i].sentence))
			fail_msg("%s: %s", rows[i].name, world ? "taken" : err.text);
	}
}

static void a_missing_file_is_named(void **state)
{
	struct error err = { "" };

	(void)state;
	assert_null(world_load("/nowhere/world.xml", &err));
	assert_non_null(strstr(err.text, "/nowhere/world.xml cannot be read: No such file"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_world_is_read),
		cmocka_unit_test(statuses_and_policies_are_read_for_all_and_for_one),
		cmocka_unit_test(what_is_wrong_is_said_with_its_line),
		cmocka_unit_test(a_missing_file_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
