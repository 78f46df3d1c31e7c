"""A PostgreSQL server that stands still, is killed, loses its connections or takes them late, or whose name nobody knows any more, under the
real processes: logins wait or fail, live sessions chat on, and everything is as before once it is back, by itself. And who the server is: what
each sslmode takes and refuses."""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.parse

import bramble
import postgres

OUT = pathlib.Path(os.environ.get("BRAMBLE_OUT", "build/gcc")).absolute()
SECRET = {user: bramble.password(user) for user in bramble.USERS}
AWAY = 504
KILL = ("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database() "
        "AND backend_type = 'client backend'")


class Chatting(unittest.TestCase):
    """alice and bob are logged in on a lab; carol tries."""

    @classmethod
    def setUpClass(cls):
        cls.server = postgres.Server().__enter__()
        cls.addClassCleanup(cls.server.__exit__)

    def new_lab(self):
        return bramble.Lab(databases=self.server.databases)

    def setUp(self):
        self.lab = self.new_lab().up()
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

    def is_refused_and_chats_on(self):
        """What becomes of a login while the database is away."""
        self.device("carol").say(f"login carol {SECRET['carol']}")
        for i in range(5):
            self.chats(f"still here {i}")
        event = self.device("carol").wait(lambda e: e["event"] in ("login-ok", "login-failed"))
        self.assertEqual((event["event"], event["code"], event["status_text"]), ("login-failed", AWAY, "Failed"))
        self.chats("and here")


class OnAServerOfItsOwn(Chatting):
    def test_a_server_that_stands_still_delays_logins_and_nothing_else(self):
        self.server.pause()
        with contextlib.ExitStack() as stack:
            stack.callback(self.server.go_on)
            self.is_refused_and_chats_on()
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


class Tls:
    """A server's TLS, on a port of 127.0.0.1: its certificate is for db.test alone. other: a CA that has nothing to do with it."""

    def __init__(self, server):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="bramble-tls-"))
        for ca in ("ca", "other"):
            self.openssl("req", "-x509", *KEY, "-subj", f"/CN={ca}", "-addext", "basicConstraints=critical,CA:TRUE", "-keyout", f"{ca}.key",
                         "-out", f"{ca}.crt")
        self.openssl("req", *KEY, "-subj", "/CN=db.test", "-keyout", "server.key", "-out", "server.csr")
        (self.dir / "names").write_text("subjectAltName=DNS:db.test")
        self.openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-out", "server.crt",
                     "-extfile", "names")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        for name in ("server.crt", "server.key"):
            shutil.copy(self.dir / name, server.data / name)
            if server.who:
                os.chown(server.data / name, server.who.pw_uid, server.who.pw_gid)
            os.chmod(server.data / name, 0o600)
        with open(server.data / "postgresql.conf", "a") as conf:
            conf.write(f"listen_addresses = '127.0.0.1'\nport = {self.port}\nssl = on\n")
        with open(server.data / "pg_hba.conf", "a") as hba:
            hba.write("hostssl all all 127.0.0.0/8 trust\n")

    def openssl(self, *words):
        subprocess.run(["openssl", *words], cwd=self.dir, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


class ByName(Chatting):
    """The database is on db.test, which has two addresses; at the first nobody listens."""

    @classmethod
    def setUpClass(cls):
        server = cls.server = postgres.Server()
        cls.addClassCleanup(server.__exit__)
        cls.tls = Tls(server)
        cls.addClassCleanup(shutil.rmtree, cls.tls.dir)
        server.options = f"&port={cls.tls.port}"
        server.url = server.url_of("postgres")
        server.databases = postgres.Databases(server.url)
        server.start()
        cls.names = cls.tls.dir / "hosts"
        # The sanitizer wants to be loaded first, and is told to put up with the second place.
        cls.env = dict(os.environ, LD_PRELOAD=str(OUT / "tests" / "process" / "names.so"), NAMES=str(cls.names),
                       ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0")

    def know(self, text):
        """In one step: a reader sees the old or the new."""
        new = self.tls.dir / "next"
        new.write_text(text)
        new.rename(self.names)

    def url(self, host, **options):
        name = urllib.parse.urlparse(self.at).path
        return f"postgresql://bramble@{host}:{self.tls.port}{name}?" + urllib.parse.urlencode(options)

    def new_lab(self):
        self.know("db.test 127.0.0.9 127.0.0.1\nalias.test 127.0.0.1\nsilent.test\n")
        self.at = self.server.databases.new()
        lab = bramble.Lab(databases=self.server.databases, env=self.env,
                          url=self.url("db.test", sslmode="verify-full", sslrootcert=self.tls.dir / "ca.crt"))
        lab.rows = lambda sql: self.server.databases.rows(self.at, sql)
        lab.sql = lambda sql: self.server.databases.sql(self.at, sql)
        return lab

    def test_a_name_server_that_is_silent_delays_logins_and_nothing_else(self):
        self.know("db.test\n")
        self.lab.sql(KILL)
        self.is_refused_and_chats_on()
        # Nor who asks with the tool.
        began = time.monotonic()
        status, _, err = self.lab.run("user", "list", "--dir", self.lab.dir)
        self.assertEqual(status, 5)
        self.assertIn("the name db.test has no address: no name server answers in time", err)
        self.assertLess(time.monotonic() - began, bramble.DEADLINE_S)
        self.know("db.test 127.0.0.1\n")
        self.logs_in_by_itself()
        self.assertEqual(self.seats(), ["alice", "bob", "carol"])
        # Nor the end of the daemons, whose sessions have seats to give back.
        self.know("db.test\n")
        self.lab.sql(KILL)
        self.assertEqual(self.lab.down()[0], 0)

    def test_the_servers_certificate_counts_as_sslmode_says(self):
        good, other = self.tls.dir / "ca.crt", self.tls.dir / "other.crt"
        rows = (
            # host, sslmode, CA, what the refusal says (None: it is taken)
            ("db.test", "disable", None, "no encryption"),
            ("db.test", "require", None, None),
            ("alias.test", "require", None, None),
            ("alias.test", "require", good, None),
            ("db.test", "verify-ca", good, None),
            ("alias.test", "verify-ca", good, None),
            ("alias.test", "verify-ca", other, "certificate verify failed"),
            ("db.test", "verify-full", good, None),
            ("alias.test", "verify-full", good, 'server certificate for "db.test" does not match host name "alias.test"'),
            ("db.test", "verify-full", other, "certificate verify failed"),
            ("db.test", "verify-full", self.tls.dir / "nowhere.crt", "does not exist"),
            ("127.0.0.1", "verify-full", good, 'does not match host name "127.0.0.1"'),
            ("nobody.test", "verify-full", good, "the name nobody.test has no address: Name or service not known"),
        )
        ini = self.lab.dir / "bramble.ini"
        for host, mode, ca, refusal in rows:
            with self.subTest(host=host, mode=mode, ca=ca):
                url = self.url(host, sslmode=mode, **({"sslrootcert": ca} if ca else {}))
                ini.write_text(re.sub("^database = .*$", lambda _, u=url: f"database = {u}", ini.read_text(), flags=re.M))
                status, _, err = self.lab.run("user", "list", "--dir", self.lab.dir)
                self.assertEqual(status, 5 if refusal else 0, err)
                self.assertIn(refusal or "", err)
                if refusal:
                    self.assertIn(f"postgresql://bramble@{host}:{self.tls.port}/", err)
        encrypted = self.lab.rows("SELECT count(*) AS n FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE datname = current_database() AND ssl")
        self.assertGreaterEqual(encrypted[0][0], 2)         # the daemons' own


if __name__ == "__main__":
    unittest.main()
