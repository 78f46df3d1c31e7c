#ifndef BRAMBLE_SIMULATOR_SCENARIO_COMMAND_H
#define BRAMBLE_SIMULATOR_SCENARIO_COMMAND_H

#include "simulator/command.h"

/* `bramble-sim run FILE.xml...`: scenarios on real processes, on a clock moved by hand. docs/scenarios.md. */
extern const struct sim_command sim_run;

#endif
