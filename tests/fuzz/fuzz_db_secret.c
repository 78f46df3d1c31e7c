/* A sealed value from a database that somebody else has written: it never opens, and what we seal always does. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db/secret.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct secret_box *box_new(void)
{
	static const char key[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";
	int fd = memfd_create("install.key", MFD_CLOEXEC);
	struct secret_box *box;
	char path[64];

	if (fd < 0 || fchmod(fd, 0600) < 0 || write(fd, key, sizeof key - 1) != sizeof key - 1)
		abort();
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	box = secret_box_open(path, false, NULL);
	close(fd);
	return box;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct secret_box *box;
	struct secret_place place = { "emu_DeviceKey", "Secret", "2100000A+1" };
	struct buf clear = { 0 }, sealed = { 0 };

	if (!box)
		box = box_new();
	if (!box || secret_open(box, &place, bytes_of(data, size), &clear) == 0 || clear.len)
		abort();
	secret_seal(box, &place, bytes_of(data, size), &sealed);
	if (secret_open(box, &place, buf_bytes(&sealed), &clear) < 0 || !bytes_equal(buf_bytes(&clear), bytes_of(data, size)))
		abort();
	buf_free(&clear);
	buf_free(&sealed);
	return 0;
}
