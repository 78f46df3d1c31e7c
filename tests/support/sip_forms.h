#ifndef BRAMBLE_TESTS_SUPPORT_SIP_FORMS_H
#define BRAMBLE_TESTS_SUPPORT_SIP_FORMS_H

/* All XML bodies of SIP, and a walk over what one was read as. */
#include "protocol/sip/conference.h"
#include "protocol/sip/im.h"
#include "protocol/sip/presence.h"
#include "protocol/sip/roster.h"

static const struct xml_form *const sip_forms[] = {
	&sip_contact_list_form, &sip_contact_delta_form, &sip_soap_form, &sip_categories_form, &sip_publish_form, &sip_fault_form,
	&sip_set_members_form, &sip_set_subscribers_form, &sip_roaming_data_form, &sip_roaming_list_form, &sip_batch_form,
	&sip_provision_form, &sip_keyboard_form, &sip_presentity_form, &sip_pidf_form, &sip_adhoc_list_form, &sip_resource_list_form,
	&sip_provision_v1_form, &sip_acl_form, &sip_watchers_form, &sip_conference_info_form,
	&sip_cccp_request_form, &sip_cccp_response_form, &sip_conf_invite_form,
};

#define SIP_FORM_COUNT (sizeof sip_forms / sizeof sip_forms[0])
#define SIP_FORM_SIZE_MAX 256

/* `contactList deltaNum=7 [group id=1 name=~ externalURI=] ...`: what is absent is not shown, what stands as XML is in braces. */
static inline void sip_form_show(const struct xml_form *form, const void *in, struct buf *out)
{
	buf_text(out, form->name);
	for (const struct xml_field *f = form->fields; f->kind != XML_END; f++) {
		const char *at = (const char *)in + f->offset;

		if (f->kind == XML_ONE && *(void *const *)at) {
			buf_text(out, " [");
			sip_form_show(f->form, *(void *const *)at, out);
			buf_text(out, "]");
		} else if (f->kind == XML_MANY) {
			for (size_t i = 0; i < *(const size_t *)((const char *)in + f->count_offset); i++) {
				buf_text(out, " [");
				sip_form_show(f->form, *(char *const *)at + i * f->form->size, out);
				buf_text(out, "]");
			}
		} else if ((f->kind == XML_INNER || f->kind == XML_OTHERS) && *(char *const *)at) {
			buf_printf(out, " {%s}", *(char *const *)at);
		} else if (f->kind == XML_TEXT && *(char *const *)at) {
			buf_printf(out, " \"%s\"", *(char *const *)at);
		} else if (f->kind == XML_ATTRIBUTE || f->kind == XML_CHILD) {
			if (f->type == XML_STRING && *(char *const *)at)
				buf_printf(out, " %s=%s", f->name, *(char *const *)at);
			else if (f->type == XML_NUMBER && (f->presence != XML_OPTIONAL || *(const uint32_t *)at))
				buf_printf(out, " %s=%u", f->name, *(const uint32_t *)at);
			else if (f->type == XML_FLAG && *(const bool *)at)
				buf_printf(out, " %s", f->name);
		}
	}
}

#endif
