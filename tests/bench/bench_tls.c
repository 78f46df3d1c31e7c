/* The TLS library's own cost on the client's side, without sockets: both ends are in this process, and only the client's part is counted.
 *
 *   bench_tls full|resumed COUNT      prints the nanoseconds of CPU of one client's handshake
 *   bench_tls memory COUNT            prints the bytes of one client's connection at rest, buffers given back, no ticket kept */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "tests/bench/support/instrument.h"
#include "tests/bench/support/pump.h"

enum { PIPE = 65536, COUNT_MAX = 100000 };

static uint64_t client_ns;

static uint64_t cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static long resident(void)
{
	long pages = 0, size;
	FILE *file = fopen("/proc/self/statm", "r");

	if (!file || fscanf(file, "%ld %ld", &size, &pages) != 2)      /* NOLINT(cert-err34-c): the kernel's own numbers */
		instrument_die("/proc/self/statm cannot be read");
	fclose(file);
	return pages * sysconf(_SC_PAGESIZE);
}

static bool step(SSL *ssl)
{
	int result = SSL_do_handshake(ssl);

	if (result != 1 && SSL_get_error(ssl, result) != SSL_ERROR_WANT_READ)
		instrument_die("a TLS handshake failed");
	return result == 1;
}

/* One connection, handshake done and what the server says of its own accord (tickets) read. The server's end is freed. */
static SSL *connect_one(SSL_CTX *client_ctx, SSL_CTX *server_ctx, SSL_SESSION *ticket)
{
	SSL *client, *server = SSL_new(server_ctx);
	BIO *near, *far;
	uint64_t start = cpu_ns();
	bool client_done = false, server_done = false;
	char byte;

	client = SSL_new(client_ctx);
	if (BIO_new_bio_pair(&near, PIPE, &far, PIPE) != 1)
		instrument_die("no pipe");
	SSL_set_bio(client, near, near);
	SSL_set_bio(server, far, far);
	SSL_set_connect_state(client);
	SSL_set_accept_state(server);
	if (ticket)
		SSL_set_session(client, ticket);
	client_ns += cpu_ns() - start;
	while (!client_done || !server_done) {
		start = cpu_ns();
		client_done = step(client);
		client_ns += cpu_ns() - start;
		server_done = step(server);
	}
	start = cpu_ns();
	if (SSL_read(client, &byte, 1) > 0)
		instrument_die("the server said something");
	client_ns += cpu_ns() - start;
	if (ticket && !SSL_session_reused(client))
		instrument_die("the session was not resumed");
	/* An orderly end: a session that broke off is not resumed. The pipe is no part of the connection at rest. */
	SSL_set_shutdown(client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_set_bio(client, NULL, NULL);
	SSL_free(server);
	return client;
}

static SSL_SESSION *kept;

static int keep(SSL *ssl, SSL_SESSION *session)
{
	(void)ssl;
	SSL_SESSION_free(kept);
	kept = session;
	return 1;
}

int main(int argc, char **argv)
{
	SSL_CTX *server = pump_tls_server(), *client = pump_tls_client();
	unsigned long count = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	bool resumes = count && strcmp(argv[1], "resumed") == 0, stays = count && strcmp(argv[1], "memory") == 0;
	SSL **all;
	long before;

	if (count < 1 || count > COUNT_MAX || (!resumes && !stays && strcmp(argv[1], "full") != 0))
		instrument_die("usage: bench_tls full|resumed|memory COUNT");
	SSL_CTX_set_session_id_context(server, (const unsigned char *)"bench", 5);
	SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	if (resumes)
		SSL_CTX_sess_set_new_cb(client, keep);
	all = memory_new(count * sizeof *all);
	for (int i = 0; i < 20; i++) {      /* one-time costs, and a first ticket */
		SSL *one = connect_one(client, server, resumes ? kept : NULL);

		SSL_free(one);
	}
	client_ns = 0;
	before = resident();
	for (unsigned long i = 0; i < count; i++) {
		all[i] = connect_one(client, server, resumes ? kept : NULL);
		if (!stays)
			SSL_free(all[i]);
	}
	if (stays)
		printf("%ld\n", (resident() - before) / (long)count);
	else
		printf("%.0f\n", (double)client_ns / (double)count);
	return 0;
}
