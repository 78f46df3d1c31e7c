/* Integrated Windows Authentication: NTLM, Kerberos and SPNEGO by the system's GSS-API, with gss-ntlmssp for NTLM.
 *
 * The state of a handshake belongs to its connection. The library's calls may block (it reads files, and asks whom it is configured to ask):
 * they run in the worker, one after another. */
#include <errno.h>
#include <gssapi/gssapi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/log.h"
#include "base/memory.h"
#include "simulator/cwa/cwa_state.h"

#define TOKEN_MAX 65536
#define NTLM_SIGNATURE "NTLMSSP"

enum kind { NTLM, NEGOTIATE, KINDS };

static const char *const scheme_names[KINDS] = { "NTLM", "Negotiate" };

struct iwa {
	struct cwa_server *server;
	gss_cred_id_t credentials[KINDS];
	int passwords_fd;               /* the user file of gss-ntlmssp, in memory alone */
};

/* Of one connection. */
struct handshake {
	gss_ctx_id_t context;
	bool busy, gone;                /* a job has it; the connection is over, the job's end frees it */
	struct user *user;              /* NTLM vouches for the connection from then on */
};

struct job {
	struct iwa *iwa;
	struct handshake *handshake;
	struct call call;
	enum kind kind, credential;
	struct buf token, answer;
	bool more, good;
	char name[256];
	char why[256];
};

/* --- the two repairs ---------------------------------------------------------------------------------------------------------------- */

/* gss-ntlmssp 1.2.0 insists on the VERSION field, which curl's own NTLM does not send: the first message is made as long as with it, and the
 * third is said not to have it. Such clients sign no message, so that nothing else depends on these bytes. Source: code. */
static void repair_ntlm(struct buf *token)
{
	static const size_t payloads[] = { 12, 20, 28, 36, 44, 52 };
	size_t lowest = SIZE_MAX;

	if (token->len < 12 || memcmp(token->data, NTLM_SIGNATURE, 8) != 0)
		return;
	if (token->data[8] == 1 && token->len >= 32 && token->len < 40) {
		size_t missing = 40 - token->len;

		memset(buf_extend(token, missing), 0, missing);
		return;
	}
	if (token->data[8] != 3 || token->len < 64)
		return;
	for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++) {
		const uint8_t *field = token->data + payloads[i];
		size_t offset = (size_t)field[4] | (size_t)field[5] << 8 | (size_t)field[6] << 16 | (size_t)field[7] << 24;

		if ((field[0] || field[1]) && offset < lowest)
			lowest = offset;
	}
	if (lowest < 72)
		token->data[63] &= (uint8_t)~0x02;
}

/* --- in the worker --------------------------------------------------------------------------------------------------------------------- */

static void explain(OM_uint32 minor, char *into, size_t size)
{
	gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
	OM_uint32 status, more = 0;

	if (gss_display_status(&status, minor, GSS_C_MECH_CODE, GSS_C_NO_OID, &more, &text) == GSS_S_COMPLETE)
		snprintf(into, size, "%.*s", (int)text.length, (const char *)text.value);
	else
		snprintf(into, size, "refused");
	gss_release_buffer(&status, &text);
}

static void work(void *arg)
{
	struct job *job = arg;
	gss_buffer_desc in = { .length = job->token.len, .value = job->token.data }, out = GSS_C_EMPTY_BUFFER, name = GSS_C_EMPTY_BUFFER;
	gss_name_t peer = GSS_C_NO_NAME;
	OM_uint32 major, minor, status;

	major = gss_accept_sec_context(&minor, &job->handshake->context, job->iwa->credentials[job->credential], &in,
		GSS_C_NO_CHANNEL_BINDINGS, &peer, NULL, &out, NULL, NULL, NULL);
	buf_append(&job->answer, bytes_of(out.value, out.length));
	job->more = major == GSS_S_CONTINUE_NEEDED;
	if (major == GSS_S_COMPLETE && gss_display_name(&status, peer, &name, NULL) == GSS_S_COMPLETE) {
		/* gss-ntlmssp counts the NUL at its end. */
		size_t len = strnlen(name.value, name.length);

		job->good = bytes_copy_str(bytes_of(name.value, len), job->name, sizeof job->name);
	} else if (!job->more) {
		explain(minor, job->why, sizeof job->why);
	}
	gss_release_buffer(&status, &out);
	gss_release_buffer(&status, &name);
	gss_release_name(&status, &peer);
	if (!job->more && job->handshake->context != GSS_C_NO_CONTEXT)
		gss_delete_sec_context(&status, &job->handshake->context, GSS_C_NO_BUFFER);
}

/* --- on the loop ------------------------------------------------------------------------------------------------------------------------- */

static void handshake_free(struct handshake *h)
{
	OM_uint32 status;

	if (h->context != GSS_C_NO_CONTEXT)
		gss_delete_sec_context(&status, &h->context, GSS_C_NO_BUFFER);
	free(h);
}

static void release(void *data)
{
	struct handshake *h = data;

	h->gone = true;
	if (!h->busy)
		handshake_free(h);
}

static void challenge(struct call *call, enum kind kind, struct bytes token)
{
	struct buf value = { 0 };

	if (token.len) {
		buf_printf(&value, "%s ", scheme_names[kind]);
		base64_encode(token, &value);
		http_reply_header(call->request, "WWW-Authenticate", buf_cstr(&value));
	} else {
		http_reply_header(call->request, "WWW-Authenticate", "Negotiate");
		http_reply_header(call->request, "WWW-Authenticate", "NTLM");
	}
	buf_free(&value);
	call_send(call, 401, "text/html; charset=utf-8", bytes_str("<html><body>Sign in.</body></html>\n"));
}

static void refused(struct call *call, const char *name, const char *why)
{
	struct user *user = user_of_login(call->server, name);

	log_info("sign-in refused user=%s by=iwa peer=%s: %s", log_str(name), http_request_peer(call->request), log_str(why));
	if (user)
		user->refused++;
	call->server->refused_total++;
	challenge(call, NTLM, (struct bytes){ 0 });
}

static void finished(struct job *job)
{
	struct call *call = &job->call;
	struct user *user = user_of_login(call->server, job->name);
	struct buf value = { 0 };

	call->fault = faults_next(call->server->faults, loop_now_ms(call->server->loop), user ? user->seed->id : "", "logon");
	if (!user) {
		refused(call, job->name, "nobody of this world");
		return;
	}
	if (call->fault.action == FAULT_REFUSE) {
		if (call->fault.value < 1000)
			call_send_error(call, call->fault.value, CWA_INTERNAL, "told to");
		else
			refused(call, job->name, "told to");
		return;
	}
	if (job->answer.len) {
		buf_printf(&value, "%s ", scheme_names[job->kind]);
		base64_encode(buf_bytes(&job->answer), &value);
		http_reply_header(call->request, "WWW-Authenticate", buf_cstr(&value));
		buf_free(&value);
	}
	if (job->kind == NTLM)
		job->handshake->user = user;
	signed_in(call, user, job->kind == NTLM ? "ntlm" : job->credential == NTLM ? "negotiate-ntlm" : "negotiate");
}

static void done(void *arg)
{
	struct job *job = arg;
	struct handshake *h = job->handshake;

	if (h->gone)
		http_drop(&job->call.request);
	else if (job->more)
		challenge(&job->call, job->kind, buf_bytes(&job->answer));
	else if (job->good)
		finished(job);
	else
		refused(&job->call, "", job->why);
	/* The answer may have been the end of the connection. */
	h->busy = false;
	if (h->gone)
		handshake_free(h);
	buf_wipe(&job->token);
	buf_free(&job->answer);
	free(job);
}

/* The token of the header, or -1. */
static int read_token(const char *header, enum kind *kind, struct buf *token)
{
	for (int k = 0; k < KINDS; k++) {
		size_t len = strlen(scheme_names[k]);

		if (strncasecmp(header, scheme_names[k], len) != 0 || header[len] != ' ')
			continue;
		*kind = (enum kind)k;
		return strlen(header) <= TOKEN_MAX ? base64_decode(cwa_trim(bytes_str(header + len)), token) : -1;
	}
	return -1;
}

static void give(struct call *call, struct handshake *h, enum kind kind, struct buf *token)
{
	struct job *job = memory_new(sizeof *job);

	*job = (struct job){ .iwa = call->server->iwa, .handshake = h, .call = *call, .kind = kind, .credential = kind, .token = *token };
	/* Some clients send a bare NTLM message where SPNEGO is expected. */
	if (token->len >= 8 && memcmp(token->data, NTLM_SIGNATURE, 8) == 0)
		job->credential = NTLM;
	repair_ntlm(&job->token);
	h->busy = true;
	worker_run(call->server->worker, work, done, job);
}

void serve_iwa(struct call *call)
{
	const char *header = http_request_header(call->request, "Authorization");
	struct handshake *h = http_request_kept(call->request);
	struct buf token = { 0 };
	enum kind kind = NTLM;

	(void)cwa_sniff(http_request_body(call->request), &call->format);
	if (!header && h && h->user && !h->busy) {
		signed_in(call, h->user, "ntlm");
		return;
	}
	if (!header) {
		challenge(call, NTLM, (struct bytes){ 0 });
		return;
	}
	if (read_token(header, &kind, &token) < 0 || !token.len || (h && h->busy)) {
		buf_wipe(&token);
		refused(call, "", "the Authorization header is of no use");
		return;
	}
	if (!h) {
		h = memory_new(sizeof *h);
		h->context = GSS_C_NO_CONTEXT;
		if (!http_request_keep(call->request, h, release)) {
			buf_wipe(&token);
			http_drop(&call->request);
			return;
		}
	}
	h->user = NULL;
	give(call, h, kind, &token);
}

/* --- life ------------------------------------------------------------------------------------------------------------------------------- */

/* gss-ntlmssp reads names and passwords from a file that a variable names: one in memory, which no other process can open. */
static int passwords(const struct world *world, struct error *err)
{
	int fd = memfd_create("ntlm-users", MFD_CLOEXEC);
	struct buf lines = { 0 };
	char path[64];
	int rc = fd;

	for (size_t i = 0; i < world->user_count; i++)
		buf_printf(&lines, "%s:%s:%s\n", world->netbios, world->users[i].id, world->users[i].password);
	for (size_t at = 0; fd >= 0 && at < lines.len;) {
		ssize_t wrote = write(fd, lines.data + at, lines.len - at);

		if (wrote < 0 && errno != EINTR)
			rc = -1;
		if (rc < 0)
			break;
		at += wrote > 0 ? (size_t)wrote : 0;
	}
	buf_wipe(&lines);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (rc < 0 || setenv("NTLM_USER_FILE", path, 1) < 0) {
		error_set(err, "the names for NTLM cannot be kept in memory: %s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

static int acquire(struct iwa *iwa, enum kind kind, struct error *err)
{
	static gss_OID_desc oids[KINDS] = {
		{ 10, (void *)(uintptr_t)"\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a" },  /* 1.3.6.1.4.1.311.2.2.10 */
		{ 6, (void *)(uintptr_t)"\x2b\x06\x01\x05\x05\x02" },                   /* SPNEGO, 1.3.6.1.5.5.2 */
	};
	gss_OID_set_desc wanted = { 1, &oids[kind] };
	OM_uint32 major, minor;
	char why[256];

	major = gss_acquire_cred(&minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, &wanted, GSS_C_ACCEPT, &iwa->credentials[kind], NULL, NULL);
	if (major == GSS_S_COMPLETE)
		return 0;
	explain(minor, why, sizeof why);
	return error_set(err, "%s cannot be accepted: %s; is the package gss-ntlmssp there? --sign-in forms goes without", scheme_names[kind], why);
}

struct iwa *iwa_new(struct cwa_server *server, struct error *err)
{
	struct iwa *iwa = memory_new(sizeof *iwa);

	*iwa = (struct iwa){ .server = server, .credentials = { GSS_C_NO_CREDENTIAL, GSS_C_NO_CREDENTIAL } };
	setenv("NETBIOS_DOMAIN_NAME", server->world->netbios, 1);
	setenv("NETBIOS_COMPUTER_NAME", "CWA", 1);
	if (server->settings.keytab)
		setenv("KRB5_KTNAME", server->settings.keytab, 1);
	iwa->passwords_fd = passwords(server->world, err);
	if (iwa->passwords_fd < 0 || acquire(iwa, NTLM, err) < 0 || acquire(iwa, NEGOTIATE, err) < 0)
		iwa_free(&iwa);
	return iwa;
}

void iwa_free(struct iwa **pointer)
{
	struct iwa *iwa = *pointer;
	OM_uint32 status;

	if (!iwa)
		return;
	*pointer = NULL;
	for (int k = 0; k < KINDS; k++)
		gss_release_cred(&status, &iwa->credentials[k]);
	if (iwa->passwords_fd >= 0)
		close(iwa->passwords_fd);
	free(iwa);
}
