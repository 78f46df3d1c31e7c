"""The wire of Communicator Web Access for a server of its own: a request of HTTP read strictly, and elements in XML and in JSON, written as
oddly as a test wants.

An element is a Node in both encodings. What stands inside a category is of other namespaces: a Node with its ns."""
import dataclasses
import json
import re
import urllib.parse
import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape

NAMESPACE = "http://schemas.microsoft.com/2006/09/rtc/cwa"
COMMAND = "/cwa/MainCommandHandler.ashx"
DATA = "/cwa/AsyncDataChannel.ashx"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
SIP = "http://schemas.microsoft.com/2006/09/sip/"
ENVELOPES = ("cwaRequests", "cwaResponses", "cwaEvents")
MANY = ("contact", "group", "subscriber", "cwaCategory", "rawCategory", "container", "member", "addMember", "deleteMember", "participant",
        "localeId")
PEOPLE = ("userPresence", "searchResult")
FOREIGN = ("cwaCategory", "rawCategory")
BODY_MAX = 65536


class Fault(Exception):
    """What came is not as the protocol has it."""


class Refused(Exception):
    """Answered with an error: its code, and what else stands in the element."""

    def __init__(self, code, detail="", **more):
        super().__init__(f"{code} {detail}")
        self.code, self.detail, self.more = code, detail, more


@dataclasses.dataclass
class Node:
    name: str
    attrs: dict = dataclasses.field(default_factory=dict)
    children: list = dataclasses.field(default_factory=list)
    text: str = ""
    ns: str = ""

    def child(self, *path):
        node = self
        for name in path:
            node = next((c for c in node.children if c.name == name), None) if node else None
        return node

    def all(self, name):
        return [c for c in self.children if c.name == name]

    def value(self, *path):
        found = self.child(*path)
        return found.text if found else None

    def uris(self):
        found = self.child("uris")
        return [c.text for c in found.children] if found else []


def node(name, /, *children, text="", ns="", **attrs):
    """node("conference", node(...), confId=1)"""
    return Node(name, {k: str(v) for k, v in attrs.items()}, [c for c in children if c is not None], text, ns)


def many(parent, name):
    """Whether it is an array in JSON."""
    return name in MANY or (name == "user" and parent in PEOPLE)


# XML

def from_element(element):
    ns, _, name = element.tag.rpartition("}")
    attrs = {k.replace("{" + XSI + "}", "xsi:"): v for k, v in element.attrib.items()}
    tails = "".join(c.tail or "" for c in element)
    children = [from_element(c) for c in element]
    text = (element.text or "") + tails
    if children and not text.strip():
        text = ""
    return Node(name, attrs, children, text, ns[1:])


def from_xml(body):
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise Fault("a DOCTYPE")
    try:
        return from_element(ET.fromstring(body))
    except (ET.ParseError, ValueError) as wrong:
        raise Fault(f"XML: {wrong}") from wrong


class Writer:
    """One answer in XML or JSON; odd says how, dice decides."""

    def __init__(self, odd, dice):
        self.odd, self.dice = odd, dice

    def words(self, text):
        if self.odd.references:
            return "".join(f"&#x{ord(c):X};" if ord(c) > 126 or c in "<>&'\"" else c for c in text)
        if self.odd.cdata and text and "]]>" not in text and any(c in text for c in "<&"):
            return f"<![CDATA[{text}]]>"
        return escape(text, {"\r": "&#13;"})

    def attributes(self, attrs):
        pairs = list(attrs.items())
        if self.odd.shuffle:
            self.dice.shuffle(pairs)
        if self.odd.unknown:
            pairs.insert(self.dice.randrange(len(pairs) + 1), ("heardOf", "not"))
        mark = "'" if self.odd.quotes else '"'
        return "".join(f" {k}={mark}{escape(v, {mark: '&apos;' if self.odd.quotes else '&quot;', chr(10): '&#10;', chr(13): '&#13;'})}{mark}" for k, v in pairs)

    def foreign(self, n, outer=""):
        here = {**({"xmlns": n.ns} if n.ns != outer else {}), **({"xmlns:xsi": XSI} if any(k.startswith("xsi:") for k in n.attrs) else {})}
        start = "".join(f' {k}="{escape(v)}"' for k, v in {**n.attrs, **here}.items())
        return f"<{n.name}{start}>" + "".join(self.foreign(c, n.ns) for c in n.children) + escape(n.text) + f"</{n.name}>"

    def xml(self, n, top=True):
        if n.ns:
            return "\n" + self.foreign(n)
        prefix = "c:" if self.odd.prefix else ""
        attrs = dict(n.attrs)
        if top and self.odd.prefix:
            attrs["xmlns:c"] = NAMESPACE
        elif top and self.odd.namespace:
            attrs["xmlns"] = NAMESPACE
        parts = [self.xml(c, False) for c in n.children]
        if self.odd.unknown and (parts or top) and not any(c.ns for c in n.children):
            parts.insert(self.dice.randrange(len(parts) + 1), f'<{prefix}unheardOf a="1"><{prefix}deep><x xmlns="urn:x"/>text</{prefix}deep></{prefix}unheardOf>')
        if self.odd.pretty and parts:
            parts = ["\r\n\t<!-- " + n.name + " -->\r\n\t" + p for p in parts] + ["\n"]
        inner = "".join(parts) + self.words(n.text)
        start = f"<{prefix}{n.name}{self.attributes(attrs)}"
        return f"{start}>{inner}</{prefix}{n.name}>" if inner or self.odd.pretty else start + "/>"

    # JSON

    def value(self, n):
        number = r"-?(0|[1-9]\d{0,8})"

        def bare(text):
            if self.odd.bare and re.fullmatch(number, text):
                return int(text)
            if self.odd.bare and text in ("true", "false"):
                return text == "true"
            return text
        if not n.attrs and not n.children and n.text:
            return n.text
        out = {"@" + k: bare(v) for k, v in n.attrs.items()}
        if n.name in ENVELOPES:
            out["items"] = [{c.name: self.value(c)} for c in n.children]
            if self.odd.unknown:
                out["items"].insert(self.dice.randrange(len(n.children) + 1), {"unheardOf": {"@a": [1, None, {"b": 1.5e3}]}})
            return out
        for c in n.children:
            if c.ns:
                out["#xml"] = out.get("#xml", "") + self.foreign(c)
            elif many(n.name, c.name):
                out.setdefault(c.name, []).append(self.value(c))
            elif c.name == "uris":
                out["uris"] = [u.text for u in c.children]
            else:
                out[c.name] = self.value(c)
        if n.text:
            out["#text"] = n.text
        if self.odd.unknown:
            out["@heardOf"], out["unheardOf"] = "not", [{}, [], None]
        if self.odd.shuffle:
            pairs = list(out.items())
            self.dice.shuffle(pairs)
            out = dict(pairs)
        return out

    def json(self, n):
        return json.dumps({n.name: self.value(n)}, ensure_ascii=self.odd.references, indent=2 if self.odd.pretty else None)

    def body(self, n, as_json):
        if as_json:
            return self.json(n).encode()
        text = self.xml(n)
        if self.odd.declaration:
            text = '<?xml version="1.0" encoding="utf-8"?>\r\n' + text
        return (b"\xef\xbb\xbf" if self.odd.mark else b"") + text.encode()


def once(pairs):
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Fault(f"a member twice: {[k for k, _ in pairs]}")
    return found


def from_value(name, value):
    if isinstance(value, str):
        return Node(name, {}, [], value)
    if not isinstance(value, dict):
        raise Fault(f"JSON: {name} is {value!r}")
    made = Node(name)
    for key, inner in value.items():
        if key.startswith("@"):
            if not isinstance(inner, str):
                raise Fault(f"JSON: {name}.{key} is {inner!r}, no text")
            made.attrs[key[1:]] = inner
        elif key == "#text":
            made.text = inner
        elif key == "#xml":
            if name not in FOREIGN:
                raise Fault(f"JSON: {name} has #xml")
            made.children += from_xml(b"<x>" + inner.encode() + b"</x>").children
        elif key == "items" and name in ENVELOPES:
            for item in inner:
                if len(item) != 1:
                    raise Fault(f"JSON: an item with {len(item)} members")
                made.children += [from_value(k, v) for k, v in item.items()]
        elif key == "uris":
            if not isinstance(inner, list) or not all(isinstance(u, str) for u in inner):
                raise Fault(f"JSON: uris is {inner!r}")
            made.children.append(Node("uris", {}, [Node("uri", {}, [], u) for u in inner]))
        elif isinstance(inner, list) != many(name, key):
            raise Fault(f"JSON: {name}.{key} is {inner!r}")
        else:
            made.children += [from_value(key, v) for v in (inner if isinstance(inner, list) else [inner])]
    return made


def from_json(body):
    try:
        whole = json.loads(body.decode(), object_pairs_hook=once)
    except ValueError as wrong:
        raise Fault(f"JSON: {wrong}") from wrong
    if not isinstance(whole, dict) or len(whole) != 1:
        raise Fault(f"JSON: not one member: {body[:100]!r}")
    return from_value(*next(iter(whole.items())))


# HTTP

@dataclasses.dataclass
class Request:
    method: str
    path: str
    query: dict
    headers: dict                   # small letters
    body: bytes
    at: float                       # when the last of it had come
    user: str = None                # whose it was found to be
    session: object = None
    tree: Node = None
    json: bool = False
    method_names: tuple = ()        # of cwaRequests' children; of conference: its child's
    where: str = None               # front, iwa, forms, post or get

    def header(self, name):
        return self.headers.get(name.lower())


async def read_request(reader, clock):
    """The next request; None at the end of the stream."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except EOFError as cut:
        if getattr(cut, "partial", b""):
            raise Fault(f"the stream ended inside a request: {cut.partial!r}") from cut
        return None
    first, *lines = head[:-4].split(b"\r\n")
    line = re.fullmatch(rb"(GET|POST) (/[!-~]*) HTTP/1\.1", first)
    if not line:
        raise Fault(f"request line {first!r}")
    headers = {}
    for text in lines:
        got = re.fullmatch(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*", text)
        if not got:
            raise Fault(f"header line {text!r}")
        name = got[1].decode().lower()
        if name in headers:
            raise Fault(f"header {name} twice")
        if name == "cwa-ticket" and got[1] != b"CWA-Ticket":
            raise Fault(f"header written {got[1]!r}")
        headers[name] = got[2].decode("latin-1")
    for name in ("transfer-encoding", "expect", "content-encoding"):
        if name in headers:
            raise Fault(f"header {name}: {headers[name]}")
    method, target = line[1].decode(), line[2].decode()
    size = headers.get("content-length")
    if (size is None) != (method == "GET") or not re.fullmatch(r"\d{1,7}", size or "0"):
        raise Fault(f"{method} with Content-Length {size}")
    body = await reader.readexactly(int(size or 0))
    path, _, query = target.partition("?")
    return Request(method, path, dict(urllib.parse.parse_qsl(query, keep_blank_values=True)), headers, body, clock())


REASONS = {200: "OK", 301: "Moved Permanently", 302: "Found", 307: "Temporary Redirect", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
           404: "Not Found", 405: "Method Not Allowed", 500: "Internal Server Error", 503: "Service Unavailable"}


def head(status, headers, odd):
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Other')}"]
    for name, value in headers:
        lines.append(f"{name.lower()}:{value}   " if odd.header_case else f"{name}: {value}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def chunked(data, dice):
    out, at = b"", 0
    while at < len(data):
        size = dice.choice((1, 2, 17, 100, 1000))
        part = data[at:at + size]
        out += f"{len(part):X}".encode() + (b";x=y" if at else b"") + b"\r\n" + part + b"\r\n"
        at += size
    return out + b"0\r\nX-Trailer: yes\r\n\r\n"
