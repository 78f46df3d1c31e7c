#include "simulator/scenario/scenario_words.h"

#include <string.h>

/* One list for the table and for the choices of <expect-count of="...">. */
#define COUNTS(X) \
	X("live", COUNT_OF_SESSIONS, "live", "sessions that the Collaboration Service holds") \
	X("active", COUNT_OF_SESSIONS, "active", "of these, in coverage") \
	X("out-of-coverage", COUNT_OF_SESSIONS, "out-of-coverage", "of these, out of it") \
	X("connecting", COUNT_OF_SESSIONS, "connecting", "of these, the IM server has not answered yet") \
	X("evictable", COUNT_OF_SESSIONS, "evictable", "of these, marked: out of coverage or silent") \
	X("logins", COUNT_OF_COLLAB, "logins", "logins that came, since the service started") \
	X("admitted", COUNT_OF_COLLAB, "admitted", "logins that got a seat") \
	X("logged-in", COUNT_OF_COLLAB, "logged_in", "logins that the IM server accepted") \
	X("refused", COUNT_OF_COLLAB, "refused", "logins that were refused") \
	X("evicted", COUNT_OF_COLLAB, "evicted", "sessions that made room") \
	X("expired", COUNT_OF_COLLAB, "expired", "sessions that the inactivity timeout ended") \
	X("closed", COUNT_OF_COLLAB, "closed", "sessions whose user logged out") \
	X("replaced", COUNT_OF_COLLAB, "replaced", "sessions that a newer login replaced") \
	X("lost", COUNT_OF_COLLAB, "lost", "sessions that were lost with the IM server") \
	X("messages-up", COUNT_OF_COLLAB, "messages_up", "messages of devices that the service acted on") \
	X("messages-down", COUNT_OF_COLLAB, "messages_down", "events for devices") \
	X("delivered", COUNT_OF_COLLAB, "down_delivered", "messages that the Router reported as delivered") \
	X("waiting", COUNT_OF_COLLAB, "down_waiting", "events that wait for devices out of coverage") \
	X("dropped", COUNT_OF_COLLAB, "down_dropped", "events that were dropped, because too many waited") \
	X("duplicates", COUNT_OF_COLLAB, "duplicates", "messages that came twice and were acted on once") \
	X("seats-releasing", COUNT_OF_COLLAB, "seats_releasing", "seats that could not be given back yet") \
	X("connections", COUNT_OF_IM_SERVER, "connections", "connections that the IM server has now") \
	X("im-sessions", COUNT_OF_IM_SERVER, "sessions", "of these, logged in") \
	X("im-logins", COUNT_OF_IM_SERVER, "logins_total", "logins that the IM server took since it started") \
	X("seats", COUNT_OF_DATABASE, "seats", "rows of live sessions in the database, also those of a service that was killed") \
	X("status-sent", COUNT_OF_DEVICES, "status_sent", "status messages that devices sent") \
	X("messages-sent", COUNT_OF_DEVICES, "messages_out", "messages that devices sent") \
	X("messages-received", COUNT_OF_DEVICES, "messages_in", "messages that devices took") \
	X("resent", COUNT_OF_DEVICES, "resent", "messages that devices sent again") \
	X("device-duplicates", COUNT_OF_DEVICES, "duplicates", "messages that devices had seen before") \
	X("devices-online", COUNT_OF_DEVICES, "online", "devices with a session, linked or not") \
	X("told-accepted", COUNT_OF_DEVICES, "accepted", "logins that devices were told are accepted, looked at or not") \
	X("told-refused", COUNT_OF_DEVICES, "refused", "and refused") \
	X("told-logged-out", COUNT_OF_DEVICES, "logged_out", "logouts that devices were told of unasked")

#define ROW(name, source, member, help) { name, source, member, help },
const struct scenario_count scenario_counts[] = { COUNTS(ROW) { NULL, COUNT_OF_SESSIONS, NULL, NULL } };
#define NAME(name, source, member, help) name,
static const char *const count_names[] = { COUNTS(NAME) NULL };

#define CHOICES(...) (const char *const[]){ __VA_ARGS__, NULL }

#define DEVICE { "device", SCENARIO_NAMES, true, "which devices, one after the other: ids, groups, patterns", 0, 0, NULL }
#define PROCESS { "process", SCENARIO_CHOICE, true, "which one", 0, 0, CHOICES("router", "dispatcher", "dispatcher-2", "collab", "collab-2", \
	"im-server", "ocs") }
/* When something must have happened: never before since + after, at most within later. */
#define WHEN \
	{ "after", SCENARIO_DURATION, false, "not sooner than so long after the mark", 0, 0, NULL }, \
	{ "within", SCENARIO_DURATION, false, "and at most so much later", 0, 0, NULL }, \
	{ "since", SCENARIO_NAME, false, "the mark; left out: the start of the scenario", 0, 0, NULL }

const struct scenario_element scenario_elements[SCENARIO_WORDS] = {
	[WORD_SCENARIO] = { "scenario", KIND_ROOT, "The whole file.",
		{ { KIND_LAB, AT_MOST_ONE }, { KIND_CAST, ANY_NUMBER }, { KIND_STEPS, EXACTLY_ONE } }, {
		{ "name", SCENARIO_NAME, true, "its name in results", 0, 0, NULL },
		{ "about", SCENARIO_TEXT, true, "what it shows, in one sentence", 0, 0, NULL },
		{ "source", SCENARIO_CHOICE, true, "where the behaviour comes from", 0, 0, CHOICES("document", "inferred", "ours") },
		{ "sentence", SCENARIO_TEXT, false, "the step or sentence that it follows, as docs/sessions.md words it", 0, 0, NULL } } },
	[WORD_LAB] = { "lab", KIND_LAB, "The lab that is started for it.", { { KIND_SETTING, ANY_NUMBER } }, {
		{ "services", SCENARIO_NUMBER, false, "2: also collab-2, a second Collaboration Service of the same pool", 1, 2, NULL },
		{ "dispatchers", SCENARIO_NUMBER, false, "2: also dispatcher-2, of the same SRP identity", 1, 2, NULL },
		{ "users", SCENARIO_NUMBER, false, "users user0001 and up beside alice, bob, carol and dave; left out: as many as "
		  "<devices> needs", 0, 9999, NULL } } },
	[WORD_SET] = { "set", KIND_SETTING, "A setting of the daemons, stronger than their defaults.", { { 0 } }, {
		{ "key", SCENARIO_KEY, true, "section.key, as in bramble.ini", 0, 0, NULL },
		{ "value", SCENARIO_TEXT, true, "its value", 0, 0, NULL } } },
	[WORD_DEVICE] = { "device", KIND_CAST, "One simulated BlackBerry, in coverage from the start.", { { 0 } }, {
		{ "id", SCENARIO_NAME, true, "its name in the steps", 0, 0, NULL },
		{ "user", SCENARIO_TEXT, false, "who logs in on it; left out: the id", 0, 0, NULL },
		{ "password", SCENARIO_TEXT, false, "left out: the user and -secret", 0, 0, NULL },
		{ "pin", SCENARIO_PIN, false, "left out: that of the user", 0, 0, NULL },
		{ "status-interval", SCENARIO_DURATION, false, "between its status messages; left out: what the service says", 0, 0, NULL },
		{ "keeps-password", SCENARIO_CHOICE, false, "password caching: it logs in by itself when it is asked to, or its session was lost; "
		  "left out: no", 0, 0, CHOICES("yes", "no") } } },
	[WORD_DEVICES] = { "devices", KIND_CAST, "Many alike, of the users from user0001 on: d1, d2, ... for the id d.", { { 0 } }, {
		{ "id", SCENARIO_NAME, true, "what their names begin with", 0, 0, NULL },
		{ "count", SCENARIO_NUMBER, true, "how many", 1, 9999, NULL },
		{ "status-interval", SCENARIO_DURATION, false, "between their status messages; left out: what the service says", 0, 0, NULL },
		{ "keeps-password", SCENARIO_CHOICE, false, "password caching, as of <device>; left out: no", 0, 0, CHOICES("yes", "no") } } },
	[WORD_STEPS] = { "steps", KIND_STEPS, "What happens, in order.", { { KIND_STEP, AT_LEAST_ONE } }, { { 0 } } },

	[WORD_LOGIN] = { "login", KIND_DEVICE_STEP, "The user logs in.", { { 0 } }, {
		DEVICE,
		{ "user", SCENARIO_TEXT, false, "somebody else than the device's user", 0, 0, NULL },
		{ "password", SCENARIO_TEXT, false, "another password than the right one", 0, 0, NULL },
		{ "together", SCENARIO_CHOICE, false, "all at once, so that they race; left out: no", 0, 0, CHOICES("yes", "no") } } },
	[WORD_LOGOUT] = { "logout", KIND_DEVICE_STEP, "The user logs out.", { { 0 } }, { DEVICE } },
	[WORD_SEND] = { "send", KIND_DEVICE_STEP, "The user says something.", { { 0 } }, {
		DEVICE,
		{ "to", SCENARIO_TEXT, true, "the user it is for", 0, 0, NULL },
		{ "text", SCENARIO_TEXT, true, "what is said; with count, a number follows it", 0, 0, NULL },
		{ "count", SCENARIO_NUMBER, false, "so many times; left out: once", 1, 100000, NULL } } },
	[WORD_PRESENCE] = { "presence", KIND_DEVICE_STEP, "The user sets his status.", { { 0 } }, {
		DEVICE,
		{ "is", SCENARIO_CHOICE, true, "the status", 0, 0, CHOICES("available", "busy", "away", "idle", "offline") },
		{ "text", SCENARIO_TEXT, false, "and what others see beside it", 0, 0, NULL } } },
	[WORD_COVERAGE] = { "coverage", KIND_DEVICE_STEP, "The device leaves coverage, or is back.", { { 0 } }, {
		DEVICE, { "is", SCENARIO_CHOICE, true, "which", 0, 0, CHOICES("lost", "back") } } },
	[WORD_SILENT] = { "silent", KIND_DEVICE_STEP, "The device sends no status messages though its link is up, or sends them again.",
		{ { 0 } }, { DEVICE, { "is", SCENARIO_CHOICE, true, "which", 0, 0, CHOICES("on", "off") } } },

	[WORD_LIMITS] = { "limits", KIND_ADMIN_STEP, "The administrator changes limits, by `bramble limits set`. What is not named stays.",
		{ { 0 } }, {
		{ "max", SCENARIO_LIMIT, false, "maximum simultaneous sessions", 1, 2147483647, NULL },
		{ "idle-timeout", SCENARIO_TIMEOUT, false, "at the maximum, sessions silent for so long make room", 0, 0, NULL },
		{ "inactivity-timeout", SCENARIO_TIMEOUT, false, "sessions without an action of their user for so long end", 0, 0, NULL },
		{ "capacity", SCENARIO_NUMBER, false, "sessions that the transport to the IM server carries", 1, 2147483647, NULL },
		{ "evict", SCENARIO_CHOICE, false, "who makes room: every one that may, or as few as needed", 0, 0, CHOICES("all", "one") } } },
	[WORD_PERMIT] = { "permit", KIND_ADMIN_STEP, "A user may use the collaboration client again.", { { 0 } }, {
		{ "user", SCENARIO_TEXT, true, "who", 0, 0, NULL } } },
	[WORD_FORBID] = { "forbid", KIND_ADMIN_STEP, "A user may not use the collaboration client.", { { 0 } }, {
		{ "user", SCENARIO_TEXT, true, "who", 0, 0, NULL } } },
	[WORD_END_SESSION] = { "end-session", KIND_ADMIN_STEP, "The administrator ends the device's session.", { { 0 } }, { DEVICE } },

	[WORD_SWITCH] = { "switch", KIND_ADMIN_STEP, "The administrator makes another Collaboration Service the active one, by `bramble failover switch`.",
		{ { 0 } }, {
		{ "to", SCENARIO_CHOICE, false, "which one; left out: the standby one with the highest score", 0, 0, CHOICES("collab-1", "collab-2") } } },
	[WORD_CLAIM] = { "claim", KIND_ADMIN_STEP, "The administrator has a dispatcher take its SRP identity back, by `bramble failover claim`.",
		{ { 0 } }, {
		{ "process", SCENARIO_CHOICE, true, "which one", 0, 0, CHOICES("dispatcher", "dispatcher-2") } } },

	[WORD_ADVANCE] = { "advance", KIND_PIPELINE_STEP, "Moves the clock of all processes, stopping wherever something is due.", { { 0 } }, {
		{ "by", SCENARIO_DURATION, false, "so far; this or to", 0, 0, NULL },
		{ "to", SCENARIO_DURATION, false, "to so long after the mark", 0, 0, NULL },
		{ "since", SCENARIO_NAME, false, "the mark; left out: the start of the scenario", 0, 0, NULL } } },
	[WORD_KILL] = { "kill", KIND_PIPELINE_STEP, "Kills a process, as SIGKILL does.", { { 0 } }, { PROCESS } },
	[WORD_STOP] = { "stop", KIND_PIPELINE_STEP, "Stops a process, as SIGSTOP does: it is there and does nothing.", { { 0 } }, { PROCESS } },
	[WORD_CONTINUE] = { "continue", KIND_PIPELINE_STEP, "Lets a stopped process go on.", { { 0 } }, { PROCESS } },
	[WORD_START] = { "start", KIND_PIPELINE_STEP, "Starts a process that was killed.", { { 0 } }, { PROCESS } },
	[WORD_RESTART] = { "restart", KIND_PIPELINE_STEP, "Ends a process cleanly and starts it again.", { { 0 } }, { PROCESS } },
	[WORD_FAULT] = { "fault", KIND_PIPELINE_STEP, "Misbehaviour of a device's link, of the IM server, or of the OCS behind it; docs/faults.md has the words.",
		{ { 0 } }, {
		{ "at", SCENARIO_CHOICE, true, "where", 0, 0, CHOICES("device", "im-server", "ocs") },
		{ "device", SCENARIO_NAMES, false, "of each of these devices; left out: of all together", 0, 0, NULL },
		{ "action", SCENARIO_NAME, true, "what happens", 0, 0, NULL },
		{ "value", SCENARIO_TEXT, false, "how much of it: ACTION=VALUE", 0, 0, NULL },
		{ "user", SCENARIO_TEXT, false, "at a server: of this user alone", 0, 0, NULL },
		{ "on", SCENARIO_NAME, false, "to messages of this kind alone", 0, 0, NULL },
		{ "nth", SCENARIO_NUMBER, false, "to every N-th of them", 1, 1000000, NULL },
		{ "count", SCENARIO_NUMBER, false, "so many times", 1, 1000000, NULL },
		{ "after", SCENARIO_DURATION, false, "only from so long after this step on", 0, 0, NULL },
		{ "for", SCENARIO_DURATION, false, "for so long", 0, 0, NULL } } },
	[WORD_CLEAR_FAULTS] = { "clear-faults", KIND_PIPELINE_STEP, "No more of them.", { { 0 } }, {
		{ "at", SCENARIO_CHOICE, true, "where", 0, 0, CHOICES("device", "im-server", "ocs") } } },
	[WORD_KICK] = { "kick", KIND_PIPELINE_STEP, "The IM server ends a user's connection.", { { 0 } }, {
		{ "user", SCENARIO_TEXT, true, "whose", 0, 0, NULL },
		{ "how", SCENARIO_CHOICE, true, "without a word; groupwise alone: because he signed on elsewhere, because the server goes down", 0, 0,
		  CHOICES("close", "elsewhere", "down") } } },

	[WORD_NOTE] = { "note", KIND_ORDER_STEP, "Words for the reader of the results.", { { 0 } }, {
		{ "text", SCENARIO_TEXT, true, "the words", 0, 0, NULL } } },
	[WORD_MARK] = { "mark", KIND_ORDER_STEP, "Gives this moment a name, for since.", { { 0 } }, {
		{ "name", SCENARIO_NAME, true, "the name; a later mark of the same name takes it over", 0, 0, NULL } } },
	[WORD_REPEAT] = { "repeat", KIND_ORDER_STEP, "Its steps, again and again.", { { KIND_STEP, AT_LEAST_ONE } }, {
		{ "times", SCENARIO_NUMBER, true, "how often", 1, 1000000, NULL } } },
	[WORD_CHOOSE] = { "choose", KIND_ORDER_STEP, "Picks devices by lot, and gives them a name; --seed repeats it.", { { 0 } }, {
		{ "group", SCENARIO_NAME, true, "the name, for device= of later steps", 0, 0, NULL },
		{ "device", SCENARIO_NAMES, true, "out of these", 0, 0, NULL },
		{ "count", SCENARIO_NUMBER, false, "how many; left out: one", 1, 9999, NULL } } },
	[WORD_ANY] = { "any", KIND_ORDER_STEP, "One of its steps, by lot.", { { KIND_STEP, AT_LEAST_ONE } }, { { 0 } } },
	[WORD_ON] = { "on", KIND_ORDER_STEP, "Its steps, on this IM system alone: where the two differ.", { { KIND_STEP, AT_LEAST_ONE } }, {
		{ "backend", SCENARIO_CHOICE, true, "which", 0, 0, CHOICES("groupwise", "cwa") } } },

	[WORD_EXPECT_LOGIN] = { "expect-login", KIND_ASSERTION, "What the device was told of its login: the oldest answer that was not yet looked at.",
		{ { 0 } }, {
		DEVICE,
		{ "result", SCENARIO_CHOICE, true, "which", 0, 0, CHOICES("accepted", "refused") },
		{ "shows", SCENARIO_TEXT, false, "what the screen shows", 0, 0, NULL },
		{ "code", SCENARIO_NUMBER, false, "the number of a refusal; 0: no answer came", 0, 999, NULL },
		WHEN } },
	[WORD_EXPECT_LOGOUT] = { "expect-logout", KIND_ASSERTION, "The device was logged out, or its logout was acknowledged: the oldest not yet looked at.",
		{ { 0 } }, {
		DEVICE,
		{ "reason", SCENARIO_CHOICE, true, "why", 0, 0, CHOICES("logout", "evicted-coverage", "evicted-silent", "inactive", "replaced",
			"elsewhere", "server-lost", "admin", "shutdown", "unknown-session", "overflow", "switched",
			"service-lost") },
		WHEN } },
	[WORD_EXPECT_MESSAGE] = { "expect-message", KIND_ASSERTION, "The device shows a message: the oldest not yet looked at.", { { 0 } }, {
		DEVICE,
		{ "from", SCENARIO_TEXT, false, "who said it", 0, 0, NULL },
		{ "text", SCENARIO_TEXT, true, "what was said; with count, a number follows it", 0, 0, NULL },
		{ "count", SCENARIO_NUMBER, false, "so many of them, in order; left out: one", 1, 100000, NULL },
		{ "first", SCENARIO_NUMBER, false, "the number that the first of them has; left out: 1", 1, 100000, NULL },
		WHEN } },
	[WORD_EXPECT_NOTHING] = { "expect-nothing", KIND_ASSERTION, "The device was told nothing that was not yet looked at: no answer to a login, "
		"no logout, no message.", { { 0 } }, { DEVICE } },
	[WORD_EXPECT_DEVICE] = { "expect-device", KIND_ASSERTION, "How the device sees itself.", { { 0 } }, {
		DEVICE,
		{ "state", SCENARIO_CHOICE, true, "its state", 0, 0, CHOICES("logged-out", "logging-in", "online", "waiting", "logging-out") } } },
	[WORD_EXPECT_COUNT] = { "expect-count", KIND_ASSERTION, "A number of the Collaboration Service, the IM server or the devices.", { { 0 } }, {
		{ "of", SCENARIO_CHOICE, true, "what is counted", 0, 0, count_names },
		{ "is", SCENARIO_NUMBER, false, "exactly", 0, 1000000000, NULL },
		{ "at-least", SCENARIO_NUMBER, false, "no fewer", 0, 1000000000, NULL },
		{ "at-most", SCENARIO_NUMBER, false, "no more", 0, 1000000000, NULL },
		{ "device", SCENARIO_NAMES, false, "counts of devices: of these together; left out: of all", 0, 0, NULL },
		{ "process", SCENARIO_CHOICE, false, "counts of a Collaboration Service: of this one; left out: collab", 0, 0, CHOICES("collab", "collab-2") } } },
	[WORD_EXPECT_EVENT] = { "expect-event", KIND_ASSERTION, "An entry of the database's event trail, as `bramble session events` lists them.",
		{ { 0 } }, {
		DEVICE,
		{ "event", SCENARIO_CHOICE, true, "its kind", 0, 0, CHOICES("admit", "answer", "evict", "session.end", "events.dropped") },
		{ "text", SCENARIO_TEXT, false, "what its words hold", 0, 0, NULL },
		{ "count", SCENARIO_NUMBER, false, "so many of them; left out: at least one", 0, 100000, NULL } } },
	[WORD_EXPECT_END] = { "expect-end", KIND_ASSERTION, "Why the device's last session ended, as `bramble session list --history` tells it.", { { 0 } }, {
		DEVICE, { "reason", SCENARIO_CHOICE, true, "the reason", 0, 0, CHOICES("logout", "evicted-coverage", "evicted-silent", "inactive",
			"replaced", "elsewhere", "server-lost", "admin", "shutdown", "unknown-session", "overflow", "owner-lost", "refused",
			"switched", "service-lost") } } },
	[WORD_EXPECT_ASKED] = { "expect-asked", KIND_ASSERTION, "The device was asked to log in, by the service that is active now: the oldest not yet looked at.",
		{ { 0 } }, {
		DEVICE,
		{ "by-itself", SCENARIO_CHOICE, false, "does it log in by itself", 0, 0, CHOICES("yes", "no") },
		WHEN } },
	[WORD_EXPECT_STEP] = { "expect-step", KIND_ASSERTION, "A step of a switch, as `bramble trace failover` shows it; each assertion looks after the one "
		"that the last found.", { { 0 } }, {
		{ "event", SCENARIO_CHOICE, true, "which", 0, 0, CHOICES("dead", "promote", "refused", "active", "lost", "demote", "drained", "bes-checked",
			"log-out", "demoted", "log-in", "stepped-back", "claimed",
			"free") },
		{ "step", SCENARIO_NUMBER, false, "its number in the documented order", 1, 7, NULL },
		{ "instance", SCENARIO_NAME, false, "the service that it is about", 0, 0, NULL },
		{ "sessions", SCENARIO_NUMBER, false, "how many sessions", 0, 1000000, NULL },
		{ "why", SCENARIO_TEXT, false, "what its reason holds", 0, 0, NULL } } },
	[WORD_EXPECT_ACTIVE] = { "expect-active", KIND_ASSERTION, "Which Collaboration Service the dispatcher has as the active one.", { { 0 } }, {
		{ "is", SCENARIO_CHOICE, true, "which", 0, 0, CHOICES("collab-1", "collab-2", "none") },
		{ "at", SCENARIO_CHOICE, false, "at which dispatcher; left out: dispatcher", 0, 0, CHOICES("dispatcher", "dispatcher-2") } } },
};

const char *scenario_kind_name(enum scenario_kind kind)
{
	switch (kind) {
	case KIND_ROOT: return "root";
	case KIND_LAB: return "lab";
	case KIND_SETTING: return "setting";
	case KIND_CAST: return "cast";
	case KIND_STEPS: return "steps";
	case KIND_DEVICE_STEP: return "device-step";
	case KIND_ADMIN_STEP: return "admin-step";
	case KIND_PIPELINE_STEP: return "pipeline-step";
	case KIND_ORDER_STEP: return "order-step";
	case KIND_ASSERTION: return "assertion";
	case KIND_STEP: return "step";
	}
	return "?";
}

const struct scenario_count *scenario_count_find(const char *name)
{
	for (const struct scenario_count *c = scenario_counts; c->name; c++) {
		if (strcmp(c->name, name) == 0)
			return c;
	}
	return NULL;
}
