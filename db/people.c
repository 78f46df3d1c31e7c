/* Many users with their devices at once: one transaction, where one for each would wait for the disk thousands of times. */
#include <string.h>

#include "db/config.h"
#include "db/key_rows.h"

enum { NAME_MAX_BYTES = 64, USER_MAX_BYTES = 256 };

struct people_verb {
	struct status_verb status;
	const char *server;
	struct db_person *people;
	size_t count;
	unsigned suites;
};

static void add_person(struct core *core, struct people_verb *v, int64_t server, const struct db_person *person)
{
	struct db_device_key key = { .serial = 1, .state = DB_KEY_CURRENT, .suites = v->suites };
	struct sql_pin pin = sql_pin(person->pin);
	int64_t id;

	if (sql_row(core, SQL_USER_ADD, number(server), text(person->name), text(person->mail), null())) {
		id = sql_number(core, SQL_USER_ADD, 0);
		sql_run(core, SQL_PERMIT, number(id));
		sql_run(core, SQL_DEVICE_SET, number(id), text(pin.text));
		memcpy(key.secret, person->secret, sizeof key.secret);
		key_row_add(core, person->pin, &key);
		explicit_bzero(&key, sizeof key);
	}
	if (core->failed == DRIVER_EXISTS)
		verb_refuse(&v->status.verb, DB_EXISTS, "the user '%s' or the device %s is there already", person->name, pin.text);
}

static void people_work(struct core *core, struct verb *verb)
{
	struct people_verb *v = (struct people_verb *)(void *)verb;
	int64_t server;

	if (!key_have_secrets(core, verb))
		return;
	if (!sql_row(core, SQL_SERVER_ID, text(v->server))) {
		verb_refuse(verb, DB_NOT_FOUND, "there is no server '%s'", v->server);
		return;
	}
	server = sql_number(core, SQL_SERVER_ID, 0);
	for (size_t i = 0; i < v->count && core->failed == DRIVER_DONE; i++)
		add_person(core, v, server, &v->people[i]);
}

static void take_person(struct verb *verb, const struct db_person *from, struct db_person *to)
{
	*to = *from;
	to->name = verb_text(verb, "user name", from->name, USER_MAX_BYTES);
	to->mail = from->mail ? verb_text(verb, "mail address", from->mail, USER_MAX_BYTES) : NULL;
	if (from->pin == 0)
		verb_refuse(verb, DB_INVALID, "PIN 00000000 is no device's");
}

void db_people_add(struct db *db, const char *server, const struct db_person *people, size_t count, unsigned suites,
	db_status_done *done, void *ctx)
{
	struct people_verb *v = VERB_NEW(struct people_verb, VERB_ALONE, people_work, status_answer, ctx);
	struct verb *verb = &v->status.verb;

	verb->secret = true;
	v->status.done = done;
	v->server = verb_text(verb, "server name", server, NAME_MAX_BYTES);
	v->people = arena_new(&verb->arena, (count ? count : 1) * sizeof *v->people);
	v->count = count;
	v->suites = suites;
	key_check_suites(verb, suites);
	for (size_t i = 0; i < count; i++)
		take_person(verb, &people[i], &v->people[i]);
	verb_give(db, verb);
}
