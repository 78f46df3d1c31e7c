#!/usr/bin/env python3
"""Simulated BlackBerrys and our Collaboration Service on a Messenger server that is not ours (groupwise_server.py): it reads
strictly, and in each test writes in another way that is legal and unusual."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bramble
import groupwise_server as gw
from independent import ODDITIES, SPECIAL, Case


class Oddities(Case):
    """One day in the life of a session, with each oddity."""

    def day(self):
        server, bob = self.server, self.server.puppet("bob")
        bob.set_status(gw.BUSY, "in a talk")
        alice = self.login("alice")
        contacts = self.contacts(alice)
        self.assertEqual(set(contacts), {"bob", "carol", "dave"})
        self.assertEqual((contacts["bob"]["name"], contacts["bob"]["folder"]), ("Bob Br\u00fcckner", "Friends"))
        self.assertEqual((contacts["bob"]["presence"], contacts["bob"]["text"]), ("busy", "in a talk"))
        self.assertEqual(contacts["carol"]["presence"], "offline")
        bob.set_status(gw.AWAY, "at lunch, \u00fcber \u20ac")
        alice.wait({"event": "presence", "user": "bob", "presence": "away", "text": "at lunch, \u00fcber \u20ac"})
        for words in ("one", SPECIAL, "x" * 3000, "\u00e9" * 1500):
            alice.say(f"send bob {words}")
            self.assertEqual(alice.wait({"event": "ack", "to": "bob"})["code"], 0)
            self.heard(bob, words)
        bob.say("alice", "and back: " + SPECIAL)
        alice.wait({"event": "message", "from": "bob", "text": "and back: " + SPECIAL, "name": "Bob Br\u00fcckner"})
        self.assertEqual(len(server.asked("createconf")), 1)
        zoe, asked = server.puppet("zoe"), len(server.asked("getdetails"))
        zoe.say("alice", "you do not know me")
        alice.wait({"event": "message", "from": "zoe", "name": "Zo\u00eb Stranger", "text": "you do not know me"})
        self.assertEqual(len(server.asked("getdetails")), asked + 1)
        alice.say("send zoe now I do")
        self.assertEqual(alice.wait({"event": "ack", "to": "zoe"})["code"], 0)
        self.heard(zoe, "now I do")
        alice.say("send erin hello")
        self.undelivered(alice, "erin")
        alice.say("status busy in a meeting")
        self.assertEqual(alice.wait({"event": "ack", "to": ""})["code"], 0)
        asked = server.asked("setstatus")[-1]
        self.assertEqual((asked.value("NM_A_SZ_STATUS"), asked.value("NM_A_SZ_STATUS_TEXT")), ("3", "in a meeting"))
        alice.say("logout")
        alice.wait({"event": "logged-out"})
        self.assertEqual([r.command for r in server.requests if r.command != "getdetails"][:2], ["login", "setstatus"])
        server.wait_asked("logout", "alice")
        self.assertEqual(server.requests[-1].command, "logout")
        self.assertEqual(alice.stop(), 0)


for name, switches in ODDITIES.items():
    def one(self, switches=switches):
        self.server.odd = gw.Odd(**switches)
        self.day()
    setattr(Oddities, "test_" + name.replace(" ", "_").replace("/", "_").replace(".", "_"), one)


class Logins(Case):
    def refused(self, device, user="alice"):
        device.say(f"login {user} {bramble.password(user)}")
        return device.wait({"event": "login-failed"})

    def test_every_result_code_becomes_one_the_device_knows_and_is_named_in_hex(self):
        wrong = (0xD10C, 0xD10D, 0xD146, 0xD149)
        others = (1, 0xD101, 0xD106, 0xD10A, 0xD10B, 0xD110, 0xD111, 0xD119, 0xD11C, 0xD123, 0xD124, 0xD130, 0xD139, 0xD142, 0xD14A,
                  0xD14B, 0xD15D, 0xAD20, 0xAD25, 0xAE0B, 0xDEADBEEF)
        alice, log = self.device("alice"), self.lab.dir / "log" / "collab.log"
        for code in wrong + others:
            with self.subTest(code=f"{code:X}"):
                before = len(log.read_text())
                self.server.plan("login", gw.refuse(code))
                failed = self.refused(alice)
                self.assertEqual((failed["code"], failed["status_text"]), (401 if code in wrong else 502, "Failed"))
                bramble.wait_until(lambda: f"{code:X}:" in log.read_text()[before:], f"{code:X} in the log", deadline_s=5)
        self.assertEqual(len(self.server.asked("login")), len(wrong + others))
        self.login("alice", alice)

    def test_a_refusal_with_the_code_as_a_number(self):
        self.server.odd.types = self.server.odd.shuffle = True
        alice = self.device("alice")
        self.server.plan("login", gw.refuse(0xD106))
        self.assertEqual(self.refused(alice)["code"], 502)
        alice.say("login alice wrong")
        self.assertEqual(alice.wait({"event": "login-failed"})["code"], 401)

    def test_a_redirect_is_no_login(self):
        alice = self.device("alice")
        self.server.plan("login", gw.redirect())
        self.assertIn(self.refused(alice)["code"], (502, 503))
        self.assertEqual([r.command for r in self.server.requests], ["login"])
        self.login("alice", alice)

    def test_an_http_error_is_no_login(self):
        alice = self.device("alice")
        for head in (b"HTTP/1.0 500\r\n\r\n\0", b"HTTP/1.0 404 Not Found\r\nServer: x\r\n\r\n\0"):
            self.server.plan("login", gw.send(head, close=True))
            self.assertIn(self.refused(alice)["code"], (502, 503))

    def test_a_connection_that_ends_inside_the_answer(self):
        alice = self.device("alice")
        for part in (0, 0.001, 0.01, 0.3, 0.9, 0.9999):
            with self.subTest(part=part):
                self.server.plan("login", gw.cut(part))
                self.assertEqual(self.refused(alice)["code"], 503)
        self.login("alice", alice)

    def test_what_is_no_answer_at_all(self):
        alice = self.device("alice")
        for data in (b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.0 \r\n\r\n", b"HTTP/1.0 200\r\n\r\n" + b"\x0e\0\x02\0\0\0X\0\0\0\0\0\0",
                     b"HTTP/1.0 200\r\n\r\n" + b"\x0a\0\xff\xff\xff\xff", b"HTTP/1.0 200\r\n\r\n" + b"\x09\0\x02\0\0\0X\0\xff\xff\xff\xff\0"):
            with self.subTest(data=data):
                self.server.plan("login", gw.send(data, close=True))
                self.assertIn(self.refused(alice)["code"], (502, 503))
        self.login("alice", alice)

    def test_a_list_of_150_contacts_in_20_folders(self):
        alice = self.server.users["alice"]
        for n in range(20):
            alice.add_folder(f"Folder {n} \u00fc")
        for n in range(147):
            user = self.server.users[f"user{n}"] = gw.User(f"user{n}", f"Given{n}", "Sur\u00e9name" * 5)
            alice.add_contact(user, 5 + n % 20)
        for switches in ({}, {"pieces": "random"}, {"folders_last": True, "shuffle": True, "types": True}, {"details": False}):
            with self.subTest(**switches):
                self.server.odd = gw.Odd(**switches)
                device = self.login("alice")
                contacts = self.contacts(device)
                self.assertEqual(len(contacts), 150)
                self.assertEqual({c["folder"] for c in contacts.values()}, {"Friends"} | {f"Folder {n} \u00fc" for n in range(20)})
                self.assertEqual((contacts["user46"]["name"], contacts["user46"]["folder"]),
                                 ("Given46 " + "Sur\u00e9name" * 5, "Folder 6 \u00fc"))
                self.alive(device)
                self.logout(device)

    def test_an_empty_list_and_contacts_without_a_folder(self):
        alice = self.server.users["alice"]
        alice.folders, alice.contacts = {}, []
        device = self.login("alice")
        self.assertEqual(self.contacts(device), {})
        self.logout(device)
        alice.add_contact(self.server.users["bob"], 0)
        alice.add_contact(self.server.users["carol"], 4711, details=False)
        contacts = self.contacts(self.login("alice"))
        self.assertEqual({u: c["folder"] for u, c in contacts.items()}, {"bob": "", "carol": ""})

    def test_the_same_leaf_in_two_places_of_the_tree(self):
        alice = self.server.users["alice"]
        other = self.server.users["bob.sales"] = gw.User("bob", "Robert", "Seller", unit="sales")
        other.mark = self.server.users["bob"].mark = False
        alice.add_contact(other, 1)
        device = self.login("alice")
        shown = {c["name"]: u for u, c in self.contacts(device).items()}
        self.assertEqual(len(shown), 4)
        device.say(f"send {shown['Robert Seller']} hello")
        made = self.server.wait_asked("createconf")
        self.assertEqual(made.values("NM_A_SZ_DN")[0], "CN=bob,OU=sales,O=example")

    def test_login_answers_with_privacy_and_things_of_later_versions(self):
        self.server.users["alice"].deny = ["carol", "dave"]
        self.server.users["alice"].allow = ["zoe"]
        self.server.odd.extra_login = [gw.Field("nnmLockedAttrList", gw.MULTI, [gw.text("nnmLockedAttrList", "nnmBlocking")]),
                                       gw.array("NM_A_FA_CHAT", [gw.text("nnmDisplayName", "lobby")])]
        alice = self.login("alice")
        self.assertEqual(set(self.contacts(alice)), {"bob", "carol", "dave"})
        self.alive(alice)

    def test_an_event_right_behind_the_login_answer(self):
        self.server.puppet("bob")
        self.server.odd.join = True
        hold = gw.Hold(self.server)
        self.server.plan("login", hold)
        alice = self.device("alice")
        alice.say("login alice alice-secret")
        hold.wait(1)
        bob_dn = self.server.users["bob"].dn
        wire = hold.held[0][0]
        guid = self.server.call(self.server.conference, "bob", "alice").guid
        answered = wire.run_caused
        wire.run_caused = lambda: (answered(), wire.deliver(gw.STATUS, bob_dn, b"\x04\0", "early"),
                                   wire.deliver(gw.MESSAGE, bob_dn, guid, 0, gw.envelope("early bird")))
        hold.release()
        del wire.run_caused
        alice.session = alice.wait({"event": "login-ok"})["session"]
        self.addCleanup(self.logout, alice)
        alice.wait({"event": "message", "text": "early bird"})
        self.alive(alice)


class Clock(Case):
    options = ("--clock", "manual")

    def pings(self):
        return len(self.server.asked("ping"))

    def keep_alive(self, switch, minutes, **switches):
        self.server.odd = gw.Odd(keep_alive=switch, **switches)
        alice = self.login("alice")
        self.contacts(alice)
        for number in (1, 2, 3):
            self.advance(minutes * 60 - 1)
            self.server.puppet("bob").say("alice", f"before ping {number}")
            alice.wait({"event": "message", "text": f"before ping {number}"})
            self.assertEqual(self.pings(), number - 1)
            self.advance(1)
            self.server.wait_asked("ping", "alice", number)
        self.alive(alice)

    def test_pings_each_minute(self):
        self.keep_alive(1, 1)

    def test_pings_each_minute_as_a_text(self):
        self.keep_alive(1, 1, types=True)

    def test_pings_each_ten_minutes_when_the_server_says_nothing(self):
        self.keep_alive(None, 10)

    def test_pings_each_three_minutes(self):
        self.keep_alive(3, 3, shuffle=True, unknown=True)


class Slow(Case):
    """A server that lets us wait: past the 30 s that an answer may take."""

    def test_answers_that_do_not_come(self):
        erin, talker = self.server.puppet("erin"), self.login("bob")
        talker.say("send erin one")
        self.assertEqual(talker.wait({"event": "ack", "to": "erin"})["code"], 0)
        # A server that lets words into a dead conference vanish, its answer included.
        self.server.odd.dead = "silent"
        self.server.call(self.server.conferences.clear)
        talker.say("send erin two")
        alice, bob, carol = self.login("alice"), self.device("carol"), self.login("dave")
        hold = gw.Hold(self.server)
        self.server.plan("login", hold, user="carol")
        self.server.plan("createconf", hold, user="alice")
        bob.say("login carol carol-secret")
        alice.say("send bob hello")
        hold.wait(2)
        self.assertEqual(bob.wait({"event": "login-failed"}, deadline_s=50)["code"], 503)
        self.assertEqual(alice.wait({"event": "forced-logout"}, deadline_s=50)["reason"], "server-lost")
        self.gone(talker, "server-lost")
        self.login("bob", talker)
        talker.say("send erin three")
        self.heard(erin, "one", "three")
        self.logout(talker)
        hold.release()
        self.alive(carol, "dave")
        self.login("carol", bob)


class TrustsNobody(Case):
    """A certificate that nobody vouches for, and a service that trusts only the lab's own server."""
    trust = "lab"

    def test_no_password_goes_to_a_server_that_is_not_trusted(self):
        alice = self.device("alice")
        alice.say("login alice alice-secret")
        self.assertEqual(alice.wait({"event": "login-failed"})["code"], 503)
        self.assertEqual(self.server.requests, [])


class TrustsAll(Case):
    trust = "none"

    def test_trust_none_is_warned_of_and_works(self):
        self.assertRegex((self.lab.dir / "log" / "collab.log").read_text(), r"(?i)warn.*trust")
        self.alive(self.login("alice"))


if __name__ == "__main__":
    unittest.main(verbosity=1)
