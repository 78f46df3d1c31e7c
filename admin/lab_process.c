#include "admin/lab_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/io/loop.h"
#include "base/log.h"

int lab_programs(char *folder, size_t size, struct error *err)
{
	ssize_t len = readlink("/proc/self/exe", folder, size - 1);
	char *slash;

	if (len < 0)
		return error_set(err, "where this program lies cannot be found: %s", strerror(errno));
	folder[len] = '\0';
	slash = strrchr(folder, '/');
	if (slash)
		*slash = '\0';
	return 0;
}

int lab_notify_open(struct lab_notify *notify, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t len = sizeof address;
	int on = 1;

	notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* An address of the family alone lets the kernel pick an abstract name. The sender's pid comes with each datagram. */
	if (notify->fd < 0 || setsockopt(notify->fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0 ||
	    bind(notify->fd, (const struct sockaddr *)&address, sizeof(sa_family_t)) != 0 ||
	    getsockname(notify->fd, (struct sockaddr *)&address, &len) != 0) {
		error_set(err, "no socket to hear from the lab's processes: %s", strerror(errno));
		lab_notify_close(notify);
		return -1;
	}
	snprintf(notify->address, sizeof notify->address, "@%.*s", (int)(len - offsetof(struct sockaddr_un, sun_path) - 1),
		address.sun_path + 1);
	return 0;
}

void lab_notify_close(struct lab_notify *notify)
{
	if (notify->fd >= 0)
		close(notify->fd);
	notify->fd = -1;
}

void lab_notify_take(const struct lab_notify *notify, struct lab_process *processes, size_t count)
{
	char text[256];
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct iovec part = { text, sizeof text - 1 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
	ssize_t got = recvmsg(notify->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	const struct cmsghdr *header = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
	struct ucred from;

	if (!header || header->cmsg_type != SCM_CREDENTIALS)
		return;
	text[got] = '\0';
	memcpy(&from, CMSG_DATA(header), sizeof from);
	for (size_t i = 0; i < count && strncmp(text, "READY=1", 7) == 0; i++) {
		if (processes[i].pid && processes[i].pid == from.pid)
			processes[i].is_ready = true;
	}
}

/* In the child: only what may be called between fork and exec. */
static void become(const char *const *argv, int log, int null, pid_t parent)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* A group of its own: a Ctrl-C in the terminal is for the lab, which then ends its children in order. */
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(EXIT_INTERNAL);
	if (dup2(null, STDIN_FILENO) < 0 || dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0)
		_exit(EXIT_INTERNAL);
	execv(argv[0], (char *const *)(uintptr_t)argv);
	_exit(EXIT_INTERNAL);
}

int lab_process_start(struct lab_process *process, const char *const *argv, const struct lab_notify *notify, struct error *err)
{
	pid_t parent = getpid();
	int log, null, rc = 0;

	if (access(argv[0], X_OK) != 0)
		return error_set(err, "the program %s cannot be run: %s", argv[0], strerror(errno));
	log = open(process->log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (log < 0 || null < 0) {
		rc = error_set(err, "the log %s cannot be opened: %s", process->log, strerror(errno));
		goto out;
	}
	process->log_start = (long)lseek(log, 0, SEEK_END);
	setenv("NOTIFY_SOCKET", notify->address, 1);
	process->is_ready = false;
	process->pid = fork();
	if (process->pid == 0)
		become(argv, log, null, parent);
	unsetenv("NOTIFY_SOCKET");
	if (process->pid < 0) {
		process->pid = 0;
		rc = error_set(err, "%s cannot be started: %s", process->name, strerror(errno));
		goto out;
	}
	process->pidfd = pidfd_open(process->pid, 0);
	if (process->pidfd < 0)
		rc = error_set(err, "%s cannot be watched: %s", process->name, strerror(errno));
out:
	if (log >= 0)
		close(log);
	if (null >= 0)
		close(null);
	return rc;
}

bool lab_process_ended(struct lab_process *process)
{
	if (!process->pid)
		return true;
	if (waitpid(process->pid, &process->status, WNOHANG) != process->pid)
		return false;
	process->pid = 0;
	if (process->pidfd >= 0)
		close(process->pidfd);
	process->pidfd = -1;
	return true;
}

/* The last line of this life's log: usually the sentence of fatal(). */
static void last_line(const struct lab_process *process, struct buf *out)
{
	FILE *log = fopen(process->log, "r");
	char *line = NULL;
	size_t size = 0;
	ssize_t len;

	if (log && fseek(log, process->log_start, SEEK_SET) == 0) {
		while ((len = getline(&line, &size, log)) > 0) {
			if (strncmp(line, "SUMMARY:", 8) != 0 && len > 1 && (strstr(line, " error: ") || out->len == 0)) {
				buf_clear(out);
				buf_append(out, bytes_of(line, (size_t)len - (line[len - 1] == '\n')));
			}
		}
	}
	free(line);
	if (log)
		fclose(log);
}

void lab_process_why(const struct lab_process *process, int *status, struct error *err)
{
	struct buf line = { 0 };
	const char *said;

	last_line(process, &line);
	said = buf_cstr(&line);
	/* Without time, program and level: the sentence names itself. */
	if (strstr(said, " error: "))
		said = strstr(said, " error: ") + 8;
	*status = EXIT_INTERNAL;
	if (WIFSIGNALED(process->status)) {
		error_set(err, "%s was ended by signal %d (%s); its log is %s", process->name, WTERMSIG(process->status),
			strsignal(WTERMSIG(process->status)), process->log);
	} else {
		int code = WEXITSTATUS(process->status);

		if (code >= EXIT_CONFIG && code <= EXIT_TIMEOUT)
			*status = code;
		error_set(err, "%s ended with exit status %d%s%.300s; its log is %s", process->name, code, *said ? ": " : "", said,
			process->log);
	}
	buf_free(&line);
}

/* Waits until it is gone or the time is over. */
static bool wait_gone(struct lab_process *process, uint64_t until_us)
{
	while (!lab_process_ended(process)) {
		struct pollfd fd = { .fd = process->pidfd, .events = POLLIN };
		uint64_t now = loop_real_us();

		if (now >= until_us)
			return false;
		poll(&fd, 1, (int)((until_us - now + 999) / 1000));
	}
	return true;
}

/* A process that was asked to end and did so badly would else go unnoticed. */
static void say_bad_end(const struct lab_process *process)
{
	struct error why = { "" };
	int status;

	if (WIFEXITED(process->status) && WEXITSTATUS(process->status) == 0)
		return;
	lab_process_why(process, &status, &why);
	log_warning("when it was asked to end, %s", why.text);
}

void lab_processes_end(struct lab_process *processes, size_t count, unsigned grace_ms)
{
	uint64_t until_us = loop_real_us() + grace_ms * UINT64_C(1000);

	/* The last started first, each after the one before it: so that devices are told before what carries the words is gone. */
	for (size_t i = count; i > 0; i--) {
		struct lab_process *process = &processes[i - 1];

		if (lab_process_ended(process))
			continue;
		kill(process->pid, SIGTERM);
		/* One that was stopped hears it only when it goes on. */
		kill(process->pid, SIGCONT);
		if (wait_gone(process, until_us)) {
			say_bad_end(process);
			continue;
		}
		log_warning("%s did not end in time after SIGTERM and is killed", process->name);
		kill(process->pid, SIGKILL);
		wait_gone(process, loop_real_us() + 5000000);
	}
}
