#include "simulator/scenario/scenario_players.h"

#include <stdlib.h>
#include <string.h>

#include "base/io/history.h"
#include "base/log.h"
#include "base/memory.h"
#include "simulator/scenario/scenario_lab.h"

/* --- what is heard ------------------------------------------------------------------------------------------------------ */

static struct scenario_heard *keep(struct scenario_player *p, enum scenario_hearing kind)
{
	struct scenario_heard *heard;

	if (p->heard_count == p->heard_room) {
		p->heard_room = p->heard_room ? p->heard_room * 2 : 8;
		p->heard = memory_resize(p->heard, p->heard_room * sizeof *p->heard);
	}
	heard = &p->heard[p->heard_count++];
	*heard = (struct scenario_heard){ .kind = kind, .at_ms = loop_now_ms(p->all->loop) };
	return heard;
}

void scenario_heard_words(const struct scenario_heard *heard, struct buf *out)
{
	switch (heard->kind) {
	case HEARD_LOGIN:
		if (heard->accepted)
			buf_text(out, "logged in");
		else
			buf_printf(out, "%s (%u)", log_str(heard->text), heard->code);
		break;
	case HEARD_LOGOUT:
		buf_printf(out, "logged out: %s", heard->reason);
		break;
	case HEARD_ASKED:
		buf_printf(out, "asked to log in%s", heard->accepted ? ", and does it by itself" : "");
		break;
	case HEARD_MESSAGE:
		buf_printf(out, "%s says %s", log_str(heard->who), log_str(heard->text));
		break;
	}
}

static void tell_heard(struct scenario_player *p, const struct scenario_heard *heard)
{
	struct buf words = { 0 };

	buf_printf(&words, "%s: ", p->role->id);
	scenario_heard_words(heard, &words);
	p->all->told(p->all->told_ctx, buf_cstr(&words));
	buf_free(&words);
}

static void tell(const struct scenario_player *p, const char *what, struct bytes more)
{
	char *words = memory_printf("%s: %s%s%s", p->role->id, what, more.len ? ": " : "", more.len ? log_value(more) : "");

	p->all->told(p->all->told_ctx, words);
	free(words);
}

static void hear_login(struct scenario_player *p, const struct device_event *event, bool accepted)
{
	struct scenario_heard *heard = keep(p, HEARD_LOGIN);

	heard->accepted = accepted;
	heard->code = event->code;
	heard->text = bytes_dup(event->text);
	if (accepted)
		p->accepted++;
	else
		p->refused++;
	tell_heard(p, heard);
}

static void hear_logout(struct scenario_player *p, const char *reason)
{
	struct scenario_heard *heard = keep(p, HEARD_LOGOUT);

	heard->reason = reason;
	tell_heard(p, heard);
}

static void hear_message(struct scenario_player *p, const struct device_event *event)
{
	struct scenario_heard *heard = keep(p, HEARD_MESSAGE);

	heard->text = bytes_dup(event->text);
	heard->who = bytes_dup(event->user);
	tell_heard(p, heard);
}

static void hear_asked(struct scenario_player *p, bool by_itself)
{
	struct scenario_heard *heard = keep(p, HEARD_ASKED);

	heard->accepted = by_itself;
	tell_heard(p, heard);
}

static void on_event(void *ctx, const struct device_event *event)
{
	struct scenario_player *p = ctx;

	if (p->heard_count >= SCENARIO_HEARD_MAX)
		fatal(EXIT_CONFIG, "device %s was told more than %d things, more than a scenario keeps", p->role->id, SCENARIO_HEARD_MAX);
	switch (event->type) {
	case DEVICE_EVENT_LOGIN_OK:
		hear_login(p, event, true);
		break;
	case DEVICE_EVENT_LOGIN_FAILED:
		hear_login(p, event, false);
		break;
	case DEVICE_EVENT_FORCED_LOGOUT:
		p->logged_out++;
		hear_logout(p, event->reason ? event->reason : im_reason_name(event->code));
		break;
	case DEVICE_EVENT_PLEASE_LOGIN:
		hear_asked(p, event->code != 0);
		break;
	case DEVICE_EVENT_LOGGED_OUT:
		hear_logout(p, im_reason_name(IM_REASON_LOGOUT));
		break;
	case DEVICE_EVENT_MESSAGE:
		hear_message(p, event);
		break;
	case DEVICE_EVENT_ACK:
		if (event->code)
			tell(p, im_code_reason(event->code), event->text);
		break;
	case DEVICE_EVENT_LINK_REFUSED:
		tell(p, "no link", event->text);
		break;
	case DEVICE_EVENT_WAITING:
		tell(p, "no link, the session waits", (struct bytes){ 0 });
		break;
	case DEVICE_EVENT_RESUMED:
		tell(p, "the link is back, the session goes on", (struct bytes){ 0 });
		break;
	default:      /* the rest is not what a scenario is about */
		break;
	}
}

struct scenario_heard *scenario_unheard_any(struct scenario_player *p)
{
	while (p->looked_from < p->heard_count && p->heard[p->looked_from].looked_at)
		p->looked_from++;
	return p->looked_from < p->heard_count ? &p->heard[p->looked_from] : NULL;
}

struct scenario_heard *scenario_unheard(struct scenario_player *p, enum scenario_hearing kind)
{
	scenario_unheard_any(p);
	for (size_t i = p->looked_from; i < p->heard_count; i++) {
		if (p->heard[i].kind == kind && !p->heard[i].looked_at)
			return &p->heard[i];
	}
	return NULL;
}

uint64_t scenario_player_count(const struct scenario_player *p, const char *member)
{
	struct device_counts counts;

	device_count(p->device, &counts);
	if (strcmp(member, "status_sent") == 0)
		return counts.status_sent;
	if (strcmp(member, "messages_out") == 0)
		return counts.messages_out;
	if (strcmp(member, "messages_in") == 0)
		return counts.messages_in;
	if (strcmp(member, "resent") == 0)
		return counts.resent;
	if (strcmp(member, "duplicates") == 0)
		return counts.duplicates;
	if (strcmp(member, "online") == 0)
		return device_state(p->device) == DEVICE_ONLINE || device_state(p->device) == DEVICE_WAITING;
	if (strcmp(member, "accepted") == 0)
		return p->accepted;
	if (strcmp(member, "refused") == 0)
		return p->refused;
	if (strcmp(member, "logged_out") == 0)
		return p->logged_out;
	bug("devices do not count %s", member);
}

/* --- life --------------------------------------------------------------------------------------------------------------- */

static int store_keys(void *ctx, const struct device_identity *identity, struct error *err)
{
	const struct scenario_player *p = ctx;

	return device_keys_store(p->key_file, identity, false, err);
}

int scenario_players_start(struct scenario_players *players, struct loop *loop, const struct scenario_cast *cast, const char *dir,
	const char *router, bool keep_keys, bool history, struct error *err)
{
	static const struct device_callbacks callbacks = { .event = on_event };
	char *folder = history ? memory_printf("%s/" SCENARIO_HISTORY, dir) : NULL;

	players->loop = loop;
	players->records = trail_new(0);
	players->history = history_open(loop, players->records, &(struct history_settings){ .path = folder, .process = "run" }, err);
	free(folder);
	if (!players->history)
		return -1;
	players->channel = channel_new();
	players->faults = device_faults_new(NULL, NULL);
	faults_record(players->faults, players->records);
	players->list = memory_new((cast->count + 1) * sizeof *players->list);
	players->count = cast->count;
	for (size_t i = 0; i < cast->count; i++) {
		struct scenario_player *p = &players->list[i];
		struct device_settings settings = { .router = router, .identity = &p->identity, .channel = players->channel,
			.status_interval_ms = cast->roles[i].status_interval_ms, .store = keep_keys ? store_keys : NULL, .store_ctx = p,
			.faults = players->faults, .records = players->records };

		p->role = &cast->roles[i];
		p->all = players;
		p->key_file = memory_printf("%s/devices/%s.json", dir, pin_text(p->role->pin));
		if (device_keys_load(p->key_file, &p->identity, err))
			return error_prefix(err, "device %s: ", p->role->id);
		p->device = device_new(loop, &settings, &callbacks, p);
		if (p->role->keeps_password)
			device_remember(p->device, true);
	}
	return 0;
}

void scenario_players_free(struct scenario_players *players)
{
	for (size_t i = 0; i < players->count; i++) {
		struct scenario_player *p = &players->list[i];

		device_free(&p->device);
		device_identity_free(&p->identity);
		for (size_t j = 0; j < p->heard_count; j++) {
			free(p->heard[j].text);
			free(p->heard[j].who);
		}
		free(p->heard);
		free(p->key_file);
	}
	free(players->list);
	history_free(&players->history);
	if (players->records)
		trail_free(&players->records);
	faults_free(&players->faults);
	channel_free(&players->channel);
	*players = (struct scenario_players){ 0 };
}
