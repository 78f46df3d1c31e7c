#!/usr/bin/env python3
"""Many sessions on Communicator Web Access in one Collaboration Service, over TLS: one connection for each that waits for events, no thread
for any, and one that is stuck holds up nobody. BRAMBLE_CWA_SESSIONS=2000 tries more and tells what they take."""
import os
import pathlib
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import bramble
import cwa_pipeline

SESSIONS = int(os.environ.get("BRAMBLE_CWA_SESSIONS", "200"))
AT_ONCE = 50
DEADLINE_S = 60 + SESSIONS / 5


def pin(i):
    return f"{0x22000000 + i:08X}"


class Scale(unittest.TestCase):
    def setUp(self):
        self.pipeline = cwa_pipeline.Pipeline("--poll", "20ms", "--busy-poll", "20ms", "--hold", "60s", users=SESSIONS, capacity=SESSIONS)
        self.pipeline.__enter__()
        self.addCleanup(self.pipeline.__exit__)
        folder = self.pipeline.dir / "many"
        folder.mkdir()
        for i in range(1, SESSIONS + 1):
            (folder / f"{pin(i)}.json").symlink_to(self.pipeline.dir / "devices" / f"{pin(i)}.json")
        self.crowd = bramble.Device("--key-file", folder, "--count", SESSIONS, "--router", f"127.0.0.1:{self.pipeline.lab.port(3101)}", "--json",
                                    "--stay")
        self.addCleanup(self.crowd.stop)

    def wait(self, event, **more):
        return self.crowd.wait({"event": event, **more}, event, DEADLINE_S)

    def say(self, i, words):
        self.crowd.say(f"@{pin(i)} {words}")

    def collab(self):
        """(descriptors, threads, resident KiB) of the Collaboration Service."""
        proc = pathlib.Path(f"/proc/{self.pipeline.processes['collab'].child.pid}")
        status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())
        return len(list((proc / "fd").iterdir())), int(status["Threads"]), int(status["VmRSS"].split()[0])

    def test_sessions_share_one_loop_and_one_connection_each_and_a_stuck_one_holds_up_nobody(self):
        for _ in range(SESSIONS):
            self.wait("link-up")
        before, began = self.collab(), time.monotonic()
        # Some at a time, as they come in real life; the next when one is in.
        for i in range(1, min(AT_ONCE, SESSIONS) + 1):
            self.say(i, f"login user{i:04} user{i:04}-secret")
        for i in range(1, SESSIONS + 1):
            self.wait("login-ok")
            if i + AT_ONCE <= SESSIONS:
                self.say(i + AT_ONCE, f"login user{i + AT_ONCE:04} user{i + AT_ONCE:04}-secret")
        took = time.monotonic() - began

        def all_wait():
            users = self.pipeline.census()["users"]
            return sum(s["held"] for u in users.values() for s in u["sessions"]) == SESSIONS
        bramble.wait_until(all_wait, "each session waits for events", DEADLINE_S, every_s=0.2)
        descriptors, threads, memory = self.collab()
        self.assertEqual(threads, before[1])
        # What logins needed beside the connection that waits is kept for a while, to be used again.
        self.assertLessEqual(descriptors - before[0], SESSIONS + 2 * AT_ONCE)
        if SESSIONS > 200:
            print(f"{SESSIONS} sessions: logged in within {took:.1f} s, {descriptors - before[0]} descriptors, {threads} threads, "
                  f"{(memory - before[2]) / SESSIONS:.0f} KiB each", file=sys.stderr)

        # The first one's request is never answered; all the others talk.
        self.pipeline.server.ask("fault", word="drop,on=initiateImSession,user=user0001")
        self.say(1, "send user0002 this one waits for its outcome")
        for i in range(2, 40):
            self.say(i, f"send user{i + 1:04} hello from {i}")
        began = time.monotonic()
        for _ in range(2, 40):
            self.crowd.wait(lambda e: e["event"] == "message" and e["text"].startswith("hello from"), "a message", DEADLINE_S)
        self.assertLess(time.monotonic() - began, 15)


if __name__ == "__main__":
    unittest.main()
