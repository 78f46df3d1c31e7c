"""What Bramble is measured beside: programs of others, with a configuration made here, on loopback; each gone when its block ends."""
import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile

import bramble
import instrument

PATH = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"


def find(name):
    return shutil.which(name, path=PATH)


def free_port():
    """Free now, and below the range from which the kernel takes the near ends of outgoing connections."""
    return bramble.free_offset((0,))


def listens(port, child, log):
    def check():
        if child.poll() is not None:
            raise RuntimeError(f"{child.args[0]} ended {child.returncode}: {pathlib.Path(log).read_text(errors='replace')[-2000:]}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            return False
    return check


@contextlib.contextmanager
def running(command, folder, port, env=None, user=None):
    """A program in the background that listens on the port, its process when it does."""
    log = pathlib.Path(folder, "log")
    with open(log, "ab") as out:
        child = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=folder, env=env, user=user,
                                 group=user, extra_groups=[] if user else None)
    try:
        if port:
            bramble.wait_until(listens(port, child, log), f"{command[0]} listens")
        yield child
    finally:
        child.terminate()
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@contextlib.contextmanager
def folder():
    it = tempfile.mkdtemp(prefix="bramble-peer-")
    os.chmod(it, 0o755)
    try:
        yield pathlib.Path(it)
    finally:
        shutil.rmtree(it, ignore_errors=True)


@contextlib.contextmanager
def relay():
    """(listening port, backend port, pid)"""
    port, backend = free_port(), free_port()
    child = subprocess.Popen([instrument.path("bench_relay"), str(port), str(backend)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        if child.stdout.readline() != "READY\n":
            raise RuntimeError("bench_relay does not start")
        yield port, backend, child.pid
    finally:
        child.terminate()
        child.wait(20)
        child.stdout.close()


@contextlib.contextmanager
def haproxy():
    """(listening port, backend port, pid), one thread, plain TCP; None when it is not installed."""
    if not find("haproxy"):
        yield None
        return
    with folder() as at:
        port, backend = free_port(), free_port()
        # Asked on the port of its own statistics whether it is up: a connection to the measured one would be passed on.
        stats = free_port()
        (at / "haproxy.cfg").write_text(f"""global
    nbthread 1
    maxconn 9000
defaults
    mode tcp
    timeout connect 10s
    timeout client 10m
    timeout server 10m
frontend devices
    bind 127.0.0.1:{port}
    default_backend service
backend service
    server one 127.0.0.1:{backend}
listen stats
    bind 127.0.0.1:{stats}
    mode http
    stats enable
""")
        with running([find("haproxy"), "-db", "-f", at / "haproxy.cfg"], at, stats) as child:
            yield port, backend, child.pid
