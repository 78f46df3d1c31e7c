#include "admin/lab_plan.h"

#include <netinet/in.h>
#include <stdio.h>
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

/* Is it "SECTION.", and what follows? */
static const char *in_section(const char *override, const char *section)
{
	size_t len = strlen(section);

	return strncmp(override, section, len) == 0 && override[len] == '.' ? override + len + 1 : NULL;
}

static bool is_key(const char *text, const char *key)
{
	size_t len = strlen(key);

	return strncmp(text, key, len) == 0 && text[len] == '=';
}

/* The daemons judge their own settings; those of a simulator become options. */
static int check_section(const char *override, struct error *err)
{
	const char *rest = NULL;
	enum lab_role role;

	if (in_section(override, "common"))
		return 0;
	for (role = 0; role < LAB_ROLES; role++) {
		rest = in_section(override, lab_roles[role].name);
		if (rest)
			break;
	}
	if (!rest)
		return error_set(err, "-o %s: the sections are common, router, dispatcher, collab, and groupwise, cwa and ocs", log_str(override));
	if (!lab_roles[role].is_simulator || is_key(rest, "listen"))
		return 0;
	for (const struct lab_sim_setting *s = lab_sim_settings; s->key; s++) {
		if (s->role == role && is_key(rest, s->key))
			return 0;
	}
	error_set(err, "-o %s: [%s] has listen", log_str(override), lab_roles[role].name);
	for (const struct lab_sim_setting *s = lab_sim_settings; s->key; s++) {
		size_t len = strlen(err->text);

		if (s->role == role)
			snprintf(err->text + len, sizeof err->text - len, ", %s", s->key);
	}
	return -1;
}

int lab_check_overrides(const struct lab_options *options, struct error *err)
{
	static const char *const fixed[] = { "common.run_dir", "common.database", "common.install_key", "router.run_dir",
		"dispatcher.run_dir", "collab.run_dir", "dispatcher.database", "collab.database", NULL };
	const char *value;

	for (size_t i = 0; fixed[i]; i++) {
		if (lab_overridden(options, fixed[i], &value))
			return error_set(err, "-o %s: in a lab this is changed in its bramble.ini, where the other commands look too", fixed[i]);
	}
	for (const char *const *o = options->overrides; o && *o; o++) {
		if (!strchr(*o, '=') || !strchr(*o, '.') || strchr(*o, '.') > strchr(*o, '='))
			return error_set(err, "-o %s: write it as section.key=value", log_str(*o));
		if (check_section(*o, err) != 0)
			return -1;
	}
	return 0;
}

static const char *listen_key(enum lab_role role, char *key, size_t size)
{
	snprintf(key, size, "%s.listen", lab_roles[role].name);
	return key;
}

static int choose_address(struct lab_plan *plan, const struct lab_options *options, enum lab_role role, const char *from_file, struct error *err)
{
	char **address = &plan->listen[role];
	struct address parsed;
	const char *value;
	char key[64];

	if (lab_overridden(options, listen_key(role, key, sizeof key), &value)) {
		*address = memory_str(value);
		plan->moved = true;
	} else if (options->has_offset && !lab_roles[role].second_of) {
		*address = memory_printf("127.0.0.1:%u", lab_roles[role].port + options->port_offset);
		plan->moved = plan->moved || strcmp(*address, from_file) != 0;
	} else {
		*address = memory_str(from_file);
	}
	if (address_parse(*address, &parsed, err) != 0)
		return error_prefix(err, "%s: ", key);
	if (parsed.is_unix || parsed.port == 0)
		return error_set(err, "%s = %s: a lab needs HOST:PORT with a port from 1 to 65535", key, *address);
	plan->ports[role] = parsed.port;
	return 0;
}

int lab_plan_check_offset(enum lab_backend backend, unsigned offset, struct error *err)
{
	unsigned highest = 0;

	for (enum lab_role role = 0; role < LAB_ROLES; role++) {
		if (lab_backend_has(backend, role) && lab_roles[role].port > highest)
			highest = lab_roles[role].port;
	}
	if (offset > 65535 - highest)
		return error_set(err, "--port-offset %u is too high: %u and the offset must stay below 65536", offset, highest);
	return 0;
}

int lab_plan_make(struct lab_plan *plan, const struct lab_options *options, const struct place *place, enum lab_backend backend,
	struct error *err)
{
	const char *const from_file[LAB_ROLES] = { [LAB_GROUPWISE] = place->groupwise_listen, [LAB_OCS] = place->ocs_listen,
		[LAB_CWA] = place->cwa_listen, [LAB_ROUTER] = place->router_listen, [LAB_DISPATCHER] = place->dispatcher_listen };

	if (options->has_offset && lab_plan_check_offset(backend, options->port_offset, err) != 0)
		return -1;
	for (enum lab_role role = 0; role < LAB_ROLES; role++) {
		if (lab_backend_has(backend, role) && from_file[role] && choose_address(plan, options, role, from_file[role], err) != 0)
			return -1;
	}
	if (options->dispatchers == 2) {
		char *address = memory_printf("127.0.0.1:%u", plan->ports[LAB_DISPATCHER] + 1U);
		int rc = choose_address(plan, options, LAB_DISPATCHER_2, address, err);

		free(address);
		return rc;
	}
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

static bool all_free(enum lab_backend backend, unsigned offset)
{
	for (enum lab_role role = 0; role < LAB_ROLES; role++) {
		if (lab_backend_has(backend, role) && lab_roles[role].port && !is_free(lab_roles[role].port + offset))
			return false;
	}
	return true;
}

int lab_free_offset(enum lab_backend backend, unsigned from)
{
	for (unsigned offset = from; offset < 20000; offset++) {
		if (all_free(backend, offset))
			return (int)offset;
	}
	return -1;
}

int lab_plan_check_ports(const struct lab_plan *plan, enum lab_backend backend, struct error *err)
{
	for (enum lab_role role = 0; role < LAB_ROLES; role++) {
		char key[64];

		if (plan->listen[role] && address_is_loopback(plan->listen[role]) && !is_free(plan->ports[role]))
			return error_set(err, "port %u of %s is taken by another program; choose another by -o %s=127.0.0.1:PORT, or move "
				"all by --port-offset N (%d is free)", plan->ports[role], listen_key(role, key, sizeof key), key,
				lab_free_offset(backend, 100));
	}
	return 0;
}

void lab_plan_free(struct lab_plan *plan)
{
	for (size_t i = 0; i < LAB_ROLES; i++)
		free(plan->listen[i]);
	*plan = (struct lab_plan){ 0 };
}
