#include "protocol/device_keys.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <libgen.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

#define KEY_FILE_MAX 65536
#define KEYS_MAX ((size_t)CHANNEL_KEYS)

static const char *const state_names[] = {
	[CHANNEL_KEY_NONE] = "none",
	[CHANNEL_KEY_PENDING] = "pending",
	[CHANNEL_KEY_CURRENT] = "current",
	[CHANNEL_KEY_PREVIOUS] = "previous",
};

/* --- reading -------------------------------------------------------------------------------------------------------- */

static int read_text(const json_t *object, const char *name, const char **out, struct error *err)
{
	*out = json_string_value(json_object_get(object, name));
	return *out ? 0 : error_set(err, "\"%s\" is missing or is no string", name);
}

static int read_number(const json_t *object, const char *name, uint32_t *out, struct error *err)
{
	const json_t *value = json_object_get(object, name);
	json_int_t number = json_integer_value(value);

	if (!json_is_integer(value) || number < 0 || number > UINT32_MAX)
		return error_set(err, "\"%s\" is missing or is no number from 0 to 4294967295", name);
	*out = (uint32_t)number;
	return 0;
}

static int read_suites(const json_t *list, unsigned *out, struct error *err)
{
	const json_t *entry;
	size_t i;

	*out = 0;
	json_array_foreach(list, i, entry) {
		const char *name = json_string_value(entry);
		enum packet_suite suite;

		if (!name || packet_suite_parse(name, &suite))
			return error_set(err, "suite \"%s\" is unknown, known are 3des-cbc, aes256-cbc and aes256-gcm",
				name ? name : "(no string)");
		*out |= PACKET_SUITE_BIT(suite);
	}
	return *out ? 0 : error_set(err, "\"suites\" names none");
}

static int read_state(const char *name, enum channel_key_state *out, struct error *err)
{
	for (size_t i = CHANNEL_KEY_PENDING; i <= CHANNEL_KEY_PREVIOUS; i++) {
		if (strcmp(state_names[i], name) == 0) {
			*out = (enum channel_key_state)i;
			return 0;
		}
	}
	return error_set(err, "state \"%s\" is none of pending, current, previous", name);
}

static int read_key(const json_t *object, struct device_identity *identity, size_t at, struct error *err)
{
	struct channel_key *key = &identity->peer.keys[at];
	const char *state, *secret;
	struct buf raw = { 0 };
	int status = -1;

	if (read_number(object, "serial", &key->serial, err) || read_text(object, "state", &state, err) ||
	    read_text(object, "secret", &secret, err) || read_state(state, &key->state, err) ||
	    read_suites(json_object_get(object, "suites"), &key->key.suites, err))
		return -1;
	if (strlen(secret) != 2 * PACKET_KEY_SIZE || hex_decode(bytes_str(secret), &raw)) {
		error_set(err, "\"secret\" is not %d hex digits", 2 * PACKET_KEY_SIZE);
		goto out;
	}
	memcpy(key->key.secret, raw.data, PACKET_KEY_SIZE);
	snprintf(key->key.id, sizeof key->key.id, "%s+%u", pin_text(identity->pin), key->serial);
	replay_counter_start(&key->send, identity->send_ceiling);
	replay_start(&key->receive, identity->receive_ceiling);
	identity->peer.suites |= key->key.suites;
	status = 0;
out:
	buf_wipe(&raw);
	return status;
}

static int read_identity(const json_t *root, struct device_identity *out, struct error *err)
{
	const json_t *keys = json_object_get(root, "keys");
	const char *pin, *srp_id;

	if (read_text(root, "pin", &pin, err) || read_text(root, "srp_id", &srp_id, err) ||
	    read_number(root, "send_ceiling", &out->send_ceiling, err) ||
	    read_number(root, "receive_ceiling", &out->receive_ceiling, err))
		return -1;
	if (pin_parse(bytes_str(pin), &out->pin) || out->pin == 0)
		return error_set(err, "\"pin\" is \"%s\", not 8 hex digits", pin);
	if (!srp_id_valid(bytes_str(srp_id)) || !bytes_copy_str(bytes_str(srp_id), out->srp_id, sizeof out->srp_id))
		return error_set(err, "\"srp_id\" is \"%s\", not 1 to %d letters, digits, '-' and '_'", srp_id, SRP_ID_MAX);
	if (json_array_size(keys) == 0 || json_array_size(keys) > KEYS_MAX)
		return error_set(err, "\"keys\" is missing or has not 1 to %zu of them", KEYS_MAX);
	for (size_t i = 0; i < json_array_size(keys); i++) {
		if (read_key(json_array_get(keys, i), out, i, err))
			return error_prefix(err, "key %zu: ", i + 1);
	}
	if (!channel_peer_key(&out->peer, CHANNEL_KEY_CURRENT))
		return error_set(err, "no key is \"current\"");
	return 0;
}

static int read_file(const char *path, struct buf *out, struct error *err)
{
	struct stat info;
	ssize_t len;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int status = -1;

	if (fd < 0)
		return error_set(err, "%s", strerror(errno));
	if (fstat(fd, &info) || !S_ISREG(info.st_mode)) {
		error_set(err, "not a regular file");
	} else if (info.st_mode & 077) {
		error_set(err, "mode %03o lets others read or change it; chmod 600 it", (unsigned)info.st_mode & 0777);
	} else {
		buf_reserve(out, KEY_FILE_MAX);
		len = read(fd, out->data, KEY_FILE_MAX);
		out->len = len > 0 ? (size_t)len : 0;
		status = len < 0 ? error_set(err, "%s", strerror(errno)) : 0;
	}
	close(fd);
	return status;
}

int device_keys_load(const char *path, struct device_identity *out, struct error *err)
{
	struct buf text = { 0 };
	json_error_t wrong;
	json_t *root = NULL;
	int status = -1;

	memset(out, 0, sizeof *out);
	if (read_file(path, &text, err))
		goto out;
	root = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &wrong);
	/* jansson's own sentence may quote the file, and that would be a secret. */
	if (!json_is_object(root))
		error_set(err, "line %d is not the JSON of a key file", root ? 1 : wrong.line);
	else
		status = read_identity(root, out, err);
out:
	buf_wipe(&text);
	json_decref(root);
	if (status) {
		device_identity_free(out);
		error_prefix(err, "key file %s: ", path);
	}
	return status;
}

/* --- writing -------------------------------------------------------------------------------------------------------- */

static void write_key(const struct channel_key *key, struct buf *out)
{
	bool first = true;

	buf_printf(out, "{\"serial\":%u,\"state\":\"%s\",\"secret\":\"", key->serial, state_names[key->state]);
	buf_hex(out, bytes_of(key->key.secret, PACKET_KEY_SIZE));
	buf_text(out, "\",\"suites\":[");
	for (enum packet_suite suite = PACKET_3DES_CBC; suite <= PACKET_AES256_GCM; suite++) {
		if (!(key->key.suites & PACKET_SUITE_BIT(suite)))
			continue;
		buf_printf(out, "%s\"%s\"", first ? "" : ",", packet_suite_name(suite));
		first = false;
	}
	buf_text(out, "]}");
}

void device_keys_text(const struct device_identity *identity, struct buf *out)
{
	bool first = true;

	/* Neither PIN nor identifier holds anything that JSON would have to escape. */
	buf_printf(out, "{\"pin\":\"%s\",\"srp_id\":\"%s\",\"keys\":[", pin_text(identity->pin), identity->srp_id);
	for (size_t i = 0; i < KEYS_MAX; i++) {
		if (identity->peer.keys[i].state == CHANNEL_KEY_NONE)
			continue;
		buf_text(out, first ? "" : ",");
		write_key(&identity->peer.keys[i], out);
		first = false;
	}
	buf_printf(out, "],\"send_ceiling\":%u,\"receive_ceiling\":%u}\n", identity->send_ceiling, identity->receive_ceiling);
}

static int write_all(int fd, struct bytes bytes)
{
	while (bytes.len) {
		ssize_t len = write(fd, bytes.data, bytes.len);

		if (len < 0 && errno == EINTR)
			continue;
		if (len <= 0)
			return -1;
		bytes = bytes_slice(bytes, (size_t)len, bytes.len);
	}
	return 0;
}

/* The rename itself must survive a power loss too: an older ceiling would let ids be used twice. */
static void sync_folder(const char *path)
{
	char *copy = memory_str(path);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
	free(copy);
}

int device_keys_store(const char *path, const struct device_identity *identity, bool durable, struct error *err)
{
	char *fresh = memory_printf("%s.new", path);
	struct buf text = { 0 };
	int fd, status = -1;

	device_keys_text(identity, &text);
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		error_set(err, "key file %s: %s", fresh, strerror(errno));
		goto out;
	}
	status = write_all(fd, buf_bytes(&text));
	if (status == 0 && durable)
		status = fsync(fd);
	if (close(fd))
		status = -1;
	if (status == 0)
		status = rename(fresh, path);
	if (status) {
		error_set(err, "key file %s: %s", path, strerror(errno));
		unlink(fresh);
	} else if (durable) {
		sync_folder(path);
	}
out:
	buf_wipe(&text);
	free(fresh);
	return status ? -1 : 0;
}

void device_identity_free(struct device_identity *identity)
{
	channel_peer_free(&identity->peer);
	OPENSSL_cleanse(identity, sizeof *identity);
}
