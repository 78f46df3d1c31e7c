"""Conversations of several simulated BlackBerrys, and who types, through the whole pipeline of real processes."""
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "support"), HERE]
import bramble
from test_chat import Case


class Rooms(Case):
    def room_of_three(self):
        """alice has a room; bob has joined it and carol too. Each device, and the number that the room has there."""
        alice, bob, carol = self.login("alice"), self.login("bob"), self.login("carol")
        alice.say("open bob carol")
        alice.room = alice.wait({"event": "room-opening", "users": "bob, carol"})["room"]
        self.assertEqual(alice.wait({"event": "ack", "type": "ROOM_OPEN", "room": alice.room})["code"], 0)
        for who in (bob, carol):
            who.room = self.invited(who, "alice")
            who.say(f"answer {who.room} yes")
            self.assertEqual(who.wait({"event": "ack", "type": "ROOM_ANSWER", "room": who.room})["code"], 0)
        for name in ("bob", "carol"):
            self.happened(alice, "joined", name)
        return alice, bob, carol

    def invited(self, device, by):
        came = device.wait({"event": "room", "what": "invited"})
        self.assertEqual(came["user"], by)
        return came["room"]

    def happened(self, device, what, user):
        device.wait({"event": "room", "room": device.room, "what": what, "user": user})

    def heard(self, text, sender, *devices):
        for device in devices:
            came = device.wait({"event": "room-message", "room": device.room, "text": text})
            self.assertEqual(came["from"], sender)

    def people(self, device):
        device.say("rooms")
        rooms = device.wait({"event": "room-list"})["rooms"]
        return {room["room"]: (room["state"], sorted(room["people"])) for room in rooms}

    def test_three_devices_talk_in_a_room(self):
        alice, bob, carol = self.room_of_three()
        alice.say(f"say {alice.room} hello all & <b>you</b> \\ {{}} grüße")
        self.heard("hello all & <b>you</b> \\ {} grüße", "alice", bob, carol)
        bob.say(f"say {bob.room} hello from bob")
        self.heard("hello from bob", "bob", alice, carol)
        self.assertEqual(self.people(alice), {alice.room: ("open", ["bob", "carol"])})
        self.assertEqual(self.people(carol), {carol.room: ("open", ["alice", "bob"])})

    def test_who_leaves_is_gone_and_hears_nothing_more(self):
        alice, bob, carol = self.room_of_three()
        bob.say(f"leave {bob.room}")
        self.assertEqual(bob.wait({"event": "ack", "type": "ROOM_LEAVE"})["code"], 0)
        self.happened(alice, "left", "bob")
        self.happened(carol, "left", "bob")
        self.assertEqual(self.people(bob), {})
        carol.say(f"say {carol.room} without bob")
        self.heard("without bob", "carol", alice)
        bob.say(f"say {bob.room} may I?")
        self.assertEqual(bob.wait({"event": "error"})["text"], f"there is no room {bob.room}")

    def test_one_more_is_invited_with_words_and_another_declines(self):
        alice, bob, carol = self.room_of_three()
        dave = self.login("dave")
        alice.say(f"invite {alice.room} dave come over")
        came = dave.wait({"event": "room", "what": "invited"})
        self.assertEqual((came["user"], came["text"]), ("alice", "come over"))
        dave.say(f"answer {came['room']} no")
        self.assertEqual(dave.wait({"event": "ack", "type": "ROOM_ANSWER"})["code"], 0)
        self.happened(alice, "declined", "dave")
        self.assertEqual(self.people(dave), {})

    def test_somebody_offline_cannot_be_invited(self):
        alice = self.room_of_three()[0]
        alice.say(f"invite {alice.room} dave")
        self.assertEqual(alice.wait({"event": "ack", "type": "ROOM_INVITE", "to": "dave"})["code"], 410)

    def test_what_is_said_while_somebody_is_out_of_coverage_reaches_him_afterwards(self):
        alice, bob, carol = self.room_of_three()
        bob.say("coverage off")
        bob.wait({"event": "waiting"})
        alice.say(f"say {alice.room} one\nsay {alice.room} two")
        self.heard("one", "alice", carol)
        bob.say(f"say {bob.room} three")
        bob.say("coverage on")
        self.heard("one", "alice", bob)
        self.heard("two", "alice", bob)
        self.heard("three", "bob", alice, carol)

    def test_a_script_need_not_wait_for_its_room(self):
        alice, bob = self.login("alice"), self.login("bob")
        alice.say("open bob\nsay 1 to nobody yet\nleave 1")
        for kind in ("ROOM_OPEN", "ROOM_MESSAGE", "ROOM_LEAVE"):
            alice.wait({"event": "ack", "type": kind, "room": 1})
        self.assertEqual(self.people(alice), {})
        self.invited(bob, "alice")

    def test_typing_is_shown_alone_and_in_a_room(self):
        alice, bob, carol = self.room_of_three()
        alice.say("send bob hello")
        bob.wait({"event": "message", "text": "hello"})
        bob.say("typing alice on")
        self.assertNotIn("room", alice.wait({"event": "typing", "user": "bob", "on": True}))
        bob.say("typing alice off")
        alice.wait({"event": "typing", "user": "bob", "on": False})
        alice.say(f"typing {alice.room} on")
        for who in (bob, carol):
            who.wait({"event": "typing", "user": "alice", "on": True, "room": who.room})


if __name__ == "__main__":
    unittest.main()
