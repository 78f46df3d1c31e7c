#include "base/io/daemon.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/io/trail_verbs.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/nearest.h"

const char *const daemon_log_levels[] = { "error", "warning", "info", "debug", NULL };

enum { RESERVED_DESCRIPTORS = 64, MAX_STATUS_HOOKS = 8 };

struct daemon {
	const struct daemon_program *program;
	struct daemon_settings *settings;
	struct loop *loop;
	struct trail *trail;
	struct history *history;
	struct control_server *control;
	char *socket_path;
	bool is_ready;
	bool says_ready;
	int notify_fd;             /* opened before the process gives up making sockets */
	uint64_t started_us;
	struct confined confined;
	struct {
		daemon_status_fn *fn;
		void *ctx;
	} hooks[MAX_STATUS_HOOKS];
	size_t hook_count;
};

/* --- options ----------------------------------------------------------------------------------------------------------- */

enum { OPTION_HELP = 256, OPTION_CLOCK, OPTION_READY };

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "option", required_argument, NULL, 'o' },
	{ "test", no_argument, NULL, 't' },
	{ "show", no_argument, NULL, 'T' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ "clock", required_argument, NULL, OPTION_CLOCK },
	{ "ready", no_argument, NULL, OPTION_READY },
	{ NULL, 0, NULL, 0 },
};

struct options {
	const char *file;
	const char **overrides;
	size_t override_count;
	bool test, show, ready, manual_clock;
	uint64_t clock_ms;
};

static void print_help(const struct daemon_program *program)
{
	printf("bramble-%s: %s\n\n"
		"Usage: bramble-%s [-c FILE] [-o SECTION.KEY=VALUE]...\n\n"
		"  -c, --config FILE               settings file; its sections [common] and [%s] are read\n"
		"  -o, --option SECTION.KEY=VALUE  one setting, stronger than the file; may be repeated\n"
		"  -t, --test                      check the settings and end\n"
		"  -T, --show                      print the effective settings, with what each does, and end\n"
		"      --clock manual[:MS]         a clock that stands (at MS, usually 1000000) until it is moved over the control socket\n"
		"      --ready                     print READY on standard output when it listens; NOTIFY_SOCKET is told always\n"
		"  -V, --version                   print the version and end\n"
		"      --help                      print this and end\n\n"
		"SIGTERM and SIGINT end it. Exit status: 0 done, 2 usage, 3 settings, 4 cannot listen, 5 database, 70 internal.\n",
		program->name, program->help, program->name, program->name);
}

static void usage(const struct daemon_program *program, const char *format, const char *value)
	__attribute__((noreturn, format(printf, 2, 0)));

static void usage(const struct daemon_program *program, const char *format, const char *value)
{
	fprintf(stderr, "bramble-%s: ", program->name);
	fprintf(stderr, format, value);
	fprintf(stderr, "; --help tells more\n");
	exit(EXIT_USAGE);
}

static void parse_clock(const struct daemon_program *program, const char *text, struct options *out)
{
	struct error err;

	out->manual_clock = true;
	if (clock_option_parse(text, &out->clock_ms, &err) != 0)
		usage(program, "%s", err.text);
}

static void unknown_option(const struct daemon_program *program, const char *typed)
{
	const char *names[sizeof long_options / sizeof *long_options];
	char bare[64], hint[96], text[256];
	size_t i;

	for (i = 0; long_options[i].name; i++)
		names[i] = long_options[i].name;
	names[i] = NULL;
	snprintf(bare, sizeof bare, "%s", typed + strspn(typed, "-"));
	bare[strcspn(bare, "=")] = '\0';
	snprintf(text, sizeof text, "%s%s", log_str(typed), did_you_mean(bare, names, hint, sizeof hint));
	usage(program, "unknown option or missing value: %s", text);
}

static void parse_options(int argc, char **argv, const struct daemon_program *program, struct options *out)
{
	int c;

	out->overrides = memory_new(((size_t)argc + 1) * sizeof *out->overrides);
	opterr = 0;
	optind = 1;
	while ((c = getopt_long(argc, argv, ":c:o:tTV", long_options, NULL)) != -1) {
		switch (c) {
		case 'c': out->file = optarg; break;
		case 'o': out->overrides[out->override_count++] = optarg; break;
		case 't': out->test = true; break;
		case 'T': out->show = true; break;
		case OPTION_READY: out->ready = true; break;
		case OPTION_CLOCK: parse_clock(program, optarg, out); break;
		case 'V':
			printf("bramble-%s %s\n", program->name, BRAMBLE_VERSION);
			exit(EXIT_DONE);
		case OPTION_HELP:
			print_help(program);
			exit(EXIT_DONE);
		default:
			unknown_option(program, argv[optind - 1]);
		}
	}
	if (optind < argc)
		usage(program, "nothing is expected after the options, but there is %s", log_str(argv[optind]));
}

static void load_settings(const struct daemon_program *program, const struct options *options, struct daemon_settings *settings)
{
	struct error err = { "" };
	struct buf text = { 0 };
	enum log_level level;

	if (settings_load(program->settings, settings, program->name, options->file, options->overrides, &err) != 0)
		fatal(EXIT_CONFIG, "%s", err.text);
	if (!settings->log_level || log_level_parse(settings->log_level, &level) != 0)
		fatal(EXIT_CONFIG, "[%s] log_level = %s is not accepted; it is error, warning, info or debug", program->name,
			log_str(settings->log_level));
	if (!settings->run_dir)
		fatal(EXIT_CONFIG, "[%s] run_dir is empty; it is the folder of the control sockets", program->name);
	log_set_level(level);
	if (options->show) {
		settings_print(program->settings, settings, program->name, &text);
		fwrite(text.data, 1, text.len, stdout);
		buf_free(&text);
	} else if (options->test) {
		printf("bramble-%s: the settings%s%s are good\n", program->name, options->file ? " in " : "",
			options->file ? options->file : "");
	}
	if (options->show || options->test) {
		settings_free(program->settings, settings);
		free(options->overrides);
		exit(EXIT_DONE);
	}
}

/* --- control verbs ----------------------------------------------------------------------------------------------------- */

static const char *name_of(const struct daemon_program *program, const struct daemon_settings *settings)
{
	return settings->process_name && *settings->process_name ? settings->process_name : program->name;
}

static void verb_status(void *ctx, struct control_request *request)
{
	struct daemon *d = ctx;
	json_t *out = json_object();

	json_object_set_new(out, "name", json_string(name_of(d->program, d->settings)));
	json_object_set_new(out, "pid", json_integer(getpid()));
	json_object_set_new(out, "version", json_string(BRAMBLE_VERSION));
	json_object_set_new(out, "ready", json_boolean(d->is_ready));
	json_object_set_new(out, "uptime_ms", json_integer((json_int_t)((loop_real_us() - d->started_us) / 1000)));
	json_object_set_new(out, "now_ms", json_integer((json_int_t)loop_now_ms(d->loop)));
	json_object_set_new(out, "confined", json_pack("{s:b, s:i}", "seccomp", d->confined.seccomp, "landlock", d->confined.landlock));
	json_object_set_new(out, "log_level", json_string(log_level_name(log_level_now())));
	json_object_set_new(out, "trail_last", json_integer((json_int_t)trail_last(d->trail)));
	for (size_t i = 0; i < d->hook_count; i++)
		d->hooks[i].fn(d->hooks[i].ctx, out);
	control_done(&request, out);
}

static void verb_log_level(void *ctx, struct control_request *request)
{
	const char *name = control_text(control_params(request), "level", log_level_name(log_level_now()));
	enum log_level level;

	(void)ctx;
	if (log_level_parse(name, &level) != 0) {
		control_refuse(&request, EXIT_USAGE, "log level %s is none; it is error, warning, info or debug", log_str(name));
		return;
	}
	log_set_level(level);
	control_done(&request, json_pack("{s:s}", "level", log_level_name(level)));
}

static const struct control_param log_params[] = {
	{ "level", CONTROL_TEXT, false, "error, warning, info or debug; left out: only tells" },
	{ NULL, CONTROL_TEXT, false, NULL },
};

static const struct control_verb daemon_verbs[] = {
	{ "status", "who this is and how it does", NULL, verb_status },
	{ "log.level", "how much is logged", log_params, verb_log_level },
	{ NULL, NULL, NULL, NULL },
};

void daemon_status_hook(struct daemon *d, daemon_status_fn *fn, void *ctx)
{
	if (d->hook_count == MAX_STATUS_HOOKS)
		bug("more than %d status hooks", MAX_STATUS_HOOKS);
	d->hooks[d->hook_count].fn = fn;
	d->hooks[d->hook_count++].ctx = ctx;
}

/* --- life -------------------------------------------------------------------------------------------------------------- */

unsigned long daemon_raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 0;
	if (limit.rlim_cur < limit.rlim_max) {
		struct rlimit raised = { .rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max };

		if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
			limit = raised;
	}
	return (unsigned long)limit.rlim_cur;
}

/* The socket to say it on, or -1: nobody wants to hear it. */
static int notify_open(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t len = path ? strlen(path) : 0;
	int fd;

	if (!len)
		return -1;
	if ((path[0] != '/' && path[0] != '@') || len >= sizeof address.sun_path) {
		log_warning("NOTIFY_SOCKET=%s is neither a path nor an abstract name of at most %zu bytes", log_str(path),
			sizeof address.sun_path - 1);
		return -1;
	}
	memcpy(address.sun_path, path, len);
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0) {
		log_warning("NOTIFY_SOCKET=%s cannot be told: %s", log_str(path), strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

static void notify_say(int *fd)
{
	char text[64];
	int size = snprintf(text, sizeof text, "READY=1\nMAINPID=%d\n", getpid());

	if (*fd < 0)
		return;
	if (send(*fd, text, (size_t)size, MSG_NOSIGNAL) < 0)
		log_warning("NOTIFY_SOCKET could not be told: %s", strerror(errno));
	close(*fd);
	*fd = -1;
}

void daemon_notify_ready(void)
{
	int fd = notify_open();

	notify_say(&fd);
}

static void on_signal(void *arg)
{
	struct daemon *d = arg;

	log_info("ending on a signal");
	loop_stop(d->loop);
}

/* Nobody else may read control sockets and logs in a folder that we make. */
static void make_run_dir(const char *path)
{
	struct stat st;

	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		fatal(EXIT_CONFIG, "run_dir %s cannot be made: %s", path, strerror(errno));
	if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
		fatal(EXIT_CONFIG, "run_dir %s is not a folder", path);
}

struct daemon *daemon_start(int argc, char **argv, const struct daemon_program *program, struct daemon_settings *settings)
{
	static char log_name[64];
	struct options options = { 0 };
	struct error err = { "" };
	unsigned long descriptors;
	struct daemon *d;

	log_open(program->name);
	memory_of_libraries();
	signal(SIGPIPE, SIG_IGN);
	parse_options(argc, argv, program, &options);
	load_settings(program, &options, settings);
	free(options.overrides);
	if (settings->process_name && strspn(settings->process_name, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(settings->process_name))
		fatal(EXIT_CONFIG, "[%s] process_name = %s: lower-case letters, digits and dashes are accepted", program->name,
			log_str(settings->process_name));
	/* The log outlives the settings. */
	snprintf(log_name, sizeof log_name, "%s", name_of(program, settings));
	log_open(log_name);

	d = memory_new(sizeof *d);
	d->program = program;
	d->settings = settings;
	d->says_ready = options.ready;
	d->started_us = loop_real_us();
	d->notify_fd = notify_open();
	d->loop = loop_new();
	if (options.manual_clock)
		loop_clock_manual(d->loop, options.clock_ms);
	loop_signal(d->loop, SIGTERM, on_signal, d);
	loop_signal(d->loop, SIGINT, on_signal, d);
	descriptors = daemon_raise_descriptors();
	log_info("start version=%s pid=%d descriptors=%lu links=%lu%s", BRAMBLE_VERSION, getpid(), descriptors,
		descriptors > RESERVED_DESCRIPTORS ? descriptors - RESERVED_DESCRIPTORS : 0,
		options.manual_clock ? " clock=manual" : "");
	d->trail = trail_new(TRAIL_ENTRIES);
	trail_set_clock(d->trail, d->loop);
	d->history = history_open(d->loop, d->trail, &(struct history_settings){ .path = settings->history, .process = program->name,
		.max_bytes = settings->history_limit }, &err);
	if (!d->history)
		fatal(EXIT_CONFIG, "%s", err.text);
	make_run_dir(settings->run_dir);
	d->socket_path = memory_printf("%s/%s.sock", settings->run_dir, name_of(program, settings));
	d->control = control_server_new(d->loop, d->socket_path, &err);
	if (!d->control)
		fatal(EXIT_BIND, "%s", err.text);
	control_server_add(d->control, daemon_verbs, d);
	control_server_add(d->control, clock_verbs, d->loop);
	control_server_add(d->control, trail_verbs, d->trail);
	control_server_add(d->control, history_verbs, d->history);
	return d;
}

struct loop *daemon_loop(struct daemon *d)
{
	return d->loop;
}

struct trail *daemon_trail(struct daemon *d)
{
	return d->trail;
}

struct history *daemon_history(struct daemon *d)
{
	return d->history;
}

struct control_server *daemon_control(struct daemon *d)
{
	return d->control;
}

const char *daemon_socket(const struct daemon *d)
{
	return d->socket_path;
}

void daemon_confine(struct daemon *d, struct confine **policy, unsigned rights)
{
	struct error err;

	if (rights & CONFINE_FILES)
		confine_write(*policy, d->settings->run_dir);
	if (confine_enter(*policy, rights, (enum confine_how)d->settings->confine, &d->confined, &err) != 0)
		fatal(EXIT_CONFIG, "%s", err.text);
	confine_free(policy);
	if (d->settings->confine == CONFINE_NO || (d->confined.seccomp && d->confined.landlock))
		log_info("confined seccomp=%s landlock=%d", d->confined.seccomp ? "yes" : "no", d->confined.landlock);
	else
		log_warning("confined seccomp=%s landlock=%d: this kernel cannot do all of it", d->confined.seccomp ? "yes" : "no",
			d->confined.landlock);
}

void daemon_run(struct daemon *d)
{
	d->is_ready = true;
	notify_say(&d->notify_fd);
	if (d->says_ready) {
		puts("READY");
		fflush(stdout);
	}
	log_info("ready control=%s", d->socket_path);
	loop_run(d->loop);
	d->is_ready = false;
}

int daemon_stop(struct daemon *d)
{
	sigset_t asked;

	/* The loop gives the signals back: one more SIGTERM would end us in the middle of ending. */
	sigemptyset(&asked);
	sigaddset(&asked, SIGTERM);
	sigaddset(&asked, SIGINT);
	sigprocmask(SIG_BLOCK, &asked, NULL);
	control_server_free(&d->control);
	history_free(&d->history);
	trail_free(&d->trail);
	loop_free(&d->loop);
	settings_free(d->program->settings, d->settings);
	free(d->socket_path);
	log_info("end");
	free(d);
	return EXIT_DONE;
}
