#ifndef BRAMBLE_SIMULATOR_DEVICE_CONTROL_H
#define BRAMBLE_SIMULATOR_DEVICE_CONTROL_H

#include "base/control.h"
#include "simulator/device/device.h"

/* What the devices of a process say of themselves on its control socket: the verb status. ctx of the verbs is a struct device_crowd. */
struct device_crowd {
	struct device **devices;
	size_t count;
};
extern const struct control_verb device_verbs[];

#endif
