"""What a simulated BlackBerry does by itself, against the real programs: it logs in again when the IM server was lost and is back, and
is idle when nobody types."""
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "support"), HERE]
import bramble
from test_chat import Case


class Habits(Case):
    def test_with_a_remembered_password_the_session_comes_back_after_the_im_server(self):
        alice = self.lab.device("alice")
        self.addCleanup(lambda: self.assertEqual(alice.stop(), 0))
        alice.say(f"remember on\nlogin alice {bramble.password('alice')}\nstatus busy in a meeting")
        old = alice.wait({"event": "login-ok"})["session"]
        alice.wait({"event": "ack", "type": "PRESENCE_SET"})
        self.pipeline.stop("groupwise", kill=True)
        self.assertEqual(alice.wait({"event": "forced-logout"})["reason"], "server-lost")
        self.assertEqual(alice.wait({"event": "login-again"})["user"], "alice")
        self.pipeline.start("groupwise")
        self.assertNotEqual(alice.wait({"event": "login-ok"})["session"], old)
        self.assertEqual(alice.wait({"event": "ack", "type": "PRESENCE_SET"})["code"], 0)
        bob = self.login("bob")
        bob.wait(lambda e: e["event"] == "contacts" and ("alice", "busy") in [(c["user"], c["presence"]) for c in e["contacts"]]
                 or e["event"] == "presence" and (e["user"], e["presence"]) == ("alice", "busy"), "alice is busy")
        alice.say("logout")
        alice.wait({"event": "logged-out"})

    def test_who_was_logged_out_by_the_administrator_stays_out(self):
        alice = self.lab.device("alice")
        self.addCleanup(lambda: self.assertEqual(alice.stop(), 0))
        alice.say(f"remember on\nlogin alice {bramble.password('alice')}")
        session = alice.wait({"event": "login-ok"})["session"]
        self.lab.tool("session", "logout", session)
        self.assertEqual(alice.wait({"event": "forced-logout"})["reason"], "admin")
        alice.say("session")
        self.assertEqual(alice.wait({"event": "session"})["state"], "logged-out")
        self.assertNotIn("login-again", [e["event"] for e in alice.events])
        alice.say("login alice")
        alice.wait({"event": "login-ok"})
        alice.say("logout")
        alice.wait({"event": "logged-out"})

    def test_who_types_nothing_is_seen_as_idle_until_he_does(self):
        alice, bob = self.login("alice"), self.login("bob")
        alice.wait(lambda e: e["event"] == "presence" and (e["user"], e["presence"]) == ("bob", "available"))
        bob.say("away-after 200ms")
        alice.wait({"event": "presence", "user": "bob", "presence": "idle"})
        self.assertTrue(bob.wait({"event": "idle"})["idle"])
        bob.say("away-after off\ncontacts")
        alice.wait({"event": "presence", "user": "bob", "presence": "available"})
        self.assertFalse(bob.wait({"event": "idle"})["idle"])


if __name__ == "__main__":
    unittest.main()
