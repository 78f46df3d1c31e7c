#ifndef BRAMBLE_BASE_IO_TLS_PRIVATE_H
#define BRAMBLE_BASE_IO_TLS_PRIVATE_H

#include <openssl/ssl.h>

#include "base/io/tls.h"

/* What tls.c and tls_session.c share. */

enum { TLS_PIN_SIZE = 32, TLS_TICKETS = 64 };

/* The last ticket a server gave. */
struct tls_ticket {
	char *server_name;
	SSL_SESSION *session;
};

struct tls {
	SSL_CTX *context;
	bool server;
	bool has_ca;
	bool has_pin;
	unsigned char pin[TLS_PIN_SIZE];
	bool keeps_tickets;
	struct tls_ticket tickets[TLS_TICKETS];
	unsigned next_ticket;      /* the one that is replaced when all are in use */
};

/* The first sentence of OpenSSL's error queue; empties it. */
const char *tls_reason(void);

#endif
