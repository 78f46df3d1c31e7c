#include "db/postgres_link.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/io/loop.h"
#include "base/memory.h"
#include "db/postgres_hosts.h"

#define VERSION_MIN 140000

/* --- names and sentences ----------------------------------------------------------------------------------------------------- */

/* libpq quotes what it did not understand, and that may be the password. */
static void without_quotes(char *text)
{
	char *out = text;
	bool inside = false;

	for (const char *at = text; *at; at++) {
		if (*at == '"')
			inside = !inside;
		if (!inside || *at == '"')
			*out++ = *at;
	}
	*out = '\0';
}

static const char *option(const PQconninfoOption *options, const char *keyword)
{
	for (; options->keyword; options++) {
		if (strcmp(options->keyword, keyword) == 0 && options->val && *options->val)
			return options->val;
	}
	return NULL;
}

/* An unescaped character in a password makes the rest of it a host, port or name; nothing of that may be shown. */
static bool looks_cut(const char *port, const char *name)
{
	return (port && port[strspn(port, "0123456789,")]) || (name && strpbrk(name, "/@:"));
}

char *postgres_place(const char *url, struct error *err)
{
	char *why = NULL;
	PQconninfoOption *options = PQconninfoParse(url, &why);
	const char *user, *host, *port, *name;
	char *place;

	if (!options) {
		if (why) {
			without_quotes(why);
			why[strcspn(why, "\n")] = '\0';
		}
		error_set(err, "the setting 'database' is not a URL like postgresql://USER@HOST/DATABASE: %s", why ? why : "no memory");
		PQfreemem(why);
		return NULL;
	}
	user = option(options, "user");
	host = option(options, "host") ? option(options, "host") : option(options, "hostaddr");
	port = option(options, "port");
	name = option(options, "dbname");
	if (looks_cut(port, name)) {
		PQconninfoFree(options);
		error_set(err, "the setting 'database' is not a URL like postgresql://USER@HOST:PORT/DATABASE: in a password, / @ and : are "
			"written %%2F %%40 and %%3A");
		return NULL;
	}
	place = memory_printf("postgresql://%s%s%s%s%s/%s", user ? user : "", user ? "@" : "", host ? host : "", port ? ":" : "",
		port ? port : "", name ? name : "");
	PQconninfoFree(options);
	return place;
}

/* Certificates and keys may be replaced while we run; a password file lies in a home folder, which is not ours to read. */
static void option_files(PQconninfoOption *options, struct confine *confine)
{
	static const char *const certificates[] = { "sslcert", "sslkey", "sslrootcert", "sslcrl", NULL };

	if (!options)
		return;
	for (size_t i = 0; certificates[i]; i++)
		confine_read_beside(confine, option(options, certificates[i]));
	confine_read(confine, option(options, "sslcrldir"));
	confine_read(confine, option(options, "passfile"));
	PQconninfoFree(options);
}

void postgres_files(const char *url, struct confine *confine)
{
	static const char *const own[] = { ".postgresql", ".pgpass", ".pg_service.conf", NULL };
	const char *home = getenv("HOME");

	option_files(PQconninfoParse(url, NULL), confine);
	option_files(PQconndefaults(), confine);
	confine_read(confine, getenv("PGSERVICEFILE"));
	confine_read(confine, getenv("PGSYSCONFDIR"));
	for (size_t i = 0; home && own[i]; i++) {
		char *path = memory_printf("%s/%s", home, own[i]);

		confine_read(confine, path);
		free(path);
	}
}

/* libpq's own words, on one line. */
static void say_lost(struct postgres_link *link, const char *what)
{
	char text[300];

	snprintf(text, sizeof text, "%s", link->conn ? PQerrorMessage(link->conn) : "");
	for (size_t len = strlen(text); len && (text[len - 1] == '\n' || text[len - 1] == ' '); len--)
		text[len - 1] = '\0';
	for (char *at = text; *at; at++) {
		if (*at == '\n' || *at == '\t')
			*at = ' ';
	}
	error_set(&link->error, "the configuration database %s %s%s%s", link->place, what, *text ? ": " : "", text);
}

void postgres_link_close(struct postgres_link *link)
{
	if (link->conn)
		PQfinish(link->conn);
	link->conn = NULL;
}

static bool lose(struct postgres_link *link, const char *what)
{
	say_lost(link, what);
	postgres_link_close(link);
	return false;
}

static bool overdue(struct postgres_link *link)
{
	error_set(&link->error, "the configuration database %s does not answer", link->place);
	postgres_link_close(link);
	return false;
}

/* --- waiting --------------------------------------------------------------------------------------------------------------------- */

/* 1: ready, 0: not in time. */
static int poll_until(int fd, short events, uint64_t deadline_us)
{
	struct pollfd wait = { .fd = fd, .events = events };
	int ready;

	do {
		uint64_t now = loop_real_us();

		ready = poll(&wait, 1, now < deadline_us ? (int)((deadline_us - now) / 1000 + 1) : 0);
	} while (ready < 0 && errno == EINTR);
	return ready > 0;
}

bool postgres_link_await(struct postgres_link *link, uint64_t deadline_us)
{
	while (link->conn) {
		int unsent = PQflush(link->conn);

		if (unsent < 0)
			return lose(link, "was lost");
		if (!unsent && !PQisBusy(link->conn))
			return true;
		if (!poll_until(PQsocket(link->conn), (short)(POLLIN | (unsent ? POLLOUT : 0)), deadline_us))
			return overdue(link);
		if (!PQconsumeInput(link->conn))
			return lose(link, "was lost");
	}
	return false;
}

static bool is_failure(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);

	return status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK;
}

PGresult *postgres_link_result(struct postgres_link *link, int sent, uint64_t deadline_us)
{
	PGresult *kept = NULL, *next;

	if (!sent) {
		if (link->conn)
			lose(link, "was lost");
		return NULL;
	}
	for (;;) {
		if (!postgres_link_await(link, deadline_us)) {
			PQclear(kept);
			return NULL;
		}
		next = PQgetResult(link->conn);
		if (!next)
			break;
		if (kept && is_failure(kept)) {
			PQclear(next);
		} else {
			PQclear(kept);
			kept = next;
		}
	}
	/* An end that the server announces comes as the statement's failure. */
	if (PQstatus(link->conn) == CONNECTION_BAD) {
		lose(link, "was lost");
		PQclear(kept);
		return NULL;
	}
	return kept;
}

PGresult *postgres_link_ask(struct postgres_link *link, const char *sql, uint64_t deadline_us)
{
	return postgres_link_result(link, link->conn ? PQsendQuery(link->conn, sql) : 0, deadline_us);
}

bool postgres_link_is_lost(struct postgres_link *link)
{
	if (!link->conn)
		return true;
	if (poll_until(PQsocket(link->conn), POLLIN, 0) && (!PQconsumeInput(link->conn) || PQstatus(link->conn) == CONNECTION_BAD))
		lose(link, "was lost");
	return !link->conn;
}

/* --- results --------------------------------------------------------------------------------------------------------------------- */

static const struct { const char *state; enum driver_result result; const char *what; } known_states[] = {
	{ "23505", DRIVER_EXISTS, NULL },
	{ "55P03", DRIVER_BUSY, "is locked by another process" },
	{ "40P01", DRIVER_BUSY, "is locked by another process (deadlock)" },
	{ "40001", DRIVER_BUSY, "is locked by another process" },
	{ "57014", DRIVER_FAILED, "is too slow: the server gave a statement up" },
	{ "25006", DRIVER_FAILED, "is read-only: name the primary server in the setting 'database'" },
	{ "53100", DRIVER_FAILED, "has no space left on its server" },
	{ "42501", DRIVER_FAILED, "may not be changed by this user: it should be the owner of the tables" },
};

/* Only the first sentence of the server's: its details quote the values. */
enum driver_result postgres_link_verdict(struct postgres_link *link, const PGresult *result)
{
	const char *state, *message;

	if (!result)
		return DRIVER_FAILED;        /* whoever lost the connection has said so */
	if (!is_failure(result))
		return PQresultStatus(result) == PGRES_TUPLES_OK ? DRIVER_ROW : DRIVER_DONE;
	state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	for (size_t i = 0; state && i < sizeof known_states / sizeof *known_states; i++) {
		if (strcmp(state, known_states[i].state) != 0)
			continue;
		error_set(&link->error, "the configuration database %s%s%s (%s)", link->place, known_states[i].what ? " " : "",
			known_states[i].what ? known_states[i].what : "", message ? message : "");
		return known_states[i].result;
	}
	error_set(&link->error, "the configuration database %s: %s", link->place, message ? message : "no answer that libpq understands");
	return state && strncmp(state, "23", 2) == 0 ? DRIVER_REFUSED : DRIVER_FAILED;
}

/* --- opening --------------------------------------------------------------------------------------------------------------------- */

/* What the URL does not say, and (after it) what it may not change. A host that does not take the connection, or the bytes, is given up
 * by the kernel; with GSSAPI libpq would wait for a Kerberos server. */
static PGconn *start(const char *url, const struct postgres_target *target)
{
	static const char *const keys[] = { "fallback_application_name", "gssencmode", "keepalives_idle", "keepalives_interval",
		"keepalives_count", "tcp_user_timeout", "dbname", "client_encoding", "host", "hostaddr", "port", NULL };
	const char *values[] = { "bramble", "disable", "5", "2", "3", "2000", url, "UTF8", target->host, target->hostaddr, target->port, NULL };

	return PQconnectStartParams(keys, values, 1);
}

/* What the server says of itself comes after the password. */
static bool password_refused(const PGconn *conn)
{
	return (PQconnectionNeedsPassword(conn) || PQconnectionUsedPassword(conn)) && !PQparameterStatus(conn, "server_version");
}

static bool connect_until(struct postgres_link *link, uint64_t deadline_us)
{
	PostgresPollingStatusType state = PGRES_POLLING_WRITING;

	if (PQstatus(link->conn) == CONNECTION_BAD)
		state = PGRES_POLLING_FAILED;
	while (state == PGRES_POLLING_READING || state == PGRES_POLLING_WRITING) {
		if (!poll_until(PQsocket(link->conn), state == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline_us)) {
			error_set(&link->error, "the configuration database %s does not answer: is its server running?", link->place);
			return false;
		}
		state = PQconnectPoll(link->conn);
	}
	if (state == PGRES_POLLING_OK)
		return true;
	say_lost(link, !password_refused(link->conn) ? "cannot be reached" : PQconnectionNeedsPassword(link->conn) ?
		"wants a password (give it in a password file, see PGPASSFILE, or in the URL)" : "does not accept this user and password");
	return false;
}

/* Commits must be on the disk when they are answered, whatever the server's default; more than that may be asked for there. */
static const char session_sql[] =
	"SELECT extract(epoch FROM pg_postmaster_start_time())::text, pg_is_in_recovery(), "
	"set_config('statement_timeout', '%d', false), set_config('lock_timeout', '%d', false), "
	"set_config('idle_in_transaction_session_timeout', '%d', false), set_config('client_connection_check_interval', '1000', false), "
	"set_config('tcp_user_timeout', '5000', false), set_config('standard_conforming_strings', 'on', false), "
	"CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', false) END";

static bool set_up_session(struct postgres_link *link, uint64_t deadline_us)
{
	char sql[sizeof session_sql + 64];
	PGresult *result;
	bool good;

	if (PQserverVersion(link->conn) < VERSION_MIN) {
		error_set(&link->error, "the configuration database %s is on PostgreSQL %d: 14 or newer is needed", link->place,
			PQserverVersion(link->conn) / 10000);
		return false;
	}
	snprintf(sql, sizeof sql, session_sql, POSTGRES_STATEMENT_MS, POSTGRES_LOCK_MS, POSTGRES_IDLE_MS);
	result = postgres_link_ask(link, sql, deadline_us);
	good = postgres_link_verdict(link, result) == DRIVER_ROW;
	if (good) {
		snprintf(link->server, sizeof link->server, "%s", PQgetvalue(result, 0, 0));
		if (*PQgetvalue(result, 0, 1) == 't') {
			error_set(&link->error, "the configuration database %s is on a standby server, which is read-only: name the primary in "
				"the setting 'database', or several hosts with target_session_attrs=primary", link->place);
			good = false;
		}
	}
	PQclear(result);
	return good;
}

/* Notices ("relation exists already") are nobody's on standard error. */
static void no_notice(void *arg, const PGresult *result)
{
	(void)arg;
	(void)result;
}

struct opening {
	struct postgres_link *link;
	const char *url;
};

/* A server that asked for a password has been reached: another address is no better. */
static enum postgres_tried try_target(void *arg, const struct postgres_target *target, uint64_t connect_us, uint64_t deadline_us)
{
	const struct opening *o = arg;
	struct postgres_link *link = o->link;
	enum postgres_tried tried = POSTGRES_NEXT;

	link->conn = start(o->url, target);
	if (!link->conn)
		memory_exhausted(0);
	PQsetNoticeReceiver(link->conn, no_notice, NULL);
	if (connect_until(link, connect_us) && PQsetnonblocking(link->conn, 1) == 0 && set_up_session(link, deadline_us))
		return POSTGRES_OPEN;
	if (link->conn && password_refused(link->conn))
		tried = POSTGRES_REFUSED;
	postgres_link_close(link);
	return tried;
}

int postgres_link_open(struct postgres_link *link, const char *url, struct error *err)
{
	struct opening opening = { .link = link, .url = url };

	if (postgres_hosts_try(url, link->place, try_target, &opening, &link->error) == 0)
		return 0;
	return error_set(err, "%s", link->error.text);
}
