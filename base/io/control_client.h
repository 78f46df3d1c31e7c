#ifndef BRAMBLE_BASE_IO_CONTROL_CLIENT_H
#define BRAMBLE_BASE_IO_CONTROL_CLIENT_H

#include "base/control.h"

/* Asks a running process and waits for its answer, for tools: blocking, at most timeout_ms. params is taken over (NULL: none).
 * The result (a new reference), or NULL with a sentence and the exit status that fits (nobody listens: EXIT_REFUSED;
 * no answer in time: EXIT_TIMEOUT). */
json_t *control_ask(const char *socket_path, const char *verb, json_t *params, unsigned timeout_ms, int *status,
	struct error *err);

#endif
