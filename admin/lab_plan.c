#include "admin/lab_plan.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io/address.h"
#include "base/log.h"
#include "base/memory.h"

int lab_overridden(const struct lab_options *options, const char *key, const char **value)
{
	size_t len = strlen(key);
	int found = 0;

	for (const char *const *o = options->overrides; o && *o; o++) {
		if (strncmp(*o, key, len) == 0 && (*o)[len] == '=') {
			*value = *o + len + 1;
			found = 1;
		}
	}
	return found;
}

static bool begins_with_one(const char *text, const char *const *beginnings)
{
	for (; *beginnings; beginnings++) {
		if (strncmp(text, *beginnings, strlen(*beginnings)) == 0)
			return true;
	}
	return false;
}

int lab_check_overrides(const struct lab_options *options, struct error *err)
{
	static const char *const fixed[] = { "common.run_dir", "common.database", "common.install_key", "router.run_dir",
		"dispatcher.run_dir", "collab.run_dir", "dispatcher.database", "collab.database", NULL };
	static const char *const groupwise[] = { "groupwise.listen=", "groupwise.world=", "groupwise.state=", "groupwise.sessions=", NULL };
	const char *value;

	for (size_t i = 0; fixed[i]; i++) {
		if (lab_overridden(options, fixed[i], &value))
			return error_set(err, "-o %s: in a lab this is changed in its bramble.ini, where the other commands look too", fixed[i]);
	}
	for (const char *const *o = options->overrides; o && *o; o++) {
		if (!strchr(*o, '=') || !strchr(*o, '.') || strchr(*o, '.') > strchr(*o, '='))
			return error_set(err, "-o %s: write it as section.key=value", log_str(*o));
		if (strncmp(*o, "groupwise.", 10) == 0 && !begins_with_one(*o, groupwise))
			return error_set(err, "-o %s: [groupwise] has listen, world, state and sessions", log_str(*o));
		if (strncmp(*o, "common.", 7) != 0 && strncmp(*o, "router.", 7) != 0 && strncmp(*o, "dispatcher.", 11) != 0 &&
		    strncmp(*o, "collab.", 7) != 0 && strncmp(*o, "groupwise.", 10) != 0)
			return error_set(err, "-o %s: the sections are common, router, dispatcher, collab and groupwise", log_str(*o));
	}
	return 0;
}

static int choose_address(struct lab_plan *plan, const struct lab_options *options, const char *key, const char *from_file, unsigned base, char **address,
	uint16_t *port, struct error *err)
{
	const char *value;
	struct address parsed;

	if (lab_overridden(options, key, &value)) {
		*address = memory_str(value);
		plan->moved = true;
	} else if (options->has_offset) {
		*address = memory_printf("127.0.0.1:%u", base + options->port_offset);
		plan->moved = plan->moved || strcmp(*address, from_file) != 0;
	} else {
		*address = memory_str(from_file);
	}
	if (address_parse(*address, &parsed, err) != 0)
		return error_prefix(err, "%s: ", key);
	if (parsed.is_unix || parsed.port == 0)
		return error_set(err, "%s = %s: a lab needs HOST:PORT with a port from 1 to 65535", key, *address);
	*port = parsed.port;
	return 0;
}

int lab_plan_make(struct lab_plan *plan, const struct lab_options *options, const struct place *place, struct error *err)
{
	if (options->has_offset && options->port_offset > 65535 - LAB_PORT_GROUPWISE)
		return error_set(err, "--port-offset %u is too high: %d and the offset must stay below 65536", options->port_offset,
			LAB_PORT_GROUPWISE);
	if (choose_address(plan, options, "router.listen", place->router_listen, LAB_PORT_ROUTER, &plan->router_listen, &plan->ports.router,
		err) != 0 ||
	    choose_address(plan, options, "dispatcher.listen", place->dispatcher_listen, LAB_PORT_DISPATCHER, &plan->dispatcher_listen,
		&plan->ports.dispatcher, err) != 0 ||
	    choose_address(plan, options, "groupwise.listen", place->groupwise_listen, LAB_PORT_GROUPWISE, &plan->groupwise_listen,
		&plan->ports.groupwise, err) != 0)
		return -1;
	return 0;
}

static bool is_free(unsigned port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;
	bool free_now;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	free_now = fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 1) == 0;
	if (fd >= 0)
		close(fd);
	return free_now;
}

int lab_free_offset(unsigned from)
{
	for (unsigned offset = from; offset < 20000; offset++) {
		if (is_free(LAB_PORT_ROUTER + offset) && is_free(LAB_PORT_DISPATCHER + offset) && is_free(LAB_PORT_GROUPWISE + offset))
			return (int)offset;
	}
	return -1;
}

int lab_plan_check_ports(const struct lab_plan *plan, struct error *err)
{
	const struct { const char *key, *address; unsigned port; } all[] = {
		{ "router.listen", plan->router_listen, plan->ports.router },
		{ "dispatcher.listen", plan->dispatcher_listen, plan->ports.dispatcher },
		{ "groupwise.listen", plan->groupwise_listen, plan->ports.groupwise },
	};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		if (address_is_loopback(all[i].address) && !is_free(all[i].port))
			return error_set(err, "port %u of %s is taken by another program; choose another by -o %s=127.0.0.1:PORT, or move "
				"all three by --port-offset N (%d is free)", all[i].port, all[i].key, all[i].key, lab_free_offset(100));
	}
	return 0;
}

void lab_plan_free(struct lab_plan *plan)
{
	free(plan->router_listen);
	free(plan->dispatcher_listen);
	free(plan->groupwise_listen);
	*plan = (struct lab_plan){ 0 };
}
