#include "protocol/srp.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "protocol/gme.h"

#define SRP_TEXT_MAX 256
#define SRP_INFO_ENTRY_MAX 256
#define SRP_CONNECT_MAX 256

static const struct wire_field return_fields[] = {
	WIRE_U32(struct srp_return, code, 0, "0 accepted, else why not (list below)"),
	WIRE_BYTES(struct srp_return, text, 0, SRP_TEXT_MAX, "the same in words"),
	WIRE_END,
};
static const struct wire_field disconnect_fields[] = {
	WIRE_U32(struct srp_disconnect, reason, 0, "as RETURN's code"),
	WIRE_BYTES(struct srp_disconnect, text, 0, SRP_TEXT_MAX, "the same in words"),
	WIRE_END,
};
static const struct wire_field receive_fields[] = {
	WIRE_U32(struct srp_receive, session, 0, "always 0"),
	WIRE_U32(struct srp_receive, pin, WIRE_HEX, "the device it comes from"),
	WIRE_BYTES(struct srp_receive, gme, WIRE_OPAQUE, GME_MAX, "the envelope"),
	WIRE_END,
};
static const struct wire_field status_fields[] = {
	WIRE_U32(struct srp_status_msg, tag, 0, "of the SEND or DATA that it answers"),
	WIRE_U32(struct srp_status_msg, status, 0, "outcome (list below)"),
	WIRE_BYTES(struct srp_status_msg, text, 0, SRP_TEXT_MAX, "in words, may be empty"),
	WIRE_END,
};
static const struct wire_field send_fields[] = {
	WIRE_U32(struct srp_send, session, 0, "always 0"),
	WIRE_U32(struct srp_send, tag, 0, "the service's own number for this SEND; STATUS repeats it"),
	WIRE_U32(struct srp_send, pin, WIRE_HEX, "the device it goes to"),
	WIRE_U32(struct srp_send, flags, 0, "1 want STATUS DELIVERED, 2 return if unavailable"),
	WIRE_BYTES(struct srp_send, gme, WIRE_OPAQUE, GME_MAX, "the envelope"),
	WIRE_END,
};
static const struct wire_field connect_fields[] = {
	WIRE_BYTES(struct srp_connect, value, WIRE_HEX, SRP_CONNECT_MAX, "identifier, challenge or proof, by state"),
	WIRE_END,
};
static const struct wire_field register_fields[] = {
	WIRE_U32(struct srp_register, pin, WIRE_HEX, "the device"),
	WIRE_BYTES(struct srp_register, srp_id, 0, SRP_ID_MAX, "the service that it belongs to"),
	WIRE_END,
};
static const struct wire_field data_fields[] = {
	WIRE_U32(struct srp_data, tag, 0, "the sender's own number for this DATA; STATUS repeats it"),
	WIRE_BYTES(struct srp_data, gme, WIRE_OPAQUE, GME_MAX, "the envelope"),
	WIRE_END,
};
static const struct wire_field session_fields[] = {
	WIRE_U32(struct srp_session, session, 0, "always 0"),
	WIRE_END,
};
static const struct wire_field coverage_fields[] = {
	WIRE_U32(struct srp_coverage, pin, WIRE_HEX, "the device; 0 with available 0: forget all, the list follows"),
	WIRE_U32(struct srp_coverage, available, 0, "1 in coverage, 0 not"),
	WIRE_END,
};
static const struct wire_field ping_fields[] = {
	WIRE_U32(struct srp_ping, nonce, 0, "PONG repeats it"),
	WIRE_END,
};
static const struct wire_field info_request_fields[] = { WIRE_END };
static const struct wire_field info_entry_fields[] = {
	WIRE_BYTES(struct srp_info_entry, entry, 0, SRP_INFO_ENTRY_MAX, "`name=value`"),
	WIRE_END,
};
static const struct wire_field info_fields[] = {
	WIRE_GROUP(struct srp_info, entries, count, info_entry_fields, "version, srpId, maxFrame, features"),
	WIRE_END,
};

#define MSG(variable, code_, name_, type, fields_, help_) \
	const struct wire_msg variable = { .code = (code_), .name = (name_), .size = sizeof(type), .fields = (fields_), .help = (help_) }

MSG(srp_return_msg, SRP_RETURN, "RETURN", struct srp_return, return_fields, "the Router's answer to CONNECT and REGISTER");
MSG(srp_disconnect_msg, SRP_DISCONNECT, "DISCONNECT", struct srp_disconnect, disconnect_fields, "orderly end, either side");
MSG(srp_receive_msg, SRP_RECEIVE, "RECEIVE", struct srp_receive, receive_fields, "Router to service: an envelope from a device");
MSG(srp_status_msg_msg, SRP_STATUS, "STATUS", struct srp_status_msg, status_fields, "what became of a SEND or DATA");
MSG(srp_send_msg, SRP_SEND, "SEND", struct srp_send, send_fields, "service to Router: an envelope for a device");
MSG(srp_connect_msg, SRP_CONNECT, "CONNECT", struct srp_connect, connect_fields, "the steps of the opening sequence");
MSG(srp_register_msg, SRP_REGISTER, "REGISTER", struct srp_register, register_fields, "device to Router: here is this PIN");
MSG(srp_data_msg, SRP_DATA, "DATA", struct srp_data, data_fields, "between device and Router: an envelope");
MSG(srp_pause_msg, SRP_PAUSE, "PAUSE", struct srp_session, session_fields, "stop sending");
MSG(srp_resume_msg, SRP_RESUME, "RESUME", struct srp_session, session_fields, "go on sending");
MSG(srp_coverage_msg, SRP_COVERAGE, "COVERAGE", struct srp_coverage, coverage_fields,
	"Router to service: what it knows of a device");
MSG(srp_ping_msg, SRP_PING, "PING", struct srp_ping, ping_fields, "are you there");
MSG(srp_pong_msg, SRP_PONG, "PONG", struct srp_ping, ping_fields, "I am");
MSG(srp_info_request_msg, SRP_INFO_REQUEST, "INFO REQUEST", struct srp_empty, info_request_fields, "asks for INFO");
MSG(srp_info_msg, SRP_INFO, "INFO", struct srp_info, info_fields, "basic information packet");

const struct wire_msg *const srp_messages[] = {
	&srp_return_msg, &srp_disconnect_msg, &srp_receive_msg, &srp_status_msg_msg, &srp_send_msg, &srp_connect_msg,
	&srp_register_msg, &srp_data_msg, &srp_pause_msg, &srp_resume_msg, &srp_coverage_msg, &srp_ping_msg, &srp_pong_msg,
	&srp_info_request_msg, &srp_info_msg, NULL,
};

/* The name of a code; for one that nobody gave a name, "what NUMBER" in one of a few static buffers. */
static const char *code_text(const char *const *names, size_t count, uint32_t code, const char *what)
{
	static __thread char unknown[4][32];
	static __thread unsigned turn;

	if (code < count)
		return names[code];
	turn = (turn + 1) % 4;
	snprintf(unknown[turn], sizeof unknown[turn], "%s %u", what, code);
	return unknown[turn];
}

const char *srp_result_text(uint32_t code)
{
	static const char *const names[] = {
		[SRP_OK] = "accepted",
		[SRP_UNKNOWN_ID] = "unknown SRP identifier",
		[SRP_BAD_PROOF] = "authentication failed",
		[SRP_SUPERSEDED] = "superseded by another connection",
		[SRP_DEACTIVATED] = "identifier deactivated",
		[SRP_PROTOCOL_ERROR] = "protocol error",
		[SRP_SHUTTING_DOWN] = "shutting down",
		[SRP_UNKNOWN_PIN] = "unknown PIN",
		[SRP_NOT_PERMITTED] = "not permitted",
	};

	return code_text(names, sizeof names / sizeof names[0], code, "result");
}

const char *srp_status_text(uint32_t status)
{
	static const char *const names[] = {
		[SRP_QUEUED] = "QUEUED",
		[SRP_DELIVERED] = "DELIVERED",
		[SRP_UNAVAILABLE] = "UNAVAILABLE",
		[SRP_REFUSED] = "REFUSED",
		[SRP_EXPIRED] = "EXPIRED",
		[SRP_INVALID] = "INVALID",
	};

	return code_text(names, sizeof names / sizeof names[0], status, "status");
}

void srp_proof(const uint8_t key[SRP_KEY_SIZE], struct bytes challenge, uint8_t out[20])
{
	unsigned len = 20;

	if (!HMAC(EVP_sha1(), key, SRP_KEY_SIZE, challenge.data, challenge.len, out, &len) || len != 20)
		bug("HMAC-SHA-1 is not to be had from the crypto library");
}

bool srp_id_valid(struct bytes id)
{
	if (id.len == 0 || id.len > SRP_ID_MAX)
		return false;
	for (size_t i = 0; i < id.len; i++) {
		uint8_t c = id.data[i];

		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
			return false;
	}
	return true;
}

int pin_parse(struct bytes text, uint32_t *pin)
{
	struct buf raw = { 0 };
	int ok = text.len == 8 && hex_decode(text, &raw) == 0;

	if (ok)
		*pin = (uint32_t)raw.data[0] << 24 | (uint32_t)raw.data[1] << 16 | (uint32_t)raw.data[2] << 8 | raw.data[3];
	buf_free(&raw);
	return ok ? 0 : -1;
}

const char *pin_text(uint32_t pin)
{
	static __thread char texts[16][9];
	static __thread unsigned turn;

	turn = (turn + 1) % 16;
	snprintf(texts[turn], sizeof texts[turn], "%08X", pin);
	return texts[turn];
}
