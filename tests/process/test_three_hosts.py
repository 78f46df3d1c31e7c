#!/usr/bin/env python3
"""Three hosts, as samples/deploy/three-hosts makes them: two of each daemon, HAProxy before the Routers, PostgreSQL. A host falls away, or
two hosts lose each other, and nothing that was accepted is lost, and no seat stays behind. On the same hosts four more Collaboration Services
race for the seats of an environment of their own."""
import json
import os
import pathlib
import re
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
import crowd
import postgres
import seat_race

SCRIPT = pathlib.Path(HERE, "..", "..", "samples", "deploy", "three-hosts")
PEOPLE = ("alice", "bob", "carol", "dave")      # the first two are bes-a's, the others bes-b's
PAIRS = (("alice", "carol"), ("dave", "bob"))   # who writes, and to whom
PROXY = "10.77.0.10:3101"
IM_SERVER = "10.77.0.100"
WHILE_CUT = 16                                  # texts of each pair while two hosts have lost each other, and the seconds between them
EVERY_S = 0.5
LATE_S = 60                                     # for what waited to arrive


class Hosts:
    """The layout, up; one for all tests of this file."""

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="bramble-three-"))

    def script(self, verb, *words):
        done = subprocess.run([SCRIPT, verb, self.dir, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=180, check=False,
                              env=dict(os.environ, BRAMBLE_BIN=os.path.dirname(bramble.program("bramble"))))
        if done.returncode != 0:
            raise AssertionError(f"three-hosts {verb} {' '.join(map(str, words))}: {done.returncode}\n{done.stdout}")
        return done.stdout

    def way(self, host):
        """The words that run a program there."""
        pid = (self.dir / "hosts" / host).read_text().strip()
        return ("nsenter", "-t", pid, "-n", *(() if os.geteuid() == 0 else ("-U", "--preserve-credentials")))

    def up(self):
        try:
            self.script("up")
        except AssertionError:
            for log in sorted(self.dir.glob("log/*.log")):
                print(f"--- {log.name}", log.read_text(errors="replace")[-1500:], sep="\n")
            raise

    def down(self):
        self.script("down")
        shutil.rmtree(self.dir, ignore_errors=True)


def setUpModule():
    global hosts
    hosts = Hosts()
    unittest.addModuleCleanup(hosts.down)
    hosts.up()


class ThreeHosts(unittest.TestCase):
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
        device = bramble.Device("--router", PROXY, "--key-file", hosts.dir / "devices" / f"{name}.json", "--json", "--stay",
                                way=hosts.way("outside"))
        self.addCleanup(device.stop)
        return device

    def tearDown(self):
        for name, device in self.devices.items():
            device.say("logout")
            device.wait(lambda event: event["event"] == "logged-out", deadline_s=LATE_S)
        bramble.wait_until(lambda: self.seats() == 0, "no seat stays behind", deadline_s=LATE_S)

    def ask(self, host, daemon):
        return bramble.control(hosts.dir / host / "run" / f"{daemon}.sock", "status")

    def tool(self, *words):
        """Asked again when the tool gave the database up, which on a busy machine may take longer than the 2 s that it waits."""
        def answer():
            try:
                return [json.loads(hosts.script("in", "c", bramble.program("bramble"), *words, "--config", hosts.dir / "a" / "bramble.ini",
                                                "--json"))]
            except AssertionError as wrong:
                if "does not answer" in str(wrong) or "too slow" in str(wrong):
                    return None
                raise
        return bramble.wait_until(answer, f"the answer to bramble {' '.join(words)}", deadline_s=LATE_S)[0]

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
            hosts.script("kill", f"router-{host}")
            for name in PEOPLE:
                self.devices[name].say("session")
            self.check_all_is_well(f"without {host}")
            hosts.script("start", f"router-{host}")
            bramble.wait_until(lambda: all(self.ask(h, "dispatcher")["routers_up"] == 2 for h in "ab"), "both routers are linked again",
                               deadline_s=LATE_S)

    def partition(self, one, other):
        writer = threading.Thread(target=self.write, args=(f"{one} has lost {other}", WHILE_CUT, EVERY_S))
        self.check_all_is_well("before")
        hosts.script("cut", one, other)
        try:
            writer.start()
            writer.join()
        finally:
            hosts.script("join", one, other)
        self.read(f"{one} has lost {other}", WHILE_CUT)
        self.check_all_is_well("after")

    def test_hosts_of_the_daemons_lose_each_other(self):
        self.partition("a", "b")

    def test_a_host_loses_the_database_and_the_proxy(self):
        self.partition("a", "c")

    def test_the_other_host_loses_the_database_and_the_proxy(self):
        self.partition("b", "c")


class Schema(postgres.Databases):
    """A schema of its own in the layout's database, asked from the host of the database."""

    def new(self):
        return self.url + "&options=-csearch_path%3Dcrowd"


class OnTwoHosts(crowd.Services):
    """Half of the services on host a, half on b; the database on c, the IM server outside. Only those two do they share."""

    def way(self, k):
        return hosts.way("outside" if k is None else "ab"[k // (self.count // 2)])

    def groupwise(self):
        return [f"{IM_SERVER}:{self.lab.port(8300)}", "--certificate", hosts.dir / "tls" / "groupwise.crt",
                "--key", hosts.dir / "tls" / "groupwise.key"]

    def up(self):
        self.options.append(f"collab.trust_ca={hosts.dir / 'tls' / 'ca.crt'}")
        super().up()
        return self

    def people(self):
        super().people()
        self.sql(f"UPDATE emu_IMServiceConfig SET Host = '{IM_SERVER}'")


class SeatsOnTwoHosts(seat_race.Race):
    """Four Collaboration Services on two hosts, the database on a third."""

    logins = 60

    @classmethod
    def setUpClass(cls):
        url = re.search("^database = (.*)$", (hosts.dir / "a" / "bramble.ini").read_text(), re.M).group(1)
        lab = bramble.Lab(databases=Schema(url, hosts.way("c")), way=hosts.way("c"))
        cls.raced(OnTwoHosts(4, 12, lab=lab))

    def test_1_with_a_maximum_of_two(self):
        heard = self.race(2, 5120, seat_race.FEW)
        self.assertGreater(heard["ok"], self.services.count)
        self.assertTrue(heard[seat_race.BUSY], heard)

    def test_2_with_a_maximum_of_twenty(self):
        heard = self.race(20, 5120, {"devices": 12, "logout": 0.02, "away": 0.1, "restless": 0.01})
        self.assertTrue(heard["ok"] and heard[seat_race.NOT_PERMITTED], heard)


if __name__ == "__main__":
    unittest.main()
