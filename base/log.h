#ifndef BRAMBLE_BASE_LOG_H
#define BRAMBLE_BASE_LOG_H

#include "base/bytes.h"

/* One line per event, who it is about first: `login refused device=2100000A user=alice reason=server-busy`.
 * error: someone must act; warning: a peer misbehaved; info: a session's life; debug: decoded messages. LOG_NOTHING is no setting's word: it is
 * for simulations, where nobody is there to act. */
enum log_level { LOG_NOTHING = -1, LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

/* The exit statuses of every program of ours, as the design lists them. */
enum exit_status {
	EXIT_DONE = 0,
	EXIT_REFUSED = 1,     /* refused, or an assertion or threshold failed */
	EXIT_USAGE = 2,
	EXIT_CONFIG = 3,
	EXIT_BIND = 4,
	EXIT_DATABASE = 5,
	EXIT_TIMEOUT = 6,
	EXIT_INTERNAL = 70,
};

/* Names the program in each line; lines go to standard error. */
void log_open(const char *program);
void log_set_level(enum log_level level);
enum log_level log_level_now(void);
int log_level_parse(const char *name, enum log_level *out);   /* error, warning, info, debug; -1 if none of them */
const char *log_level_name(enum log_level level);
bool log_wants(enum log_level level);

void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
/* The arguments are not evaluated when nobody reads debug lines. */
#define log_debug(...) do { if (log_wants(LOG_DEBUG)) log_line(LOG_DEBUG, __VA_ARGS__); } while (0)

/* A value from outside, safe inside a line: printable ASCII and UTF-8 as they are, everything else as \xHH; quoted
 * when it holds a space, a quote or '='; cut at 200 bytes. One of 16 static buffers: use it at once. */
const char *log_value(struct bytes value);
const char *log_str(const char *value);

/* Ends the process. fatal: the world does not let us go on (a sentence for a person, and the exit status that fits).
 * bug: our own mistake. */
void fatal(enum exit_status status, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));
void bug(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
