#ifndef BRAMBLE_SIMULATOR_CWA_CWA_UPLINK_TALK_H
#define BRAMBLE_SIMULATOR_CWA_CWA_UPLINK_TALK_H

/* What the files about conversations on a Communications Server share (cwa_uplink_talk.c, _hear.c, _call.c, _room.c, _people.c,
 * _escalate.c, _guests.c). */

#include "protocol/sip/conference.h"
#include "simulator/cwa/cwa_uplink_state.h"

/* CALLING: of two, or of several of whom nobody has come yet. JOINING: the client wants to be in a conference, and is on the way there. */
enum leg_state { LEG_CALLING, LEG_LEAVING, LEG_ASKED, LEG_JOINING, LEG_IN };

/* An invitation rings at all clients of a user: they know by it that it is the same one. */
struct invitation {
	char *call_id;                          /* the key */
	UT_hash_handle hh;
	struct uplink *uplink;
	unsigned legs;
};

/* A request of a conversation whose answer is awaited: a message, or a command to the focus. */
struct said {
	struct leg *leg;                        /* NULL: the conversation is over */
	struct said *prev, *next;
	char *rid;                              /* NULL: the client did not ask for it */
};

struct leg {
	struct endpoint *endpoint;
	struct leg *prev, *next;
	struct conference *conference;          /* NULL: it has left */
	enum leg_state state;
	char *peer;                             /* "sip:ben@corp.test": of two the other; whose invitation it was; "" */
	char *conversation;                     /* Ms-Conversation-ID: by it the other one knows what an invitation into a conference goes on with */
	bool two;                               /* the dialog of two stands */
	struct sip_dialog dialog;
	struct asked *asked;                    /* LEG_CALLING, LEG_LEAVING: the INVITE */
	char *first_text, *format;              /* of ours; said again when the INVITE could not carry it */
	struct sip_message *invite;             /* LEG_ASKED: theirs */
	char *tag;                              /* and ours in its answers */
	char *focus;                            /* where it invites to; NULL: into a conversation of two */
	bool guest;                             /* the dialog of an accepted invitation into a conference stands */
	struct sip_dialog invited_by;
	struct invitation *invitation;
	struct room *room;                      /* our place in a conference; NULL: of two */
	bool many;                              /* the client knows it as one of more than two */
	uint32_t last_message;
	struct said *said;
};

/* --- all conversations (cwa_uplink_talk.c) ------------------------------------------------------------------------------------------- */

struct leg *leg_new(struct endpoint *e, struct conference *c, const char *peer, enum leg_state state);
void leg_free(struct leg *leg);                 /* nobody is told */
void leg_end(struct leg *leg);                  /* the client is told; everybody else as far as a dialog stands */
void leg_hang_up(struct leg *leg);              /* BYE where a dialog of the conversation stands */
/* The same invitation at all clients of the user: by its Call-ID. */
void invitation_take(struct leg *leg, const char *call_id);
void invitation_release(struct leg *leg);
/* Without the characters that XML does not know. The caller frees it. */
char *talk_clean(struct bytes text);
void talk_add_sdp(const struct uplink *u, struct sip_message *m);
void talk_bye(struct uplink *u, struct sip_dialog *dialog);             /* its answer tells nothing */
void talk_acknowledge(struct uplink *u, struct sip_dialog *dialog);
/* Of ours, from a request that is answered 2xx. */
void talk_dialog_from_invite(const struct leg *leg, struct sip_dialog *dialog, const struct sip_message *invite, const char *tag);
/* Sends it; done is called unless the conversation ends before. rid may be NULL. */
void talk_ask(struct leg *leg, struct sip_message **m, const char *rid,
	void (*done)(struct leg *leg, const char *rid, const struct sip_message *answer, const struct outcome *outcome));
/* The other end of a session says something. */
void talk_say(struct leg *leg, struct sip_dialog *dialog, const char *rid, const char *format, const char *content);

/* --- of two (cwa_uplink_call.c) ---------------------------------------------------------------------------------------------------------- */

struct leg *call_begin(struct endpoint *e, struct conference *c, const char *peer, const char *subject, const struct home_message *message);
void call_on_invite(struct endpoint *e, const struct sip_message *m);   /* of two, and into a conference */
void call_on_cancel(struct endpoint *e, struct leg *leg, const struct sip_message *m);
void call_reply(struct leg *leg, int status);  /* to the invitation that waits */

/* --- a place in a conference (cwa_uplink_room.c) ---------------------------------------------------------------------------------------- */

/* How one comes in: it was made for it, by its URI, by an invitation, or by one that goes on with a conversation of two. */
enum room_origin { ROOM_MADE, ROOM_BY_URI, ROOM_INVITED, ROOM_FOLLOWED };

struct room_person {
	char *uri, *name;
	bool presenter, in;                     /* in the chat */
	bool told, told_presenter;              /* what the client knows */
};

struct room {
	struct leg *leg;
	enum room_origin origin;
	char *uri, *chat_uri;                   /* NULL: not known yet */
	char *subject;
	bool in_focus, watches, chats;          /* these dialogs stand */
	struct sip_dialog focus, watch, chat;
	struct step *step;                      /* of the way in, whose answer is awaited */
	struct loop_timer *refresh;             /* of the watching; before that, of a peer who should follow */
	struct room_person *people;             /* the user himself among them */
	size_t people_count;
	bool presenter, locked, told_presenter, told_locked;
	struct guest *guests;                   /* whom we have invited, or shall */
	bool made;                              /* by us, and there */
	bool inviting;                          /* guests are asked at once */
};

/* What is said on the way of a room, by itself: its answer may come after the room. */
struct step {
	struct uplink *uplink;
	struct room *room;                      /* NULL: it is no more */
};

struct room *room_new(struct leg *leg, enum room_origin origin, const char *uri);
void room_join(struct room *room);              /* -> room_is_in, or room_failed */
/* Out of it, as far as one is in; with everybody else when we have made it and nobody has come. The room is no more. */
void room_leave(struct room *room);
void room_forget(struct room *room);            /* without a word; NULL is fine */
/* Asks by one step; done gets the room, or NULL when it is no more. */
void room_ask(struct room *room, struct sip_message **m, void (*done)(struct step *step, const struct sip_message *answer,
	const struct outcome *outcome));
void room_add_command(const struct room *room, struct sip_message *m, const char *to, struct sip_cccp *command);
/* Good, or why not; *detail (may be NULL) is what outcome borrows, the caller frees it. */
struct outcome room_outcome(const struct sip_message *answer, const struct outcome *outcome, char **detail);
void room_on_notification(struct room *room, const struct sip_message *m);
/* The focus has hung up, or does not know us any more. */
void room_over(struct room *room);
void room_on_chat_over(struct room *room);

/* --- who is in it (cwa_uplink_people.c) ---------------------------------------------------------------------------------------------------- */

/* -1: it cannot be read, or is about another conference. */
int room_take(struct room *room, struct bytes info);
struct room_person *room_person(const struct room *room, const char *uri);
size_t room_others(const struct room *room);    /* in the chat, without the user himself */
void room_people_forget(struct room *room);
/* The client learns that it is one of more than two, and who is there; from then on all that changes. */
void room_introduce(struct room *room);
void room_tell(struct room *room);

/* --- making one, and inviting (cwa_uplink_escalate.c) ------------------------------------------------------------------------------------------ */

struct leg *room_begin(struct endpoint *e, struct conference *c, const char *const *uris, size_t count, const char *subject,
	const struct home_message *message);
struct leg *room_come_back(struct endpoint *e, struct conference *c, const char *uri);
/* An invitation into a conference that goes on with this conversation. */
void room_follow(struct leg *leg, const struct sip_message *invite, const char *focus);
void room_is_in(struct room *room);
void room_failed(struct room *room, const struct outcome *outcome);
void room_people_changed(struct room *room);
/* Nobody has come, and nobody is awaited: the conference that we have made is given up. */
void room_look_whether_alone(struct room *room);

/* --- guests (cwa_uplink_guests.c) ----------------------------------------------------------------------------------------------------------- */

/* How many are to be asked, by guests_invite. The others have their outcome. rid: of the method that succeeds with the first who rings, and
 * fails when nobody is left of those who were to be asked; NULL: of none. */
size_t guests_add(struct room *room, const char *const *uris, size_t count, const char *rid);
/* Those that were not asked yet, and from now on all. */
void guests_invite(struct room *room);
/* The other one of a conversation of two, who is to follow; when he does not, the room has failed. */
void guests_take_along(struct room *room);
/* Who has come is awaited no more. true: the one who was to follow is among them. */
bool guests_welcome(struct room *room);
void guests_fail(struct room *room, const struct outcome *outcome);
void guests_forget(struct room *room);

#endif
