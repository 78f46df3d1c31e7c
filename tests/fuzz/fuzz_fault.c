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
	static const struct fault_terms terms = { .is_user = any_name, .is_kind = any_name, .parse_code = any_code,
		.code_help = "anything" };
	char *word = bytes_dup(bytes_of(data, size));
	struct faults *faults = faults_new(&terms);
	struct error err = { "" };

	log_set_level(LOG_ERROR);
	if (faults_add(faults, word, &err) < 0 && !err.text[0])
		bug("refused without a sentence");
	for (int i = 0; i < 3; i++)
		faults_next(faults, "alice", "ping");
	faults_free(&faults);
	free(word);
	return 0;
}
