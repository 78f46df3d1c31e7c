#include "dispatcher/dispatcher.h"
#include "dispatcher/service_listener.h"

#define ROW(key_, type_, member, fallback_, ...) \
	{ .key = (key_), .type = (type_), .offset = offsetof(struct dispatcher_settings, member), .fallback = (fallback_), __VA_ARGS__ }

static const char *const failover_names[] = { "automatic", "manual", NULL };
static const char *const crypto_names[] = { "documented", "hardened", NULL };

const struct setting dispatcher_setting_table[] = {
	DAEMON_SETTINGS(struct dispatcher_settings, common),
	ROW("database", SETTING_PATH, database, "bramble.db", .common = true, .help = "the configuration database: an SQLite file, or postgresql://USER@HOST/DATABASE"),
	ROW("install_key", SETTING_PATH, install_key, "install.key", .common = true,
		.help = "file with the key that seals secrets in the database, mode 0600"),
	ROW("routers", SETTING_TEXT, routers, "127.0.0.1:3101", .help = "routers to dial, HOST:PORT, separated by spaces; at most 32"),
	ROW("listen", SETTING_ADDRESS, listen, "127.0.0.1:3200",
		.help = "where services dial in; anything but loopback needs tls_certificate, tls_key and tls_ca"),
	ROW("server", SETTING_TEXT, server, "bramble", .help = "the server whose SRP identity this is, a MachineName of ServerConfig"),
	ROW("crypto", SETTING_CHOICE, crypto, "documented", .choices = crypto_names,
		.help = "documented: the strongest suite that the device's key allows; hardened: AES-256-GCM alone"),
	ROW("tls_certificate", SETTING_PATH, tls_certificate, NULL, .help = "certificate of this dispatcher, PEM"),
	ROW("tls_key", SETTING_PATH, tls_key, NULL, .help = "its private key, PEM"),
	ROW("tls_ca", SETTING_PATH, tls_ca, NULL, .help = "the installation's CA: services must show a certificate signed by it"),
	ROW("ping_interval", SETTING_DURATION, ping_interval_ms, "60s", .min = 100, .max = 3600000,
		.help = "how often routers and services are asked for a sign of life"),
	ROW("ping_misses", SETTING_NUMBER, ping_misses, "3", .min = 1, .max = 100,
		.help = "pings without answer after which a link is closed"),
	ROW("delivery_timeout", SETTING_DURATION, delivery_ms, "10m", .min = 1000, .max = 86400000,
		.help = "an envelope of which the router says nothing for so long goes back to its service"),
	ROW("queue", SETTING_NUMBER, queue, "64", .min = 1, .max = 10000, .help = "messages that may wait for one device"),
	ROW("backlog", SETTING_NUMBER, backlog, "256", .min = SERVICE_MARK_EVERY, .max = 1000000,
		.help = "messages of devices that may wait for one service unread; beyond, routers are not read from"),
	ROW("devices", SETTING_NUMBER, devices, "20000", .min = 16, .max = 1000000, .help = "devices whose keys are kept in memory"),
	ROW("database_check", SETTING_DURATION, database_check_ms, "1s", .min = 50, .max = 60000,
		.help = "how often the database is asked whether somebody else changed it"),
	ROW("srp_connects", SETTING_NUMBER, srp_connects, "4", .min = 1, .max = 1000,
		.help = "connections to a router within 61 s; then it waits. Fewer than the router's deactivate_connects"),
	ROW("srp_standby", SETTING_DURATION, srp_standby_ms, "60s", .min = 1000, .max = 86400000,
		.help = "how often a dispatcher that stepped back for a newer one of its SRP identity asks the router whether it is free"),
	ROW("failover", SETTING_CHOICE, failover, "automatic", .choices = failover_names,
		.help = "of the services of a pool: automatic: a dead or sick active one is replaced; manual: only when the administrator says so"),
	ROW("health_dead", SETTING_DURATION, health_dead_ms, "15s", .min = 1000, .max = 3600000,
		.help = "a service of a pool that says nothing of its health for so long is dead"),
	ROW("switch_timeout", SETTING_DURATION, switch_ms, "10s", .min = 1000, .max = 600000,
		.help = "how long a service of a pool may take to become active, or standby"),
	ROW("promotion_threshold", SETTING_NUMBER, promotion_threshold, "60", .min = 0, .max = 100,
		.help = "health score that a standby service needs to take over from one that is not dead"),
	ROW("failover_threshold", SETTING_NUMBER, failover_threshold, "40", .min = 0, .max = 100,
		.help = "health score below which the active service is replaced"),
	{ .key = NULL },
};
