#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/control.h"
#include "base/io/simulated.h"
#include "tests/support/pipeline_private.h"

/* --- limits and seats -------------------------------------------------------------------------------------------------- */

static bool service_knows(struct pipeline *p, const struct db_environment *change, unsigned fields)
{
	json_t *status;
	const json_t *limits;
	bool knows = true;

	if (!p->collab || loop_is_dead(p->loops[PART_COLLAB]))
		return true;
	status = json_object();
	collab_status(p->collab, status);
	limits = json_object_get(status, "limits");
	if (fields & DB_ENV_MAX_SESSIONS)
		knows = knows && control_number(limits, "max_sessions", 0) == change->max_sessions;
	if (fields & DB_ENV_IDLE_TIMEOUT)
		knows = knows && control_number(limits, "idle_timeout_ms", 0) == change->idle_timeout_ms;
	if (fields & DB_ENV_INACTIVITY_TIMEOUT)
		knows = knows && control_number(limits, "inactivity_timeout_ms", 0) == change->inactivity_timeout_ms;
	json_decref(status);
	return knows;
}

/* Admission reads the limits in its own transaction; the timers of live sessions learn of a change when the service looks next. */
static void change_environment(struct pipeline *p, const struct db_environment *change, unsigned fields)
{
	struct heard_status heard = { 0 };

	db_environment_set(p->database->db, change, fields, hear_status, &heard);
	db_wait(p->database->db);
	assert_int_equal(heard.status, DB_OK);
	for (int part = 0; part < PARTS; part++)
		if (p->loops[part])
			loop_look(p->loops[part]);
	AWAIT(p, service_knows(p, change, fields), "the service did not see the changed limits");
}

void pipeline_limits(struct pipeline *p, uint32_t max, uint64_t idle_timeout_ms, uint32_t capacity)
{
	change_environment(p, &(struct db_environment){
		.name = pipeline_system(p), .max_sessions = max, .idle_timeout_ms = idle_timeout_ms, .transport_capacity = capacity,
	}, DB_ENV_MAX_SESSIONS | DB_ENV_IDLE_TIMEOUT | DB_ENV_TRANSPORT_CAPACITY);
}

void pipeline_inactivity(struct pipeline *p, uint64_t timeout_ms)
{
	change_environment(p, &(struct db_environment){ .name = pipeline_system(p), .inactivity_timeout_ms = timeout_ms },
		DB_ENV_INACTIVITY_TIMEOUT);
}

int64_t pipeline_seats(struct pipeline *p)
{
	return database_exec(p->database, "SELECT count(*) FROM emu_IMSession");
}

/* --- made once --------------------------------------------------------------------------------------------------------- */

static void add_people(struct pipeline *p)
{
	static const uint8_t srp_key[SRP_KEY_SIZE] = { 1, 2, 3 };
	struct db *db = p->database->db;
	struct db_environment environment = { .name = pipeline_system(p), .type = p->options.system, .host = "127.0.0.1", .port = 1,
		.transport = p->options.system == DB_CWA ? "https" : "tls" };
	struct heard_status heard = { 0 };

	db_server_add(db, &(struct db_server){ "lab", "T00000001", bytes_of(srp_key, sizeof srp_key) }, hear_status, &heard);
	db_environment_add(db, &environment, hear_status, &heard);
	for (int who = 0; who < (int)p->options.phones; who++) {
		struct db_user user = { .server = "lab", .name = phone_user(who), .permitted = who != DAVE };
		uint8_t secret[PACKET_KEY_SIZE];

		pipeline_secret(who, secret);
		db_user_add(db, &user, hear_status, &heard);
		db_device_add(db, phone_user(who), PIPELINE_FIRST_PIN + (uint32_t)who, bytes_of(secret, sizeof secret), PIPELINE_SUITES, hear_status,
			&heard);
		db_wait(db);
	}
	db_wait(db);
	assert_int_equal(heard.status, DB_OK);
}

static void open_as(struct pipeline *p, enum db_open_mode mode)
{
	struct error err = { "" };

	p->database->db = db_open(p->loop, p->database->file, p->database->key_file, mode, true, &err);
	pipeline_good(&err);
}

static void read_file(const char *path, struct buf *out)
{
	FILE *file = fopen(path, "r");
	size_t got;

	assert_non_null(file);
	do {
		got = fread(buf_extend(out, 65536), 1, 65536, file);
		out->len -= 65536 - got;
	} while (got);
	assert_false(ferror(file));
	fclose(file);
}

static void write_file(const char *path, struct bytes from)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, from.data, from.len), from.len);
	close(fd);
}

/* Making one takes a tenth of what a seed of the simulation does: it is made once for so many phones and an IM system, and copied. A server's is not a file. */
void pipeline_make_database(struct pipeline *p)
{
	static struct { struct buf file, key; } made[2][PHONES_MAX + 1];
	const unsigned is_cwa = p->options.system == DB_CWA;
	struct buf *file = &made[is_cwa][p->options.phones].file, *key = &made[is_cwa][p->options.phones].key;
	uint64_t real_us = loop_real_us();
	void *state = NULL;

	database_setup_empty(&state);
	p->database = state;
	p->loop = p->database->loop;
	p->now_ms = PIPELINE_START_MS;
	loop_clock_manual(p->loop, p->now_ms);
	if (file->len) {
		write_file(p->database->file, buf_bytes(file));
		write_file(p->database->key_file, buf_bytes(key));
	} else {
		open_as(p, DB_CREATE);
		add_people(p);
		if (p->database->postgres)
			return;
		db_close(&p->database->db);
		read_file(p->database->file, file);
		read_file(p->database->key_file, key);
	}
	open_as(p, DB_EXISTING);
	/* To the clock that stands it is the same whether it was made or copied. */
	if (loop_real_stands())
		loop_real_stand(real_us);
}

void pipeline_find_im(struct pipeline *p)
{
	const char *address = pipeline_way_to(p, PART_IM, p->im_address);
	struct db_environment change = { .name = pipeline_system(p), .host = p->options.host, .port = (uint16_t)atoi(strrchr(address, ':') + 1) };
	struct heard_status heard = { 0 };

	db_environment_set(p->database->db, &change, DB_ENV_HOST | DB_ENV_PORT, hear_status, &heard);
	db_wait(p->database->db);
	assert_int_equal(heard.status, DB_OK);
}

struct db *pipeline_open_database(struct pipeline *p, enum pipeline_part part)
{
	struct error err = { "" };
	struct db *db = db_open(p->loops[part], p->database->file, p->database->key_file, DB_EXISTING, true, &err);

	pipeline_good(&err);
	return db;
}
