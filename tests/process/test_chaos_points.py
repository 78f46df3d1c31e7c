"""Processes die at named points, where it hurts most: around a commit, between taking something and passing it on, between an acknowledgement
and what it promises, in the middle of a hand-over. Their next life goes on, and every rule holds."""
import unittest

import chaos

# (process, point, "unsent": its lines are written and nothing that came of it has left; "": at once, in the middle of the round)
POINTS = (
    # A seat's transaction, before it is committed and after it, when nobody has heard of it yet.
    ("collab", "seat.commit.before", ""), ("collab", "seat.commit.after", ""), ("collab", "admit", "unsent"), ("collab", "login", "unsent"),
    ("collab", "seat.free", "unsent"), ("collab", "answer", "unsent"),
    # What a device said: taken by each process on its way, and not yet passed on.
    ("router", "up", ""), ("router", "up", "unsent"), ("dispatcher", "opened", ""), ("dispatcher", "opened", "unsent"),
    ("collab", "im.taken", ""), ("collab", "im.taken", "unsent"), ("groupwise", "server.accepted", ""), ("groupwise", "server.accepted", "unsent"),
    # Done at the IM server, and the device does not know; acknowledged, and not delivered to the other one.
    ("collab", "im.answered", ""), ("collab", "im.answered", "unsent"), ("groupwise", "server.delivered", "unsent"),
    # What is said to a device, the same way back; and its receipt.
    ("collab", "im.heard", "unsent"), ("collab", "event.queued", "unsent"), ("dispatcher", "sealed", ""), ("dispatcher", "sealed", "unsent"),
    ("router", "down", ""), ("router", "down", "unsent"), ("collab", "event.delivered", "unsent"),
    # The end of a session.
    ("collab", "session.end", "unsent"),
    # A device's counter, stored before it is used.
    ("dispatcher", "commit.before", ""), ("dispatcher", "commit.after", ""),
)


class Points(unittest.TestCase):
    def die(self, lab, name, point, how):
        """It dies there within the load, is started again, and the service is back."""
        if point.startswith("commit."):
            # The next life of a Dispatcher stores a new ceiling for the first message of each device.
            lab.talks = False
            lab.restart("dispatcher")
        lab.order(name, point, unsent=how == "unsent")
        lab.talks = True
        lab.dies(name, point)
        lab.settle(f"{name} at {point} {how}", logged_out=False, check=False)

    def test_at_each_point_of_a_message_and_of_a_login(self):
        with chaos.Chaos(1, logouts=0.1) as lab, chaos.replayable(lab, "test_chaos_points"):
            lab.steady()
            lab.settle("before")
            for name, point, how in POINTS:
                self.die(lab, name, point, how)
            lab.end()


HAND_OVER = (
    # Between two of its steps, each of the three that take part in it.
    ("dispatcher", "failover.promote"), ("dispatcher", "failover.active"), ("dispatcher", "failover.demote"), ("collab", "failover.drained"),
    ("collab", "failover.log-out"), ("collab-2", "failover.log-in"),
)


class HandOver(unittest.TestCase):
    def test_in_the_middle_of_a_planned_switch(self):
        settings = ("dispatcher.health_dead=1s", "collab.health_interval=200ms", "dispatcher.switch_timeout=2s")
        with chaos.Chaos(1, "--services", "2", settings=settings) as lab, chaos.replayable(lab, "test_chaos_points"):
            lab.steady()
            for name, point in HAND_OVER:
                # The first service is the active one again, and the second is well.
                lab.active("collab-1")
                lab.order(name, point, unsent=True)
                lab.during(lab.lab.tool, "failover", "switch", "collab-2", want=None)
                lab.dies(name, point)
                lab.settle(f"{name} at {point}", logged_out=False, check=False)
            lab.end()


if __name__ == "__main__":
    unittest.main()
