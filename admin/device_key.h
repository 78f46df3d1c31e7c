#ifndef BRAMBLE_ADMIN_DEVICE_KEY_H
#define BRAMBLE_ADMIN_DEVICE_KEY_H

#include <jansson.h>

#include "base/bytes.h"
#include "base/error.h"
#include "db/keys.h"
#include "protocol/device_keys.h"

/* The device's side of what the database keeps of it, for its key file. What the Dispatcher's side has sent is what the device
 * has received: the ceilings are turned round. */
void device_key_identity(const struct db_device *device, const char *srp_id, struct device_identity *out);

/* Writes the key file. One that is there already keeps its ceilings where they are higher, and identity gets them. */
int device_key_write(const char *path, struct device_identity *identity, struct error *err);

/* Suites of a key, for people: "aes256-cbc,3des-cbc" and back. */
json_t *suites_json(unsigned suites);
int suites_parse(const char *text, unsigned *suites, struct error *err);

/* Any small file in one step: written beside, then renamed. */
bool file_is_there(const char *path);
int file_write(const char *path, struct bytes content, unsigned mode, struct error *err);

/* A new random secret of size bytes. */
void secret_new(uint8_t *secret, size_t size);

#endif
