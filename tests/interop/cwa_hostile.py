"""What a hostile Communicator Web Access server may do to one client: actions for Server.plan, most of them by a name that says what
is wrong. Those that never end by themselves end when the client has had enough; what they sent until then is in Mischief.sent."""
import asyncio
import base64
import struct

import cwa_ntlm
from cwa_actions import body

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=utf-8\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
LAUGHS = ('<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "' + "ha" * 50 + '">' + "".join(
    f'<!ENTITY {c} "{f"&{p};" * 30}">' for p, c in zip("abcdefgh", "bcdefghi")) + ']>')
EVENTS = '<cwaEvents sid="{0}" ackId="{1}" pollWaitTime="{2}" sessionTimeout="594">{3}</cwaEvents>'
GIVES_UP_S = 60
MOST = 48 << 20


class Mischief:
    """How much was sent of what never ends, and for how long the client took it."""

    def __init__(self):
        self.sent, self.given_up = 0, 0

    def endless(self, first, piece, pause_s=0.0, last=MOST):
        async def act(connection, *_):
            end = connection.server.loop.time() + GIVES_UP_S
            connection.writer.write(first)
            try:
                while connection.server.loop.time() < end and self.sent < last:
                    connection.writer.write(piece)
                    await connection.writer.drain()
                    self.sent += len(piece)
                    if connection.writer.is_closing() or connection.reader.at_eof():
                        break
                    await asyncio.sleep(pause_s)
            except OSError:
                pass
            self.given_up += 1
            connection.writer.transport.abort()
            return "done"
        return act


def chunk(data):
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def xml(text):
    return body(text.encode() if isinstance(text, str) else text)


def events(inner="", ack="9", wait="40"):
    """An answer of the data channel, whatever was asked."""
    async def act(connection, request, sign):
        text = EVENTS.format(request.query.get("Sid", "1"), ack, wait, inner)
        return await xml(text)(connection, request, sign)
    return act


def tickets(*values):
    """A true answer with other tickets."""
    async def act(connection, request, sign):
        inner = connection.write

        async def write(code, headers, data):
            connection.write = inner
            await inner(code, [h for h in headers if h[0] != "CWA-Ticket"] + [("CWA-Ticket", v) for v in values], data)
        connection.write = write
        await connection.carry_out(request, sign)
        return "done"
    return act


def elsewhere(number, port):
    """A redirect to a port where somebody counts who comes."""
    async def act(connection, _, __):
        await connection.write(number, [("Location", f"https://127.0.0.1:{port}/forms/logon.html"), ("Content-Type", "text/html")], b"moved")
        return "done"
    return act


def challenged_again(scheme="NTLM"):
    """Whatever comes is answered with one more challenge."""
    async def act(connection, _, __):
        token = base64.b64encode(cwa_ntlm.challenge("CORP", "CWA", b"8 bytes.")).decode()
        await connection.answer(401, more=[("WWW-Authenticate", f"{scheme} {token}")])
        connection.server.challenges += 1
        return "done"
    return act


def bad_challenge(token):
    async def act(connection, _, __):
        await connection.answer(401, more=[("WWW-Authenticate", "NTLM " + token)])
        return "done"
    return act


BROKEN_CHALLENGES = {
    "no base64": "!!!!", "nothing": "TlRMTVNTUAA=",
    "fields far away": base64.b64encode(cwa_ntlm.SIGNATURE + struct.pack("<IHHIIQQHHI", 2, 65535, 65535, 0x7fffffff, 0x00828233, 1, 0, 65535,
                                                                        65535, 0xfffffff0)).decode(),
    "very long": base64.b64encode(cwa_ntlm.SIGNATURE + struct.pack("<I", 2) + b"\x01" * 60000).decode(),
}


def heads():
    """Answers whose head is wrong: name: bytes, after which the connection ends."""
    return {
        "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
        "an end in mid-header": HEAD + b"CWA-Tic",
        "an end after the status": b"HTTP/1.1 200 OK",
        "nothing": b"",
        "two lengths": HEAD + b"Content-Length: 5\r\nContent-Length: 50\r\n\r\n<a/> ",
        "a length below zero": HEAD + b"Content-Length: -1\r\n\r\n<a/>",
        "a length that is no number": HEAD + b"Content-Length: ten\r\n\r\n<a/>",
        "a length of 2 GB and an end": HEAD + b"Content-Length: 2147483648\r\n\r\n<cwaResponses>",
        "a length beyond 64 bits": HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n<a/>",
        "a chunk beyond 64 bits": CHUNKED + b"fffffffffffffffff\r\n<a/>",
        "a chunk of -1": CHUNKED + b"-1\r\n<a/>\r\n0\r\n\r\n",
        "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0",
        "a NUL in a header": HEAD + b"CWA-Ticket: a\0b\r\nContent-Length: 0\r\n\r\n",
        "gzip that is none": HEAD + b"Content-Encoding: gzip\r\nContent-Length: 40\r\n\r\n<a/>",
        "a header of 300 KB": HEAD + b"X-Long: " + b"x" * 300000 + b"\r\nContent-Length: 0\r\n\r\n",
        "an upgrade": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n\0\0\0",
    }


def bodies(json):
    """Bodies with a true head that are no answer: name: (body, type)."""
    text, other = "text/xml; charset=utf-8", "application/json; charset=utf-8"
    good = '<cwaResponses><requestAccepted rid="1"><sid>1</sid></requestAccepted></cwaResponses>'
    deep = 100000
    return {
        "the other encoding": ((good, other) if json else ('{"cwaResponses":{"items":[{"requestAccepted":{"@rid":"1"}}]}}', text)),
        "a page": ("<!DOCTYPE html><html><body>Sign in</body></html>", "text/html"),
        "a page without a DOCTYPE": ("<html><body>Sign in</body></html>", "text/html"),
        "an entity bomb": (LAUGHS + "<cwaResponses><error code='1' reason='&i;'/></cwaResponses>", text),
        "an entity bomb in an attribute": (LAUGHS + "<cwaResponses a='&i;'/>", text),
        "an entity from a file": ('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><cwaResponses><error code="1" reason="x"/>&x;</cwaResponses>', text),
        "a DOCTYPE from elsewhere": ('<!DOCTYPE a SYSTEM "http://127.0.0.1:1/a.dtd"><cwaResponses/>', text),
        "XML that is 100,000 deep": ("<cwaResponses>" + "<a>" * deep + "</a>" * deep + "</cwaResponses>", text),
        "JSON that is 100,000 deep": ('{"cwaResponses":' + "[" * deep + "]" * deep + "}", other),
        "300,000 elements": ("<cwaResponses>" + "<a/>" * 300000 + "</cwaResponses>", text),
        "300,000 attributes": ("<cwaResponses " + " ".join(f'a{i}="1"' for i in range(300000)) + "/>", text),
        "no UTF-8": (b"<cwaResponses><error code='1' reason='\xff\xfe\xc0\x80'/></cwaResponses>", text),
        "UTF-16": ("<cwaResponses/>".encode("utf-16-le"), text),
        "a NUL": (b"<cwaResponses>\0</cwaResponses>", text),
        "JSON with a member twice": ('{"cwaResponses":{},"cwaResponses":{"items":[]}}', other),
        "JSON of other shapes": ('{"cwaResponses":{"items":{"a":[1,{"@rid":[]}]}}}', other),
        "JSON with a lone surrogate": ('{"cwaResponses":{"items":[{"error":{"@code":"1","@reason":"\\ud800"}}]}}', other),
        "a request": ('<cwaRequests><logon/></cwaRequests>', text),
        "white space": (" " * 1000, text),
        "nothing": ("", text),
        "an image": (b"\x89PNG\r\n\x1a\n\0\0\0", "image/png"),
    }


# Events that are well-formed, and no server in its mind says: name: action for the data channel.
def senseless(sid_uri="sip:bob@corp.test"):
    huge = "9" * 40
    note = '<cwaCategory name="note"><note xmlns="http://schemas.microsoft.com/2006/09/sip/note"><body type="personal">{}</body></note></cwaCategory>'
    return {
        "an ackId of 40 digits": events(ack=huge),
        "an ackId of 64 bits": events('<requestSucceeded eid="18446744073709551615" rid="x"/>', "18446744073709551615"),
        "an ackId below zero": events(ack="-5"),
        "an ackId that is no number": events(ack="twelve"),
        "an eid of 40 digits": events(f'<requestSucceeded eid="{huge}" rid="x"/>', "9"),
        "a pause of 40 digits": events(wait=huge),
        "a pause below zero": events(wait="-1"),
        "conversations with numbers of 40 digits": events(f'<conference eid="9" confId="{huge}"><imSessionState>connected</imSessionState></conference>'
                                                          '<conference eid="9" confId="-1"><imSessionState>connected</imSessionState></conference>'),
        "words about no conversation": events('<conference eid="9" confId="77"><messageReceived sender="x"><message><content>?</content></message>'
                                              '</messageReceived><composingState>composing</composingState><imSessionState>incoming</imSessionState>'
                                              '<escalationMode>escalated</escalationMode><participant uri=""/></conference>'),
        "outcomes of what nobody asked": events("".join(f'<requestFailed eid="9" rid="{i}"><error code="18400"/></requestFailed>' for i in range(99))),
        "people without a name": events('<contactGroup eid="9" fullList="true"><contact uri="" name="" tag=""/><contact uri="sip:" name="x" tag="x"/>'
                                        '<contact uri="@" name="&#10;&#13;&#9;" tag="1" groups=" 1  2 "/><group id="" name=""/></contactGroup>'
                                        '<userPresence eid="9"><user uri=""/><user uri="sip:a b@c"><cwaCategory name=""/></user></userPresence>'),
        "states that are none": events("".join(
            f'<userPresence eid="9"><user uri="{sid_uri}"><cwaCategory name="state"><state xmlns="http://schemas.microsoft.com/2006/09/sip/state">'
            f'<availability>{v}</availability></state></cwaCategory></user></userPresence>' for v in ("", "x", huge, "-1", "3500.5"))),
        "a note of 3 MB": events(f'<userPresence eid="9"><user uri="{sid_uri}">' + note.format("n" * (3 << 20)) + "</user></userPresence>"),
        "a message of 3 MB": events(f'<conference eid="9" confId="5"><imSessionReceived><inviter uri="{sid_uri}"/><message><content>' + "m" * (3 << 20)
                                    + "</content></message></imSessionReceived></conference>"),
        "8,999 invitations": events("".join(f'<conference eid="9" confId="{i}"><imSessionReceived><inviter uri="sip:u{i}@corp.test"/>'
                                             '</imSessionReceived></conference>' for i in range(1, 9000))),
        "a list of 19,000": events('<contactGroup eid="9" fullList="true">' + "".join(
            f'<contact uri="sip:u{i}@corp.test" name="{i}" tag="false" groups="1"/>' for i in range(19000)) + "</contactGroup>"),
        "presence of 9,000 strangers": events('<userPresence eid="9">' + "".join(
            f'<user uri="sip:s{i}@corp.test"><cwaCategory name="note"/></user>' for i in range(9000)) + "</userPresence>"),
    }

