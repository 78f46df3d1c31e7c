#ifndef BRAMBLE_SIMULATOR_WORLD_H
#define BRAMBLE_SIMULATOR_WORLD_H

#include <stddef.h>

#include "base/bytes.h"
#include "base/error.h"

/* The people of the simulated systems, read from world.xml: a seed that nobody writes back to.
 *
 *   <world domain="corp.test" netbios="CORP">
 *     <user id="alice" password="alice-secret" name="Alice Adams">
 *       <folder name="Friends"><contact user="bob"/></folder>
 *       <contact user="carol" name="Carol from sales"/>
 *     </user>
 *     <status name="Lunch" base="away" reply="Back at two"/>
 *     <policy name="nnmMaxContacts" value="150"/>
 *     ...
 *   </world>
 *
 * Format: ours; docs/world.md lists elements and attributes. */
#define WORLD_FILE_MAX 16777216
#define WORLD_TEXT_MAX 256          /* bytes of one attribute */

struct world_user;

struct world_folder {
	char *name;
};

struct world_contact {
	const struct world_user *user;
	char *user_id;              /* as it stands in the file */
	char *name;                 /* NULL: the user's own name is shown */
	size_t folder;              /* index + 1 into the owner's folders; 0: directly under the root */
	unsigned line;
};

/* A status that users may pick beside the usual ones; what base may be is the simulated system's to say. */
struct world_status {
	char *name, *base;
	char *reply;                /* NULL: none */
	unsigned line;
};

/* What the administrator has set; which ones there are is the simulated system's to say. */
struct world_policy {
	char *name, *value;
	unsigned line;
};

/* Of everybody, or of one user on top of that. */
struct world_rules {
	struct world_status *statuses;
	size_t status_count;
	struct world_policy *policies;
	size_t policy_count;
};

struct world_user {
	char *id, *password, *name;
	char *given, *surname;              /* from the name unless given */
	char *dn;                           /* "CN=alice,OU=people,O=corp" unless given */
	char *mail;                         /* "alice@corp.test" unless given */
	char *title, *department, *phone;   /* NULL unless given */
	struct world_folder *folders;
	size_t folder_count;
	struct world_contact *contacts;
	size_t contact_count;
	struct world_rules rules;
	unsigned line;
};

struct world {
	char *domain, *netbios;             /* "corp.test", "CORP" unless given */
	struct world_user *users;           /* in the file's order */
	size_t user_count;
	struct world_rules rules;
	struct world_index *index;          /* private */
};

/* NULL with a sentence that names file, line, what is there and what is allowed. */
struct world *world_load(const char *file, struct error *err);
struct world *world_parse(struct bytes xml, const char *name, struct error *err);
void world_free(struct world **world);

/* By id or DN, without regard to letter case; NULL if there is none. */
const struct world_user *world_find(const struct world *world, struct bytes name);

#endif
