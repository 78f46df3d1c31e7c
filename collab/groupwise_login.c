#include "collab/groupwise_login.h"

#include <stdlib.h>
#include <string.h>

#include "base/io/address.h"
#include "base/memory.h"
#include "protocol/groupwise/tags.h"

void groupwise_login_set(struct groupwise_login *login, const struct backend_target *target, struct bytes user, struct bytes password)
{
	login->user = bytes_dup(user);
	buf_append(&login->password, password);
	login->host_line = address_text(target->host, target->port);
	login->tls = target->tls;
	login->protocol_version = target->protocol_version;
}

void groupwise_login_wipe(struct groupwise_login *login)
{
	buf_wipe(&login->password);
}

void groupwise_login_free(struct groupwise_login *login)
{
	groupwise_login_wipe(login);
	free(login->user);
	free(login->host_line);
}

void groupwise_login_send(const struct groupwise_login *login, struct groupwise_link *link, struct gw_tree *fields,
	groupwise_done *done, void *arg)
{
	struct address local = { 0 };

	address_parse(connection_local(groupwise_link_connection(link)), &local, NULL);
	gw_tree_clear(fields);
	gw_add_str(fields, NULL, GW_TAG_USERID, login->user);
	gw_add_text(fields, NULL, GW_TAG_CREDENTIALS, buf_bytes(&login->password));
	gw_add_str(fields, NULL, GW_TAG_USER_AGENT, "Bramble/" BRAMBLE_VERSION " (Linux)");
	gw_add_number(fields, NULL, GW_TAG_BUILD, GW_TYPE_UDWORD, login->protocol_version);
	gw_add_str(fields, NULL, GW_TAG_IP_ADDRESS, local.host);
	groupwise_link_request(link, "login", login->host_line, fields, done, arg);
	gw_tree_clear(fields);
}
