#!/usr/bin/env python3
"""What the administrator of the simulated Messenger server may set, its misbehaviour on demand, and its control verbs."""
import os
import pathlib
import re
import socket
import ssl
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import bramble
import messenger
from messenger import dn, page, values

STRING, MULTI = page.STRING, page.MULTI
AWAY = 4


class Rules(messenger.Case):
    """Policies and custom statuses of world.xml."""
    world = messenger.WORLD.replace('<world domain="corp.test">', """<world domain="corp.test">
        <policy name="nnmMaxContacts" value="3"/><policy name="nnmMaxFolders" value="2"/>
        <status name="Lunch" base="away" reply="Back at two"/>""").replace('name="Dave Diaz"/>', """name="Dave Diaz">
        <policy name="nnmMaxFolders" value="0"/><policy name="nnmLockedAttrList" value="nnmBlocking nnmContactList"/>
        <policy name="nnmQuery" value="0"/><policy name="nnmArchive" value="1"/><status name="Talk" base="busy"/></user>""").replace(
        'name="Carol Clark">', """name="Carol Clark"><policy name="nnmLockedAttrList" value="nnmBlocking"/>""")

    def test_limits_of_the_list(self):
        alice = self.raw("alice")
        code, fields = self.raw().login("bob")
        self.assertEqual((values(fields, "nnmMaxContacts"), values(fields, "nnmMaxFolders")), (["3"], ["2"]))
        folder = lambda name: alice.ask("createfolder", ("NM_A_SZ_PARENT_ID", STRING, "0"), ("NM_A_SZ_DISPLAY_NAME", STRING, name))[0]
        contact = lambda who, folder: alice.ask("createcontact", ("NM_A_SZ_PARENT_ID", STRING, folder), ("NM_A_SZ_USERID", STRING, who))[0]
        self.assertEqual([folder("x"), folder("y")], [0, 0xD12C])
        self.assertEqual([contact("dave", "1"), contact("bob", "0")], [0, 0xD129])

    def test_locked_attributes(self):
        code, fields = self.raw().login("dave")
        self.assertEqual([f for f in fields if f[0] == "nnmLockedAttrList"], [("nnmLockedAttrList", MULTI, [
            ("nnmLockedAttrList", STRING, "nnmBlocking", 0), ("nnmLockedAttrList", STRING, "nnmContactList", 0)], 0)])
        carol, dave = self.raw("carol"), self.raw("dave")
        for raw in (carol, dave):
            self.assertEqual(raw.ask("createblock", ("NM_A_SZ_BLOCKING_DENY_ITEM", STRING, "bob", 5)), (0xD11C, []))
            self.assertEqual(raw.ask("updateblocks", ("nnmBlocking", STRING, "1", 6)), (0xD11C, []))
        new = ("createcontact", ("NM_A_SZ_USERID", STRING, "dave")), ("createcontact", ("NM_A_SZ_USERID", STRING, "bob"))
        self.assertEqual((carol.ask(*new[0])[0], dave.ask(*new[1])[0]), (0, 0xD11C))

    def test_searching_is_forbidden_by_policy(self):
        terms = ("NM_A_SZ_OBJECT_ID", STRING, "1"), ("Surname", STRING, "A", 17)
        self.assertEqual(self.raw("dave").ask("createsearch", *terms)[0], 0xD11C)
        self.assertEqual(self.raw("alice").ask("createsearch", *terms)[0], 0)

    def test_who_is_archived_is_told_in_details_and_flags(self):
        alice, dave = self.raw("alice"), self.raw("dave")
        code, fields = alice.ask("getdetails", ("NM_A_SZ_USERID", STRING, "dave"), ("NM_A_SZ_USERID", STRING, "bob"))
        self.assertEqual(values(fields, "NM_A_FA_RESULTS", "nnmArchive"), ["1", "0"])
        guid = alice.conference("dave")
        alice.message_to(guid, text="x")
        self.assertEqual(dave.event(108)[4], 1)

    def test_custom_statuses_of_all_and_of_one(self):
        statuses = lambda user: [[f[2] for f in item] for item in values(self.raw().login(user)[1], "NM_A_FA_CUSTOM_STATUSES", "NM_A_FA_STATUS")]
        self.assertEqual(statuses("alice"), [["4", "Lunch", "Back at two"]])
        self.assertEqual(statuses("dave"), [["4", "Lunch", "Back at two"], ["3", "Talk", ""]])

    def test_a_login_may_ask_for_a_short_answer(self):
        raw = self.raw()
        flag = lambda name: (name, page.BOOL, 1)
        code, fields = raw.ask("login", ("NM_A_SZ_USERID", STRING, "carol"), ("NM_A_SZ_CREDENTIALS", STRING, "carol-secret"),
                               flag("NM_A_B_NO_CONTACTS"), flag("NM_A_B_NO_CUSTOMS"), flag("NM_A_B_NO_PRIVACY"))
        self.assertEqual(code, 0)
        self.assertFalse({f[0] for f in fields} & {"NM_A_FA_CONTACT_LIST", "NM_A_FA_CUSTOM_STATUSES", "nnmBlocking"})


class Faults(messenger.Case):
    options = ("--fault", "refuse=D111,on=login,user=dave,count=1", "--fault", "drop,on=getstatus,nth=2,count=1")

    def fault(self, word):
        self.server.ask("fault", word=word)

    def no_answer(self, raw):
        raw.socket.settimeout(0.2)
        with self.assertRaises(TimeoutError):
            raw.message()
        raw.socket.settimeout(bramble.DEADLINE_S)

    def test_those_of_the_command_line_are_done_and_listed(self):
        raw = self.raw()
        self.assertEqual([raw.login("dave")[0] for _ in range(2)], [0xD111, 0])
        ask = ("getstatus", ("NM_A_SZ_DN", STRING, "bob"))
        self.assertEqual(raw.ask(*ask)[0], 0)
        raw.transaction += 1
        raw.send(page.request(ask[0], raw.transaction, *ask[1:]))
        self.no_answer(raw)
        self.assertEqual(raw.ask(*ask)[0], 0)
        self.assertEqual(self.server.ask("fault.list"), {"faults": [
            {"word": "refuse=D111,on=login,user=dave,count=1", "seen": 1, "done": 1, "left": 0},
            {"word": "drop,on=getstatus,nth=2,count=1", "seen": 2, "done": 1, "left": 0}]})

    def test_refused_requests_are_not_carried_out(self):
        raw, bob = self.raw("alice"), self.raw("bob")
        self.fault("refuse=D125,user=alice,on=createfolder,count=1")
        new = ("createfolder", ("NM_A_SZ_PARENT_ID", STRING, "0"), ("NM_A_SZ_DISPLAY_NAME", STRING, "x"))
        self.assertEqual([raw.ask(*new)[0] for _ in range(3)], [0xD125, 0, 0xD126])
        self.assertEqual(bob.ask(*new)[0], 0)

    def test_what_is_delayed_holds_back_what_follows(self):
        raw = self.raw("alice")
        self.fault("delay=300,on=ping,count=1")
        for n in (1, 2):
            raw.send(page.request("ping", raw.transaction + n))
        start = time.monotonic()
        for _ in range(2):
            raw.transaction += 1
            self.assertEqual(raw.answer(), (0, []))
        self.assertGreaterEqual(time.monotonic() - start, 0.25)

    def test_split_answers_and_events_arrive_whole(self):
        alice, bob = self.raw("alice"), self.raw("bob")
        self.fault("split=3,on=all")
        self.assertEqual(alice.ask("ping"), (0, []))
        bob.status(AWAY, "x")
        while alice.event(103)[3] != AWAY:
            pass

    def test_garbled_answers_are_not_what_they_were(self):
        raw = self.raw("alice")
        raw.transaction += 1
        raw.send(page.request("ping", raw.transaction))
        good = raw.socket.recv(65536)
        self.fault("garble=2,on=ping,count=1")
        raw.send(page.request("ping", raw.transaction))
        bad = raw.socket.recv(65536)
        self.assertEqual(len(bad), len(good))
        self.assertGreaterEqual(sum(a != b for a, b in zip(good, bad)), 2)
        self.assertEqual(raw.ask("ping"), (0, []))

    def test_a_duplicate_comes_twice_and_a_reordered_answer_after_the_next(self):
        raw = self.raw("alice")
        self.fault("duplicate=2,on=ping,count=1")
        raw.transaction += 1
        raw.send(page.request("ping", raw.transaction))
        self.assertEqual([raw.answer() for _ in range(3)], [(0, [])] * 3)
        self.fault("reorder,on=ping,count=1")
        before = raw.transaction
        for n in (1, 2):
            raw.send(page.request("ping", before + n))
        for n in (2, 1):
            raw.transaction = before + n
            self.assertEqual(raw.answer(), (0, []))
        raw.transaction = before + 2
        self.assertEqual(raw.ask("ping"), (0, []))

    def test_a_half_open_connection_says_nothing_and_stays_until_the_fault_is_over(self):
        raw, bob = self.raw("alice"), self.raw("bob")
        bob.status(AWAY, "x")
        while raw.event(103)[3] != AWAY:
            pass
        self.fault("half-open,user=alice,on=ping,count=1")
        raw.transaction += 1
        raw.send(page.request("ping", raw.transaction))
        self.no_answer(raw)
        bob.status(AWAY, "y")
        self.no_answer(raw)
        self.assertEqual(self.server.user("alice")["sessions"], 1)
        self.server.ask("kick", user="alice")       # nor is its end heard of
        self.no_answer(raw)
        self.assertEqual(self.server.user("alice")["sessions"], 0)
        self.server.ask("fault.clear")
        with self.assertRaises((EOFError, ConnectionResetError, ssl.SSLEOFError)):
            raw.read(1)
        raw = self.raw("alice")
        self.fault("half-open,user=alice,for=300ms")
        self.assertEqual(self.server.user("alice")["sessions"], 1)
        raw.send(page.request("ping", raw.transaction + 1))
        with self.assertRaises((EOFError, ConnectionResetError, ssl.SSLEOFError)):
            raw.read(1)
        self.assertEqual(self.raw("alice").ask("ping"), (0, []))

    def test_a_server_with_half_open_connections_ends(self):
        raw = self.raw("alice")
        self.fault("half-open")
        raw.send(page.request("ping", raw.transaction + 1))
        self.no_answer(raw)
        self.server.child.terminate()
        self.assertEqual(self.server.child.wait(10), 0)

    def test_close_and_half_close(self):
        for word, answered in (("close,on=ping", False), ("half-close,on=ping", True)):
            with self.subTest(word=word):
                raw = self.raw("alice")
                self.fault(word + ",count=1")
                raw.transaction += 1
                raw.send(page.request("ping", raw.transaction))
                if answered:
                    self.assertEqual(raw.answer(), (0, []))
                with self.assertRaises((EOFError, ConnectionResetError, ssl.SSLEOFError)):
                    raw.read(1)
                bramble.wait_until(lambda: self.server.user("alice")["sessions"] == 0, "her session ends")


class Control(messenger.Case):
    def test_broadcasts_go_to_clients_of_version_4_and_up_only(self):
        old, new, other = self.raw("alice"), self.raw(), self.raw()
        new.login("bob", build=4), other.login("carol", build=7)
        self.assertEqual(self.server.ask("broadcast", text="back in 5 min \u00e9", **{"from": "dave"}), {"told": 2, "too_old": 1})
        for client in (new, other):
            self.assertEqual(client.event(122), ("event", 122, dn("dave"), "back in 5 min \u00e9"))
        self.assertEqual(self.server.ask("broadcast", text="down", to="carol"), {"told": 1, "too_old": 0})
        self.assertEqual(other.event(123), ("event", 123, dn("carol"), "down"))
        for client in (old, new):
            self.assertEqual(client.ask("ping"), (0, []))
            self.assertEqual([e for e in client.events if e[1] >= 122], [])

    def test_every_code_can_be_the_result_of_a_login(self):
        codes = re.findall(r"^\| ([0-9A-F]{4}) \| `(\d+)`", (pathlib.Path(__file__).parents[2] / "docs/protocol/groupwise.md").read_text(encoding="utf-8"), re.M)
        self.assertGreater(len(codes), 40)
        for code, decimal in codes[1:]:
            with self.subTest(code=code):
                self.server.ask("fault.login", user="alice", code=code, count=1)
                raw = self.raw()
                self.assertEqual(raw.login("alice")[0], int(decimal))
                raw.close()
        self.assertEqual(self.server.user("alice")["refused"], len(codes) - 1)
        self.raw("alice")

    def test_injected_results_by_user_and_by_count(self):
        raw = self.raw()
        self.server.ask("fault.login", user="alice", code="D106", count=2)
        self.assertEqual([raw.login("alice")[0] for _ in range(3)], [0xD106, 0xD106, 0])
        other = self.raw()
        self.server.ask("fault.login", code="0xD111")
        self.assertEqual(other.login("bob")[0], 0xD111)
        self.assertEqual(other.login("carol")[0], 0xD111)
        self.server.ask("fault.clear")
        self.assertEqual(other.login("bob")[0], 0)

    def test_a_silent_server_reads_and_never_answers(self):
        raw = self.raw("alice")
        self.server.ask("fault", word="drop,on=all")
        raw.transaction += 1
        raw.send(page.request("ping", raw.transaction))
        bramble.wait_until(lambda: "command=ping" in self.server.errors(), "the ping is read")
        raw.socket.settimeout(0.2)
        with self.assertRaises(TimeoutError):
            raw.message()
        self.server.ask("fault.clear")
        raw.socket.settimeout(bramble.DEADLINE_S)
        self.assertEqual(raw.ask("ping"), (0, []))

    def test_kick_says_what_it_is_told_to(self):
        for how, event in (("elsewhere", 114), ("down", 115), ("close", None)):
            with self.subTest(how=how):
                raw = self.raw("alice")
                self.server.ask("kick", user="alice", how=how)
                if event:
                    self.assertEqual(raw.event(event), ("event", event, dn("alice")))
                self.assertTrue(raw.is_closed())

    def test_what_cannot_be_done_is_said(self):
        for verb, params, sentence in (("kick", {"user": "x"}, "no user x"), ("kick", {"user": "bob"}, "bob is not signed on"),
                                       ("kick", {"user": "bob", "how": "x"}, "how is close, elsewhere or down"),
                                       ("fault.login", {"code": "zz"}, "result code in hex"),
                                       ("fault", {"word": "drop,user=x"}, "no user x"),
                                       ("fault", {"word": "drop,user=bob.people.corp"}, "no user bob.people.corp"),
                                       ("fault", {"word": "drop,on=x"}, "no request x"),
                                       ("fault", {"word": "refuse=zz"}, "result code in hex"),
                                       ("broadcast", {"text": "x", "to": "x"}, "no user x"),
                                       ("broadcast", {"text": ""}, "text has 1 to 32766 bytes, not 0")):
            with self.assertRaisesRegex(RuntimeError, sentence):
                self.server.ask(verb, **params)

    def test_sigterm_tells_clients_and_ends(self):
        raw = self.raw("alice")
        self.server.child.terminate()
        self.assertEqual(raw.event(115), ("event", 115, dn("alice")))
        self.assertTrue(raw.is_closed())
        self.assertEqual(self.server.child.wait(10), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
