#include "collab/settings.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/io/address.h"
#include "base/log.h"
#include "base/memory.h"

static const char *const profile_names[] = { "ocs2007", "lcs2005", NULL };
static const char *const role_names[] = { "alone", "active", "standby", NULL };
static const char *const trust_names[] = { "ca", "pin", "none", NULL };

#define ROW(key_, type_, member) .key = key_, .type = type_, .offset = offsetof(struct collab_settings, member)

const struct setting collab_setting_table[] = {
	DAEMON_SETTINGS(struct collab_settings, common),
	{ ROW("database", SETTING_PATH, database), .fallback = "bramble.db", .common = true,
	  .help = "the configuration database: an SQLite file, or postgresql://USER@HOST/DATABASE" },
	{ ROW("install_key", SETTING_PATH, install_key), .fallback = "install.key", .common = true,
	  .help = "file of the key that seals secrets in the database" },
	{ ROW("dispatcher", SETTING_TEXT, dispatcher), .fallback = "127.0.0.1:3200",
	  .help = "service port of the dispatcher, HOST:PORT; of up to four, one per BES, separated by spaces. Any address but loopback needs "
		"the three tls settings" },
	{ ROW("tls_certificate", SETTING_PATH, tls_certificate), .help = "our certificate towards the dispatcher (PEM)" },
	{ ROW("tls_key", SETTING_PATH, tls_key), .help = "its private key (PEM)" },
	{ ROW("tls_ca", SETTING_PATH, tls_ca), .help = "the installation's own CA, which signed the dispatcher's certificate (PEM)" },
	{ ROW("ping_interval", SETTING_DURATION, ping_interval_ms), .fallback = "60s", .min = 100, .max = 3600000,
	  .help = "how often each dispatcher is asked for a sign of life" },
	{ ROW("ping_misses", SETTING_NUMBER, ping_misses), .fallback = "3", .min = 1, .max = 100,
	  .help = "pings without answer after which the link to a dispatcher is given up" },
	{ ROW("environment", SETTING_TEXT, environment), .fallback = "groupwise",
	  .help = "IM environment to serve: a row of emu_IMServiceConfig" },
	{ ROW("instance", SETTING_TEXT, instance), .fallback = "collab-1",
	  .help = "name of this Collaboration Service; no two that share a database may have the same" },
	{ ROW("role", SETTING_CHOICE, role), .fallback = "alone", .choices = role_names,
	  .help = "alone: takes devices from the start; active or standby: a member of a pool, of which the dispatcher makes one active, "
		"this one rather or rather another" },
	{ ROW("health_interval", SETTING_DURATION, health_interval_ms), .fallback = "5s", .min = 100, .max = 3600000,
	  .help = "how often a member of a pool tells its dispatchers its health; well below their health_dead" },
	{ ROW("trust", SETTING_CHOICE, trust), .fallback = "ca", .choices = trust_names,
	  .help = "whom to trust as the IM server: ca (needs trust_ca), pin (needs trust_pin) or none (encrypted, but to anybody)" },
	{ ROW("trust_ca", SETTING_PATH, trust_ca), .help = "CA that signed the IM server's certificate, or that certificate (PEM)" },
	{ ROW("trust_pin", SETTING_TEXT, trust_pin), .help = "SHA-256 fingerprint of the IM server's certificate, 64 hex digits" },
	{ ROW("protocol_version", SETTING_NUMBER, protocol_version), .fallback = "2", .min = 2, .max = 4,
	  .help = "what a login on GroupWise Messenger calls itself: 2 as the known clients do; from 3 on details may be left out of the "
		"answer, and from 4 on broadcasts come" },
	{ ROW("list_refresh", SETTING_DURATION, list_refresh_ms), .fallback = "0", .min = 0, .max = 86400000,
	  .help = "how often to read contact list and privacy again, for changes made in another client of the user's; 0: only when the IM "
		"server says that there are any. Each time is a second login for a moment" },
	{ ROW("cwa_profile", SETTING_CHOICE, cwa_profile), .fallback = "ocs2007", .choices = profile_names,
	  .help = "how Communicator Web Access is spoken to: ocs2007 (XML, as documented) or lcs2005 (JSON, in an encoding of ours)" },
	{ ROW("cwa_domain", SETTING_TEXT, cwa_domain), .fallback = "",
	  .help = "Windows domain that is put before a user ID typed without one (CORP: CORP\\alice), at a sign-in to Communicator Web Access" },
	{ ROW("cwa_realm", SETTING_TEXT, cwa_realm),
	  .help = "Kerberos realm of the users of Communicator Web Access (CORP.TEST): Kerberos is tried before NTLM; krb5.conf says where its "
		"servers are. Not set: no Kerberos" },
	{ ROW("status_interval", SETTING_DURATION, status_interval_ms), .fallback = "60s", .min = 1000, .max = 86400000,
	  .help = "how often devices are told to send a status message" },
	{ ROW("database_poll", SETTING_DURATION, database_poll_ms), .fallback = "250ms", .min = 10, .max = 60000,
	  .help = "how often to look whether others changed the database" },
	{ ROW("lease", SETTING_DURATION, lease_ms), .fallback = "30s", .min = 1000, .max = 86400000,
	  .help = "how long this service's sessions keep their seats without a renewal, which it makes every third of it; after that "
		"the others give them away" },
	{ ROW("penalty_after", SETTING_NUMBER, penalty_after), .fallback = "10", .max = 1000000,
	  .help = "so many wrong passwords of one device, or of one account, are free; each further one makes the next wait longer; 0: nobody waits" },
	{ ROW("penalty_longest", SETTING_DURATION, penalty_longest_ms), .fallback = "5m", .min = 1000, .max = 86400000,
	  .help = "the longest such wait, which begins with 1 s and doubles" },
	{ ROW("requests", SETTING_NUMBER, requests), .fallback = "1024", .min = 1, .max = 1000000,
	  .help = "what devices have asked for and the IM server has not answered, in all sessions; more is refused as overloaded" },
	{ ROW("logins", SETTING_NUMBER, logins), .fallback = "512", .min = 1, .max = 100000,
	  .help = "logins under way; more are refused as overloaded" },
	{ .key = NULL },
};

const struct daemon_program collab_program = {
	.name = "collab",
	.help = "BlackBerry Collaboration Service: takes the logins of IM clients from the dispatcher, admits them by the limits in the "
		"configuration database, and keeps one connection to the IM server for each session.",
	.settings = collab_setting_table,
};

int collab_settings_check_trust(const struct collab_settings *set, struct error *err)
{
	if (set->trust == COLLAB_TRUST_CA && !set->trust_ca)
		return error_set(err, "collab.trust = ca needs collab.trust_ca, the file of the CA that signed the IM server's "
			"certificate; collab.trust may also be pin or none");
	if (set->trust == COLLAB_TRUST_PIN && !set->trust_pin)
		return error_set(err, "collab.trust = pin needs collab.trust_pin, the SHA-256 fingerprint of the IM server's "
			"certificate as 64 hex digits; collab.trust may also be ca or none");
	return 0;
}

static int check_dispatcher(const struct collab_settings *set, const char *address, struct error *err)
{
	struct address parsed;

	if (address_parse(address, &parsed, err))
		return error_prefix(err, "collab.dispatcher: ");
	if (!address_is_loopback(address) && (!set->tls_certificate || !set->tls_key || !set->tls_ca))
		return error_set(err, "collab.dispatcher = %s is not a loopback address: set collab.tls_certificate, collab.tls_key and "
			"collab.tls_ca, because user IDs and passwords pass there", address);
	return 0;
}

int collab_settings_dispatchers(const struct collab_settings *set, char *addresses[COLLAB_DISPATCHERS_MAX], struct error *err)
{
	char *copy = memory_str(set->dispatcher ? set->dispatcher : ""), *rest = copy, *address;
	int count = 0, result = 0;

	while (result == 0 && (address = strsep(&rest, " \t"))) {
		if (!*address)
			continue;
		if (count == COLLAB_DISPATCHERS_MAX)
			result = error_set(err, "collab.dispatcher: %s is the fifth; one Collaboration Service serves at most %d BES, another one "
				"can serve the rest", log_str(address), COLLAB_DISPATCHERS_MAX);
		for (int i = 0; i < count && result == 0; i++) {
			if (strcmp(addresses[i], address) == 0)
				result = error_set(err, "collab.dispatcher: %s is there twice", log_str(address));
		}
		if (result == 0 && (result = check_dispatcher(set, address, err)) == 0)
			addresses[count++] = memory_str(address);
	}
	if (result == 0 && count == 0)
		result = error_set(err, "collab.dispatcher is empty: HOST:PORT of at least one dispatcher is needed");
	while (result && count)
		free(addresses[--count]);
	free(copy);
	return result ? -1 : count;
}

int collab_settings_check(const struct collab_settings *set, struct error *err)
{
	char *addresses[COLLAB_DISPATCHERS_MAX];
	int count = collab_settings_dispatchers(set, addresses, err), result = count < 0 ? -1 : 0;

	while (count > 0)
		free(addresses[--count]);
	return result;
}
