/* Every result code of a GroupWise server: the class the device shows it as, at a login and later, and its words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "collab/groupwise_refusal.h"

enum { CREDENTIALS = IM_BAD_CREDENTIALS, REFUSED = IM_BACKEND_REFUSED, NOT_DELIVERED = IM_NOT_DELIVERED };

static const struct {
	uint32_t code;
	uint32_t login, delivery;
	const char *text;
} rows[] = {
	{ 0x0000, IM_OK, IM_OK, "" },
	{ 0xD101, REFUSED, REFUSED, "D101: no session, or a bad request" },
	{ 0xD106, REFUSED, REFUSED, "D106: the account is locked after too many wrong passwords" },
	{ 0xD10A, REFUSED, REFUSED, "D10A: not supported" },
	{ 0xD10B, REFUSED, REFUSED, "D10B: the password has expired" },
	{ 0xD10C, CREDENTIALS, REFUSED, "D10C: wrong password" },
	{ 0xD10D, CREDENTIALS, NOT_DELIVERED, "D10D: user not found" },
	{ 0xD10E, REFUSED, REFUSED, "D10E: attribute not found" },
	{ 0xD110, REFUSED, REFUSED, "D110: the account is disabled" },
	{ 0xD111, REFUSED, REFUSED, "D111: failure of the directory" },
	{ 0xD119, REFUSED, REFUSED, "D119: the user's host is not recognised" },
	{ 0xD11C, REFUSED, REFUSED, "D11C: locked by the administrator" },
	{ 0xD11F, REFUSED, REFUSED, "D11F: already a participant" },
	{ 0xD123, REFUSED, REFUSED, "D123: the server is busy, try later" },
	{ 0xD124, REFUSED, REFUSED, "D124: object not found" },
	{ 0xD125, REFUSED, REFUSED, "D125: the directory could not be updated" },
	{ 0xD126, REFUSED, REFUSED, "D126: the folder exists already" },
	{ 0xD127, REFUSED, REFUSED, "D127: the contact is in that folder already" },
	{ 0xD128, REFUSED, REFUSED, "D128: user not allowed" },
	{ 0xD129, REFUSED, REFUSED, "D129: too many contacts" },
	{ 0xD12B, REFUSED, REFUSED, "D12B: conference not found" },
	{ 0xD12C, REFUSED, REFUSED, "D12C: too many folders" },
	{ 0xD130, REFUSED, REFUSED, "D130: protocol error, or an incompatible version" },
	{ 0xD135, REFUSED, NOT_DELIVERED, "D135: the user is offline or has blocked the sender" },
	{ 0xD139, REFUSED, NOT_DELIVERED, "D139: blocked by the other user" },
	{ 0xD13A, REFUSED, REFUSED, "D13A: the master archive is missing" },
	{ 0xD142, REFUSED, REFUSED, "D142: the password has expired (second form)" },
	{ 0xD146, CREDENTIALS, REFUSED, "D146: user or password missing" },
	{ 0xD149, CREDENTIALS, REFUSED, "D149: authentication failed" },
	{ 0xD14A, REFUSED, REFUSED, "D14A: evaluation licence: too many users at once" },
	{ 0xD14B, REFUSED, REFUSED, "D14B: client version not supported" },
	{ 0xD151, REFUSED, REFUSED, "D151: chat room exists already" },
	{ 0xD152, REFUSED, REFUSED, "D152: chat room not found" },
	{ 0xD153, REFUSED, REFUSED, "D153: bad name of a chat room" },
	{ 0xD154, REFUSED, REFUSED, "D154: chat room is in use" },
	{ 0xD155, REFUSED, REFUSED, "D155: insufficient rights in the conversation" },
	{ 0xD156, REFUSED, REFUSED, "D156: chat busy" },
	{ 0xD157, REFUSED, REFUSED, "D157: asked again too soon" },
	{ 0xD158, REFUSED, REFUSED, "D158: unchanged since the last search" },
	{ 0xD159, REFUSED, REFUSED, "D159: chat rooms are not active" },
	{ 0xD15A, REFUSED, REFUSED, "D15A: bad update" },
	{ 0xD15B, REFUSED, REFUSED, "D15B: directory mismatch" },
	{ 0xD15C, REFUSED, NOT_DELIVERED, "D15C: the recipient's version is too old" },
	{ 0xD15D, REFUSED, REFUSED, "D15D: chat room is gone" },
	/* The directory's own, which real servers pass through. */
	{ 0xAD20, REFUSED, REFUSED, "AD20: unknown result" },
	{ 0xAE0B, REFUSED, REFUSED, "AE0B: unknown result" },
};

static void each_code_has_its_class_and_its_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct gw_answer answer = { .http_status = 200, .has_code = true, .code = rows[i].code };
		uint32_t change = rows[i].code ? REFUSED : IM_OK;

		if (groupwise_refusal(&answer, REFUSAL_OF_LOGIN).code != rows[i].login ||
		    groupwise_refusal(&answer, REFUSAL_OF_DELIVERY).code != rows[i].delivery ||
		    groupwise_refusal(&answer, REFUSAL_OF_CHANGE).code != change)
			fail_msg("code %X is in another class", rows[i].code);
		assert_string_equal(groupwise_refusal(&answer, REFUSAL_OF_LOGIN).text, rows[i].text);
	}
}

static void an_answer_without_a_code_is_refused(void **state)
{
	struct refusal refusal = groupwise_refusal(&(struct gw_answer){ .http_status = 301 }, REFUSAL_OF_LOGIN);

	(void)state;
	assert_int_equal(refusal.code, IM_BACKEND_REFUSED);
	assert_string_equal(refusal.text, "HTTP status 301 without a result code");
	assert_false(groupwise_accepted(&(struct gw_answer){ .http_status = 200 }));
}

static void a_redirect_is_no_success_whatever_its_code(void **state)
{
	static const unsigned statuses[] = { 301, 404, 500 };

	(void)state;
	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
		struct gw_answer answer = { .http_status = statuses[i], .has_code = true, .code = 0 };

		assert_false(groupwise_accepted(&answer));
		assert_int_equal(groupwise_refusal(&answer, REFUSAL_OF_DELIVERY).code, IM_BACKEND_REFUSED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_code_has_its_class_and_its_words),
		cmocka_unit_test(an_answer_without_a_code_is_refused),
		cmocka_unit_test(a_redirect_is_no_success_whatever_its_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
