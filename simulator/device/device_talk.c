#include "simulator/device/device_private.h"

/* --- what the user says ------------------------------------------------------------------------------------------------ */

int device_check_user(struct bytes user, struct error *err)
{
	if (user.len > 0 && user.len <= IM_USER_MAX)
		return 0;
	return error_set(err, "a user ID has 1 to %d bytes, not %zu", IM_USER_MAX, user.len);
}

int device_send(struct device *d, struct bytes to, struct bytes text, uint32_t *sequence, struct error *err)
{
	struct im_message message = { .session = d->session, .to = to, .text = text };

	if (device_need_session(d, "send", err) || device_check_user(to, err))
		return -1;
	if (text.len > IM_TEXT_MAX)
		return error_set(err, "a message has at most %d bytes, not %zu", IM_TEXT_MAX, text.len);
	if (device_post(d, &im_message_msg, &message, to, 0, sequence, err))
		return -1;
	d->counts.messages_out++;
	return 0;
}

int device_post_presence(struct device *d, enum im_presence presence, struct bytes text, struct error *err)
{
	struct im_presence_set set = { .session = d->session, .presence = presence, .text = text };

	return device_post(d, &im_presence_set_msg, &set, (struct bytes){ 0 }, 0, NULL, err);
}

int device_presence(struct device *d, enum im_presence presence, struct bytes text, struct error *err)
{
	if (device_need_session(d, "set the status", err))
		return -1;
	if (text.len > IM_STATUS_TEXT_MAX)
		return error_set(err, "a status text has at most %d bytes, not %zu", IM_STATUS_TEXT_MAX, text.len);
	if (device_post_presence(d, presence, text, err))
		return -1;
	device_keep_presence(d, presence, text);
	return 0;
}

/* Worth nothing a minute later: it is not kept for when the link is back. */
int device_typing(struct device *d, uint32_t room, struct bytes user, bool on, struct error *err)
{
	const struct device_room *in = room ? device_rooms_find(&d->rooms, room) : NULL;
	struct im_typing typing = { .session = d->session, .room = in ? in->handle : 0, .user = user, .on = on };
	struct device_event sent = { .type = DEVICE_EVENT_SENT };

	if (device_need_session(d, "tell that you type", err))
		return -1;
	if (room && !in)
		return error_set(err, "there is no room %u", room);
	if (!room && device_check_user(user, err))
		return -1;
	if (device_send_once(d, &im_typing_msg, &typing, &sent))
		return error_set(err, "cannot tell that you type without a link");
	return 0;
}

/* --- what the service says --------------------------------------------------------------------------------------------- */

void device_take_message(struct device *d, const void *message, const struct device_incoming *in)
{
	const struct im_message_event *said = message;
	struct device_event event = device_event_of(DEVICE_EVENT_MESSAGE, in);

	d->counts.messages_in++;
	event.user = said->from;
	event.name = said->name;
	event.text = said->text;
	event.what = im_message_kind_name(said->kind);
	device_tell(d, event);
}

void device_take_presence(struct device *d, const void *message, const struct device_incoming *in)
{
	const struct im_presence_event *presence = message;
	struct device_event event = device_event_of(DEVICE_EVENT_PRESENCE, in);

	device_contacts_presence(&d->contacts, presence);
	event.user = presence->user;
	event.code = presence->presence;
	event.text = presence->text;
	device_tell(d, event);
}

void device_take_typing(struct device *d, const void *message, const struct device_incoming *in)
{
	const struct im_typing *typing = message;
	const struct device_room *room = typing->room ? device_rooms_by_handle(&d->rooms, typing->room) : NULL;
	struct device_event event = device_event_of(DEVICE_EVENT_TYPING, in);

	if (typing->room && !room)
		return;     /* in a room that the user has left */
	event.room = room ? room->number : 0;
	event.user = typing->user;
	event.code = typing->on ? 1 : 0;
	device_tell(d, event);
}
