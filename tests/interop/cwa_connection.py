"""One connection to the independent Communicator Web Access server: requests read strictly, answers written as oddly as a test wants."""
import asyncio
import ssl
import time
import traceback

import cwa_ntlm
from cwa_grammar import check
from cwa_people import Session
from cwa_wire import COMMAND, DATA, NAMESPACE, Fault, Refused, Writer, chunked, from_json, from_xml, head, node, read_request

NOTICED_S = 2                   # by then the end of a connection has been seen


class Connection:
    def __init__(self, server, reader, writer):
        self.server, self.reader, self.writer = server, reader, writer
        self.ntlm, self.count, self.closed, self.user = cwa_ntlm.Acceptor(), 0, None, None
        self.cutting = None             # the part of the next answer that is sent

    async def run(self):
        try:
            while (request := await read_request(self.reader, time.monotonic)) is not None:
                self.count += 1
                if not await self.take(request):
                    break
        except Fault as wrong:
            self.server.fault(self.user, str(wrong))
        except (OSError, EOFError, ssl.SSLError, asyncio.LimitOverrunError):
            pass
        except Exception:               # our own mistake fails the test that runs
            self.server.fault(self.user, "".join(traceback.format_exc().splitlines(True)[-4:]))
        finally:
            self.closed = time.monotonic()
            self.writer.close()

    def is_gone(self):
        """The client cannot hear more here."""
        return self.closed is not None or self.writer.is_closing() or self.reader.at_eof()

    async def take(self, request):
        """Whether the connection goes on."""
        server = self.server
        self.user = None                # several may use one connection after another
        request.json = request.body.lstrip()[:1] == b"{"
        server.requests.append(request)
        host = f"127.0.0.1:{server.port}"
        if request.header("host") not in (host, f"localhost:{server.port}"):
            server.fault(self.user, f"Host: {request.header('host')}")
        where = {"/": "front", "/iwa/logon.html": "iwa", "/forms/logon.html": "forms", COMMAND: "post", DATA: "get"}.get(request.path)
        if where is None:
            server.fault(self.user, f"{request.method} {request.path}")
            await self.answer(404)
            return True
        if where in ("front", "get") and request.method != "GET" or where in ("forms", "post") and request.method != "POST":
            server.fault(self.user, f"{request.method} {request.path}")
            await self.answer(405)
            return True
        request.where = where
        sign = None
        try:
            if request.body:
                self.read_body(request)
            if where in ("post", "get"):
                sign = server.ticket_holder(request)
                if sign:
                    self.user = request.user = sign.user.name
                    request.session = server.find_session(sign, request)
            elif where == "forms" and request.tree:
                request.user = server.login_name(request.tree.value("logon", "user") or "")
        except Fault as wrong:
            server.fault(self.user, str(wrong))
            await self.answer(400, self.errors(18000))
            return True
        action = server.planned(request)
        if action is not None and await action(self, request, sign) == "done":
            return not self.writer.is_closing()
        await self.carry_out(request, sign)
        return not self.writer.is_closing()

    def read_body(self, request):
        type_ = (request.header("content-type") or "").lower()
        if type_ != ("application/json; charset=utf-8" if request.json else "text/xml; charset=utf-8"):
            raise Fault(f"Content-Type: {type_}")
        tree = from_json(request.body) if request.json else from_xml(request.body)
        request.tree = tree
        if tree.name != "cwaRequests" or not tree.children:
            raise Fault(f"body is {tree}")
        logon = tree.children[0].name == "logon"
        if not request.json and tree.ns != NAMESPACE and not (logon and not tree.ns):
            raise Fault(f"namespace {tree.ns!r}")
        if set(tree.attrs) - {"sid"}:
            raise Fault(f"cwaRequests with {tree.attrs}")
        if (request.path == COMMAND) == logon:
            raise Fault(f"{tree.children[0].name} at {request.path}")
        for n in tree.children:
            check(n, "", request.json)
        request.method_names = tuple(n.children[0].name if n.name == "conference" else n.name for n in tree.children)

    async def carry_out(self, request, sign):
        server = self.server
        if request.where == "front":
            await self.write(200, [("Content-Type", "text/html")], b"<html><body>Communicator Web Access</body></html>")
        elif request.where == "iwa":
            await self.integrated(request)
        elif request.where == "forms":
            await self.forms(request)
        elif sign is None:
            await self.answer(401, self.errors(18001, "ticket"), as_json=request.json)
        elif request.where == "get":
            if request.session is None:
                await self.answer(200, self.errors(18100), sign, request.query.get("Sid") in server.json_sids)
            else:
                await self.events(request, sign)
        else:
            await self.command(request, sign)

    # sign-in

    async def integrated(self, request):
        odd, server = self.server.odd, self.server
        given = request.header("authorization")
        if isinstance(odd.iwa, int):
            await self.answer(odd.iwa)
            return
        if odd.iwa == "no-ticket":
            await self.write(200, [("Content-Type", "text/html")], b"<html>Sign in</html>")
            return
        offers = [("WWW-Authenticate", o) for o in odd.offers]
        if given is None or given.startswith("Negotiate") or "NTLM" not in odd.offers:
            await self.answer(401, more=offers)
            return
        try:
            what, value = self.ntlm.step(given, server.password_of)
        except cwa_ntlm.Bad as wrong:
            server.fault(None, f"NTLM: {wrong}")
            await self.answer(401, more=offers)
            return
        if what == "challenge":
            server.challenges += 1
            await self.answer(401, more=[("WWW-Authenticate", value)])
        elif what == "no" or odd.iwa == "refuse":
            server.refused.append(("iwa", value))
            await self.answer(401, more=offers)
        else:
            await self.signed_in("iwa", server.users[server.login_name(value)], request)

    async def forms(self, request):
        server, logon = self.server, request.tree and request.tree.child("logon")
        if server.odd.forms != "yes":
            await self.answer(server.odd.forms)
            return
        if logon is None or logon.value("user") is None:
            server.fault(None, "forms without user and password")
        name = server.login_name(logon.value("user") or "")
        if name is None or server.users[name].password != logon.value("password"):
            server.refused.append(("forms", logon.value("user")))
            await self.answer(200, self.response(node("requestFailed", self.server.error(Refused(18001, "credentials")))), as_json=request.json)
            return
        await self.signed_in("forms", server.users[name], request)

    async def signed_in(self, how, user, request):
        server = self.server
        self.user = user.name
        sign = server.sign_in(user, how)
        await self.answer(200, self.response(node("requestSucceeded", node("uri", text=server.spell(user.uri)), node(
            "signInData", text="dGVsOis0OTU1NTAxMDA="))), sign, request.json)

    # the command channel

    async def command(self, request, sign):
        server, statuses, caused = self.server, [], []
        session = request.session
        for n in request.tree.children:
            session = session if session is None or not session.over else None
            if session:
                session.caused = caused
                session.active = time.monotonic()
                if n.attrs["rid"] in session.rids:
                    server.fault(self.user, f"rid {n.attrs['rid']} twice")
                session.rids.add(n.attrs["rid"])
            try:
                if n.name == "initiateSession":
                    session, begun = self.initiate(n, sign, request, caused)
                    statuses += begun
                elif session is None:
                    await self.answer(200, self.errors(18100, "no session"), sign, request.json)
                    return
                else:
                    statuses += getattr(server, "do_" + n.name)(session, n)
            except Refused as refused:
                statuses.append(node("requestFailed", server.error(refused), rid=n.attrs["rid"]))
        if server.odd.events_first:
            self.run_caused(caused)
            # So that it is on its way first.
            await asyncio.sleep(0.02)
        await self.answer(200, self.response(*statuses), sign, request.json)
        if not server.odd.events_first:
            self.run_caused(caused)

    def run_caused(self, caused):
        for function, parameters in caused:
            function(*parameters)

    def initiate(self, n, sign, request, caused):
        server, odd = self.server, self.server.odd
        if n.value("signInData") != "dGVsOis0OTU1NTAxMDA=":
            server.fault(self.user, f"signInData {n.value('signInData')}")
        sid = server.next_sid()
        session = Session(server, sign.user, sid, request.json)
        session.caused = caused
        session.rids.add(n.attrs["rid"])
        server.sessions[sid] = session
        server.begun.append(session)
        if request.json:
            server.json_sids.add(sid)
        state = int(n.value("userStateAvailability") or 3500)
        session.said_state = sign.user.state = state
        caused.append((server.first_events, (session, n.attrs["rid"])))
        uri = server.spell(sign.user.uri)
        if odd.begun == "attributes":
            return session, [node("initiateSessionAccepted", rid=n.attrs["rid"], sid=sid, uri=uri, pollWaitTime=odd.first_poll_ms)]
        return session, [node("requestAccepted", node("sid", text=sid), node("uri", text=uri), node("pollWaitTime", text=str(odd.first_poll_ms)),
                              rid=n.attrs["rid"])]

    # the data channel

    def check_get(self, session, request):
        """AckID, pacing, and one GET at a time."""
        if list(request.query) != ["Sid", "AckID", "UA"] or request.query["UA"] not in ("true", "false") or not request.query["AckID"].isdigit():
            raise Fault(f"query {request.query}")
        number = int(request.query["AckID"])
        told = session.told
        if told is None:
            if number:
                raise Fault(f"the first AckID is {number}")
            return 0
        # With the old number again when the answer was lost with its connection.
        if number != told["ack"] and not (number == told["before"] and told["connection"].is_gone()):
            raise Fault(f"AckID {number}, and told was {told['ack']} after {told['before']}")
        if number == told["before"] != told["ack"]:
            return number
        waited = request.at - told["at"]
        if told["held"] < 5 and waited < told["pause"] / 1000 - 0.01:
            raise Fault(f"asks {waited * 1000:.0f} ms after an answer held {told['held']:.2f} s, and not {told['pause']} ms")
        return number

    def check_alone(self, other):
        if other is not self and not other.is_gone():
            self.server.fault(self.user, "a second GET beside one that is held")

    async def events(self, request, sign):
        server, odd, session = self.server, self.server.odd, request.session
        try:
            number = self.check_get(session, request)
        except Fault as wrong:
            server.fault(self.user, str(wrong))
            number = int(request.query.get("AckID", 0))
        if session.waiter and not session.waiter.done():
            server.loop.call_later(NOTICED_S, self.check_alone, session.connection)
        session.connection = self
        session.active = time.monotonic()
        session.user_active.append(request.query.get("UA"))
        events = session.after(number)
        if not events and odd.hold_s and number >= session.counter:
            await session.hold(odd.hold_s)
            events = session.after(number)
        if self.is_gone():
            return
        if session.over and not events:
            await self.answer(200, self.errors(18100), sign, session.json)
            return
        events = events[:odd.batch]
        newest = events[-1][0] if events else session.counter
        tree = node("cwaEvents", *(e for _, e in events), sid=session.sid, ackId=newest, pollWaitTime=odd.poll_ms, sessionTimeout=odd.timeout)
        if odd.wrapped:
            tree = self.response(tree)
        # Before the last byte: the client may have asked again by the time that the writing is over.
        session.told = {"ack": newest, "before": number, "connection": self, "at": time.monotonic(), "pause": odd.poll_ms,
                        "held": time.monotonic() - request.at}
        await self.answer(200, tree, sign, session.json)

    # answers

    def response(self, *children):
        many = {"requestProcessed": self.server.dice.choice((0, 1, 99)), "unexpectedElement": 3} if self.server.odd.hundred else {
            "requestProcessed": len(children), "unexpectedElement": 0}
        return node("cwaResponses", *children, **many)

    def errors(self, code, detail=""):
        return self.response(self.server.error(Refused(code, detail)))

    async def answer(self, status, tree=None, sign=None, as_json=False, more=()):
        odd = self.server.odd
        headers = [("Cache-Control", "no-cache"), *more]
        body = b""
        if sign:
            headers.append(("CWA-Ticket", self.server.next_ticket(sign)))
        if tree is not None:
            type_ = "application/json" if as_json else "text/xml"
            headers.append(("Content-Type", odd.content_type.format(type_) or f"{type_}; charset=utf-8"))
            body = Writer(odd, self.server.dice).body(tree, as_json)
        await self.write(status, headers, body)

    async def write(self, status, headers, body):
        odd, dice = self.server.odd, self.server.dice
        headers = [*headers, ("Transfer-Encoding", "chunked") if odd.chunked else ("Content-Length", str(len(body)))]
        # NTLM needs its connection between its legs.
        close = odd.close and status != 401
        if close:
            headers.append(("Connection", "close"))
        data = head(status, headers, odd) + (chunked(body, dice) if odd.chunked else body)
        if odd.interim:
            data = b"HTTP/1.1 100 Continue\r\n\r\n" + data
        await self.raw(data)
        if close:
            self.writer.close()

    async def raw(self, data):
        odd, dice, at = self.server.odd, self.server.dice, 0
        if self.cutting is not None:
            data = data[:int(len(data) * self.cutting)]
        while at < len(data):
            size = {"whole": len(data), "bytes": 1, "random": dice.choice((1, 2, 3, 5, 7, 64, 300))}[odd.pieces]
            self.writer.write(data[at:at + size])
            at += size
        try:
            await self.writer.drain()
        except OSError:
            pass
