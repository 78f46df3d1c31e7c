/* directorySearch: the people of the world, by what is known of them. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "simulator/ocs/ocs_state.h"

#define RESULTS_MAX 100

/* What a row asks for begins so. Names of attributes: code (SIPE); those of no interest to us match nobody. */
static bool matches(const struct user *user, const struct sip_search_row *row)
{
	const struct world_user *seed = user->seed;
	const struct {
		const char *attrib, *value;
	} known[] = {
		{ "displayName", seed->name }, { "givenName", seed->given }, { "sn", seed->surname }, { "mail", seed->mail },
		{ "givenEmail", seed->mail }, { "msRTCSIP-PrimaryUserAddress", user->address }, { "title", seed->title },
		{ "department", seed->department },
	};

	if (!row->attrib || !row->value)
		return true;
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (strcasecmp(row->attrib, known[i].attrib) == 0)
			return known[i].value && strncasecmp(known[i].value, row->value, strlen(row->value)) == 0;
	return false;
}

static bool matches_all(const struct user *user, const struct sip_search_array *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		if (!matches(user, &rows->rows[i]))
			return false;
	return true;
}

void on_search(struct request *r, const struct sip_soap_body *asked)
{
	struct ocs_server *server = r->server;
	uint32_t max = asked->search->max_results && asked->search->max_results < RESULTS_MAX ? asked->search->max_results : RESULTS_MAX;
	struct sip_search_row *rows = memory_new(max * sizeof *rows);
	struct sip_search_array array = { .rows = rows };
	struct sip_search search = { .more_available = false };
	struct sip_soap_body body = { .search = &search, .array = &array };
	struct sip_soap soap = { &body };
	struct sip_message *m;
	struct buf out = { 0 };

	for (size_t i = 0; i < server->world->user_count && asked->array; i++) {
		struct user *user = &server->users[i];

		if (!matches_all(user, asked->array))
			continue;
		if (array.count == max) {
			search.more_available = true;
			break;
		}
		rows[array.count++] = (struct sip_search_row){ .uri = user->address, .display_name = user->seed->name, .title = user->seed->title,
			.office = user->seed->department, .phone = user->seed->phone, .email = user->seed->mail };
	}
	xml_form_write(&sip_soap_form, &soap, &out);
	m = answer_new(r, 200);
	sip_body(m, SIP_TYPE_SOAP, buf_bytes(&out));
	answer_send(r, &m);
	buf_free(&out);
	free(rows);
}
