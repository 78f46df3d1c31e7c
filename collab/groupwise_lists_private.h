#ifndef BRAMBLE_COLLAB_GROUPWISE_LISTS_PRIVATE_H
#define BRAMBLE_COLLAB_GROUPWISE_LISTS_PRIVATE_H

#include "collab/groupwise_lists.h"

/* What groupwise_lists.c (our copy) and groupwise_list_changes.c (the requests) share. */

enum { ID_MAX = 64 };                /* bytes of an object id; ours */

struct folder {
	struct folder *prev, *next;
	char *id, *name;
	bool gone;                   /* within one list of differences: it may come again */
};

struct contact {
	struct contact *prev, *next;
	char *id, *parent, *sequence, *name;
	struct person *person;
	bool gone;
};

struct lists {
	struct messenger *m;
	struct folder *folders;
	struct contact *contacts;
	struct change *changes;      /* the first is being made */
	unsigned change_count;
};

struct contact *lists_contact(const struct lists *l, const char *id);
void lists_drop_contact(struct lists *l, struct contact *c);
void lists_free_changes(struct lists *l);

#endif
