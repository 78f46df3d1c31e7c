#include "protocol/gme.h"

#include <string.h>

#include "base/log.h"
#include "base/reader.h"
#include "protocol/srp.h"

#define GME_MAGIC 0x47
#define GME_VERSION 1
#define GME_FIXED 10
#define KIND_AT 2
#define GME_FLAGS_KNOWN (GME_ENCRYPTED | GME_RECEIPT_WANTED | GME_MORE)

/* Items of the header. They stand in this order, each at most once: so that there is one way to write an envelope, and
 * what was decoded encodes to the same bytes. */
enum gme_tlv { TLV_SOURCE = 1, TLV_DESTINATION, TLV_CONTENT, TLV_FRAGMENT, TLV_ERROR, TLV_ANSWERED, TLV_PROOF, TLV_END };
static const char *const tlv_names[TLV_END] = {
	"", "source", "destination", "content ids", "fragment", "error", "answered", "proof",
};
static const char *const kind_names[] = { "message", "delivered", "error" };

const char *gme_error_text(uint32_t code)
{
	static const char *const texts[] = {
		[GME_UNKNOWN_KEY] = "unknown key", [GME_BAD_FORMAT] = "bad format", [GME_UNKNOWN_CONTENT] = "unknown content id",
		[GME_NO_SERVICE] = "no such service", [GME_NOT_PERMITTED] = "not permitted", [GME_TOO_LARGE] = "too large",
		[GME_RESUME_AT] = "resume at", [GME_OVERLOADED] = "overloaded",
	};

	return code < sizeof texts / sizeof texts[0] && texts[code] ? texts[code] : "unknown error";
}

static int decode_address(struct bytes value, struct gme_address *out)
{
	struct reader r = reader_of(value);

	switch (reader_u8(&r)) {
	case 'P':
		out->is_pin = true;
		out->pin = reader_u32(&r);
		return reader_done(&r) && out->pin != 0 ? 0 : -1;
	case 'S':
		out->is_pin = false;
		out->srp_id = reader_rest(&r);
		return srp_id_valid(out->srp_id) ? 0 : -1;
	default:
		return -1;
	}
}

/* Names of 1 to GME_CONTENT_MAX capital letters and digits in all, with single commas between them. */
static bool content_ids_valid(struct bytes ids)
{
	bool after_name = false;

	if (ids.len == 0 || ids.len > GME_CONTENT_MAX)
		return false;
	for (size_t i = 0; i < ids.len; i++) {
		uint8_t c = ids.data[i];

		if ((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
			after_name = true;
		else if (c == ',' && after_name)
			after_name = false;
		else
			return false;
	}
	return after_name;
}

static int decode_tlv(unsigned type, struct bytes value, struct gme *out)
{
	struct reader r = reader_of(value);

	switch (type) {
	case TLV_SOURCE:
		return decode_address(value, &out->source);
	case TLV_DESTINATION:
		return decode_address(value, &out->destination);
	case TLV_CONTENT:
		out->content_ids = value;
		return content_ids_valid(value) ? 0 : -1;
	case TLV_FRAGMENT:
		out->fragment_index = reader_u16(&r);
		out->fragment_count = reader_u16(&r);
		return reader_done(&r) && out->fragment_count >= 2 && out->fragment_count <= GME_FRAGMENTS_MAX &&
			out->fragment_index < out->fragment_count ? 0 : -1;
	case TLV_ERROR:
		out->error_code = reader_u16(&r);
		out->error_text = reader_rest(&r);
		return reader_ok(&r) && out->error_code != 0 && out->error_text.len <= GME_ERROR_TEXT_MAX ? 0 : -1;
	case TLV_ANSWERED:
		out->answered = value;
		return value.len == GME_DIGEST ? 0 : -1;
	default:
		if (value.len <= GME_PROOF || value.len > GME_KEY_ID_MAX + GME_PROOF)
			return -1;
		out->proof_key = reader_bytes(&r, value.len - GME_PROOF);
		out->proof = reader_rest(&r);
		return 0;
	}
}

/* What the items say together. Names what is wrong, or NULL. */
static const char *check_whole(const struct gme *gme, unsigned have)
{
	bool is_more = gme->fragment_count && gme->fragment_index + 1 < gme->fragment_count;

	if (!(have & 1u << TLV_SOURCE))
		return "no source";
	if (!(have & 1u << TLV_DESTINATION))
		return "no destination";
	if (gme->source.is_pin == gme->destination.is_pin)
		return "one end must be a PIN and the other an SRP identifier";
	if ((gme->kind == GME_ERROR) != !!(have & 1u << TLV_ERROR))
		return gme->kind == GME_ERROR ? "no error item" : "an error item in something else";
	if (gme->kind != GME_MESSAGE && !(have & 1u << TLV_ANSWERED))
		return "an answer that does not name what it answers";
	if (gme->kind != GME_MESSAGE)
		return gme->flags ? "a receipt with flags" : gme->payload.len ? "a receipt with a payload" : NULL;
	if (have & (1u << TLV_ANSWERED | 1u << TLV_PROOF))
		return "an item of an answer in a message";
	if (!(have & 1u << TLV_CONTENT))
		return "no content ids";
	if (!!(gme->flags & GME_MORE) != is_more)
		return "the more-fragments flag and the fragment item disagree";
	if (gme->message_id == 0)
		return "message id 0";
	return NULL;
}

bool gme_is_message(struct bytes raw)
{
	return raw.len > KIND_AT && raw.data[KIND_AT] == GME_MESSAGE;
}

int gme_decode(struct bytes raw, struct gme *out, struct error *err)
{
	struct reader r = reader_of(raw), tlvs;
	unsigned have = 0, last = 0, kind;
	uint16_t tlv_len;
	const char *wrong;

	memset(out, 0, sizeof *out);
	if (raw.len > GME_MAX)
		return error_set(err, "envelope: %zu bytes, at most %d are accepted", raw.len, GME_MAX);
	if (reader_u8(&r) != GME_MAGIC || reader_u8(&r) != GME_VERSION)
		return error_set(err, "envelope: does not begin with 47 01");
	kind = reader_u8(&r);
	out->flags = reader_u8(&r);
	out->message_id = reader_u32(&r);
	tlv_len = reader_u16(&r);
	tlvs = reader_of(reader_bytes(&r, tlv_len));
	if (!reader_ok(&r))
		return error_set(err, "envelope: cut off in its header at %zu bytes", raw.len);
	if (kind > GME_ERROR)
		return error_set(err, "envelope: kind %u at offset 2, 0 to 2 are known", kind);
	if (out->flags & ~(unsigned)GME_FLAGS_KNOWN)
		return error_set(err, "envelope: unknown flags %02x at offset 3", out->flags);
	out->kind = (enum gme_kind)kind;
	out->header = bytes_slice(raw, 0, r.at);
	out->payload = reader_rest(&r);
	while (reader_left(&tlvs)) {
		size_t at = GME_FIXED + tlvs.at;
		unsigned type = reader_u8(&tlvs);
		struct bytes value = reader_bytes(&tlvs, reader_u16(&tlvs));

		if (!reader_ok(&tlvs))
			return error_set(err, "envelope: the item at offset %zu goes past the header", at);
		if (type == 0 || type >= TLV_END)
			return error_set(err, "envelope: unknown item %u at offset %zu", type, at);
		if (type <= last)
			return error_set(err, "envelope: %s at offset %zu is out of order or there twice", tlv_names[type], at);
		if (decode_tlv(type, value, out))
			return error_set(err, "envelope: bad %s at offset %zu", tlv_names[type], at);
		have |= 1u << type;
		last = type;
	}
	wrong = check_whole(out, have);
	return wrong ? error_set(err, "envelope: %s", wrong) : 0;
}

static void encode_tlv(struct buf *out, enum gme_tlv type, size_t len)
{
	buf_u8(out, (uint8_t)type);
	buf_u16(out, (uint16_t)len);
}

static void encode_address(struct buf *out, enum gme_tlv type, const struct gme_address *address)
{
	if (address->is_pin) {
		encode_tlv(out, type, 5);
		buf_u8(out, 'P');
		buf_u32(out, address->pin);
	} else {
		if (!srp_id_valid(address->srp_id))
			bug("envelope with an SRP identifier that is none");
		encode_tlv(out, type, 1 + address->srp_id.len);
		buf_u8(out, 'S');
		buf_append(out, address->srp_id);
	}
}

void gme_encode(const struct gme *gme, bool header_only, struct buf *out)
{
	size_t start = out->len, tlv_len;

	buf_u8(out, GME_MAGIC);
	buf_u8(out, GME_VERSION);
	buf_u8(out, (uint8_t)gme->kind);
	buf_u8(out, (uint8_t)gme->flags);
	buf_u32(out, gme->message_id);
	buf_u16(out, 0);
	encode_address(out, TLV_SOURCE, &gme->source);
	encode_address(out, TLV_DESTINATION, &gme->destination);
	if (gme->content_ids.len) {
		encode_tlv(out, TLV_CONTENT, gme->content_ids.len);
		buf_append(out, gme->content_ids);
	}
	if (gme->fragment_count) {
		encode_tlv(out, TLV_FRAGMENT, 4);
		buf_u16(out, gme->fragment_index);
		buf_u16(out, gme->fragment_count);
	}
	if (gme->kind == GME_ERROR) {
		encode_tlv(out, TLV_ERROR, 2 + gme->error_text.len);
		buf_u16(out, gme->error_code);
		buf_append(out, gme->error_text);
	}
	if (gme->answered.len) {
		encode_tlv(out, TLV_ANSWERED, gme->answered.len);
		buf_append(out, gme->answered);
	}
	if (gme->proof.len) {
		encode_tlv(out, TLV_PROOF, gme->proof_key.len + gme->proof.len);
		buf_append(out, gme->proof_key);
		buf_append(out, gme->proof);
	}
	tlv_len = out->len - start - GME_FIXED;
	out->data[start + 8] = (uint8_t)(tlv_len >> 8);
	out->data[start + 9] = (uint8_t)tlv_len;
	if (!header_only)
		buf_append(out, gme->payload);
}

static void dump_address(const char *name, const struct gme_address *address, struct buf *out)
{
	if (address->is_pin)
		buf_printf(out, " %s=%s", name, pin_text(address->pin));
	else
		buf_printf(out, " %s=%s", name, log_value(address->srp_id));
}

void gme_dump(const struct gme *gme, struct buf *out)
{
	buf_printf(out, "GME %s id=%u", kind_names[gme->kind], gme->message_id);
	dump_address("source", &gme->source, out);
	dump_address("destination", &gme->destination, out);
	if (gme->content_ids.len)
		buf_printf(out, " content=%s", log_value(gme->content_ids));
	if (gme->fragment_count)
		buf_printf(out, " fragment=%u/%u", gme->fragment_index + 1u, gme->fragment_count);
	if (gme->flags & GME_ENCRYPTED)
		buf_text(out, " encrypted");
	if (gme->flags & GME_RECEIPT_WANTED)
		buf_text(out, " receipt-wanted");
	if (gme->flags & GME_MORE)
		buf_text(out, " more");
	if (gme->kind == GME_ERROR)
		buf_printf(out, " error=%u (%s) text=%s", gme->error_code, gme_error_text(gme->error_code),
			log_value(gme->error_text));
	if (gme->answered.len) {
		buf_text(out, " answered=");
		for (size_t i = 0; i < gme->answered.len; i++)
			buf_printf(out, "%02x", gme->answered.data[i]);
	}
	if (gme->proof.len)
		buf_printf(out, " proof=%s", log_value(gme->proof_key));
	if (gme->payload.len)
		buf_printf(out, " payload=<%zu bytes>", gme->payload.len);
}

bool gme_has_content(const struct gme *gme, const char *content_id)
{
	struct bytes ids = gme->content_ids;
	size_t start = 0;

	for (size_t i = 0; i <= ids.len; i++) {
		if (i < ids.len && ids.data[i] != ',')
			continue;
		if (i > start && bytes_is(bytes_slice(ids, start, i - start), content_id))
			return true;
		start = i + 1;
	}
	return false;
}
