#ifndef BRAMBLE_ADMIN_TRACE_LIST_H
#define BRAMBLE_ADMIN_TRACE_LIST_H

#include "admin/trace_source.h"

/* The logins that the database remembers, newest first, at most `most`: of one user (NULL: of all; letters of either case). A row:
 * login_id, time, user, pin, outcome, code, status_text, arithmetic, session, ended ("active" or another state while it lives, else the
 * reason of its end; null: no session). Pure. A new reference. */
json_t *trace_list(const struct trace_source *source, const char *user, size_t most);

/* A login's id that the source knows and that is near to this one: of the same device the nearest number, else the nearest by its
 * letters. Written into text, which is returned; NULL: none is near. */
const char *trace_nearest(const struct trace_source *source, const char *login_id, char *text, size_t size);

#endif
