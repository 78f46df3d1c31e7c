#include "db/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "base/log.h"
#include "base/memory.h"

enum { VERSION = 1, KEY = 32, NONCE = 12, TAG = 16, HEADER = 1 + NONCE };

struct secret_box {
	EVP_CIPHER *cipher;
	EVP_CIPHER_CTX *context;
	uint8_t key[KEY];
};

static void random_bytes(uint8_t *out, size_t len)
{
	if (RAND_bytes(out, (int)len) != 1)
		bug("no random bytes");
}

static int create_key(const char *file, struct error *err)
{
	uint8_t key[KEY];
	struct buf text = { 0 };
	int fd = open(file, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	bool written;

	if (fd < 0 && errno == EEXIST)
		return 0;
	if (fd < 0)
		return error_set(err, "the install key %s cannot be created: %s", file, strerror(errno));
	random_bytes(key, sizeof key);
	buf_reserve(&text, 2 * KEY + 1);   /* no copies are left behind by growing */
	buf_hex(&text, bytes_of(key, sizeof key));
	buf_u8(&text, '\n');
	written = write(fd, text.data, text.len) == (ssize_t)text.len && fsync(fd) == 0;
	if (!written)
		error_set(err, "the install key %s cannot be written: %s", file, strerror(errno));
	close(fd);
	if (!written)
		unlink(file);
	OPENSSL_cleanse(key, sizeof key);
	buf_wipe(&text);
	return written ? 0 : -1;
}

static int check_key_file(int fd, const char *file, struct error *err)
{
	struct stat info;

	if (fstat(fd, &info) < 0)
		return error_set(err, "the install key %s: %s", file, strerror(errno));
	if (!S_ISREG(info.st_mode))
		return error_set(err, "the install key %s is not a file", file);
	if (info.st_mode & 077)
		return error_set(err, "the install key %s may be read or changed by others (mode %03o): chmod 600 it, and make a new "
			"one if others could have read it", file, (unsigned)(info.st_mode & 0777));
	return 0;
}

static int read_key(const char *file, uint8_t *key, struct error *err)
{
	uint8_t raw[2 * KEY + 3];
	struct buf decoded = { 0 };
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t len;
	bool good;

	if (fd < 0 && errno == ENOENT)
		return error_set(err, "there is no install key %s: put back the one that this database was made with, or correct the "
			"setting 'install_key'", file);
	if (fd < 0)
		return error_set(err, "the install key %s cannot be read: %s", file, strerror(errno));
	if (check_key_file(fd, file, err) < 0) {
		close(fd);
		return -1;
	}
	len = read(fd, raw, sizeof raw);
	close(fd);
	while (len > 0 && (raw[len - 1] == '\n' || raw[len - 1] == '\r'))
		len--;
	buf_reserve(&decoded, KEY);
	good = len == 2 * KEY && hex_decode(bytes_of(raw, (size_t)len), &decoded) == 0;
	if (good)
		memcpy(key, decoded.data, KEY);
	OPENSSL_cleanse(raw, sizeof raw);
	buf_wipe(&decoded);
	return good ? 0 : error_set(err, "the install key %s is not a line of 64 hex digits", file);
}

struct secret_box *secret_box_open(const char *file, bool create, struct error *err)
{
	struct secret_box *box;

	if (create && create_key(file, err) < 0)
		return NULL;
	box = memory_new(sizeof *box);
	if (read_key(file, box->key, err) < 0) {
		free(box);
		return NULL;
	}
	box->cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	box->context = EVP_CIPHER_CTX_new();
	if (!box->cipher || !box->context)
		bug("AES-256-GCM is not there");
	return box;
}

void secret_box_free(struct secret_box **box)
{
	if (!*box)
		return;
	EVP_CIPHER_CTX_free((*box)->context);
	EVP_CIPHER_free((*box)->cipher);
	OPENSSL_cleanse((*box)->key, KEY);
	free(*box);
	*box = NULL;
}

/* The lengths keep "ab" + "c" and "a" + "bc" apart. */
static void write_place(const struct secret_place *place, struct buf *out)
{
	const char *const parts[] = { place->table, place->column, place->row };

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		buf_u16(out, (uint16_t)strlen(parts[i]));
		buf_text(out, parts[i]);
	}
}

void secret_seal(struct secret_box *box, const struct secret_place *place, struct bytes clear, struct buf *out)
{
	struct buf additional = { 0 };
	uint8_t *at = buf_extend(out, HEADER + clear.len + TAG);
	int len;
	bool good;

	at[0] = VERSION;
	random_bytes(at + 1, NONCE);
	write_place(place, &additional);
	good = EVP_EncryptInit_ex2(box->context, box->cipher, box->key, at + 1, NULL) == 1 &&
		EVP_EncryptUpdate(box->context, NULL, &len, additional.data, (int)additional.len) == 1 &&
		EVP_EncryptUpdate(box->context, at + HEADER, &len, clear.data, (int)clear.len) == 1 &&
		EVP_EncryptFinal_ex(box->context, at + HEADER + clear.len, &len) == 1 &&
		EVP_CIPHER_CTX_ctrl(box->context, EVP_CTRL_AEAD_GET_TAG, TAG, at + HEADER + clear.len) == 1;
	buf_free(&additional);
	if (!good)
		bug("sealing a secret failed");
}

int secret_open(struct secret_box *box, const struct secret_place *place, struct bytes sealed, struct buf *out)
{
	struct buf additional = { 0 };
	size_t before = out->len;
	uint8_t nonce[NONCE], tag[TAG];
	uint8_t *at;
	size_t len;
	int part;
	bool good;

	if (sealed.len < HEADER + TAG || sealed.data[0] != VERSION)
		return -1;
	len = sealed.len - HEADER - TAG;
	memcpy(nonce, sealed.data + 1, NONCE);
	memcpy(tag, sealed.data + HEADER + len, TAG);
	at = buf_extend(out, len + 1);   /* never NULL, also for an empty secret */
	write_place(place, &additional);
	good = EVP_DecryptInit_ex2(box->context, box->cipher, box->key, nonce, NULL) == 1 &&
		EVP_DecryptUpdate(box->context, NULL, &part, additional.data, (int)additional.len) == 1 &&
		EVP_DecryptUpdate(box->context, at, &part, sealed.data + HEADER, (int)len) == 1 &&
		EVP_CIPHER_CTX_ctrl(box->context, EVP_CTRL_AEAD_SET_TAG, TAG, tag) == 1 &&
		EVP_DecryptFinal_ex(box->context, at + part, &part) == 1;
	buf_free(&additional);
	if (!good)
		OPENSSL_cleanse(at, len);
	out->len = good ? before + len : before;
	return good ? 0 : -1;
}
