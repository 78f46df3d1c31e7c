#!/usr/bin/env python3
"""Conversations, lists, presence and searches of simulated BlackBerrys on a Communicator Web Access server that is not ours."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bramble
import cwa_server as cwa
from cwa_wire import node
from independent_cwa import SPECIAL, Case


class Talk(Case):
    def test_two_devices_say_much_to_each_other(self):
        alice, carol = self.login("alice"), self.login("carol")
        for words in ("hello", SPECIAL, "bye"):
            self.assertEqual(self.say(alice, "carol", words), 0)
            carol.wait({"event": "message", "from": "alice", "text": words, "name": "Alice Archer"})
            self.assertEqual(self.say(carol, "alice", words * 2), 0)
            alice.wait({"event": "message", "from": "carol", "text": words * 2})
        alice.say("typing carol on\ntyping carol off")
        for on in (True, False):
            carol.wait({"event": "typing", "user": "alice", "on": on})
        self.assertEqual(len(self.server.asked("initiateImSession")), 1)
        carol.say("status away back soon")
        alice.wait({"event": "presence", "user": "carol", "presence": "away", "text": "back soon"})
        self.logout(carol)
        alice.wait({"event": "presence", "user": "carol", "presence": "offline"})
        self.assertEqual(self.say(alice, "carol", "too late"), 410)

    def test_a_burst_is_one_conversation_in_order(self):
        bob, alice = self.server.puppet("bob", answer="later"), self.login("alice")
        lines = [f"line {i}" for i in range(12)]
        alice.say("\n".join(f"send bob {line}" for line in lines))
        bob.wait("invited", "alice")
        bob.accept()
        for _ in lines:
            self.assertEqual(alice.wait({"event": "ack", "to": "bob"})["code"], 0)
        self.heard(bob, *lines)
        self.assertEqual(len(self.server.asked("initiateImSession")), 1)

    def test_who_refuses_and_who_ends(self):
        bob, alice = self.server.puppet("bob", answer="no"), self.login("alice")
        self.assertEqual(self.say(alice, "bob", "no?"), 410)
        bob.answer = "yes"
        self.assertEqual(self.say(alice, "bob", "yes?"), 0)
        bob.leave()
        bob.say("alice", "new")
        alice.wait({"event": "message", "from": "bob", "text": "new"})
        bob.leave()
        self.alive(alice)

    def test_both_begin_at_the_same_time(self):
        bob, alice = self.server.puppet("bob", answer="later"), self.login("alice")
        hold = cwa.Hold()
        self.server.plan("initiateImSession", hold)
        alice.say("send bob hi from alice")
        hold.wait()
        bob.say("alice", "hi from bob")
        alice.wait({"event": "message", "from": "bob", "text": "hi from bob"})
        hold.release(self.server)
        bob.wait("invited", "alice")
        bob.accept()
        self.assertEqual(alice.wait({"event": "ack", "to": "bob"})["code"], 0)
        self.heard(bob, "hi from alice")
        bob.answer = "yes"
        self.alive(alice)

    def test_another_client_of_the_same_person(self):
        bob, alice = self.server.puppet("bob"), self.login("alice")
        other = self.server.call(self.server.other_client, "alice")
        bob.say("alice", "for all of you")
        alice.wait({"event": "message", "text": "for all of you"})
        bob.wait("state", "connected")
        # The device accepted first; what is said goes on with it alone.
        self.assertEqual([e[1].child("imSessionState").text for e in other.events if e[1].child("imSessionState")], ["terminated"])
        self.assertEqual(self.say(alice, "bob", "here"), 0)
        self.heard(bob, "here")
        hold = cwa.Hold()
        self.server.plan("acceptImSession", hold)
        dave = self.server.puppet("dave")
        dave.say("alice", "who is first?")
        hold.wait()
        self.server.call(lambda: self.server.accept(list(other.chats.values())[-1], other))
        hold.release(self.server)
        alice.wait({"event": "message", "text": "who is first?"})
        self.alive(alice)
        dave.leave()
        self.alive(alice, other="dave")

    def test_refusals_of_a_message(self):
        bob, alice = self.server.puppet("bob"), self.login("alice")
        self.assertEqual(self.say(alice, "bob", "begins"), 0)
        for action, codes in ((cwa.fail(18201, "Not Acceptable", sip="488"), (410,)), (cwa.fail(18400), (502,)), (cwa.fail(18203), (410, 503)),
                              (cwa.invalid(), (502,)), (cwa.status(500), (502, 503)), (cwa.body(b"<cwaResponses/>"), (502,)),
                              (cwa.body(b"<cwaEvents ackId='1'/>"), (502,)), (cwa.error_alone(18000), (502,))):
            self.server.plan("sendMessage", action)
            self.assertIn(self.say(alice, "bob", "x"), codes, action.__qualname__)
        # Accepted, and then not delivered.
        self.server.plan("sendMessage", self.undelivered)
        self.assertEqual(self.say(alice, "bob", "x"), 410)
        self.assertEqual(bob.words(), ["begins"])
        self.assertEqual(self.say(alice, "nobody", "x"), 410)
        self.alive(alice)

    @staticmethod
    async def undelivered(connection, request, sign):
        n = request.tree.children[0]
        await connection.answer(200, connection.response(node("requestAccepted", rid=n.attrs["rid"])), sign, request.json)
        error = connection.server.error(cwa.Refused(18201, "Gone", sip="410"))
        request.session.deliver(node("conference", node("messageSendFailed", error, rid=n.attrs["rid"]), confId=n.attrs["confId"]))
        return "done"


class Lists(Case):
    def test_changes_made_elsewhere(self):
        server, alice = self.server, self.login("alice")
        self.contacts(alice)
        zoe = server.users["zoe"]

        def add(user):
            user.add_contact(zoe, "2")
            return [server.contact_node(user.contacts["zoe"], "added")]
        server.change("alice", add)
        seen = alice.wait({"event": "contact", "what": "add", "user": "zoe"})
        self.assertEqual((seen["name"], seen["folder"]), ("Zo\u00eb Stranger", "Friends"))

        def rename(user):
            user.contacts["bob"].name = "Bobby & Co"
            return [server.contact_node(user.contacts["bob"], "updated")]
        server.change("alice", rename)
        self.assertEqual(alice.wait({"event": "contact", "what": "rename", "user": "bob"})["name"], "Bobby & Co")

        def regroup(user):
            user.groups["3"] = "Work"
            user.contacts["bob"].groups = ["1", "3"]
            return [server.group_node("3", "Work", "added"), server.contact_node(user.contacts["bob"], "updated")]
        server.change("alice", regroup)
        self.assertEqual(alice.wait({"event": "contact", "what": "move", "user": "bob"})["folder"], "Work")

        def remove(user):
            return [server.contact_node(user.contacts.pop("dave"), "deleted")]
        server.change("alice", remove)
        alice.wait({"event": "contact", "what": "remove", "user": "dave"})
        self.alive(alice)

    def test_presence_in_all_its_numbers(self):
        bob, alice = self.server.puppet("bob"), self.login("alice")
        self.contacts(alice)
        for number, shown in ((6500, "busy"), (4500, "idle"), (7500, "busy"), (3500, "available"), (9500, "busy"), (12500, "away"), (3000, "available"),
                              (15500, "away"), (4499, "available"), (18500, "offline"), (5999, "idle"), (17999, "away")):
            bob.show(number, f"n{number}")
            seen = alice.wait({"event": "presence", "user": "bob"})
            self.assertEqual((number, seen["presence"]), (number, shown))
            if number < 18000:
                self.assertEqual(seen["text"], f"n{number}")

    def test_what_the_device_says_of_itself(self):
        alice, watcher = self.login("alice"), self.login("carol")
        for words, state, note, shown in (("away", cwa.AWAY, "", "away"), ("busy \u00fcber & <", cwa.BUSY, "\u00fcber & <", "busy"),
                                          ("available", cwa.ONLINE, "", "available")):
            alice.say("status " + words)
            self.assertEqual(alice.wait({"event": "ack", "to": ""})["code"], 0)
            self.shown("alice", state, note)
            watcher.wait({"event": "presence", "user": "alice", "presence": shown, "text": note})

    def test_an_empty_list_and_150_contacts_in_20_groups(self):
        user, device = self.server.users["alice"], self.device("alice")
        user.groups, user.contacts = {}, {}
        self.login("alice", device)
        self.assertEqual(self.contacts(device), {})
        self.logout(device)
        user.groups["1"] = "~"
        groups = [user.add_group(f"Folder {n} \u00fc") for n in range(20)]
        for n in range(150):
            other = self.server.users[f"user{n}"] = cwa.User(f"user{n}", f"Given{n} Sur\u00e9name")
            user.add_contact(other, *([groups[n % 20]] if n < 140 else []))
        self.login("alice", device)
        contacts = self.contacts(device)
        self.assertEqual(len(contacts), 150)
        self.assertEqual({c["folder"] for c in contacts.values()}, {""} | {f"Folder {n} \u00fc" for n in range(20)})
        self.assertEqual((contacts["user46"]["name"], contacts["user46"]["folder"]), ("Given46 Sur\u00e9name", "Folder 6 \u00fc"))

    def changed(self, device, who, **told):
        """The acknowledgement of a change and the event that tells it, whichever comes first."""
        seen = {}

        def both(event):
            if event["event"] == "ack" and event["to"] == who:
                seen["ack"] = event["code"]
            elif all(event.get(key) == value for key, value in told.items()):
                seen["event"] = event
            return len(seen) == 2
        device.wait(both, f"ack and {told}")
        self.assertEqual(seen["ack"], 0)
        return seen["event"]

    def test_the_device_changes_its_list(self):
        server, alice, user = self.server, self.login("alice"), self.server.users["alice"]
        self.contacts(alice)
        alice.say("add zoe Painters & Co")
        self.assertEqual(self.changed(alice, "zoe", event="contact", what="add", user="zoe")["folder"], "Painters & Co")
        self.assertEqual([user.groups[g] for g in user.contacts["zoe"].groups if user.groups[g] != "~"], ["Painters & Co"])
        alice.say("rename zoe Z")
        self.assertEqual(self.changed(alice, "zoe", event="contact", what="rename", user="zoe")["name"], "Z")
        alice.say("move zoe Friends")
        self.assertEqual(self.changed(alice, "zoe", event="contact", what="move", user="zoe")["folder"], "Friends")
        self.assertEqual((user.contacts["zoe"].name, [user.groups[g] for g in user.contacts["zoe"].groups if user.groups[g] != "~"]), ("Z", ["Friends"]))
        alice.say("remove zoe")
        self.changed(alice, "zoe", event="contact", what="remove", user="zoe")
        self.assertNotIn("zoe", user.contacts)
        server.plan("deleteContact", cwa.fail(18102, "no"))
        alice.say("remove dave")
        self.assertNotEqual(alice.wait({"event": "ack", "to": "dave"})["code"], 0)
        server.plan("addContact", cwa.fail_later(18201, "no", sip="404"))
        alice.say("add erin")
        self.assertNotEqual(alice.wait({"event": "ack", "to": "erin"})["code"], 0)
        self.assertEqual(set(user.contacts), {"bob", "carol", "dave"})

    def test_access_levels(self):
        bob, alice, user = self.server.puppet("bob"), self.login("alice"), self.server.users["alice"]
        alice.say("block bob")
        self.changed(alice, "bob", event="block", user="bob", blocked=True)
        bramble.wait_until(lambda: user.blocks(self.server.users["bob"]), "bob is blocked")
        # What is told of one level says nothing of the others.
        level = self.server.puppet("dave")
        user.containers["300"].append(("uri", level.user.uri))
        self.server.call(lambda: self.server.session("alice").deliver(self.server.containers(user, "300")))
        level.say("alice", "later")
        alice.wait({"event": "message", "text": "later"})
        alice.say("blocks")
        self.assertEqual([b["user"] for b in alice.wait({"event": "block-list"})["blocks"]], ["bob"])
        alice.say("unblock bob")
        alice.wait({"event": "ack", "to": "bob", "code": 0})
        bramble.wait_until(lambda: not user.blocks(self.server.users["bob"]), "bob is no longer blocked")
        bob.say("alice", "thanks")
        alice.wait({"event": "message", "text": "thanks"})

    def test_searches(self):
        alice = self.login("alice")
        for field, words, given in (("surname", "Str", {"lastName": "str"}), ("given-name", "Zo", {"firstName": "zo"}),
                                    ("name", "Zo\u00eb", {"firstName": "zo\u00eb", "lastName": "zo\u00eb", "displayName": "zo\u00eb"}), ("user", "zoe", {"emailAlias": "zoe"})):
            alice.say(f"search {field} {words}")
            found = alice.wait({"event": "search-result"})["contacts"]
            self.assertEqual([(c["user"], c["name"]) for c in found], [("zoe", "Zo\u00eb Stranger")], field)
            self.assertEqual(self.server.searches[-1][0], given)
        for n in range(30):
            self.server.users[f"many{n}"] = cwa.User(f"many{n}", f"Many {n}")
        alice.say("search given-name Many")
        got = alice.wait({"event": "search-result"})
        self.assertEqual(len(got["contacts"]), 20)
        self.server.plan("search", cwa.fail_later(18101))
        alice.say("search given-name Zo")
        told = alice.wait(lambda e: e["event"] == "search-result" or (e["event"] == "ack" and e["code"]), "the end of the search")
        self.assertEqual(told.get("contacts", []), [])


if __name__ == "__main__":
    unittest.main()
