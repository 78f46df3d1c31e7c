"""The Messenger formats as their page describes them: requests of escaped text, answers and events in little-endian binary.

A field is (tag, type, value) or (tag, type, value, method); the value of an array is a list of fields."""
import struct

LETTERS = {0: "0", 1: "-", 2: "2", 3: "3", 4: "G", 5: "1", 6: "F", 10: "E", 12: "D", 14: "C", 15: "B", 16: "A", 17: "9", 19: "8",
           20: "7", 40: "6", 41: "5", 42: "4"}
ARRAY, STRING, BOOL, MULTI, DN, UDWORD = 9, 10, 11, 12, 13, 8
TRANSACTION, RESULT = "NM_A_SZ_TRANSACTION_ID", "NM_A_SZ_RESULT_CODE"
DATE = "Thu, 01 Jan 2009 12:00:00 GMT"


def parts(field):
    return field if len(field) == 4 else (*field, 0)


def escape(text):
    out = ""
    for byte in text.encode("utf-8") if isinstance(text, str) else text:
        char = chr(byte)
        out += char if byte < 128 and char.isalnum() else "+" if char == " " else f"%{byte:02x}"
    return out


def request_field(field):
    tag, kind, value, method = parts(field)
    children = "".join(map(request_field, value)) if kind in (ARRAY, MULTI) else ""
    shown = len(value) if kind in (ARRAY, MULTI) else escape(value) if kind in (STRING, DN) else value
    return f"&tag={tag}&cmd={LETTERS[method]}&val={shown}&type={kind}{children}"


def request(command, transaction, *fields, host=None):
    head = f"POST /{command} HTTP/1.0\r\n" + (f"Host: {host}\r\n" if host else "") + "\r\n"
    body = "".join(map(request_field, (*fields, (TRANSACTION, STRING, str(transaction)))))
    return (head + body + "\r\n").encode("ascii")


def text(value):
    raw = value.encode("utf-8") if isinstance(value, str) else value
    return struct.pack("<I", len(raw) + 1) + raw + b"\0"


def answer_field(field):
    tag, kind, value, method = parts(field)
    head = bytes([kind, method]) + text(tag)
    if kind in (ARRAY, MULTI):
        return head + struct.pack("<I", len(value)) + b"".join(map(answer_field, value))
    return head + (text(value) if kind in (STRING, DN) else struct.pack("<I", value))


def answer(code, transaction, *fields):
    head = f"HTTP/1.0 200\r\nDate: {DATE}\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n\r\n".encode("ascii")
    last = ((RESULT, STRING, str(code)), (TRANSACTION, STRING, str(transaction)))
    return head + b"".join(map(answer_field, (*fields, *last))) + b"\0"


def event(kind, source, *body):
    return struct.pack("<I", kind) + text(source) + b"".join(body)


def u16(value):
    return struct.pack("<H", value)


def u32(value):
    return struct.pack("<I", value)


def show(*fields):
    """How the tests write a tree: tag/method:type=value, arrays with their children in brackets."""
    words = []
    for field in fields:
        tag, kind, value, method = parts(field)
        word = f"{escape(tag)}/{method}:{kind}"
        words.append(f"{word}[{show(*value)}]" if kind in (ARRAY, MULTI) else
                     f"{word}={escape(value) if kind in (STRING, DN) else value}")
    return " ".join(words)
