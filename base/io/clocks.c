#include "base/io/clocks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/io/clock_member.h"
#include "base/log.h"
#include "base/memory.h"

enum {
	STEADY_MS = 10,          /* unequal sums count as quiet when nothing happened for so long */
	LOOK_STOPPED_MS = 100,   /* without an answer for so long: is it stopped? */
	FIRST_ANSWER_MS = 2000,  /* of a socket that was just found */
	MEMBERS_MAX = 256,
};

struct clocks {
	struct loop *own;
	char *run_dir;
	int lock;
	bool held, late;
	struct clock_member *members[MEMBERS_MAX];
	size_t count;
	clocks_progress_fn *progress;
	void *progress_ctx;
	uint64_t steps;
};

static uint64_t real_ms(void)
{
	return loop_real_us() / 1000;
}

/* Waits for all answers. What our own loop has to do goes on meanwhile. -1 with a sentence. */
static int wait_for_answers(struct clocks *c, unsigned patience_ms, struct error *err)
{
	uint64_t began = real_ms(), looked = began;

	for (;;) {
		struct pollfd fds[MEMBERS_MAX];
		struct clock_member *who[MEMBERS_MAX];
		const struct clock_member *open = NULL;
		nfds_t used = 0;
		bool busy = false;

		for (unsigned round = 0; c->own && round < 1000 && loop_round(c->own, 0); round++)
			busy = true;
		for (size_t i = 0; i < c->count; i++) {
			if (clock_member_owes(c->members[i])) {
				open = who[used] = c->members[i];
				fds[used++] = (struct pollfd){ .fd = c->members[i]->fd, .events = POLLIN };
			}
		}
		if (!open)
			return 0;
		if (poll(fds, used, busy ? 0 : 1) > 0) {
			for (nfds_t i = 0; i < used; i++) {
				if (fds[i].revents && clock_member_take(who[i], err) != 0)
					return -1;
			}
		}
		if (real_ms() - looked >= LOOK_STOPPED_MS) {
			looked = real_ms();
			for (nfds_t i = 0; i < used; i++)
				who[i]->stopped = clock_member_is_stopped(who[i]);
		}
		if (real_ms() - began > patience_ms) {
			c->late = true;
			return error_set(err, "%s (process %d) has not answered on %s for %u ms", open->name, (int)open->pid, open->path,
				patience_ms);
		}
	}
}

static void drop_gone(struct clocks *c)
{
	size_t kept = 0;

	for (size_t i = 0; i < c->count; i++) {
		if (c->members[i]->gone)
			clock_member_free(c->members[i]);
		else
			c->members[kept++] = c->members[i];
	}
	c->count = kept;
}

static int ask_all(struct clocks *c, const char *verb, const json_t *params, struct error *err)
{
	int rc;

	for (size_t i = 0; i < c->count; i++) {
		if (!c->members[i]->stopped && !c->members[i]->deaf)
			clock_member_ask(c->members[i], verb, params);
	}
	rc = wait_for_answers(c, CLOCKS_PATIENCE_MS, err);
	drop_gone(c);
	return rc;
}

/* --- who takes part --------------------------------------------------------------------------------------------------------- */

static bool is_known(const struct clocks *c, const char *path)
{
	for (size_t i = 0; i < c->count; i++) {
		if (strcmp(c->members[i]->path, path) == 0)
			return true;
	}
	return false;
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(struct clock_member *const *)a)->name, (*(struct clock_member *const *)b)->name);
}

/* A process that joins later, or that was stopped, comes to where the others are. */
static int catch_up(struct clocks *c, struct error *err)
{
	uint64_t now_ms = clocks_now_ms(c);
	json_t *to;

	if (!clocks_are_manual(c))
		return 0;
	to = json_pack("{s:I}", "to_ms", (json_int_t)now_ms);
	for (size_t i = 0; i < c->count; i++) {
		struct clock_member *m = c->members[i];

		if (!m->deaf && !m->stopped && m->now_ms < now_ms)
			clock_member_ask(m, "clock.advance", to);
	}
	json_decref(to);
	if (c->own && loop_now_ms(c->own) < now_ms)
		loop_clock_advance(c->own, now_ms);
	return wait_for_answers(c, CLOCKS_PATIENCE_MS, err);
}

static int is_socket(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 5 && strcmp(entry->d_name + len - 5, ".sock") == 0;
}

static void find_new(struct clocks *c)
{
	struct dirent **found = NULL;
	int count = c->run_dir ? scandir(c->run_dir, &found, is_socket, alphasort) : 0;

	for (int i = 0; i < count; i++) {
		char *path = memory_printf("%s/%s", c->run_dir, found[i]->d_name);
		struct clock_member *m = c->count < MEMBERS_MAX && !is_known(c, path) ? clock_member_dial(c->run_dir, found[i]->d_name) : NULL;

		if (m && m->pid == getpid()) {
			clock_member_free(m);
		} else if (m) {
			c->members[c->count++] = m;
			clock_member_ask(m, "clock.show", NULL);
		}
		free(path);
		free(found[i]);
	}
	free(found);
}

static int gather(struct clocks *c, struct error *err)
{
	for (size_t i = 0; i < c->count; i++)
		c->members[i]->stopped = c->members[i]->stopped && clock_member_is_stopped(c->members[i]);
	find_new(c);
	if (wait_for_answers(c, FIRST_ANSWER_MS, err) != 0)
		return -1;
	drop_gone(c);
	qsort(c->members, c->count, sizeof *c->members, by_name);
	return catch_up(c, err);
}

struct clocks *clocks_new(struct loop *own)
{
	struct clocks *c = memory_new(sizeof *c);

	c->own = own;
	c->lock = -1;
	return c;
}

void clocks_free(struct clocks **clocks)
{
	struct clocks *c = *clocks;

	if (!c)
		return;
	for (size_t i = 0; i < c->count; i++)
		clock_member_free(c->members[i]);
	if (c->lock >= 0)
		close(c->lock);
	free(c->run_dir);
	free(c);
	*clocks = NULL;
}

int clocks_join(struct clocks *c, const char *run_dir, struct error *err)
{
	char *path = memory_printf("%s/clock.lock", run_dir);
	struct clocks_member first;

	c->run_dir = memory_str(run_dir);
	c->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	free(path);
	if (c->lock < 0)
		return error_set(err, "the control sockets' folder %s cannot be used: %s", run_dir, strerror(errno));
	if (gather(c, err) != 0)
		return -1;
	if (!clocks_member(c, 0, &first))
		return error_set(err, "no process answers in %s", run_dir);
	return 0;
}

bool clocks_member(const struct clocks *c, size_t i, struct clocks_member *out)
{
	for (size_t at = 0; at < c->count; at++) {
		const struct clock_member *m = c->members[at];

		if (m->deaf || i-- > 0)
			continue;
		*out = (struct clocks_member){ .name = m->name, .manual = m->manual, .stopped = m->stopped, .now_ms = m->now_ms,
			.next_due_ms = m->next_due_ms };
		return true;
	}
	return false;
}

/* --- the group as a whole ----------------------------------------------------------------------------------------------------- */

uint64_t clocks_now_ms(const struct clocks *c)
{
	uint64_t now_ms = c->own ? loop_now_ms(c->own) : 0;

	for (size_t i = 0; i < c->count; i++) {
		if (!c->members[i]->deaf && c->members[i]->now_ms > now_ms)
			now_ms = c->members[i]->now_ms;
	}
	return now_ms;
}

static const char *running_one(const struct clocks *c)
{
	for (size_t i = 0; i < c->count; i++) {
		if (!c->members[i]->deaf && !c->members[i]->stopped && !c->members[i]->manual)
			return c->members[i]->name;
	}
	return c->own && !loop_clock_is_manual(c->own) ? "this process" : NULL;
}

bool clocks_are_manual(const struct clocks *c)
{
	return running_one(c) == NULL;
}

static uint64_t next_due_ms(const struct clocks *c)
{
	uint64_t due_ms = c->own ? loop_next_due_ms(c->own) : UINT64_MAX;

	for (size_t i = 0; i < c->count; i++) {
		const struct clock_member *m = c->members[i];

		if (!m->deaf && !m->stopped && m->next_due_ms < due_ms)
			due_ms = m->next_due_ms;
	}
	return due_ms;
}

static struct loop_work sum_of_work(const struct clocks *c)
{
	struct loop_work sum = c->own ? loop_work(c->own) : (struct loop_work){ 0 };

	for (size_t i = 0; i < c->count; i++) {
		sum.done += c->members[i]->work.done;
		sum.balance += c->members[i]->work.balance;
	}
	/* Who has ended takes its work along. */
	sum.done += c->count << 48;
	return sum;
}

/* Rounds until nothing happens any more. what was asked just now counts as the first. */
static int become_quiet(struct clocks *c, struct error *err)
{
	uint64_t began = real_ms(), steady_since = began;
	struct loop_work before = sum_of_work(c);

	for (;;) {
		struct loop_work now;

		if (ask_all(c, "clock.settle", NULL, err) != 0)
			return -1;
		now = sum_of_work(c);
		if (now.done != before.done || now.balance != before.balance) {
			before = now;
			steady_since = real_ms();
		} else if (now.balance == 0 || real_ms() - steady_since >= STEADY_MS) {
			return 0;
		}
		if (real_ms() - began > CLOCKS_PATIENCE_MS) {
			c->late = true;
			return error_set(err, "the processes do not become quiet within %d s", CLOCKS_PATIENCE_MS / 1000);
		}
	}
}

static int look_and_become_quiet(struct clocks *c, struct error *err)
{
	json_t *look;
	int rc;

	if (gather(c, err) != 0)
		return -1;
	if (c->own)
		loop_look(c->own);
	look = json_pack("{s:b}", "look", 1);
	rc = ask_all(c, "clock.settle", look, err);
	json_decref(look);
	return rc != 0 ? -1 : become_quiet(c, err);
}

/* Two that moved the same clocks at once would each see them go where it did not send them. */
static int hold(struct clocks *c, struct error *err)
{
	c->late = false;
	if (c->lock >= 0 && !c->held && flock(c->lock, LOCK_EX | LOCK_NB) != 0)
		return error_set(err, "somebody else moves the clocks of %s at this moment", c->run_dir);
	return 0;
}

static int let_go(struct clocks *c, int rc)
{
	if (c->lock >= 0 && !c->held)
		flock(c->lock, LOCK_UN);
	return rc;
}

int clocks_hold(struct clocks *c, struct error *err)
{
	if (hold(c, err) != 0)
		return -1;
	c->held = true;
	return 0;
}

bool clocks_were_late(const struct clocks *c)
{
	return c->late;
}

int clocks_settle(struct clocks *c, struct error *err)
{
	return look_and_become_quiet(c, err);
}

static void ask_to_advance(struct clocks *c, uint64_t to_ms, bool hold)
{
	json_t *to = json_pack("{s:I}", "to_ms", (json_int_t)to_ms);

	if (hold)
		json_object_set_new(to, "hold", json_true());
	for (size_t i = 0; i < c->count; i++) {
		if (!c->members[i]->stopped && !c->members[i]->deaf)
			clock_member_ask(c->members[i], "clock.advance", to);
	}
	json_decref(to);
}

/* First all reach the time, then timers ring: else a message that one sends at it could find another still at the stop before. */
static int step_to(struct clocks *c, uint64_t to_ms, struct error *err)
{
	int rc;

	c->steps++;
	ask_to_advance(c, to_ms, true);
	if (c->own)
		loop_clock_reach(c->own, to_ms);
	rc = wait_for_answers(c, CLOCKS_PATIENCE_MS, err);
	drop_gone(c);
	if (rc != 0)
		return -1;
	ask_to_advance(c, to_ms, false);
	if (c->own)
		loop_clock_advance(c->own, to_ms);
	rc = wait_for_answers(c, CLOCKS_PATIENCE_MS, err);
	drop_gone(c);
	return rc != 0 ? -1 : become_quiet(c, err);
}

static int advance(struct clocks *c, uint64_t to_ms, struct error *err)
{
	if (look_and_become_quiet(c, err) != 0)
		return -1;
	if (running_one(c))
		return error_set(err, "the clock of %s runs by itself; freeze it to move it", running_one(c));
	if (to_ms < clocks_now_ms(c))
		return error_set(err, "the clocks stand at %llu ms and never go back to %llu ms", (unsigned long long)clocks_now_ms(c),
			(unsigned long long)to_ms);
	while (clocks_now_ms(c) < to_ms) {
		uint64_t now_ms = clocks_now_ms(c);
		uint64_t stop_ms = next_due_ms(c);

		if (c->progress)
			c->progress(c->progress_ctx, now_ms, to_ms);
		/* What is due now and still set will ring by itself. */
		if (stop_ms <= now_ms)
			stop_ms = now_ms + 1;
		if (step_to(c, stop_ms < to_ms ? stop_ms : to_ms, err) != 0)
			return -1;
	}
	return 0;
}

int clocks_advance(struct clocks *c, uint64_t to_ms, struct error *err)
{
	return hold(c, err) != 0 ? -1 : let_go(c, advance(c, to_ms, err));
}

static int freeze(struct clocks *c, struct error *err)
{
	if (gather(c, err) != 0 || ask_all(c, "clock.freeze", NULL, err) != 0)
		return -1;
	if (c->own)
		loop_clock_freeze(c->own);
	return catch_up(c, err) != 0 ? -1 : become_quiet(c, err);
}

int clocks_freeze(struct clocks *c, struct error *err)
{
	return hold(c, err) != 0 ? -1 : let_go(c, freeze(c, err));
}

static int run_on(struct clocks *c, struct error *err)
{
	uint64_t base_ms;
	json_t *base;
	int rc;

	if (look_and_become_quiet(c, err) != 0)
		return -1;
	base_ms = real_ms();
	base = json_pack("{s:I}", "real_ms", (json_int_t)base_ms);
	if (c->own)
		loop_clock_run(c->own, base_ms);
	rc = ask_all(c, "clock.run", base, err);
	json_decref(base);
	return rc;
}

int clocks_run(struct clocks *c, struct error *err)
{
	return hold(c, err) != 0 ? -1 : let_go(c, run_on(c, err));
}

void clocks_on_progress(struct clocks *c, clocks_progress_fn *fn, void *ctx)
{
	c->progress = fn;
	c->progress_ctx = ctx;
}

uint64_t clocks_steps(const struct clocks *c)
{
	return c->steps;
}
