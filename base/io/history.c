#include "base/io/history.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/death.h"
#include "base/io/control_server.h"
#include "base/io/simulated.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/sanitized.h"

enum {
	FLUSH_BYTES = 65536,
	COUNTERS_MAX = 4,
	SIZE_LEFT = 4096,          /* for the last line of a full one */
};

struct history {
	struct loop *loop;
	struct trail *trail;
	char *process, *path;
	int fd;                    /* -1: off, or given up */
	uint64_t seq, bytes, max_bytes;
	struct buf out;
	struct loop_hook hook;
	uint64_t dies_in;          /* lines; 0: it lives */
	bool dies_unsent, is_due;
	struct {
		history_count_fn *fn;
		void *ctx;
	} counters[COUNTERS_MAX];
	size_t counter_count;
};

/* --- lines ----------------------------------------------------------------------------------------------------------------- */

/* Given up rather than tried again: what is missing in the middle would look like an operation that never was. The last line is left unfinished,
 * which a full disk allows: it says that there would have been more. */
static void give_up(struct history *h, const char *why)
{
	off_t size = lseek(h->fd, 0, SEEK_END);

	if (size > 0 && ftruncate(h->fd, size - 1) != 0)
		log_warning("history %s cannot be marked as cut: %s", h->path, strerror(errno));
	log_error("history %s cannot be written: %s; it ends here", h->path, why);
	close(h->fd);
	h->fd = -1;
	trail_listen(h->trail, NULL, NULL);
	buf_clear(&h->out);
}

static void flush(struct history *h)
{
	size_t at = 0;

	while (h->fd >= 0 && at < h->out.len && !loop_is_dead(h->loop)) {
		ssize_t len = write(h->fd, h->out.data + at, h->out.len - at);

		if (len > 0)
			at += (size_t)len;
		else if (len < 0 && errno != EINTR)
			give_up(h, strerror(errno));
	}
	buf_clear(&h->out);
}

/* Before anything of this round leaves. */
static void about_to_send(void *arg)
{
	struct history *h = arg;

	flush(h);
	death_unsent();
	if (h->is_due)
		loop_die(h->loop);
}

static void add_line(struct history *h, const struct trail_entry *entry)
{
	json_t *line = trail_entry_json(entry);
	size_t before = h->out.len;
	char *text;

	json_object_set_new(line, "process", json_string(h->process));
	json_object_set_new(line, "pid", json_integer(getpid()));
	json_object_set_new(line, "seq", json_integer((json_int_t)++h->seq));
	json_object_set_new(line, "clock_ms", json_integer((json_int_t)loop_now_ms(h->loop)));
	json_object_del(line, "virtual_ms");
	text = json_dumps(line, JSON_COMPACT);
	if (!text)
		bug("an entry that is no JSON: %s", entry->event);
	buf_text(&h->out, text);
	buf_text(&h->out, "\n");
	free(text);
	json_decref(line);
	h->bytes += h->out.len - before;
}

static void heard(void *ctx, const struct trail_entry *entry)
{
	struct history *h = ctx;

	if (h->bytes + SIZE_LEFT > h->max_bytes) {
		struct trail_entry full = { .event = "history.full", .at_us = entry->at_us };

		add_line(h, &full);
		flush(h);
		log_warning("history %s is full at %llu bytes: it ends here", h->path, (unsigned long long)h->bytes);
		trail_listen(h->trail, NULL, NULL);
		close(h->fd);
		h->fd = -1;
		return;
	}
	add_line(h, entry);
	if (h->out.len >= FLUSH_BYTES)
		flush(h);
	death_at(entry->event);
	if (h->dies_in == 0 || --h->dies_in > 0)
		return;
	h->is_due = h->dies_unsent;
	if (!h->is_due)
		loop_die(h->loop);
}

void history_die(struct history *h, uint64_t lines, bool unsent)
{
	h->dies_in = lines;
	h->dies_unsent = unsent;
	h->is_due = false;
}

/* --- marks ----------------------------------------------------------------------------------------------------------------- */

void history_number(struct trail_entry *entry, const char *name, uint64_t value)
{
	for (size_t i = 0; i < sizeof entry->numbers / sizeof *entry->numbers; i++) {
		if (entry->numbers[i].name)
			continue;
		entry->numbers[i].name = name;
		entry->numbers[i].value = value;
		return;
	}
	bug("no place for the number %s of %s", name, entry->event);
}

static int is_descriptor(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static uint64_t descriptors_now(void)
{
	struct dirent **found = NULL;
	int count = scandir("/proc/self/fd", &found, is_descriptor, alphasort);

	for (int i = 0; i < count; i++)
		free(found[i]);
	free(found);
	return count > 1 ? (uint64_t)count - 1 : 0;         /* without the folder's own */
}

#if IS_SANITIZED
size_t __sanitizer_get_current_allocated_bytes(void);
static uint64_t memory_in_use(void)
{
	return __sanitizer_get_current_allocated_bytes();
}
#else
static uint64_t memory_in_use(void)
{
	struct mallinfo2 now = mallinfo2();

	return now.uordblks + now.hblkhd;
}
#endif

void history_count(struct history *h, history_count_fn *fn, void *ctx)
{
	if (h->counter_count == COUNTERS_MAX)
		bug("more than %d counters of a history", COUNTERS_MAX);
	h->counters[h->counter_count].fn = fn;
	h->counters[h->counter_count++].ctx = ctx;
}

void history_mark(struct history *h, const char *name)
{
	struct trail_entry entry = { .event = "history.mark", .numbers = { { "descriptors", descriptors_now() },
		{ "memory", memory_in_use() }, { "timers", loop_timers(h->loop) }, { "watches", loop_watches(h->loop) } } };

	trail_text(&entry, "name=%s", log_str(name));
	for (size_t i = 0; i < h->counter_count; i++)
		h->counters[i].fn(h->counters[i].ctx, &entry);
	trail_record(h->trail, &entry);
	flush(h);
}

static void verb_mark(void *ctx, struct control_request *request)
{
	struct history *h = ctx;
	const char *name = control_text(control_params(request), "name", "");

	if (!h || h->fd < 0) {
		control_refuse(&request, EXIT_REFUSED, "this process writes no history; set history in [common], or --history for a simulator");
	} else if (!*name || strlen(name) > 64) {
		control_refuse(&request, EXIT_USAGE, "a mark has a name of 1 to 64 bytes");
	} else {
		history_mark(h, name);
		control_done(&request, json_object());
	}
}

static const struct control_param mark_params[] = {
	{ "name", CONTROL_TEXT, true, "base...: what rest... is compared with; others are only noted" },
	{ NULL, CONTROL_TEXT, false, NULL },
};

#ifdef BRAMBLE_DEATHS
static void verb_die(void *ctx, struct control_request *request)
{
	const json_t *params = control_params(request);
	struct error err;

	(void)ctx;
	if (death_order(control_text(params, "point", ""), (long)control_number(params, "nth", 1), control_switch(params, "unsent", false), &err) != 0)
		control_refuse(&request, EXIT_USAGE, "%s", err.text);
	else
		control_done(&request, json_object());
}

static const struct control_param die_params[] = {
	{ "point", CONTROL_TEXT, true, "an event of the history, or (seat.)commit.before, (seat.)commit.after" },
	{ "nth", CONTROL_NUMBER, false, "the how many-th from now on [1]" },
	{ "unsent", CONTROL_SWITCH, false, "when the lines of that round are written, and before anything of it leaves [false]" },
	{ NULL, CONTROL_TEXT, false, NULL },
};
#endif

const struct control_verb history_verbs[] = {
#ifdef BRAMBLE_DEATHS
	{ "die", "orders the death of this process at a named point, for tests (docs/survival.md)", die_params, verb_die },
#endif
	{ "history.mark", "notes in the history what the process holds now", mark_params, verb_mark },
	{ NULL, NULL, NULL, NULL },
};

/* --- life ------------------------------------------------------------------------------------------------------------------ */

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len > end_len && strcmp(text + len - end_len, end) == 0;
}

static void say_begin(struct history *h)
{
	struct trail_entry entry = { .event = "history.begin", .numbers = { { "version", HISTORY_VERSION },
		{ "wall_ms", loop_wall_ms() }, { "manual", loop_clock_is_manual(h->loop) } } };
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "r");
	char boot[64] = "";

	/* Real times of processes can be compared when they are of one boot of one machine. */
	if (file) {
		if (fgets(boot, sizeof boot, file))
			boot[strcspn(boot, "\n")] = '\0';
		fclose(file);
	}
	trail_text(&entry, "boot=%s", log_str(boot));
	trail_note(h->trail, &entry);
	flush(h);
}

struct history *history_open(struct loop *loop, struct trail *trail, const struct history_settings *settings, struct error *err)
{
	struct history *h = memory_new(sizeof *h);

	h->loop = loop;
	h->trail = trail;
	h->fd = -1;
	h->process = memory_str(settings->process);
	h->max_bytes = settings->max_bytes ? settings->max_bytes : HISTORY_LIMIT;
	if (!settings->path || !*settings->path)
		return h;
	if (ends_with(settings->path, HISTORY_SUFFIX)) {
		h->path = memory_str(settings->path);
	} else {
		if (mkdir(settings->path, 0700) != 0 && errno != EEXIST) {
			error_set(err, "the folder %s of the history cannot be made: %s", settings->path, strerror(errno));
			goto fail;
		}
		h->path = memory_printf("%s/%s-%d" HISTORY_SUFFIX, settings->path, settings->process, getpid());
	}
	h->fd = open(h->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (h->fd < 0) {
		error_set(err, "the history %s cannot be written: %s", h->path, strerror(errno));
		goto fail;
	}
	h->hook = (struct loop_hook){ .fn = about_to_send, .arg = h };
	loop_on_send(loop, &h->hook);
	trail_listen(trail, heard, h);
	say_begin(h);
	return h;
fail:
	free(h->process);
	free(h->path);
	free(h);
	return NULL;
}

void history_free(struct history **history)
{
	struct history *h = *history;

	if (!h)
		return;
	if (h->hook.fn) {
		trail_note(h->trail, &(struct trail_entry){ .event = "history.end" });
		flush(h);
		trail_listen(h->trail, NULL, NULL);
		loop_off_send(h->loop, &h->hook);
	}
	if (h->fd >= 0)
		close(h->fd);
	buf_free(&h->out);
	free(h->process);
	free(h->path);
	free(h);
	*history = NULL;
}
