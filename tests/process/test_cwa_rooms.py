#!/usr/bin/env python3
"""Conversations of several simulated BlackBerrys on Communicator Web Access: what tests/process/test_rooms.py has for GroupWise, on real
processes in front of `bramble-sim cwa`."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import bramble
import cwa_client
import cwa_pipeline


class Case(unittest.TestCase):
    options = ()
    more = {}

    def setUp(self):
        self.pipeline = cwa_pipeline.Pipeline(*cwa_pipeline.QUICK, *self.options, **self.more)
        self.pipeline.__enter__()
        self.addCleanup(self.pipeline.__exit__)
        self.alice, self.bob, self.carol, self.dave = map(self.pipeline.login, ("alice", "bob", "carol", "dave"))

    def open(self, device, *users):
        device.say("open " + " ".join(users))
        device.room = device.wait({"event": "room-opening", "users": ", ".join(users)})["room"]
        self.assertEqual(device.wait({"event": "ack", "type": "ROOM_OPEN", "room": device.room})["code"], 0)

    def invited(self, device, by, text=""):
        came = device.wait({"event": "room", "what": "invited"})
        self.assertEqual((came["user"], came["text"]), (by, text))
        device.room = came["room"]

    def answer(self, device, word):
        device.say(f"answer {device.room} {word}")
        self.assertEqual(device.wait({"event": "ack", "type": "ROOM_ANSWER", "room": device.room})["code"], 0)

    def happened(self, what, user, *devices):
        for device in devices:
            device.wait({"event": "room", "room": device.room, "what": what, "user": user})

    def leave(self, device):
        device.say(f"leave {device.room}")
        self.assertEqual(device.wait({"event": "ack", "type": "ROOM_LEAVE", "room": device.room})["code"], 0)

    def heard(self, text, sender, *devices):
        for device in devices:
            self.assertEqual(device.wait({"event": "room-message", "room": device.room, "text": text})["from"], sender)

    def say(self, text, sender, name, *devices):
        sender.say(f"say {sender.room} {text}")
        self.heard(text, name, *devices)
        self.assertEqual(sender.wait({"event": "ack", "type": "ROOM_MESSAGE", "room": sender.room})["code"], 0)

    def people(self, device):
        device.say("rooms")
        return {r["room"]: (r["state"], sorted(r["people"])) for r in device.wait({"event": "room-list"})["rooms"]}

    def conversations(self, user):
        return self.pipeline.census(user)["sessions"][0]["conversations"]

    def room_of_three(self):
        alice, bob, carol = self.alice, self.bob, self.carol
        self.open(alice, "bob", "carol")
        for who in (bob, carol):
            self.invited(who, "alice")
        # What is said before anybody is there waits for the first.
        alice.say(f"say {alice.room} before")
        self.answer(bob, "yes")
        self.happened("joined", "bob", alice)
        self.heard("before", "alice", bob)
        self.answer(carol, "yes")
        self.happened("joined", "carol", alice, bob)
        for who in (bob, carol):
            self.assertIn("alice", self.people(who)[who.room][1])


class Rooms(Case):
    def test_several_talk_come_and_go(self):
        alice, bob, carol, dave = self.alice, self.bob, self.carol, self.dave
        self.room_of_three()
        self.say("hello all & <b>you</b> \\ {} grüße", alice, "alice", bob, carol)
        self.say("hello from bob", bob, "bob", alice, carol)
        self.assertEqual(self.people(alice), {alice.room: ("open", ["bob", "carol"])})
        self.assertEqual(self.people(carol), {carol.room: ("open", ["alice", "bob"])})
        alice.say(f"say {alice.room} " + "x" * 9000)
        self.assertEqual("".join(bob.wait(lambda e: e["event"] == "room-message" and e["text"][0] == "x")["text"] for _ in range(2)), "x" * 9000)

        # A session that the server has forgotten: bob comes back, also for those who did not notice, and to what was said to him.
        self.pipeline.server.ask("kick", user="bob")
        self.happened("left", "bob", alice, carol)
        self.happened("joined", "bob", alice, carol)
        self.say("there again", bob, "bob", alice, carol)
        self.assertEqual(self.people(bob), {bob.room: ("open", ["alice", "carol"])})

        # Typing, alone and in the room; a message to one of them is for him alone.
        alice.say("send bob between us")
        bob.wait({"event": "message", "text": "between us", "from": "alice"})
        bob.say("typing alice on")
        self.assertNotIn("room", alice.wait({"event": "typing", "user": "bob", "on": True}))
        alice.say(f"typing {alice.room} on")
        for who in (bob, carol):
            who.wait({"event": "typing", "user": "alice", "on": True, "room": who.room})

        # One more is asked and declines; then comes. The words of an invitation are not passed on, and it is said so.
        alice.say(f"invite {alice.room} dave come over")
        ack = alice.wait({"event": "ack", "type": "ROOM_INVITE", "to": "dave"})
        self.assertEqual((ack["code"], ack["text"]), (0, "invited; the IM server has no place for the words"))
        self.invited(dave, "alice")
        self.answer(dave, "no")
        self.happened("declined", "dave", alice)
        self.assertEqual(self.people(dave), {})
        bob.say(f"invite {bob.room} dave")
        self.assertEqual(bob.wait({"event": "ack", "type": "ROOM_INVITE", "to": "dave"})["code"], 0)
        self.invited(dave, "bob")
        self.answer(dave, "yes")
        self.happened("joined", "dave", alice, bob, carol)
        self.say("four of us", dave, "dave", alice, bob, carol)
        self.assertEqual(self.people(dave), {dave.room: ("open", ["alice", "bob", "carol"])})

        # Who leaves is gone and hears nothing more; what is said while somebody is out of coverage reaches him afterwards.
        self.leave(dave)
        self.happened("left", "dave", alice, bob, carol)
        self.assertEqual(self.people(dave), {})
        bob.say("coverage off")
        bob.wait({"event": "waiting"})
        alice.say(f"say {alice.room} one\nsay {alice.room} two")
        self.heard("one", "alice", carol)
        bob.say(f"say {bob.room} three")
        bob.say("coverage on")
        self.heard("one", "alice", bob)
        self.heard("two", "alice", bob)
        self.heard("three", "bob", alice, carol)

        # Who signs off has left; who is not there cannot be invited.
        dave.say("logout")
        dave.wait({"event": "logged-out"})
        # His device has its answer before the server has been told.
        bramble.wait_until(lambda: not self.pipeline.census("dave")["sessions"], "dave has left the server")
        for name, code in (("dave", 410), ("nobody", 410), ("x@", 502), ("bob", 410)):
            alice.say(f"invite {alice.room} {name}")
            self.assertEqual(alice.wait({"event": "ack", "type": "ROOM_INVITE", "to": name})["code"], code, name)
        bob.say("logout")
        self.happened("left", "bob", alice, carol)
        self.leave(carol)
        self.happened("left", "carol", alice)
        alice.say(f"say {alice.room} anybody?")
        self.assertEqual(alice.wait({"event": "ack", "type": "ROOM_MESSAGE"})["code"], 410)
        alice.say(f"invite {alice.room} carol")
        self.invited(carol, "alice")
        self.answer(carol, "yes")
        self.happened("joined", "carol", alice)
        self.say("again", carol, "carol", alice)

    def test_two_become_three_and_the_second_is_asked(self):
        alice, bob, carol = self.alice, self.bob, self.carol
        self.open(alice, "bob")
        self.happened("joined", "bob", alice)
        # For bob it is a conversation of two until carol comes.
        alice.say(f"say {alice.room} just us")
        self.assertEqual(bob.wait({"event": "message", "text": "just us"})["from"], "alice")
        bob.say("send alice yes")
        self.heard("yes", "bob", alice)
        alice.say(f"invite {alice.room} carol")
        self.assertEqual(alice.wait({"event": "ack", "type": "ROOM_INVITE", "to": "carol"})["code"], 0)
        self.invited(carol, "alice")
        # While somebody is being asked nothing is passed: it is said as soon as it may be.
        alice.say(f"say {alice.room} meanwhile")
        bob.say("send alice wait")
        self.answer(carol, "no")
        self.happened("declined", "carol", alice)
        bob.wait({"event": "message", "text": "meanwhile", "from": "alice"})
        self.heard("wait", "bob", alice)
        alice.say(f"invite {alice.room} carol")
        self.invited(carol, "alice")
        self.answer(carol, "yes")
        self.invited(bob, "alice")
        self.happened("joined", "carol", alice)
        self.happened("present", "alice", carol)
        # Undecided, bob hears alice as before; then he is in it.
        alice.say(f"say {alice.room} are you with us?")
        bob.wait({"event": "message", "text": "are you with us?", "from": "alice"})
        self.answer(bob, "yes")
        for name in ("alice", "carol"):
            self.happened("present", name, bob)
        self.say("I am", bob, "bob", alice, carol)
        bob.say("send alice and alone")
        alice.wait({"event": "message", "text": "and alone", "from": "bob"})

        # Another room, in which nobody is left: the next invitation begins it again.
        self.open(carol, "dave")
        self.happened("joined", "dave", carol)
        self.dave.say("logout")
        self.happened("left", "dave", carol)
        carol.say(f"say {carol.room} anybody?")
        self.assertEqual(carol.wait({"event": "ack", "type": "ROOM_MESSAGE"})["code"], 410)
        carol.say(f"invite {carol.room} dave")
        self.assertEqual(carol.wait({"event": "ack", "type": "ROOM_INVITE", "to": "dave"})["code"], 410)
        carol.say(f"invite {carol.room} bob")
        self.assertEqual(carol.wait({"event": "ack", "type": "ROOM_INVITE", "to": "bob"})["code"], 0)
        self.happened("joined", "bob", carol)
        self.leave(carol)

        # A script need not wait for its room, and what it leaves is left.
        alice.say("open bob nobody\nsay 2 to nobody yet\nleave 2")
        for kind in ("ROOM_OPEN", "ROOM_MESSAGE", "ROOM_LEAVE"):
            alice.wait({"event": "ack", "type": kind, "room": 2})
        self.assertEqual(list(self.people(alice)), [1])
        self.leave(alice)
        self.happened("left", "alice", bob)


class OverJson(Rooms):
    more = {"settings": ["cwa_profile=lcs2005"]}

    def test_two_become_three_and_the_second_is_asked(self):
        """Once is enough."""


class OnACommunicationsServer(Rooms):
    """The web server's users live behind it: the same is seen."""
    more = {"uplink": True}


class Accepted(Case):
    """The server accepts for the user before he has answered."""
    options = ("--accept", "100ms")

    def await_event(self, device, **wanted):
        """One that has come already is as good: what the server accepts by itself comes when it comes."""
        came = [e for e in device.events if all(e.get(key) == value for key, value in wanted.items())]
        return came[0] if came else device.wait(wanted)

    def happened(self, what, user, *devices):
        for device in devices:
            self.await_event(device, event="room", room=device.room, what=what, user=user)

    def heard(self, text, sender, *devices):
        for device in devices:
            self.assertEqual(self.await_event(device, event="room-message", room=device.room, text=text)["from"], sender)

    def test_what_the_server_accepts_is_still_the_users_to_answer(self):
        alice, bob, carol = self.alice, self.bob, self.carol
        self.open(alice, "bob", "carol")
        for who in (bob, carol):
            self.invited(who, "alice")
        for name in ("bob", "carol"):
            self.happened("joined", name, alice)
        alice.say(f"say {alice.room} hello both")
        alice.wait({"event": "ack", "type": "ROOM_MESSAGE", "code": 0})
        self.answer(bob, "yes")
        self.happened("present", "alice", bob)
        self.heard("hello both", "alice", bob)
        self.answer(carol, "no")
        self.happened("left", "carol", alice, bob)
        self.assertNotIn("room-message", [e["event"] for e in carol.events])
        self.assertEqual(self.people(bob)[bob.room], ("open", ["alice"]))

        # An ejected member's room is closed.
        other = cwa_client.Client(self.pipeline.server, "dave").sign_in("dave-secret").begin()
        other.invite("bob", "alice", words="come <in>")
        self.invited(bob, "dave", "come <in>")
        self.invited(alice, "dave", "come <in>")
        self.answer(bob, "yes")
        self.answer(alice, "yes")
        self.happened("present", "dave", bob)
        for who in ("bob", "alice"):
            other.wait("conference", "participant", want=lambda e: cwa_client.find(e, "participant")[1]["uri"] == cwa_client.uri(who))
        self.assertEqual(other.conference(1, "ejectParticipant", words=cwa_client.uri("bob"))[0], "requestAccepted")
        self.happened("closed", "", bob)
        self.happened("left", "bob", alice)
        self.assertEqual(len(self.people(bob)), 1)

        other.close()


class AcceptedOnACommunicationsServer(Accepted):
    more = {"uplink": True}


if __name__ == "__main__":
    unittest.main()
