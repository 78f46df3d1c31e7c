#include "simulator/scenario/scenario_lab.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io/control_client.h"
#include "base/io/loop.h"
#include "base/log.h"
#include "base/memory.h"

enum { UP_MS = 90000, DOWN_MS = 20000, TOOL_MS = 60000, ASK_MS = 20000, TRIES = 8, WORDS_MAX = 64 };

/* Below the range from which the kernel takes the near ends of outgoing connections: those come and go. */
enum { OFFSET_FIRST = 1000, OFFSET_COUNT = 21000 };
static const unsigned ports[] = { 3101, 3200, 3201, 5061, 8300, 10443 };

extern char **environ;

struct scenario_lab {
	char dir[PATH_MAX];
	char tool[PATH_MAX];
	char *router, *backend;
	const char *database;
	bool is_own;                 /* started here, the folder included */
	bool history;                /* its processes write one */
	pid_t pid;                   /* 0: somebody else's, or it did not start */
	int pidfd;
};

/* --- programs ------------------------------------------------------------------------------------------------------------- */

/* The tool is beside this program. */
static int find_tool(struct scenario_lab *lab, struct error *err)
{
	char own[PATH_MAX - 16];
	ssize_t len = readlink("/proc/self/exe", own, sizeof own - 1);
	char *slash;

	if (len < 0)
		return error_set(err, "/proc/self/exe cannot be read: %s", strerror(errno));
	own[len] = '\0';
	slash = strrchr(own, '/');
	if (slash)
		*slash = '\0';
	snprintf(lab->tool, sizeof lab->tool, "%s/bramble", own);
	if (access(lab->tool, X_OK))
		return error_set(err, "the tool %s is needed to start and to change a lab: %s", lab->tool, strerror(errno));
	return 0;
}

/* Reads until the other end is closed, or until `until` stands in it. false: the time is over. */
static bool read_pipe(int fd, struct buf *into, const char *until, unsigned timeout_ms)
{
	uint64_t end_us = loop_real_us() + timeout_ms * UINT64_C(1000);

	for (;;) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };
		uint64_t now_us = loop_real_us();
		ssize_t got;

		if (now_us >= end_us)
			return false;
		if (poll(&ready, 1, (int)((end_us - now_us) / 1000 + 1)) <= 0)
			continue;
		got = read(fd, buf_extend(into, 65536), 65536);
		into->len -= (size_t)(65536 - (got > 0 ? got : 0));
		if (got == 0 || (got < 0 && errno != EINTR))
			return true;
		if (until && strstr(buf_cstr(into), until))
			return true;
		if (into->len > CONTROL_MAX_LINE)
			return true;
	}
}

/* Waits for a child's end; kills it when the time is over. Its exit status; a signal's end is EXIT_INTERNAL. */
static int await_end(pid_t pid, int pidfd, unsigned timeout_ms)
{
	uint64_t end_us = loop_real_us() + timeout_ms * UINT64_C(1000);
	bool late = false;
	int status = 0;

	for (;;) {
		struct pollfd ended = { .fd = pidfd, .events = POLLIN };
		uint64_t now_us = loop_real_us();

		if (now_us >= end_us)
			break;
		if (poll(&ended, 1, (int)((end_us - now_us) / 1000 + 1)) == 1)
			break;
	}
	if (loop_real_us() >= end_us) {
		late = true;
		kill(pid, SIGKILL);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (late)
		return EXIT_TIMEOUT;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_INTERNAL;
}

/* The last line of what a program said, as the reason. */
static const char *last_line(struct buf *said)
{
	char *line;

	while (said->len && (said->data[said->len - 1] == '\n' || said->data[said->len - 1] == ' '))
		said->len--;
	buf_cstr(said);
	line = said->len ? strrchr((char *)said->data, '\n') : NULL;
	return line ? line + 1 : buf_cstr(said);
}

int scenario_lab_tool(const struct scenario_lab *lab, const char *const *words, struct buf *out, struct error *err)
{
	char *argv[WORDS_MAX + 4] = { NULL };
	posix_spawn_file_actions_t actions;
	struct buf said = { 0 };
	int pipes[2], status = EXIT_INTERNAL, pidfd, failed;
	size_t count = 0;
	pid_t pid;

	argv[count++] = memory_str(lab->tool);
	for (; *words && count < WORDS_MAX; words++)
		argv[count++] = memory_str(*words);
	argv[count++] = memory_str("--dir");
	argv[count++] = memory_str(lab->dir);
	if (pipe2(pipes, O_CLOEXEC))
		fatal(EXIT_INTERNAL, "no pipe: %s", strerror(errno));
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, pipes[1], STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, pipes[1], STDERR_FILENO);
	failed = posix_spawn(&pid, lab->tool, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(pipes[1]);
	if (failed) {
		error_set(err, "%s cannot be started: %s", lab->tool, strerror(failed));
	} else {
		pidfd = pidfd_open(pid, 0);
		read_pipe(pipes[0], &said, NULL, TOOL_MS);
		status = await_end(pid, pidfd, TOOL_MS);
		if (pidfd >= 0)
			close(pidfd);
		if (status)
			error_set(err, "bramble %s %s ended with %d: %s", argv[1] ? argv[1] : "", argv[2] ? argv[2] : "", status,
				last_line(&said));
		if (out)
			buf_append(out, buf_bytes(&said));
	}
	close(pipes[0]);
	buf_free(&said);
	for (size_t i = 0; i < count; i++)
		free(argv[i]);
	return status;
}

json_t *scenario_lab_ask(const struct scenario_lab *lab, const char *process, const char *verb, json_t *params, int *status,
	struct error *err)
{
	char *path = memory_printf("%s/run/%s.sock", lab->dir, process);
	json_t *answer = control_ask(path, verb, params, ASK_MS, status, err);

	free(path);
	return answer;
}

/* --- a lab of its own ------------------------------------------------------------------------------------------------------- */

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

/* By lot, so that several that start at the same moment hardly ever meet; those that do try again. */
static unsigned free_offset(void)
{
	for (;;) {
		uint32_t lot;
		unsigned offset;
		bool all = true;

		if (getrandom(&lot, sizeof lot, 0) != sizeof lot)
			fatal(EXIT_INTERNAL, "no random numbers: %s", strerror(errno));
		offset = OFFSET_FIRST + lot % OFFSET_COUNT;
		for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++)
			all = all && is_free(ports[i] + offset);
		if (all)
			return offset;
	}
}

/* The folder's name ends with six letters or digits that no other has. */
static char *database_word(const struct scenario_lab *lab)
{
	char schema[16];

	snprintf(schema, sizeof schema, "run_%s", lab->dir + strlen(lab->dir) - 6);
	for (char *at = schema; *at; at++)
		*at = (char)tolower((unsigned char)*at);
	return memory_printf("--database=%s%coptions=-csearch_path%%3D%s_%d", lab->database, strchr(lab->database, '?') ? '&' : '?', schema,
		(int)getpid());
}

static void up_words(const struct scenario *scenario, const struct scenario_cast *cast, const struct scenario_lab *lab, const char *profile,
	unsigned offset, char **argv)
{
	const struct scenario_node *of_lab = scenario_child(scenario->root, WORD_LAB);
	size_t count = 0;

	argv[count++] = memory_str(lab->tool);
	argv[count++] = memory_str("lab");
	argv[count++] = memory_str("up");
	argv[count++] = memory_str("--clock");
	argv[count++] = memory_str("manual");
	argv[count++] = memory_str("--dir");
	argv[count++] = memory_str(lab->dir);
	argv[count++] = memory_printf("--port-offset=%u", offset);
	if (lab->backend)
		argv[count++] = memory_printf("--backend=%s", lab->backend);
	if (profile)
		argv[count++] = memory_printf("--profile=%s", profile);
	if (lab->database)
		argv[count++] = database_word(lab);
	if (cast->users)
		argv[count++] = memory_printf("--users=%ju", (uintmax_t)cast->users);
	if (of_lab && scenario_has(of_lab, "services"))
		argv[count++] = memory_printf("--services=%s", scenario_text(of_lab, "services"));
	if (of_lab && scenario_has(of_lab, "dispatchers"))
		argv[count++] = memory_printf("--dispatchers=%s", scenario_text(of_lab, "dispatchers"));
	if (lab->history)
		argv[count++] = memory_printf("--option=common.history=%s/" SCENARIO_HISTORY, lab->dir);
	for (const struct scenario_node *set = of_lab ? of_lab->first : NULL; set && count < WORDS_MAX; set = set->next)
		argv[count++] = memory_printf("--option=%s=%s", scenario_text(set, "key"), scenario_text(set, "value"));
	argv[count] = NULL;
}

/* Not posix_spawn: the lab must end when this process does, however it ends, and not before it by a Ctrl-C of the terminal. */
static pid_t spawn_lab(char *const *argv, int out, int errors)
{
	pid_t parent = getpid();
	pid_t pid = fork();
	sigset_t none;

	if (pid != 0)
		return pid;
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (getppid() != parent || dup2(out, STDOUT_FILENO) < 0 || dup2(errors, STDERR_FILENO) < 0)
		_exit(EXIT_INTERNAL);
	execv(argv[0], argv);
	_exit(EXIT_INTERNAL);
}

static void read_file(const char *path, struct buf *into)
{
	FILE *file = fopen(path, "r");

	if (!file)
		return;
	buf_reserve(into, 65536);
	into->len = fread(into->data, 1, 65535, file);
	fclose(file);
}

/* One try. 0, or the exit status with a sentence. */
static int bring_up(struct scenario_lab *lab, const struct scenario *scenario, const struct scenario_cast *cast, const char *profile,
	struct error *err)
{
	char *argv[WORDS_MAX + 1], *log = memory_printf("%s/up.log", lab->dir);
	struct buf said = { 0 };
	int pipes[2], status = EXIT_DONE, errors = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	up_words(scenario, cast, lab, profile, free_offset(), argv);
	if (errors < 0 || pipe2(pipes, O_CLOEXEC))
		fatal(EXIT_INTERNAL, "a lab in %s cannot be started: %s", lab->dir, strerror(errno));
	lab->pid = spawn_lab(argv, pipes[1], errors);
	if (lab->pid < 0)
		fatal(EXIT_INTERNAL, "no process for a lab: %s", strerror(errno));
	lab->pidfd = pidfd_open(lab->pid, 0);
	close(pipes[1]);
	close(errors);
	if (!read_pipe(pipes[0], &said, " is up ", UP_MS)) {
		kill(lab->pid, SIGTERM);
		await_end(lab->pid, lab->pidfd, DOWN_MS);
		lab->pid = 0;
		status = EXIT_TIMEOUT;
		error_set(err, "the lab in %s was not up within %d s", lab->dir, UP_MS / 1000);
	} else if (!strstr(buf_cstr(&said), " is up ")) {
		status = await_end(lab->pid, lab->pidfd, DOWN_MS);
		lab->pid = 0;
		buf_clear(&said);
		read_file(log, &said);
		error_set(err, "the lab did not start: %s", last_line(&said));
		status = status ? status : EXIT_INTERNAL;
	}
	close(pipes[0]);
	buf_free(&said);
	free(log);
	for (size_t i = 0; argv[i]; i++)
		free(argv[i]);
	return status;
}

/* Where its router listens and what its IM system is, as lab.json says. */
static int read_lab(struct scenario_lab *lab, struct error *err)
{
	char *path = memory_printf("%s/lab.json", lab->dir);
	json_t *state = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
	const char *router = json_string_value(json_object_get(json_object_get(state, "listen"), "router"));
	const char *backend = json_string_value(json_object_get(state, "backend"));

	if (router && backend) {
		lab->router = memory_str(router);
		free(lab->backend);
		lab->backend = memory_str(backend);
	} else {
		error_set(err, "%s does not say where the router of the lab listens: no lab runs there", path);
	}
	json_decref(state);
	free(path);
	return lab->router ? 0 : -1;
}

struct scenario_lab *scenario_lab_start(const struct scenario *scenario, const struct scenario_cast *cast, const char *backend, const char *profile,
	const char *database, bool history, int *status, struct error *err)
{
	struct scenario_lab *lab = memory_new(sizeof *lab);
	const char *tmp = getenv("TMPDIR");
	struct error ended;

	lab->pidfd = -1;
	lab->backend = backend ? memory_str(backend) : NULL;
	lab->database = database;
	lab->history = history;
	*status = EXIT_CONFIG;
	snprintf(lab->dir, sizeof lab->dir, "%s/bramble-run-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	lab->is_own = mkdtemp(lab->dir) != NULL;
	if (!lab->is_own)
		error_set(err, "no folder can be made like %s: %s", lab->dir, strerror(errno));
	else if (find_tool(lab, err) == 0)
		*status = EXIT_BIND;
	for (int i = 0; i < TRIES && *status == EXIT_BIND; i++)
		*status = bring_up(lab, scenario, cast, profile, err);
	/* What <set> says is refused on the tool's command line, and stands in the file. */
	if (*status == EXIT_USAGE)
		*status = EXIT_CONFIG;
	if (*status == EXIT_DONE && read_lab(lab, err) == 0)
		return lab;
	scenario_lab_end(&lab, false, &ended);
	return NULL;
}

struct scenario_lab *scenario_lab_open(const char *dir, int *status, struct error *err)
{
	struct scenario_lab *lab = memory_new(sizeof *lab);
	struct error ended;

	lab->pidfd = -1;
	*status = EXIT_REFUSED;
	if (!realpath(dir, lab->dir))
		error_set(err, "the folder %s: %s", dir, strerror(errno));
	else if (find_tool(lab, err) == 0 && read_lab(lab, err) == 0)
		return lab;
	scenario_lab_end(&lab, true, &ended);
	return NULL;
}

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *place)
{
	(void)about;
	(void)kind;
	(void)place;
	return remove(path);
}

/* What a process of the lab said when it did not end well: a sanitizer's finding, or the lab's own complaint. */
static bool ended_well(const struct scenario_lab *lab, int status, struct error *err)
{
	static const char *const bad[] = { "Sanitizer", "runtime error:", "when it was asked to end", NULL };
	static const char *const logs[] = { "up.log", "log/lab.log", "log/router.log", "log/dispatcher.log", "log/collab.log",
		"log/collab-2.log", "log/dispatcher-2.log", "log/groupwise.log", "log/cwa.log", "log/ocs.log", NULL };
	bool good = status == EXIT_DONE;

	if (!good)
		error_set(err, "the lab in %s ended with %d", lab->dir, status);
	for (size_t i = 0; logs[i]; i++) {
		char *path = memory_printf("%s/%s", lab->dir, logs[i]);
		struct buf text = { 0 };

		read_file(path, &text);
		for (size_t j = 0; bad[j]; j++) {
			const char *at = strstr(buf_cstr(&text), bad[j]);

			if (!at)
				continue;
			error_set(err, "%s: %.300s", path, at);
			good = false;
			break;
		}
		buf_free(&text);
		free(path);
	}
	return good;
}

/* All have ended, and their histories are whole. */
static bool kept_the_rules(const struct scenario_lab *lab, struct error *err)
{
	char *history = memory_printf("%s/" SCENARIO_HISTORY, lab->dir);
	const char *const words[] = { "check", history, NULL };
	struct buf said = { 0 };
	bool good = scenario_lab_tool(lab, words, &said, err) == EXIT_DONE;

	if (!good)
		fprintf(stderr, "%s", buf_cstr(&said));
	buf_free(&said);
	free(history);
	return good;
}

bool scenario_lab_end(struct scenario_lab **at, bool keep, struct error *err)
{
	struct scenario_lab *lab = *at;
	bool good = true;

	if (!lab)
		return true;
	if (lab->pid) {
		kill(lab->pid, SIGTERM);
		good = ended_well(lab, await_end(lab->pid, lab->pidfd, DOWN_MS), err) && (!lab->history || kept_the_rules(lab, err));
	}
	if (lab->is_own && good && !keep)
		nftw(lab->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	if (lab->pidfd >= 0)
		close(lab->pidfd);
	free(lab->router);
	free(lab->backend);
	free(lab);
	*at = NULL;
	return good;
}

const char *scenario_lab_dir(const struct scenario_lab *lab)
{
	return lab->dir;
}

const char *scenario_lab_router(const struct scenario_lab *lab)
{
	return lab->router;
}

const char *scenario_lab_backend(const struct scenario_lab *lab)
{
	return lab->backend;
}

bool scenario_lab_is_own(const struct scenario_lab *lab)
{
	return lab->is_own;
}
