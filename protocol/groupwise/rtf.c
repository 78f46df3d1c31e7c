#include "protocol/groupwise/rtf.h"

#include <string.h>

#include "base/utf8.h"
#include "protocol/groupwise/charset.h"
#include "protocol/groupwise/rtf_tokens.h"

#define GROUP_DEPTH_MAX 64

/* --- writing --------------------------------------------------------------------------------------------------------------- */

#define ENVELOPE_HEAD "{\\rtf1\\ansi\n{\\fonttbl{\\f0\\fnil Arial;}}\n\\uc1\\f0\\fs20 "
#define ENVELOPE_TAIL "\\par\n}"

/* Takes one character off the text and writes it. */
static void write_character(struct bytes *utf8, struct buf *out)
{
	uint32_t c = utf8_next(utf8);

	if (c == '\r') {
		if (!utf8->len || utf8->data[0] != '\n')
			buf_text(out, "\\par ");
	} else if (c == '\n') {
		buf_text(out, "\\par ");
	} else if (c == '\\' || c == '{' || c == '}') {
		buf_u8(out, '\\');
		buf_u8(out, (uint8_t)c);
	} else if (c > 0x7F) {
		buf_printf(out, "\\u%u?", c);
	} else if (c >= ' ' || c == '\t') {
		buf_u8(out, (uint8_t)c);
	}
}

void gw_rtf_write(struct bytes utf8, struct buf *out)
{
	buf_text(out, ENVELOPE_HEAD);
	while (utf8.len) {
		size_t run = rtf_plain_run(utf8, 0);

		buf_append(out, bytes_slice(utf8, 0, run));
		utf8 = bytes_slice(utf8, run, utf8.len);
		if (utf8.len)
			write_character(&utf8, out);
	}
	buf_text(out, ENVELOPE_TAIL);
}

struct bytes gw_rtf_fit(struct bytes utf8, size_t max)
{
	struct buf character = { 0 };
	struct bytes rest = utf8;
	size_t fits = 0, left = max > sizeof ENVELOPE_HEAD + sizeof ENVELOPE_TAIL - 2 ? max - (sizeof ENVELOPE_HEAD + sizeof ENVELOPE_TAIL - 2) : 0;

	while (rest.len) {
		size_t run = rtf_plain_run(rest, 0), takes = run < left ? run : left;
		/* A line end of two characters stays whole, else it would become two. */
		bool in_line_end = rest.data[0] == '\r' && rest.len > 1 && rest.data[1] == '\n';

		if (run) {
			rest = bytes_slice(rest, takes, rest.len);
		} else {
			buf_clear(&character);
			write_character(&rest, &character);
			takes = character.len;
		}
		if (takes > left)
			break;
		left -= takes;
		if (!in_line_end)
			fits = utf8.len - rest.len;
		if (takes < run)
			break;
	}
	buf_free(&character);
	return bytes_slice(utf8, 0, fits);
}

/* --- reading --------------------------------------------------------------------------------------------------------------- */

struct group {
	int32_t font;
	uint32_t uc;
	bool skip;              /* nothing in it is text */
	bool fonts;             /* inside the font table */
	bool star;              /* \* was its first token */
	bool fresh;             /* no token of it was seen yet */
};

struct rtf {
	struct bytes in;
	size_t at;
	struct buf *out;
	struct group group[GROUP_DEPTH_MAX];
	unsigned depth;                 /* groups open */
	struct { int32_t number; int charset; } fonts[RTF_FONTS_MAX];
	unsigned font_count;
	uint32_t to_skip;               /* stand-ins after \u */
	uint32_t high;                  /* first half of a surrogate pair, or 0 */
	uint8_t pending;                /* lead byte of a two-byte character, or 0 */
	int pending_charset;
	size_t after_par;               /* length of out right after a \par */
};

static int charset_of(const struct rtf *r, int32_t font)
{
	for (unsigned i = r->font_count; i > 0; i--)
		if (r->fonts[i - 1].number == font)
			return r->fonts[i - 1].charset;
	return 0;
}

/* What waited for its second half and did not get it. */
static void flush(struct rtf *r)
{
	if (r->pending)
		utf8_put(r->out, 0xFFFD);
	if (r->high)
		utf8_put(r->out, 0xFFFD);
	r->pending = 0;
	r->high = 0;
}

static void put(struct rtf *r, uint32_t c)
{
	flush(r);
	if (c)
		utf8_put(r->out, c);
}

static void put_byte(struct rtf *r, uint8_t byte)
{
	int charset = charset_of(r, r->group[r->depth - 1].font);

	if (r->pending) {
		uint8_t lead = r->pending;

		r->pending = 0;
		utf8_put(r->out, gw_charset_decode(r->pending_charset, lead, byte));
	} else if (gw_charset_is_lead(charset, byte)) {
		flush(r);
		r->pending = byte;
		r->pending_charset = charset;
	} else {
		put(r, byte < 0x80 ? byte : gw_charset_decode(charset, 0, byte));
	}
}

static void put_unicode(struct rtf *r, int32_t number)
{
	uint32_t c = (uint32_t)(number < 0 && number >= -65536 ? number + 65536 : number);

	if (c >= 0xDC00 && c <= 0xDFFF && r->high) {
		uint32_t whole = 0x10000 + ((r->high - 0xD800) << 10) + (c - 0xDC00);

		r->high = 0;
		put(r, whole);
	} else if (c >= 0xD800 && c <= 0xDBFF) {
		flush(r);
		r->high = c;
	} else {
		put(r, c);
	}
}

static const struct { const char *word; uint32_t c; } characters[] = {
	{ "par", '\n' }, { "line", '\n' }, { "tab", '\t' }, { "ldblquote", 0x201C }, { "rdblquote", 0x201D },
	{ "lquote", 0x2018 }, { "rquote", 0x2019 }, { "emdash", 0x2014 }, { "endash", 0x2013 }, { "bullet", 0x2022 },
	{ "emspace", 0x2003 }, { "enspace", 0x2002 },
};
static const char *const skipped_groups[] = { "colortbl", "stylesheet", "info", "pict" };

static void take_font_word(struct rtf *r, const struct rtf_token *t)
{
	if (strcmp(t->word, "f") == 0 && r->font_count < RTF_FONTS_MAX) {
		r->fonts[r->font_count].number = t->number;
		r->fonts[r->font_count++].charset = 0;
	} else if (strcmp(t->word, "fcharset") == 0 && r->font_count) {
		r->fonts[r->font_count - 1].charset = t->number;
	}
}

static void take_word(struct rtf *r, const struct rtf_token *t)
{
	struct group *g = &r->group[r->depth - 1];

	if (strcmp(t->word, "bin") == 0 && t->number > 0) {
		/* Raw bytes that must not be read as tokens. */
		r->at = (size_t)t->number < r->in.len - r->at ? r->at + (size_t)t->number : r->in.len;
		return;
	}
	if (g->fonts)
		take_font_word(r, t);
	if (strcmp(t->word, "fonttbl") == 0)
		g->fonts = g->skip = true;
	for (size_t i = 0; i < sizeof skipped_groups / sizeof skipped_groups[0]; i++)
		if (strcmp(t->word, skipped_groups[i]) == 0)
			g->skip = true;
	if (g->skip)
		return;
	if (strcmp(t->word, "u") == 0 && t->has_number) {
		put_unicode(r, t->number);
		r->to_skip = g->uc;
		return;
	}
	if (strcmp(t->word, "uc") == 0 && t->has_number && t->number >= 0)
		g->uc = (uint32_t)t->number;
	if (strcmp(t->word, "f") == 0 || (strcmp(t->word, "deff") == 0 && r->depth == 1))
		g->font = t->number;
	for (size_t i = 0; i < sizeof characters / sizeof characters[0]; i++)
		if (strcmp(t->word, characters[i].word) == 0)
			put(r, characters[i].c);
	if (strcmp(t->word, "par") == 0)
		r->after_par = r->out->len;
}

static void take_symbol(struct rtf *r, uint8_t symbol)
{
	switch (symbol) {
	case '\\':
	case '{':
	case '}':
		put_byte(r, symbol);
		break;
	case '~':
		put(r, 0xA0);
		break;
	case '_':
		put(r, 0x2011);
		break;
	case '\r':
	case '\n':
		put(r, '\n');
		r->after_par = r->out->len;
		break;
	default:
		break;
	}
}

static int take_token(struct rtf *r, const struct rtf_token *t, struct error *err)
{
	struct group *g = &r->group[r->depth - 1];
	bool fresh = g->fresh;

	g->fresh = false;
	switch (t->kind) {
	case RTF_OPEN:
		if (r->depth == GROUP_DEPTH_MAX)
			return error_set(err, "RTF groups are nested deeper than %d at offset %zu", GROUP_DEPTH_MAX, r->at);
		r->group[r->depth] = *g;
		r->group[r->depth++].fresh = true;
		r->to_skip = 0;
		return 0;
	case RTF_CLOSE:
		r->depth--;
		r->to_skip = 0;
		return 0;
	case RTF_SYMBOL:
		if (t->byte == '*' && fresh)
			g->skip = true;
		break;
	default:
		break;
	}
	if (r->to_skip) {
		r->to_skip--;
		return 0;
	}
	if (t->kind == RTF_WORD)
		take_word(r, t);
	else if (g->skip)
		return 0;
	else if (t->kind == RTF_SYMBOL)
		take_symbol(r, t->byte);
	else
		put_byte(r, t->byte);
	return 0;
}

/* The same as so many bytes one by one. */
static void take_plain(struct rtf *r, size_t run)
{
	struct bytes plain = bytes_slice(r->in, r->at, run);
	size_t skipped = r->to_skip < run ? r->to_skip : run;

	r->at += run;
	r->group[r->depth - 1].fresh = false;
	r->to_skip -= (uint32_t)skipped;
	plain = bytes_slice(plain, skipped, plain.len);
	if (r->group[r->depth - 1].skip || !plain.len)
		return;
	if (r->pending) {
		put_byte(r, plain.data[0]);
		plain = bytes_slice(plain, 1, plain.len);
	}
	if (plain.len)
		flush(r);
	buf_append(r->out, plain);
}

/* What stands before the fault when there is one, and then -1. */
static int read_body(struct bytes rtf, struct buf *out, struct error *err)
{
	struct rtf r = { .in = rtf, .out = out };
	size_t before = out->len;
	int result = 0;

	if (!rtf_begins(rtf))
		return error_set(err, "the body does not begin with {\\rtf");
	r.at = 1;
	r.depth = 1;
	r.group[0] = (struct group){ .uc = 1 };
	while (r.depth && result == 0) {
		size_t run = rtf_plain_run(rtf, r.at);
		struct rtf_token t;

		if (run)
			take_plain(&r, run);
		t = rtf_next_token(rtf, &r.at);

		/* A word that touches the end of the body may be half a word. */
		if (t.kind == RTF_END || (t.kind == RTF_WORD && r.at >= rtf.len))
			result = error_set(err, "the RTF ends inside a group at offset %zu", r.at);
		else if (t.kind == RTF_BAD)
			result = error_set(err, "the RTF has a broken control word at offset %zu", r.at);
		else
			result = take_token(&r, &t, err);
	}
	flush(&r);
	if (r.after_par == out->len && r.after_par > before)
		out->len--;
	return result;
}

int gw_rtf_read(struct bytes rtf, struct buf *out, struct error *err)
{
	size_t before = out->len;

	if (read_body(rtf, out, err) == 0)
		return 0;
	out->len = before;
	return -1;
}

/* --- the server's rule, and the client's -------------------------------------------------------------------------------------- */

void gw_rtf_pass(struct bytes body, struct bytes plain, struct buf *out)
{
	if (gw_rtf_is_safe(body)) {
		buf_append(out, body);
	} else {
		struct buf text = { 0 };

		if (!plain.len)
			gw_rtf_text(body, plain, &text);
		gw_rtf_write(plain.len ? plain : buf_bytes(&text), out);
		buf_free(&text);
	}
}

void gw_rtf_text(struct bytes body, struct bytes plain, struct buf *out)
{
	size_t before = out->len;
	struct error unused;

	if (!rtf_begins(body)) {
		utf8_repair(body.len ? body : plain, out);
	} else if (read_body(body, out, &unused) != 0 && plain.len) {
		out->len = before;
		utf8_repair(plain, out);
	}
}
