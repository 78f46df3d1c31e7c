#!/usr/bin/env python3
"""Measures Bramble beside what else does the same, on this machine and in turn, and prints how they compare.

  tests/bench/run.py [--quick] [--check FILE] [--accept FILE] [--out FOLDER] [WORD ...]      only scenes whose name holds one of the words

A scene sets up ours and its peers once; then rounds are measured in turn. docs/performance.md says what each row means. Writes
build/bench/results.json unless told another folder. Ends 0; 1 when a goal is missed, or, with --check, when a row has become worse than in FILE."""
import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]
os.environ.setdefault("BRAMBLE_BIN", "build/bin")
os.environ.setdefault("BRAMBLE_TEST_DEADLINE", "120")
import admissions
import cores
import latency
import layers
import logins
import overload
import pipeline
import router
import sessions
import start
import stats
import storm

SCENES = (pipeline, router, layers, logins, admissions, start, latency, overload, cores, storm, sessions)
ROUND_MS, QUICK_MS = 1000, 600


def version(*command):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20, check=False)
        return done.stdout.strip().splitlines()[0] if done.stdout.strip() else "?"
    except (OSError, subprocess.TimeoutExpired):
        return "not installed"


def package(name):
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    return done.stdout.strip() or "not installed"


def context():
    return {"cores": os.cpu_count(), "load_average": os.getloadavg()[0], "kernel": platform.release(), "machine": platform.machine(),
            "suite": "aes256-cbc", "tls": "1.3, P-256, full handshakes unless said", "text_bytes": 256,
            "versions": {name: package(name) for name in ("libssl3", "zlib1g", "libevent-core-2.1-7", "libsqlite3-0", "postgresql-15", "haproxy",
                                                          "mosquitto", "prosody", "ejabberd", "valgrind")}}


def run_scene(module, quick, samples):
    """Its rows' results. The first round of a full run is not counted: caches fill in it."""
    rounds = getattr(module, "ROUNDS", 7)
    if quick:
        rounds = min(rounds, 3)
    taken = []
    with module.scene(quick) as measure:
        for _ in range(rounds):
            taken.append(measure(QUICK_MS if quick else ROUND_MS))
    if not quick and rounds > 3:
        taken = taken[1:]
    samples[module.NAME] = {key: round(statistics.median(t[key] for t in taken if key in t), 4) for key in sorted({k for t in taken for k in t})}
    return [stats.judge(row, taken) for row in module.ROWS]


def accept(file, results):
    """Rows that were not measured now stay as they were accepted before."""
    new = {r["name"]: r for r in results}
    kept = [new.pop(r["name"], r) for r in json.loads(file.read_text())] if file.exists() else []
    file.write_text(json.dumps(kept + list(new.values()), indent=1) + "\n")


def main(words=None, scenes=SCENES):
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--check", type=pathlib.Path)
    parser.add_argument("--accept", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("build/bench"))
    parser.add_argument("words", nargs="*")
    options = parser.parse_args(words)
    about = context()
    print(f"{about['cores']} cores, load {about['load_average']:.1f} before; {about['suite']}, TLS {about['tls']}, texts of {about['text_bytes']} bytes")
    print(", ".join(f"{name} {v}" for name, v in about["versions"].items()))
    print(stats.HEAD, flush=True)
    results, samples, start = [], {}, time.monotonic()
    for module in scenes:
        if options.words and not any(word in module.NAME for word in options.words) or options.quick and not module.QUICK and not options.words:
            continue
        for result in run_scene(module, options.quick, samples):
            results.append(result)
            print(stats.line(result), flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (options.out / "context.json").write_text(json.dumps({"context": about, "samples": samples}, indent=1) + "\n")
    missed = [r["name"] for r in results if not r["pass"]]
    print(f"{len(results)} rows in {time.monotonic() - start:.0f} s, written to {options.out}/results.json; {len(missed)} missed" + (": " + ", ".join(missed) if missed else ""))
    bad = len(missed)
    if options.check:
        # Missed goals are for a run without --check to fail on.
        before = {r["name"]: r for r in json.loads(options.check.read_text())}
        sentences = [s for s in (stats.worse(r, before[r["name"]]) for r in results if r["name"] in before) if s]
        print("\n".join(sentences) if sentences else f"no row is worse than in {options.check}")
        bad = len(sentences)
    if options.accept:
        accept(options.accept, results)
        print(f"accepted: {options.accept}")
    return 1 if bad or not results else 0


if __name__ == "__main__":
    sys.exit(main())
