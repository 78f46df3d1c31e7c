#ifndef BRAMBLE_COLLAB_SETTINGS_H
#define BRAMBLE_COLLAB_SETTINGS_H

#include "base/io/daemon.h"

enum collab_cwa_profile { COLLAB_CWA_OCS2007, COLLAB_CWA_LCS2005 };
enum collab_role { COLLAB_ALONE, COLLAB_ACTIVE, COLLAB_STANDBY };
enum collab_trust { COLLAB_TRUST_CA, COLLAB_TRUST_PIN, COLLAB_TRUST_NONE };

struct collab_settings {
	struct daemon_settings common;
	char *database, *install_key;
	char *dispatcher;                        /* addresses of service ports, one per BES, separated by spaces */
	char *tls_certificate, *tls_key, *tls_ca;
	char *environment, *instance;
	int role;                                /* enum collab_role: in no pool, or in one, and how it begins there */
	uint64_t health_interval_ms;
	int trust;                               /* enum collab_trust: how the IM server's certificate is checked */
	char *trust_ca, *trust_pin;
	uint64_t protocol_version;               /* of GroupWise: what its servers may send depends on it */
	uint64_t list_refresh_ms;                /* 0: only when the IM server says that something changed */
	int cwa_profile;                         /* enum collab_cwa_profile */
	char *cwa_domain;                        /* "": none */
	char *cwa_realm;                         /* NULL: no Kerberos */
	uint64_t ping_interval_ms, ping_misses;  /* towards dispatchers */
	uint64_t status_interval_ms;
	uint64_t database_poll_ms;
	uint64_t lease_ms;
	uint64_t penalty_after, penalty_longest_ms;
	uint64_t requests, logins;               /* under way; more are refused */
};

extern const struct setting collab_setting_table[];
extern const struct daemon_program collab_program;

/* What the table cannot say: which settings need which others. 0, or -1 with a sentence. */
int collab_settings_check(const struct collab_settings *set, struct error *err);
/* The same for an IM server that is spoken to over TLS. */
int collab_settings_check_trust(const struct collab_settings *set, struct error *err);

enum { COLLAB_DISPATCHERS_MAX = 4 };         /* Source: document [DOC-BCSHA]: one instance serves up to four BES */
/* Splits the addresses of dispatchers; copies, to be freed. How many; -1 with a sentence: none, too many, or one is no address. */
int collab_settings_dispatchers(const struct collab_settings *set, char *addresses[COLLAB_DISPATCHERS_MAX], struct error *err);

#endif
