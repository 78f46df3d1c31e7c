"""The runner of scenarios: results, exit statuses, what it refuses, and that nothing of it stays."""
import fcntl
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree

import bramble
from scenarios import SCENARIOS

GOOD = """<scenario name="good" about="x" source="ours"><device id="alice"/><steps>
<login device="alice"/>
<expect-login device="alice" result="accepted"/>
</steps></scenario>"""
FAILING = """<scenario name="failing" about="a &lt;b&gt; &amp; c" source="ours"><device id="alice"/><steps>
<login device="alice" password="not &quot;hers&quot;"/>
<expect-login device="alice" result="accepted"/>
<expect-count of="live" is="0"/>
</steps></scenario>"""
IMPOSSIBLE = """<scenario name="impossible" about="x" source="ours"><device id="alice"/><steps>
<logout device="alice"/>
<expect-count of="live" is="0"/>
</steps></scenario>"""
DRAWING = """<scenario name="drawing" about="x" source="ours"><devices id="d" count="9"/><steps>
<choose group="some" device="d*" count="4"/>
<repeat times="6"><any><note text="one"/><note text="two"/><note text="three"/></any></repeat>
</steps></scenario>"""
ENDLESS = """<scenario name="endless" about="x" source="ours"><device id="alice"/><steps>
<login device="alice"/>
<repeat times="1000000"><advance by="1m"/></repeat>
</steps></scenario>"""


class Folder(unittest.TestCase):
    """Each test has a folder of its own, in which the runner makes its labs."""

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="br-"))
        self.addCleanup(shutil.rmtree, self.dir, True)
        self.env = dict(os.environ, TMPDIR=str(self.dir))

    def write(self, name, text):
        path = self.dir / name
        path.write_text(text)
        return path

    def run_sim(self, *args, timeout=280):
        return bramble.run("bramble-sim", "run", *args, timeout=timeout, env=self.env)

    def labs(self):
        return sorted(self.dir.glob("bramble-run-*"))


class TestReadyFolder(unittest.TestCase):
    def test_there_are_at_least_twenty_each_with_the_name_of_its_file(self):
        self.assertGreaterEqual(len(SCENARIOS), 20)
        for path in SCENARIOS:
            root = xml.etree.ElementTree.parse(path).getroot()
            self.assertEqual(root.get("name"), pathlib.Path(path).stem)
            self.assertTrue(root.get("sentence"), path)


class TestResults(Folder):
    def test_a_failed_assertion_is_told_with_what_is_there_and_how_to_repeat_it(self):
        status, out, _ = self.run_sim("--seed", "7", self.write("failing.xml", FAILING))
        self.assertEqual(status, 1, out)
        self.assertRegex(out, r"expect-login alice accepted +FAILED\n.*alice: Failed \(401\)")
        self.assertIn("bramble-sim run --backend groupwise --seed 7 ", out)
        self.assertTrue(out.endswith("1 scenario, 2 assertions: 1 scenario failed: failing\n"), out)
        # The logs are where it says; the password is in none of them, nor in what was printed.
        kept = pathlib.Path(re.search(r"the logs are in (.*)/log", out).group(1))
        self.assertEqual([kept], self.labs())
        self.assertTrue((kept / "log" / "collab.log").is_file())
        self.assertNotIn("hers", out)

    def test_a_step_that_cannot_be_done_ends_the_scenario(self):
        status, out, _ = self.run_sim(self.write("impossible.xml", IMPOSSIBLE))
        self.assertEqual(status, 1, out)
        self.assertRegex(out, r"logout alice +NOT DONE\n.*alice: cannot log out while logged-out")
        self.assertNotIn("expect-count", out)

    def test_several_files_are_run_in_turn_and_summed_up(self):
        status, out, err = self.run_sim("-q", self.write("good.xml", GOOD), self.write("failing.xml", FAILING), self.write("bad.xml", "<x/>"))
        self.assertEqual(status, 1, out + err)
        self.assertTrue(out.endswith("3 scenarios, 3 assertions: 2 scenarios failed: failing " + str(self.dir / "bad.xml") + "\n"), out)
        self.assertIn("bad.xml:1: the file must be one <scenario>", err)

    def test_json_has_every_step_with_its_outcome(self):
        status, out, _ = self.run_sim("--json", "--seed", "5", self.write("failing.xml", FAILING))
        self.assertEqual(status, 1)
        result = json.loads(out)
        self.assertEqual((result["outcome"], result["status"]), ("failed", 1))
        story = result["scenarios"][0]
        self.assertEqual(story["backend"], "groupwise")
        self.assertEqual((story["scenario"], story["seed"], story["assertions"], story["failed"]), ("failing", 5, 2, 1))
        self.assertEqual([s["outcome"] for s in story["steps"]], ["done", "failed", "holds"])
        self.assertEqual(story["steps"][0]["told"], ["alice: Failed (401)"])
        self.assertEqual(story["steps"][1]["line"], 3)
        self.assertIn("Failed (401)", story["steps"][1]["why"])

    def test_junit_is_xml_with_a_case_per_assertion(self):
        file = self.dir / "results.xml"
        self.run_sim("-q", "--junit", file, self.write("good.xml", GOOD), self.write("failing.xml", FAILING), self.write("i.xml", IMPOSSIBLE),
                     self.write("bad.xml", "<x/>"))
        suites = xml.etree.ElementTree.parse(file).getroot()
        self.assertEqual(suites.tag, "testsuites")
        seen = {s.get("name"): tuple(int(s.get(k)) for k in ("tests", "failures", "errors")) for s in suites}
        self.assertEqual(seen, {"good": (1, 0, 0), "failing": (2, 1, 0), "impossible": (1, 0, 1), str(self.dir / "bad.xml"): (1, 0, 1)})
        for suite in suites:
            self.assertEqual(len(suite.findall("testcase")), int(suite.get("tests")))
            self.assertEqual(len(suite.findall("testcase/failure")), int(suite.get("failures")))
            self.assertEqual(len(suite.findall("testcase/error")), int(suite.get("errors")))

    def test_the_same_seed_draws_the_same(self):
        def drawn(seed):
            status, out, err = self.run_sim("--json", "--seed", seed, file)
            self.assertEqual(status, 0, err)
            return [(s["step"], s["told"]) for s in json.loads(out)["scenarios"][0]["steps"]]
        file = self.write("drawing.xml", DRAWING)
        first = drawn(11)
        self.assertEqual(len(first[0][1]), 4)
        self.assertEqual(drawn(11), first)
        self.assertTrue(any(drawn(seed) != first for seed in (12, 13)))


class TestFiles(Folder):
    def test_check_reads_and_starts_nothing(self):
        status, out, _ = self.run_sim("--check", *SCENARIOS)
        self.assertEqual((status, out.count(": good\n")), (0, len(SCENARIOS)))
        self.assertEqual(self.labs(), [])

    def test_a_wrong_file_is_exit_status_3_with_line_and_what_is_allowed(self):
        status, _, err = self.run_sim(self.write("bad.xml", GOOD.replace("<login device", "<login devcie")))
        self.assertEqual(status, 3)
        self.assertRegex(err, r"bad\.xml:2: attribute devcie is not one of <login>; did you mean device\?; it has device, user, password and together")

    def test_a_missing_file_is_exit_status_3(self):
        status, _, err = self.run_sim(self.dir / "nowhere.xml")
        self.assertEqual(status, 3)
        self.assertIn("nowhere.xml cannot be read", err)

    def test_usage(self):
        self.assertEqual(self.run_sim()[0], 2)
        self.assertEqual(self.run_sim("--seed", "x", "f.xml")[0], 2)
        self.assertEqual(self.run_sim("--colour", "f.xml")[0], 2)
        for words, why in ((["--backend", "sametime"], "it is groupwise or cwa"), (["--profile", "ocs2007"], "it goes with --backend cwa"),
                           (["--backend", "cwa", "--profile", "r3"], "it is ocs2007 or lcs2005"),
                           (["--backend", "cwa", "--lab", "x"], "a lab that runs has its own")):
            status, _, err = self.run_sim(*words, "f.xml")
            self.assertEqual(status, 2)
            self.assertIn(why, err)
        status, out, _ = self.run_sim("--help")
        self.assertEqual(status, 0)
        self.assertIn("--junit FILE", out)

    def test_the_shipped_schema_is_what_other_tools_can_use(self):
        for path in SCENARIOS:
            root = xml.etree.ElementTree.parse("simulator/scenarios/scenario.rng").getroot()
            self.assertTrue(root.tag.endswith("}grammar"), path)


class TestEnds(Folder):
    def test_a_good_run_leaves_nothing(self):
        status, out, _ = self.run_sim(self.write("good.xml", GOOD))
        self.assertEqual((status, self.labs()), (0, []), out)

    def test_keep_leaves_the_folder_and_no_process(self):
        status, out, _ = self.run_sim("--keep", self.write("good.xml", GOOD))
        self.assertEqual(status, 0)
        self.assertIn("the logs are in", out)
        self.assertEqual(len(self.labs()), 1)
        self.assertEqual(bramble.run("bramble", "lab", "status", "--dir", self.labs()[0])[0], 1)

    def pids(self):
        """The processes of the lab, once it is up."""
        file = bramble.wait_until(lambda: next(iter(self.dir.glob("bramble-run-*/lab.json")), None), "a lab")
        state = bramble.wait_until(lambda: file.read_text(), "its state")
        return [json.loads(state)["pid"], *(p["pid"] for p in json.loads(state)["processes"])]

    def test_a_signal_ends_the_run_and_its_lab(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            child = subprocess.Popen([bramble.program("bramble-sim"), "run", self.write("endless.xml", ENDLESS)], env=self.env,
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            bramble.wait_until(lambda: b"advance" in child.stdout.readline(), "the first minute")
            pids = self.pids()
            child.send_signal(number)
            out = child.communicate(timeout=60)[0].decode()
            self.assertEqual(child.returncode, 1, out)
            self.assertIn("ended by a signal", out)
            self.assertFalse([p for p in pids if bramble.is_alive(p)])
            self.assertEqual(self.labs(), [])       # who interrupts it does not ask for its logs

    def test_a_runner_that_is_killed_takes_its_lab_along(self):
        child = subprocess.Popen([bramble.program("bramble-sim"), "run", self.write("endless.xml", ENDLESS)], env=self.env,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        bramble.wait_until(lambda: b"advance" in child.stdout.readline(), "the first minute")
        pids = self.pids()
        child.kill()
        child.communicate()
        bramble.wait_until(lambda: not [p for p in pids if bramble.is_alive(p)], "the lab to be gone")


class TestRunningLab(Folder):
    def test_it_runs_on_a_lab_with_a_manual_clock_and_leaves_it_running(self):
        with bramble.Lab("--clock", "manual") as lab:
            for _ in range(2):      # keys count on: the second run is taken as well
                status, out, err = self.run_sim("--lab", lab.dir, self.write("good.xml", GOOD))
                self.assertEqual(status, 0, out + err)
            self.assertEqual(lab.tool("lab", "status").count("yes") > 0, True)

    def test_clocks_that_somebody_moves_are_refused_before_anything_is_changed(self):
        with bramble.Lab("--clock", "manual") as lab:
            lab.tool("clock", "show")
            with open(lab.dir / "run" / "clock.lock") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                before = lab.json("limits", "show")
                status, out, _ = self.run_sim("--lab", lab.dir, self.write("good.xml", GOOD))
                self.assertEqual(status, 1, out)
                self.assertIn("somebody else moves the clocks", out)
                self.assertEqual(lab.json("limits", "show"), before)

    def test_a_clock_that_runs_is_refused(self):
        with bramble.Lab() as lab:
            status, out, _ = self.run_sim("--lab", lab.dir, self.write("good.xml", GOOD))
            self.assertEqual(status, 1, out)
            self.assertIn("runs by itself", out)

    def test_a_folder_without_a_lab_is_refused(self):
        status, out, _ = self.run_sim("--lab", self.dir, self.write("good.xml", GOOD))
        self.assertEqual(status, 1)
        self.assertIn("no lab runs there", out)


if __name__ == "__main__":
    unittest.main()
