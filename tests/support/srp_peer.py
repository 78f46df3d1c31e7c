"""SRP and the envelope, written from docs/protocol alone with the standard library: a second opinion on our own codec.

    with Service(port, "T00000001", key) as service:      # has passed the opening sequence
        with Device(port, 0x2100000A, "T00000001") as device:
            device.data(7, envelope)"""
import hashlib
import hmac
import os
import socket
import struct
import time

RETURN, DISCONNECT, RECEIVE, STATUS, SEND, CONNECT, REGISTER, DATA = 0x01, 0x02, 0x03, 0x04, 0x06, 0x13, 0x15, 0x17
PAUSE, RESUME, COVERAGE, PING, PONG, INFO_REQUEST, INFO = 0x18, 0x19, 0x20, 0xFC, 0xFD, 0xFE, 0xFF
QUEUED, DELIVERED, UNAVAILABLE, REFUSED, EXPIRED, INVALID = range(6)
WANT_DELIVERED, RETURN_IF_UNAVAILABLE = 1, 2
DEADLINE_S = 20


class Closed(Exception):
    """The other side closed the connection."""


def frame(opcode, *items):
    """A number is an 'I' item, bytes and text are 'S' items."""
    body = b""
    for item in items:
        if isinstance(item, int):
            body += b"I" + struct.pack(">I", item)
        else:
            raw = item.encode() if isinstance(item, str) else item
            body += b"S" + struct.pack(">I", len(raw)) + raw
    return struct.pack(">BBI", 1, opcode, 6 + len(body)) + body


def items_of(body):
    """The items of a frame, taken apart; what is no item is an error."""
    items, at = [], 0
    while at < len(body):
        kind, value = struct.unpack_from(">cI", body, at)
        at += 5
        if kind == b"I":
            items.append(value)
        elif kind == b"S" and at + value <= len(body):
            items.append(body[at:at + value])
            at += value
        else:
            raise ValueError(f"no item at {at}: {body.hex()}")
    return items


def address(who):
    """A PIN (a number) or an SRP identifier (text), as an envelope writes it."""
    return b"P" + struct.pack(">I", who) if isinstance(who, int) else b"S" + who.encode()


def envelope(source, destination, message_id, payload, content="BBIM", kind=0, flags=1, fragment=None, error=None):
    tlvs = [(1, address(source)), (2, address(destination))]
    if content:
        tlvs.append((3, content.encode()))
    if fragment:
        tlvs.append((4, struct.pack(">HH", *fragment)))
    if error:
        tlvs.append((5, struct.pack(">H", error[0]) + error[1].encode()))
    header = b"".join(struct.pack(">BH", t, len(v)) + v for t, v in tlvs)
    return b"G" + struct.pack(">BBBIH", 1, kind, flags, message_id, len(header)) + header + payload


def envelope_parts(raw):
    """(kind, flags, message id, {tlv: value}, payload)"""
    magic, version, kind, flags, message_id, length = struct.unpack_from(">cBBBIH", raw)
    assert magic == b"G" and version == 1, raw[:2]
    tlvs, at = {}, 10
    while at < 10 + length:
        kind_of, size = struct.unpack_from(">BH", raw, at)
        tlvs[kind_of] = raw[at + 3:at + 3 + size]
        at += 3 + size
    return kind, flags, message_id, tlvs, raw[10 + length:]


class Peer:
    """A raw connection: says bytes, hears frames."""

    def __init__(self, port, host="127.0.0.1", source=None):
        self.socket = socket.create_connection((host, port), DEADLINE_S, (source, 0) if source else None)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.heard = b""

    def say(self, raw):
        self.socket.sendall(raw)

    def send(self, opcode, *items):
        self.say(frame(opcode, *items))

    def hear(self, deadline_s=DEADLINE_S):
        """The next frame: (opcode, items). Raises Closed, or TimeoutError."""
        end = time.monotonic() + deadline_s
        while True:
            if len(self.heard) >= 6:
                version, opcode, length = struct.unpack_from(">BBI", self.heard)
                assert version == 1, self.heard[:16].hex()
                if len(self.heard) >= length:
                    raw, self.heard = self.heard[:length], self.heard[length:]
                    return opcode, items_of(raw[6:])
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError("no frame came")
            self.socket.settimeout(left)
            try:
                more = self.socket.recv(65536)
            except ConnectionResetError:
                raise Closed() from None
            if not more:
                raise Closed()
            self.heard += more

    def expect(self, opcode, *items, deadline_s=DEADLINE_S):
        """The next frame but PING must be this one; None stands for any item, and text for the same bytes."""
        while True:
            got, values = self.hear(deadline_s)
            if got != PING or opcode == PING:
                break
            self.send(PONG, *values)
        wanted = [i.encode() if isinstance(i, str) else i for i in items]
        good = got == opcode and len(values) >= len(wanted) and all(w is None or w == v for w, v in zip(wanted, values))
        assert good, f"expected {opcode:#x} {wanted}, came {got:#x} {values}"
        return values

    def expect_closed(self, deadline_s=DEADLINE_S):
        try:
            got = self.hear(deadline_s)
        except Closed:
            return
        raise AssertionError(f"still speaks: {got}")

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def proof(key, challenge):
    return hmac.new(key, challenge, hashlib.sha1).digest()


class Service(Peer):
    """Passes the opening sequence; RETURN and what follows are left to be heard when wait is False."""

    def __init__(self, port, srp_id, key, wait=True, host="127.0.0.1"):
        super().__init__(port, host)
        self.srp_id = srp_id
        try:
            self.open(key)
            if wait:
                self.expect(RETURN, 0)
                self.expect(COVERAGE, 0, 0)
        except BaseException:
            self.close()
            raise

    def open(self, key):
        self.send(INFO, "version=python", "srpId=" + self.srp_id)
        self.expect(INFO)
        self.send(CONNECT, self.srp_id)
        challenge, = self.expect(CONNECT, None)
        mine = os.urandom(16) + b"PYTHON01"
        self.send(CONNECT, mine)
        self.expect(CONNECT, proof(key, mine))
        self.send(CONNECT, proof(key, challenge))

    def down(self, tag, pin, gme, flags=WANT_DELIVERED | RETURN_IF_UNAVAILABLE):
        self.send(SEND, 0, tag, pin, flags, gme)


class Device(Peer):
    """Registers a PIN."""

    def __init__(self, port, pin, srp_id, host="127.0.0.1", source=None):
        super().__init__(port, host, source)
        self.pin, self.srp_id = pin, srp_id
        try:
            self.send(REGISTER, pin, srp_id)
            self.expect(RETURN, 0)
        except BaseException:
            self.close()
            raise

    def data(self, tag, gme):
        self.send(DATA, tag, gme)

    def take(self, deadline_s=DEADLINE_S):
        """The next envelope, confirmed."""
        tag, gme = self.expect(DATA, None, None, deadline_s=deadline_s)
        self.send(STATUS, tag, DELIVERED, "")
        return gme
