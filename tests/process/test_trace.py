"""`bramble trace`: any login of a lab as the vendor's numbered steps, and what became of its session."""
import json
import re
import unittest

import bramble
from lab_scene import Scene

STEP_LINE = re.compile(r"^  (\d\.|  ) +([\d.]*) +\S")


def step(login, what):
    found = [s for s in login["steps"] if s["what"] == what]
    assert len(found) == 1, (what, login["steps"])
    return found[0]


class Trace(Scene):
    def words(self, login_id):
        """What a person reads; the numbered steps come in their order, each once."""
        text = self.lab.tool("trace", "show", login_id)
        numbers = [m[1] for line in text.splitlines() if (m := STEP_LINE.match(line)) and m[1].strip()]
        self.assertEqual(numbers, [f"{n}." for n in range(1, 7)], text)
        return text

    def test_an_accepted_login_is_told_from_the_device_to_the_server_and_back(self):
        answer = self.login("alice")
        told = self.show(answer["login_id"])
        self.assertEqual((told["login_id"], told["pin"], told["user"], told["outcome"], told["code"], told["status_text"]),
                         (answer["login_id"], "2100000A", "alice", "accepted", 0, "OK"))
        self.assertEqual(told["arithmetic"], "max=unset live=0 capacity=5120 -> ADMITTED")
        self.assertEqual(sorted({s["step"] for s in told["steps"]}), [1, 2, 3, 4, 5, 6])
        self.assertEqual([s["step"] for s in told["steps"]], sorted(s["step"] for s in told["steps"]))
        times = [s["at_us"] for s in told["steps"] if s["at_us"]]
        self.assertEqual(times, sorted(times))
        self.assertGreaterEqual(len(times), 8)
        self.assertEqual({s["process"] for s in told["steps"]}, {"device", "router", "dispatcher", "collab"})
        self.assertIn("TLSv1.3", step(told, "a connection of its own to GroupWise")["detail"])
        self.assertEqual(step(told, "GroupWise Messenger accepts the login")["detail"], "Alice Archer")
        self.assertEqual(told["notes"], [])
        self.assertEqual((told["session"]["session"], told["session"]["live"], told["session"]["reason"], told["evicted"]),
                         (answer["session"], True, None, []))
        text = self.words(answer["login_id"].lower())
        self.assertIn("=> accepted", text)
        self.assertIn(f"Session {answer['session']} on ", text)
        self.assertNotIn("alice-secret", text + json.dumps(told))

        # What becomes of it: out of coverage, marked, back; then the end with its reason.
        self.device("alice").say("coverage off")
        self.wait_mark("alice")
        bramble.wait_until(lambda: self.show(answer["login_id"])["session"]["evictable"] == "evicted-coverage", "the mark")
        self.device("alice").say("coverage on")
        self.device("alice").wait({"event": "resumed"})
        bramble.wait_until(lambda: self.session("alice").get("mark") == "", "the mark to be gone")
        self.device("alice").say("logout")
        self.device("alice").wait({"event": "logged-out"})
        bramble.wait_until(lambda: not self.show(answer["login_id"])["session"]["live"], "the end of the session")
        session = self.show(answer["login_id"])["session"]
        self.assertEqual((session["reason"], session["ended_by"]), ("logout", None))
        self.assertGreater(session["lasted_ms"], 0)
        happened = [e["what"] for e in session["events"]]
        self.assertEqual(happened, ["its device leaves coverage", "may be logged out when a place is needed", "its device is back in coverage",
                                    "may not be logged out any more", "ends"])
        self.assertRegex(self.words(answer["login_id"]), rf"Session {answer['session']} on \S+ ended after .* at .*: logout\n")

    def test_server_busy_is_told_with_its_arithmetic(self):
        self.limits("--max", "1", "--idle-timeout", "10m")
        self.login("alice")
        busy = self.login("bob")
        self.assertEqual(busy["status_text"], "Server Busy")
        told = self.show(busy["login_id"])
        self.assertEqual((told["outcome"], told["code"], told["status_text"], told["session"]), ("refused", 100, "Server Busy", None))
        self.assertEqual(told["arithmetic"], "max=1 live=1 evictable=0 idle_timeout=10m -> SERVER BUSY")
        self.assertEqual(step(told, "a connection of its own to GroupWise")["detail"], "not reached")
        text = self.words(busy["login_id"])
        self.assertIn("max=1 live=1 evictable=0 idle_timeout=10m -> SERVER BUSY", text)
        self.assertIn('=> refused, the device shows "Server Busy" (code 100)', text)
        self.assertIn("No session was made.", text)

    def test_failed_300_is_told(self):
        self.limits("--capacity", "1")
        self.login("alice")
        told = self.show(self.login("bob")["login_id"])
        self.assertEqual((told["code"], told["status_text"], told["arithmetic"]),
                         (300, "Failed (300)", "max=unset live=1 capacity=1 -> FAILED (300)"))

    def test_a_user_who_is_not_permitted_is_told(self):
        self.lab.tool("user", "permit", "bob", "no")
        told = self.show(self.login("bob")["login_id"])
        self.assertEqual((told["code"], told["status_text"], told["session"]), (403, "Failed", None))
        self.assertEqual(step(told, "permission to use the client")["detail"], "no")

    def test_a_wrong_password_is_told_with_the_seat_that_was_given_back(self):
        failed = self.login("alice", "wrong-secret")
        told = bramble.wait_until(lambda: (t := self.show(failed["login_id"])) and t["session"] and not t["session"]["live"] and t, "the end")
        self.assertEqual((told["outcome"], told["code"], told["session"]["reason"]), ("refused", 401, "refused"))
        self.assertEqual(step(told, "GroupWise Messenger accepts the login")["detail"], "no")
        self.assertNotIn("wrong-secret", self.words(failed["login_id"]))

    def test_who_evicted_whom_is_told_on_both_sides(self):
        self.limits("--max", "2", "--idle-timeout", "10m")
        self.login("alice")
        bob = self.login("bob")
        self.device("bob").say("coverage off")
        self.wait_mark("bob")
        carol = self.login("carol")
        told = self.show(carol["login_id"])
        self.assertEqual([(e["user"], e["session"], e["login_id"], e["reason"]) for e in told["evicted"]],
                         [("bob", bob["session"], bob["login_id"], "evicted-coverage")])
        eviction = step(told, "a session that may be logged out is")
        self.assertEqual((eviction["step"], eviction["from"]), (4, "trail"))
        self.assertIn(f"session {bob['session']} of bob from 2100000B", self.words(carol["login_id"]))
        session = self.show(bob["login_id"])["session"]
        self.assertEqual((session["reason"], session["ended_by"], session["live"]), ("evicted-coverage", carol["login_id"], False))
        self.assertIn(f"evicted-coverage, by login {carol['login_id']}\n", self.words(bob["login_id"]))
        row = self.lab.json("session", "list", "--history", "--most", "1")[0]
        self.assertEqual((row["reason"], row["ended_by"]), ("evicted-coverage", carol["login_id"]))
        self.assertGreaterEqual(row["lasted_ms"], 0)
        self.assertRegex(self.lab.tool("session", "list", "--history"),
                         rf"(?m)^{bob['session']} +bob +2100000B +evicted-coverage +{carol['login_id']} ")
        # A second login of the same device replaces the first, and each is told apart.
        again = self.lab.device("carol")
        self.devices.pop("carol").stop()
        self.devices["carol"] = again
        self.addCleanup(again.stop)
        second = self.login("carol")
        self.assertNotEqual(second["login_id"], carol["login_id"])
        self.assertEqual([(e["login_id"], e["reason"]) for e in self.show(second["login_id"])["evicted"]], [(carol["login_id"], "replaced")])
        self.assertEqual(self.show(carol["login_id"])["session"]["ended_by"], second["login_id"])
        self.assertEqual([e["user"] for e in self.show(carol["login_id"])["evicted"]], ["bob"])

    def test_what_the_processes_have_forgotten_comes_from_the_database(self):
        self.limits("--max", "1")
        alice = self.login("alice")
        busy = self.login("bob")
        for user in ("alice", "bob"):
            self.devices[user].say("quit")
        self.lab.down()
        # Nothing runs: the database alone.
        text = self.words(busy["login_id"])
        self.assertIn("does not answer", text)
        self.assertRegex(text, r"max=1 live=1 .*SERVER BUSY \(database\)")
        self.lab.up()
        told = self.show(busy["login_id"])
        self.assertEqual((told["outcome"], told["code"], told["arithmetic"].split()[-2:]), ("refused", 100, ["SERVER", "BUSY"]))
        self.assertEqual({s["from"] for s in told["steps"]}, {None, "database"})
        self.assertTrue(all("has nothing of it" in n for n in told["notes"][:3]), told["notes"])
        told = self.show(alice["login_id"])
        self.assertEqual((told["outcome"], told["user"], told["session"]["reason"]), ("accepted", "alice", "shutdown"))
        self.assertIn("shutdown", self.words(alice["login_id"]))

    def test_lists_and_ids_that_are_not_known(self):
        self.limits("--max", "1")
        alice, busy = self.login("alice"), self.login("bob")
        rows = bramble.wait_until(lambda: len(r := self.lab.json("trace", "list")) == 2 and r, "both logins")
        self.assertEqual([(r["login_id"], r["user"], r["outcome"], r["status_text"], r["session"], r["ended"]) for r in rows],
                         [(busy["login_id"], "bob", "refused", "Server Busy", None, None),
                          (alice["login_id"], "alice", "accepted", "OK", alice["session"], "active")])
        self.assertIn("SERVER BUSY", rows[0]["arithmetic"])
        self.assertEqual([r["user"] for r in self.lab.json("trace", "list", "--user", "ALICE")], ["alice"])
        self.assertEqual([r["user"] for r in self.lab.json("trace", "list", "--pin", "2100000b")], ["bob"])
        self.assertEqual([r["user"] for r in self.lab.json("trace", "list", "--most", "1")], ["bob"])
        self.assertRegex(self.lab.tool("trace", "list"), rf"(?m)^{busy['login_id']} +\S+ +bob +refused +Server Busy ")
        self.assertIn(f"the nearest is {alice['login_id']}", self.lab.tool("trace", "show", "2100000A-999", want=1))
        self.assertIn("bramble trace list", self.lab.tool("trace", "show", "FFFFFFFF-777777", want=1))
        for words, said in [(["show", "alice"], "such as 2100000A-17"), (["show"], "argument"), (["list", "--pin", "x"], "8 hex digits"),
                            (["list", "--most", "0"], "--most")]:
            self.assertIn(said, self.lab.tool("trace", *words, want=2))
        status, _, err = bramble.run("bramble", "trace", "show", "2100000A-1", "--dir", "/nonexistent")
        self.assertEqual(status, 3, err)


if __name__ == "__main__":
    unittest.main()
