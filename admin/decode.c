#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/command.h"
#include "admin/decode_communicator.h"
#include "admin/decode_layers.h"
#include "base/control.h"
#include "base/log.h"
#include "base/nearest.h"
#include "protocol/device_keys.h"
#include "protocol/groupwise/answer.h"
#include "protocol/groupwise/dump.h"
#include "protocol/groupwise/event.h"
#include "protocol/groupwise/request.h"

enum { MAX_INPUT = 16 << 20 };

static int decode_im(const struct decode *d, struct bytes raw, struct error *err)
{
	(void)err;
	im_dump(raw, d->out);
	buf_text(d->out, "\n");
	return 0;
}

static int decode_control(const struct decode *d, struct bytes raw, struct error *err)
{
	(void)err;
	while (raw.len && raw.data[raw.len - 1] == '\n')
		raw.len--;
	control_dump(raw, d->out);
	buf_text(d->out, "\n");
	return 0;
}

static int decode_groupwise(const struct decode *d, struct bytes raw, struct error *err)
{
	(void)err;
	gw_dump(raw, d->out);
	return 0;
}

static int decode_gw_request(const struct decode *d, struct bytes raw, struct error *err)
{
	(void)err;
	gw_request_dump(raw, d->out);
	return 0;
}

static int decode_gw_answer(const struct decode *d, struct bytes raw, struct error *err)
{
	(void)err;
	gw_answer_dump(raw, d->out);
	return 0;
}

static int decode_gw_event(const struct decode *d, struct bytes raw, struct error *err)
{
	(void)err;
	gw_event_dump(raw, d->out);
	return 0;
}

static int decode_cwa_format(const struct decode *d, struct bytes raw, struct error *err)
{
	return decode_cwa(raw, d->out, err);
}

static int decode_sip_format(const struct decode *d, struct bytes raw, struct error *err)
{
	return decode_sip(raw, d->out, err);
}

static const struct format {
	const char *name, *help;
	int (*run)(const struct decode *d, struct bytes raw, struct error *err);
} formats[] = {
	{ "srp", "frames between router, dispatcher and devices, with the envelopes in them", decode_srp },
	{ "link", "frames between dispatcher and Collaboration Service, with the messages in them", decode_link },
	{ "gme", "one envelope", decode_gme },
	{ "packet", "one encrypted packet", decode_packet },
	{ "im", "one message of the device's IM client", decode_im },
	{ "control", "one line of a control socket", decode_control },
	{ "groupwise", "a stream of the GroupWise protocol, whatever it begins with", decode_groupwise },
	{ "groupwise-request", "what a GroupWise client sends", decode_gw_request },
	{ "groupwise-answer", "what the server answers", decode_gw_answer },
	{ "groupwise-event", "what the server sends by itself", decode_gw_event },
	{ "cwa", "a request, an answer or events of Communicator Web Access, in XML or JSON, with or without the head of HTTP", decode_cwa_format },
	{ "sip", "a stream of SIP messages", decode_sip_format },
	{ NULL, NULL, NULL },
};

static const struct format *find(const char *name)
{
	const char *names[sizeof formats / sizeof *formats];
	char hint[64];
	size_t i;

	for (i = 0; formats[i].name; i++) {
		if (strcmp(formats[i].name, name) == 0)
			return &formats[i];
		names[i] = formats[i].name;
	}
	names[i] = NULL;
	command_fail(EXIT_USAGE, "unknown format %s%s (--help lists them)", log_str(name), did_you_mean(name, names, hint, sizeof hint));
	return NULL;
}

/* Hex digits with spaces, colons and line ends between them; at least one byte. */
static int hex_text(struct bytes text, struct buf *out)
{
	struct buf digits = { 0 };
	int rc = 0;

	for (size_t i = 0; i < text.len && rc == 0; i++) {
		if (isxdigit(text.data[i]))
			buf_u8(&digits, text.data[i]);
		else if (!isspace(text.data[i]) && text.data[i] != ':')
			rc = -1;
	}
	if (rc == 0)
		rc = digits.len ? hex_decode(buf_bytes(&digits), out) : -1;
	buf_free(&digits);
	return rc;
}

static int read_stream(FILE *file, const char *name, struct buf *out)
{
	size_t got;

	do {
		got = fread(buf_extend(out, 65536), 1, 65536, file);
		out->len -= 65536 - got;
	} while (got && out->len <= MAX_INPUT);
	if (ferror(file))
		return command_fail(EXIT_REFUSED, "%s cannot be read: %s", name, strerror(errno));
	if (out->len > MAX_INPUT)
		return command_fail(EXIT_REFUSED, "%s has more than %d bytes", name, MAX_INPUT);
	return 0;
}

/* Hex on the command line, or a file (raw bytes, or hex as text), or standard input. */
static int read_input(const char *argument, struct buf *out)
{
	struct buf content = { 0 };
	FILE *file;
	int status;

	if (argument && strcmp(argument, "-") != 0 && hex_text(bytes_str(argument), out) == 0)
		return 0;
	if (!argument || strcmp(argument, "-") == 0) {
		status = read_stream(stdin, "standard input", &content);
	} else {
		file = fopen(argument, "re");
		if (!file)
			return command_fail(EXIT_REFUSED, "%s is neither hex digits nor a file: %s", log_str(argument), strerror(errno));
		status = read_stream(file, argument, &content);
		fclose(file);
	}
	if (status == 0 && hex_text(buf_bytes(&content), out) != 0)
		buf_append(out, buf_bytes(&content));
	buf_wipe(&content);
	return status;
}

static void print_formats(struct buf *out)
{
	buf_text(out, "Prints bytes of one of our formats field by field. FORMAT is one of\n\n");
	for (const struct format *f = formats; f->name; f++)
		buf_printf(out, "  %-18s %s\n", f->name, f->help);
	buf_text(out, "\nThe bytes are hex digits, or a file (raw, or hex as text), or come on standard input (-). Passwords, tickets and\ncredentials are not shown.");
}

int decode_command(int argc, char **argv)
{
	const char *key_file = NULL, *message_id = NULL;
	const struct command_option options[] = {
		{ .name = "key-file", .value = "F", .text = &key_file,
		  .help = "a device's key file: opens srp, gme and packet down to the message" },
		{ .name = "message-id", .value = "N", .text = &message_id, .help = "for packet: what the envelope said (0)" },
		{ .name = NULL },
	};
	struct buf help = { 0 }, raw = { 0 }, out = { 0 };
	struct command_usage usage = { .arguments = "FORMAT [HEX|FILE|-]", .least = 1, .most = 2, .options = options };
	struct device_identity identity = { 0 };
	struct decode d = { .out = &out };
	struct command_common common;
	const char *args[2] = { NULL, NULL };
	const struct format *format;
	struct error err = { "" };
	int status = EXIT_USAGE;

	print_formats(&help);
	usage.help = buf_cstr(&help);
	command_parse(&usage, argc, argv, &common, args);
	format = find(args[0]);
	if (!format)
		goto end;
	if (message_id && (strspn(message_id, "0123456789") != strlen(message_id) || strlen(message_id) > 10)) {
		command_fail(EXIT_USAGE, "--message-id is a number, not %s", log_str(message_id));
		goto end;
	}
	if (message_id)
		d.message_id = (uint32_t)strtoul(message_id, NULL, 10);
	if (key_file && device_keys_load(key_file, &identity, &err) != 0) {
		status = command_fail(EXIT_CONFIG, "%s", err.text);
		goto end;
	}
	decode_start(&d, key_file ? &identity : NULL);
	status = read_input(args[1], &raw);
	if (status == 0 && format->run(&d, buf_bytes(&raw), &err) != 0)
		status = command_fail(EXIT_REFUSED, "%s", err.text);
	fwrite(out.data, 1, out.len, stdout);
	decode_end(&d);
end:
	device_identity_free(&identity);
	buf_wipe(&raw);
	buf_wipe(&out);
	buf_free(&help);
	return status;
}
