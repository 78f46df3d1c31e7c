#include "simulator/device/device_lab.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io/control_client.h"
#include "base/log.h"
#include "base/memory.h"

#define ASK_MS 5000

/* The socket of the lab's router: it says where the others' sockets are, too. */
static const char *router_socket(const json_t *state)
{
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(state, "processes"), i, row) {
		const char *name = json_string_value(json_object_get(row, "name"));

		if (name && strcmp(name, "router") == 0)
			return json_string_value(json_object_get(row, "socket"));
	}
	return NULL;
}

static int ask_clock(const char *socket, struct device_lab *out, int *status, struct error *err)
{
	struct error why;
	json_t *clock = control_ask(socket, "clock.show", NULL, ASK_MS, status, &why);

	if (!clock)
		return error_set(err, "the clock of the lab is not known: %s", why.text);
	out->is_manual = json_is_true(json_object_get(clock, "manual"));
	out->now_ms = (uint64_t)json_integer_value(json_object_get(clock, "now_ms"));
	json_decref(clock);
	return 0;
}

int device_lab_open(const char *dir, struct device_lab *out, int *status, struct error *err)
{
	char *path = memory_printf("%s/lab.json", dir);
	json_t *state = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
	const char *router = json_string_value(json_object_get(json_object_get(state, "listen"), "router"));
	const char *socket = router_socket(state);
	const char *slash = socket ? strrchr(socket, '/') : NULL;
	int rc = -1;

	*out = (struct device_lab){ .router = NULL };
	*status = EXIT_REFUSED;
	if (!router || !slash) {
		error_set(err, "no lab runs in %s: %s %s; bramble lab up starts one", dir, path, state ? "does not say where its router is" :
			"cannot be read");
	} else {
		out->router = memory_str(router);
		out->control = memory_printf("%.*s/device-%d.sock", (int)(slash - socket), socket, (int)getpid());
		out->devices = memory_printf("%s/devices", dir);
		out->history = memory_str(json_string_value(json_object_get(state, "history")));
		rc = ask_clock(socket, out, status, err);
	}
	json_decref(state);
	free(path);
	if (rc < 0)
		device_lab_free(out);
	return rc;
}

void device_lab_free(struct device_lab *lab)
{
	free(lab->router);
	free(lab->control);
	free(lab->devices);
	free(lab->history);
	*lab = (struct device_lab){ .router = NULL };
}
