#!/usr/bin/env python3
"""The simulated Messenger server against a client written from the protocol's page alone: what stock clients never send, or
cannot show: sessions, the reader, clock and capacity."""
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import bramble
import messenger
from messenger import dn, page, values

ARRAY, STRING, DN = page.ARRAY, page.STRING, page.DN
AVAILABLE, BUSY, AWAY, OFFLINE = 2, 3, 4, 1
LOGIN_TAGS = ["nnmFileTransfer", "nnmQuery", "nnmArchive", "nnmPasswordRemember", "nnmBroadcast", "nnmPersonalHistory",
              "nnmPrintSave", "nnmChatService", "nnmMaxContacts", "nnmMaxFolders", "CN", "Surname", "Full Name", "Given Name",
              "nnmLastLogin", "nnmBlocking", "NM_A_FA_CLIENT_SETTINGS", "NM_A_FA_INFO_DISPLAY_ARRAY", "NM_A_FA_CONTACT_LIST",
              "NM_A_FA_CUSTOM_STATUSES", "NM_A_UD_BUILD", "NM_A_SZ_DN", "NM_A_FA_AU_SETTINGS", "NM_A_UD_KEEPALIVE"]


class Sessions(messenger.Case):
    def test_the_login_answer_has_all_fields_in_the_real_servers_order(self):
        code, fields = self.raw().login("alice")
        self.assertEqual(code, 0)
        self.assertEqual([f[0] for f in fields], LOGIN_TAGS)
        self.assertEqual(values(fields, "NM_A_SZ_DN"), [dn("alice")])
        self.assertEqual(values(fields, "NM_A_UD_KEEPALIVE"), [10])
        contacts = "NM_A_FA_CONTACT_LIST"
        self.assertEqual([f[0] for f in values(fields, contacts)[0]], ["NM_A_FA_FOLDER", "NM_A_FA_CONTACT", "NM_A_FA_CONTACT"])
        self.assertEqual(values(fields, contacts, "NM_A_FA_CONTACT", "NM_A_SZ_PARENT_ID"), ["1", "1"])
        self.assertEqual(values(fields, contacts, "NM_A_FA_CONTACT", "NM_A_FA_USER_DETAILS", "Full Name"),
                         ["Bob Br\u00fcckner", "Carol Clark"])
        self.assertNotIn("NM_A_SZ_AUTH_ATTRIBUTE", [f[0] for f in fields])

    def test_any_command_before_login_is_answered_d101(self):
        raw = self.raw()
        for command in ("getdetails", "ping", "nonsense", "sendmessage"):
            self.assertEqual(raw.ask(command), (0xD101, []))
        raw.send(b"GET /getdetails HTTP/1.0\r\nAccept-Language: en\r\n\r\n")
        raw.transaction = 0
        self.assertEqual(raw.answer(), (0xD101, []))

    def test_codes_of_the_login(self):
        raw = self.raw()
        self.assertEqual(raw.login("alice", "wrong")[0], 0xD149)
        self.assertEqual(raw.login("nobody", "x")[0], 0xD149)
        self.assertEqual(raw.ask("login", ("NM_A_SZ_USERID", STRING, "alice"))[0], 0xD146)
        self.assertEqual(raw.ask("login", ("NM_A_SZ_CREDENTIALS", STRING, "alice-secret"))[0], 0xD146)
        self.assertEqual(raw.login("alice")[0], 0)
        self.assertEqual(raw.login("alice")[0], 0xD101)

    def test_the_fifth_refused_login_closes(self):
        raw = self.raw()
        for _ in range(5):
            self.assertEqual(raw.login("alice", "wrong")[0], 0xD149)
        self.assertTrue(raw.is_closed())

    def test_an_unknown_command_is_answered_d10a_and_rooms_d159(self):
        raw = self.raw("alice")
        self.assertEqual(raw.ask("nonsense"), (0xD10A, []))
        self.assertEqual(raw.ask("sendfile"), (0xD10A, []))
        self.assertEqual(raw.ask("chatcounts"), (0xD159, []))

    def test_a_malformed_request_is_answered_d130_and_the_session_lives(self):
        raw = self.raw("alice")
        raw.transaction += 1
        raw.send(f"POST /getdetails HTTP/1.0\r\n\r\n&tag=a&cmd=0&val=7&type=9&tag={page.TRANSACTION}&cmd=0&val={raw.transaction}"
                 "&type=10\r\n".encode())
        self.assertEqual(raw.answer(), (0xD130, []))
        self.assertEqual(raw.ask("ping"), (0, []))

    def test_what_is_no_request_closes_only_that_connection(self):
        good = self.raw("alice")
        bad = self.raw()
        bad.send(b"\x00\x01\x02 garbage")
        self.assertTrue(bad.is_closed())
        self.assertEqual(good.ask("ping"), (0, []))
        self.assertIn("a request begins with", self.server.errors())

    def test_clear_text_is_no_way_in(self):
        with socket.create_connection(("127.0.0.1", self.server.port)) as clear:
            clear.sendall(page.request("login", 1))
            clear.settimeout(bramble.DEADLINE_S)
            self.assertNotIn(b"HTTP", clear.recv(4096))

    def test_a_new_login_ends_the_old_session_with_event_114(self):
        first, bob = self.raw("alice"), self.raw("bob")
        failed, second = self.raw(), self.raw()
        self.assertEqual(failed.login("alice", "wrong")[0], 0xD149)
        self.assertEqual(first.ask("ping")[0], 0)
        self.assertEqual(second.login("alice")[0], 0)
        self.assertEqual(first.event(114), ("event", 114, dn("alice")))
        self.assertTrue(first.is_closed())
        second.status(BUSY)
        # Nobody hears that she was away in between.
        self.assertEqual(bob.event(103), ("event", 103, dn("alice"), BUSY, ""))
        self.assertEqual(self.server.user("alice"), {"sessions": 1, "logins": 2, "refused": 1, "status": "busy"})

    def test_logout_answers_and_closes(self):
        alice, bob = self.raw("alice"), self.raw("bob")
        self.assertEqual(bob.ask("logout"), (0, []))
        self.assertTrue(bob.is_closed())
        while alice.event(103)[3] != OFFLINE:
            pass
        self.assertEqual(self.server.ask("census")["sessions"], 1)

    def test_each_message_is_a_tls_record_of_its_own(self):
        # Two answers asked for at once: the second must not share the first one's record. A BIO shows record by record.
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        tls = context.wrap_bio(incoming, outgoing)
        with socket.create_connection(("127.0.0.1", self.server.port), bramble.DEADLINE_S) as peer:
            def step(call):
                while True:
                    try:
                        return call()
                    except ssl.SSLWantReadError:
                        peer.sendall(outgoing.read())
                        incoming.write(peer.recv(65536))
            step(tls.do_handshake)
            tls.write(page.request("ping", 1) + page.request("ping", 2))
            peer.sendall(outgoing.read())
            answers = [step(lambda: tls.read(65536)) for _ in range(2)]
        for n, answer in enumerate(answers):
            self.assertTrue(answer.startswith(b"HTTP/1.0 200\r\nDate: ") and answer.endswith(f"{n + 1}\0\0".encode()), answer)

    def test_an_idle_connection_is_closed_after_the_deadline(self):
        # Real time: a client that never says anything.
        silent = socket.create_connection(("127.0.0.1", self.server.port), 15)
        silent.settimeout(15)
        try:
            self.assertEqual(silent.recv(1), b"")
        except ConnectionResetError:
            pass
        silent.close()


class Reader(messenger.Case):
    """What clients send that is not as it should be, up to what others see of it."""

    def setstatus(self, raw, text):
        raw.transaction += 1
        raw.send(b"POST /setstatus HTTP/1.0\r\nAccept-Language: en\r\n\r\n&tag=NM_A_SZ_STATUS&cmd=0&val=4&type=10"
                 b"&type=10&tag=NM_A_SZ_STATUS_TEXT&val=" + text + b"&cmd=0&type=10"
                 + f"&tag={page.TRANSACTION}&cmd=0&val={raw.transaction}&type=10\r\n".encode())
        return raw.answer()[0]

    def test_broken_texts_arrive_mended(self):
        alice, bob = self.raw("alice"), self.raw("bob")
        self.assertEqual(bob.ask("ping"), (0, []))
        bob.events.clear()
        for text, wanted in ((b"%C3%A9+%c3%a9", "\u00e9 \u00e9"), (b"1%zz2", "1%zz2"), (b"12%e", "12"), (b"12%", "12"),
                             (b"12%e2%82", "12"), (b"%c3x", "\ufffdx"), (b"12%e2\0", "12"), (b"1\x002", "12"), (b"1%002", "12"),
                             (b"%00", ""), (b"", "")):
            with self.subTest(text=text):
                self.assertEqual(self.setstatus(alice, text), 0)
                self.assertEqual(bob.event(103), ("event", 103, dn("alice"), AWAY, wanted))

    def test_a_long_text_of_many_bytes_is_cut_between_characters(self):
        alice, bob = self.raw("alice"), self.raw("bob")
        self.assertEqual(self.setstatus(alice, b"%e6%bc%a2" * 1000), 0)
        while (seen := bob.event(103))[3] != AWAY:
            pass
        self.assertEqual(set(seen[4]), {"\u6f22"})

    def test_requests_in_tiny_records_and_several_in_one(self):
        raw = self.raw("alice")
        for byte in page.request("ping", raw.transaction + 1):
            raw.send(bytes([byte]))
        raw.transaction += 1
        self.assertEqual(raw.answer(), (0, []))
        raw.send(b"".join(page.request("ping", raw.transaction + n) for n in range(1, 21)))
        for _ in range(20):
            raw.transaction += 1
            self.assertEqual(raw.answer(), (0, []))

    def test_a_get_is_a_request_without_fields(self):
        raw = self.raw("alice")
        raw.transaction = 0
        for command, code in (("ping", 0), ("nonsense", 0xD10A), ("getdetails", 0xD10D), ("setstatus", 0xD130)):
            raw.send(f"GET /{command} HTTP/1.0\r\nHost: x\r\n\r\n".encode())
            self.assertEqual(raw.answer(), (code, []))

    def test_every_command_without_its_fields_is_refused_with_a_code(self):
        raw = self.raw("alice")
        wanted = {"setstatus": 0xD130, "getstatus": 0xD10D, "getdetails": 0xD10D, "createsearch": 0xD130, "getresults": 0xD124,
                  "createfolder": 0xD130, "createcontact": 0xD10D, "deletecontact": 0xD130, "movecontact": 0xD130,
                  "createblock": 0xD130, "sendmessage": 0xD130, "sendtyping": 0xD130, "sendinvite": 0xD12B, "joinconf": 0xD12B,
                  "rejectconf": 0xD12B, "leaveconf": 0xD12B, "joinchat": 0xD159, "chatsearch": 0xD159,
                  "getchatsearchresults": 0xD159, "chatproperties": 0xD159}
        for command, code in wanted.items():
            with self.subTest(command=command):
                self.assertEqual(raw.ask(command), (code, []))
        self.assertEqual(raw.ask("ping"), (0, []))


class Clock(messenger.Case):
    options = ("--clock", "manual", "--keepalive", "3")

    def advance(self, minutes):
        now = self.server.ask("clock.show")["now_ms"]
        self.server.ask("clock.advance", to_ms=now + int(minutes * 60000))

    def test_two_keep_alive_periods_without_a_request_end_a_session(self):
        alice, bob = self.raw("alice"), self.raw("bob")
        self.advance(5)
        self.assertEqual(alice.ask("ping"), (0, []))
        self.advance(0.9)
        self.assertEqual(self.server.ask("census")["sessions"], 2)
        self.advance(0.2)
        self.assertTrue(bob.is_closed())
        self.assertEqual(alice.event(103)[3], AVAILABLE)
        self.assertEqual(alice.event(103), ("event", 103, dn("bob"), OFFLINE, ""))
        self.assertEqual(self.server.user("alice")["sessions"], 1)

    def test_a_connection_without_login_ends_after_a_minute(self):
        raw = self.raw()
        self.assertEqual(raw.ask("ping")[0], 0xD101)
        self.advance(1)
        self.assertTrue(raw.is_closed())


class Capacity(messenger.Case):
    options = ("--capacity", "2", "--auth-attribute")

    def test_a_full_server_answers_d123_but_replaces(self):
        self.raw("alice"), self.raw("bob")
        self.assertEqual(self.raw().login("carol")[0], 0xD123)
        self.assertEqual(self.raw().login("bob")[0], 0)
        self.server.ask("capacity", sessions=3)
        self.assertEqual(self.raw().login("carol")[0], 0)

    def test_the_auth_attribute_is_the_plain_id(self):
        code, fields = self.raw("alice").ask("getdetails", ("NM_A_SZ_USERID", STRING, "bob"))
        self.assertEqual((code, values(fields, "NM_A_FA_RESULTS", "NM_A_SZ_AUTH_ATTRIBUTE")), (0, ["bob"]))


class SeveralSessions(messenger.Case):
    options = ("--sessions", "several")

    def test_messages_and_statuses_go_to_all_sessions(self):
        first, second, bob = self.raw("alice"), self.raw("alice"), self.raw("bob")
        self.assertEqual(self.server.user("alice"), {"sessions": 2, "logins": 2, "refused": 0, "status": "available"})
        for session in (first, second):
            self.assertEqual(session.event(103), ("event", 103, dn("bob"), AVAILABLE, ""))
        guid = bob.conference("alice")
        bob.message_to(guid, text="hello")
        for session in (first, second):
            self.assertEqual(session.event(108)[2:4], (dn("bob"), guid))
        second.message_to(guid, text="hi")
        self.assertEqual(bob.event(108)[2], dn("alice"))
        self.assertEqual(first.ask("ping"), (0, []))
        self.assertEqual(first.events, [], "what one session says is not told to the user's others")

    def test_who_closes_one_session_is_still_there(self):
        first, second, bob = self.raw("alice"), self.raw("alice"), self.raw("bob")
        guid = bob.conference("alice")
        bob.message_to(guid, text="hello")
        first.event(108), second.event(108)
        first.status(AWAY, "out")
        self.assertEqual(bob.event(103)[3:], (AWAY, "out"))
        second.close()
        bramble.wait_until(lambda: self.server.user("alice")["sessions"] == 1, "one session is left")
        self.assertEqual(self.server.user("alice")["status"], "away")
        self.assertEqual(bob.ask("ping"), (0, []))
        self.assertEqual(bob.events, [])
        first.close()
        self.assertEqual(bob.event(107), ("event", 107, dn("alice"), guid, 0))
        self.assertEqual(bob.event(103)[3], OFFLINE)

    def test_a_conversation_left_by_one_session_goes_on_in_the_other(self):
        first, second, bob = self.raw("alice"), self.raw("alice"), self.raw("bob")
        guid = bob.conference("alice")
        there = messenger.conversation(guid)
        bob.message_to(guid, text="hello")
        first.event(108), second.event(108)
        self.assertEqual(first.ask("leaveconf", there), (0, []))
        typing = ("NM_A_FA_CONVERSATION", ARRAY, [("NM_A_SZ_OBJECT_ID", STRING, guid), ("NM_A_SZ_TYPE", STRING, "112")])
        bob.ask("sendtyping", typing)
        self.assertEqual(second.event(112)[2], dn("bob"))
        self.assertEqual((first.ask("ping"), first.events), ((0, []), []))
        bob.message_to(guid, text="still there?")
        self.assertEqual(first.event(108)[3], guid)
        first.ask("leaveconf", there), second.ask("leaveconf", there)
        self.assertEqual(bob.event(107)[2], dn("alice"))

    def test_a_change_of_list_or_privacy_is_told_to_the_other_sessions_alone(self):
        first, second, bob = self.raw("alice"), self.raw("alice"), self.raw("bob")
        item = [("NM_A_SZ_OBJECT_ID", STRING, "2"), ("NM_A_SZ_DISPLAY_NAME", STRING, "Bobby")]
        rename = ("NM_A_FA_CONTACT_LIST", ARRAY, [("NM_A_FA_CONTACT", ARRAY, item, 5)])
        move = [("NM_A_FA_CONTACT_LIST", ARRAY, [("NM_A_FA_CONTACT", ARRAY, item, 2)]), ("NM_A_SZ_SEQUENCE_NUMBER", STRING, "-1"),
                ("NM_A_SZ_PARENT_ID", STRING, "0")]
        changes = (("createfolder", ("NM_A_SZ_PARENT_ID", STRING, "0"), ("NM_A_SZ_DISPLAY_NAME", STRING, "New")),
                   ("createcontact", ("NM_A_SZ_PARENT_ID", STRING, "0"), ("NM_A_SZ_USERID", STRING, "dave")),
                   ("updateitem", rename), ("movecontact", *move), ("deletecontact", ("NM_A_SZ_OBJECT_ID", STRING, "3")),
                   ("createblock", ("NM_A_SZ_BLOCKING_DENY_ITEM", STRING, "dave", 5)),
                   ("updateblocks", ("nnmBlockingDenyList", DN, dn("dave"), 2)), ("updateblocks", ("nnmBlocking", STRING, "1", 6)))
        bob.events.clear()
        for command, *fields in changes:
            with self.subTest(command=command):
                self.assertEqual(first.ask(command, *fields)[0], 0)
                self.assertEqual(second.event(104), ("event", 104, dn("alice")))
        self.assertEqual(first.ask("deletecontact", ("NM_A_SZ_OBJECT_ID", STRING, "99"))[0], 0xD124)
        for session in (first, second, bob):
            self.assertEqual(session.ask("ping"), (0, []))
            self.assertNotIn(104, [e[1] for e in session.events], "neither to oneself, nor to others, nor for what is refused")

    def test_an_invitation_is_answered_by_one_session(self):
        first, second, bob = self.raw("alice"), self.raw("alice"), self.raw("bob")
        guid = bob.conference()
        there = messenger.conversation(guid)
        bob.ask("sendinvite", there, ("NM_A_SZ_DN", DN, dn("alice")))
        for session in (first, second):
            self.assertEqual(session.event(117)[3], guid)
        second.close()
        bramble.wait_until(lambda: self.server.user("alice")["sessions"] == 1, "one session is left")
        self.assertEqual(first.ask("joinconf", there)[0], 0)
        self.assertEqual(bob.event(106)[2], dn("alice"))

    def test_the_seventeenth_session_of_a_user_is_answered_d123(self):
        for _ in range(16):
            self.raw("alice")
        self.assertEqual(self.raw().login("alice")[0], 0xD123)
        self.raw("bob")
        self.server.ask("kick", user="alice", how="down")
        bramble.wait_until(lambda: self.server.user("alice")["sessions"] == 0, "all her sessions end")
        self.raw("alice")


class Start(unittest.TestCase):
    def run_sim(self, *options):
        done = subprocess.run([bramble.program("bramble-sim"), "groupwise", *options], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=30, check=False, text=True)
        return done.returncode, done.stdout + done.stderr

    def test_what_is_wrong_with_rules_is_said(self):
        for rule, sentence in (('<policy name="nnmNothing" value="1"/>', "world.xml: line 2: there is no policy nnmNothing"),
                               ('<policy name="nnmArchive" value="2"/>', "world.xml: line 2: nnmArchive is 0 to 1, not 2"),
                               ('<status name="x" base="gone"/>', "line 2: the base of status x is offline, available, ")):
            for where in ("<world>\n{}</world>", "<world><user id='a' password='b' name='c'>\n{}</user></world>"):
                with self.subTest(rule=rule, where=where), tempfile.TemporaryDirectory() as folder:
                    path = os.path.join(folder, "world.xml")
                    with open(path, "w", encoding="utf-8") as out:
                        out.write(where.format(rule))
                    got, text = self.run_sim("--world", path, "--state", folder)
                    self.assertEqual(got, 3, text)
                    self.assertIn(sentence, text)

    def test_what_is_wrong_is_said(self):
        for options, status, sentence in (
                (("--help",), 0, "--keepalive MINUTES"),
                ((), 2, "--world FILE is needed"),
                (("--wrld", "x"), 2, "unknown option"),
                (("--world", "/nowhere/w.xml"), 3, "/nowhere/w.xml cannot be read"),
                (("--world", __file__), 3, "test_groupwise.py:1: "),
                (("--world", os.path.join(os.path.dirname(__file__), "nowhere"), "--fault"), 2, "missing value"),
                (("--world", "x", "--sessions", "two"), 2, "--sessions is one or several, not two"),
                (("--world", "x", "--keepalive", "0"), 2, "--keepalive is 1 to 10000 minutes")):
            with self.subTest(options=options):
                got, text = self.run_sim(*options)
                self.assertEqual(got, status, text)
                self.assertIn(sentence, text)

    def test_a_world_of_ten_thousand_loads_in_under_a_second(self):
        # Coarse on purpose, and in processor time: it takes 0.2 s. With sanitizers five times as long.
        users = "".join(f"<user id='u{i}' password='p' name='Given{i} Sur{i}' department='D{i % 40}'><folder name='Team'>"
                        + "".join(f"<contact user='u{(i + k) % 10000}'/>" for k in range(1, 11))
                        + ("</folder><contact user='u0'/></user>" if i else "</folder></user>") for i in range(10000))
        limit = 5 if "address" in str(messenger.OUT) else 1
        with messenger.Server("--log-level", "info", world=f"<world>{users}</world>") as server:
            with open(f"/proc/{server.child.pid}/stat", encoding="ascii") as stat:
                spent = sum(map(int, stat.read().rpartition(")")[2].split()[11:13])) / os.sysconf("SC_CLK_TCK")
            self.assertEqual(len(server.ask("census")["users"]), 10000)
            with messenger.Raw(server.port) as raw:
                self.assertEqual(raw.login("u9999", "p")[0], 0)
                self.assertEqual(raw.ask("getstatus", ("NM_A_SZ_DN", STRING, "cn=U5000,ou=people,o=corp"))[0], 0)
        self.assertLess(spent, limit)

    def test_a_taken_port_is_said(self):
        with messenger.Server() as server:
            got, text = self.run_sim("--world", os.path.join(server.folder, "world.xml"), "--state", server.folder, "--listen",
                                     f"127.0.0.1:{server.port}")
        self.assertEqual(got, 4, text)
        self.assertIn(str(server.port), text)


if __name__ == "__main__":
    unittest.main(verbosity=2)
