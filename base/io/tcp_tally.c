#include "base/io/tcp_tally.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

bool tcp_tally(int fd, uint64_t *read_from, uint64_t *written_to)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof info;
	int unread = 0, unheard = 0;

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0 || len < offsetof(struct tcp_info, tcpi_segs_out))
		return false;
	if (info.tcpi_bytes_acked == 0 || ioctl(fd, SIOCINQ, &unread) != 0 || ioctl(fd, SIOCOUTQ, &unheard) != 0)
		return false;
	/* What was acknowledged, less the SYN, and what was not yet. */
	*written_to = info.tcpi_bytes_acked - 1 + (uint64_t)unheard;
	*read_from = info.tcpi_bytes_received - (uint64_t)unread;
	return true;
}
