/* Scenario files: what is refused says why; what is accepted can be asked for every value, and told in words. */
#include <string.h>

#include "base/log.h"
#include "simulator/scenario/scenario_cast.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const struct scenario_node *node, struct buf *words)
{
	for (; node; node = node->next) {
		buf_clear(words);
		scenario_words(node, words);
		if (strncmp(buf_cstr(words), scenario_elements[node->word].name, strlen(scenario_elements[node->word].name)) != 0)
			bug("a step without its name");
		look(node->first, words);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = { "" };
	struct scenario *scenario = scenario_parse(bytes_of(data, size), "x.xml", &err);
	struct scenario_cast cast = { 0 };
	struct buf words = { 0 };

	if (!scenario && !err.text[0])
		bug("refused without a sentence");
	if (scenario) {
		look(scenario->root, &words);
		err.text[0] = '\0';
		if ((scenario_cast_make(scenario, &cast, &err) || scenario_check(scenario, &cast, &err)) && !err.text[0])
			bug("refused without a sentence");
	}
	buf_free(&words);
	scenario_cast_free(&cast);
	scenario_free(&scenario);
	return 0;
}
