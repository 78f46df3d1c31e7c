#ifndef BRAMBLE_TESTS_SUPPORT_FAKE_GROUPWISE_PRIVATE_H
#define BRAMBLE_TESTS_SUPPORT_FAKE_GROUPWISE_PRIVATE_H

#include "protocol/groupwise/request.h"
#include "tests/support/fake_groupwise.h"

/* What the files of the server share. */

/* With the fields that are in the server's answer, or the code alone. */
void fake_groupwise_answer(struct fake_client *client, uint32_t code, struct bytes transaction, bool with_fields);
/* What is known of a person, into this array of the answer. */
void fake_groupwise_add_details(struct fake_groupwise *g, struct gw_field *into, const char *user, const char *status);

/* fake_groupwise_script.c: writes one of the scripted commands down and answers it; false: it is none of them. */
bool fake_groupwise_write_down(struct fake_client *client, const struct gw_request *request);

#endif
