#include "db/postgres_hosts.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#include "base/bytes.h"
#include "base/io/loop.h"
#include "base/io/resolve.h"
#include "base/memory.h"

#define DEFAULT_PORT "5432"
enum { ADDRESSES_MAX = 8 };

/* The URL with what a service file and the environment add to it. libpq tells that only of a connection; this one is refused for an impossible
 * value before anything is looked up. */
static PQconninfoOption *effective(const char *url)
{
	static const char *const keys[] = { "dbname", "target_session_attrs", NULL };
	const char *values[] = { url, "none", NULL };
	PGconn *conn = PQconnectStartParams(keys, values, 1);
	PQconninfoOption *options = conn ? PQconninfo(conn) : NULL;

	PQfinish(conn);
	if (!options)
		memory_exhausted(0);
	return options;
}

static const char *option(const PQconninfoOption *options, const char *keyword)
{
	for (; options->keyword; options++) {
		if (strcmp(options->keyword, keyword) == 0)
			return options->val ? options->val : "";
	}
	return "";
}

struct list {
	char *text;
	const char **items;          /* in text */
	size_t count;
};

static struct list cut(const char *text)
{
	struct list list = { .text = memory_str(text), .count = 1 };
	char *at = list.text;

	for (const char *c = text; *c; c++)
		list.count += *c == ',';
	list.items = memory_new(list.count * sizeof *list.items);
	for (size_t i = 0; i < list.count; i++)
		list.items[i] = strsep(&at, ",");
	return list;
}

static void free_list(struct list *list)
{
	free(list->items);
	free(list->text);
}

struct search {
	const char *place;
	postgres_try_fn *fn;
	void *arg;
	struct error *err;
};

static uint64_t slice_us(uint64_t deadline_us, size_t left)
{
	uint64_t now_us = loop_real_us();

	return now_us < deadline_us ? now_us + (deadline_us - now_us) / left : now_us;
}

/* Each address has its part of what time is left. */
static enum postgres_tried try_host(const struct search *s, const char *host, const char *port)
{
	uint64_t deadline_us = loop_real_us() + POSTGRES_HOST_MS * 1000ULL;
	enum postgres_tried tried = POSTGRES_NEXT;
	struct addrinfo *found;
	struct address address = { 0 };
	size_t left = 0;
	const char *why;

	if (!*port)
		port = DEFAULT_PORT;         /* "," of a URL's hosts without ports */
	address.port = (uint16_t)strtoul(port, NULL, 10);
	if (!*host || *host == '/' || *host == '@')
		return s->fn(s->arg, &(struct postgres_target){ host, NULL, port }, deadline_us, deadline_us);
	if (!bytes_copy_str(bytes_str(host), address.host, sizeof address.host)) {
		error_set(s->err, "the configuration database %s cannot be reached: the name of its host is too long", s->place);
		return POSTGRES_NEXT;
	}
	found = resolve_await(&address, deadline_us, &why);
	if (!found)
		error_set(s->err, "the configuration database %s cannot be reached: the name %s has no address: %s", s->place, host,
			why ? why : "none was found");
	for (const struct addrinfo *at = found; at && left < ADDRESSES_MAX; at = at->ai_next)
		left++;
	for (const struct addrinfo *at = found; left && tried == POSTGRES_NEXT; at = at->ai_next, left--) {
		char digits[NI_MAXHOST];

		if (getnameinfo(at->ai_addr, at->ai_addrlen, digits, sizeof digits, NULL, 0, NI_NUMERICHOST) == 0)
			tried = s->fn(s->arg, &(struct postgres_target){ host, digits, port }, slice_us(deadline_us, left), deadline_us);
	}
	if (found)
		freeaddrinfo(found);
	return tried;
}

int postgres_hosts_try(const char *url, const char *place, postgres_try_fn *fn, void *arg, struct error *err)
{
	const struct search search = { .place = place, .fn = fn, .arg = arg, .err = err };
	PQconninfoOption *options = effective(url);
	struct list hosts = cut(option(options, "host")), ports = cut(option(options, "port"));
	uint64_t deadline_us = loop_real_us() + POSTGRES_HOST_MS * 1000ULL * hosts.count;
	enum postgres_tried tried = POSTGRES_NEXT;

	/* Addresses that are given, and lists that do not belong together, are libpq's own business. */
	if (!*option(options, "host") || *option(options, "hostaddr") || (ports.count != 1 && ports.count != hosts.count)) {
		tried = fn(arg, &(struct postgres_target){ 0 }, deadline_us, deadline_us);
	} else {
		for (size_t i = 0; i < hosts.count && tried == POSTGRES_NEXT; i++)
			tried = try_host(&search, hosts.items[i], ports.items[ports.count == 1 ? 0 : i]);
	}
	PQconninfoFree(options);
	free_list(&hosts);
	free_list(&ports);
	return tried == POSTGRES_OPEN ? 0 : -1;
}
