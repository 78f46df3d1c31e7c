#ifndef BRAMBLE_COLLAB_CWA_CHANNEL_PRIVATE_H
#define BRAMBLE_COLLAB_CWA_CHANNEL_PRIVATE_H

#include "collab/cwa_channel.h"

/* What cwa_channel.c (the session's life), cwa_commands.c and cwa_events.c (its two connections) share; nobody else includes it. */

enum {
	CWA_COMMANDS_MAX = 64,           /* that wait to be sent, or for their outcome */
	CWA_COMMAND_MS = 30000,          /* from being given to its answer */
	CWA_OUTCOME_MS = 30000,          /* after it was accepted: then that counts as done */
	CWA_EVENTS_MS = 90000,           /* a request for events: the longest that is held is 60 s, and then 30 s */
	CWA_HELD_MS = 5000,              /* one that took so long was held: the next follows at once */
	CWA_BURST = 20,                  /* requests for events within a second, whatever the server says about waiting */
	CWA_LEAP = 10000,                /* so far the number of the last event may go up with one answer. Source: ours; document: by 1 with each */
	CWA_WAIT_MAX_MS = 60000,         /* that we let a server make us wait between two, and the longest back-off */
	CWA_SESSION_MS = 600000,         /* what a session outlives without an answer, where the server has not said. Source: inferred */
	CWA_AGAIN_MS = 60000,            /* what was begun again and did not last so long is not begun once more */
	CWA_READY_MS = 5000,             /* after the contact list: then all that a session begins with is there. Source: ours */
	CWA_LEAVE_MS = 2000,
};

struct cwa_command {
	struct cwa_command *prev, *next;
	struct cwa_tree tree;
	struct cwa_node *method, *item;  /* what the caller fills; what stands in the envelope */
	uint64_t rid;
	bool wants_outcome;
	bool has_outcome;                /* it came before the answer */
	struct cwa_reply outcome;
	cwa_replied_fn *replied;
	void *arg;
	uint64_t given_ms;
	uint64_t accepted_ms;
};

enum cwa_phase { CWA_SIGNING_IN, CWA_BEGINNING, CWA_OPEN, CWA_LEAVING, CWA_OVER };

struct cwa_channel {
	struct cwa_server server;
	struct cwa_credentials credentials;
	cwa_availability_fn *availability;
	struct cwa_channel_callbacks callbacks;
	void *ctx;
	enum cwa_phase phase;
	bool was_open;                   /* a session has been there before */

	struct cwa_sign_in *sign_in;
	char *ticket, *sign_in_data, *uri, *sid;
	uint64_t signed_in_again_ms, begun_again_ms;     /* 0: not yet */
	uint64_t begin_rid;              /* of initiateSession */
	bool is_ready;
	struct loop_timer *ready;        /* for a server that does not say that all of the state has come */
	unsigned begin_trouble;          /* of a session that goes on */
	struct loop_timer *begin_again;

	struct http_line *commands;
	struct cwa_command *waiting;     /* the first may be under way */
	struct cwa_command *accepted;    /* their outcome is to come */
	unsigned command_count;
	uint64_t next_rid;
	unsigned command_trouble;
	struct loop_timer *command_again, *outcomes;

	struct http_line *events;
	uint64_t ack, seen;
	bool active;
	uint32_t wait_ms;
	uint64_t session_ms;             /* how long the session lives without an answer */
	uint64_t answered_ms;            /* the last good one */
	unsigned event_trouble;
	struct loop_timer *next_events;
	uint64_t burst_us, burst_ms;     /* when the second began in which requests are counted: in real time, on the loop's clock */
	unsigned burst;
	struct loop_timer *breather;     /* real time */

	struct loop_timer *leaving;      /* real time */
	struct cwa_refusal why;          /* of the end */
	struct loop_task end;
};

/* --- cwa_channel.c ---------------------------------------------------------------------------------------------------------------- */

/* The end, for good: said at the end of the round. */
void cwa_channel_over(struct cwa_channel *c, struct cwa_refusal why);
/* The session is no more at the server: another one, if this one has lasted; else the end. */
void cwa_channel_begin_again(struct cwa_channel *c, const char *why);
/* The ticket is not accepted (any more): the same. */
void cwa_channel_sign_in_again(struct cwa_channel *c);
/* 2, 4, 8 ... 60 s, but not beyond until_ms; 0: it has come to that. */
uint32_t cwa_back_off_ms(unsigned trouble, uint64_t until_ms, uint64_t now_ms);
uint64_t cwa_channel_now(const struct cwa_channel *c);

/* --- cwa_commands.c --------------------------------------------------------------------------------------------------------------- */

void cwa_commands_go_on(struct cwa_channel *c);      /* sends the next if there is one and nothing is under way */
/* All that wait have become worthless. */
void cwa_commands_gone(struct cwa_channel *c);
void cwa_commands_free(struct cwa_channel *c);
/* The outcome of a command came as an event. */
void cwa_commands_outcome(struct cwa_channel *c, const struct cwa_node *event);
void cwa_outcomes_due(void *channel);                /* timer */
/* The one status of an answer's envelope that is about rid, or says that all of it was refused; NULL: none. */
const struct cwa_node *cwa_status_of(const struct cwa_node *root, uint64_t rid);

/* --- cwa_events.c ------------------------------------------------------------------------------------------------------------------ */

void cwa_events_ask(void *channel);                  /* timer, and first call */
/* All that the session begins with has come, or will not come any more. */
void cwa_channel_is_ready(void *channel);

#endif
