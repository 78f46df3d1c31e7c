#!/usr/bin/env python3
"""A hostile Communicator Web Access server: whatever it does to one session, another on the same Collaboration Service and the same server goes on, the
service lives and does not swell, and the device of the session that was harmed hears of it with a code. The clocks stand still."""
import os
import re
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
from independent_cwa import Case

SWELLS_BY = 96 << 20
TAKES = 12 << 20                # of what never ends: the most that is read, ours and the kernel's buffers
FAILED = (401, 502, 503)


class Scene(Case):
    """Alice is treated well; what happens to Bob is the test's."""
    options = ("--clock", "manual")
    pause_ms = 0

    def setUp(self):
        super().setUp()
        self.bob = self.device("bob")
        self.server.puppet("carol")
        self.alice = self.login("alice")
        self.pid = self.lab.ask("collab", "status")["pid"]
        self.began_with = self.rss()

    def check(self):
        """What is noted of those who were harmed does not count: they were told nonsense."""
        self.assertEqual([f for f in self.server.faults if "Traceback" in f or f.startswith("alice")], [])
        self.assertEqual(self.lab.ask("collab", "status")["pid"], self.pid)
        self.assertLess(self.rss() - self.began_with, SWELLS_BY)

    def rss(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            return int(re.search(r"VmRSS:\s+(\d+) kB", status.read())[1]) << 10

    def goes_on(self):
        """The other session."""
        self.alive(self.alice, other="carol")

    def fails(self, what, action, name, codes=FAILED, user="bob"):
        """A login that is met by it comes to nothing."""
        with self.subTest(name, at=what):
            self.server.plan(what, action, user=user)
            self.assertIn(self.refused(self.bob, "bob"), codes)
            self.goes_on()

    def ends(self, device, codes=()):
        """Moves the clocks until the session is lost, or an outcome has come."""
        for _ in range(40):
            if any(e["event"] in ("forced-logout", "logged-out") for e in self.fresh(device)):
                return
            self.advance(60)
            self.goes_on()
        self.fail(f"not lost: {device.events[-3:]}")

    def fresh(self, device):
        """The events that came and nobody has taken yet."""
        device.say("session")
        device.wait({"event": "session"})
        return device.events[self.mark:]

    def logout(self, device):
        """The server has its own opinion of the sessions of those that were harmed."""
        if device is self.alice or device.child.poll() is not None:
            super().logout(device)
            return
        device.say("logout")
        device.wait(lambda e: e["event"] == "logged-out" or (e["event"] == "error" and "log out" in e["text"]), "its end")
        self.server.plans.clear()
        self.server.forget(device.user)

    def victim(self):
        """Bob's session, or a new one if that was lost."""
        if not self.server.sessions_of("bob"):
            self.login("bob", self.bob)
        return self.server.session("bob")

    def harmed(self, name, action, count=1):
        """Meets the requests for events by it. Whether the session gets over it or is lost, the device knows, and can begin another."""
        with self.subTest(name):
            self.victim()
            self.mark = len(self.bob.events)
            self.server.plan("get", action, "bob", count)
            self.server.call(self.server.session("bob").wake)
            bramble.wait_until(lambda: self.server.plans[-1]["count"] < count, "it was met")
            self.goes_on()
            self.advance(5)
            self.goes_on()
            dave = self.server.puppets.get("dave") or self.server.puppet("dave")
            for _ in range(14):
                events = self.fresh(self.bob)
                if any(e["event"] == "forced-logout" for e in events):
                    self.server.forget("bob")
                    break
                if self.server.session("bob"):
                    dave.say("bob", name)
                    try:
                        self.bob.wait({"event": "message", "text": name}, deadline_s=0.5)
                        break
                    except AssertionError:
                        pass
                self.advance(60)
                self.goes_on()
            else:
                self.fail("the session is deaf, and the device does not know it")
            self.server.plans.clear()
            dave.chats.clear()


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
        for name, (data, type_) in hostile.bodies(False).items():
            self.fails("initiateSession", cwa.body(data.encode() if isinstance(data, str) else data, type_), name)
        self.login("bob", self.bob)
        self.assertEqual(self.say(self.bob, "carol", "first"), 0)
        for name, (data, type_) in hostile.bodies(False).items():
            with self.subTest(name):
                self.server.plan("sendMessage", cwa.body(data.encode() if isinstance(data, str) else data, type_), "bob")
                self.assertIn(self.say(self.bob, "carol", "x"), (502, 503))
                self.goes_on()
        self.assertEqual(self.say(self.bob, "carol", "last"), 0)

    def test_answers_without_events_that_are_none(self):
        for name, data in hostile.heads().items():
            self.harmed(name, cwa.raw(data))
        for name, (data, type_) in hostile.bodies(False).items():
            self.harmed(name, cwa.body(data.encode() if isinstance(data, str) else data, type_))

    def test_a_session_that_gets_nothing_else_is_lost(self):
        self.login("bob", self.bob)
        self.mark = len(self.bob.events)
        self.server.plan("get", cwa.body(b"<html/>", "text/html"), "bob", 999)
        self.server.call(self.server.session("bob").wake)
        self.ends(self.bob)
        self.assertLess(len(self.server.asked("get", "bob")), 60)

    def test_events_without_sense(self):
        for name, action in hostile.senseless().items():
            self.harmed(name, action)

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
                self.refused(self.bob, "bob") if self.bob.session is None else None
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

    def test_tickets(self):
        self.odd(iwa=404)
        for name, values in (("none any more", ()), ("another", ("never-made",)), ("an empty one", ("",)), ("60 KB", ("t" * 60000,)),
                             ("two", ("one", "two")), ("with spaces and letters of no alphabet", ("a b\tc \u00ff\u00e9",))):
            self.harmed(name, hostile.tickets(*values))
        # One that is no ticket is none.
        self.victim()
        self.logout(self.bob)
        self.server.plan("forms", hostile.tickets("t" * 60000), "bob")
        self.assertIn(self.refused(self.bob, "bob"), FAILED)

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
                self.fails("iwa", hostile.elsewhere(status, port), status, user=None) if status == 301 else None
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

    def test_what_never_ends_is_not_read_for_ever(self):
        piece = b"x" * 16384
        self.odd(iwa=404)
        for name, first, more in (("a body", hostile.HEAD + b"Content-Length: 999999999999\r\n\r\n<cwaResponses>", piece),
                                  ("chunks", hostile.CHUNKED, hostile.chunk(b"<a/>" * 4000)),
                                  ("a body without length", hostile.HEAD + b"\r\n", piece),
                                  ("headers", hostile.HEAD, b"X-More: " + b"y" * 1000 + b"\r\n"),
                                  ("one header", hostile.HEAD + b"X-More: ", piece),
                                  ("a status line", b"HTTP/1.1 200 ", piece),
                                  ("tickets", hostile.HEAD, b"CWA-Ticket: " + b"y" * 1000 + b"\r\n"),
                                  ("a chunk's extension", hostile.CHUNKED + b"4;", piece),
                                  ("trailers", hostile.CHUNKED + b"0\r\n", b"X-More: " + b"y" * 1000 + b"\r\n")):
            for what in ("forms", "initiateSession", "get"):
                bad = hostile.Mischief()
                if what == "get":
                    self.harmed(name, bad.endless(first, more))
                else:
                    self.fails(what, bad.endless(first, more), name)
                bramble.wait_until(lambda bad=bad: bad.given_up, "it gave up")
                with self.subTest(name, at=what):
                    self.assertLess(bad.sent, TAKES)

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

    def test_no_pause_is_no_reason_to_ask_without_one(self):
        self.login("bob", self.bob)
        self.mark = len(self.bob.events)
        count = 0

        async def one_more(connection, request, sign):
            nonlocal count
            count += 1
            number = int(request.query["AckID"]) + 1
            inner = f'<requestSucceeded eid="{number}" rid="none"/>'
            return await hostile.events(inner, str(number), "0")(connection, request, sign)
        self.server.plan("get", one_more, "bob", 1 << 30)
        self.server.call(self.server.session("bob").wake)
        bramble.wait_until(lambda: count, "it was met")
        for _ in range(5):
            self.goes_on()
        self.server.plans.clear()
        self.assertLess(count, 1000)

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
        for name, (data, type_) in hostile.bodies(True).items():
            action = cwa.body(data.encode() if isinstance(data, str) else data, type_)
            self.fails("initiateSession", action, name)
            self.harmed(name, action)


if __name__ == "__main__":
    unittest.main()
