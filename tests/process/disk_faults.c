/* Preloaded into the real programs by tests/process/test_chaos_disk.py: while the file DISK_FAULTS says `ERRNO WORD`, what is written to files
 * with that word in their path fails with that error, as on a full, read-only or broken disk. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* 0, or the error that a write to this descriptor has. errno stays. */
static int fault_of(int fd)
{
	const char *file = getenv("DISK_FAULTS");
	char said[256] = "", path[4096], link[64], *word;
	int kept = errno, faults = file ? open(file, O_RDONLY | O_CLOEXEC) : -1, fault = 0;
	ssize_t len;

	if (faults >= 0) {
		len = read(faults, said, sizeof said - 1);
		close(faults);
		said[len > 0 ? len : 0] = '\0';
		said[strcspn(said, "\n")] = '\0';
		fault = (int)strtol(said, &word, 10);
		snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
		len = fault && *word == ' ' ? readlink(link, path, sizeof path - 1) : -1;
		path[len > 0 ? len : 0] = '\0';
		if (len <= 0 || !strstr(path, word + 1))
			fault = 0;
	}
	errno = kept;
	return fault;
}

static ssize_t failed(int fault)
{
	errno = fault;
	return -1;
}

ssize_t write(int fd, const void *data, size_t size)
{
	int fault = fault_of(fd);

	return fault ? failed(fault) : (ssize_t)syscall(SYS_write, fd, data, size);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at)
{
	int fault = fault_of(fd);

	return fault ? failed(fault) : (ssize_t)syscall(SYS_pwrite64, fd, data, size, at);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
	return pwrite64(fd, data, size, at);
}
