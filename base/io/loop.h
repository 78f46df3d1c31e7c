#ifndef BRAMBLE_BASE_IO_LOOP_H
#define BRAMBLE_BASE_IO_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The one loop thread of a process, and the only source of time for domain code.
 *
 * Two clocks: the loop's (virtual when it is manual) for everything the product's rules speak of, and the real one for
 * what the network needs (handshake and frame deadlines). Both count monotonic milliseconds; neither is the time of day. */
struct loop;

struct loop *loop_new(void);
void loop_free(struct loop **loop);   /* timers and watches must be gone: else bug() */

/* From here on the loop's clock stands still at now_ms and only loop_clock_advance moves it. Call before any timer. */
void loop_clock_manual(struct loop *loop, uint64_t now_ms);
bool loop_clock_is_manual(const struct loop *loop);

/* A running clock stands still where it is, as if it had been manual from the start; a manual one stays. */
void loop_clock_freeze(struct loop *loop);
/* A manual clock runs by itself again, from what it shows. real_ms: the real time that this belongs to; processes whose clocks
 * show the same and that are given the same run on as one. */
void loop_clock_run(struct loop *loop, uint64_t real_ms);

/* Moves a manual clock to now_ms (never back) and runs the timers that fall due on the way, earliest first, each at its own
 * time. Events of sockets are not waited for. */
void loop_clock_advance(struct loop *loop, uint64_t now_ms);

/* Moves a manual clock to now_ms, at most to the first timer, and lets none ring until loop_clock_advance. So several processes can all be
 * at a time before anything happens at it: what one of them then sends finds the others at the same time. */
void loop_clock_reach(struct loop *loop, uint64_t now_ms);

/* When the earliest timer of the loop's clock is due; UINT64_MAX if there is none. */
uint64_t loop_next_due_ms(const struct loop *loop);

uint64_t loop_now_ms(const struct loop *loop);
uint64_t loop_real_us(void);          /* CLOCK_MONOTONIC, the same for all processes of a host: for traces and benchmarks */
/* For simulations of many processes in one: from here on the real clock of this process stands. It goes on by a microsecond whenever it is
 * read, so that things have an order; by loop_real_pass; and when a round waits in vain, by as much as it would have waited. */
void loop_real_stand(uint64_t now_us);
bool loop_real_stands(void);
void loop_real_pass(uint64_t us);
uint64_t loop_next_real_due_ms(const struct loop *loop);      /* the earliest timer of the real clock; UINT64_MAX if there is none */
uint64_t loop_wall_ms(void);          /* time of day, for rows and reports that people read; never for a decision */

void loop_run(struct loop *loop);     /* until loop_stop */
void loop_stop(struct loop *loop);

/* One round: waits at most wait_ms of real time for the first event, then runs what is ready. true if anything ran. */
bool loop_round(struct loop *loop, int wait_ms);

/* How often anything ran: an unchanged count over a round means that nothing was ready. */
uint64_t loop_activity(const struct loop *loop);
/* How many there are, set or not: back to what it was when all that was opened is closed again. */
unsigned loop_timers(const struct loop *loop);
unsigned loop_watches(const struct loop *loop);

/* What was done that others may notice: timers of the loop's clock that rang, jobs that came back, bytes of links to other processes
 * (not of Unix sockets, which only ever carry control). balance: of all links that are open, each byte sent counts the link's weight
 * in that direction and each byte received takes it off. The sum over all processes is 0 when nothing is under way between them. */
struct loop_work {
	uint64_t done;
	uint64_t balance;        /* modulo 2^64 */
};
struct loop_work loop_work(const struct loop *loop);
void loop_work_add(struct loop *loop, uint64_t done, uint64_t balance);

/* The kernel dials for the loop (+1), or has said what became of it (-1); how often it does now. That is on no link yet, and so in no balance. */
void loop_dialling(struct loop *loop, int by);
unsigned loop_dials(const struct loop *loop);

/* Something works for the loop elsewhere, and will come back to it (+1), or has come back (-1). */
void loop_busy(struct loop *loop, int by);

/* Something is waited for in real time that belongs to what happens now (+1), or no longer (-1): who asks for an idle loop hears nothing
 * before, and so no clock that is moved by hand passes it. */
void loop_awaits(struct loop *loop, int by);

/* A one-shot timer, set again as often as needed. Setting it replaces what was set; it may be freed in its own call. */
struct loop_timer;
typedef void loop_fn(void *arg);
struct loop_timer *loop_timer_new(struct loop *loop, loop_fn *fn, void *arg);          /* on the loop's clock */
struct loop_timer *loop_timer_new_real(struct loop *loop, loop_fn *fn, void *arg);     /* on the real clock */
void loop_timer_set(struct loop_timer *timer, uint64_t in_ms);
void loop_timer_set_at(struct loop_timer *timer, uint64_t at_ms);   /* on the timer's own clock */
void loop_timer_cancel(struct loop_timer *timer);
bool loop_timer_is_set(const struct loop_timer *timer);
uint64_t loop_timer_due_ms(const struct loop_timer *timer);         /* UINT64_MAX when not set */
void loop_timer_free(struct loop_timer **timer);                    /* NULL inside is fine */

/* Calls fn once at the end of the current round, before the loop waits again: the place to flush what a round gathered.
 * A task queued again before it ran still runs once. The owner keeps the struct alive until it ran or was dropped. */
struct loop_task {
	loop_fn *fn;
	void *arg;
	struct loop_task *next;
	bool queued;
};
void loop_defer(struct loop *loop, struct loop_task *task);
void loop_drop(struct loop *loop, struct loop_task *task);

/* Calls fn once the loop is idle: no descriptor is ready, no timer is due, no task is queued, nothing works for it elsewhere, and nothing is awaited.
 * Not to be dropped; what still waits when the loop is freed is called then. */
void loop_when_idle(struct loop *loop, struct loop_task *task);

/* Calls fn whenever somebody is about to move the clock (loop_look): the place to look at what is otherwise looked at every so often in
 * real time, such as a database that others change. The owner keeps the struct alive until it is taken off. */
struct loop_hook {
	loop_fn *fn;
	void *arg;
	struct loop_hook *next;
};
void loop_on_look(struct loop *loop, struct loop_hook *hook);
void loop_off_look(struct loop *loop, struct loop_hook *hook);
void loop_look(struct loop *loop);

/* Calls fn before bytes leave for another process (loop_sending), at the end of each round, and before the first: the place to store what
 * must be known before others can see it. As loop_on_look. */
void loop_on_send(struct loop *loop, struct loop_hook *hook);
void loop_off_send(struct loop *loop, struct loop_hook *hook);
void loop_sending(struct loop *loop);

/* A file descriptor; wants is a mask of the two. The descriptor stays the caller's. */
enum { LOOP_READ = 1, LOOP_WRITE = 2 };
struct loop_watch;
typedef void loop_ready_fn(void *arg, int ready);
struct loop_watch *loop_watch_new(struct loop *loop, int fd, loop_ready_fn *fn, void *arg);
void loop_watch_want(struct loop_watch *watch, int wants);
void loop_watch_free(struct loop_watch **watch);

/* One large buffer for reading, shared by everything on the loop: what is in it is nobody's after the callback. */
uint8_t *loop_scratch(struct loop *loop, size_t *size);

/* Calls fn on the loop when the signal arrives. For the life of the loop. */
void loop_signal(struct loop *loop, int signal, loop_fn *fn, void *arg);

#endif
