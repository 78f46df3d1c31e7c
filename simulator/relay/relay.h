#ifndef BRAMBLE_SIMULATOR_RELAY_RELAY_H
#define BRAMBLE_SIMULATOR_RELAY_RELAY_H

#include "simulator/command.h"

/* A bad wire between any two of the processes: `bramble-sim relay`. */
extern const struct sim_command sim_relay;

#endif
