#!/usr/bin/env python3
"""The independent Communicator Web Access server by itself, with curl: it signs in whom it should, keeps both channels, and does the mischief
that it is told to."""
import json
import os
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cwa_ntlm
import cwa_server as cwa
from cwa_wire import COMMAND, DATA, NAMESPACE, from_json, from_xml

FORMS = "<cwaRequests><logon><user>CORP\\{0}</user><password>{0}-secret</password></logon></cwaRequests>"
XML, JSON = "text/xml; charset=utf-8", "application/json; charset=utf-8"


class Curl:
    """One user, each request a curl of its own."""

    def __init__(self, server, as_json=False):
        self.server, self.ticket, self.sid, self.json, self.ack = server, None, "0", as_json, 0

    def ask(self, path, *options, body=None, fails=None):
        command = [shutil.which("curl"), "-sS", "-i", "--max-time", "8", "--cacert", self.server.certificate, *options]
        if self.ticket:
            command += ["-H", f"CWA-Ticket: {self.ticket}"]
        if body is not None:
            command += ["-H", f"Content-Type: {JSON if self.json else XML}", "--data-binary", "@-"]
        done = subprocess.run([*command, f"https://127.0.0.1:{self.server.port}{path}"], input=(body or "").encode(), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=False)
        if fails is not None:
            return done.returncode
        if done.returncode:
            raise AssertionError(f"curl {path}: {done.stderr}, {self.server.faults}")
        head, _, answer = ("\n" + done.stdout.decode().replace("\r\n", "\n")).rpartition("\nHTTP/1.1 ")[2].partition("\n\n")
        for line in head.split("\n"):
            if line.startswith("CWA-Ticket: "):
                self.ticket = line[12:]
        self.head, self.status = head, int(head.split()[0])
        answer = answer[:max(answer.rfind(">"), answer.rfind("}")) + 1]      # curl puts trailers behind the body
        return (from_json if answer[0] == "{" else from_xml)(answer.encode()) if answer and "html" not in head else None

    def forms(self, user):
        body = FORMS.format(user)
        if self.json:
            body = json.dumps({"cwaRequests": {"items": [{"logon": {"user": f"CORP\\{user}", "password": f"{user}-secret"}}]}})
        return self.ask("/forms/logon.html", body=body)

    def command(self, words, **options):
        if self.json:
            return self.ask(COMMAND, body=json.dumps({"cwaRequests": {"@sid": self.sid, "items": words}}), **options)
        return self.ask(COMMAND, body=f'<cwaRequests sid="{self.sid}" xmlns="{NAMESPACE}">{words}</cwaRequests>', **options)

    def begin(self):
        answer = self.command([{"initiateSession": {"@rid": "1", "signInData": "dGVsOis0OTU1NTAxMDA="}}] if self.json else
                              '<initiateSession rid="1"><signInData>dGVsOis0OTU1NTAxMDA=</signInData></initiateSession>')
        self.sid = answer.value("requestAccepted", "sid")
        return self

    def events(self):
        got = self.ask(f"{DATA}?Sid={self.sid}&AckID={self.ack}&UA=false")
        if got and got.name == "cwaEvents":
            self.ack = int(got.attrs["ackId"])
        return got


class Alone(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cwa.Server()
        cls.addClassCleanup(cls.server.stop)

    def setUp(self):
        self.server.reset()
        self.server.odd.poll_ms = 0

    def test_md4_and_who_knows_the_password(self):
        self.assertEqual(cwa_ntlm.md4(b"").hex(), "31d6cfe0d16ae931b73c59d7e0c089c0")
        self.assertEqual(cwa_ntlm.md4(b"1234567890" * 8).hex(), "e33b4ddc9c38f2199c3e7b164fcc0536")
        for name, words, status in (("CORP\\alice", "alice-secret", 200), ("alice", "alice-secret", 200), ("alice@corp.test", "alice-secret", 200),
                                    ("CORP\\alice", "wrong", 401), ("CORP\\nobody", "x", 401), ("ELSE\\alice", "alice-secret", 401)):
            with self.subTest(name=name):
                curl = Curl(self.server)
                answer = curl.ask("/iwa/logon.html", "--ntlm", "-u", f"{name}:{words}", body="<cwaRequests><logon/></cwaRequests>")
                self.assertEqual((curl.status, bool(curl.ticket)), (status, status == 200))
                if status == 200:
                    self.assertEqual(answer.value("requestSucceeded", "uri"), "sip:alice@corp.test")
        self.assertEqual(self.server.signed, [("alice", "iwa")] * 3)
        self.assertEqual(self.server.faults, [])

    def test_a_sign_in_that_is_refused(self):
        for how, status in ((401, 401), (403, 403), (404, 404), (405, 405), ("no-ticket", 200), ("refuse", 401)):
            self.server.odd.iwa = how
            curl = Curl(self.server)
            curl.ask("/iwa/logon.html", "--ntlm", "-u", "alice:alice-secret", body="<cwaRequests><logon/></cwaRequests>")
            self.assertEqual((curl.status, curl.ticket), (status, None))
        self.assertEqual(Curl(self.server).ask("/forms/logon.html", body=FORMS.replace("secret", "x").format("alice")).value("requestFailed"), "")
        self.assertEqual(self.server.faults, [])

    def test_a_day_in_each_encoding(self):
        server = self.server
        for as_json in (False, True):
            with self.subTest(json=as_json):
                bob = server.puppet("bob")
                curl = Curl(server, as_json)
                curl.ask("/")
                self.assertEqual(curl.status, 200)
                curl.forms("alice")
                first = curl.ticket
                curl.begin()
                self.assertNotEqual(curl.ticket, first)
                got = curl.events()
                self.assertEqual([e.name for e in got.children], ["contactGroup", "selfPresence", "userPresence", "configuration", "containers",
                                                                  "subscribers", "requestSucceeded"])
                self.assertEqual([e.attrs["eid"] for e in got.children], list("1234567"))
                # A lost answer is asked for again.
                curl.ack = 3
                self.assertEqual([e.name for e in curl.events().children], ["configuration", "containers", "subscribers", "requestSucceeded"])
                self.assertIn("AckID 3", server.faults.pop())
                answer = curl.command([{"conference": {"@rid": "2", "@confId": "0", "initiateImSession": {
                    "uris": ["sip:bob@corp.test"], "message": {"format": "text/plain", "content": "hi"}}}}] if as_json else
                    '<conference rid="2" confId="0"><initiateImSession><uris><uri>sip:bob@corp.test</uri></uris><message><format>text/plain</format>'
                    '<content>hi</content></message></initiateImSession></conference>')
                self.assertEqual(answer.child("initiateImSessionAccepted").attrs, {"rid": "2", "confId": "1"})
                got = curl.events()
                self.assertEqual([(e.children[0].name, e.children[0].text) for e in got.children], [
                    ("escalationMode", "invitingPeer"), ("imSessionState", "connecting"), ("escalationMode", "peer"), ("imSessionState", "connected")])
                self.assertEqual(bob.words(), ["hi"])
                bob.say("alice", "& hello")
                heard = curl.events().child("conference", "messageReceived")
                self.assertEqual((heard.attrs["sender"], heard.value("message", "content")), ("sip:bob@corp.test", "& hello"))
                server.forget("alice")
                self.assertEqual(curl.events().child("error").attrs["code"], "18100")
                server.expire("alice")
                curl.events()
                self.assertEqual(curl.status, 401)
                self.assertEqual(server.faults, [])

    def test_ways_to_write_it(self):
        bob = self.server.puppet("bob")
        bob.show(cwa.BUSY, "a < b & \u20ac")
        for switches in ({"chunked": True, "pieces": "random"}, {"prefix": True, "pretty": True}, {"references": True, "quotes": True},
                         {"cdata": True, "unknown": True, "shuffle": True}, {"declaration": True, "mark": True, "namespace": True},
                         {"interim": True, "close": True}, {"wrapped": True}, {"batch": 1}):
            for as_json in (False, True):
                if as_json and ("mark" in switches or "unknown" in switches):
                    continue
                with self.subTest(json=as_json, **switches):
                    curl = Curl(self.server, as_json)
                    self.server.odd = cwa.Odd(poll_ms=0)
                    curl.forms("alice")
                    curl.begin()
                    self.server.odd = cwa.Odd(poll_ms=0, **switches)
                    got, seen = curl.events(), []
                    while switches.get("batch") == 1 and curl.ack < 7:
                        seen += got.children
                        got = curl.events()
                    got.children += seen
                    events = got if got.name == "cwaEvents" else got.child("cwaEvents")
                    user = next(u for u in events.child("userPresence").all("user") if u.attrs["uri"] == "sip:bob@corp.test")
                    shown = {c.attrs["name"]: c for c in user.all("cwaCategory")}
                    self.assertEqual(shown["state"].value("state", "availability"), "6500")
                    self.assertEqual(shown["note"].value("note", "body"), "a < b & \u20ac")

    def test_what_it_was_told_to_do_wrong(self):
        curl = Curl(self.server)
        curl.forms("alice")
        curl.begin()
        search = '<search rid="{}"><displayName>Zo</displayName></search>'
        self.server.plan("search", cwa.fail(18101))
        self.assertEqual(curl.command(search.format(3)).child("requestFailed", "error").attrs["code"], "18101")
        self.server.plan("search", cwa.fail_later(18201, "no", sip="404"))
        self.assertTrue(curl.command(search.format(4)).child("requestAccepted"))
        self.assertEqual(curl.events().child("requestFailed", "error", "sipResponse").attrs["code"], "404")
        self.server.plan("get", cwa.status(503, 2))
        self.assertIsNone(curl.events())
        self.assertIn("Retry-After: 2", curl.head)
        self.server.plan("search", cwa.cut(0.9))
        self.assertIn(curl.command(search.format(5), fails=True), (18, 56))
        self.assertEqual([u.attrs["uri"] for u in curl.events().child("searchResult").children], ["sip:zoe@corp.test"])
        self.server.plan("post", cwa.hang_up())
        self.assertIn(curl.command(search.format(6), fails=True), (52, 56))

    def test_what_it_notes(self):
        curl = Curl(self.server)
        curl.forms("alice")
        curl.begin()
        curl.events()
        for words, why in (('<search rid="1"/>', "rid 1 twice"), ("<search/>", "without"), ('<ping rid="2"/>', "unknown ping"),
                           ('<search rid="3"><function>xor</function></search>', "xor"), ('<search rid="4"><x/></search>', "holds x")):
            self.server.faults.clear()
            curl.command(words)
            self.assertEqual([why in f for f in self.server.faults], [True], self.server.faults)


if __name__ == "__main__":
    unittest.main()
