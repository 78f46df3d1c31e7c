#ifndef BRAMBLE_SIMULATOR_SCENARIO_LAB_H
#define BRAMBLE_SIMULATOR_SCENARIO_LAB_H

#include <jansson.h>

#include "simulator/scenario/scenario_cast.h"

/* The lab that a scenario runs on: one of its own, a child of this process that ends with it, on free ports in a folder under TMPDIR; or
 * one that runs already. Everything goes through the tool `bramble`, which stands beside this program, and the control sockets. */
struct scenario_lab;

/* NULL with a sentence and the exit status that fits. backend, profile: as `bramble lab up` takes them; NULL: what it chooses. database: an
 * URL, to which a schema for this lab alone is added; NULL: a file. history: all its processes write one to SCENARIO_HISTORY in its folder,
 * which scenario_lab_end checks. */
#define SCENARIO_HISTORY "history"
struct scenario_lab *scenario_lab_start(const struct scenario *scenario, const struct scenario_cast *cast, const char *backend, const char *profile,
	const char *database, bool history, int *status, struct error *err);
struct scenario_lab *scenario_lab_open(const char *dir, int *status, struct error *err);

/* Ends a lab of its own; keep: its folder with the logs stays. false with a sentence: a process of it did not
 * end well, or the histories break a rule; which one is told on standard error. */
bool scenario_lab_end(struct scenario_lab **lab, bool keep, struct error *err);

const char *scenario_lab_dir(const struct scenario_lab *lab);
const char *scenario_lab_router(const struct scenario_lab *lab);      /* HOST:PORT */
const char *scenario_lab_backend(const struct scenario_lab *lab);     /* "groupwise", "cwa": also the process that is its IM server */
bool scenario_lab_is_own(const struct scenario_lab *lab);

/* `bramble WORDS... --dir DIR`, WORDS NULL-terminated; what it printed goes to out (NULL: nowhere). Its exit status; not 0: with a sentence. */
int scenario_lab_tool(const struct scenario_lab *lab, const char *const *words, struct buf *out, struct error *err);

/* Asks a process over its control socket; params is taken over. NULL with a sentence and the exit status. */
json_t *scenario_lab_ask(const struct scenario_lab *lab, const char *process, const char *verb, json_t *params, int *status,
	struct error *err);

#endif
