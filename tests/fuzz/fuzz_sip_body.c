#include "base/log.h"
#include "tests/support/sip_forms.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was read and written once is read as the same from then on. (The first time XML that stands for itself may get the namespace
 * declarations that it needs.) */
static void check(const struct xml_form *form, struct bytes raw)
{
	max_align_t room[SIP_FORM_SIZE_MAX / sizeof(max_align_t)];
	struct buf texts[3] = { { 0 } };
	struct error err = { "" };

	for (size_t i = 0; i < 3; i++) {
		if (xml_form_read(i ? buf_bytes(&texts[i - 1]) : raw, form, room, &err) < 0) {
			if (i && texts[i - 1].len <= SIP_BODY_MAX)
				bug("cannot be read again: %s", err.text);
			break;
		}
		xml_form_write(form, room, &texts[i]);
		xml_form_clear(form, room);
	}
	if (texts[2].len && !bytes_equal(buf_bytes(&texts[1]), buf_bytes(&texts[2])))
		bug("read again as something else: %s", buf_cstr(&texts[2]));
	for (size_t i = 0; i < 3; i++)
		buf_free(&texts[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t availability;
	struct buf text = { 0 };

	for (size_t i = 0; i < SIP_FORM_COUNT; i++)
		check(sip_forms[i], bytes_of(data, size));
	buf_append(&text, bytes_of(data, size));
	sip_state_read(buf_cstr(&text), &availability);
	buf_free(&text);
	return 0;
}
