"""The measuring programs of tests/bench, in hand: each says when its sessions stand, then counts for as long as it is asked to."""
import json
import os
import pathlib
import subprocess
import tempfile

OUT = pathlib.Path(os.environ.get("BRAMBLE_OUT", "build/gcc")).absolute()
STARTS_S = 180


def path(name):
    return str(OUT / "tests" / "bench" / name)


class Instrument:
    """with Instrument("bench_floor", "--devices", 64) as floor: floor.round(1000)["count"]"""

    def __init__(self, name, *args):
        self.name = name
        self.errors = tempfile.TemporaryFile()
        self.child = subprocess.Popen([path(name), *map(str, args)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
                                      text=True, bufsize=1)

    def _answer(self):
        line = self.child.stdout.readline()
        if not line:
            self.child.wait(10)
            self.errors.seek(0)
            raise RuntimeError(f"{self.name} ended {self.child.returncode}: {self.errors.read().decode('utf-8', 'replace')[-2000:]}")
        return json.loads(line)

    def begin(self, ms, per_s=None):
        self.child.stdin.write(f"round {ms} {per_s}\n" if per_s else f"round {ms}\n")

    def result(self):
        return self._answer()

    def round(self, ms, per_s=None):
        self.begin(ms, per_s)
        return self.result()

    def cost_us(self, ms):
        """CPU of all that are measured, microseconds for each thing that was counted."""
        return cost_us(self.round(ms))

    def __enter__(self):
        try:
            self._answer()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.child.poll() is None:
            try:
                self.child.stdin.write("quit\n")
                self.child.stdin.close()
            except OSError:
                pass
            try:
                self.child.wait(STARTS_S)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        self.child.stdout.close()
        self.errors.close()


def cost_us(round_):
    if not round_["count"]:
        raise RuntimeError("nothing was counted in a round")
    return sum(round_["cpu"].values()) / 1000 / round_["count"]


def parts_us(round_):
    return {name: ns / 1000 / round_["count"] for name, ns in round_["cpu"].items()}
