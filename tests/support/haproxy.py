"""The stock TCP proxy HAProxy before Routers, with the configuration of samples/deploy, whose addresses alone are changed.

    with haproxy.Proxy([router.port, other.port]) as proxy: ... srp.Device(proxy.port, ...)"""
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile

import bramble

PROGRAM = shutil.which("haproxy", path=os.environ.get("PATH", "") + ":/usr/sbin")
OURS = "127.0.0.99"         # where the question whether it listens comes from
SAMPLE = pathlib.Path(__file__).resolve().parents[2] / "samples" / "deploy" / "haproxy.cfg"


class Proxy:
    def __init__(self, ports):
        assert PROGRAM, "haproxy is not installed"
        self.folder = tempfile.mkdtemp(prefix="bramble-haproxy-")
        self.port = bramble.free_offset((3101,)) + 3101
        text = SAMPLE.read_text().replace("10.77.0.10:3101", f"127.0.0.1:{self.port}")
        for name, port in zip(("10.77.0.11", "10.77.0.12"), ports):
            text = text.replace(f"{name}:3101", f"127.0.0.1:{port}")
        text = re.sub(r"inter 1s", "inter 100ms", text)
        config = pathlib.Path(self.folder, "haproxy.cfg")
        config.write_text(text)
        self.log = open(os.path.join(self.folder, "log"), "wb")
        self.child = subprocess.Popen([PROGRAM, "-db", "-f", config], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        bramble.wait_until(self._listens, "haproxy listens")

    def said(self):
        return pathlib.Path(self.folder, "log").read_text(errors="replace")[-3000:]

    def _listens(self):
        if self.child.poll() is not None:
            raise AssertionError(f"haproxy ended with {self.child.returncode}: {self.said()}")
        try:
            socket.create_connection(("127.0.0.1", self.port), 1, (OURS, 0)).close()
            return True
        except OSError:
            return False

    def stop(self):
        self.child.terminate()
        self.child.wait(20)
        self.log.close()
        shutil.rmtree(self.folder)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
