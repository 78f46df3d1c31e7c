/* Rules answers and decisions: one answer for each login, with the code that the recorded arithmetic gives. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "admin/check_rules.h"
#include "base/log.h"
#include "base/memory.h"
#include "protocol/im.h"

enum { ANSWERS_KEPT = 8 };         /* of a device: what it is told comes soon after, or never */

struct login_key { const struct check_process *process; uint32_t pin, transaction; };

struct login {
	struct login_key key;
	struct check_place place, admit;
	bool decided;
	char outcome[24];
	bool groupwise;
	uint64_t to_evict, to_end;           /* as the arithmetic says, and how many in all */
	uint64_t evicted, ended;             /* as seen */
	UT_hash_handle hh;
};

struct told_device {
	uint32_t pin;
	struct { uint32_t transaction, session; uint64_t code; struct check_place place; } answers[ANSWERS_KEPT];
	unsigned next;
	UT_hash_handle hh;
};

struct check_logins {
	struct login *open;
	struct told_device *devices;
};

static struct check_logins *state(struct check *c)
{
	if (!c->logins)
		c->logins = memory_new(sizeof *c->logins);
	return c->logins;
}

static struct login *find(struct check *c, const struct check_entry *e)
{
	struct login_key key;
	struct login *login;

	memset(&key, 0, sizeof key);
	key.process = e->process;
	key.pin = e->pin;
	key.transaction = e->transaction;
	HASH_FIND(hh, state(c)->open, &key, sizeof key, login);
	return login;
}

static void drop(struct check *c, struct login *login)
{
	HASH_DEL(c->logins->open, login);
	free(login);
}

static void take_login(struct check *c, const struct check_entry *e)
{
	struct login *login = find(c, e);

	if (login) {
		check_violated(c->report, RULE_ANSWERS, check_place(e), login->place, "login %08X-%u began again before it was answered", e->pin,
			e->transaction);
		return;
	}
	login = memory_new(sizeof *login);
	login->key.process = e->process;
	login->key.pin = e->pin;
	login->key.transaction = e->transaction;
	login->place = check_place(e);
	HASH_ADD(hh, c->logins->open, key, sizeof login->key, login);
}

/* --- the arithmetic ----------------------------------------------------------------------------------------------------------- */

/* The flow's steps 4.2 to 4.6 once more, from what the transaction read. */
static const char *decide(const struct check_entry *e, uint64_t *evict)
{
	uint64_t max = check_number(e, "max"), live = check_number(e, "live"), evictable = check_number(e, "evictable");
	bool full = max > 0 && live >= max;
	char permitted[8];

	*evict = 0;
	if (full && check_number(e, "idle_ms") > 0) {
		*evict = evictable;
		if (check_number(e, "evict_one") && live - max < evictable)
			*evict = live - max + 1;
	}
	live -= *evict < live ? *evict : live;
	if (max > 0 && live >= max)
		return "server-busy";
	if (live >= check_number(e, "capacity"))
		return "capacity";
	return strcmp(check_value(e, "permitted", permitted, sizeof permitted), "no") == 0 ? "not-permitted" : "admitted";
}

static void take_admit(struct check *c, const struct check_entry *e)
{
	struct login *login = find(c, e);
	uint64_t evict;
	const char *outcome = decide(e, &evict);
	char recorded[24];

	check_value(e, "outcome", recorded, sizeof recorded);
	if (strcmp(recorded, outcome) != 0)
		check_violated(c->report, RULE_DECISIONS, check_place(e), login ? login->place : (struct check_place){ 0 },
			"login %08X-%u: max=%" PRIu64 " live=%" PRIu64 " evictable=%" PRIu64 " idle_ms=%" PRIu64 " capacity=%" PRIu64
			" gives %s, and it was %s", e->pin, e->transaction, check_number(e, "max"), check_number(e, "live"),
			check_number(e, "evictable"), check_number(e, "idle_ms"), check_number(e, "capacity"), outcome, recorded);
	else if ((strcmp(outcome, "admitted") == 0) != (check_number(e, "session") != 0))
		check_violated(c->report, RULE_DECISIONS, check_place(e), (struct check_place){ 0 },
			"login %08X-%u is %s and has session %" PRIu64, e->pin, e->transaction, outcome, check_number(e, "session"));
	else
		check_good(c->report, RULE_DECISIONS, 1);
	if (!login) {
		check_violated(c->report, RULE_ANSWERS, check_place(e), (struct check_place){ 0 }, "login %08X-%u is decided and was never asked for",
			e->pin, e->transaction);
		return;
	}
	login->decided = true;
	login->admit = check_place(e);
	snprintf(login->outcome, sizeof login->outcome, "%s", outcome);
	login->groupwise = check_number(e, "groupwise") != 0;
	login->to_evict = evict;
	login->to_end = check_number(e, "evicted");
}

static void take_ended(struct check *c, const struct check_entry *e)
{
	struct login *login = find(c, e);

	if (!login)
		return;
	login->ended++;
	login->evicted += check_number(e, "reason") == IM_REASON_EVICTED_COVERAGE || check_number(e, "reason") == IM_REASON_EVICTED_SILENT;
}

/* --- the answer --------------------------------------------------------------------------------------------------------------- */

/* May a login that was decided like this be answered so? One that was admitted can still fail on its way. */
static bool fits(const struct login *login, uint64_t code)
{
	if (!login->decided)
		return code == IM_NO_DATABASE || code == IM_BAD_CREDENTIALS || code == IM_OVERLOADED;
	if (strcmp(login->outcome, "server-busy") == 0)
		return code == IM_SERVER_BUSY;
	if (strcmp(login->outcome, "capacity") == 0)
		return code == (login->groupwise ? IM_FAILED_300 : IM_FAILED_CAPACITY);
	if (strcmp(login->outcome, "not-permitted") == 0)
		return code == IM_NOT_PERMITTED;
	/* Communicator Web Access says itself that it has no room for a session. */
	if (code == IM_FAILED_CAPACITY)
		return !login->groupwise;
	return code == IM_OK || code == IM_BAD_CREDENTIALS || code == IM_BACKEND_REFUSED || code == IM_UNREACHABLE || code == IM_NO_DATABASE ||
		code == IM_NO_SESSION;
}

static struct told_device *device_of(struct check *c, uint32_t pin)
{
	struct told_device *device;

	HASH_FIND(hh, state(c)->devices, &pin, sizeof pin, device);
	if (!device) {
		device = memory_new(sizeof *device);
		device->pin = pin;
		HASH_ADD(hh, c->logins->devices, pin, sizeof device->pin, device);
	}
	return device;
}

static void keep_answer(struct check *c, const struct check_entry *e)
{
	struct told_device *device = device_of(c, e->pin);
	unsigned at = device->next++ % ANSWERS_KEPT;

	device->answers[at].transaction = e->transaction;
	device->answers[at].session = (uint32_t)check_number(e, "session");
	device->answers[at].code = check_number(e, "code");
	device->answers[at].place = check_place(e);
}

static void take_answer(struct check *c, const struct check_entry *e)
{
	struct login *login = find(c, e);
	uint64_t code = check_number(e, "code");

	keep_answer(c, e);
	if (!login) {
		check_violated(c->report, RULE_ANSWERS, check_place(e), (struct check_place){ 0 },
			"login %08X-%u is answered with %" PRIu64 " and is not open: it was answered before, or never asked", e->pin, e->transaction, code);
		return;
	}
	check_good(c->report, RULE_ANSWERS, 1);
	if (!fits(login, code))
		check_violated(c->report, RULE_DECISIONS, check_place(e), login->decided ? login->admit : login->place,
			"login %08X-%u is %s and answered with %" PRIu64, e->pin, e->transaction, login->decided ? login->outcome : "not decided", code);
	else if (login->decided && (login->evicted != login->to_evict || login->ended != login->to_end))
		check_violated(c->report, RULE_DECISIONS, check_place(e), login->admit,
			"login %08X-%u evicted %" PRIu64 " of the %" PRIu64 " that the arithmetic gives, and ended %" PRIu64 " of %" PRIu64, e->pin,
			e->transaction, login->evicted, login->to_evict, login->ended, login->to_end);
	drop(c, login);
}

static void take_told(struct check *c, const struct check_entry *e)
{
	const struct told_device *device = device_of(c, e->pin);
	uint64_t code = check_number(e, "code");
	const char *dash;
	char id[40];

	check_value(e, "login", id, sizeof id);
	dash = strchr(id, '-');
	if (!dash)
		return;          /* nobody answered: it gave up, or the message came back */
	if (!c->has_service) {
		check_unknown(c->report, RULE_ANSWERS, "told to devices by services without a history", 1);
		return;
	}
	for (size_t i = 0; i < ANSWERS_KEPT; i++) {
		if (device->answers[i].place.process && device->answers[i].transaction == strtoul(dash + 1, NULL, 10) &&
		    device->answers[i].code == code && (code || device->answers[i].session == check_number(e, "session"))) {
			check_good(c->report, RULE_ANSWERS, 1);
			return;
		}
	}
	if (check_is_full(c)) {
		check_unknown(c->report, RULE_ANSWERS, "told to devices after the history of a service was full", 1);
		return;
	}
	check_violated(c->report, RULE_ANSWERS, check_place(e), (struct check_place){ 0 },
		"the device was told %" PRIu64 " for login %s, and no service answered so", code, id);
}

static void take_end(struct check *c, const struct check_entry *e)
{
	struct login *login, *next;

	HASH_ITER(hh, state(c)->open, login, next) {
		if (login->key.process != e->process)
			continue;
		check_violated(c->report, RULE_ANSWERS, login->place, check_place(e), "login %08X-%u was never answered", login->key.pin,
			login->key.transaction);
		drop(c, login);
	}
}

static void take(struct check *c, const struct check_entry *e)
{
	switch (e->event) {
	case EVENT_LOGIN:
		take_login(c, e);
		break;
	case EVENT_ADMIT:
		take_admit(c, e);
		break;
	case EVENT_SEAT_ENDED:
		take_ended(c, e);
		break;
	case EVENT_ANSWER:
		take_answer(c, e);
		break;
	case EVENT_LOGIN_TOLD:
		take_told(c, e);
		break;
	case EVENT_HISTORY_END:
		take_end(c, e);
		break;
	default:
		break;
	}
}

static void finish(struct check *c)
{
	check_unknown(c->report, RULE_ANSWERS, "open when the history of their service stops: killed, or cut", HASH_COUNT(state(c)->open));
}

static void free_all(struct check *c)
{
	struct told_device *device, *next_device;
	struct login *login, *next;

	if (!c->logins)
		return;
	HASH_ITER(hh, c->logins->open, login, next)
		drop(c, login);
	HASH_ITER(hh, c->logins->devices, device, next_device) {
		HASH_DEL(c->logins->devices, device);
		free(device);
	}
	free(c->logins);
	c->logins = NULL;
}

const struct check_rule_set check_logins = { take, finish, free_all };
