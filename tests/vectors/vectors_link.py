"""The link between Dispatcher and services, from the page on it."""
from items import frame, number, string

PIN = 0x2100000A


def vectors():
    clear = bytes.fromhex("0c00000003490000000553000000036162635300000002c3a9")
    yield frame(0x01, number(0), string("")), 'RETURN code=0 text=""'
    yield frame(0x01, number(8), string("BBIM is taken")), 'RETURN code=8 text="BBIM is taken"'
    yield frame(0x02, number(6), string("shutting down")), 'DISCONNECT reason=6 text="shutting down"'
    yield (frame(0x15, string("BBIM"), string("bbim-01"), number(100), number(1)),
           "REGISTER content_id=BBIM instance=bbim-01 health=100 role=1 features=0")
    yield (frame(0x17, number(PIN), string("alice@corp.test"), number(260), number(1), number(31), number(160), string("BBIM"),
                 string(clear)),
           "UP pin=2100000A user=alice@corp.test transaction=260 flags=1 packed_len=31 sealed_len=160 content_id=BBIM clear=<hidden>")
    yield (frame(0x16, number(PIN), number(77), string("BBIM"), string(clear)),
           "DOWN pin=2100000A transaction=77 content_id=BBIM clear=<hidden>")
    yield frame(0x04, number(PIN), number(77), number(1), string("")), 'STATUS pin=2100000A transaction=77 status=1 text=""'
    yield (frame(0x04, number(PIN), number(78), number(2), string("out of coverage")),
           'STATUS pin=2100000A transaction=78 status=2 text="out of coverage"')
    yield frame(0x20, number(0), number(0)), "COVERAGE pin=00000000 available=0"
    yield frame(0x20, number(PIN), number(1)), "COVERAGE pin=2100000A available=1"
    yield frame(0xFC, number(0x01020304)), "PING nonce=16909060"
    yield frame(0xFD, number(0x01020304)), "PONG nonce=16909060"
    yield (frame(0x15, string("BBIM"), string("bbim-02"), number(90), number(0), number(1)),
           "REGISTER content_id=BBIM instance=bbim-02 health=90 role=0 features=1")
    yield frame(0xFF, number(55)), "HEALTH health=55"
    yield frame(0x13, number(3), string("bbim-01"), number(1)), "PROMOTE number=3 from=bbim-01 lost=1"
    yield frame(0x14, number(3), string("bbim-02")), "DEMOTE number=3 to=bbim-02"
    yield frame(0x18, number(3), number(0)), "ROLE number=3 role=0"
    yield (frame(0x19, number(3), string("bbim-01"), number(0), number(1), number(PIN), number(12), number(PIN + 1), number(13)),
           "MOVED number=3 instance=bbim-01 lost=0 more=1 devices=[{pin=2100000A session=12}, {pin=2100000B session=13}]")
