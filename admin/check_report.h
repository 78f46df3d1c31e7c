#ifndef BRAMBLE_ADMIN_CHECK_REPORT_H
#define BRAMBLE_ADMIN_CHECK_REPORT_H

#include "admin/check_entry.h"
#include "admin/check_files.h"

/* What the check found, rule by rule. A case is checked, or unknown with a reason, and what is checked may be violated. */
enum check_rule {
#define CHECK_RULES(X) \
	X(ANSWERS, "answers", "each login has one answer, and the device is told that one") \
	X(DECISIONS, "decisions", "each login is decided as the recorded arithmetic says") \
	X(LIMIT, "limit", "never more sessions than the limits allow, at each commit") \
	X(SEATS, "seats", "a seat for each session, given once, given back once, and a connection for each") \
	X(EVICTIONS, "evictions", "only sessions that were marked as evictable make way") \
	X(TIMERS, "timers", "a timeout strikes within the second from its time on") \
	X(MESSAGES, "messages", "what a device says is done once and answered, or refused, or still waits") \
	X(EVENTS, "events", "what a device is to hear reaches it, or is dropped and counted, or still waits") \
	X(DUPLICATES, "duplicates", "nothing is done or shown twice") \
	X(SERVER, "server", "what the IM server took and gave is what the service said and heard") \
	X(REPLAY, "replay", "no envelope is opened twice") \
	X(REST, "rest", "at rest a process holds what it held before") \
	X(DATABASE, "database", "the rows of the database are the sessions of the history")
#define X(id, name, help) RULE_##id,
	CHECK_RULES(X)
#undef X
	CHECK_RULE_COUNT
};
const char *check_rule_name(enum check_rule rule);

/* Where a line is, for what is said about it later; file NULL: none. */
struct check_place { const struct check_process *process; uint64_t line, at_us, clock_ms; };
struct check_place check_place(const struct check_entry *entry);

struct check_report;
struct check_report *check_report_new(void);
void check_report_free(struct check_report **report);

void check_good(struct check_report *report, enum check_rule rule, uint64_t count);
/* reason: a literal; cases with the same one are counted together. */
void check_unknown(struct check_report *report, enum check_rule rule, const char *reason, uint64_t count);
/* One violated case: first is the line that shows it, second another that it rests on, or nowhere. */
void check_violated(struct check_report *report, enum check_rule rule, struct check_place first, struct check_place second,
	const char *format, ...) __attribute__((format(printf, 5, 6)));

uint64_t check_report_violations(const struct check_report *report);
void check_report_print(const struct check_report *report, const struct check_files *files);
json_t *check_report_json(const struct check_report *report, const struct check_files *files);      /* the caller owns it */

#endif
