#ifndef BRAMBLE_BASE_IO_CONTROL_SERVER_H
#define BRAMBLE_BASE_IO_CONTROL_SERVER_H

#include "base/control.h"
#include "base/io/loop.h"

/* Serves verbs on a Unix socket of mode 0600. A request may be answered later, in any order. */
struct control_server;

struct control_server *control_server_new(struct loop *loop, const char *path, struct error *err);
/* Tables live as long as the server. */
void control_server_add(struct control_server *server, const struct control_verb *verbs, void *ctx);
void control_server_free(struct control_server **server);

const json_t *control_params(const struct control_request *request);
/* Exactly one of these per request; both consume it. A caller that has gone by then is no error. result is taken over. */
void control_done(struct control_request **request, json_t *result);
void control_refuse(struct control_request **request, int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
