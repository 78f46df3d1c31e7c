#include <stdlib.h>

#include "base/memory.h"
#include "simulator/device/device_private.h"

/* What a device does by itself: away after a time without use, and a new login when the service lost the session. */

#define FIRST_PATIENCE_MS 1000
#define PATIENCE_MAX_MS 300000
#define GOOD_SESSION_MS 60000

/* --- automatic away ---------------------------------------------------------------------------------------------------- */

static bool has_session(const struct device *d)
{
	return d->state == DEVICE_ONLINE || d->state == DEVICE_WAITING;
}

static void wait_for_use(struct device *d)
{
	if (d->away_after_ms)
		loop_timer_set(d->away_timer, d->away_after_ms);
	else
		loop_timer_cancel(d->away_timer);
}

static void tell_idle(struct device *d)
{
	device_tell(d, (struct device_event){ .type = DEVICE_EVENT_IDLE, .code = d->idle });
}

/* Who said himself that he is busy or away stays so. */
static void not_used(void *arg)
{
	struct device *d = arg;
	struct error err;

	if (!has_session(d) || d->idle || d->own_presence != IM_AVAILABLE)
		return;
	if (device_post_presence(d, IM_IDLE, bytes_str(d->own_text), &err)) {
		wait_for_use(d);     /* too much is under way; later then */
		return;
	}
	d->idle = true;
	tell_idle(d);
}

void device_used(struct device *d)
{
	struct error err;

	wait_for_use(d);
	if (!d->idle || !has_session(d) || device_post_presence(d, d->own_presence, bytes_str(d->own_text), &err))
		return;
	d->idle = false;
	tell_idle(d);
}

void device_away_after(struct device *d, uint64_t away_after_ms)
{
	d->away_after_ms = away_after_ms;
	wait_for_use(d);
}

void device_keep_presence(struct device *d, enum im_presence presence, struct bytes text)
{
	char *kept = bytes_dup(text);

	free(d->own_text);
	d->own_text = kept;
	d->own_presence = presence;
	d->idle = false;
}

/* --- the password ------------------------------------------------------------------------------------------------------ */

static void forget_password(struct device *d)
{
	buf_wipe(&d->password);
	free(d->password_user);
	d->password_user = NULL;
}

void device_remember(struct device *d, bool on)
{
	device_record(d, "device.remember", d->session, 0, "on", on);
	d->remember = on;
	if (on)
		return;
	forget_password(d);
	device_again_stop(d);
}

void device_forbid_password(struct device *d)
{
	forget_password(d);
	device_again_stop(d);
}

void device_keep_password(struct device *d, struct bytes user, struct bytes password)
{
	if (!d->remember)
		return;
	forget_password(d);
	d->password_user = bytes_dup(user);
	buf_append(&d->password, password);
}

bool device_kept_password(const struct device *d, struct bytes user, struct bytes *password)
{
	*password = buf_bytes(&d->password);
	return d->password_user && bytes_is(user, d->password_user);
}

/* --- logging in again -------------------------------------------------------------------------------------------------- */

/* Between half and all of it, by the PIN: the devices of a server that is back do not come all at once. */
static uint64_t spread(const struct device *d, uint64_t patience_ms)
{
	uint64_t half = patience_ms / 2;

	return half + (device_own_pin(d) * 2654435761u) % (half + 1);
}

static void plan(struct device *d)
{
	uint64_t in_ms = spread(d, d->again_patience_ms);

	loop_timer_set(d->again_timer, in_ms);
	device_tell(d, (struct device_event){
		.type = DEVICE_EVENT_LOGIN_AGAIN, .user = bytes_str(d->password_user), .code = (uint32_t)in_ms,
	});
	d->again_patience_ms *= 2;
	if (d->again_patience_ms > PATIENCE_MAX_MS)
		d->again_patience_ms = PATIENCE_MAX_MS;
}

bool device_again_stop(struct device *d)
{
	bool was = d->again;

	d->again = false;
	loop_timer_cancel(d->again_timer);
	return was;
}

/* What ended a session without anybody having wanted it. Who was logged out to make room, by the administrator or by a login elsewhere
 * does not come back by himself: he would take the place again at once. */
void device_again_after(struct device *d, uint32_t reason)
{
	bool may_pass = reason == IM_REASON_SERVER_LOST || reason == IM_REASON_SHUTDOWN || reason == IM_REASON_UNKNOWN_SESSION;

	if (!d->password_user || !may_pass)
		return;
	d->again = true;
	if (loop_now_ms(d->loop) - d->session_since_ms >= GOOD_SESSION_MS || !d->again_patience_ms)
		d->again_patience_ms = FIRST_PATIENCE_MS;     /* else a server that takes logins and drops them is not worn down */
	plan(d);
}

/* Source: document - password caching on: automatic login to the new instance; off: the user logs in by hand. */
void device_again_asked(struct device *d)
{
	if (!d->password_user || loop_timer_is_set(d->again_timer))
		return;
	d->again = true;
	d->again_patience_ms = FIRST_PATIENCE_MS;
	plan(d);
}

/* Only what may pass by itself is tried again; Server Busy never. */
void device_again_refused(struct device *d, uint32_t code)
{
	if (code == IM_BAD_CREDENTIALS)
		forget_password(d);
	if (!d->again)
		return;
	if (code == 0 || code == IM_OVERLOADED || code == IM_UNREACHABLE || code == IM_NO_DATABASE)
		plan(d);
	else
		device_again_stop(d);
}

static void again_due(void *arg)
{
	struct device *d = arg;
	struct error err;

	if (device_begin_login(d, bytes_str(d->password_user), buf_bytes(&d->password), &err))
		plan(d);     /* out of coverage */
}

/* Coverage is what it was waiting for, perhaps for long. */
void device_again_linked(struct device *d)
{
	if (!loop_timer_is_set(d->again_timer))
		return;
	d->again_patience_ms = FIRST_PATIENCE_MS;
	plan(d);
}

/* A session that came by itself goes on as the user had left the one before. */
void device_settle_habits(struct device *d)
{
	struct error err;
	bool again = device_again_stop(d);

	d->session_since_ms = loop_now_ms(d->loop);
	if (!again)
		device_keep_presence(d, IM_AVAILABLE, (struct bytes){ 0 });
	else if (d->idle || d->own_presence != IM_AVAILABLE || d->own_text[0])
		device_post_presence(d, d->idle ? IM_IDLE : d->own_presence, bytes_str(d->own_text), &err);
	wait_for_use(d);
}

void device_habits_new(struct device *d)
{
	d->away_timer = loop_timer_new(d->loop, not_used, d);
	d->again_timer = loop_timer_new(d->loop, again_due, d);
	device_keep_presence(d, IM_AVAILABLE, (struct bytes){ 0 });
}

void device_habits_free(struct device *d)
{
	forget_password(d);
	free(d->own_text);
	loop_timer_free(&d->away_timer);
	loop_timer_free(&d->again_timer);
}
