#!/usr/bin/env python3
"""Whom a simulated BlackBerry blocks and whom it finds, on a Messenger server that is not ours, with its oddities."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import groupwise_server as gw
from independent import Case

SWITCHES = {
    "as usual": {},
    "in odd records": {"pieces": "random"},
    "DNs in capitals": {"case": str.upper},
    "events first, in one record": {"events_first": True, "join": True},
    "any order, any type, unknown fields": {"types": True, "shuffle": True, "unknown": True, "case": str.swapcase},
}


class Privacy(Case):
    def setUp(self):
        super().setUp()
        self.user = self.server.users["alice"]
        self.alice = self.device("alice")

    def listed(self):
        """What the device is told after its login, up to the answer of a later request."""
        self.alice.say("status busy")
        told = {}
        while True:
            came = self.alice.wait(lambda e: e["event"] == "block" or (e["event"] == "ack" and e["type"] == "PRESENCE_SET"))
            if came["event"] == "ack":
                return told
            told[came["user"]] = came["blocked"]

    def change(self, line, user, blocked, code=0):
        self.alice.say(line)
        if code == 0:
            self.alice.wait({"event": "block", "user": user, "blocked": blocked})
        came = self.alice.wait({"event": "ack", "type": "BLOCK"})
        self.assertEqual(came["code"] == 0, code == 0, came)

    def each_way(self, act):
        for name, switches in SWITCHES.items():
            with self.subTest(name):
                self.server.reset()
                self.user = self.server.users["alice"]
                self.server.odd = gw.Odd(**switches)
                act()
                self.assertEqual(self.server.faults, [])
                self.logout(self.alice)

    def test_the_lists_of_the_login_answer(self):
        """No entry, one as a DN of its own, several as a multi-value."""
        self.each_way(self.lists_of_login)

    def lists_of_login(self):
        for deny, allow, blocking, told in (
                ([], [], "0", {}), (["bob"], [], "0", {"bob": True}), (["bob", "carol"], [], "0", {"bob": True, "carol": True}),
                ([], ["dave"], "1", {"": True, "dave": False}), (["bob"], ["carol", "dave"], "1", {"": True, "carol": False, "dave": False})):
            self.user.deny, self.user.allow, self.user.blocking = list(deny), list(allow), blocking
            self.login("alice", self.alice)
            came = self.listed()
            self.assertEqual({u: b for u, b in came.items() if u in told}, told)
            self.logout(self.alice)
        self.login("alice", self.alice)

    def test_strangers_on_the_lists_are_shown_by_the_name_people_use(self):
        self.user.deny = ["zoe", "erin"]
        self.login("alice", self.alice)
        self.alice.wait({"event": "block", "user": "zoe", "blocked": True})
        self.assertTrue(self.server.asked("getdetails"))

    def test_blocking_and_unblocking(self):
        self.each_way(self.blocking)

    def blocking(self):
        bob = self.server.puppet("bob")
        self.login("alice", self.alice)
        self.change("block bob", "bob", True)
        self.assertEqual((self.user.deny, self.user.blocking), (["bob"], "0"))
        bob.wait(lambda e: e[:2] == (gw.STATUS, self.user.dn) and e[2] == b"\x01\0", "alice offline")
        self.change("unblock bob", "bob", False)
        self.assertEqual(self.user.deny, [])
        self.change("block all", "", True)
        self.assertEqual(self.user.blocking, "1")
        self.change("unblock bob", "bob", False)
        self.assertEqual(self.user.allow, ["bob"])
        self.change("block bob", "bob", True)
        self.assertEqual(self.user.allow, [])
        self.change("unblock all", "", False)
        self.assertEqual(self.user.blocking, "0")

    def test_a_stranger_is_blocked_by_the_name_typed(self):
        self.login("alice", self.alice)
        self.change("block zoe", "zoe", True)
        self.assertEqual(self.user.deny, ["zoe"])

    def test_refusals(self):
        self.login("alice", self.alice)
        for command, code, line in (("createblock", 0xD11C, "block bob"), ("createblock", 0xD10D, "block carol"),
                                    ("updateblocks", 0xD11C, "block all")):
            with self.subTest(line):
                self.server.plan(command, gw.refuse(code))
                self.change(line, None, None, code)
        self.assertFalse([e for e in self.alice.events if e["event"] == "block"])
        self.alive(self.alice)


class Search(Case):
    options = ("--clock", "manual")

    def setUp(self):
        super().setUp()
        self.alice = self.login("alice")

    def result(self):
        return self.alice.wait(lambda e: e["event"] == "search-result")

    def search(self, line, polls=1):
        """A search whose results the server has ready at the given poll."""
        before = len(self.server.asked("createsearch")), len(self.server.asked("getresults"))
        self.alice.say("search " + line)
        self.server.wait_asked("createsearch", "alice", before[0] + 1)
        for poll in range(polls):
            self.advance(1 if poll == 0 else 8)
            self.server.wait_asked("getresults", "alice", before[1] + poll + 1)

    def test_people_are_found_by_each_field(self):
        for name, switches in SWITCHES.items():
            self.server.odd = gw.Odd(**switches)
            for line, found in (("given-name Zo\u00eb", {"zoe"}), ("surname clar", {"carol"}), ("user bob", {"bob"}), ("title paint", {"zoe"}),
                                ("department staff", {"alice", "bob", "carol", "dave", "erin", "zoe"}), ("surname nobody", set())):
                with self.subTest(name, line=line):
                    self.search(line)
                    came = self.result()
                    self.assertLessEqual(found - {"alice"}, {c["user"] for c in came["contacts"]})
                    self.assertLessEqual({c["user"] for c in came["contacts"]}, found)

    def test_a_name_of_any_kind_takes_a_search_for_each(self):
        for name, switches in SWITCHES.items():
            with self.subTest(name):
                self.server.odd, self.server.requests = gw.Odd(**switches), []
                self.alice.say("search name da")
                for number in (1, 2):
                    self.server.wait_asked("createsearch", "alice", number)
                self.advance(1)
                for number in (1, 2):
                    self.server.wait_asked("getresults", "alice", number)
                self.assertEqual([c["user"] for c in self.result()["contacts"]], ["dave"])

    def test_what_is_told_of_somebody_found(self):
        self.server.puppet("zoe").set_status(gw.AWAY, "painting")
        self.search("surname Stranger")
        found = self.result()["contacts"]
        self.assertEqual([(c["user"], c["name"], c["presence"], c["text"]) for c in found],
                         [("zoe", "Zo\u00eb Stranger", "away", "painting")])

    def test_results_that_take_a_while(self):
        self.server.odd.search = [0, 1, 1]
        self.search("surname Stranger", polls=4)
        self.assertEqual([c["user"] for c in self.result()["contacts"]], ["zoe"])

    def test_a_search_that_fails_at_the_server(self):
        for status in (3, 4, 5):
            with self.subTest(status=status):
                self.server.odd.search = [status]
                self.search("surname Stranger")
                came = self.alice.wait(lambda e: e["event"] == "search-result" or (e["event"] == "ack" and e["type"] == "SEARCH"))
                self.assertTrue(came["event"] == "ack" and came["code"] != 0 or came["event"] == "search-result" and
                                not came["contacts"], came)
        self.alive(self.alice)

    def test_a_search_that_is_refused(self):
        for command in ("createsearch", "getresults"):
            with self.subTest(command):
                self.server.plan(command, gw.refuse(0xD111))
                self.alice.say("search surname Stranger")
                if command == "getresults":
                    self.server.wait_asked("createsearch", "alice", 2)
                    self.advance(1)
                self.assertNotEqual(self.alice.wait({"event": "ack", "type": "SEARCH"})["code"], 0)

    def test_each_search_has_a_handle_of_its_own(self):
        for _ in range(3):
            self.search("surname Stranger")
            self.result()
        handles = [r.value("NM_A_SZ_OBJECT_ID") for r in self.server.asked("createsearch")]
        self.assertEqual(len(set(handles)), 3)


if __name__ == "__main__":
    unittest.main(verbosity=1)
