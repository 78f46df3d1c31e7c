/* What a Communicator Web Access server may answer in a session: the input is its answer to every request for events and to every command
 * after the session has begun. Whatever it is, the session lives or ends by the rules, and what the device is told fits. */
#include <stdlib.h>
#include <string.h>

#include "base/io/http_client.h"
#include "base/io/http_server.h"
#include "base/log.h"
#include "collab/cwa_client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROUNDS = 400 };

struct session {
	struct backend *backend;
	bool logged_in, ended;
	unsigned answered;           /* requests that the input answered */
};

static struct loop *loop;
static struct http_client *client;
static struct http_server *server;
static struct bytes input;
static struct session *now;

/* --- the server ---------------------------------------------------------------------------------------------------------------------- */

static void serve(void *ctx, struct http_request *request)
{
	static const char begun[] = "<cwaResponses><requestAccepted rid=\"1\"><sid>1</sid><uri>sip:alice@corp.test</uri></requestAccepted></cwaResponses>";
	static const char state[] = "<cwaEvents sid=\"1\" ackId=\"2\" pollWaitTime=\"0\"><contactGroup eid=\"1\" fullList=\"true\"><group id=\"1\" name=\"~\"/>"
		"<contact uri=\"sip:bob@corp.test\" name=\"Bob\" tag=\"false\" groups=\"1\"/></contactGroup><requestSucceeded eid=\"2\" rid=\"1\"/></cwaEvents>";
	const char *path = http_request_path(request);

	(void)ctx;
	if (strstr(path, "/iwa/")) {
		http_reply(&request, 404, NULL, (struct bytes){ 0 });
	} else if (strstr(path, "/forms/")) {
		http_reply_header(request, "CWA-Ticket", "ticket");
		http_reply(&request, 200, "text/xml", bytes_str("<cwaResponses/>"));
	} else if (!now->answered && !now->logged_in && strcmp(http_request_method(request), "POST") == 0) {
		http_reply(&request, 200, "text/xml", bytes_str(begun));
	} else if (!now->logged_in && !now->answered) {
		now->answered = 1;
		http_reply(&request, 200, "text/xml", bytes_str(state));
	} else {
		now->answered++;
		http_reply(&request, 200, "text/xml", input);
	}
}

/* --- the session's side ----------------------------------------------------------------------------------------------------------------- */

static void fits(struct bytes text, size_t max)
{
	if (text.len > max)
		bug("a text of %zu bytes where %zu fit", text.len, max);
}

static void connected(void *ctx, const char *peer, const char *local, const char *tls_version)
{
	(void)ctx;
	(void)peer;
	(void)local;
	(void)tls_version;
}

static void step(void *ctx, const char *event, const char *text)
{
	(void)ctx;
	(void)event;
	(void)text;
}

static void logged_in(void *ctx, struct bytes display_name, bool forget_password)
{
	struct session *s = ctx;

	(void)forget_password;
	fits(display_name, IM_NAME_MAX);
	s->logged_in = true;
}

static void is_over(struct session *s)
{
	cwa_backend.free(&s->backend);
	s->ended = true;
}

static void login_failed(void *ctx, uint32_t code, const char *why)
{
	(void)code;
	(void)why;
	is_over(ctx);
}

static void presence(void *ctx, struct bytes user, uint32_t value, struct bytes text)
{
	(void)ctx;
	(void)value;
	fits(user, IM_USER_MAX);
	fits(text, IM_STATUS_TEXT_MAX);
}

static void message(void *ctx, struct im_message_event *event)
{
	(void)ctx;
	fits(event->from, IM_USER_MAX);
	fits(event->name, IM_NAME_MAX);
	fits(event->text, IM_TEXT_MAX);
}

static void typing(void *ctx, struct im_typing *event)
{
	(void)ctx;
	fits(event->user, IM_USER_MAX);
}

static void room_event(void *ctx, struct im_room_event *event)
{
	(void)ctx;
	fits(event->user, IM_USER_MAX);
	fits(event->name, IM_NAME_MAX);
	fits(event->text, IM_STATUS_TEXT_MAX);
}

static void room_message(void *ctx, struct im_room_message_event *event)
{
	(void)ctx;
	fits(event->from, IM_USER_MAX);
	fits(event->name, IM_NAME_MAX);
	fits(event->text, IM_TEXT_MAX);
}

static void contact(void *ctx, struct im_contact_event *event)
{
	(void)ctx;
	fits(event->user, IM_USER_MAX);
	fits(event->name, IM_NAME_MAX);
	fits(event->folder, IM_NAME_MAX);
	fits(event->text, IM_STATUS_TEXT_MAX);
}

static void block(void *ctx, struct im_block *event)
{
	(void)ctx;
	fits(event->user, IM_USER_MAX);
}

static void found(void *ctx, struct im_search_result *result)
{
	(void)ctx;
	for (size_t i = 0; i < result->count; i++)
		fits(result->contacts[i].user, IM_USER_MAX);
}

static void done(void *ctx, uint32_t ref, uint32_t code, const char *text)
{
	(void)ctx;
	(void)ref;
	(void)code;
	fits(bytes_str(text), IM_STATUS_TEXT_MAX);
}

static void lost(void *ctx, enum im_logout_reason reason, const char *why)
{
	(void)reason;
	(void)why;
	is_over(ctx);
}

static void ended(void *ctx)
{
	is_over(ctx);
}

static const struct backend_events events = { .connected = connected, .step = step, .logged_in = logged_in, .login_failed = login_failed,
	.presence = presence, .message = message, .typing = typing, .room_event = room_event, .room_message = room_message, .contact = contact,
	.block = block, .found = found, .done = done, .lost = lost, .ended = ended };

/* --- one input ---------------------------------------------------------------------------------------------------------------------------- */

static void begin(void)
{
	struct error err;

	log_set_level(LOG_ERROR);
	loop = loop_new();
	loop_clock_manual(loop, 1000000);
	server = http_server_new(loop, &(struct http_server_settings){ .listen = "127.0.0.1:0" }, serve, NULL, &err);
	if (!server)
		fatal(EXIT_BIND, "%s", err.text);
	client = http_client_new(loop, NULL);
}

static void act(struct session *s)
{
	static const struct im_room_open open = { .room = 7, .users = { { { (const uint8_t *)"bob", 3 } } }, .count = 1 };
	struct im_contact contacts[8];

	for (size_t i = cwa_backend.contacts(s->backend, 0, contacts, 8); i-- > 0;)
		fits(contacts[i].name, IM_NAME_MAX);
	cwa_backend.send(s->backend, 1, bytes_str("bob"), bytes_str("hello"));
	cwa_backend.set_presence(s->backend, 2, IM_BUSY, bytes_str("note"));
	cwa_backend.typing(s->backend, &(struct im_typing){ .user = bytes_str("bob"), .on = 1 });
	cwa_backend.room_open(s->backend, 3, &open);
	cwa_backend.search(s->backend, 4, &(struct im_search){ .field = IM_SEARCH_ANY_NAME, .text = bytes_str("b") });
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct session s = { .ended = false };
	struct backend_target target = { .clear = true, .domain = "CORP" };
	bool acted = false;

	if (!loop)
		begin();
	input = bytes_of(data, size);
	now = &s;
	target.loop = loop;
	target.http = client;
	target.host = "127.0.0.1";
	target.port = (uint16_t)atoi(strrchr(http_server_address(server), ':') + 1);
	s.backend = cwa_backend.open(&target, bytes_str("alice"), bytes_str("secret"), &events, &s);
	for (unsigned round = 0; round < ROUNDS && !s.ended && s.answered < 8; round++) {
		if (s.logged_in && !acted) {
			acted = true;
			act(&s);
		}
		/* What a session waits for passes at once. */
		if (!loop_round(loop, 1) && loop_next_due_ms(loop) != UINT64_MAX)
			loop_clock_advance(loop, loop_next_due_ms(loop));
	}
	if (s.backend)
		cwa_backend.finish(s.backend);
	for (unsigned round = 0; round < ROUNDS && !s.ended; round++)
		loop_round(loop, 10);
	if (!s.ended)
		cwa_backend.free(&s.backend);
	now = NULL;
	return 0;
}
