#ifndef BRAMBLE_SIMULATOR_DEVICE_LAB_H
#define BRAMBLE_SIMULATOR_DEVICE_LAB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* What a device process takes from the folder of a lab that runs (`bramble lab up`), so that it goes along with it: where the router
 * is, a place for its own control socket among those of the others, the folder of the histories, and the clock that all of them share. */
struct device_lab {
	char *router;           /* HOST:PORT */
	char *control;          /* the others' folder and device-PID.sock, PID that of this process */
	char *devices;          /* the folder of the key files */
	char *history;          /* the folder of the lab's histories; NULL: it writes none */
	bool is_manual;         /* the lab's clock, and where it stands */
	uint64_t now_ms;
};

/* -1 with a sentence, and the exit status that fits, when there is no lab or its router does not answer. */
int device_lab_open(const char *dir, struct device_lab *out, int *status, struct error *err);
void device_lab_free(struct device_lab *lab);

#endif
