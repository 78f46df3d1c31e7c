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
#include "admin/lab_private.h"
#include "base/io/loop.h"
#include "base/log.h"
#include "base/memory.h"

enum { GRACE_MS = 5000 };

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

/* --- start and end ----------------------------------------------------------------------------------------------------- */

static int check_socket_paths(struct lab *lab, struct error *err)
{
	size_t longest = sizeof ((struct sockaddr_un *)0)->sun_path - 1;

	for (size_t i = 0; i < lab->count; i++) {
		int len = snprintf(lab->sockets[i], sizeof lab->sockets[i], "%s/%s.sock", lab->place.run_dir, lab->processes[i].name);

		if (len < 0 || (size_t)len > longest)
			return error_set(err, "the control socket %s.sock in %s would have %d bytes in its path, the system allows %zu; choose "
				"a shorter --dir (or run_dir in [common] of its bramble.ini)", lab->processes[i].name, lab->place.run_dir, len, longest);
	}
	return 0;
}

/* What tools and people may want to know while it runs. */
int lab_write_state(const struct lab *lab, struct error *err)
{
	char *path = memory_printf("%s/lab.json", lab->dir);
	json_t *processes = json_array(), *listen = json_object();
	char *history = lab_history_folder(lab);
	struct buf text = { 0 };
	json_t *state;
	char *dump;
	int rc;

	for (size_t i = 0; i < lab->count; i++) {
		json_array_append_new(processes, json_pack("{s:s, s:i, s:s}", "name", lab->processes[i].name, "pid", (int)lab->processes[i].pid,
			"socket", lab->sockets[i]));
		if (lab->plan.listen[lab->roles[i]])
			json_object_set_new(listen, lab->processes[i].name, json_string(lab->plan.listen[lab->roles[i]]));
	}
	state = json_pack("{s:i, s:s, s:s, s:s*, s:o, s:b, s:o}", "pid", (int)getpid(), "dir", lab->dir, "backend",
		lab_backend_name(lab->backend), "history", history, "listen", listen, "manual_clock", lab->options.manual_clock, "processes",
		processes);
	dump = json_dumps(state, JSON_INDENT(2));
	buf_printf(&text, "%s\n", dump ? dump : "{}");
	rc = file_write(path, buf_bytes(&text), 0600, err);
	free(dump);
	free(history);
	json_decref(state);
	buf_free(&text);
	free(path);
	return rc;
}

static void remove_leftovers(const struct lab *lab)
{
	char *state = memory_printf("%s/lab.json", lab->dir);

	for (size_t i = 0; i < lab->count; i++) {
		if (lab->sockets[i][0])
			unlink(lab->sockets[i]);
	}
	unlink(state);
	free(state);
}

/* What the folder was made for decides; a wish that differs is refused rather than half obeyed. */
static int choose_processes(struct lab *lab, struct error *err)
{
	if (lab_backend_parse(lab->place.lab_backend, &lab->backend, err) != 0)
		return error_prefix(err, "%s, [lab]: ", lab->place.file);
	if (lab->options.backend && strcmp(lab->options.backend, lab->place.lab_backend) != 0)
		return error_set(err, "the lab in %s was made for %s: choose another --dir for %s, or delete that one", lab->dir,
			lab->place.lab_backend, lab->options.backend);
	if (lab->options.database && strcmp(lab->options.database, lab->place.database) != 0)
		return error_set(err, "the lab in %s was made with another database: choose another --dir, or change 'database' in its "
			"bramble.ini", lab->dir);
	if (lab->options.profile && lab->backend != LAB_BACKEND_CWA)
		return error_set(err, "--profile is for the back end cwa, and the lab in %s is for %s", lab->dir, lab->place.lab_backend);
	for (int role = 0; role < LAB_ROLES; role++) {
		struct lab_process *process = &lab->processes[lab->count];
		bool is_asked_for = (role == LAB_COLLAB_2 && lab->options.services == 2) || (role == LAB_DISPATCHER_2 && lab->options.dispatchers == 2);

		if (!lab_backend_has(lab->backend, (enum lab_role)role) && !is_asked_for)
			continue;
		process->name = lab_roles[role].name;
		process->pidfd = -1;
		lab->roles[lab->count++] = (enum lab_role)role;
	}
	for (size_t i = 0; i < lab->count; i++)
		snprintf(lab->processes[i].log, sizeof lab->processes[i].log, "%s/log/%s.log", lab->dir, lab->processes[i].name);
	return 0;
}

static int prepare(struct lab *lab, int *status, struct error *err)
{
	const char *dir = lab->options.dir ? lab->options.dir : PLACE_DEFAULT_DIR;
	struct lab_fresh fresh = { .users = lab->options.users, .database = lab->options.database, .profile = lab->options.profile ? lab->options.profile : "ocs2007" };

	*status = EXIT_USAGE;
	if (lab_check_overrides(&lab->options, err) != 0 ||
	    (lab->options.backend && lab_backend_parse(lab->options.backend, &fresh.backend, err) != 0))
		return -1;
	if (lab->options.profile && strcmp(lab->options.profile, "ocs2007") != 0 && strcmp(lab->options.profile, "lcs2005") != 0)
		return error_set(err, "the profile is ocs2007 or lcs2005, not %s", log_str(lab->options.profile));
	/* What goes with one back end alone asks for that one. */
	if (lab->options.profile && !lab->options.backend)
		fresh.backend = LAB_BACKEND_CWA;
	if (lab->options.profile && fresh.backend != LAB_BACKEND_CWA)
		return error_set(err, "--profile is for the back end cwa, not for %s", lab->options.backend);
	if (lab->options.has_offset)
		fresh.port_offset = lab->options.port_offset;
	*status = EXIT_CONFIG;
	if ((mkdir(dir, 0700) != 0 && errno != EEXIST) || !realpath(dir, lab->dir))
		return error_set(err, "the folder %s cannot be made: %s", dir, strerror(errno));
	*status = EXIT_REFUSED;
	if (take_lock(lab, err) != 0 || lab_folder_make(lab->dir, &fresh, status, err) != 0 ||
	    lab_folder_forget(lab->dir, err) != 0)
		return -1;
	*status = EXIT_CONFIG;
	if (lab_programs(lab->programs, sizeof lab->programs, err) != 0 || place_open(&lab->place, lab->dir, NULL, err) != 0 ||
	    choose_processes(lab, err) != 0 || check_socket_paths(lab, err) != 0 || lab_plan_make(&lab->plan, &lab->options, &lab->place, lab->backend, err) != 0)
		return -1;
	*status = EXIT_BIND;
	if (lab_plan_check_ports(&lab->plan, lab->backend, err) != 0)
		return -1;
	return lab_folder_point(&lab->place, lab->plan.ports[lab_backend_server(lab->backend)], status, err);
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

	lab->options = *options;
	lab->lock = lab->notify.fd = -1;
	catch_signals(lab);
	if (prepare(lab, status, err) != 0)
		goto bad;
	*status = EXIT_INTERNAL;
	if (lab_notify_open(&lab->notify, err) != 0)
		goto bad;
	lab->began_us = loop_real_us();
	for (size_t i = 0; i < lab->count; i++) {
		*status = EXIT_CONFIG;
		if (lab_child_start(lab, i, NULL, err) != 0 || lab_child_wait_ready(lab, i, status, err) != 0)
			goto bad;
	}
	for (size_t i = 0; i < lab->count; i++) {
		if (lab->roles[i] >= LAB_DISPATCHER && lab_child_wait_linked(lab, i, status, err) != 0)
			goto bad;
	}
	if (lab_write_state(lab, err) != 0)
		goto bad;
	*status = EXIT_DONE;
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
	lab_processes_end(lab->processes, lab->count, GRACE_MS);
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

const char *lab_dir(const struct lab *lab)
{
	return lab->dir;
}

enum lab_backend lab_backend(const struct lab *lab)
{
	return lab->backend;
}

uint16_t lab_port(const struct lab *lab, enum lab_role role)
{
	return lab->plan.ports[role];
}

const char *lab_socket(const struct lab *lab, const char *name)
{
	for (size_t i = 0; i < lab->count; i++) {
		if (strcmp(lab->processes[i].name, name) == 0)
			return lab->sockets[i];
	}
	return NULL;
}
