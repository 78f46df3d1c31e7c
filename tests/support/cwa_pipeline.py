"""The pipeline with a Communicator Web Access server behind it: router, dispatcher and Collaboration Service in a lab's folder, each started
by hand, and `bramble-sim cwa` with a world of its own; with uplink its users live on a Communications Server behind it.

    with cwa_pipeline.Pipeline("--busy-poll", "10ms") as pipeline:
        alice = pipeline.login("alice")"""
import pathlib
import re
import shutil

import bramble
import communications
import cwa_client
import cwa_uplink

QUICK = ("--poll", "20ms", "--busy-poll", "20ms", "--hold", "2s")      # what two devices say to each other does not wait for seconds


class Pipeline:
    def __init__(self, *options, settings=(), tls=True, iwa=False, sign_in="forms", capacity=None, world=None, env=None,
                 host="127.0.0.1", users=0, uplink=False):
        self.lab = bramble.Lab(*(("--users", users) if users else ()))
        self.dir = self.lab.dir
        self.settings, self.env = list(settings), env
        self.processes = {}
        self.devices = []
        self.lab.up()
        self.lab.down()
        world = world or (self.dir / "world.xml").read_text(encoding="utf-8")
        self.ocs = communications.Server(world=world) if uplink else None
        if self.ocs:
            certificate, key = self.ocs.authority.sign(cwa_uplink.NAME)
            options += ("--next-hop", f"localhost:{self.ocs.port}", "--next-hop-ca", self.ocs.authority.file, "--next-hop-certificate",
                        certificate, "--next-hop-key", key, "--name", cwa_uplink.NAME)
        self.server = cwa_client.Server(*options, "--sign-in", sign_in, tls=tls, iwa=iwa,
                                        world=world, env=env)
        limits = ("--capacity", capacity) if capacity else ()
        self.lab.tool("environment", "add", "cwa", "--type", "cwa", "--host", host, "--port", self.server.port, "--transport",
                      "https" if tls else "http")
        if limits:
            self.lab.tool("limits", "set", "--environment", "cwa", *limits)
        ini = self.dir / "bramble.ini"
        words = re.sub("environment = groupwise", "environment = cwa", ini.read_text(encoding="utf-8"))
        words = re.sub("trust_ca = groupwise.crt", f"trust_ca = {self.server.certificate}" if tls else "trust_ca =", words)
        ini.write_text(words, encoding="utf-8")

    def start(self, name):
        more = [o for setting in self.settings for o in ("-o", "collab." + setting)] if name == "collab" else []
        process = bramble.Process("bramble-" + name, "-c", self.dir / "bramble.ini", "--ready", *more,
                                  log=self.dir / "log" / f"{name}-by-hand.log", env=self.env if name == "collab" else None)
        self.processes[name] = process
        process.wait_line(lambda line: line.startswith("READY"), f"{name}: READY")

    def stop(self, name):
        # Thousands of sessions sign out when the service ends.
        status = self.processes.pop(name).stop(deadline_s=30)
        assert status == 0, f"{name} ended {status}: {(self.dir / 'log' / f'{name}-by-hand.log').read_text(encoding='utf-8')[-3000:]}"

    def log(self):
        return (self.dir / "log" / "collab-by-hand.log").read_text(encoding="utf-8")

    def device(self, user):
        device = self.lab.device(user)
        self.devices.append(device)
        device.wait({"event": "link-up"})
        return device

    def login(self, user, password=None):
        device = self.device(user)
        device.say(f"login {user} {password or bramble.password(user)}")
        ok = device.wait({"event": "login-ok"})
        device.session, device.display_name = ok["session"], ok.get("display_name")
        return device

    def census(self, user=None):
        census = self.server.ask("census")
        return census["users"][user] if user else census

    def trail(self, event):
        """The collab's trail entries of that event."""
        return [e for e in self.lab.ask("collab", "trail", max=1000)["entries"] if e["event"] == event]

    def __enter__(self):
        try:
            for name in ("router", "dispatcher", "collab"):
                self.start(name)
            bramble.wait_until(lambda: self.lab.ask("dispatcher", "status").get("services"), "the service is registered")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        late = []
        for device in self.devices:
            if device.child.poll() is None:
                device.stop()
        for name in list(self.processes):
            try:
                self.stop(name)
            except AssertionError as failed:
                late.append(failed)
        try:
            self.lab.check_logs()
            for secret in ("-secret", "CWA-Ticket"):
                assert secret not in self.log(), f"collab's log holds {secret}"
        except (AssertionError, OSError) as failed:
            late.append(failed)
        for server in filter(None, (self.server, self.ocs)):
            if server.child.poll() is None:
                server.stop()
        shutil.rmtree(pathlib.Path(self.dir), ignore_errors=True)
        if late:
            raise late[0]
