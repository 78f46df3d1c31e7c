#!/usr/bin/env python3
"""The simulated Messenger server against a client written from the protocol's page alone: what stock clients never send, or
cannot show."""
import os
import pathlib
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import bramble
import messenger
from messenger import dn, page

ARRAY, STRING, DN, MULTI = page.ARRAY, page.STRING, page.DN, page.MULTI
AVAILABLE, BUSY, AWAY, OFFLINE = 2, 3, 4, 1
LOGIN_TAGS = ["nnmFileTransfer", "nnmQuery", "nnmArchive", "nnmPasswordRemember", "nnmBroadcast", "nnmPersonalHistory",
              "nnmPrintSave", "nnmChatService", "nnmMaxContacts", "nnmMaxFolders", "CN", "Surname", "Full Name", "Given Name",
              "nnmLastLogin", "nnmBlocking", "NM_A_FA_CLIENT_SETTINGS", "NM_A_FA_INFO_DISPLAY_ARRAY", "NM_A_FA_CONTACT_LIST",
              "NM_A_FA_CUSTOM_STATUSES", "NM_A_UD_BUILD", "NM_A_SZ_DN", "NM_A_FA_AU_SETTINGS", "NM_A_UD_KEEPALIVE"]


def values(fields, *path):
    """The values of all fields at that place."""
    found = [f[2] for f in fields if f[0] == path[0]]
    return found if len(path) == 1 else [v for inner in found for v in values(inner, *path[1:])]


class Messenger(unittest.TestCase):
    options = ()
    world = messenger.WORLD

    def setUp(self):
        self.server = messenger.Server(*self.options, world=self.world)
        self.addCleanup(self.server.stop)

    def raw(self, user=None, status=AVAILABLE):
        client = messenger.Raw(self.server.port)
        self.addCleanup(client.close)
        if user:
            self.assertEqual(client.login(user)[0], 0)
            if status:
                self.assertEqual(client.status(status)[0], 0)
        return client


class Sessions(Messenger):
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


class Reader(Messenger):
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


class Clock(Messenger):
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


class Capacity(Messenger):
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


class SeveralSessions(Messenger):
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


class Rules(Messenger):
    """Policies and custom statuses of world.xml."""
    world = messenger.WORLD.replace('<world domain="corp.test">', """<world domain="corp.test">
        <policy name="nnmMaxContacts" value="3"/><policy name="nnmMaxFolders" value="2"/>
        <status name="Lunch" base="away" reply="Back at two"/>""").replace('name="Dave Diaz"/>', """name="Dave Diaz">
        <policy name="nnmMaxFolders" value="0"/><policy name="nnmLockedAttrList" value="nnmBlocking nnmContactList"/>
        <policy name="nnmQuery" value="0"/><policy name="nnmArchive" value="1"/><status name="Talk" base="busy"/></user>""").replace(
        'name="Carol Clark">', """name="Carol Clark"><policy name="nnmLockedAttrList" value="nnmBlocking"/>""")

    def test_limits_of_the_list(self):
        alice = self.raw("alice")
        code, fields = self.raw().login("bob")
        self.assertEqual((values(fields, "nnmMaxContacts"), values(fields, "nnmMaxFolders")), (["3"], ["2"]))
        folder = lambda name: alice.ask("createfolder", ("NM_A_SZ_PARENT_ID", STRING, "0"), ("NM_A_SZ_DISPLAY_NAME", STRING, name))[0]
        contact = lambda who, folder: alice.ask("createcontact", ("NM_A_SZ_PARENT_ID", STRING, folder), ("NM_A_SZ_USERID", STRING, who))[0]
        self.assertEqual([folder("x"), folder("y")], [0, 0xD12C])
        self.assertEqual([contact("dave", "1"), contact("bob", "0")], [0, 0xD129])

    def test_locked_attributes(self):
        code, fields = self.raw().login("dave")
        self.assertEqual([f for f in fields if f[0] == "nnmLockedAttrList"], [("nnmLockedAttrList", MULTI, [
            ("nnmLockedAttrList", STRING, "nnmBlocking", 0), ("nnmLockedAttrList", STRING, "nnmContactList", 0)], 0)])
        carol, dave = self.raw("carol"), self.raw("dave")
        for raw in (carol, dave):
            self.assertEqual(raw.ask("createblock", ("NM_A_SZ_BLOCKING_DENY_ITEM", STRING, "bob", 5)), (0xD11C, []))
            self.assertEqual(raw.ask("updateblocks", ("nnmBlocking", STRING, "1", 6)), (0xD11C, []))
        new = ("createcontact", ("NM_A_SZ_USERID", STRING, "dave")), ("createcontact", ("NM_A_SZ_USERID", STRING, "bob"))
        self.assertEqual((carol.ask(*new[0])[0], dave.ask(*new[1])[0]), (0, 0xD11C))

    def test_searching_is_forbidden_by_policy(self):
        terms = ("NM_A_SZ_OBJECT_ID", STRING, "1"), ("Surname", STRING, "A", 17)
        self.assertEqual(self.raw("dave").ask("createsearch", *terms)[0], 0xD11C)
        self.assertEqual(self.raw("alice").ask("createsearch", *terms)[0], 0)

    def test_who_is_archived_is_told_in_details_and_flags(self):
        alice, dave = self.raw("alice"), self.raw("dave")
        code, fields = alice.ask("getdetails", ("NM_A_SZ_USERID", STRING, "dave"), ("NM_A_SZ_USERID", STRING, "bob"))
        self.assertEqual(values(fields, "NM_A_FA_RESULTS", "nnmArchive"), ["1", "0"])
        guid = alice.conference("dave")
        alice.message_to(guid, text="x")
        self.assertEqual(dave.event(108)[4], 1)

    def test_custom_statuses_of_all_and_of_one(self):
        statuses = lambda user: [[f[2] for f in item] for item in values(self.raw().login(user)[1], "NM_A_FA_CUSTOM_STATUSES", "NM_A_FA_STATUS")]
        self.assertEqual(statuses("alice"), [["4", "Lunch", "Back at two"]])
        self.assertEqual(statuses("dave"), [["4", "Lunch", "Back at two"], ["3", "Talk", ""]])

    def test_a_login_may_ask_for_a_short_answer(self):
        raw = self.raw()
        flag = lambda name: (name, page.BOOL, 1)
        code, fields = raw.ask("login", ("NM_A_SZ_USERID", STRING, "carol"), ("NM_A_SZ_CREDENTIALS", STRING, "carol-secret"),
                               flag("NM_A_B_NO_CONTACTS"), flag("NM_A_B_NO_CUSTOMS"), flag("NM_A_B_NO_PRIVACY"))
        self.assertEqual(code, 0)
        self.assertFalse({f[0] for f in fields} & {"NM_A_FA_CONTACT_LIST", "NM_A_FA_CUSTOM_STATUSES", "nnmBlocking"})


class Faults(Messenger):
    options = ("--fault", "refuse=D111,on=login,user=dave,count=1", "--fault", "drop,on=getstatus,nth=2,count=1")

    def fault(self, word):
        self.server.ask("fault", word=word)

    def no_answer(self, raw):
        raw.socket.settimeout(0.2)
        with self.assertRaises(TimeoutError):
            raw.message()
        raw.socket.settimeout(bramble.DEADLINE_S)

    def test_those_of_the_command_line_are_done_and_listed(self):
        raw = self.raw()
        self.assertEqual([raw.login("dave")[0] for _ in range(2)], [0xD111, 0])
        ask = ("getstatus", ("NM_A_SZ_DN", STRING, "bob"))
        self.assertEqual(raw.ask(*ask)[0], 0)
        raw.transaction += 1
        raw.send(page.request(ask[0], raw.transaction, *ask[1:]))
        self.no_answer(raw)
        self.assertEqual(raw.ask(*ask)[0], 0)
        self.assertEqual(self.server.ask("fault.list"), {"faults": [
            {"word": "refuse=D111,on=login,user=dave,count=1", "seen": 1, "done": 1, "left": 0},
            {"word": "drop,on=getstatus,nth=2,count=1", "seen": 2, "done": 1, "left": 0}]})

    def test_refused_requests_are_not_carried_out(self):
        raw, bob = self.raw("alice"), self.raw("bob")
        self.fault("refuse=D125,user=alice,on=createfolder,count=1")
        new = ("createfolder", ("NM_A_SZ_PARENT_ID", STRING, "0"), ("NM_A_SZ_DISPLAY_NAME", STRING, "x"))
        self.assertEqual([raw.ask(*new)[0] for _ in range(3)], [0xD125, 0, 0xD126])
        self.assertEqual(bob.ask(*new)[0], 0)

    def test_what_is_delayed_holds_back_what_follows(self):
        raw = self.raw("alice")
        self.fault("delay=300,on=ping,count=1")
        for n in (1, 2):
            raw.send(page.request("ping", raw.transaction + n))
        start = time.monotonic()
        for _ in range(2):
            raw.transaction += 1
            self.assertEqual(raw.answer(), (0, []))
        self.assertGreaterEqual(time.monotonic() - start, 0.25)

    def test_split_answers_and_events_arrive_whole(self):
        alice, bob = self.raw("alice"), self.raw("bob")
        self.fault("split=3,on=all")
        self.assertEqual(alice.ask("ping"), (0, []))
        bob.status(AWAY, "x")
        while alice.event(103)[3] != AWAY:
            pass

    def test_garbled_answers_are_not_what_they_were(self):
        raw = self.raw("alice")
        raw.transaction += 1
        raw.send(page.request("ping", raw.transaction))
        good = raw.socket.recv(65536)
        self.fault("garble=2,on=ping,count=1")
        raw.send(page.request("ping", raw.transaction))
        bad = raw.socket.recv(65536)
        self.assertEqual(len(bad), len(good))
        self.assertGreaterEqual(sum(a != b for a, b in zip(good, bad)), 2)
        self.assertEqual(raw.ask("ping"), (0, []))

    def test_a_duplicate_comes_twice_and_a_reordered_answer_after_the_next(self):
        raw = self.raw("alice")
        self.fault("duplicate=2,on=ping,count=1")
        raw.transaction += 1
        raw.send(page.request("ping", raw.transaction))
        self.assertEqual([raw.answer() for _ in range(3)], [(0, [])] * 3)
        self.fault("reorder,on=ping,count=1")
        before = raw.transaction
        for n in (1, 2):
            raw.send(page.request("ping", before + n))
        for n in (2, 1):
            raw.transaction = before + n
            self.assertEqual(raw.answer(), (0, []))
        raw.transaction = before + 2
        self.assertEqual(raw.ask("ping"), (0, []))

    def test_a_half_open_connection_says_nothing_and_stays_until_the_fault_is_over(self):
        raw, bob = self.raw("alice"), self.raw("bob")
        bob.status(AWAY, "x")
        while raw.event(103)[3] != AWAY:
            pass
        self.fault("half-open,user=alice,on=ping,count=1")
        raw.transaction += 1
        raw.send(page.request("ping", raw.transaction))
        self.no_answer(raw)
        bob.status(AWAY, "y")
        self.no_answer(raw)
        self.assertEqual(self.server.user("alice")["sessions"], 1)
        self.server.ask("kick", user="alice")       # nor is its end heard of
        self.no_answer(raw)
        self.assertEqual(self.server.user("alice")["sessions"], 0)
        self.server.ask("fault.clear")
        with self.assertRaises((EOFError, ConnectionResetError, ssl.SSLEOFError)):
            raw.read(1)
        raw = self.raw("alice")
        self.fault("half-open,user=alice,for=300ms")
        self.assertEqual(self.server.user("alice")["sessions"], 1)
        raw.send(page.request("ping", raw.transaction + 1))
        with self.assertRaises((EOFError, ConnectionResetError, ssl.SSLEOFError)):
            raw.read(1)
        self.assertEqual(self.raw("alice").ask("ping"), (0, []))

    def test_a_server_with_half_open_connections_ends(self):
        raw = self.raw("alice")
        self.fault("half-open")
        raw.send(page.request("ping", raw.transaction + 1))
        self.no_answer(raw)
        self.server.child.terminate()
        self.assertEqual(self.server.child.wait(10), 0)

    def test_close_and_half_close(self):
        for word, answered in (("close,on=ping", False), ("half-close,on=ping", True)):
            with self.subTest(word=word):
                raw = self.raw("alice")
                self.fault(word + ",count=1")
                raw.transaction += 1
                raw.send(page.request("ping", raw.transaction))
                if answered:
                    self.assertEqual(raw.answer(), (0, []))
                with self.assertRaises((EOFError, ConnectionResetError, ssl.SSLEOFError)):
                    raw.read(1)
                bramble.wait_until(lambda: self.server.user("alice")["sessions"] == 0, "her session ends")


class Control(Messenger):
    def test_broadcasts_go_to_clients_of_version_4_and_up_only(self):
        old, new, other = self.raw("alice"), self.raw(), self.raw()
        new.login("bob", build=4), other.login("carol", build=7)
        self.assertEqual(self.server.ask("broadcast", text="back in 5 min \u00e9", **{"from": "dave"}), {"told": 2, "too_old": 1})
        for client in (new, other):
            self.assertEqual(client.event(122), ("event", 122, dn("dave"), "back in 5 min \u00e9"))
        self.assertEqual(self.server.ask("broadcast", text="down", to="carol"), {"told": 1, "too_old": 0})
        self.assertEqual(other.event(123), ("event", 123, dn("carol"), "down"))
        for client in (old, new):
            self.assertEqual(client.ask("ping"), (0, []))
            self.assertEqual([e for e in client.events if e[1] >= 122], [])

    def test_every_code_can_be_the_result_of_a_login(self):
        codes = re.findall(r"^\| ([0-9A-F]{4}) \| `(\d+)`", (pathlib.Path(__file__).parents[2] / "docs/protocol/groupwise.md").read_text(encoding="utf-8"), re.M)
        self.assertGreater(len(codes), 40)
        for code, decimal in codes[1:]:
            with self.subTest(code=code):
                self.server.ask("fault.login", user="alice", code=code, count=1)
                raw = self.raw()
                self.assertEqual(raw.login("alice")[0], int(decimal))
                raw.close()
        self.assertEqual(self.server.user("alice")["refused"], len(codes) - 1)
        self.raw("alice")

    def test_injected_results_by_user_and_by_count(self):
        raw = self.raw()
        self.server.ask("fault.login", user="alice", code="D106", count=2)
        self.assertEqual([raw.login("alice")[0] for _ in range(3)], [0xD106, 0xD106, 0])
        other = self.raw()
        self.server.ask("fault.login", code="0xD111")
        self.assertEqual(other.login("bob")[0], 0xD111)
        self.assertEqual(other.login("carol")[0], 0xD111)
        self.server.ask("fault.clear")
        self.assertEqual(other.login("bob")[0], 0)

    def test_a_silent_server_reads_and_never_answers(self):
        raw = self.raw("alice")
        self.server.ask("fault", word="drop,on=all")
        raw.transaction += 1
        raw.send(page.request("ping", raw.transaction))
        bramble.wait_until(lambda: "command=ping" in self.server.errors(), "the ping is read")
        raw.socket.settimeout(0.2)
        with self.assertRaises(TimeoutError):
            raw.message()
        self.server.ask("fault.clear")
        raw.socket.settimeout(bramble.DEADLINE_S)
        self.assertEqual(raw.ask("ping"), (0, []))

    def test_kick_says_what_it_is_told_to(self):
        for how, event in (("elsewhere", 114), ("down", 115), ("close", None)):
            with self.subTest(how=how):
                raw = self.raw("alice")
                self.server.ask("kick", user="alice", how=how)
                if event:
                    self.assertEqual(raw.event(event), ("event", event, dn("alice")))
                self.assertTrue(raw.is_closed())

    def test_what_cannot_be_done_is_said(self):
        for verb, params, sentence in (("kick", {"user": "x"}, "no user x"), ("kick", {"user": "bob"}, "bob is not signed on"),
                                       ("kick", {"user": "bob", "how": "x"}, "how is close, elsewhere or down"),
                                       ("fault.login", {"code": "zz"}, "result code in hex"),
                                       ("fault", {"word": "drop,user=x"}, "no user x"),
                                       ("fault", {"word": "drop,user=bob.people.corp"}, "no user bob.people.corp"),
                                       ("fault", {"word": "drop,on=x"}, "no request x"),
                                       ("fault", {"word": "refuse=zz"}, "result code in hex"),
                                       ("broadcast", {"text": "x", "to": "x"}, "no user x"),
                                       ("broadcast", {"text": ""}, "text has 1 to 32766 bytes, not 0")):
            with self.assertRaisesRegex(RuntimeError, sentence):
                self.server.ask(verb, **params)

    def test_sigterm_tells_clients_and_ends(self):
        raw = self.raw("alice")
        self.server.child.terminate()
        self.assertEqual(raw.event(115), ("event", 115, dn("alice")))
        self.assertTrue(raw.is_closed())
        self.assertEqual(self.server.child.wait(10), 0)


class Details(Messenger):
    def test_three_forms_of_a_name_in_both_tags(self):
        raw = self.raw("alice")
        for tag, kind, name in (("NM_A_SZ_USERID", STRING, "BOB"), ("NM_A_SZ_USERID", STRING, "bob.people.CORP"),
                                ("NM_A_SZ_USERID", STRING, dn("bob").lower()), ("NM_A_SZ_DN", DN, "bob.people.corp"),
                                ("NM_A_SZ_DN", STRING, dn("bob"))):
            code, fields = raw.ask("getdetails", (tag, kind, name))
            self.assertEqual((code, values(fields, "NM_A_FA_RESULTS", "NM_A_SZ_DN")), (0, [dn("bob")]))
        code, fields = raw.ask("getdetails", ("NM_A_SZ_USERID", STRING, "bob"), ("NM_A_SZ_USERID", STRING, "nobody"),
                               ("NM_A_SZ_DN", STRING, dn("carol")))
        self.assertEqual((code, values(fields, "NM_A_FA_RESULTS", "CN")), (0, ["bob", "carol"]))
        self.assertEqual(raw.ask("getdetails", ("NM_A_SZ_USERID", STRING, "nobody")), (0xD10D, []))

    def test_status_with_its_text_as_the_asker_may_see_it(self):
        alice, bob = self.raw("alice"), self.raw("bob", None)
        bob.status(AWAY, "at l\u00fcnch", "back soon")
        self.assertEqual(alice.event(103), ("event", 103, dn("bob"), AWAY, "at l\u00fcnch"))
        code, fields = alice.ask("getdetails", ("NM_A_SZ_USERID", STRING, "bob"))
        self.assertEqual((values(fields[0][2], "NM_A_SZ_STATUS"), values(fields[0][2], "NM_A_SZ_MESSAGE_BODY")),
                         (["4"], ["at l\u00fcnch"]))
        self.assertEqual(alice.ask("getstatus", ("NM_A_SZ_DN", STRING, dn("bob")))[1], [("NM_A_SZ_STATUS", STRING, "4", 0)])
        bob.status(BUSY)
        self.assertEqual(alice.event(103), ("event", 103, dn("bob"), BUSY, ""))
        bob.status(OFFLINE)
        self.assertEqual(alice.event(103), ("event", 103, dn("bob"), OFFLINE, ""))
        self.assertEqual(alice.ask("getstatus", ("NM_A_SZ_DN", STRING, "bob"))[1][0][2], "1")
        for wrong in (0, 6, 99):
            self.assertEqual(bob.status(wrong)[0], 0xD130)

    def test_nothing_is_announced_before_setstatus(self):
        alice = self.raw("alice")
        self.raw("bob", None).close()
        carol = self.raw("carol")
        carol.close()
        self.assertEqual(alice.event(103)[2], dn("carol"))


class Search(Messenger):
    CONTAINS, BEGINS, ENDS, EQUAL = 17, 19, 20, 4

    def found(self, raw, *terms, handle="1227"):
        """Ids of those found, or the code that createsearch was answered."""
        code, fields = raw.ask("createsearch", ("NM_A_SZ_OBJECT_ID", STRING, handle),
                               *((tag, STRING, text, method) for tag, method, text in terms))
        if code:
            return code
        self.assertEqual(fields, [])
        code, fields = raw.ask("getresults", ("NM_A_SZ_OBJECT_ID", STRING, handle))
        self.assertEqual((code, [(f[0], f[1]) for f in fields]), (0, [("NM_A_SZ_STATUS", STRING), ("NM_A_FA_RESULTS", ARRAY)]))
        self.assertEqual(fields[0][2], "2")
        return values(fields, "NM_A_FA_RESULTS", "NM_A_FA_CONTACT", "CN")

    def test_all_terms_must_match_whatever_the_letter_case(self):
        raw = self.raw("alice")
        for terms, wanted in (
                ([("Given Name", self.CONTAINS, "A")], ["alice", "carol", "dave"]),
                ([("Given Name", self.BEGINS, "a")], ["alice"]),
                ([("Surname", self.ENDS, "AZ")], ["dave"]),
                ([("NM_A_SZ_USERID", self.EQUAL, "BOB")], ["bob"]),
                ([("NM_A_SZ_USERID", self.EQUAL, "bo")], []),
                ([("Given Name", self.CONTAINS, "a"), ("Surname", self.BEGINS, "c")], ["carol"]),
                ([("Title", self.CONTAINS, "x")], [])):
            with self.subTest(terms=terms):
                self.assertEqual(self.found(raw, *terms), wanted)

    def test_what_is_no_search_is_refused(self):
        raw = self.raw("alice")
        self.assertEqual(self.found(raw), 0xD130)
        self.assertEqual(self.found(raw, ("Given Name", 0, "a")), 0xD130)
        self.assertEqual(self.found(raw, ("Shoe Size", self.EQUAL, "42")), 0xD10E)
        self.assertEqual(self.found(raw, ("Given Name", self.CONTAINS, "a"), handle=""), 0xD130)
        self.assertEqual(raw.ask("getresults", ("NM_A_SZ_OBJECT_ID", STRING, "no such"))[0], 0xD124)

    def test_the_oldest_of_many_searches_goes(self):
        raw = self.raw("alice")
        for n in range(9):
            self.found(raw, ("CN", self.EQUAL, "bob"), handle=str(n))
        codes = [raw.ask("getresults", ("NM_A_SZ_OBJECT_ID", STRING, str(n)))[0] for n in range(9)]
        self.assertEqual(codes, [0xD124] + [0] * 8)


class Conferences(Messenger):
    def test_one_to_one_with_any_tail_of_the_id(self):
        alice, bob = self.raw("alice"), self.raw("bob")
        guid = alice.conference("bob", "alice")
        self.assertRegex(guid, r"^\[[0-9A-F]{8}-[0-9A-F]{8}-[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}\]$")
        self.assertEqual(alice.message_to(guid[:28] + "ABCD-0000]", "bob", text="hi")[0], 0)
        kind, _, source, got_guid, flags, body = bob.event(108)
        self.assertEqual((source, got_guid, flags), (dn("alice"), guid, 0))
        self.assertEqual(body, "{\\rtf1\\ansi\n{\\fonttbl{\\f0\\fnil Arial;}}\n\\uc1\\f0\\fs20 hi\\par\n}")
        self.assertEqual(bob.message_to(guid.lower(), text="ho")[0], 0)
        self.assertEqual(alice.event(108)[2], dn("bob"))

    def test_undeliverable_after_the_answer(self):
        alice = self.raw("alice")
        guid = alice.conference("bob")
        self.assertEqual(alice.message_to(guid, text="x")[0], 0)
        self.assertEqual(alice.events, [])
        self.assertEqual(alice.event(102), ("event", 102, dn("bob"), guid))

    def test_foreign_and_unknown_conferences_are_refused(self):
        alice, bob = self.raw("alice"), self.raw("bob")
        guid = alice.conference()
        self.assertEqual(bob.message_to(guid, text="x")[0], 0xD12B)
        self.assertEqual(bob.ask("joinconf", messenger.conversation(guid))[0], 0xD12B)
        self.assertEqual(alice.message_to("[00000000-00000000-00000000-0000-0000]", text="x")[0], 0xD12B)
        self.assertEqual(alice.message_to("short", text="x")[0], 0xD12B)
        self.assertEqual(alice.ask("createconf", messenger.conversation(""), ("NM_A_SZ_DN", DN, "CN=nobody,O=x"))[0], 0xD10D)

    def test_a_room_is_invited_into_joined_declined_and_left(self):
        alice, bob, carol = self.raw("alice"), self.raw("bob"), self.raw("carol")
        guid = alice.conference("alice")
        there = messenger.conversation(guid)
        invite = ("sendinvite", there, ("NM_A_SZ_DN", DN, dn("bob")), ("NM_A_SZ_DN", DN, dn("carol")),
                  ("NM_A_SZ_MESSAGE_BODY", STRING, "join us"))
        self.assertEqual(alice.ask(*invite), (0, []))
        self.assertEqual(bob.event(117), ("event", 117, dn("alice"), guid, "join us"))
        self.assertEqual(carol.event(117), ("event", 117, dn("alice"), guid, "join us"))
        code, fields = bob.ask("joinconf", there)
        self.assertEqual(code, 0)
        self.assertEqual([(f[0], [v[2] for v in f[2]]) for f in fields],
                         [("NM_A_FA_CONTACT_LIST", [dn("alice")]), ("NM_A_FA_RESULTS", [dn("carol")])])
        self.assertEqual(alice.event(106), ("event", 106, dn("bob"), guid, 0))
        self.assertEqual(carol.ask("rejectconf", there), (0, []))
        self.assertEqual(alice.event(119), ("event", 119, dn("carol"), guid))
        self.assertEqual(alice.ask("sendinvite", there, ("NM_A_SZ_DN", DN, dn("bob")))[0], 0xD11F)
        self.assertEqual(alice.ask("sendinvite", there, ("NM_A_SZ_DN", DN, dn("dave")))[0], 0xD135)
        self.assertEqual(bob.ask("leaveconf", there), (0, []))
        self.assertEqual(alice.event(107), ("event", 107, dn("bob"), guid, 0))
        self.assertEqual(alice.ask("leaveconf", there), (0, []))
        self.assertEqual(self.server.ask("census")["conferences"], 0)

    def test_a_room_lives_until_the_last_invitation_is_answered(self):
        alice, bob = self.raw("alice"), self.raw("bob")
        there = messenger.conversation(alice.conference())
        alice.ask("sendinvite", there, ("NM_A_SZ_DN", DN, dn("bob")))
        alice.ask("leaveconf", there)
        self.assertEqual(self.server.ask("census")["conferences"], 1)
        self.assertEqual([f[2] for f in bob.ask("joinconf", there)[1]], [[], []])
        bob.ask("leaveconf", there)
        self.assertEqual(self.server.ask("census")["conferences"], 0)

    def test_a_lost_connection_leaves_all_its_conferences(self):
        alice, bob = self.raw("alice"), self.raw("bob")
        guid = alice.conference("bob")
        alice.message_to(guid, text="x")
        bob.event(108)
        bob.close()
        self.assertEqual(alice.event(107), ("event", 107, dn("bob"), guid, 0))
        alice.close()
        bramble.wait_until(lambda: self.server.ask("census")["conferences"] == 0, "the conference is gone")

    def test_typing_goes_to_the_others(self):
        alice, bob = self.raw("alice"), self.raw("bob")
        guid = alice.conference("bob")
        alice.message_to(guid, text="x")
        for kind in (112, 113):
            typing = ("NM_A_FA_CONVERSATION", ARRAY, [("NM_A_SZ_OBJECT_ID", STRING, guid), ("NM_A_SZ_TYPE", STRING, str(kind))])
            self.assertEqual(alice.ask("sendtyping", typing), (0, []))
            self.assertEqual(bob.event(kind), ("event", kind, dn("alice"), guid))
        wrong = ("NM_A_FA_CONVERSATION", ARRAY, [("NM_A_SZ_OBJECT_ID", STRING, guid), ("NM_A_SZ_TYPE", STRING, "108")])
        self.assertEqual(alice.ask("sendtyping", wrong)[0], 0xD130)

    def test_an_auto_reply_once_per_status(self):
        alice, bob = self.raw("alice"), self.raw("bob")
        guid = alice.conference("bob")
        bob.status(AWAY, "away", "back at two")
        for _ in range(2):
            alice.message_to(guid, text="x")
        self.assertEqual(alice.event(121), ("event", 121, dn("bob"), guid, 0, "back at two"))
        bob.status(BUSY, "busy", "in a talk")
        alice.message_to(guid, text="x")
        self.assertEqual(alice.event(121), ("event", 121, dn("bob"), guid, 0, "in a talk"))

    def test_a_message_over_the_bound_is_refused_and_one_below_arrives(self):
        alice, bob = self.raw("alice"), self.raw("bob")
        guid = alice.conference("bob")
        self.assertEqual(alice.message_to(guid, text="x" * 32000)[0], 0xD130)
        self.assertEqual(alice.message_to(guid, text="x" * 31000)[0], 0)
        self.assertIn("x" * 31000, bob.event(108)[5])


class Lists(Messenger):
    def change(self, fields):
        """(method, tag, id, name) of each difference, and the new item's id."""
        results = fields[0]
        self.assertEqual(results[0], "NM_A_FA_RESULTS")
        changes = [(f[3], f[0], values(f[2], "NM_A_SZ_OBJECT_ID")[0], values(f[2], "NM_A_SZ_DISPLAY_NAME")[0])
                   for f in values(results[2], "NM_A_FA_CONTACT_LIST")[0]]
        return changes, values(results[2], "NM_A_SZ_OBJECT_ID")

    def test_folders_and_contacts_come_move_and_go(self):
        alice, dave = self.raw("alice"), self.raw("dave")
        new_folder = (("NM_A_SZ_PARENT_ID", STRING, "0"), ("NM_A_SZ_DISPLAY_NAME", STRING, "Others"),
                      ("NM_A_SZ_SEQUENCE_NUMBER", STRING, "-1"))
        changes, ids = self.change(alice.ask("createfolder", *new_folder)[1])
        self.assertEqual(changes, [(5, "NM_A_FA_FOLDER", ids[0], "Others")])
        folder = ids[0]
        self.assertEqual(alice.ask("createfolder", *new_folder)[0], 0xD126)
        new_contact = (("NM_A_SZ_PARENT_ID", STRING, folder), ("NM_A_SZ_USERID", STRING, "dave"))
        changes, ids = self.change(alice.ask("createcontact", *new_contact)[1])
        self.assertEqual(changes, [(5, "NM_A_FA_CONTACT", ids[0], "Dave Diaz")])
        contact = ids[0]
        dave.status(BUSY)
        self.assertEqual(alice.event(103), ("event", 103, dn("dave"), BUSY, ""))
        self.assertEqual(alice.ask("createcontact", *new_contact)[0], 0xD127)
        self.assertEqual(alice.ask("createcontact", ("NM_A_SZ_USERID", STRING, "alice"))[0], 0xD128)
        self.assertEqual(alice.ask("createcontact", ("NM_A_SZ_USERID", STRING, "nobody"))[0], 0xD10D)
        self.assertEqual(alice.ask("createcontact", ("NM_A_SZ_PARENT_ID", STRING, "999"), ("NM_A_SZ_USERID", STRING, "dave"))[0],
                         0xD124)
        item = [("NM_A_SZ_OBJECT_ID", STRING, contact), ("NM_A_SZ_DISPLAY_NAME", STRING, "D."), ]
        self.assertEqual(alice.ask("updateitem", ("NM_A_FA_CONTACT_LIST", ARRAY, [
            ("NM_A_FA_CONTACT", ARRAY, item, 2), ("NM_A_FA_CONTACT", ARRAY, item, 5)])), (0, []))
        changes, ids = self.change(alice.ask("movecontact", ("NM_A_FA_CONTACT_LIST", ARRAY, [
            ("NM_A_FA_CONTACT", ARRAY, item, 2)]), ("NM_A_SZ_SEQUENCE_NUMBER", STRING, "-1"), ("NM_A_SZ_PARENT_ID", STRING, "0"))[1])
        self.assertEqual(changes, [(2, "NM_A_FA_CONTACT", contact, "D."), (5, "NM_A_FA_CONTACT", contact, "D.")])
        changes, _ = self.change(alice.ask("deletecontact", ("NM_A_SZ_OBJECT_ID", STRING, contact))[1])
        self.assertEqual(changes, [(2, "NM_A_FA_CONTACT", contact, "D.")])
        dave.status(AWAY)
        changes, _ = self.change(alice.ask("deletecontact", ("NM_A_SZ_OBJECT_ID", STRING, "1"))[1])
        self.assertEqual([c[1] for c in changes], ["NM_A_FA_CONTACT", "NM_A_FA_CONTACT", "NM_A_FA_FOLDER"])
        self.assertEqual(alice.ask("deletecontact", ("NM_A_SZ_OBJECT_ID", STRING, "1"))[0], 0xD124)
        self.assertEqual(alice.events, [], "dave was no contact any more when he went away")


class Privacy(Messenger):
    def test_a_block_is_felt_at_once_and_so_is_its_end(self):
        alice, bob = self.raw("alice"), self.raw("bob")
        bob_sees = lambda: bob.ask("getstatus", ("NM_A_SZ_DN", STRING, "alice"))[1][0][2]
        self.assertEqual(alice.ask("createblock", ("NM_A_SZ_BLOCKING_DENY_ITEM", STRING, dn("bob").lower(), 5)),
                         (0, [("nnmBlockingDenyList", STRING, dn("bob"), 0)]))
        self.assertEqual(bob.event(103), ("event", 103, dn("alice"), OFFLINE, ""))
        self.assertEqual(bob_sees(), "1")
        guid = bob.conference("alice")
        self.assertEqual(bob.message_to(guid, text="x")[0], 0)
        self.assertEqual(bob.event(102)[2], dn("alice"))
        self.assertEqual(bob.ask("sendinvite", messenger.conversation(guid), ("NM_A_SZ_DN", DN, dn("alice")))[0], 0xD135)
        self.assertEqual(alice.ask("updateblocks", ("nnmBlockingDenyList", DN, dn("bob"), 2)), (0, []))
        self.assertEqual(bob.event(103), ("event", 103, dn("alice"), AVAILABLE, ""))

    def test_denied_by_default(self):
        alice, bob, carol = self.raw("alice"), self.raw("bob"), self.raw("carol")
        for client in (bob, carol):
            client.ask("ping")
            client.events.clear()
        alice.ask("createblock", ("NM_A_SZ_BLOCKING_ALLOW_ITEM", STRING, "carol", 5))
        self.assertEqual(alice.ask("updateblocks", ("nnmBlocking", STRING, "1", 6)), (0, []))
        self.assertEqual(bob.event(103), ("event", 103, dn("alice"), OFFLINE, ""))
        carol.ask("ping")
        self.assertEqual([e for e in carol.events if e[2] == dn("alice")], [])
        again = self.raw()
        code, fields = again.login("alice")
        self.assertEqual((values(fields, "nnmBlocking"), values(fields, "nnmBlockingAllowList")), (["1"], [dn("carol")]))


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
