"""A simulated Communications Server in a folder of its own, stock SIPE clients that sign on to it, and Sip, a client written from
docs/protocol/ocs.md alone (standard library, none of our code), for what SIPE never sends.

    with communications.Server() as server, communications.Sipe() as alice:
        alice.sign_on("alice", server)"""
import base64
import email
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
import xml.etree.ElementTree as tree

import bramble
import messenger
from messenger import OUT

DOMAIN = "corp.test"
WORLD = messenger.WORLD


def uri(user):
    return f"sip:{user}@{DOMAIN}"


def openssl(*args, cwd):
    subprocess.run(["openssl", *args], cwd=cwd, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


class Authority:
    """A CA and what it signs, made by the openssl program."""

    def __init__(self, folder, name="ca"):
        self.folder, self.name = folder, name
        self.file = os.path.join(folder, f"{name}.crt")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key", "-out",
                f"{name}.crt", "-days", "30", "-subj", f"/CN=Test CA {name}", cwd=folder)

    def sign(self, host, names=None, usage="serverAuth"):
        """Certificate and key for a host, as the documents want a server's: v3, server authentication, names beside the subject."""
        file = os.path.join(self.folder, f"{self.name}-{host}")
        names = names or [f"DNS:{host}"]
        pathlib.Path(file + ".ext").write_text(f"subjectAltName={','.join(names)}\nextendedKeyUsage={usage}\n"
                                               "keyUsage=digitalSignature,keyEncipherment\nbasicConstraints=CA:FALSE\n")
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", file + ".key", "-out", file + ".csr", "-subj", f"/CN={host}",
                cwd=self.folder)
        openssl("x509", "-req", "-in", file + ".csr", "-CA", self.file, "-CAkey", f"{self.name}.key", "-CAcreateserial", "-days", "30",
                "-out", file + ".crt", "-extfile", file + ".ext", cwd=self.folder)
        return file + ".crt", file + ".key"


class Server(bramble.Process):
    def __init__(self, *options, world=WORLD, clients="tls,tcp", trusted=("cwa.corp.test",)):
        self.folder = tempfile.mkdtemp(prefix="bramble-ocs-")
        self.control_path = os.path.join(self.folder, "control.sock")
        pathlib.Path(self.folder, "world.xml").write_text(world, encoding="utf-8")
        self.authority = Authority(self.folder)
        self.certificate, key = self.authority.sign("localhost", ["DNS:localhost", "IP:127.0.0.1", "DNS:ocs.corp.test"])
        tcp = ["--listen-tcp", "127.0.0.1:0"] if "tcp" in clients else []
        super().__init__("bramble-sim", "ocs", "--listen", "127.0.0.1:0", *tcp, "--world", os.path.join(self.folder, "world.xml"),
                         "--certificate", self.certificate, "--key", key, "--ca", self.authority.file, "--clients", clients,
                         *[w for name in trusted for w in ("--trusted-server", name)], "--control", self.control_path, "--log-level",
                         "debug", *options)
        try:
            bramble.wait_until(self._answers, "the server is ready")
        except AssertionError as late:
            raise AssertionError(f"{late}\n{self.errors()}") from None
        census = self.ask("census")
        self.port = int(census["listen"].rpartition(":")[2])
        self.tcp_port = int(census["listen_tcp"].rpartition(":")[2]) if tcp else None

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
        errors = self.errors()
        status = super().stop(deadline_s)
        shutil.rmtree(self.folder)
        assert status == 0, f"bramble-sim ocs ended with {status}: {errors[-3000:]}"
        return status


class Sipe(messenger.Purple):
    """libpurple with the stock SIPE plugin; people are named by id."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="bramble-sipe-")
        self.events = []
        bramble.Process.__init__(self, OUT / "tests" / "interop" / "purple_client", self.folder, "prpl-sipe",
                                 env=dict(os.environ, HOME=self.folder, LD_PRELOAD=str(OUT / "tests" / "interop" / "sax1.so")))
        self.wait({"event": "ready"})

    def sign_on(self, user, server, transport="tcp"):
        if transport == "tls":
            peers = pathlib.Path(self.folder, "certificates", "x509", "tls_peers")
            peers.mkdir(parents=True, exist_ok=True)
            shutil.copy(server.certificate, peers / "127.0.0.1")
        port = server.port if transport == "tls" else server.tcp_port
        self.say(f"connect {user}@{DOMAIN},{user}@{DOMAIN} {transport} 127.0.0.1 {port}")
        return self.wait({"event": "signed-on"})

    def buddies(self):
        return {who.partition("@")[0].removeprefix("sip:"): b for who, b in super().buddies().items()}


# --- a client of its own --------------------------------------------------------------------------------------------------------------

class Message:
    def __init__(self, start, headers, body=b""):
        self.start, self.headers, self.body = start, headers, body

    @property
    def status(self):
        return int(self.start.split()[1]) if self.start.startswith("SIP/2.0 ") else None

    @property
    def method(self):
        return None if self.start.startswith("SIP/2.0 ") else self.start.split()[0]

    @property
    def uri(self):
        return self.start.split()[1]

    def all(self, name):
        return [v for n, v in self.headers if n.lower() == name.lower()]

    def get(self, name):
        values = self.all(name)
        return values[0] if values else None

    def tag(self, name):
        found = re.search(r";tag=([^;>\s]+)", self.get(name) or "")
        return found.group(1) if found else None

    def xml(self):
        return tree.fromstring(self.body)

    def __repr__(self):
        return "\n".join([self.start, *[f"{n}: {v}" for n, v in self.headers], "", self.body.decode("utf-8", "replace")])


class Sip:
    """One connection, any number of users on it."""

    def __init__(self, port, certificate=None, tls=False, ca=None):
        raw = socket.create_connection(("127.0.0.1", port), bramble.DEADLINE_S)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = ca is not None
            context.verify_mode = ssl.CERT_REQUIRED if ca else ssl.CERT_NONE
            if ca:
                context.load_verify_locations(ca)
            if certificate:
                context.load_cert_chain(*certificate)
            raw = context.wrap_socket(raw, server_hostname="localhost")
        self.socket = raw
        self.transport = "TLS" if tls else "TCP"
        self.buffer = b""
        self.unread = []
        self.count = 0

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # --- messages in ---

    def _read(self, deadline):
        while True:
            self.buffer = self.buffer.lstrip(b"\r\n")
            head, end, rest = self.buffer.partition(b"\r\n\r\n")
            if end:
                lines = head.decode().split("\r\n")
                headers = [tuple(p.strip() for p in line.split(":", 1)) for line in lines[1:]]
                length = int(next(v for n, v in headers if n.lower() == "content-length"))
                if len(rest) >= length:
                    self.buffer = rest[length:]
                    return Message(lines[0], headers, rest[:length])
            self.socket.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                more = self.socket.recv(65536)
            except (TimeoutError, socket.timeout):
                raise AssertionError(f"nothing came; unread: {self.unread}") from None
            if not more:
                raise EOFError("the server closed")
            self.buffer += more

    def wait(self, wanted, deadline_s=bramble.DEADLINE_S):
        """The first message not yet taken for which wanted(message)."""
        for i, m in enumerate(self.unread):
            if wanted(m):
                return self.unread.pop(i)
        deadline = time.monotonic() + deadline_s
        while True:
            m = self._read(deadline)
            if wanted(m):
                return m
            self.unread.append(m)

    def request(self, method, to=None, deadline_s=bramble.DEADLINE_S):
        """One that comes, for that user."""
        return self.wait(lambda m: m.method == method and (not to or f"{to}@" in m.get("To")), deadline_s)

    def nothing(self, method=None):
        """After an exchange of our own nothing (of that kind) has come that was not taken."""
        assert not [m for m in self.unread if method is None or m.method == method], self.unread

    # --- messages out ---

    def send(self, start, headers, body=b""):
        body = body.encode() if isinstance(body, str) else body
        text = "\r\n".join([start, *[f"{n}: {v}" for n, v in headers], f"Content-Length: {len(body)}"]) + "\r\n\r\n"
        self.socket.sendall(text.encode() + body)

    def next(self):
        self.count += 1
        return f"{os.getpid():x}-{id(self):x}-{self.count}"

    def answer(self, request, status, *headers, reason="OK", body=b"", tag=None):
        to = request.get("To")
        if tag and ";tag=" not in to:
            to += f";tag={tag}"
        self.send(f"SIP/2.0 {status} {reason}", [*[("Via", v) for v in request.all("Via")], ("From", request.get("From")), ("To", to),
                                                ("Call-ID", request.get("Call-ID")), ("CSeq", request.get("CSeq")),
                                                *[("Record-Route", v) for v in request.all("Record-Route")], *headers], body)

    def ask(self, method, target, user, *headers, body=b"", to=None, call=None, cseq=1, tag="a", epid=None, via=None, wait=True):
        """A request of the user and its final answer."""
        call = call or self.next()
        epid = f"epid{user}" if epid is None else epid
        self.send(f"{method} {target} SIP/2.0", [
            ("Via", via or f"SIP/2.0/{self.transport} 127.0.0.1:9;branch=z9hG4bK{self.next()}"),
            ("From", f"<{uri(user)}>;tag={tag}" + (f";epid={epid}" if epid else "")), ("To", to or f"<{target}>"), ("Call-ID", call),
            ("CSeq", f"{cseq} {method}"), ("Max-Forwards", "70"), *headers], body)
        if not wait:
            return call
        return self.wait(lambda m: m.status and m.status >= 200 and m.get("Call-ID") == call and m.get("CSeq") == f"{cseq} {method}")

    # --- a user's life ---

    def register(self, user, *headers, expires=7200, epid=None, instance="00000000-0000-0000-0000-000000000001", supported=True, contact=True):
        own = [("Expires", str(expires)), ("Event", "registration"), ("ms-keep-alive", "UAC;hop-hop=yes")]
        if contact:
            own.append(("Contact", f"<sip:127.0.0.1:9;transport={self.transport.lower()};ms-opaque={user}{epid or ''}>;proxy=replace" +
                        (f';+sip.instance="<urn:uuid:{instance}>"' if instance else "")))
        if supported:
            own.append(("Supported", "gruu-10, adhoclist, msrtc-event-categories"))
        given = [n.lower() for n, _ in headers]
        return self.ask("REGISTER", f"sip:{DOMAIN}", user, *[h for h in own if h[0].lower() not in given], *headers, to=f"<{uri(user)}>",
                        epid=epid)

    def subscribe(self, user, event, *headers, body=b"", expires=3600, call=None, to=None, cseq=1, benotify=True, piggyback=True):
        return self.ask("SUBSCRIBE", uri(user), user, ("Event", event), ("Expires", str(expires)),
                        ("Contact", f"<sip:127.0.0.1:9;transport={self.transport.lower()}>"),
                        *([("Supported", "ms-benotify")] if benotify else []),
                        *([("Supported", "ms-piggyback-first-notify")] if piggyback else []), *headers, body=body, call=call, to=to, cseq=cseq)

    def watch(self, user, *others, context=False, categories=("state", "note", "contactCard"), expires=3600, **more):
        inner = "<context/>" if context else ""
        return self.subscribe(
            user, "presence", ("Require", "adhoclist, categoryList"), ("Supported", "eventlist"),
            ("Content-Type", "application/msrtc-adrl-categorylist+xml"), expires=expires,
            body=f'<batchSub xmlns="http://schemas.microsoft.com/2006/01/sip/batch-subscribe" uri="{uri(user)}" name="">'
                 '<action name="subscribe" id="63792024"><adhocList>' +
                 "".join(f'<resource uri="{uri(o)}">{inner}</resource>' for o in others) +
                 '</adhocList><categoryList xmlns="http://schemas.microsoft.com/2006/09/sip/categorylist">' +
                 "".join(f'<category name="{c}"/>' for c in categories) + "</categoryList></action></batchSub>", **more)

    def watch_list(self, user, *others, how="create", **more):
        """The older dialect's subscription to several users."""
        return self.subscribe(user, "presence", ("Require", "adhoclist"), ("Supported", "eventlist"), ("Content-Type", "application/adrl+xml"),
                              ("Accept", "application/rlmi+xml, text/xml+msrtc.pidf, multipart/related"),
                              body=f'<adhoclist xmlns="urn:ietf:params:xml:ns:adrl" uri="{uri(user)}" name="{uri(user)}"><{how} xmlns="">' +
                              "".join(f'<resource uri="{uri(o)}"/>' for o in others) + f"</{how}></adhoclist>", **more)

    def set_presence(self, user, reach, activity, info=None, others="", whose=None, epid=None):
        """The older dialect's publication, as MS-SIP 4.5 shows it; info: what stands in userInfo."""
        info = "" if info is None else f'<userInfo xmlns="{PRESENCE}">{info}</userInfo>'
        return self.ask("SERVICE", uri(user), user, ("Content-Type", "application/SOAP+xml"), epid=epid, body=(
            '<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/"><SOAP-ENV:Body><m:setPresence '
            'xmlns:m="http://schemas.microsoft.com/winrtc/2002/11/sip"><m:presentity xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
            f'm:uri="{uri(whose or user)}"><m:availability m:aggregate="{reach}" m:description="online"/>'
            f'<m:activity m:aggregate="{activity}" m:description="Active"/>{info}{others}</m:presentity></m:setPresence></SOAP-ENV:Body>'
            "</SOAP-ENV:Envelope>"))

    def service(self, user, kind, body, target=None):
        return self.ask("SERVICE", target or uri(user), user, ("Content-Type", kind), body=body)

    def publish(self, user, *items):
        """items: (category, instance, container, version, expireType, content)"""
        rows = "".join(f'<publication categoryName="{c}" instance="{i}" container="{n}" version="{v}" expireType="{t}">{x}</publication>'
                       for c, i, n, v, t, x in items)
        return self.service(user, "application/msrtc-category-publish+xml",
                            '<publish xmlns="http://schemas.microsoft.com/2006/09/sip/rich-presence">'
                            f'<publications uri="{uri(user)}">{rows}</publications></publish>')

    def soap(self, user, command, **fields):
        inner = "".join(f"<m:{n}>{v}</m:{n}>" for n, v in fields.items())
        return self.service(user, "application/SOAP+xml",
                            '<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/"><SOAP-ENV:Body>'
                            f'<m:{command} xmlns:m="http://schemas.microsoft.com/winrtc/2002/11/sip">{inner}</m:{command}>'
                            "</SOAP-ENV:Body></SOAP-ENV:Envelope>")


PRESENCE = "http://schemas.microsoft.com/2002/09/sip/presence"


def chosen(availability):
    """The state that a user chose himself, as the older dialect's userInfo has it."""
    return (f'<states><state avail="{availability}" since="2010-01-13T10:30:05Z" validWith="any-device" deviceId="4c77e6ec72" set="manual" '
            'xsi:type="userState">word</state></states>')


def parts(message):
    """[(Content-ID, Content-Type, document)] of a body of several parts, taken apart by Python's mail library."""
    whole = email.message_from_bytes(b"Content-Type: " + message.get("Content-Type").encode() + b"\r\n\r\n" + message.body)
    return [(p["Content-ID"], p.get_content_type(), tree.fromstring(p.get_payload(decode=True))) for p in whole.get_payload()]


def numbers(document):
    """What the older dialect's document says: (user's id, availability, activity)."""
    return (document.get("uri").partition("@")[0], int(first(document, "availability").get("aggregate")),
            int(first(document, "activity").get("aggregate")))


def state(availability, kind="userState"):
    return ('<state xmlns="http://schemas.microsoft.com/2006/09/sip/state" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
            f'manual="true" xsi:type="{kind}"><availability>{availability}</availability></state>')


def first(element, name):
    """The first element below of that local name."""
    return next((e for e in element.iter() if e.tag.rpartition("}")[2] == name), None)


def every(element, name):
    return [e for e in element.iter() if e.tag.rpartition("}")[2] == name]


def availability(message):
    """What a categories body says of the state: (user's id, number)."""
    doc = message.xml()
    found = first(doc, "availability")
    return doc.get("uri").removeprefix("sip:").partition("@")[0], int(found.text) if found is not None else None


def first_text(text):
    return f"text/plain; charset=UTF-8;ms-body={base64.b64encode(text.encode()).decode()}"
