/* Fault words: whatever is accepted does something sooner or later, and what is not says why. */
#include <stdlib.h>

#include "base/log.h"
#include "simulator/fault.h"

static bool any_name(void *ctx, const char *name)
{
	(void)ctx;
	return *name != '\0';
}

static int any_code(const char *text, uint32_t *out)
{
	*out = 1;
	return *text ? 0 : -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const special[] = { "event", NULL };
	static const struct fault_terms terms = { .whom = "user", .where = "here", .is_whom = any_name, .is_kind = any_name,
		.special = special, .kind_noun = "request", .kind_help = "event and all", .parse_code = any_code, .code_help = "anything" };
	char *word = bytes_dup(bytes_of(data, size));
	struct faults *faults = faults_new(&terms);
	struct error err = { "" };
	struct fault late;
	json_t *list;

	log_set_level(LOG_ERROR);
	if (faults_add(faults, word, 1000, &err) < 0 && !err.text[0])
		bug("refused without a sentence");
	if (faults_any(faults) != !err.text[0])
		bug("neither refused nor set");
	for (uint64_t i = 0; i < 3; i++)
		faults_next(faults, 1000 + i, "alice", i == 1 ? "event" : "ping");
	list = faults_json(faults, 1002);
	if (!list || json_array_size(list) != faults_any(faults))
		bug("set and not listed");
	json_decref(list);
	late = faults_next(faults, UINT64_MAX - 1, "alice", "ping");
	if (late.action != FAULT_NONE && late.until_ms != UINT64_MAX)
		bug("happened when its time was over");
	faults_free(&faults);
	free(word);
	return 0;
}
