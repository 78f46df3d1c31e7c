"""Frames and items as the SRP page describes them: u8 version 1, u8 function, u32 length of the whole message, items.
An item is 'S' (0x53), u32 length, bytes; or 'I' (0x49), u32 value. All integers in network order."""
import struct


def number(value):
    return b"\x49" + struct.pack(">I", value)


def string(value):
    raw = value.encode("utf-8") if isinstance(value, str) else value
    return b"\x53" + struct.pack(">I", len(raw)) + raw


def frame(function, *items):
    body = b"".join(items)
    return struct.pack(">BBI", 1, function, 6 + len(body)) + body
