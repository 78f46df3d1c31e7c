#ifndef BRAMBLE_SIMULATOR_LOAD_COMMAND_H
#define BRAMBLE_SIMULATOR_LOAD_COMMAND_H

#include "simulator/command.h"

/* `bramble-sim load`: thousands of simulated devices in one process. */
extern const struct sim_command sim_load;

#endif
