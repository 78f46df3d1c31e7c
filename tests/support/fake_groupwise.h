#ifndef BRAMBLE_TESTS_SUPPORT_FAKE_GROUPWISE_H
#define BRAMBLE_TESTS_SUPPORT_FAKE_GROUPWISE_H

#include "base/io/connection.h"
#include "protocol/groupwise/answer.h"
#include "protocol/groupwise/event.h"
#include "protocol/groupwise/field.h"

/* A GroupWise Messenger server that does what a test tells it, and counts. Users are CN=NAME,O=test; the right password is
 * NAME-secret; everybody has the same two contacts, "bob" and "carol". */
struct fake_client {
	struct fake_client *prev, *next;
	struct fake_groupwise *server;
	struct connection *connection;
	struct gw_scan scan;
	char user[64];                   /* "" before its login */
};

struct fake_entry {
	const char *user, *name, *folder, *status;      /* folder: "0" the top, "1" Team, "5" Friends */
};

struct fake_groupwise {
	struct loop *loop;
	struct tls *tls;
	struct listener *listener;
	struct fake_client *clients;
	unsigned open, most_open;        /* connections now, and at most */
	unsigned accepted, logins, logouts, pings, conferences, messages, details, rejected;
	uint32_t last_build;             /* what the last login called itself */
	bool one_session;                /* a login ends the user's other session, with event 114 */
	bool swallow;                    /* messages are not answered; until the next login */
	bool drop_login;                 /* the next login ends its connection, once */
	struct fake_entry list[4];       /* the login answer's contacts; no first one: bob and carol in Team */
	uint32_t login_code;             /* answered to every login, if not 0 */
	uint32_t send_code;              /* answered to the next sendmessage, once */
	uint32_t next_code;              /* answered to the next of the scripted commands, once */
	unsigned scripted;               /* how many of them came */
	char script[2048];               /* all of them, one per line: the command and its fields, see fake_groupwise_script.c */
	bool resequences;                /* createfolder also moves the folder Team and bob in it: they go and come in its answer */
	bool bare;                       /* list changes are answered without their differences */
	bool without_details;            /* the login answer names contacts and tells nothing of them */
	bool denies, locked, no_query;   /* what the login answer says of privacy and search */
	bool no_remember;                /* and of keeping the password */
	const char *denied[4], *allowed[4];
	unsigned still_searching;        /* answers to getresults without results */
	const char *search_status;       /* of the following ones; NULL: "2" */
	unsigned next_object;            /* ids of new folders and contacts: 10 on */
	bool mute;                       /* takes requests and answers none */
	unsigned last_conference_had;    /* names in the last createconf */
	unsigned typing;                 /* sendtyping requests */
	char last_typing[64];            /* "112 [conference]" */
	bool nobody_home_first;          /* the same, but before the answer */
	bool nobody_home;                /* each message is followed by "undeliverable" */
	char last_to[64], last_text[256], last_status[8], last_conference[64];
	struct buf all_text;             /* of all messages, one after the other */
	size_t largest_body;             /* bytes of RTF */
	struct gw_tree request, answer;
	struct buf out;
};

void fake_groupwise_start(struct fake_groupwise *g, struct loop *loop, const char *certificate, const char *key);
void fake_groupwise_stop(struct fake_groupwise *g);
int fake_groupwise_port(const struct fake_groupwise *g);

struct fake_client *fake_groupwise_client(struct fake_groupwise *g, const char *user);      /* NULL: not logged in */
void fake_groupwise_event(struct fake_groupwise *g, const char *user, const struct gw_event *event);
/* Says something to user, from another's DN, as a new conference would. */
void fake_groupwise_say(struct fake_groupwise *g, const char *user, const char *from_dn, const char *conference, const char *text);
void fake_groupwise_drop(struct fake_groupwise *g, const char *user);
/* Raw bytes to a client. */
void fake_groupwise_raw(struct fake_groupwise *g, const char *user, struct bytes raw);

#endif
