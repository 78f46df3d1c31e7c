#include "collab/groupwise_refusal.h"

#include <stdio.h>

#include "protocol/groupwise/codes.h"

/* Whatever fields come with it: a redirect is not followed, and worse is worse. Source: code (a client of the time), capture (libpurple). */
enum { FIRST_REDIRECT = 300 };

/* Codes that are more to the device than "the IM server refused". 0: no more than that. */
static const struct {
	uint32_t code;
	uint32_t login, delivery;
} rows[] = {
	{ GW_WRONG_PASSWORD, IM_BAD_CREDENTIALS, 0 },
	{ GW_NO_CREDENTIALS, IM_BAD_CREDENTIALS, 0 },
	{ GW_BAD_CREDENTIALS, IM_BAD_CREDENTIALS, 0 },
	{ GW_USER_NOT_FOUND, IM_BAD_CREDENTIALS, IM_NOT_DELIVERED },
	{ GW_NOT_REACHABLE, 0, IM_NOT_DELIVERED },
	{ GW_BLOCKED, 0, IM_NOT_DELIVERED },
	{ GW_RECIPIENT_TOO_OLD, 0, IM_NOT_DELIVERED },
};

static uint32_t class_of(uint32_t code, enum refusal_of what)
{
	uint32_t class = 0;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (rows[i].code != code)
			continue;
		if (what == REFUSAL_OF_LOGIN)
			class = rows[i].login;
		else if (what == REFUSAL_OF_DELIVERY)
			class = rows[i].delivery;
	}
	return class ? class : (uint32_t)IM_BACKEND_REFUSED;
}

bool groupwise_accepted(const struct gw_answer *answer)
{
	return answer->has_code && answer->code == GW_OK && answer->http_status < FIRST_REDIRECT;
}

struct refusal groupwise_refusal(const struct gw_answer *answer, enum refusal_of what)
{
	struct refusal refusal = { .code = IM_OK };

	if (groupwise_accepted(answer))
		return refusal;
	refusal.code = IM_BACKEND_REFUSED;
	if (!answer->has_code || answer->code == GW_OK) {
		snprintf(refusal.text, sizeof refusal.text, "HTTP status %u %s a result code", answer->http_status,
			answer->has_code ? "though with" : "without");
		return refusal;
	}
	refusal.code = class_of(answer->code, what);
	snprintf(refusal.text, sizeof refusal.text, "%X: %s", answer->code, gw_code_text(answer->code));
	return refusal;
}
