#!/usr/bin/env python3
"""A stock client, libpurple with its own GroupWise plugin, chats with a simulated BlackBerry through the whole lab: device, router,
dispatcher, Collaboration Service and Messenger server, all of them real processes."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import bramble
import messenger
from messenger import dotted

TYPED = "braces { } and \\ backslash, \u00e9\u00fc\u20ac\u6f22 \U0001f600 & <b> \"quoted\" 100% a+b=c; 'end'"
NAME_IN_USE = "6"                       # PurpleConnectionError


class BlackBerry(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = bramble.Lab()
        cls.addClassCleanup(cls.lab.__exit__)
        cls.lab.__enter__()
        bramble.wait_until(lambda: cls.lab.ask("dispatcher", "status").get("services"), "the service is registered")

    def blackberry(self, user):
        device = self.lab.device(user)
        self.addCleanup(lambda: self.assertEqual(device.stop(), 0))
        device.wait({"event": "link-up"})
        device.say(f"login {user} {bramble.password(user)}")
        device.wait({"event": "login-ok"})
        self.addCleanup(self.log_out, device)
        return device

    def log_out(self, device):
        device.say("logout")
        device.wait(lambda e: e["event"] == "logged-out" or (e["event"] == "error" and "log out" in e["text"]), "the end of it")

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

    def test_the_phone_signs_on_elsewhere_and_so_does_the_stock_client(self):
        pidgin = self.stock_client("dave")
        phone = self.blackberry("dave")
        self.assertEqual(pidgin.wait({"event": "disconnected"})["reason"], NAME_IN_USE)
        self.stock_client("dave")
        self.assertEqual(phone.wait({"event": "forced-logout"})["reason"], "elsewhere")


if __name__ == "__main__":
    unittest.main(verbosity=2)
