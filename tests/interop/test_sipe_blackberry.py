#!/usr/bin/env python3
"""A stock client of Communications Servers, libpurple with the SIPE plugin, chats with a simulated BlackBerry through the whole lab: device,
router, dispatcher, Collaboration Service, Communicator Web Access and, by mutual TLS, the Communications Server."""
import os
import sys
import types
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import blackberry
import bramble
import communications
from communications import uri

TYPED = "quotes \" & <b> \u00e9\u20ac\u6f22 \U0001f600 100% a+b=c; 'end' \\"


class BlackBerry(blackberry.Case):
    lab_options = ("--backend", "cwa")

    def stock_client(self, user):
        client = communications.Sipe()
        self.addCleanup(client.stop)
        client.sign_on(user, types.SimpleNamespace(port=self.lab.port(5061), certificate=str(self.lab.dir / "ocs.crt")), "tls")
        return client

    def test_they_see_each_other_and_chat_both_ways(self):
        pidgin = self.stock_client("bob")
        phone = self.blackberry("alice")
        bramble.wait_until(lambda: pidgin.buddies().get("alice", {}).get("status") == "available", "the phone is seen on line")
        for text in ("hello from the phone", TYPED, "\u00e9" * 600):
            with self.subTest(phone_says=text[:20]):
                phone.say(f"send bob {text}")
                self.assertEqual(pidgin.wait({"event": "im", "from": uri("alice")})["text"], text)
                self.assertEqual(phone.wait({"event": "ack", "to": "bob"})["code"], 0)
        for text in ("hello from Pidgin", TYPED, "x" * 2000):
            with self.subTest(pidgin_says=text[:20]):
                pidgin.send(uri("alice"), text)
                got = phone.wait({"event": "message"})
                self.assertEqual((got["from"], got["text"]), ("bob", text))
        pidgin.say(f"typing {uri('alice')} 1")
        phone.wait({"event": "typing", "user": "bob"})

    def test_presence_goes_both_ways(self):
        pidgin = self.stock_client("carol")
        phone = self.blackberry("dave")
        pidgin.say("status busy out for lunch")
        phone.wait({"event": "presence", "user": "carol", "presence": "busy", "text": "out for lunch"})
        phone.say("status away in a meeting")
        bramble.wait_until(lambda: pidgin.buddies().get("dave", {}).get("status") == "away", "the phone is seen away")
        bramble.wait_until(lambda: "in a meeting" in pidgin.buddies()["dave"]["text"], "and its note")
        phone.say("logout")
        bramble.wait_until(lambda: pidgin.buddies()["dave"]["status"] == "offline", "the phone is seen off line")


if __name__ == "__main__":
    unittest.main()
