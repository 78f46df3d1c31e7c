#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/sip/dialog.h"
#include "tests/support/sip_forms.h"
#include "tests/support/vectors.h"

static void show_party(const char *name, const struct sip_party *p, const char *uri, struct buf *out)
{
	if (!uri)
		return;
	buf_printf(out, " %s %s", name, uri);
	if (p->tag)
		buf_printf(out, " tag=%s", p->tag);
	if (p->epid)
		buf_printf(out, " epid=%s", p->epid);
	if (p->instance)
		buf_printf(out, " instance=%s", p->instance);
	if (p->expires)
		buf_printf(out, " expires=%s", p->expires);
}

static int recode_message(struct bytes raw, struct buf *dump, struct buf *encoded, struct error *err)
{
	struct sip_message *m = sip_decode(raw, err);
	struct buf text = { 0 };
	char *branch;

	if (!m)
		return -1;
	if (m->method)
		buf_printf(dump, "%s %s", m->method, m->uri);
	else
		buf_printf(dump, "%d %s", m->status, m->reason);
	show_party("from", &m->from, m->from.address, dump);
	show_party("to", &m->to, m->to.address, dump);
	buf_printf(dump, " call %s %u %s", m->call_id, m->cseq, m->cseq_method);
	show_party("contact", &m->contact, m->contact.uri, dump);
	branch = sip_branch(m);
	if (branch)
		buf_printf(dump, " branch %s", branch);
	free(branch);
	if (sip_is_type(m, SIP_TYPE_SDP) && sip_im_sdp_is_im(buf_bytes(&m->body)))
		buf_text(dump, " im");
	if (sip_im_first_text(m, &text))
		buf_printf(dump, " text=%s", buf_cstr(&text));
	buf_free(&text);
	sip_encode(m, encoded);
	sip_free(&m);
	return 0;
}

static void messages_of_the_page(void **state)
{
	(void)state;
	assert_int_equal(vectors_check_slow("sip", recode_message), 5);
}

static int recode_body(struct bytes raw, struct buf *dump, struct buf *encoded, struct error *err)
{
	max_align_t room[SIP_FORM_SIZE_MAX / sizeof(max_align_t)];

	error_set(err, "no body of ours begins so");
	for (size_t i = 0; i < SIP_FORM_COUNT; i++) {
		assert_true(sip_forms[i]->size <= sizeof room);
		if (raw.len > 1 && !bytes_is(bytes_slice(raw, 1, strlen(sip_forms[i]->name)), sip_forms[i]->name))
			continue;
		if (xml_form_read(raw, sip_forms[i], room, err) < 0)
			continue;
		sip_form_show(sip_forms[i], room, dump);
		xml_form_write(sip_forms[i], room, encoded);
		xml_form_clear(sip_forms[i], room);
		return 0;
	}
	return -1;
}

static void bodies_of_the_page(void **state)
{
	(void)state;
	assert_int_equal(vectors_check_slow("sip_body", recode_body), 41);
}

/* --- what has no bytes of its own ------------------------------------------------------------------------------------------------ */

static struct sip_message *read_text(const char *text)
{
	struct error err = { "" };
	struct sip_message *m = sip_decode(bytes_str(text), &err);

	if (!m)
		fail_msg("%s", err.text);
	return m;
}

#define INVITE "INVITE sip:ben@corp.test SIP/2.0\r\nVia: SIP/2.0/TLS a;branch=z9hG4bKa\r\nRecord-Route: <sip:p2;lr>, <sip:p1;lr>\r\n" \
	"From: <sip:ana@corp.test>;tag=a;epid=e\r\nTo: <sip:ben@corp.test>\r\nCall-ID: c\r\nCSeq: 4 INVITE\r\nContact: <sip:ana-here>\r\n" \
	"Content-Length: 0\r\n\r\n"

static void both_ends_of_a_dialog_know_each_other(void **state)
{
	struct sip_message *invite = read_text(INVITE), *answer = sip_answer(invite, 200, NULL, "b"), *read, *bye, *came, *back;
	struct sip_dialog asked, was_asked;
	struct buf wire = { 0 };

	(void)state;
	sip_add(answer, "Contact", "<sip:ben-here>");
	sip_encode(answer, &wire);
	read = sip_decode(buf_bytes(&wire), NULL);
	assert_non_null(read);
	sip_dialog_from_request(&was_asked, invite, "b");
	sip_dialog_from_answer(&asked, read);
	/* The caller goes the recorded way backwards, the callee forwards. */
	assert_string_equal(asked.routes[0], "<sip:p1;lr>");
	assert_string_equal(was_asked.routes[0], "<sip:p2;lr>");
	bye = sip_dialog_request(&asked, "BYE");
	assert_string_equal(bye->uri, "sip:ben-here");
	assert_string_equal(sip_get(bye, "CSeq", 0), "5 BYE");
	sip_add_first(bye, "Via", "SIP/2.0/TLS a");
	buf_clear(&wire);
	sip_encode(bye, &wire);
	came = sip_decode(buf_bytes(&wire), NULL);
	assert_true(sip_dialog_has(&was_asked, came));
	assert_false(sip_dialog_has(&asked, came));
	back = sip_dialog_request(&was_asked, "MESSAGE");
	assert_string_equal(back->uri, "sip:ana-here");
	assert_string_equal(sip_get(back, "To", 0), "<sip:ana@corp.test>;tag=a;epid=e");
	sip_free(&invite), sip_free(&answer), sip_free(&read), sip_free(&bye), sip_free(&came), sip_free(&back);
	sip_dialog_clear(&asked), sip_dialog_clear(&was_asked);
	buf_free(&wire);
}

/* Base64 made by Python. */
static void a_format_rides_in_the_type_of_a_text(void **state)
{
	static const char line[] = "X-MMS-IM-Format: FN=Arial; EF=; CO=0; CS=0; PF=0";
	static const char type[] = "text/plain; charset=UTF-8;msgr="
		"WAAtAE0ATQBTAC0ASQBNAC0ARgBvAHIAbQBhAHQAOgAgAEYATgA9AEEAcgBpAGEAbAA7ACAARQBGAD0AOwAgAEMATwA9ADAAOwAg"
		"AEMAUwA9ADAAOwAgAFAARgA9ADAADQAKAA0ACgA";
	static const struct {
		const char *type, *format;
	} read[] = {
		{ type, line },
		{ NULL, "text/plain" },
		{ "text/plain", "text/plain" },
		{ "text/plain;msgr=aABlAGwAbABvAA==", "text/plain" },
		{ "text/plain;msgr=not*base64", "text/plain" },
		{ "text/plain;msgr=", "text/plain" },
	};
	struct buf out = { 0 };

	(void)state;
	sip_im_type_write(line, &out);
	assert_string_equal(buf_cstr(&out), type);
	buf_clear(&out);
	sip_im_type_write("text/html", &out);
	assert_string_equal(buf_cstr(&out), "text/plain; charset=UTF-8");
	for (size_t i = 0; i < sizeof read / sizeof read[0]; i++) {
		buf_clear(&out);
		sip_im_type_read(read[i].type, &out);
		assert_string_equal(buf_cstr(&out), read[i].format);
	}
	buf_free(&out);
}

static void a_first_text_survives_its_header(void **state)
{
	struct sip_message *m = read_text(INVITE);
	struct buf text = { 0 };

	(void)state;
	assert_false(sip_im_first_text(m, &text));
	sip_im_add_first_text(m, "text/plain; charset=UTF-8", bytes_str("h\xc3\xa9llo; \"x\""));
	assert_true(sip_im_first_text(m, &text));
	assert_string_equal(buf_cstr(&text), "h\xc3\xa9llo; \"x\"");
	buf_free(&text);
	sip_free(&m);
}

static void the_parts_of_a_conference_are_named_by_their_uris(void **state)
{
	static const char id[] = "0A1b2C3D";
	static const struct {
		const char *uri;
		enum sip_conference_part part;
		bool has_id;
	} rows[] = {
		{ "sip:ana@corp.test;gruu;opaque=app:conf:focusfactory", SIP_FOCUS_FACTORY, false },
		{ "sip:ana@corp.test;gruu;opaque=app:conf:focus:id:0A1b2C3D", SIP_FOCUS, true },
		{ "sip:ana@corp.test;gruu;opaque=app:conf:chat:id:0A1b2C3D", SIP_CONFERENCE_CHAT, true },
		{ "sip:ana@corp.test;opaque=APP:Conf:Focus:id:0A1b2C3D;gruu", SIP_FOCUS, true },
		{ "sip:ana@corp.test", SIP_NO_CONFERENCE, false },
		{ "sip:ana@corp.test;opaque=user:epid:x;gruu", SIP_NO_CONFERENCE, false },
		{ "sip:ana@corp.test;gruu;opaque=app:conf:focusfactory:", SIP_NO_CONFERENCE, false },
		{ "sip:ana@corp.test;gruu;opaque=app:conf:focus:id:", SIP_NO_CONFERENCE, false },
		{ "sip:ana@corp.test;gruu;opaque=app:conf:focus:id:0A1b2C3", SIP_NO_CONFERENCE, false },
		{ "sip:ana@corp.test;gruu;opaque=app:conf:focus:id:0A1b2C3-", SIP_NO_CONFERENCE, false },
		{ "sip:ana@corp.test;gruu;opaque=app:conf:focus:id:012345678901234567890123456789012", SIP_NO_CONFERENCE, false },
		{ "sip:ana@corp.test;gruu;opaque=app:conf:audio-video:id:0A1b2C3D", SIP_NO_CONFERENCE, false },
		{ NULL, SIP_NO_CONFERENCE, false },
	};
	char *text;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(sip_conference_part_of(rows[i].uri, &text), rows[i].part);
		assert_int_equal(text != NULL, rows[i].has_id);
		if (text)
			assert_string_equal(text, id);
		free(text);
		if (i >= 3)
			continue;
		text = sip_conference_uri("sip:ana@corp.test", rows[i].part, id);
		assert_string_equal(text, rows[i].uri);
		free(text);
	}
}

static void an_offer_is_one_of_messages_in_both_dialects(void **state)
{
	struct buf sdp = { 0 };

	(void)state;
	for (int lcs = 0; lcs < 2; lcs++) {
		buf_clear(&sdp);
		sip_im_sdp_write("10.0.0.1", 5060, lcs, &sdp);
		assert_true(sip_im_sdp_is_im(buf_bytes(&sdp)));
	}
	assert_false(sip_im_sdp_is_im(bytes_str("v=0\r\nm=audio 1 RTP/AVP 0\r\n")));
	buf_free(&sdp);
}

static void bounds_and_doctypes_are_refused_with_a_sentence(void **state)
{
	static const struct {
		const char *xml, *sentence;
	} rows[] = {
		{ "<!DOCTYPE contactList [<!ENTITY a 'b'>]><contactList deltaNum='1'/>", "a DOCTYPE is not accepted" },
		{ "<contactList/>", "deltaNum is missing" },
		{ "<contactList deltaNum='-1'/>", "deltaNum in <contactList> is a number, not -1" },
		{ "<contactList deltaNum='99999999999'/>", "deltaNum in <contactList> is a number, not 99999999999" },
		{ "<x/>", "<contactList> was expected, not <x>" },
		{ "<contactList deltaNum='1'><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a/></a></a></a></a></a></a></a></a>"
		  "</a></a></a></a></a></a></a></a></a></a></a></a></a></a></a></contactList>", "more than 24 levels of elements" },
	};
	struct sip_contact_list list;
	struct error err;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(xml_form_read(bytes_str(rows[i].xml), &sip_contact_list_form, &list, &err), -1);
		assert_string_equal(err.text, rows[i].sentence);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_of_the_page),
		cmocka_unit_test(bodies_of_the_page),
		cmocka_unit_test(both_ends_of_a_dialog_know_each_other),
		cmocka_unit_test(a_format_rides_in_the_type_of_a_text),
		cmocka_unit_test(a_first_text_survives_its_header),
		cmocka_unit_test(the_parts_of_a_conference_are_named_by_their_uris),
		cmocka_unit_test(an_offer_is_one_of_messages_in_both_dialects),
		cmocka_unit_test(bounds_and_doctypes_are_refused_with_a_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
