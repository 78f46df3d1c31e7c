/* The simulation: all daemons, an IM server, the devices and a bad network in one process on a manual clock, driven by a seed.
 * docs/simulation.md has the words. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "tests/simulation/play.h"

enum { JOBS_MAX = 16, SEED_S = 60, FAILED_MAX = 10, TELL_S = 1, TELL_PLAINLY_S = 15 };

struct options {
	uint64_t first, last;
	enum plan_mode mode;
	const char *plan, *save, *keep, *program;
	bool twice, shrink, show;
	unsigned jobs;
};

static const char help[] =
	"usage: simulate [OPTION...]\n"
	"Plays what seeds draw: people with devices, limits, timeouts and faults, through all daemons in this one process, on a manual clock. Then the\n"
	"histories must keep to every rule of `bramble check`; with mode liveness everything must also have become quiet and work again.\n"
	"  --seeds A[-B]        these seeds [1-100]\n"
	"  --mode MODE          safety, liveness, or both by turns [both]\n"
	"  --plan FILE          what the file says, instead of seeds\n"
	"  --jobs N             so many processes side by side [1]\n"
	"  --twice              each is played twice, and must come to the same history\n"
	"  --show               tells each step and what the devices were told\n"
	"  --keep FOLDER        the histories stay there, for a look\n"
	"  --save FILE          writes the plan of the (first) seed and plays nothing\n"
	"  --shrink             takes steps off the plan of the (first) seed for as long as it fails, and prints what is left\n"
	"Exit status: 0 all was as it must be, 1 something was not, 2 usage.\n";

/* --- one plan ------------------------------------------------------------------------------------------------------------- */

static void get_plan(const struct options *o, uint64_t seed, struct plan *plan)
{
	struct error err;

	if (!o->plan)
		plan_draw(plan, seed, o->mode);
	else if (plan_read(plan, o->plan, &err) != 0)
		fatal(EXIT_USAGE, "%s", err.text);
}

static void play_as_asked(const struct options *o, const struct plan *plan, struct played *out)
{
	struct played again;

	play(plan, o->show, o->keep, out);
	if (!o->twice)
		return;
	play(plan, false, NULL, &again);
	if (again.digest != out->digest || again.lines != out->lines)
		buf_printf(&out->failures, "played again it is another history: %016" PRIx64 " of %" PRIu64 " lines, and %016" PRIx64 " of %" PRIu64 "\n",
			out->digest, out->lines, again.digest, again.lines);
	buf_free(&again.failures);
}

static void tell_failure(const struct options *o, uint64_t seed, const char *why)
{
	static const char *const modes[] = { "", " --mode safety", " --mode liveness" };

	if (o->plan)
		printf("FAIL %s\n", o->plan);
	else
		printf("FAIL seed %" PRIu64 "\n", seed);
	printf("%s%s", why, *why && why[strlen(why) - 1] == '\n' ? "" : "\n");
	if (o->plan)
		printf("again: %s --plan %s --show\n", o->program, o->plan);
	else
		printf("again: %s --seeds %" PRIu64 "%s --show; shorter: --shrink; as a test: --save tests/simulation/plans/NAME\n", o->program, seed, modes[o->mode]);
	fflush(stdout);
}

/* --- many seeds, in processes that may die ---------------------------------------------------------------------------------- */

/* What the processes know of each other. */
struct shared {
	struct worker {
		pid_t pid;
		uint64_t seed;               /* that it plays, or has died of */
		uint64_t played, failed, steps, virtual_ms, lines;
	} workers[JOBS_MAX];
};

static void work(const struct options *o, struct worker *w, uint64_t from)
{
	for (w->seed = from; w->seed <= o->last; w->seed += o->jobs) {
		struct plan plan;
		struct played played;

		alarm(SEED_S);
		get_plan(o, w->seed, &plan);
		play_as_asked(o, &plan, &played);
		alarm(0);
		w->played++;
		w->steps += played.steps;
		w->virtual_ms += played.virtual_ms;
		w->lines += played.lines;
		if (played.failures.len) {
			w->failed++;
			tell_failure(o, w->seed, buf_cstr(&played.failures));
		}
		buf_free(&played.failures);
		plan_free(&plan);
	}
}

/* Of the signals that are waited for, not taken: a worker has ended, or somebody wants all to end. */
static sigset_t set_mask(int how)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigprocmask(how, &signals, NULL);
	return signals;
}

static void start_worker(const struct options *o, struct worker *w, uint64_t from)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		fatal(EXIT_INTERNAL, "no process: %s", strerror(errno));
	if (pid > 0) {
		w->pid = pid;        /* its own view of it, too, is this one */
		return;
	}
	set_mask(SIG_UNBLOCK);
	work(o, w, from);
	fflush(stdout);
	/* Not _exit: the leak checker looks at the end. */
	exit(EXIT_DONE);
}

static uint64_t sum(const struct shared *s, size_t offset)
{
	uint64_t all = 0;

	for (unsigned i = 0; i < JOBS_MAX; i++)
		all += *(const uint64_t *)((const char *)&s->workers[i] + offset);
	return all;
}
#define SUM(s, member) sum((s), offsetof(struct worker, member))

/* A worker that ends before its seeds do has died of the one it played; the next one goes on after it. */
static bool worker_ended(const struct options *o, struct worker *w, int status)
{
	char why[128];

	w->pid = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_DONE)
		return false;
	if (w->seed > o->last) {
		printf("FAIL a process ended with %d after its seeds: what it has left behind is told above\n", status);
		w->failed++;
		return false;
	}
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		snprintf(why, sizeof why, "it did not end within %d s", SEED_S);
	else
		snprintf(why, sizeof why, "it ended the process (%s %d): what that says is above", WIFSIGNALED(status) ? "signal" : "status",
			WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	tell_failure(o, w->seed, why);
	w->failed++;
	w->played++;
	return w->seed + o->jobs <= o->last;
}

static void tell_progress(const struct options *o, const struct shared *s)
{
	bool plainly = !isatty(STDERR_FILENO);

	fprintf(stderr, "%s%" PRIu64 " of %" PRIu64 " seeds, %" PRIu64 " failed%s", plainly ? "" : "\r", SUM(s, played), o->last - o->first + 1, SUM(s, failed),
		plainly ? "\n" : " ");
}

/* The next worker that has ended; 0: all are to end, and have been ended. Meanwhile it says how far they are. */
static pid_t await_worker(const struct options *o, const struct shared *s, const sigset_t *signals, int *status)
{
	const struct timespec pause = { .tv_sec = isatty(STDERR_FILENO) ? TELL_S : TELL_PLAINLY_S };

	for (;;) {
		pid_t pid = waitpid(-1, status, WNOHANG);
		int taken;

		if (pid > 0)
			return pid;
		if (pid < 0 && errno != EINTR)
			fatal(EXIT_INTERNAL, "processes are lost: %s", strerror(errno));
		taken = sigtimedwait(signals, NULL, &pause);
		if (taken < 0 && errno == EAGAIN)
			tell_progress(o, s);
		if (taken != SIGINT && taken != SIGTERM)
			continue;
		for (unsigned i = 0; i < o->jobs; i++)
			if (s->workers[i].pid)
				kill(s->workers[i].pid, SIGKILL);
		return 0;
	}
}

static int play_seeds(const struct options *o)
{
	struct shared *s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	sigset_t signals = set_mask(SIG_BLOCK);
	unsigned running = 0;
	pid_t pid;
	int status;

	if (s == MAP_FAILED)
		fatal(EXIT_INTERNAL, "no memory to share: %s", strerror(errno));
	for (unsigned i = 0; i < o->jobs && o->first + i <= o->last; i++, running++)
		start_worker(o, &s->workers[i], o->first + i);
	while (running && (pid = await_worker(o, s, &signals, &status)) > 0) {
		for (unsigned i = 0; i < o->jobs; i++) {
			struct worker *w = &s->workers[i];

			if (w->pid != pid)
				continue;
			running--;
			if (!worker_ended(o, w, status))
				continue;
			if (SUM(s, failed) >= FAILED_MAX) {
				printf("given up: %d have failed\n", FAILED_MAX);
				continue;
			}
			start_worker(o, w, w->seed + o->jobs);
			running++;
		}
	}
	if (isatty(STDERR_FILENO)) {
		tell_progress(o, s);
		fputc('\n', stderr);
	}
	printf("%sseeds %" PRIu64 "-%" PRIu64 ": %" PRIu64 " played, %" PRIu64 " failed; %" PRIu64 " steps, %" PRIu64 " s of virtual time, %" PRIu64
		" lines of histories\n", running ? "ended before the end: " : "", o->first, o->last, SUM(s, played), SUM(s, failed), SUM(s, steps),
		SUM(s, virtual_ms) / 1000, SUM(s, lines));
	return SUM(s, failed) || SUM(s, played) != o->last - o->first + 1 ? EXIT_REFUSED : EXIT_DONE;
}

/* --- one seed or plan ------------------------------------------------------------------------------------------------------ */

static int play_plan(const struct options *o)
{
	struct plan plan;
	struct played played;
	int status;

	get_plan(o, o->first, &plan);
	play_as_asked(o, &plan, &played);
	status = played.bad_plan ? EXIT_USAGE : played.failures.len ? EXIT_REFUSED : EXIT_DONE;
	if (status != EXIT_DONE)
		tell_failure(o, o->first, buf_cstr(&played.failures));
	else
		printf("%u steps, %" PRIu64 " s of virtual time, %" PRIu64 " lines of histories, digest %016" PRIx64 ": as it must be\n", played.steps,
			played.virtual_ms / 1000, played.lines, played.digest);
	buf_free(&played.failures);
	plan_free(&plan);
	return status;
}

/* In a process of its own: what fails may be its death. */
static bool fails(const struct plan *plan)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		fatal(EXIT_INTERNAL, "no process: %s", strerror(errno));
	if (pid == 0) {
		struct played played;

		alarm(SEED_S);
		if (!freopen("/dev/null", "w", stderr))
			_exit(EXIT_INTERNAL);
		play(plan, false, NULL, &played);
		_exit(played.bad_plan ? EXIT_USAGE : played.failures.len ? EXIT_REFUSED : EXIT_DONE);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
	}
	return !WIFEXITED(status) || (WEXITSTATUS(status) != EXIT_DONE && WEXITSTATUS(status) != EXIT_USAGE);
}

/* Ever smaller pieces, as long as it still fails without them. */
static int shrink(const struct options *o)
{
	struct plan plan, shorter;

	get_plan(o, o->first, &plan);
	if (!fails(&plan)) {
		printf("it does not fail\n");
		plan_free(&plan);
		return EXIT_DONE;
	}
	for (size_t piece = plan.count / 2; piece; piece /= 2) {
		for (size_t at = 0; at < plan.count;) {
			plan_without(&plan, at, piece, &shorter);
			if (fails(&shorter)) {
				plan_free(&plan);
				plan = shorter;
			} else {
				plan_free(&shorter);
				at += piece;
			}
		}
	}
	plan_write(&plan, stdout);
	plan_free(&plan);
	return EXIT_REFUSED;
}

static int save(const struct options *o)
{
	FILE *to = fopen(o->save, "w");
	struct plan plan;
	int failed;

	if (!to)
		fatal(EXIT_USAGE, "%s cannot be written: %s", o->save, strerror(errno));
	get_plan(o, o->first, &plan);
	plan_write(&plan, to);
	plan_free(&plan);
	failed = ferror(to);
	return fclose(to) != 0 || failed ? EXIT_INTERNAL : EXIT_DONE;
}

/* --- options --------------------------------------------------------------------------------------------------------------- */

static void take_seeds(struct options *o, const char *text)
{
	char *end;

	o->first = o->last = strtoull(text, &end, 10);
	if (*end == '-')
		o->last = strtoull(end + 1, &end, 10);
	if (*end || o->last < o->first || o->first > UINT64_MAX - JOBS_MAX)
		fatal(EXIT_USAGE, "--seeds is A or A-B, not %s", text);
}

static void take_mode(struct options *o, const char *text)
{
	static const char *const modes[] = { "both", "safety", "liveness" };

	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		if (strcmp(text, modes[i]) == 0) {
			o->mode = (enum plan_mode)i;
			return;
		}
	}
	fatal(EXIT_USAGE, "--mode is safety, liveness or both, not %s", text);
}

static void take_jobs(struct options *o, const char *text)
{
	char *end;
	unsigned long jobs = strtoul(text, &end, 10);

	if (*end || !jobs || jobs > JOBS_MAX)
		fatal(EXIT_USAGE, "--jobs is 1 to %d, not %s", JOBS_MAX, text);
	o->jobs = (unsigned)jobs;
}

int main(int argc, char **argv)
{
	static const struct option table[] = {
		{ "seeds", required_argument, NULL, 's' }, { "mode", required_argument, NULL, 'm' }, { "plan", required_argument, NULL, 'p' },
		{ "jobs", required_argument, NULL, 'j' }, { "twice", no_argument, NULL, '2' }, { "keep", required_argument, NULL, 'f' }, { "show", no_argument, NULL, 'v' },
		{ "save", required_argument, NULL, 'w' }, { "shrink", no_argument, NULL, 'k' }, { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	struct options o = { .first = 1, .last = 100, .jobs = 1, .program = argv[0] };
	int option;

	while ((option = getopt_long(argc, argv, "h", table, NULL)) != -1) {
		switch (option) {
		case 's': take_seeds(&o, optarg); break;
		case 'm': take_mode(&o, optarg); break;
		case 'p': o.plan = optarg; o.last = o.first; break;
		case 'j': take_jobs(&o, optarg); break;
		case 'f': o.keep = optarg; break;
		case '2': o.twice = true; break;
		case 'v': o.show = true; break;
		case 'w': o.save = optarg; break;
		case 'k': o.shrink = true; break;
		case 'h': fputs(help, stdout); return EXIT_DONE;
		default: fputs(help, stderr); return EXIT_USAGE;
		}
	}
	if (optind != argc)
		fatal(EXIT_USAGE, "%s is no option; --help lists them", argv[optind]);
	/* In memory, where there is such a folder: it is thousands of databases. */
	if (access("/dev/shm", W_OK) == 0)
		setenv("DATABASE_FOLDER", "/dev/shm", 0);
	if (o.save)
		return save(&o);
	if (o.shrink)
		return shrink(&o);
	return o.first == o.last ? play_plan(&o) : play_seeds(&o);
}
