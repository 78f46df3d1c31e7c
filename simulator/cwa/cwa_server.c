/* The web server: which path goes where, and its life. */
#include "simulator/cwa/cwa_server.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <utlist.h>

#include "base/log.h"
#include "base/memory.h"
#include "simulator/cwa/cwa_local.h"
#include "simulator/cwa/cwa_state.h"

#define COMMAND_PATH "/cwa/MainCommandHandler.ashx"
#define DATA_PATH "/cwa/AsyncDataChannel.ashx"

/* --- paths ------------------------------------------------------------------------------------------------------------------------- */

static void serve_front_page(struct call *call)
{
	call_send(call, 200, "text/html; charset=utf-8",
		bytes_str("<html><head><title>Communicator Web Access</title></head><body>A simulated Communicator Web Access server.</body></html>\n"));
}

/* Commands and events are for those who have a ticket. */
static bool with_ticket(struct call *call)
{
	(void)cwa_sniff(http_request_body(call->request), &call->format);
	call->user = ticket_user(call);
	if (call->user)
		return true;
	log_info("request refused peer=%s path=%s: no ticket that is good", http_request_peer(call->request),
		log_str(http_request_path(call->request)));
	call_send_error(call, 401, CWA_INVALID_REQUEST, "the ticket is missing, wrong or expired");
	return false;
}

static void serve_main(struct call *call)
{
	enum cwa_format format;

	if (!with_ticket(call))
		return;
	if (call->server->settings.native && cwa_sniff(http_request_body(call->request), &format) < 0)
		serve_native_command(call);
	else
		serve_commands(call, http_request_body(call->request));
}

static void serve_data(struct call *call)
{
	if (with_ticket(call))
		serve_poll(call);
}

static const struct {
	const char *path;
	const char *methods;            /* with spaces around each */
	void (*serve)(struct call *call);
} routes[] = {
	{ "/", " GET HEAD ", serve_front_page },
	{ "/forms/logon.html", " POST ", serve_forms },
	{ "/iwa/logon.html", " GET POST ", serve_iwa },
	{ COMMAND_PATH, " POST ", serve_main },
	{ DATA_PATH, " GET ", serve_data },
	{ "/cwa/SignoutHandler.ashx", " GET ", serve_native_sign_out },
};

static bool is_there(const struct cwa_server *server, size_t route)
{
	if (routes[route].serve == serve_native_sign_out)
		return server->settings.native;
	return (routes[route].serve != serve_forms || server->settings.forms) && (routes[route].serve != serve_iwa || server->iwa);
}

static void on_request(void *ctx, struct http_request *request)
{
	struct cwa_server *server = ctx;
	struct call call = { .server = server, .request = request };
	const char *path = http_request_path(request);
	char method[40];

	server->requests_total++;
	log_debug("request peer=%s method=%s path=%s", http_request_peer(request), http_request_method(request), log_str(path));
	snprintf(method, sizeof method, " %.30s ", http_request_method(request));
	for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
		if (strcasecmp(path, routes[i].path) != 0 || !is_there(server, i))
			continue;
		if (strstr(routes[i].methods, method)) {
			routes[i].serve(&call);
		} else {
			http_reply_header(request, "Allow", routes[i].methods[1] == 'P' ? "POST" : "GET");
			call_send(&call, 405, NULL, (struct bytes){ 0 });
		}
		return;
	}
	call_send(&call, 404, NULL, (struct bytes){ 0 });
}

/* --- faults -------------------------------------------------------------------------------------------------------------------------- */

static const char *const special_kinds[] = { FAULT_EVENT, NULL };

static bool is_user(void *ctx, const char *name)
{
	return user_of_login(ctx, name) != NULL;
}

static bool is_kind(void *ctx, const char *name)
{
	(void)ctx;
	return strcmp(name, "logon") == 0 || strcmp(name, "poll") == 0 || command_is_known(name);
}

/* An answer belongs to its request on its connection: HTTP knows no second one, and no other order. What is said unasked waits for a
 * poll, whose answer it is. */
static int suits(void *ctx, enum fault_action action, const char *kind, struct error *err)
{
	if (action == FAULT_DUPLICATE || action == FAULT_REORDER || action == FAULT_HALF_OPEN)
		return error_set(err, "%s does not happen to answers of a web server", fault_action_name(action));
	return fault_suits_server(ctx, action, kind, err);
}

static int parse_code(const char *text, uint32_t *out)
{
	uint64_t number;

	if (!cwa_number(text, 99999, &number) || (!cwa_code_name((uint32_t)number) && (number < 400 || number > 599)))
		return -1;
	*out = (uint32_t)number;
	return 0;
}

/* --- life ---------------------------------------------------------------------------------------------------------------------------- */

static uint64_t wall_s(void *arg)
{
	struct cwa_server *server = arg;

	return (server->wall_start_ms + loop_now_ms(server->loop) - server->clock_start_ms) / 1000;
}

static void make_users(struct cwa_server *server)
{
	server->users = memory_new((server->world->user_count + 1) * sizeof *server->users);
	for (size_t i = 0; i < server->world->user_count; i++) {
		struct user *user = &server->users[i];
		struct buf uri = { 0 };
		char *name;

		user->seed = &server->world->users[i];
		name = memory_printf("%s@%s", user->seed->id, server->world->domain);
		if (cwa_uri(name, &uri) < 0)
			bug("user %s makes no URI", user->seed->id);
		user->uri = bytes_dup(buf_bytes(&uri));
		HASH_ADD_KEYPTR(hh, server->by_uri, user->uri, strlen(user->uri), user);
		buf_free(&uri);
		free(name);
	}
}

struct cwa_server *cwa_server_new(struct loop *loop, const struct world *world, const struct cwa_server_settings *settings,
	struct error *err)
{
	struct cwa_server *server = memory_new(sizeof *server);
	const struct fault_terms terms = { .whom = "user", .where = "in this world", .is_whom = is_user, .is_kind = is_kind,
		.special = special_kinds, .kind_noun = "request", .kind_help = FAULT_EVENT " and all", .suits = suits, .parse_code = parse_code,
		.code_help = "a code from 18000 to 18400 or an HTTP status from 400 to 599", .ctx = server };
	const struct http_server_settings http = { .listen = settings->listen, .tls = settings->tls, .max_body = CWA_REQUEST_MAX };

	*server = (struct cwa_server){ .loop = loop, .world = world, .settings = *settings, .next_sid = 1, .load = 1 };
	server->wall_start_ms = loop_wall_ms();
	server->clock_start_ms = loop_now_ms(loop);
	random_pool_take(&server->random, server->key, sizeof server->key);
	make_users(server);
	server->faults = faults_new(&terms);
	server->worker = settings->works_inline ? worker_new_inline(loop) : worker_new(loop);
	server->home = settings->uplink.next_hop ? cwa_uplink_new(loop, world, &settings->uplink) : cwa_local_new(loop, world, wall_s, server);
	if ((settings->iwa && !(server->iwa = iwa_new(server, err))) ||
	    !(server->http = http_server_new(loop, &http, on_request, server, err)))
		cwa_server_free(&server);
	return server;
}

void cwa_server_free(struct cwa_server **pointer)
{
	struct cwa_server *server = *pointer;
	struct session *s, *next;

	if (!server)
		return;
	*pointer = NULL;
	HASH_ITER(hh, server->sessions, s, next)
		cwa_session_end(s, CWA_SESSION_NOT_FOUND, "the server ends");
	late_free_all(server);
	http_server_free(&server->http);
	worker_free(&server->worker);
	iwa_free(&server->iwa);
	server->home->free(server->home->ctx);
	faults_free(&server->faults);
	HASH_CLEAR(hh, server->by_uri);
	for (size_t i = 0; i < server->world->user_count; i++)
		free(server->users[i].uri);
	free(server->users);
	random_pool_wipe(&server->random);
	explicit_bzero(server->key, sizeof server->key);
	free(server);
}

const char *cwa_server_address(const struct cwa_server *server)
{
	return http_server_address(server->http);
}

const char *cwa_server_home(const struct cwa_server *server)
{
	return server->home->says;
}

struct faults *cwa_server_faults(struct cwa_server *server)
{
	return server->faults;
}

void cwa_server_shutdown(struct cwa_server *server, loop_fn *done, void *arg)
{
	struct session *s, *next;

	HASH_ITER(hh, server->sessions, s, next)
		cwa_session_end(s, CWA_SESSION_NOT_FOUND, "the server ends");
	http_server_close(server->http, CLOSE_LINGER_MS, done, arg);
}
