"""Whatever arrives at 3101, 3200 and 8300 of a running lab ends in a named error and, where the peer itself is at fault, in a closed
connection; two people who chat meanwhile notice nothing. The strangers here share no code with ours."""
import contextlib
import os
import pathlib
import re
import selectors
import shutil
import socket
import sqlite3
import ssl
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import bramble
import python_device as device
import srp_peer as srp

SLOW_S = 20          # deadlines of real connections are 10 s; twice that is far from right
LINK_REGISTER, LINK_DOWN = 0x15, 0x16


class WithLab(unittest.TestCase):
    """One lab for the class, in which alice and bob chat; each test ends by their doing so again."""

    OPTIONS = ("-o", "router.handshake_timeout=1s", "-o", "router.frame_timeout=1s")

    @classmethod
    def setUpClass(cls):
        cls.stack = contextlib.ExitStack()
        try:
            cls.lab = cls.stack.enter_context(bramble.Lab(*cls.OPTIONS))
            cls.alice = cls.stack.enter_context(cls.lab.device("alice"))
            cls.bob = cls.stack.enter_context(cls.lab.device("bob"))
            for who, name in ((cls.alice, "alice"), (cls.bob, "bob")):
                who.say(f"login {name} {name}-secret")
                who.wait({"event": "login-ok"})
            cls.pids = cls.running()
            cls.said = 0
        except BaseException:
            cls.stack.close()
            raise

    @classmethod
    def tearDownClass(cls):
        cls.stack.close()

    @classmethod
    def running(cls):
        return {name: cls.lab.ask(name, "status")["pid"] for name in ("router", "dispatcher", "collab")}

    def tearDown(self):
        """The same processes, the same sessions, and a message from one to the other."""
        self.assertEqual(self.running(), self.pids, "a process is another one")
        type(self).said += 1
        text = f"still here {self.said}"
        self.alice.say(f"send bob {text}")
        self.bob.wait({"event": "message", "text": text})
        for who in (self.alice, self.bob):
            self.assertFalse([e for e in who.events if e["event"] in ("link-down", "forced-logout", "returned")])

    def log(self, name):
        return (self.lab.dir / "log" / f"{name}.log").read_text(errors="replace")

    def logged(self, name, pattern, since):
        """Waits for a line that the process wrote after its log was that long."""
        return bramble.wait_until(lambda: re.search(pattern, self.log(name)[since:]), f"{pattern} in {name}.log")

    def blackberry(self, pin="2100000D", **options):
        return device.Blackberry(self.lab.port(3101), self.lab.dir / "devices" / f"{pin}.json", **options)


def until_closed(sockets, deadline_s):
    """Reads from all until each is closed: {name: what was heard}. Who is still open at the deadline is an error."""
    heard = {name: b"" for name in sockets}
    with selectors.DefaultSelector() as selector:
        for name, s in sockets.items():
            s.setblocking(False)
            selector.register(s, selectors.EVENT_READ, name)
        end = time.monotonic() + deadline_s
        while selector.get_map():
            ready = selector.select(max(0, end - time.monotonic()))
            if not ready and time.monotonic() >= end:
                raise AssertionError(f"still open after {deadline_s} s: {[k.data for k in selector.get_map().values()]}")
            for key, _ in ready:
                try:
                    more = key.fileobj.recv(65536)
                except (ConnectionError, ssl.SSLError) as over:
                    if isinstance(over, (ssl.SSLWantReadError, ssl.SSLWantWriteError)):
                        continue
                    more = b""
                heard[key.data] += more
                if not more:
                    selector.unregister(key.fileobj)
    return heard


FRAMES = {
    "another version": b"\x02",
    "an HTTP client": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a TLS client": bytes.fromhex("1603010200010001fc0303") + bytes(100),
    "an oversized frame": struct.pack(">BBI", 1, 0x15, 131073) + bytes(1000),
    "the largest length there is": struct.pack(">BBI", 1, 0x15, 0xFFFFFFFF),
    "a length below the header": struct.pack(">BBI", 1, 0x15, 5),
    "an unknown opcode": struct.pack(">BBI", 1, 0x77, 6),
    "REGISTER without items": srp.frame(0x15),
    "an item of unknown type": struct.pack(">BBI", 1, 0x15, 11) + b"X\0\0\0\0",
    "an item of negative length": struct.pack(">BBI", 1, 0x15, 11) + b"S\xff\xff\xff\xff",
    "noise": bytes.fromhex("01") + bytes((i * 97 + 13) % 256 for i in range(4000)),
}
SLOW = {"nothing at all": b"", "half a header": b"\x01\x15", "half a frame": struct.pack(">BBI", 1, 0x15, 50) + b"S\0\0\0\4BB"}


class Ports(WithLab):
    def dial(self, base):
        s = socket.create_connection(("127.0.0.1", self.lab.port(base)), srp.DEADLINE_S)
        self.addCleanup(s.close)
        return s

    def test_3101(self):
        sockets = {what: self.dial(3101) for what in FRAMES}
        for what, s in sockets.items():
            s.sendall(FRAMES[what])
        for what, heard in until_closed(sockets, 5).items():
            with self.subTest(what):
                self.assertGreater(len(heard), 6)
                self.assertEqual(heard[1], srp.RETURN)
                code, text = srp.items_of(heard[6:])
                self.assertEqual(code, 5)
                self.assertTrue(text)

    def test_3200(self):
        since = len(self.log("dispatcher"))
        sockets = {what: self.dial(3200) for what in FRAMES}
        ports = {what: s.getsockname()[1] for what, s in sockets.items()}
        for what, s in sockets.items():
            s.sendall(FRAMES[what])
        until_closed(sockets, 5)
        for what, port in ports.items():
            with self.subTest(what):
                self.logged("dispatcher", rf"warning: .*127\.0\.0\.1:{port} .*why=", since)

    def test_3200_is_refused_before_and_for_a_wrong_registration(self):
        down = srp.frame(LINK_DOWN, bramble_pin("2100000A"), 1, "BBIM", b"hello")
        for what, raw, code in (("DOWN before REGISTER", down, 5), ("an unknown content id", register("NOSUCH", "x"), 8),
                                ("no instance name", register("BBIM", ""), 8), ("REGISTER twice", register("CMIME", "x") * 2, 5)):
            with self.subTest(what), srp.Peer(self.lab.port(3200)) as peer:
                peer.say(raw)
                opcode, items = peer.hear()
                while opcode != srp.DISCONNECT:
                    opcode, items = peer.hear()
                self.assertEqual(items[0], code)
                self.assertTrue(items[1])
                peer.expect_closed()

    def test_8300_in_clear(self):
        since = len(self.log("groupwise"))
        sockets = {what: self.dial(8300) for what in ("an HTTP client", "noise", "half a frame")}
        for what, s in sockets.items():
            s.sendall({**FRAMES, **SLOW}[what])
        until_closed(sockets, SLOW_S)
        self.logged("groupwise", "reason=tls-failed", since)

    def test_8300_inside_tls(self):
        """Requests of the IM protocol: unreadable ones are answered or closed, and nobody stays for ever."""
        context = ssl.create_default_context(cafile=str(self.lab.dir / "groupwise.crt"))
        since = len(self.log("groupwise"))
        rows = {
            "no request line": b"\xff\xfe\xfd\r\n\r\n",
            "a header without end": b"POST /login HTTP/1.0\r\n" + b"X: y\r\n" * 20000,
            "a line without end": b"POST /" + b"a" * 100000,
            "half a request": b"POST /login HTTP/1.0\r\nHost: x",
            "nothing at all": b"",
        }
        sockets = {}
        for what, raw in rows.items():
            s = context.wrap_socket(self.dial(8300), server_hostname="127.0.0.1")
            self.addCleanup(s.close)
            sockets[what] = s
            s.setblocking(True)
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                s.sendall(raw)
        until_closed(sockets, SLOW_S)
        self.logged("groupwise", "reason=(malformed|too-slow)", since)

    def test_slow_peers_of_3101_and_3200(self):
        since = len(self.log("dispatcher"))
        sockets = {}
        for base in (3101, 3200):
            for what, raw in SLOW.items():
                sockets[f"{base} {what}"] = s = self.dial(base)
                s.sendall(raw)
        ports = [s.getsockname()[1] for name, s in sockets.items() if name.startswith("3200")]
        heard = until_closed(sockets, SLOW_S)
        for name, said in heard.items():
            if name.startswith("3101"):
                self.assertIn(b"no first frame within 1s", said)
        for port in ports:
            self.logged("dispatcher", rf"127\.0\.0\.1:{port} end=too-slow", since)


def bramble_pin(text):
    return int(text, 16)


def register(content, instance):
    return srp.frame(LINK_REGISTER, content, instance, 100, 1)


class Devices(WithLab):
    """dave's and carol's devices, in Python: what is wrong inside a well-formed frame comes back as an error receipt, and the link stays."""

    first_id = 1000

    def setUp(self):
        # Every test uses ids above those of the one before: they are never used twice.
        type(self).first_id += 1000
        self.dave = self.blackberry(first_id=self.first_id)
        self.addCleanup(self.dave.close)

    def tearDown(self):
        # Whatever was wrong before: an honest login still works over the same link.
        contacts = self.dave.login("dave", "dave-secret")
        self.assertIn(b"Alice Archer", contacts)
        self.assertEqual(self.dave.logout(), 0)
        super().tearDown()

    def refused(self, envelope, code, message_id=None):
        self.dave.put(envelope)
        got_id, got, text = self.dave.next_error()
        self.assertEqual(got, code, text)
        self.assertEqual(got_id, message_id or struct.unpack(">I", envelope[4:8])[0])

    def logins(self):
        return self.lab.ask("groupwise", "census")["logins_total"]

    def test_an_independent_device_chats(self):
        for suite in ("aes256-cbc", "3des-cbc"):
            with self.subTest(suite):
                self.dave.suite = suite
                self.dave.login("dave", "dave-secret")
                self.assertEqual(self.dave.message("alice", f"by {suite}"), 0)
                self.alice.wait({"event": "message", "text": f"by {suite}"})
                self.alice.say(f"send dave back by {suite}")
                self.assertEqual(self.dave.wait(device.MESSAGE_EVENT)[3], f"back by {suite}".encode())
                self.dave.logout()

    def test_an_unknown_key_id(self):
        self.refused(self.dave.seal(b"x", key_id=b"2100000D+99"), device.UNKNOWN_KEY)
        self.refused(self.dave.seal(b"x", key_id=b"2100000A+1"), device.UNKNOWN_KEY)     # somebody else's

    def test_a_key_that_is_not_the_devices(self):
        self.refused(self.dave.seal(b"x", secret=bytes(32)), device.BAD_FORMAT)

    def test_a_pin_that_nobody_knows(self):
        with srp.Device(self.lab.port(3101), 0x21FFFFFF, "T00000001") as stranger:
            gme = srp.envelope(0x21FFFFFF, "T00000001", 7, self.dave.seal(b"x")[40:])
            stranger.data(1, gme)
            stranger.expect(srp.STATUS, 1, srp.QUEUED)
            kind, _, message_id, tlvs, _ = srp.envelope_parts(stranger.take())
            self.assertEqual((kind, message_id, tlvs[5][:2]), (device.ERROR_KIND, 7, b"\0\1"))

    def test_content_ids(self):
        self.refused(self.dave.seal(b"x", content=b"NOSUCH"), device.UNKNOWN_CONTENT)
        self.refused(self.dave.seal(b"x", content=b"CMIME"), device.NO_SERVICE)

    def test_every_part_of_a_packet_changed(self):
        clear = device.im(device.LOGIN, 1, "dave", "dave-secret", 0)
        before = self.logins()
        for at in range(0, 200, 3):
            message_id = self.dave.take_id()
            head = self.dave.head(message_id)
            raw = bytearray(self.dave.packet(head, message_id, clear, len(clear)))
            if at >= len(raw):
                break
            raw[at] ^= 0x55
            self.dave.put(head + bytes(raw))
            got_id, code, _ = self.dave.next_error()
            self.assertEqual(got_id, message_id)
            # Under CBC somebody without a key can change the length that the text claims; more than that he cannot.
            self.assertIn(code, (device.BAD_FORMAT, device.UNKNOWN_KEY, device.TOO_LARGE), at)
        self.assertEqual(self.logins(), before)

    def test_a_packet_cut_off_anywhere(self):
        clear = device.im(device.LOGIN, 1, "dave", "dave-secret", 0)
        for cut in (1, 2, 15, 16, 17, 40, 64, 100):
            message_id = self.dave.take_id()
            head = self.dave.head(message_id)
            self.refused(head + self.dave.packet(head, message_id, clear, len(clear))[:-cut], device.BAD_FORMAT)

    def test_an_envelope_with_another_number_than_its_packet(self):
        inside, outside = self.dave.take_id(), self.dave.take_id()
        head = self.dave.head(outside)
        self.refused(head + self.dave.packet(head, inside, b"x", 1), device.BAD_FORMAT)

    def test_a_deflate_bomb(self):
        squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
        bomb = squeeze.compress(bytes(1 << 20)) + squeeze.flush()
        self.assertLess(len(bomb), 2048)
        memory = self.memory("dispatcher")
        for claimed in (len(bomb) * 2, 1 << 20, 0xFFFFFFFF):
            message_id = self.dave.take_id()
            head = self.dave.head(message_id)
            self.dave.put(head + self.dave.packet(head, message_id, bomb, claimed, comp=1))
            got_id, code, _ = self.dave.next_error()
            self.assertEqual((got_id, code in (device.BAD_FORMAT, device.TOO_LARGE)), (message_id, True), f"claimed {claimed}")
        endless = zlib.compressobj(9, zlib.DEFLATED, -15)
        piece = (endless.compress(bytes(64 << 20)) + endless.flush())[:2048]
        message_id = self.dave.take_id()
        head = self.dave.head(message_id)
        self.refused(head + self.dave.packet(head, message_id, piece, 1 << 20, comp=1), device.BAD_FORMAT)
        self.assertLess(self.memory("dispatcher") - memory, 16 << 20)

    def memory(self, name):
        text = pathlib.Path(f"/proc/{self.pids[name]}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", text)[1]) * 1024

    def test_a_replayed_login_logs_in_once(self):
        before = self.logins()
        message_id = self.dave.take_id()
        head = self.dave.head(message_id)
        clear = device.im(device.LOGIN, self.dave.count(), "dave", "dave-secret", 0)
        raw = head + self.dave.packet(head, message_id, clear, len(clear))
        for _ in range(3):
            self.dave.put(raw)
        self.dave.session = self.dave.wait(device.LOGIN_OK)[0]
        self.dave.wait(device.CONTACTS)
        self.dave.sequence = 0
        self.assertEqual(self.dave.logout(), 0)
        self.dave.put(raw)
        # Over another link, and after the session has ended, it is still the old one.
        self.dave.close()
        self.dave.__init__(self.lab.port(3101), self.lab.dir / "devices" / "2100000D.json", first_id=self.dave.next_id)
        self.dave.put(raw)
        bramble.wait_until(lambda: self.lab.ask("dispatcher", "status")["counters"]["duplicates"] >= 4, "four duplicates")
        self.assertEqual(self.logins(), before + 1)
        self.assertEqual(self.lab.ask("collab", "status")["sessions"]["live"], 2)

    def test_a_message_that_repeats_its_sequence_number_is_said_once(self):
        """Sealed anew, so that the packet is no replay: the session's own numbers tell."""
        self.dave.login("dave", "dave-secret")
        for _ in range(3):
            self.dave.say_im(device.MESSAGE, self.dave.session, "alice", "said once", sequence=1)
            self.assertEqual(self.dave.wait_ack(1), 0)
        self.dave.say_im(device.MESSAGE, self.dave.session, "alice", "said after it", sequence=2)
        self.alice.wait({"event": "message", "text": "said after it"})
        self.assertEqual([e.get("text") for e in self.alice.events].count("said once"), 1)
        self.dave.sequence = 2
        self.dave.logout()

    def test_pieces_that_never_become_whole(self):
        for count in (2, 64):
            message_id = self.dave.take_id()
            for index in range(count - 1):
                head = self.dave.head(message_id, index, count)
                self.dave.put(head + self.dave.packet(head, message_id, bytes(2048), count * 2048, index=index, count=count))

    def test_sealed_nonsense_for_the_service(self):
        """Well sealed, and no message of the IM client: collab's own decoder is the one that says no."""
        before = self.lab.ask("collab", "status")["counts"]["malformed"]
        rows = [b"", b"\x01", device.im(99, 1), device.im(device.LOGIN, 1), device.im(device.LOGIN, 1, "dave", "x" * 257, 0),
                device.im(device.LOGIN, 1, "dave", "dave-secret", 0) + b"\0", device.im(device.MESSAGE, 1, 1, "alice"),
                struct.pack(">BI", 1, 1) + b"S\xff\xff\xff\xff"]
        for clear in rows:
            self.dave.put(self.dave.seal(clear))
        bramble.wait_until(lambda: self.lab.ask("collab", "status")["counts"]["malformed"] >= before + len(rows) - 1,
                           "collab counts them as malformed")

    def test_a_session_that_is_not_the_devices(self):
        session = next(s["session"] for s in self.lab.json("session", "list") if s["user"] == "alice")
        self.dave.say_im(device.LOGOUT, session)
        got, _, items = self.dave.next_message()
        self.assertIn(got, (device.FORCED_LOGOUT, device.ACK), items)
        self.dave.sequence = 0


class Database(WithLab):
    def test_locked(self):
        """A login that cannot be written fails and takes no seat; who is logged in goes on."""
        held = sqlite3.connect(self.lab.dir / "bramble.db", isolation_level=None)
        self.addCleanup(held.close)
        with self.lab.device("carol") as carol:

            def login_and_out():
                carol.say("login carol carol-secret")
                carol.wait({"event": "login-ok"})
                carol.say("logout")
                carol.wait({"event": "logged-out"})

            def carols():
                return [s for s in self.lab.json("session", "list") if s["user"] == "carol"]

            login_and_out()
            bramble.wait_until(lambda: not carols(), "her seat is given back")
            held.execute("BEGIN EXCLUSIVE")
            carol.say("login carol carol-secret")
            failed = carol.wait(lambda e: e["event"] in ("login-failed", "login-ok"), "an answer")
            self.assertEqual((failed["event"], failed["code"], failed["status_text"]), ("login-failed", 504, "Failed"))
            self.alice.say("send bob while the database is locked")
            self.bob.wait({"event": "message", "text": "while the database is locked"})
            held.execute("ROLLBACK")
            self.assertEqual(carols(), [])
            login_and_out()


class Start(unittest.TestCase):
    """Daemons with a database that will not do end with 5 and say which file and why."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="bramble-start-"))
        with bramble.Lab() as lab:
            lab.down()
            for name in ("bramble.ini", "install.key", "groupwise.crt"):
                shutil.copy2(lab.dir / name, cls.folder / name)
            with contextlib.closing(sqlite3.connect(lab.dir / "bramble.db")) as db:
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            shutil.copy2(lab.dir / "bramble.db", cls.folder / "good.db")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder, ignore_errors=True)

    def refused(self, database, *words, status=5, options=()):
        for daemon in ("dispatcher", "collab"):
            with self.subTest(daemon):
                got, _, said = bramble.run(f"bramble-{daemon}", "-c", self.folder / "bramble.ini", "-o", f"{daemon}.database={database}",
                                           "-o", f"{daemon}.listen=127.0.0.1:0" if daemon == "dispatcher" else
                                           "collab.dispatcher=127.0.0.1:1", *options, timeout=30)
                self.assertEqual(got, status, said)
                for word in words:
                    self.assertIn(word, said)

    def copy(self, name):
        path = self.folder / name
        shutil.copy2(self.folder / "good.db", path)
        return path

    def test_missing(self):
        self.refused(self.folder / "nowhere.db", "nowhere.db")
        self.assertFalse((self.folder / "nowhere.db").exists(), "it was made")

    def test_newer(self):
        path = self.copy("newer.db")
        with contextlib.closing(sqlite3.connect(path)) as db:
            columns = [c[1] for c in db.execute("PRAGMA table_info(emu_SchemaVersion)")]
            version = db.execute("SELECT max(Version) FROM emu_SchemaVersion").fetchone()[0]
            row = dict(zip(columns, db.execute("SELECT * FROM emu_SchemaVersion WHERE Version = ?", (version,)).fetchone()))
            row["Version"] = version + 1
            db.execute(f"INSERT INTO emu_SchemaVersion ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", list(row.values()))
            db.commit()
        self.refused(path, "newer.db", str(version + 1))

    def test_no_database_at_all(self):
        path = self.folder / "text.db"
        path.write_text("this is no database\n" * 100)
        self.refused(path, "text.db")

    def test_read_only(self):
        path = self.copy("readonly.db")
        path.chmod(0o400)
        folder = self.folder / "ro"
        folder.mkdir(exist_ok=True)
        shutil.copy2(path, folder / "readonly.db")
        if os.geteuid() == 0:
            self.read_only_for_root(folder)
        else:
            folder.chmod(0o500)
            self.addCleanup(folder.chmod, 0o700)
            self.refused(folder / "readonly.db", "readonly.db")

    def read_only_for_root(self, folder):
        """Root may write where permissions say no, so it takes a mount that nobody may write to, in a namespace of its own."""
        for daemon in ("dispatcher", "collab"):
            with self.subTest(daemon):
                script = ("mount --bind \"$1\" \"$1\" && mount -o remount,ro,bind \"$1\" && shift && exec \"$@\"")
                got, _, said = run_command(["unshare", "-m", "sh", "-c", script, "sh", str(folder), bramble.program(f"bramble-{daemon}"),
                                            "-c", str(self.folder / "bramble.ini"), "-o", f"{daemon}.database={folder}/readonly.db"])
                self.assertEqual(got, 5, said)
                self.assertIn("readonly.db", said)

    def test_another_installations_key(self):
        path = self.copy("sealed.db")
        key = self.folder / "other.key"
        key.write_text("00" * 32 + "\n")
        key.chmod(0o600)
        got, _, said = bramble.run("bramble-dispatcher", "-c", self.folder / "bramble.ini", "-o", f"dispatcher.database={path}", "-o",
                                   f"dispatcher.install_key={key}", "-o", "dispatcher.listen=127.0.0.1:0", timeout=30)
        self.assertIn(got, (3, 5), said)
        self.assertIn("key", said)


def run_command(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30, check=False, text=True)
    return done.returncode, done.stdout, done.stderr


if __name__ == "__main__":
    unittest.main()
