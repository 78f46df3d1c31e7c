#ifndef BRAMBLE_SIMULATOR_SCENARIO_WORDS_H
#define BRAMBLE_SIMULATOR_SCENARIO_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What may stand in a scenario file: one row per element and attribute. The reader and its sentences, the RELAX NG schema and the
 * reference in docs/scenarios.md all come from these tables. Format: ours. */
enum scenario_word {
	/* the frame */
	WORD_SCENARIO, WORD_LAB, WORD_SET, WORD_DEVICE, WORD_DEVICES, WORD_STEPS,
	/* what devices do */
	WORD_LOGIN, WORD_LOGOUT, WORD_SEND, WORD_PRESENCE, WORD_COVERAGE, WORD_SILENT,
	/* what the administrator does */
	WORD_LIMITS, WORD_PERMIT, WORD_FORBID, WORD_END_SESSION, WORD_SWITCH, WORD_CLAIM,
	/* what befalls the pipeline */
	WORD_ADVANCE, WORD_KILL, WORD_STOP, WORD_CONTINUE, WORD_START, WORD_RESTART, WORD_FAULT, WORD_CLEAR_FAULTS, WORD_KICK,
	/* what makes steps of steps */
	WORD_NOTE, WORD_MARK, WORD_REPEAT, WORD_CHOOSE, WORD_ANY, WORD_ON,
	/* what must hold */
	WORD_EXPECT_LOGIN, WORD_EXPECT_LOGOUT, WORD_EXPECT_MESSAGE, WORD_EXPECT_NOTHING, WORD_EXPECT_DEVICE, WORD_EXPECT_COUNT,
	WORD_EXPECT_EVENT, WORD_EXPECT_END, WORD_EXPECT_ASKED, WORD_EXPECT_STEP, WORD_EXPECT_ACTIVE,
	SCENARIO_WORDS,
};

enum scenario_type {
	SCENARIO_TEXT,        /* 1 to 256 characters */
	SCENARIO_NAME,        /* a letter, then at most 31 letters, digits, '_' and '-' */
	SCENARIO_NAMES,       /* names or patterns with '*', blanks between them */
	SCENARIO_NUMBER,      /* between min and max */
	SCENARIO_LIMIT,       /* the same, or "unset" */
	SCENARIO_DURATION,    /* 250ms, 90s, 31m, 4h, 2d */
	SCENARIO_TIMEOUT,     /* the same, or "unset" */
	SCENARIO_PIN,         /* 8 hex digits */
	SCENARIO_KEY,         /* section.key */
	SCENARIO_CHOICE,      /* one of choices */
};

struct scenario_attribute {
	const char *name;                  /* NULL ends a list */
	enum scenario_type type;
	bool required;
	const char *help;
	uint64_t min, max;                 /* of a number */
	const char *const *choices;        /* ends with NULL */
};

/* Kinds of elements: what an element may hold is said in these. */
enum scenario_kind {
	KIND_ROOT = 1, KIND_LAB = 2, KIND_SETTING = 4, KIND_CAST = 8, KIND_STEPS = 16,
	KIND_DEVICE_STEP = 32, KIND_ADMIN_STEP = 64, KIND_PIPELINE_STEP = 128, KIND_ORDER_STEP = 256, KIND_ASSERTION = 512,
	KIND_STEP = KIND_DEVICE_STEP | KIND_ADMIN_STEP | KIND_PIPELINE_STEP | KIND_ORDER_STEP | KIND_ASSERTION,
};

enum scenario_times { AT_MOST_ONE, EXACTLY_ONE, ANY_NUMBER, AT_LEAST_ONE };

/* What stands in an element, in this order; kinds 0 ends the list. */
struct scenario_part {
	unsigned kinds;
	enum scenario_times times;
};

#define SCENARIO_ATTRIBUTES_MAX 12
#define SCENARIO_PARTS_MAX 4

struct scenario_element {
	const char *name;
	enum scenario_kind kind;
	const char *help;
	struct scenario_part holds[SCENARIO_PARTS_MAX];
	struct scenario_attribute attributes[SCENARIO_ATTRIBUTES_MAX];
};

extern const struct scenario_element scenario_elements[SCENARIO_WORDS];

/* A name of this kind in letters, for the schema and sentences: "device-step". */
const char *scenario_kind_name(enum scenario_kind kind);

/* The words of <expect-count of="...">: where each number comes from. */
enum scenario_source { COUNT_OF_SESSIONS, COUNT_OF_COLLAB, COUNT_OF_IM_SERVER, COUNT_OF_DATABASE, COUNT_OF_DEVICES };
struct scenario_count { const char *name; enum scenario_source source; const char *member, *help; };
extern const struct scenario_count scenario_counts[];      /* ends with a NULL name */
const struct scenario_count *scenario_count_find(const char *name);

#endif
