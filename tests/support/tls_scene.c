#include "tests/support/tls_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/log.h"

static char folder[64];

const char *tls_scene_file(const char *name)
{
	static char paths[8][128];
	static unsigned next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof paths[0], "%s/%s", folder, name);
	return path;
}

const char *tls_scene_file_of(const char *name, const char *suffix)
{
	char both[64];

	snprintf(both, sizeof both, "%s%s", name, suffix);
	return tls_scene_file(both);
}

static int make_signed(const char *ca, const char *name, const char *names, struct error *err)
{
	return tls_make_signed(tls_scene_file_of(ca, ".crt"), tls_scene_file_of(ca, ".key"), tls_scene_file_of(name, ".crt"),
		tls_scene_file_of(name, ".key"), names, err);
}

int tls_scene_make_certificates(void **state)
{
	struct error err = { "" };

	(void)state;
	log_set_level(LOG_ERROR);
	snprintf(folder, sizeof folder, "/tmp/bramble-tls-XXXXXX");
	if (!mkdtemp(folder) ||
	    tls_make_ca(tls_scene_file("ca.crt"), tls_scene_file("ca.key"), &err) != 0 ||
	    make_signed("ca", "server", "im.corp.test 127.0.0.1", &err) != 0 ||
	    make_signed("ca", "client", "collab.corp.test", &err) != 0 ||
	    tls_make_ca(tls_scene_file("other-ca.crt"), tls_scene_file("other-ca.key"), &err) != 0 ||
	    make_signed("other-ca", "other", "collab.corp.test", &err) != 0 ||
	    tls_make_self_signed(tls_scene_file("lone.crt"), tls_scene_file("lone.key"), "localhost 127.0.0.1 ::1", true, &err) != 0 ||
	    tls_make_self_signed(tls_scene_file("old.crt"), tls_scene_file("old.key"), "localhost 127.0.0.1", false, &err) != 0) {
		fprintf(stderr, "%s\n", err.text);
		return -1;
	}
	return 0;
}

int tls_scene_remove_certificates(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	return system(command);
}

int tls_scene_set_up(void **state)
{
	struct tls_scene *f = calloc(1, sizeof(*f));

	f->pair.loop = loop_new();
	*state = f;
	return 0;
}

int tls_scene_tear_down(void **state)
{
	struct tls_scene *f = *state;

	pair_close(&f->pair);
	tls_free(&f->server);
	tls_free(&f->client);
	loop_free(&f->pair.loop);
	free(f);
	return 0;
}

struct tls *tls_scene_tls(const struct tls_settings *settings)
{
	struct error err = { "" };
	struct tls *tls = tls_new(settings, &err);

	if (!tls)
		fail_msg("%s", err.text);
	return tls;
}

struct tls *tls_scene_server(const char *name, const char *ca, bool only_tls13)
{
	return tls_scene_tls(&(struct tls_settings){ .server = true, .certificate_file = tls_scene_file_of(name, ".crt"),
		.key_file = tls_scene_file_of(name, ".key"), .ca_file = ca ? tls_scene_file(ca) : NULL, .only_tls13 = only_tls13 });
}

void tls_scene_meet(struct tls_scene *f, const char *server_name)
{
	struct pair *p = &f->pair;

	p->client.ups = p->client.ends = p->server.ups = p->server.ends = 0;
	connection_free(&p->client.connection);
	if (!p->listener)
		pair_listen(p, "127.0.0.1:0", f->server, NULL);
	pair_dial(p, f->client, server_name, NULL);
	peer_say(&p->client, "early");
	RUN_UNTIL(p->loop, (p->client.ups && p->server.ups) || p->client.ends);
}
