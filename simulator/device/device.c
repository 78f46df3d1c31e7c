#include "simulator/device/device.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/trail.h"
#include "simulator/device/device_private.h"

#define LOGIN_TIMEOUT_MS 60000
#define RESEND_MS 30000

static const char *const state_names[] = {
	[DEVICE_LOGGED_OUT] = "logged-out",
	[DEVICE_LOGGING_IN] = "logging-in",
	[DEVICE_ONLINE] = "online",
	[DEVICE_WAITING] = "waiting",
	[DEVICE_LOGGING_OUT] = "logging-out",
};

const char *device_state_name(enum device_state state)
{
	return state_names[state];
}

const char *device_event_name(enum device_event_type type)
{
	static const char *const names[DEVICE_EVENT_COUNT] = {
		[DEVICE_EVENT_LINK_UP] = "link-up",
		[DEVICE_EVENT_LINK_DOWN] = "link-down",
		[DEVICE_EVENT_LINK_REFUSED] = "link-refused",
		[DEVICE_EVENT_COVERAGE] = "coverage",
		[DEVICE_EVENT_LOGIN_SENT] = "login-sent",
		[DEVICE_EVENT_LOGIN_OK] = "login-ok",
		[DEVICE_EVENT_LOGIN_FAILED] = "login-failed",
		[DEVICE_EVENT_SENT] = "sent",
		[DEVICE_EVENT_ACK] = "ack",
		[DEVICE_EVENT_MESSAGE] = "message",
		[DEVICE_EVENT_PRESENCE] = "presence",
		[DEVICE_EVENT_CONTACTS] = "contacts",
		[DEVICE_EVENT_TYPING] = "typing",
		[DEVICE_EVENT_ROOM_OPENING] = "room-opening",
		[DEVICE_EVENT_ROOM] = "room",
		[DEVICE_EVENT_ROOM_MESSAGE] = "room-message",
		[DEVICE_EVENT_CONTACT] = "contact",
		[DEVICE_EVENT_BLOCK] = "block",
		[DEVICE_EVENT_SEARCH_RESULT] = "search-result",
		[DEVICE_EVENT_IDLE] = "idle",
		[DEVICE_EVENT_LOGIN_AGAIN] = "login-again",
		[DEVICE_EVENT_WAITING] = "waiting",
		[DEVICE_EVENT_RESUMED] = "resumed",
		[DEVICE_EVENT_STATUS_SENT] = "status-sent",
		[DEVICE_EVENT_FORCED_LOGOUT] = "forced-logout",
		[DEVICE_EVENT_PLEASE_LOGIN] = "please-login",
		[DEVICE_EVENT_LOGGED_OUT] = "logged-out",
		[DEVICE_EVENT_RETURNED] = "returned",
	};

	return names[type];
}

void device_record(struct device *d, const char *event, uint32_t session, uint32_t sequence, const char *name, uint64_t value)
{
	if (trail_is_heard(d->settings.records))
		trail_record(d->settings.records, &(struct trail_entry){ .event = event, .pin = d->settings.identity->pin,
			.numbers = { { "session", session }, { "sequence", sequence }, { name, value } } });
}

/* How a login ended; code 0 without a session: nobody answered. */
static void record_answer(struct device *d, const struct device_event *event, uint32_t session)
{
	struct trail_entry entry = { .event = "login.told", .pin = d->settings.identity->pin, .numbers = { { "code", event->code },
		{ "session", session }, { "sequence", d->login_sequence } } };

	trail_text(&entry, "login=%s", log_value(event->login_id));
	trail_record(d->settings.records, &entry);
}

/* What of it the history has; the rest is for the person. */
static void record_event(struct device *d, const struct device_event *event)
{
	switch (event->type) {
	case DEVICE_EVENT_LOGIN_SENT:
		trail_record(d->settings.records, &(struct trail_entry){ .event = "login.sent", .pin = event->pin,
			.transaction = event->transaction, .numbers = { { "sequence", event->sequence } } });
		break;
	case DEVICE_EVENT_LOGIN_OK:
		record_answer(d, &(struct device_event){ .login_id = event->login_id }, event->session);
		break;
	case DEVICE_EVENT_LOGIN_FAILED:
		record_answer(d, event, 0);
		break;
	case DEVICE_EVENT_SENT:
		device_record(d, "im.sent", event->session, event->sequence, "type", event->message);
		break;
	case DEVICE_EVENT_COVERAGE:
		device_record(d, "device.coverage", event->session, 0, "on", event->code);
		break;
	default:
		break;
	}
}

void device_tell(struct device *d, struct device_event event)
{
	event.at_us = loop_real_us();
	event.pin = d->settings.identity->pin;
	if (!event.session)
		event.session = d->session;
	if (trail_is_heard(d->settings.records))
		record_event(d, &event);
	d->callbacks.event(d->ctx, &event);
}

/* --- the state machine ----------------------------------------------------------------------------------------------- */

#define IN(state) (1u << (state))

static void send_login(struct device *d, const void *arg);
static void login_refused(struct device *d, const void *arg);
static void login_late(struct device *d, const void *arg);
static void wait_for_link(struct device *d, const void *arg);

/* What does not stand here is not accepted in that state: it changes nothing. */
static const struct transition {
	unsigned states;
	enum happening happening;
	enum device_state next;
	void (*act)(struct device *d, const void *arg);
} transitions[] = {
	{ IN(DEVICE_LOGGED_OUT), ON_LOGIN, DEVICE_LOGGING_IN, send_login },
	{ IN(DEVICE_LOGGING_IN), ON_LINK_BACK, DEVICE_LOGGING_IN, send_login },
	{ IN(DEVICE_LOGGING_IN) | IN(DEVICE_ONLINE), ON_ACCEPTED, DEVICE_ONLINE, device_begin_session },
	{ IN(DEVICE_LOGGING_IN), ON_REFUSED, DEVICE_LOGGED_OUT, login_refused },
	{ IN(DEVICE_LOGGING_IN), ON_DEADLINE, DEVICE_LOGGED_OUT, login_late },
	{ IN(DEVICE_ONLINE), ON_LINK_LOST, DEVICE_WAITING, wait_for_link },
	{ IN(DEVICE_WAITING), ON_LINK_BACK, DEVICE_ONLINE, device_resume_session },
	{ IN(DEVICE_ONLINE) | IN(DEVICE_WAITING), ON_LOGOUT, DEVICE_LOGGING_OUT, device_wait_for_logout },
	{ IN(DEVICE_LOGGING_OUT), ON_LINK_BACK, DEVICE_LOGGING_OUT, device_send_outbox },
	{ IN(DEVICE_LOGGING_OUT), ON_LOGOUT_DONE, DEVICE_LOGGED_OUT, device_logged_out },
	{ IN(DEVICE_LOGGING_OUT), ON_DEADLINE, DEVICE_LOGGED_OUT, device_logged_out },
	{ IN(DEVICE_ONLINE) | IN(DEVICE_WAITING) | IN(DEVICE_LOGGING_OUT), ON_FORCED, DEVICE_LOGGED_OUT, device_forced_out },
};

void device_happen(struct device *d, enum happening happening, const void *arg)
{
	for (size_t i = 0; i < sizeof transitions / sizeof transitions[0]; i++) {
		const struct transition *t = &transitions[i];

		if (t->happening == happening && t->states & IN(d->state)) {
			d->state = t->next;
			t->act(d, arg);
			return;
		}
	}
}

/* --- logging in ------------------------------------------------------------------------------------------------------ */

void device_forget_login(struct device *d)
{
	loop_timer_cancel(d->deadline);
	buf_wipe(&d->login);       /* it holds the password */
	d->login_id = 0;
}

static void send_login(struct device *d, const void *arg)
{
	struct channel_sizes sizes;
	struct error err;

	(void)arg;
	if (d->login_taken || !device_link_can_send(d->link))
		return;     /* it is sent as soon as the link is up */
	if (device_link_send(d->link, buf_bytes(&d->login), true, &d->login_id, &sizes, &err)) {
		device_happen(d, ON_REFUSED, &(struct device_event){ .text = bytes_str("Failed"), .reason = err.text });
		return;
	}
	device_tell(d, (struct device_event){
		.type = DEVICE_EVENT_LOGIN_SENT, .user = bytes_str(d->login_user), .sequence = d->login_sequence,
		.transaction = d->login_id, .sizes = sizes, .peer = device_link_peer(d->link),
	});
}

static void login_refused(struct device *d, const void *arg)
{
	struct device_event event = *(const struct device_event *)arg;

	event.type = DEVICE_EVENT_LOGIN_FAILED;
	event.user = bytes_str(d->login_user);
	event.elapsed_us = loop_real_us() - d->login_us;
	device_forget_login(d);
	device_tell(d, event);
	device_again_refused(d, event.code);
}

static void login_late(struct device *d, const void *arg)
{
	(void)arg;
	login_refused(d, &(struct device_event){ .text = bytes_str("Failed"), .reason = "no answer in time" });
}

int device_begin_login(struct device *d, struct bytes user, struct bytes password, struct error *err)
{
	struct im_login login = { .user = user, .password = password, .capabilities = IM_CAPABLE_LOGIN_ID | IM_CAPABLE_POLICY };

	if (d->state != DEVICE_LOGGED_OUT)
		return error_set(err, "cannot log in while %s", device_state_name(d->state));
	if (!device_link_has_coverage(d->link))
		return error_set(err, "cannot log in out of coverage");
	if (device_check_user(user, err))
		return -1;
	if (password.len > IM_PASSWORD_MAX)
		return error_set(err, "a password has at most %d bytes, not %zu", IM_PASSWORD_MAX, password.len);
	free(d->login_user);
	d->login_user = bytes_dup(user);
	buf_wipe(&d->login);
	im_encode(&im_login_msg, ++d->login_sequence, &login, &d->login);
	d->login_taken = false;
	d->login_us = loop_real_us();
	loop_timer_set(d->deadline, d->settings.login_timeout_ms);
	device_happen(d, ON_LOGIN, NULL);
	return 0;
}

int device_login(struct device *d, struct bytes user, struct bytes password, struct error *err)
{
	struct bytes kept;

	if (d->state == DEVICE_LOGGED_OUT)
		device_again_stop(d);
	if (password.len == 0 && device_kept_password(d, user, &kept))
		return device_begin_login(d, user, kept, err);
	if (device_begin_login(d, user, password, err))
		return -1;
	if (d->state == DEVICE_LOGGING_IN)
		device_keep_password(d, user, password);
	return 0;
}

/* --- what becomes of the link ------------------------------------------------------------------------------------------ */

static void wait_for_link(struct device *d, const void *arg)
{
	(void)arg;
	device_tell(d, (struct device_event){ .type = DEVICE_EVENT_WAITING });
}

static void link_up(void *ctx)
{
	struct device *d = ctx;

	device_tell(d, (struct device_event){ .type = DEVICE_EVENT_LINK_UP, .peer = device_link_peer(d->link) });
	if (!device_link_is_up(d->link))
		return;
	device_happen(d, ON_LINK_BACK, NULL);
	device_again_linked(d);
}

static void link_down(void *ctx, const char *why)
{
	struct device *d = ctx;

	device_tell(d, (struct device_event){ .type = DEVICE_EVENT_LINK_DOWN, .text = bytes_str(why) });
	device_happen(d, ON_LINK_LOST, NULL);
}

static void link_refused(void *ctx, const char *why)
{
	device_tell(ctx, (struct device_event){ .type = DEVICE_EVENT_LINK_REFUSED, .text = bytes_str(why) });
}

static void link_drained(void *ctx)
{
	struct device *d = ctx;

	if (d->state == DEVICE_LOGGING_IN && !d->login_id)
		send_login(d, NULL);
	for (struct device_letter *letter = d->outbox.first; letter && !d->outbox.held_until_ms; letter = letter->next) {
		if (!letter->message_id)
			device_send_letter(d, letter);
	}
}

static void link_taken(void *ctx, uint32_t message_id)
{
	struct device *d = ctx;

	if (d->state == DEVICE_LOGGING_IN && message_id == d->login_id)
		d->login_taken = true;
}

/* An error receipt is not protected, anybody on the way could have made it: it may end a login, which a lost message would end as
 * well, but not a session. One that says that the service is overloaded ends what it names as well, or devices would go on asking for what
 * cannot be done: but for a logout, and for what went several times, of which another may have been passed on. */
static void link_failed(void *ctx, uint32_t message_id, uint32_t code, const char *text)
{
	struct device *d = ctx;
	bool is_login = d->state == DEVICE_LOGGING_IN && message_id && message_id == d->login_id;
	struct device_letter *letter = device_outbox_by_id(&d->outbox, message_id);

	d->counts.returned++;
	device_tell(d, (struct device_event){
		.type = DEVICE_EVENT_RETURNED, .transaction = message_id, .code = code, .text = bytes_str(text),
	});
	if (is_login)
		device_happen(d, ON_REFUSED, &(struct device_event){ .code = code == GME_OVERLOADED ? IM_OVERLOADED : 0,
			.text = bytes_str("Failed"), .reason = text });
	else if (letter && code == GME_OVERLOADED && !letter->went_again && letter->type != IM_LOGOUT)
		device_turned_away(d, letter);
	else if (letter && (code == GME_NO_SERVICE || code == GME_OVERLOADED))
		device_try_soon(d, letter);
}

/* All of them at once: each will be refused, and what is said meanwhile must not overtake them. */
static void link_used_up(void *ctx, uint32_t last_id)
{
	struct device *d = ctx;

	d->counts.returned++;
	if (d->state == DEVICE_LOGGING_IN && d->login_id && d->login_id <= last_id)
		send_login(d, NULL);
	for (struct device_letter *letter = d->outbox.first; letter; letter = letter->next) {
		if (letter->message_id && letter->message_id <= last_id)
			device_send_letter(d, letter);
	}
}

static void link_opened(void *ctx, struct bytes clear, uint32_t message_id, const struct channel_sizes *sizes)
{
	struct device *d = ctx;

	device_take(d, clear, message_id, sizes);
	device_service_is_there(d);
}

/* --- life ---------------------------------------------------------------------------------------------------------------- */

static void deadline_passed(void *arg)
{
	device_happen(arg, ON_DEADLINE, NULL);
}

struct device *device_new(struct loop *loop, const struct device_settings *settings, const struct device_callbacks *callbacks,
	void *ctx)
{
	static const struct device_link_callbacks link_callbacks = {
		.up = link_up, .down = link_down, .refused = link_refused, .opened = link_opened, .taken = link_taken,
		.failed = link_failed, .used_up = link_used_up, .drained = link_drained,
	};
	struct device *d = memory_new(sizeof *d);

	d->loop = loop;
	d->settings = *settings;
	d->callbacks = *callbacks;
	d->ctx = ctx;
	d->router = memory_str(settings->router);
	d->source = memory_str(settings->source);
	if (!d->settings.login_timeout_ms)
		d->settings.login_timeout_ms = LOGIN_TIMEOUT_MS;
	if (!d->settings.resend_ms)
		d->settings.resend_ms = RESEND_MS;
	if (!d->settings.channel)
		d->settings.channel = d->own_channel = channel_new();
	device_outbox_init(&d->outbox);
	/* LOGINs are counted over restarts too, so that none looks like an old one that came again. */
	d->login_sequence = settings->identity->send_ceiling;
	d->deadline = loop_timer_new(loop, deadline_passed, d);
	d->status_timer = loop_timer_new(loop, device_status_due, d);
	d->resend_timer = loop_timer_new(loop, device_resend_late, d);
	device_habits_new(d);
	d->search_timer = loop_timer_new(loop, device_search_late, d);
	d->link = device_link_new(loop, &(struct device_link_settings){
		.router = d->router, .source = d->source, .channel = d->settings.channel, .identity = d->settings.identity, .store = settings->store,
		.store_ctx = settings->store_ctx, .faults = settings->faults, .records = settings->records,
	}, &link_callbacks, d);
	device_link_coverage(d->link, true);
	return d;
}

void device_free(struct device **device)
{
	struct device *d = *device;

	if (!d)
		return;
	device_link_free(&d->link);
	loop_timer_free(&d->deadline);
	loop_timer_free(&d->status_timer);
	loop_timer_free(&d->resend_timer);
	loop_timer_free(&d->search_timer);
	device_habits_free(d);
	device_drop_early(d);
	device_outbox_clear(&d->outbox);
	device_contacts_clear(&d->contacts);
	device_rooms_clear(&d->rooms);
	device_blocks_clear(&d->blocks);
	channel_free(&d->own_channel);
	buf_wipe(&d->login);
	buf_free(&d->scratch);
	free(d->login_user);
	free(d->router);
	free(d->source);
	free(d);
	*device = NULL;
}

void device_coverage(struct device *d, bool on)
{
	device_tell(d, (struct device_event){ .type = DEVICE_EVENT_COVERAGE, .code = on });
	device_link_coverage(d->link, on);
}

void device_silent(struct device *d, bool on)
{
	d->silent = on;
}

enum device_state device_state(const struct device *d)
{
	return d->state;
}

uint32_t device_session(const struct device *d)
{
	return d->session;
}

const char *device_login_name(const struct device *d)
{
	return d->login_user;
}

enum im_presence device_own_presence(const struct device *d)
{
	return d->idle ? IM_IDLE : d->own_presence;
}

const char *device_own_status(const struct device *d)
{
	return d->own_text;
}

uint32_t device_own_pin(const struct device *d)
{
	return d->settings.identity->pin;
}

const struct device_contacts *device_contacts(const struct device *d)
{
	return &d->contacts;
}

const struct device_blocks *device_blocks(const struct device *d)
{
	return &d->blocks;
}

const struct device_rooms *device_rooms(const struct device *d)
{
	return &d->rooms;
}

bool device_is_linked(const struct device *d)
{
	return device_link_is_up(d->link);
}

bool device_is_settled(const struct device *d)
{
	return d->state != DEVICE_LOGGING_IN && d->state != DEVICE_LOGGING_OUT && !d->outbox.first && !d->search;
}

size_t device_unacknowledged(const struct device *d)
{
	return d->outbox.count;
}

const char *device_peer(const struct device *d)
{
	return device_link_peer(d->link);
}

void device_count(const struct device *d, struct device_counts *out)
{
	*out = d->counts;
}
