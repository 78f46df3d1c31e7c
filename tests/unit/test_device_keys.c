#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"
#include "protocol/device_keys.h"

#define SECRET "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define KEY(state) "{\"serial\":3,\"state\":\"" state "\",\"secret\":\"" SECRET "\",\"suites\":[\"aes256-cbc\",\"3des-cbc\"]}"
#define IDENTITY(keys) "{\"pin\":\"2100000A\",\"srp_id\":\"T00000001\",\"keys\":[" keys "],\"send_ceiling\":512,\"receive_ceiling\":256}"

static char folder[] = "/tmp/bramble-keys-XXXXXX";
static char path[64];

static void write_file(const char *text, mode_t mode)
{
	FILE *file;

	unlink(path);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_int_equal(chmod(path, mode), 0);
}

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof path, "%s/device.json", folder);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static void a_key_file_is_read(void **state)
{
	struct device_identity id;
	struct channel_key *key;
	struct error err;

	(void)state;
	write_file(IDENTITY(KEY("current")), 0600);
	if (device_keys_load(path, &id, &err))
		fail_msg("%s", err.text);
	assert_int_equal(id.pin, 0x2100000A);
	assert_string_equal(id.srp_id, "T00000001");
	key = channel_peer_key(&id.peer, CHANNEL_KEY_CURRENT);
	assert_non_null(key);
	assert_string_equal(key->key.id, "2100000A+3");
	assert_int_equal(key->key.secret[31], 31);
	assert_int_equal(id.peer.suites, PACKET_SUITES_DOCUMENTED);
	/* Nothing up to the ceilings is used again. */
	assert_int_equal(key->send.next, 513);
	assert_int_equal(replay_check(&key->receive, 256), REPLAY_RESUME);
	device_identity_free(&id);
}

static void what_is_stored_is_read_back(void **state)
{
	struct device_identity id, again;
	struct stat info;
	struct error err;

	(void)state;
	write_file(IDENTITY(KEY("current")), 0600);
	assert_int_equal(device_keys_load(path, &id, &err), 0);
	id.send_ceiling = 768;
	id.receive_ceiling = UINT32_MAX;
	assert_int_equal(device_keys_store(path, &id, true, &err), 0);
	assert_int_equal(device_keys_load(path, &again, &err), 0);
	assert_int_equal(again.send_ceiling, 768);
	assert_int_equal(again.receive_ceiling, UINT32_MAX);
	assert_memory_equal(again.peer.keys[0].key.secret, id.peer.keys[0].key.secret, PACKET_KEY_SIZE);
	assert_int_equal(again.peer.keys[0].key.suites, id.peer.keys[0].key.suites);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	device_identity_free(&id);
	device_identity_free(&again);
}

static void a_store_that_fails_leaves_the_old_file(void **state)
{
	char blocker[80];
	struct device_identity id, again;
	struct error err;

	(void)state;
	write_file(IDENTITY(KEY("current")), 0600);
	assert_int_equal(device_keys_load(path, &id, &err), 0);
	snprintf(blocker, sizeof blocker, "%s.new", path);
	assert_int_equal(mkdir(blocker, 0700), 0);
	id.send_ceiling = 99999;
	assert_int_equal(device_keys_store(path, &id, false, &err), -1);
	assert_non_null(strstr(err.text, "device.json.new: Is a directory"));
	rmdir(blocker);
	assert_int_equal(device_keys_load(path, &again, &err), 0);
	assert_int_equal(again.send_ceiling, 512);
	device_identity_free(&id);
	device_identity_free(&again);
}

static const struct {
	const char *name, *text;
	mode_t mode;
	const char *sentence;        /* what stands behind "key file PATH: " */
} rows[] = {
	{ "others may read it", IDENTITY(KEY("current")), 0640, "mode 640 lets others read or change it; chmod 600 it" },
	{ "empty", "", 0600, "line 1 is not the JSON of a key file" },
	{ "no object", "[]", 0600, "line 1 is not the JSON of a key file" },
	{ "broken in its second line", "{\"pin\":\n\"2100000A\"", 0600, "line 2 is not the JSON of a key file" },
	{ "a member twice", "{\"pin\":\"2100000A\",\"pin\":\"2100000B\"}", 0600, "line 1 is not the JSON of a key file" },
	{ "no PIN", "{}", 0600, "\"pin\" is missing or is no string" },
	{ "a PIN of seven digits", "{\"pin\":\"2100000\",\"srp_id\":\"T1\",\"keys\":[],\"send_ceiling\":0,\"receive_ceiling\":0}",
	  0600, "\"pin\" is \"2100000\", not 8 hex digits" },
	{ "an identifier with a space", "{\"pin\":\"2100000A\",\"srp_id\":\"T 1\",\"keys\":[],\"send_ceiling\":0,\"receive_ceiling\":0}",
	  0600, "\"srp_id\" is \"T 1\", not 1 to 32 letters, digits, '-' and '_'" },
	{ "no keys", IDENTITY(""), 0600, "\"keys\" is missing or has not 1 to 3 of them" },
	{ "a ceiling below zero", "{\"pin\":\"2100000A\",\"srp_id\":\"T1\",\"keys\":[],\"send_ceiling\":-1,\"receive_ceiling\":0}",
	  0600, "\"send_ceiling\" is missing or is no number from 0 to 4294967295" },
	{ "no current key", IDENTITY(KEY("previous")), 0600, "no key is \"current\"" },
	{ "a state that nobody knows", IDENTITY(KEY("lost")), 0600, "key 1: state \"lost\" is none of pending, current, previous" },
	{ "a secret that is too short", IDENTITY("{\"serial\":1,\"state\":\"current\",\"secret\":\"00\",\"suites\":[\"3des-cbc\"]}"),
	  0600, "key 1: \"secret\" is not 64 hex digits" },
	{ "a suite that nobody knows",
	  IDENTITY("{\"serial\":1,\"state\":\"current\",\"secret\":\"" SECRET "\",\"suites\":[\"rot13\"]}"), 0600,
	  "key 1: suite \"rot13\" is unknown, known are 3des-cbc, aes256-cbc and aes256-gcm" },
	{ "no suite", IDENTITY("{\"serial\":1,\"state\":\"current\",\"secret\":\"" SECRET "\",\"suites\":[]}"), 0600,
	  "key 1: \"suites\" names none" },
};

static void a_wrong_key_file_is_refused_in_words_without_its_secret(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct device_identity id;
		char want[600];
		struct error err;

		print_message("    %s\n", rows[i].name);
		write_file(rows[i].text, rows[i].mode);
		assert_int_equal(device_keys_load(path, &id, &err), -1);
		snprintf(want, sizeof want, "key file %s: %s", path, rows[i].sentence);
		assert_string_equal(err.text, want);
		assert_null(strstr(err.text, "0001020304"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_file_is_read),
		cmocka_unit_test(what_is_stored_is_read_back),
		cmocka_unit_test(a_store_that_fails_leaves_the_old_file),
		cmocka_unit_test(a_wrong_key_file_is_refused_in_words_without_its_secret),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
