#include "protocol/frame.h"

#include "base/reader.h"

#define FRAME_VERSION 1

/* Lengths are unsigned and checked before anything else is read: the known fault of the real servers was to believe
 * them. Source: document (VU#392920). */
static int check_header(struct bytes in, size_t *length, struct error *err)
{
	struct reader r = reader_of(in);
	uint8_t version = reader_u8(&r);

	reader_u8(&r);
	*length = reader_u32(&r);
	if (version != FRAME_VERSION)
		return error_set(err, "frame: version %u, only %u is spoken here", version, FRAME_VERSION);
	if (*length < FRAME_HEADER || *length > FRAME_MAX)
		return error_set(err, "frame: length %zu, it must be %u to %u", *length, FRAME_HEADER, FRAME_MAX);
	return 0;
}

ssize_t frame_split(void *unused, struct bytes in, struct error *err)
{
	size_t length;

	(void)unused;
	if (in.len < FRAME_HEADER) {
		/* A wrong first byte need not wait for five more. */
		if (in.len && in.data[0] != FRAME_VERSION)
			return error_set(err, "frame: version %u, only %u is spoken here", in.data[0], FRAME_VERSION);
		return 0;
	}
	if (check_header(in, &length, err))
		return -1;
	return length <= in.len ? (ssize_t)length : 0;
}

uint8_t frame_opcode(struct bytes frame)
{
	return frame.len > 1 ? frame.data[1] : 0;
}

void frame_encode(const struct wire_msg *msg, const void *in, struct buf *out)
{
	size_t start = out->len;

	buf_u8(out, FRAME_VERSION);
	buf_u8(out, msg->code);
	buf_u32(out, 0);
	wire_encode(msg, in, out);
	buf_patch_u32(out, start + 2, (uint32_t)(out->len - start));
}

int frame_decode(const struct wire_msg *msg, struct bytes frame, void *out, struct error *err)
{
	size_t length;

	if (frame.len < FRAME_HEADER)
		return error_set(err, "%s: %zu bytes are no frame", msg->name, frame.len);
	if (check_header(frame, &length, err))
		return -1;
	if (length != frame.len)
		return error_set(err, "%s: the frame says %zu bytes and has %zu", msg->name, length, frame.len);
	if (frame_opcode(frame) != msg->code)
		return error_set(err, "%s: opcode 0x%02x where 0x%02x belongs", msg->name, frame_opcode(frame), msg->code);
	return wire_decode(msg, bytes_slice(frame, FRAME_HEADER, frame.len), out, err);
}
