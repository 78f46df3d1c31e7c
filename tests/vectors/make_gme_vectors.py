#!/usr/bin/env python3
"""Makes tests/vectors/channel.txt: sealed messages, written from docs/protocol/gme.md and packet.md alone.

  make_gme_vectors.py > tests/vectors/channel.txt

Shares nothing with our C code but those pages: AES is written here from FIPS-197 and GCM from SP 800-38D, Triple DES is the openssl
command's, CRC-32 and DEFLATE are Python's. test_packet_python.py opens with it what our code seals."""
import hashlib
import hmac
import struct
import subprocess
import zlib

# --- AES-256 (FIPS-197) --------------------------------------------------------------------------------------------------


def xtime(a):
    return (a << 1 ^ 0x11B if a & 0x80 else a << 1) & 0xFF


def gmul(a, b):
    out = 0
    while b:
        if b & 1:
            out ^= a
        a, b = xtime(a), b >> 1
    return out


def make_sbox():
    box = [0] * 256
    for value in range(256):
        inverse = next((c for c in range(256) if gmul(value, c) == 1), 0)
        out = 0x63
        for shift in range(5):
            out ^= (inverse << shift | inverse >> (8 - shift)) & 0xFF
        box[value] = out
    return box


SBOX = make_sbox()
UNSBOX = [SBOX.index(i) for i in range(256)]
MUL = {n: [gmul(i, n) for i in range(256)] for n in (1, 2, 3, 9, 11, 13, 14)}


def expand(key):
    words, rcon = [list(key[i:i + 4]) for i in range(0, 32, 4)], 1
    for i in range(8, 60):
        word = list(words[-1])
        if i % 8 == 0:
            word = [SBOX[b] for b in word[1:] + word[:1]]
            word[0] ^= rcon
            rcon = xtime(rcon)
        elif i % 8 == 4:
            word = [SBOX[b] for b in word]
        words.append([a ^ b for a, b in zip(words[i - 8], word)])
    return [sum(words[i:i + 4], []) for i in range(0, 60, 4)]


def mix(state, row):
    out = []
    for col in range(0, 16, 4):
        c = state[col:col + 4]
        for i in range(4):
            out.append(MUL[row[-i % 4]][c[0]] ^ MUL[row[(1 - i) % 4]][c[1]] ^ MUL[row[(2 - i) % 4]][c[2]]
                       ^ MUL[row[(3 - i) % 4]][c[3]])
    return out


def add(state, key):
    return [a ^ b for a, b in zip(state, key)]


def aes_encrypt(keys, block):
    state = add(block, keys[0])
    for n in range(1, 15):
        state = [SBOX[state[(i + 4 * (i % 4)) % 16]] for i in range(16)]
        state = add(mix(state, (2, 3, 1, 1)) if n < 14 else state, keys[n])
    return bytes(state)


def aes_decrypt(keys, block):
    state = add(block, keys[14])
    for n in range(13, -1, -1):
        state = add([UNSBOX[state[(i - 4 * (i % 4)) % 16]] for i in range(16)], keys[n])
        state = mix(state, (14, 11, 13, 9)) if n else state
    return bytes(state)


# --- modes -----------------------------------------------------------------------------------------------------------------


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def aes_cbc(key, iv, data, encrypt):
    keys, out, last = expand(key), b"", iv
    for i in range(0, len(data), 16):
        block = data[i:i + 16]
        if encrypt:
            last = aes_encrypt(keys, xor(block, last))
            out += last
        else:
            out += xor(aes_decrypt(keys, block), last)
            last = block
    return out


def des_cbc(key, iv, data, encrypt):
    return subprocess.run(["openssl", "enc", "-des-ede-cbc", "-nopad", "-e" if encrypt else "-d", "-K", key.hex(), "-iv", iv.hex()],
                          input=data, stdout=subprocess.PIPE, check=True).stdout


def ghash(h, data):
    h, y = int.from_bytes(h, "big"), 0
    for i in range(0, len(data), 16):
        x, v = y ^ int.from_bytes(data[i:i + 16], "big"), h
        y = 0
        for bit in range(127, -1, -1):
            if x >> bit & 1:
                y ^= v
            v = v >> 1 ^ (0xE1 << 120 if v & 1 else 0)
    return y.to_bytes(16, "big")


def padded(data):
    return data + bytes(-len(data) % 16)


def gcm(key, nonce, aad, data, encrypt):
    """Returns the other text and the tag of the ciphertext."""
    keys, out = expand(key), b""
    for n, i in enumerate(range(0, len(data), 16)):
        out += xor(data[i:i + 16], aes_encrypt(keys, nonce + struct.pack(">I", n + 2)))
    cipher = out if encrypt else data
    s = ghash(aes_encrypt(keys, bytes(16)), padded(aad) + padded(cipher) + struct.pack(">QQ", 8 * len(aad), 8 * len(cipher)))
    return out, xor(s, aes_encrypt(keys, nonce + struct.pack(">I", 1)))


# --- the pages -------------------------------------------------------------------------------------------------------------

SUITES = {"3des-cbc": (1, 16, 8), "aes256-cbc": (2, 32, 16), "aes256-gcm": (3, 32, 12)}    # alg, bytes of key, bytes of IV
DEVICE, SERVICE = b"P" + bytes.fromhex("2100000a"), b"S" + b"T00000001"


def tlv(kind, value):
    return struct.pack(">BH", kind, len(value)) + value


def header(message_id, index, count, source, destination, flags=0):
    items = tlv(1, source) + tlv(2, destination) + tlv(3, b"BBIM")
    flags |= 1
    if count > 1:
        items += tlv(4, struct.pack(">HH", index, count))
        flags |= 4 if index + 1 < count else 0
    return struct.pack(">BBBBIH", 0x47, 1, 0, flags, message_id, len(items)) + items


def parity(key):
    return bytes(b & 0xFE | (bin(b & 0xFE).count("1") + 1) & 1 for b in key)


def inner(message_id, index, count, clear_len, piece):
    return b"RMT1" + struct.pack(">IHHII", message_id, index, count, clear_len, zlib.crc32(piece)) + piece


def packet(suite, key_id, secret, head, comp, plain, draw):
    alg, key_len, iv_len = SUITES[suite]
    key, iv1, iv2 = draw(key_len), draw(iv_len), draw(iv_len)
    start = struct.pack(">BBBB", 0x58, alg, comp, len(key_id)) + key_id
    if suite == "aes256-gcm":
        wrapped, tag1 = gcm(secret, iv1, head + start, key, True)
        body, tag2 = gcm(key, iv2, head + start, plain, True)
        return start + iv1 + wrapped + tag1 + iv2 + body + tag2
    cbc, block = (des_cbc, 8) if suite == "3des-cbc" else (aes_cbc, 16)
    key = parity(key) if suite == "3des-cbc" else key
    pad = block - len(plain) % block
    return start + iv1 + cbc(secret[:key_len], iv1, key, True) + iv2 + cbc(key, iv2, plain + bytes([pad]) * pad, True)


def seal(suite, key_id, secret, message_id, clear, draw, source=DEVICE, destination=SERVICE, deflate=True):
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = squeeze.compress(clear) + squeeze.flush()
    comp = int(deflate and len(packed) < len(clear))
    packed = packed if comp else clear
    pieces = [packed[i:i + 2048] for i in range(0, len(packed), 2048)] or [b""]
    for index, piece in enumerate(pieces):
        head = header(message_id, index, len(pieces), source, destination)
        yield head + packet(suite, key_id, secret, head, comp, inner(message_id, index, len(pieces), len(clear), piece), draw)


def open_packet(suite, key_id, secret, head, data):
    """The comp byte and the inner text of one packet; every departure from the page is an assertion."""
    alg, key_len, iv_len = SUITES[suite]
    tag = 16 if suite == "aes256-gcm" else 0
    assert data[0] == 0x58 and data[1] == alg and data[2] in (0, 1)
    start, rest = data[:4 + data[3]], data[4 + data[3]:]
    assert start[4:] == key_id
    iv1, rest = rest[:iv_len], rest[iv_len:]
    wrapped, rest = rest[:key_len + tag], rest[key_len + tag:]
    iv2, body = rest[:iv_len], rest[iv_len:]
    if tag:
        key, tag1 = gcm(secret, iv1, head + start, wrapped[:-16], False)
        plain, tag2 = gcm(key, iv2, head + start, body[:-16], False)
        assert tag1 == wrapped[-16:] and tag2 == body[-16:]
        return data[2], plain
    cbc = des_cbc if suite == "3des-cbc" else aes_cbc
    key = cbc(secret[:key_len], iv1, wrapped, False)
    assert suite != "3des-cbc" or key == parity(key)
    plain = cbc(key, iv2, body, False)
    assert 1 <= plain[-1] <= iv_len and plain.endswith(plain[-1:] * plain[-1])
    return data[2], plain[:-plain[-1]]


def open_message(suite, key_id, secret, source, destination, envelopes):
    """The message id and the clear text of a message from all its envelopes, in order."""
    packed, comp = b"", 0
    for index, raw in enumerate(envelopes):
        message_id, items = struct.unpack(">IH", raw[4:10])
        head = raw[:10 + items]
        assert head == header(message_id, index, len(envelopes), source, destination, raw[3] & 2), "envelope header"
        comp, plain = open_packet(suite, key_id, secret, head, raw[len(head):])
        assert plain[:4] == b"RMT1"
        plain_id, plain_index, count, clear_len, crc = struct.unpack(">IHHII", plain[4:20])
        assert (plain_id, plain_index, count, crc) == (message_id, index, len(envelopes), zlib.crc32(plain[20:]))
        assert len(plain) - 20 <= 2048
        packed += plain[20:]
    if comp:
        stream = zlib.decompressobj(-15)
        clear = stream.decompress(packed)
        assert stream.eof and not stream.unused_data and len(packed) < len(clear)
    else:
        clear = packed
    assert len(clear) == clear_len
    return message_id, clear


def answer(kind, raw, error=b"", key_id=b"", secret=b""):
    """A receipt (kind 1) or an error (kind 2, with its item's value) for an envelope; proved if there is a key."""
    items, at, body = {}, 10, b""
    while at < 10 + struct.unpack(">H", raw[8:10])[0]:
        number, size = struct.unpack(">BH", raw[at:at + 3])
        items[number], at = raw[at + 3:at + 3 + size], at + 3 + size
    items[1], items[2] = items[2], items[1]
    if kind == 2:
        items[5] = error
    items[6] = hashlib.sha256(raw).digest()[:16]
    if key_id:
        items[7] = key_id + bytes(16)
    for number in sorted(items):
        body += tlv(number, items[number])
    out = struct.pack(">BBBB", 0x47, 1, kind, 0) + raw[4:8] + struct.pack(">H", len(body)) + body
    if key_id:
        own = hmac.digest(secret, b"GME answer", "sha256")
        out = out[:-16] + hmac.digest(own, out[:-16], "sha256")[:16]
    return out


# --- the vectors -----------------------------------------------------------------------------------------------------------


class Draw:
    """Bytes that look random and are the same each time."""

    def __init__(self, seed):
        self.seed, self.count = seed.encode(), 0

    def __call__(self, size):
        out = b""
        while len(out) < size:
            self.count += 1
            out += hashlib.sha256(self.seed + struct.pack(">I", self.count)).digest()
        return out[:size]


def check_ciphers():
    """The examples of FIPS-197 (C.3) and of the GCM submission (test case 16), so that a slip here is found here."""
    key, text = bytes(range(32)), bytes.fromhex("00112233445566778899aabbccddeeff")
    want = bytes.fromhex("8ea2b7ca516745bfeafc49904b496089")
    assert aes_encrypt(expand(key), text) == want and aes_decrypt(expand(key), want) == text
    key = bytes.fromhex("feffe9928665731c6d6a8f9467308308" * 2)
    aad = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
    text = bytes.fromhex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525"
                         "b16aedf5aa0de657ba637b39")
    assert gcm(key, bytes.fromhex("cafebabefacedbaddecaf888"), aad, text, True)[1].hex() == "76fc6ece0f4e1768cddf8853bb2d551b"


def messages():
    words = b"alice logs in; " * 9
    long_text = "".join(hashlib.sha256(bytes([i])).hexdigest() for i in range(140)).encode()
    for suite in SUITES:
        yield f"empty {suite}", suite, b"", True
        yield f"one byte {suite}", suite, b"x", True
        yield f"a login {suite}", suite, words, True
        yield f"a login left as it is {suite}", suite, words, False
        yield f"whole blocks {suite}", suite, Draw("blocks")(28), True
        yield f"a full slice {suite}", suite, Draw("slice")(2048), True
        yield f"one byte more {suite}", suite, Draw("slice")(2049), True
        yield f"a contact list {suite}", suite, long_text, True


def main():
    check_ciphers()
    print("# Made by make_gme_vectors.py. Per message: name, suite, key id, transport key, message id, clear text, envelopes, answers to the last one.")
    for number, (name, suite, clear, deflate) in enumerate(messages(), 1):
        draw, key_id, secret = Draw(name), b"2100000A+3", hashlib.sha256(name.encode()).digest()
        print(f"\nmessage {name}\nkey {suite} {key_id.decode()} {secret.hex()}\nid {number}\nclear {clear.hex()}")
        for envelope in seal(suite, key_id, secret, number, clear, draw, deflate=deflate):
            print(f"envelope {envelope.hex()}")
        print(f"receipt {answer(1, envelope, key_id=key_id, secret=secret).hex()}")
        print(f"resume {answer(2, envelope, struct.pack('>H', 7) + b'256', key_id, secret).hex()}")
        print(f"no-service {answer(2, envelope, struct.pack('>H', 4)).hex()}")


if __name__ == "__main__":
    main()
