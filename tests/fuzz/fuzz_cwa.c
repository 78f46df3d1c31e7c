#include "base/log.h"
#include "protocol/cwa/category.h"
#include "protocol/cwa/codec.h"
#include "protocol/cwa/native.h"
#include "protocol/cwa/ticket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_mean_the_same(const struct cwa_tree *tree, enum cwa_format format)
{
	struct cwa_tree again = { 0 };
	struct buf text = { 0 };
	struct error err = { "" };

	cwa_encode(format, tree->root, &text);
	if (cwa_decode(format, buf_bytes(&text), &again, &err) < 0)
		bug("what was written cannot be read: %s", err.text);
	if (!cwa_equal(tree->root, again.root))
		bug("read again as something else");
	buf_free(&text);
	cwa_tree_free(&again);
}

static void look_inside(const struct cwa_node *node)
{
	struct cwa_state state;
	struct buf text = { 0 };
	struct error err;

	if (node->element->content == CWA_FOREIGN) {
		(void)cwa_state_decode(node->text, &state, &err);
		(void)cwa_note_decode(node->text, &text, &err);
		(void)cwa_card_decode(node->text, &text, &err);
	}
	buf_free(&text);
	for (const struct cwa_node *child = node->first; child; child = child->next)
		look_inside(child);
}

/* An envelope that is taken means the same in both encodings. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t key[CWA_TICKET_KEY] = { 0 };
	struct bytes body = bytes_of(data, size);
	struct cwa_tree tree = { 0 };
	struct cwa_ticket ticket;
	struct buf dump = { 0 };
	enum cwa_format format;
	struct error err = { "" };

	if (cwa_native_command(body, &tree, &err) == 0) {
		must_mean_the_same(&tree, CWA_XML);
		must_mean_the_same(&tree, CWA_JSON);
	}
	cwa_tree_free(&tree);
	(void)cwa_ticket_check(key, body, 1, &ticket);
	if (cwa_sniff(body, &format) == 0 && cwa_decode(format, body, &tree, &err) == 0) {
		must_mean_the_same(&tree, CWA_XML);
		must_mean_the_same(&tree, CWA_JSON);
		look_inside(tree.root);
		(void)cwa_check(tree.root, &err);
		if (tree.root->element != &cwa_requests)
			cwa_native_encode(tree.root, &dump);
		cwa_dump(tree.root, &dump);
	}
	buf_free(&dump);
	cwa_tree_free(&tree);
	return 0;
}
