#include "base/io/history.h"
#include "base/log.h"
#include "simulator/device/device_private.h"

/* What the history has of a device: what its user did and was told, and what went and came. Texts and passwords are not in it. */

void device_record(struct device *d, const char *event, uint32_t session, uint32_t sequence, const char *name, uint64_t value)
{
	if (trail_is_heard(d->settings.records))
		trail_record(d->settings.records, &(struct trail_entry){ .event = event, .pin = d->settings.identity->pin,
			.numbers = { { "session", session }, { "sequence", sequence }, { name, value } } });
}

void device_record_login(struct device *d)
{
	struct trail_entry entry = { .event = "login.began", .pin = d->settings.identity->pin,
		.numbers = { { "sequence", d->login_sequence }, { "by_itself", d->again } } };

	if (!trail_is_heard(d->settings.records))
		return;
	trail_text(&entry, "user=%s", log_str(d->login_user));
	trail_record(d->settings.records, &entry);
}

void device_record_said(struct device *d, uint32_t sequence, const struct wire_msg *msg, const void *message, struct bytes to)
{
	struct trail_entry entry = { .event = "im.said", .pin = d->settings.identity->pin,
		.numbers = { { "session", d->session }, { "sequence", sequence }, { "type", msg->code } } };

	if (!trail_is_heard(d->settings.records))
		return;
	if (msg == &im_presence_set_msg) {
		history_number(&entry, "presence", ((const struct im_presence_set *)message)->presence);
		history_number(&entry, "bytes", ((const struct im_presence_set *)message)->text.len);
	}
	if (to.len)
		trail_text(&entry, "to=%s", log_value(to));
	trail_record(d->settings.records, &entry);
}

void device_record_over(struct device *d, const char *reason)
{
	struct trail_entry entry = { .event = "session.over", .pin = d->settings.identity->pin,
		.numbers = { { "session", d->session }, { "sequence", 0 }, { "unanswered", d->outbox.count } } };

	if (!trail_is_heard(d->settings.records))
		return;
	trail_text(&entry, "reason=%s", reason);
	trail_record(d->settings.records, &entry);
}

/* How a login ended; code 0 without a session: nobody answered. */
static void record_answer(struct device *d, const struct device_event *event, uint32_t code, uint32_t session)
{
	struct trail_entry entry = { .event = "login.told", .pin = d->settings.identity->pin, .numbers = { { "code", code },
		{ "session", session }, { "sequence", d->login_sequence } } };

	trail_text(&entry, "login=%s", log_value(event->login_id));
	trail_record(d->settings.records, &entry);
}

void device_record_event(struct device *d, const struct device_event *event)
{
	if (!trail_is_heard(d->settings.records))
		return;
	switch (event->type) {
	case DEVICE_EVENT_LOGIN_SENT:
		trail_record(d->settings.records, &(struct trail_entry){ .event = "login.sent", .pin = event->pin,
			.transaction = event->transaction, .numbers = { { "sequence", event->sequence } } });
		break;
	case DEVICE_EVENT_LOGIN_OK:
		record_answer(d, event, IM_OK, event->session);
		break;
	case DEVICE_EVENT_LOGIN_FAILED:
		record_answer(d, event, event->code, 0);
		break;
	case DEVICE_EVENT_PLEASE_LOGIN:
		device_record(d, "login.asked", event->session, 0, "by_itself", event->code);
		break;
	case DEVICE_EVENT_SENT:
		device_record(d, "im.sent", event->session, event->sequence, "type", event->message);
		break;
	case DEVICE_EVENT_COVERAGE:
		device_record(d, "device.coverage", event->session, 0, "on", event->code);
		break;
	default:      /* the rest is for the person */
		break;
	}
}
