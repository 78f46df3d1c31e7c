"""The contact list of a simulated BlackBerry, whom it blocks and whom it finds, through the whole pipeline of real processes."""
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "support"), HERE]
import bramble
from test_chat import Case


class Contacts(Case):
    def login(self, user, *options):
        device = super().login(user, *options)
        device.wait(lambda e: e["event"] == "contacts" and not e["more"], "the contact list")
        return device

    def listed(self, device):
        """{user: (name, folder, presence)} as the device shows it."""
        device.say("contacts")
        return {c["user"]: (c["name"], c["folder"], c["presence"]) for c in device.wait({"event": "contact-list"})["contacts"]}

    def change(self, device, line, user, what, code=0):
        """Types the line; the service must answer it with the code, and say first what has changed."""
        device.say(line)
        if what:
            device.wait({"event": "contact", "what": what, "user": user})
        self.assertEqual(device.wait({"event": "ack", "type": "CONTACT_CHANGE", "to": user})["code"], code)

    def test_a_contact_is_removed_added_renamed_and_moved_and_the_server_keeps_it(self):
        alice = self.login("alice")
        before = self.listed(alice)
        self.assertIn("dave", before)
        self.change(alice, "remove dave", "dave", "remove")
        self.assertNotIn("dave", self.listed(alice))
        self.change(alice, "add dave Tennis Club", "dave", "add")
        self.assertEqual(self.listed(alice)["dave"], ("Dave Draper", "Tennis Club", "offline"))
        self.change(alice, "rename dave Dave (on Tuesdays) & sons", "dave", "rename")
        self.change(alice, "move dave Old & <new>", "dave", "move")
        want = ("Dave (on Tuesdays) & sons", "Old & <new>", "offline")
        self.assertEqual(self.listed(alice)["dave"], want)
        alice.say("logout")
        alice.wait({"event": "logged-out"})
        alice.say(f"login alice {bramble.password('alice')}")
        alice.wait({"event": "login-ok"})
        alice.wait(lambda e: e["event"] == "contacts" and not e["more"], "the contact list")
        self.assertEqual(self.listed(alice)["dave"], want)
        self.change(alice, "move dave", "dave", "move")
        self.assertEqual(self.listed(alice)["dave"][1], "")
        self.assertEqual(set(self.listed(alice)), set(before))

    def test_a_new_contact_comes_with_presence_and_keeps_it(self):
        alice, bob = self.login("alice"), self.login("bob")
        self.change(alice, "remove bob", "bob", "remove")
        self.change(alice, "add bob Friends", "bob", "add")
        self.assertEqual(self.listed(alice)["bob"], ("Bob Baker", "Friends", "available"))
        bob.say("status away at lunch")
        came = alice.wait({"event": "presence", "user": "bob", "presence": "away"})
        self.assertEqual(came["text"], "at lunch")
        self.assertEqual(self.listed(alice)["bob"][2], "away")

    def test_what_cannot_be_changed_is_said_and_changes_nothing(self):
        alice = self.login("alice")
        before = self.listed(alice)
        for line, user in (("add nobody Friends", "nobody"), ("remove nobody", "nobody"), ("rename nobody X", "nobody")):
            self.change(alice, line, user, None, code=502)
        self.assertEqual(self.listed(alice), before)

    def test_several_changes_at_once_are_made_one_after_another(self):
        alice = self.login("alice")
        alice.say("rename carol C 1\nmove carol Work\nrename carol C 2\nmove carol Friends")
        for what in ("rename", "move", "rename", "move"):
            alice.wait({"event": "contact", "what": what, "user": "carol"})
        self.assertEqual(self.listed(alice)["carol"][:2], ("C 2", "Friends"))


class Privacy(Case):
    def block(self, device, line, user, blocked):
        device.say(line)
        device.wait({"event": "block", "user": user, "blocked": blocked})
        self.assertEqual(device.wait({"event": "ack", "type": "BLOCK", "to": user})["code"], 0)

    def refused(self, sender, to, text):
        sender.say(f"send {to} {text}")
        sender.wait({"event": "ack", "code": 410, "text": to})

    def test_who_is_blocked_sees_nothing_and_says_nothing_until_he_is_not_any_more(self):
        alice, bob = self.login("alice"), self.login("bob")
        self.chat(bob, alice, "alice", "before")
        self.block(alice, "block bob", "bob", True)
        bob.wait({"event": "presence", "user": "alice", "presence": "offline"})
        self.refused(bob, "alice", "blocked")
        alice.say("contacts")
        listed = {c["user"]: c["blocked"] for c in alice.wait({"event": "contact-list"})["contacts"]}
        self.assertEqual((listed["bob"], listed["carol"]), (True, False))
        self.block(alice, "unblock bob", "bob", False)
        bob.wait({"event": "presence", "user": "alice", "presence": "available"})
        self.chat(bob, alice, "alice", "after")
        self.assertNotIn("blocked", [e.get("text") for e in alice.events])

    def test_blocks_outlive_the_session(self):
        alice = self.login("alice")
        self.block(alice, "block carol", "carol", True)
        alice.say("logout")
        alice.wait({"event": "logged-out"})
        alice.say(f"login alice {bramble.password('alice')}")
        alice.wait({"event": "block", "user": "carol", "blocked": True})
        self.block(alice, "unblock carol", "carol", False)
        alice.say("blocks")
        self.assertEqual(alice.wait({"event": "block-list"})["blocks"], [])

    def test_only_those_allowed_reach_who_blocks_all_others(self):
        alice, bob, carol = self.login("alice"), self.login("bob"), self.login("carol")
        self.block(alice, "block all", "", True)
        self.block(alice, "unblock bob", "bob", False)
        self.chat(bob, alice, "alice", "may I come in?")
        self.refused(carol, "alice", "and I?")
        self.block(alice, "block bob", "bob", True)
        self.block(alice, "unblock all", "", False)
        self.chat(carol, alice, "alice", "now I may")


class Search(Case):
    def find(self, device, line):
        """Everybody whom the search finds."""
        device.say(line)
        search = device.wait({"event": "sent", "type": "SEARCH"})["sequence"]
        found, more = [], True
        while more:
            part = device.wait({"event": "search-result", "search": search})
            self.assertNotIn("reason", part)
            found += [(c["user"], c["name"]) for c in part["contacts"]]
            more = part["more"]
        self.assertEqual(device.wait({"event": "ack", "type": "SEARCH"})["code"], 0)
        return sorted(found)

    def test_people_are_found_by_name_and_user(self):
        alice = self.login("alice")
        self.assertEqual(self.find(alice, "search surname Baker"), [("bob", "Bob Baker")])
        self.assertEqual(self.find(alice, "search given-name Carol"), [("carol", "Carol Carter")])
        self.assertEqual(self.find(alice, "search user dave"), [("dave", "Dave Draper")])
        self.assertIn(("bob", "Bob Baker"), self.find(alice, "search name Bob"))
        self.assertEqual(self.find(alice, "search surname Nobody & <none>"), [])


if __name__ == "__main__":
    unittest.main()
