#ifndef BRAMBLE_SIMULATOR_CWA_CWA_H
#define BRAMBLE_SIMULATOR_CWA_CWA_H

#include "simulator/command.h"

/* bramble-sim cwa: a Communicator Web Access server for the people of a world.xml. */
extern const struct sim_command sim_cwa;

#endif
