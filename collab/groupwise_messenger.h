#ifndef BRAMBLE_COLLAB_GROUPWISE_MESSENGER_H
#define BRAMBLE_COLLAB_GROUPWISE_MESSENGER_H

#include "collab/backend.h"
#include "collab/groupwise_link.h"
#include "collab/groupwise_people.h"
#include "collab/groupwise_refusal.h"

/* One login on a GroupWise Messenger server, as its parts share it: talk (messages), rooms, lists (contacts), privacy and lookups
 * (searches). The parts are made when the login was accepted and live until the connection is closed. */
struct messenger {
	struct loop *loop;
	struct groupwise_link *link;
	struct people people;
	char *own_dn;
	struct backend_events events;
	void *ctx;                       /* of the events */
	struct gw_tree fields;           /* of the request that is being written */
	struct talk *talk;
	struct rooms *rooms;
	struct lists *lists;
	struct privacy *privacy;
	struct lookups *lookups;
	unsigned changes;                /* of the list and of privacy that the device has asked for, so far */
};

#define MESSENGER_FULL "too many requests wait for the IM server"

/* Sends m->fields; the answer is the outcome of ref. */
void messenger_request(struct messenger *m, const char *command, uint32_t ref, enum refusal_of what);
/* Sends m->fields; nobody waits for the answer. */
void messenger_tell(struct messenger *m, const char *command);

/* Empties m->fields and begins them with the conference; returns that field. */
struct gw_field *messenger_in_conference(struct messenger *m, const char *conference);

/* The user began or stopped to type in a conference. */
void messenger_tell_typing(struct messenger *m, const char *conference, bool on);

/* Whom the device means by a name: told once, maybe at once. person NULL: refusal says why; both NULL: the connection is over. */
typedef void found_person(void *arg, struct person *person, const struct refusal *refusal);
void messenger_find(struct messenger *m, struct bytes name, found_person *found, void *arg);

/* Makes sure that all of these (DNs) are known, with their details as far as the server tells them. Told once, maybe at once;
 * over: the connection is. */
typedef void all_known(void *arg, bool over);
void messenger_know(struct messenger *m, const struct bytes *dns, size_t count, all_known *known, void *arg);

/* The same for everybody on the contact list and on these privacy lists. */
void messenger_know_everybody(struct messenger *m, const struct privacy *privacy, all_known *known, void *arg);

/* Something of the device's that takes several requests: answered when all are, with the first refusal among them. */
struct outcome;
struct outcome *outcome_new(struct messenger *m, uint32_t ref, unsigned parts);
/* One part is done. The device is told at the last one, and the outcome freed. */
void outcome_part(struct outcome **outcome, uint32_t code, const char *text);
/* One part will never be: the connection is over. */
void outcome_drop(struct outcome **outcome);

#endif
