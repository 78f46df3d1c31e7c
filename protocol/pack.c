#include "protocol/pack.h"

#include <stdlib.h>
#include <zlib.h>

#include "base/log.h"
#include "base/memory.h"

/* A window of 4 KB, little memory and level 1: for messages of our size nothing is lost by them, and the stream needs 38 KB
 * instead of 262. Any window up to 32 KB is understood. */
#define PACK_WINDOW (-12)
#define PACK_MEMORY 5
#define PACK_LEVEL 1

struct pack {
	z_stream deflate, inflate;
};

static void *take(void *opaque, unsigned count, unsigned size)
{
	(void)opaque;
	return memory_several(count, size);
}

static void give_back(void *opaque, void *memory)
{
	(void)opaque;
	free(memory);
}

/* Inflating takes memory as it goes: what it did not get would look like a packet that cannot be opened. */
struct pack *pack_new(void)
{
	struct pack *pack = memory_new(sizeof *pack);

	pack->deflate = pack->inflate = (z_stream){ .zalloc = take, .zfree = give_back };
	if (deflateInit2(&pack->deflate, PACK_LEVEL, Z_DEFLATED, PACK_WINDOW, PACK_MEMORY, Z_DEFAULT_STRATEGY) != Z_OK ||
	    inflateInit2(&pack->inflate, -15) != Z_OK)
		fatal(EXIT_INTERNAL, "zlib could not be started");
	return pack;
}

void pack_free(struct pack **pack)
{
	if (!*pack)
		return;
	deflateEnd(&(*pack)->deflate);
	inflateEnd(&(*pack)->inflate);
	free(*pack);
	*pack = NULL;
}

static void give(z_stream *z, struct bytes in)
{
	/* zlib takes a pointer to what it only reads, without saying const. */
	z->next_in = (Bytef *)(uintptr_t)in.data;
	z->avail_in = (uInt)in.len;
}

/* zlib decodes fast only while so much room is left, and byte by byte after that. */
#define INFLATE_FAST 320

/* Inflates into the end of out, which grows as the stream does: what it claims costs no memory. More room than the limit is offered, so
 * that the fast way goes to the end; what comes out beyond the limit is a fault. */
static int inflate_all(z_stream *z, size_t limit, struct buf *out)
{
	size_t got = 0, step = 1024;

	for (;;) {
		size_t room = limit + INFLATE_FAST - got < step ? limit + INFLATE_FAST - got : step;
		int result;

		z->next_out = buf_extend(out, room);
		z->avail_out = (uInt)room;
		result = inflate(z, Z_NO_FLUSH);
		out->len -= z->avail_out;
		got += room - z->avail_out;
		if (got > limit)
			return -1;
		if (result == Z_STREAM_END)
			return z->avail_in == 0 ? 0 : -1;
		if (result != Z_OK || (z->avail_in == 0 && z->avail_out > 0))
			return -1;
		step = step < 65536 ? step * 2 : step;
	}
}

int pack_open(struct pack *pack, struct bytes packed, size_t limit, struct buf *out)
{
	size_t start = out->len;

	if (packed.len > PACK_MAX_CLEAR || inflateReset(&pack->inflate) != Z_OK)
		return -1;
	give(&pack->inflate, packed);
	if (inflate_all(&pack->inflate, limit, out)) {
		out->len = start;
		return -1;
	}
	return 0;
}

bool pack_seal(struct pack *pack, struct bytes clear, struct buf *out)
{
	z_stream *z = &pack->deflate;
	size_t start = out->len;

	if (clear.len < 2 || clear.len > PACK_MAX_CLEAR || deflateReset(z) != Z_OK)
		return false;
	give(z, clear);
	z->next_out = buf_extend(out, clear.len - 1);
	z->avail_out = (uInt)(clear.len - 1);
	if (deflate(z, Z_FINISH) != Z_STREAM_END) {
		out->len = start;
		return false;
	}
	out->len -= z->avail_out;
	return true;
}
