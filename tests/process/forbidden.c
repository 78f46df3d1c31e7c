/* Preloaded into a process: on SIGUSR2 it tries what a confined process may not do, from inside, and writes what the kernel said to a
 * file that it opened at the start: FORBIDDEN_LOG/PID, lines of a name and an errno (0: it was let), "end" last.
 *
 * FORBIDDEN_FILE is a file outside of what any of them may use, FORBIDDEN_OWN one that the database's users may.
 * Raw system calls: a signal handler may do nothing else, and the library's wrappers would hide what is asked for. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int log_fd = -1;
static char file[512], own[512], made[600], beside[600];

static void put(const char *text)
{
	if (write(log_fd, text, strlen(text)) < 0)
		_exit(99);
}

static void note(const char *name, long result)
{
	int wrong = result < 0 ? errno : 0;
	char digits[16];
	size_t at = sizeof digits;

	digits[--at] = '\0';
	digits[--at] = '\n';
	do
		digits[--at] = (char)('0' + wrong % 10);
	while ((wrong /= 10));
	put(name);
	put(" ");
	put(digits + at);
}

static void note_fd(const char *name, long fd)
{
	note(name, fd);
	if (fd >= 0)
		close((int)fd);
}

/* A child that was let be ends at once. */
static void note_child(const char *name, long child)
{
	if (child == 0)
		_exit(0);
	note(name, child);
}

static void try_files(void)
{
	note_fd("read", syscall(SYS_openat, AT_FDCWD, file, O_RDONLY, 0));
	note_fd("write", syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_APPEND, 0));
	note_fd("make", syscall(SYS_openat, AT_FDCWD, made, O_WRONLY | O_CREAT, 0600));
	note_fd("list", syscall(SYS_openat, AT_FDCWD, "/", O_RDONLY | O_DIRECTORY, 0));
	note("rename", syscall(SYS_renameat2, AT_FDCWD, file, AT_FDCWD, beside, 0));
	note("link", syscall(SYS_linkat, AT_FDCWD, file, AT_FDCWD, beside, 0));
	note("symlink", syscall(SYS_symlinkat, file, AT_FDCWD, beside));
	note("mkdir", syscall(SYS_mkdirat, AT_FDCWD, beside, 0700));
	note("mknod", syscall(SYS_mknodat, AT_FDCWD, beside, 0600, 0));
	note("remove", syscall(SYS_unlinkat, AT_FDCWD, file, 0));
	note("truncate", syscall(SYS_truncate, file, 0L));
	note("chroot", syscall(SYS_chroot, "/"));
	note("chdir", syscall(SYS_chdir, "/"));
	note("mount", syscall(SYS_mount, "none", "/", "tmpfs", 0, NULL));
	note_fd("own", syscall(SYS_openat, AT_FDCWD, own, O_RDONLY, 0));
}

static void try_programs(void)
{
	char *const none[] = { NULL };
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int run = (int)syscall(SYS_memfd_create, "x", 0);

	note_fd("memfd", run);
	note("execve", syscall(SYS_execve, "/bin/true", none, none));
	note("execveat", syscall(SYS_execveat, AT_FDCWD, "/bin/true", none, none, 0));
	note_child("fork", syscall(SYS_clone, (long)SIGCHLD, NULL, NULL, NULL, 0L));
	note_child("clone3", syscall(SYS_clone3, NULL, 0L));
	note("unshare", syscall(SYS_unshare, (long)CLONE_NEWUSER));
	note("setns", syscall(SYS_setns, 0L, 0L));
	note("write, then run", mprotect(page, 4096, PROT_READ | PROT_EXEC));
	munmap(page, 4096);
	note("run what is empty", mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
	note("write and run", mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
}

static void try_others(void)
{
	note("ptrace", syscall(SYS_ptrace, (long)PTRACE_ATTACH, 0L, NULL, NULL));
	note("kill", syscall(SYS_kill, (long)getppid(), 0L));
	note("kill itself by another's number", syscall(SYS_tgkill, (long)getppid(), (long)getppid(), 0L));
	note("read another's memory", syscall(SYS_process_vm_readv, (long)getppid(), NULL, 0L, NULL, 0L, 0L));
	note_fd("pidfd", syscall(SYS_pidfd_open, (long)getppid(), 0L));
	note("setuid", syscall(SYS_setuid, 0L));
	note("bpf", syscall(SYS_bpf, 0L, NULL, 0L));
	note("perf", syscall(SYS_perf_event_open, NULL, 0L, -1L, -1L, 0L));
	note("keys", syscall(SYS_keyctl, 0L, 0L, 0L, 0L, 0L));
	note("io_uring", syscall(SYS_io_uring_setup, 1L, NULL));
	note("userfaultfd", syscall(SYS_userfaultfd, 0L));
	note("module", syscall(SYS_init_module, NULL, 0L, ""));
	note("clock", syscall(SYS_clock_settime, 0L, NULL));
	note("name", syscall(SYS_sethostname, "x", 1L));
}

static void try_sockets(void)
{
	note_fd("raw", syscall(SYS_socket, (long)AF_INET, (long)SOCK_RAW, 1L));
	note_fd("packet", syscall(SYS_socket, (long)AF_PACKET, (long)SOCK_DGRAM, 0L));
	note_fd("netlink", syscall(SYS_socket, (long)AF_NETLINK, (long)SOCK_DGRAM, 0L));
	note_fd("vsock", syscall(SYS_socket, (long)AF_VSOCK, (long)SOCK_STREAM, 0L));
	note_fd("alg", syscall(SYS_socket, (long)AF_ALG, (long)SOCK_SEQPACKET, 0L));
	note_fd("tcp", syscall(SYS_socket, (long)AF_INET, (long)SOCK_STREAM, 0L));
	note_fd("unix", syscall(SYS_socket, (long)AF_UNIX, (long)SOCK_STREAM, 0L));
}

static void on_signal(int number)
{
	int kept = errno;

	(void)number;
	try_files();
	try_programs();
	try_others();
	try_sockets();
	put("end\n");
	errno = kept;
}

static void take(const char *name, char *into, size_t size)
{
	const char *value = getenv(name);

	snprintf(into, size, "%s", value ? value : "");
}

static void begin(void) __attribute__((constructor));

static void begin(void)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	const char *folder = getenv("FORBIDDEN_LOG");
	char path[600];

	if (!folder)
		return;
	take("FORBIDDEN_FILE", file, sizeof file);
	take("FORBIDDEN_OWN", own, sizeof own);
	snprintf(made, sizeof made, "%s.made", file);
	snprintf(beside, sizeof beside, "%s.beside", file);
	snprintf(path, sizeof path, "%s/%d", folder, (int)getpid());
	log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	sigaction(SIGUSR2, &action, NULL);
}
