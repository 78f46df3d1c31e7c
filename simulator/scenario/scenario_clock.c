#include "simulator/scenario/scenario_clock.h"

#include <glob.h>
#include <stdlib.h>

#include "base/io/control_client.h"
#include "base/io/daemon.h"
#include "base/memory.h"

struct clocks { struct loop *own; glob_t sockets; };

struct clocks *clocks_new(struct loop *own)
{
	struct clocks *c = memory_new(sizeof *c);

	c->own = own;
	return c;
}

int clocks_join(struct clocks *c, const char *run_dir, struct error *err)
{
	char *pattern = memory_printf("%s/*.sock", run_dir);

	(void)err;
	glob(pattern, 0, NULL, &c->sockets);
	free(pattern);
	return 0;
}

uint64_t clocks_now_ms(const struct clocks *c) { return loop_now_ms(c->own); }
bool clocks_are_manual(const struct clocks *c) { return c->own != NULL; }

int clocks_settle(struct clocks *c, struct error *err)
{
	uint64_t quiet = loop_real_us();

	(void)err;
	while (loop_real_us() - quiet < 60000) {
		if (loop_round(c->own, 5))
			quiet = loop_real_us();
	}
	return 0;
}

int clocks_advance(struct clocks *c, uint64_t to_ms, struct error *err)
{
	while (loop_now_ms(c->own) < to_ms) {
		uint64_t next = loop_now_ms(c->own) + 5000;

		if (next > to_ms)
			next = to_ms;
		for (size_t i = 0; i < c->sockets.gl_pathc; i++) {
			int status;

			json_decref(control_ask(c->sockets.gl_pathv[i], "clock.advance", json_pack("{s:I}", "to_ms", (json_int_t)next), 10000, &status,
				err));
		}
		loop_clock_advance(c->own, next);
		clocks_settle(c, err);
	}
	return 0;
}

void clocks_free(struct clocks **c)
{
	if (*c) {
		globfree(&(*c)->sockets);
		free(*c);
	}
	*c = NULL;
}
