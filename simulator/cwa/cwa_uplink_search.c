/* Search in the directory of the Communications Server. There all rows of a search must be met: "or" is several searches. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "simulator/cwa/cwa_uplink_state.h"

#define ROWS_MAX 4
#define RESULTS_ASKED 200               /* Source: document (SearchMaxServerResults) */

/* One search of a client. */
struct search {
	struct endpoint *endpoint;
	char *rid;
	unsigned waits;                         /* answers that are still to come */
	struct sip_search_row found[HOME_FOUND_MAX];    /* texts are ours */
	size_t count;
	bool more;
	bool failed;                            /* and that has been told */
};

static void row_clear(struct sip_search_row *row)
{
	free(row->uri);
	free(row->display_name);
	free(row->title);
	free(row->phone);
	free(row->email);
}

static void search_release(void *arg)
{
	struct search *search = arg;

	if (--search->waits)
		return;
	while (search->count)
		row_clear(&search->found[--search->count]);
	free(search->rid);
	free(search);
}

static bool is_found(const struct search *search, const char *uri)
{
	for (size_t i = 0; i < search->count; i++)
		if (strcmp(search->found[i].uri, uri) == 0)
			return true;
	return false;
}

static void take(struct search *search, const struct sip_soap_body *body)
{
	search->more = search->more || (body->search && body->search->more_available);
	for (size_t i = 0; body->array && i < body->array->count; i++) {
		const struct sip_search_row *row = &body->array->rows[i];
		char *uri = uplink_uri(row->uri);

		if (!uri || is_found(search, uri) || search->count == HOME_FOUND_MAX) {
			search->more = search->more || (uri && !is_found(search, uri));
			free(uri);
			continue;
		}
		search->found[search->count++] = (struct sip_search_row){ .uri = uri, .display_name = memory_str(row->display_name),
			.title = memory_str(row->title), .phone = memory_str(row->phone), .email = memory_str(row->email) };
	}
}

static void tell(const struct search *search)
{
	struct home_found users[HOME_FOUND_MAX];

	for (size_t i = 0; i < search->count; i++)
		users[i] = (struct home_found){ .uri = search->found[i].uri, .name = search->found[i].display_name, .title = search->found[i].title,
			.phone = search->found[i].phone, .mail = search->found[i].email };
	front_found(search->endpoint->session, search->rid, users, search->count, search->more);
}

static void on_answer(void *arg, const struct sip_message *answer, const struct outcome *outcome)
{
	static const struct outcome unreadable = { .code = CWA_OCS_INVALID, .detail = "the answer to the search cannot be read" };
	struct search *search = arg;
	struct sip_soap soap;

	if (!outcome->code && xml_form_read(buf_bytes(&answer->body), &sip_soap_form, &soap, NULL) < 0)
		outcome = &unreadable;
	if (!outcome->code) {
		take(search, soap.body);
		xml_form_clear(&sip_soap_form, &soap);
	} else if (!search->failed) {
		search->failed = true;
		home_done(search->endpoint->session, search->rid, outcome);
	}
	if (search->waits == 1 && !search->failed)
		tell(search);
}

/* What is asked for, row by row. Names of attributes: code (SIPE). */
struct rows {
	struct sip_search_row items[ROWS_MAX];
	size_t count;
};

static void ask(struct search *search, struct rows *rows)
{
	static char id[] = "searchArray";
	struct endpoint *e = search->endpoint;
	struct sip_search directory = { .max_results = RESULTS_ASKED };
	struct sip_search_array array = { .id = id, .rows = rows->items, .count = rows->count };
	struct sip_soap_body body = { .search = &directory, .array = &array };
	struct sip_soap soap = { &body };
	char *uri = memory_printf("sip:%s", e->uplink->world->domain);
	struct sip_message *m = endpoint_request(e, "SERVICE", uri);
	struct buf out = { 0 };

	endpoint_add_contact(e, m);
	xml_form_write(&sip_soap_form, &soap, &out);
	sip_body(m, SIP_TYPE_SOAP, buf_bytes(&out));
	buf_free(&out);
	free(uri);
	uplink_ask(e->uplink, e, &m, on_answer, search, search_release);
}

void uplink_search(void *ctx, struct session *s, const char *rid, const struct home_search *wanted)
{
	static char given[] = "givenName", sn[] = "sn", display[] = "displayName", mail[] = "mail", address[] = "msRTCSIP-PrimaryUserAddress";
	bool by_address = strchr(wanted->alias, '@') != NULL;
	char *texts[] = { memory_str(wanted->first), memory_str(wanted->last), memory_str(wanted->display),
		by_address ? memory_str(wanted->alias) : memory_printf("sip:%s", wanted->alias), memory_printf("sip:%s", wanted->alias) };
	char *const names[] = { given, sn, display, by_address ? mail : address, address };
	struct search *search = memory_new(sizeof *search);
	struct rows searches[ROWS_MAX + 1];
	size_t count = 0;

	(void)ctx;
	*search = (struct search){ .endpoint = session_home(s), .rid = memory_str(rid) };
	searches[0].count = searches[1].count = 0;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		const char *given_text = i == 0 ? wanted->first : i == 1 ? wanted->last : i == 2 ? wanted->display : wanted->alias;

		/* An address is looked for among mail addresses and among those of SIP. */
		if (!*given_text || (i == 4 && !by_address))
			continue;
		if (!wanted->all)
			searches[count++] = (struct rows){ { { .attrib = names[i], .value = texts[i] } }, 1 };
		for (size_t which = 0; wanted->all && which < 2; which++)
			if (i < 3 || which == i - 3)
				searches[which].items[searches[which].count++] = (struct sip_search_row){ .attrib = names[i], .value = texts[i] };
	}
	if (wanted->all)
		count = searches[0].count ? 1 + by_address : 0;
	/* One more than there are, so that none of them is the last before all are sent. */
	search->waits = (unsigned)count + 1;
	for (size_t i = 0; i < count; i++)
		ask(search, &searches[i]);
	if (search->waits == 1 && !search->failed)
		tell(search);
	search_release(search);
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		free(texts[i]);
}
