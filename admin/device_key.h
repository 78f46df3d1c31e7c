#ifndef BRAMBLE_ADMIN_DEVICE_KEY_H
#define BRAMBLE_ADMIN_DEVICE_KEY_H

#include <jansson.h>

#include "base/bytes.h"
#include "base/error.h"
#include "db/keys.h"

/* The key file of a simulated device, as `bramble-sim device --key-file` reads it and `bramble device export` writes it.
 * What the Dispatcher's side has sent is what the device has received: the ceilings are turned round. */
json_t *device_key_json(const struct db_device *device, const char *srp_id);

/* Writes it in one step with mode 0600. A file that is there already keeps its ceilings where they are higher. */
int device_key_write(const char *path, json_t *key, struct error *err);

/* Suites of a key, for people: "aes256-cbc,3des-cbc" and back. */
json_t *suites_json(unsigned suites);
int suites_parse(const char *text, unsigned *suites, struct error *err);

/* Any small file in one step: written beside, then renamed. */
int file_write(const char *path, struct bytes content, unsigned mode, struct error *err);

/* A new random secret of size bytes. */
void secret_new(uint8_t *secret, size_t size);

#endif
