"""Whoever comes slowly is sent away, by every listener; texts that would be SQL, log lines, JSON towers or orders to a terminal are texts."""
import contextlib
import json
import re
import selectors
import socket
import ssl
import time
import unittest

import bramble

SLOW_S = 40          # deadlines of real connections are 10 s, of CWA and OCS 15 s at most
NAMES = ("alice'; DROP TABLE emu_IMSession; --", "x'||(SELECT KeyMaterial FROM emu_DeviceKey)||'", "%s%n%x",
         "dave\n2031-01-01T00:00:00.000Z collab error: forged line", "dave\x1b[2J\x1b]0;owned\x07")
# An OCS has patience for a minute with the first request of a link, and for 10 s with any other.
WHOLE = (b"OPTIONS sip:corp.test SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bK1\r\nFrom: <sip:alice@corp.test>;tag=1\r\n"
         b"To: <sip:corp.test>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 5\r\nContent-Length: 0\r\n\r\n")
STAMP = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \S+ (error|warning|info|debug): ")


class Hostile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = cls.enterClassContext(bramble.Lab("--backend", "cwa"))
        cls.sockets = sorted((cls.lab.dir / "run").glob("*.sock"))

    def peers(self):
        """Name, a connected socket, and what it says before it falls silent: on each listener of each process."""
        for path in self.sockets:
            for what, said in (("nothing", b""), ("half a line", b'{"verb":"sta')):
                s = socket.socket(socket.AF_UNIX)
                s.connect(str(path))
                yield f"{path.stem} {what}", s, said
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        for name, port, rows in (("router", 3101, {"nothing": b"", "half a frame": b"\x01\x15\0\0\0\x20S"}),
                                 ("dispatcher", 3200, {"nothing": b"", "half a frame": b"\x01\x15\0\0\0\x20S"}),
                                 ("ocs", 5061, {"nothing": None, "half a handshake": bytes.fromhex("1603010200010001fc0303"),
                                                "half a head": WHOLE + b"REGISTER sip:corp.test SIP/2.0\r\nVia: x", "nothing in TLS": b"",
                                                "half a body": WHOLE + b"REGISTER sip:corp.test SIP/2.0\r\nContent-Length: 100\r\n\r\nabc"}),
                                 ("cwa", 10443, {"nothing": None, "half a handshake": bytes.fromhex("1603010200010001fc0303"),
                                                 "half a head": b"GET / HTTP/1.1\r\nHost: x", "nothing in TLS": b"",
                                                 "half a body": b"POST /forms/logon.html HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc"})):
            for what, said in rows.items():
                s = socket.create_connection(("127.0.0.1", self.lab.port(port)), 10)
                if name in ("ocs", "cwa") and what not in ("nothing", "half a handshake"):
                    s = trusting.wrap_socket(s)
                yield f"{name} {what}", s, said or b""

    def test_who_says_nothing_or_half_is_sent_away_by_every_listener(self):
        self.assertEqual({p.stem for p in self.sockets} & {"router", "dispatcher", "collab", "ocs", "cwa"},
                         {"router", "dispatcher", "collab", "ocs", "cwa"})
        with selectors.DefaultSelector() as waiting:
            for name, s, said in self.peers():
                self.addCleanup(s.close)
                s.sendall(said)
                s.setblocking(False)
                waiting.register(s, selectors.EVENT_READ, name)
            self.assertGreater(len(waiting.get_map()), 20)
            end = time.monotonic() + SLOW_S
            # Its minute is told by test_ocs.py, test_who_registers_nobody_is_closed_after_a_minute.
            patient = {"ocs nothing in TLS"}
            while {key.data for key in waiting.get_map().values()} - patient:
                self.assertLess(time.monotonic(), end, {key.data for key in waiting.get_map().values()})
                for key, _ in waiting.select(1):
                    with contextlib.suppress(ssl.SSLWantReadError):
                        try:
                            more = key.fileobj.recv(65536)
                        except (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
                            more = b""
                        if not more:
                            waiting.unregister(key.fileobj)
                # Honest callers are answered all the time.
                self.assertTrue(self.lab.ask("router", "status")["ready"])

    def test_towers_and_giants_on_a_control_socket_are_refused(self):
        for path in (p for p in self.sockets if p.stem in ("router", "lab", "ocs")):
            for what, line, closes in (("a tower of arrays", b"[" * 100000, False), ("a tower of objects", b'{"a":' * 50000, False),
                                       ("a tower inside", b'{"verb":"status","id":1,"params":{"x":' + b"[" * 3000 + b"]" * 3000 + b"}}", False),
                                       ("a line without end", b'{"verb":"' + b"x" * (5 << 20), True)):
                with self.subTest(f"{path.stem}: {what}"), socket.socket(socket.AF_UNIX) as s:
                    s.settimeout(bramble.DEADLINE_S)
                    s.connect(str(path))
                    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                        s.sendall(line + b"\n")
                        told = s.recv(65536)
                        self.assertFalse(json.loads(told.splitlines()[0])["ok"] if told else False)
                        if closes:
                            self.assertEqual(s.recv(1) if told else b"", b"")
            if path.stem != "lab":
                self.assertIn("now_ms", bramble.control(path, "clock.show"))

    def test_names_that_would_be_sql_or_log_lines_are_names(self):
        tables = self.lab.rows("SELECT count(*) FROM sqlite_schema")
        with self.lab.device("dave") as dave, self.lab.device("alice") as alice:
            for name in NAMES:
                if not set("\r\n") & set(name):
                    dave.say(f"login {name.replace(' ', '_')} x")
                    self.assertIn(dave.wait(lambda e: e["event"] in ("login-failed", "error", "login-ok"))["event"], ("login-failed", "error"))
                self.assertNotIn("\x1b", self.lab.tool("user", "add", name, want=None))
            alice.say(f"login alice {bramble.password('alice')}")
            alice.wait({"event": "login-ok"})
        self.assertEqual(self.lab.rows("SELECT count(*) FROM sqlite_schema"), tables)
        for log in (self.lab.dir / "log").glob("*.log"):
            for line in log.read_text(errors="replace").splitlines():
                self.assertRegex(line, STAMP, log.name)
                self.assertNotIn("\x1b", line)
        for words in (("user", "list"), ("session", "events"), ("trace", "list"), ("lab", "logs")):
            for line in self.lab.tool(*words).split("\n"):
                self.assertNotRegex(line, r"^2031-")
                self.assertNotRegex(line, r"[\x00-\x08\x0b-\x1f\x7f]")


if __name__ == "__main__":
    unittest.main()
