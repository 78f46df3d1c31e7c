#include "collab/groupwise_messenger.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "collab/groupwise_privacy.h"
#include "protocol/groupwise/codes.h"
#include "protocol/groupwise/names.h"
#include "protocol/groupwise/tags.h"

enum { DETAILS_AT_ONCE = 50 };           /* people per getdetails; ours */

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

/* --- people ------------------------------------------------------------------------------------------------------------ */

struct finding {
	struct messenger *messenger;
	found_person *found;
	void *arg;
};

static void details_of_one(void *ctx, void *arg, const struct gw_answer *answer, const struct gw_field *fields)
{
	struct finding finding = *(struct finding *)arg;
	const struct gw_field *results = gw_find(fields, GW_TAG_RESULTS);
	struct refusal refusal;
	struct person *person;

	(void)ctx;
	free(arg);
	if (!answer) {
		finding.found(finding.arg, NULL, NULL);
		return;
	}
	/* A server may also answer with success and nobody in it. */
	refusal = groupwise_refusal(answer, REFUSAL_OF_DELIVERY);
	person = refusal.code == IM_OK && results ? people_add(&finding.messenger->people, results, (struct bytes){ 0 }) : NULL;
	if (refusal.code == IM_OK && !person)
		refusal = groupwise_refusal(&(struct gw_answer){ .has_code = true, .code = GW_USER_NOT_FOUND }, REFUSAL_OF_DELIVERY);
	finding.found(finding.arg, person, &refusal);
}

void messenger_find(struct messenger *m, struct bytes name, found_person *found, void *arg)
{
	struct person *person = people_by_name(&m->people, name);
	struct finding *finding;

	if (person) {
		found(arg, person, &(struct refusal){ .code = IM_OK });
		return;
	}
	finding = memory_new(sizeof *finding);
	*finding = (struct finding){ .messenger = m, .found = found, .arg = arg };
	gw_tree_clear(&m->fields);
	gw_add_text(&m->fields, NULL, GW_TAG_USERID, name);
	if (groupwise_link_request(m->link, "getdetails", NULL, &m->fields, details_of_one, finding))
		return;
	free(finding);
	found(arg, NULL, &(struct refusal){ .code = IM_BACKEND_REFUSED, .text = MESSENGER_FULL });
}

struct knowing {
	struct messenger *messenger;
	all_known *known;
	void *arg;
	unsigned open;
	bool over;
};

/* One request of it. */
struct batch {
	struct knowing *knowing;
	size_t count;
	char *dns[DETAILS_AT_ONCE];
};

static void batch_done(struct knowing *k)
{
	if (--k->open)
		return;
	k->known(k->arg, k->over);
	free(k);
}

static void details_of_many(void *ctx, void *arg, const struct gw_answer *answer, const struct gw_field *fields)
{
	struct batch *batch = arg;
	struct knowing *k = batch->knowing;
	struct people *people = &k->messenger->people;

	(void)ctx;
	if (answer) {
		for (const struct gw_field *f = gw_find(fields, GW_TAG_RESULTS); f; f = gw_find_next(f))
			people_add(people, f, (struct bytes){ 0 });
	} else {
		k->over = true;
	}
	for (size_t i = 0; i < batch->count; i++) {
		/* Of whom the server tells nothing the DN is all that is known. */
		if (!people_by_dn(people, bytes_str(batch->dns[i])))
			people_add(people, NULL, bytes_str(batch->dns[i]));
		free(batch->dns[i]);
	}
	free(batch);
	batch_done(k);
}

static void ask_for(struct knowing *k, struct batch *batch)
{
	struct messenger *m = k->messenger;

	k->open++;
	gw_tree_clear(&m->fields);
	for (size_t i = 0; i < batch->count; i++)
		gw_add_str(&m->fields, NULL, GW_TAG_DN, batch->dns[i]);
	if (!groupwise_link_request(m->link, "getdetails", NULL, &m->fields, details_of_many, batch))
		details_of_many(NULL, batch, &(struct gw_answer){ 0 }, NULL);
}

void messenger_know(struct messenger *m, const struct bytes *dns, size_t count, all_known *known, void *arg)
{
	struct knowing *k = memory_new(sizeof *k);
	struct batch *batch = NULL;

	*k = (struct knowing){ .messenger = m, .known = known, .arg = arg, .open = 1 };
	for (size_t i = 0; i < count; i++) {
		const struct person *person = people_by_dn(&m->people, dns[i]);

		if ((person && person->is_detailed) || !dns[i].len || dns[i].len > PEOPLE_DN_MAX || gw_dn_same(dns[i], bytes_str(m->own_dn)))
			continue;
		if (!batch)
			batch = memory_new(sizeof *batch);
		batch->knowing = k;
		batch->dns[batch->count++] = bytes_dup(dns[i]);
		if (batch->count == DETAILS_AT_ONCE) {
			ask_for(k, batch);
			batch = NULL;
		}
	}
	if (batch)
		ask_for(k, batch);
	batch_done(k);
}

void messenger_know_everybody(struct messenger *m, const struct privacy *privacy, all_known *known, void *arg)
{
	struct bytes *dns = memory_new((m->people.count + privacy_count(privacy) + 1) * sizeof *dns);
	size_t count = 0;

	for (const struct person *p = m->people.first; p; p = p->next)
		dns[count++] = bytes_str(p->dn);
	privacy_people(privacy, dns + count);
	count += privacy_count(privacy);
	messenger_know(m, dns, count, known, arg);
	free(dns);
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
