#include "base/log.h"
#include "simulator/device/device_private.h"

/* Ids up to the one named are used up at the other end: what was sealed under them is refused. All of it goes again at once, since what is said
 * meanwhile must not overtake it. */
static void used_up(struct device *d, const struct device_answer *answer, bool is_login)
{
	uint32_t serial = answer->proof->serial, last_id;

	if (!device_link_resume(answer, &last_id)) {
		log_warning("resume refused device=%s at=%s", pin_text(device_own_pin(d)), log_value(answer->gme->error_text));
		return;
	}
	d->counts.returned++;
	if (is_login && d->login_sealed.message_id <= last_id)
		device_send_login(d, NULL);
	for (struct device_letter *letter = d->outbox.first; letter; letter = letter->next) {
		if (letter->sealed.message_id && letter->sealed.serial == serial && letter->sealed.message_id <= last_id)
			device_send_letter(d, letter);
	}
}

/* An error that is not proved may end a login or put off a letter, since the loss of that envelope would as well. One that says that the service
 * is overloaded ends what it names as well, or devices would go on asking for what cannot be done: but for a logout, and for what went several
 * times, of which another may have been passed on. */
static void failed(struct device *d, const struct gme *gme, bool is_login, struct device_letter *letter)
{
	const char *text = gme_error_text(gme->error_code);

	d->counts.returned++;
	device_tell(d, (struct device_event){
		.type = DEVICE_EVENT_RETURNED, .transaction = gme->message_id, .code = gme->error_code, .text = bytes_str(text),
	});
	if (is_login)
		device_happen(d, ON_REFUSED, &(struct device_event){ .code = gme->error_code == GME_OVERLOADED ? IM_OVERLOADED : 0,
			.text = bytes_str("Failed"), .reason = text });
	else if (letter && gme->error_code == GME_OVERLOADED && !letter->went_again && letter->type != IM_LOGOUT)
		device_turned_away(d, letter);
	else if (letter && (gme->error_code == GME_NO_SERVICE || gme->error_code == GME_OVERLOADED))
		device_try_soon(d, letter);
}

void device_take_answer(void *ctx, const struct device_answer *answer)
{
	struct device *d = ctx;
	const struct gme *gme = answer->gme;
	bool is_login = d->state == DEVICE_LOGGING_IN && device_sealed_is_answered(&d->login_sealed, answer);
	struct device_letter *letter = device_outbox_by_answer(&d->outbox, answer);
	bool needs_proof = gme->kind == GME_DELIVERED || gme->error_code == GME_RESUME_AT;

	if ((!is_login && !letter && !device_sealed_is_answered(&d->once, answer)) || (needs_proof && !answer->proof)) {
		log_info("answer ignored device=%s id=%u error=%s proved=%s", pin_text(device_own_pin(d)), gme->message_id,
			gme->kind == GME_ERROR ? log_str(gme_error_text(gme->error_code)) : "none", answer->proof ? "yes" : "no");
		return;
	}
	if (gme->kind == GME_ERROR)
		log_info("message returned device=%s id=%u error=%s", pin_text(device_own_pin(d)), gme->message_id,
			log_str(gme_error_text(gme->error_code)));
	if (gme->kind == GME_DELIVERED)
		d->login_taken |= is_login;
	else if (gme->error_code == GME_RESUME_AT)
		used_up(d, answer, is_login);
	else
		failed(d, gme, is_login, letter);
}
