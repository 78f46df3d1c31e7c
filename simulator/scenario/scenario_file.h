#ifndef BRAMBLE_SIMULATOR_SCENARIO_FILE_H
#define BRAMBLE_SIMULATOR_SCENARIO_FILE_H

#include "base/bytes.h"
#include "base/error.h"
#include "simulator/scenario/scenario_words.h"

/* A scenario file, read: XML without DOCTYPE or network, checked against the tables of scenario_words.h. docs/scenarios.md.
 * What depends on several elements (is there such a device, such a mark) is scenario_check.h's. */
#define SCENARIO_FILE_MAX 1048576
#define SCENARIO_NODES_MAX 10000
#define SCENARIO_DEPTH_MAX 16
#define SCENARIO_TEXT_MAX 256         /* characters of one attribute */

struct scenario_value {
	char *text;                   /* as it stands in the file; NULL: left out */
	uint64_t number;              /* numbers and limits; durations in milliseconds; PINs; a choice's place in its list */
	bool is_unset;                /* the word unset */
};

struct scenario_node {
	enum scenario_word word;
	unsigned line;
	struct scenario_value values[SCENARIO_ATTRIBUTES_MAX];     /* in the order of the element's attributes */
	struct scenario_node *first, *last, *next;                 /* what it holds; what comes after it */
};

struct scenario {
	char *file;
	struct scenario_node *root;
};

/* NULL with a sentence: `FILE:7: attribute tiem is not one of <advance>; it has by, to and since`. */
struct scenario *scenario_load(const char *file, struct error *err);
struct scenario *scenario_parse(struct bytes xml, const char *name, struct error *err);
void scenario_free(struct scenario **scenario);

/* The value of an attribute that the element has in the tables: else bug(). */
const struct scenario_value *scenario_value(const struct scenario_node *node, const char *attribute);
const char *scenario_text(const struct scenario_node *node, const char *attribute);                    /* NULL: left out */
uint64_t scenario_number(const struct scenario_node *node, const char *attribute, uint64_t fallback);
bool scenario_has(const struct scenario_node *node, const char *attribute);

/* The step in words: `login bob`, `advance 10m`, `limits max=2 idle-timeout=10m`. */
void scenario_words(const struct scenario_node *node, struct buf *out);

/* What it holds of this kind, the first; NULL: nothing. */
const struct scenario_node *scenario_child(const struct scenario_node *node, enum scenario_word word);

/* Does a name match one of the names and patterns of a SCENARIO_NAMES? */
bool scenario_names_match(const char *names, const char *name);

#endif
