#ifndef BRAMBLE_BASE_IO_ADDRESS_H
#define BRAMBLE_BASE_IO_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* "HOST:PORT", "[V6]:PORT" or "unix:PATH", taken apart. */
struct address {
	char host[256];     /* or the path */
	uint16_t port;
	bool is_unix;
};

/* 0, or -1 with a sentence that names the text and says what is accepted. */
int address_parse(const char *text, struct address *out, struct error *err);

/* The path in "unix:PATH", or NULL: within text. */
const char *address_unix_path(const char *text);

/* "HOST:PORT", with brackets around an IPv6 address. The caller frees it. */
char *address_text(const char *host, uint16_t port);

/* A name of at most 253 letters, digits, dots and hyphens: it may stand in any URI. */
bool address_is_host(const char *text);

/* "127.0.0.3", "::1": an address in digits, without a port. */
bool address_is_numeric(const char *text);

/* 127.0.0.0/8, ::1, "localhost" and Unix sockets; also for a peer text as connection_peer gives it. */
bool address_is_loopback(const char *text);

/* Is the peer (as connection_peer gives it) inside one of the networks, "10.0.0.0/8 192.0.2.7/32 ::1/128"?
 * -1 with a sentence when the list cannot be read. */
int address_in_networks(const char *peer, const char *networks, struct error *err);

#endif
