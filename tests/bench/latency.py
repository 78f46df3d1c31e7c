"""How long a message takes: by itself, at half of what can be done, and while others log in."""
import contextlib

import labs
from instrument import Instrument
from stats import Row

NAME = "latency"
QUICK = False
ROUNDS = 5
TALKERS, CHURNERS, IN_FLIGHT = 64, 64, 4
IDLE_PER_S, LIVE_PER_S, LOGINS_PER_S = 20, 200, 64
ROWS = (
    Row("latency: idle p50 / 5 ms", "idle_p50_us", "idle_p50_bound_us", "us", 1.0, 0.2, says=f"{IDLE_PER_S} messages a second, from one user to the other"),
    Row("latency: idle p99 / 20 ms", "idle_p99_us", "idle_p99_bound_us", "us", 1.0, 0.2, says="the same"),
    Row("latency: p99 / p50 at half", "half_p99_us", "half_p50_us", "us", 5.0, 3.0, says="half of what a closed loop reaches, by plan"),
    Row("latency: p99 / p50 at half, floor", "floor_p99_us", "floor_p50_us", "us", None, says="the same of three processes that do nothing else; told, not judged"),
    Row("latency: p99 / p50, ours / floor", "half_spread", "floor_spread", "p99 / p50", 2.0, 1.2, says="each at half of its own closed loop"),
    Row("latency: p99, logins / none", "storm_p99_us", "calm_p99_us", "us", 3.0, 1.5,
        says=f"{LIVE_PER_S} messages a second while {LOGINS_PER_S} a second log in / while nobody does"),
)


@contextlib.contextmanager
def scene(_quick):
    with labs.lab(TALKERS + CHURNERS) as it, Instrument("bench_floor", "--devices", TALKERS, "--in-flight", IN_FLIGHT) as floor:
        labs.seats(it)

        def talk(per_s, ms):
            return labs.Load(it, 1, TALKERS, "--messages", per_s, "--for", f"{ms}ms")

        def latency(load, name):
            arrived = load.result()["latency"]["arrived"]
            return {f"{name}_p50_us": arrived["p50_us"], f"{name}_p99_us": arrived["p99_us"]}

        def measure(ms):
            capacity = labs.Load(it, 1, TALKERS, "--mode", "closed", "--in-flight", IN_FLIGHT, "--for", f"{2 * ms}ms").result()["messages"]["per_second"]
            sample = {"idle_p50_bound_us": 5000, "idle_p99_bound_us": 20000, "capacity_per_s": capacity}
            sample |= latency(talk(IDLE_PER_S, 3 * ms), "idle") | latency(talk(max(1, int(capacity / 2)), 2 * ms), "half")
            fastest = floor.round(2 * ms)
            least = floor.round(2 * ms, int(fastest["count"] * 1e6 / fastest["us"] / 2))
            sample |= {"floor_p50_us": least["p50_us"], "floor_p99_us": least["p99_us"], "floor_spread": least["p99_us"] / least["p50_us"],
                       "half_spread": sample["half_p99_us"] / sample["half_p50_us"]}
            sample |= latency(talk(LIVE_PER_S, 3 * ms), "calm")
            storm = labs.Load(it, TALKERS + 1, CHURNERS, "--logins", LOGINS_PER_S, "--churn", CHURNERS, "--for", f"{6 * ms}ms")
            labs.all_in(it, CHURNERS)
            sample |= latency(talk(LIVE_PER_S, 3 * ms), "storm")
            sample["logins_per_s"] = storm.result()["again"]["per_second"]
            return sample
        yield measure
