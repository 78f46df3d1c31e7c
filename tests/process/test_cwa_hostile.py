#!/usr/bin/env python3
"""A hostile Communicator Web Access server: whatever it does to one session, another on the same Collaboration Service and the same server goes on, the
service lives and does not swell, and the device of the session that was harmed hears of it with a code. The clocks stand still. Here: signing in,
and commands; test_cwa_hostile_events.py has the rest."""
import os
import socket
import sys
import threading
import unittest

os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=8"       # what was freed shall not count as memory in use
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
import bramble
import cwa_hostile as hostile
import cwa_server as cwa
from cwa_hostile_scene import FAILED, Scene, actions


class Hostile(Scene):
    def test_heads_that_are_none(self):
        self.odd(iwa=404)
        for name, data in hostile.heads().items():
            # Signing in may be tried again on another connection when the one that was kept ended without an answer.
            self.fails("forms", cwa.raw(data), name, FAILED if b"\n" in data else (503, "logged in"))
            self.fails("initiateSession", cwa.raw(data), name)
        # What can be read as 200 without a ticket is followed by forms.
        self.odd()
        for name, data in hostile.heads().items():
            self.fails("iwa", cwa.raw(data), name, (*FAILED, "logged in"), None)

    def test_bodies_that_are_none(self):
        acts = actions(hostile.bodies(False))
        for name, action in acts.items():
            self.fails("initiateSession", action, name)
        self.login("bob", self.bob)
        self.assertEqual(self.say(self.bob, "carol", "first"), 0)
        for name, action in acts.items():
            with self.subTest(name):
                self.server.plan("sendMessage", action, "bob")
                self.assertIn(self.say(self.bob, "carol", "x"), (502, 503))
                self.goes_on()
        self.assertEqual(self.say(self.bob, "carol", "last"), 0)

    def test_challenges_without_end(self):
        for scheme in ("NTLM", "Negotiate", "Basic"):
            self.server.plan("iwa", hostile.challenged_again(scheme), count=99)
            asked = len(self.server.asked("iwa"))
            self.login("bob", self.bob)
            self.assertLessEqual(len(self.server.asked("iwa")) - asked, 3)
            self.assertEqual(self.server.signed[-1], ("bob", "forms"))
            self.logout(self.bob)
            self.server.plans.clear()
        for name, token in hostile.BROKEN_CHALLENGES.items():
            with self.subTest(name):
                self.server.plan("iwa", hostile.bad_challenge(token), count=99)
                asked = len(self.server.asked("iwa"))
                self.refused(self.bob, "bob")
                self.assertLessEqual(len(self.server.asked("iwa")) - asked, 3)
                self.server.plans.clear()
                self.goes_on()
        self.server.plan("forms", hostile.challenged_again(), count=99)
        self.odd(iwa=404)
        self.assertIn(self.refused(self.bob, "bob"), FAILED)
        # One that has signed in is not asked who he is again and again.
        self.server.plans.clear()
        self.login("bob", self.bob)
        self.mark = len(self.bob.events)
        self.server.plan("get", hostile.challenged_again(), "bob", 999)
        self.server.plan("forms", hostile.challenged_again(), "bob", 999)
        self.server.call(self.server.session("bob").wake)
        self.ends(self.bob)
        self.assertLess(len(self.server.asked("get", "bob")), 20)

    def test_redirects_are_not_followed(self):
        came = []
        with socket.create_server(("127.0.0.1", 0)) as listener:
            def accept():
                try:
                    while True:
                        came.append(listener.accept())
                except OSError:
                    pass
            thread = threading.Thread(target=accept, daemon=True)
            thread.start()
            port = listener.getsockname()[1]
            for status in (301, 302, 303, 307, 308):
                self.odd()
                self.fails("iwa", hostile.elsewhere(status, port), status, user=None)
                self.odd(iwa=404)
                self.fails("forms", hostile.elsewhere(status, port), status)
                self.fails("initiateSession", hostile.elsewhere(status, port), status)
            self.login("bob", self.bob)
            self.server.plan("initiateImSession", hostile.elsewhere(307, port), "bob")
            self.assertIn(self.say(self.bob, "carol", "x"), (502, 503))
            self.server.plan("get", hostile.elsewhere(302, port), "bob")
            self.server.call(self.server.session("bob").wake)
            bramble.wait_until(lambda: not self.server.plans[-1]["count"], "it was met")
            self.goes_on()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
        self.assertEqual(came, [])

    def test_slow_answers_and_none(self):
        drip, others = hostile.Mischief(), {u: self.device(u) for u in ("dave",)}
        self.odd(iwa=404)
        # All three at once: 10 s of real time.
        again = hostile.Mischief()
        self.login("bob", self.bob)
        self.mark = len(self.bob.events)
        self.server.plan("get", hostile.Mischief().endless(hostile.CHUNKED, hostile.chunk(b" "), 1), "bob")
        self.server.plan("forms", drip.endless(b"", b"H", 1), "dave")
        self.server.call(self.server.session("bob").wake)
        others["dave"].say(f"login dave {bramble.password('dave')}")
        self.goes_on()
        self.assertEqual(others["dave"].wait({"event": "login-failed"}, deadline_s=30)["code"], 503)
        self.goes_on()
        self.server.plan("initiateSession", again.endless(b"HTTP/1.1 100 Continue\r\n\r\n" * 10, b"HTTP/1.1 100 Continue\r\nA: b\r\n\r\n" * 10, 0.01), "dave")
        others["dave"].say(f"login dave {bramble.password('dave')}")
        self.assertEqual(others["dave"].wait({"event": "login-failed"}, deadline_s=30)["code"], 503)
        self.alive(self.bob, "bob", other="carol")
        for what in ("forms", "initiateSession"):
            hold = cwa.Hold()
            self.server.plan(what, hold, "dave")
            others["dave"].say(f"login dave {bramble.password('dave')}")
            hold.wait()
            self.goes_on()
            self.advance(31)
            self.assertEqual(others["dave"].wait({"event": "login-failed"})["code"], 503)
            hold.release(self.server)
            self.goes_on()

    def use(self, server):
        """Logins from now on are on this server."""
        log = self.lab.dir / "log" / "collab.log"
        before = len(log.read_text())
        self.lab.tool("environment", "set", "cwa", "--port", server.port)
        self.advance(1)
        bramble.wait_until(lambda: f"server=127.0.0.1:{server.port}" in log.read_text()[before:], "the service knows the server")

    def test_a_certificate_of_another_host(self):
        other = cwa.Server(host="else.test")
        self.addCleanup(other.stop)
        self.use(other)
        try:
            self.assertEqual(self.refused(self.bob, "bob"), 503)
            self.assertEqual((other.requests, other.faults), ([], []))
            self.goes_on()
        finally:
            self.use(self.server)
        self.login("bob", self.bob)


class HostileJson(Scene):
    profile = "lcs2005"

    def test_bodies_that_are_none(self):
        acts = actions(hostile.bodies(True))
        for name, action in acts.items():
            # What is a good answer in the other encoding is one.
            self.fails("initiateSession", action, name, (*FAILED, "logged in") if name == "the other encoding" else FAILED)
        for name, action in acts.items():
            self.harmed(name, action)


if __name__ == "__main__":
    unittest.main()
