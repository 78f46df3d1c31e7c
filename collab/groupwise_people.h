#ifndef BRAMBLE_COLLAB_GROUPWISE_PEOPLE_H
#define BRAMBLE_COLLAB_GROUPWISE_PEOPLE_H

#include "protocol/groupwise/field.h"
#include "protocol/im.h"

/* Whom one GroupWise session knows: its contacts from the login answer, and strangers whose details it asked for. The server
 * speaks of people by DN, the device by the user ID that people type: this is where one becomes the other. */

enum { PEOPLE_MAX = 4096, PEOPLE_DN_MAX = 1024 };

struct person {
	struct person *next;                 /* in the order of the contact list, strangers after it */
	char *dn;
	char *user;                          /* what the device sees: the ID people log in with, else the leaf of the DN, and the
	                                      * dotted name when that leaf is taken by somebody else */
	char *name;                          /* what the device is shown */
	char *full_name;                     /* as the server has it, else the user */
	char *folder;                        /* "" for the top */
	char *text;                          /* status in the person's words */
	uint32_t presence;
	bool is_contact;
	bool is_detailed;                    /* the server has told more than the DN */
	struct contact *contact;             /* groupwise_lists': the entry that is shown; NULL: none */
	struct conversation *conversation;   /* groupwise_talk's; NULL: none */
};

struct people {
	struct person *first, *last;
	size_t count;
};

/* One record of details, as getdetails and the contact list have it: a new person, or what is new about a known one.
 * NULL if it has no usable DN, or too many are known. */
struct person *people_add(struct people *people, const struct gw_field *details, struct bytes dn);
struct person *people_by_dn(const struct people *people, struct bytes dn);
/* By whatever a device may type: user ID, typed or dotted DN. */
struct person *people_by_name(const struct people *people, struct bytes name);
/* The user ID that the device knows somebody by, or would be told, as a string of its own. */
char *people_user_of(const struct people *people, const struct gw_field *details, struct bytes dn);
void person_set_presence(struct person *person, uint32_t presence, struct bytes text);
void people_free(struct people *people);      /* not the conversations */

/* Valid UTF-8 of at most max bytes, as a string of its own. */
char *people_text(struct bytes text, size_t max);
/* Puts such a string in the place of another (or of NULL). */
void people_set(char **into, struct bytes text, size_t max);

#endif
