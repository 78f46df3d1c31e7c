#include <poll.h>
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

static int start_daemon(struct lab *lab, int which, const char *const *moved, const char *clock, struct error *err)
{
	enum { MAX = 256 };
	char *program = memory_printf("%s/bramble-%s", lab->programs, lab_names[which]);
	const char *argv[MAX];
	size_t count = 0;
	int rc;

	end_words(argv, &count, program);
	end_words(argv, &count, "-c");
	end_words(argv, &count, lab->place.file);
	if (clock)
		end_words(argv, &count, clock);
	for (; lab->plan.moved && *moved; moved++) {
		end_words(argv, &count, "-o");
		end_words(argv, &count, *moved);
	}
	add_overrides(&lab->options, lab_names[which], argv, &count, MAX - 1);
	rc = lab_process_start(&lab->processes[which], argv, &lab->notify, err);
	free(program);
	return rc;
}

static int start_groupwise(struct lab *lab, const char *clock, struct error *err)
{
	char *program = memory_printf("%s/bramble-sim", lab->programs);
	char *certificate = memory_printf("%s/groupwise.crt", lab->dir);
	char *key = memory_printf("%s/groupwise.key", lab->dir);
	char *life = memory_printf("%s/state", lab->dir);          /* as long as the lab lives */
	const char *world = lab->place.groupwise_world, *state = lab->place.groupwise_state, *sessions = lab->place.groupwise_sessions;
	const char *argv[24];
	size_t count = 0;
	int rc;

	lab_overridden(&lab->options, "groupwise.world", &world);
	lab_overridden(&lab->options, "groupwise.state", &state);
	lab_overridden(&lab->options, "groupwise.sessions", &sessions);
	end_words(argv, &count, program);
	end_words(argv, &count, "groupwise");
	end_words(argv, &count, "--listen");
	end_words(argv, &count, lab->plan.groupwise_listen);
	end_words(argv, &count, "--world");
	end_words(argv, &count, world);
	end_words(argv, &count, "--certificate");
	end_words(argv, &count, certificate);
	end_words(argv, &count, "--key");
	end_words(argv, &count, key);
	end_words(argv, &count, "--control");
	end_words(argv, &count, lab->sockets[LAB_GROUPWISE]);
	end_words(argv, &count, "--state");
	end_words(argv, &count, state ? state : life);
	if (sessions) {
		end_words(argv, &count, "--sessions");
		end_words(argv, &count, sessions);
	}
	if (clock)
		end_words(argv, &count, clock);
	rc = lab_process_start(&lab->processes[LAB_GROUPWISE], argv, &lab->notify, err);
	free(program);
	free(certificate);
	free(key);
	free(life);
	return rc;
}

int lab_child_start(struct lab *lab, int which, const char *clock, struct error *err)
{
	char *listen_router = memory_printf("router.listen=%s", lab->plan.router_listen);
	char *routers = memory_printf("dispatcher.routers=%s", lab->plan.router_listen);
	char *listen_dispatcher = memory_printf("dispatcher.listen=%s", lab->plan.dispatcher_listen);
	char *dispatcher = memory_printf("collab.dispatcher=%s", lab->plan.dispatcher_listen);
	const char *const moved[LAB_PROCESSES][3] = {
		[LAB_ROUTER] = { listen_router }, [LAB_DISPATCHER] = { routers, listen_dispatcher }, [LAB_COLLAB] = { dispatcher },
	};
	int rc;

	if (!clock && lab->options.manual_clock)
		clock = "--clock=manual";
	rc = which == LAB_GROUPWISE ? start_groupwise(lab, clock, err) : start_daemon(lab, which, moved[which], clock, err);

	free(listen_router);
	free(routers);
	free(listen_dispatcher);
	free(dispatcher);
	return rc;
}

/* Waits for anything to happen: a child's word or end, or a signal. -1 when the start must be given up. */
static int wait_event(struct lab *lab, int timeout_ms, int *status, struct error *err)
{
	struct pollfd fds[LAB_PROCESSES + 2];
	struct signalfd_siginfo signal_info;
	nfds_t used = 0;

	fds[used++] = (struct pollfd){ .fd = lab->signals, .events = POLLIN };
	fds[used++] = (struct pollfd){ .fd = lab->notify.fd, .events = POLLIN };
	for (size_t i = 0; i < LAB_PROCESSES; i++) {
		if (lab->processes[i].pid)
			fds[used++] = (struct pollfd){ .fd = lab->processes[i].pidfd, .events = POLLIN };
	}
	poll(fds, used, timeout_ms);
	lab_notify_take(&lab->notify, lab->processes, LAB_PROCESSES);
	if (read(lab->signals, &signal_info, sizeof signal_info) > 0) {
		*status = EXIT_REFUSED;
		return error_set(err, "ended by a signal while the lab was starting");
	}
	for (size_t i = 0; i < LAB_PROCESSES; i++) {
		if (lab->processes[i].pid && lab_process_ended(&lab->processes[i])) {
			lab_process_why(&lab->processes[i], status, err);
			return -1;
		}
	}
	return 0;
}

int lab_child_wait_ready(struct lab *lab, int which, int *status, struct error *err)
{
	uint64_t until_us = loop_real_us() + READY_MS * UINT64_C(1000);

	while (!lab->processes[which].is_ready) {
		uint64_t now = loop_real_us();

		if (now >= until_us) {
			*status = EXIT_TIMEOUT;
			return error_set(err, "%s was not ready within %d s; its log is %s", lab_names[which], READY_MS / 1000,
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
	bool linked = json_is_true(json_object_get(answer, "linked"));

	json_decref(answer);
	return linked;
}

/* Ready means that a process listens; the pipeline is there when those that dial have been accepted. */
int lab_child_wait_linked(struct lab *lab, int which, int *status, struct error *err)
{
	uint64_t until_us = loop_real_us() + LINKED_MS * UINT64_C(1000);

	while (!is_linked(lab, which)) {
		if (loop_real_us() >= until_us) {
			*status = EXIT_TIMEOUT;
			return error_set(err, "%s runs but was not linked within %d s; its log is %s", lab_names[which], LINKED_MS / 1000,
				lab->processes[which].log);
		}
		if (wait_event(lab, 10, status, err) != 0)
			return -1;
	}
	return 0;
}
