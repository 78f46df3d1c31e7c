#include "collab/cwa_kerberos.h"

#include <gssapi/gssapi_ext.h>
#include <krb5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/io/worker.h"
#include "base/log.h"
#include "base/memory.h"

enum { THREADS = 4, WHY_SIZE = 200 };

struct cwa_kerberos {
	struct loop *loop;
	char *realm;
	struct worker *workers[THREADS];
	uint64_t next_cache;
};

/* Shared with a thread until its job has come back. */
struct cwa_kerberos_ask {
	char *principal, *service, *cache;
	struct buf password;
	cwa_kerberos_fn *fn;
	void *ctx;
	bool over;                       /* the answer was given; the owner has the struct */
	int given_up;                    /* set on the loop, looked at in the thread; atomic */
	struct buf token;                /* base64 */
	char why[WHY_SIZE];
};

/* --- in a thread ------------------------------------------------------------------------------------------------------------------ */

static bool failed(struct cwa_kerberos_ask *ask, krb5_context context, krb5_error_code code, const char *what)
{
	const char *text;

	if (code == 0)
		return false;
	text = krb5_get_error_message(context, code);
	snprintf(ask->why, sizeof ask->why, "%s: %s", what, text);
	krb5_free_error_message(context, text);
	return true;
}

/* The user's ticket, into a cache of its own. */
static bool get_ticket(struct cwa_kerberos_ask *ask, krb5_context context, krb5_ccache cache)
{
	krb5_get_init_creds_opt *options = NULL;
	krb5_principal client = NULL;
	krb5_creds creds = { 0 };
	bool good = false, has_creds = false;
	char *password = bytes_dup(buf_bytes(&ask->password));

	if (failed(ask, context, krb5_parse_name(context, ask->principal, &client), "the user's name") ||
	    failed(ask, context, krb5_get_init_creds_opt_alloc(context, &options), "no ticket"))
		goto out;
	krb5_get_init_creds_opt_set_forwardable(options, 0);
	krb5_get_init_creds_opt_set_proxiable(options, 0);
	has_creds = !failed(ask, context, krb5_get_init_creds_password(context, &creds, client, password, NULL, NULL, 0, NULL, options),
		"no ticket for the user");
	good = has_creds && !failed(ask, context, krb5_cc_initialize(context, cache, client), "no cache") &&
		!failed(ask, context, krb5_cc_store_cred(context, cache, &creds), "no cache");
out:
	if (has_creds)
		krb5_free_cred_contents(context, &creds);
	if (options)
		krb5_get_init_creds_opt_free(context, options);
	krb5_free_principal(context, client);
	memory_wipe_str(&password);
	return good;
}

static bool gss_failed(struct cwa_kerberos_ask *ask, OM_uint32 major, OM_uint32 minor, const char *what)
{
	gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
	OM_uint32 status, more = 0;

	if (!GSS_ERROR(major))
		return false;
	if (gss_display_status(&status, minor, GSS_C_MECH_CODE, GSS_C_NO_OID, &more, &text) == GSS_S_COMPLETE)
		snprintf(ask->why, sizeof ask->why, "%s: %.*s", what, (int)text.length, (const char *)text.value);
	else
		snprintf(ask->why, sizeof ask->why, "%s", what);
	gss_release_buffer(&status, &text);
	return true;
}

/* The first word to the server, which with Kerberos is the only one. */
static void make_token(struct cwa_kerberos_ask *ask)
{
	gss_OID_desc spnego = { 6, (void *)(uintptr_t)"\x2b\x06\x01\x05\x05\x02" };
	gss_OID_set_desc mechs = { 1, &spnego };
	gss_key_value_element_desc element = { "ccache", ask->cache };
	gss_key_value_set_desc store = { 1, &element };
	gss_buffer_desc service = { strlen(ask->service), ask->service }, token = GSS_C_EMPTY_BUFFER;
	gss_name_t name = GSS_C_NO_NAME;
	gss_cred_id_t cred = GSS_C_NO_CREDENTIAL;
	gss_ctx_id_t context = GSS_C_NO_CONTEXT;
	OM_uint32 major, minor, status;

	major = gss_import_name(&minor, &service, GSS_C_NT_HOSTBASED_SERVICE, &name);
	if (gss_failed(ask, major, minor, "the service's name"))
		goto out;
	major = gss_acquire_cred_from(&minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, &mechs, GSS_C_INITIATE, &store, &cred, NULL, NULL);
	if (gss_failed(ask, major, minor, "no credentials"))
		goto out;
	major = gss_init_sec_context(&minor, cred, &context, name, &spnego, GSS_C_MUTUAL_FLAG | GSS_C_REPLAY_FLAG, GSS_C_INDEFINITE,
		GSS_C_NO_CHANNEL_BINDINGS, GSS_C_NO_BUFFER, NULL, &token, NULL, NULL);
	if (!gss_failed(ask, major, minor, "no ticket for the web server"))
		base64_encode(bytes_of(token.value, token.length), &ask->token);
out:
	gss_release_buffer(&status, &token);
	if (context != GSS_C_NO_CONTEXT)
		gss_delete_sec_context(&status, &context, GSS_C_NO_BUFFER);
	gss_release_cred(&status, &cred);
	gss_release_name(&status, &name);
}

static void work(void *arg)
{
	struct cwa_kerberos_ask *ask = arg;
	krb5_context context;
	krb5_ccache cache = NULL;

	if (__atomic_load_n(&ask->given_up, __ATOMIC_ACQUIRE))
		return;
	if (krb5_init_context(&context) != 0) {
		snprintf(ask->why, sizeof ask->why, "krb5.conf cannot be used");
		return;
	}
	if (!failed(ask, context, krb5_cc_resolve(context, ask->cache, &cache), "no cache") && get_ticket(ask, context, cache))
		make_token(ask);
	if (cache)
		krb5_cc_destroy(context, cache);
	krb5_free_context(context);
}

/* --- on the loop ------------------------------------------------------------------------------------------------------------------- */

static void release(struct cwa_kerberos_ask *ask)
{
	free(ask->principal);
	free(ask->service);
	free(ask->cache);
	buf_wipe(&ask->password);
	buf_wipe(&ask->token);
	free(ask);
}

static void came_back(void *arg)
{
	struct cwa_kerberos_ask *ask = arg;

	if (ask->given_up) {
		release(ask);
		return;
	}
	buf_wipe(&ask->password);
	ask->over = true;
	ask->fn(ask->ctx, ask->token.len ? buf_cstr(&ask->token) : NULL, ask->why);
}

/* "alice" of "CORP\alice" and of "alice@corp.test". What is special in a principal's name is taken as it is. */
static char *principal_of(const char *user, const char *realm)
{
	const char *mark = strchr(user, '\\');
	struct buf name = { 0 };
	char *whole;

	for (const char *c = mark ? mark + 1 : user; *c && *c != '@'; c++)
		buf_printf(&name, strchr("/@\\", *c) ? "\\%c" : "%c", *c);
	whole = memory_printf("%s@%s", buf_cstr(&name), realm);
	buf_free(&name);
	return whole;
}

static struct worker *least_busy(const struct cwa_kerberos *k)
{
	struct worker *least = k->workers[0];

	for (size_t i = 1; i < THREADS; i++)
		if (worker_waiting(k->workers[i]) < worker_waiting(least))
			least = k->workers[i];
	return least;
}

struct cwa_kerberos_ask *cwa_kerberos_ask(struct cwa_kerberos *k, const char *user, struct bytes password, const char *host,
	cwa_kerberos_fn *fn, void *ctx)
{
	struct cwa_kerberos_ask *ask = memory_new(sizeof *ask);

	*ask = (struct cwa_kerberos_ask){ .principal = principal_of(user, k->realm), .service = memory_printf("HTTP@%s", host),
		.cache = memory_printf("MEMORY:bramble-%p-%ju", (void *)k, (uintmax_t)++k->next_cache), .fn = fn, .ctx = ctx };
	buf_append(&ask->password, password);
	worker_run(least_busy(k), work, came_back, ask);
	return ask;
}

void cwa_kerberos_ask_free(struct cwa_kerberos_ask **ask)
{
	struct cwa_kerberos_ask *a = *ask;

	if (!a)
		return;
	*ask = NULL;
	if (a->over)
		release(a);
	else
		__atomic_store_n(&a->given_up, 1, __ATOMIC_RELEASE);
}

struct cwa_kerberos *cwa_kerberos_new(struct loop *loop, const char *realm)
{
	struct cwa_kerberos *k = memory_new(sizeof *k);

	*k = (struct cwa_kerberos){ .loop = loop, .realm = memory_str(realm) };
	for (size_t i = 0; i < THREADS; i++)
		k->workers[i] = worker_new(loop);
	return k;
}

void cwa_kerberos_free(struct cwa_kerberos **kerberos)
{
	struct cwa_kerberos *k = *kerberos;

	if (!k)
		return;
	*kerberos = NULL;
	for (size_t i = 0; i < THREADS; i++)
		worker_free(&k->workers[i]);
	free(k->realm);
	free(k);
}
