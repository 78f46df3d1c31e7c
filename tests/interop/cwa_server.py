"""A Communicator Web Access server of its own: written from the public documents on it alone, sharing nothing with our codec or our simulator, so that
our client and our server cannot agree on a mistake. Where nothing public tells how something is said, it says it as docs/protocol/cwa.md has it.

It reads strictly: whatever in a request is not as the protocol has it is noted in Server.faults. It writes oddly, but as the protocol allows,
when a test sets the switches of Server.odd or plans an action for a request (Server.plan). It knows who signs in by NTLM and by forms; not
Kerberos."""
import asyncio
import os
import pathlib
import random
import ssl
import subprocess
import tempfile
import threading

from cwa_connection import Connection
from cwa_methods import Methods
from cwa_oddities import Odd
from cwa_people import DEADLINE_S, ONLINE, Puppet, Session, User, wait
from cwa_wire import Fault, Refused, node

REASONS = {18000: "InvalidFormat", 18001: "InvalidRequest", 18100: "SessionNotFound", 18101: "RequestThrottled", 18102: "InvalidOperation",
           18201: "OCSFailureResponse", 18203: "OCSResponseTimeout", 18301: "ConnectionFailed", 18400: "InternalFailure"}


class SignIn:
    """Somebody who has signed in, and the tickets he got for it."""

    def __init__(self, user, how):
        self.user, self.how, self.tickets, self.over = user, how, [], False


class Server(Methods):
    def __init__(self, port=0, seed=1, host="127.0.0.1", plain=False):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="bramble-pycwa-"))
        self.certificate, self.key = self.dir / "server.crt", self.dir / "server.key"
        name = f"IP:{host}" if host[0].isdigit() else f"DNS:{host}"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self.key, "-out", self.certificate,
                        "-days", "2", "-subj", f"/CN={host}", "-addext", f"subjectAltName={name}"], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.tls = None
        if not plain:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(self.certificate, self.key)
        self.seed, self.port = seed, port
        self.connections = []
        self.sessions = {}
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
        connection = Connection(self, reader, writer)
        self.connections.append(connection)
        try:
            await connection.run()
        except asyncio.CancelledError:          # the server stops; who cancelled needs no report
            pass
        finally:
            self.connections.remove(connection)

    def reset(self):
        """New people, no oddities, nothing noted."""
        self.odd, self.dice = Odd(), random.Random(self.seed)
        self.requests, self.faults, self.plans, self.refused, self.signed, self.begun, self.searches = [], [], [], [], [], [], []
        self.sessions, self.signs, self.puppets, self.json_sids = {}, {}, {}, set()
        self.challenges = self.invitations = 0
        self.last_sid = 40
        people = [("alice", "Alice Archer"), ("bob", "Bob Br\u00fcckner"), ("carol", "Carol Clark"), ("dave", "Dave Diaz"),
                  ("erin", "Erin O'Neill"), ("zoe", "Zo\u00eb Stranger")]
        self.users = {name: User(name, shown, title="Painter" if name == "zoe" else "Engineer", company="Corp & Sons") for name, shown in people}
        for user in self.users.values():
            friends = user.add_group("Friends")
            for other in self.users.values():
                if other is not user and other.name not in ("erin", "zoe"):
                    user.add_contact(other, friends)

    def stop(self):
        async def end():
            self.listener.close()
            for connection in self.connections:
                connection.writer.transport.abort()
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

    def fault(self, user, what):
        self.faults.append(f"{user or '?'}: {what}")

    # what a test asks and orders

    def plan(self, what, action, user=None, count=1, skip=0):
        """The next count requests of that kind are met by the action, one of cwa_actions: a method's name, "post" for any, "get", "front", "iwa", "forms"."""
        self.plans.append({"what": what, "action": action, "user": user, "count": count, "skip": skip})

    def planned(self, request):
        for plan in self.plans:
            if plan["what"] in (request.where, *request.method_names) and plan["user"] in (None, request.user) and plan["count"] > 0:
                if plan["skip"] > 0:
                    plan["skip"] -= 1
                    continue
                plan["count"] -= 1
                return plan["action"]
        return None

    def asked(self, what, user=None):
        """The requests of a kind."""
        return [r for r in list(self.requests) if what in (r.where, *r.method_names) and user in (None, r.user)]

    def methods(self, name, user=None):
        """The elements of a method, or of a child of conference, that were asked."""
        return [n for r in self.asked(name, user) if r.tree for n in r.tree.children if name in (n.name, *(c.name for c in n.children))]

    def wait_asked(self, what, user=None, number=1):
        return wait(lambda: self.asked(what, user)[number - 1:number], f"request {number} {what} of {user}")[0]

    def session(self, user):
        """The newest session of a user; None."""
        return (self.sessions_of(user) or [None])[-1]

    def sessions_of(self, user):
        return [s for s in list(self.sessions.values()) if s.user.name == user]

    def all_sessions(self):
        return list(self.sessions.values())

    def other_client(self, name):
        """One more client of a user, which only listens: a session that no connection serves."""
        sid = self.next_sid()
        self.sessions[sid] = Session(self, self.users[name], sid, False)
        return self.sessions[sid]

    def puppet(self, name, answer="yes"):
        """Somebody at the other end. answer: "yes" and "no" to invitations at once; "later": when the test says so."""
        self.puppets[name] = made = Puppet(self, self.users[name], answer)
        self.call(self.show, self.users[name], ONLINE, "")
        return made

    def forget(self, user):
        """The sessions of a user are no more, and nobody told him."""
        self.call(lambda: [self.end(s) for s in self.sessions_of(user)])

    def expire(self, user):
        """All tickets of a user are no longer good, and his sessions end with them; he is not told."""
        def run():
            for session in self.sessions_of(user):
                self.end(session)
            for sign in self.signs.values():
                if sign.user.name == user:
                    sign.over = True
        self.call(run)

    def drop(self, user):
        """All connections of a user end."""
        self.call(lambda: [c.writer.transport.abort() for c in self.connections if c.user == user])

    def change(self, user, act):
        """Changes the user's list as another client of his would, and tells his sessions so: act gives the parts that changed."""
        self.call(lambda: self.list_changed(self.users[user], *act(self.users[user])))

    # of those who sign in

    def login_name(self, name):
        r"""Whom DOMAIN\user, user@domain or user means; None."""
        domain, mark, user = name.rpartition("\\")
        if mark and domain.upper() not in ("CORP", ""):
            return None
        user, _, at = user.partition("@")
        return user.lower() if user.lower() in self.users and at.lower() in ("", "corp.test") else None

    def password_of(self, domain, user):
        name = self.login_name(f"{domain}\\{user}" if domain else user)
        return self.users[name].password if name else None

    def sign_in(self, user, how):
        sign = SignIn(user, how)
        self.signed.append((user.name, how))
        return sign

    def next_ticket(self, sign):
        if not sign.tickets or self.odd.tickets == "every":
            sign.tickets.append(f"{len(sign.tickets)}-{os.urandom(24).hex()}+/.~=")
            self.signs[sign.tickets[-1]] = sign
        return sign.tickets[-1]

    def ticket_holder(self, request):
        ticket = request.header("cwa-ticket")
        if ticket is None:
            raise Fault("no ticket")
        if request.header("authorization"):
            raise Fault("Authorization beside a ticket")
        sign = self.signs.get(ticket)
        if sign is None:
            self.fault(None, f"a ticket that was never made, for {request.where} {request.method_names} {request.query}")
            return None
        if sign.over:
            return None
        if ticket not in sign.tickets[-self.odd.tickets_good:]:
            self.fault(sign.user.name, f"ticket {sign.tickets.index(ticket)} of {len(sign.tickets)}")
            return None
        return sign

    def next_sid(self):
        self.last_sid += self.dice.randrange(1, 1000)
        return str(self.last_sid)

    def find_session(self, sign, request):
        sid = request.query.get("Sid") if request.where == "get" else request.tree.attrs.get("sid", "0")
        session = self.sessions.get(sid)
        return session if session and session.user is sign.user else None

    # how things are said

    def spell(self, uri):
        return self.odd.spell(uri) if self.odd.spell else uri

    def error(self, refused):
        reason = REASONS.get(refused.code, "Unheard")
        sip = node("sipResponse", code=refused.more["sip"], warning="", description=refused.detail) if "sip" in refused.more else None
        if self.odd.errors == "description":
            return node("error", sip, code=refused.code, warning="", description=f"{reason}: {refused.detail}")
        return node("error", sip, code=refused.code, subCode="0", reason=reason, detail=refused.detail)


# The tests see all of it as one.
from cwa_actions import *        # noqa: E402,F403
from cwa_people import *         # noqa: E402,F403
