#include <stdio.h>
#include <string.h>
#include <utlist.h>

#include "admin/record_private.h"
#include "base/settings.h"
#include "base/xml_text.h"

/* As simulator/scenario/scenario_file.h has them: a scenario with more is not read. */
enum { ELEMENTS_MAX = 9900, BYTES_MAX = 1048576 };     /* some for the frame */

/* On the lab's clock. What follows a step by less is its consequence, which a scenario awaits; a step so short after another follows it at
 * once; and what a timer brings about comes within [T, T + 1 s], so it is given that second. */
enum { AT_ONCE_MS = 300, SHORT_MS = 100, LATE_MS = 1000 };

struct writing {
	const struct record *record;
	struct buf *out;
	uint64_t now_ms;           /* as far as it has been played */
	size_t elements;
};

/* --- waiting ------------------------------------------------------------------------------------------------------------------------ */

static void advance(struct writing *w, uint64_t ms)
{
	if (!ms)
		return;
	buf_printf(w->out, "\t\t<advance by=\"%s\"/>\n", duration_text(ms));
	w->elements++;
	w->now_ms += ms;
}

/* A clock that is moved by hand stands wherever something is due; one that runs goes on while things take their time. */
static uint64_t wait_before(const struct writing *w, const struct record_item *item)
{
	uint64_t ms = item->ms > w->now_ms ? item->ms - w->now_ms : 0;

	if (!item->runs || !item->ms)
		return ms;
	if (item->kind != RECORD_OUTCOME)
		return item->is_late ? ms + LATE_MS : ms < SHORT_MS ? 0 : ms;
	if (item->is_late || ms > AT_ONCE_MS)
		return ms ? ms + LATE_MS : 0;
	return item->may_lag ? ms : 0;
}

/* --- the frame ------------------------------------------------------------------------------------------------------------------------ */

/* Two hyphens would end the comment. */
static void comment(struct buf *out, const char *text)
{
	for (; *text; text++) {
		buf_u8(out, (uint8_t)*text);
		if (text[0] == '-' && text[1] == '-')
			buf_u8(out, ' ');
	}
}

static void tell_left(void *ctx, uint64_t count, const char *what)
{
	struct buf *out = ctx;

	buf_printf(out, "\t%6llu  ", (unsigned long long)count);
	comment(out, what);
	buf_text(out, "\n");
}

static void head(const struct writing *w, const char *name)
{
	const struct record *r = w->record;
	struct buf *out = w->out;

	buf_printf(out, "<!-- Recorded from a lab with the IM system %s%s%s.\n\n"
		"\tNeither passwords nor texts are recorded: the password is the user's name and \"-secret\", or a wrong one where it was refused, and\n"
		"\t\"message 1\", \"message 2\", ... stand for what was said.\n", r->backend, *r->profile ? ", profile " : "", r->profile);
	if (r->tallies) {
		buf_text(out, "\n\tWhat happened and is not in it:\n");
		record_left(r, tell_left, out);
	}
	buf_text(out, "-->\n<scenario name=\"");
	buf_xml_text(out, name);
	buf_printf(out, "\" about=\"What happened in a lab: %zu steps, %zu outcomes\" source=\"ours\">\n", record_steps(r), record_outcomes(r));
}

static void lab(const struct writing *w)
{
	const struct record *r = w->record;

	if (r->services < 2 && r->dispatchers < 2 && !r->settings.len)
		return;
	buf_text(w->out, "\t<lab");
	if (r->services == 2)
		buf_text(w->out, " services=\"2\"");
	if (r->dispatchers == 2)
		buf_text(w->out, " dispatchers=\"2\"");
	buf_text(w->out, ">\n");
	buf_append(w->out, buf_bytes(&r->settings));
	buf_text(w->out, "\t</lab>\n");
}

static void cast(struct writing *w)
{
	for (const struct record_device *d = w->record->devices; d; d = d->hh.next) {
		if (!d->is_used)
			continue;
		buf_printf(w->out, "\t<device id=\"%s\"", d->user);
		if (d->status_interval_ms)
			buf_printf(w->out, " status-interval=\"%s\"", duration_text(d->status_interval_ms));
		if (d->keeps_password)
			buf_text(w->out, " keeps-password=\"yes\"");
		buf_text(w->out, "/>\n");
		w->elements++;
	}
}

/* --- the end ---------------------------------------------------------------------------------------------------------------------------- */

/* What was under way when the record ended would be told when it is played. */
static bool is_quiet(const struct record *r, const struct record_device *d)
{
	const struct record_said *said;

	if (d->is_logging_in)
		return false;
	DL_FOREACH(r->said, said) {
		if (d->session && !said->is_stale && strcmp(said->to, d->session_user) == 0)
			return false;
	}
	return true;
}

static void last_look(struct writing *w)
{
	const struct record *r = w->record;

	for (const struct record_device *d = r->devices; d; d = d->hh.next) {
		if (!d->is_used || d->is_left || !is_quiet(r, d))
			continue;
		buf_printf(w->out, "\t\t<expect-nothing device=\"%s\"/>\n\t\t<expect-count of=\"devices-online\" device=\"%s\" is=\"%d\"/>\n", d->user,
			d->user, d->session != 0);
		w->elements += 2;
	}
}

static void steps(struct writing *w)
{
	const struct record *r = w->record;

	buf_text(w->out, "\t<steps>\n");
	for (size_t i = 0; i < r->item_count; i++) {
		struct record_item *item = r->items[i];

		if (item->is_left)
			continue;
		if (!w->now_ms)
			w->now_ms = item->ms;     /* what was before the first is nothing */
		advance(w, wait_before(w, item));
		buf_printf(w->out, "\t\t<%s/>\n", buf_cstr(&item->words));
		w->elements++;
	}
	if (w->now_ms && r->ms >= w->now_ms + (r->stands ? 0 : SHORT_MS))
		advance(w, r->ms - w->now_ms);
	last_look(w);
	buf_text(w->out, "\t</steps>\n</scenario>\n");
}

int record_write(struct record *r, const char *name, struct buf *out, struct error *err)
{
	struct writing w = { .record = r, .out = out };

	head(&w, name);
	lab(&w);
	cast(&w);
	steps(&w);
	if (w.elements > ELEMENTS_MAX || out->len > BYTES_MAX)
		return error_set(err, "%zu elements and %zu bytes are more than a scenario holds: %d and %d", w.elements, out->len, ELEMENTS_MAX,
			BYTES_MAX);
	return 0;
}
