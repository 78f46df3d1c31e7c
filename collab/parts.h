#ifndef BRAMBLE_COLLAB_PARTS_H
#define BRAMBLE_COLLAB_PARTS_H

#include "collab/admission.h"
#include "collab/collab.h"
#include "collab/courier.h"
#include "collab/dispatcher_link.h"
#include "collab/environment.h"
#include "collab/owner.h"
#include "collab/session_table.h"

/* What the parts of one Collaboration Service share. Only files of this folder that need several of them include it. */
struct doubt;
struct penalties;
struct standing;
/* One of its dispatchers, for callbacks. */
struct collab_way { struct collab *collab; unsigned number; };

struct collab {
	struct loop *loop;
	const struct collab_settings *settings;
	const struct backend_type *backend_type;
	struct db *db;
	struct trail *trail;
	struct tls *im_tls;                  /* NULL: the IM server is spoken to in clear */
	struct http_client *http;            /* NULL unless the environment is CWA */
	struct cwa_kerberos *kerberos;       /* the same, and unless a realm is set */
	struct tls *dispatcher_tls;
	struct environment *environment;
	struct owner *owner;
	struct courier *courier;
	struct dispatcher_link *links[COLLAB_DISPATCHERS_MAX];      /* by the way's number */
	struct collab_way ways[COLLAB_DISPATCHERS_MAX];
	unsigned way_count;
	struct standing *standing;
	struct admission *admission;
	struct penalties *penalties;
	struct doubt *doubt;
	struct session_table sessions;
	size_t requests;             /* of all sessions: taken from devices, to be acknowledged, and not yet */
	bool fenced, stopping;
	bool looking, look_again;    /* at the ends of sessions, in the database */
	uint64_t ends_seen;
	struct {
		uint64_t logins, admitted, refused, answered, penalties;
		uint64_t evicted, expired, closed, lost, replaced;
		uint64_t messages_up, messages_down, unknown_session, malformed, duplicates, overloaded;
	} counts;
	struct buf scratch;          /* one message being encoded */
};

/* Encodes into the scratch buffer; valid until the next one. */
struct bytes collab_encode(struct collab *collab, const struct wire_msg *msg, uint32_t sequence, const void *in);

/* One step of a login or a session: in the process's trail, and, when stored, in the database's. numbers may be NULL. */
struct trail_entry;
void collab_note(struct collab *collab, const struct trail_entry *entry, uint32_t session, bool stored);

/* The second half alone, for an entry that says more in the process's trail than people want to read in the database's. */
void collab_store(struct collab *collab, const struct trail_entry *entry, uint32_t session);

/* A line of the history alone, about a message or a session: numbers session and sequence, and one more unless name is NULL. */
void collab_record(struct collab *collab, const char *event, uint32_t pin, uint32_t session, uint32_t sequence, const char *name,
	uint64_t value);

#endif
