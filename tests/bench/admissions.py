"""Admissions per second, one login for each commit and 64 of them, beside the engine alone given the same statements."""
import contextlib
import pathlib
import subprocess
import tempfile

import postgres
from instrument import path
from stats import Row

NAME = "admissions"
QUICK = True
ROUNDS = 5
BATCHES = {1: 200, 64: 2048}      # logins for each commit: how many in a round
ROWS = tuple(Row(f"admissions {engine}, {batch} / bare", f"{engine}_{batch}", f"{engine}_bare_{batch}", "a second", must, good, higher=True,
                 says=f"{batch} for each commit, 5,000 seats taken; the same statements and nothing else")
             for engine in ("sqlite", "postgresql") for batch, must, good in ((1, 0.6, 0.8), (64, 0.5, 0.7)))


def per_second(how, url, folder, batch):
    done = subprocess.run([path("bench_db"), how, str(url), str(folder / f"{batch}-{how}.key"), str(batch), str(BATCHES[batch])], stdout=subprocess.PIPE,
                          text=True, check=True)
    return float(done.stdout)


@contextlib.contextmanager
def scene(_quick):
    """Each measurement has a database of its own. PostgreSQL commits to the disk, as it does by default."""
    with contextlib.ExitStack() as stack:
        server = postgres.Server() if postgres.BIN.exists() else None
        if server:
            # As installed, and not as tests have it, for which nothing needs to outlive the machine.
            conf = server.data / "postgresql.conf"
            conf.write_text(conf.read_text().replace("fsync = off\nfull_page_writes = off\n", ""))
            stack.enter_context(server)

        def measure(_):
            sample = {}
            with tempfile.TemporaryDirectory(prefix="bramble-bench-") as name:
                folder = pathlib.Path(name)
                for batch in BATCHES:
                    for how in ("verbs", "bare"):
                        key = "_" if how == "verbs" else "_bare_"
                        sample[f"sqlite{key}{batch}"] = per_second(how, folder / f"{how}-{batch}.db", folder, batch)
                        if server:
                            sample[f"postgresql{key}{batch}"] = per_second(how, server.databases.new(), folder, batch)
            return sample
        yield measure
