#!/usr/bin/env python3
"""The contact list of a simulated BlackBerry on Communicator Web Access, whom it blocks and whom it finds: what tests/process/test_contacts.py
has for GroupWise, on real processes in front of `bramble-sim cwa`."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import bramble
import cwa_client
import cwa_pipeline


class People(unittest.TestCase):
    more = {}

    def setUp(self):
        self.pipeline = cwa_pipeline.Pipeline(*cwa_pipeline.QUICK, **self.more)
        self.pipeline.__enter__()
        self.addCleanup(self.pipeline.__exit__)

    def login(self, user):
        device = self.pipeline.login(user)
        device.wait(lambda e: e["event"] == "contacts" and not e["more"], "the contact list")
        return device

    def again(self, device, user):
        device.say(f"logout\nlogin {user} {bramble.password(user)}")
        device.wait({"event": "login-ok"})
        device.wait(lambda e: e["event"] == "contacts" and not e["more"], "the contact list")

    def listed(self, device):
        """{user: (name, folder, presence)} as the device shows it."""
        device.say("contacts")
        return {c["user"]: (c["name"], c["folder"], c["presence"]) for c in device.wait({"event": "contact-list"})["contacts"]}

    def change(self, device, line, user, what, code=0, text=""):
        """Types the line; the service must answer it with the code, and say first what has changed."""
        device.say(line)
        if what:
            device.wait({"event": "contact", "what": what, "user": user})
        ack = device.wait({"event": "ack", "type": "CONTACT_CHANGE", "to": user})
        self.assertEqual((ack["code"], ack["text"]), (code, text), line)

    def changes(self, alice, bob):
        before = self.listed(alice)
        self.change(alice, "remove dave", "dave", "remove")
        self.assertNotIn("dave", self.listed(alice))
        # Without a name he is called as he calls himself; the folder is made.
        self.change(alice, "add dave Tennis Club", "dave", "add")
        self.assertEqual(self.listed(alice)["dave"], ("Dave Draper", "Tennis Club", "offline"))
        self.change(alice, "rename dave Dave (on Tuesdays) & sons", "dave", "rename")
        self.change(alice, "move dave Old & <new>", "dave", "move")
        want = ("Dave (on Tuesdays) & sons", "Old & <new>", "offline")
        self.assertEqual(self.listed(alice)["dave"], want)
        self.again(alice, "alice")
        self.assertEqual(self.listed(alice)["dave"], want)
        self.change(alice, "move dave", "dave", "move")
        self.assertEqual(self.listed(alice)["dave"][1], "")
        self.assertEqual(set(self.listed(alice)), set(before))

        # A new contact comes with his presence, and keeps it.
        self.change(alice, "remove bob", "bob", "remove")
        self.change(alice, "add bob Friends", "bob", "add")
        self.assertEqual(self.listed(alice)["bob"], ("Bob Baker", "Friends", "available"))
        bob.say("status away at lunch")
        alice.wait({"event": "presence", "user": "bob", "presence": "away", "text": "at lunch"})
        bob.say("status available")
        alice.wait({"event": "presence", "user": "bob", "presence": "available", "text": ""})

        # What cannot be changed is said, and changes nothing.
        before = self.listed(alice)
        for line, user, text in (("remove nobody", "nobody", "no such contact"), ("rename nobody X", "nobody", "no such contact"),
                                 ("move nobody X", "nobody", "no such contact"), ("add x@ X", "x@", "that is nobody's user ID or address"),
                                 ("move bob ~", "bob", "the folder ~ is the IM server's own"),
                                 ("add bob Friends", "bob", "the contact is in that folder already")):
            self.change(alice, line, user, None, 502, text)
        self.assertEqual(self.listed(alice), before)

        # Many at once are made one after another.
        alice.say("rename carol C 1\nmove carol Work\nrename carol C 2\nmove carol Friends")
        for what in ("rename", "move", "rename", "move"):
            alice.wait({"event": "contact", "what": what, "user": "carol"})
        self.assertEqual(self.listed(alice)["carol"][:2], ("C 2", "Friends"))

    def elsewhere(self, alice):
        """Another client of the same user changes the list."""
        other = cwa_client.Client(self.pipeline.server, "alice").sign_in("alice-secret").begin()
        groups = {g[1]["name"]: g[1]["id"] for g in other.wait("contactGroup")[3] if g[0] == "group"}
        for subscriber in other.wait("subscribers")[3]:
            self.assertEqual(subscriber[1]["acknowledged"], "true", "the Collaboration Service has acknowledged who has alice on the list")
        carol = {"uri": cwa_client.uri("carol"), "name": "Caroline", "subscribed": "false", "tag": "true",
                 "groups": f"{groups['~']} {groups['Friends']}"}

        def contact(method, **changed):
            self.assertEqual(other.command(method, {}, [cwa_client.element("contact", {**carol, **changed})])[0], "requestAccepted")

        contact("updateContact")
        alice.wait({"event": "contact", "what": "rename", "user": "carol", "name": "Caroline"})
        other.command("updateGroup", {}, [cwa_client.element("group", {"id": groups["Friends"], "name": "Freunde"})])
        alice.wait({"event": "contact", "what": "move", "user": "carol", "folder": "Freunde"})
        # Whom the server does not watch by itself is shown all the same.
        device = self.login("carol")
        alice.wait({"event": "presence", "user": "carol", "presence": "available"})
        # What the device does not know of stays as the other client has set it.
        self.change(alice, "rename carol Carol", "carol", "rename")
        told = other.wait("contactGroup", "contact", want=lambda e: cwa_client.find(e, "contact")[1]["name"] == "Carol")
        self.assertEqual(cwa_client.find(told, "contact")[1], {**carol, "name": "Carol", "action": "updated"})
        other.command("deleteContact", {}, [cwa_client.element("uri", {}, carol["uri"])])
        alice.wait({"event": "contact", "what": "remove", "user": "carol"})
        # Without a name of the list's own: as she calls herself.
        contact("addContact", name="", subscribed="true")
        alice.wait(lambda e: e["event"] == "contact" and e["user"] == "carol" and e["name"] == "Carol Carter", "the name")
        self.assertEqual(self.listed(alice)["carol"], ("Carol Carter", "Freunde", "available"))
        # Another client blocks and unblocks.
        for method, blocked in (("addMember", True), ("deleteMember", False)):
            member = cwa_client.element(method, {"type": "uri", "value": carol["uri"]})
            other.command("updateContainer", {}, [cwa_client.element("container", {"id": 32000}, "", [member])])
            alice.wait({"event": "block", "user": "carol", "blocked": blocked})
        # Who had another level loses it when he is blocked.
        member = cwa_client.element("addMember", {"type": "uri", "value": carol["uri"]})
        other.command("updateContainer", {}, [cwa_client.element("container", {"id": 300}, "", [member])])
        other.wait("containers", want=lambda e: cwa_client.find(e[3][4], "member"))
        self.block(alice, "block carol", "carol", True)
        self.assertFalse(cwa_client.find(other.wait("containers", want=lambda e: cwa_client.find(e[3][6], "member"))[3][4], "member"))
        self.block(alice, "unblock carol", "carol", False)
        other.command("terminateSession")
        other.close()
        return device

    def block(self, device, line, user, blocked, event=True):
        device.say(line)
        if event:
            device.wait({"event": "block", "user": user, "blocked": blocked})
        self.assertEqual(device.wait({"event": "ack", "type": "BLOCK", "to": user})["code"], 0)

    def chat(self, sender, receiver, to, text):
        sender.say(f"send {to} {text}")
        self.assertEqual(receiver.wait({"event": "message", "text": text}, text)["session"], receiver.session)

    def refused(self, sender, to, text):
        sender.say(f"send {to} {text}")
        sender.wait({"event": "ack", "code": 410, "to": to})

    def privacy(self, alice, bob, carol):
        bob.say("status busy hush")
        alice.wait({"event": "presence", "user": "bob", "presence": "busy", "text": "hush"})
        self.block(bob, "block alice", "alice", True)
        # Who is blocked sees nobody, and no note; says nothing; and hears nothing.
        alice.wait({"event": "presence", "user": "bob", "presence": "offline", "text": ""})
        self.refused(alice, "bob", "blocked")
        bob.say("contacts")
        self.assertEqual({c["user"]: c["blocked"] for c in bob.wait({"event": "contact-list"})["contacts"]}, {"alice": True, "carol": False, "dave": False})
        # It outlives the session.
        self.again(bob, "bob")
        bob.wait({"event": "block", "user": "alice", "blocked": True})
        bob.say("blocks")
        self.assertEqual([b["user"] for b in bob.wait({"event": "block-list"})["blocks"]], ["alice"])
        bob.session = None
        self.block(bob, "unblock alice", "alice", False)
        alice.wait({"event": "presence", "user": "bob", "presence": "available"})
        alice.say("send bob after")
        bob.wait({"event": "message", "text": "after"})
        self.assertNotIn("blocked", [e.get("text") for e in bob.events])
        # What is so already is done; a rule for everybody else there is not.
        self.block(bob, "unblock carol", "carol", False, event=False)
        self.block(bob, "unblock all", "", False, event=False)
        bob.say("block all")
        ack = bob.wait({"event": "ack", "type": "BLOCK", "to": ""})
        self.assertEqual((ack["code"], ack["text"]), (502, "Communicator Web Access has no rule for everybody else: block people one by one"))

    def find(self, device, line):
        """Everybody whom the search finds."""
        device.say(line)
        search = device.wait({"event": "sent", "type": "SEARCH"})["sequence"]
        found, more = [], True
        while more:
            part = device.wait({"event": "search-result", "search": search})
            self.assertNotIn("reason", part)
            found += [(c["user"], c["name"], c["presence"], c["text"]) for c in part["contacts"]]
            more = part["more"]
        self.assertEqual(device.wait({"event": "ack", "type": "SEARCH"})["code"], 0)
        return sorted(found)

    def search(self, alice, bob):
        bob.say("status busy hush")
        bob.wait({"event": "ack", "type": "PRESENCE_SET"})
        bob_found = ("bob", "Bob Baker", "busy", "hush")
        for line in ("surname Baker", "given-name bob", "user bob", "user bob@corp.test", "name Bob Baker", "name Baker", "name Bob"):
            self.assertEqual(self.find(alice, "search " + line), [bob_found], line)
        self.assertEqual(self.find(alice, "search name Dave"), [("dave", "Dave Draper", "offline", "")])
        for line in ("surname Nobody & <none>", "name Carol Baker", "user alice"):
            self.assertEqual(self.find(alice, "search " + line), [], line)
        alice.say("search title Boss")
        ack = alice.wait({"event": "ack", "type": "SEARCH"})
        self.assertEqual((ack["code"], ack["text"]), (502, "Communicator Web Access finds people by name or user ID alone"))
        self.pipeline.server.ask("fault", word="refuse=18101,on=search,user=alice,count=1,nth=1")
        alice.say("search name Bob")
        alice.wait({"event": "ack", "type": "SEARCH", "code": 0})       # it is asked again after a moment
        self.pipeline.server.ask("fault", word="refuse=18400,on=search,user=alice,count=1")
        alice.say("search name Bob")
        self.assertEqual(alice.wait({"event": "ack", "type": "SEARCH"})["code"], 502)

    def test_contacts_blocks_and_search(self):
        alice, bob = self.login("alice"), self.login("bob")
        self.changes(alice, bob)
        carol = self.elsewhere(alice)
        self.privacy(alice, bob, carol)
        self.search(alice, bob)


class OverJson(People):
    more = {"settings": ["cwa_profile=lcs2005"]}


class OnACommunicationsServer(People):
    """The web server's users live behind it."""
    more = {"uplink": True}


if __name__ == "__main__":
    unittest.main()
