#ifndef BRAMBLE_SIMULATOR_SCENARIO_SCHEMA_H
#define BRAMBLE_SIMULATOR_SCENARIO_SCHEMA_H

#include "base/bytes.h"
#include "simulator/scenario/scenario_words.h"

/* The tables of scenario_words.h as a RELAX NG schema (simulator/scenarios/scenario.rng), for editors and other tools. */
void scenario_schema_print(struct buf *out);

/* The reference of docs/scenarios.md: a table of the elements of these kinds with their attributes, and one of the counts. */
void scenario_reference_print(unsigned kinds, struct buf *out);
void scenario_counts_print(struct buf *out);

#endif
