#include "protocol/random.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/log.h"

/* Counts up in each forked child, so that parent and child never hand out the same bytes. */
static atomic_uint generation = 1;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void in_child(void)
{
	atomic_fetch_add(&generation, 1);
}

static void watch_forks(void)
{
	if (pthread_atfork(NULL, NULL, in_child))
		fatal(EXIT_INTERNAL, "no memory to watch for forks");
}

static void refill(struct random_pool *pool, unsigned now)
{
	if (RAND_bytes(pool->bytes, sizeof pool->bytes) != 1)
		fatal(EXIT_INTERNAL, "OpenSSL has no random bytes");
	pool->used = 0;
	pool->generation = now;
}

void random_pool_take(struct random_pool *pool, uint8_t *out, size_t len)
{
	unsigned now;

	pthread_once(&once, watch_forks);
	now = atomic_load_explicit(&generation, memory_order_relaxed);
	if (len > sizeof pool->bytes)
		bug("%zu random bytes at once", len);
	if (pool->generation != now || len > sizeof pool->bytes - pool->used)
		refill(pool, now);
	memcpy(out, pool->bytes + pool->used, len);
	OPENSSL_cleanse(pool->bytes + pool->used, len);
	pool->used += len;
}

void random_pool_wipe(struct random_pool *pool)
{
	OPENSSL_cleanse(pool, sizeof *pool);
}
