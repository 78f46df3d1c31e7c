#!/usr/bin/env python3
"""What a user changes in another client of his reaches his simulated BlackBerry: on a Messenger server that is not ours, and on ours with
a stock client as the other one."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bramble
import groupwise_server as gw
import independent
import messenger
from messenger import dotted


class Independent(independent.Case):
    SWITCHES = {
        "as usual": {},
        "in odd records": {"pieces": "random"},
        "any order, any type, unknown fields": {"types": True, "shuffle": True, "unknown": True, "case": str.swapcase},
        "without details": {"details": False},
    }

    def shown(self, device):
        device.say("contacts")
        return {c["user"]: (c["name"], c["folder"]) for c in device.wait({"event": "contact-list"})["contacts"]}

    def elsewhere(self, user):
        """Somebody comes, somebody goes, somebody is renamed and moved; one is blocked."""
        users, contacts = self.server.users, {c["user"].name: c for c in user.contacts}
        contacts["bob"].update(name="Bobby", parent=user.add_folder("Work"))
        user.contacts.remove(contacts["carol"])
        user.add_contact(users["zoe"])
        user.deny.append("dave")

    def expect(self, device):
        changes = {("rename", "bob"), ("move", "bob"), ("remove", "carol"), ("add", "zoe")}
        while changes:
            came = device.wait({"event": "contact"})
            changes.remove((came["what"], came["user"]))
        device.wait({"event": "block", "user": "dave", "blocked": True})
        self.assertEqual(self.shown(device), {"bob": ("Bobby", "Work"), "dave": ("Dave Diaz", "Friends"),
                                              "zoe": ("Zo\u00eb Stranger", "")})

    def test_where_a_user_may_have_several_sessions_his_own_is_not_disturbed(self):
        alice = self.device("alice")
        for name, switches in self.SWITCHES.items():
            with self.subTest(name):
                self.server.reset()
                self.server.odd = gw.Odd(several=True, **switches)
                bob = self.server.puppet("bob")
                self.login("alice", alice)
                self.alive(alice)
                guid = bob.guids["alice"]
                self.server.change("alice", self.elsewhere)
                self.expect(alice)
                self.server.wait_asked("logout")
                self.alive(alice)
                self.assertEqual(bob.guids["alice"], guid, "the conversation is the same")
                self.assertEqual(len(self.server.asked("setstatus", "alice")), 1)
                self.assertEqual(self.server.faults, [])
                self.logout(alice)

    def test_where_a_user_has_one_session_it_moves_to_the_new_connection(self):
        alice = self.device("alice")
        for name, switches in self.SWITCHES.items():
            with self.subTest(name):
                self.server.reset()
                self.server.odd = gw.Odd(**switches)
                bob = self.server.puppet("bob")
                self.login("alice", alice)
                alice.say("status busy writing")
                alice.wait({"event": "ack", "type": "PRESENCE_SET"})
                self.alive(alice)
                self.server.change("alice", self.elsewhere)
                self.expect(alice)
                status = self.server.wait_asked("setstatus", "alice", 3)
                self.assertEqual((status.value("NM_A_SZ_STATUS"), status.value("NM_A_SZ_STATUS_TEXT")), ("3", "writing"))
                self.alive(alice)
                self.server.change("alice", lambda user: user.contacts.clear())
                self.alive(alice)
                self.assertEqual(len(self.server.asked("login", None)), 2, "there is nowhere else to change anything")
                self.assertEqual(self.server.faults, [])
                self.logout(alice)

    def test_a_second_login_without_an_answer_leaves_the_session_alone(self):
        self.server.odd.several = True
        alice = self.login("alice")
        for action in (gw.refuse(0xD123), gw.cut(0.5), gw.send(b"", close=True)):
            self.server.plan("login", action)
            logins = len(self.server.requests)
            self.server.change("alice", lambda user: None)
            bramble.wait_until(lambda at=logins: len(self.server.requests) > at, "the second login")
            self.alive(alice)
        self.server.change("alice", self.elsewhere)
        self.expect(alice)


class StockClient(unittest.TestCase):
    """alice has a stock client and a BlackBerry, on a server that lets her."""

    def test_what_is_changed_in_the_stock_client_reaches_the_phone(self):
        server = messenger.Server("--sessions", "several")
        self.addCleanup(server.stop)
        lab = bramble.Lab("-o", f"collab.trust_ca={server.folder}/groupwise.crt")
        self.addCleanup(lab.__exit__)
        lab.up()
        lab.tool("environment", "set", "groupwise", "--host", "127.0.0.1", "--port", server.port)
        log = lab.dir / "log" / "collab.log"
        bramble.wait_until(lambda: f"server=127.0.0.1:{server.port}" in log.read_text(), "the service knows the server")
        pidgin = messenger.Purple()
        self.addCleanup(pidgin.stop)
        pidgin.sign_on("alice", server.port)
        phone = lab.device("alice")
        self.addCleanup(lambda: self.assertEqual(phone.stop(), 0))
        phone.wait({"event": "link-up"})
        phone.say(f"login alice {bramble.password('alice')}")
        phone.wait({"event": "login-ok"})
        changes = ((f"rename {dotted('bob')} Bobby", {"event": "contact", "what": "rename", "user": "bob", "name": "Bobby"}),
                   ("add dave Friends", {"event": "contact", "what": "add", "user": "dave", "folder": "Friends"}),
                   (f"move {dotted('bob')} Work", {"event": "contact", "what": "move", "user": "bob", "folder": "Work"}),
                   (f"remove {dotted('carol')}", {"event": "contact", "what": "remove", "user": "carol"}),
                   (f"block {dotted('bob')}", {"event": "block", "user": "bob", "blocked": True}),
                   (f"unblock {dotted('bob')}", {"event": "block", "user": "bob", "blocked": False}))
        for line, told in changes:
            with self.subTest(line):
                pidgin.say(line)
                phone.wait(told)
        # What the phone changes is not told to itself as somebody else's, and the stock client lives on.
        phone.say("rename bob Robert")
        phone.wait({"event": "contact", "what": "rename", "user": "bob"})
        phone.wait({"event": "ack", "type": "CONTACT_CHANGE"})
        pidgin.send(dotted("dave"), "still here?")
        self.assertIn("offline", pidgin.wait({"event": "written"})["text"])
        phone.say("logout")
        phone.wait({"event": "logged-out"})
        # The phone has its answer before the service has left the server.
        bramble.wait_until(lambda: server.user("alice")["sessions"] == 1, "the phone's session ends, the stock client's goes on")


if __name__ == "__main__":
    unittest.main(verbosity=2)
