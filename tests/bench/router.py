"""The Router, which shares one connection to its service, beside what only passes bytes on."""
import contextlib
import pathlib
import shutil
import tempfile

import bramble
import peers
from instrument import Instrument, cost_us
from stats import Row

NAME = "router"
QUICK = True
KEY = bytes(range(20)).hex()
MANY = 1000
ROWS = (
    Row("router / haproxy, 64", "router_64_us", "haproxy_64_us", "us CPU", 1.0, 0.7, says="a frame of 350 bytes each way, 64 devices, 4 in flight"),
    Row("router / haproxy, 1000", "router_1000_us", "haproxy_1000_us", "us CPU", 1.5, 1.0, says="the same with 1,000 devices"),
    Row("router / epoll relay, 64", "router_64_us", "relay_64_us", "us CPU", 1.5, 1.0, says="the relay copies bytes between pairs of connections"),
    Row("router 16 in flight / 1", "router_up_16_us", "router_up_1_us", "us CPU", 0.35, 0.15, says="frames up alone: what gathering saves"),
    Row("two routers / one, frames a second", "two_per_s", "one_per_s", "a second", None, higher=True,
        says="device_share, the generator on the same cores; told, not judged"),
)


@contextlib.contextmanager
def router(*settings):
    """(port for services, port for devices, pid) of a router alone."""
    at = pathlib.Path(tempfile.mkdtemp(prefix="bramble-bench-"))
    (at / "srp.keys").write_text(f"T00000001 {KEY}\n")
    (at / "srp.keys").chmod(0o600)
    (at / "bramble.ini").write_text("\n".join(("[common]", "run_dir = run", "[router]", "listen = 127.0.0.1:0", *settings, "")))
    try:
        with bramble.Process("bramble-router", "-c", at / "bramble.ini", "--ready", log=at / "log") as process:
            process.wait_line(lambda line: line.startswith("READY"), "READY")
            status = bramble.control(at / "run" / "router.sock", "status")
            yield *(int(status[key].rpartition(":")[2]) for key in ("listen", "device_listen")), status["pid"]
    finally:
        shutil.rmtree(at, ignore_errors=True)


@contextlib.contextmanager
def through_router(*options):
    with router() as (port, _, pid), Instrument("bench_frames", "--router", port, "--srp-key", KEY, "--pids", f"router={pid}", *options) as it:
        yield it


@contextlib.contextmanager
def through_two(*options):
    """Two routers that share the port for devices."""
    with router("device_listen = 127.0.0.1:0", "device_share = yes") as (first, port, pid), \
         router(f"device_listen = 127.0.0.1:{port}", "device_share = yes") as (second, _, other), \
         Instrument("bench_frames", "--router", first, "--second", second, "--device-port", port, "--srp-key", KEY, "--pids", f"one={pid},two={other}",
                    *options) as it:
        yield it


def per_second(round_):
    return round_["count"] * 1e6 / round_["us"]


@contextlib.contextmanager
def through(peer, *options):
    with peer() as where:
        if where is None:
            yield None
            return
        port, backend, pid = where
        with Instrument("bench_frames", "--relay", port, "--backend", backend, "--pids", f"peer={pid}", *options) as it:
            yield it


@contextlib.contextmanager
def scene(quick):
    with contextlib.ExitStack() as stack:
        them = {}
        for devices in (64,) if quick else (64, MANY):
            options = ("--devices", devices, "--in-flight", 4, "--echo")
            them[f"router_{devices}_us"] = stack.enter_context(through_router(*options))
            them[f"haproxy_{devices}_us"] = stack.enter_context(through(peers.haproxy, *options))
            if devices == 64:
                them["relay_64_us"] = stack.enter_context(through(peers.relay, *options))
        for window in (1, 16):
            them[f"router_up_{window}_us"] = stack.enter_context(through_router("--devices", 64, "--in-flight", window))
        two = stack.enter_context(through_two("--devices", 64, "--in-flight", 4, "--echo"))

        def measure(ms):
            sample = {}
            for key, it in them.items():
                if it:
                    round_ = it.round(ms)
                    sample[key] = cost_us(round_)
                    if key == "router_64_us":
                        sample["one_per_s"] = per_second(round_)
                        sample["two_per_s"] = per_second(two.round(ms))
            return sample
        yield measure
