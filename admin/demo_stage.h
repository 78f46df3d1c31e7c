#ifndef BRAMBLE_ADMIN_DEMO_STAGE_H
#define BRAMBLE_ADMIN_DEMO_STAGE_H

#include <jansson.h>
#include <limits.h>

#include "admin/demo_device.h"
#include "admin/lab.h"

/* What `bramble demo` can have happen on a lab, and how it says whether an outcome is the documented one. Only its own files include this.
 *   demo.c            from lab up to lab down, for each IM system
 *   demo_stage.c      logins, messages, limits, coverage
 *   demo_stories.c    in which order */

enum { DEMO_ANSWER_MS = 20000, DEMO_USERS = 4 };

struct demo {
	struct lab *lab;
	char dir[PATH_MAX];
	char tool[PATH_MAX], sim[PATH_MAX];
	struct demo_device *devices[DEMO_USERS];      /* of lab_users, in that order */
	json_t *told;                                 /* the last login, as trace_explain tells it */
	unsigned logins, checks, differs;
	struct error err;
};

/* Each returns false when it came out otherwise than documented, or did not come out at all; then it has been said and counted. */
void demo_heading(const char *words);
/* One line of verdict; what differs from the documents fails the run. */
bool demo_verdict(struct demo *demo, bool good, const char *what, const char *expected);
/* What demo->err says. */
bool demo_broken(struct demo *demo);
/* One login: told as steps, then judged. status: what the device must show; NULL: it must be accepted. */
bool demo_login(struct demo *demo, int user, const char *status, json_int_t code, const char *documented);
/* The login before it went these ways at step 5: words of its steps, NULL-terminated. */
bool demo_went(struct demo *demo, const char *what, const char *const *steps);
bool demo_chat(struct demo *demo, int from, int to, const char *words);
/* By the tool, as a person would. */
bool demo_set_limits(struct demo *demo, const char *words, const char *arguments);
/* The simulated IM server misbehaves once: a word of docs/faults.md. */
bool demo_fault(struct demo *demo, const char *word);
json_t *demo_ask(struct demo *demo, const char *process, const char *verb, json_t *params);
bool demo_lose_coverage(struct demo *demo, int user);
bool demo_regain_coverage(struct demo *demo, int user);

void demo_story_groupwise(struct demo *demo);
void demo_story_cwa(struct demo *demo);           /* profile ocs2007 */
void demo_story_cwa_json(struct demo *demo);      /* profile lcs2005 */

#endif
