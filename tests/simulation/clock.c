#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/io/loop.h"

/* Libraries that keep time themselves (libcurl) ask the C library for it, which in this program is here: while the real clock stands it stands for
 * them, too. */
int clock_gettime(clockid_t clock, struct timespec *out)
{
	uint64_t now_us;

	if (clock == CLOCK_REALTIME || !loop_real_stands())
		return (int)syscall(SYS_clock_gettime, clock, out);
	now_us = loop_real_us();
	*out = (struct timespec){ .tv_sec = (time_t)(now_us / 1000000), .tv_nsec = (long)(now_us % 1000000) * 1000 };
	return 0;
}
