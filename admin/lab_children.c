#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "admin/lab_private.h"
#include "base/io/control_client.h"
#include "base/io/loop.h"
#include "base/log.h"
#include "base/memory.h"

enum { READY_MS = 10000, LINKED_MS = 10000, ASK_MS = 2000 };

static void end_words(const char **argv, size_t *count, const char *word)
{
	argv[(*count)++] = word;
	argv[*count] = NULL;
}

/* Only the overrides that this daemon reads; its own section and [common]. */
static void add_overrides(const struct lab_options *options, const char *section, const char **argv, size_t *count, size_t max)
{
	size_t len = strlen(section);

	for (const char *const *o = options->overrides; o && *o && *count + 2 < max; o++) {
		if ((strncmp(*o, section, len) == 0 && (*o)[len] == '.') || strncmp(*o, "common.", 7) == 0) {
			end_words(argv, count, "-o");
			end_words(argv, count, *o);
		}
	}
}

enum { OWNED_MAX = 32 };
struct owned { char *words[OWNED_MAX]; size_t count; };

static void add_owned(const char **argv, size_t *count, struct owned *owned, char *word)
{
	if (owned->count == OWNED_MAX)
		bug("more than %d words for a process of the lab", OWNED_MAX);
	owned->words[owned->count++] = word;
	end_words(argv, count, "-o");
	end_words(argv, count, word);
}

/* Of a second process: what is set for it alone, as its program reads it. */
static void add_own_overrides(const struct lab_options *options, const char *name, const char *section, const char **argv, size_t *count,
	struct owned *owned)
{
	size_t len = strlen(name);

	for (const char *const *o = options->overrides; o && *o && owned->count < OWNED_MAX; o++) {
		if (strncmp(*o, name, len) == 0 && (*o)[len] == '.')
			add_owned(argv, count, owned, memory_printf("%s%s", section, *o + len));
	}
}

static int start_daemon(struct lab *lab, size_t which, const char *const *moved, const char *clock, struct error *err)
{
	enum { MAX = 256 };
	const char *second_of = lab_roles[lab->roles[which]].second_of, *name = lab->processes[which].name;
	const char *section = second_of ? second_of : name;
	char *program = memory_printf("%s/bramble-%s", lab->programs, section);
	struct owned owned = { 0 };
	char *profile = memory_printf("-ocollab.cwa_profile=%s", lab->options.profile ? lab->options.profile : "");
	const char *argv[MAX];
	size_t count = 0;
	int rc;

	end_words(argv, &count, program);
	end_words(argv, &count, "-c");
	end_words(argv, &count, lab->place.file);
	if (clock)
		end_words(argv, &count, clock);
	for (; (lab->plan.moved || lab->options.dispatchers == 2) && *moved; moved++) {
		end_words(argv, &count, "-o");
		end_words(argv, &count, *moved);
	}
	if (lab->options.profile && lab->roles[which] == LAB_COLLAB)
		end_words(argv, &count, profile);
	if (second_of)
		add_owned(argv, &count, &owned, memory_printf("%s.process_name=%s", section, name));
	if (lab->options.services == 2 && strcmp(section, "collab") == 0) {
		add_owned(argv, &count, &owned, memory_printf("collab.instance=%s", second_of ? name : "collab-1"));
		add_owned(argv, &count, &owned, memory_printf("collab.role=%s", second_of ? "standby" : "active"));
	}
	add_overrides(&lab->options, section, argv, &count, MAX - 1);
	if (second_of)
		add_own_overrides(&lab->options, name, section, argv, &count, &owned);
	rc = lab_process_start(&lab->processes[which], argv, &lab->notify, err);
	free(program);
	free(profile);
	while (owned.count)
		free(owned.words[--owned.count]);
	return rc;
}

/* A file of the lab's folder as an option; the words are freed with the others. */
static void add_file(const struct lab *lab, const char *option, const char *file, const char **argv, size_t *count, char **owned, size_t *owned_count)
{
	owned[*owned_count] = memory_printf("%s/%s", lab->dir, file);
	end_words(argv, count, option);
	end_words(argv, count, owned[(*owned_count)++]);
}

/* What is set by the file or by -o in the section of this simulator. */
static void add_settings(const struct lab *lab, enum lab_role role, const char **argv, size_t *count)
{
	for (const struct lab_sim_setting *s = lab_sim_settings; s->key; s++) {
		const char *value = *(char *const *)((const char *)&lab->place + s->at);
		char key[64];

		if (s->role != role)
			continue;
		snprintf(key, sizeof key, "%s.%s", lab_roles[role].name, s->key);
		lab_overridden(&lab->options, key, &value);
		if (role == LAB_OCS && strcmp(s->key, "profile") == 0 && lab->options.profile)
			value = lab->options.profile;
		if (value) {
			end_words(argv, count, s->option);
			end_words(argv, count, value);
		}
	}
}

static int start_simulator(struct lab *lab, size_t which, const char *clock, struct error *err)
{
	enum lab_role role = lab->roles[which];
	const char *name = lab_roles[role].name, *log_level = lab->place.log_level;
	char *program = memory_printf("%s/bramble-sim", lab->programs);
	char *certificate = memory_printf("%s.crt", name), *key = memory_printf("%s.key", name), *history = lab_history_path(lab);
	const char *argv[64];
	char *owned[8];
	size_t count = 0, owned_count = 0;
	int rc;

	end_words(argv, &count, program);
	end_words(argv, &count, name);
	end_words(argv, &count, "--listen");
	end_words(argv, &count, lab->plan.listen[role]);
	end_words(argv, &count, "--control");
	end_words(argv, &count, lab->sockets[which]);
	lab_overridden(&lab->options, "common.log_level", &log_level);
	end_words(argv, &count, "--log-level");
	end_words(argv, &count, log_level);
	if (history) {
		end_words(argv, &count, "--history");
		end_words(argv, &count, history);
	}
	add_file(lab, "--certificate", certificate, argv, &count, owned, &owned_count);
	add_file(lab, "--key", key, argv, &count, owned, &owned_count);
	/* As long as the lab lives; a folder that the settings name comes later and wins. */
	if (role == LAB_GROUPWISE || role == LAB_OCS)
		add_file(lab, "--state", "state", argv, &count, owned, &owned_count);
	if (role == LAB_OCS) {
		add_file(lab, "--ca", "cwa-server.crt", argv, &count, owned, &owned_count);
		end_words(argv, &count, "--trusted-server");
		end_words(argv, &count, LAB_CWA_FQDN);
		end_words(argv, &count, "--clients");
		end_words(argv, &count, "tls");
	}
	if (role == LAB_CWA) {
		end_words(argv, &count, "--next-hop");
		end_words(argv, &count, lab->plan.listen[LAB_OCS]);
		add_file(lab, "--next-hop-certificate", "cwa-server.crt", argv, &count, owned, &owned_count);
		add_file(lab, "--next-hop-key", "cwa-server.key", argv, &count, owned, &owned_count);
		add_file(lab, "--next-hop-ca", "ocs.crt", argv, &count, owned, &owned_count);
	}
	add_settings(lab, role, argv, &count);
	if (clock)
		end_words(argv, &count, clock);
	rc = lab_process_start(&lab->processes[which], argv, &lab->notify, err);
	free(program);
	free(certificate);
	free(key);
	free(history);
	while (owned_count)
		free(owned[--owned_count]);
	return rc;
}

int lab_child_start(struct lab *lab, size_t which, const char *clock, struct error *err)
{
	char *listen_router = memory_printf("router.listen=%s", lab->plan.listen[LAB_ROUTER]);
	char *routers = memory_printf("dispatcher.routers=%s", lab->plan.listen[LAB_ROUTER]);
	char *listen_dispatcher = memory_printf("dispatcher.listen=%s", lab->plan.listen[LAB_DISPATCHER]);
	const char *second = lab->plan.listen[LAB_DISPATCHER_2];
	char *listen_second = memory_printf("dispatcher.listen=%s", second ? second : "");
	char *dispatcher = memory_printf("collab.dispatcher=%s%s%s", lab->plan.listen[LAB_DISPATCHER], second ? " " : "", second ? second : "");
	const char *const moved[LAB_ROLES][3] = {
		[LAB_ROUTER] = { listen_router }, [LAB_DISPATCHER] = { routers, listen_dispatcher }, [LAB_COLLAB] = { dispatcher },
		[LAB_DISPATCHER_2] = { routers, listen_second }, [LAB_COLLAB_2] = { dispatcher },
	};
	enum lab_role role = lab->roles[which];
	int rc;

	if (!clock && lab->options.manual_clock)
		clock = "--clock=manual";
	rc = lab_roles[role].is_simulator ? start_simulator(lab, which, clock, err) : start_daemon(lab, which, moved[role], clock, err);
	free(listen_router);
	free(routers);
	free(listen_dispatcher);
	free(listen_second);
	free(dispatcher);
	return rc;
}

/* Waits for anything to happen: a child's word or end, or a signal. -1 when the start must be given up. */
static int wait_event(struct lab *lab, int timeout_ms, int *status, struct error *err)
{
	struct pollfd fds[LAB_ROLES + 2];
	struct signalfd_siginfo signal_info;
	nfds_t used = 0;

	fds[used++] = (struct pollfd){ .fd = lab->signals, .events = POLLIN };
	fds[used++] = (struct pollfd){ .fd = lab->notify.fd, .events = POLLIN };
	for (size_t i = 0; i < lab->count; i++) {
		if (lab->processes[i].pid)
			fds[used++] = (struct pollfd){ .fd = lab->processes[i].pidfd, .events = POLLIN };
	}
	poll(fds, used, timeout_ms);
	lab_notify_take(&lab->notify, lab->processes, lab->count);
	if (read(lab->signals, &signal_info, sizeof signal_info) > 0) {
		*status = EXIT_REFUSED;
		return error_set(err, "ended by a signal while the lab was starting");
	}
	for (size_t i = 0; i < lab->count; i++) {
		if (lab->processes[i].pid && lab_process_ended(&lab->processes[i])) {
			lab_process_why(&lab->processes[i], status, err);
			return -1;
		}
	}
	return 0;
}

int lab_child_wait_ready(struct lab *lab, size_t which, int *status, struct error *err)
{
	uint64_t until_us = loop_real_us() + READY_MS * UINT64_C(1000);

	while (!lab->processes[which].is_ready) {
		uint64_t now = loop_real_us();

		if (now >= until_us) {
			*status = EXIT_TIMEOUT;
			return error_set(err, "%s was not ready within %d s; its log is %s", lab->processes[which].name, READY_MS / 1000,
				lab->processes[which].log);
		}
		if (wait_event(lab, (int)((until_us - now + 999) / 1000), status, err) != 0)
			return -1;
	}
	return 0;
}

static bool is_linked(const struct lab *lab, int which)
{
	struct error err;
	int status;
	json_t *answer = control_ask(lab->sockets[which], "status", NULL, ASK_MS, &status, &err);
	/* One that has stepped back for a newer one of its SRP identity is not linked, and is not going to be. */
	bool linked = json_is_true(json_object_get(answer, "linked")) || json_is_true(json_object_get(answer, "stepped_back"));

	json_decref(answer);
	return linked;
}

/* Ready means that a process listens; the pipeline is there when those that dial have been accepted. */
int lab_child_wait_linked(struct lab *lab, size_t which, int *status, struct error *err)
{
	uint64_t until_us = loop_real_us() + LINKED_MS * UINT64_C(1000);

	while (!is_linked(lab, which)) {
		if (loop_real_us() >= until_us) {
			*status = EXIT_TIMEOUT;
			return error_set(err, "%s runs but was not linked within %d s; its log is %s", lab->processes[which].name, LINKED_MS / 1000,
				lab->processes[which].log);
		}
		if (wait_event(lab, 10, status, err) != 0)
			return -1;
	}
	return 0;
}
