"""A test per ready scenario, on the real processes, whose histories must keep to every rule as well: with GroupWise Messenger on an SQLite file, and
with Communicator Web Access on PostgreSQL, so that each runs with both servers and on both databases.

The two long ones run for a part of their time, because the sanitizers make everything slower; `make scenarios` runs them in full."""
import concurrent.futures
import glob
import os
import pathlib
import shutil
import tempfile
import unittest

import bramble
import postgres

SCENARIOS = sorted(glob.glob("simulator/scenarios/*.xml"))
LONG = [path for path in SCENARIOS if "virtual-day" in path]
# Killed, stopped and restarted processes, and faults.
ROUGH = [path for path in SCENARIOS if any(word in path for word in ("/fault-", "/collab-", "/failover-", "-restarted"))]
SETTLED = [path for path in SCENARIOS if path not in LONG + ROUGH]
LIMITS = [path for path in SETTLED if any(word in path for word in ("/limits-", "maximum", "/evict", "capacity", "never"))]
ON_CWA = ("--backend", "cwa", "--database", lambda: postgres.shared().new())
# What is shortened, and what is counted then.
SHORTER = {
    "one-virtual-day": [('advance by="1d"', 'advance by="20m"'), ('is="144000"', 'is="2000"')],
    "thirty-virtual-days": [('advance by="30d"', 'advance by="4h"'), ('is="72000"', 'is="400"'), ('is="2880"', 'is="16"')],
}


def shortened(path, folder):
    """The file itself, or a copy of a long one that takes less."""
    name = pathlib.Path(path).stem
    if name not in SHORTER:
        return path
    text = pathlib.Path(path).read_text()
    for old, new in SHORTER[name]:
        assert old in text, f"{path} has no {old} to shorten"
        text = text.replace(old, new)
    copy = folder / f"{name}.xml"
    copy.write_text(text)
    return copy


def a_test_of(path):
    def test(self):
        status, out, err = self.results[path].result()
        self.assertEqual(status, 0, out[-6000:] + err)
        self.assertRegex(out, r"\n1 scenario, \d+ assertions?: all hold\n$")
    return test


class Ready(unittest.TestCase):
    """They run two at a time, which also shows that several at once do not meet."""

    paths = []
    words = ()

    @classmethod
    def setUpClass(cls):
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="br-"))
        env = dict(bramble.gss_env() if "cwa" in cls.words else os.environ, TMPDIR=str(cls.dir))
        words = [word() if callable(word) else word for word in cls.words]
        pool = concurrent.futures.ThreadPoolExecutor(max_workers=2)
        cls.results = {path: pool.submit(bramble.run, "bramble-sim", "run", "--check-history", *words, shortened(path, cls.dir), timeout=600, env=env)
                       for path in cls.paths}
        pool.shutdown(wait=False)

    @classmethod
    def tearDownClass(cls):
        for result in cls.results.values():
            result.exception()
        shutil.rmtree(cls.dir, True)


def tests_of(paths, *words):
    """A TestCase with a method per file; words: how to run them, or functions that say it when they are run."""
    methods = {"test_" + pathlib.Path(path).stem.replace("-", "_"): a_test_of(path) for path in paths}
    return type("TestScenarios", (Ready,), {"paths": paths, "words": words, **methods})
