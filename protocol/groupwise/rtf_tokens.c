#include "protocol/groupwise/rtf_tokens.h"

#include <string.h>

static int hex(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

static bool is_letter(uint8_t c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static void read_word(struct bytes in, size_t *at, struct rtf_token *t)
{
	size_t len = 0;
	bool negative = false;
	int64_t value = 0;

	t->kind = RTF_WORD;
	for (; *at < in.len && is_letter(in.data[*at]); ++*at)
		if (len < RTF_WORD_MAX)
			t->word[len++] = (char)in.data[*at];
	t->word[len] = '\0';
	if (*at + 1 < in.len && in.data[*at] == '-' && is_digit(in.data[*at + 1])) {
		negative = true;
		++*at;
	}
	for (; *at < in.len && is_digit(in.data[*at]); ++*at) {
		t->has_number = true;
		if (value < INT32_MAX / 10)
			value = value * 10 + (in.data[*at] - '0');
	}
	t->number = (int32_t)(negative ? -value : value);
	if (*at < in.len && in.data[*at] == ' ')
		++*at;
}

struct rtf_token rtf_next_token(struct bytes in, size_t *at)
{
	struct rtf_token t = { .kind = RTF_END };

	while (*at < in.len && (in.data[*at] == '\r' || in.data[*at] == '\n' || in.data[*at] == 0))
		++*at;
	if (*at >= in.len)
		return t;
	t.byte = in.data[(*at)++];
	if (t.byte == '{') {
		t.kind = RTF_OPEN;
	} else if (t.byte == '}') {
		t.kind = RTF_CLOSE;
	} else if (t.byte != '\\') {
		t.kind = RTF_BYTE;
	} else if (*at >= in.len) {
		t.kind = RTF_BAD;
	} else if (is_letter(in.data[*at])) {
		read_word(in, at, &t);
	} else if (in.data[*at] == '\'') {
		int high = *at + 1 < in.len ? hex(in.data[*at + 1]) : -1;
		int low = *at + 2 < in.len ? hex(in.data[*at + 2]) : -1;

		t.kind = high >= 0 && low >= 0 ? RTF_HEX : RTF_BAD;
		t.byte = (uint8_t)((unsigned)high << 4 | (unsigned)low);
		*at += 3;
	} else {
		t.kind = RTF_SYMBOL;
		t.byte = in.data[(*at)++];
	}
	return t;
}

bool rtf_begins(struct bytes in)
{
	return in.len >= 5 && memcmp(in.data, "{\\rtf", 5) == 0;
}

size_t rtf_plain_run(struct bytes in, size_t at)
{
	size_t end = at;

	while (end < in.len && in.data[end] >= ' ' && in.data[end] <= 0x7F && in.data[end] != '\\' && in.data[end] != '{' && in.data[end] != '}')
		end++;
	return end - at;
}
