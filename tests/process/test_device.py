"""The real device through the real router, against a service written from the protocol pages alone: both directions of SRP,
envelope, packet and IM messages are held to something that is not our codec."""
import json
import os
import pathlib
import shutil
import struct
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "support"), os.path.join(HERE, "..", "vectors")]
import bramble
import make_gme_vectors as packets
import srp_peer as srp
from test_router import ID, KEY, Router

PIN = 0x2100000A
LOGIN, LOGIN_OK, LOGIN_FAIL, LOGOUT, STATUS, PRESENCE_SET, PRESENCE_EVENT, CONTACTS = range(1, 9)
UNDERSTOOD = 3            # capabilities: the name of the login, and what the server does not allow
ROOM_OPEN, ROOM_INVITE, ROOM_LEAVE, MESSAGE, MESSAGE_EVENT, FORCED_LOGOUT = range(9, 15)
(ACK, ROOM_ANSWER, ROOM_EVENT, ROOM_MESSAGE, ROOM_MESSAGE_EVENT, TYPING, TYPING_EVENT, CONTACT_CHANGE, CONTACT_EVENT, BLOCK,
 BLOCK_EVENT, SEARCH, SEARCH_RESULT) = range(16, 29)
INVITED, JOINED = 1, 2
SUITE = "aes256-cbc"
SECRET = bytes(range(32))
NO_SERVICE = 4
TYPED_SECRET = "alice-has-a-secret"


def number(pin):
    return f"{pin:08X}"


class Service:
    """Dispatcher and Collaboration Service in one: opens what devices say, and seals what it says."""

    def __init__(self, port):
        self.peer = srp.Service(port, ID, KEY)
        self.next_id = {}
        self.envelopes = []

    def next(self):
        """(pin, message id, type, sequence, items, envelope) of the next message from a device."""
        while True:
            opcode, items = self.peer.hear()
            if opcode == srp.RECEIVE:
                break
        _, pin, envelope = items
        kind, _, _, _, _ = srp.envelope_parts(envelope)
        assert kind == 0, f"a receipt or error came: {envelope.hex()}"
        self.envelopes.append(envelope)
        message_id, clear = packets.open_message(SUITE, f"{number(pin)}+1".encode(), SECRET, srp.address(pin), packets.SERVICE,
                                                 [envelope])
        return pin, message_id, clear[0], struct.unpack(">I", clear[1:5])[0], srp.items_of(clear[5:]), envelope

    def hear(self, kind, *wanted, pin=PIN):
        """The next message must be of this type; None stands for any item."""
        got_pin, message_id, got, sequence, items, envelope = self.next()
        wanted = [w.encode() if isinstance(w, str) else w for w in wanted]
        assert (got_pin, got) == (pin, kind), f"type {got} of {number(got_pin)} where {kind} belongs: {items}"
        assert len(items) == len(wanted) and all(w is None or w == i for w, i in zip(wanted, items)), f"{items}, not {wanted}"
        return message_id, sequence, envelope

    def say(self, kind, sequence, *items, pin=PIN):
        clear = struct.pack(">BI", kind, sequence) + srp.frame(0, *items)[6:]
        self.next_id[pin] = self.next_id.get(pin, 0) + 1
        for envelope in packets.seal(SUITE, f"{number(pin)}+1".encode(), SECRET, self.next_id[pin], clear, os.urandom,
                                     packets.SERVICE, srp.address(pin)):
            self.peer.down(self.next_id[pin], pin, envelope)

    def accept(self, user="alice", session=7, pin=PIN):
        _, sequence, _ = self.hear(LOGIN, user, None, UNDERSTOOD, pin=pin)
        self.say(LOGIN_OK, sequence, session, "Alice Adams", 60, pin=pin)

    def coverage(self, pin, available):
        while True:
            opcode, items = self.peer.hear()
            if opcode == srp.COVERAGE and items == [pin, available]:
                return

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.peer.close()


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bramble-device-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.router = Router(self.folder)
        self.addCleanup(self.router.stop)

    def key_file(self, pin=PIN, mode=0o600):
        path = self.folder / "devices" / f"{number(pin)}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({
            "pin": number(pin), "srp_id": ID, "send_ceiling": 0, "receive_ceiling": 0,
            "keys": [{"serial": 1, "state": "current", "secret": SECRET.hex(), "suites": [SUITE, "3des-cbc"]}]}))
        path.chmod(mode)
        return path

    def device(self, *options, keys=None, json_lines=True):
        device = bramble.Device("--key-file", keys or self.key_file(), "--router", f"127.0.0.1:{self.router.port}",
                                *(["--json"] if json_lines else []), *options)
        self.addCleanup(lambda: self.assertEqual(device.stop(), 0))
        return device

    def online(self, *options, session=7):
        service = Service(self.router.port)
        self.addCleanup(service.peer.close)
        device = self.device(*options)
        device.say(f"login alice {TYPED_SECRET}")
        service.accept(session=session)
        device.wait({"event": "login-ok"})
        return service, device


class Login(Case):
    def test_a_login_travels_compressed_and_encrypted_and_its_sizes_are_told(self):
        with Service(self.router.port) as service:
            device = self.device("-v")
            device.wait({"event": "link-up", "pin": number(PIN)})
            device.say(f"login alice {TYPED_SECRET}")
            message_id, sequence, envelope = service.hear(LOGIN, "alice", TYPED_SECRET, UNDERSTOOD)
            self.assertNotIn(b"alice", envelope)
            self.assertNotIn(TYPED_SECRET.encode(), envelope)
            sent = device.wait({"event": "login-sent", "user": "alice"})
            self.assertEqual((sent["transaction"], sent["sequence"], sent["sealed"]), (message_id, sequence, len(envelope)))
            self.assertEqual((sent["clear"], sent["suite"], sent["fragments"]), (43, SUITE, 1))
            service.say(LOGIN_OK, sequence, 7, "Alice Adams", 60)
            came = device.wait({"event": "login-ok"})
            self.assertEqual((came["session"], came["display_name"]), (7, "Alice Adams"))
            self.assertGreater(came["elapsed_us"], 0)
            self.assertNotIn(TYPED_SECRET, device.errors() + json.dumps(device.events))

    def test_the_screen_shows_what_the_service_says(self):
        with Service(self.router.port) as service:
            device = self.device(json_lines=False)
            for code, text in ((100, "Server Busy"), (300, "Failed (300)"), (403, "Failed")):
                device.say("login alice x")
                _, sequence, _ = service.hear(LOGIN, "alice", "x", UNDERSTOOD)
                service.say(LOGIN_FAIL, sequence, code, text)
                device.wait_line(lambda line, text=text: line == text, text)

    def test_a_login_fails_at_once_when_no_service_is_there(self):
        device = self.device()
        device.say("login alice x")
        self.assertEqual(device.wait({"event": "returned"})["code"], NO_SERVICE)
        failed = device.wait({"event": "login-failed"})
        self.assertEqual((failed["code"], failed["status_text"]), (0, "Failed"))
        self.assertIn("service", failed["reason"])

    def test_commands_typed_after_a_login_wait_for_its_answer(self):
        with Service(self.router.port) as service:
            device = self.device()
            device.say("login alice x\nsend bob hello\nlogout")
            service.accept()
            _, sequence, _ = service.hear(MESSAGE, 7, "bob", "hello")
            service.say(ACK, 1, 7, sequence, 0, "")
            _, sequence, _ = service.hear(LOGOUT, 7)
            service.say(ACK, 2, 7, sequence, 0, "")
            device.wait({"event": "logged-out", "session": 7})

    def test_a_restart_uses_no_message_id_twice(self):
        with Service(self.router.port) as service:
            keys, seen = self.key_file(), []
            for _ in range(2):
                device = self.device(keys=keys)
                device.say("login alice x")
                message_id, sequence, _ = service.hear(LOGIN, "alice", "x", UNDERSTOOD)
                service.say(LOGIN_FAIL, sequence, 100, "Server Busy")
                device.wait({"event": "login-failed", "code": 100})
                device.stop()
                seen.append((message_id, sequence))
                stored = json.loads(keys.read_text())
                self.assertGreaterEqual(stored["send_ceiling"], message_id)
                self.assertEqual(keys.stat().st_mode & 0o777, 0o600)
                # The second life cannot tell what the first has seen: this service goes on above the stored ceiling.
                service.next_id[PIN] = stored["receive_ceiling"]
            self.assertGreater(seen[1][0], 256)
            self.assertGreater(seen[1][1], seen[0][1])


class Session(Case):
    def test_messages_presence_and_contacts_both_ways(self):
        service, device = self.online()
        service.say(CONTACTS, 1, 7, 0, "bob", "Bob Brown", "Friends", 2, "")
        self.assertEqual(device.wait({"event": "contacts"})["contacts"],
                         [{"user": "bob", "name": "Bob Brown", "folder": "Friends", "presence": "available", "text": ""}])
        service.say(PRESENCE_EVENT, 2, 7, "bob", 4, "at lunch")
        self.assertEqual(device.wait({"event": "presence", "user": "bob"})["presence"], "away")
        device.say("contacts")
        self.assertEqual(device.wait({"event": "contact-list"})["contacts"][0]["text"], "at lunch")
        service.say(MESSAGE_EVENT, 3, 7, "bob", "Bob Brown", "grüß dich")
        self.assertEqual(device.wait({"event": "message", "from": "bob"})["text"], "grüß dich")
        device.say("send bob   two words ")
        message_id, sequence, _ = service.hear(MESSAGE, 7, "bob", "two words")
        self.assertEqual(device.wait({"event": "sent", "to": "bob"})["transaction"], message_id)
        service.say(ACK, 4, 7, sequence, 410, "")
        self.assertEqual(device.wait({"event": "ack", "sequence": sequence})["code"], 410)
        device.say("status busy in a meeting")
        service.hear(PRESENCE_SET, 7, 3, "in a meeting")

    def test_a_long_message_comes_whole_from_its_fragments(self):
        service, device = self.online()
        text = os.urandom(5000).hex()
        service.say(MESSAGE_EVENT, 1, 7, "bob", "", text)
        came = device.wait({"event": "message"})
        self.assertEqual(came["text"], text)
        self.assertGreater(came["fragments"], 1)

    def test_after_lost_coverage_the_session_goes_on(self):
        service, device = self.online()
        device.say("coverage off")
        device.wait({"event": "waiting", "session": 7})
        service.coverage(PIN, 0)
        device.say("send bob one")
        device.say("coverage on")
        device.wait({"event": "resumed", "session": 7})
        service.hear(STATUS, 7)
        service.hear(MESSAGE, 7, "bob", "one")
        service.say(MESSAGE_EVENT, 1, 7, "bob", "", "while you were away")
        service.say(MESSAGE_EVENT, 1, 7, "bob", "", "while you were away")
        service.say(MESSAGE_EVENT, 2, 7, "bob", "", "once")
        device.wait({"event": "message", "text": "while you were away"})
        self.assertEqual(device.wait({"event": "message"})["text"], "once")
        device.say("session")
        self.assertEqual(device.wait({"event": "session"})["duplicates"], 1)

    def test_a_lost_router_is_dialled_again(self):
        service, device = self.online()
        port = self.router.port
        self.router.stop()
        device.wait({"event": "waiting"})
        service.peer.close()
        self.router.settings["listen"] = f"127.0.0.1:{port}"
        self.router.start()
        device.wait({"event": "resumed", "session": 7})

    def test_a_forced_logout_is_shown_with_its_reason(self):
        service, device = self.online()
        service.say(FORCED_LOGOUT, 1, 7, 2, "")
        self.assertEqual(device.wait({"event": "forced-logout"})["reason"], "evicted-coverage")
        device.say("send bob x")
        self.assertEqual(device.wait({"event": "error"})["text"], "cannot send while logged-out")

    def test_status_messages_come_and_cease(self):
        service, device = self.online("--status-interval", "100ms")
        service.hear(STATUS, 7)
        service.hear(STATUS, 7)
        device.say("silent on")
        device.say("send bob done")
        while True:
            _, _, kind, _, _, _ = service.next()
            if kind == MESSAGE:
                break
            self.assertEqual(kind, STATUS)
        device.say("session")
        before = device.wait({"event": "session"})["status_sent"]
        device.say("silent off")
        service.hear(STATUS, 7)
        device.say("session")
        self.assertGreater(device.wait({"event": "session"})["status_sent"], before)


class People(Case):
    """Every line that a person can type, as the message that it becomes, and what the service answers, as the person sees it."""

    def test_each_line_becomes_its_message(self):
        rows = (("typing bob on", TYPING, (7, 0, "bob", 1)), ("open bob carol", ROOM_OPEN, (7, 1, "bob", "carol")),
                ("say 1 hello all", ROOM_MESSAGE, (7, 1, "hello all")), ("invite 1 dave come over", ROOM_INVITE, (7, 1, "dave", "come over")),
                ("typing 1 off", TYPING, (7, 1, "", 0)), ("leave 1", ROOM_LEAVE, (7, 1)),
                ("add erin  My Friends ", CONTACT_CHANGE, (7, 1, "erin", "", "My Friends")),
                ("rename erin Erin E.", CONTACT_CHANGE, (7, 2, "erin", "Erin E.", "")),
                ("move erin", CONTACT_CHANGE, (7, 3, "erin", "", "")), ("remove erin", CONTACT_CHANGE, (7, 4, "erin", "", "")),
                ("block bob", BLOCK, (7, "bob", 1)), ("unblock all", BLOCK, (7, "", 0)),
                ("search given-name Erin", SEARCH, (7, 2, "Erin")))
        with Service(self.router.port) as service:
            device = self.device()
            device.say("login alice x")
            service.accept()
            for count, (line, kind, items) in enumerate(rows):
                with self.subTest(line):
                    device.say(line)
                    _, sequence, _ = service.hear(kind, *items)
                    service.say(ACK, count + 1, 7, sequence, 0, "")
            device.say("rooms")
            device.wait({"event": "ack", "type": "ROOM_LEAVE"})
            self.assertEqual(device.wait({"event": "room-list"})["rooms"], [])

    def test_the_screen_shows_what_the_service_tells(self):
        room = 0x80000000
        rows = ((CONTACTS, (7, 0, "bob", "Bob", "Work", 2, ""), "  bob (Bob): available"),
                (CONTACT_EVENT, (7, 1, "erin", "Erin", "", 4, "lunch"), "* erin (Erin) is a contact now"),
                (CONTACT_EVENT, (7, 3, "erin", "Erin", "Work", 4, "lunch"), "* erin was moved to Work"),
                (BLOCK_EVENT, (7, "bob", 1), "* bob is blocked"), (BLOCK_EVENT, (7, "", 1), "* everybody else is blocked"),
                (MESSAGE_EVENT, (7, "bob", "Bob", "hello"), "bob: hello"),
                (MESSAGE_EVENT, (7, "bob", "Bob", "on holiday", 1), "bob (automatic-reply): on holiday"),
                (TYPING_EVENT, (7, 0, "bob", 1), "* bob is typing"),
                (ROOM_EVENT, (7, room, INVITED, "bob", "Bob", "lunch?"), "[1] * bob invites you (lunch?); say: answer 1 yes|no"),
                (ROOM_EVENT, (7, room, JOINED, "carol", "Carol", ""), "[1] * carol has joined"),
                (ROOM_MESSAGE_EVENT, (7, room, "carol", "Carol", "hi"), "[1] carol: hi"))
        with Service(self.router.port) as service:
            device = self.device(json_lines=False)
            device.say("login alice x")
            service.accept()
            for count, (kind, items, shown) in enumerate(rows):
                service.say(kind, count + 1, *items)
                device.wait_line(lambda line, shown=shown: line == shown, shown)
            device.say("search surname Brown\nanswer 1 yes\nscreen")
            _, search, _ = service.hear(SEARCH, 7, 3, "Brown")
            _, answer, _ = service.hear(ROOM_ANSWER, 7, room, 1)
            for shown in ("2100000A: alice, online, available, in coverage", "contacts:", " Work:", "  bob (Bob): available, blocked",
                          "  erin (Erin): away (lunch), blocked", "  [1] pending: carol", "conversations:", "  bob: hello", "  carol: hi"):
                device.wait_line(lambda line, shown=shown: line == shown, shown)
            service.say(SEARCH_RESULT, len(rows) + 1, 7, search, 0, "bob", "Bob Brown", "", 2, "")
            service.say(ACK, len(rows) + 2, 7, search, 0, "")
            device.wait_line(lambda line: line == "  bob (Bob Brown): available", "who was found")
            service.say(ACK, len(rows) + 3, 7, answer, 502, "it is over")
            device.wait_line(lambda line: line.startswith("[1] the answer did not reach bob: ") and "it is over" in line, "the refusal")
            device.say("rooms")
            device.wait_line(lambda line: line == "no rooms", "no rooms")

    def test_a_remembered_password_is_told_to_nobody(self):
        with Service(self.router.port) as service:
            device = self.device("-v")
            device.say(f"remember on\nlogin alice {TYPED_SECRET}\nlogout\nlogin alice")
            service.accept()
            _, sequence, _ = service.hear(LOGOUT, 7)
            service.say(ACK, 1, 7, sequence, 0, "")
            _, sequence, _ = service.hear(LOGIN, "alice", TYPED_SECRET, UNDERSTOOD)
            service.say(LOGIN_OK, sequence, 8, "Alice", 60)
            device.wait({"event": "login-ok", "session": 8})
            device.say("session\nhelp")
            device.wait({"event": "session"})
            self.assertNotIn(TYPED_SECRET, device.errors() + json.dumps(device.events))


class Program(Case):
    def run_device(self, *args, stdin=""):
        return bramble.run("bramble-sim", "device", *args, stdin=stdin)

    def test_help_and_usage(self):
        status, out, _ = self.run_device("--help")
        self.assertEqual(status, 0)
        for word in ("--key-file", "coverage", "exit status"):
            self.assertIn(word, out)
        for args, sentence in (((), "--key-file: it is needed"), (("--key-file", "x", "--router", "nowhere"), "--router: "),
                               (("--key-file", "x", "--status-interval", "soon"), "--status-interval: "),
                               (("--key-file", "x", "--count", "0"), "--count: "), (("--bogus",), "--bogus"),
                               (("--key-file", "x", "login"), "login: this is no option")):
            with self.subTest(args):
                status, _, err = self.run_device(*args)
                self.assertEqual(status, 2)
                self.assertIn(sentence, err)

    def test_a_wrong_key_file_is_a_configuration_error(self):
        status, _, err = self.run_device("--key-file", self.folder / "none.json")
        self.assertEqual(status, 3)
        self.assertIn("none.json: No such file or directory", err)
        status, _, err = self.run_device("--key-file", self.key_file(mode=0o644))
        self.assertEqual(status, 3)
        self.assertIn("chmod 600", err)
        self.assertNotIn(SECRET.hex(), err)

    def test_it_ends_with_its_input_when_nothing_waits_for_an_answer(self):
        status, out, _ = self.run_device("--key-file", self.key_file(), "--router", f"127.0.0.1:{self.router.port}",
                                         stdin="# a comment\n\nsession\nlogin alice x\n")
        self.assertEqual(status, 0)
        self.assertIn("logged-out, session 0", out)
        self.assertEqual(out.splitlines()[-1], "Failed")

    def test_a_mistyped_command_is_named_with_the_nearest(self):
        status, out, _ = self.run_device("--key-file", self.key_file(), "--json", stdin="sned bob x\nlogin\ncoverage maybe\n")
        self.assertEqual(status, 0)
        texts = [json.loads(line).get("text", "") for line in out.splitlines() if '"error"' in line]
        self.assertIn("did you mean send?", texts[0])
        self.assertEqual(texts[1:], ["login takes a user and a password", "coverage takes on or off"])

    def test_a_line_that_is_too_long_is_left_out_whole(self):
        status, out, _ = self.run_device("--key-file", self.key_file(), "--json", stdin="send bob " + "x" * 200000 + "\ncontacts\nlogin\n")
        self.assertEqual(status, 0)
        self.assertEqual([json.loads(line)["text"] for line in out.splitlines() if '"error"' in line],
                         ["the line is too long and is left out", "login takes a user and a password"])

    def test_lines_that_say_too_little_are_refused_in_words(self):
        rows = (("open", "open takes the users to invite"), ("say", "say takes the number of a room first; rooms lists them"),
                ("say bob hi", "say takes the number of a room first; rooms lists them"), ("say 1", "say takes a room and what to say"),
                ("say 99999999999 x", "say takes the number of a room first; rooms lists them"),
                ("leave x", "leave takes the number of a room first; rooms lists them"),
                ("answer 1 perhaps", "answer takes a room and yes or no"), ("typing bob", "typing takes on or off"),
                ("add", "add takes a user"), ("rename bob", "rename takes a user and a name"), ("move", "move takes a user"),
                ("remove", "remove takes a user"), ("block", "block takes a user, or all for everybody who is on no list"),
                ("search shoe-size 44", "search takes name, given-name, surname, user, title or department, and what to look for"),
                ("remember", "remember takes on or off"), ("away-after", "away-after takes a time, as 5m, or off"),
                ("screen", "the screen is for people; session, contacts, blocks and rooms answer in JSON"),
                ("open bob", "cannot open a room while logged-out"), ("block bob", "cannot change who is blocked while logged-out"))
        status, out, _ = self.run_device("--key-file", self.key_file(), "--json", stdin="\n".join(line for line, _ in rows) + "\n")
        self.assertEqual(status, 0)
        texts = [json.loads(line)["text"] for line in out.splitlines() if '"error"' in line]
        self.assertEqual(texts, [text for _, text in rows])

    def test_many_devices_in_one_process(self):
        pins = [PIN + i for i in range(5)]
        for pin in pins:
            self.key_file(pin)
        with Service(self.router.port) as service:
            device = self.device("--count", "5", keys=self.folder / "devices")
            for _ in pins:
                device.wait({"event": "link-up"})
            device.say("login alice x")
            for _ in pins:
                pin, _, kind, sequence, _, _ = service.next()
                self.assertEqual(kind, LOGIN)
                service.say(LOGIN_OK, sequence, pin & 0xFF, "Alice", 60, pin=pin)
            for _ in pins:
                device.wait({"event": "login-ok"})
            device.say(f"@{number(pins[3])} send bob only me")
            service.hear(MESSAGE, pins[3] & 0xFF, "bob", "only me", pin=pins[3])
            device.say("@21000099 send bob x")
            self.assertEqual(device.wait({"event": "error"})["text"], "there is no device 21000099 here")


if __name__ == "__main__":
    unittest.main()
