#!/usr/bin/env python3
"""What real clients send, byte by byte, and what would harm: the simulated Communicator Web Access server answers the former as those
clients need it and lets the latter harm nobody but its own connection."""
import os
import re
import socket
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import bramble
import cwa_client
from cwa_client import COMMAND, DATA, element, find, text, uri


class Raw:
    """A connection that sends what it is told."""

    def __init__(self, server):
        self.socket = socket.create_connection(("127.0.0.1", server.port))
        self.socket.settimeout(bramble.DEADLINE_S)
        self.data = b""

    def send(self, *parts):
        for part in parts:
            self.socket.sendall(part if isinstance(part, bytes) else part.encode())

    def answer(self):
        """(status, head, body) of the next answer; None when the connection is over."""
        while b"\r\n\r\n" not in self.data:
            more = self.receive()
            if not more:
                return None
        head, _, self.data = self.data.partition(b"\r\n\r\n")
        head = head.decode()
        length = int(head.lower().partition("content-length: ")[2].split()[0])
        while len(self.data) < length:
            if not self.receive():
                return None
        body, self.data = self.data[:length].decode(), self.data[length:]
        return int(head.split()[1]), head, body

    def receive(self):
        try:
            more = self.socket.recv(65536)
        except ConnectionResetError:
            return b""
        self.data += more
        return more

    def close(self):
        self.socket.close()


class Clients(unittest.TestCase):
    options = ()

    def setUp(self):
        self.server = cwa_client.Server("--log-level", "info", *self.options)
        self.addCleanup(self.server.stop)

    def raw(self):
        raw = Raw(self.server)
        self.addCleanup(raw.close)
        return raw

    def client(self, user):
        client = cwa_client.Client(self.server, user)
        self.addCleanup(client.close)
        client.sign_in().begin()
        client.wait("requestSucceeded")
        return client


class Java(Clients):
    """A public Java library for the 2007 release: Java's own HTTP client, an XML declaration, no useful Content-Type, a doubled '&', a
    ticket that is never renewed, a number of its own for each conversation, text that is not escaped."""
    options = ("--hold", "0", "--renew", "0", "--accept", "1")

    def setUp(self):
        super().setUp()
        self.connection = self.raw()
        self.ticket = ""

    def send(self, method, path, body=None):
        ticket = f"CWA-Ticket: {self.ticket}\r\n" if self.ticket else ""
        head = (f"{method} {path} HTTP/1.1\r\n{ticket}Accept: text/plain\r\nUser-Agent: Java/1.6.0_20\r\n"
                f"Host: 127.0.0.1:{self.server.port}\r\nConnection: keep-alive\r\n")
        if body is not None:
            head += f"Content-type: application/x-www-form-urlencoded\r\nContent-Length: {len(body.encode())}\r\n"
        self.connection.send(head + "\r\n" + (body or ""))
        return self.connection.answer()

    def command(self, sid, inner):
        return self.send("POST", COMMAND, f'<?xml version="1.0" encoding="UTF-8"?>\n<cwaRequests sid="{sid}" '
                         f'xmlns="http://schemas.microsoft.com/2006/09/rtc/cwa">\n {inner}\n</cwaRequests>\n')

    def events(self, sid, ack):
        status, _, body = self.send("GET", f"{DATA}?Sid={sid}&&AckID={ack}&UA=false")
        self.assertEqual(status, 200)
        tree = cwa_client.from_xml(body)
        return int(tree[1]["ackId"]), tree[3], body

    def test_its_whole_run(self):
        bob = self.client("bob")
        self.assertEqual(self.send("GET", "/")[0], 200)
        status, head, body = self.send("POST", "/forms/logon.html", '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<cwaRequests xmlns="http://schemas.microsoft.com/2006/09/rtc/cwa">\n <logon>\n  <user>CORP\\alice</user>\n'
            '  <password>alice&amp;secret</password>\n </logon>\n</cwaRequests>\n')
        self.assertEqual((status, body.count("<signInData>"), "requestSucceeded" in body), (200, 1, True))
        self.ticket = next(line.partition(": ")[2] for line in head.split("\r\n") if line.startswith("CWA-Ticket: "))
        _, _, body = self.command("0", '<initiateSession rid="1"><localeId>1033</localeId><securityMode>private</securityMode>'
            '<userStateAvailability>12500</userStateAvailability><options autoPublishMachineState="true"/>'
            '<signInData>dGVsOis0OSAzMCAxMjM0</signInData></initiateSession>')
        self.assertIn("requestAccepted", body)
        answer = cwa_client.from_xml(body)[3][0]
        sid = text(answer, "sid")
        self.assertLess(body.index("<uri>"), len(body))
        self.assertEqual(text(answer, "uri"), uri("alice"))
        ack, events, _ = self.events(sid, 0)
        self.assertIn("contactGroup", [e[0] for e in events])
        self.assertEqual(self.events(sid, ack)[0:2], (ack, []))        # ackId is a number in an empty answer too
        self.command(sid, '<search rid="1">\n  <firstName></firstName>\n  <lastName></lastName>\n  <displayName>Bob</displayName>\n'
                     '  <emailAlias></emailAlias>\n  <function>or</function>\n </search>')
        ack, events, _ = self.events(sid, ack)
        self.assertEqual(events[0][3][0][1]["uri"], uri("bob"))
        for method in ("subscribePresence", "queryPresence"):
            self.command(sid, f'<{method} rid="3"><uris><uri>sip:dummy@else.test</uri><uri>sip:Bob@corp.test</uri></uris></{method}>')
            ack, events, body = self.events(sid, ack)
            self.assertEqual([u[1]["uri"] for e in events if e[0] == "userPresence" for u in e[3]], ["sip:dummy@else.test", uri("bob")])
            # It takes the second child of the category and makes a number of all its text.
            part = body[body.rindex('<cwaCategory name="state" '):]
            part = part[part.index(">") + 1:part.index("</cwaCategory>")]
            self.assertRegex(part, r"^\s+<state [^>]*><availability>\d+</availability></state>\s*$")
        _, _, body = self.command(sid, '<conference confId="1" rid="5"><initiateImSession><uris><uri>sip:bob@corp.test</uri></uris>'
                                  '<message><format>text/plain</format><content>hello</content></message></initiateImSession></conference>')
        self.assertIn('confId="1"', body)
        bob.wait("conference", "imSessionState", want="connected")
        self.assertEqual(self.command(sid, '<conference confId="1" rid="6"><sendMessage><format>text/plain</format>'
                                      '<content>fish & chips</content></sendMessage></conference>')[0], 400)
        self.assertIn("requestAccepted", self.command(sid, '<conference rid="7" confId="1"><sendMessage><format>text/plain</format>'
                                                      '<content>chips</content></sendMessage></conference>')[2])
        received = bob.wait("conference", "messageReceived")
        self.assertEqual(text(received, "messageReceived", "message", "content"), "chips")
        self.assertIn("requestAccepted", self.command(sid, '<conference confId="1" rid="8"><terminateImSession/></conference>')[2])
        bob.wait("conference", "imSessionState", want="terminated")
        conf = bob.invite("alice", words="")[1]["confId"]
        ack, events, _ = self.events(sid, ack)
        invited = next(e for e in events if find(e, "imSessionReceived"))
        self.assertEqual(text(invited, "imSessionReceived", "message", "content"), "")
        self.command(sid, f'<conference confId="{invited[1]["confId"]}" rid="9"><acceptImSession/></conference>')
        bob.say(conf, "now")
        self.assertIn("requestAccepted", self.command(sid, '<terminateSession rid="10"/>')[2])


class Script(Clients):
    """Public VBScript samples for the 2005 release: NTLM, a cookie whose first 36 characters are the key of all later addresses, commands in
    one form field, pieces of HTML. The NTLM of the components that those scripts use is curl's here."""
    options = ("--native-2005", "--hold", "1s", "--accept", "0")

    def setUp(self):
        self.server = cwa_client.Server("--log-level", "info", *self.options, iwa=True)
        self.addCleanup(self.server.stop)

    def curl(self, *args):
        done = subprocess.run(["curl", "-sS", "-i", "--max-time", "20", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        head, _, body = done.stdout.decode().rpartition("HTTP/1.1 ")[2].partition("\r\n\r\n")
        return head, body

    def sign_in(self, user):
        head, _ = self.curl("--ntlm", "-u", f"CORP\\{user}:{user}-secret",
                            self.server.url(f"/iwa/logon.html?uri={user}@corp.test&signinas=1&language=en&epid="))
        cookie = head.partition("Set-Cookie: ")[2].partition("\r\n")[0]
        self.assertRegex(cookie[:37], r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}=$")
        return cookie.partition(";")[0]

    def get(self, cookie, path, more=""):
        return self.curl("-H", f"Cookie: {cookie}", self.server.url(f"{path}?{more}Ck={cookie[:36]}"))

    def command(self, cookie, package):
        return self.curl("-H", f"Cookie: {cookie}", "-d", f"cmdPkg={package}", self.server.url(f"{COMMAND}?Ck={cookie[:36]}"))[1]

    def update(self, cookie, ack):
        """(next number, what the answer begins with and holds)"""
        body = self.get(cookie, DATA, f"AckID={ack}&")[1]
        return re.search(r'latestUpdate="(\d+)"', body).group(1), body

    def wait(self, cookie, ack, words):
        def look():
            nonlocal ack
            ack, body = self.update(cookie, ack)
            return (ack, body) if words in body else None
        return bramble.wait_until(look, f"an answer with {words}")

    def test_the_sender_and_the_answering_bot(self):
        bot, carol = self.sign_in("bob"), self.client("carol")
        ack, _ = self.wait(bot, 0, "latestUpdate")
        conf = carol.invite("bob", words='where is "dave" & co?')[1]["confId"]
        ack, body = self.wait(bot, ack, "inviters=")
        number = re.search(r'imId="(\d+)"', body).group(1)
        self.assertIn('inviters="sip:carol@corp.test"', body)
        self.assertIn('message="where is &quot;dave&quot; &amp; co?"', body)
        self.assertNotIn("exception", self.command(bot, f"1,LcwAcceptImRequest,{number}"))
        form = "X-MMS-IM-Format: FN=Arial%253B EF=%253B CO=000000%253B CS=1%253B PF=00"
        self.assertNotIn("exception", self.command(bot, f"2,LcwSendMessageRequest,{number},at home%252C I think,{form}"))
        message = find(carol.wait("conference", "messageReceived"), "messageReceived", "message")
        self.assertEqual((text(message, "content"), text(message, "format")),
                         ("at home, I think", "X-MMS-IM-Format: FN=Arial; EF=; CO=000000; CS=1; PF=00"))
        carol.say(conf, "thanks")
        ack, body = self.wait(bot, ack, 'action="receive"')
        self.assertIn('message="thanks" uri="sip:carol@corp.test"', body)
        body = self.wait(bot, ack, "QueryTimeout")[1]
        self.assertTrue(body.startswith('<div id="QueryTimeout"'))
        self.assertNotIn("exception", self.command(bot, f"3,LcwStartImRequest,sip:carol@corp.test,hello,{form}"))
        self.assertEqual(text(carol.wait("conference", "imSessionReceived"), "imSessionReceived", "message", "content"), "hello")
        self.assertIn('<div id="exception"', self.command(bot, "4,LcwNonsense,1"))
        self.assertTrue(self.get(bot, "/cwa/SignoutHandler.ashx")[0].startswith("200"))
        self.assertTrue(self.get(bot, DATA, "AckID=0&")[1].startswith('<div id="exception"'))


class Sample(Clients):
    def test_the_sdk_sample_signs_in_without_a_namespace_and_out_without_a_sid(self):
        raw = self.raw()
        body = ("<cwaRequests><logon><user>CORP\\alice</user><password>alice&amp;secret</password><uri>sip:alice@corp.test</uri></logon>"
                "</cwaRequests>")
        raw.send(f"POST /forms/logon.html HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml; charset=utf-8\r\nExpect: 100-continue\r\n"
                 f"Content-Length: {len(body)}\r\n\r\n")
        bramble.wait_until(lambda: b"100 Continue" in raw.data or raw.receive(), "it may go on")
        raw.data = b""
        raw.send(body)
        status, head, _ = raw.answer()
        self.assertEqual(status, 200)
        client = cwa_client.Client(self.server, "alice")
        self.addCleanup(client.close)
        client.ticket = head.partition("CWA-Ticket: ")[2].split()[0]
        client.begin()
        answer = client.post(COMMAND, element("terminateSession", {"rid": "2"}), sid=False)
        self.assertEqual(answer[3][0][0], "requestAccepted")


class Hostile(Clients):
    def check_that_others_are_well(self):
        client = self.client("carol")
        self.assertEqual(client.command("search")[0], "requestAccepted")
        client.command("terminateSession")

    def test_what_is_no_request_or_too_long_ends_its_connection_with_a_status(self):
        rows = [("an endless body", 413, [b"POST /forms/logon.html HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n"]),
                ("endless chunks", 413, [b"POST /forms/logon.html HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"] +
                 [b"4000\r\n" + b"x" * 0x4000 + b"\r\n"] * 5),
                ("a long line", 431, [b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n"]),
                ("a long header", 431, [b"GET / HTTP/1.1\r\nX: " + b"a" * 20000 + b"\r\n"]),
                ("many headers", 431, [b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 200 + b"\r\n"]),
                ("two lengths", 400, [b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"]),
                ("no HTTP", 400, [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"]),
                ("a NUL", 400, [b"GET / HTTP/1.1\r\nX: a\0b\r\n\r\n"]),
                ("a tunnel", 405, [b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n"])]
        for name, status, parts in rows:
            with self.subTest(name):
                raw = self.raw()
                try:
                    raw.send(*parts)
                except (BrokenPipeError, ConnectionResetError):
                    pass
                self.assertEqual(raw.answer()[0], status)
                self.assertIsNone(raw.answer())
        self.check_that_others_are_well()

    def post(self, body, ticket=""):
        raw = self.raw()
        path = COMMAND if ticket else "/forms/logon.html"
        body = body if isinstance(body, bytes) else body.encode()
        raw.send(f"POST {path} HTTP/1.1\r\nHost: x\r\nCWA-Ticket: {ticket}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        return raw.answer()

    def test_bombs_and_towers_are_refused_with_invalid_format(self):
        bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + "".join(f'<!ENTITY {chr(98 + i)} "{("&" + chr(97 + i) + ";") * 10}">'
                                                                 for i in range(9)) + "]><cwaRequests><logon><user>&j;</user></logon></cwaRequests>"
        outside = '<!DOCTYPE x SYSTEM "file:///etc/passwd"><cwaRequests><logon/></cwaRequests>'
        rows = [bomb, outside, "<a>" * 9000, "<cwaRequests>" + "<a>" * 4000 + "</a>" * 4000 + "</cwaRequests>", "[" * 60000,
                '{"cwaRequests":' * 3000, '{"cwaRequests":{"items":[{"logon":{"user":"a","user":"b"}}]}}', "", "a=b", b"<\xff\xfe>", b"{\xc3\x28}",
                '{"cwaRequests":{"items":[{"logon":{"user":"a\\u0001"}}]}}', "<cwaRequests><logon><user>&unknown;</user></logon></cwaRequests>"]
        for body in rows:
            with self.subTest(body=body[:60]):
                status, _, answer = self.post(body)
                self.assertEqual(status, 400)
                self.assertIn("18000", answer)
                self.assertNotIn("root:", answer)
        self.check_that_others_are_well()

    def test_a_ticket_that_is_wrong_opens_nothing(self):
        good = self.client("alice").ticket
        payload, _, mac = good.partition(".")
        for ticket in ("x", ".", good[:-2], good + "A", payload + ".", "." + mac, "A" * 600, payload[:-4] + "AAAA." + mac, good.swapcase()):
            with self.subTest(ticket=ticket[:20]):
                status, head, body = self.post("<cwaRequests/>", ticket)
                self.assertEqual(status, 401)
                self.assertNotIn("WWW-Authenticate", head)
                self.assertNotIn("CWA-Ticket", head)
                self.assertIn("18001", body)

    def test_huge_counts_are_refused_one_by_one(self):
        alice = self.client("alice")
        for query in ("Sid=99999999999999999999&AckID=0", f"Sid={alice.sid}&AckID=99999999999999999999", f"Sid={alice.sid}", "Sid=-1&AckID=-1",
                      "AckID=0", f"Sid={alice.sid}%00&AckID=0", f"Sid={alice.sid}&AckID=%zz"):
            with self.subTest(query=query):
                _, _, data = alice.exchange("data", "GET", f"{DATA}?{query}")
                self.assertEqual(find(cwa_client.from_xml(data), "error")[1]["code"], "18000")
        many = alice.post(COMMAND, *[element("nonsense", {"rid": i}) for i in range(500)])
        self.assertEqual((len(many[3]), find(many[3][-1], "error")[1]["code"]), (101, "18101"))
        uris = [element("uris", {}, "", [element("uri", {}, f"u{i}@x.test") for i in range(1000)])]
        self.assertEqual(find(alice.command("queryPresence", {}, uris), "error")[1]["code"], "18001")
        self.assertEqual(find(alice.invite("bob", words="x" * 8001), "error")[1]["code"], "18102")
        self.assertEqual(alice.command("search", {"rid": "r" * 65})[0], "requestInvalid")

    def test_a_client_that_cheats_with_its_acknowledgement_gets_nothing_and_loses_nothing_of_others(self):
        alice, bob = self.client("alice"), self.client("bob")
        alice.exchange("cheat", "GET", f"{DATA}?Sid={alice.sid}&AckID=0")
        raw = self.raw()
        raw.send(f"GET {DATA}?Sid={alice.sid}&AckID=1000000 HTTP/1.1\r\nHost: x\r\nCWA-Ticket: {alice.ticket}\r\n\r\n")
        bramble.wait_until(lambda: self.server.ask("census")["users"]["alice"]["sessions"][0]["held"], "it waits")
        bob.invite("alice")
        self.assertEqual(find(alice.poll(), "conference")[1]["confId"], "1")

    def test_requests_in_one_heap_are_answered_in_order(self):
        raw = self.raw()
        raw.send(b"".join(b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n" % (b"" if i % 3 else b"none") for i in range(100)))
        self.assertEqual([raw.answer()[0] for _ in range(100)], [200 if i % 3 else 404 for i in range(100)])

    def test_a_slow_drip_ends_alone(self):
        raw, quiet = self.raw(), self.raw()
        start = time.monotonic()

        def is_over():
            try:
                raw.send(b"X")
            except OSError:
                return True
            return False
        raw.send(b"POST /forms/logon.html HTTP/1.1\r\nContent-Length: 60000\r\n\r\n")
        self.check_that_others_are_well()
        bramble.wait_until(is_over, "the slow one is cut off", deadline_s=30, every_s=0.2)
        self.assertLess(time.monotonic() - start, 25)
        self.assertEqual(quiet.receive(), b"")
        self.check_that_others_are_well()


class Overflow(Clients):
    options = ("--throttle", "0", "--hold", "0")

    def test_a_client_that_never_fetches_its_events_loses_its_session_alone(self):
        alice = self.client("alice")
        for _ in range(11):
            alice.post(COMMAND, *[element("search", {"rid": "1"}) for _ in range(100)])
        self.assertEqual(find(alice.command("search"), "error")[1]["code"], "18100")
        self.client("bob")


if __name__ == "__main__":
    unittest.main()
