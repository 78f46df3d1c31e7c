#ifndef BRAMBLE_TESTS_SUPPORT_GROUPWISE_H
#define BRAMBLE_TESTS_SUPPORT_GROUPWISE_H

/* For the tests and the fuzz targets of Messenger's formats; a header alone, because fuzz targets link no helpers. */
#include "protocol/groupwise/field.h"
#include "protocol/groupwise/names.h"
#include "protocol/groupwise/tags.h"

/* The tree as the vectors write it: tag/method:type=value, arrays with their children in brackets. */
static inline void groupwise_show(const struct gw_field *root, struct buf *out)
{
	for (const struct gw_field *f = root->first; f; f = f->next) {
		if (f != root->first)
			buf_u8(out, ' ');
		gw_escape(f->tag, out);
		buf_printf(out, "/%u:%u", f->method, f->type);
		if (gw_is_array(f)) {
			buf_u8(out, '[');
			groupwise_show(f, out);
			buf_u8(out, ']');
		} else {
			buf_u8(out, '=');
			gw_escape(f->text, out);
		}
	}
}

static inline void groupwise_copy_level(const struct gw_field *from, struct gw_tree *into, struct gw_field *parent, bool top,
	bool answer)
{
	for (const struct gw_field *f = from->first; f; f = f->next) {
		struct gw_field *made;

		if (top && !f->next && bytes_is(f->tag, GW_TAG_TRANSACTION))
			return;
		if (top && answer && f->next && !f->next->next && bytes_is(f->tag, GW_TAG_RESULT) && bytes_is(f->next->tag, GW_TAG_TRANSACTION))
			return;
		made = gw_add_raw(into, parent, f->type, f->method);
		made->tag = f->tag;
		made->text = f->text;
		made->number = f->number;
		groupwise_copy_level(f, into, made, false, answer);
	}
}

/* Appends a copy of the fields to the tree, without what encoders add themselves (the transaction id; in answers the
 * result code before it) when it stands last at the top: so a test can encode again what it decoded. */
static inline void groupwise_copy(const struct gw_field *root, struct gw_tree *into, bool answer)
{
	groupwise_copy_level(root, into, NULL, true, answer);
}

#endif
