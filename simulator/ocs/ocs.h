#ifndef BRAMBLE_SIMULATOR_OCS_OCS_H
#define BRAMBLE_SIMULATOR_OCS_OCS_H

#include "simulator/command.h"

extern const struct sim_command sim_ocs;    /* bramble-sim ocs */

#endif
