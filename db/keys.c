#include "db/keys.h"

#include <stdio.h>
#include <string.h>

#include "db/key_rows.h"

enum { SUITES_KNOWN = 1 << 1 | 1 << 2 | 1 << 3 };

static const char *const state_names[] = { "none", "pending", "current", "previous" };

const char *db_key_state_name(enum db_key_state state)
{
	return (size_t)state < sizeof state_names / sizeof *state_names ? state_names[state] : "?";
}

enum db_key_state key_state_parse(struct bytes name)
{
	for (size_t i = DB_KEY_PENDING; i <= DB_KEY_PREVIOUS; i++) {
		if (bytes_is(name, state_names[i]))
			return (enum db_key_state)i;
	}
	return DB_KEY_NONE;
}

struct key_row_name key_row_name(uint32_t pin, uint32_t serial)
{
	struct key_row_name out;

	snprintf(out.text, sizeof out.text, "%08X+%u", pin, serial);
	return out;
}

bool key_have_secrets(struct core *core, struct verb *verb)
{
	if (!core->secrets)
		verb_refuse(verb, DB_UNAVAILABLE, "the configuration database %s was opened without an install key", core->place);
	return core->secrets != NULL;
}

void key_check_suites(struct verb *verb, unsigned suites)
{
	if (suites == 0 || (suites & ~(unsigned)SUITES_KNOWN))
		verb_refuse(verb, DB_INVALID, "the suites 0x%x of the transport key: at least one, and none but the known ones", suites);
}

void key_row_add(struct core *core, uint32_t pin, const struct db_device_key *key)
{
	struct sql_pin name = sql_pin(pin);
	struct key_row_name row = key_row_name(pin, key->serial);
	struct secret_place place = { "emu_DeviceKey", "Secret", row.text };
	struct buf sealed = { 0 };

	secret_seal(core->secrets, &place, bytes_of(key->secret, sizeof key->secret), &sealed);
	sql_run(core, SQL_KEY_ADD, text(name.text), number(key->serial), text(db_key_state_name(key->state)), number(key->suites),
		blob(buf_bytes(&sealed)), number((int64_t)loop_wall_ms()));
	buf_free(&sealed);
}

/* --- reading ----------------------------------------------------------------------------------------------------------------- */

struct device_verb {
	struct verb verb;
	db_device_done *done;
	struct db_device device;
};

static bool read_secret(struct core *core, uint32_t pin, struct db_device_key *key)
{
	struct key_row_name row = key_row_name(pin, key->serial);
	struct secret_place place = { "emu_DeviceKey", "Secret", row.text };
	struct buf clear = { 0 };
	bool good;

	buf_reserve(&clear, DB_KEY_SECRET_SIZE + 1);
	good = secret_open(core->secrets, &place, sql_bytes(core, SQL_KEYS_OF_PIN, 3), &clear) == 0 && clear.len == DB_KEY_SECRET_SIZE;
	if (good)
		memcpy(key->secret, clear.data, DB_KEY_SECRET_SIZE);
	buf_wipe(&clear);
	return good;
}

static void device_keys_work(struct core *core, struct verb *verb)
{
	struct device_verb *v = (struct device_verb *)(void *)verb;
	struct db_device *device = &v->device;
	struct sql_pin pin = sql_pin(device->pin);

	if (!key_have_secrets(core, verb))
		return;
	if (!sql_row(core, SQL_DEVICE_USER, text(pin.text))) {
		verb_refuse(verb, DB_NOT_FOUND, "no user has the PIN %s", pin.text);
		return;
	}
	device->user_id = (uint64_t)sql_number(core, SQL_DEVICE_USER, 0);
	device->user = sql_text(core, SQL_DEVICE_USER, 1, &verb->arena);
	for (bool row = sql_row(core, SQL_KEYS_OF_PIN, text(pin.text)); row && device->key_count < 3;
		row = sql_next(core, SQL_KEYS_OF_PIN)) {
		struct db_device_key *key = &device->keys[device->key_count++];

		key->serial = (uint32_t)sql_number(core, SQL_KEYS_OF_PIN, 0);
		key->state = key_state_parse(sql_bytes(core, SQL_KEYS_OF_PIN, 1));
		key->suites = (unsigned)sql_number(core, SQL_KEYS_OF_PIN, 2);
		key->send_ceiling = (uint32_t)sql_number(core, SQL_KEYS_OF_PIN, 4);
		key->receive_ceiling = (uint32_t)sql_number(core, SQL_KEYS_OF_PIN, 5);
		key->created_wall_ms = (uint64_t)sql_number(core, SQL_KEYS_OF_PIN, 6);
		key->retired_wall_ms = (uint64_t)sql_number(core, SQL_KEYS_OF_PIN, 7);
		if (!read_secret(core, device->pin, key)) {
			verb_refuse(verb, DB_UNAVAILABLE, "key %u of device %s cannot be opened with this install key: its row was changed, "
				"or comes from another installation; give the device a new key", key->serial, pin.text);
			return;
		}
	}
}

static void device_keys_answer(struct verb *verb)
{
	struct device_verb *v = (struct device_verb *)(void *)verb;

	v->done(verb->ctx, verb->status, verb->status == DB_OK ? &v->device : NULL);
}

void db_device_keys(struct db *db, uint32_t pin, db_device_done *done, void *ctx)
{
	struct device_verb *v = VERB_NEW(struct device_verb, VERB_READ, device_keys_work, device_keys_answer, ctx);

	v->verb.secret = true;
	v->done = done;
	v->device.pin = pin;
	verb_give(db, &v->verb);
}

/* --- changing ---------------------------------------------------------------------------------------------------------------- */

struct key_verb {
	struct status_verb status;
	uint32_t pin, serial, ceiling;
	enum db_key_direction direction;
	uint64_t now_wall_ms;
};

static void refuse_no_key(struct verb *verb, const struct key_verb *v)
{
	verb_refuse(verb, DB_NOT_FOUND, "device %08X has no key %u", v->pin, v->serial);
}

static void ceiling_work(struct core *core, struct verb *verb)
{
	struct key_verb *v = (struct key_verb *)(void *)verb;
	struct sql_pin pin = sql_pin(v->pin);

	sql_run(core, v->direction == DB_KEY_SEND ? SQL_KEY_SEND_CEILING : SQL_KEY_RECEIVE_CEILING, text(pin.text), number(v->serial),
		number(v->ceiling));
	if (core->failed == DRIVER_DONE && sql_changed(core) == 0 && !sql_row(core, SQL_KEY_STATE, text(pin.text), number(v->serial)))
		refuse_no_key(verb, v);
}

static struct key_verb *key_verb(uint32_t pin, uint32_t serial, void (*work)(struct core *, struct verb *), db_status_done *done,
	void *ctx)
{
	struct key_verb *v = VERB_NEW(struct key_verb, VERB_SHARED, work, status_answer, ctx);

	v->status.done = done;
	v->pin = pin;
	v->serial = serial;
	return v;
}

void db_key_ceiling(struct db *db, uint32_t pin, uint32_t serial, enum db_key_direction direction, uint32_t ceiling,
	db_status_done *done, void *ctx)
{
	struct key_verb *v = key_verb(pin, serial, ceiling_work, done, ctx);

	v->direction = direction;
	v->ceiling = ceiling;
	verb_give(db, &v->status.verb);
}

static void promote_work(struct core *core, struct verb *verb)
{
	struct key_verb *v = (struct key_verb *)(void *)verb;
	struct sql_pin pin = sql_pin(v->pin);
	enum db_key_state state = DB_KEY_NONE;

	if (sql_row(core, SQL_KEY_STATE, text(pin.text), number(v->serial)))
		state = key_state_parse(sql_bytes(core, SQL_KEY_STATE, 0));
	if (state == DB_KEY_NONE)
		refuse_no_key(verb, v);
	else if (state == DB_KEY_PREVIOUS)
		verb_refuse(verb, DB_CONFLICT, "key %u of device %s is a previous one", v->serial, pin.text);
	if (state != DB_KEY_PENDING)
		return;
	sql_run(core, SQL_KEY_REMOVE_STATE, text(pin.text), text("previous"));
	sql_run(core, SQL_KEY_RETIRE, text(pin.text), number((int64_t)v->now_wall_ms));
	sql_run(core, SQL_KEY_MAKE_CURRENT, text(pin.text), number(v->serial));
}

void db_key_promote(struct db *db, uint32_t pin, uint32_t serial, uint64_t now_wall_ms, db_status_done *done, void *ctx)
{
	struct key_verb *v = key_verb(pin, serial, promote_work, done, ctx);

	v->now_wall_ms = now_wall_ms;
	verb_give(db, &v->status.verb);
}
