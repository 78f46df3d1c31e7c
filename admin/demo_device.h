#ifndef BRAMBLE_ADMIN_DEMO_DEVICE_H
#define BRAMBLE_ADMIN_DEMO_DEVICE_H

#include <jansson.h>
#include <sys/types.h>

#include "base/error.h"

/* A simulated BlackBerry in a process of its own (bramble-sim device --json), driven over its standard input and output. */
struct demo_device;

/* NULL with a sentence. program: the path of bramble-sim. What it logs goes to log_file. */
struct demo_device *demo_device_start(const char *program, const char *key_file, const char *router, const char *log_file,
	struct error *err);
/* Ends it: the end of its input, then SIGTERM, then SIGKILL. NULL inside is fine. */
void demo_device_stop(struct demo_device **device);

/* One command line, as a person would type it. */
int demo_device_say(struct demo_device *device, struct error *err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Waits for the next line whose "event" is one of the names ("a|b|c"); other lines are passed over. The caller owns what comes back.
 * NULL with a sentence when it does not come within timeout_ms or the process has ended. */
json_t *demo_device_await(struct demo_device *device, const char *events, unsigned timeout_ms, struct error *err);

#endif
