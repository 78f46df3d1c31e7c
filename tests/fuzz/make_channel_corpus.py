#!/usr/bin/env python3
"""Writes the seeds of fuzz_gme, fuzz_packet and fuzz_channel: `python3 tests/fuzz/make_channel_corpus.py` from the root."""
import os
import struct
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, "tests/vectors")
import make_gme_vectors as page  # noqa: E402

SECRET, KEY_ID = b"\x41" * 32, b"2100000A+1"


def write(target, name, data):
    with open(f"tests/fuzz/corpus/{target}/{name}", "wb") as file:
        file.write(data)


def main():
    for target in ("gme", "packet", "channel"):
        os.makedirs(f"tests/fuzz/corpus/{target}", exist_ok=True)
    draw = page.Draw("corpus")
    for suite in page.SUITES:
        short = list(page.seal(suite, KEY_ID, SECRET, 1, b"short", draw))
        long = list(page.seal(suite, KEY_ID, SECRET, 2, page.Draw("long")(5000), draw))
        packed = list(page.seal(suite, KEY_ID, SECRET, 3, b"alice is online; " * 40, draw))
        for name, envelopes in (("short", short), ("long", long), ("packed", packed), ("twice", short + short),
                                ("mixed", [long[2], short[0], long[0], packed[0], long[1]])):
            write("channel", f"{name}-{suite}", b"".join(struct.pack(">H", len(e)) + e for e in envelopes))
        write("gme", f"message-{suite}", short[0])
        head = page.header(1, 0, 1, page.DEVICE, page.SERVICE)[:16]
        plain = page.inner(1, 0, 1, 5, b"short")
        write("packet", f"whole-{suite}", head + page.packet(suite, KEY_ID, SECRET, head, 0, plain, draw))
        write("packet", f"other-key-{suite}", head + page.packet(suite, KEY_ID, b"\x42" * 32, head, 0, plain, draw))
    fragment = page.header(7, 1, 3, page.DEVICE, page.SERVICE) + b"payload"
    write("gme", "fragment", fragment)
    write("gme", "receipt", page.answer(1, fragment))
    write("gme", "receipt-proved", page.answer(1, fragment, key_id=KEY_ID, secret=SECRET))
    write("gme", "error", page.answer(2, fragment, b"\0\7256"))
    write("gme", "error-proved", page.answer(2, fragment, b"\0\7256", KEY_ID, SECRET))
    write("gme", "receipt-of-nothing", page.answer(1, fragment)[:-19])
    write("gme", "empty", b"")
    write("channel", "cut", b"\0")
    write("packet", "slice", bytes(2064))


if __name__ == "__main__":
    main()
