"""Routers, Dispatchers and Collaboration Services in the numbers that one asks for, on the folder, the people and the IM server of a lab.

With two of each there are two ways that share the database and the IM server, and nothing else. With fewer Dispatchers than routers one dials
both; with fewer services than Dispatchers one works for both."""
import contextlib

import bramble
import labs

MOST = 2
PORTS = tuple(base + k for base in (3101, 3200) for k in range(MOST)) + (8300,)


class Parts:
    """with Parts(lab, routers=2, dispatchers=1, services=1) as it. lab: made, and not up."""

    def __init__(self, lab, routers=1, dispatchers=1, services=1):
        self.lab = lab
        self.counts = {"router": routers, "dispatcher": dispatchers, "collab": services}
        self.processes = {}

    def _listens(self, name, k):
        return f"127.0.0.1:{self.lab.port({'router': 3101, 'dispatcher': 3200}[name]) + k}"

    def router(self, k):
        """Where devices find router k."""
        return self._listens("router", k)

    def _behind(self, name, k, before):
        """The addresses of those of the part before that number k dials."""
        return " ".join(self._listens(before, i) for i in range(self.counts[before]) if i % self.counts[name] == k)

    def _settings(self, name, k):
        if name == "router":
            return [f"router.listen={self._listens(name, k)}", f"router.state={self.lab.dir / f'router{k}.state'}"]
        if name == "dispatcher":
            return [f"dispatcher.listen={self._listens(name, k)}", f"dispatcher.routers={self._behind(name, k, 'router')}"]
        return [f"collab.dispatcher={self._behind(name, k, 'dispatcher')}", f"collab.instance=collab-{k}"]

    def _run_dir(self, k):
        return self.lab.dir / f"run{k}"

    def _start(self, name, k):
        self._run_dir(k).mkdir(mode=0o700, exist_ok=True)
        options = [o for s in [*self._settings(name, k), f"{name}.run_dir={self._run_dir(k)}"] for o in ("-o", s)]
        process = bramble.Process(f"bramble-{name}", "-c", self.lab.dir / "bramble.ini", "--ready", *options, log=self.lab.dir / "log" / f"{name}{k}.log")
        self.processes[name, k] = process
        process.wait_line(lambda line: line.startswith("READY"), f"{name}{k}: READY")

    def ask(self, name, k):
        return bramble.control(self._run_dir(k) / f"{name}.sock", "status")

    def pids(self, *names):
        """{"router0": 17, ...} of these parts."""
        return {f"{name}{k}": self.ask(name, k)["pid"] for name in names for k in range(self.counts[name])}

    def __enter__(self):
        try:
            for name in labs.DAEMONS:
                for k in range(self.counts[name]):
                    self._start(name, k)
            for name in ("dispatcher", "collab"):
                for k in range(self.counts[name]):
                    bramble.wait_until(lambda name=name, k=k: self.ask(name, k)["linked"], f"{name}{k} is linked")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for name in reversed(labs.DAEMONS):
            for k in range(self.counts[name]):
                if (name, k) in self.processes:
                    self.processes.pop((name, k)).stop()


@contextlib.contextmanager
def folder(users):
    """A lab that was up once, so that all is in its folder; its IM server runs."""
    it = labs.lab(users, offset=bramble.free_offset(PORTS))
    with contextlib.ExitStack() as stack:
        stack.enter_context(it)
        labs.seats(it)
        it.down()
        server = bramble.Process("bramble-sim", "groupwise", "--world", it.dir / "world.xml", "--control", it.dir / "run" / "groupwise.sock",
                                 "--listen", f"127.0.0.1:{it.port(8300)}", "--state", it.dir, log=it.dir / "log" / "groupwise.log")
        stack.callback(server.stop)
        yield it
