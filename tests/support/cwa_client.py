"""A simulated Communicator Web Access server in a folder of its own, and a client of it that is written from docs/protocol/cwa.md
alone, with nothing but Python's library.

    with cwa_client.Server() as server:
        alice = cwa_client.Client(server, "alice").sign_in().begin()
        alice.wait("requestSucceeded")

Both encodings become the same Python value, an element: (name, {attribute: text}, text, [child, ...]). Foreign XML stands in the text."""
import base64
import http.client
import json
import os
import pathlib
import shutil
import ssl
import sys
import tempfile
import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

import bramble

NAMESPACE = "http://schemas.microsoft.com/2006/09/rtc/cwa"
COMMAND = "/cwa/MainCommandHandler.ashx"
DATA = "/cwa/AsyncDataChannel.ashx"
ENVELOPES = ("cwaRequests", "cwaResponses", "cwaEvents")
LISTS = ("uris",)
MANY = ("contact", "group", "subscriber", "cwaCategory", "rawCategory", "localeId", "addMember", "deleteMember", "removeMember", "container", "member",
        "participant")
FOREIGN = ("cwaCategory", "rawCategory")

WORLD = """<world domain="corp.test" netbios="CORP">
  <user id="alice" password="alice&amp;secret" name="Alice Adams" phone="+49 30 1234">
    <folder name="Friends"><contact user="bob"/></folder><contact user="carol" name="Carol C."/>
  </user>
  <user id="bob" password="bob-secret" name="Bob Br\u00fcckner" title="Boss"><contact user="alice"/></user>
  <user id="carol" password="carol-secret" name="Carol Clark"/>
  <user id="dave" password="dave-secret" name="Dave Diaz"/>
</world>
"""
PASSWORDS = {"alice": "alice&secret"}


def password(user):
    return PASSWORDS.get(user, user + "-secret")


def uri(user):
    return f"sip:{user}@corp.test"


def element(name, attributes=None, text="", children=()):
    return (name, {k: str(v) for k, v in (attributes or {}).items()}, text, list(children))


def find(node, *path):
    """The first element below that path; None."""
    for name in path:
        node = next((c for c in node[3] if c[0] == name), None) if node else None
    return node


def text(node, *path):
    found = find(node, *path)
    return found[2] if found else None


# --- XML ---------------------------------------------------------------------------------------------------------------------------

def to_xml(node, namespace=None):
    name, attributes, words, children = node
    out = f"<{name}" + "".join(f" {k}={quoteattr(v)}" for k, v in attributes.items()) + (f' xmlns="{namespace}"' if namespace else "")
    inner = words if name in FOREIGN else escape(words)
    return out + ">" + inner + "".join(map(to_xml, children)) + f"</{name}>"


def from_xml(data):
    def local(tag):
        return tag.rpartition("}")[2]

    def walk(e):
        name = local(e.tag)
        if name in FOREIGN:
            return element(name, e.attrib, "".join(ET.tostring(c, encoding="unicode").strip() for c in e))
        return element(name, e.attrib, e.text or "", map(walk, e))
    return walk(ET.fromstring(data))


# --- JSON --------------------------------------------------------------------------------------------------------------------------

def to_json(node):
    def value(n, parent):
        name, attributes, words, children = n
        if name in LISTS:
            return [value(c, name) for c in children]
        members = {"@" + k: v for k, v in attributes.items()}
        if name in ENVELOPES:
            members["items"] = [{c[0]: value(c, name)} for c in children]
        elif name in FOREIGN:
            if words:
                members["#xml"] = words
        elif words and not members and not children:
            return words
        elif words:
            members["#text"] = words
        for c in children if name not in ENVELOPES else ():
            if c[0] in MANY or (c[0] == "user" and name != "logon"):
                members.setdefault(c[0], []).append(value(c, name))
            else:
                members[c[0]] = value(c, name)
        return members
    return json.dumps({node[0]: value(node, "")})


def from_json(data):
    def walk(name, value):
        if isinstance(value, str):
            return element(name, {}, value)
        if name in LISTS:
            return element(name, {}, "", [walk("uri", v) for v in value])
        attributes = {k[1:]: v for k, v in value.items() if k[0] == "@"}
        words = value.get("#text", value.get("#xml", ""))
        children = []
        for k, v in value.items():
            if k == "items":
                children += [walk(n, inner) for item in v for n, inner in item.items()]
            elif k[0] not in "@#":
                children += [walk(k, i) for i in v] if isinstance(v, list) and k not in LISTS else [walk(k, v)]
        return element(name, attributes, words, children)
    (name, value), = json.loads(data).items()
    return walk(name, value)


# --- server and client -----------------------------------------------------------------------------------------------------------------

class Server(bramble.Process):
    """HTTP unless tls is set, and forms alone unless iwa is; what a client needs to find it is in port and tls."""

    def __init__(self, *options, world=WORLD, tls=False, iwa=False, env=None):
        self.folder = tempfile.mkdtemp(prefix="bramble-cwa-")
        self.tls = tls
        self.control_path = os.path.join(self.folder, "control.sock")
        self.certificate = os.path.join(self.folder, "cwa.crt")
        pathlib.Path(self.folder, "world.xml").write_text(world, encoding="utf-8")
        if iwa:
            env = bramble.gss_env(env)
        elif "--sign-in" not in options:
            options += ("--sign-in", "forms")
        more = ("--certificate", self.certificate, "--key", os.path.join(self.folder, "cwa.key")) if tls else ("--http",)
        super().__init__("bramble-sim", "cwa", "--listen", "127.0.0.1:0", "--world", os.path.join(self.folder, "world.xml"), "--control",
                         self.control_path, "--log-level", "debug", *more, *options, env=env)
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

    def url(self, path="/"):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}{path}"

    def stop(self, deadline_s=10):
        """Ends it; a sanitizer's complaint, or a password in the log, must not pass unseen."""
        log_copy = os.dup(self.log.fileno())
        status = super().stop(deadline_s)
        with os.fdopen(log_copy, "rb") as log:
            log.seek(0)
            said = log.read().decode("utf-8", "replace")
        shutil.rmtree(self.folder, ignore_errors=True)
        for words in ("Sanitizer", "runtime error:", "-secret", "e&secret"):
            if words in said:
                raise AssertionError(f"the log holds {words}: {said[-4000:]}")
        if status != 0:
            raise AssertionError(f"bramble-sim cwa ended {status}: {said[-4000:]}")
        return status


class Client:
    """One session: its own connections for commands and for events."""

    def __init__(self, server, user, profile="xml"):
        self.server, self.user, self.json = server, user, profile == "json"
        self.ticket, self.sid, self.uri, self.rid, self.ack = None, "0", uri(user), 0, 0
        self.connections = {}
        self.events = []
        self.status = None

    def exchange(self, channel, method, path, body=None, headers=None, timeout=30):
        """(status, headers, body); a connection that the server has closed is made anew."""
        for attempt in range(2):
            c = self.connections.get(channel)
            if not c:
                context = ssl.create_default_context(cafile=self.server.certificate) if self.server.tls else None
                c = (http.client.HTTPSConnection("127.0.0.1", self.server.port, timeout=timeout, context=context) if self.server.tls
                     else http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=timeout))
                self.connections[channel] = c
            c.timeout = timeout
            try:
                c.request(method, path, body=body, headers=dict(headers or {}, **({"CWA-Ticket": self.ticket} if self.ticket else {})))
                answer = c.getresponse()
                data = answer.read()
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                c.close()
                del self.connections[channel]
                if attempt:
                    raise
                continue
            self.status = answer.status
            if answer.headers.get("CWA-Ticket"):
                self.ticket = answer.headers["CWA-Ticket"]
            return answer.status, answer.headers, data
        raise AssertionError("not reached")

    def decode(self, data):
        return from_json(data) if self.json else from_xml(data)

    def post(self, path, *methods, sid=True):
        node = element("cwaRequests", {"sid": self.sid} if sid else {}, "", methods)
        body = to_json(node) if self.json else to_xml(node, NAMESPACE)
        kind = "application/json" if self.json else "text/xml"
        _, headers, data = self.exchange("command", "POST", path, body.encode(), {"Content-Type": f"{kind}; charset=utf-8"})
        wanted = kind + "; charset=utf-8"
        if data and headers["Content-Type"] != wanted:
            raise AssertionError(f"{headers['Content-Type']} instead of {wanted}")
        return self.decode(data) if data else None

    def sign_in(self, words=None, name=None):
        answer = self.post("/forms/logon.html", element("logon", {}, "", [element("user", {}, name or f"CORP\\{self.user}"),
                           element("password", {}, words if words is not None else password(self.user))]), sid=False)
        self.sign_in_data = text(answer, "requestSucceeded", "signInData")
        self.last = answer
        return self

    def begin(self, availability=3500, auto=False):
        answer = self.command("initiateSession", {}, [
            element("userStateAvailability", {}, str(availability)), element("options", {"autoPublishMachineState": str(auto).lower()})])
        if answer[0] == "requestAccepted":
            self.sid, self.uri = text(answer, "sid"), text(answer, "uri")
            self.poll_wait = int(text(answer, "pollWaitTime"))
        self.last = answer
        return self

    def command(self, name, attributes=None, children=(), words=""):
        """One method; its status element."""
        self.rid += 1
        answer = self.post(COMMAND, element(name, {"rid": self.rid, **(attributes or {})}, words, children))
        return answer[3][0]

    def conference(self, conf, name, children=(), words=""):
        return self.command("conference", {"confId": conf}, [element(name, {}, words, children)])

    def invite(self, *users, words="hello", conf=0):
        return self.conference(conf, "initiateImSession", [
            element("uris", {}, "", [element("uri", {}, u if "@" in u else uri(u)) for u in users]),
            element("message", {}, "", [element("format", {}, "text/plain"), element("content", {}, words)]), element("subject")])

    def say(self, conf, words):
        return self.conference(conf, "sendMessage", [element("format", {}, "text/plain"), element("content", {}, words)])

    def poll(self, ack=None, active=False, timeout=70):
        """One request for events: its cwaEvents."""
        path = f"{DATA}?Sid={self.sid}&AckID={self.ack if ack is None else ack}&UA={str(active).lower()}"
        _, _, data = self.exchange("data", "GET", path, timeout=timeout)
        answer = self.decode(data)
        if answer[0] == "cwaEvents":
            self.ack = int(answer[1]["ackId"])
            self.events += answer[3]
        return answer

    def wait(self, *path, want=None, deadline_s=bramble.DEADLINE_S):
        """The first event not taken yet that has this path of names (and, below it, that text or for which want(event) is true); those
        before it are passed over."""
        def matches(event):
            if event[0] != path[0] or (len(path) > 1 and not find(event, *path[1:])):
                return False
            return want is None or (text(event, *path[1:]) == want if isinstance(want, str) else want(event))

        def look():
            for i, event in enumerate(self.events):
                if matches(event):
                    del self.events[:i + 1]
                    return event
            if self.poll()[0] != "cwaEvents":
                raise AssertionError(f"{self.user} has no session any more")
            return None
        try:
            return bramble.wait_until(look, f"{self.user} gets {path} {want if isinstance(want, str) else ''}", deadline_s)
        except AssertionError as late:
            raise AssertionError(f"{late}; there were {self.events}") from None

    def close(self):
        for c in self.connections.values():
            c.close()
        self.connections.clear()
