#!/usr/bin/env python3
"""What the simulated Communications Server keeps over a restart, and what it does with files that are damaged."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import bramble
import communications
from communications import Sip, availability, chosen, every, first, numbers, parts, state, uri

MEMBERS = ('<setContainerMembers xmlns="http://schemas.microsoft.com/2006/09/sip/container-management"><container id="{}" version="0">'
           '<member action="add" type="user" value="{}@corp.test"/></container></setContainerMembers>')


class Restart(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="bramble-ocs-state-")
        self.addCleanup(shutil.rmtree, self.folder)

    def server(self, **how):
        return communications.Server("--state", self.folder, **how)

    def user(self, server, name):
        sip = Sip(server.tcp_port)
        self.addCleanup(sip.close)
        self.assertEqual(sip.register(name).status, 200)
        return sip

    def path(self, user):
        return pathlib.Path(self.folder, "ocs", user + ".xml")

    def contacts(self, sip, user):
        doc = sip.subscribe(user, "vnd-microsoft-roaming-contacts").xml()
        return (doc.get("deltaNum"), [(g.get("id"), g.get("name")) for g in every(doc, "group")],
                [(c.get("uri"), c.get("name"), c.get("groups")) for c in every(doc, "contact")])

    def tagged(self, client, user):
        doc = client.subscribe(user, "vnd-microsoft-roaming-contacts").xml()
        return [c.get("uri") for c in every(doc, "contact") if c.get("tag") == "true"]

    def test_lists_access_and_what_users_said_of_themselves_are_there_again(self):
        with self.server() as server:
            alice, bob, dave = (self.user(server, u) for u in ("alice", "bob", "dave"))
            self.assertEqual(alice.soap("alice", "addGroup", name="N\u00e4chste", externalURI="", deltaNum=1).status, 200)
            alice.soap("alice", "addGroup", name="Gone", externalURI="", deltaNum=2)
            alice.soap("alice", "deleteGroup", groupID=4, deltaNum=3)
            self.assertEqual(alice.soap("alice", "setContact", displayName="D &amp; co", groups="2 3", subscribed="true", URI=uri("dave"),
                                        externalURI="", tag="true", deltaNum=4).status, 200)
            alice.soap("alice", "deleteContact", URI=uri("carol"), deltaNum=5)
            before = self.contacts(alice, "alice")
            self.assertEqual(self.tagged(alice, "alice"), ["dave@corp.test"])
            bob.service("bob", "application/msrtc-setcontainermembers+xml", MEMBERS.format(32000, "carol"))
            bob.service("bob", "application/msrtc-setcontainermembers+xml", MEMBERS.format(400, "alice"))
            dave.watch("dave", "bob", context=True)
            bob.service("bob", "application/msrtc-presence-setsubscriber+xml",
                        '<setSubscribers xmlns="http://schemas.microsoft.com/2006/09/sip/presence-subscribers">'
                        '<subscriber user="dave@corp.test" acknowledged="true"/></setSubscribers>')
            bob.set_presence("bob", 300, 400, info=f'<note>here</note>{chosen(6500)}<x xmlns="urn:x">y</x>')
            bob.publish("bob", ("state", 7, 2, 0, "endpoint", state(15500, "machineState")))
        self.assertEqual(sorted(p.name for p in self.path("alice").parent.iterdir()), ["alice.xml", "bob.xml"])
        with self.server() as server:
            alice, bob, carol = (self.user(server, u) for u in ("alice", "bob", "carol"))
            self.assertEqual(self.contacts(alice, "alice"), before)
            self.assertEqual(self.tagged(alice, "alice"), ["dave@corp.test"])
            self.assertEqual(before, ("6", [("1", "~"), ("2", "Friends"), ("3", "N\u00e4chste")], [("bob@corp.test", "", "2"), ("dave@corp.test", "D & co", "2 3")]))
            added = alice.soap("alice", "addGroup", name="New", externalURI="", deltaNum=6)
            self.assertEqual(first(added.xml(), "groupID").text, "5", "the id of what was deleted is not given again")
            self.assertEqual(availability(alice.watch("alice", "bob")), ("bob", 6500), "the machine is gone, the chosen state is not")
            self.assertEqual(availability(carol.watch("carol", "bob")), ("bob", 18500), "carol is blocked")
            document = parts(alice.watch_list("alice", "bob"))[1][2]
            self.assertEqual((numbers(document), first(document, "note").text, first(document, "x").text), (("bob", 300, 600), "here", "y"))
            own = bob.subscribe("bob", "vnd-microsoft-roaming-self").xml()
            self.assertEqual([(c.get("id"), c.get("version")) for c in every(own, "container")], [("32000", "1"), ("400", "1")])
            self.assertEqual([(s.get("user"), s.get("acknowledged")) for s in every(own, "subscriber")], [("dave@corp.test", "true")])
            self.assertEqual([(a.get("mask"), a.get("rights")) for a in every(bob.subscribe("bob", "vnd-microsoft-roaming-ACL").xml(), "ace")],
                             [("", "AA"), (uri("carol"), "BD")])
            self.assertEqual(bob.publish("bob", ("note", 0, 200, 1, "static", "")).status, 200, "versions go on")

    def test_a_change_is_in_the_file_when_the_server_is_killed(self):
        server = self.server()
        alice = self.user(server, "alice")
        alice.soap("alice", "deleteContact", URI=uri("bob"), deltaNum=1)
        bramble.wait_until(lambda: self.path("alice").exists() and "bob@" not in self.path("alice").read_text(encoding="utf-8"), "the change is kept")
        server.child.kill()
        server.child.wait()
        with self.assertRaises(AssertionError):
            server.stop()
        with self.server() as server:
            self.assertEqual([c[0] for c in self.contacts(self.user(server, "alice"), "alice")[2]], ["carol@corp.test"])

    def test_people_who_are_no_longer_in_the_world_are_left_out(self):
        with self.server() as server:
            self.user(server, "alice").soap("alice", "addGroup", name="x", deltaNum=1)
        world = "<world domain='corp.test'><user id='alice' password='a' name='A'/><user id='bob' password='x' name='B'/></world>"
        with self.server(world=world) as server:
            self.assertEqual([c[0] for c in self.contacts(self.user(server, "alice"), "alice")[2]], ["bob@corp.test"])
            self.assertIn("contact carol@corp.test is left out", server.errors())

    def test_a_damaged_file_is_refused_by_name(self):
        with self.server() as server:
            alice = self.user(server, "alice")
            alice.service("alice", "application/msrtc-setcontainermembers+xml", MEMBERS.format(300, "bob"))
            alice.set_presence("alice", 300, 400, info="<note>here</note>")
            good_world = os.path.join(self.folder, "world.xml")
            shutil.copy(os.path.join(server.folder, "world.xml"), good_world)
            for name in ("certificate", "key"):
                shutil.copy(server.certificate if name == "certificate" else server.certificate[:-3] + "key", os.path.join(self.folder, name))
        good = self.path("alice").read_text(encoding="utf-8")
        rows = (("", "is damaged: "), (good[:-1], "is damaged: "), ("<x/>", "is damaged: "), ('<!DOCTYPE x><ocsUser/>', "a DOCTYPE is not accepted"),
                (good.replace("bramble-ocs-user", "x"), "does not say that its format is bramble-ocs-user"),
                (good.replace('version="1" user', 'version="2" user'), "it has version 2; this program reads version 1"),
                (good.replace('user="alice"', 'user="bob"', 1), "its name says another user than bob"),
                (good.replace('nextGroup="3"', 'nextGroup="2"'), "the id or the name of group 2"),
                (good.replace('<group id="2"', '<group id="1"'), "two groups have the id 1"),
                (good.replace('<group id="1"', '<group id="2"', 1), "the first group has the id 1"),
                (good.replace('uri="carol@', 'uri="bob@'), "contact bob@corp.test is there twice"),
                (good.replace('<container id="300" version="1"', '<container id="300" version="0"'), "the version of container 300"),
                (good.replace('type="ALL"', 'type="SOME"'), "the access entry SOME"),
                (good.replace('rights="AA"', 'rights="XX"'), "the access entry ALL"),
                (good.replace('<ACLlist deltaNum="1"', '<ACLlist deltaNum="0"'), "deltaNum of the access list"),
                (good.replace('container="300" version="1"', 'container="200" version="1"'), "item note of presence"),
                (good.replace("<ACLlist", "<Other").replace("</ACLlist", "</Other"), "<ocsUser> needs <ACLlist>"))
        for content, sentence in rows:
            with self.subTest(sentence=sentence):
                self.assertNotEqual(content, good)
                self.path("alice").write_text(content, encoding="utf-8")
                done = subprocess.run([bramble.program("bramble-sim"), "ocs", "--listen", "127.0.0.1:0", "--world", good_world, "--state", self.folder,
                                       "--certificate", os.path.join(self.folder, "certificate"), "--key", os.path.join(self.folder, "key")],
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30, check=False, text=True)
                self.assertEqual(done.returncode, 3, done.stdout)
                self.assertIn(sentence, done.stdout)
                self.assertIn(str(self.path("alice")), done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
