#!/usr/bin/env python3
"""A hostile Communicator Web Access server on the channel of events: see test_cwa_hostile.py."""
import os
import sys
import unittest

os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=8"       # what was freed shall not count as memory in use
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
import bramble
import cwa_hostile as hostile
import cwa_server as cwa
from cwa_hostile_scene import FAILED, Scene, actions

TAKES = 12 << 20                # of what never ends: the most that is read, ours and the kernel's buffers
BESIDES = 8 << 20               # more of what is no part of the body


class Events(Scene):
    def test_answers_without_events_that_are_none(self):
        for name, data in hostile.heads().items():
            self.harmed(name, cwa.raw(data))
        for name, action in actions(hostile.bodies(False)).items():
            self.harmed(name, action)

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
                    self.assertLess(bad.sent, TAKES + (BESIDES if name in ("a chunk's extension", "trailers") else 0))

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


if __name__ == "__main__":
    unittest.main()
