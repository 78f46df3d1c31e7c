#include "base/io/simulated.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utlist.h>

#include "base/io/loop_private.h"
#include "base/log.h"

/* --- the others ---------------------------------------------------------------------------------------------------------- */

static loop_others_fn *others;
static void *others_arg;

void loop_others(loop_others_fn *fn, void *arg)
{
	others = fn;
	others_arg = arg;
}

bool loop_are_others(void)
{
	return others != NULL;
}

bool loop_turn_others(const struct loop *loop)
{
	return others && !loop->is_dead && others(others_arg);
}

bool loop_is_turning(const struct loop *loop)
{
	return loop->in_round;
}

/* --- death --------------------------------------------------------------------------------------------------------------- */

static bool is_listening(int fd)
{
	int is = 0;
	socklen_t len = sizeof is;

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is, &len) == 0 && is;
}

/* What the descriptor was is closed, and in its place is a socket that nobody will ever be at the other end of: all that is tried with it fails,
 * which whoever watches it hears at once and gives it up; but not who listens, so he hears nothing. */
static void close_under(struct loop_watch *watch, int nobody)
{
	int wants = is_listening(watch->fd) ? 0 : watch->wants;

	loop_watch_want(watch, 0);
	if (dup3(nobody, watch->fd, O_CLOEXEC) < 0)
		fatal(EXIT_INTERNAL, "descriptor %d cannot be closed: %s", watch->fd, strerror(errno));
	loop_watch_want(watch, wants);
}

void loop_die(struct loop *loop)
{
	struct loop_watch *watch;
	int nobody;

	if (loop->is_dead)
		return;
	loop->is_dead = true;
	nobody = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (nobody < 0)
		fatal(EXIT_INTERNAL, "no socket: %s", strerror(errno));
	DL_FOREACH(loop->watches, watch)
		close_under(watch, nobody);
	close(nobody);
}

bool loop_is_dead(const struct loop *loop)
{
	return loop->is_dead;
}
