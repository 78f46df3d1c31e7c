#!/usr/bin/env python3
"""Simulated BlackBerrys and our Collaboration Service on a Communicator Web Access server that is not ours (cwa_server.py): it reads strictly,
and in each test signs in, or writes, in another way that is legal and unusual."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bramble
import cwa_server as cwa
from independent_cwa import ODDITIES, SPECIAL, Case


class Day:
    """One day in the life of a session, with each oddity."""

    def day(self):
        server, bob = self.server, self.server.puppet("bob")
        bob.show(cwa.BUSY, "in a talk")
        alice = self.login("alice")
        contacts = self.contacts(alice)
        self.assertEqual(set(contacts), {"bob", "carol", "dave"})
        self.assertEqual((contacts["bob"]["name"], contacts["bob"]["folder"]), ("Bob Br\u00fcckner", "Friends"))
        self.assertEqual((contacts["bob"]["presence"], contacts["bob"]["text"]), ("busy", "in a talk"))
        self.assertEqual((contacts["carol"]["presence"], contacts["carol"]["text"]), ("offline", ""))
        bob.show(cwa.AWAY, "at lunch, \u00fcber \u20ac & < >")
        alice.wait({"event": "presence", "user": "bob", "presence": "away", "text": "at lunch, \u00fcber \u20ac & < >"})
        for words in ("one", SPECIAL, "x" * 3000, "\u00e9" * 1500):
            self.assertEqual(self.say(alice, "bob", words), 0)
            self.heard(bob, words)
        bob.say("alice", "and back: " + SPECIAL, "X-MMS-IM-Format: FN=Arial; EF=; CO=0; CS=1; PF=00")
        alice.wait({"event": "message", "from": "bob", "text": "and back: " + SPECIAL, "name": "Bob Br\u00fcckner"})
        bob.typing("alice")
        alice.wait({"event": "typing", "user": "bob", "on": True})
        alice.say("typing bob on")
        bob.wait("typing", "alice", "composing")
        self.assertEqual(len(server.asked("initiateImSession")), 1)
        zoe = server.puppet("zoe")
        zoe.say("alice", "you do not know me")
        alice.wait({"event": "message", "from": "zoe", "name": "Zo\u00eb Stranger", "text": "you do not know me"})
        self.assertEqual(self.say(alice, "zoe", "now I do"), 0)
        self.heard(zoe, "now I do")
        self.assertEqual(self.say(alice, "erin", "hello"), 410)
        alice.say("status busy in a meeting & more")
        self.assertEqual(alice.wait({"event": "ack", "to": ""})["code"], 0)
        self.shown("alice", cwa.BUSY, "in a meeting & more")
        alice.say("logout")
        alice.wait({"event": "logged-out"})
        server.wait_asked("terminateSession", "alice")
        bramble.wait_until(lambda: not server.sessions_of("alice"), "the session is over")
        self.assertEqual([r.where for r in server.requests if r.where not in ("post", "get")], ["iwa"] * 2)
        self.assertEqual(server.signed, [("alice", "iwa")])
        self.assertEqual(server.requests[-1].method_names, ("terminateSession",))
        self.assertEqual(server.begun[0].json, self.profile == "lcs2005")
        self.assertEqual({r.json for r in server.requests if r.body}, {self.profile == "lcs2005"})
        self.assertEqual(alice.stop(), 0)


class Xml(Case, Day):
    pass


class Json(Case, Day):
    profile = "lcs2005"


for name, switches in ODDITIES.items():
    def one(self, switches=switches):
        self.odd(**switches)
        self.day()
    for case in (Xml, Json):
        setattr(case, "test_" + name.replace(" ", "_"), one)
del case        # or it is run as one more


class SignIn(Case):
    def test_what_is_no_success_by_integrated_windows_authentication_is_followed_by_forms(self):
        alice = self.device("alice")
        for how in (401, 403, 404, 405, "no-ticket", "refuse"):
            with self.subTest(how=how):
                self.server.reset()
                self.odd(iwa=how)
                self.login("alice", alice)
                self.assertEqual(self.server.signed, [("alice", "forms")])
                asked = [r.where for r in self.server.requests if r.where in ("iwa", "forms")]
                self.assertLessEqual(asked.count("iwa"), 3)
                self.assertEqual((asked.count("forms"), asked[-1]), (1, "forms"))
                self.logout(alice)

    def test_only_negotiate_is_offered(self):
        self.odd(offers=("Negotiate",))
        self.login("alice")
        self.assertEqual(self.server.signed, [("alice", "forms")])

    def test_forms_alone_are_refused_or_missing(self):
        self.odd(forms=404)
        self.login("alice")
        self.assertEqual(self.server.signed, [("alice", "iwa")])

    def test_a_wrong_password_is_asked_once_in_each_way(self):
        alice = self.device("alice")
        self.assertEqual(self.refused(alice, words="wrong"), 401)
        self.assertEqual([how for how, _ in self.server.refused], ["iwa", "forms"])
        self.odd(forms=404)
        self.assertIn(self.refused(alice, words="wrong"), (401, 502))
        self.odd(iwa=404, forms=403)
        self.assertIn(self.refused(alice), (401, 502))
        self.assertEqual(self.server.signed, [])

    def test_no_answer_about_the_user_is_not_followed_by_forms(self):
        alice = self.device("alice")
        for name, action in (("hang up", cwa.hang_up()), ("cut", cwa.cut(0.5)), ("SSH", cwa.raw(b"SSH-2.0-x\r\n")), ("503", cwa.status(503, 5)),
                             ("500", cwa.status(500))):
            for leg in (0, 1):
                with self.subTest(name, leg=leg):
                    self.server.plan("iwa", action, skip=leg)
                    self.assertEqual(self.refused(alice), 503)
        self.assertEqual(self.server.asked("forms"), [])
        self.odd(iwa=404)
        self.server.plan("forms", cwa.hang_up())
        self.assertEqual(self.refused(alice), 503)

    def test_each_failure_of_the_session_has_a_code_of_the_device(self):
        alice = self.device("alice")
        for action, code in ((cwa.fail(18101), 200), (cwa.fail(18400), 502), (cwa.fail(18301), 503), (cwa.fail(18203), 503), (cwa.fail(18302), 503),
                             (cwa.error_alone(18001), 502), (cwa.invalid(), 502), (cwa.status(503, 1), 503), (cwa.status(404), 502),
                             (cwa.hang_up(), 503), (cwa.cut(0.7), 503), (cwa.body(b""), 502)):
            with self.subTest(action.__qualname__, code=code):
                self.server.plan("initiateSession", action)
                self.assertEqual(self.refused(alice), code)
        self.login("alice", alice)


if __name__ == "__main__":
    unittest.main()
