#ifndef BRAMBLE_BASE_IO_DAEMON_H
#define BRAMBLE_BASE_IO_DAEMON_H

#include "base/confine.h"
#include "base/io/clock_verbs.h"
#include "base/io/control_server.h"
#include "base/io/history.h"
#include "base/io/loop.h"
#include "base/settings.h"
#include "base/trail.h"

/* What every daemon does the same way: options, settings, log level, descriptor limit, signals, readiness, end.
 *
 *   -c FILE  -o section.key=value  -t (check the settings and end)  -T (print the effective ones)  -V  --help
 *   --clock=manual[:MS] (stands at MS, usually 1000000)   --ready (prints READY; NOTIFY_SOCKET is told always: READY=1)
 *
 * run_dir/NAME.sock is its control socket. SIGTERM and SIGINT end it cleanly. */
struct daemon;

struct daemon_program {
	const char *name;                 /* "router": section of the file, name in logs, control socket */
	const char *help;                 /* one paragraph */
	const struct setting *settings;
};

/* Settings that every daemon has, first member of each daemon's own struct; DAEMON_SETTINGS(struct x, common) are their rows. */
struct daemon_settings {
	char *run_dir;
	char *log_level;
	char *process_name;          /* NULL: the program's */
	char *history;
	uint64_t history_limit;
	int confine;                 /* enum confine_how */
};
extern const char *const daemon_log_levels[];
#define DAEMON_SETTINGS(struct_type, member) \
	{ .key = "run_dir", .type = SETTING_PATH, .offset = offsetof(struct_type, member.run_dir), .fallback = "run", .common = true, \
	  .help = "folder of the control sockets" }, \
	{ .key = "log_level", .type = SETTING_TEXT, .offset = offsetof(struct_type, member.log_level), .fallback = "info", \
	  .common = true, .help = "error, warning, info or debug" }, \
	{ .key = "process_name", .type = SETTING_TEXT, .offset = offsetof(struct_type, member.process_name), \
	  .help = "name of the process in its log, and of its control socket, where several of a kind share run_dir; left out: the program's" }, \
	{ .key = "history", .type = SETTING_PATH, .offset = offsetof(struct_type, member.history), .common = true, \
	  .help = "file (.jsonl) or folder of the history that `bramble check` reads; not set: none is written" }, \
	{ .key = "history_limit", .type = SETTING_SIZE, .offset = offsetof(struct_type, member.history_limit), .fallback = "1G", \
	  .common = true, .min = 65536, .help = "bytes of history of each process; then it ends with a line that says so" }, \
	{ .key = "confine", .type = SETTING_CHOICE, .offset = offsetof(struct_type, member.confine), .fallback = "yes", \
	  .choices = confine_choices, .common = true, \
	  .help = "give up programs, other processes and all files but its own (seccomp, Landlock): yes as far as the kernel can, required, no" }

/* Ends the process itself for -t, -T, -V, --help and for anything wrong (exit statuses as the design lists them). */
struct daemon *daemon_start(int argc, char **argv, const struct daemon_program *program, struct daemon_settings *settings);
struct loop *daemon_loop(struct daemon *d);
struct trail *daemon_trail(struct daemon *d);
struct history *daemon_history(struct daemon *d);          /* off unless the setting says where */
struct control_server *daemon_control(struct daemon *d);    /* serves status, trail, log, clock; add your own verbs */
/* As the setting says; the policy is freed. run_dir is added to it where files are allowed. Before there are other threads, and before
 * daemon_run. Ends the process when the kernel refuses. What came into force is in the log and in the verb status. */
void daemon_confine(struct daemon *d, struct confine **policy, unsigned rights);
const char *daemon_socket(const struct daemon *d);    /* the path of its control socket */
void daemon_run(struct daemon *d);       /* says that it is ready, then works until SIGTERM */
int daemon_stop(struct daemon *d);       /* the exit status; after everything that used its loop has been freed */

/* Adds the daemon's own numbers to what the verb status answers: fn puts keys into the object ("linked": true, ...). */
typedef void daemon_status_fn(void *ctx, json_t *into);
void daemon_status_hook(struct daemon *d, daemon_status_fn *fn, void *ctx);

/* Tells NOTIFY_SOCKET, when there is one, that this process is ready (sd_notify's protocol). For programs without daemon_run. */
void daemon_notify_ready(void);

/* Raises the soft limit of open files to the hard one and returns it. */
unsigned long daemon_raise_descriptors(void);

#endif
