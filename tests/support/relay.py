"""`bramble-sim relay`: a bad wire between any two processes."""
import os
import pathlib
import re

import bramble


class Relay(bramble.Process):
    """One, on a port that the kernel picks, in front of another port."""

    def __init__(self, folder, name, port, *options):
        self.socket = pathlib.Path(folder) / f"{name}.sock"
        with bramble.Notify() as ready:
            super().__init__("bramble-sim", "relay", "--to", f"127.0.0.1:{port}", "--control", self.socket, *options,
                             env=dict(os.environ, NOTIFY_SOCKET=ready.address))
            ready.wait()
        self.port = int(re.search(r"listen=127\.0\.0\.1:(\d+)", self.errors())[1])

    def ask(self, verb, **params):
        return bramble.control(self.socket, verb, **params)

    def fault(self, *words):
        for word in words:
            self.ask("fault", word=word)

    def done(self):
        return {fault["word"].partition("=")[0].partition(",")[0]: fault["done"] for fault in self.ask("fault.list")["faults"]}
