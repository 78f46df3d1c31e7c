#!/usr/bin/env python3
"""What goes wrong between our Collaboration Service and a Communicator Web Access server that is not ours, and what the device hears of it. The clocks
stand still: a back-off takes no time."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bramble
import cwa_server as cwa
from independent_cwa import Case


class Errors(Case):
    options = ("--clock", "manual")
    pause_ms = 0

    def begin(self):
        """A session that has lasted, in which something was said and shown."""
        bob, alice = self.server.puppet("bob"), self.login("alice")
        alice.say("status busy in a meeting")
        alice.wait({"event": "ack", "to": "", "code": 0})
        self.alive(alice)
        self.advance(100)
        return bob, alice

    def again(self, signed=1, begun=2):
        bramble.wait_until(lambda: len(self.server.begun) == begun, f"session {begun}, {len(self.server.begun)} began")
        self.assertEqual(len(self.server.signed), signed)

    def on_and_on(self, condition, what, step_s=2):
        """Until something is so, moving the clocks."""
        for _ in range(60):
            if condition():
                return
            self.advance(step_s)
        self.fail(what)

    def awaits(self, device, event):
        """Moves the clocks meanwhile: after trouble the next request may be seconds away."""
        for _ in range(60):
            try:
                return device.wait(event, deadline_s=0.2)
            except AssertionError:
                self.advance(2)
        self.fail(f"{event} did not come")

    def test_a_session_that_was_forgotten_is_begun_again_without_another_sign_in(self):
        bob, alice = self.begin()
        # The request for events is the first to hear of it.
        self.server.forget("alice")
        self.again()
        self.shown("alice", cwa.BUSY, "in a meeting")
        bob.show(cwa.AWAY, "meanwhile")
        alice.wait({"event": "presence", "user": "bob", "presence": "away", "text": "meanwhile"})
        self.alive(alice)
        self.advance(100)
        # A command is.
        self.server.plan("sendMessage", cwa.forget_first())
        self.assertEqual(self.say(alice, "bob", "said again"), 0)
        self.again(begun=3)
        self.heard(bob, "yes", "said again")
        # What changed on the list while there was no session.
        self.advance(100)
        self.server.users["alice"].contacts.pop("dave")
        self.server.forget("alice")
        alice.wait({"event": "contact", "what": "remove", "user": "dave"})
        # One that is forgotten again at once is lost.
        self.again(begun=4)
        self.server.forget("alice")
        self.gone(alice)
        self.assertEqual(len(self.server.begun), 4)

    def test_an_expired_ticket_is_followed_by_one_sign_in(self):
        bob, alice = self.begin()
        self.server.expire("alice")
        self.assertEqual(self.say(alice, "bob", "with a new ticket"), 0)
        self.again(signed=2)
        self.heard(bob, "yes", "with a new ticket")
        self.advance(100)
        self.server.expire("alice")
        self.again(signed=3, begun=3)
        self.alive(alice)
        self.server.expire("alice")
        self.gone(alice)
        self.assertEqual(len(self.server.signed), 3)

    def test_an_expired_ticket_and_another_password(self):
        _, alice = self.begin()
        self.server.users["alice"].password = "changed"
        self.server.expire("alice")
        self.gone(alice)

    def test_a_busy_server_is_asked_again_later(self):
        bob, alice = self.begin()
        for action in (cwa.fail(18101), cwa.error_alone(18101, 2), cwa.status(503, 2)):
            asked = len(self.server.asked("sendMessage"))
            self.server.plan("sendMessage", action, count=2)
            alice.say("send bob patience")
            self.server.wait_asked("sendMessage", number=asked + 1)
            self.on_and_on(lambda: bob.words()[-1:] == ["patience"], "bob hears it")
            self.assertEqual(alice.wait({"event": "ack", "to": "bob"})["code"], 0)
            self.assertEqual(len(self.server.asked("sendMessage")), asked + 3)
            bob.events.clear()
        for action in (cwa.status(503, 2), cwa.error_alone(18101), cwa.status(500)):
            self.server.plan("get", action, count=2)
            self.server.call(self.server.session("alice").wake)
            bramble.wait_until(lambda: self.server.plans[-1]["count"] < 2, "it was met")
            bob.say("alice", "you too")
            self.awaits(alice, {"event": "message", "text": "you too"})
            self.assertFalse(any(p["count"] for p in self.server.plans))
        self.alive(alice)
        self.assertEqual(len(self.server.begun), 1)

    def test_a_lost_answer_with_events_is_asked_for_again_and_told_once(self):
        bob, alice = self.begin()
        for part in (0.05, 0.3, 0.6, 0.99):
            with self.subTest(part=part):
                # The request that is held now ends as it should; the next is the one.
                self.server.plan("get", cwa.cut(part))
                bob.say("alice", f"before {part}")
                bob.say("alice", f"and after {part}")
                for words in ("before", "and after"):
                    self.awaits(alice, {"event": "message", "text": f"{words} {part}"})
                self.on_and_on(lambda: not any(p["count"] for p in self.server.plans), "the request for events")
        self.alive(alice)
        words = [e["text"] for e in alice.events if e["event"] == "message"]
        self.assertEqual(len(words), len(set(words)) + words.count("are you there?") - 1)
        self.assertEqual(len(self.server.begun), 1)

    def test_a_lost_answer_to_a_message_is_told_and_the_message_not_said_twice(self):
        bob, alice = self.begin()
        for part in (0, 0.1, 0.9):
            with self.subTest(part=part):
                self.server.plan("sendMessage", cwa.cut(part))
                code = self.say(alice, "bob", f"lost {part}")
                self.assertIn(code, (0, 503))
                self.alive(alice)
                self.assertEqual(bob.words().count(f"lost {part}"), 1)
        self.server.plan("sendMessage", cwa.hang_up())
        self.assertIn(self.say(alice, "bob", "hung up"), (0, 503))
        self.alive(alice)
        self.assertLessEqual(bob.words().count("hung up"), 1)

    def test_a_server_that_says_nothing_more_is_lost(self):
        _, alice = self.begin()
        hold = cwa.Hold()
        self.addCleanup(hold.release, self.server)
        self.server.plan("get", hold, count=99)
        self.server.call(self.server.session("alice").wake)
        hold.wait()
        self.on_and_on(lambda: any(e["event"] == "forced-logout" for e in alice.events) or not self.lab.ask("collab", "sessions")["sessions"],
                       "the session is lost", 30)
        self.gone(alice)
        self.server.forget("alice")

    def test_a_command_that_gets_no_answer_has_its_outcome_after_30_s(self):
        bob, alice = self.begin()
        hold = cwa.Hold()
        self.server.plan("sendMessage", hold)
        alice.say("send bob stuck")
        hold.wait()
        # Events go on meanwhile.
        bob.say("alice", "still there?")
        self.awaits(alice, {"event": "message", "text": "still there?"})
        self.advance(31)
        self.assertEqual(alice.wait({"event": "ack", "to": "bob"})["code"], 503)
        hold.release(self.server)
        self.alive(alice)

    def test_all_connections_end_and_the_session_goes_on(self):
        bob, alice = self.begin()
        self.server.drop("alice")
        bob.say("alice", "after that")
        self.awaits(alice, {"event": "message", "text": "after that"})
        self.alive(alice)
        self.assertEqual((len(self.server.begun), len(self.server.signed)), (1, 1))

    def test_who_never_answers_an_invitation(self):
        bob, alice = self.begin()
        bob.leave()
        bob.answer = "later"
        alice.say("send bob are you in?")
        bramble.wait_until(lambda: bob.events[-1][0] == "message", "bob is invited")
        self.on_and_on(lambda: self.server.asked("terminateImSession"), "it is given up", 30)
        self.assertEqual(alice.wait({"event": "ack", "to": "bob"})["code"], 410)


class JsonErrors(Case):
    profile = "lcs2005"
    options = ("--clock", "manual")
    pause_ms = 0

    def test_the_same_in_json(self):
        _, alice = Errors.begin(self)
        self.server.forget("alice")
        Errors.again(self)
        self.alive(alice)
        self.advance(100)
        self.server.expire("alice")
        Errors.again(self, signed=2, begun=3)
        self.alive(alice)
        self.server.plan("sendMessage", cwa.fail(18400))
        self.assertEqual(self.say(alice, "bob", "x"), 502)
        self.alive(alice)


if __name__ == "__main__":
    unittest.main()
