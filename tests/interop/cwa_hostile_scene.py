"""What the tests with a hostile Communicator Web Access server share: one lab, one server, Alice who is treated well, and Bob who is not."""
import re

import bramble
import cwa_server as cwa
from independent_cwa import Case

SWELLS_BY = 96 << 20
FAILED = (401, 502, 503)


def actions(bodies):
    """Bodies by name as actions by name."""
    return {name: cwa.body(data.encode() if isinstance(data, str) else data, type_) for name, (data, type_) in bodies.items()}


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

    def awaits(self, device, event):
        """Requests are repeated after a pause when there was no connection for them, or when it ended under them, and the clocks stand."""
        for patience in (5, 5, 10):
            try:
                return device.wait(event, deadline_s=patience)
            except AssertionError:
                self.advance(3)
        return device.wait(event)

    def goes_on(self):
        """The other session."""
        carol = self.server.puppets["carol"]
        carol.say("alice", "are you there?")
        self.awaits(self.alice, {"event": "message", "from": "carol"})
        heard = len(carol.words("alice"))
        self.assertEqual(self.say(self.alice, "carol", "yes"), 0)
        bramble.wait_until(lambda: carol.words("alice")[heard:] == ["yes"], "carol hears it once")

    def fails(self, what, action, name, codes=FAILED, user="bob"):
        """A login that is met by it comes to nothing."""
        with self.subTest(name, at=what):
            if self.server.sessions_of("bob"):
                self.logout(self.bob)
            self.server.plan(what, action, user=user)
            self.assertIn(self.refused(self.bob, "bob"), codes)
            self.goes_on()

    def ends(self, device):
        """Moves the clocks until the session is lost."""
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
            for _ in range(12):
                # It may have had enough of the one before, and wait.
                self.goes_on()
                self.advance(5)
                if self.server.plans[-1]["count"] < count or not self.server.sessions_of("bob"):
                    break
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
