#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/bytes.h"
#include "base/io/tls_private.h"
#include "base/log.h"
#include "base/memory.h"

enum { VALID_DAYS = 3650 };

static int failed(struct error *err, const char *what)
{
	return error_set(err, "%s could not be made: %s", what, tls_reason());
}

/* --- files --- */

/* A key is never readable by others, not even for the moment in which it is written. */
static int write_file(const char *path, mode_t mode, BIO *content, struct error *err)
{
	char *data;
	long len = BIO_get_mem_data(content, &data);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	int status = 0;

	if (fd < 0)
		return error_set(err, "%s cannot be written: %s", log_str(path), strerror(errno));
	if (fchmod(fd, mode) != 0 || write(fd, data, (size_t)len) != len || fsync(fd) != 0)
		status = error_set(err, "%s cannot be written: %s", log_str(path), strerror(errno));
	if (close(fd) != 0 && status == 0)
		status = error_set(err, "%s cannot be written: %s", log_str(path), strerror(errno));
	return status;
}

static int write_pair(const char *certificate_file, const char *key_file, X509 *certificate, EVP_PKEY *key, struct error *err)
{
	BIO *text = BIO_new(BIO_s_mem());
	BIO *secret = BIO_new(BIO_s_secmem());
	int status = -1;

	if (!text || !secret || !PEM_write_bio_X509(text, certificate) ||
	    !PEM_write_bio_PKCS8PrivateKey(secret, key, NULL, NULL, 0, NULL, NULL))
		status = failed(err, "a certificate's text");
	else if (write_file(key_file, 0600, secret, err) == 0)
		status = write_file(certificate_file, 0644, text, err);
	BIO_free(text);
	BIO_free(secret);
	return status;
}

static X509 *read_certificate(const char *path, struct error *err)
{
	FILE *file = fopen(path, "re");
	X509 *certificate = file ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;

	if (!certificate)
		error_set(err, "the certificate file %s cannot be read: %s", log_str(path), file ? tls_reason() : strerror(errno));
	if (file)
		fclose(file);
	return certificate;
}

static EVP_PKEY *read_key(const char *path, struct error *err)
{
	FILE *file = fopen(path, "re");
	EVP_PKEY *key = file ? PEM_read_PrivateKey(file, NULL, NULL, NULL) : NULL;

	if (!key)
		error_set(err, "the key file %s cannot be read: %s", log_str(path), file ? tls_reason() : strerror(errno));
	if (file)
		fclose(file);
	return key;
}

/* --- certificates --- */

static bool add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *extension;
	X509V3_CTX context;
	bool good;

	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	good = extension && X509_add_ext(certificate, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return good;
}

static bool add_name(GENERAL_NAMES *names, struct bytes word)
{
	GENERAL_NAME *name = GENERAL_NAME_new();
	char *text = bytes_dup(word);
	unsigned char ip[16];
	int ip_len = inet_pton(AF_INET, text, ip) == 1 ? 4 : inet_pton(AF_INET6, text, ip) == 1 ? 16 : 0;
	ASN1_STRING *value = ip_len ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();
	bool good = name && value && ASN1_STRING_set(value, ip_len ? (const void *)ip : text, ip_len ? ip_len : (int)word.len) == 1;

	free(text);
	if (good) {
		GENERAL_NAME_set0_value(name, ip_len ? GEN_IPADD : GEN_DNS, value);
		good = sk_GENERAL_NAME_push(names, name) > 0;
	} else {
		ASN1_STRING_free(value);
	}
	if (!good)
		GENERAL_NAME_free(name);
	return good;
}

/* "localhost 127.0.0.1" as DNS and IP entries. */
static bool add_names(X509 *certificate, const char *names)
{
	GENERAL_NAMES *list = GENERAL_NAMES_new();
	bool good = list != NULL;

	for (const char *at = names; good && *at;) {
		size_t len = strcspn(at, " ");

		if (len > 0)
			good = add_name(list, bytes_of(at, len));
		at += len + (at[len] != '\0');
	}
	good = good && sk_GENERAL_NAME_num(list) > 0 && X509_add1_ext_i2d(certificate, NID_subject_alt_name, list, 0, 0) == 1;
	GENERAL_NAMES_free(list);
	return good;
}

static bool set_serial(X509 *certificate)
{
	uint64_t serial = 0;

	return RAND_bytes((unsigned char *)&serial, sizeof(serial)) == 1 &&
		ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), (serial >> 1) | 1) == 1;
}

/* Everything that all our certificates have; not yet signed. common_name: the first word of it. */
static X509 *begin_certificate(EVP_PKEY *key, const char *common_name, size_t name_len, X509 *issuer)
{
	X509 *certificate = X509_new();
	X509_NAME *subject = certificate ? X509_get_subject_name(certificate) : NULL;
	bool good = subject && X509_set_version(certificate, X509_VERSION_3) && set_serial(certificate) &&
		X509_gmtime_adj(X509_getm_notBefore(certificate), -24 * 3600) &&
		X509_time_adj_ex(X509_getm_notAfter(certificate), VALID_DAYS, 0, NULL) && X509_set_pubkey(certificate, key) &&
		X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)common_name,
			(int)(name_len > 64 ? 64 : name_len), -1, 0) &&
		X509_set_issuer_name(certificate, issuer ? X509_get_subject_name(issuer) : subject) &&
		add_extension(certificate, certificate, NID_subject_key_identifier, "hash");

	if (good)
		return certificate;
	X509_free(certificate);
	return NULL;
}

static X509 *make_server(EVP_PKEY *key, const char *names, X509 *issuer, EVP_PKEY *issuer_key)
{
	X509 *certificate = begin_certificate(key, names, strcspn(names, " "), issuer);

	if (certificate && add_extension(certificate, certificate, NID_basic_constraints, "critical,CA:FALSE") &&
	    /* A self-signed one has no key usage: NSS, and with it the stock Messenger client, takes one that may not sign
	     * certificates, though it is its own issuer, for a broken chain, and does not even ask its user. */
	    (!issuer || add_extension(certificate, certificate, NID_key_usage, "critical,digitalSignature,keyEncipherment")) &&
	    /* Both: the daemons that listen to each other also dial each other. */
	    add_extension(certificate, certificate, NID_ext_key_usage, "serverAuth,clientAuth") && add_names(certificate, names) &&
	    (!issuer || add_extension(certificate, issuer, NID_authority_key_identifier, "keyid")) &&
	    X509_sign(certificate, issuer_key, EVP_sha256()) > 0)
		return certificate;
	X509_free(certificate);
	return NULL;
}

static X509 *make_ca(EVP_PKEY *key)
{
	static const char name[] = "Bramble installation CA";
	X509 *certificate = begin_certificate(key, name, strlen(name), NULL);

	if (certificate && add_extension(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
	    add_extension(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign") &&
	    X509_sign(certificate, key, EVP_sha256()) > 0)
		return certificate;
	X509_free(certificate);
	return NULL;
}

static int need_names(const char *names, struct error *err)
{
	return names[strspn(names, " ")] ? 0 : error_set(err, "a certificate needs at least one name or address");
}

int tls_make_self_signed(const char *certificate_file, const char *key_file, const char *names, bool rsa, struct error *err)
{
	EVP_PKEY *key;
	X509 *certificate;
	int status;

	names += strspn(names, " ");
	if (need_names(names, err) != 0)
		return -1;
	key = rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
	certificate = key ? make_server(key, names, NULL, key) : NULL;
	status = certificate ? write_pair(certificate_file, key_file, certificate, key, err) :
		failed(err, "a self-signed certificate");
	X509_free(certificate);
	EVP_PKEY_free(key);
	return status;
}

int tls_make_ca(const char *certificate_file, const char *key_file, struct error *err)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = key ? make_ca(key) : NULL;
	int status = certificate ? write_pair(certificate_file, key_file, certificate, key, err) : failed(err, "a CA");

	X509_free(certificate);
	EVP_PKEY_free(key);
	return status;
}

int tls_make_signed(const char *ca_certificate, const char *ca_key, const char *certificate_file, const char *key_file,
	const char *names, struct error *err)
{
	X509 *issuer = NULL;
	EVP_PKEY *issuer_key = NULL;
	EVP_PKEY *key = NULL;
	X509 *certificate = NULL;
	int status = -1;

	names += strspn(names, " ");
	if (need_names(names, err) != 0)
		return -1;
	if (!(issuer = read_certificate(ca_certificate, err)) || !(issuer_key = read_key(ca_key, err)))
		goto out;
	if (X509_check_private_key(issuer, issuer_key) != 1) {
		tls_reason();
		error_set(err, "the key file %s does not belong to the CA %s", log_str(ca_key), log_str(ca_certificate));
		goto out;
	}
	key = EVP_EC_gen("P-256");
	certificate = key ? make_server(key, names, issuer, issuer_key) : NULL;
	status = certificate ? write_pair(certificate_file, key_file, certificate, key, err) : failed(err, "a signed certificate");
out:
	X509_free(certificate);
	EVP_PKEY_free(key);
	EVP_PKEY_free(issuer_key);
	X509_free(issuer);
	return status;
}
