#ifndef BRAMBLE_TESTS_SUPPORT_CWA_SCENE_H
#define BRAMBLE_TESTS_SUPPORT_CWA_SCENE_H

#include "base/io/http_server.h"
#include "collab/cwa_channel.h"
#include "protocol/cwa/codes.h"
#include "tests/support/peers.h"

/* One session on a Communicator Web Access server whose answers the test decides, on a clock moved by hand. */

enum cwa_scene_asked { CWA_ASKED_IWA, CWA_ASKED_FORMS, CWA_ASKED_COMMAND, CWA_ASKED_EVENTS, CWA_ASKED_KINDS };

/* What the server says instead of what it usually says. */
struct cwa_scene_plan {
	unsigned status;             /* 0: as usual; 1: hangs up; 2: waits (a command) */
	const char *body;            /* for a command: RID stands for its rid */
	unsigned times;
};

struct cwa_scene {
	struct loop *loop;
	struct http_server *server;
	struct http_client *client;
	struct cwa_channel *channel;
	char address[64];
	struct cwa_scene_plan plan[CWA_ASKED_KINDS];
	unsigned asked[CWA_ASKED_KINDS];
	unsigned tickets;            /* handed out */
	unsigned sid;
	char last_ack[24], last_sid[24], last_ua[8], ticket[32];      /* of the last request for events; its ticket */
	struct buf commands;         /* the methods, each with a space */
	struct http_request *poll, *command;   /* held */
	struct buf told;             /* what the channel said, each with a space */
	unsigned over_code;
	char why[200];
	unsigned done, done_code;
	uint64_t done_conference;
	bool done_gone;
};

int cwa_scene_set_up(void **state);
int cwa_scene_tear_down(void **state);

/* What the server does with a request: for one that is started in its place. */
void cwa_scene_serve(void *ctx, struct http_request *request);
void cwa_scene_reply(struct http_request **request, unsigned status, const char *body);
void cwa_scene_sign_in(struct cwa_scene *s);
/* A session with a request for events that waits; what was told and asked until then is forgotten. */
void cwa_scene_begin(struct cwa_scene *s);
void cwa_scene_settle(struct cwa_scene *s);
void cwa_scene_pass(struct cwa_scene *s, uint64_t ms);
void cwa_scene_clear(struct cwa_scene *s);                              /* what was told and asked */
void cwa_scene_answer_events(struct cwa_scene *s, const char *body);    /* awaits the request */
bool cwa_scene_send(struct cwa_scene *s, const char *method, bool wants_outcome);
const char *cwa_scene_told(struct cwa_scene *s);

#define CWA_EVENTS_OF(sid, ack, more) "<cwaEvents sid=\"" sid "\" ackId=\"" ack "\" pollWaitTime=\"1000\" sessionTimeout=\"594\">" more "</cwaEvents>"
#define CWA_EMPTY(sid, ack) CWA_EVENTS_OF(sid, ack, "")
#define CWA_ERROR(code) "<cwaResponses><error code=\"" code "\"/></cwaResponses>"
#define CWA_CONFIGURATION(eid) "<configuration eid=\"" eid "\"/>"

#endif
