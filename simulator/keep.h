#ifndef BRAMBLE_SIMULATOR_KEEP_H
#define BRAMBLE_SIMULATOR_KEEP_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/io/loop.h"

/* What the users of a simulated system changed, kept over a restart: a file each, written at the end of the round in which something
 * changed, beside the old one, and moved into place: an end of the process at any moment leaves the old file or the new one. It does
 * not wait for the disk: what a power cut may cost a simulated server is not worth a pause for everybody. What stands in the files is
 * the system's own. */
#define KEEP_FILE_MAX 16777216

struct keep;

/* In a user's struct, which outlives the keep. */
struct kept {
	const char *id;         /* names the file */
	bool changed;
	struct kept *next;
};

/* What the file of that user says. */
typedef void keep_write_fn(struct kept *user, struct buf *out);

/* Files are FOLDER/SYSTEM/ID.SUFFIX; FOLDER/SYSTEM is made when it is missing. NULL with a sentence when it cannot be. */
struct keep *keep_new(struct loop *loop, const char *folder, const char *system, const char *suffix, keep_write_fn *write,
	struct error *err);
/* Writes what is left. */
void keep_free(struct keep **keep);

/* Has it written at the end of this round; keep NULL: nothing is kept. */
void keep_changed(struct keep *keep, struct kept *user);

/* The name of a user's file. The caller frees it. */
char *keep_path(const struct keep *keep, const char *id);
/* 1 with what it holds, 0 when there is none, -1 with a sentence that names it. */
int keep_read(const char *path, struct buf *out, struct error *err);

#endif
