#ifndef BRAMBLE_BASE_IO_TLS_SESSION_H
#define BRAMBLE_BASE_IO_TLS_SESSION_H

#include "base/bytes.h"
#include "base/io/tls.h"

/* One TLS session without its socket: bytes from the peer go in, bytes for the peer are appended to a buf. So all sockets
 * are read and written in one way, several records leave in one send, and one recv brings as many as have come.
 * For connection.c alone. */
struct tls_session;

/* server_name: what the peer's certificate must say (clients only). NULL with a sentence if it cannot be made. */
struct tls_session *tls_session_new(struct tls *tls, const char *server_name, struct error *err);
void tls_session_free(struct tls_session **session);

/* The first move: a client's hello. */
void tls_session_start(struct tls_session *session, struct buf *out);

/* Takes everything that came; returns how much plaintext it gave, for which there must be room for
 * TLS_SESSION_ROOM(in.len). The handshake goes on in here. Afterwards ask whether the session is up, over or has failed. */
#define TLS_SESSION_ROOM(len) ((len) + 20 * 1024)
size_t tls_session_read(struct tls_session *session, struct bytes in, uint8_t *into, size_t room, struct buf *out);

/* One message in a record (or records) of its own. Only when the session is up. */
int tls_session_write(struct tls_session *session, struct bytes message, struct buf *out, struct error *err);

void tls_session_goodbye(struct tls_session *session, struct buf *out);

bool tls_session_is_up(const struct tls_session *session);       /* the handshake is done, the certificate checked */
bool tls_session_is_over(const struct tls_session *session);     /* the peer said goodbye */
const char *tls_session_failure(const struct tls_session *session);   /* why it cannot go on, or NULL; out holds the alert */
bool tls_session_has_certificate(const struct tls_session *session);      /* of the peer; it was checked */
/* The peer's certificate has this host name among its alternative names (the subject is not looked at). */
bool tls_session_is_named(const struct tls_session *session, const char *name);
const char *tls_session_version(const struct tls_session *session);

#endif
