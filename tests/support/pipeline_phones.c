#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/pipeline_private.h"

static const char *const users[PHONES_MAX] = { "alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi" };

const char *phone_user(int who)
{
	return users[who];
}

/* --- waiting ----------------------------------------------------------------------------------------------------------- */

void phone_await(struct pipeline *p, int who, const char *text)
{
	struct phone *phone = &p->phones[who];
	uint64_t give_up_us = loop_real_us() + PIPELINE_PATIENCE_US;
	char *found;

	while (!(found = strstr(buf_cstr(&phone->told), text))) {
		if (loop_real_us() > give_up_us)
			fail_msg("\"%s\" did not come to %s:\n%s", text, phone->user, buf_cstr(&phone->all));
		loop_round(p->loop, 10);
	}
	buf_consume(&phone->told, (size_t)(found - (char *)phone->told.data) + strlen(text));
}

void phone_never(struct pipeline *p, int who, const char *text)
{
	pipeline_settle(p);
	if (strstr(buf_cstr(&p->phones[who].told), text))
		fail_msg("\"%s\" came to %s:\n%s", text, users[who], buf_cstr(&p->phones[who].all));
}

unsigned phone_count(struct pipeline *p, int who, const char *text)
{
	unsigned count = 0;

	for (const char *at = buf_cstr(&p->phones[who].all); (at = strstr(at, text)); at += strlen(text))
		count++;
	return count;
}

void pipeline_fault(struct pipeline *p, const char *word)
{
	struct error err;

	p->splits = p->splits || strncmp(word, "split", 5) == 0;
	if (faults_add(p->faults, word, p->now_ms, &err))
		fail_msg("%s: %s", word, err.text);
}

/* --- what a device tells ------------------------------------------------------------------------------------------------- */

static void on_event(void *ctx, const struct device_event *e)
{
	struct phone *phone = ctx;
	struct buf line = { 0 };

	buf_text(&line, device_event_name(e->type));
	switch (e->type) {
	case DEVICE_EVENT_LOGIN_FAILED:
		buf_printf(&line, " %u %.*s", e->code, (int)e->text.len, (const char *)e->text.data);
		break;
	case DEVICE_EVENT_MESSAGE:
		buf_printf(&line, " %.*s: %.*s", (int)e->user.len, (const char *)e->user.data, (int)e->text.len,
			(const char *)e->text.data);
		break;
	case DEVICE_EVENT_PRESENCE:
		buf_printf(&line, " %.*s %s", (int)e->user.len, (const char *)e->user.data, im_presence_name(e->code));
		break;
	case DEVICE_EVENT_FORCED_LOGOUT:
		buf_printf(&line, " %s", e->reason);
		break;
	case DEVICE_EVENT_ACK:
		buf_printf(&line, " %u", e->code);
		break;
	default:
		break;
	}
	buf_u8(&line, '\n');
	buf_append(&phone->told, buf_bytes(&line));
	buf_append(&phone->all, buf_bytes(&line));
	buf_free(&line);
}

/* --- its life ------------------------------------------------------------------------------------------------------------ */

void pipeline_secret(int who, uint8_t secret[PACKET_KEY_SIZE])
{
	memset(secret, 0x30 + who, PACKET_KEY_SIZE);
}

void pipeline_start_phone(struct pipeline *p, int who)
{
	static const struct device_callbacks callbacks = { .event = on_event };
	struct phone *phone = &p->phones[who];
	struct channel_key *key = &phone->identity.peer.keys[0];

	phone->user = users[who];
	phone->identity.pin = PIPELINE_FIRST_PIN + (uint32_t)who;
	phone->identity.peer.suites = PIPELINE_SUITES;
	strcpy(phone->identity.srp_id, "T00000001");
	snprintf(key->key.id, sizeof key->key.id, "%s+1", pin_text(phone->identity.pin));
	key->key.suites = PIPELINE_SUITES;
	key->state = CHANNEL_KEY_CURRENT;
	key->serial = 1;
	pipeline_secret(who, key->key.secret);
	replay_counter_start(&key->send, 0);
	replay_start(&key->receive, 0);
	phone->device = device_new(p->loops[PART_DEVICE], &(struct device_settings){
		.router = router_device_address(p->router), .identity = &phone->identity, .faults = p->faults, .records = p->trails[PART_DEVICE],
	}, &callbacks, phone);
	phone_await(p, who, "link-up\n");
}

void pipeline_stop_phone(struct pipeline *p, int who)
{
	struct phone *phone = &p->phones[who];

	device_free(&phone->device);
	device_identity_free(&phone->identity);
	buf_free(&phone->told);
	buf_free(&phone->all);
}

void phone_login(struct pipeline *p, int who)
{
	char password[32];
	struct error err;

	snprintf(password, sizeof password, "%s-secret", users[who]);
	if (device_login(p->phones[who].device, bytes_str(users[who]), bytes_str(password), &err))
		fail_msg("%s", err.text);
}

void phone_online(struct pipeline *p, int who)
{
	phone_login(p, who);
	phone_await(p, who, "login-ok\n");
}

void phone_send(struct pipeline *p, int who, const char *to, const char *text)
{
	struct error err;

	if (device_send(p->phones[who].device, bytes_str(to), bytes_str(text), NULL, &err))
		fail_msg("%s", err.text);
}
