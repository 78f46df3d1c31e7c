#include "simulator/load/load_alarm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"

struct load_alarm {
	struct loop_watch *watch;
	loop_fn *fn;
	void *arg;
	uint64_t at_us;
	int fd;
};

static void rang(void *arg, int ready)
{
	struct load_alarm *alarm = arg;
	uint64_t count;

	(void)ready;
	if (read(alarm->fd, &count, sizeof count) < 0)
		return;      /* it was set anew in the same round */
	alarm->at_us = UINT64_MAX;
	alarm->fn(alarm->arg);
}

struct load_alarm *load_alarm_new(struct loop *loop, loop_fn *fn, void *arg)
{
	struct load_alarm *alarm = memory_new(sizeof *alarm);

	alarm->fn = fn;
	alarm->arg = arg;
	alarm->at_us = UINT64_MAX;
	alarm->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (alarm->fd < 0)
		fatal(EXIT_INTERNAL, "no timer for the plan: %s", strerror(errno));
	alarm->watch = loop_watch_new(loop, alarm->fd, rang, alarm);
	loop_watch_want(alarm->watch, LOOP_READ);
	return alarm;
}

void load_alarm_free(struct load_alarm **alarm)
{
	if (!*alarm)
		return;
	loop_watch_free(&(*alarm)->watch);
	close((*alarm)->fd);
	free(*alarm);
	*alarm = NULL;
}

void load_alarm_set(struct load_alarm *alarm, uint64_t at_us)
{
	struct itimerspec at = { 0 };

	if (at_us == alarm->at_us)
		return;
	alarm->at_us = at_us;
	/* All zero would switch it off. */
	if (at_us != UINT64_MAX) {
		at.it_value.tv_sec = (time_t)(at_us / 1000000);
		at.it_value.tv_nsec = (long)(at_us % 1000000) * 1000 + 1;
	}
	if (timerfd_settime(alarm->fd, TFD_TIMER_ABSTIME, &at, NULL) != 0)
		fatal(EXIT_INTERNAL, "the plan's timer cannot be set: %s", strerror(errno));
}
