"""The benchmark's runner: what it makes of rounds, what it calls worse, and one scene of it on real processes."""
import json
import os
import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "bench")]
import stats

ROW = stats.Row("row", "ours", "peer", "us", 2.0)


def result(ratios, peers=None, row=ROW):
    return stats.judge(row, [{"ours": r * p, "peer": p} for r, p in zip(ratios, peers or [10] * len(ratios))])


class Verdicts(unittest.TestCase):
    def test_a_ratio_is_the_median_of_the_rounds_ratios_whatever_the_machine_did_between_them(self):
        r = stats.judge(ROW, [{"ours": 10, "peer": 10}, {"ours": 39, "peer": 30}, {"ours": 22, "peer": 20}])
        self.assertEqual((r["ratio"], r["min"], r["max"]), (1.1, 1.0, 1.3))

    def test_a_goal_is_met_at_its_very_value_and_missed_beyond(self):
        self.assertEqual((result([2.0])["verdict"], result([2.0])["pass"]), ("ok", True))
        self.assertEqual((result([2.01])["verdict"], result([2.01])["pass"]), ("MISS", False))
        more = stats.Row("row", "ours", "peer", "/s", 0.7, higher=True)
        self.assertEqual(result([0.7], row=more)["verdict"], "ok")
        self.assertEqual(result([0.69], row=more)["verdict"], "MISS")

    def test_a_peer_that_costs_now_this_and_now_that_makes_a_row_noisy_unless_all_rounds_agree(self):
        r = result([1.0, 3.0, 3.0], [10, 16, 10])
        self.assertEqual((r["verdict"], r["pass"]), ("noisy", True))
        self.assertEqual(result([1.0, 3.0, 3.0], [10, 15, 10])["verdict"], "MISS")
        self.assertEqual(result([3.0, 3.0, 3.0], [10, 16, 10])["verdict"], "MISS")
        self.assertEqual(result([1.0, 1.5, 1.2], [10, 16, 10])["verdict"], "ok")

    def test_a_peer_that_is_not_installed_is_said_and_fails_nothing(self):
        r = stats.judge(ROW, [{"ours": 1.0}])
        self.assertEqual((r["verdict"], r["pass"], r["ratio"]), ("not installed", True, None))
        self.assertIn("not installed", stats.line(r))

    def test_what_cost_nothing_was_not_measured(self):
        self.assertFalse(stats.judge(ROW, [{"ours": 1.0, "peer": 0.0}])["pass"])

    def test_a_row_is_worse_only_beyond_the_noise_of_both_runs(self):
        quiet, loud = result([1.0, 1.0, 1.0]), result([0.8, 1.0, 1.2])
        self.assertIsNone(stats.worse(result([1.09]), quiet))
        self.assertIn("11 % worse", stats.worse(result([1.11]), quiet))
        self.assertIsNone(stats.worse(result([1.11]), loud))
        self.assertIsNone(stats.worse(result([0.5]), quiet))
        self.assertIsNone(stats.worse(result([9.0], [10]), stats.judge(ROW, [{"ours": 1.0}])))

    def test_where_more_is_better_less_is_worse(self):
        row = stats.Row("row", "ours", "peer", "/s", 0.1, higher=True)
        self.assertIsNone(stats.worse(result([2.0], row=row), result([1.0], row=row)))
        self.assertIsNotNone(stats.worse(result([0.8], row=row), result([1.0], row=row)))


if __name__ == "__main__":
    unittest.main()
