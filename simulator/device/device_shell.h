#ifndef BRAMBLE_SIMULATOR_DEVICE_SHELL_H
#define BRAMBLE_SIMULATOR_DEVICE_SHELL_H

#include "base/io/loop.h"
#include "simulator/device/device_print.h"

/* Lines that a person types or a script writes: `login alice secret`, `send bob hello`. A line is for every device of the process,
 * or with `@PIN` before it for one. What a line does: device_lines.c. While a login or logout is under way, a line that needs its
 * outcome waits, and so do those after it; `coverage` and `silent` never wait. */
struct device_shell;

struct device_shell *device_shell_new(struct loop *loop, struct device **devices, size_t count,
	const struct device_printer *printer, struct faults *faults);
void device_shell_free(struct device_shell **shell);

/* Reads lines from the descriptor. When they end: stops the loop as soon as no device waits for an answer, or goes on (stay). */
void device_shell_read(struct device_shell *shell, int fd, bool stay);


/* To be called after each event of a device: lines that waited for it go on. */
void device_shell_event(struct device_shell *shell);

#endif
