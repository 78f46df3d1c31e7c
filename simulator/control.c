#include "simulator/control.h"

#include <stdlib.h>

#include "base/io/clock_verbs.h"
#include "base/log.h"
#include "base/memory.h"

struct sim_control {
	struct loop *loop;
	struct faults *faults;
	struct control_server *server;
};

/* --- the command line ------------------------------------------------------------------------------------------------------------ */

int sim_fault_word(struct sim_fault_words *words, const char *word, struct error *err)
{
	if (words->count == FAULTS_MAX)
		return error_set(err, "--fault %s is one too many: there may be %d", log_str(word), FAULTS_MAX);
	words->words[words->count++] = word;
	return 0;
}

int sim_fault_words_set(const struct sim_fault_words *words, struct faults *faults, uint64_t now_ms, struct error *err)
{
	struct error why;

	for (size_t i = 0; i < words->count; i++)
		if (faults_add(faults, words->words[i], now_ms, &why) < 0)
			return error_set(err, "--fault %s: %s", log_str(words->words[i]), why.text);
	return 0;
}

/* --- verbs ----------------------------------------------------------------------------------------------------------------------- */

static void verb_fault(void *ctx, struct control_request *request)
{
	struct sim_control *control = ctx;
	struct error err;

	if (faults_add(control->faults, control_text(control_params(request), "word", ""), loop_now_ms(control->loop), &err) < 0)
		control_refuse(&request, EXIT_USAGE, "%s", err.text);
	else
		control_done(&request, json_object());
}

static void verb_list(void *ctx, struct control_request *request)
{
	const struct sim_control *control = ctx;

	control_done(&request, json_pack("{s:o}", "faults", faults_json(control->faults, loop_now_ms(control->loop))));
}

static void verb_clear(void *ctx, struct control_request *request)
{
	struct sim_control *control = ctx;

	faults_clear(control->faults);
	control_done(&request, json_object());
}

static const struct control_param fault_params[] = {
	{ "word", CONTROL_TEXT, true, "ACTION[=VALUE][,user=NAME or ,pin=PIN][,on=KIND][,nth=N][,count=N][,after=TIME][,for=TIME]; docs/faults.md" },
	{ NULL, CONTROL_TEXT, false, NULL },
};

static const struct control_verb fault_verbs[] = {
	{ "fault", "misbehaves from now on: delay=MS, drop, duplicate, reorder, garble, split, refuse=CODE, half-close, close, half-open",
	  fault_params, verb_fault },
	{ "fault.list", "the faults that are set, how often each was due and done", NULL, verb_list },
	{ "fault.clear", "no more faults", NULL, verb_clear },
	{ NULL, NULL, NULL, NULL },
};

/* --- life ------------------------------------------------------------------------------------------------------------------------ */

struct sim_control *sim_control_new(struct loop *loop, const char *path, struct faults *faults, struct error *err)
{
	struct control_server *server = control_server_new(loop, path, err);
	struct sim_control *control;

	if (!server)
		return NULL;
	control = memory_new(sizeof *control);
	*control = (struct sim_control){ .loop = loop, .faults = faults, .server = server };
	control_server_add(server, fault_verbs, control);
	control_server_add(server, clock_verbs, loop);
	return control;
}

void sim_control_add(struct sim_control *control, const struct control_verb *verbs, void *ctx)
{
	control_server_add(control->server, verbs, ctx);
}

void sim_control_free(struct sim_control **pointer)
{
	struct sim_control *control = *pointer;

	if (!control)
		return;
	control_server_free(&control->server);
	free(control);
	*pointer = NULL;
}
