"""Seats, their owners and the time of day, on the real processes: a killed service's seats are reclaimed after its lease and not
before, one that was stopped beyond its lease is fenced, and a clock on the wall that jumps by days changes nothing."""
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "support")]
import bramble
import crowd

LEASE_S = 2
OUT = pathlib.Path(os.environ.get("BRAMBLE_OUT", "build/gcc")).absolute()


class Services(unittest.TestCase):
    """Two services with three devices each: 0 to 2 and 3 to 5."""
    env, poll, options = None, "50ms", ()

    def setUp(self):
        self.services = crowd.Services(2, 3, f"collab.database_poll={self.poll}", *self.options, lease=f"{LEASE_S}s", env=self.env).up()
        self.addCleanup(self.services.__exit__)
        self.devices = []
        for k in range(2):
            device = self.services.devices(k)
            self.devices.append(device)
            self.addCleanup(device.stop)

    def device(self, i):
        return self.devices[i // 3]

    def say(self, i, line):
        self.device(i).say(f"@{crowd.pin(i)} {line}")

    def hear(self, i, what, deadline_s=bramble.DEADLINE_S):
        kinds = (what,) if isinstance(what, str) else what
        return self.device(i).wait(lambda e: e.get("pin") == crowd.pin(i) and e["event"] in kinds, f"{what} of device {i}", deadline_s)

    def login(self, i, want="login-ok"):
        self.say(i, f"login {crowd.user(i)} {bramble.password(crowd.user(i))}")
        event = self.hear(i, ("login-ok", "login-failed"))
        self.assertEqual(event["event"], want, event)
        return event

    def limits(self, maximum, idle_ms=0, inactivity_ms=0):
        self.services.sql(f"UPDATE emu_IMServiceConfig SET MaxSessions = {maximum}, IdleTimeoutMs = {idle_ms}, "
                          f"InactivityTimeoutMs = {inactivity_ms}")

    def ended(self):
        return {row[0]: row[1] for row in self.rows("SELECT IMUser, Reason FROM emu_IMSessionHistory ORDER BY Id")}

    def rows(self, sql):
        return self.services.rows(sql)


class Owners(Services):
    def lease_left_s(self, instance):
        until_ms, = self.services.row(f"SELECT LeaseUntilMs FROM emu_ServiceState WHERE Instance = '{instance}'")
        # In the clock that the services share: the host's, or that of the database's server, which is on this host too.
        return until_ms / 1000 - (time.time() if self.services.lab.url else time.monotonic())

    def test_the_seats_of_a_killed_service_are_reclaimed_after_its_lease_and_not_before(self):
        self.limits(1)
        self.login(0)
        self.services.stop("collab0", kill=True)
        left = self.lease_left_s("collab-0")
        until = time.monotonic() + left
        refused = 0
        while True:
            asked = time.monotonic()
            self.say(3, f"login {crowd.user(3)} {bramble.password(crowd.user(3))}")
            event = self.hear(3, ("login-ok", "login-failed"))
            if event["event"] == "login-ok":
                break
            self.assertEqual(event["code"], 100)
            self.assertLess(asked, until + 0.01)
            refused += 1
        self.assertGreater(refused, 0)
        self.assertGreaterEqual(time.monotonic(), until)
        self.assertEqual(self.ended(), {crowd.user(0): "owner-lost"})
        # Its own new life takes a new epoch, and there is nothing left that it could end.
        self.services.start("collab", 0)
        self.assertEqual(self.rows("SELECT IMUser FROM emu_IMSession"), [(crowd.user(3),)])

    def test_a_service_that_was_stopped_beyond_its_lease_is_fenced(self):
        self.limits(1)
        session = self.login(0)["session"]
        stopped = self.services.processes["collab0"]
        stopped.child.send_signal(signal.SIGSTOP)
        bramble.wait_until(lambda: self.lease_left_s("collab-0") < -0.01, "the lease has run out")
        # What gathers in its sockets meanwhile: a message of its session, and a login.
        self.say(0, f"send {crowd.user(3)} from a session that is none any more")
        self.say(1, f"login {crowd.user(1)} {bramble.password(crowd.user(1))}")
        mine = self.login(3)["session"]
        stopped.child.send_signal(signal.SIGCONT)
        # The two are told in no order.
        told = {}

        def both(event):
            if event.get("pin") == crowd.pin(0) and event["event"] == "forced-logout":
                told["end"] = event
            elif event.get("pin") == crowd.pin(1) and event["event"] in ("login-ok", "login-failed"):
                told["answer"] = event
            return len(told) == 2
        self.device(0).wait(both, "the end of the session and the answer to the login")
        self.assertEqual((told["end"]["session"], told["end"]["reason"]), (session, "shutdown"))
        self.assertEqual((told["answer"]["event"], told["answer"]["code"]), ("login-failed", 504))
        self.assertEqual(stopped.child.wait(20), 1)
        self.assertEqual(self.rows("SELECT Id, IMUser FROM emu_IMSession"), [(mine, crowd.user(3))])
        self.assertEqual(self.ended(), {crowd.user(0): "owner-lost"})
        self.assertEqual(self.services.lab.ask("groupwise", "census")["messages_total"], 0)
        bramble.wait_until(lambda: self.services.lab.ask("groupwise", "census")["sessions"] == 1, "its connection to be closed")

    def test_a_service_that_was_stopped_within_its_lease_goes_on(self):
        self.login(0)
        stopped = self.services.processes["collab0"].child
        stopped.send_signal(signal.SIGSTOP)
        self.say(0, f"send {crowd.user(3)} just a moment")
        self.login(3)
        stopped.send_signal(signal.SIGCONT)
        self.assertEqual(self.hear(0, "ack")["code"], 0)
        self.assertEqual(len(self.rows("SELECT 1 FROM emu_IMSession")), 2)

    def test_the_maximum_is_lowered_raised_and_unset_under_load_by_plain_sql(self):
        self.limits(3)
        for i in (0, 1, 3):
            self.login(i)
        self.limits(1)
        self.assertEqual(self.login(4, "login-failed")["code"], 100)
        self.assertEqual(len(self.rows("SELECT 1 FROM emu_IMSession")), 3)
        for i in (0, 3):
            self.say(i, "logout")
            self.hear(i, "logged-out")
            self.assertEqual(self.login(4, "login-failed")["code"], 100)
        self.limits(2)
        self.login(4)
        self.limits(0)
        self.login(0)

    def test_a_lowered_timeout_counts_for_sessions_that_run(self):
        self.limits(0, inactivity_ms=3600000)
        self.login(0)
        logged_in = time.monotonic()
        self.limits(0, inactivity_ms=2000)
        self.assertEqual(self.hear(0, "forced-logout")["reason"], "inactive")
        self.assertGreaterEqual(time.monotonic() - logged_in, 1.9)


class Elsewhere(Services):
    poll = "1s"

    def test_the_connection_of_whom_a_login_evicts_at_another_service_is_closed_before_its_own_opens(self):
        self.limits(1, idle_ms=600000)
        self.login(0)
        self.say(0, "coverage off")
        bramble.wait_until(lambda: self.rows("SELECT 1 FROM emu_IMSession WHERE Mark <> 0"), "the session is marked")
        self.login(3)
        self.say(0, "coverage on")
        self.assertEqual(self.hear(0, "forced-logout")["reason"], "evicted-coverage")
        self.assertEqual(self.services.lab.ask("groupwise", "census")["sessions_most"], 1)
        self.assertEqual(self.rows("SELECT count(*) FROM emu_IMClosing"), [(0,)])


class Wall(Services):
    """The time of day of the real programs is off by what a file says; the monotonic clock stays the machine's. The certificate of
    the IM server is of today, so all days are later ones. The file is none that a daemon may open by itself."""

    options = ("common.confine=no",)

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bramble-wall-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.jump(60)
        # The sanitizer wants to be loaded first, and is told to put up with the second place.
        self.env = dict(os.environ, LD_PRELOAD=str(OUT / "tests" / "process" / "wall_clock.so"), WALL_CLOCK=str(self.folder / "now"),
                        ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0")
        super().setUp()

    def jump(self, days):
        """In one step: a reader sees the old or the new."""
        new = self.folder / "next"
        new.write_text(f"{days * 86400}\n")
        new.rename(self.folder / "now")

    def wall_of_newest_event(self):
        at, = self.services.row("SELECT AtMs FROM emu_EventTrail ORDER BY Id DESC LIMIT 1")
        return at / 1000 - time.time()

    def test_a_wall_clock_that_jumps_by_days_both_ways_changes_nothing(self):
        self.limits(3, idle_ms=3600000)
        self.login(0)
        self.login(3)
        for days in (69, 30, 300, 1):
            self.jump(days)
            jumped = time.monotonic()
            # The daemons do see the other day: it is in what they write for people.
            self.login(4)
            self.say(4, "logout")
            self.hear(4, "logged-out")
            self.assertAlmostEqual(self.wall_of_newest_event() / 86400, days, delta=0.1)
            # Long enough for a lease that went by the wall to run out, and the services admit and reclaim meanwhile.
            bramble.wait_until(lambda jumped=jumped: time.monotonic() - jumped > 1.5 * LEASE_S, "one and a half leases")
            self.assertEqual([r[0] for r in self.rows("SELECT IMUser FROM emu_IMSession ORDER BY IMUser")],
                             [crowd.user(0), crowd.user(3)])
        self.assertEqual(set(self.ended()), {crowd.user(4)})
        # Timeouts strike at their time, however the wall jumps.
        said = time.monotonic()
        self.say(0, f"send {crowd.user(3)} the last thing I do")
        self.hear(0, "ack")
        self.limits(0, inactivity_ms=4000)
        for days in (80, 2):
            self.jump(days)
        self.assertEqual(self.hear(0, "forced-logout")["reason"], "inactive")
        self.assertGreaterEqual(time.monotonic() - said, 4)


if __name__ == "__main__":
    unittest.main()
