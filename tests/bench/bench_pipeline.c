/* Messages and logins per CPU-second through the whole pipeline, on real processes:
 *
 *   bench_pipeline --bin FOLDER [--seconds N] [--devices N]
 *
 * It starts a lab of its own on loopback, adds users, and drives one simulated device per user from this process. A message is one text
 * from a device up to the IM server and its event down to another device: it passes every daemon twice. CPU is what the kernel
 * charged to router, dispatcher and collab together while this process counted; its own and the IM server's are not in it. */
#include <dirent.h>
#include <ftw.h>
#include <limits.h>
#include <jansson.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "admin/lab.h"
#include "base/io/control_client.h"
#include "base/log.h"
#include "base/memory.h"
#include "db/config.h"
#include "simulator/device/device.h"
#include "protocol/device_keys.h"

enum { DEVICES_MAX = 256, WINDOW = 4, TEXTS = 512, DAEMONS = 3, WAIT_US = 30000000 };
static const char *const daemons[DAEMONS] = { "router", "dispatcher", "collab" };

extern char **environ;

struct bench;

struct subscriber {
	struct bench *bench;
	struct device *device;
	struct device_identity identity;
	char name[16], password[24], peer[16];
	unsigned in_flight;
	bool online;
};

struct bench {
	const char *bin;
	char dir[64];
	unsigned seconds, count, offset;
	struct loop *loop;
	struct channel *channel;
	struct subscriber *subscribers;
	pid_t pids[DAEMONS];
	char texts[TEXTS][257];
	unsigned next_text;
	enum { IDLE, SENDING, CHURNING } phase;
	uint64_t logins, messages;
	unsigned online;
	json_t *results;
};

/* Whatever is refused or lost ends it: figures of a fast wrong answer are no result. */
static void die(const char *what, const char *why)
{
	fprintf(stderr, "bench_pipeline: %s: %s\n", what, why);
	exit(EXIT_REFUSED);
}

/* --- a lab ----------------------------------------------------------------------------------------------------------------- */

static int run_tool(const struct bench *bench, const char *first, const char *second, const char *third, const char *fourth)
{
	char *program = memory_printf("%s/bramble", bench->bin);
	char *copies[] = { memory_str("lab"), memory_str(first), memory_str("--dir"), memory_str(bench->dir), memory_str(second),
		memory_str(third), memory_str(fourth) };
	char *argv[] = { program, copies[0], copies[1], copies[2], copies[3], copies[4], copies[5], copies[6], NULL };
	posix_spawn_file_actions_t quiet;
	int status = -1;
	pid_t pid;

	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_adddup2(&quiet, STDERR_FILENO, STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", 1, 0);
	if (posix_spawn(&pid, program, &quiet, NULL, argv, environ) == 0 && waitpid(pid, &status, 0) == pid)
		status = WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_INTERNAL;
	posix_spawn_file_actions_destroy(&quiet);
	for (size_t i = 0; i < sizeof copies / sizeof *copies; i++)
		free(copies[i]);
	free(program);
	return status;
}

/* The IM server knows the bench's users; nobody has contacts, so that presence costs nothing. */
static void write_world(struct bench *bench)
{
	char path[96];
	FILE *file;

	snprintf(path, sizeof path, "%s/world.xml", bench->dir);
	file = fopen(path, "w");
	if (!file)
		die(path, "cannot be written");
	fputs("<world domain=\"corp.test\">\n", file);
	for (unsigned i = 0; i < bench->count; i++)
		fprintf(file, "<user id=\"%s\" password=\"%s\" name=\"User %u\"/>\n", bench->subscribers[i].name,
			bench->subscribers[i].password, i);
	fputs("</world>\n", file);
	fclose(file);
}

static void on_done(void *ctx, enum db_status status)
{
	enum db_status *worst = ctx;

	if (status != DB_OK)
		*worst = status;
}

static void add_users(struct bench *bench)
{
	char *url = memory_printf("%s/bramble.db", bench->dir), *key = memory_printf("%s/install.key", bench->dir);
	enum db_status worst = DB_OK;
	struct error err;
	struct db *db = db_open(bench->loop, url, key, DB_EXISTING, true, &err);

	if (!db)
		die(url, err.text);
	for (unsigned i = 0; i < bench->count; i++) {
		struct subscriber *s = &bench->subscribers[i];
		struct db_user user = { .server = LAB_SERVER, .name = s->name };
		struct channel_key *mine = &s->identity.peer.keys[0];

		db_user_add(db, &user, on_done, &worst);
		db_user_permit(db, s->name, true, on_done, &worst);
		db_device_add(db, s->name, s->identity.pin, bytes_of(mine->key.secret, PACKET_KEY_SIZE), mine->key.suites, on_done, &worst);
	}
	db_wait(db);
	if (worst != DB_OK)
		die("users", db_status_text(worst));
	db_close(&db);
	free(url);
	free(key);
}

static void make_identity(struct subscriber *s, unsigned i)
{
	struct channel_key *key = &s->identity.peer.keys[0];

	s->identity.pin = 0x22000000 + i;
	snprintf(s->identity.srp_id, sizeof s->identity.srp_id, "%s", LAB_SRP_ID);
	s->identity.peer.suites = PACKET_SUITES_ALL;
	snprintf(key->key.id, sizeof key->key.id, "%s+1", pin_text(s->identity.pin));
	for (unsigned n = 0; n < PACKET_KEY_SIZE; n++)
		key->key.secret[n] = (uint8_t)(i * 31 + n * 7 + 1);      /* a benchmark's key protects nothing */
	key->key.suites = PACKET_SUITES_DOCUMENTED;
	key->state = CHANNEL_KEY_CURRENT;
	key->serial = 1;
	replay_start(&key->receive, 0);
	replay_counter_start(&key->send, 0);
}

static void find_pids(struct bench *bench)
{
	for (int i = 0; i < DAEMONS; i++) {
		char socket[96];
		struct error err;
		int status;
		json_t *answer;

		snprintf(socket, sizeof socket, "%s/run/%s.sock", bench->dir, daemons[i]);
		answer = control_ask(socket, "status", NULL, 5000, &status, &err);
		if (!answer)
			die(daemons[i], err.text);
		bench->pids[i] = (pid_t)json_integer_value(json_object_get(answer, "pid"));
		json_decref(answer);
	}
}

/* --- CPU -------------------------------------------------------------------------------------------------------------------- */

static uint64_t cpu_ns(pid_t pid)
{
	char path[320];
	uint64_t sum = 0;
	struct dirent *entry;
	DIR *tasks;

	snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	while (tasks && (entry = readdir(tasks))) {
		unsigned long long ns = 0;
		FILE *file;

		snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", (int)pid, entry->d_name);
		file = entry->d_name[0] != '.' ? fopen(path, "r") : NULL;
		if (!file)
			continue;
		if (fscanf(file, "%llu", &ns) == 1)      /* NOLINT(cert-err34-c): the kernel's own number */
			sum += ns;
		fclose(file);
	}
	if (tasks)
		closedir(tasks);
	return sum;
}

static void cpu_all(const struct bench *bench, uint64_t out[DAEMONS])
{
	for (int i = 0; i < DAEMONS; i++)
		out[i] = cpu_ns(bench->pids[i]);
}

/* --- devices ---------------------------------------------------------------------------------------------------------------- */

static void send_more(struct subscriber *s)
{
	struct bench *bench = s->bench;

	while (bench->phase == SENDING && s->in_flight < WINDOW) {
		struct error err;

		if (device_send(s->device, bytes_str(s->peer), bytes_str(bench->texts[bench->next_text++ % TEXTS]), NULL, &err))
			die(s->name, err.text);
		s->in_flight++;
	}
}

static void login(struct subscriber *s)
{
	struct error err;

	if (device_login(s->device, bytes_str(s->name), bytes_str(s->password), &err))
		die(s->name, err.text);
}

static void device_event(void *ctx, const struct device_event *e)
{
	struct subscriber *s = ctx;
	struct bench *bench = s->bench;
	struct error err;

	switch (e->type) {
	case DEVICE_EVENT_LOGIN_OK:
		bench->logins++;
		bench->online++;
		s->online = true;
		if (bench->phase == CHURNING && device_logout(s->device, &err))
			die(s->name, err.text);
		break;
	case DEVICE_EVENT_LOGGED_OUT:
		bench->online--;
		s->online = false;
		if (bench->phase == CHURNING)
			login(s);
		break;
	case DEVICE_EVENT_LOGIN_FAILED:
	case DEVICE_EVENT_FORCED_LOGOUT:
	case DEVICE_EVENT_RETURNED:
		die(device_event_name(e->type), e->reason ? e->reason : "?");
		break;
	case DEVICE_EVENT_ACK:
		if (e->code != IM_OK)
			die(s->name, im_code_reason(e->code));
		break;
	case DEVICE_EVENT_MESSAGE: {
		/* The message is through: its sender may send the next. */
		struct subscriber *sender = &bench->subscribers[(unsigned)(s - bench->subscribers) ^ 1u];

		bench->messages++;
		if (sender->in_flight)
			sender->in_flight--;
		send_more(sender);
		break;
	}
	default:
		break;
	}
}

static void run_for(struct bench *bench, uint64_t us)
{
	for (uint64_t end = loop_real_us() + us; loop_real_us() < end;)
		loop_round(bench->loop, 5);
}

static void run_until_online(struct bench *bench, unsigned online, const char *what)
{
	uint64_t end = loop_real_us() + WAIT_US;

	while (bench->online != online && loop_real_us() < end)
		loop_round(bench->loop, 5);
	if (bench->online != online)
		die(what, "not all devices came as far within 30 s");
}

/* --- figures ---------------------------------------------------------------------------------------------------------------- */

static void report(struct bench *bench, const char *name, uint64_t done, double seconds, const uint64_t before[DAEMONS],
	const uint64_t after[DAEMONS])
{
	double each[DAEMONS], all = 0;

	for (int i = 0; i < DAEMONS; i++) {
		each[i] = done ? (double)(after[i] - before[i]) / 1000 / (double)done : 0;
		all += each[i];
	}
	printf("%-9s %9.0f per CPU-second %9.0f per second   %6.1f us each: router %.1f, dispatcher %.1f, collab %.1f\n", name,
		all > 0 ? 1e6 / all : 0, (double)done / seconds, all, each[0], each[1], each[2]);
	json_array_append_new(bench->results, json_pack("{s:s, s:f, s:f, s:f, s:f, s:f, s:I}", "name", name, "per_cpu_second",
		all > 0 ? 1e6 / all : 0, "per_second", (double)done / seconds, "router_us", each[0], "dispatcher_us", each[1],
		"collab_us", each[2], "count", (json_int_t)done));
}

static void measure(struct bench *bench, const char *name, const uint64_t *counter)
{
	uint64_t before[DAEMONS], after[DAEMONS], count, start;

	run_for(bench, 500000);
	count = *counter;
	start = loop_real_us();
	cpu_all(bench, before);
	run_for(bench, (uint64_t)bench->seconds * 1000000);
	cpu_all(bench, after);
	report(bench, name, *counter - count, (double)(loop_real_us() - start) / 1e6, before, after);
}

static void settle_messages(struct bench *bench)
{
	uint64_t end = loop_real_us() + WAIT_US;
	unsigned left = 1;

	bench->phase = IDLE;
	while (left && loop_real_us() < end) {
		loop_round(bench->loop, 5);
		left = 0;
		for (unsigned i = 0; i < bench->count; i++)
			left += bench->subscribers[i].in_flight + (unsigned)device_unacknowledged(bench->subscribers[i].device);
	}
	if (left)
		die("messages", "some that were sent did not arrive");
}

static void run(struct bench *bench)
{
	static const struct device_callbacks callbacks = { .event = device_event };
	char *router = memory_printf("127.0.0.1:%u", lab_roles[LAB_ROUTER].port + bench->offset);

	for (unsigned i = 0; i < bench->count; i++) {
		struct subscriber *s = &bench->subscribers[i];
		const struct device_settings settings = { .router = router, .identity = &s->identity, .channel = bench->channel,
			.status_interval_ms = 60000 };

		s->device = device_new(bench->loop, &settings, &callbacks, s);
		login(s);
	}
	run_until_online(bench, bench->count, "logins");
	bench->phase = SENDING;
	for (unsigned i = 0; i < bench->count; i++)
		send_more(&bench->subscribers[i]);
	measure(bench, "messages", &bench->messages);
	settle_messages(bench);

	bench->phase = CHURNING;
	for (unsigned i = 0; i < bench->count; i++) {
		struct error err;

		if (device_logout(bench->subscribers[i].device, &err))
			die("logout", err.text);
	}
	measure(bench, "logins", &bench->logins);
	bench->phase = IDLE;
	run_for(bench, 500000);
	for (unsigned i = 0; i < bench->count; i++)
		device_free(&bench->subscribers[i].device);
	free(router);
}

/* --- start and end -------------------------------------------------------------------------------------------------------- */

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *place)
{
	(void)about;
	(void)kind;
	(void)place;
	return remove(path);
}

static struct bench *at_exit;

static void clean_up(void)
{
	run_tool(at_exit, "down", NULL, NULL, NULL);
	nftw(at_exit->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void prepare(struct bench *bench)
{
	char offset[16];
	int free_offset = lab_free_offset(LAB_BACKEND_GROUPWISE, 5000);

	bench->loop = loop_new();
	bench->channel = channel_new();
	bench->results = json_array();
	bench->subscribers = memory_new(bench->count * sizeof *bench->subscribers);
	for (unsigned i = 0; i < bench->count; i++) {
		struct subscriber *s = &bench->subscribers[i];

		s->bench = bench;
		snprintf(s->name, sizeof s->name, "user%03u", i);
		snprintf(s->peer, sizeof s->peer, "user%03u", i ^ 1u);
		snprintf(s->password, sizeof s->password, "user%03u-secret", i);
		make_identity(s, i);
	}
	/* Different texts: one that repeats makes deflate look twice as fast. */
	srandom(1);
	for (unsigned t = 0; t < TEXTS; t++)
		for (unsigned n = 0; n < sizeof bench->texts[t] - 1; n++)
			bench->texts[t][n] = "etaoin shrdlu cmfwyp vbgkqjxz ETA 0123"[random() % 38];
	strcpy(bench->dir, "/tmp/bramble-bench-XXXXXX");
	if (!mkdtemp(bench->dir) || free_offset < 0)
		die("start", "no folder or no free ports");
	bench->offset = (unsigned)free_offset;
	snprintf(offset, sizeof offset, "%u", bench->offset);
	write_world(bench);
	at_exit = bench;
	atexit(clean_up);
	if (run_tool(bench, "up", "--detach", "--port-offset", offset) != EXIT_DONE)
		die("lab up", "failed");
	find_pids(bench);
	add_users(bench);
}

int main(int argc, char **argv)
{
	struct bench bench = { .bin = "build/bin", .seconds = 4, .count = 64 };

	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--bin") == 0)
			bench.bin = argv[i + 1];
		else if (strcmp(argv[i], "--seconds") == 0)
			bench.seconds = (unsigned)strtoul(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--devices") == 0)
			bench.count = (unsigned)strtoul(argv[i + 1], NULL, 10) & ~1u;
	}
	if (argc % 2 == 0 || bench.seconds == 0 || bench.seconds > 60 || bench.count < 2 || bench.count > DEVICES_MAX) {
		fprintf(stderr, "usage: bench_pipeline [--bin FOLDER] [--seconds 1..60] [--devices 2..%d]\n", DEVICES_MAX);
		return EXIT_USAGE;
	}
	log_open("bench");
	log_set_level(LOG_WARNING);
	prepare(&bench);
	printf("pipeline: %u devices, %u in flight each, texts of 256 bytes, suite aes256-cbc, TLS to the IM server, %u s each\n", bench.count,
		WINDOW, bench.seconds);
	fflush(stdout);
	run(&bench);
	mkdir("build/bench", 0777);
	if (json_dump_file(bench.results, "build/bench/pipeline.json", JSON_INDENT(1)) == 0)
		printf("written to build/bench/pipeline.json\n");
	json_decref(bench.results);
	for (unsigned i = 0; i < bench.count; i++)
		device_identity_free(&bench.subscribers[i].identity);
	free(bench.subscribers);
	channel_free(&bench.channel);
	return EXIT_DONE;
}
