"""A daemon, or the IM server, is killed at random under load, again and again: the service is back within 3 s of the restart, all rules hold,
nobody else dies. The checker reads what each round has written.

  CHAOS_SEED=N      the same again (drawn and said otherwise)
  CHAOS_ROUNDS=N    kills [30]; every 30 have a lab of their own, of the next seed
  CHAOS_PROGRESS=1  says each round"""
import os
import random
import unittest

import chaos

KILLED = ("router", "dispatcher", "collab", "groupwise")
ROUNDS_EACH = 30
CHECKED_EACH = 10          # the whole history is read each time
SEED = int(os.environ.get("CHAOS_SEED") or random.randrange(1, 1 << 30))
ROUNDS = int(os.environ.get("CHAOS_ROUNDS") or ROUNDS_EACH)


class Kills(unittest.TestCase):
    def rounds(self, seed, count):
        with chaos.Chaos(seed) as lab, chaos.replayable(
                lab, f"CHAOS_SEED={seed} CHAOS_ROUNDS={count} PYTHONPATH=tests/support python3 -B tests/process/test_chaos_kills.py"):
            lab.steady()
            lab.settle("before")
            order = []
            for n in range(count):
                # Each of them as often as the others, in an order that nobody knows.
                order = order or lab.random.sample(KILLED, len(KILLED))
                name, down_s = order.pop(), lab.random.choice((0, 0, 0.2, 1.5)) * lab.random.random()
                lab.pass_(0.8 * lab.random.random())
                lab.kill(name, down_s)
                lab.settle(f"{n + 1} of {count}, seed {seed}: {name} killed", logged_out=n % 3 == 2, check=n % CHECKED_EACH == CHECKED_EACH - 1)
            lab.end()
            chaos.say(f"seed {seed}: {lab.summary()}")

    def test_whoever_is_killed_the_service_is_back_in_time_and_every_rule_holds(self):
        done = 0
        chaos.say(f"seed {SEED}")
        while done < ROUNDS:
            count = min(ROUNDS_EACH, ROUNDS - done)
            self.rounds(SEED + done // ROUNDS_EACH, count)
            done += count


if __name__ == "__main__":
    unittest.main()
