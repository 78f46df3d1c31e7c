#ifndef BRAMBLE_COLLAB_PENALTY_H
#define BRAMBLE_COLLAB_PENALTY_H

#include <stdint.h>

/* Who guesses passwords waits, longer each time, and an honest user still gets in.
 *
 * Logins that end with a wrong password are counted per device (PIN) and per account (IM user ID). From the setting's number on the next
 * one must come later than the last by 1 s, 2 s, 4 s and so on. What counts for a device is all that it tried, whatever the account. What counts
 * for an account is all that was tried, from wherever, but only devices wait for it that have failed on it themselves and never
 * succeeded: so the owner of an account that others guess at is let in, by his own device and by a new one.
 * A login under way counts as failed until it is known, so that many at once gain nothing. Forgotten after PENALTY_FORGET_MS without a failure.
 * Times are arguments, in milliseconds of the loop's clock. Source: ours */
struct penalties;

#define PENALTY_FIRST_MS 1000
#define PENALTY_FORGET_MS 900000
#define PENALTIES_MAX 20000         /* devices, accounts and pairs of them; beyond, the one that failed longest ago is forgotten */

/* after: so many failures are free; 0: nobody ever waits. */
struct penalties *penalties_new(unsigned after, uint64_t longest_ms);
void penalties_free(struct penalties **penalties);

/* 0: it may be tried now, and counts as under way; end it with one of the three. Else how long it is too early, and nothing counts. */
uint64_t penalties_try(struct penalties *penalties, uint32_t pin, const char *user, uint64_t now_ms);
enum penalty_end { PENALTY_UNDECIDED, PENALTY_WRONG, PENALTY_RIGHT };
void penalties_end(struct penalties *penalties, uint32_t pin, const char *user, enum penalty_end end, uint64_t now_ms);

#endif
