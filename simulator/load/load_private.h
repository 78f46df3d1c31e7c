#ifndef BRAMBLE_SIMULATOR_LOAD_PRIVATE_H
#define BRAMBLE_SIMULATOR_LOAD_PRIVATE_H

#include "simulator/device/device.h"
#include "simulator/load/load.h"
#include "simulator/load/load_alarm.h"
#include "simulator/load/load_plan.h"
#include "simulator/load/load_texts.h"

/* What the files of the load's core share; nobody else includes it.
 *   load.c            life, phases, what devices tell
 *   load_logins.c     logging in, out, and in again
 *   load_messages.c   what is said and what becomes of it */

/* One message until its end is known. */
struct load_letter {
	struct load_letter *next;
	uint32_t number;             /* in its text */
	uint32_t sequence;           /* the device's, for the acknowledgement */
	uint64_t planned_us;
	bool counted, acked, arrived;
};

enum load_login_state { LOAD_OUT, LOAD_GOING_IN, LOAD_IN, LOAD_GOING_OUT };

struct load_unit {
	struct load *load;
	struct load_person *person;
	struct device *device;
	uint32_t index;
	bool linked;
	enum load_login_state state;
	bool in_cycle, counted;            /* logging out and in again; whether that counts */
	uint64_t planned_us;               /* of the login, or of the cycle */
	uint64_t dialled_us;
	struct load_letter *letters;       /* oldest first */
	unsigned letter_count;
};

struct load {
	struct loop *loop;
	struct load_settings settings;
	struct load_unit *units;
	size_t count, talkers;             /* the first so many talk, the others churn */
	struct channel *channel;
	struct load_texts *texts;
	struct load_result result;
	enum load_phase phase;
	unsigned stops;                    /* by load_stop: after the first nothing new is begun, after the second nothing is waited for */
	struct load_alarm *alarm;
	struct loop_task pump;             /* after what was told */
	struct load_plan logins, messages, cycles;
	uint64_t counted_from_us;          /* what is planned before is warm-up */
	size_t begun;                      /* devices dialled, or told to log in or out, in this phase */
	size_t linked, online, going;      /* going: logins and logouts under way */
	size_t next_talker, next_churner;
	uint32_t next_number;
	uint64_t letters;                  /* of all devices */
	bool held_messages, held_cycles;   /* one is due and no device can take it */
	struct load_done done;
	uint64_t last_progress_us;

	struct load_second now;            /* the second under way */
	struct load_histogram *now_arrived, *now_logins;
	struct loop_timer *ticker;
	uint64_t next_tick_ms;
	uint64_t cpu_us, cpu_from_us;      /* of the process, and when: at the beginning of what is measured */
};

/* load.c */
void load_late(struct load *load, uint64_t planned_us);    /* something planned is given to its device now */

/* load_logins.c */
void load_logins_pump(struct load *load, uint64_t now_us);
void load_logins_event(struct load_unit *unit, const struct device_event *e);
void load_cycles_pump(struct load *load, uint64_t now_us);
void load_cycle_begin(struct load_unit *unit, uint64_t planned_us);
void load_logouts_pump(struct load *load);
void load_logins_settle(struct load *load);       /* those that have no end yet have timed out, those not begun are counted so */
void load_cycles_settle(struct load *load);

/* load_messages.c */
void load_messages_pump(struct load *load, uint64_t now_us);
void load_messages_fill(struct load_unit *unit);                  /* the closed loop: sends until so many are under way */
void load_messages_ack(struct load_unit *unit, const struct device_event *e);
void load_messages_arrived(struct load_unit *unit, const struct device_event *e);
void load_messages_settle(struct load *load);                     /* what has no end yet is lost or has timed out */
void load_messages_drop(struct load_unit *unit);

#endif
