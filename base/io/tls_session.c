#include "base/io/tls_session.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "base/io/tls_private.h"
#include "base/log.h"
#include "base/memory.h"

struct tls_session {
	struct tls *tls;
	SSL *ssl;
	char *server_name;        /* clients only */
	bool up;
	bool over;
	char *failure;
	struct bytes in;          /* during a call: what came and was not yet taken */
	struct buf *out;          /* during a call */
};

/* --- OpenSSL's view of the socket: the bytes in hand --- */

static int bio_read(BIO *bio, char *into, int size)
{
	struct tls_session *session = BIO_get_data(bio);
	size_t len = session->in.len < (size_t)size ? session->in.len : (size_t)size;

	BIO_clear_retry_flags(bio);
	if (len == 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	memcpy(into, session->in.data, len);
	session->in = bytes_slice(session->in, len, session->in.len);
	return (int)len;
}

static int bio_write(BIO *bio, const char *data, int size)
{
	struct tls_session *session = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (!session->out)
		return -1;
	buf_append(session->out, bytes_of(data, (size_t)size));
	return size;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	return command == BIO_CTRL_FLUSH;
}

/* Made once for the process. */
static BIO_METHOD *bio_method(void)
{
	static BIO_METHOD *method;

	if (method)
		return method;
	method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "bytes in hand");
	if (!method || !BIO_meth_set_read(method, bio_read) || !BIO_meth_set_write(method, bio_write) ||
	    !BIO_meth_set_ctrl(method, bio_ctrl))
		fatal(EXIT_INTERNAL, "no TLS: %s", tls_reason());
	return method;
}

/* --- life --- */

static bool is_numeric(const char *host)
{
	unsigned char ip[16];

	return inet_pton(AF_INET, host, ip) == 1 || inet_pton(AF_INET6, host, ip) == 1;
}

/* Whom the certificate must name, and under which name we ask (an address is never asked for by name). */
static int expect_name(struct tls_session *session, const char *server_name, struct error *err)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(session->ssl);
	bool numeric = is_numeric(server_name);
	bool good;

	session->server_name = memory_str(server_name);
	SSL_set_app_data(session->ssl, session->server_name);
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (numeric)
		good = X509_VERIFY_PARAM_set1_ip_asc(param, server_name) == 1;
	else
		good = X509_VERIFY_PARAM_set1_host(param, server_name, 0) == 1 &&
			SSL_set_tlsext_host_name(session->ssl, session->server_name) == 1;
	return good ? 0 : error_set(err, "%s cannot be the name of a TLS server: %s", log_str(server_name), tls_reason());
}

static void offer_ticket(struct tls_session *session)
{
	const struct tls *tls = session->tls;

	for (size_t i = 0; tls->keeps_tickets && i < TLS_TICKETS; i++) {
		const struct tls_ticket *ticket = &tls->tickets[i];

		if (ticket->session && strcmp(ticket->server_name, session->server_name) == 0 &&
		    SSL_SESSION_is_resumable(ticket->session))
			SSL_set_session(session->ssl, ticket->session);
	}
}

struct tls_session *tls_session_new(struct tls *tls, const char *server_name, struct error *err)
{
	struct tls_session *session = memory_new(sizeof(*session));
	BIO *bio = BIO_new(bio_method());

	ERR_clear_error();
	session->tls = tls;
	session->ssl = SSL_new(tls->context);
	if (!session->ssl || !bio)
		fatal(EXIT_INTERNAL, "no TLS session: %s", tls_reason());
	BIO_set_data(bio, session);
	BIO_set_init(bio, 1);
	SSL_set_bio(session->ssl, bio, bio);
	if (tls->server) {
		SSL_set_accept_state(session->ssl);
		return session;
	}
	SSL_set_connect_state(session->ssl);
	if (expect_name(session, server_name ? server_name : "", err) != 0) {
		tls_session_free(&session);
		return NULL;
	}
	offer_ticket(session);
	return session;
}

void tls_session_free(struct tls_session **session)
{
	struct tls_session *s = *session;

	if (!s)
		return;
	*session = NULL;
	/* A peer that vanished without goodbye does not make the ticket worthless, as OpenSSL would have it. */
	if (s->up && !s->failure)
		SSL_set_shutdown(s->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(s->ssl);
	free(s->server_name);
	free(s->failure);
	free(s);
}

/* --- the way of the bytes --- */

static void fail(struct tls_session *session)
{
	long verified = SSL_get_verify_result(session->ssl);
	const char *reason = tls_reason();

	if (session->failure)
		return;
	if (session->up || verified == X509_V_OK)
		session->failure = memory_printf("TLS%s: %s", session->up ? "" : " handshake", reason);
	else if (verified == X509_V_ERR_APPLICATION_VERIFICATION)
		session->failure = memory_printf("the certificate of %s is not the one whose fingerprint is pinned",
			log_str(session->server_name));
	else
		session->failure = memory_printf("the certificate of %s is not accepted: %s",
			session->server_name ? log_str(session->server_name) : "the peer", X509_verify_cert_error_string(verified));
}

/* What SSL_... returned: goes on later, is over, or has failed. */
static void take_result(struct tls_session *session, int result)
{
	switch (SSL_get_error(session->ssl, result)) {
	case SSL_ERROR_NONE:
	case SSL_ERROR_WANT_READ:
		break;
	case SSL_ERROR_ZERO_RETURN:
		session->over = true;
		break;
	default:
		fail(session);
	}
}

static void shake_hands(struct tls_session *session)
{
	int result = SSL_do_handshake(session->ssl);

	session->up = result == 1;
	take_result(session, result);
}

void tls_session_start(struct tls_session *session, struct buf *out)
{
	ERR_clear_error();
	session->out = out;
	if (!session->tls->server)
		shake_hands(session);
	session->out = NULL;
}

size_t tls_session_read(struct tls_session *session, struct bytes in, uint8_t *into, size_t room, struct buf *out)
{
	size_t got = 0;

	ERR_clear_error();
	session->in = in;
	session->out = out;
	if (!session->up && !session->failure)
		shake_hands(session);
	while (session->up && !session->over && !session->failure && got < room) {
		size_t left = room - got;
		int result = SSL_read(session->ssl, into + got, left > INT_MAX ? INT_MAX : (int)left);

		if (result <= 0) {
			take_result(session, result);
			break;
		}
		got += (size_t)result;
	}
	session->in = (struct bytes){ 0 };
	session->out = NULL;
	/* SSL_MODE_RELEASE_BUFFERS is meant to do this, but OpenSSL 3.0 then still kept 16 KB for reading: 27 KB for a
	 * connection at rest instead of 20. Does nothing while a record is incomplete. */
	SSL_free_buffers(session->ssl);
	return got;
}

int tls_session_write(struct tls_session *session, struct bytes message, struct buf *out, struct error *err)
{
	int result;

	if (session->failure)
		return error_set(err, "%s", session->failure);
	ERR_clear_error();
	session->out = out;
	result = SSL_write(session->ssl, message.data, (int)message.len);
	session->out = NULL;
	if (result > 0)
		return 0;
	fail(session);
	return error_set(err, "%s", session->failure);
}

void tls_session_goodbye(struct tls_session *session, struct buf *out)
{
	if (!session->up || session->failure)
		return;
	ERR_clear_error();
	session->out = out;
	SSL_shutdown(session->ssl);
	session->out = NULL;
}

bool tls_session_is_up(const struct tls_session *session)
{
	return session->up;
}

bool tls_session_is_over(const struct tls_session *session)
{
	return session->over;
}

const char *tls_session_failure(const struct tls_session *session)
{
	return session->failure;
}

const char *tls_session_version(const struct tls_session *session)
{
	return session->up ? SSL_get_version(session->ssl) : "";
}

bool tls_session_has_certificate(const struct tls_session *session)
{
	return session->up && SSL_get0_peer_certificate(session->ssl) != NULL;
}

bool tls_session_is_named(const struct tls_session *session, const char *name)
{
	X509 *certificate = session->up ? SSL_get0_peer_certificate(session->ssl) : NULL;

	return certificate &&
		X509_check_host(certificate, name, 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_WILDCARDS, NULL) == 1;
}
