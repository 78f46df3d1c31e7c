#ifndef BRAMBLE_BASE_IO_TRAIL_VERBS_H
#define BRAMBLE_BASE_IO_TRAIL_VERBS_H

#include "base/io/control_server.h"
#include "base/trail.h"

enum { TRAIL_ENTRIES = 8192 };          /* of a process */

/* The verb trail; ctx is the struct trail. */
extern const struct control_verb trail_verbs[];

#endif
