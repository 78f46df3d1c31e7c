/* The file that keeps a user's contacts, access levels and what he said of himself at the simulated Communications Server: what is taken is
 * written as a file that is taken again and says the same; what is not says why. */
#include <stdlib.h>

#include "base/log.h"
#include "simulator/ocs/ocs_server.h"

static const char people[] = "<world domain='corp.test'><user id='alice' password='a' name='Alice'/>"
	"<user id='bob' password='b' name='Bob'/><user id='carol' password='c' name='Carol'/></world>";

/* One for all inputs: what is read replaces what was there. */
static struct ocs_server *the_server(void)
{
	static struct ocs_server *server;
	struct error err = { "" };

	if (!server)
		server = ocs_server_new(loop_new(), world_parse(bytes_str(people), "people", &err),
			&(struct ocs_server_settings){ .listen = "127.0.0.1:0", .name = "localhost" }, &err);
	if (!server)
		bug("%s", err.text);
	return server;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ocs_server *server = the_server();
	struct error err = { "" };
	/* XML that stands for itself may get namespace declarations the first time. */
	struct buf texts[3] = { { 0 } };

	log_set_level(LOG_ERROR);
	if (ocs_server_restore(server, "alice", bytes_of(data, size), "file", &err) == 0) {
		for (size_t i = 0; i < 3; i++) {
			ocs_server_stored(server, "alice", &texts[i]);
			if (ocs_server_restore(server, "alice", buf_bytes(&texts[i]), "file", &err) != 0)
				bug("its own file is refused: %s", err.text);
		}
		if (!bytes_equal(buf_bytes(&texts[1]), buf_bytes(&texts[2])))
			bug("its own file says something else");
	} else if (!err.text[0]) {
		bug("refused without a sentence");
	}
	for (size_t i = 0; i < 3; i++)
		buf_free(&texts[i]);
	return 0;
}
