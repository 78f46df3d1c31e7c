/* Devices as the administrator sees them: a user's PIN and its keys. */
#include <string.h>

#include "db/config.h"
#include "db/key_rows.h"

enum { USER_MAX_BYTES = 256 };

struct device_write_verb {
	struct verb verb;
	db_status_done *done;
	db_rekey_done *rekey_done;
	const char *user;
	uint32_t pin, serial;
	unsigned suites;
	uint8_t secret[DB_KEY_SECRET_SIZE];
};

/* Adds the next serial's key in that state. */
static void add_key(struct core *core, struct device_write_verb *v, enum db_key_state state, uint32_t serial)
{
	struct db_device_key key = { .serial = serial, .state = state, .suites = v->suites };

	memcpy(key.secret, v->secret, sizeof key.secret);
	key_row_add(core, v->pin, &key);
	explicit_bzero(&key, sizeof key);
	v->serial = serial;
}

static void device_add_work(struct core *core, struct verb *verb)
{
	struct device_write_verb *v = (struct device_write_verb *)(void *)verb;
	struct sql_pin pin = sql_pin(v->pin);
	const char *has;
	int64_t id;

	if (!key_have_secrets(core, verb))
		return;
	if (!sql_row(core, SQL_USER_ID, text(v->user))) {
		verb_refuse(verb, DB_NOT_FOUND, "there is no user '%s'", v->user);
		return;
	}
	id = sql_number(core, SQL_USER_ID, 0);
	has = sql_text(core, SQL_USER_ID, 1, &verb->arena);
	if (has) {
		verb_refuse(verb, DB_EXISTS, "user '%s' has the device %s: remove it first", v->user, has);
		return;
	}
	sql_run(core, SQL_DEVICE_SET, number(id), text(pin.text));
	if (core->failed == DRIVER_EXISTS)
		verb_refuse(verb, DB_EXISTS, "another user has the device %s", pin.text);
	add_key(core, v, DB_KEY_CURRENT, 1);
}

static bool device_there(struct core *core, struct verb *verb, uint32_t pin)
{
	struct sql_pin name = sql_pin(pin);

	if (sql_row(core, SQL_DEVICE_USER, text(name.text)))
		return true;
	verb_refuse(verb, DB_NOT_FOUND, "no user has the PIN %s", name.text);
	return false;
}

static void device_remove_work(struct core *core, struct verb *verb)
{
	struct device_write_verb *v = (struct device_write_verb *)(void *)verb;
	struct sql_pin pin = sql_pin(v->pin);

	if (!device_there(core, verb, v->pin))
		return;
	sql_run(core, SQL_KEYS_REMOVE, text(pin.text));
	sql_run(core, SQL_DEVICE_CLEAR, text(pin.text));
}

/* The serial is chosen before the older pending key goes: a serial never names two keys of a device. */
static void device_rekey_work(struct core *core, struct verb *verb)
{
	struct device_write_verb *v = (struct device_write_verb *)(void *)verb;
	struct sql_pin pin = sql_pin(v->pin);
	uint32_t serial;

	if (!key_have_secrets(core, verb) || !device_there(core, verb, v->pin) ||
		!sql_row(core, SQL_KEY_NEXT_SERIAL, text(pin.text)))
		return;
	serial = (uint32_t)sql_number(core, SQL_KEY_NEXT_SERIAL, 0);
	sql_run(core, SQL_KEY_REMOVE_STATE, text(pin.text), text("pending"));
	add_key(core, v, DB_KEY_PENDING, serial);
}

static void device_write_answer(struct verb *verb)
{
	struct device_write_verb *v = (struct device_write_verb *)(void *)verb;

	if (v->rekey_done)
		v->rekey_done(verb->ctx, verb->status, verb->status == DB_OK ? v->serial : 0);
	else if (v->done)
		v->done(verb->ctx, verb->status);
}

static struct device_write_verb *device_write(uint32_t pin, void (*work)(struct core *, struct verb *), void *ctx)
{
	struct device_write_verb *v = VERB_NEW(struct device_write_verb, VERB_ALONE, work, device_write_answer, ctx);

	v->verb.secret = true;
	v->pin = pin;
	if (pin == 0)
		verb_refuse(&v->verb, DB_INVALID, "PIN 00000000 is no device's");
	return v;
}

static void take_key(struct device_write_verb *v, struct bytes secret, unsigned suites)
{
	if (secret.len != DB_KEY_SECRET_SIZE)
		verb_refuse(&v->verb, DB_INVALID, "the transport key has %zu bytes, not %d", secret.len, DB_KEY_SECRET_SIZE);
	else
		memcpy(v->secret, secret.data, DB_KEY_SECRET_SIZE);
	key_check_suites(&v->verb, suites);
	v->suites = suites;
}

void db_device_add(struct db *db, const char *user, uint32_t pin, struct bytes secret, unsigned suites, db_status_done *done,
	void *ctx)
{
	struct device_write_verb *v = device_write(pin, device_add_work, ctx);

	v->done = done;
	v->user = verb_text(&v->verb, "user name", user, USER_MAX_BYTES);
	take_key(v, secret, suites);
	verb_give(db, &v->verb);
}

void db_device_remove(struct db *db, uint32_t pin, db_status_done *done, void *ctx)
{
	struct device_write_verb *v = device_write(pin, device_remove_work, ctx);

	v->done = done;
	verb_give(db, &v->verb);
}

void db_device_rekey(struct db *db, uint32_t pin, struct bytes secret, unsigned suites, db_rekey_done *done, void *ctx)
{
	struct device_write_verb *v = device_write(pin, device_rekey_work, ctx);

	v->rekey_done = done;
	take_key(v, secret, suites);
	verb_give(db, &v->verb);
}

struct devices_verb {
	struct verb verb;
	db_devices_done *done;
	struct db_device *devices;
	size_t count;
};

/* One row per key: rows of the same PIN follow each other. */
static void device_list_work(struct core *core, struct verb *verb)
{
	struct devices_verb *v = (struct devices_verb *)(void *)verb;
	enum statement which = SQL_DEVICE_LIST;

	for (bool row = sql_row_values(core, which, NULL, 0); row; row = sql_next(core, which)) {
		uint32_t pin = sql_pin_parse(sql_text(core, which, 0, &verb->arena));
		struct db_device *device;

		if (v->count == 0 || v->devices[v->count - 1].pin != pin) {
			v->devices = arena_grow(&verb->arena, v->devices, v->count, sizeof *v->devices);
			v->devices[v->count++] = (struct db_device){ .pin = pin, .user_id = (uint64_t)sql_number(core, which, 1),
				.user = sql_text(core, which, 2, &verb->arena) };
		}
		device = &v->devices[v->count - 1];
		if (device->key_count == 3 || core->driver_ops->is_null(core->driver, which, 3))
			continue;
		device->keys[device->key_count++] = (struct db_device_key){
			.serial = (uint32_t)sql_number(core, which, 3), .state = key_state_parse(sql_bytes(core, which, 4)),
			.suites = (unsigned)sql_number(core, which, 5), .send_ceiling = (uint32_t)sql_number(core, which, 6),
			.receive_ceiling = (uint32_t)sql_number(core, which, 7),
			.created_wall_ms = (uint64_t)sql_number(core, which, 8), .retired_wall_ms = (uint64_t)sql_number(core, which, 9),
		};
	}
}

static void devices_answer(struct verb *verb)
{
	struct devices_verb *v = (struct devices_verb *)(void *)verb;

	v->done(verb->ctx, verb->status, verb->status == DB_OK ? v->devices : NULL, verb->status == DB_OK ? v->count : 0);
}

void db_device_list(struct db *db, db_devices_done *done, void *ctx)
{
	struct devices_verb *v = VERB_NEW(struct devices_verb, VERB_READ, device_list_work, devices_answer, ctx);

	v->done = done;
	verb_give(db, &v->verb);
}
