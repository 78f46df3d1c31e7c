"""A race for seats: devices of several Collaboration Services log in and out, lose coverage and take each other's users, all at once and
through all the real processes, whose histories are checked in the end. Every login has one answer, no commit has more seats than the limits
allow, the IM server never has more sessions than that, and nothing is left in the end.

SEAT_LOGINS in the environment: logins for each service and maximum; SEAT_PROGRESS: says how far it is (`make soak`)."""
import json
import os
import queue
import random
import sys
import threading
import time
import unittest

import bramble
import crowd

BUSY, CAPACITY, NOT_PERMITTED, OVERTAKEN, LOCKED = 100, 300, 403, 404, 504
# Habits are chances: what a device does after its login, and how often another one of its process gets up and goes.
FEW = {"devices": 3, "logout": 0.5, "away": 0.4, "restless": 0.3}


class Players(threading.Thread):
    """The devices of one service, each with a mind of its own: what it does next depends on what it has just heard."""

    def __init__(self, services, k, seed, habits, logins):
        super().__init__(daemon=True)
        self.device = services.devices(k, "--login-timeout", "90s", "--history", services.history)
        self.random = random.Random(seed)
        self.habits = habits
        self.logins = logins
        self.deadline_s = max(120, logins)
        # With a small maximum a few are enough: many would only be refused in between.
        self.pins = [crowd.pin(i) for i in range(k * services.each, k * services.each + habits["devices"])]
        self.everybody = services.count * services.each
        self.users = dict(zip(self.pins, (crowd.user(i) for i in range(k * services.each, (k + 1) * services.each))))
        self.state = {pin: "out" for pin in self.pins}
        self.session = {}
        self.sent = self.answers = 0
        self.heard = {}
        self.problems = []

    def say(self, pin, line):
        self.device.say(f"@{pin} {line}")

    def count(self, what):
        self.heard[what] = self.heard.get(what, 0) + 1

    def login(self, pin):
        if self.sent >= self.logins:
            return
        user = self.users[pin] if self.random.random() > 0.1 else crowd.user(self.random.randrange(self.everybody))
        self.sent += 1
        self.state[pin] = "logging-in"
        self.say(pin, f"login {user} {bramble.password(user)}")

    def leave(self, pin):
        if self.state[pin] == "away":
            self.state[pin] = "in"
            self.say(pin, "coverage on")
        elif self.state[pin] == "in":
            self.state[pin] = "logging-out"
            self.say(pin, "logout")

    def answer(self, event):
        pin = event["pin"]
        self.answers += 1
        if self.state[pin] != "logging-in":
            self.problems.append(f"an answer that nobody waits for: {event}")
        if event["event"] == "login-failed":
            # A dispatcher that needed the database for the device's key, and had no answer, says that it has no service.
            code = LOCKED if event.get("reason") == "no such service" else event.get("code")
            self.count(code)
            if code not in (BUSY, CAPACITY, NOT_PERMITTED, OVERTAKEN, LOCKED):
                self.problems.append(f"a login failed for another reason than the limits: {event}")
            self.state[pin] = "out"
            self.login(pin)
            return
        self.count("ok")
        self.state[pin], self.session[pin] = "in", event["session"]
        dice = self.random.random()
        if dice < self.habits["logout"]:
            self.leave(pin)
        elif dice < self.habits["logout"] + self.habits["away"]:
            self.state[pin] = "away"
            self.say(pin, "coverage off")

    def gone(self, pin):
        # It may have lost coverage in that very moment, and then would refuse to log in.
        self.state[pin] = "out"
        self.say(pin, "coverage on")
        self.login(pin)

    def react(self, event):
        kind, pin = event.get("event"), event.get("pin")
        if kind in ("login-ok", "login-failed"):
            self.answer(event)
        elif kind == "logged-out":
            self.gone(pin)
        elif kind == "forced-logout" and self.state[pin] in ("in", "away", "logging-out") and event["session"] == self.session.get(pin):
            self.count(event["reason"])
            self.gone(pin)
        elif kind == "error" and event["text"] != "cannot log out while logged-out":     # it was logged out in that very moment
            self.problems.append(str(event))
        if self.random.random() < self.habits["restless"]:
            holders = [p for p in self.pins if self.state[p] in ("in", "away")]
            if holders:
                self.leave(self.random.choice(holders))

    def next_event(self, end):
        line = self.device.queue.get(timeout=max(0.01, end - time.monotonic()))
        if line is None:
            raise AssertionError(f"the devices' process ended: {self.device.errors()[-2000:]}")
        return json.loads(line)

    def run(self):
        end = time.monotonic() + self.deadline_s
        try:
            for pin in self.pins:
                self.login(pin)
            while self.answers < self.logins:
                self.react(self.next_event(end))
            while any(state != "out" for state in self.state.values()):
                for pin in self.pins:
                    self.leave(pin)
                self.react(self.next_event(end))
        except queue.Empty:
            self.problems.append(f"no end after {self.deadline_s} s: {self.answers} answers to {self.sent} logins, {self.state}")
        except AssertionError as wrong:
            self.problems.append(str(wrong))


class Race(unittest.TestCase):
    """services: that run; logins: for each of them."""

    services = None
    total = {}                    # what all races heard
    races = 0
    logins = int(os.environ.get("SEAT_LOGINS", "200"))

    @classmethod
    def raced(cls, services):
        """services with a history, up and watched until the end, when everything must have ended well and kept to the rules."""
        cls.services = services
        cls.addClassCleanup(services.__exit__)
        services.history = services.dir / "history"
        services.up()
        services.watch()

    @classmethod
    def tearDownClass(cls):
        ended = cls.services.down()
        assert set(ended.values()) == {0}, ended
        status, out, err = cls.services.lab.run("check", cls.services.history, "--dir", cls.services.dir, timeout=600)
        print(out)
        assert status == 0, out + err

    def race(self, maximum, capacity, habits, meanwhile=None):
        """meanwhile: called again and again, changes the limits; then what is reached in the end is nobody's to say."""
        s, most = self.services, min(maximum or capacity, capacity)
        s.sql(f"UPDATE emu_IMServiceConfig SET MaxSessions = {maximum}, IdleTimeoutMs = 600000, TransportCapacity = {capacity}, "
              f"Evict = '{'one' if maximum > 2 else 'all'}'; UPDATE test_seats SET most = 0")
        players = [Players(s, k, 100 * maximum + k, habits, self.logins) for k in range(s.count)]
        for p in players:
            p.start()
        began = said = time.monotonic()
        while any(p.is_alive() for p in players):
            for p in players:
                p.join(0.05)
            if meanwhile:
                meanwhile()
            if "SEAT_PROGRESS" in os.environ and time.monotonic() - said > 10:
                said = time.monotonic()
                print(f"services: maximum {maximum or 'unset'}: {sum(p.answers for p in players)} of {s.count * self.logins} logins",
                      file=sys.stderr, flush=True)
        heard = {}
        for p in players:
            self.assertEqual(p.device.stop(), 0)
            for what, n in p.heard.items():
                heard[what] = heard.get(what, 0) + n
        type(self).races += 1
        type(self).total = {what: self.total.get(what, 0) + heard.get(what, 0) for what in self.total | heard}
        print(f"maximum {maximum or 'unset'}: {sum(p.sent for p in players)} logins in {time.monotonic() - began:.1f} s: {heard}")
        self.assertEqual([problem for p in players for problem in p.problems], [])
        self.assertEqual([p.answers for p in players], [p.sent for p in players])
        bramble.wait_until(lambda: s.row("SELECT (SELECT count(*) FROM emu_IMSession) + (SELECT count(*) FROM emu_IMClosing)") == (0,),
                           "all seats are free and all connections closed")
        bramble.wait_until(lambda: s.lab.ask("groupwise", "census")["sessions"] == 0, "the IM server has no session left")
        granted, released, kept, reached, over, ownerless = s.row("SELECT * FROM test_seats")
        self.assertEqual((granted - released, released - kept, over, ownerless), (0, 0, 0, 0))
        if not meanwhile:
            self.assertEqual(reached, most)
        # A database that others lock for 2 s happens on a busy machine; it must stay the exception.
        self.assertLess(heard.get(LOCKED, 0), s.count * self.logins / 4)
        if not meanwhile:
            self.assertLessEqual(s.lab.ask("groupwise", "census")["sessions_most"], most)
        return heard
