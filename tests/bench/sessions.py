"""What a session costs when there are many: memory at rest, and what a message and a login cost beside thousands that stand still."""
import contextlib
import os
import subprocess

import labs
import peers
from instrument import Instrument, cost_us, path
from stats import Row

NAME = "sessions"
QUICK = False
ACTIVE, CHURNERS = 100, 64
STEPS = (100, 1000, 5000, 10000)      # sessions, the active ones among them
ROUNDS = 3
HELD = (200, 2000)                    # connections of mosquitto: the first carry one-time costs
ROWS = (
    Row("memory: session / mosquitto TLS", "session_bytes", "mosquitto_bytes", "bytes", 2.7, 1.8,
        says="router, dispatcher and collab together, from 100 to 1,000 sessions"),
    Row("memory: collab / TLS library", "collab_bytes", "tls_bytes", "bytes", 2.0, 1.5, says="a session with its TLS connection / the connection alone"),
    Row("memory: at 10000 / at 1000", "session_10000_bytes", "session_bytes", "bytes", 1.15, 1.0, says="for each session"),
    *(Row(f"message among {n} / among 100", f"message_{n}_us", f"message_{n}_alone_us", "us CPU", must, 1.05, says="100 devices talk, the others stand")
      for n, must in ((1000, 1.15), (5000, 1.2), (10000, 1.25))),
    *(Row(f"login among {n} / among 100", f"login_{n}_us", f"login_{n}_alone_us", "us CPU", must, 1.1, says="64 log in and out again, the others stand")
      for n, must in ((1000, 1.15), (5000, 1.3), (10000, 1.5))),
)


def resident(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def all_resident(it):
    return {name: resident(pid) for name, pid in labs.pids(it).items()}


def mosquitto_bytes():
    with peers.mosquitto() as where:
        if not where:
            return {}
        port, pid = where
        few, many = HELD
        hold = ("bench_clients", "--port", port, "--script", "mqtt", "--hold", "--pids", f"peer={pid}")
        with Instrument(*hold, "--connections", few):
            before = resident(pid)
            with Instrument(*hold, "--first", few + 1, "--connections", many - few):
                return {"mosquitto_bytes": (resident(pid) - before) / (many - few)}


def tls_bytes():
    return float(subprocess.run([path("bench_tls"), "memory", "2000"], stdout=subprocess.PIPE, text=True, check=True).stdout)


def grow(ms, samples):
    """Fills samples, one dict for each round: at every step the same devices talk and churn on the lab that grows and on one that does not."""
    with contextlib.ExitStack() as stack:
        big = stack.enter_context(labs.lab(STEPS[-1] + CHURNERS))
        small = stack.enter_context(labs.lab(STEPS[0] + CHURNERS))
        pairs = []
        for it, standing in ((big, STEPS[-1]), (small, STEPS[0])):
            labs.seats(it)
            pairs.append((stack.enter_context(labs.devices(it, ACTIVE)),
                          stack.enter_context(labs.devices(it, CHURNERS, first=standing + 1, churn=True))))
        weights = {ACTIVE: all_resident(big)}
        for before, step in zip(STEPS, STEPS[1:]):
            stack.enter_context(labs.devices(big, step - before, first=before + 1, in_flight=1))
            weights[step] = all_resident(big)
            for sample in samples:
                for kind, which in (("message", 0), ("login", 1)):
                    sample[f"{kind}_{step}_us"] = cost_us(pairs[0][which].round(ms))
                    sample[f"{kind}_{step}_alone_us"] = cost_us(pairs[1][which].round(ms))
        first, last = STEPS[1], STEPS[-1]
        for sample in samples:
            for name in labs.DAEMONS:
                sample[f"{name}_bytes"] = (weights[first][name] - weights[ACTIVE][name]) / (first - ACTIVE)
                sample[f"{name}_{last}_bytes"] = (weights[last][name] - weights[first][name]) / (last - first)
            sample["session_bytes"] = sum(sample[f"{name}_bytes"] for name in labs.DAEMONS)
            sample[f"session_{last}_bytes"] = sum(sample[f"{name}_{last}_bytes"] for name in labs.DAEMONS)


@contextlib.contextmanager
def scene(_quick):
    samples, held, library = [], mosquitto_bytes(), tls_bytes()

    def measure(ms):
        if not samples:
            samples.extend({"tls_bytes": library} | held for _ in range(ROUNDS))
            grow(ms, samples)
        return samples.pop(0)
    yield measure
