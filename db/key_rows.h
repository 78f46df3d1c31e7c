#ifndef BRAMBLE_DB_KEY_ROWS_H
#define BRAMBLE_DB_KEY_ROWS_H

#include "db/core.h"
#include "db/keys.h"

/* Inside db/ only: how rows of emu_DeviceKey are named and read, for the verbs of the Dispatcher and of the administrator. */

/* The row's name in the seal of its secret: "2100000A+3". */
struct key_row_name { char text[24]; };
struct key_row_name key_row_name(uint32_t pin, uint32_t serial);
enum db_key_state key_state_parse(struct bytes name);
bool key_have_secrets(struct core *core, struct verb *verb);     /* else refuses the verb */

/* Refuses the verb for a mask that is empty or has others than the known suites. */
void key_check_suites(struct verb *verb, unsigned suites);

/* Adds a key's row with its secret sealed, made now. */
void key_row_add(struct core *core, uint32_t pin, const struct db_device_key *key);

#endif
