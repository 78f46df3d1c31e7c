#include "admin/lab_folder.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/device_key.h"
#include "admin/lab_files.h"
#include "admin/lab_plan.h"
#include "base/log.h"
#include "base/memory.h"
#include "db/config.h"
#include "protocol/packet.h"
#include "protocol/srp.h"

const struct lab_user lab_users[] = {
	{ "alice", "alice-secret", "Alice Archer", 0x2100000a },
	{ "bob", "bob-secret", "Bob Baker", 0x2100000b },
	{ "carol", "carol-secret", "Carol Carter", 0x2100000c },
	{ "dave", "dave-secret", "Dave Draper", 0x2100000d },
	{ NULL, NULL, NULL, 0 },
};

struct folder {
	const char *dir;
	const struct lab_fresh *fresh;
	struct loop *loop;
	struct db *db;
	enum db_status status;
	uint8_t srp_key[SRP_KEY_SIZE];
	struct device_identity identity;
	bool has_identity;
	bool is_elsewhere;
};

static int make_folder(const char *dir, const char *name, struct error *err)
{
	char *path = memory_printf("%s%s%s", dir, name ? "/" : "", name ? name : "");
	int rc = 0;

	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		rc = error_set(err, "the folder %s cannot be made: %s", path, strerror(errno));
	free(path);
	return rc;
}

/* --- database ---------------------------------------------------------------------------------------------------------- */

static void on_done(void *ctx, enum db_status status)
{
	struct folder *f = ctx;

	f->status = status;
}

static void on_server(void *ctx, enum db_status status, const struct db_server *servers, size_t count)
{
	struct folder *f = ctx;

	f->status = status;
	if (status == DB_OK && count == 1 && servers[0].srp_key.len == sizeof f->srp_key)
		memcpy(f->srp_key, servers[0].srp_key.data, sizeof f->srp_key);
}

static void on_device(void *ctx, enum db_status status, const struct db_device *device)
{
	struct folder *f = ctx;

	f->status = status;
	f->has_identity = status == DB_OK;
	if (status == DB_OK)
		device_key_identity(device, LAB_SRP_ID, &f->identity);
}

/* Waits for the verb; a row that is there already is as good as a new one. */
static int wait_done(struct folder *f, const char *what, struct error *err)
{
	db_wait(f->db);
	if (f->status == DB_OK || f->status == DB_EXISTS)
		return 0;
	return error_set(err, "the lab's database: %s: %s (%s)", what, db_status_text(f->status), db_last_error(f->db));
}

static int make_server(struct folder *f, struct error *err)
{
	struct db_server server = { .name = LAB_SERVER, .srp_id = LAB_SRP_ID, .srp_key = bytes_of(f->srp_key, sizeof f->srp_key) };

	secret_new(f->srp_key, sizeof f->srp_key);
	db_server_add(f->db, &server, on_done, f);
	if (wait_done(f, "server", err) != 0)
		return -1;
	db_server_get(f->db, LAB_SERVER, on_server, f);
	return wait_done(f, "server", err);
}

static int make_environment(struct folder *f, struct error *err)
{
	const struct db_environment environment = { .name = lab_backend_name(f->fresh->backend), .type = f->fresh->backend == LAB_BACKEND_CWA ? DB_CWA : DB_GROUPWISE,
		.host = "127.0.0.1", .port = (uint16_t)(lab_roles[lab_backend_server(f->fresh->backend)].port + f->fresh->port_offset),
		.transport = f->fresh->backend == LAB_BACKEND_CWA ? "https" : "tls" };

	db_environment_add(f->db, &environment, on_done, f);
	return wait_done(f, "environment", err);
}

static int make_device(struct folder *f, const struct lab_user *who, struct error *err)
{
	char *path = memory_printf("%s/devices/%s.json", f->dir, pin_text(who->pin));
	uint8_t secret[DB_KEY_SECRET_SIZE];
	int rc;

	secret_new(secret, sizeof secret);
	db_device_add(f->db, who->name, who->pin, bytes_of(secret, sizeof secret), PACKET_SUITES_DOCUMENTED, on_done, f);
	rc = wait_done(f, who->name, err);
	explicit_bzero(secret, sizeof secret);
	if (rc == 0 && !file_is_there(path)) {
		db_device_keys(f->db, who->pin, on_device, f);
		rc = wait_done(f, who->name, err);
		if (rc == 0 && f->has_identity)
			rc = device_key_write(path, &f->identity, err);
		device_identity_free(&f->identity);
		f->has_identity = false;
	}
	free(path);
	return rc;
}

static int make_person(struct folder *f, const struct lab_user *who, struct error *err)
{
	char mail[64];
	struct db_user user = { .server = LAB_SERVER, .name = who->name, .mail = mail, .permitted = true };

	snprintf(mail, sizeof mail, "%s@corp.test", who->name);
	db_user_add(f->db, &user, on_done, f);
	return wait_done(f, who->name, err) != 0 ? -1 : make_device(f, who, err);
}

/* The i-th of those that were asked for, from 1. name has room for 16 bytes. */
static struct lab_user more_user(unsigned i, char *name, char *password, char *full_name, size_t size)
{
	snprintf(name, size, "user%04u", i);
	snprintf(password, size, "user%04u-secret", i);
	snprintf(full_name, size, "User %04u", i);
	return (struct lab_user){ name, password, full_name, LAB_USERS_PIN + i - 1 };
}

static int make_people(struct folder *f, struct error *err)
{
	for (const struct lab_user *who = lab_users; who->name; who++) {
		if (make_person(f, who, err) != 0)
			return -1;
	}
	for (unsigned i = 1; i <= f->fresh->users; i++) {
		char name[32], password[32], full_name[32];
		struct lab_user who = more_user(i, name, password, full_name, sizeof name);

		if (make_person(f, &who, err) != 0)
			return -1;
	}
	return 0;
}

static int open_database(struct folder *f, const char *database, const char *key, int *status, struct error *err)
{
	f->loop = loop_new();
	f->db = db_open(f->loop, database, key, DB_CREATE, true, err);
	if (f->db)
		return 0;
	*status = EXIT_DATABASE;
	return -1;
}

static void close_database(struct folder *f)
{
	if (f->db)
		db_close(&f->db);
	loop_free(&f->loop);
	explicit_bzero(f->srp_key, sizeof f->srp_key);
}

/* The key file of the last user that is asked for tells whether a folder has so many. */
static int check_users(const char *dir, unsigned users, struct error *err)
{
	char *last = memory_printf("%s/devices/%s.json", dir, pin_text(LAB_USERS_PIN + users - 1));
	int rc = 0;

	if (users && !file_is_there(last))
		rc = error_set(err, "--users %u is for a new lab, and the one in %s has fewer: choose another --dir, or delete that one", users, dir);
	free(last);
	return rc;
}

int lab_folder_make(const char *dir, const struct lab_fresh *fresh, int *status, struct error *err)
{
	struct folder f = { .dir = dir, .fresh = fresh };
	char *settings = memory_printf("%s/bramble.ini", dir);
	char *database = fresh->database ? memory_str(fresh->database) : memory_printf("%s/bramble.db", dir);
	char *key = memory_printf("%s/install.key", dir);
	int rc = -1;

	*status = EXIT_CONFIG;
	if (make_folder(dir, NULL, err) != 0 || make_folder(dir, "devices", err) != 0 || make_folder(dir, "run", err) != 0 ||
	    make_folder(dir, "log", err) != 0)
		goto out;
	/* The settings are written last: where they are, all of it is. */
	if (file_is_there(settings)) {
		rc = check_users(dir, fresh->users, err);
		goto out;
	}
	*status = EXIT_USAGE;
	if (lab_plan_check_offset(fresh->backend, fresh->port_offset, err) != 0)
		goto out;
	if (open_database(&f, database, key, status, err) != 0)
		goto close;
	*status = EXIT_DATABASE;
	if (make_server(&f, err) == 0 && make_environment(&f, err) == 0 && make_people(&f, err) == 0) {
		*status = EXIT_CONFIG;
		rc = lab_files_make(dir, fresh, bytes_of(f.srp_key, sizeof f.srp_key), err);
	}
close:
	close_database(&f);
out:
	free(settings);
	memory_wipe_str(&database);
	free(key);
	return rc;
}

int lab_folder_forget(const char *dir, struct error *err)
{
	char *pattern = memory_printf("%s/state/*/*", dir);
	int rc = make_folder(dir, "state", err);
	glob_t found = { 0 };

	if (rc == 0 && glob(pattern, GLOB_NOSORT, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc && rc == 0; i++) {
			if (unlink(found.gl_pathv[i]) != 0)
				rc = error_set(err, "%s cannot be removed: %s", found.gl_pathv[i], strerror(errno));
		}
	}
	globfree(&found);
	free(pattern);
	return rc;
}

static void on_environment(void *ctx, enum db_status status, const struct db_environment *environments, size_t count)
{
	struct folder *f = ctx;

	f->status = status;
	f->is_elsewhere = status == DB_OK && count && strcmp(environments[0].host, "127.0.0.1") != 0;
}

int lab_folder_point(const struct place *place, unsigned port, int *status, struct error *err)
{
	struct folder f = { .dir = NULL };
	const struct db_environment environment = { .name = place->collab_environment, .port = (uint16_t)port };
	int rc = open_database(&f, place->database, place->install_key, status, err);

	if (rc == 0) {
		db_environment_get(f.db, place->collab_environment, on_environment, &f);
		rc = wait_done(&f, place->collab_environment, err);
	}
	if (rc == 0 && !f.is_elsewhere) {
		db_environment_set(f.db, &environment, DB_ENV_PORT, on_done, &f);
		rc = wait_done(&f, place->collab_environment, err);
	}
	if (rc != 0)
		*status = EXIT_DATABASE;
	close_database(&f);
	return rc;
}
