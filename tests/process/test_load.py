"""Load on a real lab: rates that hold, sums that add up, pictures, several processes as one, thresholds, refusals, losses."""
import json
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree

import bramble

DEVICES = 100


def add_up(result):
    """What each sum must be, said once more from the outside."""
    for logins in (result["logins"], result["again"]):
        yield logins["planned"], logins["ok"] + logins["refused"] + logins["timed_out"] + logins["not_begun"]
        yield logins["refused"], sum(r["count"] for r in logins["reasons"])
    messages = result["messages"]
    yield messages["planned"], messages["sent"] + messages["not_sent"]
    yield messages["sent"], messages["answered"] + messages["refused"] + messages["lost"] + messages["timed_out"]
    yield messages["refused"], sum(r["count"] for r in messages["reasons"])
    yield result["logins"]["ok"], result["latency"]["login"]["count"]
    yield result["again"]["ok"], result["latency"]["again"]["count"]


class Load(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = bramble.Lab("--users", "300")
        cls.addClassCleanup(cls.lab.__exit__)
        cls.lab.up()
        cls.out = pathlib.Path(tempfile.mkdtemp(prefix="bramble-load-"))
        cls.addClassCleanup(shutil.rmtree, cls.out, True)

    def setUp(self):
        self.await_nobody()

    def words(self, *options):
        return ["load", "--lab", str(self.lab.dir), "--devices", str(DEVICES), *map(str, options)]

    def load(self, *options, want=0):
        """Runs it to its end; the JSON of its result, whose sums have been checked."""
        status, out, err = bramble.run("bramble-sim", *self.words("--json", *options), timeout=120)
        self.assertEqual(status, want, out[-3000:] + err)
        return self.checked(json.loads(out))

    def checked(self, result):
        for left, right in add_up(result):
            self.assertEqual(left, right, result)
        self.assertTrue(result["adds_up"])
        for latency in result["latency"].values():
            order = [latency[k] for k in ("p50_us", "p90_us", "p99_us", "p999_us", "max_us")]
            self.assertEqual(order, sorted(order))
        return result

    def sessions(self):
        return len(self.lab.json("session", "list"))

    def await_nobody(self):
        """All have logged out; the service answers that before its database has forgotten them."""
        bramble.wait_until(lambda: self.sessions() == 0, "nobody to be logged in any more")

    def test_messages_are_sent_at_the_planned_rate_and_all_arrive(self):
        svg, histogram = self.out / "load.svg", self.out / "load.json"
        result = self.load("--logins", 80, "--messages", 150, "--warm-up", "1s", "--for", "4s", "--size", "40-400", "--svg", svg,
                           "--histogram", histogram)
        messages, latency = result["messages"], result["latency"]
        self.assertEqual((messages["planned"], messages["answered"], result["warm_up"]), (600, 600, 150))
        # Never faster than planned; slower only by the time that the last answers took, on a machine that is busy.
        self.assertGreaterEqual(result["counted_us"], 4_000_000)
        self.assertAlmostEqual(messages["per_second"], 600e6 / result["counted_us"], places=2)
        self.assertEqual((latency["arrived"]["count"], latency["acknowledged"]["count"]), (600, 600))
        self.assertEqual(latency["late"]["count"], 750 + DEVICES)
        self.assertGreater(latency["arrived"]["p50_us"], 100)
        self.assertEqual((result["logins"]["ok"], latency["link"]["count"]), (DEVICES, DEVICES))
        self.assertLessEqual(result["logins"]["per_second"], 82)
        self.assertTrue(result["whole"])
        self.assertEqual(sum(s["sent"] for s in result["seconds"]), 750)
        self.assertEqual(sum(s["arrived"] for s in result["seconds"]), 750)
        self.assertEqual(sum(s["logins"] for s in result["seconds"]), DEVICES)
        self.assertEqual(max(s["online"] for s in result["seconds"]), DEVICES)
        self.assertGreater(result["processes"][0]["rss_kib"], 1000)
        self.await_nobody()

        root = xml.etree.ElementTree.parse(svg).getroot()
        self.assertTrue(root.tag.endswith("svg"))
        self.assertGreater(len(root.findall(".//{*}polyline")), 5)
        status, out, err = bramble.run("bramble-sim", "load", "merge", "--json", histogram)
        self.assertEqual(status, 0, err)
        alone = self.checked(json.loads(out))
        self.assertEqual(alone, result)

    def test_two_processes_share_the_devices_and_make_one_result(self):
        files = [self.out / "one.json", self.out / "two.json"]
        half = DEVICES // 2
        runs = [subprocess.Popen([bramble.program("bramble-sim"), *self.words("--devices", half, "--first", first, "--messages", 40, "--for", "3s",
                                                                             "--warm-up", "0s", "-q", "--histogram", file)],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for first, file in zip((1, half + 1), files)]
        for process in runs:
            out, err = process.communicate(timeout=120)
            self.assertEqual(process.returncode, 0, out + err)
            self.assertEqual(err, "")
        status, out, err = bramble.run("bramble-sim", "load", "merge", "--json", *files)
        self.assertEqual(status, 0, err)
        both = self.checked(json.loads(out))
        self.assertEqual((both["logins"]["ok"], both["messages"]["answered"], both["latency"]["arrived"]["count"]), (DEVICES, 240, 240))
        self.assertGreaterEqual(both["counted_us"], 3_000_000)
        self.assertAlmostEqual(both["messages"]["per_second"], 240e6 / both["counted_us"], places=2)
        self.assertEqual([p["devices"] for p in both["processes"]], [half, half])
        status, out, err = bramble.run("bramble-sim", "load", "merge", *files)
        self.assertEqual(status, 0, err)
        for words in (r"\n +240  acknowledged and arrived as they were sent, ", r"\n +100  logged in, ", r"\nplanned, at the partner +240 "):
            self.assertRegex(out, words)
        status, out, err = bramble.run("bramble-sim", "load", "merge", "--max-p99", "1ms", "--min-rate", "100", *files)
        self.assertEqual(status, 1)
        self.assertIn("FAILED: the rate was", out)

        plain = self.out / "plain.json"
        plain.write_text(json.dumps(both))
        status, _, err = bramble.run("bramble-sim", "load", "merge", plain)
        self.assertEqual(status, 3)
        self.assertIn("only a file of --histogram can be merged", err)
        plain.write_text("{")
        status, _, err = bramble.run("bramble-sim", "load", "merge", plain)
        self.assertEqual((status, "line 1" in err), (3, True), err)

    def test_in_a_closed_loop_the_answers_say_how_fast_it_goes(self):
        result = self.load("--devices", 40, "--mode", "closed", "--in-flight", 2, "--churn", 10, "--warm-up", "1s", "--for", "3s")
        self.assertGreater(result["messages"]["answered"], 60)
        self.assertEqual(result["messages"]["answered"], result["messages"]["planned"])
        self.assertGreater(result["again"]["ok"], 5)
        self.assertEqual(result["again"]["ok"], result["again"]["planned"])
        self.assertEqual((result["latency"]["late"]["count"], result["closed"]), (0, True))
        self.await_nobody()

    def test_some_log_out_and_in_again_while_others_talk(self):
        result = self.load("--devices", 30, "--logins", 10, "--messages", 20, "--churn", 10, "--warm-up", "0s", "--for", "4s")
        self.assertEqual((result["again"]["planned"], result["again"]["ok"]), (40, 40))
        self.assertEqual(result["latency"]["logout"]["count"], 40)
        self.assertGreater(result["latency"]["again"]["p50_us"], result["latency"]["logout"]["p50_us"])
        self.assertEqual(result["messages"]["answered"], 80)

    def test_what_is_held_sends_heartbeats(self):
        result = self.load("--devices", 20, "--hold", "--status-interval", "500ms", "--for", "3s")
        self.assertGreaterEqual(result["heartbeats"], 20 * 4)
        self.assertEqual((result["messages"]["planned"], result["again"]["planned"], result["logins"]["ok"]), (0, 0, 20))

    def test_refusals_are_counted_by_their_reason(self):
        self.lab.tool("limits", "set", "--max", "12")
        try:
            result = self.load("--devices", 30, "--messages", 20, "--warm-up", "0s", "--for", "2s")
            self.assertEqual((result["logins"]["ok"], result["logins"]["refused"]), (12, 18))
            self.assertEqual([(r["code"], r["count"]) for r in result["logins"]["reasons"]], [(100, 18)])
            self.assertEqual(result["messages"]["answered"], 40)
            self.await_nobody()
            status, out, _ = bramble.run("bramble-sim", *self.words("--devices", 30, "--max-refused", 17, "-q"))
            self.assertEqual(status, 1)
            self.assertRegex(out, r"\n +18  refused\n +18  of these: 100 ")
            self.assertIn("FAILED: 18 were refused, more than 17", out)
            # Nobody is left who could talk: all that was planned was not sent.
            self.await_nobody()
            self.lab.tool("limits", "set", "--max", "1")
            result = self.load("--devices", 4, "--messages", 20, "--warm-up", "0s", "--for", "1s")
            self.assertEqual((result["messages"]["planned"], result["messages"]["not_sent"]), (20, 20))
        finally:
            self.lab.tool("limits", "set", "--max", "unset")

    def test_thresholds_fail(self):
        result = self.load("--devices", 10, "--messages", 10, "--for", "2s", "--warm-up", "0s", "--min-rate", "10.5", "--max-p99", "30s", want=1)
        self.assertRegex(result["failed"][0], r"^the rate was [\d.]+/s, under 10.5/s$")
        result = self.load("--devices", 10, "--max-p99", "1ms", want=1)
        self.assertRegex(result["failed"][0], r'^the 99th percentile of "login" is .*, over 1.00 ms$')

    def test_a_lost_link_is_told_and_fails(self):
        with bramble.Process("bramble-sim", *self.words("--devices", 20, "--hold", "--for", "6s", "-q", "--json")) as load:
            bramble.wait_until(lambda: self.sessions() == 20, "all to be logged in")
            self.lab.tool("lab", "restart", "router")
            load.child.wait(60)
            load.reader.join()
            result = self.checked(json.loads("\n".join(iter(load.queue.get, None))))
            self.assertEqual((result["links_lost"], result["whole"], load.child.returncode), (20, False, 1))

    def test_what_is_lost_refused_or_comes_twice_is_told_apart(self):
        def fault(word):
            self.lab.ask("groupwise", "fault", word=word)
        self.addCleanup(self.lab.ask, "groupwise", "fault.clear")
        with bramble.Process("bramble-sim", *self.words("--devices", 10, "--messages", 40, "--warm-up", "0s", "--for", "6s", "--timeout", "3s",
                                                        "-q", "--json")) as load:
            bramble.wait_until(lambda: self.sessions() == 10, "all to be logged in")
            for word in ("refuse=D11C,on=sendmessage,count=3", "drop,on=event,count=2,after=500ms", "duplicate,on=event,nth=5,count=2"):
                fault(word)
            load.child.wait(60)
            load.reader.join()
            result = self.checked(json.loads("\n".join(iter(load.queue.get, None))))
        messages = result["messages"]
        self.assertEqual((messages["refused"], messages["lost"], result["unexpected"]), (3, 2, 2), result)
        self.assertEqual((messages["planned"], messages["answered"]), (240, 235))
        self.assertEqual([r["count"] for r in messages["reasons"]], [3])
        self.assertEqual((result["whole"], load.child.returncode), (False, 1))

        # A login without an answer is neither refused nor lost.
        self.lab.ask("groupwise", "fault.clear")
        fault("drop,on=login,count=2")
        result = self.load("--devices", 4, "--timeout", "2s", want=1)
        self.assertEqual((result["logins"]["ok"], result["logins"]["refused"], result["logins"]["timed_out"]), (2, 0, 2))

    def test_it_stops_in_order_when_it_is_told_to(self):
        load = subprocess.Popen([bramble.program("bramble-sim"), *self.words("--devices", 20, "--messages", 40, "--for", "1h", "--json")],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        lines = []
        for line in load.stderr:
            lines.append(line)
            if "counting" in line:
                break
        load.send_signal(signal.SIGINT)
        out, err = load.communicate(timeout=60)
        self.assertEqual(load.returncode, 1, out + "".join(lines) + err)
        result = self.checked(json.loads(out))
        self.assertTrue(result["stopped"])
        self.assertEqual(result["messages"]["not_sent"], 0)
        self.assertGreater(result["messages"]["answered"], 0)
        self.await_nobody()
        self.assertRegex(lines[0], r"^ +\d+ s  .*online \d+, logins \d+/s, messages \d+/s, p50 ")

    def test_stopped_while_they_log_in_it_waits_for_those_under_way(self):
        load = subprocess.Popen([bramble.program("bramble-sim"), *self.words("--devices", 50, "--logins", 4, "--messages", 40, "--json", "-q")],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        bramble.wait_until(lambda: self.sessions() >= 3, "some to be logged in")
        load.send_signal(signal.SIGTERM)
        out, err = load.communicate(timeout=60)
        self.assertEqual((load.returncode, err), (1, ""), out)
        result = self.checked(json.loads(out))
        logins = result["logins"]
        self.assertTrue(result["stopped"] and result["whole"])
        self.assertEqual((logins["planned"], logins["ok"] + logins["not_begun"], result["messages"]["planned"]), (50, 50, 0))
        self.assertGreaterEqual(logins["ok"], 3)
        self.await_nobody()

    def test_it_comes_from_several_addresses(self):
        self.load("--devices", 6, "--source", "127.0.0.5-127.0.0.7")
        log = (self.lab.dir / "log" / "router.log").read_text()
        for address in ("127.0.0.5", "127.0.0.6", "127.0.0.7"):
            self.assertRegex(log, rf"(address|peer|from)=\[?{re.escape(address)}:\d+")

    def test_people_of_ones_own_come_from_a_file(self):
        people = self.out / "people"
        people.write_text("# who has which\n2100000A alice alice-secret\n\n2100000b bob bob-secret\n")
        people.chmod(0o600)
        router = f"127.0.0.1:{self.lab.port(3101)}"
        words = ["bramble-sim", "load", "--key-files", self.lab.dir / "devices", "--router", router, "--people", people, "--devices"]
        status, out, err = bramble.run(*words, 2, "--messages", 20, "--for", "1s", "--warm-up", "0s")
        self.assertEqual(status, 0, out + err)
        self.assertRegex(out, r"\n +20  acknowledged and arrived")
        status, _, err = bramble.run(*words, 3)
        self.assertEqual((status, "has 2 people, not the 3" in err), (3, True), err)
        people.chmod(0o644)
        status, _, err = bramble.run(*words, 2)
        self.assertEqual((status, "chmod 600" in err), (3, True), err)
        people.chmod(0o600)
        people.write_text("alice alice-secret\n")
        status, _, err = bramble.run(*words, 1)
        self.assertEqual((status, "line 1 is not PIN USER PASSWORD" in err), (3, True), err)
        self.assertNotIn("alice-secret", err)

    def test_what_cannot_be_is_refused_in_words(self):
        lab = ("--lab", self.lab.dir)
        for words, want, says in (
                (("--devices", "5"), 2, "--lab: it is needed"),
                ((*lab, "--devices", "15001"), 2, "1 to 15000"),
                ((*lab, "--devices", "0"), 2, "1 to 15000"),
                ((*lab, "--messages", "fast"), 2, "fast is no rate"),
                ((*lab, "--devices", "1", "--messages", "5"), 2, "at least two"),
                ((*lab, "--devices", "5", "--churn", "6", "--logins", "1"), 2, "more than --devices"),
                ((*lab, "--churn", "5"), 2, "--logins says how many"),
                ((*lab, "--mode", "closed", "--messages", "5"), 2, "the answers say"),
                ((*lab, "--in-flight", "5"), 2, "--mode closed"),
                ((*lab, "--hold", "--messages", "5"), 2, "--hold"),
                ((*lab, "--size", "10"), 2, "32 to 16384"),
                ((*lab, "--size", "400-100"), 2, "32 to 16384"),
                ((*lab, "--source", "127.0.0.9-127.0.0.1"), 2, "IPv4"),
                ((*lab, "--source", "::1"), 2, "IPv4"),
                ((*lab, "--max-p99", "soon"), 2, "--max-p99"),
                ((*lab, "surplus"), 2, "surplus"),
                ((*lab, "--devices", "301"), 3, "only 300 of the devices are there"),
                ((*lab, "--devices", "2", "--source", "192.0.2.7", "--timeout", "1s"), 6, "0 of 2 devices have a link"),
                (("--lab", self.out), 1, "no lab runs"),
                (("merge",), 2, "is needed"),
                (("merge", self.out / "none.json"), 3, "none.json")):
            with self.subTest(words=words):
                status, out, err = bramble.run("bramble-sim", "load", *words)
                self.assertEqual((status, says in err), (want, True), err)
                self.assertEqual(out, "")
        status, _, err = bramble.run("bramble-sim", *self.words("--svg", "/nonexistent/x.svg", "--devices", 2, "-q"))
        self.assertEqual((status, "/nonexistent/x.svg" in err), (3, True), err)
        limited = subprocess.run(["bash", "-c", 'ulimit -n 110 && exec "$@"', "bash", bramble.program("bramble-sim"), *self.words()],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
        self.assertEqual(limited.returncode, 1)
        self.assertIn("110 descriptors open, which is enough for 46 devices, not for 100", limited.stderr)

    def test_a_clock_that_stands_is_refused(self):
        with bramble.Lab("--clock", "manual", "--users", "2") as lab:
            status, _, err = bramble.run("bramble-sim", "load", "--lab", lab.dir, "--devices", 2)
            self.assertEqual((status, "stands" in err), (1, True), err)

    def test_help_says_what_there_is(self):
        for words in ((), ("merge",)):
            status, out, _ = bramble.run("bramble-sim", "load", *words, "--help")
            self.assertEqual(status, 0)
            self.assertIn("exit status:", out)
            self.assertIn("--max-p99", out)


if __name__ == "__main__":
    unittest.main()
