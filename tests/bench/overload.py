"""Three times as much as can be done: what is answered all the same, what memory it takes, and how long a message takes afterwards."""
import contextlib
import json
import subprocess

import bramble
import labs
import sessions
from stats import Row

NAME = "overload"
QUICK = False
ROUNDS = 4
DEVICES = 64
TIMES = 3
MEMORY_BOUND = 64 << 20        # all queues of this many devices fit into it many times
ROWS = (
    Row("overload: answered / closed loop", "answered", "sustainable", "messages a second", 0.9, 1.0, higher=True,
        says="offered three times what a closed loop reaches"),
    Row("overload: memory / bound", "grown_bytes", "bound_bytes", "bytes", 1.0, 0.25, says="what router, dispatcher and collab grew by / 64 MB"),
    Row("overload: latency after / before", "after_us", "before_us", "us", 2.0, 1.2, says="median at an eighth of that rate, in the 5 s after / before"),
)


def load(it, *options):
    """One run of `bramble-sim load`, nothing lost, its result."""
    done = subprocess.run([bramble.program("bramble-sim"), "load", "--lab", str(it.dir), "--devices", str(DEVICES), "--json", "-q", "--warm-up", "500ms",
                           *map(str, options)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    result = json.loads(done.stdout) if done.stdout.startswith("{") else {}
    if not result.get("whole"):
        raise RuntimeError(f"bramble-sim load ended {done.returncode}, something was lost: {done.stdout[-1500:]}{done.stderr[-1500:]}")
    return result


@contextlib.contextmanager
def scene(_quick):
    with labs.lab(DEVICES) as it:
        labs.seats(it)

        def measure(ms):
            for_ms = f"{2 * ms}ms"
            sustainable = load(it, "--mode", "closed", "--in-flight", 16, "--for", for_ms)["messages"]["per_second"]
            normal = ("--messages", max(1, int(sustainable / 8)))
            before = load(it, *normal, "--for", for_ms)
            weighed = sum(sessions.all_resident(it).values())
            over = load(it, "--messages", int(TIMES * sustainable), "--for", f"{4 * ms}ms")
            grown = sum(sessions.all_resident(it).values()) - weighed
            after = load(it, *normal, "--for", for_ms)
            messages = over["messages"]
            return {"sustainable": sustainable, "answered": messages["per_second"], "grown_bytes": max(0, grown), "bound_bytes": MEMORY_BOUND,
                    "not_taken": messages["not_sent"] / messages["planned"], "refused": messages["refused"] / messages["planned"],
                    "before_us": before["latency"]["arrived"]["p50_us"], "after_us": after["latency"]["arrived"]["p50_us"]}
        yield measure
