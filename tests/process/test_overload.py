"""More than can be done, on the real processes: what is refused, what is done all the same, and what the checker of histories says of it."""
import collections
import json
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

DEVICES = 10
EACH = 27                      # so many of each are more than the 256 that may wait however long, and fewer than a device keeps
MORE = 3
OVERLOADED = 429


class Overload(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="br-overload-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.history = self.folder / "history"

    def say(self, i, line):
        self.device.say(f"@{crowd.pin(i)} {line}")

    def acks(self, count):
        """The codes of so many acknowledgements."""
        return collections.Counter(self.device.wait({"event": "ack"})["code"] for _ in range(count))

    def everybody_says(self, times):
        for n in range(times):
            for i in range(DEVICES):
                self.say(i, f"send {crowd.user(i ^ 1)} message {n}")

    def router(self, key):
        return self.services.ask("router", 0, "status")[key]

    def log_in(self):
        for i in range(DEVICES):
            self.say(i, f"login {crowd.user(i)} {bramble.password(crowd.user(i))}")
        for _ in range(DEVICES):
            self.device.wait({"event": "login-ok"})

    def log_out(self):
        for i in range(DEVICES):
            self.say(i, "logout")
        for _ in range(DEVICES):
            self.device.wait({"event": "logged-out"})

    def is_kept(self):
        """Every rule, by the checker."""
        status, out, err = bramble.run("bramble", "check", self.history, "--dir", self.services.dir, "--json")
        self.assertEqual((status, [r for r in json.loads(out)["rules"] if r["violated"]]), (0, []), err)

    def test_what_waits_too_long_before_the_dispatcher_is_refused_and_all_else_is_done_once(self):
        with crowd.Services(1, DEVICES, history=self.history) as self.services:
            self.device = self.services.devices(0, "--history", self.history)
            self.log_in()
            self.everybody_says(1)
            self.assertEqual(self.acks(DEVICES), {0: DEVICES})
            dispatcher = self.services.processes["dispatcher0"].child
            before = self.router("forwarded_up")
            dispatcher.send_signal(signal.SIGSTOP)
            self.everybody_says(EACH)
            bramble.wait_until(lambda: self.router("forwarded_up") == before + EACH * DEVICES, "all of them wait")
            old = time.monotonic() + 0.3
            bramble.wait_until(lambda: time.monotonic() > old, "they wait for longer than they may")
            self.everybody_says(MORE)
            # At once, while the Dispatcher stands still.
            self.assertEqual(self.acks(MORE * DEVICES), {OVERLOADED: MORE * DEVICES})
            self.assertEqual(self.router("overloaded"), MORE * DEVICES)
            dispatcher.send_signal(signal.SIGCONT)
            self.assertEqual(self.acks(EACH * DEVICES), {0: EACH * DEVICES})
            self.everybody_says(1)
            self.assertEqual(self.acks(DEVICES), {0: DEVICES})
            self.log_out()
            self.assertEqual(self.device.stop(), 0)
            self.assertEqual(set(self.services.down().values()), {0})
            self.is_kept()

    def test_what_the_im_server_cannot_answer_is_refused_and_all_else_is_done_once(self):
        with crowd.Services(1, DEVICES, "collab.requests=20", history=self.history) as self.services:
            self.device = self.services.devices(0, "--history", self.history)
            self.log_in()
            server = self.services.processes["groupwise"].child
            server.send_signal(signal.SIGSTOP)
            self.everybody_says(EACH)
            self.assertEqual(self.acks(EACH * DEVICES - 20), {OVERLOADED: EACH * DEVICES - 20})
            server.send_signal(signal.SIGCONT)
            self.assertEqual(self.acks(20), {0: 20})
            self.log_out()
            self.assertEqual(self.device.stop(), 0)
            self.assertEqual(set(self.services.down().values()), {0})
            self.is_kept()


if __name__ == "__main__":
    unittest.main()
