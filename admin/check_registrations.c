/* Rule server, behind Communicator Web Access: each session of its users is one registration at the Communications Server, which begins
 * and ends with it, and took and gave as many messages. The two are brought together by the epid. Clients that register for themselves
 * are nobody's session. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "admin/check_rules.h"
#include "base/memory.h"

struct registration {
	char epid[48], sid[48];
	bool is_there;                /* at the Communications Server */
	bool is_begun, is_over;       /* the session at the CWA server */
	bool is_loose;                /* it ended before its session, with its link, or with something on its way: what became of that is not known */
	bool faulty;
	/* Taken from the client and given to it: by the CWA server, and by the Communications Server. */
	uint64_t accepted, delivered, communications_accepted, communications_delivered;
	struct check_place begun, last;
	UT_hash_handle hh, by_sid;
};

struct check_registrations { struct registration *all, *by_sid; };

static struct check_registrations *state(struct check *c)
{
	if (!c->registrations)
		c->registrations = memory_new(sizeof *c->registrations);
	return c->registrations;
}

static struct registration *of_epid(struct check *c, const struct check_entry *e)
{
	struct registration *r;
	char epid[48];

	check_value(e, "epid", epid, sizeof epid);
	HASH_FIND_STR(state(c)->all, epid, r);
	if (r || !*epid)
		return r;
	r = memory_new(sizeof *r);
	snprintf(r->epid, sizeof r->epid, "%s", epid);
	r->begun = check_place(e);
	HASH_ADD_STR(c->registrations->all, epid, r);
	return r;
}

static struct registration *of_sid(struct check *c, const struct check_entry *e)
{
	struct registration *r;
	char sid[48];

	check_value(e, "sid", sid, sizeof sid);
	HASH_FIND(by_sid, state(c)->by_sid, sid, strlen(sid), r);
	return r;
}

/* --- the lines ----------------------------------------------------------------------------------------------------------------------- */

static void take_registered(struct check *c, const struct check_entry *e)
{
	struct registration *r = of_epid(c, e), *old = of_sid(c, e);

	if (!r || r->is_begun)
		return;
	if (old)
		HASH_DELETE(by_sid, c->registrations->by_sid, old);      /* of a server that counts anew */
	check_value(e, "sid", r->sid, sizeof r->sid);
	r->is_begun = true;
	r->begun = check_place(e);
	HASH_ADD_KEYPTR(by_sid, c->registrations->by_sid, r->sid, strlen(r->sid), r);
	if (c->has_communications && !r->is_there)
		check_violated(c->report, RULE_SERVER, check_place(e), (struct check_place){ 0 }, "the CWA server's session %s was begun as registered, "
			"and the Communications Server has no registration %s", r->sid, r->epid);
}

static bool has_same_messages(const struct registration *r)
{
	return r->accepted == r->communications_accepted && r->delivered == r->communications_delivered;
}

static void take_communications(const struct check_entry *e, struct registration *r)
{
	r->last = check_place(e);
	if (e->event == EVENT_SERVER_LOGIN || e->event == EVENT_SERVER_END) {
		r->is_there = e->event == EVENT_SERVER_LOGIN;
		r->is_loose = r->is_loose || (r->is_begun && !r->is_over);
	} else if (e->event == EVENT_SERVER_ACCEPTED)
		r->communications_accepted++;
	else if (e->event == EVENT_SERVER_DELIVERED)
		r->communications_delivered++;
	else
		r->faulty = true;
}

/* What the client has not fetched was given by the CWA server alone, and what it has not been told of was taken by the other alone: no more than
 * that may be unlike. */
static bool is_something_on_its_way(const struct check_entry *e, const struct registration *r)
{
	return e->at_us <= r->last.at_us + CHECK_ON_ITS_WAY_CWA_US && !has_same_messages(r) &&
		r->delivered >= r->communications_delivered && r->accepted <= r->communications_accepted;
}

static void take_session(const struct check_entry *e, struct registration *r)
{
	if (e->event == EVENT_SERVER_END) {
		r->is_over = true;
		r->is_loose = r->is_loose || is_something_on_its_way(e, r);
	} else if (e->event == EVENT_SERVER_ACCEPTED)
		r->accepted++;
	else if (e->event == EVENT_SERVER_DELIVERED)
		r->delivered++;
	else if (e->event == EVENT_SERVER_FAULT)
		r->faulty = true;
	r->last = check_place(e);
}

static void take_server(struct check *c, const struct check_entry *e)
{
	struct registration *r = NULL;

	if (strcmp(e->process->name, "ocs") == 0) {
		r = of_epid(c, e);
		if (r)
			take_communications(e, r);
	} else if (strcmp(e->process->name, "cwa") == 0) {
		r = of_sid(c, e);
		if (r)
			take_session(e, r);
	}
}

/* What one that was killed had is gone. */
static void take_begin(struct check *c, const struct check_entry *e)
{
	for (struct registration *r = state(c)->all; r; r = r->hh.next) {
		if (strcmp(e->process->name, "ocs") == 0) {
			r->is_there = false;
			r->faulty = true;
		} else if (strcmp(e->process->name, "cwa") == 0 && r->is_begun && !r->is_over) {
			r->is_over = r->is_loose = true;
		}
	}
}

/* --- judging ------------------------------------------------------------------------------------------------------------------------- */

static bool agree(const struct registration *r)
{
	return r->is_there == !r->is_over && (has_same_messages(r) || r->is_loose);
}

static void judge_at_rest(struct check *c, struct registration *r)
{
	if (!r->is_begun || r->faulty)
		return;
	if (agree(r)) {
		check_good(c->report, RULE_SERVER, 1);
		return;
	}
	if (r->is_there != !r->is_over)
		check_violated(c->report, RULE_SERVER, r->last, r->begun, "the CWA server's session %s %s, and its registration %s at the "
			"Communications Server %s", r->sid, r->is_over ? "is over" : "is there", r->epid, r->is_there ? "is there" : "is not");
	else
		check_violated(c->report, RULE_SERVER, r->last, r->begun, "the CWA server took %" PRIu64 " and gave %" PRIu64 " messages in session %s, and "
			"the Communications Server took %" PRIu64 " and gave %" PRIu64 " in its registration", r->accepted, r->delivered, r->sid,
			r->communications_accepted, r->communications_delivered);
	r->faulty = true;
}

static void take(struct check *c, const struct check_entry *e)
{
	struct registration *r;

	switch (e->event) {
	case EVENT_UPLINK_REGISTERED:
		take_registered(c, e);
		break;
	case EVENT_SERVER_LOGIN:
	case EVENT_SERVER_END:
	case EVENT_SERVER_ACCEPTED:
	case EVENT_SERVER_DELIVERED:
	case EVENT_SERVER_FAULT:
		take_server(c, e);
		break;
	case EVENT_HISTORY_BEGIN:
		take_begin(c, e);
		break;
	case EVENT_HISTORY_MARK:
		for (r = check_is_at_rest(e) && strcmp(e->process->name, "ocs") == 0 ? state(c)->all : NULL; r; r = r->hh.next)
			judge_at_rest(c, r);
		break;
	default:
		break;
	}
}

static void finish(struct check *c)
{
	for (const struct registration *r = state(c)->all; r; r = r->hh.next) {
		if (!r->is_begun)
			continue;
		if (!c->has_communications)
			check_unknown(c->report, RULE_SERVER, "Communications Server without a history", 1);
		else if (r->faulty)
			check_unknown(c->report, RULE_SERVER, "registrations that were made to misbehave, or whose server was killed", 1);
		else if (r->is_over && agree(r) && !r->is_loose)
			check_good(c->report, RULE_SERVER, 1);
		else
			check_unknown(c->report, RULE_SERVER, "registrations that had not ended, or ended with something on its way", 1);
	}
}

static void free_all(struct check *c)
{
	struct registration *r, *next;

	if (!c->registrations)
		return;
	HASH_CLEAR(by_sid, c->registrations->by_sid);
	HASH_ITER(hh, c->registrations->all, r, next) {
		HASH_DEL(c->registrations->all, r);
		free(r);
	}
	free(c->registrations);
	c->registrations = NULL;
}

const struct check_rule_set check_registrations = { take, finish, free_all };
