/* Servers, users and their permission. */
#include "db/config.h"

#include <string.h>

#include "db/core.h"

enum { NAME_MAX_BYTES = 64, USER_MAX_BYTES = 256, SRP_ID_MAX = 32, SRP_KEY_MIN = 16, SRP_KEY_MAX = 64 };

static const char *optional_text(struct verb *verb, const char *what, const char *given, size_t max)
{
	return given && *given ? verb_text(verb, what, given, max) : NULL;
}

/* --- servers ------------------------------------------------------------------------------------------------------------------ */

struct server_verb {
	struct status_verb status;
	const char *name, *srp_id;
	struct bytes key;
	bool add;
};

static void server_write_work(struct core *core, struct verb *verb)
{
	struct server_verb *v = (struct server_verb *)(void *)verb;
	enum statement which = v->add ? SQL_SERVER_ADD : SQL_SERVER_ID;
	struct secret_place place = { "emu_SRPIdentity", "AuthKey", v->srp_id };
	struct buf sealed = { 0 };
	int64_t id;

	if (!core->secrets) {
		verb_refuse(verb, DB_UNAVAILABLE, "the configuration database %s was opened without an install key", core->place);
		return;
	}
	if (!sql_row(core, which, text(v->name))) {
		if (core->failed == DRIVER_DONE)
			verb_refuse(verb, DB_NOT_FOUND, "there is no server '%s'", v->name);
		else if (core->failed == DRIVER_EXISTS)
			verb_refuse(verb, DB_EXISTS, "there is a server '%s' already", v->name);
		return;
	}
	id = sql_number(core, which, 0);
	secret_seal(core->secrets, &place, v->key, &sealed);
	sql_run(core, SQL_SRP_SET, number(id), text(v->srp_id), blob(buf_bytes(&sealed)));
	if (core->failed == DRIVER_EXISTS)
		verb_refuse(verb, DB_EXISTS, "another server has the SRP identifier '%s' already", v->srp_id);
	buf_free(&sealed);
}

static void server_write(struct db *db, const struct db_server *server, bool add, db_status_done *done, void *ctx)
{
	struct server_verb *v = VERB_NEW(struct server_verb, VERB_ALONE, server_write_work, status_answer, ctx);
	struct verb *verb = &v->status.verb;

	verb->secret = true;
	v->status.done = done;
	v->add = add;
	v->name = verb_text(verb, "server name", server->name, NAME_MAX_BYTES);
	v->srp_id = verb_text(verb, "SRP identifier", server->srp_id, SRP_ID_MAX);
	if (server->srp_key.len < SRP_KEY_MIN || server->srp_key.len > SRP_KEY_MAX)
		verb_refuse(verb, DB_INVALID, "the SRP authentication key has %zu bytes: %d to %d (20 is usual)", server->srp_key.len,
			SRP_KEY_MIN, SRP_KEY_MAX);
	else
		v->key = bytes_of(arena_bytes(&verb->arena, server->srp_key), server->srp_key.len);
	verb_give(db, verb);
}

void db_server_add(struct db *db, const struct db_server *server, db_status_done *done, void *ctx)
{
	server_write(db, server, true, done, ctx);
}

void db_server_set(struct db *db, const struct db_server *server, db_status_done *done, void *ctx)
{
	server_write(db, server, false, done, ctx);
}

struct servers_verb {
	struct verb verb;
	db_servers_done *done;
	const char *name;                /* NULL: all, without their keys */
	struct db_server *servers;
	size_t count;
};

static void add_server(struct core *core, struct servers_verb *v, enum statement which)
{
	struct db_server *server;

	v->servers = arena_grow(&v->verb.arena, v->servers, v->count, sizeof *v->servers);
	server = &v->servers[v->count++];
	*server = (struct db_server){ .name = sql_text(core, which, 0, &v->verb.arena),
		.srp_id = sql_text(core, which, 1, &v->verb.arena) };
}

static void server_get_work(struct core *core, struct verb *verb)
{
	struct servers_verb *v = (struct servers_verb *)(void *)verb;
	struct secret_place place = { "emu_SRPIdentity", "AuthKey", NULL };
	struct buf clear = { 0 };

	if (!sql_row(core, SQL_SERVER_GET, text(v->name))) {
		verb_refuse(verb, DB_NOT_FOUND, "there is no server '%s'", v->name);
		return;
	}
	add_server(core, v, SQL_SERVER_GET);
	place.row = v->servers->srp_id;
	if (!place.row)
		return;
	buf_reserve(&clear, SRP_KEY_MAX + 1);
	if (!core->secrets)
		verb_refuse(verb, DB_UNAVAILABLE, "the configuration database %s was opened without an install key", core->place);
	else if (secret_open(core->secrets, &place, sql_bytes(core, SQL_SERVER_GET, 2), &clear) < 0)
		verb_refuse(verb, DB_UNAVAILABLE, "the SRP key of server '%s' cannot be opened with this install key: its row was "
			"changed, or comes from another installation; set it again", v->name);
	else
		v->servers->srp_key = bytes_of(arena_bytes(&verb->arena, buf_bytes(&clear)), clear.len);
	buf_wipe(&clear);
}

static void server_list_work(struct core *core, struct verb *verb)
{
	struct servers_verb *v = (struct servers_verb *)(void *)verb;

	for (bool row = sql_row_values(core, SQL_SERVER_LIST, NULL, 0); row; row = sql_next(core, SQL_SERVER_LIST))
		add_server(core, v, SQL_SERVER_LIST);
}

static void servers_answer(struct verb *verb)
{
	struct servers_verb *v = (struct servers_verb *)(void *)verb;

	v->done(verb->ctx, verb->status, verb->status == DB_OK ? v->servers : NULL, verb->status == DB_OK ? v->count : 0);
}

void db_server_get(struct db *db, const char *name, db_servers_done *done, void *ctx)
{
	struct servers_verb *v = VERB_NEW(struct servers_verb, VERB_READ, server_get_work, servers_answer, ctx);

	v->verb.secret = true;
	v->done = done;
	v->name = verb_text(&v->verb, "server name", name, NAME_MAX_BYTES);
	verb_give(db, &v->verb);
}

void db_server_list(struct db *db, db_servers_done *done, void *ctx)
{
	struct servers_verb *v = VERB_NEW(struct servers_verb, VERB_READ, server_list_work, servers_answer, ctx);

	v->done = done;
	verb_give(db, &v->verb);
}

/* --- users -------------------------------------------------------------------------------------------------------------------- */

struct user_verb {
	struct status_verb status;
	const char *server, *name, *mail, *mailbox_dn;
	bool permitted;
};

static void set_permission(struct core *core, int64_t user_id, bool permitted)
{
	sql_run(core, permitted ? SQL_PERMIT : SQL_FORBID, number(user_id));
}

static void user_add_work(struct core *core, struct verb *verb)
{
	struct user_verb *v = (struct user_verb *)(void *)verb;
	int64_t server;

	if (!sql_row(core, SQL_SERVER_ID, text(v->server))) {
		verb_refuse(verb, DB_NOT_FOUND, "there is no server '%s'", v->server);
		return;
	}
	server = sql_number(core, SQL_SERVER_ID, 0);
	if (sql_row(core, SQL_USER_ADD, number(server), text(v->name), text(v->mail), text(v->mailbox_dn)))
		set_permission(core, sql_number(core, SQL_USER_ADD, 0), v->permitted);
	else if (core->failed == DRIVER_EXISTS)
		verb_refuse(verb, DB_EXISTS, "there is a user '%s' already", v->name);
}

void db_user_add(struct db *db, const struct db_user *user, db_status_done *done, void *ctx)
{
	struct user_verb *v = VERB_NEW(struct user_verb, VERB_ALONE, user_add_work, status_answer, ctx);
	struct verb *verb = &v->status.verb;

	v->status.done = done;
	v->server = verb_text(verb, "server name", user->server, NAME_MAX_BYTES);
	v->name = verb_text(verb, "user name", user->name, USER_MAX_BYTES);
	v->mail = optional_text(verb, "mail address", user->mail, USER_MAX_BYTES);
	v->mailbox_dn = optional_text(verb, "mailbox name", user->mailbox_dn, USER_MAX_BYTES);
	v->permitted = user->permitted;
	verb_give(db, verb);
}

/* 0 after refusing the verb. */
static int64_t find_user(struct core *core, struct verb *verb, const char *name)
{
	if (sql_row(core, SQL_USER_ID, text(name)))
		return sql_number(core, SQL_USER_ID, 0);
	verb_refuse(verb, DB_NOT_FOUND, "there is no user '%s'", name);
	return 0;
}

static void user_remove_work(struct core *core, struct verb *verb)
{
	struct user_verb *v = (struct user_verb *)(void *)verb;
	int64_t id = find_user(core, verb, v->name);

	if (id)
		sql_run(core, SQL_USER_REMOVE, number(id));   /* keys and permission go with it */
}

static void user_permit_work(struct core *core, struct verb *verb)
{
	struct user_verb *v = (struct user_verb *)(void *)verb;
	int64_t id = find_user(core, verb, v->name);

	if (id)
		set_permission(core, id, v->permitted);
}

static void user_change(struct db *db, const char *name, bool permitted, void (*work)(struct core *, struct verb *),
	db_status_done *done, void *ctx)
{
	struct user_verb *v = VERB_NEW(struct user_verb, VERB_ALONE, work, status_answer, ctx);

	v->status.done = done;
	v->name = verb_text(&v->status.verb, "user name", name, USER_MAX_BYTES);
	v->permitted = permitted;
	verb_give(db, &v->status.verb);
}

void db_user_remove(struct db *db, const char *name, db_status_done *done, void *ctx)
{
	user_change(db, name, false, user_remove_work, done, ctx);
}

void db_user_permit(struct db *db, const char *name, bool permitted, db_status_done *done, void *ctx)
{
	user_change(db, name, permitted, user_permit_work, done, ctx);
}

struct users_verb {
	struct verb verb;
	db_users_done *done;
	struct db_user *users;
	size_t count;
};

static void user_list_work(struct core *core, struct verb *verb)
{
	struct users_verb *v = (struct users_verb *)(void *)verb;
	struct arena *arena = &verb->arena;
	enum statement which = SQL_USER_LIST;

	for (bool row = sql_row_values(core, which, NULL, 0); row; row = sql_next(core, which)) {
		v->users = arena_grow(arena, v->users, v->count, sizeof *v->users);
		v->users[v->count++] = (struct db_user){
			.id = (uint64_t)sql_number(core, which, 0), .server = sql_text(core, which, 1, arena),
			.name = sql_text(core, which, 2, arena), .mail = sql_text(core, which, 3, arena),
			.mailbox_dn = sql_text(core, which, 4, arena), .pin = sql_pin_parse(sql_text(core, which, 5, arena)),
			.permitted = !core->driver_ops->is_null(core->driver, which, 6),
		};
	}
}

static void users_answer(struct verb *verb)
{
	struct users_verb *v = (struct users_verb *)(void *)verb;

	v->done(verb->ctx, verb->status, verb->status == DB_OK ? v->users : NULL, verb->status == DB_OK ? v->count : 0);
}

void db_user_list(struct db *db, db_users_done *done, void *ctx)
{
	struct users_verb *v = VERB_NEW(struct users_verb, VERB_READ, user_list_work, users_answer, ctx);

	v->done = done;
	verb_give(db, &v->verb);
}
