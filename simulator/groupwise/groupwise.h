#ifndef BRAMBLE_SIMULATOR_GROUPWISE_GROUPWISE_H
#define BRAMBLE_SIMULATOR_GROUPWISE_GROUPWISE_H

#include "simulator/command.h"

/* bramble-sim groupwise */
extern const struct sim_command sim_groupwise;

#endif
