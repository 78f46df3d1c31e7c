"""A BlackBerry in Python, from the key file to the chat, written from docs/protocol alone: it shares no code with ours, and it can
do what no honest device does.

    with Blackberry(port, "devices/2100000D.json") as dave:
        dave.login("dave", "dave-secret")
        dave.message("alice", "hello")"""
import json
import os
import pathlib
import struct
import sys
import time

import srp_peer as srp

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "vectors"))
import make_gme_vectors as page

LOGIN, LOGIN_OK, LOGIN_FAIL, LOGOUT, STATUS, PRESENCE_EVENT, CONTACTS = 1, 2, 3, 4, 5, 7, 8
MESSAGE, MESSAGE_EVENT, FORCED_LOGOUT, ACK = 12, 13, 14, 16
SUITE_NAMES = {number: name for name, (number, _, _) in page.SUITES.items()}
MESSAGE_KIND, RECEIPT_KIND, ERROR_KIND = 0, 1, 2
UNKNOWN_KEY, BAD_FORMAT, UNKNOWN_CONTENT, NO_SERVICE, TOO_LARGE = 1, 2, 3, 4, 6


def im(kind, sequence, *items):
    """A message of the IM client: type, sequence number, items as in a frame."""
    return struct.pack(">BI", kind, sequence) + srp.frame(0, *items)[6:]


class Blackberry(srp.Device):
    def __init__(self, port, key_file, suite="aes256-cbc", first_id=1):
        keys = json.loads(pathlib.Path(key_file).read_text())
        key = next(k for k in keys["keys"] if k["state"] == "current")
        self.suite = suite
        self.key_id = f"{keys['pin']}+{key['serial']}".encode()
        self.secret = bytes.fromhex(key["secret"])
        self.next_id = first_id
        self.tag = 0
        self.session = 0
        self.sequence = 0
        self.parts = []
        super().__init__(port, int(keys["pin"], 16), keys["srp_id"])

    def take_id(self):
        self.next_id += 1
        return self.next_id - 1

    def head(self, message_id, index=0, count=1, content=b"BBIM", flags=1):
        items = page.tlv(1, srp.address(self.pin)) + page.tlv(2, srp.address(self.srp_id)) + page.tlv(3, content)
        if count > 1:
            items += page.tlv(4, struct.pack(">HH", index, count))
            flags |= 4 if index + 1 < count else 0
        return struct.pack(">BBBBIH", 0x47, 1, 0, flags, message_id, len(items)) + items

    def packet(self, head, message_id, piece, clear_len, comp=0, index=0, count=1, key_id=None, secret=None):
        return page.packet(self.suite, key_id or self.key_id, secret or self.secret, head, comp,
                           page.inner(message_id, index, count, clear_len, piece), os.urandom)

    def seal(self, clear, message_id=None, content=b"BBIM", **wrong):
        """One whole message that fits one packet, not compressed."""
        message_id = message_id or self.take_id()
        head = self.head(message_id, content=content)
        return head + self.packet(head, message_id, clear, len(clear), **wrong)

    def put(self, envelope):
        """Hands one envelope over; the router's answer is left to be heard."""
        self.tag += 1
        self.data(self.tag, envelope)

    def say_im(self, kind, *items, sequence=None):
        """Seals and sends as an honest device does: compressed, in pieces."""
        message_id = self.take_id()
        for envelope in page.seal(self.suite, self.key_id, self.secret, message_id, im(kind, sequence or self.count(), *items),
                                  os.urandom, source=srp.address(self.pin), destination=srp.address(self.srp_id)):
            self.put(envelope)
        return message_id

    def count(self):
        self.sequence += 1
        return self.sequence

    def next_envelope(self, deadline_s):
        """The next envelope that comes, confirmed; statuses and pings in between are heard and passed over."""
        end = time.monotonic() + deadline_s
        while True:
            opcode, items = self.hear(max(0.01, end - time.monotonic()))
            if opcode == srp.PING:
                self.send(srp.PONG, *items)
            elif opcode == srp.DATA:
                self.send(srp.STATUS, items[0], srp.DELIVERED, "")
                return items[1]
            elif opcode != srp.STATUS:
                raise AssertionError(f"the router says {opcode:#x} {items}")

    @staticmethod
    def head_of(envelope):
        return envelope[:10 + struct.unpack(">H", envelope[8:10])[0]]

    def next_error(self, deadline_s=srp.DEADLINE_S):
        """The next error envelope: (message id, code, text); messages in between are passed over."""
        while True:
            kind, _, message_id, tlvs, _ = srp.envelope_parts(self.next_envelope(deadline_s))
            if kind == ERROR_KIND:
                return message_id, struct.unpack(">H", tlvs[5][:2])[0], tlvs[5][2:].decode()

    def next_message(self, deadline_s=srp.DEADLINE_S):
        """The next message of the service, opened: (type, sequence number, items)."""
        while True:
            raw = self.next_envelope(deadline_s)
            kind, _, message_id, tlvs, _ = srp.envelope_parts(raw)
            if kind == ERROR_KIND:
                raise AssertionError(f"message {message_id} came back: {tlvs[5]!r}")
            if kind != MESSAGE_KIND:
                continue
            self.parts.append(raw)
            index, count = struct.unpack(">HH", tlvs[4]) if 4 in tlvs else (0, 1)
            if index + 1 < count:
                continue
            parts, self.parts = self.parts, []
            suite = SUITE_NAMES[parts[0][len(self.head_of(parts[0])) + 1]]     # the service chooses its own
            _, clear = page.open_message(suite, self.key_id, self.secret, srp.address(self.srp_id), srp.address(self.pin), parts)
            return clear[0], struct.unpack(">I", clear[1:5])[0], srp.items_of(clear[5:])

    def wait(self, kind, deadline_s=srp.DEADLINE_S):
        """The next message of this type; others are passed over."""
        while True:
            got, sequence, items = self.next_message(deadline_s)
            if got == kind:
                return items
            if got == LOGIN_FAIL or got == FORCED_LOGOUT and items[0] == self.session:
                raise AssertionError(f"expected {kind}, came {got}, sequence {sequence}: {items}")

    def login(self, user, password):
        self.session = 0
        self.say_im(LOGIN, user, password, 0)
        self.session = self.wait(LOGIN_OK)[0]
        self.sequence = 0
        return self.wait(CONTACTS)

    def wait_ack(self, sequence):
        """The code of the next ACK for this sequence number."""
        while True:
            items = self.wait(ACK)
            if items[1] == sequence:
                return items[2]

    def message(self, to, text):
        self.say_im(MESSAGE, self.session, to, text)
        return self.wait_ack(self.sequence)

    def logout(self):
        self.say_im(LOGOUT, self.session)
        return self.wait_ack(self.sequence)
