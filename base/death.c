#include "base/death.h"

#ifdef BRAMBLE_DEATHS

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

/* Commits are made in the worker's thread. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char ordered[64];
static long left;
static bool waits_for_lines, is_due;

static void die(void)
{
	log_warning("dies at %s, as ordered", ordered);
	/* To itself a confined process may send signals. */
	raise(SIGKILL);
}

int death_order(const char *point, long nth, bool unsent, struct error *err)
{
	if (nth < 1 || !*point || strlen(point) >= sizeof ordered)
		return error_set(err, "a death is ordered at a point of 1 to %zu letters, and at the first time or a later one", sizeof ordered - 1);
	pthread_mutex_lock(&lock);
	snprintf(ordered, sizeof ordered, "%s", point);
	left = nth;
	waits_for_lines = unsent;
	is_due = false;
	pthread_mutex_unlock(&lock);
	return 0;
}

void death_at(const char *point)
{
	pthread_mutex_lock(&lock);
	if (left > 0 && strcmp(point, ordered) == 0 && --left == 0) {
		if (!waits_for_lines)
			die();
		is_due = true;
	}
	pthread_mutex_unlock(&lock);
}

void death_unsent(void)
{
	pthread_mutex_lock(&lock);
	if (is_due)
		die();
	pthread_mutex_unlock(&lock);
}

#endif
