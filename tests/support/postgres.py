"""A private PostgreSQL 15 from Debian's package: an unprivileged user's, in a folder of its own, on a Unix socket there, gone with whoever
started it.

    with postgres.Server() as server:
        url = server.databases.new()
        server.databases.sql(url, "UPDATE emu_IMServiceConfig SET MaxSessions = 2")

A test takes postgres.shared(): the server that `tests/run.py` started for all of them (its superuser's URL is in BRAMBLE_TEST_POSTGRES), or,
run by itself, one of its own. Tests that stop or kill their server start one for themselves."""
import atexit
import contextlib
import itertools
import json
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.parse

BIN = pathlib.Path("/usr/lib/postgresql/15/bin")
START_S = 60
counter = itertools.count(1)


def unprivileged():
    """PostgreSQL refuses to run as root: what to put before its commands, and whose its folder is to be."""
    if os.geteuid() != 0:
        return [], None
    for name in ("postgres", "nobody"):
        try:
            who = pwd.getpwnam(name)
        except KeyError:
            continue
        return ["--reuid", str(who.pw_uid), "--regid", str(who.pw_gid), "--clear-groups"], who
    raise AssertionError("there is neither a user postgres nor nobody")


class Server:
    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="bramble-pg-"))
        self.data = self.dir / "data"
        self.child = None
        self.options = ""                # more of the URL
        self.privileges, self.who = unprivileged()
        if self.who:
            os.chown(self.dir, self.who.pw_uid, self.who.pw_gid)
        os.chmod(self.dir, 0o755)
        self.url = self.url_of("postgres")
        self.databases = Databases(self.url)
        self._run("initdb", "-D", self.data, "-U", "bramble", "-A", "trust", "-E", "UTF8", "--locale", "C.UTF-8", "--no-sync")
        with open(self.data / "postgresql.conf", "a") as conf:
            # A test's data outlive the server, not the machine. Hundreds of small schemas that nobody comes back to are not worth a vacuum.
            conf.write(f"listen_addresses = ''\nunix_socket_directories = '{self.dir}'\nfsync = off\nfull_page_writes = off\n"
                       "wal_level = minimal\nmax_wal_senders = 0\nautovacuum = off\njit = off\n"
                       "max_connections = 300\nshared_buffers = 32MB\nlog_statement = none\n")
        hba = self.data / "pg_hba.conf"
        hba.write_text("local all guarded scram-sha-256\nlocal all all trust\n")

    def _run(self, name, *args):
        done = subprocess.run(["setpriv", *self.privileges, str(BIN / name), *map(str, args)], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, cwd=self.dir)
        if done.returncode != 0:
            raise AssertionError(f"{name} ended {done.returncode}: {done.stdout}")
        return done.stdout

    def url_of(self, database, user="bramble"):
        return f"postgresql://{user}@/{database}?host={urllib.parse.quote(str(self.dir), safe='')}{self.options}"

    def start(self):
        with open(self.dir / "log", "ab") as log:
            # The parent's end is a fast shutdown.
            self.child = subprocess.Popen(["setpriv", *self.privileges, "--pdeathsig", "INT", str(BIN / "postgres"), "-D", str(self.data)],
                                          stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.dir)
        end = time.monotonic() + START_S
        while subprocess.run([str(BIN / "pg_isready"), "-q", "-d", self.url], check=False).returncode != 0:
            if self.child.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"PostgreSQL does not start: {(self.dir / 'log').read_text()[-2000:]}")
            time.sleep(0.02)
        return self

    def stop(self, how=signal.SIGINT):
        """SIGINT: ends connections and stops; SIGQUIT: at once, as after a crash."""
        if self.child and self.child.poll() is None:
            self.child.send_signal(how)
            try:
                self.child.wait(30)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
                raise
        self.child = None

    def processes(self):
        """The server's own and those of its connections."""
        found = [self.child.pid]
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                if int(stat.read_text().rpartition(")")[2].split()[1]) == self.child.pid:
                    found.append(int(stat.parent.name))
            except OSError:
                continue
        return found

    def pause(self):
        """Nothing of it runs any more: it takes connections, and answers nothing."""
        self.paused = self.processes()
        for pid in self.paused:
            os.kill(pid, signal.SIGSTOP)

    def go_on(self):
        for pid in self.paused:
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        try:
            self.stop()
        finally:
            shutil.rmtree(self.dir, ignore_errors=True)


PSQL = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]


class Databases:
    """Databases on a server that runs, whoever started it; url: of its superuser. way: the words that run a program where it is reached."""

    def __init__(self, url, way=()):
        self.url = url
        self.psql = [*way, *PSQL]

    def of(self, name):
        return self.url.replace("/postgres?", f"/{name}?")

    def sql(self, url, text):
        """One or more statements; what `psql` answers, without decoration."""
        done = subprocess.run([*self.psql, "-d", url], input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60,
                              check=False)
        if done.returncode != 0:
            raise AssertionError(f"psql: {done.stderr}")
        return done.stdout.strip()

    def rows(self, url, query):
        """The rows of one SELECT as tuples."""
        return [tuple(row.values()) for row in json.loads(self.sql(url, f"SELECT coalesce(json_agg(t), '[]') FROM ({query}) t"))]

    @contextlib.contextmanager
    def session(self, url):
        """A connection that lasts: a function that runs statements on it and returns when they are done. Its transaction ends with it."""
        child = subprocess.Popen([*self.psql, "-d", url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

        def say(text):
            child.stdin.write(text + "\n\\echo done\n")
            child.stdin.flush()
            for line in child.stdout:
                if line == "done\n":
                    return
            raise AssertionError(f"psql ended before it was done with {text}")

        try:
            yield say
        finally:
            child.stdin.close()
            child.stdout.close()
            child.wait(30)

    def new(self):
        name = f"lab_{os.getpid()}_{next(counter)}"
        self.sql(self.url, f"CREATE DATABASE {name} TEMPLATE template0")
        return self.of(name)


def shared():
    """Databases on the server of this test run; a test file run by itself starts one, which ends with it."""
    if "BRAMBLE_TEST_POSTGRES" not in os.environ:
        server = Server()
        atexit.register(server.__exit__)
        server.start()
        os.environ["BRAMBLE_TEST_POSTGRES"] = server.url
    return Databases(os.environ["BRAMBLE_TEST_POSTGRES"])
