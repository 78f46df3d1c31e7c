"""Two of a part in the place of one: what that gives in messages a second, and what it costs for each.

Devices and IM server need the machine's processors, too, and on a small one nothing is left for a second of anything. So the part that is asked about
gets a twentieth of a processor for each of its processes, as in overload.py, and the rest has time to spare: then the rate says whether two of it
do twice the work of one. How much of that a whole machine gives is told beside it."""
import contextlib

import labs
import overload
import parts
from instrument import Instrument
from stats import Row

NAME = "cores"
QUICK = False
ROUNDS = 5
# On each way: with those that are read and not yet known to be, no more than may wait for a Dispatcher however long, so that nothing is refused.
DEVICES, IN_FLIGHT = 96, 2
# What is doubled with it: a Dispatcher has a router of its own in the second way, and a service a Dispatcher.
TWO = {"router": {"routers": 2}, "dispatcher": {"routers": 2, "dispatchers": 2}, "collab": {"routers": 2, "dispatchers": 2, "services": 2}}
NAMES = {"router": "routers", "dispatcher": "dispatchers", "collab": "services"}
ROWS = (
    *(Row(f"two {NAMES[part]} / one, slowed", f"two_{part}_per_s", f"one_{part}_per_s", "messages a second", 1.6, 1.9, higher=True,
          says="each with a twentieth of a processor, all else with what it needs") for part in TWO),
    *(Row(f"message, two {NAMES[part]} / one", f"two_{part}_us", f"one_{part}_us", "us CPU", 1.25, 1.0,
          says="router, dispatcher and collab, all of them, in the same rounds") for part in TWO),
    Row("two of all / one, messages a second", "two_per_s", "one_per_s", "messages a second", None, higher=True,
        says="nothing slowed, devices and IM server on the same processors; told, not judged"),
    Row("message, two of all / one", "two_us", "one_us", "us CPU", None, says="the same; told, not judged"),
)


def measured(it, ms, slowed=None):
    """(messages a second, CPU for each in microseconds) on the ways that there are, each with as many devices."""
    ways = it.counts["router"]
    with contextlib.ExitStack() as stack:
        talk = [stack.enter_context(Instrument("bench_load", "--lab", it.lab.dir, "--router", it.router(k), "--first", 1 + k * DEVICES, "--devices", DEVICES,
                                               "--in-flight", IN_FLIGHT, "--pids", ",".join(f"{n}={p}" for n, p in it.pids(*labs.DAEMONS).items())))
                for k in range(ways)]
        for pid in it.pids(slowed).values() if slowed else ():
            stack.enter_context(overload.Slowed(pid))
        for one in talk:
            one.begin(ms)
        rounds = [one.result() for one in talk]
    count = sum(r["count"] for r in rounds)
    # Each has seen what all of it took while it counted, and all counted at once.
    cpu_ns = sum(sum(r["cpu"].values()) for r in rounds) / ways
    return sum(r["count"] * 1e6 / r["us"] for r in rounds), cpu_ns / 1000 / count


@contextlib.contextmanager
def scene(_quick):
    with parts.folder(parts.MOST * DEVICES) as lab:
        def measure(ms):
            sample = {}
            for part, two in TWO.items():
                for name, counts in (("one", {}), ("two", two)):
                    with parts.Parts(lab, **counts) as it:
                        sample[f"{name}_{part}_per_s"], sample[f"{name}_{part}_us"] = measured(it, 2 * ms, part)
                        if part == "collab":
                            sample[f"{name}_per_s"], sample[f"{name}_us"] = measured(it, 2 * ms)
            return sample
        yield measure
