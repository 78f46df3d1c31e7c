"""Many devices and several Collaboration Services on one database: each service has a dispatcher and a router of its own, because of
the services of one dispatcher only one gets a device's logins. A lab gives folder, database and IM server."""
import json
import os
import pathlib
import shutil
import signal
import struct
import sys
import tempfile

import bramble

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "vectors"))
import make_gme_vectors as page

FIRST_PIN = 0x22000000

# Every new seat is counted against the limits of that moment, and every end and row of history is counted: triggers see each commit.
WATCH = """
CREATE TABLE test_seats (granted INTEGER, released INTEGER, kept INTEGER, most INTEGER, over INTEGER, ownerless INTEGER);
INSERT INTO test_seats VALUES (0, 0, 0, 0, 0, 0);
CREATE TRIGGER test_taken AFTER INSERT ON emu_IMSession BEGIN UPDATE test_seats SET granted = granted + 1,
  most = max(most, (SELECT count(*) FROM emu_IMSession)),
  over = over + (SELECT (MaxSessions > 0 AND n > MaxSessions) OR n > TransportCapacity FROM emu_IMServiceConfig,
    (SELECT count(*) AS n FROM emu_IMSession)),
  ownerless = ownerless + NOT EXISTS (SELECT 1 FROM emu_ServiceState WHERE Id = new.ServiceStateId AND Epoch = new.OwnerEpoch);
END;
CREATE TRIGGER test_freed AFTER DELETE ON emu_IMSession BEGIN UPDATE test_seats SET released = released + 1; END;
CREATE TRIGGER test_kept AFTER INSERT ON emu_IMSessionHistory BEGIN UPDATE test_seats SET kept = kept + 1; END;
CREATE UNIQUE INDEX test_once ON emu_IMSessionHistory (SessionId);
"""
WATCH_POSTGRES = """
CREATE TABLE test_seats (granted bigint, released bigint, kept bigint, most bigint, over bigint, ownerless bigint);
INSERT INTO test_seats VALUES (0, 0, 0, 0, 0, 0);
CREATE FUNCTION test_taken() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE n bigint; BEGIN
  SELECT count(*) INTO n FROM emu_IMSession;
  UPDATE test_seats SET granted = granted + 1, most = greatest(most, n),
    over = over + (SELECT ((MaxSessions > 0 AND n > MaxSessions) OR n > TransportCapacity)::int FROM emu_IMServiceConfig),
    ownerless = ownerless + (NOT EXISTS (SELECT 1 FROM emu_ServiceState WHERE Id = new.ServiceStateId AND Epoch = new.OwnerEpoch))::int;
  RETURN NULL; END $$;
CREATE FUNCTION test_freed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE test_seats SET released = released + 1; RETURN NULL; END $$;
CREATE FUNCTION test_kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE test_seats SET kept = kept + 1; RETURN NULL; END $$;
CREATE TRIGGER test_taken AFTER INSERT ON emu_IMSession FOR EACH ROW EXECUTE FUNCTION test_taken();
CREATE TRIGGER test_freed AFTER DELETE ON emu_IMSession FOR EACH ROW EXECUTE FUNCTION test_freed();
CREATE TRIGGER test_kept AFTER INSERT ON emu_IMSessionHistory FOR EACH ROW EXECUTE FUNCTION test_kept();
CREATE UNIQUE INDEX test_once ON emu_IMSessionHistory (SessionId);
"""


def user(i):
    return f"user{i}"


def pin(i):
    return f"{FIRST_PIN + i:08X}"


class Services:
    """count services with devices_each devices each; device i belongs to service i // devices_each. lab: in the place of one of our own."""

    def __init__(self, count, devices_each, *options, lease="30s", env=None, history=None, lab=None):
        ports = tuple(port + step * k for k in range(count) for port, step in ((3101, 1), (3200, 1))) + (8300,)
        # In memory where there is such a folder: the disk is shared with everything else that runs.
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.lab = lab or bramble.Lab(offset=bramble.free_offset(ports), dir=tempfile.mkdtemp(prefix="bramble-lab-", dir=memory))
        self.dir = self.lab.dir
        self.count, self.each = count, devices_each
        self.options = [f"collab.lease={lease}", *options]
        self.env = env
        self.history = history
        self.processes = {}

    def way(self, k):
        """The words that run a program on the host of service k; None: on that of the IM server."""
        return ()

    def groupwise(self):
        """Where it listens, and how else it is started."""
        return [f"127.0.0.1:{self.lab.port(8300)}", "--state", self.dir]

    def up(self):
        self.lab.up()
        self.lab.down()
        self.people()
        self._start("groupwise", ["bramble-sim", "groupwise", "--world", self.dir / "world.xml", "--control",
                                  self.dir / "run" / "groupwise.sock", *(["--history", self.history] if self.history else []),
                                  "--listen", *self.groupwise()], None)
        bramble.wait_until(lambda: self._census(), "the GroupWise server answers")
        for k in range(self.count):
            for name in ("router", "dispatcher", "collab"):
                self.start(name, k)
        for k in range(self.count):
            bramble.wait_until(lambda k=k: self.ask("dispatcher", k, "status").get("services"), f"service {k} is registered")
        return self

    def _census(self):
        try:
            return self.lab.ask("groupwise", "census")
        except (OSError, RuntimeError):
            return None

    def _start(self, name, args, k):
        process = bramble.Process(*args, log=self.dir / "log" / f"{name}.log", env=self.env, way=self.way(k))
        self.processes[name] = process
        return process

    def run_dir(self, k):
        return self.dir / f"run{k}"

    def start(self, name, k):
        """A daemon of service k."""
        router, dispatcher = f"127.0.0.1:{self.lab.port(3101) + k}", f"127.0.0.1:{self.lab.port(3200) + k}"
        settings = {"router": [f"router.listen={router}", f"router.state={self.dir / f'router{k}.state'}"],
                    "dispatcher": [f"dispatcher.routers={router}", f"dispatcher.listen={dispatcher}"],
                    "collab": [f"collab.dispatcher={dispatcher}", f"collab.instance=collab-{k}", *self.options]}[name]
        self.run_dir(k).mkdir(mode=0o700, exist_ok=True)
        written = [f"common.history={self.history}"] if self.history else []
        overrides = [o for s in [*settings, *written, f"{name}.run_dir={self.run_dir(k)}"] for o in ("-o", s)]
        process = self._start(f"{name}{k}", ["bramble-" + name, "-c", self.dir / "bramble.ini", "--ready", *overrides], k)
        process.wait_line(lambda line: line.startswith("READY"), f"{name}{k}: READY")
        return process

    def ask(self, name, k, verb, **params):
        return bramble.control(self.run_dir(k) / f"{name}.sock", verb, **params)

    def row(self, sql):
        return (self.lab.rows(sql) or [None])[0]

    def rows(self, sql):
        return self.lab.rows(sql)

    def sql(self, text):
        self.lab.sql(text)

    def watch(self):
        self.sql(WATCH_POSTGRES if self.lab.url else WATCH)

    def people(self):
        """Users, permissions, devices and keys, written as docs/database.md says; one in twelve may not use the client."""
        install_key = bytes.fromhex((self.dir / "install.key").read_text().strip())
        everybody = range(self.count * self.each)
        users, keys, permitted = [], [], []
        for i in everybody:
            secret, nonce = os.urandom(32), os.urandom(12)
            place = b"".join(struct.pack(">H", len(p)) + p for p in (b"emu_DeviceKey", b"Secret", f"{pin(i)}+1".encode()))
            sealed, tag = page.gcm(install_key, nonce, place, secret, True)
            blob = (b"\1" + nonce + sealed + tag).hex()
            users.append(f"(1, '{user(i)}', '{pin(i)}')")
            secret_value = f"decode('{blob}', 'hex')" if self.lab.url else f"X'{blob}'"
            keys.append(f"('{pin(i)}', 1, 'current', 6, {secret_value}, 1)")
            if i % 12 != 11:
                permitted.append(f"'{user(i)}'")
            folder = self.dir / f"devices{i // self.each}"
            folder.mkdir(mode=0o700, exist_ok=True)
            file = folder / f"{pin(i)}.json"
            file.write_text(json.dumps({"pin": pin(i), "srp_id": "T00000001", "send_ceiling": 0, "receive_ceiling": 0, "keys": [
                {"serial": 1, "state": "current", "secret": secret.hex(), "suites": ["3des-cbc", "aes256-cbc"]}]}))
            file.chmod(0o600)
        self.sql(f"""
BEGIN;
INSERT INTO UserConfig (ServerConfigId, DisplayName, PIN) VALUES {", ".join(users)};
INSERT INTO emu_IMPermission SELECT Id FROM UserConfig WHERE DisplayName IN ({", ".join(permitted)});
INSERT INTO emu_DeviceKey (PIN, Serial, State, Suites, Secret, CreatedMs) VALUES {", ".join(keys)};
COMMIT;""")
        world = "".join(f'<user id="{user(i)}" password="{bramble.password(user(i))}" name="User {i}"/>' for i in everybody)
        (self.dir / "world.xml").write_text(f'<?xml version="1.0"?><world domain="corp.test" netbios="CORP">{world}</world>')

    def devices(self, k, *options):
        """All devices of service k in one process, linked."""
        device = bramble.Device("--key-file", self.dir / f"devices{k}", "--count", str(self.each), "--router",
                                f"127.0.0.1:{self.lab.port(3101) + k}", "--json", *options, env=self.env, way=self.way(k))
        for _ in range(self.each):
            device.wait({"event": "link-up"})
        return device

    def stop(self, name, kill=False):
        process = self.processes.pop(name)
        if kill:
            process.child.kill()
        return process.stop()

    def down(self):
        """Ends all that still runs, the services first; their exit statuses, by name."""
        order = ("collab", "dispatcher", "router", "groupwise")
        names = sorted(self.processes, key=lambda name: order.index(name.rstrip("0123456789")))
        ended = {name: self.stop(name) for name in names}
        self.lab.check_logs()
        return ended

    def __enter__(self):
        try:
            return self.up()
        except BaseException:
            print(self.lab.logs())
            self.__exit__()
            raise

    def __exit__(self, *_):
        for name in list(self.processes):
            self.processes[name].child.send_signal(signal.SIGCONT)
            self.stop(name)
        shutil.rmtree(self.dir, ignore_errors=True)
