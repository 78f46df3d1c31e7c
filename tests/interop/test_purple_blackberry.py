#!/usr/bin/env python3
"""A stock client, libpurple with its own GroupWise plugin, chats with a simulated BlackBerry through the whole lab: device, router,
dispatcher, Collaboration Service and Messenger server, all of them real processes."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import blackberry
import bramble
import messenger
from messenger import dotted

TYPED = "braces { } and \\ backslash, \u00e9\u00fc\u20ac\u6f22 \U0001f600 & <b> \"quoted\" 100% a+b=c; 'end'"
NAME_IN_USE = "6"                       # PurpleConnectionError


class BlackBerry(blackberry.Case):
    def stock_client(self, user):
        client = messenger.Purple()
        self.addCleanup(client.stop)
        client.sign_on(user, self.lab.port(8300))
        return client

    def test_they_see_each_other_and_chat_both_ways(self):
        pidgin = self.stock_client("bob")
        phone = self.blackberry("alice")
        pidgin.wait({"event": "presence", "who": dotted("alice"), "status": "available"})
        for text in ("hello from the phone", TYPED, "{", "\\par", "\u00e9" * 600):
            with self.subTest(phone_says=text[:20]):
                phone.say(f"send bob {text}")
                self.assertEqual(pidgin.wait({"event": "im", "from": dotted("alice")})["text"], text)
                self.assertEqual(phone.wait({"event": "ack", "to": "bob"})["code"], 0)
        for text in ("hello from Pidgin", TYPED, "}", "\\u8364?", "\u00e9" * 600, "x" * 2000):
            with self.subTest(pidgin_says=text[:20]):
                pidgin.send(dotted("alice"), text)
                got = phone.wait({"event": "message"})
                self.assertEqual((got["from"], got["text"]), ("bob", text))

    def test_presence_goes_both_ways(self):
        pidgin = self.stock_client("bob")
        phone = self.blackberry("alice")
        pidgin.say("status away out for lunch")
        self.assertEqual(phone.wait({"event": "presence", "user": "bob", "presence": "away"})["text"], "out for lunch")
        phone.say("status busy in a meeting")
        self.assertEqual(pidgin.wait({"event": "presence", "who": dotted("alice"), "status": "busy"})["text"], "in a meeting")
        phone.say("logout")
        pidgin.wait({"event": "presence", "who": dotted("alice"), "status": "offline"})
        pidgin.send(dotted("alice"), "gone?")
        self.assertIn("offline", pidgin.wait({"event": "written"})["text"])

    def test_the_phone_is_told_that_a_message_was_not_delivered(self):
        phone = self.blackberry("alice")
        phone.say("send carol anybody?")
        # The server takes the message first and says afterwards that nobody was there.
        self.assertEqual(phone.wait({"event": "ack", "code": 410})["text"], "carol")

    def test_what_is_said_out_of_coverage_arrives_later(self):
        pidgin = self.stock_client("bob")
        phone = self.blackberry("alice")
        phone.say("coverage off")
        phone.wait(lambda e: e["event"] == "waiting", "out of coverage")
        for n in range(3):
            pidgin.send(dotted("alice"), f"kept {n}")
        phone.say("coverage on")
        for n in range(3):
            self.assertEqual(phone.wait({"event": "message"})["text"], f"kept {n}")

    def test_typing_is_shown_both_ways(self):
        pidgin = self.stock_client("bob")
        phone = self.blackberry("alice")
        phone.say("send bob hello")
        pidgin.wait({"event": "im"})
        phone.say("typing bob on\ntyping bob off")
        for state in ("1", "0"):
            pidgin.wait({"event": "typing", "from": dotted("alice"), "state": state})
        for state, on in (("1", True), ("0", False)):
            pidgin.say(f"typing {dotted('alice')} {state}")
            phone.wait({"event": "typing", "user": "bob", "on": on})

    def test_a_room_of_the_phone_with_a_stock_client_and_another_phone(self):
        pidgin = self.stock_client("bob")
        phone, other = self.blackberry("alice"), self.blackberry("carol")
        phone.say("open bob carol")
        room = phone.wait({"event": "room-opening"})["room"]
        invited = other.wait({"event": "room", "what": "invited"})["room"]
        other.say(f"answer {invited} yes")
        pidgin.wait({"event": "room"})
        joined = [phone.wait({"event": "room", "room": room, "what": "joined"})["user"] for _ in range(2)]
        self.assertEqual(sorted(joined), ["bob", "carol"])
        phone.say(f"say {room} {TYPED}")
        self.assertEqual(pidgin.wait({"event": "room-text", "from": "Alice Archer"})["text"], TYPED)
        self.assertEqual(other.wait({"event": "room-message", "room": invited})["text"], TYPED)
        pidgin.say("say " + TYPED.replace("\\", "\\\\"))
        for device in (phone, other):
            came = device.wait({"event": "room-message", "from": "bob"})
            self.assertEqual(came["text"], TYPED)
        pidgin.say("leave")
        for device, number in ((phone, room), (other, invited)):
            device.wait({"event": "room", "room": number, "what": "left", "user": "bob"})

    def test_a_room_of_the_stock_client_with_the_phone(self):
        pidgin = self.stock_client("bob")
        phone = self.blackberry("alice")
        pidgin.wait({"event": "presence", "who": dotted("alice"), "status": "available"})
        pidgin.say(f"room {dotted('alice')}")
        invited = phone.wait({"event": "room", "what": "invited"})
        self.assertEqual(invited["user"], "bob")
        phone.say(f"answer {invited['room']} yes")
        pidgin.wait({"event": "room-joined", "who": dotted("alice"), "new": "1"})
        phone.say(f"say {invited['room']} here I am")
        self.assertEqual(pidgin.wait({"event": "room-text"})["text"], "here I am")
        pidgin.say("say welcome")
        self.assertEqual(phone.wait({"event": "room-message", "room": invited["room"]})["text"], "welcome")
        phone.say(f"leave {invited['room']}")
        pidgin.wait({"event": "room-left", "who": dotted("alice")})

    def test_a_phone_declines_the_stock_clients_room(self):
        pidgin = self.stock_client("bob")
        phone = self.blackberry("alice")
        pidgin.wait({"event": "presence", "who": dotted("alice"), "status": "available"})
        pidgin.say(f"room {dotted('alice')}")
        invited = phone.wait({"event": "room", "what": "invited"})["room"]
        phone.say(f"answer {invited} no")
        self.assertEqual(phone.wait({"event": "ack", "type": "ROOM_ANSWER", "room": invited})["code"], 0)
        # The stock client lives on and can still write.
        pidgin.send(dotted("alice"), "then not")
        self.assertEqual(phone.wait({"event": "message"})["text"], "then not")

    def test_who_is_blocked_sees_nothing_and_reaches_nobody(self):
        pidgin = self.stock_client("bob")
        phone = self.blackberry("alice")
        pidgin.wait({"event": "presence", "who": dotted("alice"), "status": "available"})
        phone.say("block bob")
        self.assertEqual(phone.wait({"event": "ack", "type": "BLOCK"})["code"], 0)
        pidgin.wait({"event": "presence", "who": dotted("alice"), "status": "offline"})
        pidgin.send(dotted("alice"), "hello?")
        self.assertIn("offline", pidgin.wait({"event": "written"})["text"])
        phone.say("unblock bob")
        pidgin.wait({"event": "presence", "who": dotted("alice"), "status": "available"})
        pidgin.say(f"block {dotted('alice')}")
        phone.wait({"event": "presence", "user": "bob", "presence": "offline"})
        phone.say("send bob hello?")
        phone.wait({"event": "ack", "code": 410})
        # The plugin unblocks only whom it knows to be blocked, which it learns from the answer: said until it does.
        back = None
        for _ in range(10):
            pidgin.say(f"unblock {dotted('alice')}")
            try:
                back = phone.wait({"event": "presence", "user": "bob", "presence": "available"}, deadline_s=1)
                break
            except AssertionError:
                continue
        self.assertIsNotNone(back)

    def test_a_burst_each_way_arrives_whole_and_in_order(self):
        pidgin = self.stock_client("bob")
        phone = self.blackberry("alice")
        pidgin.wait({"event": "presence", "who": dotted("alice"), "status": "available"})
        for n in range(30):
            phone.say(f"send bob up {n}")
        for n in range(30):
            self.assertEqual(pidgin.wait({"event": "im"})["text"], f"up {n}")
        for n in range(30):
            pidgin.send(dotted("alice"), f"down {n}")
        for n in range(30):
            self.assertEqual(phone.wait({"event": "message"})["text"], f"down {n}")

    def test_long_texts_of_several_lines_reach_the_phone(self):
        pidgin = self.stock_client("bob")
        phone = self.blackberry("alice")
        pidgin.wait({"event": "presence", "who": dotted("alice"), "status": "available"})
        lines = "\n".join(f"line {n} {{\u20ac}}" for n in range(100))
        for text in (lines, "empty lines\n\nbetween", "\u6f22" * 450, "\U0001f600" * 300, "tab\there"):
            with self.subTest(text=text[:20]):
                pidgin.send(dotted("alice"), text)
                self.assertEqual(phone.wait({"event": "message"})["text"], text)

    def test_every_status_goes_both_ways_and_details_are_shown(self):
        pidgin = self.stock_client("bob")
        phone = self.blackberry("alice")
        pidgin.wait({"event": "presence", "who": dotted("alice"), "status": "available"})
        for status in ("away", "busy", "available"):
            phone.say(f"status {status}")
            pidgin.wait({"event": "presence", "who": dotted("alice"), "status": status})
            pidgin.say(f"status {status}")
            phone.wait({"event": "presence", "user": "bob", "presence": status})
        for on, status in (("1", "idle"), ("0", "available")):
            pidgin.say(f"idle {on}")
            phone.wait({"event": "presence", "user": "bob", "presence": status})
        phone.say("away-after 1s")
        pidgin.wait({"event": "idle", "who": dotted("alice"), "on": "1"})
        phone.say("away-after off")
        pidgin.wait({"event": "idle", "who": dotted("alice"), "on": "0"})
        pidgin.say(f"info {dotted('alice')}")
        self.assertIn("Alice Archer", pidgin.wait({"event": "info"})["text"])

    def test_who_is_away_answers_the_phone_once(self):
        pidgin = self.stock_client("bob")
        phone = self.blackberry("alice")
        pidgin.say("status away out for lunch")
        phone.wait({"event": "presence", "user": "bob", "presence": "away"})
        phone.say("send bob are you there?")
        got = phone.wait({"event": "message"})
        self.assertEqual((got["from"], got["text"], got["kind"]), ("bob", "out for lunch", "automatic-reply"))

    def test_a_wrong_password_on_the_phone_and_then_the_right_one(self):
        phone = self.lab.device("carol")
        self.addCleanup(phone.stop)
        phone.wait({"event": "link-up"})
        phone.say("login carol wrong")
        self.assertEqual(phone.wait({"event": "login-failed"})["code"], 401)
        phone.say(f"login carol {bramble.password('carol')}")
        phone.wait({"event": "login-ok"})
        self.log_out(phone)

    def test_the_phone_signs_on_elsewhere_and_so_does_the_stock_client(self):
        pidgin = self.stock_client("dave")
        phone = self.blackberry("dave")
        self.assertEqual(pidgin.wait({"event": "disconnected"})["reason"], NAME_IN_USE)
        self.stock_client("dave")
        self.assertEqual(phone.wait({"event": "forced-logout"})["reason"], "elsewhere")


if __name__ == "__main__":
    unittest.main(verbosity=2)
