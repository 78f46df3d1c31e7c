#include "simulator/scenario/scenario_cast.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/nearest.h"
#include "protocol/srp.h"

#define FIRST_MANY_PIN 0x22000000u

struct taken { char key[64]; unsigned line; UT_hash_handle hh; };

struct making {
	const struct scenario *scenario;
	struct scenario_cast *cast;
	struct taken *taken;              /* ids, and PINs as "pin 2100000A" */
	size_t room;
	struct error *err;
};

static uint32_t user_pin(const char *user)
{
	static const struct { const char *user; uint32_t pin; } known[] = {
		{ "alice", 0x2100000A }, { "bob", 0x2100000B }, { "carol", 0x2100000C }, { "dave", 0x2100000D },
	};
	unsigned number;
	int end = 0;

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		if (strcmp(known[i].user, user) == 0)
			return known[i].pin;
	}
	if (strlen(user) == 8 && sscanf(user, "user%4u%n", &number, &end) == 1 && end == 8)
		return FIRST_MANY_PIN + number;
	return 0;
}

static int take(struct making *m, const char *what, const char *key, unsigned line)
{
	struct taken *t;

	HASH_FIND_STR(m->taken, key, t);
	if (t)
		return error_set(m->err, "%s:%u: a second device with the %s %s; the first is in line %u", m->scenario->file, line, what,
			key + (strncmp(key, "pin ", 4) == 0 ? 4 : 0), t->line);
	t = memory_new(sizeof *t);
	snprintf(t->key, sizeof t->key, "%s", key);
	t->line = line;
	HASH_ADD_STR(m->taken, key, t);
	return 0;
}

static int add_role(struct making *m, const struct scenario_node *node, const char *id, const char *user, const char *password, uint32_t pin)
{
	struct scenario_cast *cast = m->cast;
	struct scenario_role *role;
	char pin_key[32];

	snprintf(pin_key, sizeof pin_key, "pin %08X", pin);
	if (cast->count == SCENARIO_CAST_MAX)
		return error_set(m->err, "%s:%u: more than %d devices", m->scenario->file, node->line, SCENARIO_CAST_MAX);
	if (take(m, "id", id, node->line) || take(m, "PIN", pin_key, node->line))
		return -1;
	if (cast->count == m->room) {
		m->room = m->room ? m->room * 2 : 16;
		cast->roles = memory_resize(cast->roles, m->room * sizeof *cast->roles);
	}
	role = &cast->roles[cast->count++];
	*role = (struct scenario_role){ .user = memory_str(user), .pin = pin, .line = node->line,
		.password = password ? memory_str(password) : memory_printf("%s-secret", user),
		.status_interval_ms = scenario_number(node, "status-interval", 0),
		.keeps_password = scenario_has(node, "keeps-password") && strcmp(scenario_text(node, "keeps-password"), "yes") == 0 };
	snprintf(role->id, sizeof role->id, "%s", id);
	if (pin > FIRST_MANY_PIN && pin <= FIRST_MANY_PIN + SCENARIO_CAST_MAX && pin - FIRST_MANY_PIN > cast->users)
		cast->users = pin - FIRST_MANY_PIN;
	return 0;
}

static int add_device(struct making *m, const struct scenario_node *node)
{
	const char *id = scenario_text(node, "id"), *user = scenario_text(node, "user");
	uint32_t pin = (uint32_t)scenario_number(node, "pin", 0);

	if (!user)
		user = id;
	if (!pin)
		pin = user_pin(user);
	if (!pin)
		return error_set(m->err, "%s:%u: the PIN of the user %s is not known: name it by pin, or take alice, bob, carol, dave or one "
			"of user0001 to user9999", m->scenario->file, node->line, log_str(user));
	return add_role(m, node, id, user, scenario_text(node, "password"), pin);
}

static int add_devices(struct making *m, const struct scenario_node *node, unsigned *next_user)
{
	char id[48], user[16];

	for (uint64_t i = 1; i <= scenario_number(node, "count", 0); i++, (*next_user)++) {
		snprintf(id, sizeof id, "%s%u", scenario_text(node, "id"), (unsigned)i);
		snprintf(user, sizeof user, "user%04u", *next_user);
		if (add_role(m, node, id, user, NULL, FIRST_MANY_PIN + *next_user))
			return -1;
	}
	return 0;
}

int scenario_cast_make(const struct scenario *scenario, struct scenario_cast *cast, struct error *err)
{
	struct making m = { .scenario = scenario, .cast = cast, .err = err };
	const struct scenario_node *lab = scenario_child(scenario->root, WORD_LAB);
	struct taken *t, *next;
	unsigned next_user = 1;
	int rc = 0;

	*cast = (struct scenario_cast){ 0 };
	for (const struct scenario_node *node = scenario->root->first; node && rc == 0; node = node->next) {
		if (node->word == WORD_DEVICE)
			rc = add_device(&m, node);
		else if (node->word == WORD_DEVICES)
			rc = add_devices(&m, node, &next_user);
	}
	HASH_ITER(hh, m.taken, t, next) {
		HASH_DEL(m.taken, t);
		free(t);
	}
	if (lab && scenario_number(lab, "users", 0) > cast->users)
		cast->users = scenario_number(lab, "users", 0);
	return rc;
}

void scenario_cast_free(struct scenario_cast *cast)
{
	for (size_t i = 0; i < cast->count; i++) {
		free(cast->roles[i].user);
		memory_wipe_str(&cast->roles[i].password);
	}
	free(cast->roles);
	*cast = (struct scenario_cast){ 0 };
}

/* --- what steps name -------------------------------------------------------------------------------------------------------- */

#define NAMES_MAX 100

struct checking {
	const struct scenario *scenario;
	const struct scenario_cast *cast;
	const char *groups[NAMES_MAX + 1], *marks[NAMES_MAX + 1];
	size_t group_count, mark_count;
	struct error *err;
};

static bool knows(const char *const *names, const char *name)
{
	for (; *names; names++) {
		if (strcmp(*names, name) == 0)
			return true;
	}
	return false;
}

static int add_name(struct checking *c, const struct scenario_node *node, const char **names, size_t *count, const char *name)
{
	if (knows(names, name))
		return 0;
	if (*count == NAMES_MAX)
		return error_set(c->err, "%s:%u: more than %d names", c->scenario->file, node->line, NAMES_MAX);
	names[(*count)++] = name;
	return 0;
}

static bool is_somebody(const struct checking *c, const char *name)
{
	for (size_t i = 0; i < c->cast->count; i++) {
		if (scenario_names_match(name, c->cast->roles[i].id))
			return true;
	}
	return knows(c->groups, name);
}

static int check_devices(const struct checking *c, const struct scenario_node *node, const char *names)
{
	char word[SCENARIO_TEXT_MAX + 1];

	while (*names) {
		size_t len = strcspn(names, " ");

		snprintf(word, sizeof word, "%.*s", (int)len, names);
		if (!is_somebody(c, word)) {
			const char *ids[NAMES_MAX * 2 + 1] = { NULL };
			size_t count = 0;
			char near[64];

			for (size_t i = 0; i < c->cast->count && i < NAMES_MAX; i++)
				ids[count++] = c->cast->roles[i].id;
			for (size_t i = 0; i < c->group_count; i++)
				ids[count++] = c->groups[i];
			return error_set(c->err, "%s:%u: %s is no device of this scenario%s", c->scenario->file, node->line, log_str(word),
				did_you_mean(word, ids, near, sizeof near));
		}
		names += len + (names[len] == ' ');
	}
	return 0;
}

static int unfit(const struct checking *c, const struct scenario_node *node, const char *why)
{
	return error_set(c->err, "%s:%u: <%s> %s", c->scenario->file, node->line, scenario_elements[node->word].name, why);
}

static bool has_attribute(const struct scenario_node *node, const char *name)
{
	const struct scenario_element *e = &scenario_elements[node->word];

	for (size_t i = 0; i < SCENARIO_ATTRIBUTES_MAX && e->attributes[i].name; i++) {
		if (strcmp(e->attributes[i].name, name) == 0)
			return node->values[i].text != NULL;
	}
	return false;
}

/* Attributes that only make sense together. */
static int check_together(struct checking *c, const struct scenario_node *node)
{
	if (has_attribute(node, "since") && !knows(c->marks, scenario_text(node, "since"))) {
		char near[64];

		return error_set(c->err, "%s:%u: there is no mark %s before this%s", c->scenario->file, node->line,
			log_str(scenario_text(node, "since")), did_you_mean(scenario_text(node, "since"), c->marks, near, sizeof near));
	}
	switch (node->word) {
	case WORD_ADVANCE:
		if (has_attribute(node, "by") == has_attribute(node, "to"))
			return unfit(c, node, "needs by or to, one of the two");
		return has_attribute(node, "by") && has_attribute(node, "since") ? unfit(c, node, "has since, which goes with to only") : 0;
	case WORD_EXPECT_COUNT:
		if (!has_attribute(node, "is") && !has_attribute(node, "at-least") && !has_attribute(node, "at-most"))
			return unfit(c, node, "needs is, at-least or at-most");
		if (has_attribute(node, "device") && scenario_count_find(scenario_text(node, "of"))->source != COUNT_OF_DEVICES)
			return unfit(c, node, "has device, which goes with counts of devices only");
		return 0;
	case WORD_LIMITS:
		for (size_t i = 0; i < SCENARIO_ATTRIBUTES_MAX; i++) {
			if (node->values[i].text)
				return 0;
		}
		return unfit(c, node, "changes nothing: it has max, idle-timeout, inactivity-timeout, capacity and evict");
	case WORD_FAULT:
		if (has_attribute(node, "device") && strcmp(scenario_text(node, "at"), "device") != 0)
			return unfit(c, node, "has device, which goes with at=\"device\" only");
		if (has_attribute(node, "user") && strcmp(scenario_text(node, "at"), "device") == 0)
			return unfit(c, node, "has user, which goes with at=\"im-server\" and at=\"ocs\" only");
		return 0;
	default:
		if ((has_attribute(node, "within") || has_attribute(node, "since")) && !has_attribute(node, "after"))
			return unfit(c, node, "has within or since, which go with after only");
		return 0;
	}
}

static int check_steps(struct checking *c, const struct scenario_node *node)
{
	for (; node; node = node->next) {
		if (has_attribute(node, "device") && check_devices(c, node, scenario_text(node, "device")))
			return -1;
		if (check_together(c, node) || check_steps(c, node->first))
			return -1;
		if (node->word == WORD_MARK && add_name(c, node, c->marks, &c->mark_count, scenario_text(node, "name")))
			return -1;
		if (node->word != WORD_CHOOSE)
			continue;
		for (size_t i = 0; i < c->cast->count; i++) {
			if (strcmp(c->cast->roles[i].id, scenario_text(node, "group")) == 0)
				return error_set(c->err, "%s:%u: %s is a device; a group needs a name of its own", c->scenario->file, node->line,
					scenario_text(node, "group"));
		}
		if (add_name(c, node, c->groups, &c->group_count, scenario_text(node, "group")))
			return -1;
	}
	return 0;
}

int scenario_check(const struct scenario *scenario, const struct scenario_cast *cast, struct error *err)
{
	struct checking c = { .scenario = scenario, .cast = cast, .err = err };

	return check_steps(&c, scenario_child(scenario->root, WORD_STEPS)->first);
}
