#ifndef BRAMBLE_TESTS_SUPPORT_PIPELINE_PRIVATE_H
#define BRAMBLE_TESTS_SUPPORT_PIPELINE_PRIVATE_H

#include "tests/support/pipeline.h"

/* What the files of the pipeline share. */

#define PIPELINE_START_MS 1000000u
#define PIPELINE_PATIENCE_US 10000000u

#define AWAIT(p, condition, ...) do { \
	uint64_t give_up_us = loop_real_us() + PIPELINE_PATIENCE_US; \
	while (!(condition)) { \
		if (loop_real_us() > give_up_us) \
			fail_msg(__VA_ARGS__); \
		loop_round((p)->loop, 10); \
	} } while (0)

/* An empty sentence, or the test fails; also in a program that is no test, where nobody would print what cmocka keeps. */
void pipeline_good(const struct error *err);

/* pipeline_time.c: a round of all but those that are in one, for loop_others; true if anything ran. */
bool pipeline_round(void *pipeline);
/* pipeline.c: frees what is left of the dead; one that is started again listens where the first did. */
void pipeline_bury(struct pipeline *p);
void pipeline_keep_address(char **setting, const char *address);

/* pipeline_im.c: world and certificate; then each life. */
void pipeline_make_im(struct pipeline *p);
void pipeline_start_im(struct pipeline *p);
void pipeline_stop_im(struct pipeline *p);
void pipeline_start_ocs(struct pipeline *p);
void pipeline_stop_ocs(struct pipeline *p);

/* pipeline_database.c: with the people, and the administrator's handle; where the IM server is; a handle of a part's own. */
void pipeline_make_database(struct pipeline *p);
void pipeline_find_im(struct pipeline *p);
struct db *pipeline_open_database(struct pipeline *p, enum pipeline_part part);

/* pipeline_network.c: where to dial to come to the part that listens at the address. */
const char *pipeline_way_to(struct pipeline *p, enum pipeline_part part, const char *address);
void pipeline_close_ways(struct pipeline *p);

/* pipeline_phones.c: the device of one of them, linked. */
void pipeline_start_phone(struct pipeline *p, int who);
void pipeline_stop_phone(struct pipeline *p, int who);
void pipeline_secret(int who, uint8_t secret[PACKET_KEY_SIZE]);
#define PIPELINE_SUITES PACKET_SUITES_DOCUMENTED

#endif
