"""One connection of the independent Messenger server: requests read strictly, answers written as oddly as a test wants."""
import asyncio
import re
import ssl
import time

from groupwise_oddities import other_tail, twist
from groupwise_people import Refused, Session
from groupwise_wire import *      # noqa: F403


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
