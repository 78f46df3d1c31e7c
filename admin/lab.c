#include "admin/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "admin/device_key.h"
#include "admin/lab_folder.h"
#include "admin/lab_plan.h"
#include "admin/lab_process.h"
#include "admin/place.h"
#include "base/io/control_client.h"
#include "base/io/loop.h"
#include "base/log.h"
#include "base/memory.h"

enum { READY_MS = 10000, LINKED_MS = 10000, GRACE_MS = 5000, ASK_MS = 2000 };

/* In the order they are started: what is dialled before what dials it. */
enum { GROUPWISE, ROUTER, DISPATCHER, COLLAB, PROCESSES };
static const char *const names[PROCESSES] = { "groupwise", "router", "dispatcher", "collab" };

struct lab {
	char dir[PATH_MAX];
	char programs[PATH_MAX];
	char sockets[PROCESSES][PATH_MAX];
	int lock;
	int signals;
	sigset_t old_mask;
	struct lab_notify notify;
	struct place place;
	struct lab_plan plan;
	const struct lab_options *options;   /* during lab_start */
	struct lab_process processes[PROCESSES];
};

/* --- one lab per folder ------------------------------------------------------------------------------------------------ */

static int open_lock(const char *dir, int flags)
{
	char *path = memory_printf("%s/lab.lock", dir);
	int fd = open(path, flags | O_CLOEXEC, 0600);

	free(path);
	return fd;
}

/* The kernel gives the lock back with the process that held it, so a file that was left behind says nothing. */
pid_t lab_running(const char *dir)
{
	int fd = open_lock(dir ? dir : PLACE_DEFAULT_DIR, O_RDWR);
	char text[32] = "";
	pid_t pid = 0;

	if (fd < 0)
		return 0;
	if (flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK && read(fd, text, sizeof text - 1) > 0)
		pid = (pid_t)strtol(text, NULL, 10);
	close(fd);
	return pid;
}

static int take_lock(struct lab *lab, struct error *err)
{
	lab->lock = open_lock(lab->dir, O_RDWR | O_CREAT);
	if (lab->lock < 0)
		return error_set(err, "the lock in %s cannot be opened: %s", lab->dir, strerror(errno));
	if (flock(lab->lock, LOCK_EX | LOCK_NB) != 0) {
		close(lab->lock);
		lab->lock = -1;
		return error_set(err, "a lab runs in %s already, process %d; `bramble lab down --dir %s` ends it", lab->dir,
			lab_running(lab->dir), lab->dir);
	}
	if (ftruncate(lab->lock, 0) != 0 || dprintf(lab->lock, "%d\n", getpid()) < 0)
		return error_set(err, "the lock in %s cannot be written: %s", lab->dir, strerror(errno));
	return 0;
}

/* --- children ---------------------------------------------------------------------------------------------------------- */

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

static int start_daemon(struct lab *lab, int which, const char *const *moved, struct error *err)
{
	enum { MAX = 256 };
	char *program = memory_printf("%s/bramble-%s", lab->programs, names[which]);
	const char *argv[MAX];
	size_t count = 0;
	int rc;

	end_words(argv, &count, program);
	end_words(argv, &count, "-c");
	end_words(argv, &count, lab->place.file);
	if (lab->options->manual_clock)
		end_words(argv, &count, "--clock=manual");
	for (; lab->plan.moved && *moved; moved++) {
		end_words(argv, &count, "-o");
		end_words(argv, &count, *moved);
	}
	add_overrides(lab->options, names[which], argv, &count, MAX - 1);
	rc = lab_process_start(&lab->processes[which], argv, &lab->notify, err);
	free(program);
	return rc;
}

static int start_groupwise(struct lab *lab, struct error *err)
{
	char *program = memory_printf("%s/bramble-sim", lab->programs);
	char *certificate = memory_printf("%s/groupwise.crt", lab->dir);
	char *key = memory_printf("%s/groupwise.key", lab->dir);
	const char *world = lab->place.groupwise_world, *state = lab->place.groupwise_state, *sessions = lab->place.groupwise_sessions;
	const char *argv[24];
	size_t count = 0;
	int rc;

	lab_overridden(lab->options, "groupwise.world", &world);
	lab_overridden(lab->options, "groupwise.state", &state);
	lab_overridden(lab->options, "groupwise.sessions", &sessions);
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
	end_words(argv, &count, lab->sockets[GROUPWISE]);
	if (state) {
		end_words(argv, &count, "--state");
		end_words(argv, &count, state);
	}
	if (sessions) {
		end_words(argv, &count, "--sessions");
		end_words(argv, &count, sessions);
	}
	if (lab->options->manual_clock)
		end_words(argv, &count, "--clock=manual");
	rc = lab_process_start(&lab->processes[GROUPWISE], argv, &lab->notify, err);
	free(program);
	free(certificate);
	free(key);
	return rc;
}

static int start_one(struct lab *lab, int which, struct error *err)
{
	char *listen_router = memory_printf("router.listen=%s", lab->plan.router_listen);
	char *routers = memory_printf("dispatcher.routers=%s", lab->plan.router_listen);
	char *listen_dispatcher = memory_printf("dispatcher.listen=%s", lab->plan.dispatcher_listen);
	char *dispatcher = memory_printf("collab.dispatcher=%s", lab->plan.dispatcher_listen);
	const char *const moved[PROCESSES][3] = {
		[ROUTER] = { listen_router }, [DISPATCHER] = { routers, listen_dispatcher }, [COLLAB] = { dispatcher },
	};
	int rc = which == GROUPWISE ? start_groupwise(lab, err) : start_daemon(lab, which, moved[which], err);

	free(listen_router);
	free(routers);
	free(listen_dispatcher);
	free(dispatcher);
	return rc;
}

/* Waits for anything to happen: a child's word or end, or a signal. -1 when the start must be given up. */
static int wait_event(struct lab *lab, int timeout_ms, int *status, struct error *err)
{
	struct pollfd fds[PROCESSES + 2];
	struct signalfd_siginfo signal_info;
	nfds_t used = 0;

	fds[used++] = (struct pollfd){ .fd = lab->signals, .events = POLLIN };
	fds[used++] = (struct pollfd){ .fd = lab->notify.fd, .events = POLLIN };
	for (size_t i = 0; i < PROCESSES; i++) {
		if (lab->processes[i].pid)
			fds[used++] = (struct pollfd){ .fd = lab->processes[i].pidfd, .events = POLLIN };
	}
	poll(fds, used, timeout_ms);
	lab_notify_take(&lab->notify, lab->processes, PROCESSES);
	if (read(lab->signals, &signal_info, sizeof signal_info) > 0) {
		*status = EXIT_REFUSED;
		return error_set(err, "ended by a signal while the lab was starting");
	}
	for (size_t i = 0; i < PROCESSES; i++) {
		if (lab->processes[i].pid && lab_process_ended(&lab->processes[i])) {
			lab_process_why(&lab->processes[i], status, err);
			return -1;
		}
	}
	return 0;
}

static int wait_ready(struct lab *lab, int which, int *status, struct error *err)
{
	uint64_t until_us = loop_real_us() + READY_MS * UINT64_C(1000);

	while (!lab->processes[which].is_ready) {
		uint64_t now = loop_real_us();

		if (now >= until_us) {
			*status = EXIT_TIMEOUT;
			return error_set(err, "%s was not ready within %d s; its log is %s", names[which], READY_MS / 1000,
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
static int wait_linked(struct lab *lab, int which, int *status, struct error *err)
{
	uint64_t until_us = loop_real_us() + LINKED_MS * UINT64_C(1000);

	while (!is_linked(lab, which)) {
		if (loop_real_us() >= until_us) {
			*status = EXIT_TIMEOUT;
			return error_set(err, "%s runs but was not linked within %d s; its log is %s", names[which], LINKED_MS / 1000,
				lab->processes[which].log);
		}
		if (wait_event(lab, 10, status, err) != 0)
			return -1;
	}
	return 0;
}

/* --- start and end ----------------------------------------------------------------------------------------------------- */

static int check_socket_paths(struct lab *lab, struct error *err)
{
	size_t longest = sizeof ((struct sockaddr_un *)0)->sun_path - 1;

	for (size_t i = 0; i < PROCESSES; i++) {
		int len = snprintf(lab->sockets[i], sizeof lab->sockets[i], "%s/%s.sock", lab->place.run_dir, names[i]);

		if (len < 0 || (size_t)len > longest)
			return error_set(err, "the control socket %s.sock in %s would have %d bytes in its path, the system allows %zu; choose "
				"a shorter --dir (or run_dir in [common] of its bramble.ini)", names[i], lab->place.run_dir, len, longest);
	}
	return 0;
}

/* What tools and people may want to know while it runs. */
static int write_state(const struct lab *lab, struct error *err)
{
	char *path = memory_printf("%s/lab.json", lab->dir);
	json_t *processes = json_array();
	struct buf text = { 0 };
	json_t *state;
	char *dump;
	int rc;

	for (size_t i = 0; i < PROCESSES; i++)
		json_array_append_new(processes, json_pack("{s:s, s:i, s:s}", "name", names[i], "pid", (int)lab->processes[i].pid,
			"socket", lab->sockets[i]));
	state = json_pack("{s:i, s:s, s:{s:s, s:s, s:s}, s:b, s:o}", "pid", (int)getpid(), "dir", lab->dir, "listen", "router",
		lab->plan.router_listen, "dispatcher", lab->plan.dispatcher_listen, "groupwise", lab->plan.groupwise_listen, "manual_clock",
		lab->options->manual_clock, "processes", processes);
	dump = json_dumps(state, JSON_INDENT(2));
	buf_printf(&text, "%s\n", dump ? dump : "{}");
	rc = file_write(path, buf_bytes(&text), 0600, err);
	free(dump);
	json_decref(state);
	buf_free(&text);
	free(path);
	return rc;
}

static void remove_leftovers(const struct lab *lab)
{
	char *state = memory_printf("%s/lab.json", lab->dir);

	for (size_t i = 0; i < PROCESSES; i++) {
		if (lab->sockets[i][0])
			unlink(lab->sockets[i]);
	}
	unlink(state);
	free(state);
}

static int prepare(struct lab *lab, int *status, struct error *err)
{
	const char *dir = lab->options->dir ? lab->options->dir : PLACE_DEFAULT_DIR;
	struct lab_ports fresh = { LAB_PORT_ROUTER, LAB_PORT_DISPATCHER, LAB_PORT_GROUPWISE };

	*status = EXIT_USAGE;
	if (lab_check_overrides(lab->options, err) != 0)
		return -1;
	if (lab->options->has_offset && lab->options->port_offset <= 65535 - LAB_PORT_GROUPWISE)
		fresh = (struct lab_ports){ (uint16_t)(LAB_PORT_ROUTER + lab->options->port_offset),
			(uint16_t)(LAB_PORT_DISPATCHER + lab->options->port_offset), (uint16_t)(LAB_PORT_GROUPWISE + lab->options->port_offset) };
	*status = EXIT_CONFIG;
	if ((mkdir(dir, 0700) != 0 && errno != EEXIST) || !realpath(dir, lab->dir))
		return error_set(err, "the folder %s cannot be made: %s", dir, strerror(errno));
	*status = EXIT_REFUSED;
	if (take_lock(lab, err) != 0 || lab_folder_make(lab->dir, &fresh, status, err) != 0)
		return -1;
	*status = EXIT_CONFIG;
	if (lab_programs(lab->programs, sizeof lab->programs, err) != 0 || place_open(&lab->place, lab->dir, NULL, err) != 0 ||
	    check_socket_paths(lab, err) != 0 || lab_plan_make(&lab->plan, lab->options, &lab->place, err) != 0)
		return -1;
	*status = EXIT_BIND;
	if (lab_plan_check_ports(&lab->plan, err) != 0)
		return -1;
	for (size_t i = 0; i < PROCESSES; i++)
		snprintf(lab->processes[i].log, sizeof lab->processes[i].log, "%s/log/%s.log", lab->dir, names[i]);
	return lab_folder_point(&lab->place, lab->plan.ports.groupwise, status, err);
}

static void catch_signals(struct lab *lab)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGHUP);
	sigprocmask(SIG_BLOCK, &mask, &lab->old_mask);
	lab->signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (lab->signals < 0)
		fatal(EXIT_INTERNAL, "signals cannot be read: %s", strerror(errno));
}

struct lab *lab_start(const struct lab_options *options, int *status, struct error *err)
{
	struct lab *lab = memory_new(sizeof *lab);

	lab->options = options;
	lab->lock = lab->notify.fd = -1;
	for (size_t i = 0; i < PROCESSES; i++) {
		lab->processes[i].name = names[i];
		lab->processes[i].pidfd = -1;
	}
	catch_signals(lab);
	if (prepare(lab, status, err) != 0)
		goto bad;
	*status = EXIT_INTERNAL;
	if (lab_notify_open(&lab->notify, err) != 0)
		goto bad;
	for (int i = 0; i < PROCESSES; i++) {
		*status = EXIT_CONFIG;
		if (start_one(lab, i, err) != 0 || wait_ready(lab, i, status, err) != 0)
			goto bad;
	}
	if (wait_linked(lab, DISPATCHER, status, err) != 0 || wait_linked(lab, COLLAB, status, err) != 0 ||
	    write_state(lab, err) != 0)
		goto bad;
	*status = EXIT_DONE;
	lab->options = NULL;
	return lab;
bad:
	lab_stop(&lab);
	return NULL;
}

void lab_stop(struct lab **lab_at)
{
	struct lab *lab = *lab_at;

	if (!lab)
		return;
	lab_processes_end(lab->processes, PROCESSES, GRACE_MS);
	/* Without the lock these may be another lab's. */
	if (lab->lock >= 0)
		remove_leftovers(lab);
	lab_notify_close(&lab->notify);
	if (lab->lock >= 0)
		close(lab->lock);
	close(lab->signals);
	sigprocmask(SIG_SETMASK, &lab->old_mask, NULL);
	place_close(&lab->place);
	lab_plan_free(&lab->plan);
	free(lab);
	*lab_at = NULL;
}

bool lab_wait(struct lab *lab, int timeout_ms, struct error *why)
{
	uint64_t until_us = loop_real_us() + (uint64_t)(timeout_ms < 0 ? 0 : timeout_ms) * 1000;

	for (;;) {
		struct pollfd fds[PROCESSES + 1];
		struct signalfd_siginfo signal_info;
		uint64_t now = loop_real_us();
		int left = timeout_ms < 0 ? -1 : now >= until_us ? 0 : (int)((until_us - now + 999) / 1000);
		int status;

		fds[0] = (struct pollfd){ .fd = lab->signals, .events = POLLIN };
		for (size_t i = 0; i < PROCESSES; i++)
			fds[i + 1] = (struct pollfd){ .fd = lab->processes[i].pidfd, .events = POLLIN };
		poll(fds, PROCESSES + 1, left);
		if (read(lab->signals, &signal_info, sizeof signal_info) > 0)
			return false;
		for (size_t i = 0; i < PROCESSES; i++) {
			if (lab_process_ended(&lab->processes[i])) {
				lab_process_why(&lab->processes[i], &status, why);
				return true;
			}
		}
		if (left == 0)
			return false;
	}
}

const char *lab_dir(const struct lab *lab)
{
	return lab->dir;
}

const struct lab_ports *lab_ports(const struct lab *lab)
{
	return &lab->plan.ports;
}

const char *lab_socket(const struct lab *lab, const char *name)
{
	for (size_t i = 0; i < PROCESSES; i++) {
		if (strcmp(names[i], name) == 0)
			return lab->sockets[i];
	}
	return NULL;
}
