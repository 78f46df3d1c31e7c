#ifndef BRAMBLE_BASE_IO_TLS_H
#define BRAMBLE_BASE_IO_TLS_H

#include <stdbool.h>

#include "base/error.h"

/* One TLS configuration (an SSL_CTX), made once and shared by all its connections. */
struct tls;

struct tls_settings {
	bool server;
	const char *certificate_file;   /* PEM chain; a server needs it, a client has it for mutual TLS */
	const char *key_file;
	const char *ca_file;            /* client: trust only what this signs; server: require and check client certificates */
	const char *pin_sha256;         /* client: trust exactly the certificate with this fingerprint (64 hex digits) */
	bool ask_only;                  /* server with a CA: asks for a client certificate without requiring one; what is shown is checked,
	                                 * whatever it was issued for (of old, servers show each other their server certificates) */
	bool trust_any;                 /* client: encrypt without knowing to whom. Warned about in the log, once */
	bool only_tls13;                /* default: 1.2 and 1.3 */
	bool session_tickets;           /* client: keep one ticket per server name and resume with it */
};

/* NULL with a sentence that names the file. */
struct tls *tls_new(const struct tls_settings *settings, struct error *err);
void tls_free(struct tls **tls);

/* A client's: whom it trusts. */
enum tls_trust { TLS_TRUST_CA, TLS_TRUST_PIN, TLS_TRUST_ANY };
enum tls_trust tls_trust_of(const struct tls *tls);
/* Another library's connection is to trust the same (context: its SSL_CTX, for which tls must stay). The name in the certificate is that
 * library's to check, with TLS_TRUST_CA. */
struct ssl_ctx_st;
void tls_lend_trust(struct tls *tls, struct ssl_ctx_st *context);

/* Writes a new self-signed certificate (P-256 unless rsa) for the names ("localhost 127.0.0.1"), key file mode 0600. */
int tls_make_self_signed(const char *certificate_file, const char *key_file, const char *names, bool rsa, struct error *err);

/* An installation's own CA, and certificates signed by it, for the link between daemons on different hosts. */
int tls_make_ca(const char *certificate_file, const char *key_file, struct error *err);
int tls_make_signed(const char *ca_certificate, const char *ca_key, const char *certificate_file, const char *key_file,
	const char *names, struct error *err);

#endif
