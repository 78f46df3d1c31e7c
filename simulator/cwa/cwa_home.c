/* What every home accepts, in the same words. */
#include "simulator/cwa/cwa_home.h"

#include <string.h>

#include "protocol/cwa/category.h"
#include "protocol/cwa/codes.h"

#define CATEGORY_MAX 8192               /* bytes of a category that is only passed on; ours */

static bool is_one_of(const char *name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

int home_check_category(const struct home_category *c, struct error *err)
{
	static const char *const passed[] = { "calendarData", "contactCard", "services" };
	struct cwa_state state;
	struct buf note = { 0 };
	int rc = 0;

	if (strcmp(c->name, "state") == 0) {
		rc = cwa_state_decode(c->xml, &state, err);
		if (rc == 0 && (state.availability < 3000 || state.availability > 20000))
			rc = error_set(err, "an availability is 3000 to 20000");
	} else if (strcmp(c->name, "note") == 0 && *c->xml) {
		rc = cwa_note_decode(c->xml, &note, err);
	} else if (strcmp(c->name, "note") != 0 && !is_one_of(c->name, passed, sizeof passed / sizeof passed[0])) {
		rc = error_set(err, "the categories are state, note, contactCard, calendarData and services");
	} else if (strlen(c->xml) > CATEGORY_MAX) {
		rc = error_set(err, "a category has at most 8192 bytes");
	}
	buf_free(&note);
	return rc;
}

bool home_is_machine_state(const struct home_category *c)
{
	struct cwa_state state;

	if (c->instance == HOME_MACHINE_INSTANCE || cwa_state_decode(c->xml, &state, NULL) < 0)
		return c->instance == HOME_MACHINE_INSTANCE;
	return strcmp(state.type, "machineState") == 0;
}

const uint32_t home_containers[HOME_CONTAINERS] = { 0, 1, 100, 200, 300, 400, 32000 };

bool home_check_member(uint32_t container, const struct home_member *member)
{
	static const char *const types[] = { "user", "domain", "sameEnterprise", "federated", "publicCloud", "everyone" };
	bool known = false;

	for (size_t i = 0; i < HOME_CONTAINERS; i++)
		known = known || home_containers[i] == container;
	return known && is_one_of(member->type, types, sizeof types / sizeof types[0]) && strlen(member->value) <= CWA_URI_MAX + 4;
}
