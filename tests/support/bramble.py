"""What process tests share: the programs, a lab on free ports, a device that a script drives, and waiting for a condition.

    with bramble.Lab() as lab:
        lab.tool("limits", "set", "--max", "2")
        with lab.device("alice") as alice:
            alice.say("login alice alice-secret")
            alice.wait(lambda e: e.get("event") == "login-ok")

Nothing sleeps for a guess: every wait has a condition and a deadline, and says what it saw when the deadline passes."""
import contextlib
import fcntl
import json
import os
import pathlib
import queue
import random
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import tempfile
import threading
import time

import postgres

BIN = pathlib.Path(os.environ.get("BRAMBLE_BIN", "build/bin")).absolute()
DEADLINE_S = float(os.environ.get("BRAMBLE_TEST_DEADLINE", "20"))
BASE_PORTS = (3101, 3200, 5061, 8300, 10443)
USERS = {"alice": "2100000A", "bob": "2100000B", "carol": "2100000C", "dave": "2100000D"}


def program(name):
    return str(BIN / name)


def password(user):
    return user + "-secret"


def wait_until(condition, what, deadline_s=DEADLINE_S, every_s=0.02):
    """Asks until the condition gives something true, and returns that."""
    end = time.monotonic() + deadline_s
    while True:
        got = condition()
        if got:
            return got
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_s} s: {what}")
        time.sleep(every_s)


class Ports:
    """Those of this process: each is a locked byte of a file that all tests of this user share, so that no two labs take the same ones between
    looking and listening."""

    def __init__(self):
        self.own = set()
        self.file = None

    def take(self, ports):
        self.file = self.file or open(pathlib.Path(tempfile.gettempdir()) / f"bramble-test-ports-{os.getuid()}", "ab")
        ports = set(ports)
        if ports & self.own:
            return False
        for port in ports:
            try:
                fcntl.lockf(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
                self.own.add(port)
                with socket.socket() as s:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    s.bind(("127.0.0.1", port))
            except OSError:
                self._leave(ports)
                return False
        return True

    def _leave(self, ports):
        for port in ports & self.own:
            fcntl.lockf(self.file, fcntl.LOCK_UN, 1, port)
            self.own.remove(port)


PORTS = Ports()


def free_offset(ports=BASE_PORTS):
    """An offset at which every port of a lab is free, and this process's until it ends."""
    for _ in range(200):
        # Below the range from which the kernel takes the near ends of outgoing connections: those come and go.
        offset = random.randrange(1000, 22000)
        if PORTS.take(port + offset for port in ports):
            return offset
    raise AssertionError("no offset with free ports found")


def run(*args, stdin=None, timeout=60, env=None, cwd=None, way=()):
    """One program to its end: (exit status, standard output, standard error). way: the words that run it on another host."""
    done = subprocess.run([*way, program(args[0]), *map(str, args[1:])], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=timeout, check=False, env=env, cwd=cwd, text=not isinstance(stdin, bytes))
    return done.returncode, done.stdout, done.stderr


def gss_env(env=None):
    """For a simulated CWA server that is signed in to by NTLM: strict_string_checks takes strndup of a text without a NUL, which gss-ntlmssp
    rightly does, for a read past its end; and it loses memory."""
    env = env or os.environ
    return dict(env, ASAN_OPTIONS=env.get("ASAN_OPTIONS", "") + ":strict_string_checks=0",
                LSAN_OPTIONS=f"print_suppressions=0:suppressions={pathlib.Path(__file__).resolve().parent / 'gss_leaks.txt'}")


def is_alive(pid):
    """A process that runs: a zombie does not."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


class EndedFirst(RuntimeError):
    """The process ended before it answered."""


def control(path, verb, timeout_s=DEADLINE_S, **params):
    """Asks a running process over its control socket; an answer that is not ok raises RuntimeError, none EndedFirst."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(timeout_s)
        s.connect(str(path))
        s.sendall((json.dumps({"verb": verb, "id": 1, "params": params}) + "\n").encode())
        line = b""
        while not line.endswith(b"\n"):
            try:
                more = s.recv(65536)
            except ConnectionResetError:
                more = b""
            if not more:
                raise EndedFirst(f"{path}: ended before it answered {verb}")
            line += more
    answer = json.loads(line)
    if not answer["ok"]:
        raise RuntimeError(answer["error"])
    return answer["result"]


class Process:
    """A program in the background whose standard output is read line by line."""

    def __init__(self, *args, env=None, log=None, cwd=None, way=()):
        self.args = [*way, program(args[0]), *map(str, args[1:])]
        self.log = open(log, "ab") if log else tempfile.TemporaryFile()
        self.lines = []
        self.queue = queue.Queue()
        self.child = subprocess.Popen(self.args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True,
                                      bufsize=1, env=env, cwd=cwd)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.child.stdout:
            self.queue.put(line.rstrip("\n"))
        self.queue.put(None)

    def errors(self):
        """What it has written to standard error so far."""
        with open(f"/proc/self/fd/{self.log.fileno()}", "rb") as log:
            return log.read().decode("utf-8", "replace")

    def say(self, line):
        self.child.stdin.write(line + "\n")
        self.child.stdin.flush()

    def wait_line(self, wanted, what, deadline_s=DEADLINE_S):
        """The first line not yet taken for which wanted(line) is true; those before it are passed over."""
        end = time.monotonic() + deadline_s
        while True:
            try:
                line = self.queue.get(timeout=max(0.001, end - time.monotonic()))
            except queue.Empty:
                line = None
            if line is None:
                state = self.child.poll()
                raise AssertionError(f"{self.args[0]}: {what} did not come ({'runs' if state is None else f'ended {state}'}); "
                                     f"saw {self.lines[-20:]}, errors:\n{self.errors()[-3000:]}")
            self.lines.append(line)
            if wanted(line):
                return line

    def stop(self, deadline_s=10):
        """Ends it by SIGTERM and returns its exit status."""
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(deadline_s)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            raise AssertionError(f"{self.args[0]} did not end {deadline_s} s after SIGTERM") from None
        finally:
            self.child.stdin.close()
            self.reader.join()
            self.child.stdout.close()
            self.log.close()
        return self.child.returncode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Device(Process):
    """A simulated BlackBerry: say() types a line, wait() takes its JSON events one after another."""

    def __init__(self, *args, env=None, way=()):
        super().__init__("bramble-sim", "device", *args, env=env, way=way)
        self.events = []

    def wait(self, wanted, what="the event", deadline_s=DEADLINE_S):
        """The first event not yet taken for which wanted(event) is true. wanted may be a dict: all of it must match."""
        found = []

        def matches(line):
            try:
                event = json.loads(line)
            except ValueError:
                return False
            if not isinstance(event, dict):
                return False
            self.events.append(event)
            good = (all(event.get(k) == v for k, v in wanted.items()) if isinstance(wanted, dict) else wanted(event))
            if good:
                found.append(event)
            return bool(good)

        self.wait_line(matches, f"{what} {wanted if isinstance(wanted, dict) else ''}", deadline_s)
        return found[0]


class Notify:
    """Where a program says that it is ready, as systemd would hear it."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("")
        self.address = "@" + self.socket.getsockname()[1:].decode()

    def wait(self, deadline_s=DEADLINE_S):
        self.socket.settimeout(deadline_s)
        said = self.socket.recv(4096).decode()
        if not said.startswith("READY=1"):
            raise AssertionError(f"not ready: {said}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


class Tap:
    """Stands between one client and a port and keeps what passes: up from the client, down to it."""

    def __init__(self, port):
        self.to = port
        self.up, self.down = bytearray(), bytearray()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.sockets = []
        self.threads = [threading.Thread(target=self._accept, daemon=True)]
        self.threads[0].start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                return
            self.sockets += [client, server]
            for source, sink, kept in ((client, server, self.up), (server, client, self.down)):
                thread = threading.Thread(target=self._copy, args=(source, sink, kept), daemon=True)
                self.threads.append(thread)
                thread.start()

    def segments_up(self):
        """How many pieces the first client has sent: TCP's own count (tcpi_data_segs_in), because what is read may be several."""
        return struct.unpack_from("I", self.sockets[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 160), 152)[0]

    def _copy(self, source, sink, kept):
        try:
            while data := source.recv(65536):
                kept += data
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for s in [self.listener, *self.sockets]:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()
        for thread in self.threads:
            thread.join(5)


class Lab:
    """The whole pipeline in a folder of its own under /tmp, on free ports; gone, folder included, when the block ends.

    Its database is a file in the folder, or, when tests run on PostgreSQL (BRAMBLE_TEST_POSTGRES), one of its own there."""

    def __init__(self, *options, offset=None, dir=None, databases=None, way=(), url=None, env=None):
        self.databases = databases or (postgres.shared() if "BRAMBLE_TEST_POSTGRES" in os.environ else None)
        self.url = url or (self.databases.new() if self.databases else None)
        self.dir = pathlib.Path(dir or tempfile.mkdtemp(prefix="bramble-lab-"))
        self.offset = free_offset() if offset is None else offset
        self.options = options
        self.way = way
        self.env = env                # of the lab and all of its processes; None: ours
        self.said = ""

    def up(self):
        env = gss_env(self.env) if "cwa" in self.options else self.env
        database = ["--database", self.url] if self.url else []
        status, out, err = run("bramble", "lab", "up", "--dir", self.dir, "--port-offset", self.offset, "--detach", *database, *self.options,
                               env=env, way=self.way)
        if status != 0:
            raise AssertionError(f"lab up ended {status}:\n{out}{err}\n{self.logs()}")
        self.said = out
        return self

    def down(self):
        done = run("bramble", "lab", "down", "--dir", self.dir)
        self.check_logs()
        return done

    def check_logs(self):
        """No process may have ended badly, nor a sanitizer have found something, whatever the test itself looks at."""
        for log in self.dir.glob("log/*.log"):
            text = log.read_text(errors="replace")
            for words in ("Sanitizer", "runtime error:", "when it was asked to end"):
                at = text.find(words)
                if at >= 0:
                    raise AssertionError(f"{log}: {text[max(0, at - 300):at + 3000]}")

    def logs(self):
        """The last of what each process wrote, for the report of a failed test."""
        text = ""
        for log in sorted(self.dir.glob("log/*.log")):
            text += f"--- {log.name}\n" + log.read_text(errors="replace")[-4000:]
        return text

    def run(self, *args, **how):
        """`bramble ...` where the lab's database is reached: as run()."""
        return run("bramble", *args, **{"way": self.way, "env": self.env, **how})

    def tool(self, *args, want=0, stdin=None):
        """`bramble ...` on this lab: standard output. The exit status must be the wanted one (None: any)."""
        status, out, err = self.run(*args, "--dir", self.dir, stdin=stdin)
        if want is not None and status != want:
            raise AssertionError(f"bramble {' '.join(map(str, args))}: ended {status}, not {want}: {out}{err}")
        return out if want in (0, None) else err

    def json(self, *args):
        return json.loads(self.tool(*args, "--json"))

    def ask(self, name, verb, **params):
        return control(self.dir / "run" / f"{name}.sock", verb, **params)

    def port(self, base):
        return base + self.offset

    def rows(self, sql):
        """What plain SQL finds in its database: tuples."""
        if self.url:
            return self.databases.rows(self.url, sql)
        with contextlib.closing(sqlite3.connect(self.dir / "bramble.db", timeout=20)) as db:
            return db.execute(sql).fetchall()

    def sql(self, text):
        """Plain SQL on its database, one or more statements."""
        if self.url:
            self.databases.sql(self.url, text)
            return
        with contextlib.closing(sqlite3.connect(self.dir / "bramble.db", timeout=20, isolation_level=None)) as db:
            db.executescript(text)

    @contextlib.contextmanager
    def locked(self):
        """Somebody else has the database to himself for writing; readers are left alone."""
        if self.url:
            with self.databases.session(self.url) as other:
                other("BEGIN; LOCK TABLE emu_IMServiceConfig IN SHARE ROW EXCLUSIVE MODE;")
                yield
            return
        with contextlib.closing(sqlite3.connect(self.dir / "bramble.db", isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            yield
            other.execute("ROLLBACK")

    def device(self, user, *options):
        """A device with the user's key, connected to this lab's router; commands and events as JSON."""
        return Device("--key-file", self.dir / "devices" / f"{USERS[user]}.json", "--router",
                      f"127.0.0.1:{self.port(3101)}", "--json", *options)

    def __enter__(self):
        try:
            return self.up()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        self.down()
        if not os.environ.get("BRAMBLE_KEEP_LABS"):
            shutil.rmtree(self.dir, ignore_errors=True)
