#!/usr/bin/env python3
"""A stock client of Communications Servers, libpurple with the SIPE plugin, and a web client whose server has its users there."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import bramble
import communications
from communications import uri
from cwa_client import element, find, text
from cwa_uplink import Pair

STATE = ('<state xmlns="http://schemas.microsoft.com/2006/09/sip/state" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
         'xsi:type="userState" manual="true"><availability>{}</availability></state>')
NOTE = '<note xmlns="http://schemas.microsoft.com/2006/09/sip/note"><body type="personal">{}</body></note>'


class Case(unittest.TestCase):
    def setUp(self):
        self.pair = Pair()
        self.addCleanup(self.pair.stop)
        self.bob = communications.Sipe()
        self.addCleanup(self.bob.stop)
        self.bob.sign_on("bob", self.pair.ocs)
        self.alice = self.pair.client("alice")

    def status(self, wanted):
        bramble.wait_until(lambda: self.bob.buddies().get("alice", {}).get("status") == wanted, f"alice is {wanted}")


class StockClient(Case):
    def received(self):
        got = find(self.alice.wait("conference", "messageReceived"), "messageReceived")
        return got[1]["sender"], text(got, "message", "content")

    def test_each_sees_the_others_presence_and_note(self):
        self.status("available")
        self.alice.command("publishSelfPresence", {}, [
            element("cwaCategory", {"name": "state", "instanceMask": 536870912}, STATE.format(6500)),
            element("cwaCategory", {"name": "note"}, NOTE.format("at the \u00e9 dentist"))])
        self.status("busy")
        bramble.wait_until(lambda: "at the \u00e9 dentist" in self.bob.buddies()["alice"]["text"], "the note is seen")
        self.bob.say("status away back at 5")

        def seen(event):
            user = event[3][0]
            shown = {c[1]["name"]: c[2] for c in user[3]}
            return user[1]["uri"] == uri("bob") and "15500" in shown["state"] and "back at 5" in shown["note"]
        self.alice.wait("userPresence", want=seen)
        self.alice.command("terminateSession")
        self.status("offline")

    def test_they_chat_both_ways_and_see_each_other_write(self):
        self.status("available")
        conf = self.alice.invite("bob", words="hello \u00e9 <b> &")[1]["confId"]
        self.assertEqual(self.bob.wait({"event": "im", "from": uri("alice")})["text"], "hello \u00e9 <b> &")
        self.alice.wait("conference", "imSessionState", want="connected")
        self.bob.send(uri("alice"), "back \U0001f600 <i>")
        self.assertEqual(self.received(), (uri("bob"), "back \U0001f600 <i>"))
        self.alice.conference(conf, "notifyComposing", words="composing")
        self.bob.wait({"event": "typing", "from": uri("alice"), "state": "1"})
        self.alice.say(conf, "more")
        self.bob.wait({"event": "im", "text": "more"})
        self.bob.say(f"close {uri('alice')}")
        self.alice.wait("conference", "imSessionState", want="terminated")

    def test_a_conversation_that_the_stock_client_begins(self):
        self.status("available")
        self.bob.send(uri("alice"), "knock knock")
        received = find(self.alice.wait("conference", "imSessionReceived"), "imSessionReceived")
        self.assertEqual(find(received, "inviter")[1]["uri"], uri("bob"))
        self.assertEqual(self.alice.conference("1", "acceptImSession")[0], "requestAccepted")
        first = text(received, "message", "content") or self.received()[1]
        self.assertEqual(first, "knock knock")
        self.alice.say("1", "who is there?")
        self.bob.wait({"event": "im", "text": "who is there?"})


def joined(*users):
    return [{"event": "room-joined", "who": uri(user)} for user in users]


class Conferences(Case):
    """The stock client, and two web clients, in one conference."""

    def setUp(self):
        super().setUp()
        self.carol = self.pair.client("carol")
        self.status("available")

    def comes(self, client, *names):
        """The participants of whom it is told, in any order."""
        self.assertEqual({find(client.wait("conference", "participant"), "participant")[1]["uri"] for _ in names}, {uri(n) for n in names})

    def all_talk(self, mine, hers):
        for sender, say, hear in (("alice", lambda w: self.alice.say(mine, w), (self.carol,)), ("carol", lambda w: self.carol.say(hers, w), (self.alice,)),
                                  ("bob", lambda w: self.bob.say(f"say {w}"), (self.alice, self.carol))):
            words = f"{sender} says \u00e9 & <b>"
            say(words)
            for client in hear:
                got = find(client.wait("conference", "messageReceived"), "messageReceived")
                self.assertEqual((got[1]["sender"], text(got, "message", "content")), (uri(sender), words))
            if sender != "bob":
                self.assertEqual(self.bob.wait({"event": "room-text", "from": uri(sender)})["text"], words)

    def test_a_web_client_takes_a_third_into_its_conversation_with_the_stock_client(self):
        mine = self.alice.invite("bob", words="hello")[1]["confId"]
        self.bob.wait({"event": "im", "from": uri("alice"), "text": "hello"})
        self.alice.wait("conference", "imSessionState", want="connected")
        self.alice.conference(mine, "inviteParticipants", [element("uris", {}, "", [element("uri", {}, uri("carol"))])])
        hers = self.carol.wait("conference", "imSessionReceived")[1]["confId"]
        self.carol.conference(hers, "acceptImSession")
        self.comes(self.carol, "alice", "bob")
        self.alice.wait("conference", "role", want="presenter")
        self.comes(self.alice, "bob", "carol")
        self.bob.seen(*joined("alice", "bob", "carol"))
        self.all_talk(mine, hers)
        self.bob.say("leave")
        for client in (self.alice, self.carol):
            client.wait("conference", "participantRemoved", want=uri("bob"))

    def test_the_stock_client_invites_web_clients(self):
        self.bob.say(f"room {uri('alice')}")
        received = self.alice.wait("conference", "imSessionReceived")
        self.assertEqual((text(received, "imSessionReceived", "escalationMode"), find(received, "imSessionReceived", "inviter")[1]["uri"]),
                         ("escalated", uri("bob")))
        mine = received[1]["confId"]
        self.alice.conference(mine, "acceptImSession")
        self.alice.wait("conference", "role", want="attendee")
        self.comes(self.alice, "bob")
        self.bob.seen(*joined("alice"))
        self.bob.say(f"invite {uri('carol')}")
        hers = self.carol.wait("conference", "imSessionReceived")[1]["confId"]
        self.carol.conference(hers, "acceptImSession")
        self.comes(self.alice, "carol")
        self.bob.seen(*joined("carol"))
        self.all_talk(mine, hers)
        self.bob.say("leave")
        for client in (self.alice, self.carol):
            client.wait("conference", "participantRemoved", want=uri("bob"))
        self.alice.say(mine, "we two")
        self.assertEqual(text(self.carol.wait("conference", "messageReceived"), "messageReceived", "message", "content"), "we two")


if __name__ == "__main__":
    unittest.main()
