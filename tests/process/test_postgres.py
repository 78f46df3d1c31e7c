"""A PostgreSQL server that stands still, is killed, loses its connections or takes them late, under the real processes: logins wait or fail,
live sessions chat on, and everything is as before once it is back, by itself."""
import contextlib
import os
import re
import shutil
import signal
import time
import unittest

import bramble
import postgres

SECRET = {user: bramble.password(user) for user in bramble.USERS}
AWAY = 504
KILL = ("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database() "
        "AND backend_type = 'client backend'")


class OnAServerOfItsOwn(unittest.TestCase):
    """alice and bob are logged in on a lab; carol tries."""

    @classmethod
    def setUpClass(cls):
        cls.server = postgres.Server().__enter__()
        cls.addClassCleanup(cls.server.__exit__)

    def setUp(self):
        self.lab = bramble.Lab(databases=self.server.databases).up()
        self.addCleanup(shutil.rmtree, self.lab.dir, True)
        self.addCleanup(self.lab.down)
        self.devices = {}
        for user in ("alice", "bob"):
            self.assertEqual(self.login(user)["event"], "login-ok")
        # The dispatcher must know carol's key by now.
        self.device("carol").say("login carol wrong")
        self.device("carol").wait({"event": "login-failed", "code": 401})

    def device(self, user):
        if user not in self.devices:
            self.devices[user] = self.lab.device(user)
            self.addCleanup(self.devices[user].stop)
            self.devices[user].wait({"event": "link-up"})
        return self.devices[user]

    def login(self, user):
        self.device(user).say(f"login {user} {SECRET[user]}")
        return self.device(user).wait(lambda e: e["event"] in ("login-ok", "login-failed"), f"the answer to {user}'s login")

    def logs_in_by_itself(self, user="carol"):
        end = time.monotonic() + bramble.DEADLINE_S
        while True:
            event = self.login(user)
            if event["event"] == "login-ok":
                return
            self.assertEqual(event["code"], AWAY, event)
            self.assertLess(time.monotonic(), end)

    def chats(self, text):
        self.device("alice").say(f"send bob {text}")
        self.device("bob").wait({"event": "message", "text": text})

    def seats(self):
        return sorted(row[0] for row in self.lab.rows("SELECT IMUser FROM emu_IMSession"))

    def test_a_server_that_stands_still_delays_logins_and_nothing_else(self):
        self.server.pause()
        with contextlib.ExitStack() as stack:
            stack.callback(self.server.go_on)
            self.device("carol").say(f"login carol {SECRET['carol']}")
            for i in range(5):
                self.chats(f"still here {i}")
            event = self.device("carol").wait(lambda e: e["event"] in ("login-ok", "login-failed"))
            self.assertEqual((event["event"], event["code"], event["status_text"]), ("login-failed", AWAY, "Failed"))
            self.chats("and here")
        self.logs_in_by_itself()
        self.assertEqual(self.seats(), ["alice", "bob", "carol"])
        self.assertEqual(len(self.lab.json("session", "list")), 3)

    def test_a_server_that_is_killed_and_started_again_is_found_again(self):
        self.server.stop(signal.SIGQUIT)
        self.chats("without a database")
        event = self.login("carol")
        self.assertEqual((event["event"], event["code"]), ("login-failed", AWAY))
        self.chats("still without")
        self.server.start()
        self.logs_in_by_itself()
        self.assertEqual(self.seats(), ["alice", "bob", "carol"])
        self.device("alice").say("logout")
        self.device("alice").wait({"event": "logged-out"})
        bramble.wait_until(lambda: self.seats() == ["bob", "carol"], "alice's seat is free")

    def test_a_logout_while_the_server_is_away_frees_the_seat_when_it_is_back(self):
        self.server.stop(signal.SIGQUIT)
        self.device("alice").say("logout")
        self.device("alice").wait({"event": "logged-out"})
        self.server.start()
        bramble.wait_until(lambda: self.seats() == ["bob"], "alice's seat is free")

    def test_lost_connections_are_nobodys_loss(self):
        for _ in range(3):
            self.lab.sql(KILL)
            event = self.login("carol")
            self.assertEqual(event["event"], "login-ok", event)
            self.device("carol").say("logout")
            self.device("carol").wait({"event": "logged-out"})
        self.chats("all the same")
        bramble.wait_until(lambda: self.seats() == ["alice", "bob"], "carol's seat is free")

    def test_limits_changed_by_plain_sql_reach_the_service_within_a_second(self):
        log = self.lab.dir / "log" / "collab.log"
        for maximum in (7, 8):
            self.lab.sql(f"UPDATE emu_IMServiceConfig SET MaxSessions = {maximum}")
            bramble.wait_until(lambda m=maximum: f"max={m} " in log.read_text(), "the service has read the limit", 1 if maximum == 8 else 5)
            self.lab.sql(KILL)           # it listens again, too
        self.lab.sql("UPDATE emu_IMServiceConfig SET MaxSessions = 2")
        event = self.login("carol")
        self.assertEqual((event["event"], event["code"]), ("login-failed", 100))
        self.lab.tool("limits", "set", "--max", "3")
        self.assertEqual(self.login("carol")["event"], "login-ok")

    def test_no_password_is_told_to_anybody(self):
        self.lab.sql("DO $$ BEGIN CREATE ROLE guarded LOGIN SUPERUSER PASSWORD 'open-sesame'; "
                     "EXCEPTION WHEN duplicate_object THEN NULL; END $$")
        ini = self.lab.dir / "bramble.ini"
        good = self.lab.url.replace("bramble@", "guarded:open-sesame@")
        told = ""
        for url, status in ((good, 0), (good.replace("sesame@", "sesame-not@"), 5), (good.replace("?", "nowhere?"), 5), (good + "&x=1", 5)):
            ini.write_text(re.sub("^database = .*$", lambda _, u=url: f"database = {u}", ini.read_text(), flags=re.M))
            got, out, err = bramble.run("bramble", "user", "list", "--dir", self.lab.dir)
            self.assertEqual(got, status, err)
            told += out + err
            for name in ("dispatcher", "collab"):
                got, out, err = bramble.run(f"bramble-{name}", "-c", ini, "-T")
                self.assertEqual(got, 0, err)
                self.assertIn("guarded:***@", out)
                told += out + err
                if status:
                    got, out, err = bramble.run(f"bramble-{name}", "-c", ini, "-o", f"{name}.run_dir={self.lab.dir / 'run2'}")
                    self.assertEqual(got, 5, err)
                    told += out + err
        self.assertIn("does not accept this user and password", told)
        for log in self.lab.dir.glob("log/*.log"):
            told += log.read_text()
        self.assertNotIn("sesame", told)


if __name__ == "__main__":
    unittest.main()
