#!/usr/bin/env python3
"""What the simulated Messenger server keeps over a restart, and what it does with files that are damaged."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import bramble
import messenger
from messenger import dn, page

ARRAY, STRING = page.ARRAY, page.STRING
AVAILABLE, AWAY, OFFLINE = 2, 4, 1


def values(fields, *path):
    """The values of all fields at that place."""
    found = [f[2] for f in fields if f[0] == path[0]]
    return found if len(path) == 1 else [v for inner in found for v in values(inner, *path[1:])]


class Server(messenger.Server):
    """Its clients hang up when it ends: else its polite end would take its two seconds."""

    def __init__(self, **how):
        self.clients = []
        super().__init__(keep=True, **how)

    def stop(self, deadline_s=10):
        if self.child.poll() is None:
            self.child.terminate()
        for client in self.clients:
            client.is_closed()
            client.close()
        if self.clients:
            self.child.wait(deadline_s)
        return super().stop(deadline_s)


class Restart(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="bramble-messenger-")
        self.addCleanup(shutil.rmtree, self.folder)

    def server(self, **how):
        return Server(folder=self.folder, **how)

    def raw(self, server, user):
        client = messenger.Raw(server.port)
        server.clients.append(client)
        return client, client.login(user)[1]

    def kept(self, user):
        return json.loads(pathlib.Path(self.folder, "groupwise", user + ".json").read_text(encoding="utf-8"))

    def test_lists_privacy_and_status_are_there_again(self):
        with self.server() as server:
            alice, _ = self.raw(server, "alice")
            alice.status(AWAY, "at l\u00fcnch", "back soon")
            code, fields = alice.ask("createfolder", ("NM_A_SZ_PARENT_ID", STRING, "0"),
                                     ("NM_A_SZ_DISPLAY_NAME", STRING, "N\u00e4chste"))
            self.assertEqual(code, 0)
            folder = values(fields, "NM_A_FA_RESULTS", "NM_A_SZ_OBJECT_ID")[0]
            alice.ask("createcontact", ("NM_A_SZ_PARENT_ID", STRING, folder), ("NM_A_SZ_USERID", STRING, "dave"))
            alice.ask("deletecontact", ("NM_A_SZ_OBJECT_ID", STRING, "3"))
            alice.ask("updateitem", ("NM_A_FA_CONTACT_LIST", ARRAY, [("NM_A_FA_CONTACT", ARRAY, [
                ("NM_A_SZ_OBJECT_ID", STRING, "2"), ("NM_A_SZ_DISPLAY_NAME", STRING, "Bobby")], 5)]))
            alice.ask("createblock", ("NM_A_SZ_BLOCKING_DENY_ITEM", STRING, "carol", 5))
            alice.ask("createblock", ("NM_A_SZ_BLOCKING_ALLOW_ITEM", STRING, "bob", 5))
            alice.ask("updateblocks", ("nnmBlocking", STRING, "1", 6))
        with self.server() as server:
            bob, _ = self.raw(server, "bob")
            bob.status(AVAILABLE)
            alice, fields = self.raw(server, "alice")
            contacts = "NM_A_FA_CONTACT_LIST"
            self.assertEqual(values(fields, contacts, "NM_A_FA_FOLDER", "NM_A_SZ_DISPLAY_NAME"), ["Friends", "N\u00e4chste"])
            self.assertEqual([values(c, "NM_A_SZ_DISPLAY_NAME", ) + values(c, "NM_A_SZ_PARENT_ID") + values(c, "NM_A_SZ_DN")
                              for c in values(fields, contacts, "NM_A_FA_CONTACT")],
                             [["Bobby", "1", dn("bob")], ["Dave Diaz", folder, dn("dave")]])
            self.assertEqual(values(fields, "nnmBlocking"), ["1"])
            self.assertEqual(values(fields, "nnmBlockingDenyList"), [dn("carol")])
            self.assertEqual(values(fields, "nnmBlockingAllowList"), [dn("bob")])
            self.assertNotEqual(values(fields, "nnmLastLogin"), ["0"])
            # She was signed on when the server went down: her status is what it was until she sets another.
            code, fields = bob.ask("getdetails", ("NM_A_SZ_USERID", STRING, "alice"))
            self.assertEqual((code, values(fields[0][2], "NM_A_SZ_STATUS"), values(fields[0][2], "NM_A_SZ_MESSAGE_BODY")),
                             (0, ["4"], ["at l\u00fcnch"]))
            # dave has her as watcher again
            dave, _ = self.raw(server, "dave")
            dave.status(AWAY)
            self.assertEqual(alice.event(103), ("event", 103, dn("dave"), AWAY, ""))
            # the id of what was deleted is not given again
            _, fields = alice.ask("createcontact", ("NM_A_SZ_PARENT_ID", STRING, "0"), ("NM_A_SZ_USERID", STRING, "carol"))
            self.assertEqual(values(fields, "NM_A_FA_RESULTS", "NM_A_SZ_OBJECT_ID"), [str(int(folder) + 2)])

    def test_who_had_signed_off_is_available_at_the_next_login(self):
        with self.server() as server:
            alice, _ = self.raw(server, "alice")
            alice.status(OFFLINE)
            bramble.wait_until(lambda: self.kept("alice").get("status", {}).get("number") == OFFLINE, "her status is kept")
            alice.ask("logout")
            bramble.wait_until(lambda: "status" not in self.kept("alice"), "her status is no longer kept")
        with self.server() as server:
            bob, _ = self.raw(server, "bob")
            self.raw(server, "alice")
            self.assertEqual(bob.ask("getstatus", ("NM_A_SZ_DN", STRING, "alice"))[1][0][2], str(AVAILABLE))

    def test_a_change_is_in_the_file_when_the_server_is_killed(self):
        server = self.server()
        alice, _ = self.raw(server, "alice")
        alice.ask("deletecontact", ("NM_A_SZ_OBJECT_ID", STRING, "1"))
        bramble.wait_until(lambda: not self.kept("alice")["folders"], "the change is kept")
        server.child.kill()
        server.child.wait()
        with self.assertRaises(AssertionError):
            server.stop()
        with self.server() as server:
            _, fields = self.raw(server, "alice")
            self.assertEqual(values(fields, "NM_A_FA_CONTACT_LIST"), [[]])

    def test_people_who_are_no_longer_in_the_world_are_left_out(self):
        with self.server() as server:
            alice, _ = self.raw(server, "alice")
            alice.ask("createblock", ("NM_A_SZ_BLOCKING_DENY_ITEM", STRING, "carol", 5))
        world = "<world domain='corp.test'><user id='alice' password='alice-secret' name='A'/><user id='bob' password='x' name='B'/></world>"
        with self.server(world=world) as server:
            _, fields = self.raw(server, "alice")
            self.assertEqual(values(fields, "NM_A_FA_CONTACT_LIST", "NM_A_FA_CONTACT", "NM_A_SZ_DN"), [dn("bob")])
            self.assertEqual(values(fields, "nnmBlockingDenyList"), [])
            self.assertIn("contact carol is left out", server.errors())

    def test_a_damaged_file_is_refused_by_name(self):
        with self.server() as server:
            self.raw(server, "alice")
        path = pathlib.Path(self.folder, "groupwise", "alice.json")
        good = json.loads(path.read_text(encoding="utf-8"))
        contact, folder = good["contacts"][0], good["folders"][0]
        rows = (("", "alice.json is damaged: line "),
                (json.dumps(good)[:-1], "alice.json is damaged: line 1: "),
                ("[]", "does not say that its format is"),
                (dict(good, format="x"), "does not say that its format is bramble-groupwise-user"),
                (dict(good, version=2), "has version 2; this program reads version 1"),
                (dict(good, extra=1), "its fields: "),
                ({k: v for k, v in good.items() if k != "denied"}, "its fields: "),
                (dict(good, user="bob"), "its name says another user than bob"),
                (dict(good, next_id=2), "next_id is not above the id of "),
                (dict(good, contacts=7), "a list, next_id or last_login of alice"),
                (dict(good, folders=[folder, folder]), "the id or the name of folder Friends"),
                (dict(good, folders=[dict(folder, id=-1)]), "the id or the name of folder Friends"),
                (dict(good, contacts=[dict(contact, folder=99)]), "there is no such folder for contact bob"),
                (dict(good, contacts=[dict(contact, id=folder["id"])]), "the id or the name of contact bob"),
                (dict(good, contacts=[dict(contact, name="")]), "the id or the name of contact bob"),
                (dict(good, contacts=["bob"]), "a contact: "),
                (dict(good, allowed=[1]), "a name of a privacy list"),
                (dict(good, status={"number": 9, "text": "", "auto_reply": ""}), "the number or a text of the status of alice"))
        for content, sentence in rows:
            with self.subTest(sentence=sentence):
                path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
                done = subprocess.run([bramble.program("bramble-sim"), "groupwise", "--listen", "127.0.0.1:0", "--world",
                                       os.path.join(self.folder, "world.xml"), "--state", self.folder],
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30, check=False, text=True)
                self.assertEqual(done.returncode, 3, done.stdout)
                self.assertIn(sentence, done.stdout)
                self.assertIn(str(path), done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
