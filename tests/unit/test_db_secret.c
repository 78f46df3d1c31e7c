/* Sealed values, and that no key lies in the database's files in any spelling. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "db/secret.h"
#include "db/trail.h"
#include "tests/support/database.h"

static const struct secret_place place = { "emu_DeviceKey", "Secret", "2100000A+1" };

static struct secret_box *box_of(struct database *d)
{
	struct error err = { "" };
	struct secret_box *box = secret_box_open(d->key_file, true, &err);

	assert_string_equal(err.text, "");
	return box;
}

static void what_is_sealed_opens_again_and_never_looks_the_same(void **state)
{
	struct secret_box *box = box_of(*state);
	struct buf one = { 0 }, two = { 0 }, clear = { 0 };

	for (size_t len = 0; len <= 64; len += 16) {
		uint8_t secret[64];

		memset(secret, 0x5c, sizeof secret);
		buf_clear(&one);
		buf_clear(&two);
		buf_clear(&clear);
		secret_seal(box, &place, bytes_of(secret, len), &one);
		secret_seal(box, &place, bytes_of(secret, len), &two);
		assert_int_equal(one.len, 1 + 12 + len + 16);
		assert_false(bytes_equal(buf_bytes(&one), buf_bytes(&two)));
		assert_int_equal(secret_open(box, &place, buf_bytes(&one), &clear), 0);
		assert_true(bytes_equal(buf_bytes(&clear), bytes_of(secret, len)));
	}
	buf_free(&one);
	buf_free(&two);
	buf_free(&clear);
	secret_box_free(&box);
}

static void every_truncation_and_every_changed_byte_is_refused(void **state)
{
	struct secret_box *box = box_of(*state);
	struct buf sealed = { 0 }, clear = { 0 };

	secret_seal(box, &place, bytes_str("sixteen bytes..."), &sealed);
	for (size_t len = 0; len < sealed.len; len++)
		assert_int_equal(secret_open(box, &place, bytes_of(sealed.data, len), &clear), -1);
	for (size_t i = 0; i < sealed.len; i++) {
		sealed.data[i] ^= 1;
		assert_int_equal(secret_open(box, &place, buf_bytes(&sealed), &clear), -1);
		sealed.data[i] ^= 1;
	}
	buf_u8(&sealed, 0);
	assert_int_equal(secret_open(box, &place, buf_bytes(&sealed), &clear), -1);
	assert_int_equal(clear.len, 0);
	buf_free(&sealed);
	buf_free(&clear);
	secret_box_free(&box);
}

static void another_table_column_row_or_key_does_not_open(void **state)
{
	static const struct secret_place others[] = {
		{ "emu_DeviceKeys", "Secret", "2100000A+1" }, { "emu_DeviceKey", "secret", "2100000A+1" },
		{ "emu_DeviceKey", "Secret", "2100000A+2" }, { "emu_DeviceKeyS", "ecret", "2100000A+1" },
		{ "emu_DeviceKey", "Secret2", "100000A+1" },
	};
	struct database *d = *state;
	struct secret_box *box = box_of(d);
	struct buf sealed = { 0 }, clear = { 0 };

	secret_seal(box, &place, bytes_str("secret"), &sealed);
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		assert_int_equal(secret_open(box, &others[i], buf_bytes(&sealed), &clear), -1);
	assert_int_equal(secret_open(box, &place, buf_bytes(&sealed), &clear), 0);
	secret_box_free(&box);
	assert_int_equal(remove(d->key_file), 0);
	box = box_of(d);
	assert_int_equal(secret_open(box, &place, buf_bytes(&sealed), &clear), -1);
	buf_free(&sealed);
	buf_free(&clear);
	secret_box_free(&box);
}

/* --- looking for keys ------------------------------------------------------------------------------------------------------------- */

static void read_all(const char *path, struct buf *out)
{
	FILE *file = fopen(path, "rb");
	size_t got;

	assert_non_null(file);
	do {
		uint8_t *at = buf_extend(out, 65536);

		got = fread(at, 1, 65536, file);
		out->len -= 65536 - got;
	} while (got);
	fclose(file);
}

static bool holds(struct bytes all, const void *what, size_t len)
{
	return memmem(all.data, all.len, what, len) != NULL;
}

/* Raw, as hex in either case, and as base64 at each of the three offsets that it may stand at in a longer text. */
static bool leaks(struct bytes all, struct bytes secret)
{
	char hex[2][129], base64[3][128];
	uint8_t shifted[64];
	bool found = holds(all, secret.data, secret.len);

	for (size_t i = 0; i < secret.len; i++) {
		sprintf(hex[0] + 2 * i, "%02x", secret.data[i]);
		sprintf(hex[1] + 2 * i, "%02X", secret.data[i]);
	}
	for (size_t i = 0; i < 2; i++)
		found = found || holds(all, hex[i], 2 * secret.len);
	for (size_t offset = 0; offset < 3; offset++) {
		size_t whole = (secret.len - offset) / 3 * 3;

		memcpy(shifted, secret.data + offset, whole);
		EVP_EncodeBlock((unsigned char *)base64[offset], shifted, (int)whole);
		found = found || holds(all, base64[offset], whole / 3 * 4);
	}
	return found;
}

static size_t look(struct database *d, const struct bytes *secrets, size_t count)
{
	DIR *dir = opendir(d->folder);
	struct dirent *entry;
	size_t files = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		struct buf all = { 0 };
		char path[512];

		if (entry->d_name[0] == '.' || strcmp(entry->d_name, "install.key") == 0)
			continue;
		snprintf(path, sizeof path, "%s/%s", d->folder, entry->d_name);
		read_all(path, &all);
		for (size_t i = 0; i < count; i++) {
			if (leaks(buf_bytes(&all), secrets[i]))
				fail_msg("%s holds secret %zu", entry->d_name, i);
		}
		files += all.len > 0;
		buf_free(&all);
	}
	closedir(dir);
	return files;
}

static void no_key_is_found_in_database_or_log(void **state)
{
	static const uint8_t srp_key[20] = { 0xf1, 0x3e, 0x91, 0x7a, 0x42, 0xd0, 0x0b, 0x88, 0x6c, 0xe5, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };
	uint8_t first[32], second[32], install[64];
	struct database *d = *state;
	struct bytes secrets[4] = { bytes_of(srp_key, sizeof srp_key), bytes_of(first, 32), bytes_of(second, 32) };
	struct db_server server = { .name = "bes2", .srp_id = "T00000002", .srp_key = secrets[0] };
	struct db_user user = { .server = "bes2", .name = "alice", .permitted = true };
	struct heard_status heard = { 0 };
	struct buf key_file = { 0 }, key = { 0 }, control = { 0 };

	for (size_t i = 0; i < 32; i++) {
		first[i] = (uint8_t)(0xa0 ^ (i * 37));
		second[i] = (uint8_t)(0x0b ^ (i * 91));
	}
	db_server_add(d->db, &server, hear_status, &heard);
	db_user_add(d->db, &user, hear_status, &heard);
	db_device_add(d->db, "alice", 0x2100000a, secrets[1], 4, hear_status, &heard);
	db_device_rekey(d->db, 0x2100000a, secrets[2], 4, NULL, NULL);
	db_wait(d->db);
	assert_int_equal(heard.status, DB_OK);
	assert_int_equal(database_exec(d, "SELECT count(*) FROM emu_DeviceKey"), 2);
	read_all(d->key_file, &key_file);
	assert_int_equal(hex_decode(bytes_slice(buf_bytes(&key_file), 0, 64), &key), 0);
	memcpy(install, key.data, key.len);
	secrets[3] = bytes_of(install, 32);
	assert_true(look(d, secrets, 4) >= 2);             /* while the write-ahead log is there */
	db_close(&d->db);
	assert_true(look(d, secrets, 4) >= 1);

	/* The search does find what is there. */
	buf_text(&control, "xx");
	buf_hex(&control, secrets[1]);
	assert_true(leaks(buf_bytes(&control), secrets[1]));
	assert_false(leaks(buf_bytes(&control), secrets[2]));
	buf_free(&control);
	buf_free(&key_file);
	buf_free(&key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_sealed_opens_again_and_never_looks_the_same, database_setup_empty, database_teardown),
		cmocka_unit_test_setup_teardown(every_truncation_and_every_changed_byte_is_refused, database_setup_empty, database_teardown),
		cmocka_unit_test_setup_teardown(another_table_column_row_or_key_does_not_open, database_setup_empty, database_teardown),
		cmocka_unit_test_setup_teardown(no_key_is_found_in_database_or_log, database_setup, database_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
