#!/usr/bin/env python3
"""Three hosts, as samples/deploy/three-hosts makes them: two of each daemon, HAProxy before the Routers, PostgreSQL. A host falls away, or
two hosts lose each other, and nothing that was accepted is lost, and no seat stays behind."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import bramble

SCRIPT = pathlib.Path(HERE, "..", "..", "samples", "deploy", "three-hosts")
PEOPLE = ("alice", "bob", "carol", "dave")      # the first two are bes-a's, the others bes-b's
PAIRS = (("alice", "carol"), ("dave", "bob"))   # who writes, and to whom
PROXY = "10.77.0.10:3101"
WHILE_CUT = 16                                  # texts of each pair while two hosts have lost each other, and the seconds between them
EVERY_S = 0.5
LATE_S = 60                                     # for what waited to arrive


class Outside(bramble.Device):
    """A simulated BlackBerry in the world outside the three hosts."""

    def __init__(self, hosts, *args):
        pid = (hosts / "hosts" / "outside").read_text().strip()
        self.way = ["nsenter", "-t", pid, "-n", *([] if os.geteuid() == 0 else ["-U", "--preserve-credentials"])]
        super().__init__(*args)

    @property
    def args(self):
        return self.words

    @args.setter
    def args(self, words):
        self.words = [*self.way, *words]


class ThreeHosts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="bramble-three-"))
        cls.addClassCleanup(shutil.rmtree, cls.dir, ignore_errors=True)
        cls.addClassCleanup(cls.script, "down")
        try:
            cls.script("up")
        except AssertionError:
            for log in sorted(cls.dir.glob("log/*.log")):
                print(f"--- {log.name}", log.read_text(errors="replace")[-1500:], sep="\n")
            raise

    @classmethod
    def script(cls, verb, *words):
        done = subprocess.run([SCRIPT, verb, cls.dir, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=180, check=False,
                              env=dict(os.environ, BRAMBLE_BIN=os.path.dirname(bramble.program("bramble"))))
        if done.returncode != 0:
            raise AssertionError(f"three-hosts {verb} {' '.join(words)}: {done.returncode}\n{done.stdout}")
        return done.stdout

    def setUp(self):
        for host in "ab":
            bramble.wait_until(lambda host=host: self.ask(host, "collab")["linked"], f"collab-{host} has both dispatchers")
            bramble.wait_until(lambda host=host: self.ask(host, "dispatcher")["routers_up"] == 2, f"dispatcher-{host} has both routers")
        self.devices = {name: self.device(name) for name in PEOPLE}
        self.sessions = {}
        for name, device in self.devices.items():
            device.say(f"login {name} {name}-secret")
            self.sessions[name] = device.wait({"event": "login-ok"})["session"]

    def device(self, name):
        device = Outside(self.dir, "--router", PROXY, "--key-file", self.dir / "devices" / f"{name}.json", "--json", "--stay")
        self.addCleanup(device.stop)
        return device

    def tearDown(self):
        for name, device in self.devices.items():
            device.say("logout")
            device.wait(lambda event: event["event"] == "logged-out", deadline_s=LATE_S)
        bramble.wait_until(lambda: self.seats() == 0, "no seat stays behind", deadline_s=LATE_S)

    def ask(self, host, daemon):
        return bramble.control(self.dir / host / "run" / f"{daemon}.sock", "status")

    def tool(self, *words):
        return json.loads(self.script("in", "c", bramble.program("bramble"), *words, "--config", self.dir / "a" / "bramble.ini", "--json"))

    def seats(self):
        return len(self.tool("session", "list"))

    def live(self):
        return sum(self.ask(host, "collab")["sessions"]["live"] for host in "ab")

    def write(self, words, count, gap_s):
        for n in range(count):
            for writer, reader in PAIRS:
                self.devices[writer].say(f"send {reader} {words} {n}")
            time.sleep(gap_s)       # the pace of the writer: nothing is waited for

    def read(self, words, count):
        """All of it comes, once, in order, and each was said to be delivered."""
        for writer, reader in PAIRS:
            got = []
            while len(got) < count:
                event = self.devices[reader].wait(lambda e, w=writer: e["event"] == "message" and e["from"] == w, deadline_s=LATE_S)
                got.append(event["text"])
            self.assertEqual(got, [f"{words} {n}" for n in range(count)])
            for _ in range(count):
                ack = self.devices[writer].wait({"event": "ack", "type": "MESSAGE"}, deadline_s=LATE_S)
                self.assertEqual(ack["code"], 0, ack)

    def check_all_is_well(self, words):
        self.write(words, 2, 0)
        self.read(words, 2)
        self.assertEqual({row["pin"]: row["session"] for row in self.tool("session", "list")},
                         {f"{0x21000001 + n:08X}": self.sessions[name] for n, name in enumerate(PEOPLE)})
        self.assertEqual(self.live(), len(PEOPLE))

    def test_a_device_of_a_killed_router_keeps_its_session_by_the_other(self):
        self.check_all_is_well("before")
        for host in "ab":
            self.script("kill", f"router-{host}")
            for name in PEOPLE:
                self.devices[name].say("session")
            self.check_all_is_well(f"without {host}")
            self.script("start", f"router-{host}")
            bramble.wait_until(lambda: all(self.ask(h, "dispatcher")["routers_up"] == 2 for h in "ab"), "both routers are linked again",
                               deadline_s=LATE_S)

    def partition(self, one, other):
        writer = threading.Thread(target=self.write, args=(f"{one} has lost {other}", WHILE_CUT, EVERY_S))
        self.check_all_is_well("before")
        self.script("cut", one, other)
        try:
            writer.start()
            writer.join()
        finally:
            self.script("join", one, other)
        self.read(f"{one} has lost {other}", WHILE_CUT)
        self.check_all_is_well("after")

    def test_hosts_of_the_daemons_lose_each_other(self):
        self.partition("a", "b")

    def test_a_host_loses_the_database_and_the_proxy(self):
        self.partition("a", "c")

    def test_the_other_host_loses_the_database_and_the_proxy(self):
        self.partition("b", "c")


if __name__ == "__main__":
    unittest.main()
