#!/usr/bin/env python3
"""What is said to simulated BlackBerrys and by them on a Messenger server that is not ours: events, conferences, message bodies,
odd values, and ends of all kinds."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bramble
import groupwise_server as gw
from independent import SPECIAL, Case


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


class Ends(Case):
    """Sessions that end, or do not, when the server is not polite."""

    def test_a_logout_that_the_server_leaves_unanswered_or_cuts(self):
        alice = self.device("alice")
        for action in (gw.ignore(), gw.cut(0.5), gw.cut(0), gw.refuse(0xD101), gw.redirect()):
            self.login("alice", alice)
            self.contacts(alice)
            wire = self.server.session("alice")
            self.server.plan("logout", action)
            alice.say("logout")
            alice.wait({"event": "logged-out"})
            self.assertEqual(self.server.wait_asked("logout").user, "alice")
            bramble.wait_until(lambda wire=wire: wire.closed, "the connection is closed")
            self.server.requests.clear()

    def test_events_on_the_way_out(self):
        bob, alice = self.server.puppet("bob"), self.login("alice")
        hold = gw.Hold(self.server)
        self.server.plan("logout", hold)
        alice.say("logout")
        hold.wait(1)
        bob.say("alice", "too late")
        self.server.send("alice", gw.ELSEWHERE, "alice")
        hold.release()
        alice.wait({"event": "logged-out"})
        self.login("alice", alice)
        self.alive(alice)

    def test_the_first_status_is_refused(self):
        self.server.plan("setstatus", gw.refuse(0xD130))
        self.alive(self.login("alice"))

    def test_elsewhere_while_a_request_waits(self):
        alice = self.login("alice")
        hold = gw.Hold(self.server)
        self.server.plan("createconf", hold)
        alice.say("send bob hello")
        hold.wait(1)
        self.server.send("alice", gw.ELSEWHERE, "alice")
        self.gone(alice, "elsewhere")
        hold.release()

    def test_details_of_nobody_and_of_somebody_else(self):
        zoe, alice = self.server.puppet("zoe"), self.login("alice")
        true_details = self.server.do_getdetails
        self.addCleanup(lambda: setattr(self.server, "do_getdetails", true_details))
        guid = self.server.call(self.server.conference, "zoe", "alice").guid
        bob = self.server.users["bob"]
        for n, fields in enumerate(([], [gw.array("NM_A_FA_RESULTS", [])], self.server.details(bob, bob),
                                    [gw.array("NM_A_FA_RESULTS", self.server.details(bob, bob))])):
            with self.subTest(n):
                self.server.do_getdetails = lambda *_, fields=fields: fields
                self.server.send("alice", gw.MESSAGE, f"CN=ghost{n},O=elsewhere", guid, 0, gw.envelope(f"boo {n}"))
                self.assertIn(f"ghost{n}", alice.wait({"event": "message", "text": f"boo {n}"})["from"])
        self.server.do_getdetails = true_details
        zoe.say("alice", "and I?")
        self.assertEqual(alice.wait({"event": "message", "text": "and I?"})["from"], "zoe")
        self.alive(alice)

    def test_the_same_user_logs_in_from_another_device_of_ours(self):
        first = self.login("alice")
        second = self.device("bob")
        self.login("alice", second)
        self.gone(first, "replaced")
        self.alive(second)


class Values(Case):
    """What is said in the fields: long, broken, full of signs, or missing."""

    def test_a_password_and_a_status_of_signs(self):
        password = "p@ss w\u00f6rd+%&=;'\"\\ \u20ac\U0001f600~-._"
        self.server.users["alice"].password = password
        alice = self.device("alice")
        alice.say(f"login alice {password}")
        alice.wait({"event": "login-ok"})
        self.addCleanup(self.logout, alice)
        for presence, number, replies in (("away", "4", True), ("busy", "3", True), ("available", "2", False)):
            words = f"{presence}: {SPECIAL} +%26"
            alice.say(f"status {presence} {words}")
            self.assertEqual(alice.wait({"event": "ack", "type": "PRESENCE_SET"})["code"], 0)
            asked = self.server.asked("setstatus")[-1]
            self.assertEqual([asked.value("NM_A_SZ_" + t) for t in ("STATUS", "STATUS_TEXT", "MESSAGE_BODY")],
                             [number, words, words if replies else None])
        alice.say("status available")
        alice.wait({"event": "ack", "type": "PRESENCE_SET"})
        self.assertEqual(len(self.server.asked("setstatus")[-1].fields), 1)

    def test_texts_longer_than_a_device_takes_are_cut_between_characters(self):
        bob, alice = self.server.puppet("bob"), self.login("alice")
        bob.set_status(gw.AWAY, "x" + "\u20ac" * 3000)
        text = alice.wait({"event": "presence", "presence": "away"})["text"]
        self.assertTrue(len(text) > 300 and ("x" + "\u20ac" * 3000).startswith(text), text[-10:])
        bob.say("alice", "y" + "\u20ac" * 14000)
        text = alice.wait({"event": "message"})["text"]
        self.assertTrue(len(text) > 10000 and ("y" + "\u20ac" * 14000).startswith(text), text[-10:])
        self.alive(alice)

    def test_names_longer_than_a_device_takes(self):
        user = self.server.users["alice"]
        user.folders[1] = "F" + "\u00fc" * 400
        user.contacts[0]["name"] = "N" + "\u6f22" * 400
        long = self.server.users["l" * 400] = gw.User("l" * 400, "Long", "Name" * 200)
        user.add_contact(long, 1)
        user.full = "A" * 2000
        alice = self.login("alice")
        contacts = self.contacts(alice)
        self.assertTrue(("N" + "\u6f22" * 400).startswith(contacts["bob"]["name"]) and len(contacts["bob"]["name"]) > 50)
        self.assertTrue(("F" + "\u00fc" * 400).startswith(contacts["bob"]["folder"]))
        self.alive(alice)

    def test_broken_utf8_is_repaired(self):
        user = self.server.users["alice"]
        user.contacts[0]["name"] = b"Br\xfcckner \xe2\x82"
        bob, alice = self.server.puppet("bob"), self.login("alice")
        self.assertEqual(self.contacts(alice)["bob"]["name"].replace("\ufffd", ""), "Brckner ")
        guid = self.server.call(self.server.conference, "bob", "alice").guid
        self.server.send("alice", gw.STATUS, "bob", b"\x04\0", gw.zstring(b"M\xfcll \xff\xc0\x80"))
        self.assertTrue(alice.wait({"event": "presence", "presence": "away"})["text"].startswith("M\ufffdll"))
        self.server.send("alice", gw.AUTO_REPLY, "bob", guid, 0, gw.zstring(b"gr\xfc\xdfe"))
        self.assertEqual(alice.wait({"event": "message", "from": "bob"})["text"].replace("\ufffd", ""), "gre")
        self.server.send("alice", gw.MESSAGE, "bob", guid, 0, gw.zstring(b"no RTF \xfc"))
        self.assertEqual(alice.wait({"event": "message", "from": "bob"})["text"], "no RTF \ufffd")
        self.alive(alice)

    def test_records_with_something_missing(self):
        """A contact without a DN, one without a name, the user himself, the same id twice, an unknown status."""
        alice, bob = self.server.users["alice"], self.server.users["bob"]
        alice.add_contact(alice, 1)
        me = self.server.details
        self.server.details = lambda user, asker: [f for f in me(user, asker) if user is not bob or f.tag in ("CN", "NM_A_SZ_DN")]
        self.addCleanup(lambda: setattr(self.server, "details", me))
        contact = self.server.contact
        self.addCleanup(lambda: setattr(self.server, "contact", contact))

        def odd_contact(owner, item, method=0):
            whole = contact(owner, item, method)
            if item["user"].name == "carol":
                whole.value = [f for f in whole.value if f.tag not in ("NM_A_SZ_DISPLAY_NAME", "NM_A_SZ_SEQUENCE_NUMBER")]
            if item["user"].name == "dave":
                whole.value = [f for f in whole.value if f.tag == "NM_A_SZ_OBJECT_ID"]
            return whole
        self.server.contact = odd_contact
        device = self.login("alice")
        contacts = self.contacts(device)
        self.assertEqual(contacts["carol"]["name"], "Carol Clark")
        self.assertIn(contacts["bob"]["presence"], ("offline", "unknown"))
        self.alive(device)


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


if __name__ == "__main__":
    unittest.main(verbosity=1)
