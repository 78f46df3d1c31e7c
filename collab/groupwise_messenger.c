#include "collab/groupwise_messenger.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "protocol/groupwise/tags.h"

struct awaited {
	struct messenger *messenger;
	uint32_t ref;
	enum refusal_of what;
};

static void answered(void *ctx, void *arg, const struct gw_answer *answer, const struct gw_field *fields)
{
	struct awaited awaited = *(struct awaited *)arg;
	struct refusal refusal;

	(void)ctx;
	(void)fields;
	free(arg);
	if (!answer)
		return;
	refusal = groupwise_refusal(answer, awaited.what);
	awaited.messenger->events.done(awaited.messenger->ctx, awaited.ref, refusal.code, refusal.text);
}

void messenger_request(struct messenger *m, const char *command, uint32_t ref, enum refusal_of what)
{
	struct awaited *awaited = memory_new(sizeof *awaited);

	*awaited = (struct awaited){ .messenger = m, .ref = ref, .what = what };
	if (groupwise_link_request(m->link, command, NULL, &m->fields, answered, awaited))
		return;
	free(awaited);
	m->events.done(m->ctx, ref, IM_BACKEND_REFUSED, MESSENGER_FULL);
}

static void answered_and_forgotten(void *ctx, void *arg, const struct gw_answer *answer, const struct gw_field *fields)
{
	(void)ctx;
	(void)arg;
	(void)answer;
	(void)fields;
}

void messenger_tell(struct messenger *m, const char *command)
{
	groupwise_link_request(m->link, command, NULL, &m->fields, answered_and_forgotten, NULL);
}

struct gw_field *messenger_in_conference(struct messenger *m, const char *conference)
{
	struct gw_field *part;

	gw_tree_clear(&m->fields);
	part = gw_add_array(&m->fields, NULL, GW_TAG_CONVERSATION);
	gw_add_str(&m->fields, part, GW_TAG_OBJECT_ID, conference);
	return part;
}

void messenger_tell_typing(struct messenger *m, const char *conference, bool on)
{
	gw_add_decimal(&m->fields, messenger_in_conference(m, conference), GW_TAG_TYPE, on ? GW_EVENT_TYPING : GW_EVENT_TYPING_STOPPED);
	messenger_tell(m, "sendtyping");
}

/* --- outcomes of several parts ----------------------------------------------------------------------------------------- */

struct outcome {
	struct messenger *messenger;
	uint32_t ref, code;
	unsigned open;
	char text[96];
};

struct outcome *outcome_new(struct messenger *m, uint32_t ref, unsigned parts)
{
	struct outcome *outcome = memory_new(sizeof *outcome);

	outcome->messenger = m;
	outcome->ref = ref;
	outcome->open = parts;
	return outcome;
}

void outcome_part(struct outcome **outcome, uint32_t code, const char *text)
{
	struct outcome *o = *outcome, whole;

	*outcome = NULL;
	if (code != IM_OK && o->code == IM_OK) {
		o->code = code;
		snprintf(o->text, sizeof o->text, "%s", text);
	}
	if (--o->open)
		return;
	whole = *o;
	free(o);
	whole.messenger->events.done(whole.messenger->ctx, whole.ref, whole.code, whole.text);
}

void outcome_drop(struct outcome **outcome)
{
	struct outcome *o = *outcome;

	*outcome = NULL;
	if (--o->open == 0)
		free(o);
}
