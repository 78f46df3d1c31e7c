#!/usr/bin/env python3
"""Everything in one process, driven by seeds: tests/simulation, docs/simulation.md. Most seeds are played by the plain build, which is four
times as fast, and some by the one with sanitizers."""
import glob
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import bramble

SEEDS = int(os.environ.get("SIMULATION_SEEDS", "2000"))
CHECKED = os.path.join(os.environ.get("BRAMBLE_OUT", "build/gcc-address-undefined"), "tests", "simulation", "simulate")
PLAIN = os.path.join("build", "gcc", "tests", "simulation", "simulate")


def simulate(program, *arguments):
    done = subprocess.run([program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=800, check=False)
    return done.returncode, done.stdout.decode("utf-8", "replace")


class Simulation(unittest.TestCase):
    def good(self, program, *arguments):
        status, text = simulate(program, *arguments)
        self.assertEqual(status, 0, text[-20000:])
        return text

    def test_no_seed_breaks_a_rule_and_after_the_faults_all_works_again(self):
        text = self.good(PLAIN, "--seeds", f"1-{SEEDS}")
        self.assertIn(f"{SEEDS} played, 0 failed", text)

    def test_the_same_with_sanitizers(self):
        self.assertIn("100 played, 0 failed", self.good(CHECKED, "--seeds", f"{SEEDS + 1}-{SEEDS + 100}"))

    def test_the_same_seed_comes_to_the_same_history(self):
        self.good(PLAIN, "--seeds", "1-60", "--twice")
        digests = {re.search("digest ([0-9a-f]{16})", self.good(PLAIN, "--seeds", seed))[1] for seed in ("7", "7", "8")}
        self.assertEqual(len(digests), 2)

    def test_what_once_failed_holds(self):
        plans = glob.glob("tests/simulation/plans/*")
        self.assertTrue(plans)
        for plan in plans:
            self.good(CHECKED, "--plan", plan)

    def test_who_ends_it_is_told_how_far_it_was(self):
        with subprocess.Popen([PLAIN, "--seeds", "1-100000", "--jobs", "2"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as playing:
            children = pathlib.Path(f"/proc/{playing.pid}/task/{playing.pid}/children")
            bramble.wait_until(lambda: len(children.read_text(encoding="ascii").split()) == 2, "both workers play")
            playing.terminate()
            text = playing.communicate(timeout=60)[0]
        self.assertEqual(playing.returncode, 1, text)
        self.assertRegex(text, r"^ended before the end: seeds 1-100000: \d+ played, 0 failed;")

    def test_a_history_that_is_not_true_fails_and_is_told_with_the_way_to_play_it_again(self):
        plan = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"bramble-plan-{os.getpid()}")
        self.addCleanup(os.remove, plan)
        with open(plan, "w", encoding="ascii") as file:
            file.write("mode safety\nphones 2\nlogin alice\npass 5\nlie\nlogin bob\n")
        status, text = simulate(CHECKED, "--plan", plan)
        self.assertEqual(status, 1, text)
        self.assertIn(f"again: {CHECKED} --plan {plan} --show", text)
        self.assertRegex(text, r"the rule duplicates is violated: .*event")
        status, text = simulate(PLAIN, "--plan", plan, "--shrink")
        self.assertEqual((status, text), (1, "login alice\nlie\n"))

    def test_who_is_killed_leaves_what_others_have_seen_and_no_end(self):
        folder = tempfile.mkdtemp(prefix="br-")
        self.addCleanup(shutil.rmtree, folder)
        plan = os.path.join(folder, "plan")
        with open(plan, "w", encoding="ascii") as file:
            file.write("mode safety\nphones 2\nlogin alice\nkill collab 1\nsend alice bob lost\nstart collab\nlogin bob\npass 1000\nstop collab\n")
        self.good(CHECKED, "--plan", plan, "--keep", folder)
        with open(glob.glob(os.path.join(folder, "collab-*.jsonl"))[0], encoding="ascii") as file:
            events = [json.loads(line)["event"] for line in file]
        second = events.index("history.begin", 1)
        self.assertIn("login", events[:second])
        self.assertNotIn("history.end", events[:second])
        self.assertNotIn("im.taken", events[:second])
        self.assertIn("login", events[second:])
        self.assertEqual(events[-1], "history.end")

    def test_a_plan_that_cannot_be_understood_is_refused_by_its_line(self):
        for line, sentence in (("login nobody", "there is no nobody here"), ("dance", "dance is no word of a plan"), ("pass x", "x is no number"),
                               ("stop device", "device is no part"), ("kill device", "device is no part"), ("kill router soon", "soon is no number"),
                               ("link-fault router close", "there is no relay before router"), ("link-fault collab close", "there is no relay before collab"),
                               ("fault never", "never"), ("send alice bob", "send takes 3 arguments")):
            plan = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"bramble-plan-{os.getpid()}")
            with open(plan, "w", encoding="ascii") as file:
                file.write(f"phones 2\n{line}\n")
            status, text = simulate(CHECKED, "--plan", plan)
            os.remove(plan)
            self.assertEqual(status, 2, text)
            self.assertIn(f'the plan\'s line 2, "{line}"', text)
            self.assertIn(sentence, text)


if __name__ == "__main__":
    unittest.main()
