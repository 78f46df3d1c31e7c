"""A lab under steady load that things are done to: all daemons, the IM server, devices that log in, talk in pairs, leave coverage and come
back, and histories of all of them.

    with chaos.Chaos(seed) as lab:
        lab.steady()                        # everybody has been served
        lab.kill("router", down_s=0.3)      # and started again; the service is back in time
        lab.settle("round 1")               # all is quiet; the checker finds nothing; only who was meant to die has died

Who is killed when comes from the seed. What is under way at that moment does not: a replay does the same things to the same daemons, and
may need several attempts to meet the same moment."""
import collections
import concurrent.futures
import contextlib
import json
import os
import pathlib
import queue
import random
import shutil
import tempfile
import time

import bramble

DEVICES = 8
SEATS = 6                 # fewer than devices, so that the limit binds and who is out of coverage is evicted
PACE_S = 0.06             # between two messages of a device
UNANSWERED = 4            # messages of a device that may be under way
LOCKED = 504              # how a login is refused while the database is away
IS_SANITIZED = "address" in str(bramble.BIN)
# The promise, and the same where programs run several times slower beside other tests.
BACK_S = 12.0 if IS_SANITIZED else 3.0
# Everybody, not only the first: devices dial again after a second, and those that wait for a place try again.
SERVED_S = 30.0
SETTINGS = ("common.log_level=info", "router.deactivate_connects=1000", "dispatcher.srp_connects=1000", "collab.status_interval=1s",
            "collab.database_poll=50ms", "collab.lease=5s", "router.ping_interval=1s", "dispatcher.ping_interval=1s")


def say(text):
    if os.environ.get("CHAOS_PROGRESS"):
        print(f"chaos: {text}", flush=True)


def now_s():
    """The clock of events and histories."""
    return time.monotonic()


class Phone:
    """One device as its user sees it."""

    def __init__(self, n, devices):
        self.pin = f"{0x22000001 + n:08X}"
        self.user = f"user{n + 1:04d}"
        self.peer = f"user{(n ^ 1) % devices + 1:04d}"
        self.linked = False
        self.state = "out"            # then asked, online
        self.session = 0
        self.waiting = set()          # sequence numbers without an ACK
        self.next_s = 0.0
        self.covered = True
        self.cover_s = 0.0            # when coverage changes next
        self.answered_us = 0          # when the service last said something: logged in, refused, acknowledged
        self.heard = collections.deque(maxlen=30)     # what it said and was typed last, for the report of a failure
        self.refused = 0              # the code of the last refusal


class Chaos:
    def __init__(self, seed, *options, devices=DEVICES, seats=SEATS, settings=(), wanders=True, logouts=0.02, env=None, offset=None, login_timeout="3s"):
        self.seed = seed
        self.random = random.Random(seed)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="br-chaos-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
        self.history = self.folder / "history"
        words = [word for s in (*SETTINGS, f"common.history={self.history}", *settings) for word in ("-o", s)]
        self.lab = bramble.Lab("--users", devices, *words, *options, dir=self.folder / "lab", offset=offset)
        self.lab.env = env
        self.login_timeout = login_timeout
        self.seats, self.wanders, self.logouts = seats, wanders, logouts
        self.phones = {p.pin: p for p in (Phone(n, devices) for n in range(devices))}
        for phone in self.phones.values():
            phone.cover_s = time.monotonic() + 3 + self._covered_s()
        self.device = None
        self.talks, self.still = True, False
        self.said = 0
        self.counts = {"messages": 0, "logins": 0, "refused": 0, "lost": 0}
        self.back_s = []              # how long the service was away after each restart
        self.based = set()            # pids that have a base mark
        self.checked = "the start"
        self.pool = concurrent.futures.ThreadPoolExecutor(2)
        self.pids = {}
        self.services = []

    # --- life ---

    def __enter__(self):
        try:
            self.lab.dir.mkdir()
            self.lab.up()
            self.lab.tool("limits", "set", "--max", self.seats, "--idle-timeout", "20s")
            keys = self.folder / "keys"
            keys.mkdir(mode=0o700)
            for pin in self.phones:
                shutil.move(self.lab.dir / "devices" / f"{pin}.json", keys)
            self.device_socket = self.lab.dir / "run" / "device.sock"
            self.device = bramble.Device("--key-file", keys, "--count", len(self.phones), "--router", f"127.0.0.1:{self.lab.port(3101)}",
                                         "--json", "--stay", "-v", "--history", self.history, "--control", self.device_socket,
                                         "--login-timeout", self.login_timeout, "--resend", "1s")
            self.pids = self.processes()
            self.services = [name for name in self.pids if name.startswith("collab")]
            return self
        except BaseException:
            print(self.lab.logs())
            self.__exit__()
            raise

    def __exit__(self, *_):
        self.pool.shutdown()
        if self.device and self.device.child.poll() is None:
            self.device.stop()
        self.lab.down()
        if not os.environ.get("BRAMBLE_KEEP_LABS"):
            shutil.rmtree(self.folder, ignore_errors=True)

    def end(self):
        """All logged out and ended in good order; the checker with the database. The device's own exit status counts, too."""
        self.rest("end")
        status = self.device.stop()
        assert status == 0, f"the devices ended {status}"
        self.lab.down()
        self.check("the end", "--dir", self.lab.dir)

    def processes(self):
        listed = bramble.control(self.lab.dir / "run" / "lab.sock", "process.list")["processes"]
        return {p["name"]: p["pid"] for p in listed}

    def steer(self, verb, name, **params):
        return bramble.control(self.lab.dir / "run" / "lab.sock", f"process.{verb}", name=name, **params)

    # --- load ---

    def _say(self, phone, line):
        phone.heard.append({"at_us": time.monotonic_ns() // 1000, "typed": line.split()[:2]})
        self.device.say(f"@{phone.pin} {line}")

    def _take(self, event):
        phone = self.phones.get(event.get("pin"))
        if not phone:
            return
        what, now = event["event"], time.monotonic()
        phone.heard.append(event)
        if what in ("link-up", "link-down"):
            phone.linked = what == "link-up"
        elif what == "login-ok":
            phone.state, phone.session, phone.answered_us = "online", event["session"], event["at_us"]
            phone.next_s, phone.refused = now + self.random.random() * PACE_S, 0
            self.counts["logins"] += 1
        elif what == "login-failed":
            # A Dispatcher that needs the database for a device's key or counter, and has no answer, says that it has no service.
            phone.state, phone.refused = "out", LOCKED if event.get("reason") == "no such service" else event["code"]
            phone.next_s = now + 0.2 + self.random.random() * 0.2
            if event["code"] == 100:
                phone.answered_us = event["at_us"]
            self.counts["refused"] += 1
        elif what in ("forced-logout", "logged-out"):
            if phone.session == event["session"]:
                phone.state, phone.session = "out", 0
            phone.waiting.clear()
            phone.next_s = now + self.random.random() * 0.1
            self.counts["lost"] += what == "forced-logout"
        elif what == "error" and phone.state == "asked":       # it came between the line and what it would have done
            phone.state = "online" if phone.session else "out"
        elif what == "sent" and event["type"] == "MESSAGE" and event.get("reason") != "again":
            phone.waiting.add(event["sequence"])
        elif what == "ack" and event["type"] == "MESSAGE":
            phone.waiting.discard(event["sequence"])
            if event["code"] == 0:
                phone.answered_us = event["at_us"]
                self.counts["messages"] += 1

    def _covered_s(self):
        return 2 + 6 * self.random.random()

    def _act(self, phone, now):
        if self.wanders and not self.still and now >= phone.cover_s:
            phone.covered = not phone.covered
            phone.cover_s = now + (self._covered_s() if phone.covered else 0.3 + self.random.random())
            self._say(phone, "coverage on" if phone.covered else "coverage off")
        if now < phone.next_s or not phone.linked or not phone.covered:
            return
        phone.next_s = now + PACE_S * (0.5 + self.random.random())
        if phone.state == "out":
            phone.state = "asked"
            self._say(phone, f"login {phone.user} {bramble.password(phone.user)}")
        elif phone.state == "online" and not self.still and self.random.random() < self.logouts:
            phone.state = "asked"
            self._say(phone, "logout")
        elif phone.state == "online" and len(phone.waiting) < UNANSWERED:
            self.said += 1
            self._say(phone, f"send {phone.peer} words {self.said}")

    def turn(self):
        """What has happened, and what is due: some milliseconds."""
        try:
            line = self.device.queue.get(timeout=0.01)
            while True:
                assert line is not None, f"the devices ended: {self.device.errors()[-2000:]}"
                if line.startswith("{"):
                    self._take(json.loads(line))
                line = self.device.queue.get_nowait()
        except queue.Empty:
            pass
        if self.talks:
            now = time.monotonic()
            for phone in self.phones.values():
                self._act(phone, now)

    def until(self, condition, what, deadline_s=SERVED_S):
        """The load goes on until the condition gives something true."""
        end = time.monotonic() + deadline_s
        while not (got := condition()):
            assert time.monotonic() < end, f"not within {deadline_s} s: {what}; {self.state()}"
            self.turn()
        return got

    def pass_(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.turn()

    def during(self, fn, *args, **params):
        """What blocks is done while the load goes on."""
        future = self.pool.submit(fn, *args, **params)
        while not future.done():
            self.turn()
        return future.result()

    def state(self):
        return {p.pin: (p.state, p.linked, p.covered, sorted(p.waiting), p.refused) for p in self.phones.values()}

    def hold_still(self):
        """Nobody logs out or leaves coverage until all is quiet the next time."""
        self.still = True
        for phone in self.phones.values():
            if not phone.covered:
                phone.covered = True
                self._say(phone, "coverage on")
        self.until(lambda: all(p.linked and p.state != "asked" for p in self.phones.values()), "all devices are linked")

    def log_out(self, count):
        """So many of those who are in; they try to come in again."""
        for phone in [p for p in self.phones.values() if p.state == "online" and p.linked and p.covered][:count]:
            phone.state = "asked"
            self._say(phone, "logout")

    def no_login_but_refused(self):
        """Who is not in has tried in vain since `refused` was set to None, and was told that the database is away, or nothing in time."""
        refused = {p.refused for p in self.phones.values() if p.state != "online"}
        return LOCKED in refused and None not in refused

    def answered_since(self, since_us):
        return [p for p in self.phones.values() if p.answered_us > since_us]

    def steady(self):
        """Everybody is served: with answers to what he says, or told that all places are taken."""
        since = time.monotonic_ns() // 1000
        self.until(lambda: len(self.answered_since(since)) == len(self.phones), "everybody is served")

    def back(self, since_s):
        """A message or a login is answered within BACK_S from that moment on: when the restart began, or the disturbance ended."""
        self.until(lambda: self.answered_since(since_s * 1e6), "the service is back")
        took = min(p.answered_us for p in self.answered_since(since_s * 1e6)) / 1e6 - since_s
        self.back_s.append(took)
        assert took <= BACK_S, f"the service was back after {took:.2f} s, not {BACK_S} s"

    # --- what is done to it ---

    def kill(self, name, down_s=0.0, signal="KILL"):
        """Ends one process, starts it again, and waits until the service is back."""
        self.during(self.steer, "kill", name, signal=signal)
        self.pass_(down_s)
        self.start(name)

    def start(self, name):
        began = time.monotonic()
        self.restarted(name)
        self.back(began)

    def restarted(self, name):
        self.pids[name] = self.during(self.steer, "start", name)["pid"]

    def active(self, instance):
        """Waits until it stands so, and makes it so if it does not."""
        def is_active():
            pool = self.ask("dispatcher", "failover")["pools"][0]
            states = {m["instance"]: m["state"] for m in pool["members"]}
            if sorted(states.values()) == ["active", "standby"] and states.get(instance) != "active":
                self.lab.tool("failover", "switch", instance, want=None)
            return sorted(states.values()) == ["active", "standby"] and states[instance] == "active"
        self.until(is_active, f"{instance} is the active one")

    def stop_all(self, *names):
        """In good order, whether they run or not."""
        for name in names:
            if self.runs(name):
                self.during(self.steer, "kill", name, signal="TERM")

    def try_to_start(self, name):
        """None, or the sentence with which it did not."""
        try:
            self.restarted(name)
        except RuntimeError as refused:
            return str(refused)
        return None

    def restart(self, name):
        """Nobody need be served."""
        self.during(self.steer, "kill", name)
        self.restarted(name)

    def ask(self, name, verb, **params):
        return bramble.control(self.lab.dir / "run" / f"{name}.sock", verb, **params)

    def order(self, name, point, nth=1, unsent=False):
        """It dies at this point, and the lab goes on then."""
        self.ending = self.pool.submit(self.steer, "ends", name, timeout_s=2 * SERVED_S)
        self.until(lambda: not self.runs(name), f"the lab knows that {name} may end")
        with contextlib.suppress(bramble.EndedFirst):     # the load goes on: it may be there before the answer has left
            self.ask(name, "die", point=point, nth=nth, unsent=unsent)

    def dies(self, name, point):
        """As ordered; started again, and the service is back."""
        self.until(self.ending.done, f"{name} dies at {point}")
        self.ending.result()
        self.start(name)

    def runs(self, name):
        listed = bramble.control(self.lab.dir / "run" / "lab.sock", "process.list")["processes"]
        return next(p["state"] == "running" for p in listed if p["name"] == name)

    # --- afterwards ---

    def is_quiet(self):
        """Nothing is under way in any process."""
        if any(p.waiting or p.state == "asked" for p in self.phones.values()):
            return False
        for name in self.services:
            status = self.ask(name, "status")
            counts, sessions = status["counts"], status["sessions"]
            if counts["under_way"] or counts["down_waiting"] or counts["seats_releasing"] or sessions["closing"] or sessions["connecting"]:
                return False
        return True

    def quiet(self):
        self.talks = self.still = False
        for phone in self.phones.values():
            phone.covered, phone.cover_s = True, time.monotonic() + self._covered_s()
            self._say(phone, "coverage on")
        self.until(lambda: all(p.linked for p in self.phones.values()), "all devices are linked")
        self.until(self.is_quiet, "nothing is under way")

    def mark(self, word):
        """In all processes; of one that has no base mark yet it is its base."""
        for name, pid in {**self.pids, "device": self.device.child.pid}.items():
            kind = word if word != "rest" or pid in self.based else "base"
            if kind == "base":
                self.based.add(pid)
            bramble.control(self.lab.dir / "run" / f"{name}.sock", "history.mark", name=kind)

    def rest(self, name):
        """All are logged out, and what a process holds then it held before."""
        self.quiet()
        self.until(self._all_out, "all are logged out")
        self.until(self.is_quiet, "nothing is under way")
        self.until(lambda: self.connections() == 0, "all connections are closed")
        self.mark("rest")

    def connections(self):
        return self.lab.ask("groupwise", "census")["sessions"]

    def _all_out(self):
        """Logs out who is in; whose login had no answer is told by the service to have a session, and logs in once more."""
        now = time.monotonic()
        held = {s["user"] for name in self.services for s in self.ask(name, "sessions")["sessions"]}
        for phone in self.phones.values():
            if phone.state == "online" or (phone.state == "out" and phone.user in held and now > phone.next_s):
                self._say(phone, "logout" if phone.state == "online" else f"login {phone.user} {bramble.password(phone.user)}")
                phone.state = "asked"
        return not held and all(p.state == "out" for p in self.phones.values())

    def settle(self, name, logged_out=True, check=True):
        """All is quiet, only who was meant to die has died, the checker finds nothing; then the load goes on."""
        if logged_out:
            self.rest(name)
        else:
            self.quiet()
            self.mark("quiet")
        assert self.processes() == self.pids, f"{name}: {self.processes()} run, not {self.pids}"
        if check:
            self.check(name)
        say(f"{name}" + (f", back after {self.back_s[-1]:.2f} s" if self.back_s else ""))
        self.talks = True

    def check(self, name, *words):
        status, out, err = bramble.run("bramble", "check", self.history, *words)
        assert status == 0, f"after {self.checked}, and until {name}: bramble check ended {status}:\n{out}{err}"
        self.checked = name

    def summary(self):
        back = sorted(self.back_s)
        return (f"{self.counts['messages']} messages, {self.counts['logins']} logins, {self.counts['refused']} refused, "
                f"{self.counts['lost']} sessions lost; back after {back[len(back) // 2]:.2f} s, at most {back[-1]:.2f} s" if back else "")


@contextlib.contextmanager
def replayable(lab, command):
    """A failure says the seed, the command that does the same again, and what the processes wrote last."""
    try:
        yield
    except BaseException:
        for phone in lab.phones.values():
            if phone.state == "asked" or phone.waiting or not phone.linked:
                print(f"--- {phone.pin}", *phone.heard, sep="\n")
        print(f"{lab.lab.logs()}\nseed {lab.seed}; the same again: {command}", flush=True)
        raise
