#ifndef BRAMBLE_TESTS_SUPPORT_COLLAB_BENCH_H
#define BRAMBLE_TESTS_SUPPORT_COLLAB_BENCH_H

#include "collab/collab.h"
#include "protocol/srp.h"
#include "tests/support/database.h"
#include "tests/support/fake_dispatcher.h"
#include "tests/support/fake_groupwise.h"

/* A Collaboration Service on one loop with a manual clock, between a played dispatcher and a played GroupWise server, over a real
 * database file. Users alice, bob, carol and dave have PINs 2100000A to 2100000D. */
enum { ALICE = 0x2100000A, BOB, CAROL, DAVE };

struct collab_bench {
	struct database *database;
	struct loop *loop;
	struct fake_dispatcher dispatcher;
	struct fake_groupwise groupwise;
	struct collab_settings settings;
	struct db *db;                   /* the service's own handle */
	struct trail *trail;
	struct collab *collab;
	char certificate[128], key[128];
};

struct bench_limits {
	uint32_t max, capacity;
	uint64_t idle_ms, inactivity_ms;
};

/* cmocka fixtures; bench_start comes after, so that a test sets its limits first. */
int bench_setup(void **state);
int bench_teardown(void **state);
void bench_limit(struct collab_bench *b, struct bench_limits limits);
void bench_start(struct collab_bench *b, struct bench_limits limits);     /* until the service is registered */
void bench_stop(struct collab_bench *b);                                  /* as SIGTERM does */
/* Only tries; the sentence of a refusal is in err. */
struct collab *bench_try(struct collab_bench *b, int *status, struct error *err);

/* Runs the loop until the condition holds; fails the test after 10 s of real time. */
#define bench_until(b, condition) \
	do { \
		uint64_t bench_give_up_us = loop_real_us() + 10000000; \
		while (!(condition)) { \
			if (loop_real_us() > bench_give_up_us) \
				fail_msg("%s:%d: waited in vain until %s", __FILE__, __LINE__, #condition); \
			loop_round((b)->loop, 10); \
		} \
	} while (0)

void bench_settle(struct collab_bench *b);                     /* until nothing is ready and no verb is under way */
void bench_advance(struct collab_bench *b, uint64_t ms);       /* from deadline to deadline, settling at each */
uint64_t bench_number(struct collab_bench *b, const char *group, const char *key);   /* of what status answers */
int64_t bench_live_seats(const struct collab_bench *b);

/* What devices say. Logins are numbered by the caller; the answer is awaited. */
void bench_send_login(struct collab_bench *b, uint32_t pin, const char *user, uint32_t sequence);
uint32_t bench_login(struct collab_bench *b, uint32_t pin, const char *user);          /* must succeed: the session */
struct im_login_fail bench_login_fails(struct collab_bench *b, uint32_t pin, const char *user);
void bench_status(struct collab_bench *b, uint32_t pin, uint32_t session, uint32_t sequence);
void bench_message(struct collab_bench *b, uint32_t pin, uint32_t session, uint32_t sequence, const char *to, const char *text);
/* What they hear: awaited. */
void bench_expect(struct collab_bench *b, uint32_t pin, const struct wire_msg *msg, uint32_t *sequence, void *out);
uint32_t bench_forced_logout(struct collab_bench *b, uint32_t pin, uint32_t session);  /* the reason */
uint32_t bench_ack(struct collab_bench *b, uint32_t pin, uint32_t sequence);           /* the code */
void bench_expect_said(struct collab_bench *b, uint32_t pin, const char *from, const char *text, uint32_t *sequence);

#endif
