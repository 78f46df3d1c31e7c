/* The file that keeps a user's list, privacy and status at the simulated Messenger server: what is taken is written as a file that is
 * taken again and says the same; what is not says why. */
#include <stdlib.h>

#include "base/log.h"
#include "simulator/groupwise/gw_server.h"

static const char people[] = "<world domain='corp.test'><user id='alice' password='a' name='Alice'/>"
	"<user id='bob' password='b' name='Bob'/><user id='carol' password='c' name='Carol'/></world>";

/* One for all inputs: what is read replaces what was there. */
static struct gw_server *the_server(void)
{
	static struct gw_server *server;
	struct error err = { "" };

	if (!server)
		server = gw_server_new(loop_new(), world_parse(bytes_str(people), "people", &err),
			&(struct gw_server_settings){ .listen = "127.0.0.1:0" }, &err);
	if (!server)
		bug("%s", err.text);
	return server;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = { "" };
	struct gw_server *server = the_server();
	struct buf once = { 0 }, twice = { 0 };

	log_set_level(LOG_ERROR);
	if (gw_server_restore(server, "alice", bytes_of(data, size), "file", &err) == 0) {
		gw_server_stored(server, "alice", &once);
		if (gw_server_restore(server, "alice", buf_bytes(&once), "file", &err) != 0)
			bug("its own file is refused: %s", err.text);
		gw_server_stored(server, "alice", &twice);
		if (!bytes_equal(buf_bytes(&once), buf_bytes(&twice)))
			bug("its own file says something else");
	} else if (!err.text[0]) {
		bug("refused without a sentence");
	}
	buf_free(&once);
	buf_free(&twice);
	return 0;
}
