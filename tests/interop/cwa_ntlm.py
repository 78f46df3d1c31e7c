"""The server's half of NTLM, version 2, from its description: challenge, and what a right password makes of it."""
import base64
import hmac
import os
import struct

SIGNATURE = b"NTLMSSP\0"
UNICODE, OEM, REQUEST_TARGET, NTLM, ALWAYS_SIGN, DOMAIN, EXTENDED, TARGET_INFO = (
    1 << 0, 1 << 1, 1 << 2, 1 << 9, 1 << 15, 1 << 16, 1 << 19, 1 << 23)


class Bad(Exception):
    """What was sent is no NTLM."""


def md4(data):
    """RFC 1320; OpenSSL 3 has it no more."""
    def left(x, n):
        x &= 0xFFFFFFFF
        return x << n | x >> 32 - n

    padded = data + b"\x80" + bytes((55 - len(data)) % 64) + struct.pack("<Q", 8 * len(data))
    state = [0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476]
    rounds = ((lambda x, y, z: x & y | ~x & z, 0, (3, 7, 11, 19), range(16)),
              (lambda x, y, z: x & y | x & z | y & z, 0x5A827999, (3, 5, 9, 13), [4 * (i % 4) + i // 4 for i in range(16)]),
              (lambda x, y, z: x ^ y ^ z, 0x6ED9EBA1, (3, 9, 11, 15),
               [int(f"{i:04b}"[::-1], 2) for i in range(16)]))
    for at in range(0, len(padded), 64):
        words = struct.unpack("<16I", padded[at:at + 64])
        a, b, c, d = state
        for mix, constant, turns, order in rounds:
            for step, k in enumerate(order):
                a = left(a + mix(b, c, d) + words[k] + constant, turns[step % 4])
                a, b, c, d = d, a, b, c
        state = [(x + y) & 0xFFFFFFFF for x, y in zip(state, (a, b, c, d))]
    return struct.pack("<4I", *state)


def kind(token):
    """1, 2 or 3."""
    if len(token) < 12 or token[:8] != SIGNATURE:
        raise Bad("no NTLMSSP signature")
    return struct.unpack_from("<I", token, 8)[0]


def challenge(domain, computer, nonce):
    """The second message."""
    target = domain.encode("utf-16-le")
    pairs = b"".join(struct.pack("<HH", number, len(value)) + value for number, value in (
        (2, target), (1, computer.encode("utf-16-le")), (4, b"c\0o\0r\0p\0.\0t\0e\0s\0t\0"))) + bytes(4)
    flags = UNICODE | REQUEST_TARGET | NTLM | ALWAYS_SIGN | DOMAIN | EXTENDED | TARGET_INFO
    return (SIGNATURE + struct.pack("<I", 2) + struct.pack("<HHI", len(target), len(target), 56) + struct.pack("<I", flags) + nonce + bytes(8)
            + struct.pack("<HHI", len(pairs), len(pairs), 56 + len(target)) + b"\x06\x01\0\0\0\0\0\x0f" + target + pairs)


def field(token, at):
    size, _, offset = struct.unpack_from("<HHI", token, at)
    if offset + size > len(token):
        raise Bad(f"field at {at} leaves the message")
    return token[offset:offset + size]


def names(token):
    """Domain and user of the third message."""
    if len(token) < 64:
        raise Bad(f"authenticate message of {len(token)} bytes")
    wide = struct.unpack_from("<I", token, 60)[0] & UNICODE
    return tuple(field(token, at).decode("utf-16-le" if wide else "latin-1") for at in (28, 36))


def proves(token, password, nonce):
    """Whether the third message comes from somebody who knows the password."""
    domain, user = names(token)
    response = field(token, 20)
    if len(response) < 16 + 28:
        raise Bad(f"an NT response of {len(response)} bytes is not of version 2")
    key = hmac.digest(md4(password.encode("utf-16-le")), (user.upper() + domain).encode("utf-16-le"), "md5")
    return hmac.compare_digest(hmac.digest(key, nonce + response[16:], "md5"), response[:16])


class Acceptor:
    """One connection's sign-in: first message, challenge, third message."""

    def __init__(self):
        self.nonce, self.user = None, None

    def step(self, header, password_of):
        """The value of an Authorization header: ("challenge", text), ("in", user) or ("no", why). password_of(domain, user) gives None for nobody."""
        scheme, _, value = header.partition(" ")
        if scheme != "NTLM":
            raise Bad(f"scheme {scheme}")
        try:
            token = base64.b64decode(value, validate=True)
        except ValueError as wrong:
            raise Bad(f"base64: {wrong}") from wrong
        if kind(token) == 1:
            self.nonce = os.urandom(8)
            return "challenge", "NTLM " + base64.b64encode(challenge("CORP", "CWA", self.nonce)).decode()
        if kind(token) != 3 or self.nonce is None:
            raise Bad(f"message {kind(token)} now")
        nonce, self.nonce = self.nonce, None
        domain, user = names(token)
        password = password_of(domain, user)
        if password is None or not proves(token, password, nonce):
            return "no", f"{domain}\\{user}"
        return "in", f"{domain}\\{user}" if domain else user

