/* The administrator's verbs, device keys and the event trail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "db/trail.h"
#include "protocol/channel.h"
#include "tests/support/database.h"

enum { ALICE = 0x2100000a, BOB };

static struct bytes key_of(uint8_t first)
{
	static uint8_t key[32];

	for (size_t i = 0; i < sizeof key; i++)
		key[i] = (uint8_t)(first + i);
	return bytes_of(key, sizeof key);
}

/* Gives a verb that only answers a status, and waits. */
#define DO(verb, ...) ({ struct heard_status heard_ = { 0 }; verb(d->db, __VA_ARGS__, hear_status, &heard_); db_wait(d->db); \
	assert_int_equal(heard_.count, 1); heard_.status; })

static void failed_with(struct database *d, enum db_status status, enum db_status expected, const char *words)
{
	assert_int_equal(status, expected);
	if (!strstr(db_last_error(d->db), words))
		fail_msg("'%s' does not hold '%s'", db_last_error(d->db), words);
}

/* --- servers -------------------------------------------------------------------------------------------------------------------- */

struct heard_servers { enum db_status status; size_t count; char text[256]; };

static void hear_servers(void *ctx, enum db_status status, const struct db_server *servers, size_t count)
{
	struct heard_servers *heard = ctx;
	struct buf text = { 0 };

	heard->status = status;
	heard->count = count;
	for (size_t i = 0; i < count; i++) {
		buf_printf(&text, "%s/%s/", servers[i].name, servers[i].srp_id);
		buf_hex(&text, servers[i].srp_key);
		buf_text(&text, " ");
	}
	snprintf(heard->text, sizeof heard->text, "%s", buf_cstr(&text));
	buf_free(&text);
}

static void servers_keep_their_identity(void **state)
{
	struct database *d = *state;
	struct heard_servers heard;
	struct db_server other = { .name = "bes2", .srp_id = "T00000002", .srp_key = bytes_str("0123456789abcdefghij") };

	db_server_get(d->db, "BES1", hear_servers, &heard);
	db_wait(d->db);
	assert_int_equal(heard.status, DB_OK);
	assert_string_equal(heard.text, "bes1/T00000001/404142434445464748494a4b4c4d4e4f50515253 ");
	assert_int_equal(DO(db_server_add, &other), DB_OK);
	db_server_list(d->db, hear_servers, &heard);
	db_wait(d->db);
	assert_string_equal(heard.text, "bes1/T00000001/ bes2/T00000002/ ");
	other.srp_id = "T00000003";
	other.srp_key = bytes_str("a key of 20 bytes!!!");
	assert_int_equal(DO(db_server_set, &other), DB_OK);
	db_server_get(d->db, "bes2", hear_servers, &heard);
	db_wait(d->db);
	assert_string_equal(heard.text, "bes2/T00000003/61206b6579206f66203230206279746573212121 ");
}

static void servers_that_cannot_be(void **state)
{
	struct database *d = *state;
	struct db_server server = { .name = "Bes1", .srp_id = "T00000009", .srp_key = bytes_str("0123456789abcdefghij") };
	struct heard_servers heard;

	failed_with(d, DO(db_server_add, &server), DB_EXISTS, "a server 'Bes1' already");
	server.name = "bes3";
	server.srp_id = "T00000001";
	failed_with(d, DO(db_server_add, &server), DB_EXISTS, "SRP identifier 'T00000001' already");
	assert_int_equal(database_exec(d, "SELECT count(*) FROM ServerConfig"), 1);   /* nothing half done */
	server.srp_id = "T00000003";
	failed_with(d, DO(db_server_set, &server), DB_NOT_FOUND, "no server 'bes3'");
	server.srp_key = bytes_str("short");
	failed_with(d, DO(db_server_add, &server), DB_INVALID, "has 5 bytes");
	server.name = NULL;
	failed_with(d, DO(db_server_add, &server), DB_INVALID, "server name is missing");
	db_server_get(d->db, "bes9", hear_servers, &heard);
	db_wait(d->db);
	assert_int_equal(heard.status, DB_NOT_FOUND);
	assert_int_equal(heard.count, 0);
}

/* --- users ---------------------------------------------------------------------------------------------------------------------- */

struct heard_users { size_t count; char text[512]; };

static void hear_users(void *ctx, enum db_status status, const struct db_user *users, size_t count)
{
	struct heard_users *heard = ctx;
	size_t used = 0;

	assert_int_equal(status, DB_OK);
	heard->count = count;
	heard->text[0] = '\0';
	for (size_t i = 0; i < count; i++)
		used += (size_t)snprintf(heard->text + used, sizeof heard->text - used, "%s@%s %s %s %08X %d|", users[i].name,
			users[i].server, users[i].mail ? users[i].mail : "-", users[i].mailbox_dn ? users[i].mailbox_dn : "-", users[i].pin,
			users[i].permitted);
}

static void users(struct database *d, struct heard_users *heard)
{
	db_user_list(d->db, hear_users, heard);
	db_wait(d->db);
}

static void users_are_added_listed_permitted_and_removed(void **state)
{
	struct database *d = *state;
	struct db_user bob = { .server = "bes1", .name = "bob", .mail = "bob@corp.test", .mailbox_dn = "cn=bob" };
	struct heard_users heard;

	assert_int_equal(DO(db_user_add, &bob), DB_OK);
	assert_int_equal(user_with_device(d, "Alice", ALICE, true), DB_OK);
	users(d, &heard);
	assert_string_equal(heard.text, "Alice@bes1 - - 2100000A 1|bob@bes1 bob@corp.test cn=bob 00000000 0|");
	assert_int_equal(DO(db_user_permit, "BOB", true), DB_OK);
	assert_int_equal(DO(db_user_permit, "bob", true), DB_OK);
	assert_int_equal(DO(db_user_permit, "alice", false), DB_OK);
	users(d, &heard);
	assert_string_equal(heard.text, "Alice@bes1 - - 2100000A 0|bob@bes1 bob@corp.test cn=bob 00000000 1|");
	assert_int_equal(DO(db_user_remove, "alice"), DB_OK);
	users(d, &heard);
	assert_int_equal(heard.count, 1);
	assert_int_equal(database_exec(d, "SELECT count(*) FROM emu_DeviceKey"), 0);
}

static void users_that_cannot_be(void **state)
{
	struct database *d = *state;
	struct db_user user = { .server = "bes9", .name = "alice" };

	failed_with(d, DO(db_user_add, &user), DB_NOT_FOUND, "no server 'bes9'");
	user.server = "bes1";
	assert_int_equal(DO(db_user_add, &user), DB_OK);
	user.name = "ALICE";
	failed_with(d, DO(db_user_add, &user), DB_EXISTS, "a user 'ALICE' already");
	failed_with(d, DO(db_user_permit, "zoe", true), DB_NOT_FOUND, "no user 'zoe'");
	failed_with(d, DO(db_user_remove, "zoe"), DB_NOT_FOUND, "no user 'zoe'");
	user.name = "a\tb";
	failed_with(d, DO(db_user_add, &user), DB_INVALID, "control characters");
	user.name = "zed";
	user.mail = "\xff";
	failed_with(d, DO(db_user_add, &user), DB_INVALID, "mail address");
}

/* --- devices and keys ------------------------------------------------------------------------------------------------------------- */

struct heard_device { enum db_status status; struct db_device device; char user[32]; };

static void hear_device(void *ctx, enum db_status status, const struct db_device *device)
{
	struct heard_device *heard = ctx;

	heard->status = status;
	if (device) {
		heard->device = *device;
		snprintf(heard->user, sizeof heard->user, "%s", device->user);
	}
}

static struct heard_device keys(struct database *d, uint32_t pin)
{
	struct heard_device heard = { 0 };

	db_device_keys(d->db, pin, hear_device, &heard);
	db_wait(d->db);
	return heard;
}

static void hear_rekey(void *ctx, enum db_status status, uint32_t serial)
{
	assert_true((serial != 0) == (status == DB_OK));
	*(uint32_t *)ctx = serial;
}

static uint32_t rekey(struct database *d, uint32_t pin, uint8_t first)
{
	uint32_t serial = 99;

	db_device_rekey(d->db, pin, key_of(first), PACKET_SUITES_ALL, hear_rekey, &serial);
	db_wait(d->db);
	return serial;
}

static void a_first_key_is_current_and_opens_to_what_was_given(void **state)
{
	struct database *d = *state;
	struct db_user user = { .server = "bes1", .name = "alice" };
	struct heard_device heard;

	DO(db_user_add, &user);
	assert_int_equal(DO(db_device_add, "Alice", ALICE, key_of(7), PACKET_SUITES_DOCUMENTED), DB_OK);
	heard = keys(d, ALICE);
	assert_int_equal(heard.status, DB_OK);
	assert_string_equal(heard.user, "alice");
	assert_int_equal(heard.device.key_count, 1);
	assert_int_equal(heard.device.keys[0].serial, 1);
	assert_int_equal(heard.device.keys[0].state, DB_KEY_CURRENT);
	assert_int_equal(heard.device.keys[0].suites, PACKET_SUITES_DOCUMENTED);
	assert_memory_equal(heard.device.keys[0].secret, key_of(7).data, 32);
	assert_int_equal(keys(d, BOB).status, DB_NOT_FOUND);
}

static void states_are_numbered_as_the_channel_does(void **state)
{
	(void)state;
	assert_int_equal(DB_KEY_PENDING, CHANNEL_KEY_PENDING);
	assert_int_equal(DB_KEY_CURRENT, CHANNEL_KEY_CURRENT);
	assert_int_equal(DB_KEY_PREVIOUS, CHANNEL_KEY_PREVIOUS);
	assert_int_equal(DB_KEY_SECRET_SIZE, PACKET_KEY_SIZE);
}

static void devices_that_cannot_be(void **state)
{
	struct database *d = *state;
	struct db_user bob = { .server = "bes1", .name = "bob" };

	user_with_device(d, "alice", ALICE, true);
	DO(db_user_add, &bob);
	failed_with(d, DO(db_device_add, "bob", ALICE, key_of(1), 2u), DB_EXISTS, "another user has the device 2100000A");
	failed_with(d, DO(db_device_add, "alice", BOB, key_of(1), 2u), DB_EXISTS, "has the device 2100000A");
	failed_with(d, DO(db_device_add, "zoe", BOB, key_of(1), 2u), DB_NOT_FOUND, "no user 'zoe'");
	failed_with(d, DO(db_device_add, "bob", 0, key_of(1), 2u), DB_INVALID, "00000000");
	failed_with(d, DO(db_device_add, "bob", BOB, bytes_str("short"), 2u), DB_INVALID, "5 bytes, not 32");
	failed_with(d, DO(db_device_add, "bob", BOB, key_of(1), 0u), DB_INVALID, "suites 0x0");
	failed_with(d, DO(db_device_add, "bob", BOB, key_of(1), 0x10u), DB_INVALID, "suites 0x10");
	failed_with(d, DO(db_device_remove, BOB), DB_NOT_FOUND, "PIN 2100000B");
	assert_int_equal(rekey(d, BOB, 1), 0);
	assert_int_equal(database_exec(d, "SELECT count(*) FROM emu_DeviceKey"), 1);
}

static void a_removed_device_has_no_keys_and_its_pin_is_free(void **state)
{
	struct database *d = *state;
	struct db_user bob = { .server = "bes1", .name = "bob" };

	user_with_device(d, "alice", ALICE, true);
	DO(db_user_add, &bob);
	assert_int_equal(DO(db_device_remove, ALICE), DB_OK);
	assert_int_equal(keys(d, ALICE).status, DB_NOT_FOUND);
	assert_int_equal(database_exec(d, "SELECT count(*) FROM emu_DeviceKey"), 0);
	assert_int_equal(DO(db_device_add, "bob", ALICE, key_of(1), 2u), DB_OK);
}

static void a_pending_key_is_promoted_and_the_current_one_becomes_previous(void **state)
{
	struct database *d = *state;
	struct heard_device heard;

	user_with_device(d, "alice", ALICE, true);
	assert_int_equal(rekey(d, ALICE, 2), 2);
	heard = keys(d, ALICE);
	assert_int_equal(heard.device.key_count, 2);
	assert_int_equal(heard.device.keys[1].state, DB_KEY_PENDING);
	assert_int_equal(heard.device.keys[1].suites, PACKET_SUITES_ALL);
	assert_int_equal(DO(db_key_promote, ALICE, 2, 1000), DB_OK);
	heard = keys(d, ALICE);
	assert_int_equal(heard.device.key_count, 2);
	assert_int_equal(heard.device.keys[0].state, DB_KEY_PREVIOUS);
	assert_int_equal(heard.device.keys[0].retired_wall_ms, 1000);
	assert_int_equal(heard.device.keys[1].state, DB_KEY_CURRENT);
	assert_int_equal(heard.device.keys[1].retired_wall_ms, 0);
	assert_memory_equal(heard.device.keys[1].secret, key_of(2).data, 32);
	assert_int_equal(DO(db_key_promote, ALICE, 2, 2000), DB_OK);          /* is current already */
	assert_int_equal(DO(db_key_promote, ALICE, 1, 2000), DB_CONFLICT);
	assert_int_equal(DO(db_key_promote, ALICE, 9, 2000), DB_NOT_FOUND);

	/* Only the most recent previous key is kept. */
	assert_int_equal(rekey(d, ALICE, 3), 3);
	assert_int_equal(DO(db_key_promote, ALICE, 3, 3000), DB_OK);
	heard = keys(d, ALICE);
	assert_int_equal(heard.device.key_count, 2);
	assert_int_equal(heard.device.keys[0].serial, 2);
	assert_int_equal(heard.device.keys[0].state, DB_KEY_PREVIOUS);
}

static void a_serial_never_names_two_keys(void **state)
{
	struct database *d = *state;
	struct heard_device heard;

	user_with_device(d, "alice", ALICE, true);
	assert_int_equal(rekey(d, ALICE, 2), 2);
	assert_int_equal(rekey(d, ALICE, 3), 3);
	heard = keys(d, ALICE);
	assert_int_equal(heard.device.key_count, 2);
	assert_int_equal(heard.device.keys[1].serial, 3);
	assert_memory_equal(heard.device.keys[1].secret, key_of(3).data, 32);
}

static void ceilings_go_up_only_and_per_direction(void **state)
{
	struct database *d = *state;
	struct heard_device heard;

	user_with_device(d, "alice", ALICE, true);
	assert_int_equal(DO(db_key_ceiling, ALICE, 1, DB_KEY_SEND, 256), DB_OK);
	assert_int_equal(DO(db_key_ceiling, ALICE, 1, DB_KEY_RECEIVE, UINT32_MAX), DB_OK);
	assert_int_equal(DO(db_key_ceiling, ALICE, 1, DB_KEY_SEND, 128), DB_OK);
	heard = keys(d, ALICE);
	assert_int_equal(heard.device.keys[0].send_ceiling, 256);
	assert_int_equal(heard.device.keys[0].receive_ceiling, UINT32_MAX);
	failed_with(d, DO(db_key_ceiling, ALICE, 2, DB_KEY_SEND, 256), DB_NOT_FOUND, "device 2100000A has no key 2");
}

static void many_people_come_with_their_devices_or_none_of_them(void **state)
{
	struct database *d = *state;
	struct db_person people[] = {
		{ .name = "zoe", .mail = "zoe@corp.test", .pin = 0x22000001 }, { .name = "yves", .pin = 0x22000002 },
	};
	struct heard_device heard;

	memcpy(people[1].secret, key_of(9).data, sizeof people[1].secret);
	assert_int_equal(DO(db_people_add, "bes1", people, 2, PACKET_SUITES_DOCUMENTED), DB_OK);
	heard = keys(d, 0x22000002);
	assert_int_equal(heard.status, DB_OK);
	assert_string_equal(heard.user, "yves");
	assert_int_equal(heard.device.key_count, 1);
	assert_int_equal(heard.device.keys[0].serial, 1);
	assert_int_equal(heard.device.keys[0].state, DB_KEY_CURRENT);
	assert_memory_equal(heard.device.keys[0].secret, key_of(9).data, 32);

	/* The second one's PIN is taken: the first one is not there either. */
	people[0] = (struct db_person){ .name = "xaver", .pin = 0x22000003 };
	people[1] = (struct db_person){ .name = "willi", .pin = 0x22000001 };
	failed_with(d, DO(db_people_add, "bes1", people, 2, PACKET_SUITES_DOCUMENTED), DB_EXISTS, "'willi' or the device 22000001");
	assert_int_equal(keys(d, 0x22000003).status, DB_NOT_FOUND);
	people[1] = (struct db_person){ .name = "Zoe", .pin = 0x22000004 };
	failed_with(d, DO(db_people_add, "bes1", people, 2, PACKET_SUITES_DOCUMENTED), DB_EXISTS, "'Zoe' or the device 22000004");
	assert_int_equal(keys(d, 0x22000003).status, DB_NOT_FOUND);

	failed_with(d, DO(db_people_add, "bes9", people, 2, PACKET_SUITES_DOCUMENTED), DB_NOT_FOUND, "no server 'bes9'");
	failed_with(d, DO(db_people_add, "bes1", people, 2, 0u), DB_INVALID, "suites 0x0");
	people[1] = (struct db_person){ .name = "willi" };
	failed_with(d, DO(db_people_add, "bes1", people, 2, PACKET_SUITES_DOCUMENTED), DB_INVALID, "00000000");
	assert_int_equal(DO(db_people_add, "bes1", people, 0, PACKET_SUITES_DOCUMENTED), DB_OK);
}

struct heard_devices { size_t count; char text[256]; bool secret; };
static void hear_devices(void *ctx, enum db_status status, const struct db_device *devices, size_t count)
{
	static const uint8_t zero[32];
	struct heard_devices *heard = ctx;
	size_t used = 0;

	assert_int_equal(status, DB_OK);
	heard->count = count;
	for (size_t i = 0; i < count; i++) {
		used += (size_t)snprintf(heard->text + used, sizeof heard->text - used, "%08X %s", devices[i].pin, devices[i].user);
		for (size_t k = 0; k < devices[i].key_count; k++) {
			used += (size_t)snprintf(heard->text + used, sizeof heard->text - used, " %u=%s", devices[i].keys[k].serial,
				db_key_state_name(devices[i].keys[k].state));
			heard->secret |= memcmp(devices[i].keys[k].secret, zero, 32) != 0;
		}
		used += (size_t)snprintf(heard->text + used, sizeof heard->text - used, "|");
	}
}

static void devices_are_listed_without_their_secrets(void **state)
{
	struct database *d = *state;
	struct heard_devices heard = { 0 };

	user_with_device(d, "bob", BOB, true);
	user_with_device(d, "alice", ALICE, true);
	rekey(d, BOB, 9);
	db_device_list(d->db, hear_devices, &heard);
	db_wait(d->db);
	assert_string_equal(heard.text, "2100000A alice 1=current|2100000B bob 1=current 2=pending|");
	assert_false(heard.secret);
}

static void a_key_row_copied_to_another_device_does_not_open(void **state)
{
	struct database *d = *state;

	user_with_device(d, "alice", ALICE, true);
	user_with_device(d, "bob", BOB, true);
	database_exec(d, "UPDATE emu_DeviceKey SET Secret = (SELECT Secret FROM emu_DeviceKey WHERE PIN = '2100000A') "
		"WHERE PIN = '2100000B'");
	assert_int_equal(keys(d, ALICE).status, DB_OK);
	assert_int_equal(keys(d, BOB).status, DB_UNAVAILABLE);
	assert_non_null(strstr(db_last_error(d->db), "key 1 of device 2100000B cannot be opened"));
}

/* --- environments ------------------------------------------------------------------------------------------------------------------- */

struct heard_environments { enum db_status status; size_t count; char text[512]; };
static void hear_environments(void *ctx, enum db_status status, const struct db_environment *e, size_t count)
{
	struct heard_environments *heard = ctx;
	size_t used = 0;

	heard->status = status;
	heard->count = count;
	heard->text[0] = '\0';
	for (size_t i = 0; i < count; i++)
		used += (size_t)snprintf(heard->text + used, sizeof heard->text - used, "%s %s %s:%u %s %u %llu %llu %u %d|", e[i].name,
			db_environment_type_name(e[i].type), e[i].host, e[i].port, e[i].transport, e[i].max_sessions,
			(unsigned long long)e[i].idle_timeout_ms, (unsigned long long)e[i].inactivity_timeout_ms, e[i].transport_capacity,
			e[i].evict);
}

static void environments_have_the_documented_settings_and_our_defaults(void **state)
{
	struct database *d = *state;
	struct db_environment cwa = { .name = "cwa", .type = DB_CWA, .host = "cwa.corp.test", .port = 443, .transport = "https" };
	struct db_environment change = { .name = "CWA", .max_sessions = DB_SESSIONS_MAX, .idle_timeout_ms = 1800000,
		.inactivity_timeout_ms = 7200000, .evict = SEAT_EVICT_ONE, .port = 9, .host = "ignored" };
	struct heard_environments heard;

	assert_int_equal(DO(db_environment_add, &cwa), DB_OK);
	db_environment_list(d->db, hear_environments, &heard);
	db_wait(d->db);
	assert_string_equal(heard.text, "cwa cwa cwa.corp.test:443 https 0 0 0 1024 0|"
		"groupwise groupwise 127.0.0.1:8300 tls 0 0 0 5120 0|");
	assert_int_equal(DO(db_environment_set, &change,
		DB_ENV_MAX_SESSIONS | DB_ENV_IDLE_TIMEOUT | DB_ENV_INACTIVITY_TIMEOUT | DB_ENV_EVICT), DB_OK);
	db_environment_get(d->db, "Cwa", hear_environments, &heard);
	db_wait(d->db);
	assert_string_equal(heard.text, "cwa cwa cwa.corp.test:443 https 2147483647 1800000 7200000 1024 1|");
	change = (struct db_environment){ .name = "cwa", .host = "::1", .port = 8443, .transport = "http", .transport_capacity = 7 };
	assert_int_equal(DO(db_environment_set, &change,
		DB_ENV_HOST | DB_ENV_PORT | DB_ENV_TRANSPORT | DB_ENV_TRANSPORT_CAPACITY | DB_ENV_MAX_SESSIONS), DB_OK);
	db_environment_get(d->db, "cwa", hear_environments, &heard);
	db_wait(d->db);
	assert_string_equal(heard.text, "cwa cwa ::1:8443 http 0 1800000 7200000 7 1|");
}

static void environments_that_cannot_be(void **state)
{
	struct database *d = *state;
	struct db_environment e = { .name = "GroupWise", .host = "h", .port = 1, .transport = "tls" };
	struct heard_environments heard;

	failed_with(d, DO(db_environment_add, &e), DB_EXISTS, "'GroupWise' already");
	e.name = "x";
	failed_with(d, DO(db_environment_set, &e, DB_ENV_PORT), DB_NOT_FOUND, "no IM environment 'x'");
	e.transport = "ssl";
	failed_with(d, DO(db_environment_add, &e), DB_INVALID, "one of tls, tcp");
	e.transport = "tls";
	e.max_sessions = 2147483648u;
	failed_with(d, DO(db_environment_add, &e), DB_INVALID, "0 (not set) to 2147483647");
	e.max_sessions = 0;
	e.port = 0;
	failed_with(d, DO(db_environment_add, &e), DB_INVALID, "1 to 65535");
	failed_with(d, DO(db_environment_set, &e, DB_ENV_TRANSPORT_CAPACITY), DB_INVALID, "capacity 0: 1 to");
	e.idle_timeout_ms = UINT64_MAX;
	failed_with(d, DO(db_environment_set, &e, DB_ENV_IDLE_TIMEOUT), DB_INVALID, "timeout");
	db_environment_get(d->db, "x", hear_environments, &heard);
	db_wait(d->db);
	assert_int_equal(heard.status, DB_NOT_FOUND);
}

static void types_are_read_by_name(void **state)
{
	enum db_environment_type type = DB_GROUPWISE;

	(void)state;
	assert_int_equal(db_environment_type_parse("cwa", &type), 0);
	assert_int_equal(type, DB_CWA);
	assert_int_equal(db_environment_type_parse("sametime", &type), -1);
}

/* --- the event trail ------------------------------------------------------------------------------------------------------------------ */

struct heard_trail { size_t count; uint64_t first, last; char text[512]; };
static void hear_trail(void *ctx, enum db_status status, const struct db_trail_entry *e, size_t count)
{
	struct heard_trail *heard = ctx;
	size_t used = 0;

	assert_int_equal(status, DB_OK);
	heard->count = count;
	heard->text[0] = '\0';
	heard->first = count ? e[0].id : 0;
	heard->last = count ? e[count - 1].id : 0;
	for (size_t i = 0; i < count && used < 400; i++)
		used += (size_t)snprintf(heard->text + used, sizeof heard->text - used, "%s %s %X %u %u %.40s|", e[i].process, e[i].event,
			e[i].pin, e[i].transaction, e[i].session, e[i].text);
}

static struct heard_trail trail(struct database *d, uint64_t after, uint32_t pin, uint32_t max)
{
	struct heard_trail heard = { 0 };

	db_trail_list(d->db, after, pin, max, hear_trail, &heard);
	db_wait(d->db);
	return heard;
}

static void the_trail_is_read_forward_and_from_its_end(void **state)
{
	struct database *d = *state;
	struct db_trail_entry entries[] = {
		{ .wall_ms = 1, .process = "collab", .event = "admit", .pin = ALICE, .transaction = 7, .session = 3, .text = "max=2 live=0" },
		{ .wall_ms = 2, .process = "collab", .event = "refused", .pin = BOB },
		{ .wall_ms = 3, .process = "dispatcher", .event = "start", .text = "a\nb\xff" },
	};
	struct heard_trail heard;

	assert_int_equal(DO(db_trail_append, entries, 3), DB_OK);
	heard = trail(d, 0, 0, 10);
	assert_string_equal(heard.text, "collab admit 2100000A 7 3 max=2 live=0|collab refused 2100000B 0 0 |dispatcher start 0 0 0 a?b?|");
	assert_int_equal(trail(d, heard.first, 0, 10).count, 2);
	assert_string_equal(trail(d, 0, BOB, 10).text, "collab refused 2100000B 0 0 |");
	heard = trail(d, UINT64_MAX, 0, 2);
	assert_int_equal(heard.count, 2);
	assert_true(heard.first < heard.last);
	assert_string_equal(trail(d, UINT64_MAX, ALICE, 2).text, "collab admit 2100000A 7 3 max=2 live=0|");
}

static void long_texts_are_cut_at_a_whole_character(void **state)
{
	struct database *d = *state;
	char text[DB_TRAIL_TEXT_MAX + 40];
	struct db_trail_entry entry = { .process = "collab", .event = "x", .text = text };

	memset(text, 'x', sizeof text);
	memcpy(text + DB_TRAIL_TEXT_MAX - 1, "\xc3\xbc", 2);
	text[sizeof text - 1] = '\0';
	assert_int_equal(DO(db_trail_append, &entry, 1), DB_OK);
	assert_int_equal(database_exec(d, "SELECT length(Detail) FROM emu_EventTrail"), DB_TRAIL_TEXT_MAX - 1);
}

static void the_trail_is_kept_to_a_bound(void **state)
{
	struct database *d = *state;
	static struct db_trail_entry entries[DB_TRAIL_KEEP / 4];

	for (size_t i = 0; i < sizeof entries / sizeof *entries; i++)
		entries[i] = (struct db_trail_entry){ .process = "p", .event = "e" };
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(DO(db_trail_append, entries, sizeof entries / sizeof *entries), DB_OK);
	assert_int_equal(database_exec(d, "SELECT count(*) FROM emu_EventTrail"), DB_TRAIL_KEEP);
}

static void inline_work_gives_the_same_answers(void **state)
{
	struct database *d = *state;
	struct error err;
	struct heard_users heard;

	db_close(&d->db);
	d->db = db_open(d->loop, d->file, d->key_file, DB_EXISTING, true, &err);
	assert_non_null(d->db);
	assert_int_equal(user_with_device(d, "alice", ALICE, true), DB_OK);
	users(d, &heard);
	assert_string_equal(heard.text, "alice@bes1 - - 2100000A 1|");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, database_setup, database_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(servers_keep_their_identity),
		TEST(servers_that_cannot_be),
		TEST(users_are_added_listed_permitted_and_removed),
		TEST(users_that_cannot_be),
		TEST(a_first_key_is_current_and_opens_to_what_was_given),
		cmocka_unit_test(states_are_numbered_as_the_channel_does),
		TEST(devices_that_cannot_be),
		TEST(a_removed_device_has_no_keys_and_its_pin_is_free),
		TEST(a_pending_key_is_promoted_and_the_current_one_becomes_previous),
		TEST(a_serial_never_names_two_keys),
		TEST(ceilings_go_up_only_and_per_direction),
		TEST(many_people_come_with_their_devices_or_none_of_them),
		TEST(devices_are_listed_without_their_secrets),
		TEST(a_key_row_copied_to_another_device_does_not_open),
		TEST(environments_have_the_documented_settings_and_our_defaults),
		TEST(environments_that_cannot_be),
		cmocka_unit_test(types_are_read_by_name),
		TEST(the_trail_is_read_forward_and_from_its_end),
		TEST(long_texts_are_cut_at_a_whole_character),
		TEST(the_trail_is_kept_to_a_bound),
		TEST(inline_work_gives_the_same_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
