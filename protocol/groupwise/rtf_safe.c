/* Whether a body can be shown to the clients of the time. */
#include <string.h>

#include "protocol/groupwise/rtf.h"
#include "protocol/groupwise/rtf_tokens.h"

struct check {
	bool declared[RTF_FONTS_MAX], used[RTF_FONTS_MAX];
	unsigned entries;
	unsigned depth, table_depth;    /* groups open; the depth of the font table, or 0 */
	bool safe;
};

static void check_word(struct check *c, const struct rtf_token *t)
{
	if (strcmp(t->word, "fonttbl") == 0)
		c->table_depth = c->depth;
	/* Stock clients of the time read \u as the code point itself: they show the two forms of Windows as garbage. */
	if (strcmp(t->word, "u") == 0 && (t->number < 0 || (t->number >= 0xD800 && t->number <= 0xDFFF)))
		c->safe = false;
	if (strcmp(t->word, "bin") == 0)
		c->safe = false;
	if (strcmp(t->word, "f") != 0)
		return;
	if (t->number < 0 || t->number >= RTF_FONTS_MAX) {
		c->safe = false;
	} else if (c->table_depth) {
		c->entries += !c->declared[t->number];
		c->declared[t->number] = true;
	} else {
		c->used[t->number] = true;
	}
}

bool gw_rtf_is_safe(struct bytes body)
{
	struct check c = { .safe = true, .depth = 1 };
	size_t at = 1;

	if (!rtf_begins(body))
		return false;
	while (c.safe && c.depth) {
		struct rtf_token t;

		at += rtf_plain_run(body, at);
		t = rtf_next_token(body, &at);

		if (t.kind == RTF_END || t.kind == RTF_BAD || ((t.kind == RTF_BYTE || t.kind == RTF_SYMBOL) && t.byte > 0x7F))
			return false;
		if (t.kind == RTF_OPEN) {
			c.depth++;
		} else if (t.kind == RTF_CLOSE) {
			if (c.table_depth == c.depth--)
				c.table_depth = 0;
		} else if (t.kind == RTF_WORD) {
			check_word(&c, &t);
		}
	}
	/* A number below the count of entries as well: one may take it for a position in the table. */
	for (unsigned i = 0; i < RTF_FONTS_MAX; i++)
		if (c.used[i] && (!c.declared[i] || i >= c.entries))
			return false;
	return c.safe && c.entries && rtf_next_token(body, &at).kind == RTF_END;
}
