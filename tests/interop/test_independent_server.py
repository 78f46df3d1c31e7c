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
from independent import ODDITIES, Case

SPECIAL = "gr\u00fc\u00df dich \u20ac \u6f22 \U0001f600 & <b>bold</b> \\ {} 100% a+b=c; 'end' ~"


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


class Events(Case):
    def setUp(self):
        super().setUp()
        self.alice = self.login("alice")
        self.contacts(self.alice)
        self.bob = self.server.puppet("bob")
        self.guid = self.server.call(self.server.conference, "bob", "alice").guid

    def send(self, kind, source, *body):
        self.server.send("alice", kind, source, *body)

    def test_events_that_say_nothing_to_us_are_survived(self):
        self.send(101, "bob")
        self.send(104, "bob")
        self.send(109, "bob")
        self.send(gw.CLOSED, "bob", self.guid)
        self.send(gw.OTHER_INVITED, "carol", self.guid)
        self.send(gw.REJECTED, "carol", self.guid)
        self.send(gw.BROADCAST, "bob", "for all")
        self.send(gw.SYSTEM, "", "the system says")
        self.send(gw.TYPING, "bob", self.guid)
        self.send(gw.TYPING_END, "bob", self.guid)
        self.send(gw.STATUS, "CN=nobody,O=elsewhere", b"\x02\0", "")
        self.send(gw.STATUS, "not a name", b"\x09\0", "")
        self.send(gw.LEFT, "carol", "[FFFFFFFF-FFFFFFFF-FFFFFFFF-FFFF-FFFF]", 0xFFFFFFFF)
        self.alive(self.alice)

    def test_an_unknown_event_ends_the_stream(self):
        for kind in (0, 1, 99, 100, 110, 111, 116, 120, 124, 127, 128, 133, 134, 1000, 0xFFFFFFFF):
            with self.subTest(kind=kind):
                self.send(kind, "bob", self.guid)
                self.gone(self.alice, "server-lost")
                self.alice.say("login alice alice-secret")
                self.alice.wait({"event": "login-ok"})
        self.alive(self.alice)

    def test_an_unknown_event_in_single_bytes_ends_the_stream_too(self):
        self.server.odd.pieces = "bytes"
        self.send(116, "bob", self.guid, "a new name")
        self.gone(self.alice, "server-lost")

    def test_another_login_of_the_user_ends_it_and_nobody_logs_in_again(self):
        self.send(gw.ELSEWHERE, "alice")
        self.gone(self.alice, "elsewhere")
        self.assertEqual(len(self.server.asked("login")), 1)

    def test_elsewhere_is_heard_though_the_connection_ends_at_once(self):
        wire = self.server.session("alice")
        self.server.call(lambda: (wire.deliver(gw.ELSEWHERE, "cn=alice"), wire.writer.transport.abort()) and None)
        self.gone(self.alice, "elsewhere")

    def test_the_server_goes_down(self):
        self.send(gw.GOING_DOWN, "alice")
        self.gone(self.alice, "server-lost")

    def test_the_server_goes_down_without_a_word(self):
        self.server.call(self.server.session("alice").writer.transport.abort)
        self.gone(self.alice, "server-lost")

    def test_an_event_cut_in_the_middle(self):
        whole = gw.event(gw.MESSAGE, self.bob.user.dn, self.guid, 0, gw.envelope("never seen"))
        wire = self.server.session("alice")
        self.server.call(lambda: (wire.write(whole[:-9]), wire.writer.close()) and None)
        self.gone(self.alice, "server-lost")
        self.assertFalse([e for e in self.alice.events if e["event"] == "message"])

    def test_presence_as_numbers_of_two_bytes(self):
        for number, name in ((2, "available"), (3, "busy"), (4, "away"), (5, "idle"), (1, "offline")):
            self.send(gw.STATUS, "bob", bytes([number, 0]), f"text {number}")
            came = self.alice.wait({"event": "presence", "user": "bob", "text": f"text {number}"})
            self.assertEqual(came["presence"], name)

    def test_a_long_event_and_a_text_of_nothing(self):
        self.bob.say("alice", "y" * 30000)
        self.assertEqual(self.alice.wait({"event": "message"})["text"], "y" * 30000)
        self.send(gw.MESSAGE, "bob", self.guid, 1, "")
        self.alive(self.alice)

    def test_many_events_of_one_stranger_ask_once_and_keep_their_order(self):
        hold = gw.Hold(self.server)
        self.server.plan("getdetails", hold)
        zoe = self.server.puppet("zoe")
        for n in range(5):
            zoe.say("alice", f"number {n}")
        hold.wait(1)
        self.bob.say("alice", "overtaking")
        self.alice.wait({"event": "message", "text": "overtaking"})
        hold.release()
        for n in range(5):
            self.assertEqual(self.alice.wait({"event": "message", "from": "zoe"})["text"], f"number {n}")
        self.assertEqual(len(self.server.asked("getdetails")), 1)

    def test_a_stranger_whom_the_server_does_not_know(self):
        self.send(gw.MESSAGE, "CN=ghost,O=elsewhere", self.guid, 0, gw.envelope("boo"))
        came = self.alice.wait({"event": "message", "text": "boo"})
        self.assertIn("ghost", came["from"])
        self.alive(self.alice)

    def test_an_automatic_reply_is_plain_text(self):
        self.bob.set_status(gw.AWAY, "away", "back at {two} \\ o'clock \u20ac")
        self.alice.say("send bob there?")
        self.assertEqual(self.alice.wait({"event": "ack", "to": "bob"})["code"], 0)
        came = self.alice.wait({"event": "message", "from": "bob"})
        self.assertIn("back at {two} \\ o'clock \u20ac", came["text"])

    def test_an_undeliverable_message_is_told(self):
        self.alice.say("send carol hello")
        self.assertEqual(self.alice.wait({"event": "ack", "to": "carol"})["code"], 0)
        self.undelivered(self.alice, "carol")
        self.alive(self.alice)

    def test_an_undeliverable_message_is_told_though_the_event_comes_before_the_answer(self):
        self.server.odd.events_first = True
        self.alice.say("send carol hello")
        self.undelivered(self.alice, "carol")
        self.alive(self.alice)


class Conferences(Case):
    def setUp(self):
        super().setUp()
        self.bob, self.carol = self.server.puppet("bob"), self.server.puppet("carol")
        self.alice = self.login("alice")

    def say(self, to, words, code=0):
        self.alice.say(f"send {to} {words}")
        self.assertEqual(self.alice.wait({"event": "ack", "to": to})["code"], code)

    def test_answers_out_of_order(self):
        hold = gw.Hold(self.server)
        self.server.plan("createconf", hold, count=2)
        self.alice.say("send bob to bob\nsend carol to carol")
        hold.wait(2)
        hold.release((1, 0))
        bramble.wait_until(lambda: self.bob.heard() == ["to bob"] and self.carol.heard() == ["to carol"], "each heard its own")
        again = gw.Hold(self.server)
        self.server.plan("sendmessage", again, count=5)
        for n in range(5):
            self.alice.say(f"send bob {n}")
        again.wait(5)
        again.release((4, 2, 0, 3, 1))
        for _ in range(7):
            self.assertEqual(self.alice.wait({"event": "ack"})["code"], 0)
        bramble.wait_until(lambda: sorted(self.bob.heard()) == ["0", "1", "2", "3", "4", "to bob"], "bob heard all")

    def test_a_long_text_goes_in_several_messages(self):
        """No body is longer than servers and clients take, which the server looks after, and no character is lost."""
        for words in ("\u00e9" * 16000, "\U0001f600" * 8000, "\\{}" * 10000, "x" * 32000):
            with self.subTest(words[:3]):
                before = len(self.bob.heard())
                self.alice.say("send bob " + words)
                self.assertEqual(self.alice.wait({"event": "ack", "to": "bob"})["code"], 0)
                bramble.wait_until(lambda: "".join(self.bob.heard()[before:]) == words, "bob heard all of it")

    def test_events_before_the_answer_to_a_pending_request(self):
        hold = gw.Hold(self.server)
        self.server.plan("createconf", hold)
        self.alice.say("send bob first")
        hold.wait(1)
        self.bob.set_status(gw.AWAY, "meanwhile")
        self.alice.wait({"event": "presence", "user": "bob", "text": "meanwhile"})
        self.carol.say("alice", "in between")
        self.alice.wait({"event": "message", "from": "carol", "text": "in between"})
        hold.release()
        self.assertEqual(self.alice.wait({"event": "ack", "to": "bob"})["code"], 0)
        self.heard(self.bob, "first")

    def test_both_begin_at_once(self):
        hold = gw.Hold(self.server)
        self.server.plan("createconf", hold)
        self.alice.say("send bob from alice")
        hold.wait(1)
        self.bob.say("alice", "from bob")
        self.alice.wait({"event": "message", "text": "from bob"})
        hold.release()
        self.assertEqual(self.alice.wait({"event": "ack", "to": "bob"})["code"], 0)
        self.say("bob", "and on")
        self.heard(self.bob, "from alice", "and on")

    def test_a_conference_that_died_unseen_is_made_anew(self):
        self.say("bob", "one")
        self.server.call(self.server.conferences.clear)
        self.say("bob", "two")
        self.heard(self.bob, "one", "two")
        self.assertEqual(len(self.server.asked("createconf")), 2)

    def test_a_server_that_has_no_conference_for_us_is_asked_once_more_and_no_further(self):
        self.server.plan("sendmessage", gw.refuse(0xD12B), count=10)
        self.alice.say("send bob one")
        self.assertNotEqual(self.alice.wait({"event": "ack", "to": "bob"})["code"], 0)
        self.assertEqual(len(self.server.asked("sendmessage")), 2)

    def end_conference(self, kind):
        """Words into a dead id would be swallowed, so it has to be forgotten when the server says that it is over."""
        self.server.odd.dead = "swallow"
        self.say("bob", "one")
        guid = next(iter(self.server.conferences.values())).guid
        self.server.call(self.server.conferences.clear)
        self.server.send("alice", kind, "bob", guid, *((0,) if kind == gw.LEFT else ()))
        self.carol.say("alice", "after it")
        self.alice.wait({"event": "message", "text": "after it"})
        self.say("bob", "two")
        self.heard(self.bob, "one", "two")

    def test_a_conference_the_other_side_left_is_forgotten(self):
        self.end_conference(gw.LEFT)

    def test_a_conference_that_was_closed_is_forgotten(self):
        self.end_conference(gw.CLOSED)

    def test_a_conference_that_ended_with_another_tail_is_forgotten(self):
        self.server.odd.tails = True
        self.end_conference(gw.LEFT)

    def test_an_end_with_capital_and_small_letters_of_the_id(self):
        self.say("bob", "one")
        self.bob.say("alice", "two")
        self.alice.wait({"event": "message", "text": "two"})
        self.say("bob", "three")
        self.assertEqual(len(self.server.asked("createconf")), 1)
        self.heard(self.bob, "one", "three")

    def test_the_others_conference_is_answered_into(self):
        guid = self.bob.say("alice", "hello")
        self.alice.wait({"event": "message", "text": "hello"})
        self.say("bob", "hello yourself")
        self.assertEqual(self.server.asked("createconf"), [])
        self.assertEqual(self.server.asked("sendmessage")[0].value("NM_A_FA_CONVERSATION", "NM_A_SZ_OBJECT_ID")[:gw.SAME], guid[:gw.SAME])

    def test_after_a_new_login_a_new_conference(self):
        self.server.odd.dead = "swallow"
        self.say("bob", "one")
        self.server.call(self.server.session("alice").writer.transport.abort)
        self.gone(self.alice, "server-lost")
        self.alice.say("login alice alice-secret")
        self.alice.wait({"event": "login-ok"})
        self.say("bob", "two")
        self.heard(self.bob, "one", "two")

    def test_refusals_by_command(self):
        for command, code, wanted in (("createconf", 0xD10D, None), ("createconf", 0xD111, None), ("sendmessage", 0xD139, None),
                                      ("sendmessage", 0xAD20, None), ("setstatus", 0xD130, None)):
            with self.subTest(command=command, code=f"{code:X}"):
                self.server.plan(command, gw.refuse(code))
                self.alice.say("status away" if command == "setstatus" else "send carol hello")
                self.assertNotEqual(self.alice.wait({"event": "ack"})["code"], 0)
        self.alive(self.alice)

    def test_a_connection_that_ends_inside_an_answer(self):
        self.server.plan("createconf", gw.cut(0.5))
        self.alice.say("send bob lost")
        self.gone(self.alice, "server-lost")
        self.assertEqual(self.bob.heard(), [])

    def test_a_redirect_instead_of_an_answer_is_no_success(self):
        self.server.plan("createconf", gw.redirect())
        self.alice.say("send bob lost")
        came = self.alice.wait(lambda e: e["event"] in ("ack", "forced-logout"))
        self.assertTrue(came["event"] == "forced-logout" or came["code"] != 0)

    def test_an_answer_to_nothing_counts_for_no_request(self):
        hold = gw.Hold(self.server)
        self.server.plan("createconf", hold)
        self.alice.say("send bob hello")
        hold.wait(1)
        self.server.raw("alice", gw.Odd().head.encode() + b"".join(map(gw.encode, (
            gw.text("NM_A_SZ_RESULT_CODE", 0), gw.text("NM_A_SZ_TRANSACTION_ID", 999)))) + bytes(1))
        self.gone(self.alice, "server-lost")
        self.assertFalse([e for e in self.alice.events if e["event"] == "ack"])



RTF = {
    "as every client writes it": (gw.envelope("Hi \u20ac {x} \\ y\nz"), "Hi \u20ac {x} \\ y\nz"),
    "a Windows editor": ("{\\rtf1\\ansi\\ansicpg1252\\deff0\\deflang1031{\\fonttbl{\\f0\\fnil\\fcharset0 MS Sans Serif;}}\r\n"
                         "{\\colortbl ;\\red0\\green0\\blue255;}\r\n{\\*\\generator Msftedit 5.41.15.1507;}\\viewkind4\\uc1\\pard"
                         "\\cf1\\f0\\fs17 gr\\'fc\\'df \\b dich\\b0 !\\par\r\nzwei\\par\r\n}\r\n", "gr\u00fc\u00df dich!\nzwei"),
    "negative numbers": ("{\\rtf1\\ansi{\\fonttbl{\\f0 A;}}\\uc1\\f0 \\u-28671?\\u-3900?\\par}", "\u9001\uf0c4"),
    "surrogates": ("{\\rtf1\\ansi{\\fonttbl{\\f0 A;}}\\uc1\\f0 a\\u-10179?\\u-8704?b\\u55357?\\u56832?c}", "a\U0001f600b\U0001f600c"),
    "a code point above 65535": ("{\\rtf1\\ansi{\\fonttbl{\\f0 A;}}\\uc1\\f0 \\u128512?\\par}", "\U0001f600"),
    "two characters skipped": ("{\\rtf1\\ansi\\uc2{\\fonttbl{\\f0 A;}}\\f0 a\\u8364\\'80\\'80b\\u8364??c\\par}", "a\u20acb\u20acc"),
    "none skipped": ("{\\rtf1\\ansi{\\fonttbl{\\f0 A;}}\\uc0\\f0 a\\u8364 b\\u8364 ?\\par}", "a\u20acb\u20ac?"),
    "skipping is a property of the group": ("{\\rtf1\\ansi\\uc1{\\fonttbl{\\f0 A;}}\\f0 {\\uc3 \\u8364???x}\\u8364?y}", "\u20acx\u20acy"),
    "Cyrillic": ("{\\rtf1\\ansi{\\fonttbl{\\f0\\fnil\\fcharset0 Arial;}{\\f1\\fnil\\fcharset204 Arial CYR;}}\\f1 \\'cf\\'f0\\'e8\\'e2"
                 "\\'e5\\'f2\\f0 \\'e9}", "\u041f\u0440\u0438\u0432\u0435\u0442\u00e9"),
    "a font within a group": ("{\\rtf1\\ansi{\\fonttbl{\\f0\\fcharset0 A;}{\\f1\\fcharset161 G;}}\\f0 \\'e1{\\f1 \\'e1}\\'e1}", "\u00e1\u03b1\u00e1"),
    "Japanese": ("{\\rtf1\\ansi{\\fonttbl{\\f0\\fcharset128 J;}}\\f0 \\'82\\'a0\\'83\\'5c\\par}", "\u3042\u30bd"),
    "Chinese": ("{\\rtf1\\ansi{\\fonttbl{\\f0\\fcharset134 C;}}\\f0 \\'c4\\'e3\\'ba\\'c3}", "\u4f60\u597d"),
    "Chinese, traditional": ("{\\rtf1\\ansi{\\fonttbl{\\f0\\fcharset136 C;}}\\f0 \\'a7\\'41\\'a6\\'6e}", "\u4f60\u597d"),
    "a second byte that is a letter": ("{\\rtf1\\ansi{\\fonttbl{\\f0\\fcharset136 C;}}\\f0 \\'a7A!}", "\u4f60!"),
    "Korean": ("{\\rtf1\\ansi{\\fonttbl{\\f0\\fcharset129 K;}}\\f0 \\'c7\\'d1}", "\ud55c"),
    "words for signs": ("{\\rtf1\\ansi{\\fonttbl{\\f0 A;}}\\f0 \\ldblquote a\\rdblquote\\tab\\lquote b\\rquote  \\emdash\\endash\\~x\\line y}",
                        "\u201ca\u201d\t\u2018b\u2019 \u2014\u2013\u00a0x\ny"),
    "groups that are not text": ("{\\rtf1\\ansi{\\fonttbl{\\f0 A;}}{\\stylesheet{\\s0 Normal;}}{\\info{\\author {\\b me}}{\\title t}}"
                                 "{\\pict\\wmetafile8 0100090000}{\\*\\unheard{\\of} {it}}\\f0 text\\unheardof7 s\\par}", "texts"),
    "one paragraph at the end, of two": ("{\\rtf1\\ansi{\\fonttbl{\\f0 A;}}\\f0 a\\par\\par}", "a\n"),
    "no font table": ("{\\rtf1 just text\\par}", "just text"),
    "a font that is not in the table": ("{\\rtf1\\ansi{\\fonttbl{\\f0 A;}}\\f9 h\\'e9\\par}", "h\u00e9"),
    "cut before its end": ("{\\rtf1\\ansi{\\fonttbl{\\f0 A;}}\\f0 \\b cut h", "cut h"),
    "no RTF": ("plain {words} \\ here\nand \u00e9", "plain {words} \\ here\nand \u00e9"),
}


class Bodies(Case):
    def test_bodies_as_others_write_them(self):
        bob = self.server.puppet("bob")
        alice = self.login("alice")
        for name, (body, wanted) in RTF.items():
            with self.subTest(name):
                bob.say("alice", None, body=body)
                self.assertEqual(alice.wait({"event": "message", "from": "bob"})["text"], wanted)
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
        self.server.puppet("bob")
        alice, bob, carol = self.login("alice"), self.device("carol"), self.login("dave")
        hold = gw.Hold(self.server)
        self.server.plan("login", hold, user="carol")
        self.server.plan("createconf", hold, user="alice")
        bob.say("login carol carol-secret")
        alice.say("send bob hello")
        hold.wait(2)
        self.assertEqual(bob.wait({"event": "login-failed"}, deadline_s=50)["code"], 503)
        self.assertEqual(alice.wait({"event": "forced-logout"}, deadline_s=50)["reason"], "server-lost")
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
