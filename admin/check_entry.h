#ifndef BRAMBLE_ADMIN_CHECK_ENTRY_H
#define BRAMBLE_ADMIN_CHECK_ENTRY_H

#include <jansson.h>

#include "base/bytes.h"
#include "base/error.h"

/* One line of a history (docs/history.md). Everything but the begin, the end and what the rules look at is EVENT_OTHER. */
enum check_event {
	EVENT_OTHER,
#define CHECK_EVENTS(X) \
	X(HISTORY_BEGIN, "history.begin") X(HISTORY_END, "history.end") X(HISTORY_FULL, "history.full") X(HISTORY_MARK, "history.mark") \
	X(OWNER_START, "owner.start") X(OWNER_FENCED, "owner.fenced") X(LIMITS, "limits") \
	X(LOGIN, "login") X(ADMIT, "admit") X(ANSWER, "answer") \
	X(SEAT_ENDED, "seat.ended") X(SEAT_RELEASE, "seat.release") X(SEAT_FREE, "seat.free") \
	X(SESSION_END, "session.end") X(SESSION_EVICT, "evict") X(SESSION_COVERAGE, "session.coverage") X(SESSION_MARK, "session.mark") \
	X(MARK_WANTED, "mark.wanted") X(MARK_UNWANTED, "mark.unwanted") X(MARK_ASKED, "mark.asked") \
	X(BACKEND_CONNECT, "backend.connect") X(BACKEND_CLOSED, "backend.closed") \
	X(IM_TAKEN, "im.taken") X(IM_AGAIN, "im.again") X(IM_ANSWERED, "im.answered") X(IM_HEARD, "im.heard") \
	X(EVENT_QUEUED, "event.queued") X(EVENT_DELIVERED, "event.delivered") X(EVENT_DROPPED, "event.dropped") \
	X(EVENT_REFUSED, "event.refused") X(EVENT_FORGOTTEN, "event.forgotten") \
	X(OPENED, "opened") X(REPLAYED, "replayed") \
	X(LOGIN_SENT, "login.sent") X(LOGIN_TOLD, "login.told") X(IM_SAID, "im.said") X(IM_ONCE, "im.once") X(IM_ACKED, "im.acked") \
	X(IM_REFUSED, "im.refused") X(EVENT_SHOWN, "event.shown") X(SESSION_OVER, "session.over") \
	X(SERVER_LOGIN, "server.login") X(SERVER_END, "server.end") X(SERVER_ACCEPTED, "server.accepted") \
	X(SERVER_DELIVERED, "server.delivered") X(SERVER_FAULT, "server.fault") \
	X(CWA_SESSION, "cwa.session") X(UPLINK_REGISTERED, "uplink.registered") \
	X(RELAY_LINK, "relay.link") X(RELAY_FAULT, "relay.fault")
#define X(id, name) EVENT_##id,
	CHECK_EVENTS(X)
#undef X
	CHECK_EVENT_COUNT
};

struct check_process;

enum { CHECK_NUMBERS = 12, CHECK_LINE_MAX = 65536 };

struct check_entry {
	const struct check_process *process;    /* set by check_files */
	uint64_t line;                          /* the same */
	uint64_t seq, at_us, clock_ms;
	uint64_t pid;
	const char *process_name, *name, *text; /* borrowed from json; name: of the event */
	enum check_event event;
	uint32_t pin, transaction;
	struct { const char *name; uint64_t value; } numbers[CHECK_NUMBERS];
	json_t *json;                           /* owned */
};

/* Takes a line apart, without its newline. Strict: every key that is written is there and of its kind, no other is. 0, or -1 with a
 * sentence; then there is nothing to free. */
int check_entry_decode(struct bytes line, struct check_entry *out, struct error *err);
void check_entry_free(struct check_entry *entry);
/* A number of the entry; 0 when it has none of the name. */
uint64_t check_number(const struct check_entry *entry, const char *name);
/* The value of key= in its text, "" when there is none; into is returned. */
const char *check_value(const struct check_entry *entry, const char *key, char *into, size_t size);

#endif
