#include "collab/cwa_server.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

void cwa_server_post(const struct cwa_server *server, struct http_line *line, const char *path, const struct cwa_node *root,
	const char *ticket, struct http_ask ask, http_answered_fn *answered, void *ctx)
{
	char *url = memory_printf("%s%s", server->base, path);
	struct buf body = { 0 };

	cwa_encode(server->format, root, &body);
	ask.method = "POST";
	ask.url = url;
	ask.body = buf_bytes(&body);
	ask.headers[0] = (struct http_header){ "Content-Type", cwa_content_type(server->format) };
	if (ticket)
		ask.headers[1] = (struct http_header){ CWA_TICKET_HEADER, ticket };
	http_line_ask(line, &ask, answered, ctx);
	buf_wipe(&body);
	free(url);
}

void cwa_server_ticket(const struct http_answer *answer, char **ticket)
{
	const char *given = http_answer_header(answer, CWA_TICKET_HEADER);

	if (!given || !*given || strlen(given) > CWA_TICKET_MAX || (*ticket && strcmp(given, *ticket) == 0))
		return;
	memory_wipe_str(ticket);
	*ticket = memory_str(given);
}

int cwa_server_read(const struct http_answer *answer, struct cwa_tree *tree, struct error *err)
{
	enum cwa_format format;

	if (cwa_sniff(answer->body, &format) != 0)
		return error_set(err, "the body is neither XML nor JSON");
	return cwa_decode(format, answer->body, tree, err);
}
