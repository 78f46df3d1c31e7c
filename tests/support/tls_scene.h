#ifndef BRAMBLE_TESTS_SUPPORT_TLS_SCENE_H
#define BRAMBLE_TESTS_SUPPORT_TLS_SCENE_H

#include "base/io/tls.h"
#include "tests/support/peers.h"

/* A client and a server over TLS on one loop; the test sets how either does it. */
struct tls_scene {
	struct pair pair;
	struct tls *server;
	struct tls *client;
};

int tls_scene_set_up(void **state);
int tls_scene_tear_down(void **state);

/* Made once, for all tests of a program, in a folder of its own: an installation's CA (ca) with a server's and a client's certificate
 * (server, client), another CA (other-ca) with one (other), a lone one (lone), and one that a program may let get old (old). Each is
 * NAME.crt with NAME.key. */
int tls_scene_make_certificates(void **state);
int tls_scene_remove_certificates(void **state);
/* Their paths; each lasts until the eighth after it. */
const char *tls_scene_file(const char *name);
const char *tls_scene_file_of(const char *name, const char *suffix);     /* ".crt" or ".key" */

struct tls *tls_scene_tls(const struct tls_settings *settings);          /* fails the test if they cannot be used */
/* A server with the certificate NAME. ca: the file of the CA whose clients are let in; NULL: anybody. */
struct tls *tls_scene_server(const char *name, const char *ca, bool only_tls13);

/* Listens, the first time, and dials; the client says "early". Both are up then, or the client has ended. */
void tls_scene_meet(struct tls_scene *f, const char *server_name);

#endif
