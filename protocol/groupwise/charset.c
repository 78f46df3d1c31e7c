#include "protocol/groupwise/charset.h"

#include <iconv.h>
#include <stddef.h>

/* Opened at first use and kept: opening one costs far more than converting with it, and a body may name one per byte. */
static struct charset {
	int number;
	const char *code_page;
	bool two_bytes;
	bool open;
	iconv_t converter;
} charsets[] = {
	{ .number = 0, .code_page = "CP1252" }, { .number = 204, .code_page = "CP1251" }, { .number = 238, .code_page = "CP1250" },
	{ .number = 161, .code_page = "CP1253" }, { .number = 162, .code_page = "CP1254" }, { .number = 177, .code_page = "CP1255" },
	{ .number = 178, .code_page = "CP1256" }, { .number = 186, .code_page = "CP1257" }, { .number = 222, .code_page = "CP874" },
	{ .number = 128, .code_page = "CP932", .two_bytes = true }, { .number = 129, .code_page = "CP949", .two_bytes = true },
	{ .number = 134, .code_page = "CP936", .two_bytes = true }, { .number = 136, .code_page = "CP950", .two_bytes = true },
};

static struct charset *charset_of(int number)
{
	for (size_t i = 0; i < sizeof charsets / sizeof charsets[0]; i++)
		if (charsets[i].number == number)
			return &charsets[i];
	return &charsets[0];
}

bool gw_charset_is_lead(int charset, uint8_t byte)
{
	const struct charset *set = charset_of(charset);

	if (!set->two_bytes || byte < 0x81 || byte > 0xFE)
		return false;
	return set->number != 128 || byte <= 0x9F || (byte >= 0xE0 && byte <= 0xFC);   /* 932: single-byte kana between */
}

/* What iconv_open says when the code page is not installed. */
static const iconv_t no_converter = (iconv_t)-1;

uint32_t gw_charset_decode(int charset, uint8_t lead, uint8_t byte)
{
	struct charset *set = charset_of(charset);
	char in[2] = { (char)(lead ? lead : byte), (char)byte };
	uint8_t out[8] = { 0 };
	char *from = in, *to = (char *)out;
	size_t from_left = lead ? 2 : 1, to_left = sizeof out;
	size_t rc;

	if (!set->open) {
		set->converter = iconv_open("UTF-32LE", set->code_page);
		set->open = true;
	}
	if (set->converter == no_converter)
		return 0xFFFD;
	iconv(set->converter, NULL, NULL, NULL, NULL);
	rc = iconv(set->converter, &from, &from_left, &to, &to_left);
	if (rc == (size_t)-1 || from_left || to_left != sizeof out - 4)
		return 0xFFFD;
	return (uint32_t)out[0] | (uint32_t)out[1] << 8 | (uint32_t)out[2] << 16 | (uint32_t)out[3] << 24;
}
