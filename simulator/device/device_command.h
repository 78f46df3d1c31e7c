#ifndef BRAMBLE_SIMULATOR_DEVICE_COMMAND_H
#define BRAMBLE_SIMULATOR_DEVICE_COMMAND_H

#include "simulator/command.h"

/* `bramble-sim device`: one simulated BlackBerry, or many. */
extern const struct sim_command sim_device;

#endif
