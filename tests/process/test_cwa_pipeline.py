#!/usr/bin/env python3
"""Simulated BlackBerrys on Communicator Web Access: device, router, dispatcher and Collaboration Service in front of `bramble-sim cwa`, all of
them real processes."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import bramble
import cwa_client
import cwa_pipeline
import kdc


class Case(unittest.TestCase):
    options = cwa_pipeline.QUICK
    more = {}

    def setUp(self):
        self.pipeline = cwa_pipeline.Pipeline(*self.options, **self.more)
        self.pipeline.__enter__()
        self.addCleanup(self.pipeline.__exit__)

    def chat(self, sender, receiver, to, text):
        sender.say(f"send {to} {text}")
        self.assertEqual(receiver.wait({"event": "message", "text": text}, text)["session"], receiver.session)

    def sign_ins(self):
        return [e["text"].partition(" ")[2] for e in self.pipeline.trail("cwa.sign-in")]


class Everyday:
    def test_two_devices_have_a_day(self):
        pipeline = self.pipeline
        alice, bob = pipeline.login("alice"), pipeline.login("bob")
        profile = "lcs2005" if "cwa_profile=lcs2005" in pipeline.settings else "ocs2007"

        # Who is there, and how.
        contacts = alice.wait({"event": "contacts"})["contacts"]
        self.assertEqual([(c["user"], c["name"], c["folder"]) for c in contacts],
                         [("bob", "Bob Baker", "Friends"), ("carol", "Carol Carter", "Friends"), ("dave", "Dave Draper", "Friends")])
        alice.wait({"event": "presence", "user": "bob", "presence": "available"})
        self.assertEqual(pipeline.census("alice")["sessions"][0]["profile"], profile)

        # They write to each other.
        self.chat(alice, bob, "bob", "hello bob")
        self.assertEqual(alice.wait({"event": "ack", "to": "bob"})["code"], 0)
        self.chat(bob, alice, "alice", "hello alice")
        self.chat(alice, bob, "bob", "grüß dich & <b>bold</b> \\ {} \U0001F600")
        alice.say("send bob " + "x" * 9000)
        parts = [bob.wait(lambda e: e["event"] == "message" and e["text"].startswith("x"))["text"] for _ in range(2)]
        self.assertEqual("".join(parts), "x" * 9000)
        self.chat(alice, bob, "bob", "in order")
        alice.say("typing bob on")
        bob.wait({"event": "typing", "user": "alice", "on": True})
        self.assertEqual(pipeline.census("bob")["sessions"][0]["conversations"], 1)

        # What they say of themselves.
        alice.say("status busy in a <meeting>")
        self.assertEqual(bob.wait({"event": "presence", "user": "alice", "presence": "busy"})["text"], "in a <meeting>")
        alice.say("status available")
        self.assertEqual(bob.wait({"event": "presence", "user": "alice", "presence": "available"})["text"], "")

        # Nobody, and somebody who is not there.
        for name in ("nobody", "dave", "x@elsewhere.test"):
            alice.say(f"send {name} hello")
            self.assertEqual(alice.wait({"event": "ack", "to": name})["code"], 410)

        # One leaves: the server knows it, and so do the others.
        bob.say("logout")
        bob.wait({"event": "logged-out"})
        alice.wait({"event": "presence", "user": "bob", "presence": "offline"})
        self.assertEqual(pipeline.census("bob")["sessions"], [])
        bob.say("login bob wrong")
        self.assertEqual(bob.wait({"event": "login-failed"})["code"], 401)


class OverXml(Everyday, Case):
    pass


class OverJson(Everyday, Case):
    more = {"settings": ["cwa_profile=lcs2005"]}


class PacedInClear(Everyday, Case):
    """A server that holds no request, over HTTP."""
    options = ("--hold", "0", "--poll", "30ms", "--busy-poll", "10ms")
    more = {"tls": False}


class SignIn(Case):
    more = {"sign_in": "both", "iwa": True, "settings": ["cwa_domain=CORP"]}

    def test_windows_authentication_comes_first_and_forms_when_it_is_refused(self):
        alice = self.pipeline.login("alice")
        self.assertEqual(self.sign_ins(), ["by=ntlm outcome=accepted status=200 requests=2"])
        bob = self.pipeline.device("bob")
        bob.say("login bob wrong")
        self.assertEqual(bob.wait({"event": "login-failed"})["code"], 401)
        self.assertEqual(self.sign_ins()[1:], ["by=ntlm outcome=refused status=401 requests=2", "by=forms outcome=refused status=200 requests=1"])
        alice.say("logout")
        alice.wait({"event": "logged-out"})


class Trouble(Case):
    def test_no_room_and_a_bad_day(self):
        pipeline, server = self.pipeline, self.pipeline.server
        alice, bob = pipeline.login("alice"), pipeline.login("bob")

        # The transport's capacity, and the server's own: Failed, and not (300).
        pipeline.lab.tool("limits", "set", "--environment", "cwa", "--capacity", "2")
        carol = pipeline.device("carol")
        for _ in range(2):
            carol.say("login carol carol-secret")
            failed = carol.wait({"event": "login-failed"})
            self.assertEqual((failed["code"], failed["status_text"]), (200, "Failed"))
            pipeline.lab.tool("limits", "set", "--environment", "cwa", "--capacity", "100")
            server.ask("capacity", sessions=2)
        self.assertEqual(server.ask("census")["users"]["carol"]["sign_ins"], 1)
        server.ask("capacity", sessions=0)

        # Sessions that the server has forgotten, busy servers, answers that are lost or garbled: nobody is told, everything arrives.
        server.ask("kick", user="alice")
        server.ask("kick", user="bob")
        bramble.wait_until(lambda: all(len(pipeline.census(u)["sessions"]) == 1 for u in ("alice", "bob")), "both are back")
        self.chat(alice, bob, "bob", "after a session was forgotten")
        self.assertEqual(alice.wait({"event": "ack", "to": "bob"})["code"], 0)
        for i, fault in enumerate(("close,on=poll,user=bob,count=2", "garble=3,on=event,user=bob,count=1", "split=7,on=event,user=bob,count=1",
                                   "delay=300,on=event,user=bob,count=1", "half-close,on=poll,user=bob,count=1",
                                   "refuse=503,on=poll,user=bob,count=1", "refuse=18101,on=poll,user=bob,count=1",
                                   "refuse=18101,on=sendMessage,user=alice,count=1")):
            server.ask("fault", word=fault)
            self.chat(alice, bob, "bob", f"{i} in spite of {fault}")
            self.assertEqual(alice.wait({"event": "ack", "to": "bob"})["code"], 0)
        # Whether a message whose answer was lost was said, nobody knows: that is told, and it is not said again.
        server.ask("fault", word="close,on=sendMessage,user=alice,count=1")
        alice.say("send bob once")
        bob.wait({"event": "message", "text": "once"})
        self.assertEqual(alice.wait({"event": "ack", "to": "bob"})["code"], 503)
        self.chat(alice, bob, "bob", "and on")
        seen = [e for e in alice.events + bob.events if e["event"] in ("forced-logout", "logged-out") or e.get("text") == "once"]
        self.assertEqual([e["event"] for e in seen], ["message"])


class Kerberos(unittest.TestCase):
    def test_a_ticket_of_the_realm_is_tried_before_everything_else(self):
        with kdc.Kdc(alice="alice-secret", carol="another-secret") as realm:
            with cwa_pipeline.Pipeline("--keytab", realm.keytab, *cwa_pipeline.QUICK, sign_in="both", iwa=True, tls=True, env=realm.env,
                                       host="localhost", settings=["cwa_domain=CORP", "cwa_realm=CORP.TEST"]) as pipeline:
                def sign_ins():
                    return [e["text"].partition(" ")[2] for e in pipeline.trail("cwa.sign-in")]
                alice, bob, carol = pipeline.device("alice"), pipeline.device("bob"), pipeline.device("carol")
                alice.say("login alice alice-secret")
                alice.wait({"event": "login-ok"})
                self.assertEqual(sign_ins(), ["by=kerberos outcome=accepted status=200 requests=1"])
                # Nobody of the realm, but of the domain.
                bob.say("login bob bob-secret")
                bob.wait({"event": "login-ok"})
                self.assertEqual(sign_ins()[1:], ["by=kerberos outcome=no-ticket requests=0", "by=ntlm outcome=accepted status=200 requests=2"])
                # Another password there.
                carol.say("login carol carol-secret")
                carol.wait({"event": "login-ok"})
                self.assertEqual(sign_ins()[3:], sign_ins()[1:3])
                # No realm's server: no ticket, and no harm.
                realm.stop()
                alice.say("logout\nlogin alice alice-secret")
                alice.wait({"event": "login-ok"})
                self.assertEqual(sign_ins()[5:], sign_ins()[1:3])
                alice.say("send bob hello")
                bob.wait({"event": "message", "text": "hello"})


if __name__ == "__main__":
    unittest.main()
