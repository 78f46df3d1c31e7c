#include "protocol/groupwise/event.h"

#include <string.h>

#include "base/log.h"
#include "base/reader.h"
#include "protocol/groupwise/codes.h"

#define STATUS GW_EVENT_HAS_STATUS
#define CONFERENCE GW_EVENT_HAS_CONFERENCE
#define FLAGS GW_EVENT_HAS_FLAGS
#define TEXT GW_EVENT_HAS_TEXT

/* 110, 111, 116 and 120 and everything past 123 make a client of version 2 drop the connection: they have no row, and so can
 * neither be sent nor, their length being unknown, be skipped. Source: capture (libpurple 2.14.12) for types with a body, code
 * for 101, 104, 105, 109, 118; 122 and 123: code (version 4). */
static const struct row {
	uint32_t type;
	const char *name;
	int carries;
	uint32_t min_build;
} rows[] = {
	{ GW_EVENT_INVALID_RECIPIENT, "invalid-recipient", 0, 1 },
	{ GW_EVENT_UNDELIVERABLE, "undeliverable", CONFERENCE, 1 },
	{ GW_EVENT_STATUS, "status", STATUS | TEXT, 1 },
	{ GW_EVENT_CONTACT_ADDED, "contact-added", 0, 1 },
	{ GW_EVENT_CONFERENCE_CLOSED, "conference-closed", CONFERENCE, 1 },
	{ GW_EVENT_JOINED, "joined", CONFERENCE | FLAGS, 1 },
	{ GW_EVENT_LEFT, "left", CONFERENCE | FLAGS, 1 },
	{ GW_EVENT_MESSAGE, "message", CONFERENCE | FLAGS | TEXT, 1 },
	{ GW_EVENT_FILE, "file", 0, 1 },
	{ GW_EVENT_TYPING, "typing", CONFERENCE, 1 },
	{ GW_EVENT_TYPING_STOPPED, "typing-stopped", CONFERENCE, 1 },
	{ GW_EVENT_ELSEWHERE, "signed-on-elsewhere", 0, 1 },
	{ GW_EVENT_SERVER_DOWN, "server-down", 0, 1 },
	{ GW_EVENT_INVITATION, "invitation", CONFERENCE | TEXT, 1 },
	{ GW_EVENT_OTHER_INVITED, "other-invited", CONFERENCE, 1 },
	{ GW_EVENT_REJECTED, "rejected", CONFERENCE, 1 },
	{ GW_EVENT_AUTO_REPLY, "auto-reply", CONFERENCE | FLAGS | TEXT, 1 },
	{ GW_EVENT_BROADCAST, "broadcast", TEXT, GW_BUILD_BROADCAST },
	{ GW_EVENT_SYSTEM_BROADCAST, "system-broadcast", TEXT, GW_BUILD_BROADCAST },
};

static const struct row *row_of(uint32_t type)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (rows[i].type == type)
			return &rows[i];
	return NULL;
}

int gw_event_carries(uint32_t type)
{
	const struct row *row = row_of(type);

	return row ? row->carries : -1;
}

const char *gw_event_name(uint32_t type)
{
	const struct row *row = row_of(type);

	return row ? row->name : NULL;
}

uint32_t gw_event_min_build(uint32_t type)
{
	const struct row *row = row_of(type);

	return row ? row->min_build : UINT32_MAX;
}

static void put_text(const char *what, struct bytes text, size_t max, struct buf *out)
{
	if (text.len > max || (text.len && memchr(text.data, 0, text.len)))
		bug("the %s of an event has %zu bytes or a NUL; at most %zu are sent", what, text.len, max);
	buf_u32le(out, (uint32_t)text.len + 1);
	buf_append(out, text);
	buf_u8(out, 0);
}

void gw_event_encode(const struct gw_event *event, struct buf *out)
{
	int carries = gw_event_carries(event->type);

	if (carries < 0)
		bug("event %u has no known layout", event->type);
	buf_u32le(out, event->type);
	put_text("source", event->source, GW_EVENT_SOURCE_MAX, out);
	if (carries & STATUS)
		buf_u16le(out, event->status);
	if (carries & CONFERENCE)
		put_text("conference", event->conference, GW_EVENT_CONFERENCE_MAX, out);
	if (carries & FLAGS)
		buf_u32le(out, event->flags);
	if (carries & TEXT)
		put_text("text", event->text, GW_EVENT_TEXT_MAX, out);
}

static struct bytes read_text(struct reader *r, const char *what, size_t max, struct error *err, bool *bad)
{
	uint32_t len = reader_u32le(r);
	struct bytes text;
	const uint8_t *nul;

	if (reader_ok(r) && len > max + 1 && !*bad) {
		error_set(err, "its %s at offset %zu has %u bytes; %zu are accepted", what, r->at - 4, len, max + 1);
		*bad = true;
	}
	text = *bad ? (struct bytes){ 0 } : reader_bytes(r, len);
	nul = text.len ? memchr(text.data, 0, text.len) : NULL;
	return nul ? bytes_of(text.data, (size_t)(nul - text.data)) : text;
}

/* Reads one event off the front. 1, 0 if more must come, -1 with a sentence. */
static int read_event(struct reader *r, struct gw_event *out, struct error *err)
{
	const struct row *row;
	bool bad = false;

	*out = (struct gw_event){ .type = reader_u32le(r) };
	if (!reader_ok(r))
		return 0;
	row = row_of(out->type);
	if (!row)
		return error_set(err, "an event of type %u, whose length is not known", out->type);
	out->source = read_text(r, "source", GW_EVENT_SOURCE_MAX, err, &bad);
	if (row->carries & STATUS)
		out->status = reader_u16le(r);
	if (row->carries & CONFERENCE)
		out->conference = read_text(r, "conference", GW_EVENT_CONFERENCE_MAX, err, &bad);
	if (row->carries & FLAGS)
		out->flags = reader_u32le(r);
	if (row->carries & TEXT)
		out->text = read_text(r, "text", GW_EVENT_TEXT_MAX, err, &bad);
	if (bad)
		return error_prefix(err, "event %u (%s): ", row->type, row->name);
	return reader_ok(r);
}

ssize_t gw_event_split(struct bytes in, struct error *err)
{
	struct reader r = reader_of(in);
	struct gw_event event;
	int whole = read_event(&r, &event, err);

	return whole > 0 ? (ssize_t)r.at : whole;
}

int gw_event_decode(struct bytes raw, struct gw_event *out, struct error *err)
{
	struct reader r = reader_of(raw);
	int whole = read_event(&r, out, err);

	if (whole < 0)
		return -1;
	if (!whole)
		return error_set(err, "an event cut off after %zu bytes", raw.len);
	if (!reader_done(&r))
		return error_set(err, "%zu bytes follow the end of event %u", reader_left(&r), out->type);
	return 0;
}

void gw_event_dump(struct bytes raw, struct buf *out)
{
	struct gw_event event;
	struct error err;
	int carries;

	if (gw_event_decode(raw, &event, &err) < 0) {
		buf_printf(out, "event malformed: %s\n", err.text);
		return;
	}
	carries = gw_event_carries(event.type);
	buf_printf(out, "event %u %s source=%s", event.type, gw_event_name(event.type), log_value(event.source));
	if (carries & STATUS)
		buf_printf(out, " status=%u (%s)", event.status, gw_status_name(event.status));
	if (carries & CONFERENCE)
		buf_printf(out, " conference=%s", log_value(event.conference));
	if (carries & FLAGS)
		buf_printf(out, " flags=0x%x", event.flags);
	if (carries & TEXT)
		buf_printf(out, " text=%s", log_value(event.text));
	buf_u8(out, '\n');
}
