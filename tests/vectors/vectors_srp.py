"""SRP, from the page on it: opcodes and items of each message."""
import hashlib
import hmac

from items import frame, number, string

PIN = 0x2100000A
KEY = bytes(range(20))
SERVER_CHALLENGE = bytes(range(0xA0, 0xB0)) + bytes.fromhex("43b940e5")
CLIENT_CHALLENGE = bytes(range(0xB0, 0xC0)) + b"EMUBES01"


def proof(challenge):
    return hmac.new(KEY, challenge, hashlib.sha1).digest()


def connect(value):
    raw = value.encode("ascii") if isinstance(value, str) else value
    return frame(0x13, string(raw)), "CONNECT value=" + raw.hex()


def vectors():
    gme = bytes.fromhex("0102030405060708")
    yield frame(0x01, number(0), string("")), 'RETURN code=0 text=""'
    yield frame(0x01, number(2), string("authentication failed")), 'RETURN code=2 text="authentication failed"'
    yield frame(0x02, number(3), string("superseded")), "DISCONNECT reason=3 text=superseded"
    yield frame(0x03, number(0), number(PIN), string(gme)), "RECEIVE session=0 pin=2100000A gme=<8 bytes>"
    yield frame(0x04, number(7), number(1), string("")), 'STATUS tag=7 status=1 text=""'
    yield frame(0x04, number(0xFFFFFFFF), number(5), string("sixth")), "STATUS tag=4294967295 status=5 text=sixth"
    yield (frame(0x06, number(0), number(7), number(PIN), number(3), string(gme)),
           "SEND session=0 tag=7 pin=2100000A flags=3 gme=<8 bytes>")
    yield frame(0x06, number(0), number(8), number(1), number(0), string(b"")), "SEND session=0 tag=8 pin=00000001 flags=0 gme=<0 bytes>"
    yield connect("T00000001")
    yield connect(SERVER_CHALLENGE)
    yield connect(CLIENT_CHALLENGE)
    yield connect(proof(CLIENT_CHALLENGE))
    yield connect(proof(SERVER_CHALLENGE))
    yield frame(0x15, number(PIN), string("T00000001")), "REGISTER pin=2100000A srp_id=T00000001"
    yield frame(0x17, number(9), string(gme)), "DATA tag=9 gme=<8 bytes>"
    yield frame(0x18, number(0)), "PAUSE session=0"
    yield frame(0x19, number(0)), "RESUME session=0"
    yield frame(0x20, number(0), number(0)), "COVERAGE pin=00000000 available=0"
    yield frame(0x20, number(PIN), number(1)), "COVERAGE pin=2100000A available=1"
    yield frame(0xFC, number(7)), "PING nonce=7"
    yield frame(0xFD, number(7)), "PONG nonce=7"
    yield frame(0xFE), "INFO REQUEST"
    yield frame(0xFF), "INFO entries=[]"
    yield (frame(0xFF, string("version=0.1"), string("srpId=T00000001"), string("maxFrame=131072")),
           'INFO entries=[{entry="version=0.1"}, {entry="srpId=T00000001"}, {entry="maxFrame=131072"}]')
