#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory.h"
#include "tests/support/pipeline_private.h"

/* The network between the parts: a relay before each that others dial, which does nothing but what its faults do. */

const char *pipeline_way_to(struct pipeline *p, enum pipeline_part part, const char *address)
{
	struct pipeline_way *way = &p->ways[part];
	struct relay_settings settings = { .unit = part == PART_IM || part == PART_OCS ? RELAY_RECORD : RELAY_FRAME, .records = p->trails[PART_RELAY] };
	struct error err = { "" };

	if (!p->options.relays)
		return address;
	way->to = memory_str(address);
	way->listen = memory_printf("%s:0", p->options.host);
	settings.to = way->to;
	settings.listen = way->listen;
	way->relay = relay_new(p->loops[PART_RELAY], &settings, &err);
	if (!way->relay)
		fail_msg("%s", err.text);
	return relay_address(way->relay);
}

int pipeline_link_fault(struct pipeline *p, enum pipeline_part part, const char *word, struct error *err)
{
	if (!p->ways[part].relay)
		return error_set(err, "there is no relay before %s", pipeline_part_name(part));
	return faults_add(relay_faults(p->ways[part].relay), word, p->now_ms, err);
}

void pipeline_clear_faults(struct pipeline *p)
{
	faults_clear(p->faults);
	if (pipeline_is_up(p, PART_IM))
		faults_clear(pipeline_im_faults(p));
	for (int part = 0; part < PART_DEVICE; part++)
		if (p->ways[part].relay)
			faults_clear(relay_faults(p->ways[part].relay));
}

void pipeline_close_ways(struct pipeline *p)
{
	for (int part = 0; part < PART_DEVICE; part++) {
		relay_free(&p->ways[part].relay);
		free(p->ways[part].to);
		free(p->ways[part].listen);
		p->ways[part] = (struct pipeline_way){ 0 };
	}
}
