"""Each branch of the documented login flow, once, on the real processes: devices, router, dispatcher, Collaboration Service,
configuration database and a GroupWise server."""
import shutil
import unittest

import bramble

SECRET = {user: bramble.password(user) for user in bramble.USERS}


class Branch(unittest.TestCase):
    """One lab per branch, because each has limits, evictions and a census of its own."""

    def setUp(self):
        self.lab = bramble.Lab(*self.options()).up()
        self.addCleanup(shutil.rmtree, self.lab.dir, True)
        self.addCleanup(self.lab.down)
        self.devices = {}

    def options(self):
        return []

    def device(self, user, *options):
        if user not in self.devices:
            self.devices[user] = self.lab.device(user, *options)
            self.addCleanup(self.devices[user].stop)
            self.devices[user].wait({"event": "link-up"})
        return self.devices[user]

    def login(self, user, *options):
        """A login that must succeed; its event."""
        device = self.device(user, *options)
        device.say(f"login {user} {SECRET[user]}")
        return device.wait(lambda e: e["event"] in ("login-ok", "login-failed") and self.is_ok(e), f"{user}'s login")

    def is_ok(self, event):
        self.assertEqual(event["event"], "login-ok", event)
        return True

    def refused(self, user, code, status_text, password=None):
        """A login that must be refused with this code and text, also in the trail that the tools read."""
        device = self.device(user)
        device.say(f"login {user} {password or SECRET[user]}")
        event = device.wait(lambda e: e["event"] in ("login-ok", "login-failed"), f"{user}'s refusal")
        self.assertEqual((event["event"], event.get("code"), event.get("status_text")), ("login-failed", code, status_text))
        trail = self.lab.ask("collab", "trail", pin=bramble.USERS[user])["entries"]
        answers = [e for e in trail if e["event"] == "answer"]
        self.assertEqual(answers[-1]["numbers"]["code"], code)
        return answers[-1]

    def census(self):
        return self.lab.ask("groupwise", "census")

    def limits(self, *words):
        self.lab.tool("limits", "set", *words)

    def sessions(self):
        return {s["user"]: s for s in self.lab.ask("collab", "sessions")["sessions"]}

    def wait_session(self, user, **wanted):
        bramble.wait_until(lambda: (s := self.sessions().get(user)) and all(s[k] == v for k, v in wanted.items()),
                           f"{user}'s session to be {wanted}")

    def ended(self):
        return {s["user"]: s["reason"] for s in self.lab.json("session", "list", "--history")}


class TestAdmission(Branch):
    def test_below_the_maximum_the_login_goes_on(self):
        self.limits("--max", "2")
        self.login("alice")
        self.login("bob")
        self.assertEqual(self.census()["sessions"], 2)
        self.assertEqual(sorted(s["user"] for s in self.lab.json("session", "list")), ["alice", "bob"])
        steps = [e["event"] for e in self.lab.ask("collab", "trail", pin=bramble.USERS["alice"])["entries"]]
        self.assertEqual(steps, ["login", "admit", "backend.connect", "backend.login", "answer"])

    def test_maximum_reached_a_session_out_of_coverage_is_logged_out(self):
        self.limits("--max", "2", "--idle-timeout", "10m")
        self.login("alice")
        bob = self.login("bob")
        self.device("bob").say("coverage off")
        self.wait_session("bob", state="out-of-coverage", mark="evicted-coverage")
        self.login("carol")
        self.assertEqual(sorted(self.sessions()), ["alice", "carol"])
        self.assertEqual(self.ended()["bob"], "evicted-coverage")
        self.device("bob").say("coverage on")
        end = self.device("bob").wait({"event": "forced-logout"})
        self.assertEqual((end["reason"], end["session"]), ("evicted-coverage", bob["session"]))

    def test_maximum_reached_a_session_without_status_messages_is_logged_out(self):
        self.limits("--max", "2", "--idle-timeout", "1s")
        self.login("alice", "--status-interval", "250ms")
        self.login("bob", "--status-interval", "250ms")
        self.device("bob").say("silent on")
        self.wait_session("bob", state="active", mark="evicted-silent")
        self.login("carol", "--status-interval", "250ms")
        self.assertEqual(self.device("bob").wait({"event": "forced-logout"})["reason"], "evicted-silent")
        self.assertEqual(sorted(self.sessions()), ["alice", "carol"])

    def test_maximum_reached_and_nobody_idle_is_server_busy(self):
        self.limits("--max", "2", "--idle-timeout", "10m")
        self.login("alice")
        self.login("bob")
        answer = self.refused("carol", 100, "Server Busy")
        self.assertIn("max=2 live=2 evictable=0 idle_timeout=10m -> SERVER BUSY", answer["text"])
        log = (self.lab.dir / "log" / "collab.log").read_text()
        self.assertIn("max=2 live=2 evictable=0 idle_timeout=10m -> SERVER BUSY", log)
        self.assertEqual(self.census()["sessions"], 2)
        # A place becomes free, and the next login has it.
        self.device("alice").say("logout")
        self.device("alice").wait({"event": "logged-out"})
        self.login("carol")

    def test_no_maximum_and_the_capacity_reached_is_failed_300(self):
        self.limits("--max", "unset", "--capacity", "2")
        self.login("alice")
        self.login("bob")
        answer = self.refused("carol", 300, "Failed (300)")
        self.assertIn("max=unset live=2 capacity=2 -> FAILED (300)", answer["text"])

    def test_who_may_not_use_the_client_is_failed(self):
        self.lab.tool("user", "permit", "dave", "no")
        answer = self.refused("dave", 403, "Failed")
        self.assertIn("NOT PERMITTED", answer["text"])
        self.assertEqual(self.census()["connections_total"], 0)
        self.lab.tool("user", "permit", "dave", "yes")
        self.login("dave")

    def test_bad_credentials_are_failed_and_no_seat_is_kept(self):
        self.limits("--max", "1")
        self.refused("alice", 401, "Failed", password="wrong")
        bramble.wait_until(lambda: self.lab.json("session", "list") == [], "the seat to be free")
        self.login("alice")
        everything = b"".join(p.read_bytes() for p in [*self.lab.dir.glob("bramble.db*"), *self.lab.dir.glob("log/*.log")])
        self.assertNotIn(SECRET["alice"].encode(), everything)
        self.assertNotIn(b"wrong", (self.lab.dir / "log" / "collab.log").read_bytes())

    def test_another_code_of_the_im_server_is_failed(self):
        self.lab.ask("groupwise", "fault.login", code="D123")
        answer = self.refused("alice", 502, "Failed")
        self.assertIn("D123", answer["text"])

    def test_an_unreachable_im_server_is_failed(self):
        self.lab.tool("environment", "set", "groupwise", "--port", "1")
        bramble.wait_until(lambda: self.lab.ask("collab", "status")["limits"]["port"] == 1, "the service to have read it")
        self.refused("alice", 503, "Failed")
        bramble.wait_until(lambda: self.lab.json("session", "list") == [], "the seat to be free")

    def test_an_unavailable_database_is_failed_and_live_sessions_go_on(self):
        self.login("alice")
        self.login("bob")
        self.device("carol")
        # The dispatcher must know carol's key by now: it is the Collaboration Service's answer that is asked for.
        self.device("carol").say("login carol wrong")
        self.device("carol").wait({"event": "login-failed", "code": 401})
        with self.lab.locked():
            self.device("alice").say("send bob still here")
            self.device("bob").wait({"event": "message", "text": "still here"})
            self.refused("carol", 504, "Failed")
        self.login("carol")
        self.assertEqual(len(self.lab.json("session", "list")), 3)

    def test_no_user_activity_ends_a_session_though_it_reports(self):
        self.limits("--inactivity-timeout", "1s")
        self.login("alice", "--status-interval", "250ms")
        end = self.device("alice").wait({"event": "forced-logout"})
        self.assertEqual(end["reason"], "inactive")
        bramble.wait_until(lambda: self.census()["sessions"] == 0, "the connection to be closed")

    def test_changed_limits_count_at_once(self):
        self.login("alice")
        self.limits("--max", "1")
        self.refused("bob", 100, "Server Busy")
        self.limits("--max", "2")
        self.login("bob")

    def test_a_second_login_replaces_the_first(self):
        first = self.login("alice")
        self.devices.pop("alice").stop()
        second = self.login("alice")
        self.assertNotEqual(first["session"], second["session"])
        self.assertEqual(self.ended()["alice"], "replaced")
        self.assertEqual(self.census()["sessions"], 1)

    def test_coverage_lost_and_found_keeps_the_session_and_its_events(self):
        alice = self.login("alice")
        self.login("bob")
        self.device("alice").say("coverage off")
        self.wait_session("alice", state="out-of-coverage")
        for text in ("one", "two", "three"):
            self.device("bob").say(f"send alice {text}")
            self.device("bob").wait({"event": "ack", "code": 0})
        bramble.wait_until(lambda: self.sessions()["alice"]["waiting_events"] == 3, "three events to wait")
        self.device("alice").say("coverage on")
        for text in ("one", "two", "three"):
            heard = self.device("alice").wait({"event": "message"})
            self.assertEqual((heard["text"], heard["session"]), (text, alice["session"]))
        self.assertEqual(self.census()["logins_total"], 2)

    def test_more_than_a_hundred_events_drop_the_oldest_and_are_counted(self):
        self.login("alice")
        self.login("bob")
        self.device("alice").say("coverage off")
        self.wait_session("alice", state="out-of-coverage")
        for i in range(103):
            self.device("bob").say(f"send alice {i}")
            if i >= 20:      # a device keeps a bounded number that wait for their answer
                self.device("bob").wait({"event": "ack", "code": 0})
        for i in range(20):
            self.device("bob").wait({"event": "ack", "code": 0})
        self.wait_session("alice", waiting_events=100, dropped_events=3)
        self.device("alice").say("coverage on")
        heard = [int(self.device("alice").wait({"event": "message"})["text"]) for _ in range(100)]
        self.assertEqual(heard, list(range(3, 103)))
        self.wait_session("alice", waiting_events=0, dropped_events=3)
        trail = [e for e in self.lab.ask("collab", "trail", pin=bramble.USERS["alice"])["entries"] if e["event"] == "events.dropped"]
        self.assertEqual([e["numbers"]["dropped"] for e in trail], [1, 3])

    def test_who_is_evicted_is_a_setting(self):
        self.limits("--max", "2", "--idle-timeout", "10m", "--evict", "one")
        for user in ("alice", "bob"):
            self.login(user)
            self.device(user).say("coverage off")
            self.wait_session(user, mark="evicted-coverage")
        self.login("carol")
        self.assertEqual(sorted(self.sessions()), ["bob", "carol"])
        self.limits("--evict", "all", "--max", "1")
        self.assertEqual(sorted(self.sessions()), ["bob", "carol"])
        self.device("carol").say("coverage off")
        self.wait_session("carol", mark="evicted-coverage")
        self.login("dave")
        self.assertEqual(sorted(self.sessions()), ["dave"])
        self.assertEqual(self.census()["sessions_most"], 2)

    def test_logout_leaves_nothing(self):
        self.login("alice")
        self.device("alice").say("logout")
        self.device("alice").wait({"event": "logged-out"})
        bramble.wait_until(lambda: self.census()["sessions"] == 0 and self.lab.json("session", "list") == [], "nothing to be left")
        self.assertEqual(self.ended()["alice"], "logout")

    def test_a_lost_im_server_reaches_the_device(self):
        self.login("alice")
        self.lab.ask("groupwise", "kick", user="alice")
        self.assertEqual(self.device("alice").wait({"event": "forced-logout"})["reason"], "server-lost")
        self.login("alice")
        self.lab.ask("groupwise", "kick", user="alice", how="elsewhere")
        self.assertEqual(self.device("alice").wait({"event": "forced-logout"})["reason"], "elsewhere")

    def test_an_offline_recipient_is_told_after_the_servers_yes(self):
        self.login("alice")
        self.device("alice").say("send bob anybody home")
        self.device("alice").wait({"event": "ack", "code": 0})
        self.assertEqual(self.device("alice").wait({"event": "ack", "code": 410})["text"], "bob")

    def test_the_administrator_logs_a_session_out(self):
        session = self.login("alice")["session"]
        self.lab.tool("session", "logout", str(session))
        self.assertEqual(self.device("alice").wait({"event": "forced-logout"})["reason"], "admin")


class TestRefusedStarts(unittest.TestCase):
    """What the Collaboration Service does not start with: a sentence and the exit status that fits."""

    def setUp(self):
        self.lab = bramble.Lab().up()
        self.lab.down()
        self.addCleanup(shutil.rmtree, self.lab.dir, True)

    def refused(self, status, words, *overrides):
        options = [o for override in overrides for o in ("-o", override)]
        got, out, err = bramble.run("bramble-collab", "-c", self.lab.dir / "bramble.ini", *options)
        self.assertEqual(got, status, out + err)
        self.assertIn(words, err)

    def test_a_missing_database_is_exit_status_5(self):
        self.refused(5, "nowhere.db", "collab.database=nowhere.db")

    def test_an_unknown_environment_is_exit_status_3(self):
        self.refused(3, "no IM environment of that name", "collab.environment=sametime")

    def test_a_dispatcher_elsewhere_needs_tls(self):
        self.refused(3, "is not a loopback address", "collab.dispatcher=192.0.2.7:3200")

    def test_trust_ca_needs_its_file(self):
        self.refused(3, "nobody.crt", "collab.trust_ca=nobody.crt")


if __name__ == "__main__":
    unittest.main()
