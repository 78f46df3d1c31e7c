#include "base/io/address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/memory.h"

static int refuse(struct error *err, const char *text, const char *why)
{
	return error_set(err, "%s is not an address: %s; accepted are HOST:PORT, [IPV6]:PORT and unix:PATH", log_str(text), why);
}

static int parse_unix(const char *text, const char *path, struct address *out, struct error *err)
{
	if (!*path)
		return refuse(err, text, "the path is missing");
	if (!bytes_copy_str(bytes_str(path), out->host, sizeof(((struct sockaddr_un *)0)->sun_path)))
		return refuse(err, text, "the path is longer than the 107 bytes that a Unix socket can have");
	out->is_unix = true;
	return 0;
}

static bool is_host_name(struct bytes host)
{
	for (size_t i = 0; i < host.len; i++) {
		if (!isalnum(host.data[i]) && !strchr("-._", host.data[i]))
			return false;
	}
	return host.len > 0;
}

static int parse_port(const char *text, const char *digits, uint16_t *port, struct error *err)
{
	unsigned value = 0;
	size_t len = strlen(digits);

	if (len == 0 || len > 5 || strspn(digits, "0123456789") != len)
		return refuse(err, text, "the port must be a number from 0 to 65535");
	for (size_t i = 0; i < len; i++)
		value = value * 10 + (unsigned)(digits[i] - '0');
	if (value > 65535)
		return refuse(err, text, "the port must be a number from 0 to 65535");
	*port = (uint16_t)value;
	return 0;
}

const char *address_unix_path(const char *text)
{
	return strncmp(text, "unix:", 5) == 0 ? text + 5 : NULL;
}

char *address_text(const char *host, uint16_t port)
{
	return memory_printf(strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, port);
}

int address_parse(const char *text, struct address *out, struct error *err)
{
	const char *colon = strrchr(text, ':'), *path = address_unix_path(text);
	struct in6_addr v6;
	struct bytes host;

	*out = (struct address){ 0 };
	if (path)
		return parse_unix(text, path, out, err);
	if (!colon)
		return refuse(err, text, "the port is missing");
	host = bytes_of(text, (size_t)(colon - text));
	if (text[0] == '[') {
		if (host.len < 2 || text[host.len - 1] != ']')
			return refuse(err, text, "the bracket is not closed before the port");
		if (!bytes_copy_str(bytes_slice(host, 1, host.len - 2), out->host, sizeof(out->host)) ||
		    inet_pton(AF_INET6, out->host, &v6) != 1)
			return refuse(err, text, "what is in the brackets is not an IPv6 address");
	} else {
		if (memchr(host.data, ':', host.len))
			return refuse(err, text, "an IPv6 address must stand in brackets");
		if (!is_host_name(host))
			return refuse(err, text, host.len ? "the host name has a character that none can have" : "the host is missing");
		if (!bytes_copy_str(host, out->host, sizeof(out->host)))
			return refuse(err, text, "the host name is longer than 255 characters");
	}
	return parse_port(text, colon + 1, &out->port, err);
}

/* An address as 16 bytes, an IPv4 one mapped into IPv6 (::ffff:a.b.c.d), so that both compare alike. */
static bool numeric(const char *host, struct in6_addr *out)
{
	struct in_addr v4;

	if (inet_pton(AF_INET6, host, out) == 1)
		return true;
	if (inet_pton(AF_INET, host, &v4) != 1)
		return false;
	memset(out, 0, sizeof(*out));
	out->s6_addr[10] = out->s6_addr[11] = 0xff;
	memcpy(&out->s6_addr[12], &v4, sizeof(v4));
	return true;
}

bool address_is_numeric(const char *text)
{
	struct in6_addr ip;

	return numeric(text, &ip);
}

/* The host part of an address with or without port. */
static bool host_of(const char *text, char *host, size_t size)
{
	struct address parsed;
	struct in6_addr v6;

	if (inet_pton(AF_INET6, text, &v6) != 1 && address_parse(text, &parsed, NULL) == 0)
		text = parsed.host;
	return bytes_copy_str(bytes_str(text), host, size);
}

bool address_is_host(const char *text)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";

	return *text && strlen(text) <= 253 && strspn(text, allowed) == strlen(text);
}

bool address_is_loopback(const char *text)
{
	char host[256];
	struct in6_addr ip;

	if (strcmp(text, "unix") == 0 || address_unix_path(text))
		return true;
	if (!host_of(text, host, sizeof(host)))
		return false;
	if (strcasecmp(host, "localhost") == 0)
		return true;
	if (!numeric(host, &ip))
		return false;
	return IN6_IS_ADDR_LOOPBACK(&ip) || (IN6_IS_ADDR_V4MAPPED(&ip) && ip.s6_addr[12] == 127);
}

struct network {
	struct in6_addr ip;
	unsigned bits;       /* of the 128 */
};

static int parse_network(struct bytes word, struct network *out, struct error *err)
{
	char text[80];
	char *slash;
	char *end;
	unsigned long bits;
	unsigned most;

	if (!bytes_copy_str(word, text, sizeof(text)))
		return error_set(err, "%s is not a network: it is too long", log_value(word));
	slash = strchr(text, '/');
	if (slash)
		*slash++ = '\0';
	if (!numeric(text, &out->ip))
		return error_set(err, "%s is not a network: accepted are ADDRESS and ADDRESS/BITS, as in 10.0.0.0/8 or ::1/128",
			log_value(word));
	most = strchr(text, ':') ? 128 : 32;
	bits = slash ? strtoul(slash, &end, 10) : most;
	if (slash && (!isdigit((unsigned char)*slash) || *end || bits > most))
		return error_set(err, "%s is not a network: the number after the slash must be from 0 to %u", log_value(word), most);
	out->bits = (unsigned)bits + (128 - most);
	return 0;
}

static bool network_has(const struct network *network, const struct in6_addr *ip)
{
	unsigned whole = network->bits / 8;
	unsigned rest = network->bits % 8;
	unsigned mask = 0xff00U >> rest & 0xffU;

	if (memcmp(network->ip.s6_addr, ip->s6_addr, whole) != 0)
		return false;
	return rest == 0 || ((network->ip.s6_addr[whole] ^ ip->s6_addr[whole]) & mask) == 0;
}

int address_in_networks(const char *peer, const char *networks, struct error *err)
{
	char host[256];
	struct in6_addr ip;
	bool known = host_of(peer, host, sizeof(host)) && numeric(host, &ip);
	int found = 0;

	for (const char *at = networks; *at;) {
		size_t len = strcspn(at, " \t,");
		struct network network = { 0 };

		if (len > 0) {
			if (parse_network(bytes_of(at, len), &network, err) != 0)
				return -1;
			if (known && network_has(&network, &ip))
				found = 1;
		}
		at += len + (at[len] != '\0');
	}
	return found;
}
