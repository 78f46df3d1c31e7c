#ifndef BRAMBLE_SIMULATOR_SCENARIO_PLAYERS_H
#define BRAMBLE_SIMULATOR_SCENARIO_PLAYERS_H

#include "simulator/device/device.h"
#include "simulator/scenario/scenario_cast.h"

/* The simulated devices of a scenario, all on the loop of this process, and what each was told. */
enum scenario_hearing { HEARD_LOGIN, HEARD_LOGOUT, HEARD_MESSAGE, HEARD_ASKED };

/* One thing that a device was told, kept until the scenario ends. */
struct scenario_heard {
	enum scenario_hearing kind;
	bool looked_at;               /* an assertion has had it */
	bool accepted;                /* of a login; of being asked to log in: the device does it by itself */
	uint64_t at_ms;               /* on the loop's clock */
	uint32_t code;
	char *text;                   /* what the screen shows, or what was said */
	char *who;                    /* who said it */
	const char *reason;           /* of a logout: im_reason_name's; "logout" when the device asked */
};

#define SCENARIO_HEARD_MAX 100000     /* kept per device; more is an error of the scenario */

struct scenario_player {
	const struct scenario_role *role;
	struct scenario_players *all;
	struct device_identity identity;
	struct device *device;
	char *key_file;
	struct scenario_heard *heard;
	size_t heard_count, heard_room, looked_from;    /* all before looked_from was looked at */
	uint64_t accepted, refused, logged_out;
};

/* Words for the results: `bob: "Server Busy" (100)`. */
typedef void scenario_told_fn(void *ctx, const char *words);

struct scenario_players {
	struct loop *loop;
	struct channel *channel;
	struct faults *faults;            /* of all their links; device_faults.h */
	struct trail *records;            /* what they send and get, */
	struct history *history;          /* written here; off unless asked for */
	struct scenario_player *list;
	size_t count;
	scenario_told_fn *told;
	void *told_ctx;
};

/* Loads each key file from DIR/devices and starts the device. keep_keys: write back how far they have counted, for a lab that goes on. history: write
 * one into the lab's.
 * -1 with a sentence; to be freed in both cases. */
int scenario_players_start(struct scenario_players *players, struct loop *loop, const struct scenario_cast *cast, const char *dir,
	const char *router, bool keep_keys, bool history, struct error *err);
void scenario_players_free(struct scenario_players *players);

/* The oldest of this kind that no assertion has had; NULL: none. */
struct scenario_heard *scenario_unheard(struct scenario_player *player, enum scenario_hearing kind);
/* The oldest of any kind. */
struct scenario_heard *scenario_unheard_any(struct scenario_player *player);
/* `logged out: inactive`, for sentences. */
void scenario_heard_words(const struct scenario_heard *heard, struct buf *out);

/* A number of scenario_counts whose source is the devices. */
uint64_t scenario_player_count(const struct scenario_player *player, const char *member);

#endif
