#include "tests/support/pipeline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/control.h"
#include "base/io/tls.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/settings.h"

#define START_MS 1000000u
#define PATIENCE_US 10000000u
#define FIRST_PIN 0x2100000Au
#define SUITES PACKET_SUITES_DOCUMENTED

static const char *const users[PHONES] = { "alice", "bob", "carol", "dave" };

static const char world_xml[] =
	"<world>"
	"<user id='alice' password='alice-secret' name='Alice Archer'><contact user='bob'/></user>"
	"<user id='bob' password='bob-secret' name='Bob Baker'><contact user='alice'/></user>"
	"<user id='carol' password='carol-secret' name='Carol Carter'/>"
	"<user id='dave' password='dave-secret' name='Dave Draper'/>"
	"</world>";

/* --- time and waiting -------------------------------------------------------------------------------------------------- */

/* A handshake computes for a moment while nothing is ready, so one quiet round is not enough. */
void pipeline_settle(struct pipeline *p)
{
	for (int quiet = 0; quiet < 2;) {
		uint64_t before = loop_activity(p->loop);

		loop_round(p->loop, 1);
		quiet = loop_activity(p->loop) == before ? quiet + 1 : 0;
	}
}

void pipeline_pass(struct pipeline *p, uint64_t ms)
{
	uint64_t until = p->now_ms + ms, due;

	pipeline_settle(p);
	while ((due = loop_next_due_ms(p->loop)) <= until) {
		if (due > p->now_ms)
			p->now_ms = due;
		loop_clock_advance(p->loop, p->now_ms);
		pipeline_settle(p);
	}
	p->now_ms = until;
	loop_clock_advance(p->loop, p->now_ms);
}

#define AWAIT(p, condition, ...) do { \
	uint64_t give_up_us = loop_real_us() + PATIENCE_US; \
	while (!(condition)) { \
		if (loop_real_us() > give_up_us) \
			fail_msg(__VA_ARGS__); \
		loop_round((p)->loop, 10); \
	} } while (0)

void phone_await(struct pipeline *p, int who, const char *text)
{
	struct phone *phone = &p->phones[who];
	char *found;

	AWAIT(p, strstr(buf_cstr(&phone->told), text), "\"%s\" did not come to %s:\n%s", text, phone->user, buf_cstr(&phone->all));
	found = strstr(buf_cstr(&phone->told), text);
	buf_consume(&phone->told, (size_t)(found - (char *)phone->told.data) + strlen(text));
}

void phone_never(struct pipeline *p, int who, const char *text)
{
	pipeline_settle(p);
	if (strstr(buf_cstr(&p->phones[who].told), text))
		fail_msg("\"%s\" came to %s:\n%s", text, users[who], buf_cstr(&p->phones[who].all));
}

unsigned phone_count(struct pipeline *p, int who, const char *text)
{
	unsigned count = 0;

	for (const char *at = buf_cstr(&p->phones[who].all); (at = strstr(at, text)); at += strlen(text))
		count++;
	return count;
}

void pipeline_fault(struct pipeline *p, const char *word)
{
	struct error err;

	if (faults_add(p->faults, word, p->now_ms, &err))
		fail_msg("%s: %s", word, err.text);
}

/* --- the devices ------------------------------------------------------------------------------------------------------- */

static void on_event(void *ctx, const struct device_event *e)
{
	struct phone *phone = ctx;
	struct buf line = { 0 };

	buf_text(&line, device_event_name(e->type));
	switch (e->type) {
	case DEVICE_EVENT_LOGIN_FAILED:
		buf_printf(&line, " %u %.*s", e->code, (int)e->text.len, (const char *)e->text.data);
		break;
	case DEVICE_EVENT_MESSAGE:
		buf_printf(&line, " %.*s: %.*s", (int)e->user.len, (const char *)e->user.data, (int)e->text.len,
			(const char *)e->text.data);
		break;
	case DEVICE_EVENT_PRESENCE:
		buf_printf(&line, " %.*s %s", (int)e->user.len, (const char *)e->user.data, im_presence_name(e->code));
		break;
	case DEVICE_EVENT_FORCED_LOGOUT:
		buf_printf(&line, " %s", e->reason);
		break;
	case DEVICE_EVENT_ACK:
		buf_printf(&line, " %u", e->code);
		break;
	default:
		break;
	}
	buf_u8(&line, '\n');
	buf_append(&phone->told, buf_bytes(&line));
	buf_append(&phone->all, buf_bytes(&line));
	buf_free(&line);
}

static void secret_of(int who, uint8_t secret[PACKET_KEY_SIZE])
{
	memset(secret, 0x30 + who, PACKET_KEY_SIZE);
}

static void start_phone(struct pipeline *p, int who)
{
	static const struct device_callbacks callbacks = { .event = on_event };
	struct phone *phone = &p->phones[who];
	struct channel_key *key = &phone->identity.peer.keys[0];

	phone->user = users[who];
	phone->identity.pin = FIRST_PIN + (uint32_t)who;
	phone->identity.peer.suites = SUITES;
	strcpy(phone->identity.srp_id, "T00000001");
	snprintf(key->key.id, sizeof key->key.id, "%s+1", pin_text(phone->identity.pin));
	key->key.suites = SUITES;
	key->state = CHANNEL_KEY_CURRENT;
	key->serial = 1;
	secret_of(who, key->key.secret);
	replay_counter_start(&key->send, 0);
	replay_start(&key->receive, 0);
	phone->device = device_new(p->loop, &(struct device_settings){
		.router = router_device_address(p->router), .identity = &phone->identity, .faults = p->faults,
	}, &callbacks, phone);
	phone_await(p, who, "link-up\n");
}

void phone_login(struct pipeline *p, int who)
{
	char password[32];
	struct error err;

	snprintf(password, sizeof password, "%s-secret", users[who]);
	if (device_login(p->phones[who].device, bytes_str(users[who]), bytes_str(password), &err))
		fail_msg("%s", err.text);
}

void phone_online(struct pipeline *p, int who)
{
	phone_login(p, who);
	phone_await(p, who, "login-ok\n");
}

void phone_send(struct pipeline *p, int who, const char *to, const char *text)
{
	struct error err;

	if (device_send(p->phones[who].device, bytes_str(to), bytes_str(text), NULL, &err))
		fail_msg("%s", err.text);
}

/* --- the database ------------------------------------------------------------------------------------------------------ */

static bool service_knows(struct pipeline *p, const struct db_environment *change, unsigned fields)
{
	json_t *status = json_object();
	const json_t *limits;
	bool knows = true;

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
	AWAIT(p, service_knows(p, change, fields), "the service did not see the changed limits");
}

void pipeline_limits(struct pipeline *p, uint32_t max, uint64_t idle_timeout_ms, uint32_t capacity)
{
	change_environment(p, &(struct db_environment){
		.name = "groupwise", .max_sessions = max, .idle_timeout_ms = idle_timeout_ms, .transport_capacity = capacity,
	}, DB_ENV_MAX_SESSIONS | DB_ENV_IDLE_TIMEOUT | DB_ENV_TRANSPORT_CAPACITY);
}

void pipeline_inactivity(struct pipeline *p, uint64_t timeout_ms)
{
	change_environment(p, &(struct db_environment){ .name = "groupwise", .inactivity_timeout_ms = timeout_ms },
		DB_ENV_INACTIVITY_TIMEOUT);
}

int64_t pipeline_seats(struct pipeline *p)
{
	return database_exec(p->database, "SELECT count(*) FROM emu_IMSession");
}

static uint16_t port_of(const char *address)
{
	return (uint16_t)atoi(strrchr(address, ':') + 1);
}

static void fill_database(struct pipeline *p)
{
	static const uint8_t srp_key[SRP_KEY_SIZE] = { 1, 2, 3 };
	struct db *db = p->database->db;
	struct db_environment environment = {
		.name = "groupwise", .type = DB_GROUPWISE, .host = "127.0.0.1", .port = port_of(gw_server_address(p->groupwise)),
		.transport = "tls",
	};
	struct heard_status heard = { 0 };

	db_server_add(db, &(struct db_server){ "lab", "T00000001", bytes_of(srp_key, sizeof srp_key) }, hear_status, &heard);
	db_environment_add(db, &environment, hear_status, &heard);
	for (int who = 0; who < PHONES; who++) {
		struct db_user user = { .server = "lab", .name = users[who], .permitted = who != DAVE };
		uint8_t secret[PACKET_KEY_SIZE];

		secret_of(who, secret);
		db_user_add(db, &user, hear_status, &heard);
		db_device_add(db, users[who], FIRST_PIN + (uint32_t)who, bytes_of(secret, sizeof secret), SUITES, hear_status, &heard);
		db_wait(db);
	}
	db_wait(db);
	assert_int_equal(heard.status, DB_OK);
}

static struct db *open_database(struct pipeline *p)
{
	struct error err = { "" };
	struct db *db = db_open(p->loop, p->database->file, p->database->key_file, DB_EXISTING, true, &err);

	assert_string_equal(err.text, "");
	return db;
}

/* --- the processes ----------------------------------------------------------------------------------------------------- */

static void load(const struct setting *table, void *into, const char *section, const char *const *overrides)
{
	struct error err = { "" };

	settings_load(table, into, section, NULL, overrides, &err);
	assert_string_equal(err.text, "");
}

static char *set_to(const char *key, const char *value)
{
	return memory_printf("%s=%s", key, value);
}

static void free_all(char **texts)
{
	for (; *texts; texts++)
		free(*texts);
}

static void start_groupwise(struct pipeline *p)
{
	struct error err = { "" };
	char *certificate = memory_printf("%s/groupwise.crt", p->database->folder);
	char *key = memory_printf("%s/groupwise.key", p->database->folder);

	p->world = world_parse(bytes_str(world_xml), "world", &err);
	assert_string_equal(err.text, "");
	assert_int_equal(tls_make_self_signed(certificate, key, "127.0.0.1", false, &err), 0);
	p->tls = tls_new(&(struct tls_settings){ .server = true, .certificate_file = certificate, .key_file = key }, &err);
	assert_string_equal(err.text, "");
	p->groupwise = gw_server_new(p->loop, p->world, &(struct gw_server_settings){
		.listen = "127.0.0.1:0", .tls = p->tls, .keepalive_minutes = 10,
	}, &err);
	assert_string_equal(err.text, "");
	free(certificate);
	free(key);
}

static void start_router(struct pipeline *p)
{
	char *identities = memory_printf("%s/srp.keys", p->database->folder);
	char *overrides[] = {
		set_to("router.listen", "127.0.0.1:0"), set_to("router.identities", identities),
		memory_printf("router.state=%s/router.state", p->database->folder), NULL,
	};
	FILE *file = fopen(identities, "w");

	assert_non_null(file);
	fprintf(file, "T00000001 0102030000000000000000000000000000000000\n");
	fclose(file);
	chmod(identities, 0600);
	load(router_setting_table, &p->router_settings, "router", (const char *const *)overrides);
	p->router = router_new(p->loop, &p->router_settings, NULL);
	free_all(overrides);
	free(identities);
}

void pipeline_start_dispatcher(struct pipeline *p)
{
	struct error err = { "" };
	int status = 0;

	p->dispatcher_db = open_database(p);
	p->dispatcher = dispatcher_new(p->loop, &p->dispatcher_settings, p->dispatcher_db, NULL, &status, &err);
	assert_string_equal(err.text, "");
}

void pipeline_stop_dispatcher(struct pipeline *p)
{
	dispatcher_free(&p->dispatcher);
	db_close(&p->dispatcher_db);
}

static void first_dispatcher(struct pipeline *p)
{
	char *overrides[] = {
		set_to("dispatcher.routers", router_address(p->router)), set_to("dispatcher.listen", "127.0.0.1:0"),
		set_to("dispatcher.server", "lab"), NULL,
	};

	load(dispatcher_setting_table, &p->dispatcher_settings, "dispatcher", (const char *const *)overrides);
	pipeline_start_dispatcher(p);
	/* One that is started again listens where the first did. */
	free(p->dispatcher_settings.listen);
	p->dispatcher_settings.listen = memory_str(dispatcher_address(p->dispatcher));
	free_all(overrides);
}

static void start_collab(struct pipeline *p)
{
	struct error err = { "" };
	int status = 0;
	char *overrides[] = {
		set_to("collab.dispatcher", dispatcher_address(p->dispatcher)),
		memory_printf("collab.trust_ca=%s/groupwise.crt", p->database->folder), set_to("collab.database_poll", "10ms"), NULL,
	};

	load(collab_setting_table, &p->collab_settings, "collab", (const char *const *)overrides);
	p->collab_db = open_database(p);
	p->trail = trail_new(1000);
	p->collab = collab_new(p->loop, &p->collab_settings, p->collab_db, p->trail, &status, &err);
	assert_string_equal(err.text, "");
	free_all(overrides);
}

/* A number of the dispatcher's status. */
static json_int_t dispatcher_number(struct pipeline *p, const char *name)
{
	json_t *status = json_object();
	json_int_t number;

	dispatcher_status(p->dispatcher, status);
	number = json_integer_value(json_object_get(status, name));
	json_decref(status);
	return number;
}

int pipeline_setup(void **state)
{
	struct pipeline *p = memory_new(sizeof *p);
	struct error err = { "" };

	log_set_level(LOG_ERROR);
	database_setup_empty(state);
	p->database = *state;
	p->loop = p->database->loop;
	p->now_ms = START_MS;
	loop_clock_manual(p->loop, p->now_ms);
	p->database->db = db_open(p->loop, p->database->file, p->database->key_file, DB_CREATE, true, &err);
	assert_string_equal(err.text, "");
	start_groupwise(p);
	fill_database(p);
	start_router(p);
	first_dispatcher(p);
	start_collab(p);
	AWAIT(p, dispatcher_number(p, "services_registered") == 1 && dispatcher_number(p, "routers_up") == 1, "the service did not register");
	p->faults = device_faults_new(NULL, NULL);
	for (int who = 0; who < PHONES; who++)
		start_phone(p, who);
	pipeline_settle(p);
	*state = p;
	return 0;
}

int pipeline_teardown(void **state)
{
	struct pipeline *p = *state;

	for (int who = 0; who < PHONES; who++) {
		device_free(&p->phones[who].device);
		device_identity_free(&p->phones[who].identity);
		buf_free(&p->phones[who].told);
		buf_free(&p->phones[who].all);
	}
	faults_free(&p->faults);
	collab_free(&p->collab);
	db_close(&p->collab_db);
	pipeline_stop_dispatcher(p);
	router_free(&p->router);
	gw_server_free(&p->groupwise);
	tls_free(&p->tls);
	world_free(&p->world);
	trail_free(&p->trail);
	settings_free(collab_setting_table, &p->collab_settings);
	settings_free(dispatcher_setting_table, &p->dispatcher_settings);
	settings_free(router_setting_table, &p->router_settings);
	*state = p->database;
	free(p);
	return database_teardown(state);
}
