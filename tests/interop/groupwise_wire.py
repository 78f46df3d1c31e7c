"""The Messenger's wire format as a test's server has it, written from the protocol's description alone: answers and events are
built, requests are read strictly, and whatever in one is not as the protocol has it raises Fault."""
import dataclasses
import re
import struct
import time

END, NUMBER, BYTE, WORD, UDWORD, ARRAY, STRING, BOOL, MULTI, DN = 0, 1, 3, 5, 8, 9, 10, 11, 12, 13
INTEGERS = (1, 3, 4, 5, 6, 7, 8, 11)
LETTERS = {"0": 0, "2": 2, "3": 3, "G": 4, "1": 5, "F": 6, "E": 10, "D": 12, "C": 14, "B": 15, "A": 16, "9": 17, "8": 19,
           "7": 20, "6": 40, "5": 41, "4": 42}
DELETE, EQUAL, ADD, UPDATE, CONTAINS, BEGINS = 2, 4, 5, 6, 17, 19
OFFLINE, AVAILABLE, BUSY, AWAY, IDLE = 1, 2, 3, 4, 5
BLANK = "[00000000-00000000-00000000-0000-0000]"
SAME = 27       # characters of a conference id that tell one conference from another
UNDELIVERABLE, STATUS, CLOSED, JOINED, LEFT, MESSAGE, TYPING, TYPING_END = 102, 103, 105, 106, 107, 108, 112, 113
CHANGED = 104
ELSEWHERE, GOING_DOWN, INVITED, OTHER_INVITED, REJECTED, AUTO_REPLY, BROADCAST, SYSTEM = 114, 115, 117, 118, 119, 121, 122, 123

_ITEM = r"\{NM_A_SZ_OBJECT_ID:10[^{}]*\}"
_CONV = r"NM_A_FA_CONVERSATION:9\{NM_A_SZ_OBJECT_ID:10\}"
GRAMMAR = {
    "login": "NM_A_SZ_USERID:10 NM_A_SZ_CREDENTIALS:10 NM_A_SZ_USER_AGENT:10 NM_A_UD_BUILD:8 nnmIPAddress:10",
    "logout": "",
    "ping": "",
    "setstatus": "NM_A_SZ_STATUS:10( NM_A_SZ_STATUS_TEXT:10)?( NM_A_SZ_MESSAGE_BODY:10)?",
    "getstatus": "NM_A_SZ_DN:1[03]",
    "getdetails": "(NM_A_SZ_USERID:10|NM_A_SZ_DN:1[03])( NM_A_SZ_USERID:10| NM_A_SZ_DN:1[03])*",
    "createsearch": r"NM_A_SZ_OBJECT_ID:10( (Given Name|Surname|NM_A_SZ_USERID|Title|OU)/(9|8|G):10)+",
    "getresults": "NM_A_SZ_OBJECT_ID:10",
    "createfolder": "NM_A_SZ_PARENT_ID:10 NM_A_SZ_DISPLAY_NAME:10 NM_A_SZ_SEQUENCE_NUMBER:10",
    "createcontact": "NM_A_SZ_PARENT_ID:10 (NM_A_SZ_USERID|NM_A_SZ_DN):10( NM_A_SZ_DISPLAY_NAME:10)?",
    "deletecontact": "(NM_A_SZ_PARENT_ID:10 )?NM_A_SZ_OBJECT_ID:10",
    "movecontact": rf"NM_A_FA_CONTACT_LIST:9\{{NM_A_FA_CONTACT/2:9{_ITEM}\}} NM_A_SZ_SEQUENCE_NUMBER:10 NM_A_SZ_PARENT_ID:10",
    "updateitem": rf"NM_A_FA_CONTACT_LIST:9\{{NM_A_FA_(CONTACT|FOLDER)/2:9{_ITEM} NM_A_FA_(CONTACT|FOLDER)/1:9{_ITEM}\}}",
    "createblock": "NM_A_SZ_BLOCKING_(DENY|ALLOW)_ITEM/1:10",
    "updateblocks": "nnmBlocking(Deny|Allow)List/2:1[03]|nnmBlocking/F:10",
    "createconf": rf"{_CONV}( NM_A_SZ_DN:13)+",
    "sendmessage": rf"{_CONV} NM_A_FA_MESSAGE:9\{{NM_A_SZ_MESSAGE_BODY:10 NM_A_UD_MESSAGE_TYPE:8 NM_A_SZ_MESSAGE_TEXT:10\}}"
                   "( NM_A_SZ_DN:13)*",
    "sendtyping": r"NM_A_FA_CONVERSATION:9\{NM_A_SZ_OBJECT_ID:10 NM_A_SZ_TYPE:10\}",
    "sendinvite": rf"{_CONV}( NM_A_SZ_DN:13)+( NM_A_SZ_MESSAGE_BODY:10)?",
    "joinconf": _CONV,
    "rejectconf": _CONV,
    "leaveconf": _CONV,
}


# --- fields ---------------------------------------------------------------------------------------------------------------

@dataclasses.dataclass
class Field:
    tag: str
    type: int
    value: object
    method: int = 0

    def sign(self):
        """How the grammar above writes it: TAG/METHOD:TYPE{children}."""
        letter = next(k for k, v in LETTERS.items() if v == self.method)
        children = "{" + " ".join(c.sign() for c in self.value) + "}" if self.type in (ARRAY, MULTI) else ""
        return self.tag + (f"/{letter}" if self.method else "") + f":{self.type}" + children


def text(tag, value, method=0):
    return Field(tag, STRING, value if isinstance(value, bytes) else str(value), method)


def array(tag, children, method=0):
    return Field(tag, ARRAY, list(children), method)


def first(fields, tag):
    return next((f for f in fields if f.tag == tag), None)


def value_of(fields, tag, default=None):
    found = first(fields, tag)
    return default if found is None else found.value


def zstring(value):
    raw = (value if isinstance(value, bytes) else value.encode()) + b"\0"
    return struct.pack("<I", len(raw)) + raw


def encode(field):
    out = struct.pack("<BB", field.type, field.method) + zstring(field.tag)
    if field.type in (ARRAY, MULTI):
        return out + struct.pack("<I", len(field.value)) + b"".join(map(encode, field.value))
    if field.type in (STRING, DN):
        return out + zstring(field.value)
    return out + struct.pack("<I", int(field.value))


def event(kind, source, *body):
    """An event's bytes; the body's strings are str, its 4-byte numbers int, anything else bytes as they are."""
    out = struct.pack("<I", kind) + zstring(source)
    for part in body:
        out += zstring(part) if isinstance(part, str) else part if isinstance(part, bytes) else struct.pack("<I", part)
    return out


# --- requests, read strictly -----------------------------------------------------------------------------------------------

class Fault(Exception):
    """The request is not as the protocol has it."""


@dataclasses.dataclass
class Request:
    user: str
    command: str
    fields: list
    session: object
    at: float = dataclasses.field(default_factory=time.monotonic)

    def value(self, *tags):
        fields = self.fields
        for tag in tags[:-1]:
            fields = value_of(fields, tag, [])
        return value_of(fields, tags[-1])

    def values(self, tag):
        return [f.value for f in self.fields if f.tag == tag]


def unescape(raw):
    """Undoes the escaping; what was escaped and need not be, or the reverse, is a fault."""
    out, at = bytearray(), 0
    while at < len(raw):
        c = raw[at:at + 1]
        if c.isalnum():
            out += c
        elif c == b"+":
            out += b" "
        elif c == b"%" and re.fullmatch(rb"[0-9a-f]{2}", raw[at + 1:at + 3]):
            byte = bytes([int(raw[at + 1:at + 3], 16)])
            if byte.isalnum() or byte == b" " or byte == b"\0":
                raise Fault(f"{byte} was escaped")
            out += byte
            at += 2
        else:
            raise Fault(f"not escaped as it should be: {raw[max(0, at - 10):at + 10]}")
        at += 1
    try:
        return out.decode()
    except UnicodeDecodeError as wrong:
        raise Fault(f"not UTF-8: {bytes(out)}") from wrong


def parse_fields(flat, count):
    """Takes count fields with their children off the front of a flat list."""
    fields = []
    for _ in range(count):
        if not flat:
            raise Fault("fewer children than counted")
        tag, method, value, kind = flat.pop(0)
        if kind in (ARRAY, MULTI):
            if not re.fullmatch("0|[1-9][0-9]*", value):
                raise Fault(f"{tag}: count {value}")
            value = parse_fields(flat, int(value))
        elif kind in INTEGERS:
            if not re.fullmatch("0|[1-9][0-9]*", value) or int(value) > 0xFFFFFFFF:
                raise Fault(f"{tag}: number {value}")
            value = int(value)
        elif kind not in (STRING, DN):
            raise Fault(f"{tag}: type {kind}")
        fields.append(Field(tag, kind, value, method))
    return fields


def parse_body(body):
    flat, at = [], 0
    pattern = re.compile(rb"&tag=([^&=]+)&cmd=([0-9A-G])&val=([^&=]*)&type=([0-9]+)")
    while at < len(body):
        got = pattern.match(body, at)
        if not got:
            raise Fault(f"not a field: {body[at:at + 60]}")
        tag, letter, value, kind = got.groups()
        kind = int(kind)
        if letter.decode() not in LETTERS:
            raise Fault(f"method {letter}")
        flat.append((tag.decode("ascii"), LETTERS[letter.decode()], unescape(value) if kind in (STRING, DN) else value.decode(),
                     kind))
        at = got.end()
    fields = []
    while flat:
        fields += parse_fields(flat, 1)
    return fields


def check_rtf(body, plain):
    """A body must be the envelope that every client takes, and say the same as the plain text."""
    got = re.fullmatch(r"\{\\rtf1\\ansi\n\{\\fonttbl\{\\f0\\fnil Arial;\}\}\n\\uc1\\f0\\fs20 (.*)\\par\n\}", body, re.S)
    if not got:
        raise Fault(f"not the envelope: {body[:100]}")
    rest, said = got.group(1), ""
    while rest:
        token = re.match(r"\\par |\\u([1-9][0-9]*)\?|\\[\\{}]|[\t -\[\]-z|~]", rest)
        if not token:
            raise Fault(f"RTF {rest[:40]!r}")
        if token.group(1):
            if int(token.group(1)) <= 0x7F:
                raise Fault(f"RTF {token.group()}")
            said += chr(int(token.group(1)))
        else:
            said += "\n" if token.group() == "\\par " else token.group()[-1]
        rest = rest[token.end():]
    if said != plain:
        raise Fault(f"the body says {said[:80]!r}, the plain text {plain[:80]!r}")
    if len(body.encode()) > 32000:
        raise Fault(f"RTF of {len(body)} bytes")


def envelope(words):
    said = "".join("\\" + c if c in "\\{}" else "\\par " if c == "\n" else f"\\u{ord(c)}?" if ord(c) > 0x7F else c for c in words)
    return "{\\rtf1\\ansi\n{\\fonttbl{\\f0\\fnil Arial;}}\n\\uc1\\f0\\fs20 " + said + "\\par\n}"
