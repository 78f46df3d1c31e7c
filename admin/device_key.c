#include "admin/device_key.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/control.h"
#include "base/log.h"
#include "base/memory.h"
#include "protocol/packet.h"
#include "protocol/srp.h"

static const enum packet_suite suite_order[] = { PACKET_AES256_GCM, PACKET_AES256_CBC, PACKET_3DES_CBC };

void secret_new(uint8_t *secret, size_t size)
{
	if (RAND_bytes(secret, (int)size) != 1)
		fatal(EXIT_INTERNAL, "the system gives no random bytes");
}

json_t *suites_json(unsigned suites)
{
	json_t *out = json_array();

	for (size_t i = 0; i < sizeof suite_order / sizeof *suite_order; i++) {
		if (suites & PACKET_SUITE_BIT(suite_order[i]))
			json_array_append_new(out, json_string(packet_suite_name(suite_order[i])));
	}
	return out;
}

int suites_parse(const char *text, unsigned *suites, struct error *err)
{
	char *copy = memory_str(text), *rest = copy, *word;
	int rc = 0;

	*suites = 0;
	while (rc == 0 && (word = strsep(&rest, ","))) {
		enum packet_suite suite;

		if (packet_suite_parse(word, &suite) != 0)
			rc = error_set(err, "%s is no suite; they are aes256-gcm, aes256-cbc and 3des-cbc, separated by commas", log_str(word));
		else
			*suites |= PACKET_SUITE_BIT(suite);
	}
	free(copy);
	return rc;
}

json_t *device_key_json(const struct db_device *device, const char *srp_id)
{
	json_t *out = json_object(), *keys = json_array();
	uint32_t send = 0, receive = 0;

	for (size_t i = 0; i < device->key_count; i++) {
		const struct db_device_key *key = &device->keys[i];
		struct buf hex = { 0 };
		json_t *row = json_object();

		buf_hex(&hex, bytes_of(key->secret, sizeof key->secret));
		json_object_set_new(row, "serial", json_integer(key->serial));
		json_object_set_new(row, "state", json_string(db_key_state_name(key->state)));
		json_object_set_new(row, "secret", json_string(buf_cstr(&hex)));
		json_object_set_new(row, "suites", suites_json(key->suites));
		json_array_append_new(keys, row);
		buf_wipe(&hex);
		send = key->receive_ceiling > send ? key->receive_ceiling : send;
		receive = key->send_ceiling > receive ? key->send_ceiling : receive;
	}
	json_object_set_new(out, "pin", json_string(pin_text(device->pin)));
	json_object_set_new(out, "srp_id", control_json_text(srp_id));
	json_object_set_new(out, "keys", keys);
	json_object_set_new(out, "send_ceiling", json_integer(send));
	json_object_set_new(out, "receive_ceiling", json_integer(receive));
	return out;
}

int file_write(const char *path, struct bytes content, unsigned mode, struct error *err)
{
	char *beside = memory_printf("%s.new", path);
	ssize_t written = -1;
	int fd, rc = 0;

	unlink(beside);
	fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd >= 0)
		written = write(fd, content.data, content.len);
	if (fd < 0 || written != (ssize_t)content.len || fsync(fd) != 0) {
		rc = error_set(err, "%s cannot be written: %s", beside, strerror(errno));
	} else if (rename(beside, path) != 0) {
		rc = error_set(err, "%s cannot be replaced: %s", path, strerror(errno));
	}
	if (fd >= 0)
		close(fd);
	if (rc != 0)
		unlink(beside);
	free(beside);
	return rc;
}

static void keep_higher(json_t *key, const json_t *old, const char *name)
{
	json_int_t before = json_integer_value(json_object_get(old, name));

	if (before > json_integer_value(json_object_get(key, name)))
		json_object_set_new(key, name, json_integer(before));
}

int device_key_write(const char *path, json_t *key, struct error *err)
{
	json_t *old = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
	char *text;
	struct buf line = { 0 };
	int rc;

	if (old && json_equal(json_object_get(old, "pin"), json_object_get(key, "pin"))) {
		keep_higher(key, old, "send_ceiling");
		keep_higher(key, old, "receive_ceiling");
	}
	json_decref(old);
	text = json_dumps(key, JSON_INDENT(2));
	buf_text(&line, text);
	buf_text(&line, "\n");
	memory_wipe_str(&text);
	rc = file_write(path, buf_bytes(&line), 0600, err);
	buf_wipe(&line);
	return rc;
}
