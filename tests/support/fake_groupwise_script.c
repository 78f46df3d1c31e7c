#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "protocol/groupwise/codes.h"
#include "protocol/groupwise/names.h"
#include "protocol/groupwise/tags.h"
#include "tests/support/fake_groupwise_private.h"

/* Commands whose requests are written down. */

/* Somebody called bob is there, erin is still expected. */
static void fill_joinconf(struct fake_groupwise *g)
{
	struct gw_field *here = gw_add_array(&g->answer, NULL, GW_TAG_CONTACT_LIST);
	struct gw_field *expected = gw_add_array(&g->answer, NULL, GW_TAG_RESULTS);

	gw_add_str(&g->answer, here, GW_TAG_DN, "CN=alice,O=test");
	gw_add_str(&g->answer, here, GW_TAG_DN, "CN=bob,O=test");
	gw_add_str(&g->answer, expected, GW_TAG_DN, "CN=erin,O=test");
}

static struct gw_field *begin_differences(struct fake_groupwise *g, struct gw_field **results)
{
	*results = gw_add_array(&g->answer, NULL, GW_TAG_RESULTS);
	return gw_add_array(&g->answer, *results, GW_TAG_CONTACT_LIST);
}

static struct gw_field *add_difference(struct fake_groupwise *g, struct gw_field *list, const char *tag, enum gw_method method,
	struct bytes id, struct bytes parent, struct bytes name)
{
	struct gw_field *item = gw_add_array(&g->answer, list, tag);

	item->method = (uint8_t)method;
	gw_add_text(&g->answer, item, GW_TAG_OBJECT_ID, id);
	gw_add_text(&g->answer, item, GW_TAG_PARENT_ID, parent);
	gw_add_text(&g->answer, item, GW_TAG_DISPLAY_NAME, name);
	return item;
}

static struct bytes next_id(struct fake_groupwise *g, char id[16])
{
	snprintf(id, 16, "%u", 10 + g->next_object++);
	return bytes_str(id);
}

static void fill_createfolder(struct fake_groupwise *g)
{
	struct gw_field *results, *list = begin_differences(g, &results);
	char id[16];

	for (int method = GW_DELETE; g->resequences && method <= GW_ADD; method += GW_ADD - GW_DELETE) {
		add_difference(g, list, GW_TAG_FOLDER, (enum gw_method)method, bytes_str("1"), bytes_str("0"), bytes_str("Team"));
		gw_add_str(&g->answer, add_difference(g, list, GW_TAG_CONTACT, (enum gw_method)method, bytes_str("2"), bytes_str("1"),
			bytes_str("bob")), GW_TAG_DN, "CN=bob,O=test");
	}
	next_id(g, id);
	add_difference(g, list, GW_TAG_FOLDER, GW_ADD, bytes_str(id), bytes_str("0"), gw_text(&g->request.root, GW_TAG_DISPLAY_NAME));
	gw_add_str(&g->answer, results, GW_TAG_OBJECT_ID, id);
}

/* A real server says no more of the person than the name. */
static void fill_createcontact(struct fake_groupwise *g)
{
	struct gw_field *results, *list = begin_differences(g, &results), *item;
	struct bytes user = gw_text(&g->request.root, GW_TAG_USERID), name = gw_text(&g->request.root, GW_TAG_DISPLAY_NAME);
	char id[16], dn[128], leaf[64];

	next_id(g, id);
	assert_true(bytes_copy_str(gw_dn_is_typed(user) ? gw_dn_leaf(user) : user, leaf, sizeof leaf));
	snprintf(dn, sizeof dn, "CN=%s,O=test", leaf);
	item = add_difference(g, list, GW_TAG_CONTACT, GW_ADD, bytes_str(id), gw_text(&g->request.root, GW_TAG_PARENT_ID), name);
	gw_add_str(&g->answer, item, GW_TAG_DN, dn);
	gw_add_str(&g->answer, results, GW_TAG_OBJECT_ID, id);
}

static void fill_deletecontact(struct fake_groupwise *g)
{
	struct gw_field *results, *list = begin_differences(g, &results);

	add_difference(g, list, GW_TAG_CONTACT, GW_DELETE, gw_text(&g->request.root, GW_TAG_OBJECT_ID), (struct bytes){ 0 },
		(struct bytes){ 0 });
}

static void fill_movecontact(struct fake_groupwise *g)
{
	const struct gw_field *moved = gw_find(gw_find(&g->request.root, GW_TAG_CONTACT_LIST), GW_TAG_CONTACT);
	struct bytes id = gw_text(moved, GW_TAG_OBJECT_ID), name = gw_text(moved, GW_TAG_DISPLAY_NAME);
	struct gw_field *results, *list = begin_differences(g, &results), *item;

	add_difference(g, list, GW_TAG_CONTACT, GW_DELETE, id, gw_text(moved, GW_TAG_PARENT_ID), name);
	item = add_difference(g, list, GW_TAG_CONTACT, GW_ADD, id, gw_text(&g->request.root, GW_TAG_PARENT_ID), name);
	gw_add_text(&g->answer, item, GW_TAG_DN, gw_text(moved, GW_TAG_DN));
}

static void fill_createblock(struct fake_groupwise *g)
{
	const struct gw_field *deny = gw_find(&g->request.root, GW_TAG_DENY_ITEM);

	gw_add_text(&g->answer, NULL, deny ? GW_TAG_DENY_LIST : GW_TAG_ALLOW_LIST,
		deny ? deny->text : gw_text(&g->request.root, GW_TAG_ALLOW_ITEM));
}

/* Two people called erin, and bob. */
static void fill_getresults(struct fake_groupwise *g)
{
	struct gw_field *results;

	if (g->still_searching) {
		g->still_searching--;
		gw_add_str(&g->answer, NULL, GW_TAG_STATUS, "1");
		gw_add_array(&g->answer, NULL, GW_TAG_RESULTS);
		return;
	}
	gw_add_str(&g->answer, NULL, GW_TAG_STATUS, g->search_status ? g->search_status : "2");
	results = gw_add_array(&g->answer, NULL, GW_TAG_RESULTS);
	fake_groupwise_add_details(g, gw_add_array(&g->answer, results, GW_TAG_CONTACT), "erin", "4");
	fake_groupwise_add_details(g, gw_add_array(&g->answer, results, GW_TAG_CONTACT), "erin,OU=sales", "2");
	fake_groupwise_add_details(g, gw_add_array(&g->answer, results, GW_TAG_CONTACT), "bob", "2");
}

static const struct { const char *command; void (*fill)(struct fake_groupwise *g); } scripted[] = {
	{ "sendinvite", NULL }, { "leaveconf", NULL }, { "rejectconf", NULL }, { "joinconf", fill_joinconf },
	{ "createfolder", fill_createfolder }, { "createcontact", fill_createcontact }, { "deletecontact", fill_deletecontact },
	{ "movecontact", fill_movecontact }, { "updateitem", NULL },
	{ "createblock", fill_createblock }, { "updateblocks", NULL }, { "createsearch", NULL }, { "getresults", fill_getresults },
};

/* TAG/method:type=value with arrays in brackets; method 0 and type 10 are not written, nor is the transaction id. */
static void show(const struct gw_field *parent, struct buf *out)
{
	for (const struct gw_field *f = parent->first; f; f = f->next) {
		if (bytes_is(f->tag, GW_TAG_TRANSACTION))
			continue;
		if (f != parent->first)
			buf_u8(out, ' ');
		buf_append(out, f->tag);
		if (f->method)
			buf_printf(out, "/%u", f->method);
		if (f->type != GW_TYPE_STRING)
			buf_printf(out, ":%u", f->type);
		buf_u8(out, gw_is_array(f) ? '[' : '=');
		if (gw_is_array(f))
			show(f, out);
		else
			buf_append(out, f->text);
		if (gw_is_array(f))
			buf_u8(out, ']');
	}
}

bool fake_groupwise_write_down(struct fake_client *client, const struct gw_request *request)
{
	struct fake_groupwise *g = client->server;
	struct buf line = { 0 };
	bool filled;

	for (size_t i = 0; i < sizeof scripted / sizeof *scripted; i++) {
		uint32_t code = g->next_code;

		if (!bytes_is(request->command, scripted[i].command))
			continue;
		buf_text(&line, g->script);
		buf_printf(&line, "%s ", scripted[i].command);
		show(&g->request.root, &line);
		buf_text(&line, "\n");
		assert_true(bytes_copy_str(buf_bytes(&line), g->script, sizeof g->script));
		buf_free(&line);
		g->scripted++;
		g->next_code = 0;
		gw_tree_clear(&g->answer);
		filled = scripted[i].fill && code == GW_OK && !g->bare;
		if (filled)
			scripted[i].fill(g);
		fake_groupwise_answer(client, code, request->transaction, filled);
		return true;
	}
	return false;
}
