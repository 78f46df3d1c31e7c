#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/im.h"
#include "protocol/link.h"
#include "tests/support/vectors.h"

#define ITEM_BYTES 5

static int recode(struct bytes raw, struct buf *dump, struct buf *encoded, struct error *err)
{
	const struct wire_msg *msg;
	union im_any any;
	enum im_type type;
	uint32_t sequence;

	if (im_peek(raw, &type, &sequence, err))
		return -1;
	msg = wire_find(im_messages, (uint8_t)type);
	if (im_decode(msg, raw, &any, err))
		return -1;
	im_dump(raw, dump);
	im_encode(msg, sequence, &any, encoded);
	/* A sender that does not know the kind yet leaves it out; we write it always. */
	if (msg == &im_message_event_msg && any.message_event.kind == IM_KIND_MESSAGE && encoded->len == raw.len + ITEM_BYTES)
		encoded->len = raw.len;
	return 0;
}

static void vectors_of_the_page(void **state)
{
	(void)state;
	assert_int_equal(vectors_check("im", recode, true), 40);
}

static void a_full_contact_list_fits_the_dispatcher_link(void **state)
{
	static uint8_t text[IM_STATUS_TEXT_MAX];
	static struct im_contacts list, again;
	struct bytes name = bytes_of(text, IM_NAME_MAX);
	struct buf raw = { 0 };
	struct error err;

	(void)state;
	memset(text, 'x', sizeof text);
	list.count = IM_CONTACTS_MAX;
	for (size_t i = 0; i < list.count; i++)
		list.contacts[i] = (struct im_contact){ name, name, name, IM_AWAY, bytes_of(text, sizeof text) };
	im_encode(&im_contacts_msg, 1, &list, &raw);
	assert_true(raw.len <= LINK_CLEAR_MAX);
	assert_int_equal(im_decode(&im_contacts_msg, buf_bytes(&raw), &again, &err), 0);
	assert_true(wire_equal(&im_contacts_msg, &list, &again));
	again.contacts[31].presence = IM_BUSY;
	assert_false(wire_equal(&im_contacts_msg, &list, &again));
	buf_free(&raw);
}

static void the_devices_texts_are_the_vendors(void **state)
{
	(void)state;
	assert_string_equal(im_code_status_text(IM_SERVER_BUSY), "Server Busy");
	assert_string_equal(im_code_status_text(IM_FAILED_300), "Failed (300)");
	assert_string_equal(im_code_status_text(IM_FAILED_CAPACITY), "Failed");
	assert_string_equal(im_code_status_text(IM_NO_DATABASE), "Failed");
	assert_string_equal(im_code_status_text(12345), "Failed");
	assert_string_equal(im_reason_name(IM_REASON_EVICTED_COVERAGE), "evicted-coverage");
	assert_string_equal(im_reason_name(0), "reason-0");
	assert_string_equal(im_presence_name(IM_AWAY), "away");
	assert_string_equal(im_presence_name(99), "presence-99");
	assert_string_equal(im_room_happening_name(IM_ROOM_OTHER_INVITED), "other-invited");
	assert_string_equal(im_room_happening_name(0), "event-0");
	assert_string_equal(im_message_kind_name(IM_KIND_BROADCAST), "broadcast");
	assert_string_equal(im_contact_action_name(IM_CONTACT_MOVE), "move");
	assert_string_equal(im_contact_action_name(5), "action-5");
	assert_string_equal(im_search_field_name(IM_SEARCH_DEPARTMENT), "department");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_of_the_page),
		cmocka_unit_test(a_full_contact_list_fits_the_dispatcher_link),
		cmocka_unit_test(the_devices_texts_are_the_vendors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
