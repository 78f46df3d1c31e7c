#include "simulator/relay/relay_links.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/io/connection.h"
#include "base/log.h"
#include "base/memory.h"
#include "protocol/frame.h"
#include "simulator/fault_hole.h"
#include "simulator/fault_outlet.h"

enum { UP, DOWN, DIRECTIONS };
enum { RECORD_HEADER = 5, RECORD_MAX = 16384 + 2048, LINGER_MS = 5000, REPLAY_MAX = 1000000 };

const char *const relay_unit_names[] = { "chunk", "frame", "record", NULL };
static const char *const direction_names[] = { "up", "down" };

struct side {
	struct link *link;
	struct connection *c;
	struct fault_outlet *outlet;    /* towards it */
	bool is_finished;               /* half closed by a fault: what it says is thrown away */
};

/* sides[UP] is who dialled us: what it says goes up, to sides[DOWN]. */
struct link {
	struct relay *relay;
	struct side sides[DIRECTIONS];
	struct fault_hole *hole;
	struct loop_task close;
	bool is_up;
	unsigned number;
	char name[12];
	struct link *prev, *next;
};

struct kept { struct buf unit; struct kept *prev, *next; };

struct relay {
	struct loop *loop;
	struct relay_settings settings;
	struct faults *faults;
	struct listener *listener;
	struct link *links;
	unsigned last_number;
	struct { uint64_t units, bytes, replayed; struct kept *kept; size_t kept_bytes; } ways[DIRECTIONS];
};

/* --- units --------------------------------------------------------------------------------------------------------------------------- */

/* What is none is passed on as it is: the relay judges nobody. */
static ssize_t split(void *ctx, struct bytes in, struct error *err)
{
	const struct side *side = ctx;
	enum relay_unit unit = side->link->relay->settings.unit;
	size_t len = in.len;

	if (unit == RELAY_FRAME) {
		ssize_t frame = frame_split(NULL, in, err);

		return frame < 0 ? (ssize_t)in.len : frame;
	}
	if (unit == RELAY_RECORD) {
		if (in.len < RECORD_HEADER)
			return 0;
		len = RECORD_HEADER + ((size_t)in.data[3] << 8 | in.data[4]);
		if (in.data[1] != 3 || len > RECORD_HEADER + RECORD_MAX)
			len = in.len;
	}
	return in.len < len ? 0 : (ssize_t)len;
}

static void keep(struct relay *relay, int way, struct bytes unit)
{
	struct kept *kept;

	while (relay->ways[way].kept && relay->ways[way].kept_bytes + unit.len > RELAY_KEPT_MAX) {
		kept = relay->ways[way].kept;
		DL_DELETE(relay->ways[way].kept, kept);
		relay->ways[way].kept_bytes -= kept->unit.len;
		buf_free(&kept->unit);
		free(kept);
	}
	kept = memory_new(sizeof *kept);
	buf_append(&kept->unit, unit);
	relay->ways[way].kept_bytes += unit.len;
	DL_APPEND(relay->ways[way].kept, kept);
}

/* --- links --------------------------------------------------------------------------------------------------------------------------- */

static void link_free(struct link *link)
{
	struct relay *relay = link->relay;

	DL_DELETE(relay->links, link);
	loop_drop(relay->loop, &link->close);
	fault_hole_free(&link->hole);
	for (int i = 0; i < DIRECTIONS; i++) {
		fault_outlet_free(&link->sides[i].outlet);
		connection_free(&link->sides[i].c);
	}
	free(link);
}

static void close_link(void *arg)
{
	struct link *link = arg;

	log_info("relay link=%u closed", link->number);
	link_free(link);
}

static void leave(void *arg, struct bytes unit)
{
	const struct side *to = arg;

	if (to->c && !to->is_finished)
		connection_send(to->c, unit);
}

/* What a reader does not take is not read from who says it. */
static void hold_back(const struct side *to, struct side *from)
{
	if (to->c && from->c && connection_is_full(to->c))
		connection_pause(from->c);
}

/* Who dialled us knows the link by `from` and `at`, who is dialled by `as` and `to`. */
static void record(const struct link *link, const char *event, const char *what)
{
	struct trail_entry entry = { .event = event, .numbers = { { "link", link->number } } };
	const struct side *near = &link->sides[UP], *far = &link->sides[DOWN];

	if (!trail_is_heard(link->relay->settings.records) || !near->c || !far->c)
		return;
	trail_text(&entry, "what=%s from=%s at=%s as=%s to=%s", what, connection_peer(near->c), connection_local(near->c), connection_local(far->c),
		connection_peer(far->c));
	trail_record(link->relay->settings.records, &entry);
}

static void pass(struct link *link, int way, struct bytes unit)
{
	struct relay *relay = link->relay;
	struct side *from = &link->sides[way], *to = &link->sides[!way];
	struct fault fault = { .action = FAULT_NONE };

	relay->ways[way].units++;
	relay->ways[way].bytes += unit.len;
	keep(relay, way, unit);
	if (fault_hole_is_open(link->hole) || from->is_finished)
		return;
	if (faults_any(relay->faults))
		fault = faults_next(relay->faults, loop_now_ms(relay->loop), link->name, direction_names[way]);
	if (fault.action != FAULT_NONE)
		record(link, "relay.fault", fault_action_name(fault.action));
	switch (fault.action) {
	case FAULT_CLOSE:
		loop_defer(relay->loop, &link->close);
		return;
	case FAULT_HALF_OPEN:
		fault_hole_open(link->hole, fault);
		for (int i = 0; i < DIRECTIONS; i++)
			if (link->sides[i].c)
				connection_pause(link->sides[i].c);
		return;
	case FAULT_HALF_CLOSE:
		fault_outlet_pass(to->outlet, unit);
		fault_outlet_finish(to->outlet);
		to->is_finished = true;
		connection_finish(to->c, LINGER_MS);
		return;
	default:
		fault_outlet_send(to->outlet, fault, unit);
		hold_back(to, from);
	}
}

static void on_up(void *ctx)
{
	struct link *link = ((struct side *)ctx)->link;

	link->is_up = true;
	record(link, "relay.link", "up");
	if (!fault_hole_is_open(link->hole))
		connection_resume(link->sides[UP].c);
}

static void on_unit(void *ctx, struct bytes unit)
{
	struct side *from = ctx;

	pass(from->link, from == &from->link->sides[UP] ? UP : DOWN, unit);
}

/* The other one is told all that was said before, and the end. */
static void on_closed(void *ctx, enum connection_end end, const char *why)
{
	struct side *gone = ctx;
	struct link *link = gone->link;
	struct side *other = gone == &link->sides[UP] ? &link->sides[DOWN] : &link->sides[UP];

	log_info("relay link=%u side=%s end=%s why=%s", link->number, gone == &link->sides[UP] ? "up" : "down", connection_end_name(end),
		log_str(why));
	connection_free(&gone->c);
	if (!other->c || !link->is_up) {
		loop_defer(link->relay->loop, &link->close);
		return;
	}
	if (other->is_finished)
		return;
	fault_outlet_finish(other->outlet);
	other->is_finished = true;
	connection_resume(other->c);
	connection_finish(other->c, LINGER_MS);
}

static void on_drained(void *ctx)
{
	struct side *to = ctx;
	struct link *link = to->link;
	struct side *from = to == &link->sides[UP] ? &link->sides[DOWN] : &link->sides[UP];

	if (from->c && link->is_up && !fault_hole_is_open(link->hole))
		connection_resume(from->c);
}

static void hole_is_over(void *arg)
{
	struct link *link = arg;

	loop_defer(link->relay->loop, &link->close);
}

static const struct connection_callbacks near_callbacks = {
	.split = split, .message = on_unit, .closed = on_closed, .drained = on_drained,
};
static const struct connection_callbacks far_callbacks = {
	.up = on_up, .split = split, .message = on_unit, .closed = on_closed, .drained = on_drained,
};
/* The patience is that of the two who speak. */
static const struct connection_limits limits = { .max_message = 1u << 20, .first_message_ms = UINT32_MAX, .message_ms = UINT32_MAX };

static void on_accept(void *ctx, struct connection *c)
{
	struct relay *relay = ctx;
	struct link *link = memory_new(sizeof *link);

	link->relay = relay;
	link->number = ++relay->last_number;
	snprintf(link->name, sizeof link->name, "%u", link->number);
	link->close = (struct loop_task){ .fn = close_link, .arg = link };
	link->hole = fault_hole_new(relay->loop, relay->faults, hole_is_over, link);
	DL_APPEND(relay->links, link);
	for (int i = 0; i < DIRECTIONS; i++) {
		link->sides[i].link = link;
		link->sides[i].outlet = fault_outlet_new(relay->loop, leave, &link->sides[i]);
	}
	link->sides[UP].c = c;
	connection_own(c, &near_callbacks, &link->sides[UP]);
	connection_pause(c);
	link->sides[DOWN].c = connection_dial(relay->loop, relay->settings.to, NULL, NULL, &limits, &far_callbacks, &link->sides[DOWN]);
	log_info("relay link=%u from=%s", link->number, connection_peer(c));
}

/* --- beginning and end --------------------------------------------------------------------------------------------------------------- */

static bool is_link(void *ctx, const char *name)
{
	(void)ctx;
	return *name && strspn(name, "0123456789") == strlen(name) && strlen(name) < 10;
}

static bool is_direction(void *ctx, const char *name)
{
	(void)ctx;
	return strcmp(name, "up") == 0 || strcmp(name, "down") == 0;
}

struct relay *relay_new(struct loop *loop, const struct relay_settings *settings, struct error *err)
{
	static const char *const special[] = { NULL };
	struct relay *relay = memory_new(sizeof *relay);

	relay->loop = loop;
	relay->settings = *settings;
	relay->faults = faults_new(&(struct fault_terms){ .whom = "link", .where = "here (links are counted from 1)", .is_whom = is_link,
		.is_kind = is_direction, .special = special, .kind_noun = "direction", .kind_help = "all; a direction is up or down" });
	faults_seed(relay->faults, settings->seed);
	relay->listener = listener_new(loop, settings->listen, NULL, &limits, 0, on_accept, relay, err);
	if (!relay->listener)
		relay_free(&relay);
	return relay;
}

void relay_free(struct relay **pointer)
{
	struct relay *relay = *pointer;

	if (!relay)
		return;
	*pointer = NULL;
	listener_free(&relay->listener);
	while (relay->links)
		link_free(relay->links);
	for (int way = 0; way < DIRECTIONS; way++) {
		struct kept *kept, *next;

		DL_FOREACH_SAFE(relay->ways[way].kept, kept, next) {
			buf_free(&kept->unit);
			free(kept);
		}
	}
	faults_free(&relay->faults);
	free(relay);
}

const char *relay_address(const struct relay *relay)
{
	return listener_address(relay->listener);
}

struct faults *relay_faults(struct relay *relay)
{
	return relay->faults;
}

void relay_shutdown(void *server, loop_fn *done, void *arg)
{
	struct relay *relay = server;

	listener_free(&relay->listener);
	while (relay->links)
		link_free(relay->links);
	done(arg);
}

/* --- control ------------------------------------------------------------------------------------------------------------------------- */

static void verb_census(void *ctx, struct control_request *request)
{
	const struct relay *relay = ctx;
	json_t *out = json_object();
	const struct link *link;
	int links = 0;

	DL_FOREACH(relay->links, link)
		links++;
	json_object_set_new(out, "links", json_integer(links));
	json_object_set_new(out, "links_total", json_integer(relay->last_number));
	for (int way = 0; way < DIRECTIONS; way++) {
		const struct kept *kept;
		int count = 0;

		DL_FOREACH(relay->ways[way].kept, kept)
			count++;
		json_object_set_new(out, direction_names[way], json_pack("{s:I, s:I, s:i, s:I}", "units", (json_int_t)relay->ways[way].units, "bytes",
			(json_int_t)relay->ways[way].bytes, "kept", count, "replayed", (json_int_t)relay->ways[way].replayed));
	}
	control_done(&request, out);
}

static struct link *newest_link(const struct relay *relay)
{
	struct link *link, *newest = NULL;

	DL_FOREACH(relay->links, link)
		if (link->is_up && link->sides[UP].c && link->sides[DOWN].c)
			newest = link;
	return newest;
}

/* first 0 and last 0xffffffff: all that are kept. Frames can be chosen by their opcode. */
static void verb_replay(void *ctx, struct control_request *request)
{
	struct relay *relay = ctx;
	const json_t *params = control_params(request);
	int way = strcmp(control_text(params, "way", "up"), "down") == 0 ? DOWN : UP;
	uint64_t units = control_number(params, "units", REPLAY_MAX), opcode = control_number(params, "opcode", 256), done = 0;
	uint64_t total = control_number(params, "link", 0);
	struct link *link = newest_link(relay), *other;
	const struct kept *kept;

	DL_FOREACH(relay->links, other)
		if (total && other->number == total && other->is_up)
			link = other;
	if (!link || (total && link->number != total)) {
		control_refuse(&request, EXIT_REFUSED, "no such link is open");
		return;
	}
	while (done < units && done < REPLAY_MAX) {
		uint64_t before = done;

		DL_FOREACH(relay->ways[way].kept, kept) {
			if (done == units || (opcode < 256 && (kept->unit.len < FRAME_HEADER || kept->unit.data[1] != opcode)))
				continue;
			leave(&link->sides[!way], buf_bytes(&kept->unit));
			done++;
		}
		if (done == before || !json_object_get(params, "units"))
			break;
	}
	relay->ways[way].replayed += done;
	control_done(&request, json_pack("{s:I, s:i}", "units", (json_int_t)done, "link", (int)link->number));
}

static const struct control_param replay_params[] = {
	{ "way", CONTROL_TEXT, false, "up: what was said to who is dialled; down: what he answered [up]" },
	{ "units", CONTROL_NUMBER, false, "so many, from the oldest that is kept on and again from there; left out: each once" },
	{ "opcode", CONTROL_NUMBER, false, "only frames of this opcode" },
	{ "link", CONTROL_NUMBER, false, "over this link; left out: the newest" },
	{ NULL, CONTROL_TEXT, false, NULL },
};

const struct control_verb relay_verbs[] = {
	{ "census", "links, and what has passed each way", NULL, verb_census },
	{ "replay", "says again what passed before, to the very byte", replay_params, verb_replay },
	{ NULL, NULL, NULL, NULL },
};
