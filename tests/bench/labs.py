"""Labs to measure, and devices on them."""
import json
import pathlib
import subprocess
import tempfile

import bramble
from instrument import Instrument

DAEMONS = ("router", "dispatcher", "collab")
CAPACITY = 20000


def lab(users, *options, offset=None):
    """A lab whose people have no contacts, so that presence costs nothing, and seats for all."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="bramble-bench-"))
    names = [f"user{i:04}" for i in range(1, users + 1)]
    people = "".join(f'<user id="{n}" password="{n}-secret" name="{n}"/>\n' for n in names)
    (folder / "world.xml").write_text(f'<world domain="corp.test" netbios="CORP">\n{people}</world>\n')
    return bramble.Lab("--users", users, *options, offset=offset, dir=folder)


def seats(it):
    it.tool("limits", "set", "--max", CAPACITY, "--capacity", CAPACITY)


def pids(it):
    return {name: it.ask(name, "status")["pid"] for name in DAEMONS}


def devices(it, count, first=1, in_flight=4, churn=False):
    """count of its devices, logged in."""
    return Instrument("bench_load", "--lab", it.dir, "--router", f"127.0.0.1:{it.port(3101)}", "--first", first, "--devices", count,
                      "--in-flight", in_flight, "--pids", ",".join(f"{n}={p}" for n, p in pids(it).items()), *(["--churn"] if churn else []))


class Load:
    """One run of `bramble-sim load`; result() when it is over. Nothing may be lost, and nothing wrong."""

    def __init__(self, it, first, devices, *options):
        self.devices = devices
        self.child = subprocess.Popen([bramble.program("bramble-sim"), "load", "--lab", str(it.dir), "--first", str(first), "--devices", str(devices),
                                       "--warm-up", "1s", "--json", "-q", *map(str, options)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def result(self):
        out, err = self.child.communicate()
        result = json.loads(out) if out.startswith("{") else {}
        if not result.get("whole"):
            raise RuntimeError(f"bramble-sim load ended {self.child.returncode}, something was lost: {out[-1500:]}{err[-1500:]}")
        return result


def all_in(it, count):
    bramble.wait_until(lambda: it.ask("collab", "status")["sessions"]["active"] >= count, f"{count} devices are logged in")
