"""Thousands of devices that want to log in, as many at once as a service takes, beside devices that come at a steady rate, and beside the same thousands
of whom few at a time are under way.

All of them link first. A service has 512 logins under way at most, as it is preset, and who comes then is refused at once; this storm stays below that, and
each that is in makes room for the next. What may wait for the Dispatcher is set higher than their number, so that nobody is refused on a busy machine."""
import contextlib
import pathlib
import shutil
import tempfile

import bramble
import held
import labs
from stats import Row

NAME = "storm"
QUICK = False
ROUNDS = 3
DEVICES, STORM, FEW, STEADY_PER_S = 2000, 500, 64, 100
HELD_S = 5            # all are in for so long, so that this is seen however busy the machine is
SETTINGS = ("router.backlog=100000", "router.backlog_age=1m")
ROWS = (
    Row(f"login, {STORM} at once / {STEADY_PER_S} a second", "storm_us", "steady_us", "us CPU", 1.0, 0.5,
        says=f"{DEVICES} devices; router, dispatcher and collab; link, keys, seat, TLS, list; nobody refused, nothing lost"),
    Row(f"logins a second, {STORM} at once / {FEW}", "storm_per_s", "few_per_s", "logins a second", 0.8, 1.0, higher=True,
        says=f"{DEVICES} devices, from the first login to the last answer"),
    Row(f"logins, {STORM} at once: p99 / p50", "storm_p99_us", "storm_p50_us", "us", None, says="the same; told, not judged"),
)


def come_in(it, keys, count, *how):
    """So many devices link and log in: CPU for each, logins a second, p50 and p99."""
    def cpu_s():
        return sum(held.cpu_seconds(pid) for pid in labs.pids(it).values())

    before = cpu_s()
    load = labs.Load(it, 1, count, "--key-files", keys, "--router", f"127.0.0.1:{it.port(3101)}", "--hold", "--for", f"{HELD_S}s", *how)
    # The database is asked first: a service that says how many are in looks at each of them, and that is measured, too.
    bramble.wait_until(lambda: held.seated(it) >= count or load.child.poll() is not None, f"{count} have seats", every_s=0.2)
    bramble.wait_until(lambda: it.ask("collab", "status")["sessions"]["active"] >= count or load.child.poll() is not None, f"{count} are logged in")
    cpu_us = (cpu_s() - before) * 1e6
    result = load.result()
    logins = result["logins"]
    if logins["ok"] != count:
        raise RuntimeError(f"{logins['ok']} of {count} logged in: {logins}")
    bramble.wait_until(lambda: it.ask("collab", "status")["counts"]["seats_releasing"] == 0, "all seats are given back")
    took = result["latency"]["login"]
    return cpu_us / count, logins["per_second"], took["p50_us"], took["p99_us"]


@contextlib.contextmanager
def scene(_quick):
    # Each device stores a ceiling before it says its first word: in memory, or one after the other would wait for the disk, and nobody storms.
    memory = pathlib.Path("/dev/shm")
    with labs.lab(DEVICES, *(o for setting in SETTINGS for o in ("-o", setting))) as it, \
         tempfile.TemporaryDirectory(prefix="bramble-bench-", dir=memory if memory.is_dir() else None) as folder:
        keys = pathlib.Path(folder) / "devices"
        shutil.copytree(it.dir / "devices", keys)
        labs.seats(it)

        def measure(_ms):
            sample = {}
            for name, count, how in (("steady", STORM, ("--logins", STEADY_PER_S)), ("few", DEVICES, ("--at-once", FEW)),
                                     ("storm", DEVICES, ("--at-once", STORM))):
                us, per_s, p50, p99 = come_in(it, keys, count, *how)
                sample |= {f"{name}_us": us, f"{name}_per_s": per_s, f"{name}_p50_us": p50, f"{name}_p99_us": p99}
            return sample
        yield measure
