"""A simulated Messenger server in a folder of its own, and stock clients that sign on to it.

    with messenger.Server() as server, messenger.Purple() as alice:
        alice.connect("alice", "alice-secret", server.port)
        alice.wait({"event": "signed-on"})

Raw is a client written from the protocol's page alone, for what stock clients never send."""
import json
import os
import pathlib
import shutil
import socket
import ssl
import struct
import sys
import tempfile
import unittest

import bramble

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "vectors"))
import groupwise_page as page

OUT = pathlib.Path(os.environ.get("BRAMBLE_OUT", "build/gcc")).absolute()

WORLD = """<world domain="corp.test">
  <user id="alice" password="alice-secret" name="Alice Adams">
    <folder name="Friends"><contact user="bob"/><contact user="carol"/></folder>
  </user>
  <user id="bob" password="bob-secret" name="Bob Br\u00fcckner">
    <folder name="Work"><contact user="alice" name="The Boss"/></folder><contact user="carol"/>
  </user>
  <user id="carol" password="carol-secret" name="Carol Clark"><contact user="alice"/><contact user="bob"/></user>
  <user id="dave" password="dave-secret" name="Dave Diaz"/>
</world>
"""


def dn(user):
    return f"CN={user},OU=people,O=corp"


def dotted(user):
    """How clients show a user whose record has no id of its own."""
    return f"{user}.people.corp"


class Server(bramble.Process):
    """folder: that of an earlier one whose state it takes up; keep: it stays when this one ends."""

    def __init__(self, *options, world=WORLD, folder=None, keep=False):
        self.folder = folder or tempfile.mkdtemp(prefix="bramble-messenger-")
        self.keep = keep
        self.control_path = os.path.join(self.folder, "control.sock")
        pathlib.Path(self.folder, "world.xml").write_text(world, encoding="utf-8")
        super().__init__("bramble-sim", "groupwise", "--listen", "127.0.0.1:0", "--world", os.path.join(self.folder, "world.xml"),
                         "--state", self.folder, "--control", self.control_path, "--log-level", "debug", *options)
        try:
            bramble.wait_until(self._answers, "the server is ready")
        except AssertionError as late:
            raise AssertionError(f"{late}\n{self.errors()}") from None
        self.port = int(self.ask("census")["listen"].rpartition(":")[2])

    def _answers(self):
        try:
            return self.ask("census")
        except (OSError, RuntimeError):
            if self.child.poll() is not None:
                raise AssertionError(f"ended with {self.child.returncode}") from None
            return None

    def ask(self, verb, **params):
        return bramble.control(self.control_path, verb, **params)

    def user(self, name):
        return self.ask("census")["users"][name]

    def stop(self, deadline_s=10):
        """Ends it; a sanitizer's complaint must not pass unseen."""
        status = super().stop(deadline_s)
        if not self.keep:
            shutil.rmtree(self.folder)
        assert status == 0, f"bramble-sim groupwise ended with {status}"
        return status


class Purple(bramble.Process):
    """libpurple with its own plugin; see tests/interop/purple_client.c for what can be said to it."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="bramble-purple-")
        self.events = []
        super().__init__(OUT / "tests" / "interop" / "purple_client", self.folder, env=dict(os.environ, HOME=self.folder))
        self.wait({"event": "ready"})

    def connect(self, user, password, port):
        self.say(f"connect {user} {password} 127.0.0.1 {port}")

    def wait(self, wanted, deadline_s=bramble.DEADLINE_S):
        """The first event not yet taken that holds all of wanted."""
        def matches(line):
            event = json.loads(line)
            self.events.append(event)
            return all(event.get(k) == v for k, v in wanted.items())

        self.wait_line(matches, str(wanted), deadline_s)
        return self.events[-1]

    def seen(self, *wanted):
        """All of these events, in any order, those included that have come already."""
        for one in wanted:
            if not any(all(event.get(k) == v for k, v in one.items()) for event in self.events):
                self.wait(one)

    def sign_on(self, user, port, password=None):
        self.connect(user, password or bramble.password(user), port)
        return self.wait({"event": "signed-on"})

    def send(self, who, text):
        self.say(f"send {who} " + text.replace("\\", "\\\\").replace("\n", "\\n"))

    def buddies(self):
        """Name to event."""
        self.say("buddies")
        start = len(self.events)
        self.wait({"event": "buddies-end"})
        return {e["who"]: e for e in self.events[start:] if e["event"] == "buddy"}

    def stop(self, deadline_s=10):
        if self.log.closed:
            return 0
        if self.child.poll() is None:
            self.say("quit")
            self.child.wait(deadline_s)
        status = super().stop(deadline_s)
        shutil.rmtree(self.folder)
        assert status == 0, f"the stock client ended with {status}: it crashed"
        return status


# What follows the source in an event, by type: h status, g conference, f flags, t text.
EVENTS = {101: "", 102: "g", 103: "ht", 104: "", 105: "g", 106: "gf", 107: "gf", 108: "gft", 109: "", 112: "g", 113: "g", 114: "",
          115: "", 117: "gt", 118: "g", 119: "g", 121: "gft", 122: "t", 123: "t"}


class Raw:
    def __init__(self, port):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.socket = context.wrap_socket(socket.create_connection(("127.0.0.1", port), bramble.DEADLINE_S))
        self.transaction = 0
        self.events = []

    def read(self, size):
        got = b""
        while len(got) < size:
            more = self.socket.recv(size - len(got))
            if not more:
                raise EOFError(f"closed after {len(got)} of {size} bytes")
            got += more
        return got

    def _u32(self):
        return struct.unpack("<I", self.read(4))[0]

    def _text(self):
        raw = self.read(self._u32())
        assert raw.endswith(b"\0") and raw.count(b"\0") == 1, raw
        return raw[:-1].decode("utf-8")

    def _field(self, kind):
        method = self.read(1)[0]
        tag = self._text()
        if kind in (page.ARRAY, page.MULTI):
            value = [self._field(self.read(1)[0]) for _ in range(self._u32())]
        else:
            value = self._text() if kind in (page.STRING, page.DN) else self._u32()
        return tag, kind, value, method

    def message(self):
        """("answer", fields) or ("event", type, source, rest...)."""
        start = self.read(4)
        if start == b"HTTP":
            header = start
            while not header.endswith(b"\r\n\r\n"):
                header += self.read(1)
            assert header.startswith(b"HTTP/1.0 200\r\n"), header
            fields = []
            while (kind := self.read(1)[0]) != 0:
                fields.append(self._field(kind))
            return "answer", fields
        kind = struct.unpack("<I", start)[0]
        source = self._text()
        rest = [struct.unpack("<H", self.read(2))[0] if part == "h" else self._u32() if part == "f" else self._text()
                for part in EVENTS[kind]]
        return ("event", kind, source, *rest)

    def event(self, kind):
        """The next event of this type; others that come before it are passed over."""
        while True:
            for i, event in enumerate(self.events):
                if event[1] == kind:
                    del self.events[:i + 1]
                    return event
            got = self.message()
            assert got[0] == "event", got
            self.events.append(got)

    def send(self, raw):
        self.socket.sendall(raw)

    def answer(self):
        """(result code, fields before the last two) of the next answer; events that come first are kept."""
        while True:
            got = self.message()
            if got[0] == "answer":
                fields = got[1]
                assert [f[0] for f in fields[-2:]] == [page.RESULT, page.TRANSACTION], fields
                assert fields[-1][2] == str(self.transaction), fields
                return int(fields[-2][2]), fields[:-2]
            self.events.append(got)

    def ask(self, command, *fields):
        self.transaction += 1
        self.send(page.request(command, self.transaction, *fields))
        return self.answer()

    def login(self, user, password=None, build=2):
        return self.ask("login", ("NM_A_SZ_USERID", page.STRING, user),
                        ("NM_A_SZ_CREDENTIALS", page.STRING, password or bramble.password(user)),
                        ("NM_A_UD_BUILD", page.UDWORD, build))

    def conference(self, *others):
        """The id of a new conference with these people."""
        code, fields = self.ask("createconf", conversation("[00000000-00000000-00000000-0000-0000]"),
                                *(("NM_A_SZ_DN", page.DN, dn(o)) for o in others))
        assert code == 0, hex(code)
        assert fields[0][0] == "NM_A_FA_CONVERSATION", fields
        return fields[0][2][0][2]

    def message_to(self, guid, *to, body="", text=""):
        return self.ask("sendmessage", conversation(guid), ("NM_A_FA_MESSAGE", page.ARRAY, [
            ("NM_A_SZ_MESSAGE_BODY", page.STRING, body), ("NM_A_UD_MESSAGE_TYPE", page.UDWORD, 0),
            ("NM_A_SZ_MESSAGE_TEXT", page.STRING, text)]), *(("NM_A_SZ_DN", page.DN, dn(o)) for o in to))

    def status(self, number, text=None, auto_reply=None):
        fields = [("NM_A_SZ_STATUS", page.STRING, str(number))]
        if text is not None:
            fields.append(("NM_A_SZ_STATUS_TEXT", page.STRING, text))
        if auto_reply is not None:
            fields.append(("NM_A_SZ_MESSAGE_BODY", page.STRING, auto_reply))
        return self.ask("setstatus", *fields)

    def is_closed(self):
        """Waits for the other side's end; what comes before it is thrown away."""
        try:
            while self.socket.recv(65536):
                pass
            return True
        except (ConnectionResetError, ssl.SSLEOFError):
            return True

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def conversation(guid, *more):
    return ("NM_A_FA_CONVERSATION", page.ARRAY, [("NM_A_SZ_OBJECT_ID", page.STRING, guid), *more])


def values(fields, *path):
    """The values of all fields at that place."""
    found = [f[2] for f in fields if f[0] == path[0]]
    return found if len(path) == 1 else [v for inner in found for v in values(inner, *path[1:])]


class Case(unittest.TestCase):
    """A server for each test, and clients of it."""
    options = ()
    world = WORLD

    def setUp(self):
        self.server = Server(*self.options, world=self.world)
        self.addCleanup(self.server.stop)

    def raw(self, user=None, status=2):
        client = Raw(self.server.port)
        self.addCleanup(client.close)
        if user:
            self.assertEqual(client.login(user)[0], 0)
            if status:
                self.assertEqual(client.status(status)[0], 0)
        return client
