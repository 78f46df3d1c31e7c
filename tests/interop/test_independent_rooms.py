#!/usr/bin/env python3
"""Rooms, typing and the contact list of simulated BlackBerrys on a Messenger server that is not ours, with its oddities."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bramble
import groupwise_server as gw
from independent import Case

SWITCHES = {
    "as usual": {},
    "in odd records": {"pieces": "random"},
    "joined": {"join": True, "oneself": True},
    "events first": {"events_first": True},
    "other tails and letters": {"tails": True, "case": str.swapcase, "neighbours": True},
    "any order, any type, unknown fields": {"types": True, "shuffle": True, "unknown": True, "oneself": True},
    "all at once": {"pieces": "random", "types": True, "shuffle": True, "unknown": True, "case": str.lower, "tails": True,
                    "events_first": True, "oneself": True, "neighbours": True},
}


class Rooms(Case):
    def setUp(self):
        super().setUp()
        self.bob, self.carol, self.zoe = (self.server.puppet(n) for n in ("bob", "carol", "zoe"))
        self.alice = self.login("alice")

    def ack(self, kind, code=0, **more):
        came = self.alice.wait({"event": "ack", "type": kind, **more})
        self.assertEqual(came["code"], code, came)

    def happened(self, room, what, user):
        return self.alice.wait({"event": "room", "room": room, "what": what, "user": user})

    def own_room(self, *users):
        """A room of alice's: her number for it, and the server's conference."""
        self.alice.say("open " + " ".join(users))
        room = self.alice.wait({"event": "room-opening"})["room"]
        self.ack("ROOM_OPEN", room=room)
        return room, [self.server.puppets[u].room_of(gw.INVITED, "alice") for u in users][0]

    def each_way(self, act):
        for name, switches in SWITCHES.items():
            with self.subTest(name):
                self.server.odd = gw.Odd(**switches)
                act()

    def test_a_room_from_its_first_invitation_to_its_end(self):
        self.each_way(self.whole_room)

    def whole_room(self):
        server, alice = self.server, self.alice
        for puppet in (self.bob, self.carol, self.zoe):
            puppet.events.clear()
        before = len(server.requests)
        room, conference = self.own_room("bob", "carol")
        asked = server.requests[before:]
        self.assertEqual(asked[0].command, "createconf")
        self.assertEqual([n.lower() for n in asked[0].values("NM_A_SZ_DN")], [server.users["alice"].dn.lower()])
        self.assertEqual({r.command for r in asked[1:]}, {"sendinvite"})
        invited = [n.lower() for r in asked[1:] for n in r.values("NM_A_SZ_DN")]
        self.assertEqual(sorted(invited), sorted(server.users[n].dn.lower() for n in ("bob", "carol")))
        self.bob.join(conference)
        self.happened(room, "joined", "bob")
        self.carol.reject(conference)
        self.happened(room, "declined", "carol")
        self.bob.speak(conference, "hello & \u20ac")
        alice.wait({"event": "room-message", "room": room, "from": "bob", "text": "hello & \u20ac"})
        alice.say(f"say {room} hello yourself \\ {{}}")
        self.ack("ROOM_MESSAGE", room=room)
        self.heard(self.bob, "hello yourself \\ {}")
        alice.say(f"invite {room} zoe do come")
        self.ack("ROOM_INVITE")
        self.zoe.wait(lambda e: e[0] == gw.INVITED and e[-1] == "do come", "the invitation")
        self.zoe.join(conference)
        self.happened(room, "joined", "zoe")
        self.zoe.speak(conference, "who are you?")
        alice.wait({"event": "room-message", "room": room, "from": "zoe", "name": "Zo\u00eb Stranger", "text": "who are you?"})
        self.bob.leave(conference)
        self.happened(room, "left", "bob")
        alice.say(f"leave {room}")
        self.ack("ROOM_LEAVE", room=room)
        bramble.wait_until(lambda: "alice" not in conference.here, "alice has left")

    def test_an_invitation_accepted(self):
        self.each_way(self.accepted)

    def accepted(self):
        conference = self.bob.open_room()
        self.server.call(conference.here.append, "carol")
        self.bob.invite(conference, "zoe")
        self.bob.invite(conference, "alice", "come \u00fcber")
        came = self.alice.wait({"event": "room", "what": "invited"})
        self.assertEqual((came["user"], came["text"]), ("bob", "come \u00fcber"))
        self.alice.say(f"answer {came['room']} yes")
        self.ack("ROOM_ANSWER", room=came["room"])
        present = {self.alice.wait({"event": "room", "what": "present"})["user"] for _ in range(2)}
        self.assertEqual(present, {"bob", "carol"})
        self.bob.speak(conference, "welcome")
        self.alice.wait({"event": "room-message", "room": came["room"], "from": "bob", "text": "welcome"})
        self.alice.say(f"say {came['room']} thanks")
        self.ack("ROOM_MESSAGE", room=came["room"])
        self.heard(self.carol, "thanks")
        self.heard(self.bob, "thanks")
        self.alice.say(f"leave {came['room']}")
        self.ack("ROOM_LEAVE", room=came["room"])

    def test_an_invitation_declined(self):
        self.each_way(self.declined)

    def declined(self):
        conference = self.bob.open_room()
        self.bob.invite(conference, "alice")
        came = self.alice.wait({"event": "room", "what": "invited"})
        self.assertEqual((came["user"], came["text"]), ("bob", ""))
        self.alice.say(f"answer {came['room']} no")
        self.ack("ROOM_ANSWER")
        self.bob.wait(lambda e: e[:2] == (gw.REJECTED, self.server.users["alice"].dn) and e[2][:gw.SAME] == conference.guid[:gw.SAME],
                      "the refusal")
        self.assertEqual(conference.invited, [])

    def test_a_stranger_invites_and_is_asked_about_first(self):
        hold = gw.Hold(self.server)
        self.server.plan("getdetails", hold)
        conference = self.zoe.open_room()
        self.zoe.invite(conference, "alice", "you do not know me")
        hold.wait(1)
        hold.release()
        came = self.alice.wait({"event": "room", "what": "invited"})
        self.assertEqual((came["user"], came["name"], came["text"]), ("zoe", "Zo\u00eb Stranger", "you do not know me"))

    def test_somebody_else_is_invited_by_another(self):
        room, conference = self.own_room("bob")
        self.bob.join(conference)
        self.happened(room, "joined", "bob")
        self.bob.invite(conference, "carol")
        self.happened(room, "other-invited", "carol")

    def test_a_room_that_the_server_closes(self):
        room, conference = self.own_room("bob")
        self.server.send("alice", gw.CLOSED, "bob", gw.other_tail(conference.guid, self.server.dice))
        self.alice.wait({"event": "room", "room": room, "what": "closed"})
        self.alive(self.alice)

    def test_refusals(self):
        room, conference = self.own_room("bob")
        for command, code, line, kind in (
                ("sendinvite", 0xD135, f"invite {room} carol", "ROOM_INVITE"), ("sendinvite", 0xD11F, f"invite {room} bob", "ROOM_INVITE"),
                ("sendmessage", 0xD155, f"say {room} hello", "ROOM_MESSAGE")):
            with self.subTest(command=command, code=f"{code:X}"):
                self.server.plan(command, gw.refuse(code))
                self.alice.say(line)
                self.assertNotEqual(self.alice.wait({"event": "ack", "type": kind})["code"], 0)
        self.server.plan("createconf", gw.refuse(0xD12B))
        self.alice.say("open carol")
        self.assertNotEqual(self.alice.wait({"event": "ack", "type": "ROOM_OPEN"})["code"], 0)
        self.alive(self.alice)

    def test_an_invitation_to_a_room_that_is_gone(self):
        conference = self.bob.open_room()
        self.bob.invite(conference, "alice")
        room = self.alice.wait({"event": "room", "what": "invited"})["room"]
        self.server.call(self.server.conferences.clear)
        self.alice.say(f"answer {room} yes")
        self.assertNotEqual(self.alice.wait({"event": "ack", "type": "ROOM_ANSWER"})["code"], 0)
        self.alive(self.alice)

    def test_a_room_and_words_for_one_are_two_conferences(self):
        room, conference = self.own_room("bob")
        self.bob.join(conference)
        self.happened(room, "joined", "bob")
        self.alice.say("send bob for you alone")
        self.assertEqual(self.alice.wait({"event": "ack", "to": "bob"})["code"], 0)
        self.heard(self.bob, "for you alone")
        sent = self.server.asked("sendmessage")[-1].value("NM_A_FA_CONVERSATION", "NM_A_SZ_OBJECT_ID")
        self.assertNotEqual(sent[:gw.SAME], conference.guid[:gw.SAME])


class Typing(Case):
    def test_who_types_is_shown_only_within_a_conference(self):
        bob, alice = self.server.puppet("bob"), self.device("alice")
        for name, switches in SWITCHES.items():
            with self.subTest(name):
                self.server.odd = gw.Odd(**switches)
                self.login("alice", alice)
                alice.say("typing bob on\nstatus busy")
                alice.wait({"event": "ack", "type": "PRESENCE_SET"})
                self.assertEqual(self.server.asked("sendtyping"), [])
                self.alive(alice)
                for word, kind in (("on", gw.TYPING), ("off", gw.TYPING_END)):
                    seen = len(bob.events)
                    alice.say(f"typing bob {word}")
                    bob.wait(lambda e: e[0] == kind and e in bob.events[seen:], f"event {kind}")
                    guid = self.server.conferences[bob.guids["alice"]].guid
                    self.server.send("alice", kind, "bob", guid)
                    alice.wait({"event": "typing", "user": "bob", "on": word == "on"})
                self.server.requests.clear()
                self.logout(alice)

    def test_kinds_of_message(self):
        bob, alice = self.server.puppet("bob"), self.login("alice")
        guid = bob.say("alice", "from a person")
        self.assertEqual(alice.wait({"event": "message", "text": "from a person"})["kind"], "message")
        self.server.send("alice", gw.AUTO_REPLY, "bob", guid, 0, "back {soon}")
        self.assertEqual(alice.wait({"event": "message", "text": "back {soon}"})["kind"], "automatic-reply")
        self.assertEqual(self.server.asked("login")[-1].value("NM_A_UD_BUILD"), 2, "as the known clients")
        self.alive(alice)


class Version4(Case):
    options = ("-o", "collab.protocol_version=4")

    def test_broadcasts(self):
        alice = self.login("alice")
        self.assertEqual(self.server.asked("login")[-1].value("NM_A_UD_BUILD"), 4)
        for kind in (gw.BROADCAST, gw.SYSTEM):
            self.server.send("alice", kind, "bob", f"for all {kind} \u20ac")
            self.assertEqual(alice.wait({"event": "message", "text": f"for all {kind} \u20ac"})["kind"], "broadcast")
        self.alive(alice)


class Contacts(Case):
    def ack(self, kind=None):
        came = self.alice.wait({"event": "ack", "type": "CONTACT_CHANGE"})
        self.assertEqual(came["code"], 0, came)

    def shown(self):
        self.alice.say("contacts")
        return {c["user"]: (c["name"], c["folder"]) for c in self.alice.wait({"event": "contact-list"})["contacts"]}

    def changed(self, what, user):
        return self.alice.wait({"event": "contact", "what": what, "user": user})

    def test_a_contact_from_its_adding_to_its_removal(self):
        self.alice = self.device("alice")
        for name, switches in SWITCHES.items():
            with self.subTest(name):
                self.server.reset()
                self.server.odd = gw.Odd(**switches)
                self.server.puppet("zoe").set_status(gw.BUSY, "painting")
                self.login("alice", self.alice)
                self.contacts(self.alice)
                self.life_of_a_contact()
                self.assertEqual(self.server.faults, [])
                self.logout(self.alice)

    def life_of_a_contact(self):
        alice, user = self.alice, self.server.users["alice"]
        usual = {"bob": ("Bob Br\u00fcckner", "Friends"), "carol": ("Carol Clark", "Friends"), "dave": ("Dave Diaz", "Friends")}
        alice.say("add zoe")
        came = self.changed("add", "zoe")
        self.ack()
        self.assertEqual((came["name"], came["presence"], came["text"]), ("Zo\u00eb Stranger", "busy", "painting"))
        alice.say("rename zoe My Zo\u00eb & co")
        self.assertEqual(self.changed("rename", "zoe")["name"], "My Zo\u00eb & co")
        self.ack()
        alice.say("move zoe New \u00fcber")
        self.assertEqual(self.changed("move", "zoe")["folder"], "New \u00fcber")
        self.ack()
        self.assertEqual([r.command for r in self.server.requests if r.command.startswith("createf")], ["createfolder"])
        self.assertEqual(self.shown(), {**usual, "zoe": ("My Zo\u00eb & co", "New \u00fcber")})
        alice.say("add erin Friends")
        self.assertEqual(self.changed("add", "erin")["folder"], "Friends")
        self.ack()
        alice.say("remove zoe")
        self.changed("remove", "zoe")
        self.ack()
        alice.say("remove erin")
        self.changed("remove", "erin")
        self.ack()
        self.assertEqual(self.shown(), usual)
        self.assertEqual(sorted(c["user"].name for c in user.contacts), ["bob", "carol", "dave"])
        self.assertFalse([e for e in alice.events if e["event"] == "contact" and e["user"] in usual])

    def test_refused_changes_leave_the_list_as_it_was(self):
        self.alice = self.login("alice")
        self.contacts(self.alice)
        before = self.shown()
        for command, code, line in (
                ("createcontact", 0xD129, "add zoe"), ("createcontact", 0xD127, "add zoe Friends"), ("createfolder", 0xD12C, "add zoe Far"),
                ("createcontact", 0xD10D, "add ghost"), ("updateitem", 0xD124, "rename bob Robert"),
                ("deletecontact", 0xD11C, "remove bob")):
            with self.subTest(line):
                self.server.plan(command, gw.refuse(code))
                self.alice.say(line)
                self.assertNotEqual(self.alice.wait({"event": "ack", "type": "CONTACT_CHANGE"})["code"], 0)
                self.assertEqual(self.shown(), before)
        self.alive(self.alice)

    def test_somebody_in_two_folders(self):
        user = self.server.users["alice"]
        user.add_contact(self.server.users["bob"], user.add_folder("Work"))
        self.alice = self.login("alice")
        self.contacts(self.alice)
        self.alice.say("remove bob")
        self.changed("remove", "bob")
        self.ack()
        self.assertEqual([c for c in user.contacts if c["user"].name == "bob"], [])


if __name__ == "__main__":
    unittest.main(verbosity=1)
