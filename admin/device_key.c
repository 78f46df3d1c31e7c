#include "admin/device_key.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "protocol/packet.h"

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

/* A pending key waits for the device to use it, so to the device it is the current one, and what was sealed before it goes on
 * opening under the one that it replaces. NONE: the device has no use for it. */
static enum channel_key_state state_for_device(const struct db_device *device, const struct db_device_key *key)
{
	bool has_pending = false;

	for (size_t i = 0; i < device->key_count; i++)
		has_pending |= device->keys[i].state == DB_KEY_PENDING;
	if (!has_pending)
		return (enum channel_key_state)key->state;
	switch (key->state) {
	case DB_KEY_PENDING:
		return CHANNEL_KEY_CURRENT;
	case DB_KEY_CURRENT:
		return CHANNEL_KEY_PREVIOUS;
	default:
		return CHANNEL_KEY_NONE;
	}
}

void device_key_identity(const struct db_device *device, const char *srp_id, struct device_identity *out)
{
	memset(out, 0, sizeof *out);
	out->pin = device->pin;
	snprintf(out->srp_id, sizeof out->srp_id, "%s", srp_id);
	for (size_t i = 0; i < device->key_count && i < CHANNEL_KEYS; i++) {
		const struct db_device_key *from = &device->keys[i];
		struct channel_key *to = &out->peer.keys[i];

		/* The ceilings are the device's, over all of its keys. */
		out->send_ceiling = from->receive_ceiling > out->send_ceiling ? from->receive_ceiling : out->send_ceiling;
		out->receive_ceiling = from->send_ceiling > out->receive_ceiling ? from->send_ceiling : out->receive_ceiling;
		to->state = state_for_device(device, from);
		if (to->state == CHANNEL_KEY_NONE)
			continue;
		to->serial = from->serial;
		to->key.suites = from->suites;
		memcpy(to->key.secret, from->secret, sizeof to->key.secret);
	}
}

bool file_is_there(const char *path)
{
	return access(path, F_OK) == 0;
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

int device_key_write(const char *path, struct device_identity *identity, struct error *err)
{
	struct device_identity old;

	if (device_keys_load(path, &old, NULL) == 0 && old.pin == identity->pin) {
		if (old.send_ceiling > identity->send_ceiling)
			identity->send_ceiling = old.send_ceiling;
		if (old.receive_ceiling > identity->receive_ceiling)
			identity->receive_ceiling = old.receive_ceiling;
		device_identity_free(&old);
	}
	return device_keys_store(path, identity, true, err);
}
