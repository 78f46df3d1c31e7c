#include "base/io/tls.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "base/bytes.h"
#include "base/io/tls_private.h"
#include "base/log.h"
#include "base/memory.h"

const char *tls_reason(void)
{
	unsigned long code = ERR_get_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;

	ERR_clear_error();
	if (code && ERR_SYSTEM_ERROR(code))
		return strerror(ERR_GET_REASON(code));
	return reason ? reason : "unknown reason";
}

/* --- tickets --- */

static struct tls_ticket *ticket_place(struct tls *tls, const char *server_name)
{
	for (size_t i = 0; i < TLS_TICKETS; i++) {
		if (tls->tickets[i].server_name && strcmp(tls->tickets[i].server_name, server_name) == 0)
			return &tls->tickets[i];
	}
	return &tls->tickets[tls->next_ticket++ % TLS_TICKETS];
}

static void drop_ticket(struct tls_ticket *ticket)
{
	SSL_SESSION_free(ticket->session);
	free(ticket->server_name);
	*ticket = (struct tls_ticket){ 0 };
}

/* Returning 1 keeps the reference that the caller gave. */
static int keep_ticket(SSL *ssl, SSL_SESSION *session)
{
	struct tls *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	const char *server_name = SSL_get_app_data(ssl);
	struct tls_ticket *ticket;

	if (!server_name)
		return 0;
	ticket = ticket_place(tls, server_name);
	drop_ticket(ticket);
	ticket->server_name = memory_str(server_name);
	ticket->session = session;
	return 1;
}

/* --- trust --- */

/* Takes the place of OpenSSL's own check when a certificate is pinned; with a CA as well, both must agree. */
static int check_pin(X509_STORE_CTX *store, void *arg)
{
	const struct tls *tls = arg;
	unsigned char is[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	X509 *certificate = X509_STORE_CTX_get0_cert(store);

	if (!certificate || !X509_digest(certificate, EVP_sha256(), is, &len) || len != TLS_PIN_SIZE ||
	    memcmp(is, tls->pin, TLS_PIN_SIZE) != 0) {
		X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
		return 0;
	}
	return tls->has_ca ? X509_verify_cert(store) : 1;
}

static int read_pin(struct tls *tls, const char *text, struct error *err)
{
	struct buf pin = { 0 };
	int status = 0;

	if (hex_decode(bytes_str(text), &pin) != 0 || pin.len != TLS_PIN_SIZE)
		status = error_set(err, "%s is not a certificate's fingerprint: 64 hex digits (SHA-256) are accepted",
			log_str(text));
	else
		memcpy(tls->pin, pin.data, TLS_PIN_SIZE);
	tls->has_pin = status == 0;
	buf_free(&pin);
	return status;
}

static int load_ca(struct tls *tls, const char *file, struct error *err)
{
	STACK_OF(X509_NAME) *names;

	if (SSL_CTX_load_verify_file(tls->context, file) != 1)
		return error_set(err, "the CA file %s cannot be used: %s", log_str(file), tls_reason());
	tls->has_ca = true;
	if (!tls->server)
		return 0;
	names = SSL_load_client_CA_file(file);
	if (!names)
		return error_set(err, "the CA file %s cannot be used: %s", log_str(file), tls_reason());
	SSL_CTX_set_client_CA_list(tls->context, names);
	return 0;
}

static int load_trust(struct tls *tls, const struct tls_settings *settings, struct error *err)
{
	if (settings->ca_file && load_ca(tls, settings->ca_file, err) != 0)
		return -1;
	if (tls->server) {
		if (tls->has_ca)
			SSL_CTX_set_verify(tls->context,
				SSL_VERIFY_PEER | (settings->ask_only ? 0 : SSL_VERIFY_FAIL_IF_NO_PEER_CERT), NULL);
		if (tls->has_ca && settings->ask_only)
			SSL_CTX_set_purpose(tls->context, X509_PURPOSE_ANY);
		return 0;
	}
	if (settings->pin_sha256 && read_pin(tls, settings->pin_sha256, err) != 0)
		return -1;
	if (tls->has_pin)
		SSL_CTX_set_cert_verify_callback(tls->context, check_pin, tls);
	if (tls->has_ca || tls->has_pin) {
		SSL_CTX_set_verify(tls->context, SSL_VERIFY_PEER, NULL);
		return 0;
	}
	if (!settings->trust_any)
		return error_set(err, "TLS needs to know whom to trust: a CA file, a certificate's fingerprint, or anybody");
	log_warning("TLS trusts any certificate: whoever answers at the address can read and change what is sent");
	SSL_CTX_set_verify(tls->context, SSL_VERIFY_NONE, NULL);
	return 0;
}

enum tls_trust tls_trust_of(const struct tls *tls)
{
	return tls->has_ca ? TLS_TRUST_CA : tls->has_pin ? TLS_TRUST_PIN : TLS_TRUST_ANY;
}

void tls_lend_trust(struct tls *tls, SSL_CTX *context)
{
	SSL_CTX_set1_cert_store(context, SSL_CTX_get_cert_store(tls->context));
	SSL_CTX_set_verify(context, SSL_CTX_get_verify_mode(tls->context), NULL);
	if (tls->has_pin)
		SSL_CTX_set_cert_verify_callback(context, check_pin, tls);
}

/* --- what we say of ourselves --- */

static int load_identity(struct tls *tls, const struct tls_settings *settings, struct error *err)
{
	const char *certificate = settings->certificate_file;
	const char *key = settings->key_file;

	if (!certificate && !key && !tls->server)
		return 0;
	if (!certificate || !key)
		return error_set(err, "TLS needs a certificate file and its key file%s%s", certificate || key ? ", not only " : "",
			certificate ? log_str(certificate) : key ? log_str(key) : "");
	if (SSL_CTX_use_certificate_chain_file(tls->context, certificate) != 1)
		return error_set(err, "the certificate file %s cannot be used: %s", log_str(certificate), tls_reason());
	if (SSL_CTX_use_PrivateKey_file(tls->context, key, SSL_FILETYPE_PEM) != 1)
		return error_set(err, "the key file %s cannot be used: %s", log_str(key), tls_reason());
	if (SSL_CTX_check_private_key(tls->context) != 1)
		return error_set(err, "the key file %s does not belong to the certificate file %s", log_str(key),
			log_str(certificate));
	return 0;
}

static void set_options(struct tls *tls, const struct tls_settings *settings)
{
	static const unsigned char context_name[] = "bramble";

	SSL_CTX_set_app_data(tls->context, tls);
	SSL_CTX_set_min_proto_version(tls->context, settings->only_tls13 ? TLS1_3_VERSION : TLS1_2_VERSION);
	SSL_CTX_set_options(tls->context, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_COMPRESSION);
	/* A connection at rest keeps no record buffers. */
	SSL_CTX_set_mode(tls->context, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_id_context(tls->context, context_name, sizeof(context_name) - 1);
	SSL_CTX_set_num_tickets(tls->context, 1);
	SSL_CTX_set_session_cache_mode(tls->context, SSL_SESS_CACHE_OFF);
	if (tls->server)
		return;
	tls->keeps_tickets = settings->session_tickets;
	if (tls->keeps_tickets) {
		SSL_CTX_set_session_cache_mode(tls->context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
		SSL_CTX_sess_set_new_cb(tls->context, keep_ticket);
	} else {
		SSL_CTX_set_options(tls->context, SSL_OP_NO_TICKET);
	}
}

struct tls *tls_new(const struct tls_settings *settings, struct error *err)
{
	struct tls *tls = memory_new(sizeof(*tls));

	ERR_clear_error();
	tls->server = settings->server;
	tls->context = SSL_CTX_new(settings->server ? TLS_server_method() : TLS_client_method());
	if (!tls->context)
		fatal(EXIT_INTERNAL, "no TLS: %s", tls_reason());
	set_options(tls, settings);
	if (load_identity(tls, settings, err) != 0 || load_trust(tls, settings, err) != 0)
		tls_free(&tls);
	return tls;
}

void tls_free(struct tls **tls)
{
	if (!*tls)
		return;
	for (size_t i = 0; i < TLS_TICKETS; i++)
		drop_ticket(&(*tls)->tickets[i]);
	SSL_CTX_free((*tls)->context);
	free(*tls);
	*tls = NULL;
}
