#include "base/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/landlock.h>
#include <linux/sockios.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <seccomp.h>

#include "base/memory.h"
#include "base/sanitized.h"

/* Debian 12's headers know Landlock's second version; these came later. */
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ULL << 15)
#endif

const char *const confine_choices[] = { "no", "yes", "required", NULL };

struct place { char *path; bool write; };

struct confine {
	struct place *places;
	size_t count;
};

struct confine *confine_new(void)
{
	return memory_new(sizeof(struct confine));
}

void confine_free(struct confine **confine)
{
	struct confine *gone = *confine;

	if (!gone)
		return;
	*confine = NULL;
	for (size_t i = 0; i < gone->count; i++)
		free(gone->places[i].path);
	free(gone->places);
	free(gone);
}

static void add(struct confine *confine, const char *path, bool write)
{
	if (!path || !*path)
		return;
	confine->places = memory_resize(confine->places, (confine->count + 1) * sizeof *confine->places);
	confine->places[confine->count++] = (struct place){ .path = memory_str(path), .write = write };
}

static void add_beside(struct confine *confine, const char *file, bool write)
{
	char *copy = file && *file ? memory_str(file) : NULL, *real = copy ? realpath(file, NULL) : NULL;

	/* What the name leads to may lie elsewhere. */
	if (real)
		add(confine, dirname(real), write);
	if (copy)
		add(confine, dirname(copy), write);
	free(real);
	free(copy);
}

void confine_read(struct confine *confine, const char *path)
{
	add(confine, path, false);
}

void confine_write(struct confine *confine, const char *path)
{
	add(confine, path, true);
}

void confine_read_beside(struct confine *confine, const char *file)
{
	add_beside(confine, file, false);
}

void confine_write_beside(struct confine *confine, const char *file)
{
	add_beside(confine, file, true);
}

void confine_read_system(struct confine *confine)
{
	static const char *const paths[] = { "/etc", "/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/local/lib", "/usr/share/zoneinfo",
		"/usr/share/locale", "/usr/share/ca-certificates", "/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager", "/dev/null",
		"/dev/urandom", "/proc/sys/crypto", NULL };

	for (size_t i = 0; paths[i]; i++)
		confine_read(confine, paths[i]);
}

/* --- paths: Landlock --------------------------------------------------------------------------------------------------------------- */

#define READ_FILE ((uint64_t)LANDLOCK_ACCESS_FS_READ_FILE)
#define READ_ALL (READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITE_FILE (READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE)
#define WRITE_ALL (READ_ALL | WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REMOVE_FILE)

/* All that a version can refuse. */
static uint64_t known_rights(int version)
{
	uint64_t rights = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;

	if (version >= 2)
		rights |= LANDLOCK_ACCESS_FS_REFER;
	if (version >= 3)
		rights |= LANDLOCK_ACCESS_FS_TRUNCATE;
	if (version >= 5)
		rights |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
	return rights;
}

static int allow_place(int rules, const struct place *place, uint64_t known, struct error *err)
{
	struct landlock_path_beneath_attr rule = { .parent_fd = open(place->path, O_PATH | O_CLOEXEC) };
	struct stat is;
	int status = 0;

	if (rule.parent_fd < 0)
		return 0;
	if (fstat(rule.parent_fd, &is) == 0) {
		bool is_folder = S_ISDIR(is.st_mode);

		rule.allowed_access = known & (place->write ? (is_folder ? WRITE_ALL : WRITE_FILE) : (is_folder ? READ_ALL : READ_FILE));
		if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
			status = error_set(err, "Landlock does not take the path %s: %s", place->path, strerror(errno));
	}
	close(rule.parent_fd);
	return status;
}

static int enter_landlock(const struct confine *confine, bool required, int *version, struct error *err)
{
	struct landlock_ruleset_attr attr = { 0 };
	long known = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	int rules, status = 0;

	*version = 0;
	if (known < 1)
		return required ? error_set(err, "confine = required, and this kernel has no Landlock: %s", strerror(errno)) : 0;
	attr.handled_access_fs = known_rights((int)known);
	rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
	if (rules < 0)
		return error_set(err, "Landlock cannot be used: %s; confine = no does without it", strerror(errno));
	for (size_t i = 0; i < confine->count && status == 0; i++)
		status = allow_place(rules, &confine->places[i], attr.handled_access_fs, err);
	if (status == 0 && syscall(SYS_landlock_restrict_self, rules, 0) != 0)
		status = error_set(err, "Landlock cannot be entered: %s; confine = no does without it", strerror(errno));
	close(rules);
	if (status == 0)
		*version = (int)known;
	return status;
}

/* --- system calls: seccomp --------------------------------------------------------------------------------------------------------- */

/* With what is open, memory, time and oneself. newfstatat is what fstat() is. */
static const char *const calls_always[] = {
	"read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "lseek", "close", "close_range", "fstat", "newfstatat",
	"statx", "fstatfs", "ftruncate", "fsync", "fdatasync", "flock", "fcntl", "dup", "dup2", "dup3", "pipe", "pipe2",
	"munmap", "mremap", "madvise", "brk", "mlock", "munlock", "membarrier", "mincore",
	"futex", "set_robust_list", "get_robust_list", "rseq", "sched_yield", "sched_getaffinity", "sched_getparam", "sched_getscheduler",
	"sched_get_priority_max", "sched_get_priority_min", "getcpu", "set_tid_address",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait", "sigaltstack", "restart_syscall", "exit", "exit_group",
	"clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "times", "timerfd_create", "timerfd_settime",
	"timerfd_gettime", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll", "select", "pselect6",
	"eventfd2", "accept", "accept4", "recvfrom", "recvmsg", "recvmmsg", "sendto", "sendmsg", "sendmmsg", "shutdown", "getsockname",
	"getpeername", "getsockopt", "setsockopt", "getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid", "getresuid",
	"getresgid", "getpgrp", "getrusage", "getrlimit", "getrandom", "uname", "sysinfo", "umask", NULL
};

static const char *const calls_files[] = {
	"open", "openat", "creat", "access", "faccessat", "faccessat2", "stat", "lstat", "statfs", "readlink", "readlinkat", "getdents",
	"getdents64", "getcwd", "fallocate", "fadvise64", "unlink", "unlinkat", "rename", "renameat", "renameat2", "mkdir", "mkdirat",
	"chmod", "fchmod", "fchmodat", "fchown", "msync", "fgetxattr", "getxattr", NULL
};

static const char *const calls_sockets[] = { "connect", "bind", "listen", NULL };

/* The search for leaks stops the process from a clone of itself. */
static const char *const calls_sanitizer[] = {
	"open", "openat", "readlink", "getdents", "getdents64", "stat", "lstat", "access", "getcwd", "ptrace", "wait4", "prctl", "prlimit64", NULL
};

/* Every rule is kept by libseccomp, or none is loaded: the first failure stays. A call that this machine does not have needs no rule. */
static void allow(scmp_filter_ctx filter, int *status, const char *name, unsigned count, const struct scmp_arg_cmp *when)
{
	int number = seccomp_syscall_resolve_name(name);

	if (*status == 0 && number != __NR_SCMP_ERROR)
		*status = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, count, when);
}

static void allow_all(scmp_filter_ctx filter, int *status, const char *const *names)
{
	for (; *names; names++)
		allow(filter, status, *names, 0, NULL);
}

static void allow_if(scmp_filter_ctx filter, int *status, const char *name, struct scmp_arg_cmp when)
{
	allow(filter, status, name, 1, &when);
}

/* What is decided by arguments; libseccomp's own macros leave a field out, which clang does not like. */
#define IS(arg_, value) ((struct scmp_arg_cmp){ .arg = (arg_), .op = SCMP_CMP_EQ, .datum_a = (value), .datum_b = 0 })
#define MASKED(arg_, mask, value) ((struct scmp_arg_cmp){ .arg = (arg_), .op = SCMP_CMP_MASKED_EQ, .datum_a = (mask), .datum_b = (value) })

static void allow_memory(scmp_filter_ctx filter, int *status, bool may_load)
{
	/* A library's text comes from its file, and is never written. */
	const struct scmp_arg_cmp library[] = { MASKED(2, PROT_WRITE | PROT_EXEC, PROT_EXEC), MASKED(3, MAP_ANONYMOUS, 0) };

	allow_if(filter, status, "mmap", MASKED(2, PROT_EXEC, 0));
	allow_if(filter, status, "mprotect", MASKED(2, PROT_EXEC, 0));
	if (may_load)
		allow(filter, status, "mmap", 2, library);
}

static void allow_self(scmp_filter_ctx filter, int *status)
{
	static const unsigned long requests[] = { FIONBIO, FIONREAD, SIOCOUTQ, TCGETS };

	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
		allow_if(filter, status, "ioctl", IS(1, requests[i]));
	allow_if(filter, status, "prctl", IS(0, PR_SET_NAME));
	allow_if(filter, status, "prlimit64", IS(2, 0));
	allow_if(filter, status, "tgkill", IS(0, (scmp_datum_t)getpid()));
	allow_if(filter, status, "clone", MASKED(0, CLONE_THREAD, CLONE_THREAD));
}

static void allow_families(scmp_filter_ctx filter, int *status)
{
	static const int families[] = { AF_UNIX, AF_INET, AF_INET6 }, kinds[] = { SOCK_STREAM, SOCK_DGRAM };

	for (size_t f = 0; f < sizeof families / sizeof *families; f++)
		for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
			const struct scmp_arg_cmp both[] = { IS(0, (scmp_datum_t)families[f]), MASKED(1, 0xf, (scmp_datum_t)kinds[k]) };

			allow(filter, status, "socket", 2, both);
		}
	allow_if(filter, status, "socketpair", IS(0, AF_UNIX));
}

static int enter_seccomp(unsigned rights, bool required, bool *entered, struct error *err)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int status = filter ? 0 : -ENOMEM;

	*entered = false;
	if (status == 0) {
		/* clone3 hides its flags in memory; the C library takes clone when there is none. */
		status = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
		allow_all(filter, &status, calls_always);
		allow_memory(filter, &status, (rights & CONFINE_FILES) != 0);
		allow_self(filter, &status);
		if (rights & CONFINE_FILES)
			allow_all(filter, &status, calls_files);
		if (rights & CONFINE_SOCKETS) {
			allow_all(filter, &status, calls_sockets);
			allow_families(filter, &status);
		}
		if (IS_SANITIZED) {
			allow_all(filter, &status, calls_sanitizer);
			allow_if(filter, &status, "clone", MASKED(0, CLONE_VM, CLONE_VM));
		}
	}
	if (status == 0)
		status = seccomp_load(filter);
	seccomp_release(filter);
	*entered = status == 0;
	if (status == 0 || (!required && (status == -ENOSYS || status == -EINVAL)))
		return 0;
	return error_set(err, "the system calls cannot be confined: %s; confine = no does without", strerror(-status));
}

int confine_enter(struct confine *confine, unsigned rights, enum confine_how how, struct confined *out, struct error *err)
{
	bool required = how == CONFINE_REQUIRED;

	*out = (struct confined){ 0 };
	if (how == CONFINE_NO)
		return 0;
	if (IS_SANITIZED) {
		confine_read(confine, "/proc");
		confine_read(confine, "/proc/self/exe");
		confine_read_system(confine);
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return required ? error_set(err, "confine = required, and this kernel lets nobody give up privileges: %s", strerror(errno)) : 0;
	if (enter_landlock(confine, required, &out->landlock, err) != 0)
		return -1;
	return enter_seccomp(rights, required, &out->seccomp, err);
}
