#include "tests/bench/support/pump.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/support/instrument.h"

enum { EVENTS = 256, SCRATCH = 262144, LENGTH = 4 };

void pump_init(struct pump *pump)
{
	*pump = (struct pump){ .epoll = epoll_create1(EPOLL_CLOEXEC) };
	if (pump->epoll < 0)
		instrument_die("epoll: %s", strerror(errno));
	buf_reserve(&pump->scratch, SCRATCH);
}

static void want(struct pump *pump, struct pump_link *link, int how)
{
	struct epoll_event event = { .events = EPOLLIN | (link->waits_for_room ? (unsigned)EPOLLOUT : 0u), .data.ptr = link };

	if (epoll_ctl(pump->epoll, how, link->fd, &event))
		instrument_die("epoll: %s", strerror(errno));
}

static void shake(struct pump *pump, struct pump_link *link)
{
	int result = SSL_do_handshake(link->ssl), why = SSL_get_error(link->ssl, result);
	bool waits = why == SSL_ERROR_WANT_WRITE;

	if (result != 1 && why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
		instrument_die("a TLS handshake failed");
	link->shaking = result != 1;
	if (!link->shaking && link->out.len) {
		if (SSL_write(link->ssl, link->out.data, (int)link->out.len) != (int)link->out.len)
			instrument_die("a TLS record could not be written");
		buf_free(&link->out);
	}
	if (waits != link->waits_for_room) {
		link->waits_for_room = waits;
		want(pump, link, EPOLL_CTL_MOD);
	}
}

void pump_add(struct pump *pump, struct pump_link *link)
{
	link->shaking = link->ssl != NULL;
	want(pump, link, EPOLL_CTL_ADD);
	if (link->shaking)
		shake(pump, link);
}

void pump_drop(struct pump *pump, struct pump_link *link)
{
	struct pump_link **at = &pump->dirty;

	while (*at && *at != link)
		at = &(*at)->next_dirty;
	if (*at)
		*at = link->next_dirty;
	if (link->ssl) {
		SSL_shutdown(link->ssl);
		SSL_free(link->ssl);
		ERR_clear_error();
	}
	close(link->fd);
	buf_free(&link->in);
	buf_free(&link->out);
	*link = (struct pump_link){ .fd = -1 };
}

void pump_send_raw(struct pump *pump, struct pump_link *link, struct bytes bytes)
{
	if (link->ssl && !link->shaking) {
		/* Loopback always has room for what is under way here. */
		if (SSL_write(link->ssl, bytes.data, (int)bytes.len) != (int)bytes.len)
			instrument_die("a TLS record could not be written");
		return;
	}
	buf_append(&link->out, bytes);
	if (link->dirty || link->ssl)
		return;
	link->dirty = true;
	link->next_dirty = pump->dirty;
	pump->dirty = link;
}

void pump_send(struct pump *pump, struct pump_link *link, struct bytes frame)
{
	uint8_t record[LENGTH + 4096];
	uint32_t length = htonl((uint32_t)frame.len);

	if (frame.len > sizeof record - LENGTH)
		instrument_die("a frame of %zu bytes", frame.len);
	memcpy(record, &length, LENGTH);
	memcpy(record + LENGTH, frame.data, frame.len);
	pump_send_raw(pump, link, bytes_of(record, LENGTH + frame.len));
}

static void write_out(struct pump *pump, struct pump_link *link)
{
	ssize_t sent = link->out.len ? send(link->fd, link->out.data, link->out.len, MSG_NOSIGNAL) : 0;
	bool waits;

	if (sent < 0 && errno != EAGAIN)
		instrument_die("send: %s", strerror(errno));
	buf_consume(&link->out, sent > 0 ? (size_t)sent : 0);
	waits = link->out.len > 0;
	if (waits != link->waits_for_room) {
		link->waits_for_room = waits;
		want(pump, link, EPOLL_CTL_MOD);
	}
}

void pump_flush(struct pump *pump)
{
	while (pump->dirty) {
		struct pump_link *link = pump->dirty;

		pump->dirty = link->next_dirty;
		link->dirty = false;
		write_out(pump, link);
	}
}

static size_t default_split(struct bytes in)
{
	uint32_t length;

	if (in.len < LENGTH)
		return 0;
	memcpy(&length, in.data, LENGTH);
	return in.len >= LENGTH + ntohl(length) ? LENGTH + ntohl(length) : 0;
}

/* Frames are handed over from where they were read; only a piece at the end is kept. */
static void take(struct pump_link *link, struct bytes in)
{
	size_t (*split)(struct bytes) = link->split ? link->split : default_split;
	size_t skip = link->split ? 0 : LENGTH, at = 0, length;

	if (link->in.len) {
		buf_append(&link->in, in);
		in = buf_bytes(&link->in);
	}
	while ((length = split(bytes_slice(in, at, in.len - at)))) {
		link->frame(link->ctx, link, bytes_slice(in, at + skip, length - skip));
		at += length;
	}
	if (link->in.len)
		buf_consume(&link->in, at);
	else if (at < in.len)
		buf_append(&link->in, bytes_slice(in, at, in.len - at));
}

static void read_in(struct pump *pump, struct pump_link *link)
{
	ssize_t got;

	if (link->ssl) {
		int one;

		while ((one = SSL_read(link->ssl, pump->scratch.data, SCRATCH)) > 0)
			take(link, bytes_of(pump->scratch.data, (size_t)one));
		link->ended = SSL_get_error(link->ssl, one) != SSL_ERROR_WANT_READ;
		ERR_clear_error();      /* or another connection's next call would seem to have failed */
		if (link->ended && !link->may_end)
			instrument_die("a TLS connection ended");
		return;
	}
	got = recv(link->fd, pump->scratch.data, SCRATCH, 0);
	if (got > 0)
		take(link, bytes_of(pump->scratch.data, (size_t)got));
	else if (got == 0 || errno != EAGAIN)
		instrument_die("a connection ended: %s", got ? strerror(errno) : "the other side closed it");
}

static void do_round(struct pump *pump, const struct timespec *wait)
{
	struct epoll_event events[EVENTS];
	int count = epoll_pwait2(pump->epoll, events, EVENTS, wait, NULL);

	for (int i = 0; i < count; i++) {
		struct pump_link *link = events[i].data.ptr;

		if (link->shaking) {
			shake(pump, link);
			continue;
		}
		if (events[i].events & EPOLLOUT)
			write_out(pump, link);
		if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
			read_in(pump, link);
	}
	pump_flush(pump);
}

void pump_round_us(struct pump *pump, uint64_t wait_us)
{
	do_round(pump, &(struct timespec){ .tv_sec = (time_t)(wait_us / 1000000), .tv_nsec = (long)(wait_us % 1000000) * 1000 });
}

void pump_round(struct pump *pump, int wait_ms)
{
	pump_round_us(pump, (uint64_t)wait_ms * 1000);
}

void pump_run(struct pump *pump)
{
	for (;;)
		do_round(pump, NULL);
}

/* --- sockets ----------------------------------------------------------------------------------------------------------------- */

static int prepared(int fd)
{
	int one = 1;

	if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) || fcntl(fd, F_SETFL, O_NONBLOCK))
		instrument_die("a socket: %s", strerror(errno));
	return fd;
}

int pump_listen(unsigned *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)*port), .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t size = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) || bind(fd, (struct sockaddr *)&at, sizeof at) ||
	    listen(fd, 4096) || getsockname(fd, (struct sockaddr *)&at, &size))
		instrument_die("listening on port %u: %s", *port, strerror(errno));
	*port = ntohs(at.sin_port);
	return fd;
}

int pump_dial(unsigned port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at))
		instrument_die("dialling port %u: %s", port, strerror(errno));
	return prepared(fd);
}

int pump_accept(int listener)
{
	return prepared(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
}

void pump_pair(int fds[2])
{
	unsigned port = 0;
	int listener = pump_listen(&port);

	fds[0] = pump_dial(port);
	fds[1] = pump_accept(listener);
	close(listener);
}

/* --- TLS and children --------------------------------------------------------------------------------------------------------- */

SSL_CTX *pump_tls_server(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();
	X509_NAME *name = X509_NAME_new();

	if (!ctx || !key || !certificate || !name || X509_set_version(certificate, 2) != 1 ||
	    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) != 1 || !X509_gmtime_adj(X509_getm_notBefore(certificate), -3600) ||
	    !X509_gmtime_adj(X509_getm_notAfter(certificate), 86400) || X509_set_pubkey(certificate, key) != 1 ||
	    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"bench", -1, -1, 0) != 1 ||
	    X509_set_subject_name(certificate, name) != 1 || X509_set_issuer_name(certificate, name) != 1 ||
	    X509_sign(certificate, key, EVP_sha256()) == 0 || SSL_CTX_use_certificate(ctx, certificate) != 1 ||
	    SSL_CTX_use_PrivateKey(ctx, key) != 1)
		instrument_die("no TLS context");
	X509_NAME_free(name);
	X509_free(certificate);
	EVP_PKEY_free(key);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(ctx, 1);      /* one recv for what has come, instead of two for each record */
	return ctx;
}

SSL_CTX *pump_tls_client(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (!ctx)
		instrument_die("no TLS context");
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(ctx, 1);      /* one recv for what has come, instead of two for each record */
	return ctx;
}

pid_t pump_fork(void (*body)(void *ctx), void *ctx)
{
	pid_t parent = getpid(), pid = fork();

	if (pid < 0)
		instrument_die("fork: %s", strerror(errno));
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	body(ctx);
	_exit(0);
}
