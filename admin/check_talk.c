/* Rules messages, events and duplicates: what a device says to its service, and what the service says to it, by the sequence numbers of
 * the session. Only what is under way is kept: a number that is done with leaves a bit in a window, as it does in both ends. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "admin/check_rules.h"
#include "base/memory.h"
#include "protocol/im.h"

/* --- numbers seen before ------------------------------------------------------------------------------------------------------ */

enum { WINDOW = 64 };

struct seen { uint32_t newest; uint64_t bits; };        /* bit i: newest - i */

/* Was it seen? One that is below the window counts as seen: nobody could take it for new. */
static bool seen_before(const struct seen *seen, uint32_t number)
{
	uint32_t back = seen->newest - number;

	return number <= seen->newest && (back >= WINDOW || seen->bits >> back & 1);
}

static void see(struct seen *seen, uint32_t number)
{
	if (number > seen->newest) {
		uint32_t ahead = number - seen->newest;

		seen->bits = (ahead >= WINDOW ? 0 : seen->bits << ahead) | 1;
		seen->newest = number;
	} else if (seen->newest - number < WINDOW) {
		seen->bits |= UINT64_C(1) << (seen->newest - number);
	}
}

/* --- what is under way -------------------------------------------------------------------------------------------------------- */

/* One sequence number of one direction. */
struct op {
	uint32_t sequence;
	uint8_t type;
	bool said, taken, acked;                 /* up */
	bool queued, delivered, shown, gone;     /* down; gone: dropped, refused or forgotten, and counted */
	uint64_t code;                           /* the last answer */
	uint64_t codes[2];                       /* those given */
	unsigned answers;
	struct check_place first, last;
	UT_hash_handle hh;
};

struct talk {
	uint32_t session;
	const struct check_process *service, *device;
	struct op *up, *down;
	struct seen taken, shown;
	struct seen dropped;                             /* may have reached the device all the same: they were on their way */
	struct check_place over_here, over_there;        /* at the service, on the device */
	bool begun;                                      /* the device knows of it */
	UT_hash_handle hh;
};

struct check_talk {
	struct talk *sessions;
};

static struct check_talk *state(struct check *c)
{
	if (!c->talk)
		c->talk = memory_new(sizeof *c->talk);
	return c->talk;
}

static struct talk *find(struct check *c, const struct check_entry *e)
{
	uint32_t session = (uint32_t)check_number(e, "session");
	struct talk *talk;

	HASH_FIND(hh, state(c)->sessions, &session, sizeof session, talk);
	if (!talk) {
		talk = memory_new(sizeof *talk);
		talk->session = session;
		HASH_ADD(hh, c->talk->sessions, session, sizeof talk->session, talk);
	}
	return talk;
}

static struct op *op_of(struct op **ops, uint32_t sequence)
{
	struct op *op;

	HASH_FIND(hh, *ops, &sequence, sizeof sequence, op);
	return op;
}

static struct op *op_get(struct op **ops, const struct check_entry *e)
{
	uint32_t sequence = (uint32_t)check_number(e, "sequence");
	struct op *op = op_of(ops, sequence);

	if (!op) {
		op = memory_new(sizeof *op);
		op->sequence = sequence;
		op->first = check_place(e);
		HASH_ADD(hh, *ops, sequence, sizeof op->sequence, op);
	}
	op->last = check_place(e);
	return op;
}

static void op_drop(struct op **ops, struct op *op)
{
	HASH_DEL(*ops, op);
	free(op);
}

/* --- up ------------------------------------------------------------------------------------------------------------------------ */

static void take_said(struct check *c, struct talk *talk, const struct check_entry *e)
{
	struct op *op = op_get(&talk->up, e);

	(void)c;
	op->said = true;
	op->type = (uint8_t)check_number(e, "type");
}

static bool is_unanswered_kind(uint64_t type)
{
	return type == IM_STATUS || type == IM_TYPING;
}

static void take_taken(struct check *c, struct talk *talk, const struct check_entry *e)
{
	uint32_t sequence = (uint32_t)check_number(e, "sequence");
	struct op *op = op_of(&talk->up, sequence);

	if (seen_before(&talk->taken, sequence)) {
		check_violated(c->report, RULE_DUPLICATES, check_place(e), op ? op->last : (struct check_place){ 0 },
			"message %u of session %u was done a second time", sequence, talk->session);
		return;
	}
	see(&talk->taken, sequence);
	check_good(c->report, RULE_DUPLICATES, 1);
	if (c->has_device && talk->device && !op && !check_is_full(c)) {
		check_violated(c->report, RULE_MESSAGES, check_place(e), (struct check_place){ 0 },
			"message %u of session %u was done, and the device never said it", sequence, talk->session);
		return;
	}
	op = op_get(&talk->up, e);
	op->taken = true;
	/* Several may carry the number of the one before: they say nothing but that the device is there. */
	if (is_unanswered_kind(check_number(e, "type")))
		op_drop(&talk->up, op);
}

static void take_answered(struct check *c, struct talk *talk, const struct check_entry *e)
{
	uint32_t sequence = (uint32_t)check_number(e, "sequence");
	struct op *op = op_of(&talk->up, sequence);
	uint64_t code = check_number(e, "code");

	/* Again, because the device asked again, or since the IM server could not deliver after all. */
	if (!op) {
		if (!seen_before(&talk->taken, sequence) && code != IM_BACKEND_REFUSED)
			check_violated(c->report, RULE_MESSAGES, check_place(e), (struct check_place){ 0 },
				"message %u of session %u was answered and never taken", sequence, talk->session);
		return;
	}
	op->last = check_place(e);
	if (op->answers < 2 && (op->answers == 0 || op->codes[0] != code))
		op->codes[op->answers++] = code;
	if (!talk->device) {
		check_good(c->report, RULE_MESSAGES, 1);
		op_drop(&talk->up, op);
	}
}

static void take_acked(struct check *c, struct talk *talk, const struct check_entry *e)
{
	uint32_t sequence = (uint32_t)check_number(e, "sequence");
	struct op *op = op_of(&talk->up, sequence);
	uint64_t code = check_number(e, "code");

	if (check_is_full(c)) {
		check_unknown(c->report, RULE_MESSAGES, "acknowledged after a history was full", 1);
		if (op)
			op_drop(&talk->up, op);
		return;
	}
	if (!op || !op->said) {
		check_violated(c->report, RULE_MESSAGES, check_place(e), (struct check_place){ 0 },
			"message %u of session %u was acknowledged, and the device never said it, or had an answer before", sequence, talk->session);
		return;
	}
	if (!c->has_service || !talk->service)
		check_unknown(c->report, RULE_MESSAGES, "acknowledged by services without a history", 1);
	else if (!op->answers || (op->codes[0] != code && (op->answers < 2 || op->codes[1] != code)))
		check_violated(c->report, RULE_MESSAGES, check_place(e), op->first, "message %u of session %u was acknowledged with %" PRIu64
			", and the service did not answer so", sequence, talk->session, code);
	else
		check_good(c->report, RULE_MESSAGES, 1);
	op_drop(&talk->up, op);
}

/* The network says that it has not passed the message on: then the service has not done it, and will not. */
static void take_refused(struct check *c, struct talk *talk, const struct check_entry *e)
{
	struct op *op = op_of(&talk->up, (uint32_t)check_number(e, "sequence"));

	if (!op || !op->said)
		check_violated(c->report, RULE_MESSAGES, check_place(e), (struct check_place){ 0 },
			"message %" PRIu64 " of session %u was refused by the network, and the device never said it, or had an answer before",
			check_number(e, "sequence"), talk->session);
	else if (op->taken)
		check_violated(c->report, RULE_MESSAGES, check_place(e), op->first,
			"message %u of session %u was refused by the network, and the service did it", op->sequence, talk->session);
	else
		check_good(c->report, RULE_MESSAGES, 1);
	if (op)
		op_drop(&talk->up, op);
}

/* --- down ------------------------------------------------------------------------------------------------------------------------ */

/* These have the numbers of others: of the LOGIN, or none. */
static bool is_outside(const struct check_entry *e)
{
	uint64_t type = check_number(e, "type");

	return !check_number(e, "session") || type == IM_LOGIN_OK || type == IM_LOGIN_FAIL || type == IM_FORCED_LOGOUT;
}

/* A device whose answer to the login had to be sealed again is told of the session after what came in it: until the session is over, any
 * device with a history may still be its. */
static void done_with(struct check *c, struct talk *talk, struct op *op)
{
	if (op->delivered && (op->shown || !(talk->device || c->has_device))) {
		check_good(c->report, RULE_EVENTS, 1);
		op_drop(&talk->down, op);
	}
}

static void take_fate(struct check *c, struct talk *talk, const struct check_entry *e)
{
	struct op *op = op_of(&talk->down, (uint32_t)check_number(e, "sequence"));

	if (e->event == EVENT_EVENT_QUEUED) {
		if (op) {
			check_violated(c->report, RULE_EVENTS, check_place(e), op->first, "event %u of session %u was queued a second time",
				op->sequence, talk->session);
			return;
		}
		op = op_get(&talk->down, e);
		op->queued = true;
		op->type = (uint8_t)check_number(e, "type");
		return;
	}
	if (!op) {
		check_violated(c->report, RULE_EVENTS, check_place(e), (struct check_place){ 0 }, "event %" PRIu64
			" of session %u has an outcome and was not queued, or had one before", check_number(e, "sequence"), talk->session);
		return;
	}
	op->last = check_place(e);
	if (e->event == EVENT_EVENT_DELIVERED) {
		op->delivered = true;
		done_with(c, talk, op);
		return;
	}
	see(&talk->dropped, op->sequence);
	check_good(c->report, RULE_EVENTS, 1);
	op_drop(&talk->down, op);
}

static void take_shown(struct check *c, struct talk *talk, const struct check_entry *e)
{
	uint32_t sequence = (uint32_t)check_number(e, "sequence");
	struct op *op = op_of(&talk->down, sequence);

	if (seen_before(&talk->shown, sequence)) {
		check_violated(c->report, RULE_DUPLICATES, check_place(e), op ? op->first : (struct check_place){ 0 },
			"event %u of session %u was shown a second time", sequence, talk->session);
		return;
	}
	see(&talk->shown, sequence);
	check_good(c->report, RULE_DUPLICATES, 1);
	if (!op) {
		if (check_is_full(c))
			check_unknown(c->report, RULE_EVENTS, "shown after a history was full", 1);
		else if (!talk->service)
			check_unknown(c->report, RULE_EVENTS, "shown from services without a history", 1);
		else if (!talk->over_here.process && !seen_before(&talk->dropped, sequence))
			check_violated(c->report, RULE_EVENTS, check_place(e), (struct check_place){ 0 },
				"event %u of session %u was shown, and no service queued it", sequence, talk->session);
		return;
	}
	op->last = check_place(e);
	op->shown = true;
	done_with(c, talk, op);
}

/* --- the end of a session -------------------------------------------------------------------------------------------------------- */

/* What the device hears then stands for the answers. */
static void end_up(struct check *c, struct talk *talk)
{
	struct op *op, *next;

	HASH_ITER(hh, talk->up, op, next) {
		if (op->said || op->taken)
			check_good(c->report, RULE_MESSAGES, 1);
		op_drop(&talk->up, op);
	}
}

/* Delivered and never shown is lost, if a later one was shown. What is still on its way may come too late. */
static void end_down(struct check *c, struct talk *talk)
{
	struct op *op, *next;

	HASH_ITER(hh, talk->down, op, next) {
		if (op->delivered && !op->shown && talk->device && op->sequence < talk->shown.newest)
			check_violated(c->report, RULE_EVENTS, op->last, talk->over_there, "event %u of session %u was delivered, and the device never "
				"showed it", op->sequence, talk->session);
		else if (!op->delivered)
			continue;      /* its outcome is still to come */
		else
			check_good(c->report, RULE_EVENTS, 1);
		op_drop(&talk->down, op);
	}
}

static void take_over(struct check *c, struct talk *talk, const struct check_entry *e)
{
	uint64_t waiting = 0;
	struct op *op, *next;

	HASH_ITER(hh, talk->up, op, next)
		waiting += op->said && !op->acked && !is_unanswered_kind(op->type);
	if (waiting != check_number(e, "unanswered"))
		check_violated(c->report, RULE_MESSAGES, check_place(e), (struct check_place){ 0 }, "%" PRIu64
			" messages of session %u wait for an answer when it ends, and by the history %" PRIu64, check_number(e, "unanswered"),
			talk->session, waiting);
	talk->over_there = check_place(e);
	end_up(c, talk);
	end_down(c, talk);
}

static void take_session(struct check *c, const struct check_entry *e)
{
	struct talk *talk = find(c, e);

	if (e->event == EVENT_ADMIT) {
		talk->service = e->process;
		return;
	}
	if (e->event == EVENT_LOGIN_TOLD) {
		talk->device = e->process;
		talk->begun = true;
		return;
	}
	if (e->event == EVENT_SESSION_OVER) {
		take_over(c, talk, e);
		return;
	}
	talk->over_here = check_place(e);
	if (!talk->device) {
		end_up(c, talk);
		end_down(c, talk);
	}
}

/* --- the lines ------------------------------------------------------------------------------------------------------------------- */

static void take_once(struct talk *talk, const struct check_entry *e)
{
	struct op *op = op_of(&talk->up, (uint32_t)check_number(e, "sequence"));

	if (!op) {
		op = op_get(&talk->up, e);
		op->type = (uint8_t)check_number(e, "type");
	}
}

static void take(struct check *c, const struct check_entry *e)
{
	if (!check_number(e, "session"))
		return;
	switch (e->event) {
	case EVENT_ADMIT:
	case EVENT_LOGIN_TOLD:
	case EVENT_SESSION_OVER:
	case EVENT_SESSION_END:
	case EVENT_SESSION_EVICT:
		take_session(c, e);
		break;
	case EVENT_IM_SAID:
		take_said(c, find(c, e), e);
		break;
	case EVENT_IM_ONCE:
		take_once(find(c, e), e);
		break;
	case EVENT_IM_TAKEN:
		take_taken(c, find(c, e), e);
		break;
	case EVENT_IM_ANSWERED:
		take_answered(c, find(c, e), e);
		break;
	case EVENT_IM_ACKED:
		take_acked(c, find(c, e), e);
		break;
	case EVENT_IM_REFUSED:
		take_refused(c, find(c, e), e);
		break;
	case EVENT_EVENT_QUEUED:
	case EVENT_EVENT_DELIVERED:
	case EVENT_EVENT_DROPPED:
	case EVENT_EVENT_REFUSED:
	case EVENT_EVENT_FORGOTTEN:
		if (!is_outside(e))
			take_fate(c, find(c, e), e);
		break;
	case EVENT_EVENT_SHOWN:
		if (!is_outside(e))
			take_shown(c, find(c, e), e);
		break;
	default:
		break;
	}
}

/* What is still under way at the end: as it should be while both ends live on, and unknown where one was killed. */
static void finish_session(struct check *c, struct talk *talk)
{
	bool whole_service = talk->service && check_is_whole(talk->service), whole_device = talk->device && check_is_whole(talk->device);
	uint64_t up = 0, down = 0;
	struct op *op, *next;

	HASH_ITER(hh, talk->up, op, next) {
		if (op->taken && !op->answers && whole_service && !talk->over_here.process)
			check_violated(c->report, RULE_MESSAGES, op->last, (struct check_place){ 0 }, "message %u of session %u was never answered",
				op->sequence, talk->session);
		else
			up += op->said || op->taken;
		op_drop(&talk->up, op);
	}
	HASH_ITER(hh, talk->down, op, next) {
		if (op->delivered && !op->shown && whole_device && talk->begun && !talk->over_there.process && !talk->over_here.process)
			check_violated(c->report, RULE_EVENTS, op->last, (struct check_place){ 0 }, "event %u of session %u was delivered, and the device "
				"never showed it", op->sequence, talk->session);
		else if (!op->delivered && !op->shown && whole_service)
			check_violated(c->report, RULE_EVENTS, op->first, (struct check_place){ 0 }, "event %u of session %u was queued, and what became "
				"of it was never known", op->sequence, talk->session);
		else
			down++;
		op_drop(&talk->down, op);
	}
	check_unknown(c->report, RULE_MESSAGES, "under way when a history stops", up);
	check_unknown(c->report, RULE_EVENTS, "under way when a history stops", down);
}

static void finish(struct check *c)
{
	struct talk *talk, *next;

	HASH_ITER(hh, state(c)->sessions, talk, next)
		finish_session(c, talk);
}

static void free_all(struct check *c)
{
	struct talk *talk, *next;
	struct op *op, *next_op;

	if (!c->talk)
		return;
	HASH_ITER(hh, c->talk->sessions, talk, next) {
		HASH_ITER(hh, talk->up, op, next_op)
			op_drop(&talk->up, op);
		HASH_ITER(hh, talk->down, op, next_op)
			op_drop(&talk->down, op);
		HASH_DEL(c->talk->sessions, talk);
		free(talk);
	}
	free(c->talk);
	c->talk = NULL;
}

const struct check_rule_set check_talk = { take, finish, free_all };
