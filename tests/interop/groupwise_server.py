"""A GroupWise Messenger server of its own: written from the protocol's description alone, sharing nothing with our codec or
our simulator, so that our client and our server cannot agree on a mistake.

It reads strictly: whatever in a request is not as the protocol has it is noted in Server.faults. It writes oddly, but as the
protocol allows, when a test sets the switches of Server.odd or plans an action for a command (Server.plan)."""
import asyncio
import asyncio
import pathlib
import random
import ssl
import struct
import subprocess
import tempfile
import threading

# The tests see all of it as one.
from groupwise_actions import *        # noqa: F403
from groupwise_connection import Wire
from groupwise_oddities import Odd, other_tail
from groupwise_people import *         # noqa: F403
from groupwise_wire import *           # noqa: F403


def drop(writer):
    """Ends a connection at once. Python 3.11.2, which is Debian's, raises when it has ended already."""
    try:
        writer.transport.abort()
    except AttributeError:
        pass


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
