#ifndef BRAMBLE_PROTOCOL_GROUPWISE_RTF_TOKENS_H
#define BRAMBLE_PROTOCOL_GROUPWISE_RTF_TOKENS_H

#include "base/bytes.h"

/* What an RTF body is made of. Source: the published RTF specification. For rtf.c and rtf_safe.c. */

#define RTF_FONTS_MAX 64
#define RTF_WORD_MAX 32

enum rtf_token_kind { RTF_END, RTF_OPEN, RTF_CLOSE, RTF_WORD, RTF_SYMBOL, RTF_BYTE, RTF_HEX, RTF_BAD };

struct rtf_token {
	enum rtf_token_kind kind;
	char word[RTF_WORD_MAX + 1];
	bool has_number;
	int32_t number;
	uint8_t byte;           /* symbol, raw byte or the value of \'hh */
};

bool rtf_begins(struct bytes in);
/* The next token that means something, from *at on, which it moves behind it; raw line ends mean nothing. */
struct rtf_token rtf_next_token(struct bytes in, size_t *at);
/* How many bytes from there on stand for themselves, in a body as in a text: nearly all of them, so they are taken together. */
size_t rtf_plain_run(struct bytes in, size_t at);

#endif
