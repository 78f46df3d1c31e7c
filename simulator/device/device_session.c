#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "simulator/device/device_private.h"

#define LOGOUT_TIMEOUT_MS 60000
#define FIRST_PATIENCE_MS 1000

static void end_session(struct device *d, const char *reason)
{
	if (d->session)
		device_record_over(d, reason);
	d->session = 0;
	loop_timer_cancel(d->deadline);
	loop_timer_cancel(d->status_timer);
	loop_timer_cancel(d->resend_timer);
	device_outbox_clear(&d->outbox);
	device_contacts_clear(&d->contacts);
	device_rooms_clear(&d->rooms);
	device_blocks_clear(&d->blocks);
	device_search_over(d);
}

/* Also in a session: the LOGIN went twice, because its answer was late, and the second one made another session. */
void device_begin_session(struct device *d, const void *arg)
{
	const struct device_accepted *accepted = arg;
	const struct im_login_ok *ok = accepted->ok;

	end_session(d, "again");
	d->forced_session = 0;
	d->session = ok->session;
	d->next_sequence = 1;
	replay_start(&d->received, 0);
	replay_committed(&d->received, UINT32_MAX);     /* a session's numbers do not outlive the process */
	d->status_interval_ms = d->settings.status_interval_ms ? d->settings.status_interval_ms
		: (uint64_t)ok->status_interval_s * 1000;
	if (d->status_interval_ms)
		loop_timer_set(d->status_timer, d->status_interval_ms);
	device_forget_login(d);
	if (ok->forget_password)
		device_forbid_password(d);
	device_tell(d, (struct device_event){
		.type = DEVICE_EVENT_LOGIN_OK, .code = ok->forget_password, .user = bytes_str(d->login_user), .name = ok->display_name, .login_id = ok->login_id,
		.elapsed_us = loop_real_us() - d->login_us, .transaction = accepted->message_id, .sizes = *accepted->sizes,
	});
	device_settle_habits(d);
	if (!device_link_is_up(d->link))
		device_happen(d, ON_LINK_LOST, NULL);
}

int device_send_once(struct device *d, const struct wire_msg *msg, const void *message, struct device_event *sent)
{
	/* A number that is done with is a sign of life as well, and does not make what waits look older. One of a message that waits would
	 * not do: the service would take it for that message. */
	bool is_far = device_outbox_ahead(&d->outbox, d->next_sequence) >= DEVICE_OUTBOX_MAX;

	if (!device_link_can_send(d->link))
		return -1;
	sent->sequence = is_far ? d->outbox.first->sequence - 1 : d->next_sequence;
	buf_clear(&d->scratch);
	im_encode(msg, sent->sequence, message, &d->scratch);
	device_record(d, "im.once", d->session, sent->sequence, "type", msg->code);
	if (device_link_send(d->link, buf_bytes(&d->scratch), false, &d->once, &sent->sizes, NULL))
		return -1;
	sent->transaction = d->once.message_id;
	if (!is_far)
		d->next_sequence++;
	return 0;
}

/* The sign of life that the service waits for; nobody acknowledges it. */
static void send_status(struct device *d)
{
	struct im_session session = { .session = d->session };
	struct device_event sent = { .type = DEVICE_EVENT_STATUS_SENT };

	if (d->silent || device_send_once(d, &im_status_msg, &session, &sent))
		return;
	d->counts.status_sent++;
	device_tell(d, sent);
}

void device_resume_session(struct device *d, const void *arg)
{
	(void)arg;
	device_tell(d, (struct device_event){ .type = DEVICE_EVENT_RESUMED });
	send_status(d);
	device_send_outbox(d, NULL);
}

void device_logged_out(struct device *d, const void *arg)
{
	uint32_t session = d->session;

	(void)arg;
	d->forced_session = 0;
	end_session(d, im_reason_name(IM_REASON_LOGOUT));
	device_tell(d, (struct device_event){ .type = DEVICE_EVENT_LOGGED_OUT, .session = session });
}

void device_forced_out(struct device *d, const void *arg)
{
	const struct im_forced_logout *out = arg;

	end_session(d, im_reason_name(out->reason));
	d->forced_session = out->session;
	device_tell(d, (struct device_event){
		.type = DEVICE_EVENT_FORCED_LOGOUT, .session = out->session, .code = out->reason, .text = out->text,
		.reason = im_reason_name(out->reason),
	});
	device_again_after(d, out->reason);
}

/* --- what the session sends ------------------------------------------------------------------------------------------- */

void device_send_letter(struct device *d, struct device_letter *letter)
{
	bool again = letter->first_us != 0;
	struct channel_sizes sizes;
	struct error err;

	if (device_link_send(d->link, buf_bytes(&letter->raw), false, &letter->sealed, &sizes, &err)) {
		letter->sealed = (struct device_sealed){ 0 };
		if (device_link_can_send(d->link))
			log_warning("message not sent device=%s seq=%u: %s", pin_text(device_own_pin(d)), letter->sequence, err.text);
		return;
	}
	letter->due_ms = loop_now_ms(d->loop) + d->settings.resend_ms;
	letter->went_again = again;
	if (again)
		d->counts.resent++;
	else
		letter->first_us = loop_real_us();
	device_tell(d, (struct device_event){
		.type = DEVICE_EVENT_SENT, .message = letter->type, .user = bytes_str(letter->to), .room = letter->room,
		.sequence = letter->sequence,
		.transaction = letter->sealed.message_id, .sizes = sizes, .peer = device_link_peer(d->link),
		.reason = again ? "again" : NULL,
	});
}

/* Sets the timer to the letter that is due first. */
static void plan_resend(struct device *d)
{
	uint64_t first = UINT64_MAX;

	for (struct device_letter *letter = d->outbox.first; letter; letter = letter->next) {
		if (letter->due_ms < first)
			first = letter->due_ms;
	}
	/* What is due while all is held goes with the rest. */
	if (d->outbox.first)
		loop_timer_set_at(d->resend_timer, first > d->outbox.held_until_ms ? first : d->outbox.held_until_ms);
}

/* In order, so that a conversation is not shuffled. */
void device_send_outbox(struct device *d, const void *arg)
{
	(void)arg;
	d->outbox.held_until_ms = 0;
	for (struct device_letter *letter = d->outbox.first; letter; letter = letter->next)
		device_send_letter(d, letter);
	plan_resend(d);
}

void device_resend_late(void *arg)
{
	struct device *d = arg;
	uint64_t now = loop_now_ms(d->loop);

	if (d->outbox.held_until_ms > now) {
		plan_resend(d);
		return;
	}
	d->outbox.held_until_ms = 0;
	for (struct device_letter *letter = d->outbox.first; letter; letter = letter->next) {
		if (letter->due_ms > now)
			continue;
		/* Without a link this one try more changes nothing: all of them go when it is back. */
		letter->due_ms = now + d->settings.resend_ms;
		device_send_letter(d, letter);
	}
	plan_resend(d);
}

/* What comes after it waits as well: it would overtake. */
static void hold(struct device *d, struct device_letter *letter)
{
	letter->sealed = (struct device_sealed){ 0 };
	letter->due_ms = d->outbox.held_until_ms;
	plan_resend(d);
}

void device_try_soon(struct device *d, struct device_letter *letter)
{
	struct device_outbox *outbox = &d->outbox;

	/* Of several that went together the first one says how long. */
	if (!outbox->held_until_ms) {
		outbox->patience_ms = outbox->patience_ms ? outbox->patience_ms * 2 : FIRST_PATIENCE_MS;
		if (outbox->patience_ms > d->settings.resend_ms)
			outbox->patience_ms = d->settings.resend_ms;
		outbox->held_until_ms = loop_now_ms(d->loop) + outbox->patience_ms;
	}
	hold(d, letter);
}

void device_service_is_there(struct device *d)
{
	d->outbox.patience_ms = 0;
	if (!d->outbox.held_until_ms)
		return;
	d->outbox.held_until_ms = 0;
	for (struct device_letter *letter = d->outbox.first; letter; letter = letter->next) {
		if (!letter->sealed.message_id)
			device_send_letter(d, letter);
	}
	plan_resend(d);
}

int device_post(struct device *d, const struct wire_msg *msg, const void *message, struct bytes to, uint32_t room,
	uint32_t *sequence, struct error *err)
{
	struct device_letter *letter;

	if (d->outbox.count >= DEVICE_OUTBOX_MAX)
		return error_set(err, "%d messages are not acknowledged yet", DEVICE_OUTBOX_MAX);
	if (device_outbox_ahead(&d->outbox, d->next_sequence) >= DEVICE_OUTBOX_MAX)
		return error_set(err, "message %u is not acknowledged yet, and %d went after it", d->outbox.first->sequence,
			DEVICE_OUTBOX_MAX - 1);
	letter = device_outbox_add(&d->outbox);
	letter->sequence = d->next_sequence++;
	letter->type = (enum im_type)msg->code;
	letter->to = bytes_dup(to);
	letter->room = room;
	letter->due_ms = loop_now_ms(d->loop) + d->settings.resend_ms;
	im_encode(msg, letter->sequence, message, &letter->raw);
	if (sequence)
		*sequence = letter->sequence;
	device_record_said(d, letter->sequence, msg, message, to);
	if (d->outbox.held_until_ms)
		hold(d, letter);
	else
		device_send_letter(d, letter);
	if (!loop_timer_is_set(d->resend_timer))
		plan_resend(d);
	return 0;
}

int device_need_session(const struct device *d, const char *to_do, struct error *err)
{
	if (d->state == DEVICE_ONLINE || d->state == DEVICE_WAITING)
		return 0;
	return error_set(err, "cannot %s while %s", to_do, device_state_name(d->state));
}

void device_wait_for_logout(struct device *d, const void *arg)
{
	(void)arg;
	loop_timer_cancel(d->status_timer);
	loop_timer_set(d->deadline, LOGOUT_TIMEOUT_MS);
}

int device_logout(struct device *d, struct error *err)
{
	struct im_session session = { .session = d->session };

	if (device_again_stop(d) && d->state == DEVICE_LOGGED_OUT) {
		device_record(d, "login.dropped", 0, 0, NULL, 0);
		return 0;      /* the login that was planned is not wanted any more */
	}
	if (d->state == DEVICE_LOGGING_IN) {
		device_record(d, "login.dropped", 0, 0, NULL, 0);
		device_happen(d, ON_REFUSED, &(struct device_event){ .text = bytes_str("Failed"), .reason = "given up by the user" });
		return 0;
	}
	if (device_need_session(d, "log out", err) || device_post(d, &im_logout_msg, &session, (struct bytes){ 0 }, 0, NULL, err))
		return -1;
	device_happen(d, ON_LOGOUT, NULL);
	return 0;
}

void device_status_due(void *arg)
{
	struct device *d = arg;

	if (d->state == DEVICE_ONLINE)
		send_status(d);
	loop_timer_set(d->status_timer, d->status_interval_ms);
}
