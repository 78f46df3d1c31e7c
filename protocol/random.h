#ifndef BRAMBLE_PROTOCOL_RANDOM_H
#define BRAMBLE_PROTOCOL_RANDOM_H

#include "base/bytes.h"

/* Random bytes for keys and nonces, drawn from OpenSSL 4 KB at a time because a small draw costs nearly as much as a large
 * one. What was handed out is wiped from the pool, and a forked child starts with an empty pool of its own. */
struct random_pool {
	uint8_t bytes[4096];
	size_t used;
	unsigned generation;     /* of the process: 0 means never filled */
};

void random_pool_take(struct random_pool *pool, uint8_t *out, size_t len);
void random_pool_wipe(struct random_pool *pool);

#endif
