#include "protocol/sip/dialog.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

void sip_dialog_clear(struct sip_dialog *d)
{
	for (size_t i = 0; i < d->route_count; i++)
		free(d->routes[i]);
	free(d->routes);
	free(d->call_id);
	free(d->local);
	free(d->remote);
	free(d->local_tag);
	free(d->remote_tag);
	free(d->target);
	*d = (struct sip_dialog){ 0 };
}

static void take_routes(struct sip_dialog *d, const struct sip_message *m, bool reversed)
{
	struct sip_message *copy = sip_request("", "");
	const char *value;
	char *one;

	for (size_t n = 0; (value = sip_get(m, "Record-Route", n)); n++)
		sip_add(copy, "Route", "%s", value);
	while ((one = sip_first_route(copy))) {
		sip_pop_route(copy);
		d->routes = memory_resize(d->routes, (d->route_count + 1) * sizeof *d->routes);
		d->routes[d->route_count++] = one;
	}
	for (size_t i = 0; reversed && i < d->route_count / 2; i++) {
		char *other = d->routes[d->route_count - 1 - i];

		d->routes[d->route_count - 1 - i] = d->routes[i];
		d->routes[i] = other;
	}
	sip_free(&copy);
}

void sip_dialog_from_request(struct sip_dialog *d, const struct sip_message *request, const char *local_tag)
{
	const char *to = sip_get(request, "To", 0);

	*d = (struct sip_dialog){
		.call_id = memory_str(request->call_id),
		.local = request->to.tag ? memory_str(to) : memory_printf("%s;tag=%s", to, local_tag),
		.remote = memory_str(sip_get(request, "From", 0)),
		.local_tag = memory_str(request->to.tag ? request->to.tag : local_tag),
		.remote_tag = memory_str(request->from.tag ? request->from.tag : ""),
		.target = memory_str(request->contact.uri ? request->contact.uri : request->from.uri),
		.remote_cseq = request->cseq,
	};
	take_routes(d, request, false);
}

void sip_dialog_from_answer(struct sip_dialog *d, const struct sip_message *answer)
{
	*d = (struct sip_dialog){
		.call_id = memory_str(answer->call_id),
		.local = memory_str(sip_get(answer, "From", 0)),
		.remote = memory_str(sip_get(answer, "To", 0)),
		.local_tag = memory_str(answer->from.tag ? answer->from.tag : ""),
		.remote_tag = memory_str(answer->to.tag ? answer->to.tag : ""),
		.target = memory_str(answer->contact.uri ? answer->contact.uri : answer->to.uri),
		.local_cseq = answer->cseq,
	};
	take_routes(d, answer, true);
}

bool sip_dialog_has(const struct sip_dialog *d, const struct sip_message *request)
{
	return strcmp(d->call_id, request->call_id) == 0 && request->to.tag && strcmp(d->local_tag, request->to.tag) == 0 &&
		strcmp(d->remote_tag, request->from.tag ? request->from.tag : "") == 0;
}

struct sip_message *sip_dialog_request(struct sip_dialog *d, const char *method)
{
	struct sip_message *m = sip_request(method, d->target);

	if (strcmp(method, "ACK") != 0)
		d->local_cseq++;
	for (size_t i = 0; i < d->route_count; i++)
		sip_add(m, "Route", "%s", d->routes[i]);
	sip_add(m, "From", "%s", d->local);
	sip_add(m, "To", "%s", d->remote);
	sip_add(m, "Call-ID", "%s", d->call_id);
	sip_add(m, "CSeq", "%u %s", d->local_cseq, method);
	sip_add(m, "Max-Forwards", "70");
	return m;
}
