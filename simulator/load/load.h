#ifndef BRAMBLE_SIMULATOR_LOAD_H
#define BRAMBLE_SIMULATOR_LOAD_H

#include "base/io/loop.h"
#include "protocol/device_keys.h"
#include "simulator/load/load_result.h"

/* Thousands of simulated devices in one process, by plan or as fast as they are answered, and what comes of it. The devices are
 * device.h's: every byte is what a device would send, and every text that arrives is compared with what was sent.
 *
 * Devices talk in pairs, the first with the second and so on, so both ends of a message are in this process: one message is one up and
 * one down. Those that log out and in again (churners, the last ones) talk to nobody.
 *
 *   load_new, load_link, load_log_in, load_traffic, load_log_out, load_free
 *
 * Each of these runs the loop until its work is done; none of them is called inside another. */
struct load;

/* One device. All of it is the caller's and outlives the load. */
struct load_person {
	struct device_identity identity;
	char *user, *password;
	char *path;                    /* of its key file; for the caller's store */
};

#define LOAD_DEVICES_MAX 15000         /* descriptors bound them before, where fewer are allowed */
#define LOAD_IN_FLIGHT_MAX 16u         /* messages of one device: a session keeps at most 32 that are not acknowledged */

struct load_settings {
	const char *router;                     /* HOST:PORT */
	const char *const *sources;             /* local IP addresses, taken in turn; count 0: any */
	size_t source_count;
	unsigned at_once;                       /* links and unplanned logins that are under way together; 0: 64 */
	uint64_t login_rate;                    /* first logins, then churn; in a thousand seconds; 0: unplanned, at_once together */
	uint64_t message_rate;                  /* 0: none, or the closed loop */
	unsigned in_flight;                     /* not 0: closed loop, each device keeps so many under way; message_rate is not read */
	size_t churners;                        /* so many of the devices log out and in again in load_traffic, as fast as login_rate says */
	uint64_t warm_up_ms, for_ms;            /* of load_traffic */
	uint64_t timeout_ms;                    /* for a login, and for what is under way at the end; 0: 30000 */
	uint64_t status_interval_ms;            /* 0: what the service says */
	size_t min_size, max_size;              /* of texts, LOAD_TEXT_MIN to LOAD_TEXT_MAX; 0: 256 */
	uint64_t seed;                          /* of texts */
	int (*store)(void *ctx, const struct device_identity *identity, struct error *err);   /* ctx: the struct load_person. NULL: none */
	void (*second)(void *ctx, const struct load *load);    /* about once a second. NULL: none */
	void (*counting)(void *ctx, bool on);   /* at the instants between which is counted in load_traffic. NULL: none */
	void *ctx;
};

enum load_phase { LOAD_LINKING, LOAD_LOGGING_IN, LOAD_WARMING_UP, LOAD_COUNTING, LOAD_SETTLING, LOAD_LOGGING_OUT, LOAD_OVER };
const char *load_phase_name(enum load_phase phase);     /* "logging in" */

/* The settings are copied; what they point to lives as long as the load. */
struct load *load_new(struct loop *loop, const struct load_settings *settings, struct load_person *people, size_t count);
void load_free(struct load **load);

/* Dials with all devices. -1 with a sentence when not all are linked within timeout_ms after the last progress. */
int load_link(struct load *load, struct error *err);
/* Logs in with all of them. Refusals are results, not errors. */
void load_log_in(struct load *load);
/* Warms up, counts for for_ms, and waits for what is under way. May be called again, with other times: its results add up, but for
 * counted_us, which is of the last time. */
void load_traffic(struct load *load);
void load_set_times(struct load *load, uint64_t warm_up_ms, uint64_t for_ms);
/* Logs out with those that are logged in; what does not come within timeout_ms is left. */
void load_log_out(struct load *load);
/* From a signal of the loop or a callback: nothing new is begun, what is under way is waited for. A second time: not even that. */
void load_stop(struct load *load);

const struct load_result *load_result_of(const struct load *load);
enum load_phase load_phase_of(const struct load *load);
/* What has ended well so far, counted or not: for who counts between two instants of his own. */
struct load_done { uint64_t messages, logins; };
struct load_done load_done_so_far(const struct load *load);
size_t load_online(const struct load *load);
size_t load_linked(const struct load *load);

#endif
