"""The contact list of a simulated BlackBerry, changed by the device and from elsewhere, through the whole pipeline of real processes."""
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


if __name__ == "__main__":
    unittest.main()
