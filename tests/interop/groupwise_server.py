"""A GroupWise Messenger server of its own: written from the protocol's description alone, sharing nothing with our codec or
our simulator, so that our client and our server cannot agree on a mistake.

It reads strictly: whatever in a request is not as the protocol has it is noted in Server.faults. It writes oddly, but as the
protocol allows, when a test sets the switches of Server.odd or plans an action for a command (Server.plan)."""
import asyncio
import dataclasses
import pathlib
import random
import re
import ssl
import struct
import subprocess
import tempfile
import threading
import time

from groupwise_wire import *      # noqa: F403, the tests see both as one

DEADLINE_S = 20


def drop(writer):
    """Ends a connection at once. Python 3.11.2, which is Debian's, raises when it has ended already."""
    try:
        writer.transport.abort()
    except AttributeError:
        pass


class Refused(Exception):
    """Answered with a result code."""


# --- people ----------------------------------------------------------------------------------------------------------------

class User:
    def __init__(self, name, given, surname, unit="staff"):
        self.name, self.given, self.surname, self.unit = name, given, surname, unit
        self.password = name + "-secret"
        self.dn = f"CN={name},OU={unit},O=example"
        self.title = "Painter" if name == "zoe" else "Engineer"
        self.mark = True            # its records carry NM_A_SZ_AUTH_ATTRIBUTE
        self.folders, self.contacts = {}, []
        self.deny, self.allow, self.blocking = [], [], "0"

    @property
    def full_name(self):
        return f"{self.given} {self.surname}"

    def next_id(self):
        return max([*self.folders, *(c["id"] for c in self.contacts), 0]) + 1

    def add_folder(self, name):
        made = self.next_id()
        self.folders[made] = name
        return made

    def add_contact(self, user, folder=0, name=None, details=True):
        made = {"id": self.next_id(), "parent": folder, "user": user, "name": name or user.full_name, "details": details}
        self.contacts.append(made)
        return made

    def lets(self, other):
        return other.name in self.allow if self.blocking == "1" else other.name not in self.deny


class Conference:
    def __init__(self, guid):
        self.guid, self.here, self.invited, self.replied = guid, [], [], set()


class Session:
    """A user who is logged in: over the wire, or as a puppet of the test."""

    def __init__(self, server, user=None):
        self.server, self.user = server, user
        self.status, self.text, self.auto_reply = AVAILABLE, "", ""
        self.announced = False

    def shown(self):
        return (OFFLINE, "") if self.status == OFFLINE or not self.announced else (self.status, self.text)

    def deliver(self, kind, source, *body):
        raise NotImplementedError


class Puppet(Session):
    """Someone at the other end, moved by the test: what comes for it is in events."""

    def __init__(self, server, user):
        super().__init__(server, user)
        self.announced, self.events, self.guids = True, [], {}

    def deliver(self, kind, source, *body):
        self.events.append((kind, source, *body))

    def say(self, to, what, body=None, flags=0):
        """Says something to one user, in the conference they had; body is the RTF, made here unless given."""
        return self.server.call(self._say, to, what, body, flags)

    def _say(self, to, what, body, flags):
        if to not in self.guids or self.guids[to] not in self.server.conferences:
            self.guids[to] = self.server.conference(self.user.name, to).guid[:SAME]
        guid = self.server.conferences[self.guids[to]].guid
        self.server.session(to).deliver(MESSAGE, self.user.dn, guid, flags, envelope(what) if body is None else body)
        return guid

    def set_status(self, status, words="", auto_reply=""):
        self.server.call(self.server.set_status, self, status, words, auto_reply)

    def open_room(self):
        return self.server.call(self.server.conference, self.user.name)

    def room_of(self, kind, user):
        """The conference that the newest event of a kind from a user was about."""
        def newest():
            found = [e for e in self.events if e[0] == kind and e[1] == self.server.users[user].dn]
            return found and self.server.conferences.get(found[-1][2][:SAME])
        return wait(newest, f"event {kind} of {user} for {self.user.name}")

    def invite(self, room, name, words=""):
        def act():
            room.invited.append(name)
            self.server.session(name).deliver(INVITED, self.user.dn, room.guid, words)
            self.server.tell(room, self.server.users[name], OTHER_INVITED, room.guid, but=self.user.name)
        self.server.call(act)

    def join(self, room):
        def act():
            room.invited.remove(self.user.name)
            self.server.tell(room, self.user, JOINED, room.guid, 0)
            room.here.append(self.user.name)
        self.server.call(act)

    def reject(self, room):
        def act():
            room.invited.remove(self.user.name)
            self.server.tell(room, self.user, REJECTED, room.guid)
        self.server.call(act)

    def leave(self, room):
        self.server.call(self.server.let_out, room, self.user)

    def speak(self, room, words, flags=0):
        def act():
            for name in room.here:
                if name != self.user.name:
                    other = self.server.session(name)
                    other.deliver(MESSAGE, self.user.dn, room.guid, flags, words if isinstance(other, Puppet) else envelope(words))
        self.server.call(act)

    def heard(self):
        """The plain words of the messages that came."""
        return [e[-1] for e in self.events if e[0] == MESSAGE]

    def wait(self, wanted, what="an event"):
        return wait(lambda: next((e for e in self.events if wanted(e)), None), what)


def wait(condition, what, deadline_s=DEADLINE_S):
    end = time.monotonic() + deadline_s
    while not (got := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_s} s: {what}")
        time.sleep(0.01)
    return got


# --- oddities --------------------------------------------------------------------------------------------------------------

@dataclasses.dataclass
class Odd:
    """Behaviours that are legal and unusual. All are off at first."""
    pieces: str = "whole"           # "bytes": each byte a TLS record; "random": records of odd sizes
    join: bool = False              # events go into one record with the answer they follow
    head: str = "HTTP/1.0 200\r\nDate: Thu, 01 Jan 2009 12:00:00 GMT\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n\r\n"
    types: bool = False             # integers where strings are usual, and the reverse
    shuffle: bool = False           # fields in any order, at every level
    unknown: bool = False           # fields that nobody knows, of every type
    case: object = None             # what happens to the letters of a DN
    tails: bool = False             # conference ids end otherwise each time
    dead: str = "code"              # a dead conference: "code" 0xD12B, "swallow" the message, "silent" no answer
    events_first: bool = False      # what a request causes comes before its answer
    details: bool = True            # contacts carry their details
    folders_last: bool = False
    keep_alive: object = 10         # minutes; None leaves it out
    several: bool = False           # a user may have several sessions; what is for him goes to the one that he had first
    oneself: bool = False           # those who join find themselves among the participants
    neighbours: bool = False        # changes of the contact list name other items, whose places moved
    search: list = dataclasses.field(default_factory=list)          # states told before a search is done
    extra_login: list = dataclasses.field(default_factory=list)


EXTRAS = [Field("X_" + str(kind), kind, 4294967295) for kind in INTEGERS] + [
    text("nnmUnheardOf", "\u00e9" * 100), Field("X_DN", DN, "CN=nobody"), text("", ""), text("T" * 63, "long tag"),
    array("NM_A_FA_UNHEARD_OF", []), array("X_NEST", [array("X_NEST", [array("X_NEST", [text("NM_A_SZ_DN", "CN=inner")])])]),
    Field("X_MULTI", MULTI, [text("X_MULTI", "1"), Field("X_MULTI", UDWORD, 2)], 6)]
CODES = re.compile(r"NM_A_SZ_(RESULT_CODE|TRANSACTION_ID|OBJECT_ID|PARENT_ID|SEQUENCE_NUMBER|STATUS|TYPE)|nnm.*")


def twist(fields, odd, dice):
    """The same answer, said otherwise."""
    out = []
    for f in fields:
        kind, value = f.type, f.value
        if kind in (ARRAY, MULTI):
            value = twist(value, odd, dice)
        elif odd.types and kind == STRING and CODES.fullmatch(f.tag) and value.isdigit():
            kind, value = dice.choice(INTEGERS), int(value)
        elif odd.types and kind in INTEGERS:
            kind, value = STRING, str(value)
        elif odd.types and kind in (STRING, DN) and f.tag == "NM_A_SZ_DN":
            kind = STRING + DN - kind
        if f.tag == "NM_A_SZ_DN" and odd.case:
            value = odd.case(value)
        if f.tag == "NM_A_SZ_OBJECT_ID" and odd.tails and isinstance(value, str) and value.startswith("["):
            value = other_tail(value, dice)
        out.append(Field(f.tag, kind, value, f.method))
    if odd.unknown:
        for extra in EXTRAS:
            out.insert(dice.randrange(len(out) + 1), extra)
    if odd.shuffle:
        dice.shuffle(out)
    return out


def other_tail(guid, dice):
    return f"{guid[:SAME]}-{dice.randrange(65536):04X}-{dice.randrange(65536):04X}]"


# --- the connection --------------------------------------------------------------------------------------------------------

class Wire(Session):
    def __init__(self, server, reader, writer):
        super().__init__(server)
        self.reader, self.writer = reader, writer
        self.count, self.caused, self.joined = 0, [], b""
        self.commands = []
        self.instead_of = None          # the session that ended for this one
        self.closed = self.why = None

    def write(self, data):
        pieces, dice = self.server.odd.pieces, self.server.dice
        at = 0
        while at < len(data):
            size = {"whole": len(data), "bytes": 1, "random": dice.choice((1, 2, 3, 5, 7, 64, 300))}[pieces]
            self.writer.write(data[at:at + size])
            at += size

    def deliver(self, kind, source, *body):
        odd = self.server.odd
        if odd.case:
            source = odd.case(source)
        if odd.tails:
            body = [other_tail(p, self.server.dice) if isinstance(p, str) and p.startswith("[") else p for p in body]
        self.write(event(kind, source, *body))

    def answer(self, number, fields=(), code=0):
        server = self.server
        fields = [*fields, text("NM_A_SZ_RESULT_CODE", code), text("NM_A_SZ_TRANSACTION_ID", number)]
        self.write(server.odd.head.encode() + b"".join(map(encode, twist(fields, server.odd, server.dice))) + bytes(1))

    async def read_request(self):
        """The request line, the header lines and the body's line; None at the end of the stream."""
        lines = []
        while True:
            try:
                lines.append(await self.reader.readuntil(b"\r\n"))
            except asyncio.IncompleteReadError as cut:
                if cut.partial or lines:
                    self.server.fault(self, f"the stream ended inside a request: {lines} {cut.partial}")
                return None
            if lines[-1] == b"\r\n":
                break
        body = (await self.reader.readuntil(b"\r\n"))[:-2]
        return lines[:-1], body

    async def run(self):
        try:
            while (got := await self.read_request()) is not None:
                if not await self.take(*got):
                    break
        except (OSError, asyncio.IncompleteReadError, ssl.SSLError) as lost:
            self.why = repr(lost)
        finally:
            self.closed = time.monotonic()
            self.server.gone(self)
            self.writer.close()

    async def take(self, head, body):
        server = self.server
        self.count += 1
        try:
            request = self.parse(head, body)
            self.check(request)
        except Fault as wrong:
            server.fault(self, str(wrong))
            self.answer(self.count, code=0xD130)
            return False
        server.requests.append(request)
        self.commands.append(request.command)
        number = self.count
        action = server.planned(request)
        if action is not None and await action(self, request, number) == "done":
            return not self.writer.is_closing()
        return self.carry_out(request, number)

    def carry_out(self, request, number):
        """Does what was asked and answers; false when the connection shall end."""
        server = self.server
        self.caused = []
        if self.user is None and request.command != "login":
            self.answer(number, code=0xD101)
            return True
        code, fields = 0, ()
        try:
            fields = getattr(server, "do_" + request.command)(self, request)
        except Refused as refused:
            code = refused.args[0]
            if code is None:
                return True                             # swallowed: no answer at all
        if server.odd.join:
            parts, self.write = [], lambda data: parts.append(data)
            try:
                self.answer(number, fields, code)
                self.run_caused()
            finally:
                del self.write
            self.write(b"".join(parts))
        elif server.odd.events_first:
            self.run_caused()
            self.answer(number, fields, code)
        else:
            self.answer(number, fields, code)
            self.run_caused()
        return request.command != "logout"

    def run_caused(self):
        caused, self.caused = self.caused, []
        for act, *parameters in caused:
            act(*parameters)

    def parse(self, head, body):
        line = re.fullmatch(rb"POST /([a-z]+) HTTP/1\.0\r\n", head[0])
        if not line:
            raise Fault(f"request line {head[0]}")
        command = line.group(1).decode()
        wanted = [f"Host: 127.0.0.1:{self.server.port}\r\n".encode()] if command == "login" else []
        if head[1:] != wanted:
            raise Fault(f"{command}: header lines {head[1:]}")
        try:
            fields = parse_body(body)
        except Fault as wrong:
            raise Fault(f"{command}: {wrong}") from wrong
        last = fields.pop() if fields else None
        if last != text("NM_A_SZ_TRANSACTION_ID", self.count):
            raise Fault(f"{command}: ends with {last}, not with transaction {self.count}")
        return Request(self.user.name if self.user else None, command, fields, self)

    def check(self, request):
        """What the grammar, and the sentences around it, ask of a request."""
        command, sign = request.command, " ".join(f.sign() for f in request.fields)
        if command not in GRAMMAR:
            raise Fault(f"command {command}")
        if not re.fullmatch(GRAMMAR[command], sign):
            raise Fault(f"{command}: fields {sign}")
        if (command == "login") != (self.count == 1):
            raise Fault(f"request {self.count} is {command}")
        if command == "login" and (request.value("NM_A_UD_BUILD") not in (2, 3, 4) or not request.value("NM_A_SZ_USER_AGENT")):
            raise Fault(f"login: build {request.value('NM_A_UD_BUILD')}")
        if command not in ("login", "getdetails", "setstatus", "logout") and "setstatus" not in self.commands:
            raise Fault(f"{command} before setstatus")
        if command == "setstatus":
            if request.value("NM_A_SZ_STATUS") not in "12345":
                raise Fault(f"status {request.value('NM_A_SZ_STATUS')}")
            # Unless it takes the place of a session that had another.
            if "setstatus" not in self.commands and self.instead_of is None and request.value("NM_A_SZ_STATUS") != "2":
                raise Fault("the first status is not Available")
        guid = request.value("NM_A_FA_CONVERSATION", "NM_A_SZ_OBJECT_ID")
        if guid is not None:
            if not re.fullmatch(r"\[[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{8}){2}(-[0-9A-Fa-f]{4}){2}\]", guid):
                raise Fault(f"{command}: conference {guid}")
            if (guid == BLANK) != (command == "createconf"):
                raise Fault(f"{command}: conference {guid}")
        if command == "createconf":
            names = request.values("NM_A_SZ_DN")
            if names[-1].lower() != self.user.dn.lower() or len({n.lower() for n in names}) != len(names):
                raise Fault(f"createconf with {names}")
        if command == "sendmessage":
            if request.value("NM_A_FA_MESSAGE", "NM_A_UD_MESSAGE_TYPE") != 0:
                raise Fault("message type")
            check_rtf(request.value("NM_A_FA_MESSAGE", "NM_A_SZ_MESSAGE_BODY"),
                      request.value("NM_A_FA_MESSAGE", "NM_A_SZ_MESSAGE_TEXT"))
        if command == "sendtyping" and request.value("NM_A_FA_CONVERSATION", "NM_A_SZ_TYPE") not in ("112", "113"):
            raise Fault("typing is neither 112 nor 113")


# --- the server ------------------------------------------------------------------------------------------------------------

class Server:
    def __init__(self, port=0, seed=1):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="bramble-pyserver-"))
        self.certificate, self.key = self.dir / "server.crt", self.dir / "server.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self.key, "-out", self.certificate,
                        "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(self.certificate, self.key)
        self.seed, self.port = seed, port
        self.wires = []
        self.reset()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.listener = self.wait_for(self._listen())

    async def _listen(self):
        listener = await asyncio.start_server(self._accept, "127.0.0.1", self.port, ssl=self.tls, limit=1 << 20)
        self.port = listener.sockets[0].getsockname()[1]
        return listener

    async def _accept(self, reader, writer):
        wire = Wire(self, reader, writer)
        self.wires.append(wire)
        await wire.run()

    def reset(self):
        """New people, no oddities, nothing noted."""
        self.odd, self.dice = Odd(), random.Random(self.seed)
        self.requests, self.faults, self.plans = [], [], []
        self.conferences, self.puppets, self.searches = {}, {}, {}
        people = [("alice", "Alice", "Archer"), ("bob", "Bob", "Br\u00fcckner"), ("carol", "Carol", "Clark"),
                  ("dave", "Dave", "Diaz"), ("erin", "Erin", "O'Neill"), ("zoe", "Zo\u00eb", "Stranger")]
        self.users = {name: User(name, given, surname) for name, given, surname in people}
        for user in self.users.values():
            friends = user.add_folder("Friends")
            for other in self.users.values():
                if other is not user and other.name not in ("erin", "zoe"):
                    user.add_contact(other, friends)

    def stop(self):
        async def end():
            self.listener.close()
            for wire in self.wires:
                drop(wire.writer)
            others = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
        self.wait_for(end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(DEADLINE_S)
        self.loop.close()
        for file in (self.certificate, self.key):
            file.unlink()
        self.dir.rmdir()

    def wait_for(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(DEADLINE_S)

    def call(self, function, *parameters):
        """Does something in the server's own thread."""
        async def run():
            return function(*parameters)
        return self.wait_for(run())

    def fault(self, wire, what):
        self.faults.append(f"{wire.user.name if wire.user else '?'}: {what}")

    # what a test asks and orders

    def plan(self, command, action, user=None, count=1, skip=0):
        """The next count requests of that command are met by the action: one of those below."""
        self.plans.append({"command": command, "action": action, "user": user, "count": count, "skip": skip})

    def planned(self, request):
        for plan in self.plans:
            who = request.user or request.value("NM_A_SZ_USERID")
            if plan["command"] == request.command and plan["user"] in (None, who) and plan["count"] > 0:
                if plan["skip"] > 0:
                    plan["skip"] -= 1
                    continue
                plan["count"] -= 1
                return plan["action"]
        return None

    def session(self, user):
        """The user's session, over the wire or a puppet's; None when there is none."""
        live = [w for w in self.wires if w.user is not None and w.user.name == user and not w.closed]
        return live[0 if self.odd.several else -1] if live else self.puppets.get(user)

    def puppet(self, user):
        self.puppets[user] = Puppet(self, self.users[user])
        return self.puppets[user]

    def send(self, user, kind, source, *body):
        """An event for a user, whoever it is from: a name of ours or any DN."""
        dn = self.users[source].dn if source in self.users else source
        self.call(self.session(user).deliver, kind, dn, *body)

    def change(self, user, act):
        """Changes the user's list or privacy as another client of his would, and tells his session so."""
        def run():
            act(self.users[user])
            self.session(user).deliver(CHANGED, self.users[user].dn)
        self.call(run)

    def raw(self, user, data):
        self.call(self.session(user).write, data)

    def asked(self, command, user=None):
        return [r for r in self.requests if r.command == command and user in (None, r.user)]

    def wait_asked(self, command, user=None, number=1):
        return wait(lambda: self.asked(command, user)[number - 1:number], f"request {number} {command} of {user}")[0]

    def conference(self, *names):
        made = Conference("[" + "-".join(f"{self.dice.randrange(1 << bits):0{bits // 4}X}" for bits in (32, 32, 32, 16, 16)) + "]")
        made.here = list(names)
        self.conferences[made.guid[:SAME]] = made
        return made

    def resolve(self, name):
        """A user by plain id, dotted id or DN, whatever the case of the letters."""
        for user in self.users.values():
            if name.lower() in (user.name, f"{user.name}.{user.unit}.example", user.dn.lower()):
                return user
        return None

    def must_find(self, name):
        user = self.resolve(name or "")
        if user is None:
            raise Refused(0xD10D)
        return user

    def shown_to(self, user, other):
        session = self.session(user.name)
        return session.shown() if session and user.lets(other) else (OFFLINE, "")

    def announce(self, user):
        """Tells those who have the user on their list."""
        for other in self.users.values():
            session = self.session(other.name)
            if session and other is not user and any(c["user"] is user for c in other.contacts):
                status, words = self.shown_to(user, other)
                session.deliver(STATUS, user.dn, struct.pack("<H", status), words)

    def set_status(self, session, status, words, auto_reply):
        session.status, session.text, session.auto_reply, session.announced = status, words, auto_reply, True
        self.announce(session.user)

    def gone(self, wire):
        if wire.user is None or self.session(wire.user.name) not in (None, self.puppets.get(wire.user.name)):
            return
        for conference in list(self.conferences.values()):
            if wire.user.name in conference.here:
                self.let_out(conference, wire.user)
        self.announce(wire.user)

    def let_out(self, conference, user):
        conference.here.remove(user.name)
        self.tell(conference, user, LEFT, conference.guid, 0)
        if not conference.here and not conference.invited:
            self.conferences.pop(conference.guid[:SAME], None)

    def tell(self, conference, source, kind, *body, but=None):
        for name in conference.here:
            if name not in (source.name, but) and self.session(name):
                self.session(name).deliver(kind, source.dn, *body)

    def where(self, session, request):
        conference = self.conferences.get(request.value("NM_A_FA_CONVERSATION", "NM_A_SZ_OBJECT_ID")[:SAME])
        if conference is None or session.user.name not in conference.here:
            raise Refused({"code": 0xD12B, "swallow": 0, "silent": None}[self.odd.dead])
        return conference

    # records

    def details(self, user, asker):
        status, words = self.shown_to(user, asker)
        mark = [text("NM_A_SZ_AUTH_ATTRIBUTE", user.name)] if user.mark else []
        return [*mark, text("CN", user.name), text("Surname", user.surname), text("Full Name", user.full_name),
                text("Given Name", user.given), text("nnmArchive", "0"),
                array("NM_A_FA_INFO_DISPLAY_ARRAY", [text("telephoneNumber", "+1 555 0100"), text("Title", user.title), Field("OU", MULTI, [
                    text("OU", user.unit), text("OU", "second")])]),
                text("NM_A_SZ_DN", user.dn), text("NM_A_SZ_STATUS", status), text("NM_A_SZ_MESSAGE_BODY", words)]

    def folder(self, number, name, method=0):
        return array("NM_A_FA_FOLDER", [text("NM_A_SZ_OBJECT_ID", number), text("NM_A_SZ_PARENT_ID", 0), text("NM_A_SZ_TYPE", 1),
                                        text("NM_A_SZ_SEQUENCE_NUMBER", number), text("NM_A_SZ_DISPLAY_NAME", name)], method)

    def contact(self, owner, contact, method=0):
        details = [array("NM_A_FA_USER_DETAILS", self.details(contact["user"], owner))] if (
            self.odd.details and contact["details"]) else []
        return array("NM_A_FA_CONTACT", [
            text("NM_A_SZ_OBJECT_ID", contact["id"]), text("NM_A_SZ_PARENT_ID", contact["parent"]),
            text("NM_A_SZ_SEQUENCE_NUMBER", contact["id"]), text("NM_A_SZ_DISPLAY_NAME", contact["name"]),
            text("NM_A_SZ_DN", contact["user"].dn), *details], method)

    # commands

    def do_login(self, session, request):
        user = self.resolve(request.value("NM_A_SZ_USERID"))
        if user is None or user.password != request.value("NM_A_SZ_CREDENTIALS"):
            raise Refused(0xD149)
        old = self.session(user.name)
        if isinstance(old, Wire) and not self.odd.several:
            session.instead_of = old
            old.deliver(ELSEWHERE, user.dn)
            old.writer.close()
        session.user = user
        folders = [self.folder(*f) for f in user.folders.items()]
        contacts = [self.contact(user, c) for c in user.contacts]
        keep_alive = [] if self.odd.keep_alive is None else [Field("NM_A_UD_KEEPALIVE", UDWORD, self.odd.keep_alive)]
        policy = [text(t, v) for t, v in (
            ("nnmFileTransfer", 1), ("nnmQuery", 1), ("nnmArchive", 0), ("nnmPasswordRemember", 1), ("nnmBroadcast", 1),
            ("nnmPersonalHistory", 1), ("nnmPrintSave", 1), ("nnmChatService", 1), ("nnmMaxContacts", 150), ("nnmMaxFolders", 50),
            ("CN", user.name), ("Surname", user.surname), ("Full Name", user.full_name), ("Given Name", user.given),
            ("nnmLastLogin", 1230811200), ("nnmBlocking", user.blocking))]
        return [*policy, *self.block_list("nnmBlockingAllowList", user.allow), *self.block_list("nnmBlockingDenyList", user.deny),
                array("NM_A_FA_CLIENT_SETTINGS", [text("Novell.AskToSave", 1)]),
                array("NM_A_FA_INFO_DISPLAY_ARRAY", [text("Internet EMail Address", "Internet EMail Address")]),
                array("NM_A_FA_CONTACT_LIST", contacts + folders if self.odd.folders_last else folders + contacts),
                array("NM_A_FA_CUSTOM_STATUSES", [array("NM_A_FA_STATUS", [
                    text("NM_A_SZ_TYPE", 4), text("NM_A_SZ_DISPLAY_NAME", "Lunch"), text("NM_A_SZ_MESSAGE_BODY", "Back at one")])]),
                Field("NM_A_UD_BUILD", UDWORD, 7), text("NM_A_SZ_DN", user.dn),
                array("NM_A_FA_AU_SETTINGS", [text("nnmClientDownload", 0)]), *keep_alive, *self.odd.extra_login]

    def block_list(self, tag, names):
        """One name as it is, several as a multi-value."""
        names = [self.users[n].dn for n in names]
        if len(names) < 2:
            return [Field(tag, DN, n) for n in names]
        return [Field(tag, MULTI, [text(tag, n) for n in names])]

    def do_logout(self, session, request):
        return []

    def do_ping(self, session, request):
        return []

    def do_setstatus(self, session, request):
        status, words = int(request.value("NM_A_SZ_STATUS")), request.value("NM_A_SZ_STATUS_TEXT") or ""
        session.caused.append((self.set_status, session, status, words, request.value("NM_A_SZ_MESSAGE_BODY") or ""))
        return []

    def do_getstatus(self, session, request):
        return [text("NM_A_SZ_STATUS", self.shown_to(self.must_find(request.value("NM_A_SZ_DN")), session.user)[0])]

    def do_getdetails(self, session, request):
        found = [u for u in (self.resolve(f.value) for f in request.fields) if u]
        if not found:
            raise Refused(0xD10D)
        return [array("NM_A_FA_RESULTS", self.details(u, session.user)) for u in found]

    def do_createsearch(self, session, request):
        handle, *terms = request.fields
        attributes = {"Given Name": "given", "Surname": "surname", "NM_A_SZ_USERID": "name", "OU": "unit", "Title": "title"}
        def fits(user, term):
            has, wanted = getattr(user, attributes.get(term.tag, ""), "").lower(), term.value.lower()
            return wanted in has if term.method == CONTAINS else has.startswith(wanted) if term.method == BEGINS else has == wanted
        self.searches[handle.value] = [u for u in self.users.values() if all(fits(u, t) for t in terms)]
        return []

    def do_getresults(self, session, request):
        found = self.searches.get(request.value("NM_A_SZ_OBJECT_ID"))
        if found is None:
            raise Refused(0xD124)
        if self.odd.search:
            return [text("NM_A_SZ_STATUS", self.odd.search.pop(0)), array("NM_A_FA_RESULTS", [])]
        return [text("NM_A_SZ_STATUS", 2), array("NM_A_FA_RESULTS", [
            array("NM_A_FA_CONTACT", self.details(u, session.user)) for u in found])]

    def differences(self, session, items, new=None):
        if self.odd.neighbours:
            user = session.user
            others = [c for c in user.contacts if c["id"] != new][:2]
            items = [*(self.contact(user, c, DELETE) for c in others), *items, *(self.contact(user, c, ADD) for c in others)]
        return [array("NM_A_FA_RESULTS", [array("NM_A_FA_CONTACT_LIST", items)] + (
            [text("NM_A_SZ_OBJECT_ID", new)] if new is not None else []))]

    def do_createfolder(self, session, request):
        name = request.value("NM_A_SZ_DISPLAY_NAME")
        if name in session.user.folders.values():
            raise Refused(0xD126)
        made = session.user.add_folder(name)
        return self.differences(session, [self.folder(made, name, ADD)], made)

    def do_createcontact(self, session, request):
        user = self.must_find(request.value("NM_A_SZ_USERID") or request.value("NM_A_SZ_DN"))
        parent, name = int(request.value("NM_A_SZ_PARENT_ID")), request.value("NM_A_SZ_DISPLAY_NAME")
        if user is session.user or name == "":
            raise Refused(0xD128 if user is session.user else 0xD130)
        if parent and parent not in session.user.folders:
            raise Refused(0xD124)
        if any(c["user"] is user and c["parent"] == parent for c in session.user.contacts):
            raise Refused(0xD127)
        made = session.user.add_contact(user, parent, name)
        return self.differences(session, [self.contact(session.user, made, ADD)], made["id"])

    def do_deletecontact(self, session, request):
        user, number = session.user, int(request.value("NM_A_SZ_OBJECT_ID"))
        gone = [c for c in user.contacts if number in (c["id"], c["parent"])]
        if not gone and number not in user.folders:
            raise Refused(0xD124)
        user.contacts = [c for c in user.contacts if c not in gone]
        folder = [self.folder(number, user.folders.pop(number), DELETE)] if number in user.folders else []
        return self.differences(session, [self.contact(user, c, DELETE) for c in gone] + folder)

    def do_movecontact(self, session, request):
        was = request.value("NM_A_FA_CONTACT_LIST", "NM_A_FA_CONTACT")
        contact = next((c for c in session.user.contacts if str(c["id"]) == value_of(was, "NM_A_SZ_OBJECT_ID")), None)
        to = int(request.value("NM_A_SZ_PARENT_ID"))
        if contact is None or (to and to not in session.user.folders):
            raise Refused(0xD124)
        before = self.contact(session.user, contact, DELETE)
        contact["parent"] = to
        return self.differences(session, [before, self.contact(session.user, contact, ADD)], contact["id"])

    def do_updateitem(self, session, request):
        before, after = request.value("NM_A_FA_CONTACT_LIST")
        number, name = value_of(after.value, "NM_A_SZ_OBJECT_ID"), value_of(after.value, "NM_A_SZ_DISPLAY_NAME")
        contact = next((c for c in session.user.contacts if str(c["id"]) == number), None)
        if before.tag != after.tag or value_of(before.value, "NM_A_SZ_OBJECT_ID") != number or not name:
            raise Refused(0xD130)
        if contact:
            contact["name"] = name
        elif int(number) in session.user.folders:
            session.user.folders[int(number)] = name
        else:
            raise Refused(0xD124)
        return []

    def do_createblock(self, session, request):
        item = request.fields[0]
        user = self.must_find(item.value)
        names, tag = ((session.user.deny, "nnmBlockingDenyList") if "DENY" in item.tag else
                      (session.user.allow, "nnmBlockingAllowList"))
        names.append(user.name)
        session.caused.append((self.announce, session.user))
        return [Field(tag, DN, user.dn, ADD)]

    def do_updateblocks(self, session, request):
        item = request.fields[0]
        if item.tag == "nnmBlocking":
            if item.value not in ("0", "1"):
                raise Refused(0xD130)
            session.user.blocking = item.value
        else:
            user = self.must_find(item.value)
            names = session.user.deny if "Deny" in item.tag else session.user.allow
            if user.name not in names:
                raise Refused(0xD124)
            names.remove(user.name)
        session.caused.append((self.announce, session.user))
        return []

    def do_createconf(self, session, request):
        users = [self.must_find(n) for n in request.values("NM_A_SZ_DN")]
        made = self.conference(session.user.name, *(u.name for u in users[:-1]))
        return [array("NM_A_FA_CONVERSATION", [text("NM_A_SZ_OBJECT_ID", made.guid)])]

    def do_sendmessage(self, session, request):
        conference, me = self.where(session, request), session.user
        body = request.value("NM_A_FA_MESSAGE", "NM_A_SZ_MESSAGE_BODY")
        plain = request.value("NM_A_FA_MESSAGE", "NM_A_SZ_MESSAGE_TEXT")
        names = list(dict.fromkeys(conference.here + [self.must_find(n).name for n in request.values("NM_A_SZ_DN")]))
        for name in names:
            if name == me.name:
                continue
            other = self.session(name)
            if other is None or not self.users[name].lets(me):
                session.caused.append((session.deliver, UNDELIVERABLE, self.users[name].dn, conference.guid))
                continue
            # A puppet reads the plain words; a client gets the body as it was.
            session.caused.append((other.deliver, MESSAGE, me.dn, conference.guid, 0, plain if isinstance(other, Puppet) else body))
            if isinstance(other, Puppet):
                other.guids[me.name] = conference.guid[:SAME]
            if other.auto_reply and other.status in (BUSY, AWAY, IDLE) and name not in conference.replied:
                conference.replied.add(name)
                session.caused.append((session.deliver, AUTO_REPLY, self.users[name].dn, conference.guid, 0, other.auto_reply))
        return []

    def do_sendtyping(self, session, request):
        conference = self.where(session, request)
        kind = int(request.value("NM_A_FA_CONVERSATION", "NM_A_SZ_TYPE"))
        session.caused.append((self.tell, conference, session.user, kind, conference.guid))
        return []

    def do_sendinvite(self, session, request):
        conference = self.where(session, request)
        users = [self.must_find(n) for n in request.values("NM_A_SZ_DN")]
        for user in users:
            if user.name in conference.here:
                raise Refused(0xD11F)
            if not self.session(user.name) or not user.lets(session.user):
                raise Refused(0xD135)
        for user in users:
            conference.invited.append(user.name)
            words = request.value("NM_A_SZ_MESSAGE_BODY") or ""
            session.caused.append((self.session(user.name).deliver, INVITED, session.user.dn, conference.guid, words))
            for name in conference.here:
                if name != session.user.name and self.session(name):
                    session.caused.append((self.session(name).deliver, OTHER_INVITED, user.dn, conference.guid))
        return []

    def invited_to(self, session, request):
        conference = self.conferences.get(request.value("NM_A_FA_CONVERSATION", "NM_A_SZ_OBJECT_ID")[:SAME])
        if conference is None or session.user.name not in conference.invited:
            raise Refused(0xD12B)
        conference.invited.remove(session.user.name)
        return conference

    def do_joinconf(self, session, request):
        conference = self.invited_to(session, request)
        here = [Field("NM_A_SZ_DN", DN, self.users[n].dn) for n in conference.here]
        if self.odd.oneself:
            here.insert(0, Field("NM_A_SZ_DN", DN, session.user.dn))
        invited = [Field("NM_A_SZ_DN", DN, self.users[n].dn) for n in conference.invited]
        session.caused.append((self.tell, conference, session.user, JOINED, conference.guid, 0))
        conference.here.append(session.user.name)
        return [array("NM_A_FA_CONTACT_LIST", here), array("NM_A_FA_RESULTS", invited)]

    def do_rejectconf(self, session, request):
        conference = self.invited_to(session, request)
        session.caused.append((self.tell, conference, session.user, REJECTED, conference.guid))
        return []

    def do_leaveconf(self, session, request):
        conference = self.where(session, request)
        session.caused.append((self.let_out, conference, session.user))
        return []


# --- actions that a test may plan for a request --------------------------------------------------------------------------------

def refuse(code):
    async def act(wire, _, number):
        wire.answer(number, code=code)
        return "done"
    return act


def ignore():
    """No answer at all."""
    async def act(*_):
        return "done"
    return act


def redirect():
    async def act(wire, _, number):
        wire.write(b"HTTP/1.0 301\r\n\r\n" + b"".join(map(encode, (
            text("nnmIPAddress", "127.0.0.2"), text("nnmPort", 8300), text("NM_A_SZ_RESULT_CODE", 0),
            text("NM_A_SZ_TRANSACTION_ID", number)))) + bytes(1))
        return "done"
    return act


def cut(after):
    """Ends the connection in the middle of the answer; a fraction of its length."""
    async def act(wire, request, number):
        whole, wire.write = [], lambda data: whole.append(data)
        wire.carry_out(request, number)
        del wire.write
        data = b"".join(whole)
        wire.write(data[:int(len(data) * after)])
        await wire.writer.drain()
        wire.writer.close()
        return "done"
    return act


def send(data, close=False):
    """These bytes, then the true answer, or the end."""
    async def act(wire, _, __):
        wire.write(data)
        if close:
            wire.writer.close()
            return "done"
        return None
    return act


class Hold:
    """Keeps requests unanswered until released, in the order the test wants."""

    def __init__(self, server):
        self.server, self.held = server, []

    async def __call__(self, wire, request, number):
        self.held.append((wire, request, number))
        return "done"

    def wait(self, count):
        wait(lambda: len(self.held) >= count, f"{count} requests to hold, {len(self.held)} came")

    def release(self, order=None):
        held, self.held = self.held, []
        for i in order if order is not None else range(len(held)):
            self.server.call(held[i][0].carry_out, held[i][1], held[i][2])
