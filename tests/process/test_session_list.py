"""`bramble session list`: coverage, last status and countdowns, once and with --watch, on a terminal and elsewhere."""
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
import unittest

import bramble
from lab_scene import Scene


class Terminal:
    """A program on a terminal of its own, with so many rows."""

    def __init__(self, rows, *args):
        self.screen = b""
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, 200, 0, 0))
        self.child = subprocess.Popen([bramble.program(args[0]), *map(str, args[1:])], stdin=slave, stdout=slave, stderr=slave)
        os.close(slave)

    def read(self):
        while select.select([self.master], [], [], 0.02)[0]:
            try:
                self.screen += os.read(self.master, 65536)
            except OSError:
                break

    def drawn(self):
        """The screens that were drawn whole, one after another."""
        self.read()
        return [s.decode() for s in self.screen.split(b"\x1b[H\x1b[J")[1:-1]]

    def wait(self, wanted, what):
        return bramble.wait_until(lambda: next((s for s in self.drawn() if wanted(s)), None), what)

    def stop(self):
        self.child.send_signal(signal.SIGINT)
        self.child.wait(10)
        self.read()
        os.close(self.master)
        return self.child.returncode


class Watch(Scene):
    def test_a_terminal_is_redrawn_in_place_and_countdowns_tick(self):
        self.limits("--idle-timeout", "10m", "--inactivity-timeout", "2h")
        for user in ("alice", "bob", "carol", "dave"):
            self.login(user)
        terminal = Terminal(5, "bramble", "session", "list", "--watch", "--dir", self.lab.dir)
        shown = terminal.wait(lambda s: "dave" in s, "the list")
        self.assertIn("IDLE IN", shown)
        self.assertRegex(shown, r"dave +2100000D +active +in +\d+ s +(9m\d\ds|10m00s) +(1h59m|2h00m) +- ")
        self.assertIn("... and 2 more", shown)
        self.assertNotIn("bob", shown)
        self.assertLessEqual(shown.count("\n"), 4)
        idle = bramble.wait_until(lambda: len(found := {re.search(r"9m\d\ds", s)[0] for s in terminal.drawn() if "9m" in s}) > 1 and found, "a tick")
        self.assertTrue(all("9m00s" < i for i in idle))
        self.assertEqual(terminal.stop(), 0)
        self.assertTrue(terminal.screen.endswith(b"\x1b[?7h"))

    def test_elsewhere_only_changes_are_printed(self):
        self.limits("--idle-timeout", "10m")
        self.login("alice")
        with bramble.Process("bramble", "session", "list", "--watch", "--json", "--dir", self.lab.dir) as watch:
            first = json.loads(watch.wait_line(lambda _: True, "the first state"))[0]
            self.assertEqual((first["state"], first["in_coverage"], first["evictable"], first["inactive_in_ms"]), ("active", True, None, None))
            self.assertTrue(0 < first["idle_in_ms"] <= 600000)
            # Several looks later nothing has been said: what ticks is nothing new.
            before = time.monotonic()
            bramble.wait_until(lambda: time.monotonic() > before + 2.5, "two looks")
            self.assertTrue(watch.queue.empty())
            self.device("alice").say("coverage off")
            out = json.loads(watch.wait_line(lambda line: "evicted-coverage" in line, "the mark"))[0]
            self.assertEqual(out["evictable"], "evicted-coverage")
            json.loads(watch.wait_line(lambda line: '"out-of-coverage"' in line, "the state") if out["state"] == "active" else "[]")
        text = self.lab.tool("session", "list")
        self.assertRegex(text, r"alice +2100000A +out-of-coverage +out +\d+ s +\S+ +- +evicted-coverage ")

    def test_a_service_that_does_not_answer_has_no_numbers(self):
        self.limits("--idle-timeout", "10m")
        self.login("alice")
        (self.lab.dir / "run" / "collab.sock").rename(self.lab.dir / "run" / "away.sock")
        row = self.lab.json("session", "list")[0]
        self.assertEqual([row[k] for k in ("state", "in_coverage", "last_status_age_ms", "idle_in_ms", "inactive_in_ms")],
                         ["active", None, None, None, None])
        self.assertRegex(self.lab.tool("session", "list"), r"alice +2100000A +active +- +- +- +- +- ")
        (self.lab.dir / "run" / "away.sock").rename(self.lab.dir / "run" / "collab.sock")


class ManualClock(Scene):
    options = ("--clock", "manual")

    def advance(self, ms):
        """The service's clock alone: the Router would miss the device, whose clock runs by itself."""
        self.lab.ask("collab", "clock.advance", to_ms=self.lab.ask("collab", "clock.show")["now_ms"] + ms)

    def test_virtual_time_is_told_and_countdowns_stand_still(self):
        self.limits("--idle-timeout", "10m", "--inactivity-timeout", "31m")
        alice = self.login("alice", None, "--status-interval", "1h")
        begun = self.show(alice["login_id"])["virtual_ms"]
        self.assertGreater(begun, 0)
        rows = [self.lab.json("session", "list")[0] for _ in range(2)]
        self.assertEqual([(r["last_status_age_ms"], r["idle_in_ms"], r["inactive_in_ms"]) for r in rows], [(0, 600000, 1860000)] * 2)
        self.advance(600000)
        bramble.wait_until(lambda: self.session("alice").get("mark") == "evicted-silent", "the mark")
        self.assertRegex(self.lab.tool("session", "list"), r"alice +2100000A +active +in +10m00s +evictable +21m00s +evicted-silent ")
        self.advance(1260000)
        bramble.wait_until(lambda: not self.session("alice"), "the end")
        told = bramble.wait_until(lambda: (t := self.show(alice["login_id"])) and not t["session"]["live"] and t, "the end in the database")
        self.assertEqual((told["session"]["reason"], told["session"]["lasted_ms"]), ("inactive", 1860000))
        self.assertEqual([(e["what"], e["virtual_ms"] - begun) for e in told["session"]["events"]],
                         [("may be logged out when a place is needed", 600000), ("ends", 1860000)])
        text = self.lab.tool("trace", "show", alice["login_id"])
        self.assertIn("ended after 31m00s", text)
        self.assertRegex(text, r"\+10m00s  may be logged out")


if __name__ == "__main__":
    unittest.main()
