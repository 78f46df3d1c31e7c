/* Presence as Live Communications Server 2005 has it: one document a user. What a device publishes is kept with its endpoint; what the
 * user says of himself (a note, a state he chose) becomes items of the newer dialect, and is told from them, so that both see it. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "simulator/ocs/ocs_state.h"

/* Where SIPE has them in the newer dialect. */
#define CHOSEN_INSTANCE 0x20000000u
static const uint32_t chosen_containers[] = { AGGREGATE_CONTAINER, 3 };
static const uint32_t note_containers[] = { SIP_CONTAINER_OF_NOTES, SIP_CONTAINER_TEAM, SIP_CONTAINER_PERSONAL };

/* --- what is told ------------------------------------------------------------------------------------------------------------------- */

/* His note as the watcher may see it; NULL: none. The caller frees it. */
static char *note_for(const struct user *user, const struct user *watcher)
{
	uint32_t container = access_container(user, watcher);

	for (size_t i = 0; i < user->publication_count; i++) {
		const struct sip_category *c = &user->publications[i].item;
		char *text = strcmp(c->name, "note") == 0 && c->container == container ? sip_note_read(c->content) : NULL;

		if (text)
			return text;
	}
	return NULL;
}

static void write_document(struct sip_presentity *document, struct buf *out)
{
	xml_form_write(&sip_presentity_form, document, out);
}

/* Off line, and nothing but the name. Source: document, the example of MS-SIP 4.3. */
static void write_hidden(const struct user *user, struct buf *out)
{
	struct sip_aggregate none = { .description = "" };
	struct sip_display_name name = { user->seed->name };
	struct sip_presentity document = { .uri = memory_str(user_plain(user)), .availability = &none, .activity = &none,
		.display_name = &name };

	write_document(&document, out);
	free(document.uri);
}

/* What was published, with its age. Borrows. */
static size_t devices_of(const struct user *user, struct sip_device *into)
{
	uint64_t now = loop_now_ms(user->server->loop);
	size_t count = 0;

	for (const struct endpoint *e = user->endpoints; e; e = e->next) {
		if (!e->device)
			continue;
		into[count] = *e->device;
		into[count++].age_s = (uint32_t)((now - e->device_at_ms) / 1000);
	}
	return count;
}

/* The numbers of the device that makes him as available as he is, else what corresponds to that. */
static void fill_aggregate(const struct user *user, const struct sip_device *devices, size_t count, struct sip_aggregate *reach,
	struct sip_aggregate *activity)
{
	sip_availability_split(user->availability, &reach->aggregate, &activity->aggregate);
	reach->description = activity->description = "";
	for (size_t i = 0; i < count; i++) {
		const struct sip_device *d = &devices[i];

		if (sip_availability_of(d->availability->aggregate, d->activity->aggregate) != user->availability)
			continue;
		reach->aggregate = d->availability->aggregate;
		activity->aggregate = d->activity->aggregate;
		activity->note = d->activity->note;
		reach->epid = activity->epid = d->epid;
		return;
	}
}

void document_write(const struct user *user, const struct user *watcher, struct buf *out)
{
	struct sip_aggregate reach = { 0 }, activity = { 0 };
	struct sip_display_name name = { user->seed->name };
	struct sip_email email = { user->seed->mail };
	struct sip_phone_number phone = { "", user->seed->phone };
	struct sip_device items[ENDPOINTS_OF_USER];
	struct sip_devices devices = { items, devices_of(user, items) };
	struct sip_user_state state = { .valid_with = "any-device", .set = "manual", .type = "userState" };
	struct sip_user_states states = { &state, 1 };
	struct sip_user_info info = { .others = user->info_others };
	struct sip_presentity document = { .uri = memory_str(user_plain(user)), .availability = &reach, .activity = &activity,
		.display_name = &name, .email = &email, .phone = user->seed->phone ? &phone : NULL, .user_info = &info,
		.devices = devices.count ? &devices : NULL };

	if (user != watcher && access_hides(user, watcher)) {
		free(document.uri);
		write_hidden(user, out);
		return;
	}
	fill_aggregate(user, items, devices.count, &reach, &activity);
	info.note = note_for(user, watcher);
	state.availability = presence_chosen(user, &state.since);
	/* Whoever is off line is not told to be something else. */
	if (state.availability && (user == watcher || user->availability < SIP_OFFLINE)) {
		state.activity = memory_str(sip_availability_word(state.availability));
		info.states = &states;
	}
	write_document(&document, out);
	free(state.activity);
	free(state.since);
	free(info.note);
	free(document.uri);
}

void document_write_plain(const struct user *user, const struct user *watcher, struct buf *out)
{
	bool hidden = user != watcher && access_hides(user, watcher);
	uint32_t availability = hidden ? SIP_OFFLINE : user->availability, reach, activity;
	struct sip_pidf_activities activities = { 0 };
	struct sip_pidf_status status = { 0 };
	struct sip_pidf_tuple tuple = { .id = "0", .status = &status };
	struct sip_pidf document = { .entity = user->address, .tuple = &tuple };

	sip_availability_split(availability, &reach, &activity);
	status.basic = availability < SIP_OFFLINE ? "open" : "closed";
	if (availability < SIP_OFFLINE && activity != SIP_ACTIVITY_ACTIVE) {
		activities.activity = activity == SIP_ACTIVITY_BUSY ? "busy" : "away";
		status.activities = &activities;
	}
	document.note = hidden ? NULL : note_for(user, watcher);
	xml_form_write(&sip_pidf_form, &document, out);
	free(document.note);
}

/* --- several users at once ------------------------------------------------------------------------------------------------------------- */

static const char *boundary_for(struct ocs_server *server, const struct buf *documents)
{
	const char *boundary;

	do
		boundary = fresh(server, "parts");
	while (documents->len && memmem(documents->data, documents->len, boundary, strlen(boundary)));
	return boundary;
}

/* A part ends with an empty line: SIPE (libpurple's reader) takes a line end more off its end than belongs to the boundary. */
#define PART_END "\r\n"

size_t document_write_list(struct subscription *s, size_t n, char content_type[CONTENT_TYPE_MAX], struct buf *out)
{
	const struct user *watcher = s->endpoint->user;
	struct sip_resource_list list = { .uri = watcher->address, .version = s->list_version++,
		.items = memory_new((s->watched_count - n + 1) * sizeof *list.items) };
	struct sip_instance *instances = memory_new((s->watched_count - n + 1) * sizeof *instances);
	size_t *ends = memory_new((s->watched_count - n + 1) * sizeof *ends), first = n;
	struct buf documents = { 0 }, index = { 0 };
	const char *boundary;

	for (; n < s->watched_count && documents.len < PARTS_BYTES; n++) {
		struct user *user = s->watched[n];

		document_write(user, watcher, &documents);
		buf_text(&documents, PART_END);
		ends[list.count] = documents.len;
		instances[list.count] = (struct sip_instance){ .id = "0", .state = "active", .cid = user->address + strlen("sip:") };
		list.items[list.count] = (struct sip_listed){ .uri = user->address, .instance = &instances[list.count] };
		list.count++;
	}
	list.full = list.count == s->watched_count;
	xml_form_write(&sip_resource_list_form, &list, &index);
	buf_text(&index, PART_END);
	boundary = boundary_for(s->endpoint->user->server, &documents);
	sip_part_write(boundary, &(struct sip_part){ bytes_str("resourceList"), bytes_str(SIP_TYPE_RESOURCE_LIST), buf_bytes(&index) }, out);
	for (size_t i = 0, start = 0; i < list.count; start = ends[i++])
		sip_part_write(boundary, &(struct sip_part){ bytes_str(user_plain(s->watched[first + i])), bytes_str(SIP_TYPE_PIDF),
			bytes_slice(buf_bytes(&documents), start, ends[i] - start) }, out);
	sip_parts_end(boundary, out);
	snprintf(content_type, CONTENT_TYPE_MAX, "%s; type=\"%s\"; start=resourceList; boundary=%s", SIP_TYPE_PARTS, SIP_TYPE_RESOURCE_LIST,
		boundary);
	buf_free(&documents);
	buf_free(&index);
	free(list.items);
	free(instances);
	free(ends);
	return n;
}

/* --- SERVICE: setPresence -------------------------------------------------------------------------------------------------------------- */

/* NULL: it may be published. */
static const char *what_is_wrong(const struct sip_presentity *p)
{
	struct buf info = { 0 };
	bool too_long;

	if (p->availability->aggregate > SIP_AGGREGATE_MAX || p->activity->aggregate > SIP_AGGREGATE_MAX)
		return "availability and activity are at most 999";
	if (p->others && strlen(p->others) > SIP_DEVICE_OTHERS_MAX)
		return "what a device says of itself is too long";
	if (p->user_info) {
		struct sip_presentity only = *p;

		only.display_name = NULL, only.email = NULL, only.phone = NULL, only.devices = NULL;
		xml_form_write(&sip_presentity_form, &only, &info);
	}
	too_long = p->user_info && strlen(strstr(buf_cstr(&info), "<userInfo")) > SIP_USER_INFO_MAX + strlen("<userInfo></userInfo></presentity>");
	buf_free(&info);
	return too_long ? "userInfo holds at most 1024 bytes" : NULL;
}

static void keep_device(struct endpoint *e, struct sip_presentity *p)
{
	struct sip_device *d = memory_new(sizeof *d);

	document_endpoint_gone(e);
	d->epid = memory_str(e->epid);
	d->availability = p->availability;
	d->activity = p->activity;
	d->others = p->others;
	p->availability = p->activity = NULL;
	p->others = NULL;
	e->device = d;
	e->device_at_ms = loop_now_ms(e->user->server->loop);
}

static uint32_t chosen_in(const struct sip_user_states *states)
{
	for (size_t i = 0; states && i < states->count; i++) {
		const struct sip_user_state *s = &states->items[i];

		if (s->availability && !(s->nil && strcmp(s->nil, "true") == 0) && (!s->type || strcmp(s->type, "userState") == 0))
			return s->availability;
	}
	return 0;
}

static char *note_content(const char *text)
{
	struct buf content = { 0 };
	char *xml;

	if (!text || !*text)
		return NULL;
	sip_note_write(text, &content);
	xml = bytes_dup(buf_bytes(&content));
	buf_free(&content);
	return xml;
}

static char *chosen_content(uint32_t availability)
{
	struct buf content = { 0 };
	char *xml;

	if (!availability)
		return NULL;
	sip_state_write("userState", true, availability, &content);
	xml = bytes_dup(buf_bytes(&content));
	buf_free(&content);
	return xml;
}

#define ITEMS_OF_INFO (sizeof chosen_containers / sizeof chosen_containers[0] + sizeof note_containers / sizeof note_containers[0])

/* Without userInfo what he said of himself stays. */
static size_t items_of(const struct sip_user_info *info, struct presence_item *items)
{
	size_t count = 0;

	if (!info)
		return 0;
	for (size_t i = 0; i < sizeof chosen_containers / sizeof chosen_containers[0]; i++)
		items[count++] = (struct presence_item){ "state", CHOSEN_INSTANCE, chosen_containers[i], chosen_content(chosen_in(info->states)) };
	for (size_t i = 0; i < sizeof note_containers / sizeof note_containers[0]; i++)
		items[count++] = (struct presence_item){ "note", 0, note_containers[i], note_content(info->note) };
	return count;
}

void on_set_presence(struct request *r, const struct sip_set_presence *asked)
{
	struct presence_item items[ITEMS_OF_INFO];
	struct sip_presentity *p = asked->presentity;
	const char *wrong = what_is_wrong(p);

	if (user_find(r->server, p->uri) != r->user) {
		answer_because(r, 403, 0, "a user publishes for himself alone");
		return;
	}
	if (wrong) {
		answer_because(r, 400, 0, wrong);
		return;
	}
	keep_device(r->endpoint, p);
	if (p->user_info) {
		free(r->user->info_others);
		r->user->info_others = p->user_info->others;
		p->user_info->others = NULL;
	}
	answer(r, 200);
	if (!presence_set(r->user, items, items_of(p->user_info, items)))
		log_warning("publications full user=%s: note and state of the older dialect are not told", r->user->seed->id);
}

void on_get_presence(struct request *r, const struct sip_get_presence *asked)
{
	struct user *user = user_find(r->server, asked->presentity->uri);
	struct buf body = { 0 };
	struct sip_message *m;

	if (!user) {
		answer_because(r, 404, 0, "there is no such user");
		return;
	}
	if (user != r->user && access_hides(user, r->user)) {
		answer_because(r, 403, 0, "the user does not let you see his presence");
		return;
	}
	document_write(user, r->user, &body);
	m = answer_new(r, 200);
	sip_body(m, SIP_TYPE_PIDF, buf_bytes(&body));
	answer_send(r, &m);
	buf_free(&body);
}

void document_endpoint_gone(struct endpoint *e)
{
	if (e->device)
		xml_form_clear(&sip_device_form, e->device);
	free(e->device);
	e->device = NULL;
}
