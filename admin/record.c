#include "admin/record_private.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "admin/lab.h"
#include "base/io/history.h"
#include "base/memory.h"
#include "base/xml_text.h"

enum {
	SAME_PACE_MS = 200,     /* by so much two clocks may differ over a while and be said to run alike */
	ITEMS_MAX = 20000,      /* twice what a scenario holds */
};

/* --- what is kept ----------------------------------------------------------------------------------------------------------- */

struct record_item *record_add(struct record *r, enum record_kind kind, struct record_device *device, const char *element)
{
	struct record_item *item;

	if (device && device->is_left)
		return NULL;
	if (r->item_count == r->item_room) {
		r->item_room = r->item_room ? r->item_room * 2 : 64;
		r->items = memory_resize(r->items, r->item_room * sizeof(struct record_item *));
	}
	item = r->items[r->item_count] = memory_new(sizeof *item);
	*item = (struct record_item){ .kind = kind, .at_us = r->at_us, .ms = r->ms, .number = r->item_count++, .device = device,
		.runs = !r->stands, .may_lag = r->has_faults };
	buf_text(&item->words, element);
	if (device) {
		device->is_used = true;
		record_attribute(item, "device", device->user);
	}
	return item;
}

void record_attribute(struct record_item *item, const char *name, const char *value)
{
	if (!item)
		return;
	buf_printf(&item->words, " %s=\"", name);
	buf_xml_text(&item->words, value);
	buf_text(&item->words, "\"");
}

void record_leave(struct record *r, const char *format, ...)
{
	struct record_tally *tally;
	struct buf what = { 0 };
	va_list args;

	va_start(args, format);
	buf_vprintf(&what, format, args);
	va_end(args);
	HASH_FIND_STR(r->tallies, buf_cstr(&what), tally);
	if (!tally) {
		tally = memory_new(sizeof *tally);
		tally->what = memory_str(buf_cstr(&what));
		HASH_ADD_KEYPTR(hh, r->tallies, tally->what, strlen(tally->what), tally);
	}
	tally->count++;
	buf_free(&what);
}

void record_left(const struct record *r, record_left_fn *fn, void *ctx)
{
	for (const struct record_tally *tally = r->tallies; tally; tally = tally->hh.next)
		fn(ctx, tally->count, tally->what);
}

const char *record_user(const char *id, char *into, size_t size)
{
	size_t len = 0;

	for (; id[len] && id[len] != '@' && len + 1 < size; len++)
		into[len] = (char)tolower((unsigned char)id[len]);
	into[len] = '\0';
	return into;
}

/* Whose device it is in a lab that was just made. */
static void fresh_user(uint32_t pin, char *user, size_t size)
{
	user[0] = '\0';
	for (const struct lab_user *known = lab_users; known->name; known++) {
		if (known->pin == pin)
			snprintf(user, size, "%s", known->name);
	}
	if (pin >= LAB_USERS_PIN && pin < LAB_USERS_PIN + 9999)
		snprintf(user, size, "user%04u", pin - LAB_USERS_PIN + 1);
}

struct record_device *record_device(struct record *r, uint32_t pin)
{
	struct record_device *device;

	HASH_FIND(hh, r->devices, &pin, sizeof pin, device);
	if (device)
		return device;
	device = memory_new(sizeof *device);
	device->pin = pin;
	fresh_user(pin, device->user, sizeof device->user);
	device->is_left = !device->user[0];
	if (device->is_left)
		record_leave(r, "devices that a fresh lab does not have");
	HASH_ADD(hh, r->devices, pin, sizeof device->pin, device);
	return device;
}

struct record_person *record_person(struct record *r, const char *name)
{
	struct record_person *person;

	HASH_FIND_STR(r->people, name, person);
	if (!person) {
		person = memory_new(sizeof *person);
		snprintf(person->name, sizeof person->name, "%s", name);
		HASH_ADD_STR(r->people, name, person);
	}
	return person;
}

/* --- the lines ---------------------------------------------------------------------------------------------------------------- */

static void take_setting(struct record *r, const struct check_entry *e)
{
	char key[128], value[192];

	check_value(e, "key", key, sizeof key);
	if (strncmp(key, "common.history", 14) == 0 || strcmp(key, "common.log_level") == 0)
		return;       /* they change nothing in what happens */
	if (!*check_value(e, "value", value, sizeof value)) {
		record_leave(r, "settings that name a path or an address (-o %s)", key);
		return;
	}
	buf_text(&r->settings, "\t\t<set key=\"");
	buf_xml_text(&r->settings, key);
	buf_text(&r->settings, "\" value=\"");
	buf_xml_text(&r->settings, value);
	buf_text(&r->settings, "\"/>\n");
}

static void take_lab(struct record *r, const struct check_entry *e)
{
	if (strcmp(e->name, "lab.up") == 0) {
		r->began_us = check_number(e, "began_us");
		r->ended_us = UINT64_MAX;
		r->services = (unsigned)check_number(e, "services");
		r->dispatchers = (unsigned)check_number(e, "dispatchers");
		check_value(e, "backend", r->backend, sizeof r->backend);
		check_value(e, "profile", r->profile, sizeof r->profile);
	} else if (e->event == EVENT_HISTORY_END) {
		r->ended_us = e->at_us;
	}
}

/* Which lines are the last lab's: those of its processes are older than its own first one. */
static int find_lab(struct record *r, const char *const *paths, char *boot, size_t size, struct error *err)
{
	struct check_files *files = check_files_open(paths, err);
	const struct check_entry *e;
	int rc;

	if (!files)
		return -1;
	while ((rc = check_files_next(files, &e, err)) > 0) {
		if (strcmp(e->process_name, "lab") != 0)
			continue;
		take_lab(r, e);
		snprintf(boot, size, "%s", e->process->boot);
	}
	check_files_free(&files);
	if (rc == 0 && !r->began_us)
		rc = error_set(err, "no lab has written its own history (lab-PID" HISTORY_SUFFIX ") among these");
	return rc;
}

/* The lab's own process goes by the machine's clock, so the lab's is told by the others; between two of their lines it goes on as it
 * has gone, by itself or not at all. */
static void follow_clock(struct record *r, const struct check_entry *e)
{
	uint64_t real_ms = (e->at_us - r->at_us) / 1000, ms = e->clock_ms > r->ms ? e->clock_ms - r->ms : 0;

	if (strcmp(e->process_name, "lab") == 0) {
		if (!r->stands && r->ms)
			r->ms += real_ms;
	} else if (e->event == EVENT_HISTORY_BEGIN || !r->ms) {
		r->stands = e->process->manual;
		r->ms += ms;
	} else {
		if (real_ms > SAME_PACE_MS || ms > real_ms + SAME_PACE_MS)
			r->stands = ms + SAME_PACE_MS < real_ms || ms > real_ms + SAME_PACE_MS;
		r->ms += ms;
	}
	r->at_us = e->at_us;
}

static void take(struct record *r, const struct check_entry *e)
{
	follow_clock(r, e);
	if (strcmp(e->name, "lab.setting") == 0)
		take_setting(r, e);
	else if (!record_people(r, e))
		record_admin(r, e);
}

static int read_lines(struct record *r, const char *const *paths, const char *boot, struct error *err)
{
	struct check_files *files = check_files_open(paths, err);
	const struct check_entry *e;
	int rc;

	if (!files)
		return -1;
	while ((rc = check_files_next(files, &e, err)) > 0) {
		if (e->at_us >= r->began_us && e->at_us < r->ended_us && strcmp(e->process->boot, boot) == 0)
			take(r, e);
		if (r->item_count > ITEMS_MAX) {
			rc = error_set(err, "more than %d steps and outcomes: more than a scenario holds", ITEMS_MAX);
			break;
		}
	}
	check_files_free(&files);
	return rc;
}

struct record *record_read(const char *const *paths, struct error *err)
{
	struct record *r = memory_new(sizeof *r);
	char boot[64] = "";

	r->ended_us = UINT64_MAX;
	if (find_lab(r, paths, boot, sizeof boot, err) != 0 || read_lines(r, paths, boot, err) != 0) {
		record_free(&r);
		return NULL;
	}
	record_order(r);
	return r;
}

/* --- life ----------------------------------------------------------------------------------------------------------------------- */

static void free_tables(struct record *r)
{
	struct record_device *device, *next_device;
	struct record_crowd *crowd, *next_crowd;
	struct record_person *person, *next_person;
	struct record_tally *tally, *next_tally;

	HASH_ITER(hh, r->devices, device, next_device) {
		HASH_DEL(r->devices, device);
		free(device);
	}
	HASH_ITER(hh, r->crowds, crowd, next_crowd) {
		HASH_DEL(r->crowds, crowd);
		free(crowd);
	}
	HASH_ITER(hh, r->people, person, next_person) {
		HASH_DEL(r->people, person);
		free(person);
	}
	HASH_ITER(hh, r->tallies, tally, next_tally) {
		HASH_DEL(r->tallies, tally);
		free(tally->what);
		free(tally);
	}
}

void record_free(struct record **at)
{
	struct record *r = *at;
	struct record_said *said, *next;

	if (!r)
		return;
	DL_FOREACH_SAFE(r->said, said, next)
		free(said);
	free_tables(r);
	for (size_t i = 0; i < r->item_count; i++) {
		buf_free(&r->items[i]->words);
		free(r->items[i]);
	}
	free(r->items);
	buf_free(&r->settings);
	free(r);
	*at = NULL;
}

static size_t count_items(const struct record *r, bool outcomes)
{
	size_t count = 0;

	for (size_t i = 0; i < r->item_count; i++)
		count += !r->items[i]->is_left && (r->items[i]->kind == RECORD_OUTCOME) == outcomes;
	return count;
}

size_t record_steps(const struct record *r)
{
	return count_items(r, false);
}

size_t record_outcomes(const struct record *r)
{
	return count_items(r, true);
}

const char *record_backend(const struct record *r)
{
	return r->backend;
}

const char *record_profile(const struct record *r)
{
	return r->profile;
}
