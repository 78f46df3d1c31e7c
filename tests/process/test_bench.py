"""The benchmark's runner: what it makes of rounds, what it calls worse, what it writes; and a load that is held, on real processes."""
import contextlib
import io
import json
import pathlib
import subprocess
import sys
import tempfile
import types
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "bench"), str(HERE.parent / "support")]
import run
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


class Runner(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="bramble-bench-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def run_scene(self, costs, *options):
        """One scene whose rounds cost ours so much, the peer 10: (exit status, what was printed, results)."""
        rounds = iter(costs)

        @contextlib.contextmanager
        def scene(_quick):
            yield lambda _: {"ours": next(rounds), "peer": 10.0}

        module = types.SimpleNamespace(NAME="made-up", QUICK=True, ROUNDS=len(costs), ROWS=(ROW,), scene=scene)
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            status = run.main(["--out", str(self.folder), *map(str, options)], (module,))
        return status, said.getvalue(), json.loads((self.folder / "results.json").read_text())

    def test_results_are_a_list_with_name_ratio_target_and_pass_and_a_missed_goal_ends_one(self):
        status, said, results = self.run_scene([99, 11, 12, 13])
        self.assertEqual(status, 0, said)
        # The first round of a full run fills caches.
        self.assertEqual([(r["name"], r["ratio"], r["target"], r["pass"]) for r in results], [("row", 1.2, 2.0, True)])
        status, said, results = self.run_scene([21, 22, 23])
        self.assertEqual((status, results[0]["pass"]), (1, False))
        self.assertIn("1 missed: row", said)

    def test_what_was_accepted_is_what_a_check_compares_with(self):
        accepted = self.folder / "accepted.json"
        self.assertEqual(self.run_scene([10, 10, 10], "--accept", accepted)[0], 0)
        self.assertEqual(self.run_scene([10.5, 10.5, 10.5], "--check", accepted)[0], 0)
        status, said, _ = self.run_scene([15, 15, 15], "--check", accepted)
        self.assertEqual(status, 1)
        self.assertIn("row: 1.5 after 1, which is 50 % worse", said)

    def test_accepting_some_rows_leaves_the_others_as_they_were(self):
        accepted = self.folder / "accepted.json"
        accepted.write_text(json.dumps([result([1.0]) | {"name": "another"}, result([1.9])]))
        self.run_scene([10, 10, 10], "--accept", accepted)
        self.assertEqual([(r["name"], r["ratio"]) for r in json.loads(accepted.read_text())], [("another", 1.0), ("row", 1.0)])

    def test_a_word_that_is_in_no_scenes_name_measures_nothing_and_fails(self):
        self.assertEqual(self.run_scene([10], "nowhere")[0], 1)


class Held(unittest.TestCase):
    def test_of_a_load_that_is_held_nothing_is_lost(self):
        # A sanitizer keeps what was freed for a while, so that memory grows: that is the soak's to look at.
        done = subprocess.run([sys.executable, "-B", HERE.parent / "bench" / "held.py", "--talk", "10", "--stand", "10", "--rate", "20", "--seconds", "2",
                               "--max-growth", "1000"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("40 messages answered", done.stdout)
        self.assertIn("held: nothing lost, nothing grew", done.stdout)


if __name__ == "__main__":
    unittest.main()
