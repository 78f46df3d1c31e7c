"""The lab's clock: all processes go by one that stands until it is moved; single processes of a lab end, stop, go on and come back."""
import json
import os
import pathlib
import unittest

import bramble

NAMES = ("collab", "dispatcher", "groupwise", "router")
START_MS = 1000000


def clocks(lab):
    return {p["process"]: p for p in lab.json("clock", "show")["processes"]}


class TestClock(unittest.TestCase):
    def test_advance_moves_all_processes_and_stops_at_each_timer(self):
        with bramble.Lab("--clock", "manual") as lab:
            before = lab.json("clock", "show")
            self.assertEqual((before["clock"], before["now_ms"]), ("stands", START_MS))
            self.assertEqual([p["process"] for p in before["processes"]], list(NAMES))
            done = lab.json("clock", "advance", "10m")
            self.assertEqual(done["now_ms"], START_MS + 600000)
            self.assertEqual({p["now_ms"] for p in done["processes"]}, {START_MS + 600000})
            self.assertGreater(done["steps"], 9)        # at least the pings of each minute
            self.assertIn("The clocks went on by 1s", lab.tool("clock", "advance", "1s"))
            for name in NAMES:
                self.assertEqual(lab.ask(name, "clock.show")["now_ms"], START_MS + 601000)

    def test_what_a_changed_limit_does_is_done_when_advance_returns(self):
        with bramble.Lab("--clock", "manual") as lab, lab.device("alice") as alice:
            alice.say("login alice alice-secret")
            session = alice.wait({"event": "login-ok"})["session"]
            for limit, left in (("5m", 299), ("3m", 178)):
                lab.tool("limits", "set", "--inactivity-timeout", limit)
                lab.tool("clock", "advance", "1s")
                # No waiting: it was looked at before the clock moved.
                self.assertEqual(lab.ask("collab", "status")["limits"]["inactivity_timeout_ms"], int(limit[0]) * 60000)
                self.assertEqual(lab.ask("collab", "sessions")["sessions"][0]["inactive_in_ms"], left * 1000)
            lab.tool("clock", "advance", "177999")
            self.assertEqual(lab.ask("collab", "status")["sessions"]["live"], 1)
            lab.tool("clock", "advance", "1")
            self.assertEqual(lab.ask("collab", "status")["sessions"]["live"], 0)
            self.assertEqual(alice.wait({"event": "forced-logout"})["session"], session)

    def test_freeze_and_run(self):
        with bramble.Lab() as lab:
            self.assertEqual(lab.json("clock", "show")["clock"], "runs")
            self.assertIn("runs by itself", lab.tool("clock", "advance", "1s", want=1))
            frozen = lab.json("clock", "freeze")
            self.assertEqual(frozen["clock"], "stands")
            self.assertEqual(len({p["now_ms"] for p in frozen["processes"]}), 1)
            self.assertEqual(clocks(lab), {p["process"]: p for p in frozen["processes"]})
            moved = lab.json("clock", "advance", "1h")
            self.assertEqual(moved["now_ms"], frozen["now_ms"] + 3600000)
            lab.tool("clock", "run")
            self.assertEqual(lab.json("clock", "show")["clock"], "runs")
            # An hour ahead of the machine's clock, all of them by the same.
            ahead = {name: (lambda c: c["now_ms"] - c["real_ms"])(lab.ask(name, "clock.show")) for name in NAMES}
            for name, by in ahead.items():
                self.assertTrue(3600000 - 60000 < by <= 3600000, (name, by))       # less what they stood meanwhile
                self.assertLessEqual(abs(by - ahead["router"]), 1, ahead)
            # One that is started anew goes by the same clock.
            lab.tool("lab", "restart", "groupwise")
            again = lab.ask("groupwise", "clock.show")
            self.assertFalse(again["manual"])
            self.assertLessEqual(abs(again["now_ms"] - again["real_ms"] - ahead["router"]), 1000)

    def test_only_one_moves_the_clocks(self):
        import fcntl
        with bramble.Lab("--clock", "manual") as lab:
            lab.tool("clock", "show")
            with open(lab.dir / "run" / "clock.lock") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                self.assertIn("somebody else moves the clocks", lab.tool("clock", "advance", "1s", want=1))
            lab.tool("clock", "advance", "1s")

    def test_bad_input_is_named(self):
        with bramble.Lab("--clock", "manual") as lab:
            self.assertIn("is not a duration", lab.tool("clock", "advance", "soon", want=2))
            self.assertIn("did you mean advance?", lab.tool("clock", "advanc", "1s", want=2))
        status, _, err = bramble.run("bramble", "clock", "show", "--dir", lab.dir)
        self.assertNotEqual(status, 0)
        self.assertTrue(err)


class TestProcesses(unittest.TestCase):
    def test_a_killed_process_comes_back_at_the_time_of_the_others(self):
        with bramble.Lab("--clock", "manual") as lab:
            lab.tool("clock", "advance", "5m")
            self.assertEqual(lab.tool("lab", "kill", "router"), "router is off.\n")
            self.assertEqual(sorted(clocks(lab)), ["collab", "dispatcher", "groupwise"])
            self.assertIn("router is off", lab.tool("lab", "kill", "router", want=1))
            lab.tool("clock", "advance", "1m")
            self.assertEqual(lab.tool("lab", "start", "router"), "router is running.\n")
            self.assertIn("router is running", lab.tool("lab", "start", "router", want=1))
            self.assertEqual(lab.ask("router", "clock.show")["now_ms"], START_MS + 360000)
            lab.tool("clock", "advance", "2m")
            self.assertTrue(lab.ask("dispatcher", "status")["linked"])
            pids = {p["name"]: p["pid"] for p in json.loads((lab.dir / "lab.json").read_text())["processes"]}
            self.assertEqual(pids["router"], lab.ask("router", "status")["pid"])

    def test_a_session_outlives_the_router(self):
        with bramble.Lab("--clock", "manual") as lab, lab.device("alice") as alice:
            alice.say("login alice alice-secret")
            session = alice.wait({"event": "login-ok"})["session"]
            lab.tool("lab", "restart", "router")
            lab.tool("clock", "advance", "2m")
            self.assertEqual([s["session"] for s in lab.ask("collab", "sessions")["sessions"]], [session])

    def test_a_stopped_process_is_passed_over_and_catches_up(self):
        with bramble.Lab("--clock", "manual") as lab:
            self.assertEqual(lab.tool("lab", "stop", "groupwise"), "groupwise is stopped.\n")
            lab.tool("clock", "advance", "10s")
            self.assertEqual(lab.ask("router", "clock.show")["now_ms"], START_MS + 10000)
            self.assertEqual(lab.tool("lab", "continue", "groupwise"), "groupwise is running.\n")
            lab.tool("clock", "advance", "1s")
            self.assertEqual(lab.ask("groupwise", "clock.show")["now_ms"], START_MS + 11000)
            # A lab ends also when one of its processes is stopped.
            lab.tool("lab", "stop", "collab")

    def test_a_process_that_ends_by_itself_still_ends_the_lab(self):
        with bramble.Lab() as lab:
            os.kill(lab.ask("router", "status")["pid"], 9)
            bramble.wait_until(lambda: bramble.run("bramble", "lab", "status", "--dir", lab.dir)[0] == 1, "the lab is down")
            self.assertIn("router was ended by signal 9", pathlib.Path(lab.dir / "log" / "lab.log").read_text())

    def test_bad_input_is_named(self):
        with bramble.Lab() as lab:
            self.assertIn("did you mean router?", lab.tool("lab", "kill", "ruoter", want=2))
            self.assertIn("signal is KILL or TERM, not HUP", lab.tool("lab", "kill", "router", "--signal", "HUP", want=2))
        self.assertIn("no lab runs", bramble.run("bramble", "lab", "kill", "router", "--dir", lab.dir)[2])

    def test_users_of_ones_own(self):
        with bramble.Lab("--users", "3") as lab:
            self.assertEqual({u["name"] for u in lab.json("user", "list")} & {"user0001", "user0003", "user0004"}, {"user0001", "user0003"})
            with bramble.Device("--key-file", lab.dir / "devices" / "22000003.json", "--router", f"127.0.0.1:{lab.port(3101)}",
                                "--json") as third:
                third.say("login user0003 user0003-secret")
                third.wait({"event": "login-ok"})
                names = {c["user"] for c in third.wait({"event": "contacts"})["contacts"]}
                self.assertEqual(names, {"alice", "user0002"})
            lab.down()
            status, _, err = bramble.run("bramble", "lab", "up", "--dir", lab.dir, "--users", "4", "--detach")
            self.assertEqual(status, 3)
            self.assertIn("--users 4 is for a new lab", err)


if __name__ == "__main__":
    unittest.main()
