#ifndef BRAMBLE_COLLAB_CWA_PEOPLE_H
#define BRAMBLE_COLLAB_CWA_PEOPLE_H

#include "protocol/cwa/tree.h"
#include "protocol/im.h"

/* Whom one CWA session knows: the contact list, and strangers that it has had to do with. The server speaks of people by URI, the device
 * by a user ID: the URI without "sip:", and without the domain where that is the user's own. Ours. */

enum { CWA_PEOPLE_MAX = 4096, CWA_GROUPS_MAX = 1024 };

/* The group that holds all contacts; for the device it is no folder. Source: document. */
#define CWA_GROUP_ALL "~"

struct cwa_person {
	struct cwa_person *next;             /* in the order of the contact list, strangers in between */
	char *uri;                           /* "sip:ben@corp.test" */
	char *user;                          /* what the device sees: "ben" */
	char *name;                          /* what the device is shown: as the list has it, else as the person calls himself, else user */
	char *listed_as, *called;            /* the two; "" for none */
	char *folder;                        /* "" for the top */
	char *text;                          /* note */
	uint32_t presence;                   /* enum im_presence */
	bool is_seen;                        /* the server has said something of presence; whoever waits for it clears it */
	bool is_watched;                     /* by a subscription of our own, in this session */
	bool is_contact;
	char *groups;                        /* ids with spaces between them, as the server has them; "" for none */
	bool tag, subscribed;                /* as the server has them, to be handed back */
	struct { bool is_contact; char *name, *folder; } shown;      /* what the device has been told */
	struct cwa_talk_state *talk;         /* cwa_talk's; NULL: nothing was said yet */
};

struct cwa_group {
	uint64_t id;
	char *name;
};

struct cwa_people {
	struct cwa_person *first, *last;
	size_t count;
	struct cwa_group *groups;
	size_t group_count;
	char *own_uri, *domain;              /* of the user; "" until the session has begun */
};

void cwa_people_init(struct cwa_people *people);
/* Who the user is. */
void cwa_people_own(struct cwa_people *people, const char *uri);

/* By URI, in any spelling; a new one when there is none. NULL: it is no URI, or too many are known. */
struct cwa_person *cwa_people_uri(struct cwa_people *people, const char *uri);
/* By what a device may type: user ID, address or URI. */
struct cwa_person *cwa_people_user(struct cwa_people *people, struct bytes user);
/* Only those who are known: NULL when there is none. */
struct cwa_person *cwa_people_known(const struct cwa_people *people, const char *uri);
/* What a device may type, as a URI: to be freed. NULL: it makes none. */
char *cwa_people_uri_of(const struct cwa_people *people, struct bytes user);
/* What the device calls a URI that cwa_uri has made: to be freed. */
char *cwa_people_user_of(const struct cwa_people *people, const char *uri);

/* As the person calls himself. */
void cwa_person_called(struct cwa_person *person, const char *name);

/* A contactGroup event: what the list is now. The device is told by cwa_people_changes. */
void cwa_people_read(struct cwa_people *people, const struct cwa_node *event);

/* What the device must be told since it was told last. told may be NULL: it learns it in another way. */
typedef void cwa_people_told(void *ctx, struct im_contact_event *event);
void cwa_people_changes(struct cwa_people *people, cwa_people_told *told, void *ctx);

const struct cwa_group *cwa_people_group(const struct cwa_people *people, uint64_t id);
const struct cwa_group *cwa_people_folder(const struct cwa_people *people, struct bytes name);      /* by its name */

/* Puts a copy in the place of another (or of NULL). */
void cwa_people_set(char **into, const char *text);

void cwa_people_free(struct cwa_people *people);      /* not what talk keeps */

#endif
