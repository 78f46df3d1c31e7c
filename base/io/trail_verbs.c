#include "base/io/trail_verbs.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static void verb_trail(void *ctx, struct control_request *request)
{
	const struct trail *trail = ctx;
	const json_t *params = control_params(request);
	const char *pin_text = control_text(params, "pin", "");
	uint64_t max = control_number(params, "max", 1000);
	unsigned long pin = 0;
	json_t *out;
	char *end;

	if (*pin_text) {
		pin = strtoul(pin_text, &end, 16);
		if (strspn(pin_text, "0123456789abcdefABCDEF") != strlen(pin_text) || strlen(pin_text) > 8 || pin == 0) {
			control_refuse(&request, EXIT_USAGE, "pin is up to eight hex digits, not %s", log_str(pin_text));
			return;
		}
	}
	out = json_object();
	json_object_set_new(out, "last", json_integer((json_int_t)trail_last(trail)));
	json_object_set_new(out, "entries", trail_json(trail, control_number(params, "after", 0), (uint32_t)pin,
		max < TRAIL_ENTRIES ? (unsigned)max : TRAIL_ENTRIES));
	control_done(&request, out);
}

static const struct control_param trail_params[] = {
	{ "after", CONTROL_NUMBER, false, "only entries with a higher seq" },
	{ "pin", CONTROL_TEXT, false, "only entries of this PIN, hex" },
	{ "max", CONTROL_NUMBER, false, "at most so many, oldest first (1000)" },
	{ NULL, CONTROL_TEXT, false, NULL },
};

const struct control_verb trail_verbs[] = {
	{ "trail", "the last events, step by step", trail_params, verb_trail },
	{ NULL, NULL, NULL, NULL },
};
