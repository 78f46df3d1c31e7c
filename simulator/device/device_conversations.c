#include "base/log.h"
#include "simulator/device/device_private.h"

/* --- what the user does ------------------------------------------------------------------------------------------------ */

static struct device_room *room_for(struct device *d, uint32_t number, const char *to_do, struct error *err)
{
	struct device_room *room;

	if (device_need_session(d, to_do, err))
		return NULL;
	room = device_rooms_find(&d->rooms, number);
	if (!room)
		error_set(err, "there is no room %u", number);
	else if (room->state == DEVICE_ROOM_LEAVING)
		error_set(err, "you have left room %u", number);
	else
		return room;
	return NULL;
}

/* The same, for what only somebody who is in it can do. */
static struct device_room *room_joined(struct device *d, uint32_t number, const char *to_do, struct error *err)
{
	struct device_room *room = room_for(d, number, to_do, err);

	if (room && room->state == DEVICE_ROOM_INVITED) {
		error_set(err, "the invitation to room %u is not answered yet", number);
		return NULL;
	}
	return room;
}

static void list_users(const struct bytes *users, size_t count, struct buf *out)
{
	for (size_t i = 0; i < count; i++) {
		if (i)
			buf_text(out, ", ");
		buf_append(out, users[i]);
	}
}

int device_room_open(struct device *d, const struct bytes *users, size_t count, uint32_t *number, struct error *err)
{
	struct im_room_open open = { .session = d->session, .count = count };
	struct device_room *room;
	struct buf names = { 0 };

	if (device_need_session(d, "open a room", err))
		return -1;
	if (count > IM_ROOM_USERS_MAX)
		return error_set(err, "a room is made with at most %d people, not %zu; invite the others then", IM_ROOM_USERS_MAX, count);
	for (size_t i = 0; i < count; i++) {
		if (device_check_user(users[i], err))
			return -1;
		open.users[i].user = users[i];
	}
	room = device_rooms_add(&d->rooms, 0, DEVICE_ROOM_PENDING, (struct bytes){ 0 });
	if (!room)
		return error_set(err, "you are in %d rooms already", DEVICE_ROOMS_MAX);
	open.room = room->handle;
	*number = room->number;
	if (device_post(d, &im_room_open_msg, &open, (struct bytes){ 0 }, room->number, NULL, err)) {
		device_rooms_remove(&d->rooms, room);
		return -1;
	}
	list_users(users, count, &names);
	device_tell(d, (struct device_event){
		.type = DEVICE_EVENT_ROOM_OPENING, .room = *number, .text = buf_bytes(&names),
	});
	buf_free(&names);
	return 0;
}

int device_room_invite(struct device *d, uint32_t number, struct bytes user, struct bytes text, struct error *err)
{
	struct device_room *room = room_joined(d, number, "invite", err);
	struct im_room_invite invite = { .session = d->session, .room = room ? room->handle : 0, .user = user, .text = text };

	if (!room || device_check_user(user, err))
		return -1;
	if (text.len > IM_STATUS_TEXT_MAX)
		return error_set(err, "the words of an invitation have at most %d bytes, not %zu", IM_STATUS_TEXT_MAX, text.len);
	return device_post(d, &im_room_invite_msg, &invite, user, number, NULL, err);
}

int device_room_answer(struct device *d, uint32_t number, bool accept, struct error *err)
{
	struct device_room *room = room_for(d, number, "answer", err);
	struct im_room_answer answer = { .session = d->session, .room = room ? room->handle : 0, .accept = accept };

	if (!room)
		return -1;
	if (room->state != DEVICE_ROOM_INVITED)
		return error_set(err, "no invitation to room %u waits for an answer", number);
	if (device_post(d, &im_room_answer_msg, &answer, bytes_str(room->inviter), number, NULL, err))
		return -1;
	room->state = accept ? DEVICE_ROOM_PENDING : DEVICE_ROOM_LEAVING;
	return 0;
}

int device_room_leave(struct device *d, uint32_t number, struct error *err)
{
	struct device_room *room = room_joined(d, number, "leave", err);
	struct im_room_leave leave = { .session = d->session, .room = room ? room->handle : 0 };

	if (!room || device_post(d, &im_room_leave_msg, &leave, (struct bytes){ 0 }, number, NULL, err))
		return -1;
	room->state = DEVICE_ROOM_LEAVING;
	return 0;
}

int device_room_say(struct device *d, uint32_t number, struct bytes text, struct error *err)
{
	struct device_room *room = room_joined(d, number, "say that", err);
	struct im_room_message message = { .session = d->session, .room = room ? room->handle : 0, .text = text };

	if (!room)
		return -1;
	if (text.len > IM_TEXT_MAX)
		return error_set(err, "a message has at most %d bytes, not %zu", IM_TEXT_MAX, text.len);
	if (device_post(d, &im_room_message_msg, &message, (struct bytes){ 0 }, number, NULL, err))
		return -1;
	d->counts.messages_out++;
	return 0;
}

void device_room_answered(struct device *d, enum im_type type, uint32_t number, uint32_t code)
{
	struct device_room *room = device_rooms_find(&d->rooms, number);
	bool enters = type == IM_ROOM_OPEN || type == IM_ROOM_ANSWER;

	if (!room)
		return;
	if (room->state == DEVICE_ROOM_LEAVING ? type == IM_ROOM_LEAVE || type == IM_ROOM_ANSWER : enters && code != IM_OK)
		device_rooms_remove(&d->rooms, room);
	else if (enters && room->state == DEVICE_ROOM_PENDING)
		room->state = DEVICE_ROOM_OPEN;
}

/* --- what the service says --------------------------------------------------------------------------------------------- */

/* More invitations than a device keeps: somebody plays. */
static void decline(struct device *d, uint32_t handle)
{
	struct im_room_answer answer = { .session = d->session, .room = handle };
	struct error err;

	log_info("invitation declined, too many rooms device=%s", pin_text(device_own_pin(d)));
	if (device_post(d, &im_room_answer_msg, &answer, (struct bytes){ 0 }, 0, NULL, &err))
		log_info("invitation not answered device=%s: %s", pin_text(device_own_pin(d)), err.text);
}

static struct device_room *room_of(struct device *d, const struct im_room_event *happened)
{
	struct device_room *room = device_rooms_by_handle(&d->rooms, happened->room);

	if (room || happened->event != IM_ROOM_INVITED || happened->room <= IM_ROOM_DEVICE_MAX)
		return room;
	room = device_rooms_add(&d->rooms, happened->room, DEVICE_ROOM_INVITED, happened->user);
	if (!room)
		decline(d, happened->room);
	return room;
}

void device_take_room_event(struct device *d, const void *message, const struct device_incoming *in)
{
	const struct im_room_event *happened = message;
	struct device_room *room = room_of(d, happened);
	struct device_event event = device_event_of(DEVICE_EVENT_ROOM, in);

	if (!room)
		return;     /* one that the user has left */
	if (happened->event == IM_ROOM_JOINED || happened->event == IM_ROOM_PRESENT)
		device_room_enter(room, happened->user);
	else if (happened->event == IM_ROOM_LEFT)
		device_room_exit(room, happened->user);
	event.room = room->number;
	event.what = im_room_happening_name(happened->event);
	event.code = happened->event;
	event.user = happened->user;
	event.name = happened->name;
	event.text = happened->text;
	if (happened->event == IM_ROOM_CLOSED)
		device_rooms_remove(&d->rooms, room);
	device_tell(d, event);
}

void device_take_room_message(struct device *d, const void *message, const struct device_incoming *in)
{
	const struct im_room_message_event *said = message;
	const struct device_room *room = device_rooms_by_handle(&d->rooms, said->room);
	struct device_event event = device_event_of(DEVICE_EVENT_ROOM_MESSAGE, in);

	if (!room)
		return;
	d->counts.messages_in++;
	event.room = room->number;
	event.user = said->from;
	event.name = said->name;
	event.text = said->text;
	device_tell(d, event);
}
