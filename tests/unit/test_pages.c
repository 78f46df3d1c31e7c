/* Tables of docs/ are printed from the code: this test compares, `make docs` writes them anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "collab/session.h"
#include "protocol/cwa/codes.h"
#include "protocol/cwa/schema.h"
#include "protocol/groupwise/codes.h"
#include "protocol/groupwise/event.h"
#include "protocol/groupwise/field.h"
#include "protocol/im.h"
#include "protocol/link.h"
#include "protocol/srp.h"
#include "simulator/scenario/scenario_schema.h"

static void messages(const struct wire_msg *const *list, struct buf *out)
{
	buf_text(out, "| code | message or item | type | what it says |\n| --- | --- | --- | --- |\n");
	for (; *list; list++)
		wire_document(*list, out);
}

static void srp_table(struct buf *out)
{
	messages(srp_messages, out);
}

static void link_table(struct buf *out)
{
	messages(link_messages, out);
}

static void im_table(struct buf *out)
{
	messages(im_messages, out);
}

static void named(struct buf *out, const char *title, uint32_t first, uint32_t last, const char *(*name)(uint32_t))
{
	buf_printf(out, "| number | %s |\n| --- | --- |\n", title);
	for (uint32_t n = first; n <= last; n++)
		buf_printf(out, "| %u | %s |\n", n, name(n));
}

static void result_table(struct buf *out)
{
	named(out, "result", SRP_OK, SRP_NOT_PERMITTED, srp_result_text);
}

static void status_table(struct buf *out)
{
	named(out, "status", SRP_QUEUED, SRP_INVALID, srp_status_text);
}

static void reason_table(struct buf *out)
{
	named(out, "reason", IM_REASON_LOGOUT, IM_REASON_SERVICE_LOST, im_reason_name);
}

static void presence_table(struct buf *out)
{
	named(out, "availability", IM_UNKNOWN, IM_IDLE, im_presence_name);
}

static void happening_table(struct buf *out)
{
	named(out, "event", IM_ROOM_INVITED, IM_ROOM_PRESENT, im_room_happening_name);
}

static void kind_table(struct buf *out)
{
	named(out, "kind", IM_KIND_MESSAGE, IM_KIND_BROADCAST, im_message_kind_name);
}

static void action_table(struct buf *out)
{
	named(out, "action", IM_CONTACT_ADD, IM_CONTACT_REMOVE, im_contact_action_name);
}

static void search_table(struct buf *out)
{
	named(out, "field", IM_SEARCH_ANY_NAME, IM_SEARCH_DEPARTMENT, im_search_field_name);
}

static void code_table(struct buf *out)
{
	static const uint32_t codes[] = {
		IM_OK, IM_SERVER_BUSY, IM_FAILED_CAPACITY, IM_FAILED_300, IM_BAD_CREDENTIALS, IM_NOT_PERMITTED, IM_NO_SESSION,
		IM_NOT_DELIVERED, IM_TOO_LARGE, IM_OVERLOADED, IM_BACKEND_REFUSED, IM_UNREACHABLE, IM_NO_DATABASE,
	};

	buf_text(out, "| code | the device shows | what happened |\n| --- | --- | --- |\n");
	for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
		buf_printf(out, "| %u | %s | %s |\n", codes[i], im_code_status_text(codes[i]), im_code_reason(codes[i]));
}

static void state_table(struct buf *out)
{
	buf_text(out, "| state |");
	for (int event = 0; event < SESSION_EVENTS; event++)
		buf_printf(out, " %s |", session_event_name((enum session_event)event));
	buf_text(out, "\n| --- |");
	for (int event = 0; event < SESSION_EVENTS; event++)
		buf_text(out, " --- |");
	for (int state = SESSION_CONNECTING; !session_state_is_over((enum session_state)state); state++) {
		buf_printf(out, "\n| %s |", session_state_name((enum session_state)state));
		for (int event = 0; event < SESSION_EVENTS; event++) {
			int next = session_next_state((enum session_state)state, (enum session_event)event);

			buf_printf(out, " %s |", next < 0 ? "" : next == state ? "=" : session_state_name((enum session_state)next));
		}
	}
	buf_text(out, "\n");
}

static void gw_method_table(struct buf *out)
{
	buf_text(out, "| method | in requests | in answers |\n| --- | --- | --- |\n");
#define ROW(name, number, letter, text) buf_printf(out, "| %s | `%c` | %d |\n", *(text) ? (text) : "plain value", letter, number);
	GW_METHODS(ROW)
#undef ROW
}

static void gw_code_table(struct buf *out)
{
	buf_text(out, "| code | on the wire | meaning |\n| --- | --- | --- |\n");
#define ROW(name, code, text) buf_printf(out, "| %04X | `%d` | %s |\n", code, code, text);
	GW_CODES(ROW)
#undef ROW
}

static void gw_status_table(struct buf *out)
{
	named(out, "status", GW_UNKNOWN, GW_STATUS_INVALID, gw_status_name);
}

static void gw_event_table(struct buf *out)
{
	buf_text(out, "| type | event | after the source | from version |\n| --- | --- | --- | --- |\n");
	for (uint32_t type = GW_EVENT_INVALID_RECIPIENT; type <= GW_EVENT_SYSTEM_BROADCAST; type++) {
		static const char *const parts[] = { "u16 status", "str conference", "u32 flags", "str text" };
		int carries = gw_event_carries(type);
		const char *comma = "";

		if (carries < 0)
			continue;
		buf_printf(out, "| %u | %s | ", type, gw_event_name(type));
		for (int i = 0; i < 4; i++) {
			if (!(carries & 1 << i))
				continue;
			buf_printf(out, "%s%s", comma, parts[i]);
			comma = ", ";
		}
		buf_printf(out, "%s | %u |\n", carries ? "" : "nothing", gw_event_min_build(type));
	}
}

static void scenario_frame(struct buf *out)
{
	scenario_reference_print(KIND_ROOT | KIND_LAB | KIND_SETTING | KIND_CAST | KIND_STEPS, out);
}

static void scenario_devices(struct buf *out)
{
	scenario_reference_print(KIND_DEVICE_STEP, out);
}

static void scenario_administrator(struct buf *out)
{
	scenario_reference_print(KIND_ADMIN_STEP, out);
}

static void scenario_pipeline(struct buf *out)
{
	scenario_reference_print(KIND_PIPELINE_STEP, out);
}

static void scenario_order(struct buf *out)
{
	scenario_reference_print(KIND_ORDER_STEP, out);
}

static void scenario_assertions(struct buf *out)
{
	scenario_reference_print(KIND_ASSERTION, out);
}

static void cwa_request_table(struct buf *out)
{
	cwa_document(&cwa_requests, out);
}

static void cwa_response_table(struct buf *out)
{
	cwa_document(&cwa_responses, out);
}

static void cwa_event_table(struct buf *out)
{
	cwa_document(&cwa_events, out);
}

static void cwa_code_table(struct buf *out)
{
	buf_text(out, "| code | reason |\n| --- | --- |\n");
#define ROW(name, number, text) buf_printf(out, "| %d | %s |\n", number, text);
	CWA_CODES(ROW)
#undef ROW
}

static void cwa_availability_table(struct buf *out)
{
	buf_text(out, "| availability | published as | seen from |\n| --- | --- | --- |\n");
#define ROW(name, number, from, text) buf_printf(out, "| %s | %d | %d |\n", text, number, from);
	CWA_AVAILABILITIES(ROW)
#undef ROW
}

static const struct {
	const char *page, *name;
	void (*print)(struct buf *out);
} tables[] = {
	{ "protocol/srp", "messages", srp_table },
	{ "protocol/srp", "results", result_table },
	{ "protocol/srp", "statuses", status_table },
	{ "protocol/link", "messages", link_table },
	{ "protocol/im", "messages", im_table },
	{ "protocol/im", "codes", code_table },
	{ "protocol/im", "reasons", reason_table },
	{ "protocol/im", "presences", presence_table },
	{ "protocol/im", "happenings", happening_table },
	{ "protocol/im", "kinds", kind_table },
	{ "protocol/im", "actions", action_table },
	{ "protocol/im", "fields", search_table },
	{ "protocol/groupwise", "methods", gw_method_table },
	{ "protocol/groupwise", "codes", gw_code_table },
	{ "protocol/groupwise", "statuses", gw_status_table },
	{ "protocol/groupwise", "events", gw_event_table },
	{ "protocol/cwa", "requests", cwa_request_table },
	{ "protocol/cwa", "responses", cwa_response_table },
	{ "protocol/cwa", "events", cwa_event_table },
	{ "protocol/cwa", "codes", cwa_code_table },
	{ "protocol/cwa", "availabilities", cwa_availability_table },
	{ "sessions", "states", state_table },
	{ "scenarios", "frame", scenario_frame },
	{ "scenarios", "devices", scenario_devices },
	{ "scenarios", "administrator", scenario_administrator },
	{ "scenarios", "pipeline", scenario_pipeline },
	{ "scenarios", "order", scenario_order },
	{ "scenarios", "assertions", scenario_assertions },
	{ "scenarios", "counts", scenario_counts_print },
};

static char *read_page(const char *path)
{
	char *text = memory_new(1 << 18);
	FILE *file = fopen(path, "r");
	size_t len;

	if (!file)
		fail_msg("%s cannot be read; tests run from the top folder", path);
	len = fread(text, 1, (1 << 18) - 1, file);
	text[len] = '\0';
	fclose(file);
	return text;
}

static void write_page(const char *path, const char *before, struct buf *table, const char *after)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fprintf(file, "%s%s%s", before, buf_cstr(table), after);
	fclose(file);
}

static void check(const char *page, const char *name, struct buf *table, bool write)
{
	char path[64], begin[64], end[64];
	char *text, *from, *to;

	snprintf(path, sizeof path, "docs/%s.md", page);
	snprintf(begin, sizeof begin, "<!-- table %s -->\n", name);
	snprintf(end, sizeof end, "<!-- end %s -->\n", name);
	text = read_page(path);
	from = strstr(text, begin);
	to = strstr(text, end);
	if (!from || !to || to < from) {
		fail_msg("%s: no place marked for the table \"%s\"", path, name);
		return;
	}
	from += strlen(begin);
	if ((size_t)(to - from) != table->len || memcmp(from, table->data, table->len) != 0) {
		if (!write)
			fail_msg("%s: the table \"%s\" is not what the code says; make docs writes it anew", path, name);
		to = memory_str(to);
		*from = '\0';
		write_page(path, text, table, to);
		free(to);
	}
	free(text);
}

static void pages_say_what_the_code_does(void **state)
{
	bool write = getenv("BRAMBLE_WRITE_PAGES") != NULL;
	struct buf table = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
		buf_clear(&table);
		tables[i].print(&table);
		check(tables[i].page, tables[i].name, &table, write);
	}
	buf_free(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(pages_say_what_the_code_does) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
