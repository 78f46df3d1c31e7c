#include "protocol/proxy.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/reader.h"

enum {
	FIXED_SIZE = 16,                /* signature, version and command, kind of address, length of the rest */
	VERSION_2 = 2,
	COMMAND_LOCAL = 0, COMMAND_PROXY = 1,
	TCP_OVER_V4 = 0x11, TCP_OVER_V6 = 0x21,
};

static const uint8_t signature[12] = { 0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a };

ssize_t proxy_split(struct bytes in, struct error *err)
{
	struct reader r = reader_of(in);
	size_t seen = in.len < sizeof signature ? in.len : sizeof signature;

	if (seen > 0 && memcmp(in.data, signature, seen) != 0)
		return error_set(err, "a PROXY header of version 2 must come first from this address, and what came is none");
	if (in.len < FIXED_SIZE)
		return 0;
	reader_bytes(&r, FIXED_SIZE - 2);
	size_t len = FIXED_SIZE + (size_t)reader_u16(&r);
	if (len > PROXY_HEADER_MAX)
		return error_set(err, "PROXY header: length %zu, at most %d are taken here", len, PROXY_HEADER_MAX);
	return in.len < len ? 0 : (ssize_t)len;
}

static int read_peer(struct reader *r, int family, struct proxy_header *out, struct error *err)
{
	size_t size = family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
	struct bytes source = reader_bytes(r, size);
	char text[INET6_ADDRSTRLEN];

	reader_bytes(r, size);          /* where the client believed to go to */
	unsigned port = reader_u16(r);
	reader_u16(r);
	if (!reader_ok(r))
		return error_set(err, "PROXY header: shorter than its addresses");
	inet_ntop(family, source.data, text, sizeof text);
	snprintf(out->peer, sizeof out->peer, family == AF_INET ? "%s:%u" : "[%s]:%u", text, port);
	return 0;
}

int proxy_decode(struct bytes header, struct proxy_header *out, struct error *err)
{
	struct reader r = reader_of(header);

	*out = (struct proxy_header){ 0 };
	reader_bytes(&r, sizeof signature);
	unsigned version_and_command = reader_u8(&r), kind = reader_u8(&r);
	reader_u16(&r);
	if (!reader_ok(&r))
		return error_set(err, "PROXY header: %zu bytes, it has %d at least", header.len, FIXED_SIZE);
	if (version_and_command >> 4 != VERSION_2)
		return error_set(err, "PROXY header: version %u, only %d is known", version_and_command >> 4, VERSION_2);
	switch (version_and_command & 0x0f) {
	case COMMAND_LOCAL:
		out->is_local = true;
		return 0;
	case COMMAND_PROXY:
		break;
	default:
		return error_set(err, "PROXY header: command %u, known are 0 (local) and 1 (proxy)", version_and_command & 0x0f);
	}
	if (kind == TCP_OVER_V4)
		return read_peer(&r, AF_INET, out, err);
	if (kind == TCP_OVER_V6)
		return read_peer(&r, AF_INET6, out, err);
	return error_set(err, "PROXY header: kind of address 0x%02x, known are 0x11 (TCP over IPv4) and 0x21 (TCP over IPv6)", kind);
}
