#ifndef BRAMBLE_BASE_IO_TCP_TALLY_H
#define BRAMBLE_BASE_IO_TCP_TALLY_H

#include <stdbool.h>
#include <stdint.h>

/* How many bytes have passed on a TCP socket that somebody else reads and writes, as the kernel has counted them: written to it, and read
 * from it. For sockets that were connected from here. false: not connected (yet), or a kernel that does not count. */
bool tcp_tally(int fd, uint64_t *read_from, uint64_t *written_to);

#endif
