#include "collab/penalty.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>
#include <utlist.h>

#include "base/memory.h"

struct record {
	char *key;
	unsigned failed;
	bool is_known;                  /* of a pair: this device has logged in to this account */
	uint64_t last_ms;               /* when it was tried last */
	struct record *prev, *next;     /* by last_ms */
	UT_hash_handle hh;
};

struct penalties {
	unsigned after;
	uint64_t longest_ms;
	struct record *by_key, *oldest;
	unsigned count;
};

struct penalties *penalties_new(unsigned after, uint64_t longest_ms)
{
	struct penalties *p = memory_new(sizeof *p);

	p->after = after;
	p->longest_ms = longest_ms;
	return p;
}

static void forget(struct penalties *p, struct record *record)
{
	HASH_DEL(p->by_key, record);
	DL_DELETE(p->oldest, record);
	p->count--;
	free(record->key);
	free(record);
}

void penalties_free(struct penalties **penalties)
{
	struct penalties *gone = *penalties;

	if (!gone)
		return;
	*penalties = NULL;
	while (gone->oldest)
		forget(gone, gone->oldest);
	free(gone);
}

/* --- records ------------------------------------------------------------------------------------------------------------------------- */

/* A device, an account, and the two together. An IM user ID is the same in any letter case. */
struct keys { char *device, *account, *pair; };

static struct keys keys_of(uint32_t pin, const char *user)
{
	struct keys keys = { .account = memory_printf("a%s", user), .device = memory_printf("d%08x", pin) };

	for (char *c = keys.account; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	keys.pair = memory_printf("p%08x%s", pin, keys.account);
	return keys;
}

static void keys_free(struct keys *keys)
{
	free(keys->device);
	free(keys->account);
	free(keys->pair);
}

static struct record *find(struct penalties *p, const char *key, uint64_t now_ms)
{
	struct record *record;

	HASH_FIND_STR(p->by_key, key, record);
	if (record && now_ms - record->last_ms >= PENALTY_FORGET_MS)
		record->failed = 0;
	return record;
}

static struct record *touch(struct penalties *p, const char *key, uint64_t now_ms)
{
	struct record *record = find(p, key, now_ms);

	if (!record) {
		if (p->count == PENALTIES_MAX)
			forget(p, p->oldest);
		record = memory_new(sizeof *record);
		record->key = memory_str(key);
		HASH_ADD_KEYPTR(hh, p->by_key, record->key, strlen(record->key), record);
		p->count++;
	} else {
		DL_DELETE(p->oldest, record);
	}
	DL_APPEND(p->oldest, record);
	record->last_ms = now_ms;
	return record;
}

/* --- the rule ------------------------------------------------------------------------------------------------------------------------ */

static uint64_t wait_of(const struct penalties *p, const struct record *record, uint64_t now_ms)
{
	uint64_t wait = PENALTY_FIRST_MS, passed;

	if (!record || record->failed < p->after)
		return 0;
	for (unsigned i = p->after; i < record->failed && wait < p->longest_ms; i++)
		wait *= 2;
	if (wait > p->longest_ms)
		wait = p->longest_ms;
	passed = now_ms - record->last_ms;
	return passed < wait ? wait - passed : 0;
}

uint64_t penalties_try(struct penalties *p, uint32_t pin, const char *user, uint64_t now_ms)
{
	struct keys keys;
	const struct record *pair;
	uint64_t wait, of_account = 0;

	if (!p->after)
		return 0;
	keys = keys_of(pin, user);
	pair = find(p, keys.pair, now_ms);
	wait = wait_of(p, find(p, keys.device, now_ms), now_ms);
	if (pair && pair->failed && !pair->is_known)
		of_account = wait_of(p, find(p, keys.account, now_ms), now_ms);
	if (of_account > wait)
		wait = of_account;
	if (!wait) {
		touch(p, keys.device, now_ms)->failed++;
		touch(p, keys.account, now_ms)->failed++;
		touch(p, keys.pair, now_ms)->failed++;
	}
	keys_free(&keys);
	return wait;
}

static void take_back(struct penalties *p, const char *key, uint64_t now_ms)
{
	struct record *record = find(p, key, now_ms);

	if (record && record->failed)
		record->failed--;
}

void penalties_end(struct penalties *p, uint32_t pin, const char *user, enum penalty_end end, uint64_t now_ms)
{
	struct keys keys;

	if (!p->after)
		return;
	keys = keys_of(pin, user);
	if (end != PENALTY_WRONG) {
		take_back(p, keys.device, now_ms);
		take_back(p, keys.account, now_ms);
		take_back(p, keys.pair, now_ms);
	}
	if (end == PENALTY_RIGHT) {
		struct record *pair = touch(p, keys.pair, now_ms);

		pair->is_known = true;
		pair->failed = 0;
	}
	keys_free(&keys);
}
