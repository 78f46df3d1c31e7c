#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/lab_private.h"
#include "base/io/history.h"
#include "base/log.h"
#include "base/memory.h"

struct lab_history {
	struct trail *trail;
	struct history *history;
};

char *lab_history_path(const struct lab *lab)
{
	const char *path = lab->place.history;
	char *here, *absolute;

	lab_overridden(&lab->options, "common.history", &path);
	if (!path || !*path)
		return NULL;
	here = *path == '/' ? NULL : getcwd(NULL, 0);
	absolute = here ? memory_printf("%s/%s", here, path) : memory_str(path);
	free(here);
	return absolute;
}

char *lab_history_folder(const struct lab *lab)
{
	char *path = lab_history_path(lab);
	size_t len = path ? strlen(path) : 0, end = strlen(HISTORY_SUFFIX);

	if (len > end && strcmp(path + len - end, HISTORY_SUFFIX) == 0) {
		free(path);
		path = NULL;
	}
	return path;
}

/* Of a setting that names a place of this machine only its name is kept: paths, addresses and URLs, which may hold a password. */
static void note_setting(struct trail *trail, const char *override)
{
	struct trail_entry entry = { .event = "lab.setting" };
	const char *value = strchr(override, '=');
	char *key = memory_printf("%.*s", (int)(value ? value - override : 0), override);

	if (value && !strpbrk(value, "/:"))
		trail_text(&entry, "key=%s value=%s", log_str(key), log_str(value + 1));
	else
		trail_text(&entry, "key=%s", log_str(key));
	trail_note(trail, &entry);
	free(key);
}

static void note_start(const struct lab *lab, struct trail *trail)
{
	struct trail_entry entry = { .event = "lab.up", .numbers = { { "began_us", lab->began_us }, { "services", lab->options.services == 2 ? 2 : 1 },
		{ "dispatchers", lab->options.dispatchers == 2 ? 2 : 1 } } };

	trail_text(&entry, "backend=%s profile=%s", lab_backend_name(lab->backend), lab->options.profile ? lab->options.profile : "");
	trail_note(trail, &entry);
	for (const char *const *o = lab->options.overrides; o && *o; o++)
		note_setting(trail, *o);
}

struct lab_history *lab_history_new(const struct lab *lab, struct loop *loop, struct error *err)
{
	struct lab_history *h = memory_new(sizeof *h);
	char *path = lab_history_folder(lab);

	h->trail = trail_new(0);
	h->history = history_open(loop, h->trail, &(struct history_settings){ .path = path, .process = "lab" }, err);
	free(path);
	if (!h->history)
		lab_history_free(&h);
	else
		note_start(lab, h->trail);
	return h;
}

void lab_history_free(struct lab_history **at)
{
	struct lab_history *h = *at;

	if (!h)
		return;
	history_free(&h->history);
	trail_free(&h->trail);
	free(h);
	*at = NULL;
}

void lab_history_note(struct lab_history *h, const char *event, const char *process)
{
	struct trail_entry entry = { .event = event };

	if (!h)
		return;
	trail_text(&entry, "process=%s", process);
	trail_note(h->trail, &entry);
}
