#ifndef BRAMBLE_BASE_CONTROL_H
#define BRAMBLE_BASE_CONTROL_H

#include <jansson.h>

#include "base/bytes.h"
#include "base/error.h"

/* Control: how the tools talk to a running process. One JSON object per line over its Unix socket, answered by one line.
 *
 *   -> {"verb":"session.list","id":7,"params":{"limit":10}}
 *   <- {"id":7,"ok":true,"result":{...}}
 *   <- {"id":7,"ok":false,"error":"...","status":1}
 *
 * This is the codec; base/io/control_server.h and control_client.h carry it. Format: ours. */
#define CONTROL_MAX_LINE 4194304

enum control_type { CONTROL_TEXT, CONTROL_NUMBER, CONTROL_SWITCH };

struct control_param {
	const char *name;
	enum control_type type;
	bool required;
	const char *help;
};

/* A verb that a process offers; tables end with a NULL name. */
struct control_request;
struct control_verb {
	const char *name;                               /* "status", "session.logout" */
	const char *help;
	const struct control_param *params;             /* ends with a NULL name; NULL: none */
	void (*run)(void *ctx, struct control_request *request);
};

struct control_call {
	char verb[64];
	uint64_t id;
	json_t *params;         /* an object, owned by the call */
};

struct control_answer {
	uint64_t id;
	bool ok;
	json_t *result;         /* when ok; owned */
	int status;             /* exit status that fits, when not ok */
	char error[512];
};

/* Strict: UTF-8, one object, no duplicate or unknown keys, depth at most 16. 0, or -1 with a sentence. */
int control_call_decode(struct bytes line, struct control_call *out, struct error *err);
int control_answer_decode(struct bytes line, struct control_answer *out, struct error *err);
/* Both append a whole line with its newline. */
void control_call_encode(const struct control_call *call, struct buf *out);
void control_answer_encode(const struct control_answer *answer, struct buf *out);
/* `call trail id=7 max=10 pin="2100000A"` or `answer id=7 ok result={...}`; a line that is neither, with the reason. */
void control_dump(struct bytes line, struct buf *out);
void control_call_free(struct control_call *call);
void control_answer_free(struct control_answer *answer);

/* Checks the params against the verb's table: types, missing and unknown ones (with the nearest). */
int control_check(const struct control_verb *verb, const json_t *params, struct error *err);

/* Params that the table has checked: the value, or the fallback when the caller left it out. */
const char *control_text(const json_t *params, const char *name, const char *fallback);
uint64_t control_number(const json_t *params, const char *name, uint64_t fallback);
bool control_switch(const json_t *params, const char *name, bool fallback);

/* A JSON text of any C string: where it is not UTF-8, its bytes outside ASCII become '?'. Never NULL. */
json_t *control_json_text(const char *text);

#endif
