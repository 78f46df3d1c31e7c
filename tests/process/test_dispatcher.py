"""The real dispatcher behind the real router, between a device and a service that know the protocol pages and nothing of our code."""
import json
import os
import pathlib
import random
import shutil
import signal
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
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "vectors"))
import bramble
import make_gme_vectors as page
import srp_peer as srp

PIN, ID = 0x2100000A, "T00000001"
UP, DOWN, LINK_STATUS, REGISTER = 0x17, 0x16, 0x04, 0x15
UNKNOWN_KEY, BAD_FORMAT, NO_SERVICE, TOO_LARGE, RESUME_AT = 1, 2, 4, 6, 7
SECRET_WORDS = b"alice alice-secret"


class Installation:
    """Router, dispatcher and database in a folder of their own; one user, alice, with one device."""

    def __init__(self, folder, **settings):
        self.folder = pathlib.Path(folder)
        self.settings = {"listen": "127.0.0.1:0", "server": "bramble", **settings}
        self.router = self.dispatcher = None
        self.router_port = 0
        self.write()
        for words in (["srp", "add", ID, "--server", "bramble"], ["user", "add", "alice"], ["device", "add", "alice", "2100000A"],
                      ["device", "export", "2100000A", "alice.json"]):
            status, out, err = bramble.run("bramble", *words, cwd=folder)
            assert status == 0, (words, out, err)
        self.key = json.loads((self.folder / "alice.json").read_text())["keys"][0]
        self.secret = bytes.fromhex(self.key["secret"])
        self.message_id = 0

    def write(self):
        lines = ["[common]", "run_dir = run", "[router]", f"listen = 127.0.0.1:{self.router_port}", "[dispatcher]",
                 f"routers = 127.0.0.1:{self.router_port or 1}", *(f"{k} = {v}" for k, v in self.settings.items())]
        (self.folder / "bramble.ini").write_text("\n".join(lines) + "\n")

    def start(self):
        self.router = self.run("router")
        self.router_port = int(self.ask("router", "status")["listen"].rpartition(":")[2])
        self.write()
        self.start_dispatcher()
        return self

    def run(self, name):
        process = bramble.Process(f"bramble-{name}", "-c", self.folder / "bramble.ini", "--ready",
                                  log=self.folder / f"{name}.log")
        process.wait_line(lambda line: line.startswith("READY"), "READY")
        return process

    def start_dispatcher(self):
        self.dispatcher = self.run("dispatcher")
        self.port = int(self.status()["address"].rpartition(":")[2])
        bramble.wait_until(lambda: self.status()["linked"], "the dispatcher is linked")

    def status(self):
        return self.ask("dispatcher", "status")

    def ask(self, name, verb, **params):
        return bramble.control(self.folder / "run" / f"{name}.sock", verb, **params)

    def log(self):
        return (self.folder / "dispatcher.log").read_text(errors="replace")

    def service(self, instance="python", **options):
        return Service(self.port, instance, **options)

    def device(self):
        return srp.Device(self.router_port, PIN, ID)

    def seal(self, clear, flags=0, suite="aes256-cbc", message_id=None, key_id=b"2100000A+1"):
        if message_id is None:
            self.message_id += 1
            message_id = self.message_id
        for envelope in page.seal(suite, key_id, self.secret, message_id, clear, os.urandom):
            yield envelope[:3] + bytes([envelope[3] | flags]) + envelope[4:]

    def envelope(self, plain, comp, message_id):
        """One fragment whose inside the caller wrote."""
        head = page.header(message_id, 0, 1, page.DEVICE, page.SERVICE)
        return head + page.packet("aes256-cbc", b"2100000A+1", self.secret, head, comp, plain, os.urandom)

    def stop(self):
        for process in (self.dispatcher, self.router):
            if process:
                assert process.stop() == 0, self.log()


class Service(srp.Peer):
    """Registered for BBIM at the dispatcher."""

    def __init__(self, port, instance="python", context=None, host="127.0.0.1"):
        super().__init__(port, host)
        try:
            if context:
                self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
            self.send(REGISTER, "BBIM", instance, 100, 1)
            self.expect(srp.RETURN, 0)
            self.expect(srp.COVERAGE, 0, 0)
        except BaseException:
            self.close()
            raise


class Case(unittest.TestCase):
    settings = {}

    def setUp(self):
        folder = tempfile.mkdtemp(prefix="bramble-dispatcher-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        self.at = Installation(folder, **self.settings).start()
        self.addCleanup(self.end)
        self.tag = 0

    def end(self):
        self.at.stop()
        log = self.at.log()
        for secret in (self.at.secret.hex(), SECRET_WORDS.decode(), "alice-secret"):
            self.assertNotIn(secret, log.lower(), "a secret is in the log")
        for words in ("Sanitizer", "runtime error:"):
            self.assertNotIn(words, log)

    def data(self, device, envelope):
        self.tag += 1
        device.data(self.tag, envelope)
        device.expect(srp.STATUS, self.tag, srp.QUEUED)

    def next_error(self, device):
        """The next envelope for the device must be an error: its code and text."""
        kind, _, _, tlvs, _ = srp.envelope_parts(device.take())
        self.assertEqual(kind, 2)
        return struct.unpack(">H", tlvs[5][:2])[0], tlvs[5][2:].decode()

    def check_alive(self, service, device):
        """A message each way still arrives."""
        clear = os.urandom(50)
        for envelope in self.at.seal(clear):
            self.data(device, envelope)
        self.assertEqual(service.expect(UP, PIN)[-1], clear)
        service.send(DOWN, PIN, 4711, "BBIM", clear)
        self.assertEqual(page.open_message("aes256-cbc", b"2100000A+1", self.at.secret, page.SERVICE, page.DEVICE,
                                           [device.take()])[1], clear)
        service.expect(LINK_STATUS, PIN, 4711, srp.DELIVERED)


class TestMessages(Case):
    def test_up_and_down_through_both_real_processes(self):
        with self.at.service() as service, self.at.device() as device:
            service.expect(srp.COVERAGE, PIN, 1)
            envelope, = self.at.seal(SECRET_WORDS, flags=2)
            self.data(device, envelope)
            pin, user, transaction, flags, packed, sealed, content, clear = service.expect(UP)
            self.assertEqual((pin, user, transaction, flags, content, clear), (PIN, b"alice", 1, 1, b"BBIM", SECRET_WORDS))
            self.assertEqual(sealed, len(envelope))
            self.assertLessEqual(packed, len(SECRET_WORDS))
            service.send(LINK_STATUS, PIN, 1, srp.DELIVERED, "")
            kind, _, message_id, _, payload = srp.envelope_parts(device.take())
            self.assertEqual((kind, message_id, payload), (1, 1, b""))
            long = "".join(random.choices("abcdefghijklmnop", k=9000)).encode()
            service.send(DOWN, PIN, 7, "BBIM", long)
            parts = [device.take()]
            while srp.envelope_parts(parts[-1])[1] & 4:
                parts.append(device.take())
            self.assertGreater(len(parts), 1)
            self.assertEqual(page.open_message("aes256-cbc", b"2100000A+1", self.at.secret, page.SERVICE, page.DEVICE, parts)[1], long)
            service.expect(LINK_STATUS, PIN, 7, srp.DELIVERED)
            entries = self.at.ask("dispatcher", "trail", pin="2100000A")["entries"]
            self.assertEqual([e["event"] for e in entries][:3], ["opened", "sealed", "delivered"])
            self.assertEqual(entries[0]["numbers"]["sealed"], len(envelope))
        self.assertEqual(self.at.status()["counters"]["opened"], 1)

    def test_replayed_and_killed(self):
        with self.at.service() as service, self.at.device() as device:
            service.expect(srp.COVERAGE, PIN, 1)
            envelope, = self.at.seal(b"once")
            for _ in range(3):
                self.data(device, envelope)
            self.assertEqual(service.expect(UP)[-1], b"once")
            self.check_alive(service, device)                    # nothing of the copies came before it
            # Killed without a chance to write anything: what it acted on is still not acted on again.
            self.at.dispatcher.child.send_signal(signal.SIGKILL)
            self.assertEqual(self.at.dispatcher.stop(), -signal.SIGKILL)
            service.expect_closed()
            self.at.start_dispatcher()
            with self.at.service() as again:
                again.expect(srp.COVERAGE, PIN, 1)
                self.data(device, envelope)
                code, text = self.next_error(device)
                self.assertEqual(code, RESUME_AT)
                self.assertGreaterEqual(int(text), 256)
                self.at.message_id = int(text)
                self.check_alive(again, device)

    def test_bombs_and_claims(self):
        with self.at.service() as service, self.at.device() as device:
            service.expect(srp.COVERAGE, PIN, 1)
            squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
            bomb = squeeze.compress(bytes(1 << 21)) + squeeze.flush()
            self.assertLess(len(bomb), 2048 + 1024)
            rows = [("a megabyte is claimed and two come", 1 << 20, bomb[:2048], BAD_FORMAT),
                    ("two megabytes are claimed", 1 << 21, b"x", TOO_LARGE),
                    ("a stream that never ends", 5000, bomb[:2000], BAD_FORMAT),
                    ("no stream at all", 100, b"hello", BAD_FORMAT)]
            for number, (name, claimed, piece, want) in enumerate(rows, 1):
                with self.subTest(name):
                    self.data(device, self.at.envelope(page.inner(number, 0, 1, claimed, piece), 1, number))
                    self.assertEqual(self.next_error(device)[0], want)
            self.at.message_id = len(rows)
            self.check_alive(service, device)

    def test_what_cannot_be_opened(self):
        with self.at.service() as service, self.at.device() as device:
            service.expect(srp.COVERAGE, PIN, 1)
            good, = self.at.seal(b"hello", message_id=50)
            other_key, = self.at.seal(b"hello", message_id=50, key_id=b"2100000A+2")
            gcm, = self.at.seal(b"hello", message_id=50, suite="aes256-gcm")
            rows = [("a bit changed", good[:-1] + bytes([good[-1] ^ 1]), BAD_FORMAT), ("a key id that is not there", other_key, UNKNOWN_KEY),
                    ("a suite that the key may not be used with", gcm, BAD_FORMAT),
                    ("another message id outside", good[:7] + bytes([51]) + good[8:], BAD_FORMAT),
                    ("cut short", good[:-16], BAD_FORMAT)]
            for name, envelope, want in rows:
                with self.subTest(name):
                    self.data(device, envelope)
                    self.assertEqual(self.next_error(device)[0], want)
            self.data(device, good)
            self.assertEqual(service.expect(UP)[-1], b"hello")
            self.at.message_id = 60
            self.check_alive(service, device)


class TestBadStreams(Case):
    def test_any_stream_ends_in_a_closed_connection_without_harm(self):
        streams = [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", bytes(100), b"\xff" * 100, srp.frame(0x66), srp.frame(UP, 1, 2, 3),
                   srp.frame(DOWN, PIN, 1, "BBIM", "clear"), srp.frame(REGISTER, "XXXX", "a", 1, 1), srp.frame(REGISTER, "BBIM", "", 1, 1),
                   srp.frame(REGISTER, "BBIM", "a" * 65, 1, 1), srp.frame(REGISTER, "BBIM"), srp.frame(REGISTER, "BBIM", "a", 1, 1, 0),
                   srp.frame(REGISTER, "BBIM", "a", 1, 1, 1, 1),
                   struct.pack(">BBI", 1, REGISTER, 0xFFFFFFFF), struct.pack(">BBI", 1, REGISTER, 5), b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"]
        chance = random.Random(7)
        streams += [bytes([1, REGISTER]) + struct.pack(">I", 6 + n) + chance.randbytes(n) for n in range(1, 60)]
        with self.at.service() as service, self.at.device() as device:
            service.expect(srp.COVERAGE, PIN, 1)
            slow = srp.Peer(self.at.port)
            slow.say(srp.frame(REGISTER, "BBIM", "slow", 1, 1)[:9])
            silent = srp.Peer(self.at.port)
            for stream in streams:
                with self.subTest(stream[:40].hex()), srp.Peer(self.at.port) as bad:
                    bad.say(stream)
                    for _ in range(3):                            # at most RETURN and DISCONNECT, then the end
                        try:
                            bad.hear()
                        except srp.Closed:
                            break
                    else:
                        self.fail("it still speaks")
            self.check_alive(service, device)
            # Half a message, or none at all, is not waited for longer than the deadline.
            slow.expect_closed(deadline_s=15)
            silent.expect_closed(deadline_s=15)
            slow.close()
            silent.close()
            self.check_alive(service, device)
        self.assertGreaterEqual(self.at.status()["counters"]["services_refused"], len(streams))

    def test_a_service_that_does_not_read(self):
        with self.at.service() as service, self.at.device() as device:
            service.expect(srp.COVERAGE, PIN, 1)
            # Small on the wire, 12 MB once inflated, more than may ever wait for one peer: so the dispatcher must stop reading.
            clear = bytes(60000)
            for number in range(200):
                envelope, = self.at.seal(clear)
                device.data(number, envelope)
            bramble.wait_until(lambda: self.at.status()["counters"]["opened"] > 10, "some were opened")
            opened = bramble.wait_until(self.settled, "it stopped reading")
            self.assertLess(opened, 200)
            for _ in range(200):
                self.assertEqual(service.expect(UP)[-1], clear)
            for number in range(200):
                device.expect(srp.STATUS, number, srp.QUEUED)
            self.check_alive(service, device)

    def settled(self):
        """How many were opened, once that does not change any more."""
        before = self.at.status()["counters"]["opened"]
        time.sleep(0.3)
        return before if self.at.status()["counters"]["opened"] == before else 0


class TestTls(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bramble-dispatcher-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        for ca in ("ca", "foreign"):
            self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
                         f"/CN={ca}", "-keyout", f"{ca}.key", "-out", f"{ca}.crt")
        for name, ca in (("dispatcher", "ca"), ("collab", "ca"), ("stranger", "foreign")):
            self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}", "-addext",
                         "subjectAltName=DNS:localhost", "-keyout", f"{name}.key", "-out", f"{name}.csr")
            self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.crt", "-CAkey", f"{ca}.key", "-CAcreateserial", "-days", "30",
                         "-copy_extensions", "copy", "-out", f"{name}.crt")
        self.at = Installation(self.folder, listen="0.0.0.0:0", tls_certificate="dispatcher.crt", tls_key="dispatcher.key",
                               tls_ca="ca.crt").start()
        self.addCleanup(self.at.stop)

    def openssl(self, *args):
        subprocess.run(["openssl", *args], cwd=self.folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def context(self, name, newest=ssl.TLSVersion.TLSv1_3):
        context = ssl.create_default_context(cafile=str(self.folder / "ca.crt"))
        context.maximum_version = newest
        if name:
            context.load_cert_chain(self.folder / f"{name}.crt", self.folder / f"{name}.key")
        return context

    def test_only_mutual_tls_13(self):
        with self.at.service(context=self.context("collab")) as service:
            self.assertEqual(service.socket.version(), "TLSv1.3")
            self.assertTrue(self.at.status()["services"][0]["tls"])
            for name, options in (("clear", {}), ("without a certificate", {"context": self.context(None)}),
                                  ("a certificate of another CA", {"context": self.context("stranger")}),
                                  ("TLS 1.2", {"context": self.context("collab", ssl.TLSVersion.TLSv1_2)})):
                with self.subTest(name), self.assertRaises((OSError, srp.Closed)):
                    self.at.service("other", **options)
            service.send(0xFC, 7)
            service.expect(0xFD, 7)


class TestStart(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="bramble-dispatcher-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.at = Installation(self.folder)

    def refused(self, want, *words, options=()):
        status, _, err = bramble.run("bramble-dispatcher", "-c", self.at.folder / "bramble.ini", *options, timeout=20)
        self.assertEqual(status, want, err)
        for word in words:
            self.assertIn(word, err)

    def test_settings(self):
        rows = [(3, ["tls_certificate, tls_key and tls_ca"], ["dispatcher.listen=0.0.0.0:0"]),
                (3, ["set all three or none"], ["dispatcher.tls_key=x.key"]),
                (3, ["nobody.crt"], ["dispatcher.tls_certificate=nobody.crt", "dispatcher.tls_key=x.key", "dispatcher.tls_ca=x.crt"]),
                (3, ["nobody", "no server of this name"], ["dispatcher.server=nobody"]),
                (3, ["ping_interval"], ["dispatcher.ping_interval=1ms"]), (3, ["crypto", "hardened"], ["dispatcher.crypto=none"]),
                (3, ["queue"], ["dispatcher.queue=many"]), (3, ["qeue", "queue"], ["dispatcher.qeue=1"]),
                (3, ["routers"], ["dispatcher.routers=here"]), (3, ["routers is empty"], ["dispatcher.routers= "])]
        for want, words, overrides in rows:
            with self.subTest(overrides[0]):
                self.refused(want, *words, options=[o for override in overrides for o in ("-o", override)])

    def test_a_port_that_is_taken(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            self.refused(4, address, options=["-o", f"dispatcher.listen={address}"])

    def test_the_database(self):
        path = self.at.folder / "bramble.db"
        with self.subTest("newer"):
            db = sqlite3.connect(path)
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version:
                db.execute(f"PRAGMA user_version = {version + 1000}")
                db.commit()
                self.refused(5, "bramble.db", str(version + 1000))
                db.execute(f"PRAGMA user_version = {version}")
                db.commit()
            db.close()
        with self.subTest("another install key"):
            (self.at.folder / "install.key").rename(self.at.folder / "kept")
            self.refused(5, "install.key")
            (self.at.folder / "kept").rename(self.at.folder / "install.key")
        with self.subTest("no database"):
            self.refused(5, "nowhere.db", options=["-o", "dispatcher.database=nowhere.db"])
        with self.subTest("garbage"):
            (self.at.folder / "garbage.db").write_bytes(os.urandom(8192))
            self.refused(5, "garbage.db", options=["-o", "dispatcher.database=garbage.db"])


class TestDatabaseWhileRunning(Case):
    def test_locked(self):
        """A database that is locked delays what needs it; live traffic goes on, and nothing is given up."""
        with self.at.service() as service, self.at.device() as device:
            service.expect(srp.COVERAGE, PIN, 1)
            self.check_alive(service, device)
            lock = sqlite3.connect(self.at.folder / "bramble.db", isolation_level=None)
            lock.execute("BEGIN IMMEDIATE")
            for _ in range(20):
                self.check_alive(service, device)                 # keys and ceilings are there
            # Beyond the stored ceiling nothing may be acted on: refused as long as it cannot be stored.
            envelope, = self.at.seal(b"too far", message_id=5000)
            self.data(device, envelope)
            self.assertEqual(self.next_error(device)[0], NO_SERVICE)
            lock.execute("ROLLBACK")
            lock.close()
            self.data(device, envelope)
            self.assertEqual(service.expect(UP)[-1], b"too far")
            self.at.message_id = 5000
            self.check_alive(service, device)


class TestWrongKey(unittest.TestCase):
    def test_the_router_has_another_srp_key(self):
        folder = tempfile.mkdtemp(prefix="bramble-dispatcher-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        at = Installation(folder)
        keys = at.folder / "srp.keys"
        keys.write_text(f"{ID} {bytes(20).hex()}\n")
        at.router = at.run("router")
        self.addCleanup(at.stop)
        at.router_port = int(at.ask("router", "status")["listen"].rpartition(":")[2])
        at.write()
        at.dispatcher = at.run("dispatcher")
        bramble.wait_until(lambda: "did not prove that it knows the SRP key" in at.log(), "the refusal is in the log")
        end = time.monotonic() + 3
        while time.monotonic() < end:
            self.assertFalse(at.status()["linked"])
            time.sleep(0.1)
        self.assertLessEqual(at.log().count("did not prove that it knows the SRP key of"), 4)


if __name__ == "__main__":
    unittest.main()
