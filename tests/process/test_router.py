"""The real router, spoken to by a peer that knows the protocol pages and nothing of our code."""
import os
import pathlib
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import bramble
import srp_peer as srp

KEY = bytes(range(20))
OTHER_KEY = bytes(range(20, 40))
A, B = 0x2100000A, 0x2100000B
ID, OTHER = "T00000001", "T00000002"


class Router:
    """bramble-router in a folder of its own, with short deadlines."""

    def __init__(self, folder, **settings):
        self.folder = pathlib.Path(folder)
        self.settings = {"listen": "127.0.0.1:0", "handshake_timeout": "700ms", "frame_timeout": "700ms", **settings}
        keys = self.folder / "srp.keys"
        keys.write_text(f"# test\n{ID} {KEY.hex()}\n{OTHER} {OTHER_KEY.hex()}\n")
        keys.chmod(0o600)
        self.start()

    def start(self):
        lines = ["[common]", "run_dir = run", "[router]", *(f"{k} = {v}" for k, v in self.settings.items())]
        (self.folder / "bramble.ini").write_text("\n".join(lines) + "\n")
        self.process = bramble.Process("bramble-router", "-c", self.folder / "bramble.ini", "--ready",
                                       log=self.folder / "router.log")
        self.process.wait_line(lambda line: line.startswith("READY"), "READY")
        self.port = int(self.ask("status")["listen"].rpartition(":")[2])

    def ask(self, verb, **params):
        return bramble.control(self.folder / "run" / "router.sock", verb, **params)

    def log(self):
        return (self.folder / "router.log").read_text(errors="replace")

    def service(self, srp_id=ID, key=KEY, **options):
        return srp.Service(self.port, srp_id, key, **options)

    def device(self, pin=A, srp_id=ID):
        return srp.Device(self.port, pin, srp_id)

    def stop(self):
        return self.process.stop()


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="bramble-router-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.router = Router(self.folder)
        self.addCleanup(self.end)
        self.tag = 100

    def end(self):
        self.assertEqual(self.router.stop(), 0)
        self.assertNotIn(KEY.hex(), self.router.log().lower(), "the key is in the log")

    def check_alive(self, service, device):
        """An envelope each way still arrives as it was sent."""
        self.tag += 1
        up = srp.envelope(device.pin, ID, self.tag, os.urandom(100))
        device.data(self.tag, up)
        service.expect(srp.RECEIVE, 0, device.pin, up)
        device.expect(srp.STATUS, self.tag, srp.QUEUED)
        down = srp.envelope(ID, device.pin, self.tag, os.urandom(2000))
        service.down(self.tag, device.pin, down)
        self.assertEqual(device.take(), down)
        service.expect(srp.STATUS, self.tag, srp.DELIVERED)


class Opening(Case):
    def test_a_service_and_a_device_exchange_envelopes_that_arrive_as_sent(self):
        with self.router.service() as service, self.router.device() as device:
            service.expect(srp.COVERAGE, A, 1)
            for _ in range(20):
                self.check_alive(service, device)
            status = self.router.ask("status")
            self.assertEqual((status["services_up"], status["devices_covered"]), (1, 1))
            self.assertEqual((status["forwarded_up"], status["forwarded_down"], status["delivered"]), (20, 20, 20))
            trail = self.router.ask("trail", pin=f"{A:08X}")
            events = [e["event"] for e in trail["entries"]]
            self.assertEqual(events[0], "device.up")
            self.assertEqual((events.count("up"), events.count("down")), (20, 20))

    def test_a_wrong_key_is_refused_and_supersedes_nobody(self):
        with self.router.service() as service, self.router.device() as device:
            service.expect(srp.COVERAGE, A, 1)
            with srp.Peer(self.router.port) as wrong:
                wrong.send(srp.CONNECT, ID)
                challenge, = wrong.expect(srp.CONNECT, None)
                self.assertEqual(len(challenge), 20)
                self.assertLess(abs(struct.unpack(">I", challenge[16:])[0] - time.time()), 60)
                wrong.send(srp.CONNECT, os.urandom(16) + b"PYTHON01")
                wrong.expect(srp.CONNECT, None)
                wrong.send(srp.CONNECT, srp.proof(OTHER_KEY, challenge))
                wrong.expect(srp.RETURN, 2)
                wrong.expect_closed()
            self.check_alive(service, device)

    def test_an_unknown_identifier_is_refused(self):
        with srp.Peer(self.router.port) as peer:
            peer.send(srp.CONNECT, "T99999999")
            peer.expect(srp.RETURN, 1)
            peer.expect_closed()

    def test_a_second_connection_supersedes_the_first(self):
        with self.router.service() as first, self.router.service() as second, self.router.device() as device:
            first.expect(srp.DISCONNECT, 3)
            first.expect_closed()
            second.expect(srp.COVERAGE, A, 1)
            self.check_alive(second, device)

    def test_an_end_is_announced(self):
        with self.router.service() as service:
            self.router.process.child.send_signal(signal.SIGTERM)
            service.expect(srp.DISCONNECT, 6)
            service.expect_closed()

    def test_a_second_router_on_the_same_port_ends_with_4(self):
        status, _, said = bramble.run("bramble-router", "-c", f"{self.folder}/bramble.ini", "-o",
                                      f"router.listen=127.0.0.1:{self.router.port}", "-o", f"router.run_dir={self.folder}/run2")
        self.assertEqual(status, 4, said)
        self.assertIn(str(self.router.port), said)


class Deactivation(Case):
    def drop(self, times):
        for i in range(times):
            self.router.service().close()
            bramble.wait_until(lambda: self.router.ask("status")["services_up"] == 0, f"service {i} is down")

    def refused(self):
        with srp.Peer(self.router.port) as peer:
            peer.send(srp.CONNECT, ID)
            peer.expect(srp.RETURN, 4)
            peer.expect_closed()

    def test_five_connects_deactivate_until_enabled_over_a_restart(self):
        self.drop(4)
        self.assertFalse(self.router.ask("srp.list")["identities"][0]["deactivated"])
        self.drop(1)
        self.assertTrue(self.router.ask("srp.list")["identities"][0]["deactivated"])
        self.refused()
        self.router.service(OTHER, OTHER_KEY).close()
        self.assertEqual(self.router.stop(), 0)
        self.router.start()
        self.refused()
        self.assertTrue(self.router.ask("srp.enable", id=ID)["was_deactivated"])
        self.router.service().close()
        with self.assertRaisesRegex(RuntimeError, "T7 is not known"):
            self.router.ask("srp.enable", id="T7")

    def test_a_crash_forgets_no_deactivation(self):
        self.drop(5)
        self.refused()
        self.router.process.child.kill()
        self.router.process.stop()
        self.router.start()
        self.refused()


class Reload(Case):
    def test_the_identities_are_read_again_on_command(self):
        keys = pathlib.Path(self.folder) / "srp.keys"
        with self.router.service() as service, self.router.service(OTHER, OTHER_KEY) as other:
            keys.write_text(f"{ID} {OTHER_KEY.hex()}\n{OTHER} {OTHER_KEY.hex()}\nNEW {KEY.hex()}\n")
            self.assertEqual(self.router.ask("srp.reload"), {"identities": 3})
            service.expect(srp.DISCONNECT, 2)
            self.router.service("NEW", KEY).close()
            keys.chmod(0o644)
            with self.assertRaisesRegex(RuntimeError, "chmod 600"):
                self.router.ask("srp.reload")
            other.send(srp.PING, 7)
            other.expect(srp.PONG, 7)


class BadBytes(Case):
    """Whatever comes, it ends in a named error and a closed connection within a deadline, and nobody else notices."""

    FIRST = {
        "another version": (b"\x02", "version 2"),
        "an HTTP client": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "version 71"),
        "a TLS client": (bytes.fromhex("1603010200010001fc0303"), "version 22"),
        "an oversized frame": (struct.pack(">BBI", 1, srp.CONNECT, 131073), "length 131073"),
        "the largest length there is": (struct.pack(">BBI", 1, srp.CONNECT, 0xFFFFFFFF), "length 4294967295"),
        "a length below the header": (struct.pack(">BBI", 1, srp.CONNECT, 5), "length 5"),
        "a large frame from a stranger": (struct.pack(">BBI", 1, srp.CONNECT, 100000), "length 100000"),
        "an unknown opcode": (struct.pack(">BBI", 1, 0x77, 6), "opcode 0x77"),
        "no item": (srp.frame(srp.CONNECT), "CONNECT"),
        "an item of unknown type": (struct.pack(">BBI", 1, srp.CONNECT, 11) + b"X\0\0\0\0", "CONNECT"),
        "an item that is longer than the frame": (struct.pack(">BBI", 1, srp.CONNECT, 11) + b"S\0\0\1\0", "CONNECT"),
        "an item of negative length": (struct.pack(">BBI", 1, srp.CONNECT, 11) + b"S\xff\xff\xff\xff", "CONNECT"),
        "an item too many": (srp.frame(srp.CONNECT, ID, 1), "CONNECT"),
        "a truncated REGISTER": (srp.frame(srp.REGISTER, A), "REGISTER"),
        "half a frame, then silence": (srp.frame(srp.CONNECT, ID)[:9], "no first frame within 700ms"),
        "nothing at all": (b"", "no first frame within 700ms"),
    }

    def setUp(self):
        super().setUp()
        self.service = self.router.service()
        self.addCleanup(self.service.close)
        self.device = self.router.device(B)
        self.addCleanup(self.device.close)
        self.service.expect(srp.COVERAGE, B, 1)

    def test_as_the_first_bytes(self):
        for what, (raw, says) in self.FIRST.items():
            with self.subTest(what), srp.Peer(self.router.port) as peer:
                peer.say(raw)
                code, text = peer.expect(srp.RETURN, None, None, deadline_s=5)
                self.assertEqual(code, 5)
                self.assertIn(says, text.decode())
                peer.expect_closed(5)
        self.check_alive(self.service, self.device)

    def test_from_a_registered_device(self):
        cases = {
            "a frame longer than any envelope": (struct.pack(">BBI", 1, srp.DATA, 8192 + 65), "length"),
            "an envelope that is none": (srp.frame(srp.DATA, 1, b"nonsense"), "envelope"),
            "an envelope cut off": (srp.frame(srp.DATA, 1, srp.envelope(A, ID, 1, b"")[:-3]), "envelope"),
            "REGISTER twice": (srp.frame(srp.REGISTER, A, ID), "REGISTER"),
            "a service's frame": (srp.frame(srp.SEND, 0, 1, B, 0, srp.envelope(ID, B, 1, b"")), "SEND"),
            "trailing bytes": (srp.frame(srp.PING, 1, 2), "PING"),
        }
        for what, (raw, says) in cases.items():
            with self.subTest(what), self.router.device() as device:
                self.service.expect(srp.COVERAGE, A, 1)
                device.say(raw)
                code, text = device.expect(srp.RETURN, None, None, deadline_s=5)
                self.assertEqual(code, 5)
                self.assertIn(says, text.decode())
                device.expect_closed(5)
                self.service.expect(srp.COVERAGE, A, 0)
        self.check_alive(self.service, self.device)

    def test_a_device_that_stops_in_the_middle_of_a_frame(self):
        with self.router.device() as device:
            self.service.expect(srp.COVERAGE, A, 1)
            device.say(srp.frame(srp.DATA, 1, srp.envelope(A, ID, 1, b"x" * 500))[:-1])
            device.expect_closed(5)
            self.service.expect(srp.COVERAGE, A, 0)
        self.assertIn("reason=too-slow", self.router.log())
        self.check_alive(self.service, self.device)

    def test_a_device_that_sends_byte_by_byte_is_understood(self):
        with self.router.device() as device:
            self.service.expect(srp.COVERAGE, A, 1)
            gme = srp.envelope(A, ID, 1, b"x")
            for byte in srp.frame(srp.DATA, 1, gme):
                device.say(bytes([byte]))
            self.service.expect(srp.RECEIVE, 0, A, gme)

    def test_duplicated_frames_are_each_forwarded_and_answered(self):
        """Upwards the router knows no duplicates: the receiver's replay window drops them."""
        gme = srp.envelope(B, ID, 5, b"twice")
        self.device.say(srp.frame(srp.DATA, 5, gme) * 2)
        for _ in range(2):
            self.service.expect(srp.RECEIVE, 0, B, gme)
            self.device.expect(srp.STATUS, 5, srp.QUEUED)
        down = srp.frame(srp.SEND, 0, 9, B, 3, srp.envelope(ID, B, 6, b"twice"))
        self.service.say(down * 2)
        self.service.expect(srp.STATUS, 9, srp.INVALID)
        self.device.take()
        self.service.expect(srp.STATUS, 9, srp.DELIVERED)
        self.check_alive(self.service, self.device)

    def test_a_spoofed_source_is_invalid(self):
        self.device.data(1, srp.envelope(A, ID, 1, b"not mine"))
        self.device.expect(srp.STATUS, 1, srp.INVALID)
        self.check_alive(self.service, self.device)

    def test_the_sixth_outstanding_message_is_invalid(self):
        for tag in range(6):
            self.service.down(tag, B, srp.envelope(ID, B, tag + 1, b"x"))
        self.service.expect(srp.STATUS, 5, srp.INVALID)
        for tag in range(5):
            self.device.take()
            self.service.expect(srp.STATUS, tag, srp.DELIVERED)
        self.check_alive(self.service, self.device)

    def test_any_bytes_at_all(self):
        """Frames with a few bytes changed, and noise behind them."""
        chance = random.Random(3101)
        seeds = [srp.frame(srp.CONNECT, ID), srp.frame(srp.REGISTER, A, ID), srp.frame(srp.INFO, "a=b"), srp.frame(srp.PING, 1),
                 srp.frame(srp.DATA, 1, srp.envelope(A, ID, 1, b"x" * 40))]
        for _ in range(150):
            raw = bytearray(b"".join(chance.choice(seeds) for _ in range(chance.randrange(1, 5))))
            raw += chance.randbytes(chance.randrange(0, 20))
            for _ in range(chance.randrange(1, 6)):
                raw[chance.randrange(len(raw))] = chance.randrange(256)
            with srp.Peer(self.router.port) as peer:
                peer.say(bytes(raw))
                peer.socket.shutdown(socket.SHUT_WR)
                while True:
                    try:
                        peer.hear(5)
                    except srp.Closed:
                        break
        bramble.wait_until(lambda: self.router.ask("status")["unproven"] == 0, "all are gone")
        # What registered under the changed bytes came and went: only the own traffic counts from here.
        self.service.send(srp.PING, 4242)
        while self.service.hear() != (srp.PONG, [4242]):
            pass
        self.check_alive(self.service, self.device)

    def test_someone_who_never_reads_does_not_hold_up_others(self):
        with self.router.device() as deaf:
            self.service.expect(srp.COVERAGE, A, 1)
            deaf.socket.settimeout(0.2)
            ping = srp.frame(srp.PING, 1) * 5000
            with self.assertRaises(TimeoutError):     # the router stops reading from whoever does not read
                for _ in range(2000):
                    deaf.socket.sendall(ping)
            self.check_alive(self.service, self.device)


class Shared(unittest.TestCase):
    def router(self, **settings):
        folder = tempfile.mkdtemp(prefix="bramble-router-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        router = Router(folder, **settings)
        self.addCleanup(lambda: self.assertEqual(router.stop(), 0))
        return router

    def test_routers_that_share_the_devices_address_are_dealt_them_and_each_tells_its_service(self):
        first = self.router(device_listen="127.0.0.1:0", device_share="yes")
        address = first.ask("status")["device_listen"]
        second = self.router(device_listen=address, device_share="yes")
        services = [router.service() for router in (first, second)]
        for service in services:
            self.addCleanup(service.close)
        port, taken = int(address.rpartition(":")[2]), []
        # Each device is dealt out for itself: that one router gets all of so many happens once in 2 to the 63rd.
        for i in range(64):
            device = srp.Device(port, A + i, ID)
            self.addCleanup(device.close)
            taken.append(sum(router.ask("status")["devices_registered"] for router in (first, second)))
        self.assertEqual(taken, list(range(1, 65)))
        dealt = [router.ask("status")["devices_registered"] for router in (first, second)]
        self.assertTrue(all(dealt), dealt)
        heard = [{service.expect(srp.COVERAGE, None, 1)[0] for _ in range(count)} for service, count in zip(services, dealt)]
        self.assertEqual(heard[0] | heard[1], set(range(A, A + 64)))
        self.assertFalse(heard[0] & heard[1])

    def test_without_being_told_to_share_the_second_router_says_that_the_address_is_taken(self):
        first = self.router(device_listen="127.0.0.1:0", device_share="yes")
        folder = pathlib.Path(tempfile.mkdtemp(prefix="bramble-router-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        (folder / "srp.keys").write_text(f"{ID} {KEY.hex()}\n")
        (folder / "srp.keys").chmod(0o600)
        (folder / "bramble.ini").write_text(f"[router]\nlisten = 127.0.0.1:0\ndevice_listen = {first.ask('status')['device_listen']}\n")
        status, _, err = bramble.run("bramble-router", "-c", folder / "bramble.ini")
        self.assertEqual(status, 4, err)
        self.assertIn("Address already in use", err)


class Settings(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="bramble-router-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        keys = pathlib.Path(self.folder) / "srp.keys"
        keys.write_text(f"{ID} {KEY.hex()}\n")
        keys.chmod(0o600)

    def run_with(self, text):
        file = pathlib.Path(self.folder) / "bramble.ini"
        file.write_text(text)
        status, _, said = bramble.run("bramble-router", "-c", file)
        return status, said

    def test_what_is_wrong_in_the_file_is_named(self):
        rows = {
            "[router]\nlisten = 127.0.0.1:0\nping_intervall = 60s\n": ("bramble.ini:3", "ping_intervall", "ping_interval"),
            "[router]\nlisten = everywhere\n": ("bramble.ini:2", "listen", "everywhere"),
            "[router]\nping_interval = soon\n": ("bramble.ini:2", "ping_interval", "soon"),
            "[router]\nping_interval = 1ms\n": ("bramble.ini:2", "ping_interval", "1s"),
            "[router]\ndeactivate_connects = 0\n": ("bramble.ini:2", "deactivate_connects", "1"),
            "[router]\ndeactivate_connects = five\n": ("bramble.ini:2", "deactivate_connects", "five"),
            "[router]\nidentities = nowhere\n": ("nowhere", "cannot open"),
            "[router]\nstate = no/such/folder/state\n": ("no/such/folder/state",),
            "[router]\nlisten = 0.0.0.0:0\n": ("0.0.0.0:0", "device_networks"),
            "[router]\nlisten = 0.0.0.0:0\ndevice_networks = anywhere\n": ("device_networks", "anywhere"),
            "[router]\nlisten = 127.0.0.1:0\ndevice_listen = [::]:0\n": ("device_listen", "device_networks"),
            "[router]\nlisten = 127.0.0.1:0\ndevice_share = yes\n": ("device_share", "device_listen", "not set"),
            "[router]\nlisten = 127.0.0.1:0\nproxies = here\n": ("proxies", "here"),
            "[router]\nlisten = 127.0.0.1:0\nproxies = 127.0.0.1/32\n": ("proxies", "device_networks"),
            "[router]\nlog_level = loud\n": ("log_level", "loud"),
        }
        for text, wanted in rows.items():
            with self.subTest(text):
                status, said = self.run_with(text)
                self.assertEqual(status, 3, said)
                for words in wanted:
                    self.assertIn(words, said)

    def test_files_that_hold_nonsense_are_named(self):
        for name, text, wanted in (("router.state", "nonsense\n", "no state of this router"), ("srp.keys", "T1 00\n", "line 1")):
            with self.subTest(name):
                file = pathlib.Path(self.folder) / name
                file.write_text(text)
                status, said = self.run_with("[router]\nlisten = 127.0.0.1:0\n")
                self.assertEqual(status, 3, said)
                self.assertIn(name, said)
                self.assertIn(wanted, said)
                file.unlink()


if __name__ == "__main__":
    unittest.main()
