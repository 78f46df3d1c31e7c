#include "simulator/cwa/cwa_uplink.h"

#include <stdlib.h>

#include "base/memory.h"
#include "simulator/cwa/cwa_uplink_state.h"

static json_t *census(void *ctx)
{
	static const char *const states[] = { [UPLINK_CONNECTING] = "connecting", [UPLINK_UP] = "up", [UPLINK_DOWN] = "down" };
	const struct uplink *u = ctx;
	uint64_t due = redial_due_ms(u->redial), now = loop_now_ms(u->loop);
	json_int_t ready = 0;
	json_t *out;

	for (const struct endpoint *e = u->endpoints; e; e = e->hh.next)
		ready += e->step == STEP_READY;
	out = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "next_hop", u->settings.next_hop, "link", states[u->state], "connects",
		(json_int_t)u->connects, "endpoints", (json_int_t)HASH_COUNT(u->endpoints), "ready", ready, "registers",
		(json_int_t)u->registers, "refused", (json_int_t)u->refused, "waiting", (json_int_t)cwa_uplink_waiting(u));
	if (u->state == UPLINK_DOWN) {
		json_object_set_new(out, "code", json_integer(u->lost_code));
		json_object_set_new(out, "why", json_string(u->lost_why));
	}
	if (due != UINT64_MAX)
		json_object_set_new(out, "redial_ms", json_integer((json_int_t)(due > now ? due - now : 0)));
	return out;
}

static void uplink_free(void *ctx)
{
	struct uplink *u = ctx;

	uplink_hang_up(u);
	random_pool_wipe(&u->random);
	buf_free(&u->scratch);
	free(u->lost_why);
	free(u->says);
	free(u);
}

struct home *cwa_uplink_new(struct loop *loop, const struct world *world, const struct cwa_uplink_settings *settings)
{
	struct uplink *u = memory_new(sizeof *u);

	*u = (struct uplink){ .loop = loop, .world = world, .settings = *settings };
	u->says = memory_printf("its users live on the Communications Server %s", settings->next_hop);
	u->home = (struct home){ .says = u->says, .ctx = u, .free = uplink_free, .census = census, .sign_on = uplink_sign_on,
		.sign_off = uplink_sign_off, .activity = uplink_activity, .change_contact = uplink_change_contact,
		.change_group = uplink_change_group, .acknowledge = uplink_acknowledge, .change_member = uplink_change_member,
		.publish = uplink_publish, .query = uplink_query, .search = uplink_search, .invite = uplink_invite, .accept = uplink_accept,
		.leave = uplink_leave, .say = uplink_say, .composing = uplink_composing, .info = uplink_info, .invite_more = uplink_invite_more,
		.eject = uplink_eject, .promote = uplink_promote, .lock = uplink_lock };
	u->redial = redial_new(loop, REDIAL_CONNECTS, REDIAL_WINDOW_MS, uplink_dial, u);
	redial_start(u->redial);
	return &u->home;
}
