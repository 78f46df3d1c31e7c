#!/usr/bin/env python3
"""Holds a load: devices that are logged in, each with a TLS connection of its own to the IM server, heartbeats, and messages at a steady rate.

  tests/bench/held.py [--talk N] [--stand N] [--rate N] [--seconds N] [--max-growth PERCENT]

2,000 talk, 8,000 stand, 500 messages a second for 600 s unless told otherwise. Says how it goes every tenth of the time. Ends 0 when nothing was
lost and no daemon's memory grew by more than was allowed between a quarter of the time and the end; else 1."""
import argparse
import contextlib
import json
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]
import bramble
import labs
import sessions

SLACK_BYTES = 2 << 20     # what an allocator may take for itself, however little is held


def cpu_seconds(pid):
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def start(it, first, count, seconds, *options):
    return subprocess.Popen([bramble.program("bramble-sim"), "load", "--lab", str(it.dir), "--first", str(first), "--devices", str(count), "--warm-up", "0s",
                             "--for", f"{seconds}s", "--status-interval", "60s", "--json", "-q", *map(str, options)], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


def result_of(child, what):
    out, err = child.communicate()
    if not out.startswith("{"):
        raise RuntimeError(f"bramble-sim load ({what}) ended {child.returncode}: {out[-1000:]}{err[-1000:]}")
    return json.loads(out)


def seated(it):
    return it.rows("SELECT count(*) FROM emu_IMSession")[0][0]


def watch(it, options, talking):
    """Memory of each daemon at a quarter of the time and at the end, and CPU between them."""
    pids, began = labs.pids(it), time.monotonic()
    early = early_cpu = None
    for tenth in range(1, 11):
        with contextlib.suppress(subprocess.TimeoutExpired):
            talking.wait(max(0.01, began + tenth * options.seconds / 10 - options.seconds / 100 - time.monotonic()))
        if talking.poll() is not None:
            break
        memory, cpu = sessions.all_resident(it), {n: cpu_seconds(p) for n, p in pids.items()}
        if early is None and tenth * 10 >= 25:
            early, early_cpu, since = memory, cpu, time.monotonic()
        print(f"{tenth * 10:3} %  " + "  ".join(f"{n} {memory[n] >> 10} KiB" for n in labs.DAEMONS), flush=True)
    if early is None:
        raise RuntimeError("the load ended before a quarter of its time")
    share = {n: (cpu[n] - early_cpu[n]) / max(0.001, time.monotonic() - since) for n in labs.DAEMONS}
    return early, memory, share


def main():
    parser = argparse.ArgumentParser()
    for name, default in (("talk", 2000), ("stand", 8000), ("rate", 500), ("seconds", 600)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--max-growth", type=float, default=3.0)
    options = parser.parse_args()
    everybody = options.talk + options.stand
    with labs.lab(everybody) as it:
        labs.seats(it)
        print(f"held: {everybody} sessions, {options.rate} messages a second among {options.talk} of them, {options.seconds} s", flush=True)
        # Those that stand do so until they are told to end, when the others have ended.
        standing = start(it, options.talk + 1, options.stand, options.seconds + 3600, "--hold") if options.stand else None
        try:
            if standing:
                bramble.wait_until(lambda: standing.poll() is not None or seated(it) >= options.stand, "all stand", 600, 0.5)
            talking = start(it, 1, options.talk, options.seconds, "--messages", options.rate)
            try:
                bramble.wait_until(lambda: talking.poll() is not None or seated(it) >= everybody, "all are logged in", 600, 0.5)
                early, late, share = watch(it, options, talking)
            finally:
                said = result_of(talking, "those that talk")
        finally:
            if standing:
                standing.terminate()
                stood = result_of(standing, "those that stand")
    bad = []
    messages, latency = said["messages"], said["latency"]["arrived"]
    if not said["whole"] or messages["answered"] != messages["planned"]:
        bad.append(f"of {messages['planned']} messages {messages['answered']} were answered, {messages['lost']} lost, {messages['timed_out']} timed out, "
                   f"{messages['refused']} refused, {messages['not_sent']} not sent; {said['sessions_lost']} sessions lost")
    if standing and (stood["sessions_lost"] or stood["links_lost"] or stood["logins"]["ok"] != options.stand):
        bad.append(f"of {options.stand} that stood {stood['logins']['ok']} were in; {stood['sessions_lost']} sessions and {stood['links_lost']} links lost")
    for name in labs.DAEMONS:
        if late[name] > early[name] * (1 + options.max_growth / 100) + SLACK_BYTES:
            bad.append(f"{name} grew from {early[name] >> 10} to {late[name] >> 10} KiB")
    print(f"{messages['answered']} messages answered; at the partner after {latency['p50_us']} us (median), {latency['p99_us']} us (99 %), "
          f"{latency['max_us']} us (longest); late by {said['latency']['late']['p99_us']} us (99 %)")
    print("CPU of one core: " + ", ".join(f"{n} {100 * s:.1f} %" for n, s in share.items()))
    print("\n".join(f"held: {b}" for b in bad) or "held: nothing lost, nothing grew")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
