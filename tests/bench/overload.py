"""Three times as much as can be done: what is answered all the same, how soon the rest is refused, what memory it takes, and how soon
others notice nothing of it any more.

The generator shares the machine's processors with what it measures, and would have none left to offer three times as much. So one process, the
bottleneck, gets a twentieth of a processor (it is stopped whenever it has had that), and the rest of the machine has time to spare. A closed loop with the same process slowed in the same way says what is sustainable."""
import contextlib
import os
import signal
import threading
import time

import labs
import sessions
from stats import Row

NAME = "overload"
QUICK = False
ROUNDS = 3
STEADY, CROWD = 40, 320        # devices: the steady ones go on talking when the crowd has left
TIMES = 3
SHARE, CREDIT_S, LOOK_S = 0.05, 0.002, 0.001
BOUND = 16 << 20               # what the queues of all three hold of these texts when they are full, and as much again
RECOVERY_S = 5
NORMAL = 2.0                   # a second is normal when its median is at most so many times the one that the steady ones have alone
BOTTLENECKS = ("dispatcher", "collab", "groupwise")


def rows_of(part):
    return (
        Row(f"overload of {part}: answered / sustainable", f"{part}_answered", f"{part}_sustainable", "messages a second", 0.9, 1.0, higher=True,
            says="offered three times what a closed loop reaches"),
        Row(f"overload of {part}: refused / 100 ms", f"{part}_refused_us", "refused_bound_us", "us", 1.0, 0.1,
            says="from a message's time until its user hears that it is too much, median"),
        Row(f"overload of {part}: memory / bound", f"{part}_grown_bytes", "bound_bytes", "bytes", 1.0, 0.5,
            says="the most that router, dispatcher and collab grew by / 16 MB"),
        Row(f"overload of {part}: normal again / 5 s", f"{part}_recovery_s", "recovery_bound_s", "s", 1.0, 0.4,
            says="until others' messages take at most twice as long as before"),
    )


ROWS = tuple(row for part in BOTTLENECKS for row in rows_of(part))


class Meanwhile:
    """A thread that runs as long as the block."""

    def __init__(self):
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


class Slowed(Meanwhile):
    """with Slowed(pid): it gets a share of one processor. What it took too much, because this was not let run in time, it waits for."""

    def __init__(self, pid):
        super().__init__()
        self.pid = pid

    def _used_s(self):
        with open(f"/proc/{self.pid}/schedstat", encoding="ascii") as stat:
            return int(stat.read().split()[0]) / 1e9

    def _run(self):
        credit_s, at, used = 0.0, time.monotonic(), self._used_s()
        while not self.over.is_set():
            now, uses = time.monotonic(), self._used_s()
            credit_s = min(CREDIT_S, credit_s + SHARE * (now - at) - (uses - used))
            at, used = now, uses
            os.kill(self.pid, signal.SIGSTOP if credit_s < 0 else signal.SIGCONT)
            self.over.wait(LOOK_S)
        os.kill(self.pid, signal.SIGCONT)


class Peak(Meanwhile):
    """with Peak(lab) as peak: peak.bytes is the most that the daemons' memory grew by."""

    def __init__(self, it):
        super().__init__()
        self.bytes = 0
        self.pids = labs.pids(it).values()

    def _weigh(self):
        return sum(map(sessions.resident, self.pids))

    def _run(self):
        before = self._weigh()
        while not self.over.wait(0.05):
            self.bytes = max(self.bytes, self._weigh() - before)


def pid_of(it, part):
    return next(p["pid"] for p in it.json("lab", "status")["processes"] if p["name"] == part)


def end_s(result):
    """When the last was sent, seconds of the time of day."""
    return result["began_wall_ms"] / 1000 + max(i for i, second in enumerate(result["seconds"]) if second["sent"]) + 1


def arrived_during(steady, crowd):
    """Of the steady ones' messages, those a second in the whole seconds in which the crowd was there."""
    began, crowd_began = steady["began_wall_ms"] / 1000, crowd["began_wall_ms"] / 1000
    seconds = [second["arrived"] for i, second in enumerate(steady["seconds"]) if crowd_began <= began + i and began + i + 1 <= end_s(crowd)]
    return sum(seconds) / len(seconds)


def recovery_s(steady, normal_us, end):
    """From the end of the overload to the end of the last second that was not normal."""
    began = steady["began_wall_ms"] / 1000
    late = [began + i + 1 for i, second in enumerate(steady["seconds"]) if second["arrived"] and second["p50_us"] > NORMAL * normal_us]
    return max(0.0, max(late, default=end) - end)


def overload(it, part, ms):
    def run(*loads):
        """The results of loads that run together; slowed from when all are logged in."""
        labs.all_in(it, sum(load.devices for load in loads))
        with Slowed(pid_of(it, part)):
            return [load.result() for load in loads]

    closed, = run(labs.Load(it, STEADY + 1, CROWD, "--mode", "closed", "--in-flight", 2, "--for", f"{3 * ms}ms"))
    sustainable = closed["messages"]["per_second"]
    normal = ("--messages", max(1, int(sustainable / 20)))
    alone, = run(labs.Load(it, 1, STEADY, *normal, "--for", f"{2 * ms}ms"))
    steady = labs.Load(it, 1, STEADY, *normal, "--for", f"{12 * ms}ms")
    labs.all_in(it, STEADY)
    with Peak(it) as peak:
        steady, crowd = run(steady, labs.Load(it, STEADY + 1, CROWD, "--messages", int(TIMES * sustainable), "--for", f"{4 * ms}ms"))
    messages = crowd["messages"]
    return {f"{part}_sustainable": sustainable, f"{part}_answered": messages["per_second"] + arrived_during(steady, crowd), f"{part}_grown_bytes": peak.bytes,
            f"{part}_refused_us": crowd["latency"]["refused"]["p50_us"], f"{part}_recovery_s": recovery_s(steady, alone["latency"]["arrived"]["p50_us"], end_s(crowd)),
            f"{part}_refused_share": messages["refused"] / messages["planned"], f"{part}_not_sent_share": messages["not_sent"] / messages["planned"],
            f"{part}_refused_p99_us": crowd["latency"]["refused"]["p99_us"], f"{part}_arrived_p50_us": crowd["latency"]["arrived"]["p50_us"],
            f"{part}_arrived_p99_us": crowd["latency"]["arrived"]["p99_us"], f"{part}_late_p99_us": crowd["latency"]["late"]["p99_us"]}


@contextlib.contextmanager
def scene(_quick):
    with labs.lab(STEADY + CROWD) as it:
        labs.seats(it)

        def measure(ms):
            sample = {"bound_bytes": BOUND, "recovery_bound_s": RECOVERY_S, "refused_bound_us": 100000}
            for part in BOTTLENECKS:
                sample |= overload(it, part, ms)
            return sample
        yield measure
