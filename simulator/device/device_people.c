#include "simulator/device/device_private.h"

#define SEARCH_TIMEOUT_MS 60000

/* --- what the user does ------------------------------------------------------------------------------------------------ */

int device_contact_change(struct device *d, enum im_contact_action action, struct bytes user, struct bytes name,
	struct bytes folder, struct error *err)
{
	struct im_contact_change change = {
		.session = d->session, .action = action, .user = user, .name = name, .folder = folder,
	};

	if (device_need_session(d, "change the contact list", err) || device_check_user(user, err))
		return -1;
	if (name.len > IM_NAME_MAX)
		return error_set(err, "a name has at most %d bytes, not %zu", IM_NAME_MAX, name.len);
	if (action == IM_CONTACT_RENAME && name.len == 0)
		return error_set(err, "a name has at least one byte");
	if (folder.len > IM_NAME_MAX)
		return error_set(err, "a folder's name has at most %d bytes, not %zu", IM_NAME_MAX, folder.len);
	return device_post(d, &im_contact_change_msg, &change, user, 0, NULL, err);
}

int device_block(struct device *d, struct bytes user, bool blocked, struct error *err)
{
	struct im_block block = { .session = d->session, .user = user, .blocked = blocked };

	if (device_need_session(d, "change who is blocked", err))
		return -1;
	if (user.len && device_check_user(user, err))
		return -1;
	return device_post(d, &im_block_msg, &block, user, 0, NULL, err);
}

int device_search(struct device *d, enum im_search_field field, struct bytes text, uint32_t *sequence, struct error *err)
{
	struct im_search search = { .session = d->session, .field = field, .text = text };

	if (device_need_session(d, "search", err))
		return -1;
	if (text.len == 0 || text.len > IM_NAME_MAX)
		return error_set(err, "what is searched for has 1 to %d bytes, not %zu", IM_NAME_MAX, text.len);
	if (d->search)
		return error_set(err, "the search before is not answered yet");
	if (device_post(d, &im_search_msg, &search, (struct bytes){ 0 }, 0, &d->search, err))
		return -1;
	if (sequence)
		*sequence = d->search;
	loop_timer_set(d->search_timer, SEARCH_TIMEOUT_MS);
	return 0;
}

void device_search_over(struct device *d)
{
	d->search = 0;
	loop_timer_cancel(d->search_timer);
}

void device_search_late(void *arg)
{
	struct device *d = arg;
	uint32_t search = d->search;

	device_search_over(d);
	device_tell(d, (struct device_event){
		.type = DEVICE_EVENT_SEARCH_RESULT, .sequence = search, .reason = "no answer in time",
	});
}

/* --- what the service says --------------------------------------------------------------------------------------------- */

void device_take_contact(struct device *d, const void *message, const struct device_incoming *in)
{
	const struct im_contact_event *changed = message;
	struct device_event event = device_event_of(DEVICE_EVENT_CONTACT, in);
	struct im_contact contact = { changed->user, changed->name, changed->folder, changed->presence, changed->text };

	device_contacts_change(&d->contacts, changed);
	event.what = im_contact_action_name(changed->action);
	event.code = changed->action;
	event.contacts = &contact;
	event.contact_count = 1;
	device_tell(d, event);
}

void device_take_block(struct device *d, const void *message, const struct device_incoming *in)
{
	const struct im_block *block = message;
	struct device_event event = device_event_of(DEVICE_EVENT_BLOCK, in);

	event.quiet = !device_blocks_take(&d->blocks, block);
	event.user = block->user;
	event.code = block->blocked ? 1 : 0;
	device_tell(d, event);
}

void device_take_search_result(struct device *d, const void *message, const struct device_incoming *in)
{
	const struct im_search_result *result = message;
	struct device_event event = device_event_of(DEVICE_EVENT_SEARCH_RESULT, in);

	if (d->search == 0 || result->sequence != d->search)
		return;     /* the user does not wait for it any more */
	if (!result->more)
		device_search_over(d);
	event.sequence = result->sequence;
	event.contacts = result->contacts;
	event.contact_count = result->count;
	event.more = result->more;
	device_tell(d, event);
}
