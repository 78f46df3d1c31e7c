#!/usr/bin/env python3
"""Runs every test of the tree and ends with the line `N passed, N failed`.

  tests/run.py --out build/VARIANT --bin FOLDER --shipped FOLDER [WORD ...]     only tests whose name holds one of the words

Unit, vector and flow tests are cmocka programs; corpora are replayed by their fuzz target; process and interop tests are
Python files that drive the real programs. Whatever cannot run has failed: nothing is skipped."""
import argparse
import concurrent.futures
import contextlib
import glob
import os
import re
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, "tests/support")
import postgres

TIMEOUT_S = 900
# What runs a second time, on PostgreSQL: the database's verbs and races, and the seats of real processes; of a file the tests whose names
# hold one of the words, if there are any. Programs are there as they are shipped, without sanitizers.
ON_POSTGRES = {"unit/test_db_config": (), "unit/test_db_open": (), "unit/test_db_race": (), "unit/test_db_seats": (),
               "process/test_admission": ("maximum", "database", "changed_limits", "second_login", "evicted", "administrator", "leaves_nothing"),
               "process/test_four_services": (), "process/test_seats": ()}
# The scenarios run on SQLite with GroupWise Messenger (process/test_scenarios, _long, _rough) and on PostgreSQL with Communicator Web Access.
ONLY_ON_POSTGRES = ("unit/test_db_postgres", "process/test_postgres", "process/test_scenarios_cwa", "process/test_scenarios_cwa_limits",
                    "process/test_scenarios_cwa_long", "process/test_scenarios_cwa_rough")


def sanitizers(name):
    """What they are told. The address sanitizer keeps from use what was freed last: by itself 256 MB, so it is in the programs of C tests. The daemons
    of process tests would use no memory twice until then, and spend a third of their time on touching new: there it is 16 MB, some hundred thousand
    pieces."""
    kept = ":quarantine_size_mb=16" if name.startswith(("process/", "interop/")) else ""
    return {"ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:strict_string_checks=1" + kept, "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1"}


def jobs(out):
    """Name, command, and the database: "" is SQLite."""
    for name, command in programs(out):
        if name not in ONLY_ON_POSTGRES:
            yield name, command, ""
        if name in ON_POSTGRES or name in ONLY_ON_POSTGRES:
            words = [option for word in ON_POSTGRES.get(name, ()) for option in ("-k", word)]
            yield f"{name} on postgresql", command + words, "postgresql"


def programs(out):
    """Those that drive processes first: they take longest, and the many short ones then fill the gaps at the end."""
    for kind in ("process", "interop", "vectors"):
        for source in sorted(glob.glob(f"tests/{kind}/test_*.py")):
            yield f"{kind}/{os.path.basename(source)[:-3]}", [sys.executable, "-B", source]
    for kind in ("flow", "unit", "vectors"):
        for source in sorted(glob.glob(f"tests/{kind}/test_*.c")):
            name = os.path.basename(source)[:-2]
            yield f"{kind}/{name}", [f"{out}/tests/{kind}/{name}"]
    for source in sorted(glob.glob("tests/fuzz/fuzz_*.c")):
        name = os.path.basename(source)[:-2]
        yield f"corpus/{name}", [f"{out}/tests/replay/{name}", f"tests/fuzz/corpus/{name[5:]}"]


def counts(text, status):
    """What the program says it ran; a program that says nothing counts as one test."""
    passed = sum(int(n) for n in re.findall(r"\[  PASSED  \] (\d+) test", text))
    failed = sum(int(n) for n in re.findall(r"\[  FAILED  \] (\d+) test", text))
    ran = re.search(r"^Ran (\d+) tests? in", text, re.M)
    if ran:
        bad = sum(int(n) for n in re.findall(r"(?:failures|errors|skipped)=(\d+)", text))
        passed, failed = max(0, int(ran.group(1)) - bad), bad      # a test may fail in several of its parts
    replayed = re.search(r"^replayed (\d+) inputs", text, re.M)
    if replayed:
        passed = int(replayed.group(1))
    if passed + failed == 0:
        failed = 1
    if status != 0 and failed == 0:
        failed = 1
    return passed, failed


def run(name, command, env):
    """Its name, output, exit status, and the seconds that it took: by the clock, and of processors, with all processes that it waited for."""
    start = time.monotonic()
    with tempfile.TemporaryFile() as out:
        try:
            child = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        except OSError as wrong:
            return name, f"{wrong}\n", 1, 0.0, 0.0
        watch = threading.Timer(TIMEOUT_S, child.kill)
        watch.start()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        watch.cancel()
        took = time.monotonic() - start
        out.seek(0)
        text = out.read().decode("utf-8", "replace")
    if took >= TIMEOUT_S:
        text += f"\nno end after {TIMEOUT_S} s\n"
    return name, text, child.returncode, took, usage.ru_utime + usage.ru_stime


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--shipped", default="build/bin")
    parser.add_argument("words", nargs="*")
    options = parser.parse_args()
    env = dict(os.environ, BRAMBLE_BIN=os.path.abspath(options.bin), BRAMBLE_OUT=os.path.abspath(options.out),
               PYTHONPATH="tests/support", SEAT_ATTEMPTS=os.environ.get("SEAT_ATTEMPTS", "700"))
    todo = [j for j in jobs(options.out) if not options.words or any(w in j[0] for w in options.words)]
    with contextlib.ExitStack() as stack:
        urls = {"": {}}
        if any(database for _, _, database in todo):
            server = stack.enter_context(postgres.Server())
            urls["postgresql"] = {"BRAMBLE_TEST_POSTGRES": server.url}
        as_shipped = {"BRAMBLE_BIN": os.path.abspath(options.shipped)}
        return run_all([(name, command, env | sanitizers(name) | urls[database] | (as_shipped if database else {})) for name, command, database in todo])


def run_all(todo):
    passed = failed = 0
    # One more than there are processors: much of a test of processes is waiting. With two more it takes as long.
    with concurrent.futures.ThreadPoolExecutor(max_workers=(os.cpu_count() or 1) + 1) as pool:
        for done in concurrent.futures.as_completed([pool.submit(run, *job) for job in todo]):
            name, text, status, seconds, cpu = done.result()
            good, bad = counts(text, status)
            passed, failed = passed + good, failed + bad
            print(f"{'ok  ' if bad == 0 else 'FAIL'} {name}: {good} passed, {bad} failed ({seconds:.1f} s, {cpu:.1f} of processors)", flush=True)
            if bad:
                print("\n".join("     " + line for line in text.splitlines()[-80:]), flush=True)
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
