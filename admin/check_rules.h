#ifndef BRAMBLE_ADMIN_CHECK_RULES_H
#define BRAMBLE_ADMIN_CHECK_RULES_H

#include "admin/check_report.h"

/* The rules of `bramble check`, one file per concept. Each hears every line in order, and the end; all is judged from the lines alone, not
 * by the code that is judged. Source: ours; what they hold the processes to is docs/sessions.md and docs/design.md. */
struct check_database;

struct check {
	struct check_report *report;
	const struct check_files *files;
	struct check_database *database;  /* NULL: none was given */
	bool comparable;                        /* real times of all processes are of one machine */
	bool has_service, has_device;                   /* histories of these are among the files; */
	bool has_server, has_communications;            /* of the IM server, and of the Communications Server behind it */
	struct check_logins *logins;
	struct check_seats *seats;
	struct check_timers *timers;
	struct check_talk *talk;
	struct check_servers *servers;
	struct check_registrations *registrations;
	struct check_replays *replays;
	struct check_rest *rest;
};

struct check_rule_set {
	void (*take)(struct check *check, const struct check_entry *entry);
	void (*finish)(struct check *check);
	void (*free)(struct check *check);
};
extern const struct check_rule_set check_logins, check_seats, check_timers, check_talk, check_servers, check_registrations, check_replays,
	check_rest;

/* Was there a history.end? What it says of a process that has not ended by itself: killed, or cut. */
bool check_is_whole(const struct check_process *process);
bool check_has_stopped(const struct check_process *process);    /* to tell: killed, or its history full */
/* Is there one of that name? */
bool check_has(const struct check *check, const char *name);
/* Has one of the processes of that name stopped to tell: killed, or its history full? What it did or said after its last line is unknown. */
bool check_is_cut(const struct check *check, const char *name);
/* Is a history full? A killed process has told what others saw of it, one of a full history has not. */
bool check_is_full(const struct check *check);
/* Is it a mark that says of itself that nothing is under way: base, quiet or rest, and whatever follows? */
bool check_is_at_rest(const struct check_entry *mark);

/* Real time after which what a CWA server gave has been fetched: a request for events waits 15 s at most (pollWaitTime), and a client may pause. */
#define CHECK_ON_ITS_WAY_CWA_US 30000000u

/* The database's sessions against those that the seats rule knows. */
struct check_row {
	uint32_t session, pin;
	bool live;
	char reason[24];
};
struct check_database { struct check_row *rows; size_t count; };

/* Reads the histories (files, and folders of them) as one and judges them by every rule. NULL with a sentence when one cannot be read; else the
 * caller frees the report and, after it, the files that it points into. database: NULL, or not compared. */
struct check_report *check_histories(const char *const *paths, struct check_database *database, struct check_files **files, struct error *err);

#endif
