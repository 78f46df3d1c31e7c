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
#include "base/io/simulated.h"
#include "base/io/tls.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/settings.h"
#include "simulator/world.h"
#include "tests/support/pipeline_private.h"

static const char *const part_names[PARTS] = { "server", "router", "dispatcher", "collab", "ocs", "device", "relay" };

void pipeline_good(const struct error *err)
{
	if (!*err->text)
		return;
	fprintf(stderr, "%s\n", err->text);
	fail_msg("%s", err->text);
}

/* --- the parts --------------------------------------------------------------------------------------------------------- */

static void load(const struct setting *table, void *into, const char *section, const char *const *overrides)
{
	struct error err = { "" };

	settings_load(table, into, section, NULL, overrides, &err);
	pipeline_good(&err);
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

static char *file_in(const struct pipeline *p, const char *name)
{
	return memory_printf("%s/%s", p->database->folder, name);
}

void pipeline_keep_address(char **setting, const char *address)
{
	char *kept = memory_str(address);

	free(*setting);
	*setting = kept;
}

static void make_router(struct pipeline *p)
{
	char *identities = file_in(p, "srp.keys");
	char *overrides[] = {
		memory_printf("router.listen=%s:0", p->options.host), set_to("router.identities", identities),
		memory_printf("router.state=%s/router.state", p->database->folder), NULL,
	};
	FILE *file = fopen(identities, "w");

	assert_non_null(file);
	fprintf(file, "T00000001 0102030000000000000000000000000000000000\n");
	fclose(file);
	chmod(identities, 0600);
	load(router_setting_table, &p->router_settings, "router", (const char *const *)overrides);
	free_all(overrides);
	free(identities);
}

static void start_router(struct pipeline *p)
{
	p->router = router_new(p->loops[PART_ROUTER], &p->router_settings, p->trails[PART_ROUTER]);
	pipeline_keep_address(&p->router_settings.listen, router_address(p->router));
}

/* Nobody changes the keys: it need not look for that each second. */
static void make_dispatcher(struct pipeline *p)
{
	char *overrides[] = {
		set_to("dispatcher.routers", pipeline_way_to(p, PART_ROUTER, router_address(p->router))),
		memory_printf("dispatcher.listen=%s:0", p->options.host),
		memory_str("dispatcher.server=lab"), memory_str("dispatcher.database_check=60s"), NULL,
	};

	load(dispatcher_setting_table, &p->dispatcher_settings, "dispatcher", (const char *const *)overrides);
	free_all(overrides);
}

static void start_dispatcher(struct pipeline *p)
{
	struct error err = { "" };
	int status = 0;

	p->dispatcher_db = pipeline_open_database(p, PART_DISPATCHER);
	p->dispatcher = dispatcher_new(p->loops[PART_DISPATCHER], &p->dispatcher_settings, p->dispatcher_db, p->trails[PART_DISPATCHER], &status, &err);
	pipeline_good(&err);
	pipeline_keep_address(&p->dispatcher_settings.listen, dispatcher_address(p->dispatcher));
}

static void make_collab(struct pipeline *p)
{
	char *overrides[] = {
		set_to("collab.dispatcher", pipeline_way_to(p, PART_DISPATCHER, dispatcher_address(p->dispatcher))),
		set_to("collab.database_poll", p->options.poll), set_to("collab.environment", pipeline_system(p)),
		memory_printf("collab.trust_ca=%s/im.crt", p->database->folder), NULL,
	};

	load(collab_setting_table, &p->collab_settings, "collab", (const char *const *)overrides);
	free_all(overrides);
}

static void start_collab(struct pipeline *p)
{
	struct error err = { "" };
	int status = 0;

	p->collab_db = pipeline_open_database(p, PART_COLLAB);
	p->collab = collab_new(p->loops[PART_COLLAB], &p->collab_settings, p->collab_db, p->trails[PART_COLLAB], &status, &err);
	pipeline_good(&err);
	if (p->histories[PART_COLLAB])
		history_count(p->histories[PART_COLLAB], collab_count, p->collab);
}

static void stop_router(struct pipeline *p)
{
	router_shutdown(p->router);
	router_free(&p->router);
}

static void stop_dispatcher(struct pipeline *p)
{
	dispatcher_free(&p->dispatcher);
	db_close(&p->dispatcher_db);
}

static void stop_collab(struct pipeline *p)
{
	collab_free(&p->collab);
	db_close(&p->collab_db);
}

bool pipeline_is_up(const struct pipeline *p, enum pipeline_part part)
{
	const void *const parts[PARTS] = { pipeline_im_faults(p), p->router, p->dispatcher, p->collab, p->ocs, p->phones[ALICE].device,
		p->loops[PART_RELAY] };

	return parts[part] != NULL;
}

bool pipeline_has(const struct pipeline *p, enum pipeline_part part)
{
	return part == PART_OCS ? p->options.ocs : part == PART_RELAY ? p->options.relays : true;
}

const char *pipeline_part_name(enum pipeline_part part)
{
	return part_names[part];
}

/* --- histories --------------------------------------------------------------------------------------------------------- */

const char *pipeline_histories(const struct pipeline *p, char *into, size_t size)
{
	if (p->options.keep)
		return p->options.keep;
	snprintf(into, size, "%s/history", p->database->folder);
	return into;
}

static void begin_history(struct pipeline *p, enum pipeline_part part)
{
	struct error err = { "" };
	char folder[96];

	if (!p->options.histories)
		return;
	p->histories[part] = history_open(p->loops[part], p->trails[part], &(struct history_settings){
		.path = pipeline_histories(p, folder, sizeof folder), .process = part == PART_IM ? pipeline_system(p) : part_names[part] }, &err);
	pipeline_good(&err);
}

static void begin_life(struct pipeline *p, enum pipeline_part part)
{
	p->loops[part] = loop_new();
	loop_clock_manual(p->loops[part], p->now_ms);
	trail_set_clock(p->trails[part], p->loops[part]);
	begin_history(p, part);
}

static void end_life(struct pipeline *p, enum pipeline_part part)
{
	history_free(&p->histories[part]);
	trail_set_clock(p->trails[part], NULL);
	loop_free(&p->loops[part]);
}

void pipeline_start(struct pipeline *p, enum pipeline_part part)
{
	static void (*const starts[PARTS])(struct pipeline *) = { pipeline_start_im, start_router, start_dispatcher, start_collab, pipeline_start_ocs, NULL };

	begin_life(p, part);
	starts[part](p);
}

void pipeline_stop(struct pipeline *p, enum pipeline_part part)
{
	static void (*const stops[PARTS])(struct pipeline *) = { pipeline_stop_im, stop_router, stop_dispatcher, stop_collab, pipeline_stop_ocs, NULL, pipeline_close_ways };

	if (pipeline_is_up(p, part))
		stops[part](p);
	end_life(p, part);
}

/* The time that it takes to free what is dead is nobody's. */
void pipeline_bury(struct pipeline *p)
{
	for (int part = 0; part < PART_DEVICE; part++) {
		uint64_t real_us;

		if (!p->loops[part] || !loop_is_dead(p->loops[part]))
			continue;
		real_us = loop_real_us();
		pipeline_stop(p, (enum pipeline_part)part);
		if (loop_real_stands())
			loop_real_stand(real_us);
	}
}

void pipeline_kill(struct pipeline *p, enum pipeline_part part)
{
	if (p->loops[part])
		loop_die(p->loops[part]);
	pipeline_bury(p);
}

void pipeline_order_death(struct pipeline *p, enum pipeline_part part, uint64_t lines, bool unsent)
{
	if (p->histories[part])
		history_die(p->histories[part], lines, unsent);
}

/* --- all of it --------------------------------------------------------------------------------------------------------- */

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

bool pipeline_is_linked(struct pipeline *p)
{
	return p->dispatcher && dispatcher_number(p, "services_registered") == 1 && dispatcher_number(p, "routers_up") == 1;
}

struct pipeline *pipeline_new(const struct pipeline_options *options)
{
	struct pipeline *p = memory_new(sizeof *p);

	p->options = *options;
	log_set_level(LOG_ERROR);
	loop_others(pipeline_round, p);
	pipeline_make_database(p);
	for (int part = 0; part < PARTS; part++)
		p->trails[part] = trail_new(100);
	if (p->options.relays)
		begin_life(p, PART_RELAY);
	pipeline_make_im(p);
	if (p->options.ocs)
		pipeline_start(p, PART_OCS);
	pipeline_start(p, PART_IM);
	pipeline_find_im(p);
	make_router(p);
	pipeline_start(p, PART_ROUTER);
	make_dispatcher(p);
	pipeline_start(p, PART_DISPATCHER);
	make_collab(p);
	pipeline_start(p, PART_COLLAB);
	AWAIT(p, pipeline_is_linked(p), "the service did not register");
	p->faults = device_faults_new(NULL, NULL);
	begin_life(p, PART_DEVICE);
	for (int who = 0; who < (int)p->options.phones; who++)
		pipeline_start_phone(p, who);
	pipeline_settle(p);
	return p;
}

void pipeline_stop_all(struct pipeline *p)
{
	for (int who = 0; who < PHONES_MAX; who++)
		pipeline_stop_phone(p, who);
	for (int part = PART_RELAY; part-- > 0;)
		pipeline_stop(p, (enum pipeline_part)part);
	pipeline_stop(p, PART_RELAY);
}

void pipeline_free(struct pipeline **pipeline)
{
	struct pipeline *p = *pipeline;
	void *database = p->database;

	pipeline_stop_all(p);
	faults_free(&p->faults);
	tls_free(&p->tls);
	tls_free(&p->mutual_tls);
	tls_free(&p->uplink_tls);
	world_free(&p->world);
	free(p->im_address);
	free(p->ocs_address);
	free(p->ocs_way);
	for (int part = 0; part < PARTS; part++)
		trail_free(&p->trails[part]);
	settings_free(collab_setting_table, &p->collab_settings);
	settings_free(dispatcher_setting_table, &p->dispatcher_settings);
	settings_free(router_setting_table, &p->router_settings);
	loop_others(NULL, NULL);
	free(p);
	*pipeline = NULL;
	database_teardown(&database);
}

int pipeline_setup(void **state)
{
	*state = pipeline_new(&(struct pipeline_options){ .phones = PHONES_USUAL, .host = "127.0.0.1", .poll = "10ms" });
	return 0;
}

int pipeline_teardown(void **state)
{
	struct pipeline *p = *state;

	pipeline_free(&p);
	return 0;
}
