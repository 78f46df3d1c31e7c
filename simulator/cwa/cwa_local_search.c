/* Search among the people of the world. */
#include <string.h>
#include <strings.h>

#include "simulator/cwa/cwa_local_state.h"

static bool begins(const char *value, const char *wanted)
{
	return strncasecmp(value, wanted, strlen(wanted)) == 0;
}

static bool alias_matches(const struct person *p, const char *wanted)
{
	if (!strchr(wanted, '@'))
		return begins(p->seed->id, wanted);
	return begins(p->seed->mail, wanted) || begins(p->uri + strlen("sip:"), wanted);
}

static bool matches(const struct person *p, const struct home_search *search)
{
	unsigned asked = !!*search->first + !!*search->last + !!*search->display + !!*search->alias, met;

	met = (*search->first && begins(p->seed->given, search->first)) + (*search->last && begins(p->seed->surname, search->last)) +
		(*search->display && begins(p->seed->name, search->display)) + (*search->alias && alias_matches(p, search->alias));
	return met && (!search->all || met == asked);
}

void local_search(void *ctx, struct session *s, const char *rid, const struct home_search *search)
{
	const struct local *local = ctx;
	struct home_found found[HOME_FOUND_MAX];
	size_t count = 0, matched = 0;

	for (size_t i = 0; i < local->world->user_count; i++) {
		const struct person *p = &local->persons[i];

		if (!matches(p, search) || ++matched > HOME_FOUND_MAX)
			continue;
		found[count++] = (struct home_found){ .uri = p->uri, .name = p->seed->name, .title = p->seed->title, .phone = p->seed->phone,
			.mail = p->seed->mail };
	}
	front_found(s, rid, found, count, matched > count);
}
