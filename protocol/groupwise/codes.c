#include "protocol/groupwise/codes.h"

const char *gw_code_text(uint32_t code)
{
	switch (code) {
#define CASE(name, number, text) case number: return text;
	GW_CODES(CASE)
#undef CASE
	default:
		return "unknown result";
	}
}

const char *gw_status_name(uint32_t status)
{
	static const char *const names[] = { "unknown", "offline", "available", "busy", "away", "idle", "invalid" };

	return status < sizeof names / sizeof names[0] ? names[status] : "invalid";
}
