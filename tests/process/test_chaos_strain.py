"""What strains processes without ending them, under load: they are stopped beyond every heartbeat and go on, the IM server ends in good order,
the database is locked, descriptors run out. Afterwards all is as before, every rule holds, and everybody has the process id that he had."""
import contextlib
import resource
import unittest

import chaos

STOPPED_S = 3.0         # beyond a lease of 2 s, four pings of 0.3 s, and two of a second
LOCKED_S = 2.0


class Strain(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = cls.enterClassContext(chaos.Chaos(1, settings=(
            "collab.lease=2s", "dispatcher.ping_interval=300ms", "router.ping_misses=1"), logouts=0.05))
        cls.lab.steady()
        cls.lab.settle("before")

    def setUp(self):
        self.lab.still = False
        self.enterContext(chaos.replayable(self.lab, self.id()))

    def strained(self, name):
        """What a test has done is over: the service is back, the checker finds nothing, nobody has died."""
        self.lab.back(chaos.now_s())
        self.lab.settle(name)

    def test_each_process_is_stopped_beyond_its_heartbeats_and_goes_on(self):
        for name in ("router", "dispatcher", "collab", "groupwise"):
            self.lab.during(self.lab.steer, "stop", name)
            self.lab.pass_(STOPPED_S)
            self.lab.during(self.lab.steer, "continue", name)
            self.lab.back(chaos.now_s())
        self.strained("stopped")

    def test_an_im_server_that_ends_in_good_order_is_found_again(self):
        self.lab.kill("groupwise", down_s=0.5, signal="TERM")
        self.strained("the IM server ended in good order")

    def test_each_daemon_that_ends_in_good_order_is_found_again(self):
        for name in ("router", "dispatcher", "collab"):
            self.lab.kill(name, signal="TERM")
        self.strained("ended in good order")

    def test_a_service_is_back_however_long_the_router_was_away(self):
        """Pauses that grow, or dials that nobody answers counted as connects, would have the Dispatcher come a minute later."""
        self.lab.kill("router", down_s=6)
        self.strained("a router that was away for long")

    @contextlib.contextmanager
    def without_descriptors(self, name):
        """The process may open nothing more than it has open now."""
        pid = self.lab.pids[name]
        soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, hard))
        try:
            yield
        finally:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))

    def said(self, name):
        """That it takes nobody, in its log: each time is one line."""
        return (self.lab.lab.dir / "log" / f"{name}.log").read_text().count("accepts nobody for now: Too many open files")

    def test_a_process_without_descriptors_serves_whom_it_has_and_takes_others_again_afterwards(self):
        for name, felt in (("router", lambda: self.said("router")), ("groupwise", lambda: self.said("groupwise")), ("dispatcher", None),
                           ("collab", lambda: any(p.refused == 503 for p in self.lab.phones.values()))):
            with self.subTest(process=name):
                self.lab.steady()
                with self.without_descriptors(name):
                    since = chaos.now_s()
                    if felt:
                        self.lab.until(felt, f"somebody could not connect to or from {name}")
                    self.lab.pass_(0.5)
                    # Who is connected and in coverage is answered all the while.
                    self.lab.until(lambda since=since: self.lab.answered_since(since * 1e6), "somebody is answered")
                self.strained(f"{name} had no descriptors")
                self.assertLess(self.said(name), 20, "it is said, and not all the time")

    @classmethod
    def tearDownClass(cls):
        cls.lab.end()


class Locked(unittest.TestCase):
    def seated(self, lab):
        return {p.pin for p in lab.phones.values() if p.state == "online"}

    def test_a_database_that_somebody_has_locked_lets_no_one_in_and_ends_no_session(self):
        # A renewal of the lease waits for the lock, too: the lease is longer than that. And so is a device's patience: a login may wait behind it.
        with chaos.Chaos(1, settings=("collab.lease=10s",), logouts=0.05, login_timeout="15s") as lab, chaos.replayable(lab, self.id()):
            lab.steady()
            lab.hold_still()
            for phone in lab.phones.values():
                phone.refused = None
            with lab.lab.locked():
                lab.until(lab.no_login_but_refused, "each login is told that the database is away")
                # Whatever was under way when it was locked has come to its end.
                lost, logins, seated = lab.counts["lost"], lab.counts["logins"], self.seated(lab)
                lab.pass_(LOCKED_S)
                self.assertEqual((lab.counts["lost"], lab.counts["logins"]), (lost, logins))
                self.assertEqual(self.seated(lab), seated)
            lab.back(chaos.now_s())
            lab.settle("the database was locked")
            lab.end()


if __name__ == "__main__":
    unittest.main()
