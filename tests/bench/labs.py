"""Labs to measure, and devices on them."""
import pathlib
import tempfile

import bramble
from instrument import Instrument

DAEMONS = ("router", "dispatcher", "collab")
CAPACITY = 20000


def lab(users, *options):
    """A lab whose people have no contacts, so that presence costs nothing, and seats for all."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="bramble-bench-"))
    names = [f"user{i:04}" for i in range(1, users + 1)]
    people = "".join(f'<user id="{n}" password="{n}-secret" name="{n}"/>\n' for n in names)
    (folder / "world.xml").write_text(f'<world domain="corp.test" netbios="CORP">\n{people}</world>\n')
    return bramble.Lab("--users", users, *options, dir=folder)


def seats(it):
    it.tool("limits", "set", "--max", CAPACITY, "--capacity", CAPACITY)


def pids(it):
    return {name: it.ask(name, "status")["pid"] for name in DAEMONS}


def devices(it, count, first=1, in_flight=4, churn=False):
    """count of its devices, logged in."""
    return Instrument("bench_load", "--lab", it.dir, "--router", f"127.0.0.1:{it.port(3101)}", "--first", first, "--devices", count,
                      "--in-flight", in_flight, "--pids", ",".join(f"{n}={p}" for n, p in pids(it).items()), *(["--churn"] if churn else []))
