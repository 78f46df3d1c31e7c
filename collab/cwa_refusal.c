#include "collab/cwa_refusal.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"
#include "protocol/cwa/codes.h"

static uint32_t class_of(uint32_t number, enum cwa_asked what)
{
	switch (number) {
	case CWA_INVALID_REQUEST:
		return what == CWA_ASKED_SIGN_IN ? IM_BAD_CREDENTIALS : IM_BACKEND_REFUSED;
	case CWA_THROTTLED:
		return what == CWA_ASKED_SESSION ? IM_FAILED_CAPACITY : IM_BACKEND_REFUSED;
	case CWA_OCS_FAILURE:
		return what == CWA_ASKED_DELIVERY ? IM_NOT_DELIVERED : IM_BACKEND_REFUSED;
	case CWA_OCS_TIMEOUT:
	case CWA_CONNECTION_FAILED:
	case CWA_TLS_FAILED:
		return what == CWA_ASKED_DELIVERY ? IM_NOT_DELIVERED : IM_UNREACHABLE;
	default:
		return IM_BACKEND_REFUSED;
	}
}

/* Two pages of the documents have two sets of attributes. */
static const char *words_of(const struct cwa_node *error)
{
	const char *detail = cwa_attribute(error, "detail"), *description = cwa_attribute(error, "description");

	return detail && *detail ? detail : description ? description : "";
}

static void describe(const struct cwa_node *error, uint32_t number, char *out, size_t size)
{
	const struct cwa_node *sip = cwa_child(error, "sipResponse");
	const char *name = cwa_code_name(number), *words = words_of(error);
	const char *code = sip ? cwa_attribute(sip, "code") : NULL, *text = sip ? cwa_attribute(sip, "description") : NULL;
	const char *reason = sip ? cwa_attribute(sip, "reason") : NULL;

	if (code && *code)
		snprintf(out, size, "%u %s: %s %s", number, name ? name : "", log_str(code), reason ? log_str(reason) : text ? log_str(text) : "");
	else
		snprintf(out, size, "%u %s%s%s", number, name ? name : "", *words ? ": " : "", log_str(words));
}

struct cwa_refusal cwa_refusal(const struct cwa_node *error, enum cwa_asked what)
{
	struct cwa_refusal refusal = { .code = IM_BACKEND_REFUSED, .text = "refused without a reason" };
	uint64_t number = 0;

	if (!error || !cwa_number(cwa_attribute(error, "code"), UINT32_MAX, &number))
		return refusal;
	refusal.number = (uint32_t)number;
	refusal.code = class_of(refusal.number, what);
	describe(error, refusal.number, refusal.text, sizeof refusal.text);
	return refusal;
}

struct cwa_refusal cwa_refusal_of(uint32_t code, const char *format, ...)
{
	struct cwa_refusal refusal = { .code = code };
	va_list args;

	va_start(args, format);
	vsnprintf(refusal.text, sizeof refusal.text, format, args);
	va_end(args);
	return refusal;
}
