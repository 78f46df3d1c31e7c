"""Four Collaboration Services on one database and one GroupWise server, all on one host: the races for their seats, with every kind of limit."""
import itertools
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "support")]
import crowd
import seat_race

SERVICES, EACH = 4, 34


class FourServices(seat_race.Race):
    @classmethod
    def setUpClass(cls):
        cls.raced(crowd.Services(SERVICES, EACH))

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        # How many it is in one race is luck.
        assert cls.races < 5 or cls.total.get("replaced"), cls.total

    def test_1_with_a_maximum_of_one(self):
        heard = self.race(1, 5120, seat_race.FEW)
        self.assertGreater(heard["ok"], SERVICES)
        self.assertTrue(heard[seat_race.BUSY], heard)

    def test_2_with_a_maximum_of_two(self):
        heard = self.race(2, 5120, seat_race.FEW)
        self.assertGreater(heard["ok"], SERVICES)
        self.assertTrue(heard[seat_race.BUSY], heard)

    def test_3_without_a_maximum_the_capacity_binds(self):
        heard = self.race(0, 70, {"devices": EACH, "logout": 0.2, "away": 0.1, "restless": 0.03})
        self.assertTrue(heard["ok"] and heard[seat_race.CAPACITY] and heard[seat_race.NOT_PERMITTED], heard)

    def test_4_with_a_maximum_of_a_hundred(self):
        heard = self.race(100, 5120, {"devices": EACH, "logout": 0.02, "away": 0.1, "restless": 0.05})
        self.assertTrue(heard["ok"] and heard[seat_race.NOT_PERMITTED], heard)

    def test_5_limits_are_lowered_raised_and_unset_by_the_tool_meanwhile(self):
        turns = itertools.cycle((("--max", "1"), ("--max", "unset", "--capacity", "30"), ("--max", "40", "--idle-timeout", "unset"),
                                 ("--max", "5", "--idle-timeout", "10m", "--evict", "one"), ("--capacity", "5120", "--max", "60")))
        heard = self.race(2, 5120, {"devices": EACH, "logout": 0.3, "away": 0.3, "restless": 0.05},
                          lambda: self.services.lab.tool("limits", "set", *next(turns)))
        self.assertTrue(heard["ok"] and heard[seat_race.BUSY], heard)


if __name__ == "__main__":
    unittest.main()
